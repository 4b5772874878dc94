//! Several scenarios for somebody at a terminal: a row each, with the codes that say why.

use textwrap::core::display_width;

use crate::check::Outcome;
use crate::diagnose::say::lasting;

use super::page::{BOLD, DIM, Look, PLAIN, Page, cut, style_of};
use super::suite::{Ran, SuiteVerdict};
use super::verdict::Verdict;
use super::words::{mark, tally};

/// The verdicts of a call, a row each; an attempt that was not the last has a row of its own.
pub fn suite_terminal(suite: &SuiteVerdict, look: Look) -> String {
    let mut page = Page::new(look);
    page.blank();
    page.line(&[("Suite ", BOLD), (&suite.suite_id, BOLD)]);
    let names = suite.scenarios.iter().map(|ran| ran.verdict.scenario.as_str());
    let names = names.chain(suite.not_run.iter().map(|not_run| not_run.scenario.as_str()));
    let width = names.map(display_width).max().unwrap_or(0).min(page.width() * 2 / 5);
    let padded = |name: &str| {
        let name = cut(name, width);
        let padding = " ".repeat(width.saturating_sub(display_width(&name)));
        format!("{name}{padding}")
    };
    for ran in &suite.scenarios {
        for (index, verdict) in ran.attempts().enumerate() {
            let took = format!("  {:>6}", lasting(verdict.duration_us));
            let label = format!("{} {}{took}  ", mark(verdict.outcome), padded(&verdict.scenario));
            let said = row(ran, index, verdict);
            page.labelled(display_width(&label), (&label, style_of(verdict.outcome)), (&said, PLAIN));
        }
    }
    for not_run in &suite.not_run {
        let label = format!("! {}  not run  ", padded(&not_run.scenario));
        page.labelled(
            display_width(&label),
            (&label, style_of(Outcome::Inconclusive)),
            (&not_run.reason, PLAIN),
        );
    }
    for note in &suite.notes {
        page.labelled(2, ("· ", DIM), (note, PLAIN));
    }
    let outcomes = tally(suite.scenarios.iter().filter(|ran| ran.counts()).map(|ran| ran.verdict.outcome));
    let line = format!("{outcomes}{} · exit {}", suite.aside(), suite.exit_code);
    page.labelled(0, ("", PLAIN), (&line, DIM));
    page.finish()
}

fn row(ran: &Ran, attempt: usize, verdict: &Verdict) -> String {
    let mut parts = vec![reasons(verdict)];
    if let Some(spend) = &verdict.spend
        && let Some(residual) = spend.residual_per_hour.as_ref().filter(|residual| **residual != "0.00")
    {
        parts.push(format!("{residual} {}/h residual", spend.currency));
    }
    if !ran.earlier_attempts.is_empty() {
        parts.push(format!("attempt {} of {}", attempt + 1, ran.earlier_attempts.len() + 1));
    }
    parts.extend(ran.quarantine.as_ref().map(|quarantine| quarantine.said()));
    parts.join(" · ")
}

/// The codes of what did not pass, and of why; each once.
pub(super) fn reasons(verdict: &Verdict) -> String {
    let mut codes: Vec<&str> = Vec::new();
    for judged in verdict.worst_first().into_iter().filter(|judged| judged.finding.outcome != Outcome::Pass) {
        let causes = judged.causes.iter().map(|cause| cause.code.as_str());
        for code in std::iter::once(judged.finding.code.as_str()).chain(causes) {
            if !codes.contains(&code) {
                codes.push(code);
            }
        }
    }
    match codes.is_empty() {
        true => verdict.outcome.as_str().to_owned(),
        false => format!("{}: {}", verdict.outcome.as_str(), codes.join(", ")),
    }
}
