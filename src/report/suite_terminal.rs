//! Several scenarios for somebody at a terminal: a table with a row for each attempt, and what decided it.

use textwrap::core::display_width;

use crate::check::Outcome;

use super::page::{BOLD, DIM, Look, PLAIN, Page, style_of};
use super::suite::SuiteVerdict;
use super::suite_rows::{Row, rows, totals};

/// Columns between two cells.
const GAP: usize = 2;
/// Names get so many columns at least, however much there is to say.
const NAME_MIN: usize = 16;

/// The verdicts of a call, as a table.
pub fn suite_terminal(suite: &SuiteVerdict, look: Look) -> String {
    let mut page = Page::new(look);
    page.blank();
    page.line(&[("Suite ", BOLD), (&suite.suite_id, BOLD)]);
    let rows = rows(suite);
    let widths = Widths::of(&rows, page.width());
    page.line(&[(widths.line(["", "scenario", "took", "residual", "found"]).trim_end(), DIM)]);
    for row in &rows {
        show(&mut page, row, &widths);
    }
    page.labelled(0, ("", PLAIN), (&format!("{} · exit\u{a0}{}", totals(suite), suite.exit_code), DIM));
    for note in &suite.notes {
        page.labelled(6, ("note", DIM), (&format!("{}: {}", note.code, note.text), PLAIN));
    }
    page.finish()
}

/// Columns of the cells.
struct Widths {
    name: usize,
    took: usize,
    residual: usize,
    said: usize,
}

impl Widths {
    fn of(rows: &[Row<'_>], page: usize) -> Self {
        let widest = |of: fn(&Row<'_>) -> usize| rows.iter().map(of).max().unwrap_or(0);
        let took = widest(|row| row.took.as_deref().map_or(0, display_width)).max("took".len());
        let residual = match widest(|row| row.residual.as_deref().map_or(0, display_width)) {
            0 => 0,
            wide => wide.max("residual".len()),
        };
        let fixed = 2 + GAP + took + if residual > 0 { GAP + residual } else { 0 } + GAP;
        let name = widest(|row| display_width(&name(row))).max("scenario".len());
        let name = name.min((page.saturating_sub(fixed) / 2).max(NAME_MIN));
        Self { name, took, residual, said: page.saturating_sub(fixed + name) }
    }

    /// One line of cells.
    fn line(&self, [mark, name, took, residual, said]: [&str; 5]) -> String {
        let padded = |text: &str, width: usize| {
            format!("{text}{}", " ".repeat(width.saturating_sub(display_width(text))))
        };
        let right = |text: &str, width: usize| {
            format!("{}{text}", " ".repeat(width.saturating_sub(display_width(text))))
        };
        let gap = " ".repeat(GAP);
        let mut line =
            [padded(mark, 2), padded(name, self.name), gap.clone(), right(took, self.took)].concat();
        if self.residual > 0 {
            line.push_str(&gap);
            line.push_str(&right(residual, self.residual));
        }
        line.push_str(&gap);
        line.push_str(said);
        line
    }
}

/// The scenario's name on its first row; on those below which attempt it is.
fn name(row: &Row<'_>) -> String {
    match row.attempt {
        Some((attempt, _)) if attempt > 1 => format!("  attempt {attempt}"),
        _ => row.scenario.to_owned(),
    }
}

fn show(page: &mut Page, row: &Row<'_>, widths: &Widths) {
    let said = match row.attempt {
        Some((attempt, of)) if attempt < of => format!("attempt {attempt} of {of}, {}", row.said),
        _ => row.said.clone(),
    };
    let names = wrapped(&name(row), widths.name);
    let said = wrapped(&said, widths.said);
    for i in 0..names.len().max(said.len()) {
        let cell = |cells: &[String]| cells.get(i).cloned().unwrap_or_default();
        let first = |text: &str| if i == 0 { text.to_owned() } else { String::new() };
        let (took, residual) = (row.took.as_deref().unwrap_or(""), row.residual.as_deref().unwrap_or(""));
        let left = widths.line([&first(row.mark), &cell(&names), &first(took), &first(residual), ""]);
        let style = if row.outcome == Outcome::Pass { PLAIN } else { BOLD };
        let (mark, rest) = left.split_at(left.char_indices().nth(2).map_or(left.len(), |(at, _)| at));
        let said = cell(&said);
        let rest = if said.is_empty() { rest.trim_end() } else { rest };
        page.line(&[(mark, style_of(row.outcome)), (rest, style), (&said, PLAIN)]);
    }
    if let Some(more) = &row.more {
        page.labelled(4, ("", PLAIN), (more, DIM));
    }
}

/// A cell's lines. A word that is longer than the cell is cut where it must be.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let options = textwrap::Options::new(width.max(1))
        .word_separator(textwrap::WordSeparator::AsciiSpace)
        .word_splitter(textwrap::WordSplitter::NoHyphenation);
    let clean = |line: &str| line.chars().filter(|c| !c.is_control()).collect::<String>();
    text.lines()
        .flat_map(|line| {
            let line = clean(line);
            let indent = line.len() - line.trim_start().len();
            let lines: Vec<String> = textwrap::wrap(line.trim_start(), &options)
                .into_iter()
                .map(|line| line.into_owned())
                .collect();
            lines.into_iter().map(move |line| format!("{}{line}", " ".repeat(indent)))
        })
        .collect()
}
