//! A text that an outline may have filled in, and where each part of it is written.

use std::ops::Range;

use crate::scenario::tree::Place;

use super::super::lines::RawScenario;
use super::examples::{columns, placeholders};
use super::file;

/// A text, and where its parts are written.
#[derive(Debug)]
pub(in crate::scenario::gherkin) struct Text {
    pub(in crate::scenario::gherkin) text: String,
    pub(in crate::scenario::gherkin) place: Place,
    parts: Vec<Part>,
}

/// What an outline filled in: a part of the text, and its cell.
#[derive(Debug)]
struct Part {
    at: Range<usize>,
    /// Of the placeholder in the file.
    written: Range<usize>,
    cell: Range<usize>,
}

impl Text {
    /// Where a part of the text is written: the cell of the examples, if it came from there.
    pub(in crate::scenario::gherkin) fn place_of(&self, span: Range<usize>) -> Place {
        let source = self.place.source;
        if let Some(part) =
            self.parts.iter().find(|part| part.at.start < span.end && span.start < part.at.end)
        {
            return Place { source, span: part.cell.clone() };
        }
        let before = |offset: usize| {
            let shift: isize = self
                .parts
                .iter()
                .filter(|part| part.at.end <= offset)
                .map(|part| part.written.len() as isize - part.at.len() as isize)
                .sum();
            self.place.span.start.saturating_add_signed(offset as isize + shift)
        };
        let start = before(span.start);
        Place { source, span: start..before(span.end).max(start) }
    }
}

/// A row of examples: the columns with their cells. A scenario without examples has one row without columns.
#[derive(Debug, Default)]
pub(super) struct Row<'t> {
    pub(super) cells: Vec<(&'t str, Range<usize>)>,
}

pub(super) fn rows<'t>(text: &'t str, raw: &RawScenario) -> Vec<Row<'t>> {
    if raw.examples.is_empty() {
        return vec![Row::default()];
    }
    let mut found = Vec::new();
    for examples in &raw.examples {
        let columns = columns(text, examples);
        for row in examples.rows.iter().skip(1) {
            found.push(Row { cells: columns.iter().copied().zip(row.iter().cloned()).collect() });
        }
    }
    found
}

/// A text with the parts that the row filled in.
pub(super) fn filled(expanded: &str, span: &Range<usize>, text: &str, row: &Row<'_>) -> Text {
    let written = &text[span.clone()];
    let mut parts = Vec::new();
    let mut shift: isize = 0;
    for (at, name) in placeholders(written) {
        let Some((_, cell)) = row.cells.iter().find(|(known, _)| *known == name) else { continue };
        let start = at.start.saturating_add_signed(shift);
        let length = unescaped_len(&text[cell.clone()]);
        shift += length as isize - at.len() as isize;
        parts.push(Part { at: start..start + length, written: at, cell: cell.clone() });
    }
    Text { text: expanded.to_owned(), place: file(span.clone()), parts }
}

/// Bytes of a cell's value: of each escape sequence in it, one is left.
fn unescaped_len(cell: &str) -> usize {
    let mut characters = cell.chars();
    let mut escapes = 0;
    while let Some(c) = characters.next() {
        if c == '\\' {
            escapes += 1;
            characters.next();
        }
    }
    cell.len() - escapes
}
