//! Gherkin's own parser and expansion of outlines, with the place of every part of a step.
//!
//! The parser knows the line of a step, not where its values, cells and texts stand. So its steps are matched in order with
//! those that [`super::lines`] saw, and must be the same. A text that an outline filled in maps to the cell that it came from.

mod examples;
mod text;

use std::ops::Range;

use cucumber::feature::Ext;
use gherkin::GherkinEnv;

use crate::scenario::diagnostic::Diagnostic;
use crate::scenario::problems::{Problems, SourceId};
use crate::scenario::tree::Place;

use super::lines::{Lines, RawScenario, RawStep};
use super::phrase::Keyword;
use examples::{check_placeholders, name_rows_apart, placeholders, rows_of, texts};
use text::{Row, filled, rows};

pub(super) use text::Text;

/// A scenario as it is run: of an outline, one row.
#[derive(Debug)]
pub(super) struct Expanded {
    /// Its rule, by position.
    pub(super) rule: Option<usize>,
    /// Its position among the scenarios of the feature, or of the rule.
    pub(super) index: usize,
    pub(super) name: String,
    pub(super) name_place: Place,
    pub(super) tags: Vec<String>,
    pub(super) steps: Vec<Step>,
}

/// A step as it is run.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) keyword: Keyword,
    /// It begins with `But`.
    pub(super) is_but: bool,
    pub(super) keyword_place: Place,
    pub(super) text: Text,
    pub(super) rows: Vec<Vec<Text>>,
    pub(super) doc_string: Option<DocString>,
}

/// A text below a step.
#[derive(Debug)]
pub(super) enum DocString {
    /// As it stands in the file, where it begins.
    Written(String, usize),
    /// With placeholders filled in; its lines are no lines of the file.
    Filled(String),
}

/// Parses a feature whose lines are known to be sound, and expands its outlines.
pub(super) fn expand(
    name: &str,
    text: &str,
    lines: &Lines,
    problems: &Problems,
) -> Option<(gherkin::Feature, Vec<Expanded>)> {
    let mut feature = match gherkin::Feature::parse(without_blanks(text), GherkinEnv::default()) {
        Ok(feature) => feature,
        // Its own message varies between runs, and its position is not to be had.
        Err(_) => {
            let first = lines.scenarios.first().map_or(1, |scenario| scenario.line);
            not_understood(text, first, problems);
            return None;
        }
    };
    feature.path = Some(name.into());
    if !agrees(&feature, text, lines, problems) {
        return None;
    }
    if !check_placeholders(text, lines, problems) {
        return None;
    }
    let original = feature.clone();
    let mut feature = match feature.expand_examples() {
        Ok(feature) => feature,
        Err(error) => {
            not_understood(text, error.pos.line, problems);
            return None;
        }
    };
    name_rows_apart(&original, &mut feature);
    let scenarios = scenarios(&original, &feature, text, lines);
    Some((feature, scenarios))
}

/// The scenarios of a file that no parser can be trusted with, to find the mistakes within their steps, too. Outlines are
/// left out: what their placeholders stand for is not known.
pub(super) fn as_scanned(text: &str, lines: &Lines) -> Vec<Expanded> {
    let sound = lines.backgrounds.iter().chain(&lines.scenarios).filter(|raw| {
        let has_placeholder = texts(raw).into_iter().any(|place| !placeholders(&text[place]).is_empty());
        raw.examples.is_empty() && !has_placeholder
    });
    let of = |raw: &RawScenario| {
        let mut keyword = Keyword::Given;
        let steps = raw.steps.iter().map(|step| {
            keyword = match step.meant {
                "Given" => Keyword::Given,
                "When" => Keyword::When,
                "Then" => Keyword::Then,
                _ => keyword,
            };
            scanned_step(text, step, keyword)
        });
        Expanded {
            rule: None,
            index: 0,
            name: text[raw.name.clone()].to_owned(),
            name_place: file(raw.name.clone()),
            tags: Vec::new(),
            steps: steps.collect(),
        }
    };
    sound.map(of).collect()
}

fn scanned_step(text: &str, step: &RawStep, keyword: Keyword) -> Step {
    let as_written = |span: &Range<usize>| filled(&text[span.clone()], span, text, &Row::default());
    Step {
        keyword,
        is_but: step.meant == "But",
        keyword_place: file(step.keyword.clone()),
        text: as_written(&step.text),
        rows: step.rows.iter().map(|row| row.iter().map(as_written).collect()).collect(),
        doc_string: step
            .doc_string
            .as_ref()
            .map(|span| DocString::Written(text[span.clone()].to_owned(), span.start)),
    }
}

/// The text with its blank lines empty: the parser takes one that holds a space, between tags and what they stand above,
/// for a mistake.
fn without_blanks(text: &str) -> String {
    let lines = text.split('\n').map(|line| if line.trim().is_empty() { "" } else { line });
    lines.collect::<Vec<_>>().join("\n")
}

/// The parser gave up on lines in which nothing wrong was seen.
fn not_understood(text: &str, line: usize, problems: &Problems) {
    let start: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let start = start.min(text.len().saturating_sub(1));
    let end = text[start..].find('\n').map_or(text.len(), |end| start + end);
    problems.add(
        Diagnostic::error("syntax", "this is not understood as Gherkin, here or shortly before"),
        Some(&file(start..end)),
        "Gherkin's parser stops here",
    );
}

fn file(span: Range<usize>) -> Place {
    Place { source: SourceId::FILE, span }
}

/// Whether the parser saw the very steps that the scan saw, on the same lines: backgrounds and scenarios in the order of the
/// file.
fn agrees(feature: &gherkin::Feature, text: &str, lines: &Lines, problems: &Problems) -> bool {
    let mut backgrounds = lines.backgrounds.iter();
    let mut scenarios = lines.scenarios.iter();
    let fits = |steps: &[gherkin::Step], raw: Option<&RawScenario>| {
        let Some(raw) = raw else {
            not_understood(text, text.lines().count(), problems);
            return false;
        };
        let same = |(step, raw): (&gherkin::Step, &RawStep)| {
            step.value == text[raw.text.clone()] && step.position.line == raw.line
        };
        let fits = steps.len() == raw.steps.len() && steps.iter().zip(&raw.steps).all(same);
        if !fits {
            not_understood(text, raw.line, problems);
        }
        fits
    };
    let mut same = true;
    let rules = feature.rules.iter().map(|rule| (&rule.background, &rule.scenarios));
    for (background, own) in std::iter::once((&feature.background, &feature.scenarios)).chain(rules) {
        if let Some(background) = background {
            same &= fits(&background.steps, backgrounds.next());
        }
        for scenario in own {
            same &= fits(&scenario.steps, scenarios.next());
        }
    }
    if let Some(left) = backgrounds.next().or_else(|| scenarios.next()).filter(|_| same) {
        not_understood(text, left.line, problems);
        return false;
    }
    same
}

fn scenarios(
    original: &gherkin::Feature,
    feature: &gherkin::Feature,
    text: &str,
    lines: &Lines,
) -> Vec<Expanded> {
    let mut raw_backgrounds = lines.backgrounds.iter();
    let mut raw_scenarios = lines.scenarios.iter();
    let mut found = Vec::new();
    let whole = feature
        .background
        .as_ref()
        .and_then(|background| Some((background.steps.as_slice(), raw_backgrounds.next()?)));
    let mut collect = |rule: Option<usize>,
                       originals: &[gherkin::Scenario],
                       scenarios: &[gherkin::Scenario],
                       backgrounds: &[(&[gherkin::Step], &RawScenario)],
                       tags: &[&[String]]| {
        let mut index = 0;
        for outline in originals {
            let Some(raw) = raw_scenarios.next() else { return };
            for row in rows(text, raw) {
                let scenario = &scenarios[index];
                let mut steps = Vec::new();
                for (background, raw) in backgrounds {
                    steps.extend(
                        background
                            .iter()
                            .zip(&raw.steps)
                            .map(|(step, raw)| read(step, raw, text, &Row::default())),
                    );
                }
                steps.extend(
                    scenario.steps.iter().zip(&raw.steps).map(|(step, raw)| read(step, raw, text, &row)),
                );
                let mut all_tags: Vec<String> = Vec::new();
                for tag in tags.iter().copied().flatten().chain(&scenario.tags) {
                    if !all_tags.contains(tag) {
                        all_tags.push(tag.clone());
                    }
                }
                found.push(Expanded {
                    rule,
                    index,
                    name: scenario.name.clone(),
                    name_place: file(raw.name.clone()),
                    tags: all_tags,
                    steps,
                });
                index += 1;
            }
            debug_assert_eq!(rows_of(outline), rows(text, raw).len());
        }
    };
    let backgrounds: Vec<_> = whole.into_iter().collect();
    collect(None, &original.scenarios, &feature.scenarios, &backgrounds, &[&feature.tags]);
    for (position, (original, rule)) in original.rules.iter().zip(&feature.rules).enumerate() {
        let mut backgrounds = backgrounds.clone();
        if let Some(background) = &rule.background
            && let Some(raw) = raw_backgrounds.next()
        {
            backgrounds.push((background.steps.as_slice(), raw));
        }
        collect(
            Some(position),
            &original.scenarios,
            &rule.scenarios,
            &backgrounds,
            &[&feature.tags, &rule.tags],
        );
    }
    found
}

fn read(step: &gherkin::Step, raw: &RawStep, text: &str, row: &Row<'_>) -> Step {
    let table = step.table.as_ref().map(|table| table.rows.as_slice()).unwrap_or_default();
    let rows = table.iter().zip(&raw.rows).map(|(cells, spans)| {
        cells.iter().zip(spans).map(|(cell, span)| filled(cell, span, text, row)).collect()
    });
    let doc_string = step.docstring.as_ref().zip(raw.doc_string.as_ref()).map(|(filled, span)| {
        let written = &text[span.clone()];
        let filled_in =
            placeholders(written).iter().any(|(_, name)| row.cells.iter().any(|(known, _)| known == name));
        if filled_in {
            DocString::Filled(filled.clone())
        } else {
            DocString::Written(written.to_owned(), span.start)
        }
    });
    Step {
        keyword: match step.ty {
            gherkin::StepType::Given => Keyword::Given,
            gherkin::StepType::When => Keyword::When,
            gherkin::StepType::Then => Keyword::Then,
        },
        is_but: step.keyword.trim() == "But",
        keyword_place: file(raw.keyword.clone()),
        text: filled(&step.value, &raw.text, text, row),
        rows: rows.collect(),
        doc_string,
    }
}
