//! Headers, rightly written or not, and what stands under each as a whole.

use std::ops::Range;

use crate::scenario::spelling::nearest;

use super::{Inside, LeadsTo, RawExamples, RawScenario, Scan, starts_with_word};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Header {
    Feature,
    Rule,
    Background,
    Scenario,
    Outline,
    Examples,
}

pub(super) const HEADERS: [(&str, Header); 8] = [
    ("Feature", Header::Feature),
    ("Rule", Header::Rule),
    ("Background", Header::Background),
    ("Scenario", Header::Scenario),
    ("Example", Header::Scenario),
    ("Scenario Outline", Header::Outline),
    ("Scenario Template", Header::Outline),
    ("Examples", Header::Examples),
];

/// The header that a line begins with, and where its colon stands.
pub(super) fn header(trimmed: &str) -> Option<(Header, usize)> {
    let colon = trimmed.find(':')?;
    let name = &trimmed[..colon];
    HEADERS.iter().find(|(known, _)| *known == name).map(|(_, header)| (*header, colon))
}

/// Headers that no sentence of a description begins with.
pub(super) const NEVER_PROSE: [&str; 4] = ["Scenario", "Scenario Outline", "Scenario Template", "Background"];

/// What of a line would be its header: up to the colon, or its first words.
pub(super) fn header_text(trimmed: &str) -> &str {
    match trimmed.find(':') {
        Some(colon) => trimmed[..colon].trim_end(),
        None => {
            let known = HEADERS.iter().filter(|(name, _)| starts_with_word(trimmed, name));
            known.map(|(name, _)| *name).max_by_key(|name| name.len()).unwrap_or_default()
        }
    }
}

/// A header with a slip in it. Where free text may stand, a colon has to be there, since prose may begin with nearly any
/// word.
pub(super) fn misspelt_header(trimmed: &str, prose: bool) -> Option<(&'static str, Header)> {
    let found = header_text(trimmed);
    if found.is_empty() || prose && !trimmed.contains(':') && !NEVER_PROSE.contains(&found) {
        return None;
    }
    let near = nearest(found, HEADERS.iter().map(|(name, _)| *name))?;
    HEADERS.iter().find(|(name, _)| *name == near).copied()
}

impl Scan<'_> {
    pub(super) fn header(&mut self, header: Header, number: usize, span: Range<usize>, after: usize) {
        self.leads_to = LeadsTo::Nothing;
        self.steps_outside = false;
        let tags = std::mem::take(&mut self.tags);
        self.check_order(header, &span);
        if !matches!(header, Header::Examples) {
            self.finish_scenario();
        }
        let rest = self.text.get(after..span.end).unwrap_or_default();
        let name_start = after + (rest.len() - rest.trim_start().len());
        let name = name_start.min(span.end)..span.end;
        let header_span = span.start..after.min(span.end);
        let raw = RawScenario {
            line: number,
            header: header_span.clone(),
            name: name.clone(),
            steps: Vec::new(),
            examples: Vec::new(),
        };
        match header {
            Header::Feature => {
                self.feature = self.feature.or(Some(number));
                self.inside = Inside::Feature;
            }
            Header::Rule => {
                self.inside = Inside::Rule;
                self.in_rule = true;
            }
            Header::Background => {
                self.no_tags(&tags, "`Background:`");
                self.lines.backgrounds.push(raw);
                self.inside = Inside::Background;
            }
            Header::Scenario | Header::Outline => {
                if name.is_empty() {
                    self.complain(
                        "no-name",
                        "this scenario has no name",
                        "say in words what is proven: the last passing run of a scenario is found by its name",
                        header_span,
                        "nothing after the colon",
                    );
                }
                self.is_outline = header == Header::Outline;
                self.lines.scenarios.push(raw);
                self.inside = Inside::Scenario;
            }
            Header::Examples => {
                if let Some(scenario) = self.lines.scenarios.last_mut() {
                    scenario.examples.push(RawExamples { header: header_span, rows: Vec::new() });
                }
                self.inside = Inside::Examples;
                self.leads_to = LeadsTo::Examples;
            }
        }
    }

    pub(super) fn check_order(&mut self, header: Header, span: &Range<usize>) {
        let has_scenario = match self.in_rule {
            true => self.inside != Inside::Rule && self.inside != Inside::Background,
            false => !self.lines.scenarios.is_empty(),
        };
        let (message, help) = match header {
            Header::Feature if self.feature.is_some() => (
                "a file holds one feature, and this is a second `Feature:`",
                "put it into a file of its own, or make it a `Rule:`",
            ),
            _ if self.feature.is_none() && header != Header::Feature => {
                ("this stands before `Feature:`", "begin the file with `Feature:` and its name")
            }
            Header::Background if self.inside == Inside::Background => {
                ("this is a second `Background:`", "put its steps into the first one")
            }
            Header::Background if has_scenario => (
                "`Background:` stands after a scenario",
                "put it before the first scenario: it is read for all of them",
            ),
            Header::Examples if !matches!(self.inside, Inside::Scenario | Inside::Examples) => {
                ("`Examples:` belong to no scenario", "put them under the steps of a `Scenario Outline:`")
            }
            _ => return,
        };
        let message = message.to_owned();
        self.complain("out-of-order", message, help, span.clone(), "not here");
        // What would follow from that is not worth a message of its own.
        self.feature = self.feature.or(Some(0));
    }

    /// Looks at the background or scenario that has just ended as a whole.
    pub(super) fn finish_scenario(&mut self) {
        let (inside, is_outline) = (self.inside, self.is_outline);
        let Some(scenario) = self.current() else { return };
        let (header, empty) = (scenario.header.clone(), scenario.steps.is_empty());
        let without_rows: Vec<Range<usize>> = scenario
            .examples
            .iter()
            .filter(|examples| examples.rows.len() < 2)
            .map(|examples| examples.header.clone())
            .collect();
        let without_examples = is_outline && scenario.examples.is_empty();
        if empty {
            let what = if inside == Inside::Background { "this background" } else { "this scenario" };
            self.complain(
                "no-steps",
                format!("{what} has no steps"),
                "write at least one line that begins with Given, When or Then",
                header.clone(),
                "nothing under it",
            );
        }
        if inside == Inside::Background {
            return;
        }
        if without_examples {
            self.complain(
                "no-examples",
                "this outline has no `Examples:`",
                "add `Examples:` with a table, or write `Scenario:`",
                header,
                "would run not even once",
            );
        }
        for header in without_rows {
            self.complain(
                "no-examples",
                "these examples have no rows",
                "write a row with the names of the placeholders, and below it one row for each run",
                header,
                "would run not even once",
            );
        }
        self.is_outline = false;
    }

    pub(super) fn finish(&mut self) {
        let end = self.text.trim_end().len();
        if let Some((mark, content)) = self.fence {
            self.complain(
                "stray-text",
                "this text is never closed",
                &format!("end it with a line of `{mark}`"),
                content - mark.len()..content,
                "opened here",
            );
        }
        self.finish_scenario();
        let tags = std::mem::take(&mut self.tags);
        self.no_tags(&tags, "the end of the file");
        if self.feature.is_none() {
            if self.sound {
                let message = "this file holds no feature";
                self.complain(
                    "no-scenario",
                    message,
                    "begin it with `Feature:` and its name",
                    0..end.min(1),
                    "no `Feature:`",
                );
            }
        } else if self.lines.scenarios.is_empty() {
            self.complain(
                "no-scenario",
                "this feature holds no scenario",
                "write `Scenario:`, its name, and the steps below it; a suite without scenarios would pass by having proven nothing",
                end.saturating_sub(1)..end,
                "ends here without one",
            );
        }
    }
}
