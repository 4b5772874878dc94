//! Placeholders and the columns that fill them, and what tells the rows of an outline apart.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::scenario::diagnostic::Diagnostic;
use crate::scenario::problems::Problems;
use crate::scenario::spelling::suggestion;
use crate::scenario::tree::quoted;

use super::super::lines::{Lines, RawExamples, RawScenario};
use super::file;

/// Every placeholder names a column, and every column is used.
pub(super) fn check_placeholders(text: &str, lines: &Lines, problems: &Problems) -> bool {
    let mut sound = true;
    for scenario in &lines.scenarios {
        let places = texts(scenario);
        for examples in &scenario.examples {
            sound &= check_columns(text, examples, problems);
            let columns: Vec<&str> = columns(text, examples);
            let mut used: Vec<&str> = Vec::new();
            for place in &places {
                for (span, name) in placeholders(&text[place.clone()]) {
                    if columns.contains(&name) {
                        used.push(name);
                        continue;
                    }
                    sound = false;
                    let message = format!("there is no column {} in the examples", quoted(name));
                    problems.add(
                        Diagnostic::error("unknown-placeholder", message).help(suggestion(name, &columns)),
                        Some(&file(place.start + span.start..place.start + span.end)),
                        "nothing is filled in here",
                    );
                }
            }
            let header = examples.rows.first().into_iter().flatten();
            for (cell, column) in header.zip(&columns).filter(|(_, column)| !used.contains(*column)) {
                problems.add(
                    Diagnostic::warning(
                        "unused-column",
                        format!("the column {} is used nowhere", quoted(column)),
                    )
                    .help(format!("write <{column}> where its value belongs, or leave the column out")),
                    Some(&file(cell.clone())),
                    "fills nothing in",
                );
            }
        }
    }
    sound
}

pub(super) fn check_columns(text: &str, examples: &RawExamples, problems: &Problems) -> bool {
    let mut seen: BTreeMap<&str, &Range<usize>> = BTreeMap::new();
    let mut sound = true;
    for cell in examples.rows.first().into_iter().flatten() {
        let name = &text[cell.clone()];
        if let Some(first) = seen.insert(name, cell) {
            sound = false;
            problems.add_both(
                Diagnostic::error("duplicate-name", format!("two columns are called {}", quoted(name))),
                (Some(&file(cell.clone())), "again here".to_owned()),
                (Some(&file(first.clone())), "first here".to_owned()),
            );
        }
    }
    sound
}

pub(super) fn columns<'t>(text: &'t str, examples: &RawExamples) -> Vec<&'t str> {
    examples.rows.first().into_iter().flatten().map(|cell| &text[cell.clone()]).collect()
}

/// All places of a scenario in which a placeholder may stand.
pub(super) fn texts(scenario: &RawScenario) -> Vec<Range<usize>> {
    let mut places = vec![scenario.name.clone()];
    for step in &scenario.steps {
        places.push(step.text.clone());
        places.extend(step.rows.iter().flatten().cloned());
        places.extend(step.doc_string.clone());
    }
    places
}

/// Placeholders as the expansion knows them: `<` and `>` around something without space at its ends.
pub(super) fn placeholders(text: &str) -> Vec<(Range<usize>, &str)> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(open) = text[at..].find('<').map(|open| at + open) {
        let Some(close) = text[open..].find('>').map(|close| open + close) else { break };
        let name = &text[open + 1..close];
        if !name.is_empty() && name.trim() == name && !name.contains(['\t', '\n', '\r']) {
            found.push((open..close + 1, name));
            at = close + 1;
        } else {
            at = open + 1;
        }
    }
    found
}

/// Two rows of an outline must not share a name: the last passing run is found by it. What tells them apart is what their
/// rows say, not where they stand: a new first row must not give every other one another's past.
pub(super) fn name_rows_apart(original: &gherkin::Feature, feature: &mut gherkin::Feature) {
    let name_apart = |originals: &[gherkin::Scenario], scenarios: &mut [gherkin::Scenario]| {
        let mut next = 0;
        for outline in originals {
            let rows = rows_of(outline);
            let expanded = &mut scenarios[next..next + rows];
            next += rows;
            let names: Vec<String> = expanded.iter().map(|scenario| scenario.name.clone()).collect();
            for scenario in expanded.iter_mut() {
                if names.iter().filter(|name| **name == scenario.name).count() > 1 {
                    scenario.name = format!("{} ({})", scenario.name, said_row(scenario));
                }
            }
        }
    };
    name_apart(&original.scenarios, &mut feature.scenarios);
    for (original, rule) in original.rules.iter().zip(&mut feature.rules) {
        name_apart(&original.scenarios, &mut rule.scenarios);
    }
}

pub(super) fn rows_of(outline: &gherkin::Scenario) -> usize {
    if outline.examples.is_empty() {
        return 1;
    }
    let tables = outline.examples.iter().filter_map(|examples| examples.table.as_ref());
    tables.map(|table| table.rows.len().saturating_sub(1)).sum()
}

pub(super) fn said_row(scenario: &gherkin::Scenario) -> String {
    let table = scenario.examples.first().and_then(|examples| examples.table.as_ref());
    let Some([columns, values, ..]) = table.map(|table| table.rows.as_slice()) else { return String::new() };
    let said = columns.iter().zip(values).map(|(column, value)| format!("{column}: {value}"));
    said.collect::<Vec<_>>().join(", ")
}
