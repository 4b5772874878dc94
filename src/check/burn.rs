//! Burn limits: no window of a run spends an objective's budget faster than allowed.

use crate::scenario::BurnLimit;
use crate::slo::{Burn, WINDOW_US, burns_faster_than, enough_events, events_needed, within};

use super::case::{Case, LOAD};
use super::codes::Code;
use super::draft::Said;
use super::finding::Finding;
use super::objectives::{low_traffic, not_counted, void_by_unsent, when};
use super::words::{percent, span};

/// One finding for each limit.
pub(super) fn check(case: &Case<'_>) -> Vec<Finding> {
    let checked = case.scenario.expect.burn_rate.iter().enumerate().flat_map(|(i, limit)| {
        let id = format!("burn-rate-{i}");
        let words = format!(
            "\"{}\" never burns its budget faster than {} over {}.",
            limit.objective,
            limit.at_most,
            span(limit.over.us)
        );
        case.guard(&id, || vec![one(case, &id, &words, limit)])
    });
    checked.collect()
}

/// Every window of that length that ends in the judged time, a second apart. It may reach back into the calm before,
/// as an alert's would.
fn one(case: &Case<'_>, id: &str, words: &str, limit: &BurnLimit) -> Finding {
    let draft = case.draft(id, words.to_owned());
    let objective = &case.scenario.slo[&limit.objective];
    let Some(judged) = case.judged() else {
        let text = "Nothing was stimulated, so the budget was not put to the test.";
        return draft.conclude(Said::inconclusive(Code::AnchorNotReached, text), &[]);
    };
    let draft = draft.from("first-stimulus", judged.from_us).over(judged.from_us, judged.to_us);
    let mut broken = case.request_premises(objective.under.is_some(), judged.from_us, judged.to_us);
    void_by_unsent(&mut broken);
    let since_us = case.tracks.baseline_window().map_or(judged.from_us, |(from, _)| from);
    let (mut worst, mut thin, mut looked): (Option<(Burn, u64)>, Option<Burn>, u64) = (None, None, 0);
    // The second in which the judged time ends counts whole, as in an objective.
    let last = judged.to_us.div_ceil(WINDOW_US);
    let ends = (judged.from_us / WINDOW_US + 1)..=last;
    for end_us in ends.map(|second| second * WINDOW_US) {
        let Some(from_us) = end_us.checked_sub(limit.over.us).filter(|from_us| *from_us >= since_us) else {
            continue;
        };
        if case.gap(LOAD, from_us, end_us).is_some() {
            continue;
        }
        let counts = match case.counts(within(&case.tracks.load, from_us, end_us), objective) {
            Ok(counts) => counts,
            Err(error) => return draft.conclude(not_counted(error), &[]),
        };
        let burn = Burn::of(counts, objective.target);
        looked += 1;
        if !enough_events(counts, objective.target, limit.at_most) {
            thin = thin.filter(|thin| thin.total <= burn.total).or(Some(burn));
        } else if worst.is_none_or(|(worst, _)| burn.rate > worst.rate) {
            worst = Some((burn, from_us));
        }
    }
    let draft = draft.evidence("windows looked at", looked);
    let said =
        |code_text: &dyn Fn(&Burn, u64) -> Said| worst.map(|(burn, from_us)| code_text(&burn, from_us));
    let numbers = |burn: &Burn, from_us: u64| {
        format!(
            "\"{}\" burned at {:.2} at the most, in the {} from {} on ({} of {} requests good); {} is allowed, which is \
             {} bad.",
            limit.objective,
            burn.rate,
            span(limit.over.us),
            when(case, from_us),
            percent(burn.good, burn.total),
            burn.total,
            limit.at_most,
            format_args!("{:.2} %", limit.at_most * objective.target.complement().ratio() * 100.0)
        )
    };
    let exceeded =
        worst.is_some_and(|(burn, _)| burns_faster_than(burn.counts(), objective.target, limit.at_most));
    let first_us = judged.from_us / WINDOW_US * WINDOW_US;
    let said = if exceeded {
        said(&|burn, from_us| Said::fail(Code::BurnTooFast, numbers(burn, from_us)))
    } else if let Some(gap) = case.gap(LOAD, first_us, last * WINDOW_US) {
        Some(case.blind(LOAD, gap, last * WINDOW_US))
    } else if !judged.complete || looked == 0 {
        let text = format!("The run has no whole window of {} to judge.", span(limit.over.us));
        Some(Said::inconclusive(Code::HistoryTooShort, text))
    } else if let Some(thin) = thin {
        Some(low_traffic(thin.counts(), events_needed(objective.target, limit.at_most)))
    } else {
        said(&|burn, from_us| Said::pass(Code::BurnWithinLimit, numbers(burn, from_us)))
    };
    draft.conclude(said.expect("with neither gap nor thin window there is a worst one"), &broken)
}
