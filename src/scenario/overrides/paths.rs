//! `path=value`: finds the place of a path in the tree, and puts a value there.

use super::Override;
use crate::scenario::diagnostic::Diagnostic;
use crate::scenario::keys::{Key, Kind, Section};
use crate::scenario::problems::{Part, Problems};
use crate::scenario::spelling::suggestion;
use crate::scenario::syntax;
use crate::scenario::tree::{Entry, Node, Place, Value, quoted};

/// Takes an argument of `--set`.
pub(super) fn argument(
    root: &mut Node,
    section: &'static Section,
    argument: &str,
    problems: &Problems,
) -> Option<Override> {
    let id = problems.add_part(Part::Argument, "--set", argument);
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
    let parts: Vec<(&str, Place)> =
        path.iter().map(|(key, span)| (key.as_str(), Place { source: id, span: span.clone() })).collect();
    put(root, section, &parts, value, problems)?;
    Some(Override {
        key: path_text.trim().to_owned(),
        value: value_text.trim().to_owned(),
        from: "--set".to_owned(),
        imported: false,
    })
}

/// Puts a value at a path. `None`, and reported, if there is no such place.
pub(in crate::scenario) fn put(
    root: &mut Node,
    section: &'static Section,
    path: &Path<'_>,
    value: Node,
    problems: &Problems,
) -> Option<()> {
    Walk { problems }.descend(root, section, path, value)
}

/// Finds the place of a path in the tree with the table of keys at hand, so that a slip cannot create a new table.
struct Walk<'a> {
    problems: &'a Problems,
}

/// The keys of a path, each with its own place.
pub(in crate::scenario) type Path<'p> = [(&'p str, Place)];

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
        let may_be_one = matches!(key.kind, Kind::OneOrMore(_));
        let one_table = matches!(child.value, Value::Table(_)) && may_be_one;
        let Ok(index) = index_text.parse::<usize>() else {
            // A feature always makes a list; with one element it is the same as a table.
            match &mut child.value {
                Value::List(items) if may_be_one && items.len() == 1 => {
                    return self.descend(&mut items[0], inner, &path[1..], value);
                }
                _ if one_table => return self.descend(child, inner, &path[1..], value),
                _ => {}
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
        self.problems.add(
            Diagnostic::error("unknown-path", message).help(help),
            Some(place),
            "this part of the path",
        );
        None
    }
}
