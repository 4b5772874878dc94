//! The rows of a suite's table, the same for the terminal and for Markdown.

use crate::check::Outcome;
use crate::diagnose::say::lasting;

use super::suite::{ScenarioResult, SuiteVerdict};
use super::verdict::Verdict;
use super::words::{mark, tally};

/// An attempt at a scenario, or a scenario that was not run.
pub(super) struct Row<'a> {
    pub(super) mark: &'static str,
    /// Colours the row.
    pub(super) outcome: Outcome,
    pub(super) scenario: &'a str,
    /// Which attempt of how many; of one that was not run, none.
    pub(super) attempt: Option<(usize, usize)>,
    pub(super) took: Option<String>,
    /// What the end costs above the baseline, where that is judged.
    pub(super) residual: Option<String>,
    /// The outcome and the first cause.
    pub(super) said: String,
    /// More about it: why it was not run, what the quarantine means for it.
    pub(super) more: Option<String>,
}

/// All rows, in the order of the run.
pub(super) fn rows(suite: &SuiteVerdict) -> Vec<Row<'_>> {
    let mut rows: Vec<Row<'_>> = suite.scenarios.iter().flat_map(of_scenario).collect();
    rows.extend(suite.not_run.iter().map(|not_run| Row {
        mark: "!",
        outcome: Outcome::Inconclusive,
        scenario: &not_run.scenario,
        attempt: None,
        took: None,
        residual: None,
        said: format!("not run ({})", not_run.code.as_str()),
        more: Some(not_run.reason.clone()),
    }));
    rows
}

fn of_scenario(result: &ScenarioResult) -> Vec<Row<'_>> {
    let of = result.attempts();
    let attempts = result.earlier_attempts.iter().chain([&result.verdict]).enumerate();
    let row = |(i, verdict)| Row {
        more: (i + 1 == of).then(|| quarantine(result)).flatten(),
        ..of_attempt(verdict, (i + 1, of))
    };
    attempts.map(row).collect()
}

fn of_attempt(verdict: &Verdict, attempt: (usize, usize)) -> Row<'_> {
    let judged = verdict.findings.iter().any(|judged| judged.finding.id.starts_with("idle-spend"));
    let spend = verdict.spend.as_ref().filter(|_| judged);
    let residual = spend.and_then(|spend| {
        let per_hour = spend.residual_per_hour.as_ref()?;
        Some(format!("{per_hour} {}/h", spend.currency))
    });
    let went_wrong = short_exit_meaning(verdict.exit_code);
    Row {
        mark: if went_wrong.is_some() { "!" } else { mark(verdict.outcome) },
        outcome: if went_wrong.is_some() {
            verdict.outcome.max(Outcome::Inconclusive)
        } else {
            verdict.outcome
        },
        scenario: &verdict.scenario,
        attempt: Some(attempt),
        took: Some(lasting(verdict.duration_us)),
        residual,
        said: match went_wrong {
            Some(wrong) => format!("{wrong}; {}", said(verdict)),
            None => said(verdict),
        },
        more: None,
    }
}

/// The outcome, the cause of the worst finding, and how many others there are.
fn said(verdict: &Verdict) -> String {
    let outcome = verdict.outcome.as_str();
    let bad = verdict.worst_first().into_iter().filter(|judged| judged.finding.outcome != Outcome::Pass);
    let bad: Vec<_> = bad.collect();
    let Some(worst) = bad.first() else { return outcome.to_owned() };
    let first = match worst.causes.first() {
        Some(cause) => format!("{} ({})", cause.code, cause.object),
        None => worst.finding.code.clone(),
    };
    match bad.len() - 1 {
        0 => format!("{outcome}: {first}"),
        more => format!("{outcome}: {first}, {more} more"),
    }
}

/// What an exit code says that an outcome does not.
fn short_exit_meaning(code: u8) -> Option<&'static str> {
    match code {
        3 => Some("interrupted"),
        4 => Some("HEAL INCOMPLETE"),
        5 => Some("refused"),
        6 => Some("history lost"),
        70 => Some("internal error"),
        _ => None,
    }
}

/// What the quarantine means for a result.
pub(super) fn quarantine(result: &ScenarioResult) -> Option<String> {
    let entry = result.quarantine.as_ref()?;
    let effect = match (result.counts, result.verdict.exit_code, entry.expired) {
        (false, ..) => "does not count",
        (true, 0, _) => "passes: the entry can go",
        (true, _, true) => "counts again",
        (true, _, false) => "counts all the same: this is never put up with",
    };
    Some(format!("{}; {effect}", entry.words()))
}

/// The line of totals.
pub(super) fn totals(suite: &SuiteVerdict) -> String {
    let counted = suite.scenarios.iter().filter(|result| result.counts);
    let mut parts = Vec::new();
    if counted.clone().count() > 0 || suite.scenarios.is_empty() {
        parts.push(tally(counted.clone().map(|result| result.verdict.outcome)));
    }
    let mut add = |n: usize, words: &str| {
        if n > 0 {
            parts.push(format!("{n} {words}"));
        }
    };
    let later = counted.filter(|result| result.attempts() > 1 && result.verdict.outcome == Outcome::Pass);
    add(later.count(), "of them at a later attempt");
    add(suite.scenarios.iter().filter(|result| !result.counts).count(), "in quarantine, not counted");
    add(suite.not_run.len(), "not run");
    if let Some(selection) = &suite.selection {
        parts.push(format!("{} of {} selected", selection.selected, selection.of));
    }
    parts.join(" · ")
}
