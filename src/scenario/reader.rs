//! Takes the keys of a table one by one, and at the end reports those that nobody asked for.

use super::diagnostic::Diagnostic;
use super::keys::{EXPECTATIONS, Key, Kind, PROJECT, SCENARIO, Section};
use super::manifest::Files;
use super::problems::Problems;
use super::spelling::{listed, nearest, suggestion};
use super::tree::{Node, Place, Value, quoted};

/// The names that others may refer to.
#[derive(Debug, Default)]
pub(super) struct Names {
    pub(super) groups: Vec<String>,
    pub(super) objectives: Vec<String>,
    /// Any other name may exist as well: what is read is not yet a part of a scenario.
    pub(super) open: bool,
}

/// What every section needs to be read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Context<'t> {
    pub(super) problems: &'t Problems,
    pub(super) names: &'t Names,
    pub(super) files: &'t Files<'t>,
}

/// A value together with the place where it was written, for the rules that compare values.
#[derive(Debug, Clone)]
pub(super) struct Read<'t, T> {
    pub(super) value: T,
    pub(super) node: &'t Node,
}

/// Longest list of anything. A scenario names a handful; rules that compare each with each rely on it.
const LIST_MAX: usize = 500;

/// A table that is being read.
#[derive(Debug)]
pub(super) struct Reader<'t> {
    pub(super) context: Context<'t>,
    section: &'static Section,
    node: &'t Node,
    /// As it is called in messages: `[load]`, `surge 2`.
    place: Option<&'t Place>,
    asked: Vec<&'static str>,
}

impl<'t> Reader<'t> {
    /// `None`, and reported, if the value is no table. `place` is shown where a key is missing.
    pub(super) fn new(
        context: Context<'t>,
        section: &'static Section,
        key: &str,
        node: &'t Node,
        place: Option<&'t Place>,
    ) -> Option<Self> {
        match node.value {
            Value::Table(_) => Some(Self { context, section, node, place, asked: Vec::new() }),
            Value::Absent | Value::Broken => None,
            _ => {
                wrong_kind(context, key, "a table", node);
                None
            }
        }
    }

    /// The table as it is written.
    pub(super) fn whole(&self) -> &'t Node {
        self.node
    }

    /// Takes a key: its description and its value, `None` if it is not written. Reports a missing one that is required.
    pub(super) fn take(&mut self, name: &'static str) -> (&'static Key, Option<&'t Node>) {
        let Some(key) = self.section.key(name) else {
            unreachable!("`{name}` of `{}` is not in the table of keys", self.section.name)
        };
        self.asked.push(key.name);
        let node = self.node.get(name);
        if node.is_absent() {
            if key.required && !self.context.problems.is_incomplete() {
                self.missing(key);
            }
            return (key, None);
        }
        (key, Some(node))
    }

    fn missing(&self, key: &Key) {
        let misspelt = self
            .node
            .entries()
            .iter()
            .filter(|entry| self.section.key(&entry.key).is_none())
            .any(|entry| nearest(&entry.key, [key.name]).is_some());
        if misspelt {
            // The unknown key is reported with this one as its suggestion: one mistake, said once.
            return;
        }
        self.context.problems.add(
            Diagnostic::error("missing-key", format!("the key `{}` is missing", key.name)).help(format!(
                "{}; for example `{} = {}`",
                lowercase(key.about),
                key.name,
                key.example
            )),
            self.place,
            format!("`{}` is required here", key.name),
        );
    }

    /// A reader for the table behind a key.
    pub(super) fn table(&mut self, name: &'static str) -> Option<Reader<'t>> {
        let (key, node) = self.take(name);
        let (Kind::Table(section) | Kind::TimeOr(section)) = key.kind else { unexpected(key) };
        Reader::new(self.context, section, name, node?, self.entry_place(name))
    }

    /// Readers for the tables of a list. Where one may be written without a list, it is a list of one.
    pub(super) fn tables(&mut self, name: &'static str) -> Vec<Reader<'t>> {
        let (key, node) = self.take(name);
        let Some(node) = node else { return Vec::new() };
        let section = match (key.kind, &node.value) {
            (Kind::OneOrMore(section), _) | (Kind::List(section), Value::List(_) | Value::Broken) => section,
            (Kind::List(_), _) => {
                let help =
                    format!("write each as a table of its own under `[[…{name}]]`, or a list of tables");
                self.context.problems.add(
                    Diagnostic::error(
                        "wrong-type",
                        format!("`{name}` must be a list of tables, not {}", node.described()),
                    )
                    .help(help),
                    node.place.as_ref(),
                    "not a list",
                );
                return Vec::new();
            }
            _ => unexpected(key),
        };
        if self.is_too_long(name, node.items().len(), node.place.as_ref()) {
            return Vec::new();
        }
        node.items()
            .iter()
            .filter_map(|item| Reader::new(self.context, section, name, item, item.place.as_ref()))
            .collect()
    }

    /// Readers for tables by names that the user chose.
    pub(super) fn named(&mut self, name: &'static str) -> Vec<(String, Reader<'t>)> {
        let (key, node) = self.take(name);
        let Kind::Named(section) = key.kind else { unexpected(key) };
        let Some(node) = node else { return Vec::new() };
        if !matches!(node.value, Value::Table(_) | Value::Broken) {
            wrong_kind(self.context, name, "tables by name", node);
        }
        let mut readers = Vec::new();
        if self.is_too_long(name, node.entries().len(), self.entry_place(name)) {
            return readers;
        }
        for entry in node.entries() {
            let good = (1..=40).contains(&entry.key.len())
                && entry.key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
            if !good {
                self.context.problems.add(
                    Diagnostic::error("bad-name", format!("{} cannot be used as a name", quoted(&entry.key)))
                        .help("use 1 to 40 letters, digits, `-` and `_`: names become parts of file names and metrics"),
                    Some(&entry.key_place),
                    "this name",
                );
            }
            let reader = Reader::new(self.context, section, &entry.key, &entry.node, Some(&entry.key_place));
            readers.extend(reader.map(|reader| (entry.key.clone(), reader)));
        }
        readers
    }

    pub(super) fn is_too_long(&self, name: &str, length: usize, place: Option<&Place>) -> bool {
        if length > LIST_MAX {
            self.context.problems.add(
                Diagnostic::error(
                    "out-of-range",
                    format!("`{name}` has {length} entries, more than {LIST_MAX}"),
                ),
                place,
                "too many",
            );
        }
        length > LIST_MAX
    }

    /// Where the key of an entry stands; better to point at than a table over many lines.
    fn entry_place(&self, name: &str) -> Option<&'t Place> {
        let entry = self.node.entry(name)?;
        Some(entry.node.place.as_ref().unwrap_or(&entry.key_place))
    }

    /// Reports if not exactly one of the section's alternatives is written, and says which one is.
    pub(super) fn exactly_one(&self) -> Option<&'static str> {
        let names = self.section.one_of;
        let written: Vec<&'static str> =
            names.iter().copied().filter(|name| !self.node.get(name).is_absent()).collect();
        match written.as_slice() {
            [one] => return Some(one),
            [] if self.context.problems.is_incomplete() => {}
            [] => {
                let misspelt = |key: &str| {
                    self.section.key(key).is_none() && nearest(key, names.iter().copied()).is_some()
                };
                if !self.node.entries().iter().any(|entry| misspelt(&entry.key)) {
                    self.context.problems.add(
                        Diagnostic::error(
                            "missing-key",
                            format!("one of {} is missing", listed(names.iter().copied(), "or")),
                        )
                        .help(self.example_of(names)),
                        self.place,
                        "exactly one of them is required here",
                    );
                }
            }
            [first, second, ..] => {
                let place = |name: &str| self.node.entry(name).map(|entry| &entry.key_place);
                self.context.problems.add_both(
                    Diagnostic::error("ambiguous", format!("both `{first}` and `{second}` are written"))
                        .help(format!("keep exactly one of {}", listed(names.iter().copied(), "and"))),
                    (place(second), format!("`{second}` here")),
                    (place(first), format!("`{first}` here")),
                );
            }
        }
        None
    }

    fn example_of(&self, names: &[&str]) -> String {
        let example = names.first().and_then(|name| self.section.key(name));
        example.map_or_else(String::new, |key| format!("for example `{} = {}`", key.name, key.example))
    }

    /// Reports every key that nobody asked for.
    pub(super) fn finish(self) {
        debug_assert_eq!(
            {
                let mut asked = self.asked.clone();
                asked.sort_unstable();
                asked
            },
            {
                let mut known: Vec<&str> = self.section.keys.iter().map(|key| key.name).collect();
                known.sort_unstable();
                known
            },
            "the reader of `{}` asks for other keys than its table has",
            self.section.name
        );
        for entry in self.node.entries() {
            if self.section.key(&entry.key).is_none() {
                self.report_unknown_key(&entry.key, &entry.key_place);
            }
        }
    }

    fn report_unknown_key(&self, key: &str, place: &Place) {
        if self.section.name == EXPECTATIONS.name && SCENARIO.key(key).is_some() {
            self.context.problems.add(
                Diagnostic::error(
                    "not-judged",
                    format!("`{key}` was recorded with the run and cannot be changed now"),
                )
                .help("only `[expect]` and `[slo]` may be replaced to judge a run again"),
                Some(place),
                "not about judging",
            );
            return;
        }
        let known: Vec<&str> = self.section.keys.iter().map(|key| key.name).collect();
        // What is no slip of the finger may have been meant for another place.
        let elsewhere = match self.section.name {
            name if name == SCENARIO.name && PROJECT.key(key).is_some() && self.context.names.open => {
                Some(format!("`{key}` is no part of a scenario: it stands outside of `[defaults]`"))
            }
            name if name == SCENARIO.name && PROJECT.key(key).is_some() => {
                Some(format!("`{key}` belongs in springback.toml, beside the scenarios"))
            }
            name if name == PROJECT.name && SCENARIO.key(key).is_some() => Some(format!(
                "`{key}` belongs in a scenario; what holds for all of them stands under `[defaults]`"
            )),
            "profile" if PROJECT.key(key).is_some() => {
                Some(format!("`{key}` holds for all profiles: it stands outside of them"))
            }
            "profile" if SCENARIO.key(key).is_some() => Some(format!(
                "in a profile `{key}` stands under `defaults`, or under `set` where it must win over the scenario"
            )),
            _ => None,
        };
        self.context.problems.add(
            Diagnostic::error("unknown-key", format!("unknown key {}", quoted(key)))
                .help(elsewhere.unwrap_or_else(|| suggestion(key, &known))),
            Some(place),
            "nothing is known by this name here",
        );
    }
}

/// Reports a value of another kind than the key takes, once.
pub(super) fn wrong_kind(context: Context<'_>, name: &str, wanted: &str, node: &Node) {
    if node.value == Value::Broken {
        return;
    }
    context.problems.add(
        Diagnostic::error("wrong-type", format!("`{name}` must be {wanted}, not {}", node.described())),
        node.place.as_ref(),
        "of another kind",
    );
}

fn lowercase(about: &str) -> String {
    let about = about.trim_end_matches('.');
    let mut chars = about.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}

pub(super) fn unexpected(key: &Key) -> ! {
    unreachable!("`{}` is read as something else than its kind {:?}", key.name, key.kind)
}
