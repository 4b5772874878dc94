//! Settings merged into a scenario's tree before it is read.
//!
//! Tables merge key by key; lists and values are taken as a whole or not at all. A default only adds to what a scenario
//! has: it makes up no load, no group and no expectation.

use crate::scenario::keys::{Key, Kind, Section, is_whole};
use crate::scenario::overrides::put;
use crate::scenario::problems::{Part, Problems};
use crate::scenario::source::Source;
use crate::scenario::syntax::{self, relocate};
use crate::scenario::tree::{Entry, Node, Place, Value};

/// What settings bring into scenarios, as it is written: variables are filled in after it is merged.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Layers {
    /// The file that all of it stands in.
    pub(super) settings: Option<Source>,
    pub(super) defaults: Option<Node>,
    pub(super) prices: Option<Node>,
    pub(super) profile: Option<Profile>,
    /// They could not be read: what a scenario lacks they may have given.
    pub(super) unreadable: bool,
}

/// The part of the profile that was chosen.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Profile {
    pub(super) name: String,
    pub(super) defaults: Option<Node>,
    pub(super) prices: Option<Node>,
    pub(super) set: Option<Node>,
}

impl Layers {
    /// Merges them in, the profile's before the others'.
    pub(in crate::scenario) fn apply(&self, root: &mut Node, section: &'static Section, problems: &Problems) {
        if self.unreadable {
            problems.mark_incomplete();
        }
        let Some(settings) = &self.settings else { return };
        // The same text for each part, so that a place in it tells the part.
        let placed = |node: &Node, part: Part| {
            let mut node = node.clone();
            relocate(&mut node, problems.add_part(part, &settings.name, &settings.text), 0);
            node
        };
        let of_profile = |node: fn(&Profile) -> Option<&Node>| {
            let profile = self.profile.as_ref()?;
            node(profile).map(|node| placed(node, Part::Profile(profile.name.clone())))
        };
        let defaults = self.defaults.as_ref().map(|node| placed(node, Part::Defaults));
        match (of_profile(|profile| profile.defaults.as_ref()), defaults) {
            (Some(mut strong), Some(weak)) => {
                Merge::Defaults.fill(&mut strong, section, &weak);
                Merge::of(root).fill(root, section, &strong);
            }
            (Some(one), None) | (None, Some(one)) => Merge::of(root).fill(root, section, &one),
            (None, None) => {}
        }
        let prices = self.prices.as_ref().map(|node| placed(node, Part::Prices));
        for prices in of_profile(|profile| profile.prices.as_ref()).iter().chain(&prices) {
            price(root, prices);
        }
        if let Some(set) = of_profile(|profile| profile.set.as_ref()) {
            for Entry { key, key_place, node } in set.entries() {
                let Some(path) = path_of(key, key_place) else { continue };
                let path: Vec<(&str, Place)> =
                    path.iter().map(|(key, place)| (key.as_str(), place.clone())).collect();
                // Said by then if there is no such place.
                let _ = put(root, section, &path, node.clone(), problems);
            }
        }
    }
}

/// The parts of a path that stands in the settings as a key. `None` if it is none.
pub(super) fn path_of(key: &str, key_place: &Place) -> Option<Vec<(String, Place)>> {
    let Place { source, span } = key_place;
    let parts = syntax::parse_path(key)?;
    // Within quotation marks each part has a place of its own, unless there are escapes in it.
    let start = match span.len().checked_sub(key.len()) {
        Some(0) => Some(span.start),
        Some(2) => Some(span.start + 1),
        _ => None,
    };
    let place = |part: std::ops::Range<usize>| match start {
        Some(start) => Place { source: *source, span: start + part.start..start + part.end },
        None => key_place.clone(),
    };
    Some(parts.into_iter().map(|(part, span)| (part, place(span))).collect())
}

/// Gives groups without a price the one of their name.
fn price(root: &mut Node, prices: &Node) {
    let Some(groups) = present(root, "target").and_then(|target| present(target, "local")) else { return };
    let Value::Table(groups) = &mut groups.value else { return };
    for group in groups {
        if let Some(price) = prices.entry(&group.key)
            && matches!(group.node.value, Value::Table(_))
            && group.node.get("price").is_absent()
        {
            insert(&mut group.node, Entry { key: "price".to_owned(), ..price.clone() });
        }
    }
}

/// What something is merged into.
enum Merge {
    /// Other defaults, which may hold anything.
    Defaults,
    /// A scenario.
    Scenario { has_load: bool },
}

impl Merge {
    fn of(root: &Node) -> Self {
        Self::Scenario { has_load: !root.get("load").is_absent() }
    }

    /// Adds to a table what it does not say.
    fn fill(&self, table: &mut Node, section: &'static Section, weak: &Node) {
        if !matches!(table.value, Value::Table(_)) {
            return;
        }
        for entry in weak.entries() {
            let Some(key) = section.key(&entry.key) else { continue };
            let Some(strong) = present(table, key.name) else {
                if let Some(node) = self.addition(section, key, &entry.node) {
                    insert(table, Entry { node, ..entry.clone() });
                }
                continue;
            };
            match key.kind {
                Kind::Table(inner) | Kind::TimeOr(inner) => self.fill_inside(strong, inner, &entry.node),
                Kind::Named(inner) => self.fill_named(strong, key, inner, &entry.node),
                Kind::OneOrMore(inner) => match &mut strong.value {
                    Value::List(items) => {
                        items.iter_mut().for_each(|item| self.fill_inside(item, inner, &entry.node));
                    }
                    _ => self.fill_inside(strong, inner, &entry.node),
                },
                _ => {}
            }
        }
    }

    fn fill_inside(&self, table: &mut Node, section: &'static Section, weak: &Node) {
        if !is_whole(section) {
            self.fill(table, section, weak);
        }
    }

    fn fill_named(&self, tables: &mut Node, key: &Key, section: &'static Section, weak: &Node) {
        if !matches!(tables.value, Value::Table(_)) {
            return;
        }
        for entry in weak.entries() {
            if let Some(table) = present(tables, &entry.key) {
                self.fill_inside(table, section, &entry.node);
            } else if self.may_name(key)
                && let Some(node) = self.table(section, &entry.node)
            {
                insert(tables, Entry { node, ..entry.clone() });
            }
        }
    }

    /// Objectives may come from outside. Groups may not: a system is what its scenario says it is.
    fn may_name(&self, key: &Key) -> bool {
        matches!(self, Self::Defaults) || key.name != "local"
    }

    /// What stands behind a key that is not written.
    fn addition(&self, section: &Section, key: &Key, weak: &Node) -> Option<Node> {
        let Self::Scenario { has_load } = self else { return Some(weak.clone()) };
        let about_requests =
            matches!((section.name, key.name), ("scenario", "slo") | ("stop", "burn_rate" | "error_ratio"));
        let is_own = section.name == "expect" || (section.name, key.name) == ("scenario", "load");
        if is_own || (about_requests && !has_load) {
            return None;
        }
        match key.kind {
            Kind::Table(inner) => self.table(inner, weak),
            Kind::TimeOr(inner) if matches!(weak.value, Value::Table(_)) => self.table(inner, weak),
            Kind::Named(inner) => {
                let mut tables = Node { place: weak.place.clone(), value: Value::Table(Vec::new()) };
                self.fill_named(&mut tables, key, inner, weak);
                (!tables.entries().is_empty()).then_some(tables)
            }
            _ => Some(weak.clone()),
        }
    }

    /// A whole table, with what may be added of it; `None` if it is not whole without one that the scenario has.
    fn table(&self, section: &'static Section, weak: &Node) -> Option<Node> {
        let Self::Scenario { .. } = self else { return Some(weak.clone()) };
        let mut table = Node { place: weak.place.clone(), value: Value::Table(Vec::new()) };
        self.fill(&mut table, section, weak);
        (!table.entries().is_empty() && is_complete(section, &table)).then_some(table)
    }
}

/// Whether nothing is missing that a section needs.
pub(super) fn is_complete(section: &Section, table: &Node) -> bool {
    let written = |name: &str| !table.get(name).is_absent();
    section.keys.iter().all(|key| !key.required || written(key.name))
        && (section.one_of.is_empty() || section.one_of.iter().any(|name| written(name)))
}

/// The value of a key that is written.
fn present<'n>(table: &'n mut Node, key: &str) -> Option<&'n mut Node> {
    let Value::Table(entries) = &mut table.value else { return None };
    let entry = entries.iter_mut().find(|entry| entry.key == key)?;
    (!entry.node.is_absent()).then_some(&mut entry.node)
}

/// Adds a key that is not written.
fn insert(table: &mut Node, entry: Entry) {
    let Value::Table(entries) = &mut table.value else { return };
    entries.retain(|other| other.key != entry.key);
    entries.push(entry);
}
