//! A scenario's tree as TOML, in the order of the table of keys.

use std::fmt::Write as _;

use super::keys::{Key, Kind, SCENARIO, Section};
use super::tree::{Entry, Node, Value};

/// Writes a tree as a TOML file.
pub(super) fn scenario_as_toml(root: &Node) -> String {
    let mut page = String::new();
    table(&mut page, root, &SCENARIO, "");
    page
}

/// A table: first its plain values, then what has a header of its own.
fn table(page: &mut String, node: &Node, section: &'static Section, path: &str) {
    let written = |key: &&Key| !node.get(key.name).is_absent();
    let (plain, headed): (Vec<&Key>, Vec<&Key>) =
        section.keys.iter().filter(written).partition(|key| is_plain(key, path));
    if !path.is_empty() && !plain.is_empty() {
        let _ = writeln!(page, "\n[{path}]");
    }
    for key in plain {
        let _ = writeln!(page, "{} = {}", key.name, value_as_toml(node.get(key.name)));
    }
    for key in headed {
        let inner = node.get(key.name);
        let path = if path.is_empty() { key.name.to_owned() } else { format!("{path}.{}", key.name) };
        match key.kind {
            Kind::Table(section) => table(page, inner, section, &path),
            Kind::Named(section) => {
                for Entry { key, node, .. } in inner.entries() {
                    table(page, node, section, &format!("{path}.{}", key_as_toml(key)));
                }
            }
            Kind::List(section) => {
                for item in inner.items() {
                    let _ = writeln!(page, "\n[[{path}]]");
                    for key in section.keys.iter().filter(|key| !item.get(key.name).is_absent()) {
                        let _ = writeln!(page, "{} = {}", key.name, value_as_toml(item.get(key.name)));
                    }
                }
            }
            _ => unreachable!("`{}` has no header of its own", key.name),
        }
    }
}

/// Whether a value stands behind its key: everything but the parts of a file that one looks for by their headers.
fn is_plain(key: &Key, path: &str) -> bool {
    match key.kind {
        Kind::Table(_) => {
            !(path.is_empty() || path == "target" || path.starts_with("target.")) || key.name == "owner"
        }
        Kind::Named(_) => false,
        Kind::List(_) => !matches!(key.name, "surge" | "fault"),
        _ => true,
    }
}

/// A value as TOML writes it on one line.
pub(super) fn value_as_toml(node: &Node) -> String {
    match &node.value {
        Value::Text { text, .. } => toml::Value::String(text.clone()).to_string(),
        Value::Integer(number) => number.to_string(),
        Value::Float(number) => toml::Value::Float(*number).to_string(),
        Value::Flag(flag) => flag.to_string(),
        Value::List(items) => format!("[{}]", items.iter().map(value_as_toml).collect::<Vec<_>>().join(", ")),
        Value::Table(entries) => {
            let parts: Vec<String> = entries
                .iter()
                .map(|entry| format!("{} = {}", key_as_toml(&entry.key), value_as_toml(&entry.node)))
                .collect();
            format!("{{ {} }}", parts.join(", "))
        }
        // None of them gets past the readers.
        Value::Absent | Value::Broken | Value::Date => "\"\"".to_owned(),
    }
}

/// A key as TOML writes it.
pub(super) fn key_as_toml(key: &str) -> String {
    let bare = !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    if bare { key.to_owned() } else { toml::Value::String(key.to_owned()).to_string() }
}
