//! Values from outside of the file: `--set path=value`, and `${NAME}` from the environment.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::diagnostic::Diagnostic;
use super::keys::{Key, Kind, Section};
use super::problems::{Problems, SourceId};
use super::spelling::suggestion;
use super::syntax;
use super::tree::{Entry, Node, Place, Value, quoted};

/// Where values from outside may come from.
#[derive(Clone, Copy)]
pub struct Overrides<'a> {
    /// `path=value` pairs, in the order given; the last one for a path counts.
    pub set: &'a [String],
    /// Looks a variable up.
    pub environment: &'a dyn Fn(&str) -> Option<String>,
}

impl Overrides<'_> {
    /// Nothing from outside: no `--set`, and an environment without variables.
    pub const NONE: Overrides<'static> = Overrides { set: &[], environment: &|_| None };
}

impl fmt::Debug for Overrides<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the environment: it holds secrets.
        f.debug_struct("Overrides").field("set", &self.set).finish_non_exhaustive()
    }
}

/// A value from outside as it was filled in, to be recorded.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Override {
    /// `--set` path, or `${NAME}`.
    pub key: String,
    /// What it resolved to.
    pub value: String,
    /// `--set`, `environment` or `default`.
    pub from: String,
}

/// Fills in both kinds, and says what was filled in.
pub(super) fn apply(
    root: &mut Node,
    section: &'static Section,
    overrides: &Overrides<'_>,
    problems: &Problems,
) -> Vec<Override> {
    let mut resolved = Vec::new();
    for argument in overrides.set {
        resolved.extend(set(root, section, argument, problems));
    }
    let mut filled = BTreeSet::new();
    substitute(root, overrides, problems, &mut filled);
    resolved.extend(filled);
    resolved
}

fn set(root: &mut Node, section: &'static Section, argument: &str, problems: &Problems) -> Option<Override> {
    let id = problems.add_source("--set", argument);
    let whole = Place { source: id, span: 0..argument.len() };
    let Some((path_text, value_text)) = argument.split_once('=') else {
        problems.add(
            Diagnostic::error("bad-override", "`--set` needs a path and a value")
                .help("write `--set path=value`, for example `--set load.baseline_rate=20/s`"),
            Some(&whole),
            "no `=` in it",
        );
        return None;
    };
    let Some(path) = syntax::parse_path(path_text) else {
        problems.add(
            Diagnostic::error("bad-override", format!("{} is not a path", quoted(path_text)))
                .help("a path is made of keys with dots between, for example `fault.0.at`"),
            Some(&Place { source: id, span: 0..path_text.len() }),
            "before the `=`",
        );
        return None;
    };
    let leading = value_text.len() - value_text.trim_start().len();
    let value = syntax::parse_value(value_text.trim(), id, path_text.len() + 1 + leading);
    let walk = Walk { problems, id };
    let parts: Vec<(&str, Place)> =
        path.iter().map(|(key, span)| (key.as_str(), Place { source: id, span: span.clone() })).collect();
    walk.descend(root, section, &parts, value)?;
    Some(Override {
        key: path_text.trim().to_owned(),
        value: value_text.trim().to_owned(),
        from: "--set".to_owned(),
    })
}

/// Finds the place of a path in the tree with the table of keys at hand, so that a slip cannot create a new table.
struct Walk<'a> {
    problems: &'a Problems,
    id: SourceId,
}

type Path<'p> = [(&'p str, Place)];

impl Walk<'_> {
    fn descend(
        &self,
        node: &mut Node,
        section: &'static Section,
        path: &Path<'_>,
        value: Node,
    ) -> Option<()> {
        let (name, place) = path.first()?;
        let Some(key) = section.key(name) else {
            let known: Vec<&str> = section.keys.iter().map(|key| key.name).collect();
            return self.unknown(&format!("there is no key {}", quoted(name)), name, &known, place);
        };
        let rest = &path[1..];
        if rest.is_empty() {
            return self.replace(node, name, place, value);
        }
        match key.kind {
            Kind::Table(inner) | Kind::TimeOr(inner) => {
                self.descend(self.child(node, name, place)?, inner, rest, value)
            }
            Kind::Named(inner) => {
                let table = self.child(node, name, place)?;
                let (chosen, chosen_place) = &rest[0];
                let known: Vec<&str> = table.entries().iter().map(|entry| entry.key.as_str()).collect();
                if rest.len() == 1 || !known.contains(chosen) {
                    let message = format!("there is no {} in the file", quoted(chosen));
                    return if known.contains(chosen) {
                        self.replace(table, chosen, chosen_place, value)
                    } else {
                        self.unknown(&message, chosen, &known, chosen_place)
                    };
                }
                self.descend(self.child(table, chosen, chosen_place)?, inner, &rest[1..], value)
            }
            Kind::CountByGroup => {
                let table = self.child(node, name, place)?;
                match rest {
                    [(group, group_place)] => self.replace(table, group, group_place, value),
                    [_, (_, extra), ..] => self.nothing_below(rest[0].0, extra),
                    [] => None,
                }
            }
            Kind::List(inner) | Kind::OneOrMore(inner) => self.descend_list(node, key, inner, path, value),
            _ => self.nothing_below(name, &rest[0].1),
        }
    }

    fn descend_list(
        &self,
        node: &mut Node,
        key: &Key,
        inner: &'static Section,
        path: &Path<'_>,
        value: Node,
    ) -> Option<()> {
        let (name, place) = &path[0];
        let (index_text, index_place) = &path[1];
        let child = self.child(node, name, place)?;
        let one_table = matches!(child.value, Value::Table(_)) && matches!(key.kind, Kind::OneOrMore(_));
        let Ok(index) = index_text.parse::<usize>() else {
            if one_table {
                return self.descend(child, inner, &path[1..], value);
            }
            let message = format!("`{name}` is a list: {} is not a position in it", quoted(index_text));
            return self.refuse(&message, &format!("count from 0, for example `{name}.0`"), index_place);
        };
        let items: &mut [Node] = match &mut child.value {
            Value::List(items) => items,
            Value::Table(_) if one_table => std::slice::from_mut(child),
            _ => &mut [],
        };
        let count = items.len();
        let Some(item) = items.get_mut(index) else {
            let help = match count {
                0 => "the file has none".to_owned(),
                1 => "the file has one, number 0".to_owned(),
                _ => format!("the file has {count}, numbered from 0 to {}", count - 1),
            };
            return self.refuse(&format!("there is no `{name}.{index}`"), &help, index_place);
        };
        if path.len() == 2 {
            *item = value;
            return Some(());
        }
        self.descend(item, inner, &path[2..], value)
    }

    /// The value of a key; where nothing is written yet, a new table.
    fn child<'n>(&self, node: &'n mut Node, name: &str, place: &Place) -> Option<&'n mut Node> {
        let Value::Table(entries) = &mut node.value else {
            // Not a table in the file: reading it will say so.
            return None;
        };
        let at = match entries.iter().position(|entry| entry.key == name) {
            Some(at) => at,
            None => {
                entries.push(Entry {
                    key: name.to_owned(),
                    key_place: place.clone(),
                    node: Node { place: Some(place.clone()), value: Value::Table(Vec::new()) },
                });
                entries.len() - 1
            }
        };
        Some(&mut entries[at].node)
    }

    fn replace(&self, node: &mut Node, name: &str, place: &Place, value: Node) -> Option<()> {
        let Value::Table(entries) = &mut node.value else { return None };
        match entries.iter_mut().find(|entry| entry.key == name) {
            Some(entry) => entry.node = value,
            None => entries.push(Entry { key: name.to_owned(), key_place: place.clone(), node: value }),
        }
        Some(())
    }

    fn unknown(&self, message: &str, name: &str, known: &[&str], place: &Place) -> Option<()> {
        self.refuse(message, &suggestion(name, known), place)
    }

    fn nothing_below(&self, name: &str, place: &Place) -> Option<()> {
        self.refuse(&format!("`{name}` has no keys of its own"), &format!("end the path at `{name}`"), place)
    }

    fn refuse(&self, message: &str, help: &str, place: &Place) -> Option<()> {
        debug_assert_eq!(place.source, self.id);
        self.problems.add(
            Diagnostic::error("unknown-path", message).help(help),
            Some(place),
            "this part of the path",
        );
        None
    }
}

fn substitute(
    node: &mut Node,
    overrides: &Overrides<'_>,
    problems: &Problems,
    filled: &mut BTreeSet<Override>,
) {
    let place = node.place.clone();
    match &mut node.value {
        Value::List(items) => {
            for item in items {
                substitute(item, overrides, problems, filled);
            }
        }
        Value::Table(entries) => {
            for entry in entries {
                substitute(&mut entry.node, overrides, problems, filled);
            }
        }
        // What is given on the command line went through a shell already.
        Value::Text { text, .. }
            if text.contains('$') && place.as_ref().is_some_and(|place| place.source == SourceId::FILE) =>
        {
            match substituted(text, overrides.environment) {
                Ok((new, ones)) => {
                    let substituted = !ones.is_empty();
                    filled.extend(ones);
                    node.value = Value::Text { text: new, substituted };
                }
                Err(mistakes) => {
                    for (code, message, help) in mistakes {
                        problems.add(
                            Diagnostic::error(code, message).help(help),
                            place.as_ref(),
                            "in this text",
                        );
                    }
                    node.value = Value::Broken;
                }
            }
        }
        _ => {}
    }
}

type Mistakes = Vec<(&'static str, String, String)>;

fn substituted(
    text: &str,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<(String, Vec<Override>), Mistakes> {
    let mut out = String::new();
    let mut filled = Vec::new();
    let mut mistakes = Mistakes::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            out.push('$');
            rest = after;
            continue;
        }
        let Some((inside, after)) = rest.strip_prefix('{').and_then(|inner| inner.split_once('}')) else {
            // A dollar sign on its own is just that, but `${` without an end is a slip.
            if rest.starts_with('{') {
                mistakes.push((
                    "bad-variable",
                    "`${` is never closed".to_owned(),
                    "write `${NAME}`, or `$$` for a dollar sign".to_owned(),
                ));
            }
            out.push('$');
            continue;
        };
        rest = after;
        let (name, default) = match inside.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (inside, None),
        };
        if !is_variable(name) {
            mistakes.push((
                "bad-variable",
                format!("{} is not the name of a variable", quoted(name)),
                "write `${NAME}` or `${NAME:-default}`, or `$$` for a dollar sign".to_owned(),
            ));
            continue;
        }
        let (value, from) = match (environment(name).filter(|value| !value.is_empty()), default) {
            (Some(value), _) => (value, "environment"),
            (None, Some(default)) => (default.to_owned(), "default"),
            (None, None) => {
                mistakes.push((
                    "unset-variable",
                    format!("the variable {name} is not set, or is empty"),
                    format!("set it, or give a default: `${{{name}:-…}}`"),
                ));
                continue;
            }
        };
        out.push_str(&value);
        filled.push(Override { key: format!("${{{name}}}"), value, from: from.to_owned() });
    }
    out.push_str(rest);
    if mistakes.is_empty() { Ok((out, filled)) } else { Err(mistakes) }
}

fn is_variable(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}
