//! Baseline: judged before it is used, or last night's leak becomes tonight's floor.

use crate::history::Steps;

use super::case::{Case, supply};
use super::codes::Code;
use super::draft::Said;
use super::finding::Finding;
use super::words::{instances, list};

const ID: &str = "baseline";

/// The finding about the baseline of every group.
pub(super) fn check(case: &Case<'_>) -> Vec<Finding> {
    let words = match &case.scenario.expect.baseline {
        Some(expected) => {
            let most = expected
                .at_most
                .iter()
                .map(|(group, n)| format!("\"{group}\" has at most {}", instances(*n)));
            format!("At baseline {}.", list(&most.collect::<Vec<_>>()))
        }
        None => "At baseline no group has more than in the last passing run.".to_owned(),
    };
    case.guard(ID, || vec![one(case, &words)])
}

/// The most that a group may have, and who says so, in words.
fn reference(case: &Case<'_>, group: &str) -> Option<(u32, String)> {
    let expected = case.scenario.expect.baseline.as_ref().and_then(|expected| expected.at_most.get(group));
    if let Some(at_most) = expected {
        return Some((
            *at_most,
            format!("at most {at_most} {} expected", if *at_most == 1 { "is" } else { "are" }),
        ));
    }
    let reference = case.tracks.header.as_ref()?.reference.as_ref()?;
    let supply = reference.supply.get(group)?;
    Some((*supply, format!("in the last passing run, {}, {supply}", reference.suite_id)))
}

fn one(case: &Case<'_>, words: &str) -> Finding {
    let mut draft = case.draft(ID, words.to_owned()).about(case.groups().keys());
    if let Some((from_us, to_us)) = case.tracks.baseline_window() {
        draft = draft.over(from_us, to_us);
    }
    let (mut above, mut unknown) = (Vec::new(), None);
    let (mut held, mut unanchored) = (Vec::new(), Vec::new());
    for group in case.groups().keys() {
        let reference = reference(case, group);
        if let (Some(seen), Some((at_most, by))) = (most_seen(case, group), &reference)
            && seen > *at_most
        {
            above.push(format!("\"{group}\" had {} ({by})", instances(seen)));
        }
        match (case.baseline(group), reference) {
            (Err(said), _) => {
                unknown.get_or_insert(said);
                continue;
            }
            (Ok(baseline), Some((_, by))) => {
                held.push(format!("\"{group}\" had {} ({by})", instances(baseline)));
                draft = draft.evidence(&format!("baseline of \"{group}\""), instances(baseline));
            }
            (Ok(baseline), None) => {
                unanchored.push(format!("\"{group}\" with {}", instances(baseline)));
                draft = draft.evidence(&format!("baseline of \"{group}\""), instances(baseline));
            }
        }
    }
    let said = if !above.is_empty() {
        let text = format!(
            "Before anything was stimulated, {}: something was left over from before this run.",
            list(&above)
        );
        Said::fail(Code::BaselineInherited, text)
    } else if let Some(said) = unknown {
        said
    } else if unanchored.is_empty() {
        Said::pass(
            Code::BaselineHeld,
            format!("The calm system was no larger than it may be: {}.", list(&held)),
        )
    } else {
        let text = format!(
            "Nothing says what the calm system may have: {}. Write expect.baseline.at_most, so that a leak from before \
             the run shows.",
            list(&unanchored)
        );
        Said::pass(Code::BaselineUnanchored, text)
    };
    draft.conclude(said, &[])
}

/// The largest supply that was seen in the baseline window. Gaps can only hide more.
fn most_seen(case: &Case<'_>, group: &str) -> Option<u32> {
    let (from_us, to_us) = case.tracks.baseline_window()?;
    let source = supply(group);
    let supply: Steps<u32> = case.tracks.groups.get(group)?.supply();
    let seen = |t: u64| case.gap(&source, t, t).is_none();
    let stretches = supply.over(from_us, to_us).into_iter();
    stretches.filter(|stretch| seen(stretch.from_us)).map(|stretch| stretch.value).max()
}
