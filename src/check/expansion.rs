//! Expansion: enough instances are ready in time.

use crate::scenario::Expansion;

use super::arrival::{Arrival, cut_short};
use super::case::{Case, supply};
use super::codes::Code;
use super::draft::Said;
use super::finding::Finding;
use super::words::{event, instances, relative, span};

/// One finding for each expansion.
pub(super) fn check(case: &Case<'_>) -> Vec<Finding> {
    let expected = case.scenario.expect.expansion.iter().enumerate();
    let checked = expected.flat_map(|(i, expected)| {
        let id = format!("expansion-{i}");
        case.guard(&id, || vec![one(case, &id, expected)])
    });
    checked.collect()
}

fn expectation(case: &Case<'_>, id: &str, expected: &Expansion) -> String {
    let least = expected.to_at_least;
    format!(
        "\"{}\" has at least {} ready within {} of {}.",
        expected.group,
        instances(least),
        span(expected.within.us),
        event(case.window(id).anchor)
    )
}

fn one(case: &Case<'_>, id: &str, expected: &Expansion) -> Finding {
    let group = expected.group.as_str();
    let draft = case.draft(id, expectation(case, id, expected)).about([group]);
    let anchor = case.window(id).anchor;
    let anchor_us = match case.anchor_us(anchor) {
        Ok(anchor_us) => anchor_us,
        Err(said) => return draft.conclude(said, &[]),
    };
    let deadline_us = anchor_us + expected.within.us;
    let draft = draft.from(anchor.as_str(), anchor_us).over(anchor_us, deadline_us);
    let ready = case.tracks.groups.get(group).map(|track| track.ready()).unwrap_or_default();
    let most = ready.max_over(anchor_us, deadline_us).unwrap_or(0);
    let draft = draft
        .evidence("ready at the anchor", instances(ready.at(anchor_us).copied().unwrap_or(0)))
        .evidence("most ready by the deadline", instances(most));
    let source = supply(group);
    let arrival = Arrival {
        source: &source,
        from_us: anchor_us,
        deadline_us,
        at_us: ready.first_from(anchor_us, |n| *n >= expected.to_at_least),
    };
    let mut broken = Vec::new();
    let in_time = |at_us: u64| {
        let text = format!(
            "\"{group}\" had {} ready {}, {} before its deadline.",
            instances(ready.at(at_us).copied().unwrap_or(0)),
            relative(at_us, anchor_us, event(anchor)),
            span(deadline_us - at_us)
        );
        Said::pass(Code::Expanded, text)
    };
    let late = |at_us: Option<u64>| {
        cut_short(case, deadline_us).unwrap_or_else(|| {
            let later = match at_us {
                Some(at_us) => format!("It had them {}.", relative(at_us, anchor_us, event(anchor))),
                None => "It never had more as long as it was watched.".into(),
            };
            let text = format!(
                "\"{group}\" had no more than {} ready by its deadline, {}, and {} were expected. {later}",
                instances(most),
                relative(deadline_us, anchor_us, event(anchor)),
                expected.to_at_least,
            );
            Said::fail(Code::NotExpanded, text)
        })
    };
    let (draft, said) = arrival.judge(case, draft, &mut broken, in_time, late);
    broken.extend(case.undisturbed([group], deadline_us));
    // Load that was not sent cannot show that supply does not follow it, nor that it does.
    broken.extend(case.load_delivered().map(|broken| super::premises::Broken { voids_fail: true, ..broken }));
    draft.conclude(said, &broken)
}
