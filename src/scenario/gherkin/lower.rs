//! Steps → the tree that a TOML file would have given. Everything after that (kinds, limits, names, rules) is the same for
//! both.

mod cells;
mod edit;
mod system;

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::Path;

use crate::scenario::diagnostic::Diagnostic;
use crate::scenario::problems::Problems;
use crate::scenario::source::Source;
use crate::scenario::spelling::suggestion;
use crate::scenario::tree::{Entry, Node, Place, Value, quoted};

use super::outline::{Expanded, Step};
use super::phrase::{Does, FILE, Form, Keyword, descend, fixed_value, is_cluster, placed, section_at};
use super::unknown::{self, Nearly};
use super::{spoken, vocabulary};
use cells::keyed_row;
use edit::{claim, insert, table_mut, target};

/// Reads a file that a feature names; the path is relative to the feature.
pub type Import<'a> = dyn Fn(&Path) -> Result<Source, Vec<Diagnostic>> + 'a;

/// A scenario's tree, and the files that went into it.
pub(super) struct Tree {
    pub(super) root: Node,
    pub(super) imports: Vec<Source>,
}

/// Builds the tree of a scenario.
pub(super) fn tree(scenario: &Expanded, import: &Import<'_>, problems: &Problems) -> Tree {
    let root = Node { place: Some(scenario.name_place.clone()), value: Value::Table(Vec::new()) };
    let mut lowering = Lowering { problems, import, root, imports: Vec::new(), claims: Vec::new() };
    lowering.header(scenario);
    let mut reached = Keyword::Given;
    for step in &scenario.steps {
        lowering.check_order(step, &mut reached);
        lowering.step(step);
    }
    lowering.check_claims();
    Tree { root: lowering.root, imports: lowering.imports }
}

struct Lowering<'a> {
    problems: &'a Problems,
    import: &'a Import<'a>,
    root: Node,
    imports: Vec<Source>,
    /// Groups that steps speak of as if they existed.
    claims: Vec<(String, Place)>,
}

/// A value in a step.
struct Captured<'s> {
    parameter: &'s str,
    text: &'s str,
    span: Range<usize>,
    place: Place,
    /// Not of another kind than its parameter takes.
    understood: bool,
}

/// What a file that describes a system may hold.
pub(in crate::scenario) const OF_A_SYSTEM: [&str; 7] =
    ["target", "limits", "stop", "slo", "owner", "runbook", "run"];

impl Lowering<'_> {
    fn header(&mut self, scenario: &Expanded) {
        let place = &scenario.name_place;
        let text = |text: &str| Node {
            place: Some(place.clone()),
            value: Value::Text { text: text.to_owned(), substituted: false },
        };
        let mut entries = vec![("name", text(&scenario.name))];
        if !scenario.tags.is_empty() {
            let tags = scenario.tags.iter().map(|tag| text(tag)).collect();
            entries.push(("tags", Node { place: Some(place.clone()), value: Value::List(tags) }));
        }
        let entries = entries.into_iter().map(|(key, node)| Entry {
            key: key.to_owned(),
            key_place: place.clone(),
            node,
        });
        self.root.value = Value::Table(entries.collect());
    }

    /// Given, then When, then Then: a scenario is read in the order in which it happens.
    fn check_order(&self, step: &Step, reached: &mut Keyword) {
        if step.keyword < *reached {
            let message = format!("a {} cannot stand after a {}", step.keyword.as_str(), reached.as_str());
            self.problems.add(
                Diagnostic::error("out-of-order", message)
                    .help("first what is given, then what is done, then what must hold; another round is another scenario"),
                Some(&step.keyword_place),
                "too late for this",
            );
        }
        *reached = step.keyword.max(*reached);
    }

    fn step(&mut self, step: &Step) {
        let said = &step.text.text;
        let found: Vec<(&Form, Vec<_>)> =
            vocabulary::forms().iter().filter_map(|form| Some((form, form.captures(said)?))).collect();
        let nearly = match found.as_slice() {
            [] => unknown::report(step, self.problems),
            [(form, captures)] => {
                Some(Nearly { form, captures: captures.clone(), understood: vec![true; captures.len()] })
            }
            [(first, _), (second, _), ..] => {
                unknown::report_ambiguous(step, first, second, self.problems);
                None
            }
        };
        let Some(Nearly { form, captures, understood }) = nearly else { return };
        if !form.phrase.under.contains(&step.keyword) {
            self.misplaced(step, form);
        }
        self.check_attachments(step, form);
        let parameters = form.parameters.iter().zip(captures).zip(understood);
        let captured: Vec<Captured<'_>> = parameters
            .map(|((parameter, span), understood)| Captured {
                parameter,
                text: &said[span.clone()],
                place: step.text.place_of(span.clone()),
                span,
                understood,
            })
            .collect();
        match form.phrase.does {
            Does::Set { at, fixed } => self.set(step, form, at, fixed, &captured),
            Does::Import { whole } => {
                match captured.iter().find(|captured| captured.parameter == FILE && captured.understood) {
                    Some(file) => self.import(step, &spoken::unquoted(file.text), &file.place, whole),
                    None => self.problems.mark_incomplete(),
                }
            }
            Does::Inline => self.inline(step),
            Does::Groups => self.groups(step),
        }
    }

    fn misplaced(&self, step: &Step, form: &Form) {
        let under: Vec<&str> = form.phrase.under.iter().map(|keyword| keyword.as_str()).collect();
        let what = match form.phrase.under[0] {
            Keyword::Given => "what is there before anything happens",
            Keyword::When => "what is done to the system",
            Keyword::Then => "what must hold",
        };
        self.problems.add(
            Diagnostic::error(
                "misplaced-step",
                format!("this says {what}, and stands under {}", step.keyword.as_str()),
            )
            .help(format!("put it under {}", under.join(" or "))),
            Some(&step.text.place),
            format!("belongs under {}", under.join(" or ")),
        );
    }

    /// Tables and texts below steps that would not read them.
    fn check_attachments(&self, step: &Step, form: &Form) {
        let takes_text = matches!(form.phrase.does, Does::Inline);
        let takes_table = matches!(form.phrase.does, Does::Groups | Does::Set { .. });
        if step.doc_string.is_some() && !takes_text {
            self.problems.add(
                Diagnostic::error("stray-text", "this step takes no text below it")
                    .help("a text belongs under `Given the system:`, a table of keys and values under any other step"),
                Some(&step.text.place),
                "does not read the text below it",
            );
        }
        if !step.rows.is_empty() && !takes_table {
            self.problems.add(
                Diagnostic::error("stray-table", "this step takes no table below it"),
                Some(&step.text.place),
                "does not read the table below it",
            );
        }
        let needed = form.phrase.table;
        let has_none = step.rows.is_empty() && step.doc_string.is_none();
        if !needed.is_empty() && has_none {
            let what = if takes_text { "a text" } else { "a table" };
            self.problems.add(
                Diagnostic::error("missing-table", format!("this step needs {what} below it"))
                    .help(format!("for example\n{needed}")),
                Some(&step.text.place),
                "nothing below it",
            );
        }
    }

    fn set(
        &mut self,
        step: &Step,
        form: &Form,
        at: &str,
        fixed: &[(&'static str, &'static str)],
        captured: &[Captured<'_>],
    ) {
        let problems = self.problems;
        let at = &*placed(at, &self.root);
        let Some(section) = section_at(at) else {
            let key = at.rsplit('.').find(|part| !matches!(*part, "+" | "*")).unwrap_or(at);
            self.only_local(if at.contains(".autoscaler") { "autoscaler" } else { key }, &step.text.place);
            return;
        };
        let mut name = None;
        let mut values: Vec<(String, Place, Node)> = Vec::new();
        for Captured { parameter, text, place, span, understood } in captured {
            if form.phrase.is_name(parameter) {
                let chosen = spoken::unquoted(text).into_owned();
                if *parameter == "group" && *understood {
                    self.claims.push((chosen.clone(), place.clone()));
                }
                name = Some((chosen, place.clone()));
                continue;
            }
            let part =
                |inner: Range<usize>| step.text.place_of(span.start + inner.start..span.start + inner.end);
            let value = match understood {
                true => spoken::value(form.phrase.kind(parameter), text, &part),
                false => Value::Broken,
            };
            values.push(((*parameter).to_owned(), place.clone(), Node { place: Some(place.clone()), value }));
        }
        let whole = &step.text.place;
        for (key, text) in fixed {
            let value = fixed_value(text);
            values.push(((*key).to_owned(), whole.clone(), Node { place: Some(whole.clone()), value }));
        }
        for row in &step.rows {
            values.extend(keyed_row(row, section, problems));
        }
        // Only what is said in words can be missing here: the table below was read as this section's.
        values.retain(|(path, place, _)| {
            let is_known = descend(section, path).is_some();
            if !is_known {
                self.only_local(path, place);
            }
            is_known
        });
        // An expectation that a `But` changes is the step's from now on, wherever it was first written.
        let is_judged = ["slo.", "expect.", "stop."].iter().any(|section| at.starts_with(section));
        if step.is_but && is_judged && !at.ends_with('+') {
            claim(&mut self.root, at, name.as_ref(), step);
        }
        let Some(table) = target(&mut self.root, at, name.as_ref(), step) else { return };
        for (path, place, node) in values {
            insert(table, &path, &place, node, step, problems);
        }
    }

    /// Something that only groups of the embedded world have, said of a system in a cluster.
    fn only_local(&self, key: &str, place: &Place) {
        let help = match key {
            "autoscaler" => "whatever scales a workload is in the cluster, and is seen there",
            _ => "leave it away: in a cluster a group is what its workload says",
        };
        self.problems.add(
            Diagnostic::error(
                "only-local",
                format!("`{key}` is about the embedded world, and this system runs in a cluster"),
            )
            .help(help),
            Some(place),
            "not in a cluster",
        );
    }

    /// A sentence about a group that no other sentence brought into being.
    fn check_claims(&mut self) {
        let in_cluster = is_cluster(&self.root);
        let Some(target) = table_mut(&mut self.root, "target") else { return };
        let groups = match in_cluster {
            true => table_mut(target, "kubernetes").and_then(|cluster| table_mut(cluster, "group")),
            false => table_mut(target, "local"),
        };
        let Some(groups) = groups else { return };
        let claimed: BTreeSet<&str> = self.claims.iter().map(|(name, _)| name.as_str()).collect();
        let Value::Table(entries) = &mut groups.value else { return };
        let is_declared =
            |node: &Node| !node.get("replicas").is_absent() || !node.get("workload").is_absent();
        let exists = |entry: &Entry| !claimed.contains(entry.key.as_str()) || is_declared(&entry.node);
        let known: Vec<String> =
            entries.iter().filter(|entry| exists(entry)).map(|entry| entry.key.clone()).collect();
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        entries.retain(exists);
        for (name, place) in &self.claims {
            if !known.contains(&name.as_str()) {
                self.problems.add(
                    Diagnostic::error("unknown-group", format!("there is no group {}", quoted(name)))
                        .help(suggestion(name, &known)),
                    Some(place),
                    "no such group",
                );
            }
        }
    }
}
