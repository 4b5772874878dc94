//! Steps → the tree that a TOML file would have given. Everything after that (kinds, limits, names, rules) is the same for
//! both.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::Path;

use crate::scenario::diagnostic::Diagnostic;
use crate::scenario::keys::{Key, SCENARIO, Section};
use crate::scenario::problems::{Part, Problems, SourceId};
use crate::scenario::source::Source;
use crate::scenario::spelling::{nearest, suggestion};
use crate::scenario::syntax;
use crate::scenario::tree::{Entry, Node, Place, Value, quoted};

use super::outline::{DocString, Expanded, Step, Text};
use super::phrase::{self, Does, FILE, Fixed, Form, Keyword, section_at};
use super::unknown::{self, Nearly};
use super::{spoken, vocabulary};

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
        fixed: &[(&'static str, Fixed)],
        captured: &[Captured<'_>],
    ) {
        let problems = self.problems;
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
        for (key, Fixed::Text(text)) in fixed {
            let value = Value::Text { text: (*text).to_owned(), substituted: false };
            values.push(((*key).to_owned(), whole.clone(), Node { place: Some(whole.clone()), value }));
        }
        if let Some(section) = section_at(at) {
            for row in &step.rows {
                values.extend(keyed_row(row, section, problems));
            }
        }
        let Some(table) = target(&mut self.root, at, name.as_ref(), whole) else { return };
        for (path, place, node) in values {
            insert(table, &path, &place, node, step, problems);
        }
    }

    fn groups(&mut self, step: &Step) {
        let [header, rows @ ..] = step.rows.as_slice() else { return };
        let is_name = |cell: &Text| matches!(cell.text.as_str(), "group" | "name");
        let Some(name_column) = header.iter().position(is_name) else {
            self.problems.mark_incomplete();
            if let Some(first) = header.first() {
                self.problems.add(
                    Diagnostic::error("bad-table", "this table has no column `group`").help(
                        "the first row names the columns: `group`, and keys of a group such as `replicas`",
                    ),
                    Some(&first.place),
                    "names of the columns",
                );
            }
            return;
        };
        let Some(section) = section_at("target.local.*") else { return };
        let keys: Vec<Option<(String, &Key)>> = header
            .iter()
            .enumerate()
            .map(|(column, cell)| {
                (column != name_column).then(|| key_of(cell, section, self.problems)).flatten()
            })
            .collect();
        // A row that could not be read is no missing one.
        if rows.is_empty() && !self.problems.is_incomplete() {
            self.problems.add(
                Diagnostic::error("bad-table", "this table has no row with a group"),
                Some(&header[name_column].place),
                "only the names of the columns",
            );
        }
        for row in rows {
            let Some(name) = row.get(name_column) else { continue };
            let named = (spoken::unquoted(&name.text).into_owned(), name.place.clone());
            let Some(table) = target(&mut self.root, "target.local.*", Some(&named), &name.place) else {
                continue;
            };
            for (cell, key) in row.iter().zip(&keys) {
                let Some((path, key)) = key else { continue };
                // An empty cell says nothing about its group.
                if !cell.text.is_empty() {
                    insert(table, path, &cell.place, cell_node(key, cell), step, self.problems);
                }
            }
        }
    }

    fn import(&mut self, step: &Step, path: &str, place: &Place, whole: bool) {
        let source = match (self.import)(Path::new(path)) {
            Ok(source) => source,
            Err(diagnostics) => {
                self.problems.mark_incomplete();
                for diagnostic in diagnostics {
                    self.problems.add(
                        Diagnostic::error(diagnostic.code(), diagnostic.message()).help(
                            diagnostic
                                .advice()
                                .unwrap_or("a path in a feature is relative to the feature's folder"),
                        ),
                        Some(place),
                        "this file",
                    );
                }
                return;
            }
        };
        let id = self.problems.add_source(&source.name, &source.text);
        let tree = syntax::parse_at(&source.text, id, 0, self.problems);
        self.imports.push(source);
        match tree {
            Some(tree) => self.merge(step, tree, whole, place),
            None => self.problems.mark_incomplete(),
        }
    }

    fn inline(&mut self, step: &Step) {
        let tree = match &step.doc_string {
            None => return,
            Some(DocString::Written(text, at)) => {
                let (text, skipped) = without_media_type(text);
                syntax::parse_at(text, SourceId::FILE, at + skipped, self.problems)
            }
            Some(DocString::Filled(text)) => {
                let (text, _) = without_media_type(text);
                let id = self.problems.add_part(Part::Own, "text of an outline, filled in", text);
                syntax::parse_at(text, id, 0, self.problems)
            }
        };
        match tree {
            Some(tree) => self.merge(step, tree, false, &step.text.place),
            None => self.problems.mark_incomplete(),
        }
    }

    /// Takes over what a file or a text says of the system.
    fn merge(&mut self, step: &Step, tree: Node, whole: bool, place: &Place) {
        let Value::Table(entries) = tree.value else { return };
        for entry in entries {
            let is_key = SCENARIO.key(&entry.key).is_some();
            let is_of_system = OF_A_SYSTEM.contains(&entry.key.as_str());
            match entry.key.as_str() {
                // Whose name counts is not in doubt.
                "name" | "tags" if is_key => continue,
                key if is_key && !whole && !is_of_system => {
                    self.brings_too_much(key, &entry, place);
                    continue;
                }
                _ => {}
            }
            let key = entry.key.clone();
            insert(&mut self.root, &key, &entry.key_place, entry.node, step, self.problems);
        }
    }

    fn brings_too_much(&self, key: &str, entry: &Entry, place: &Place) {
        let what = match key {
            "load" => "its own load",
            "fault" => "faults of its own",
            _ => "expectations of its own",
        };
        self.problems.add_both(
            Diagnostic::error("import-brings-more", format!("what describes the system brings {what}")).help(
                "only the system, its prices and its limits are taken over; say `… with its load, faults and expectations` to \
                 take over all of it, or say them as steps and take them out of the file",
            ),
            (Some(place), "asks for the system only".to_owned()),
            (Some(&entry.key_place), format!("`{key}` here")),
        );
    }

    /// A sentence about a group that no other sentence brought into being.
    fn check_claims(&mut self) {
        let Some(groups) = table_mut(&mut self.root, "target").and_then(|target| table_mut(target, "local"))
        else {
            return;
        };
        let claimed: BTreeSet<&str> = self.claims.iter().map(|(name, _)| name.as_str()).collect();
        let Value::Table(entries) = &mut groups.value else { return };
        let exists =
            |entry: &Entry| !claimed.contains(entry.key.as_str()) || !entry.node.get("replicas").is_absent();
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

/// ```` ```toml ```` names what the text is; it is no part of it.
fn without_media_type(text: &str) -> (&str, usize) {
    let first = text.lines().next().unwrap_or_default();
    if first.trim() == "toml" { (&text[first.len()..], first.len()) } else { (text, 0) }
}

fn table_mut<'n>(node: &'n mut Node, key: &str) -> Option<&'n mut Node> {
    let Value::Table(entries) = &mut node.value else { return None };
    entries.iter_mut().find(|entry| entry.key == key).map(|entry| &mut entry.node)
}

/// The table at a path, made where it is missing.
fn target<'n>(
    root: &'n mut Node,
    at: &str,
    name: Option<&(String, Place)>,
    whole: &Place,
) -> Option<&'n mut Node> {
    let mut node = root;
    for part in at.split('.').filter(|part| !part.is_empty()) {
        node = match part {
            "+" => pushed(node, whole),
            "*" => {
                let (name, place) = name?;
                child(node, name, place)?
            }
            key => child(node, key, whole)?,
        };
    }
    Some(node)
}

fn child<'n>(node: &'n mut Node, key: &str, place: &Place) -> Option<&'n mut Node> {
    if node.is_absent() {
        *node = Node { place: Some(place.clone()), value: Value::Table(Vec::new()) };
    }
    let Value::Table(entries) = &mut node.value else { return None };
    let at = match entries.iter().position(|entry| entry.key == key) {
        Some(at) => at,
        None => {
            let node = Node { place: Some(place.clone()), value: Value::Absent };
            entries.push(Entry { key: key.to_owned(), key_place: place.clone(), node });
            entries.len() - 1
        }
    };
    Some(&mut entries[at].node)
}

/// A new table at the end of a list. What is one table so far becomes a list of it.
fn pushed<'n>(node: &'n mut Node, whole: &Place) -> &'n mut Node {
    let list = match std::mem::replace(&mut node.value, Value::Absent) {
        Value::List(items) => items,
        Value::Absent => Vec::new(),
        one => vec![Node { place: node.place.clone(), value: one }],
    };
    node.place.get_or_insert_with(|| whole.clone());
    node.value = Value::List(list);
    let Value::List(items) = &mut node.value else { unreachable!("it was made a list just now") };
    items.push(Node { place: Some(whole.clone()), value: Value::Table(Vec::new()) });
    let last = items.len() - 1;
    &mut items[last]
}

/// Sets a key below a table. What is said twice is reported, except for what a `But` replaces of a system from elsewhere.
fn insert(table: &mut Node, path: &str, place: &Place, node: Node, step: &Step, problems: &Problems) {
    let (parents, key) = path.rsplit_once('.').unwrap_or(("", path));
    let Some(table) = target(table, parents, None, &step.text.place) else { return };
    if table.is_absent() {
        table.value = Value::Table(Vec::new());
    }
    let Value::Table(entries) = &mut table.value else { return };
    let Some(entry) = entries.iter_mut().find(|entry| entry.key == key) else {
        entries.push(Entry { key: key.to_owned(), key_place: place.clone(), node });
        return;
    };
    match (&mut entry.node.value, node.value) {
        (Value::Absent, value) => entry.node = Node { place: node.place, value },
        // Two sentences about one table add up, each key by itself.
        (Value::Table(_), Value::Table(more)) => {
            for more in more {
                insert(
                    &mut entry.node,
                    &more.key.clone(),
                    &more.key_place.clone(),
                    more.node,
                    step,
                    problems,
                );
            }
        }
        (_, value) => {
            let is_elsewhere = entry.key_place.source != SourceId::FILE;
            if step.is_but && is_elsewhere {
                entry.key_place = place.clone();
                entry.node = Node { place: node.place, value };
                return;
            }
            let diagnostic = Diagnostic::error("said-twice", format!("`{key}` is said twice"));
            let diagnostic = if is_elsewhere {
                diagnostic.help("begin the step with `But` to replace what the system's description says")
            } else {
                diagnostic.help("keep one of them")
            };
            problems.add_both(
                diagnostic,
                (Some(place), "said again here".to_owned()),
                (Some(&entry.key_place), "said first here".to_owned()),
            );
        }
    }
}

/// A row of two cells: a key and its value.
fn keyed_row(row: &[Text], section: &'static Section, problems: &Problems) -> Option<(String, Place, Node)> {
    let [key_cell, value_cell] = row else {
        if let Some(first) = row.first() {
            problems.add(
                Diagnostic::error(
                    "bad-table",
                    format!("a row of this table has two cells, not {}", row.len()),
                )
                .help("a key and its value, for example `| startup | 2 seconds |`"),
                Some(&first.place),
                "this row",
            );
        }
        return None;
    };
    let (path, key) = key_of(key_cell, section, problems)?;
    Some((path, key_cell.place.clone(), cell_node(key, value_cell)))
}

fn cell_node(key: &Key, cell: &Text) -> Node {
    let is_said = !matches!(
        key.kind,
        crate::scenario::keys::Kind::Table(_)
            | crate::scenario::keys::Kind::Named(_)
            | crate::scenario::keys::Kind::List(_)
            | crate::scenario::keys::Kind::OneOrMore(_)
    ) && phrase::matches(key.kind, &cell.text);
    let place = cell.place_of(0..cell.text.len());
    let value = spoken::cell_value(key, &cell.text, is_said, &place);
    Node { place: Some(place), value }
}

/// The key that a cell names: dotted, and with spaces where a file has underscores.
fn key_of(cell: &Text, section: &'static Section, problems: &Problems) -> Option<(String, &'static Key)> {
    let path = cell.text.trim().replace(' ', "_");
    if let Some(key) = phrase::descend(section, &path) {
        return Some((path, key));
    }
    let known = phrase::paths(section);
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    let help = match nearest(&path, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => {
            let short: Vec<&str> = known.iter().copied().filter(|path| !path.contains('.')).collect();
            format!("known here are {}", short.join(", "))
        }
    };
    problems.add(
        Diagnostic::error("unknown-key", format!("unknown key {}", quoted(&cell.text))).help(help),
        Some(&cell.place),
        "nothing is known by this name here",
    );
    None
}
