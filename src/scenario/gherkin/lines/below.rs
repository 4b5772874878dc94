//! What stands above headers and below steps: tags, tables and texts.

use std::ops::Range;

use crate::scenario::tree::quoted;

use super::{LeadsTo, Scan};

impl Scan<'_> {
    pub(super) fn tag_line(&mut self, trimmed: &str, at: usize) {
        self.leads_to = LeadsTo::Nothing;
        let mut offset = 0;
        for word in trimmed.split_whitespace() {
            let found = trimmed[offset..].find(word).map_or(offset, |found| offset + found);
            offset = found + word.len();
            let span = at + found..at + offset;
            let is_tag = word.len() > 1 && word.starts_with('@') && !word[1..].contains('@');
            if is_tag {
                self.tags.push(span);
            } else {
                self.complain(
                    "bad-tag",
                    format!("{} is not a tag", quoted(word)),
                    "a tag is an `@` and a word: `@nightly @payments`; a comment needs a line of its own",
                    span,
                    "on a line of tags",
                );
            }
        }
    }

    pub(super) fn open_text(&mut self, mark: &'static str, span: Range<usize>, at: usize) {
        let tags = std::mem::take(&mut self.tags);
        self.no_tags(&tags, "a text");
        if self.leads_to != LeadsTo::Step {
            self.complain(
                "stray-text",
                "this text belongs to no step",
                "put it directly under the step that takes it",
                span.clone(),
                "nothing takes it here",
            );
        }
        let inside = &self.text[at + mark.len()..span.end];
        match inside.find(mark) {
            // Opened and closed on one line.
            Some(end) => {
                let content = at + mark.len()..at + mark.len() + end;
                self.close_text(content, &inside[end + mark.len()..], span);
            }
            None => self.fence = Some((mark, at + mark.len())),
        }
    }

    pub(super) fn close_text(&mut self, content: Range<usize>, after: &str, span: Range<usize>) {
        self.fence = None;
        if !after.trim().is_empty() {
            self.complain(
                "stray-text",
                "there is more on the line that ends the text",
                "the marks that end a text stand alone on their line",
                span.clone(),
                "more than the marks",
            );
        }
        let leads_to = std::mem::replace(&mut self.leads_to, LeadsTo::Nothing);
        let Some(step) = self.last_step().filter(|_| leads_to == LeadsTo::Step) else { return };
        if step.doc_string.is_some() {
            self.complain(
                "stray-text",
                "a step takes one text, and this is a second one",
                "keep one of them",
                span,
                "after a text",
            );
        } else if step.rows.is_empty() {
            step.doc_string = Some(content);
            self.leads_to = LeadsTo::Step;
        } else {
            self.complain(
                "stray-text",
                "a step takes a table or a text, not both",
                "keep one of them",
                span,
                "after a table",
            );
        }
    }

    pub(super) fn row(&mut self, trimmed: &str, span: Range<usize>) {
        let tags = std::mem::take(&mut self.tags);
        self.no_tags(&tags, "a table");
        if let Some(at) = unknown_escape(trimmed) {
            let at = span.start + at;
            self.complain(
                "bad-table",
                "after a backslash in a cell stands `|`, `n` or another backslash",
                "write `\\\\` for a backslash",
                at..at + 1,
                "this one escapes nothing",
            );
            return;
        }
        let Some(cells) = cells(trimmed, span.start) else {
            self.complain(
                "bad-table",
                "this row of a table is not closed",
                "a row begins and ends with `|`; within a cell write `\\|` for one",
                span,
                "no `|` at its end",
            );
            return;
        };
        let leads_to = self.leads_to;
        let rows = match leads_to {
            LeadsTo::Nothing => None,
            LeadsTo::Step => self.last_step().map(|step| &mut step.rows),
            LeadsTo::Examples => self.last_examples().map(|examples| &mut examples.rows),
        };
        let Some(rows) = rows else {
            self.complain(
                "stray-table",
                "this row belongs to no table",
                "a table stands directly under its step, or under `Examples:`",
                span,
                "nothing takes it here",
            );
            return;
        };
        let width = rows.first().map(Vec::len);
        let found = cells.len();
        rows.push(cells);
        if let Some(width) = width.filter(|width| *width != found) {
            self.complain(
                "bad-table",
                format!("this row has {found} cells, the first one has {width}"),
                "all rows of a table have as many cells as its first one",
                span,
                "another width",
            );
        }
    }

    pub(super) fn no_tags(&mut self, tags: &[Range<usize>], what: &str) {
        if let Some(first) = tags.first() {
            self.complain(
                "stray-tag",
                format!("{what} takes no tags"),
                "tags stand above `Feature:`, `Rule:`, a scenario or `Examples:`",
                first.clone(),
                "nothing is tagged by this",
            );
        }
    }
}

/// A backslash in a row that Gherkin gives no meaning to.
fn unknown_escape(row: &str) -> Option<usize> {
    let mut characters = row.char_indices();
    while let Some((at, c)) = characters.next() {
        if c == '\\' && !matches!(characters.next(), Some((_, '|' | 'n' | '\\'))) {
            return Some(at);
        }
    }
    None
}

/// Where the cells of a row stand, without the space around them. `None` if the row is not closed.
fn cells(row: &str, at: usize) -> Option<Vec<Range<usize>>> {
    let mut cells = Vec::new();
    let mut start = 1;
    let mut escaped = false;
    for (index, c) in row.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '|' => {
                let cell = &row[start..index];
                let from = start + (cell.len() - cell.trim_start().len());
                let trimmed = cell.trim().len();
                cells.push(at + from.min(index)..at + from.min(index) + trimmed);
                start = index + 1;
            }
            _ => {}
        }
    }
    (start == row.len() && !cells.is_empty()).then_some(cells)
}
