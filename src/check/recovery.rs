//! Recovery: from the deadline on, each objective is met in every 5 s until the hold ends.

use crate::history::LoadWindow;
use crate::scenario::{Objective, Recovery};
use crate::slo::{Counts, Slices, WINDOW_US, enough_events, events_needed, within};

use super::case::{Case, LOAD};
use super::codes::Code;
use super::draft::Said;
use super::finding::Finding;
use super::hold::Timed;
use super::objectives::{low_traffic, not_counted, void_by_unsent};
use super::premises::SLICE;
use super::words::{event, instant, list, percent, span};

const ID: &str = "recovery";

/// The finding about recovery, where that is expected.
pub(super) fn check(case: &Case<'_>) -> Vec<Finding> {
    let Some(expected) = &case.scenario.expect.recovery else { return Vec::new() };
    case.guard(ID, || vec![one(case, expected)])
}

fn expectation(case: &Case<'_>, expected: &Recovery) -> String {
    let window = case.window(ID);
    format!(
        "From {} after {} on, each objective is met in every {SLICE} s for {}.",
        span(expected.within.us),
        event(window.anchor),
        span(window.hold_us)
    )
}

/// How one objective fared in the hold.
enum Fared {
    Met { counts: Counts },
    Missed { slice_us: u64, counts: Counts },
    TooFew { counts: Counts },
}

fn one(case: &Case<'_>, expected: &Recovery) -> Finding {
    let draft = case.draft(ID, expectation(case, expected));
    let timed = match case.timed(case.window(ID), expected.within.us) {
        Ok(timed) => timed,
        Err(said) => return draft.conclude(said, &[]),
    };
    let mut draft = draft.timed(&timed);
    let latency = case.scenario.slo.values().any(|objective| objective.under.is_some());
    let mut broken = case.request_premises(latency, timed.deadline_us, timed.hold_end_us);
    void_by_unsent(&mut broken);
    // A second counts where it lies wholly in the hold; one that begins before the deadline may still be bad.
    let windows = within(&case.tracks.load, timed.deadline_us, timed.hold_end_us);
    let (mut missed, mut few, mut met) = (Vec::new(), None, Vec::new());
    for (name, objective) in &case.scenario.slo {
        let fared = match fared(case, windows, objective) {
            Ok(fared) => fared,
            Err(said) => return draft.conclude(said, &[]),
        };
        match fared {
            Fared::Met { counts } => {
                met.push(format!("\"{name}\" {}", percent(counts.good, counts.total)));
                draft = draft.evidence(name, format!("{} of {} requests good", counts.good, counts.total));
            }
            Fared::TooFew { counts } => {
                few.get_or_insert(low_traffic(counts, events_needed(objective.target, 1.0)));
            }
            Fared::Missed { slice_us, counts } => missed.push(format!(
                "\"{name}\" had {} good in the {SLICE} s from {} on, and needs {}",
                percent(counts.good, counts.total),
                instant(slice_us, timed.anchor_us, event(timed.anchor)),
                objective.target
            )),
        }
    }
    if let Some(met_us) = met_from(case, &timed) {
        draft = draft.evidence("met from", instant(met_us, timed.anchor_us, event(timed.anchor)));
    }
    let said = if !missed.is_empty() {
        Said::fail(Code::NotRecovered, format!("Not recovered: {}.", list(&missed)))
    } else if let Some(said) = blind(case, &timed) {
        said
    } else if let Some(said) = few {
        said
    } else if met.is_empty() {
        Said::inconclusive(Code::LowTraffic, "There is no objective, or no whole second, to judge by.")
    } else {
        Said::pass(Code::Recovered, format!("Every {SLICE} s were good enough: {} good.", list(&met)))
    };
    draft.conclude(said, &broken)
}

/// A slice of too few requests is not judged by a single bad one; where no slice is bad, all of them together must be
/// enough to say so.
fn fared(case: &Case<'_>, windows: &[LoadWindow], objective: &Objective) -> Result<Fared, Said> {
    let counts = case.counts(windows, objective).map_err(not_counted)?;
    let mut few = None;
    for slice in contiguous(windows) {
        let counts = case.counts(slice, objective).map_err(not_counted)?;
        if objective.target.met_by(counts.good, counts.total) {
            continue;
        }
        if enough_events(counts, objective.target, 1.0) {
            return Ok(Fared::Missed { slice_us: slice[0].from_us, counts });
        }
        few.get_or_insert(counts);
    }
    Ok(match few {
        Some(counts) => Fared::TooFew { counts },
        None if !enough_events(counts, objective.target, 1.0) => Fared::TooFew { counts },
        None => Fared::Met { counts },
    })
}

/// Slices without a hole in them.
fn contiguous(windows: &[LoadWindow]) -> impl Iterator<Item = &[LoadWindow]> {
    let whole = |slice: &&[LoadWindow]| match (slice.first(), slice.last()) {
        (Some(first), Some(last)) => last.from_us - first.from_us == (slice.len() as u64 - 1) * WINDOW_US,
        _ => false,
    };
    Slices::of(windows, SLICE).filter(whole)
}

fn blind(case: &Case<'_>, timed: &Timed) -> Option<Said> {
    let first_us = timed.deadline_us.div_ceil(WINDOW_US) * WINDOW_US;
    let last_us = timed.hold_end_us / WINDOW_US * WINDOW_US;
    let gap = case.gap(LOAD, first_us, last_us.max(first_us))?;
    Some(case.blind(LOAD, gap, timed.hold_end_us))
}

/// The end of the last slice since the anchor in which some objective was missed.
fn met_from(case: &Case<'_>, timed: &Timed) -> Option<u64> {
    let windows = within(&case.tracks.load, timed.anchor_us, timed.hold_end_us);
    let missed = |slice: &&[LoadWindow]| {
        case.scenario.slo.values().any(|objective| {
            case.counts(slice, objective)
                .is_ok_and(|counts| !objective.target.met_by(counts.good, counts.total))
        })
    };
    let last = contiguous(windows).filter(missed).last();
    Some(last.map_or(timed.anchor_us, |slice| slice[slice.len() - 1].from_us + WINDOW_US))
}
