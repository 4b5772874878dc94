//! Parts of a verdict in words, shared by the formats that people read.

use crate::check::{Finding, Outcome};
use crate::diagnose::say::{count, lasting, relative};

use super::verdict::{FaultSummary, LoadSummary, Percentiles, SpendSummary, StopSummary, Verdict};
use super::words::{latency, percent};

/// What makes the whole verdict less than it could be.
pub(super) fn trouble(verdict: &Verdict) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(signal) = &verdict.interrupted {
        lines.push(format!("ended early by {signal}"));
    }
    if !verdict.sealed {
        lines.push("the history has no seal: springback or its disk died before the end of the run".into());
    }
    for stop in &verdict.stops {
        lines.push(format!("stopped early: {}", self::stop(stop, verdict.zero_us())));
    }
    lines
}

/// Which attempt it is, unless it is the first.
pub(super) fn attempt(verdict: &Verdict) -> Option<String> {
    (verdict.attempt > 1).then(|| format!("attempt {}", verdict.attempt))
}

/// The owner and the runbook.
pub(super) fn whom_to_ask(verdict: &Verdict) -> Option<String> {
    let owner = verdict.owner.as_ref().map(|owner| match &owner.cost_center {
        Some(cost_center) => format!("owner {} ({cost_center})", owner.team),
        None => format!("owner {}", owner.team),
    });
    let runbook = verdict.runbook.as_ref().map(|link| format!("runbook {link}"));
    let parts: Vec<String> = owner.into_iter().chain(runbook).collect();
    (!parts.is_empty()).then(|| parts.join(" · "))
}

/// What decided a pass, and what was to spare.
pub(super) fn passed(finding: &Finding) -> String {
    match margin(finding) {
        Some(margin) => format!("{} ({margin})", finding.text),
        None => finding.text.clone(),
    }
}

/// How early or late it was, and how exactly that is known: `5.8s to spare, exact`.
pub(super) fn margin(finding: &Finding) -> Option<String> {
    let margin_us = finding.margin_us?;
    let length = lasting(margin_us.unsigned_abs());
    let words = if margin_us < 0 { format!("{length} too late") } else { format!("{length} to spare") };
    Some(match finding.resolution_us {
        None => words,
        Some(0) => format!("{words}, exact"),
        Some(resolution_us) => format!("{words}, ±{}", lasting(resolution_us)),
    })
}

/// Which expectation it is, its code, when it was judged, and which line set the bound.
pub(super) fn provenance(finding: &Finding, zero_us: u64) -> String {
    let mut parts = vec![finding.id.clone(), finding.code.clone()];
    if let Some(anchor) = &finding.anchor {
        parts.push(format!("{} at {}", anchor.anchor, relative(anchor.t_us, zero_us)));
    }
    if let Some((from_us, to_us)) = finding.window_us {
        parts.push(format!("judged {} to {}", relative(from_us, zero_us), relative(to_us, zero_us)));
    }
    parts.extend(margin(finding));
    if let Some(origin) = &finding.origin {
        parts.push(format!("{}:{}", origin.source, origin.line));
    }
    parts.join(" · ")
}

/// The evidence on one line.
pub(super) fn numbers(finding: &Finding) -> Option<String> {
    let parts: Vec<String> =
        finding.evidence.iter().map(|evidence| format!("{} {}", evidence.name, evidence.value)).collect();
    (!parts.is_empty()).then(|| parts.join(" · "))
}

/// A phase shorter than this was only passed through.
const WORTH_SHOWING_US: u64 = 100_000;

/// The phases that took time, and how long.
pub(super) fn phases(verdict: &Verdict) -> String {
    let parts: Vec<String> = verdict
        .phases
        .iter()
        .filter(|phase| phase.to_us - phase.from_us >= WORTH_SHOWING_US)
        .map(|phase| format!("{} {}", phase.phase, lasting(phase.to_us - phase.from_us)))
        .collect();
    parts.join(" · ")
}

/// A fault from injection to heal.
pub(super) fn fault(fault: &FaultSummary, zero_us: u64) -> String {
    let mut parts = Vec::new();
    let action = fault.action.as_deref().unwrap_or("never decided");
    let group = fault.group.as_deref().unwrap_or_default();
    let what = match (action, &fault.object, fault.victims.as_slice()) {
        ("scale", Some(to), _) => format!("{action} {group} {to}"),
        (_, Some(object), []) => format!("{action} {object}"),
        (_, Some(object), victims) => format!("{action} {object} with {}", some_of(victims)),
        ("partition", None, _) | (_, None, []) => format!("{action} {group}").trim_end().to_owned(),
        (_, None, victims) => format!("{action} {}", some_of(victims)),
    };
    let ends = !matches!(action, "scale" | "partition" | "manifest");
    match fault.at_us {
        Some(at_us) => parts.push(format!("{what} at {}", relative(at_us, zero_us))),
        None => parts.push(format!("{what}, not injected")),
    }
    parts.extend(fault.problem.clone());
    if let Some(effect) = &fault.effect {
        parts.push(match effect.remaining.as_slice() {
            [] => format!("{}, seen by {}", effect.detail.as_deref().unwrap_or("gone"), effect.seen_by),
            remaining if !ends => some_of(remaining),
            remaining => format!("still there: {} (seen by {})", some_of(remaining), effect.seen_by),
        });
    } else if fault.injected {
        parts.push("effect never seen".into());
    }
    if let Some(after_us) = fault.replaced_after_us {
        parts.push(format!("replaced after {}", lasting(after_us)));
    }
    if let Some(healed) = &fault.healed {
        let outcome = if healed.complete { "healed" } else { "NOT HEALED" };
        let detail = if healed.complete { String::new() } else { format!(": {}", healed.detail) };
        parts.push(format!("{outcome} at {}{detail}", relative(healed.t_us, zero_us)));
    }
    parts.join(" · ")
}

/// Names, but no more than can be taken in.
fn some_of(names: &[String]) -> String {
    const SHOWN: usize = 6;
    let shown = names.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// What was planned and what left.
pub(super) fn delivery(load: &LoadSummary) -> String {
    let mut parts = vec![
        format!("{} planned", count(load.planned)),
        format!("{} sent ({})", count(load.sent), percent(load.sent, load.planned)),
        format!("{} late", count(load.late)),
    ];
    parts.extend(load.unsent.iter().map(|(cause, n)| format!("{} not sent: {cause}", count(*n))));
    parts.join(" · ")
}

/// How what was sent was answered.
pub(super) fn answers(load: &LoadSummary) -> String {
    let mut parts = vec![format!("{} answered well ({})", count(load.ok), percent(load.ok, load.planned))];
    parts.extend(load.failed.iter().map(|(status, n)| format!("{} with {status}", count(*n))));
    parts.extend(load.errors.iter().map(|(kind, n)| format!("{} {kind}", count(*n))));
    parts.join(" · ")
}

/// One line for each kind of latency that is known.
pub(super) fn latencies(load: &LoadSummary) -> Vec<String> {
    let line = |name: &str, of: Option<Percentiles>| of.map(|of| format!("{name} {}", percentiles(&of)));
    [line("response", load.response), line("service ", load.service)].into_iter().flatten().collect()
}

fn percentiles(of: &Percentiles) -> String {
    let values = [
        ("p50", of.p50_ms),
        ("p90", of.p90_ms),
        ("p99", of.p99_ms),
        ("p99.9", of.p999_ms),
        ("max", of.max_ms),
    ];
    values.map(|(name, ms)| format!("{name} {}", latency(ms))).join(" · ")
}

/// What it cost, and what it goes on costing.
pub(super) fn spend(spend: &SpendSummary) -> String {
    let currency = &spend.currency;
    let mut parts = vec![format!("{} {currency} in all", spend.total)];
    if let Some(baseline) = &spend.baseline_per_hour {
        parts.push(format!("baseline {baseline} {currency}/h"));
    }
    parts.push(format!("at the end {} {currency}/h", spend.end_per_hour));
    if let Some((hour, month)) = spend.residual_per_hour.as_ref().zip(spend.residual_per_month.as_ref()) {
        parts.push(format!("residual {hour} {currency}/h, {month} {currency} a month"));
    }
    parts.join(" · ")
}

/// A stop condition that tripped.
pub(super) fn stop(stop: &StopSummary, zero_us: u64) -> String {
    format!("{} at {}: {}", stop.condition, relative(stop.t_us, zero_us), stop.detail)
}

/// What was set from outside of the scenario's file: `slo.latency.under = 2s (profile staging)`.
pub(super) fn overrides(verdict: &Verdict) -> Option<String> {
    const SHOWN: usize = 8;
    let said =
        verdict.overrides.iter().take(SHOWN).map(|one| format!("{} = {} ({})", one.key, one.value, one.from));
    let mut said: Vec<String> = said.collect();
    let more = verdict.overrides.len().saturating_sub(SHOWN);
    if more > 0 {
        said.push(format!("and {more} more"));
    }
    (!said.is_empty()).then(|| format!("not from the scenario's own file: {}", said.join(" · ")))
}

/// The words before a verdict's name in a heading.
pub(super) fn outcome_word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Pass => "Pass",
        Outcome::Fail => "Fail",
        Outcome::Inconclusive => "Inconclusive",
    }
}
