//! `run --list`: what would be run.

use std::fmt::Write;

use serde::Serialize;

use crate::plan;
use crate::scenario::{Quarantine, Span};

use super::load::Loaded;
use super::{Exit, Output, show};

/// A scenario of a call.
#[derive(Debug, Serialize)]
struct Listed<'a> {
    scenario: &'a str,
    file: &'a str,
    line: u32,
    tags: &'a [String],
    /// The longest that it can take, warm-up included, in seconds.
    at_most_s: f64,
    quarantined_until: Option<String>,
}

/// Prints the scenarios; starts nothing.
pub(super) fn list(loaded: &[Loaded], left_out: usize, quarantine: &[Quarantine], output: Output) -> Exit {
    let listed: Vec<Listed<'_>> = loaded
        .iter()
        .map(|one| {
            let scenario = &one.lowered.scenario;
            let quarantine = quarantine.iter().find(|entry| entry.scenario == scenario.name);
            Listed {
                scenario: &scenario.name,
                file: &one.source.name,
                line: one.line,
                tags: &scenario.tags,
                at_most_s: longest(one).as_secs_f64(),
                quarantined_until: quarantine.map(|entry| entry.until.to_string()),
            }
        })
        .collect();
    match output {
        Output::Json => show::print(&serde_json::to_string_pretty(&listed).expect("a list is plain data")),
        Output::Text => {
            let mut page = String::new();
            for (one, listed) in loaded.iter().zip(&listed) {
                let tags: Vec<String> = listed.tags.iter().map(|tag| format!(" @{tag}")).collect();
                let _ = writeln!(page, "{}{}", listed.scenario, tags.concat());
                let until = listed.quarantined_until.as_ref();
                let quarantine =
                    until.map_or_else(String::new, |until| format!(" · quarantined until {until}"));
                let _ = writeln!(
                    page,
                    "  {}:{} · at most {}{quarantine}",
                    listed.file,
                    listed.line,
                    longest(one)
                );
            }
            let _ = writeln!(page, "{}", counted(loaded.len(), left_out));
            show::print(&page);
        }
    }
    Exit::Pass
}

/// `3 of 13 scenarios selected`.
pub(super) fn counted(chosen: usize, left_out: usize) -> String {
    let all = chosen + left_out;
    let scenarios = if all == 1 { "scenario" } else { "scenarios" };
    if left_out == 0 {
        format!("{all} {scenarios}")
    } else {
        format!("{chosen} of {all} {scenarios} selected")
    }
}

/// The longest that a scenario can take where every anchor comes as planned, the wait for a steady state included.
pub(super) fn longest(one: &Loaded) -> Span {
    // No draw changes how long a run takes.
    let plan = plan::lower(&one.lowered.scenario, 0);
    Span::from_us(plan.warm_up_limit_us + plan.steady_us + plan::longest_us(&plan))
}
