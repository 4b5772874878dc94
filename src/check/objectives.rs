//! Objectives: enough requests are good, from the first stimulus to the last recovery deadline.

use crate::history::{LoadWindow, Phase};
use crate::scenario::Objective;
use crate::slo::{
    Budget, Counts, NotCounted, WINDOW_US, count, enough_events, events_needed, within, worst_burns,
};

use super::case::{Case, LOAD};
use super::codes::Code;
use super::draft::{Draft, Said};
use super::finding::Finding;
use super::premises::Broken;
use super::words::{instant, percent, span};

/// One finding for each objective.
pub(super) fn check(case: &Case<'_>) -> Vec<Finding> {
    let checked = case.scenario.slo.iter().flat_map(|(name, objective)| {
        let id = format!("objective-{name}");
        let words = expectation(objective);
        case.guard(&id, || vec![one(case, &id, &words, name, objective)])
    });
    checked.collect()
}

fn expectation(objective: &Objective) -> String {
    match objective.under {
        None => format!("At least {} of requests succeed.", objective.target),
        Some(under) => {
            format!("At least {} of requests are answered within {}.", objective.target, span(under.us))
        }
    }
}

/// The time in which objectives are judged.
#[derive(Debug, Clone, Copy)]
pub(super) struct Judged {
    /// The first stimulus.
    pub(super) from_us: u64,
    /// The last deadline by which something must have recovered (`recovery`, `replacement`), else quiesce; where the
    /// history does not reach so far, when that was planned.
    pub(super) to_us: u64,
    /// Quiesce, and the anchor of the recovery, are on record.
    pub(super) complete: bool,
}

impl Case<'_> {
    /// From the first stimulus to the last recovery deadline, else to quiesce. `None` where nothing was stimulated.
    ///
    /// An ended instance that must be replaced is something that recovers, too: until that deadline the system may be
    /// short of it, and what that does to requests counts.
    pub(super) fn judged(&self) -> Option<Judged> {
        let surges = self.tracks.surges.values().map(|(start, _)| *start);
        let intents: Vec<_> = self.tracks.faults.values().filter_map(|fault| fault.intent.as_ref()).collect();
        let from_us = surges.chain(intents.iter().map(|(t, _)| *t)).min()?;
        let expect = &self.scenario.expect;
        let recovery = expect.recovery.as_ref().map(|expected| {
            let anchor_us = self.tracks.anchor_us(self.window("recovery").anchor);
            anchor_us.map(|anchor_us| anchor_us + expected.within.us)
        });
        let terminated = intents.iter().filter(|(_, intent)| intent.action.ends_some());
        let replaced_us = expect
            .replacement
            .as_ref()
            .and_then(|expected| Some(terminated.map(|(t, _)| *t).max()? + expected.within.us));
        let to_us = match (self.tracks.quiesced_us, recovery) {
            (None, _) | (_, Some(None)) => None,
            (Some(quiesced_us), recovery) => {
                [Some(quiesced_us), recovery.flatten(), replaced_us].into_iter().max()?
            }
        };
        let planned = || {
            let zero_us = self.tracks.phase_us(Phase::Stimulus).unwrap_or(from_us);
            zero_us
                + self.plan.stimulus_us
                + expect.recovery.as_ref().map_or(0, |expected| expected.within.us)
        };
        Some(Judged {
            from_us,
            to_us: to_us.unwrap_or_else(|| planned().max(self.tracks.end_us)),
            complete: to_us.is_some(),
        })
    }

    /// Counts for an objective, by the thresholds that this run was recorded with.
    pub(super) fn counts(&self, windows: &[LoadWindow], objective: &Objective) -> Result<Counts, NotCounted> {
        count(windows, self.thresholds_us(), objective)
    }

    /// The thresholds that this run was recorded with.
    pub(super) fn thresholds_us(&self) -> &[u64] {
        let recorded = self.tracks.header.as_ref().and_then(|header| header.plan.load.as_ref());
        recorded.or(self.plan.load.as_ref()).map_or(&[], |load| &load.thresholds_us)
    }

    /// The premises of everything that is about requests.
    pub(super) fn request_premises(&self, latency: bool, from_us: u64, to_us: u64) -> Vec<Broken> {
        let mut broken = self.faults_effective(|_| true);
        broken.extend(self.undisturbed(self.groups().keys().map(String::as_str), to_us));
        if latency {
            broken.extend(self.latencies_exact(from_us, to_us));
        }
        broken.extend(self.load_delivered());
        broken
    }
}

/// Requests that were not sent could have been good ones, and so many more of them could have kept a rate down: that
/// voids a fail that rests on some seconds only. Seconds that are not on record are other ones, and do not.
pub(super) fn void_by_unsent(broken: &mut [Broken]) {
    let unsent = broken.iter_mut().filter(|premise| premise.code == Code::SurgeNotDelivered);
    unsent.for_each(|premise| premise.voids_fail = true);
}

/// What a run says about an objective that it has no counts for.
pub(super) fn not_counted(error: NotCounted) -> Said {
    Said::inconclusive(Code::ThresholdNotCounted, format!("It cannot be told: {error}."))
}

/// What a share of too few requests is worth.
pub(super) fn low_traffic(counts: Counts, needed: u64) -> Said {
    let text = format!(
        "There were {} requests, and fewer than {needed} say nothing: a single bad one would decide it.",
        counts.total
    );
    Said::inconclusive(Code::LowTraffic, text)
}

fn one(case: &Case<'_>, id: &str, words: &str, name: &str, objective: &Objective) -> Finding {
    let draft = case.draft(id, words.to_owned());
    let Some(judged) = case.judged() else {
        let text = "Nothing was stimulated, so the objective was not put to the test.";
        return draft.conclude(Said::inconclusive(Code::AnchorNotReached, text), &[]);
    };
    let windows = touching(&case.tracks.load, judged.from_us, judged.to_us);
    let counts = match case.counts(windows, objective) {
        Ok(counts) => counts,
        Err(error) => return draft.conclude(not_counted(error), &[]),
    };
    let draft = draft.from("first-stimulus", judged.from_us).over(judged.from_us, judged.to_us);
    let draft = evidence(case, draft, &judged, windows, objective, counts);
    let mut broken = case.request_premises(objective.under.is_some(), judged.from_us, judged.to_us);
    // What we did not send and what is not on record could all have been good: is it lost even so?
    let planned = planned(case, &judged, windows);
    let lost = Budget::is_lost(counts.bad(), planned, objective.target);
    if !lost {
        broken.iter_mut().for_each(|premise| premise.voids_fail = true);
    }
    let good = if objective.under.is_some() { "answered in time" } else { "answered well" };
    let numbers = format!(
        "{} of {} requests ({}) were {good} from the first stimulus on, for {}; {} are needed for \"{name}\".",
        counts.good,
        counts.total,
        percent(counts.good, counts.total),
        span(judged.to_us - judged.from_us),
        objective.target,
    );
    let silent = case.gap(LOAD, judged.from_us / WINDOW_US * WINDOW_US, judged.to_us);
    let undecided = match silent {
        Some(gap) => Some(case.blind(LOAD, gap, judged.to_us)),
        None if !judged.complete => {
            Some(Said::inconclusive(Code::HistoryTooShort, "The history ends before the stimuli did."))
        }
        None => None,
    };
    let enough = enough_events(counts, objective.target, 1.0);
    let said = match undecided {
        Some(_) if lost && enough => {
            let text = format!(
                "{numbers} {} bad ones are more than the {planned} planned requests allow, whatever became of the rest.",
                counts.bad()
            );
            Said::fail(Code::ObjectiveMissed, text)
        }
        Some(said) => said,
        None if !enough => low_traffic(counts, events_needed(objective.target, 1.0)),
        None if objective.target.met_by(counts.good, counts.total) => Said::pass(Code::ObjectiveMet, numbers),
        None => Said::fail(Code::ObjectiveMissed, numbers),
    };
    draft.conclude(said, &broken)
}

/// The windows that overlap `[from_us, to_us)`.
pub(super) fn touching(windows: &[LoadWindow], from_us: u64, to_us: u64) -> &[LoadWindow] {
    let first = windows.partition_point(|window| window.from_us + WINDOW_US <= from_us);
    let last = windows.partition_point(|window| window.from_us < to_us);
    windows.get(first..last).unwrap_or_default()
}

/// Requests that are planned in the judged time: those on record, or, where they are not all, what the plan has.
fn planned(case: &Case<'_>, judged: &Judged, windows: &[LoadWindow]) -> u64 {
    let recorded = windows.iter().map(|window| window.planned).sum::<u64>();
    let zero_us = case.stimulus_us().unwrap_or(judged.from_us);
    let of_plan = case.plan.load.as_ref().map_or(0.0, |load| {
        let (from_us, to_us) = (judged.from_us.saturating_sub(zero_us), judged.to_us.saturating_sub(zero_us));
        let mean = load.expected_between(from_us, to_us + WINDOW_US);
        // Random arrivals can be more than their mean; five standard deviations more they are not.
        if load.surges.iter().any(|surge| surge.poisson) { mean + 5.0 * mean.sqrt() } else { mean }
    });
    recorded.max(of_plan.ceil() as u64)
}

fn evidence(
    case: &Case<'_>,
    mut draft: Draft,
    judged: &Judged,
    windows: &[LoadWindow],
    objective: &Objective,
    counts: Counts,
) -> Draft {
    let lasted_us = judged.to_us - judged.from_us;
    let budget = Budget::of(counts, objective.target, lasted_us);
    draft = draft
        .evidence("good", format!("{} of {} requests", counts.good, counts.total))
        .evidence(
            "bad",
            format!("{} of {} allowed requests", budget.bad, budget.allowed_bad.round_dp(1).normalize()),
        )
        .evidence("budget used", format!("{:.1} %", budget.used * 100.0))
        .evidence("30-day budget used", format!("{:.3} %", budget.used_of_30_days * 100.0));
    for pair in worst_burns(windows, case.thresholds_us(), objective, lasted_us).unwrap_or_default() {
        let name = format!("burn over {} and {}", span(pair.pair.long_us), span(pair.pair.short_us));
        let tripped = if pair.tripped() { "above" } else { "within" };
        draft = draft.evidence(&name, format!("{:.2}, {tripped} {}", pair.worst, pair.pair.burn));
    }
    let load = &case.tracks.load;
    let calm = case.tracks.baseline_window().map(|(from, to)| ("while calm before", within(load, from, to)));
    let after = Some(("in the quiet after", within(load, judged.to_us, u64::MAX)));
    for (name, windows) in calm.into_iter().chain(after) {
        if let Ok(counts) = case.counts(windows, objective)
            && counts.total > 0
        {
            draft = draft.evidence(name, format!("{} of {} requests good", counts.good, counts.total));
        }
    }
    draft
}

/// When a window began, to stand after "from".
pub(super) fn when(case: &Case<'_>, t_us: u64) -> String {
    let (zero_us, zero) = case.zero();
    instant(t_us, zero_us, zero)
}
