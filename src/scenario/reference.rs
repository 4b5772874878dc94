//! The table of keys in words, for the documents.

use super::keys::{Key, Kind, PROJECT, SCENARIO, Section, no_default};

/// A table of a file format.
#[derive(Debug)]
pub struct TableReference {
    /// Where it may stand, with `NAME` for a name of the user's choice. Empty is the file itself.
    pub paths: Vec<String>,
    /// What it is for.
    pub about: &'static str,
    /// Its keys, in the order in which one writes them.
    pub keys: Vec<KeyReference>,
    /// Of these keys exactly one must be written.
    pub one_of: &'static [&'static str],
}

/// A key of a table.
#[derive(Debug)]
pub struct KeyReference {
    /// The key.
    pub name: &'static str,
    /// Whether it must be written.
    pub required: bool,
    /// What may stand behind it, in words.
    pub takes: String,
    /// What it means, and what holds where it is not written.
    pub about: &'static str,
    /// A value, as TOML.
    pub example: &'static str,
    /// First of the paths of the table that it leads to.
    pub leads_to: Option<String>,
}

/// All tables of a scenario, each once, in the order in which they are reached.
pub fn scenario_reference() -> Vec<TableReference> {
    reference(&SCENARIO)
}

/// All tables of `springback.toml`, each once.
pub fn project_reference() -> Vec<TableReference> {
    reference(&PROJECT)
}

/// The keys of a scenario that may have no default in `springback.toml`, each by its path and with the reason.
pub fn keys_without_default() -> Vec<(String, &'static str)> {
    let mut reached = Vec::new();
    reach(&SCENARIO, String::new(), &mut reached);
    let of = |(section, paths): &(&'static Section, Vec<String>)| {
        let path = paths.first().cloned().unwrap_or_default();
        let why = |key: &Key| Some((below(&path, key.name), no_default(section, key.name)?));
        section.keys.iter().filter_map(why).collect::<Vec<_>>()
    };
    reached.iter().flat_map(of).collect()
}

fn below(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

fn reference(root: &'static Section) -> Vec<TableReference> {
    let mut reached = Vec::new();
    reach(root, String::new(), &mut reached);
    let first_path = |section: &Section| reached.iter().find(|(known, _)| std::ptr::eq(*known, section));
    reached
        .iter()
        .map(|(section, paths)| TableReference {
            paths: paths.clone(),
            about: section.about,
            keys: section
                .keys
                .iter()
                .map(|key| KeyReference {
                    name: key.name,
                    required: key.required,
                    takes: takes(key.kind),
                    about: key.about,
                    example: key.example,
                    leads_to: inner(key)
                        .and_then(|(section, _)| first_path(section))
                        .and_then(|(_, paths)| paths.first().cloned()),
                })
                .collect(),
            one_of: section.one_of,
        })
        .collect()
}

fn reach(section: &'static Section, path: String, reached: &mut Vec<(&'static Section, Vec<String>)>) {
    match reached.iter_mut().find(|(known, _)| std::ptr::eq(*known, section)) {
        Some((_, paths)) => paths.push(path.clone()),
        None => reached.push((section, vec![path.clone()])),
    }
    for key in section.keys {
        if let Some((section, is_named)) = inner(key) {
            let path = below(&path, key.name);
            reach(section, if is_named { format!("{path}.NAME") } else { path }, reached);
        }
    }
}

/// The table that a key leads to, and whether it stands below a name of the user's choice.
fn inner(key: &Key) -> Option<(&'static Section, bool)> {
    match key.kind {
        Kind::Named(section) => Some((section, true)),
        Kind::Table(section) | Kind::List(section) | Kind::OneOrMore(section) | Kind::TimeOr(section) => {
            Some((section, false))
        }
        _ => None,
    }
}

fn takes(kind: Kind) -> String {
    match kind {
        Kind::Text => "text".into(),
        Kind::Link => "a link".into(),
        Kind::Workload => "kind and name, `Kind/name`".into(),
        Kind::Labels => "a label selector, `key=value,key!=value`".into(),
        Kind::WaitFor => "`condition=TYPE` or `jsonpath={.path}=VALUE`".into(),
        Kind::Manifest => "a path, relative to this file".into(),
        Kind::RequestPath => "a path that begins with `/`".into(),
        Kind::Texts { distinct: true } => "a list of texts, each once".into(),
        Kind::Texts { distinct: false } => "a list of texts".into(),
        Kind::Count { min, max } => format!("a whole number from {min} to {max}"),
        Kind::Factor => "a number above 0".into(),
        Kind::Flag => "`true` or `false`".into(),
        Kind::Time { zero: false } => "a length of time above 0".into(),
        Kind::Time { zero: true } => "a length of time".into(),
        Kind::TimeOrAuto => "a length of time, or `auto`".into(),
        Kind::Rate { zero: false } => "requests per time, above 0".into(),
        Kind::Rate { zero: true } => "requests per time".into(),
        Kind::Share { zero: false, max_percent } => format!("a share above 0% and up to {max_percent}%"),
        Kind::Share { zero: true, max_percent } => format!("a share up to {max_percent}%"),
        Kind::Price => "money per hour".into(),
        Kind::Word(words) => {
            let words: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
            format!("one of {}", words.join(", "))
        }
        Kind::Group => "name of a group".into(),
        Kind::Objective => "name of an objective".into(),
        Kind::CountByGroup => "names of groups, each with a whole number".into(),
        Kind::Hosts => "a list of hosts, each once".into(),
        Kind::PriceByGroup => "names of groups, each with money per hour".into(),
        Kind::Date => "a day, `\"YYYY-MM-DD\"`".into(),
        Kind::ByPath => "paths of a scenario in quotation marks, each with a value".into(),
        Kind::Partial(_) => "parts of a [scenario](scenario.md)".into(),
        Kind::Table(_) => "a table".into(),
        Kind::Named(_) => "tables by names of your choice".into(),
        Kind::List(_) => "a list of tables".into(),
        Kind::OneOrMore(_) => "a table, or a list of tables".into(),
        Kind::TimeOr(_) => "a length of time, or a table".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_that_is_reached_twice_stands_once_with_both_its_paths() {
        let tables = scenario_reference();
        let scaling: Vec<_> = tables
            .iter()
            .filter(|table| table.paths.iter().any(|path| path.ends_with("autoscaler.scale_down")))
            .collect();
        assert_eq!(scaling.len(), 1);
        assert_eq!(
            scaling[0].paths,
            ["target.local.NAME.autoscaler.scale_up", "target.local.NAME.autoscaler.scale_down"]
        );
    }

    #[test]
    fn whatever_a_key_leads_to_is_there() {
        let tables = scenario_reference();
        for key in tables.iter().flat_map(|table| &table.keys) {
            if let Some(path) = &key.leads_to {
                assert!(tables.iter().any(|table| table.paths.first() == Some(path)), "{path}");
            }
        }
    }
}
