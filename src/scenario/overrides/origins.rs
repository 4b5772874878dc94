//! Fills `${NAME}` in, and says of every value where it comes from, if not from the scenario itself.

use super::Override;
use crate::scenario::diagnostic::Diagnostic;
use crate::scenario::problems::{Part, Problems};
use crate::scenario::tree::{Node, Place, Value, quoted};
use crate::scenario::write::{key_as_toml, value_as_toml};

/// Looks a variable up.
pub(in crate::scenario) type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Fills in all variables of a tree, and says where its values come from.
pub(in crate::scenario) fn resolve(
    root: &mut Node,
    environment: Environment<'_>,
    problems: &Problems,
) -> Vec<Override> {
    let mut resolver = Resolver { environment, problems, found: Vec::new() };
    resolver.node(root, "");
    resolver.found
}

/// Fills in all variables of a tree that nobody needs right now: what cannot be filled in is left out without a word.
pub(in crate::scenario) fn resolve_quietly(node: &mut Node, environment: Environment<'_>) {
    match &mut node.value {
        Value::List(items) => items.iter_mut().for_each(|item| resolve_quietly(item, environment)),
        Value::Table(entries) => {
            entries.iter_mut().for_each(|entry| resolve_quietly(&mut entry.node, environment));
        }
        Value::Text { text, .. } if text.contains('$') => {
            node.value = match substituted(text, environment) {
                Ok((new, from)) => Value::Text { text: new, substituted: !from.is_empty() },
                Err(_) => Value::Broken,
            };
        }
        _ => {}
    }
}

struct Resolver<'a> {
    environment: Environment<'a>,
    problems: &'a Problems,
    found: Vec<Override>,
}

impl Resolver<'_> {
    fn node(&mut self, node: &mut Node, path: &str) {
        let part = node.place.as_ref().map_or(Part::Own, |place| self.problems.part(place.source));
        // What is given on the command line went through a shell already, and is recorded as it was given.
        if part == Part::Argument {
            return;
        }
        match &mut node.value {
            Value::Table(entries) => {
                for entry in entries {
                    let dot = if path.is_empty() { "" } else { "." };
                    self.node(&mut entry.node, &format!("{path}{dot}{}", key_as_toml(&entry.key)));
                }
            }
            // A list of the scenario's own may hold values from elsewhere; any other came as a whole.
            Value::List(items) if part == Part::Own => {
                for (index, item) in items.iter_mut().enumerate() {
                    self.node(item, &format!("{path}.{index}"));
                }
            }
            Value::Absent | Value::Broken => {}
            _ => {
                let mut from: Vec<String> =
                    node.place.iter().filter_map(|place| self.described(&part, place)).collect();
                let written = from.len();
                self.fill_in(node, &mut from);
                let imported = part == Part::Import && from.len() == written;
                if !from.is_empty() && node.value != Value::Broken {
                    let value = match &node.value {
                        Value::Text { text, .. } => text.clone(),
                        _ => value_as_toml(node),
                    };
                    self.found.push(Override {
                        key: path.to_owned(),
                        value,
                        from: from.join(", "),
                        imported,
                    });
                }
            }
        }
    }

    fn described(&self, part: &Part, place: &Place) -> Option<String> {
        let (name, line) = self.problems.name_and_line(place);
        match part {
            Part::Own | Part::Argument => None,
            Part::Import => Some(format!("{name}:{line}")),
            Part::Defaults => Some(format!("{name}:{line} [defaults]")),
            Part::Prices => Some(format!("{name}:{line} [prices]")),
            Part::Profile(profile) => Some(format!("profile {profile} ({name}:{line})")),
        }
    }

    /// Fills variables in, in a value and all below it, and adds where each came from.
    fn fill_in(&self, node: &mut Node, from: &mut Vec<String>) {
        match &mut node.value {
            Value::List(items) => items.iter_mut().for_each(|item| self.fill_in(item, from)),
            Value::Table(entries) => {
                entries.iter_mut().for_each(|entry| self.fill_in(&mut entry.node, from));
            }
            Value::Text { text, .. } if text.contains('$') => match substituted(text, self.environment) {
                Ok((new, variables)) => {
                    node.value = Value::Text { text: new, substituted: !variables.is_empty() };
                    for variable in variables {
                        if !from.contains(&variable) {
                            from.push(variable);
                        }
                    }
                }
                Err(mistakes) => {
                    for (code, message, help) in mistakes {
                        self.problems.add(
                            Diagnostic::error(code, message).help(help),
                            node.place.as_ref(),
                            "in this text",
                        );
                    }
                    node.value = Value::Broken;
                }
            },
            _ => {}
        }
    }
}

type Mistakes = Vec<(&'static str, String, String)>;

/// The text with its variables filled in, and where each came from.
fn substituted(text: &str, environment: Environment<'_>) -> Result<(String, Vec<String>), Mistakes> {
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
            (Some(value), _) => (value, format!("environment ({name})")),
            (None, Some(default)) => (default.to_owned(), format!("default of ${{{name}}}")),
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
        filled.push(from);
    }
    out.push_str(rest);
    if mistakes.is_empty() { Ok((out, filled)) } else { Err(mistakes) }
}

fn is_variable(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}
