//! `run --list`: what a call would run. Starts nothing.

use std::fmt::Write;

use serde::Serialize;

use crate::history::{Clock, Wall};
use crate::plan;
use crate::report::{QuarantineEntry, Selection, SuiteNote};
use crate::scenario::Span;

use super::load::{Call, Loaded};
use super::{Exit, Output, quarantine, select, show};

/// What `--output json` prints.
#[derive(Serialize)]
struct Listing<'a> {
    selection: Option<&'a Selection>,
    scenarios: Vec<Listed<'a>>,
    notes: Vec<SuiteNote>,
}

#[derive(Serialize)]
struct Listed<'a> {
    scenario: &'a str,
    file: &'a str,
    line: Option<u32>,
    /// Its folder in the suite's.
    folder: &'a str,
    tags: Vec<&'a str>,
    /// The longest that it is planned to take.
    planned_us: u64,
    quarantine: Option<QuarantineEntry>,
}

pub(super) fn list(call: &Call, output: Output) -> Exit {
    let today = quarantine::day(Clock::start(Wall::Machine).unix_ms());
    let listed = |one| listed(one, quarantine::entry(&call.project.quarantine, one.name(), today));
    let listing = Listing {
        selection: call.selection.as_ref(),
        scenarios: call.scenarios.iter().map(listed).collect(),
        notes: quarantine::unmatched(&call.project.quarantine, &call.names()),
    };
    match output {
        Output::Text => show::print(&text(&listing)),
        Output::Json => show::print(&serde_json::to_string_pretty(&listing).expect("a list is plain data")),
    }
    Exit::Pass
}

fn listed(one: &Loaded, quarantine: Option<QuarantineEntry>) -> Listed<'_> {
    let scenario = &one.lowered.scenario;
    Listed {
        scenario: &scenario.name,
        file: &one.source.name,
        line: one.lowered.name_at.as_ref().map(|origin| origin.line),
        folder: &one.stem,
        tags: scenario.tags.iter().map(|tag| tag.strip_prefix('@').unwrap_or(tag)).collect(),
        planned_us: one.planned_us(),
        quarantine,
    }
}

fn text(listing: &Listing<'_>) -> String {
    let mut page = String::new();
    for one in &listing.scenarios {
        let line = one.line.map_or_else(String::new, |line| format!(":{line}"));
        let planned = Span::from_us(one.planned_us);
        let _ = write!(page, "{}\n  {}{line}\n  at most {planned}", one.scenario, one.file);
        let tags: Vec<String> = one.tags.iter().map(|tag| format!("@{tag}")).collect();
        if !tags.is_empty() {
            let _ = write!(page, " · {}", tags.join(" "));
        }
        page.push('\n');
        if let Some(entry) = &one.quarantine {
            let _ = writeln!(page, "  {}", entry.words());
        }
    }
    let total = Span::from_us(listing.scenarios.iter().map(|one| one.planned_us).sum());
    let count = match listing.selection {
        Some(selection) => select::said(selection),
        None => match listing.scenarios.len() {
            1 => "1 scenario".to_owned(),
            n => format!("{n} scenarios"),
        },
    };
    let _ = writeln!(page, "\n{count}, at most {total} in all; nothing is started");
    for note in &listing.notes {
        let _ = writeln!(page, "note: {}: {}", note.code, note.text);
    }
    page
}

impl Loaded {
    /// The longest that it is planned to take, in microseconds.
    pub(super) fn planned_us(&self) -> u64 {
        let scenario = &self.lowered.scenario;
        // The seed only draws what makes no difference to how long it takes.
        plan::whole_us(scenario, &plan::lower(scenario, 0))
    }
}
