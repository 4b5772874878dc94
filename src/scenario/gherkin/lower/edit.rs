//! Putting values into a tree, with the place of each.

use crate::scenario::diagnostic::Diagnostic;
use crate::scenario::problems::{Problems, SourceId};
use crate::scenario::tree::{Entry, Node, Place, Value};

use super::super::outline::Step;

pub(super) fn table_mut<'n>(node: &'n mut Node, key: &str) -> Option<&'n mut Node> {
    let Value::Table(entries) = &mut node.value else { return None };
    entries.iter_mut().find(|entry| entry.key == key).map(|entry| &mut entry.node)
}

/// The table at a path, made where it is missing.
pub(super) fn target<'n>(
    root: &'n mut Node,
    at: &str,
    name: Option<&(String, Place)>,
    step: &Step,
) -> Option<&'n mut Node> {
    let whole = &step.text.place;
    let mut node = root;
    for part in at.split('.').filter(|part| !part.is_empty()) {
        node = match part {
            "+" => pushed(node, step),
            "*" => {
                let (name, place) = name?;
                child(node, name, place)?
            }
            key => child(node, key, whole)?,
        };
    }
    Some(node)
}

/// From now on the entry at a path is this step's: what is found about it is said of the step.
pub(super) fn claim(root: &mut Node, at: &str, name: Option<&(String, Place)>, step: &Step) {
    let (parents, last) = at.rsplit_once('.').unwrap_or(("", at));
    let key = if last == "*" { name.map_or(last, |(name, _)| name) } else { last };
    let Some(Node { value: Value::Table(entries), .. }) = target(root, parents, None, step) else { return };
    if let Some(entry) = entries.iter_mut().find(|entry| entry.key == key) {
        entry.key_place = step.text.place.clone();
    }
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

/// A new table at the end of a list. What is one table so far becomes a list of it; a `But` replaces what came from
/// elsewhere.
fn pushed<'n>(node: &'n mut Node, step: &Step) -> &'n mut Node {
    let whole = &step.text.place;
    let mut list = match std::mem::replace(&mut node.value, Value::Absent) {
        Value::List(items) => items,
        Value::Absent => Vec::new(),
        one => vec![Node { place: node.place.clone(), value: one }],
    };
    if step.is_but {
        list.retain(|item| item.place.as_ref().is_some_and(|place| place.source == SourceId::FILE));
    }
    node.place.get_or_insert_with(|| whole.clone());
    node.value = Value::List(list);
    let Value::List(items) = &mut node.value else { unreachable!("it was made a list just now") };
    items.push(Node { place: Some(whole.clone()), value: Value::Table(Vec::new()) });
    let last = items.len() - 1;
    &mut items[last]
}

/// Sets a key below a table. What is said twice is reported, except for what a `But` replaces of a system from elsewhere.
pub(super) fn insert(
    table: &mut Node,
    path: &str,
    place: &Place,
    node: Node,
    step: &Step,
    problems: &Problems,
) {
    let (parents, key) = path.rsplit_once('.').unwrap_or(("", path));
    let Some(table) = target(table, parents, None, step) else { return };
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
