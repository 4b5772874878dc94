//! Several scenarios for somebody at a terminal: a line each, with the codes that say why.

use textwrap::core::display_width;

use crate::check::Outcome;
use crate::diagnose::say::lasting;

use super::page::{BOLD, DIM, Look, PLAIN, Page, cut, style_of};
use super::suite::SuiteVerdict;
use super::verdict::Verdict;
use super::words::{mark, tally};

/// The verdicts of a call, one line each.
pub fn suite_terminal(suite: &SuiteVerdict, look: Look) -> String {
    let mut page = Page::new(look);
    page.blank();
    page.line(&[("Suite ", BOLD), (&suite.suite_id, BOLD)]);
    let names = suite.scenarios.iter().map(|verdict| verdict.scenario.as_str());
    let names = names.chain(suite.not_run.iter().map(|not_run| not_run.scenario.as_str()));
    let width = names.map(display_width).max().unwrap_or(0).min(page.width() / 2);
    let padded = |name: &str| {
        let name = cut(name, width);
        let padding = " ".repeat(width.saturating_sub(display_width(&name)));
        format!("{name}{padding}")
    };
    for verdict in &suite.scenarios {
        let style = style_of(verdict.outcome);
        let took = format!("  {:>6}", lasting(verdict.duration_us));
        let label = format!("{} {}{took}  ", mark(verdict.outcome), padded(&verdict.scenario));
        page.labelled(display_width(&label), (&label, style), (&reasons(verdict), PLAIN));
    }
    for not_run in &suite.not_run {
        let label = format!("! {}  not run  ", padded(&not_run.scenario));
        page.labelled(
            display_width(&label),
            (&label, style_of(Outcome::Inconclusive)),
            (&not_run.reason, PLAIN),
        );
    }
    let outcomes = tally(suite.scenarios.iter().map(|verdict| verdict.outcome));
    let not_run = match suite.not_run.len() {
        0 => String::new(),
        n => format!(" · {n} not run"),
    };
    page.line(&[(&format!("{outcomes}{not_run} · exit {}", suite.exit_code), DIM)]);
    page.finish()
}

/// The codes of what did not pass, and of why; each once.
fn reasons(verdict: &Verdict) -> String {
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
