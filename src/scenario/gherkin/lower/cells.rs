//! Tables below a step: keys and their values.

use crate::scenario::diagnostic::Diagnostic;
use crate::scenario::keys::{Key, Kind, Section};
use crate::scenario::problems::Problems;
use crate::scenario::spelling::nearest;
use crate::scenario::tree::{Node, Place, quoted};

use super::super::outline::Text;
use super::super::{phrase, spoken};

/// A row of two cells: a key and its value.
pub(super) fn keyed_row(
    row: &[Text],
    section: &'static Section,
    problems: &Problems,
) -> Option<(String, Place, Node)> {
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

pub(super) fn cell_node(key: &Key, cell: &Text) -> Node {
    let is_said = !matches!(key.kind, Kind::Table(_) | Kind::Named(_) | Kind::List(_) | Kind::OneOrMore(_))
        && phrase::matches(key.kind, &cell.text);
    let place = cell.place_of(0..cell.text.len());
    let value = spoken::cell_value(key, &cell.text, is_said, &place);
    Node { place: Some(place), value }
}

/// The key that a cell names: dotted, and with spaces where a file has underscores.
pub(super) fn key_of(
    cell: &Text,
    section: &'static Section,
    problems: &Problems,
) -> Option<(String, &'static Key)> {
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
