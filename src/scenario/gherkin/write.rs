//! A scenario's tree as a feature: the same vocabulary, the other way round.
//!
//! At each table of the tree the sentence that says most of it is taken, until no sentence says more; what is left goes into a
//! table of keys and values below the first of them, so that nothing is lost.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::scenario::keys::{Kind, SCENARIO, Section};
use crate::scenario::tree::{Node, Value};
use crate::scenario::write::value_as_toml;

use super::phrase::{self, Does, Form, Keyword, fixed_value, placed};
use super::{spoken, vocabulary};

/// A step to be written.
struct Said {
    keyword: Keyword,
    text: String,
    /// The table that it speaks of, as a path from the root.
    at: Vec<String>,
    rows: Vec<[String; 2]>,
}

/// Writes a tree as a feature with one scenario, and says which of its keys no sentence and no table could take.
pub(super) fn feature(root: &Node) -> (String, Vec<String>) {
    let mut writer = Writer { root, said: Vec::new(), claimed: BTreeSet::new() };
    writer.sentences();
    let unsaid = writer.leftovers();
    (writer.page(), unsaid)
}

struct Writer<'a> {
    root: &'a Node,
    said: Vec<Said>,
    /// Paths of what some sentence says already.
    claimed: BTreeSet<Vec<String>>,
}

impl Writer<'_> {
    fn sentences(&mut self) {
        let mut done: BTreeSet<Vec<String>> = BTreeSet::new();
        for phrase in vocabulary::VOCABULARY {
            let Does::Set { at, .. } = phrase.does else { continue };
            for location in locations(self.root, &placed(at, self.root)) {
                if done.insert(location.clone()) {
                    self.say_all_at(&location);
                }
            }
        }
    }

    /// Takes the sentence that says most of a table, and again, until none says more.
    fn say_all_at(&mut self, location: &[String]) {
        let Some(node) = at_path(self.root, location) else { return };
        loop {
            let mut best: Option<(usize, &'static Form, Vec<Vec<String>>)> = None;
            for form in vocabulary::forms() {
                let Some(says) = self.says(form, location, node) else { continue };
                let counted = says.len();
                if counted > 0 && best.as_ref().is_none_or(|(most, ..)| counted > *most) {
                    best = Some((counted, form, says));
                }
            }
            let Some((_, form, says)) = best else { return };
            self.claimed.extend(says);
            let text = render(form, self.root, location, node);
            self.said.push(Said {
                keyword: form.phrase.under[0],
                text,
                at: location.to_vec(),
                rows: Vec::new(),
            });
        }
    }

    /// The paths that a form would say at a table: all of its parameters and fixed values are there, and none is said yet.
    fn says(&self, form: &Form, location: &[String], node: &Node) -> Option<Vec<Vec<String>>> {
        let Does::Set { at, fixed } = form.phrase.does else { return None };
        fits(&placed(at, self.root), location).then_some(())?;
        let mut paths = Vec::new();
        for (key, wanted) in fixed {
            let path = joined(location, key);
            let holds = match (&node.get(key).value, fixed_value(wanted)) {
                (Value::Text { text, .. }, Value::Text { text: wanted, .. }) => *text == wanted,
                (Value::Flag(flag), Value::Flag(wanted)) => *flag == wanted,
                _ => false,
            };
            (holds && !self.claimed.contains(&path)).then_some(())?;
            paths.push(path);
        }
        let parameters = form.parameters.iter().enumerate();
        for (position, parameter) in parameters.filter(|(_, parameter)| !form.phrase.is_name(parameter)) {
            let path = joined(location, parameter);
            let said = spoken::said(form.phrase.kind(parameter), below(node, parameter)?)?;
            let understood = form.takes(position, &said);
            (understood && !self.claimed.contains(&path)).then_some(())?;
            paths.push(path);
        }
        Some(paths)
    }

    /// What no sentence says goes below the one that speaks of the table, or of the one around it.
    fn leftovers(&mut self) -> Vec<String> {
        let mut unsaid = Vec::new();
        let mut leaves = Vec::new();
        collect(self.root, &SCENARIO, &mut Vec::new(), &mut leaves);
        for (path, kind, node) in leaves {
            if self.claimed.contains(&path) || matches!(path[0].as_str(), "name" | "tags") {
                continue;
            }
            let about = self
                .said
                .iter_mut()
                .filter(|said| path.starts_with(&said.at) && !said.at.is_empty())
                .max_by_key(|said| said.at.len());
            if let Some(said) = about {
                let key = path[said.at.len()..].join(".");
                let words = spoken::said(kind, node).filter(|said| phrase::matches(kind, said));
                said.rows.push([key, cell(&words.unwrap_or_else(|| value_as_toml(node)))]);
            } else {
                unsaid.push(path.join("."));
            }
        }
        unsaid
    }

    fn page(&self) -> String {
        let text = |key: &str| match &self.root.get(key).value {
            Value::Text { text, .. } => text.clone(),
            _ => String::new(),
        };
        let mut page = String::new();
        let name = text("name");
        let _ = writeln!(page, "Feature: {name}\n");
        let tags: Vec<String> = self
            .root
            .get("tags")
            .items()
            .iter()
            .filter_map(|tag| match &tag.value {
                Value::Text { text, .. } => Some(format!("@{text}")),
                _ => None,
            })
            .collect();
        if !tags.is_empty() {
            let _ = writeln!(page, "  {}", tags.join(" "));
        }
        let _ = writeln!(page, "  Scenario: {name}");
        for keyword in [Keyword::Given, Keyword::When, Keyword::Then] {
            for (index, said) in self.said.iter().filter(|said| said.keyword == keyword).enumerate() {
                let word = if index == 0 { keyword.as_str() } else { "And" };
                let _ = writeln!(page, "    {word} {}", said.text);
                let width = |column: usize| {
                    said.rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0)
                };
                let (keys, values) = (width(0), width(1));
                for [key, value] in &said.rows {
                    let _ = writeln!(page, "      | {key:keys$} | {value:values$} |");
                }
            }
        }
        page
    }
}

fn cell(text: &str) -> String {
    text.replace('\\', "\\\\").replace('|', "\\|").replace('\n', "\\n")
}

fn joined(location: &[String], key: &str) -> Vec<String> {
    location.iter().cloned().chain(key.split('.').map(str::to_owned)).collect()
}

fn below<'n>(node: &'n Node, path: &str) -> Option<&'n Node> {
    let found = path.split('.').fold(node, |node, key| node.get(key));
    (!found.is_absent()).then_some(found)
}

/// Whether a path of the vocabulary leads to a table.
fn fits(at: &str, location: &[String]) -> bool {
    let parts: Vec<&str> = at.split('.').filter(|part| !part.is_empty()).collect();
    parts.len() == location.len()
        && parts.iter().zip(location).all(|(part, key)| match *part {
            "*" => true,
            "+" => key.parse::<usize>().is_ok(),
            part => part == key,
        })
}

/// All tables of the tree that a path of the vocabulary leads to.
fn locations(root: &Node, at: &str) -> Vec<Vec<String>> {
    let mut found: Vec<(Vec<String>, &Node)> = vec![(Vec::new(), root)];
    for part in at.split('.').filter(|part| !part.is_empty()) {
        found = found
            .into_iter()
            .flat_map(|(path, node)| {
                let keyed = |key: String| [path.clone(), vec![key]].concat();
                let next: Vec<(Vec<String>, &Node)> = match part {
                    "*" => {
                        node.entries().iter().map(|entry| (keyed(entry.key.clone()), &entry.node)).collect()
                    }
                    "+" => node
                        .items()
                        .iter()
                        .enumerate()
                        .map(|(index, item)| (keyed(index.to_string()), item))
                        .collect(),
                    key => node
                        .entry(key)
                        .map(|entry| (keyed(key.to_owned()), &entry.node))
                        .into_iter()
                        .collect(),
                };
                next
            })
            .collect();
    }
    found.into_iter().map(|(path, _)| path).collect()
}

fn at_path<'n>(root: &'n Node, path: &[String]) -> Option<&'n Node> {
    path.iter().try_fold(root, |node, key| match &node.value {
        // One table may stand where a list of them could.
        Value::Table(_) if key == "0" && node.get(key).is_absent() => Some(node),
        Value::Table(_) => Some(node.get(key)).filter(|node| !node.is_absent()),
        _ => key.parse::<usize>().ok().and_then(|index| node.items().get(index)),
    })
}

/// A value that is no table of fixed keys: its path, its kind and itself.
type Leaf<'n> = (Vec<String>, Kind, &'n Node);

/// All values of a tree.
fn collect<'n>(
    node: &'n Node,
    section: &'static Section,
    path: &mut Vec<String>,
    leaves: &mut Vec<Leaf<'n>>,
) {
    for entry in node.entries() {
        let Some(key) = section.key(&entry.key) else { continue };
        path.push(entry.key.clone());
        match (key.kind, &entry.node.value) {
            (Kind::Table(inner) | Kind::TimeOr(inner), Value::Table(_)) => {
                collect(&entry.node, inner, path, leaves)
            }
            (Kind::Named(inner), Value::Table(named)) => {
                for one in named {
                    path.push(one.key.clone());
                    collect(&one.node, inner, path, leaves);
                    path.pop();
                }
            }
            (Kind::List(inner) | Kind::OneOrMore(inner), _) => {
                for (index, item) in entry.node.items().iter().enumerate() {
                    path.push(index.to_string());
                    collect(item, inner, path, leaves);
                    path.pop();
                }
            }
            (kind, _) => leaves.push((path.clone(), kind, &entry.node)),
        }
        path.pop();
    }
}

/// The words of a form with its parameters filled in.
fn render(form: &Form, root: &Node, location: &[String], node: &Node) -> String {
    let mut values: Vec<String> = Vec::new();
    for parameter in &form.parameters {
        let said = if form.phrase.is_name(parameter) {
            let Does::Set { at, .. } = form.phrase.does else { unreachable!("only these have names") };
            let star = placed(at, root).split('.').position(|part| part == "*");
            star.and_then(|star| location.get(star)).map(|name| spoken::quoted_text(name))
        } else {
            below(node, parameter).and_then(|node| spoken::said(form.phrase.kind(parameter), node))
        };
        values.push(said.unwrap_or_default());
    }
    phrase::render(&form.expression, &values)
}
