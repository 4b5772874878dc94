//! Where the system comes from, if not from sentences: a file, a text or a table below the step.

use std::path::Path;

use crate::scenario::diagnostic::Diagnostic;
use crate::scenario::keys::{Key, SCENARIO};
use crate::scenario::problems::{Part, SourceId};
use crate::scenario::syntax;
use crate::scenario::tree::{Entry, Node, Place, Value};

use super::super::outline::{DocString, Step, Text};
use super::super::phrase::{LOCAL_GROUP, placed, section_at};
use super::super::spoken;
use super::cells::{cell_node, key_of};
use super::edit::{insert, target};
use super::{Lowering, OF_A_SYSTEM};

impl Lowering<'_> {
    pub(super) fn groups(&mut self, step: &Step) {
        let [header, rows @ ..] = step.rows.as_slice() else { return };
        let is_name = |cell: &Text| matches!(cell.text.as_str(), "group" | "name");
        let Some(name_column) = header.iter().position(is_name) else {
            self.problems.mark_incomplete();
            if let Some(first) = header.first() {
                self.problems.add(
                    Diagnostic::error("bad-table", "this table has no column `group`").help(
                        "the first row names the columns: `group`, and keys of a group such as `replicas`",
                    ),
                    Some(&first.place),
                    "names of the columns",
                );
            }
            return;
        };
        let at = placed(LOCAL_GROUP, &self.root).into_owned();
        let Some(section) = section_at(&at) else { return };
        let keys: Vec<Option<(String, &Key)>> = header
            .iter()
            .enumerate()
            .map(|(column, cell)| {
                (column != name_column).then(|| key_of(cell, section, self.problems)).flatten()
            })
            .collect();
        // A row that could not be read is no missing one.
        if rows.is_empty() && !self.problems.is_incomplete() {
            self.problems.add(
                Diagnostic::error("bad-table", "this table has no row with a group"),
                Some(&header[name_column].place),
                "only the names of the columns",
            );
        }
        for row in rows {
            let Some(name) = row.get(name_column) else { continue };
            let named = (spoken::unquoted(&name.text).into_owned(), name.place.clone());
            let Some(table) = target(&mut self.root, &at, Some(&named), step) else {
                continue;
            };
            for (cell, key) in row.iter().zip(&keys) {
                let Some((path, key)) = key else { continue };
                // An empty cell says nothing about its group.
                if !cell.text.is_empty() {
                    insert(table, path, &cell.place, cell_node(key, cell), step, self.problems);
                }
            }
        }
    }

    pub(super) fn import(&mut self, step: &Step, path: &str, place: &Place, whole: bool) {
        let source = match (self.import)(Path::new(path)) {
            Ok(source) => source,
            Err(diagnostics) => {
                self.problems.mark_incomplete();
                for diagnostic in diagnostics {
                    self.problems.add(
                        Diagnostic::error(diagnostic.code(), diagnostic.message()).help(
                            diagnostic
                                .advice()
                                .unwrap_or("a path in a feature is relative to the feature's folder"),
                        ),
                        Some(place),
                        "this file",
                    );
                }
                return;
            }
        };
        let id = self.problems.add_source(&source.name, &source.text);
        let tree = syntax::parse_at(&source.text, id, 0, self.problems);
        self.imports.push(source);
        match tree {
            Some(tree) => self.merge(step, tree, whole, place),
            None => self.problems.mark_incomplete(),
        }
    }

    pub(super) fn inline(&mut self, step: &Step) {
        let tree = match &step.doc_string {
            None => return,
            Some(DocString::Written(text, at)) => {
                let (text, skipped) = without_media_type(text);
                syntax::parse_at(text, SourceId::FILE, at + skipped, self.problems)
            }
            Some(DocString::Filled(text)) => {
                let (text, _) = without_media_type(text);
                let id = self.problems.add_part(Part::Own, "text of an outline, filled in", text);
                syntax::parse_at(text, id, 0, self.problems)
            }
        };
        match tree {
            Some(tree) => self.merge(step, tree, false, &step.text.place),
            None => self.problems.mark_incomplete(),
        }
    }

    /// Takes over what a file or a text says of the system.
    pub(super) fn merge(&mut self, step: &Step, tree: Node, whole: bool, place: &Place) {
        let Value::Table(entries) = tree.value else { return };
        for entry in entries {
            let is_key = SCENARIO.key(&entry.key).is_some();
            let is_of_system = OF_A_SYSTEM.contains(&entry.key.as_str());
            match entry.key.as_str() {
                // Whose name counts is not in doubt.
                "name" | "tags" if is_key => continue,
                key if is_key && !whole && !is_of_system => {
                    self.brings_too_much(key, &entry, place);
                    continue;
                }
                _ => {}
            }
            let key = entry.key.clone();
            insert(&mut self.root, &key, &entry.key_place, entry.node, step, self.problems);
        }
    }

    pub(super) fn brings_too_much(&self, key: &str, entry: &Entry, place: &Place) {
        let what = match key {
            "load" => "its own load",
            "fault" => "faults of its own",
            _ => "expectations of its own",
        };
        self.problems.add_both(
            Diagnostic::error("import-brings-more", format!("what describes the system brings {what}")).help(
                "only the system, its prices and its limits are taken over; say `… with its load, faults and expectations` to \
                 take over all of it, or say them as steps and take them out of the file",
            ),
            (Some(place), "asks for the system only".to_owned()),
            (Some(&entry.key_place), format!("`{key}` here")),
        );
    }
}

/// ```` ```toml ```` names what the text is; it is no part of it.
fn without_media_type(text: &str) -> (&str, usize) {
    let first = text.lines().next().unwrap_or_default();
    if first.trim() == "toml" { (&text[first.len()..], first.len()) } else { (text, 0) }
}
