//! Replacement: for each instance that a fault ended, a new one is ready in time.

use std::collections::BTreeSet;

use crate::history::{FaultTrack, GroupTrack};
use crate::plan::PlannedFault;

use super::arrival::Arrival;
use super::case::{Case, supply};
use super::codes::Code;
use super::draft::Said;
use super::finding::Finding;
use super::premises::terminates;
use super::words::{instances, list, relative, span};

/// One finding for each termination: `replacement` where there is one, else `replacement/fault-0` and so on.
pub(super) fn check(case: &Case<'_>) -> Vec<Finding> {
    let Some(expected) = &case.scenario.expect.replacement else { return Vec::new() };
    let within_us = expected.within.us;
    let terminations: Vec<&PlannedFault> =
        case.plan.faults.iter().filter(|fault| terminates(fault)).collect();
    let words = format!("Each ended instance is replaced within {}.", span(within_us));
    if terminations.is_empty() {
        let text = "No fault of this scenario ends single instances.";
        let draft = case.draft("replacement", words);
        return vec![draft.conclude(Said::inconclusive(Code::NothingTerminated, text), &[])];
    }
    let own_id = |fault: &PlannedFault| match terminations.len() {
        1 => "replacement".to_owned(),
        _ => format!("replacement/{}", fault.id),
    };
    let checked = terminations.iter().flat_map(|fault| {
        let id = own_id(fault);
        case.guard(&id, || vec![one(case, &id, &words, fault, within_us)])
    });
    checked.collect()
}

fn one(case: &Case<'_>, id: &str, words: &str, fault: &PlannedFault, within_us: u64) -> Finding {
    let group = fault.action.group();
    let draft = case.draft(id, words.to_owned()).about([group]);
    let mut broken = Vec::from_iter(case.fault_effective(fault));
    let happened = case.tracks.faults.get(&fault.id).and_then(|track| Some((track, track.intent.as_ref()?)));
    let (Some((track, (intent_us, intent))), Some(lives)) = (happened, case.tracks.groups.get(group)) else {
        let text = format!("{} on \"{group}\" is not on record.", fault.id);
        return draft.conclude(Said::inconclusive(Code::FaultSkipped, text), &broken);
    };
    let victims = intent.action.instances();
    let kill_us = kill_us(lives, track, *intent_us, victims);
    let deadline_us = kill_us + within_us;
    let killed = victims.len() as u32;
    let replaced = replaced(lives, victims, kill_us, &spoken_for(case, lives, fault, kill_us));
    let at_us = replaced.at_us;
    let by_then = replaced.by.iter().filter(|(t, _)| *t <= deadline_us).count() as u32;
    let draft = draft
        .from(&fault.id, kill_us)
        .over(kill_us, deadline_us)
        .evidence("ended", list(victims))
        .evidence("started after it and ready by the deadline", instances(by_then));
    let source = supply(group);
    let arrival = Arrival { source: &source, from_us: kill_us, deadline_us, at_us };
    let in_time = |at_us: u64| {
        let text = format!(
            "\"{group}\" was complete again {} after {} ended {}, {} before its deadline.",
            span(at_us - kill_us),
            fault.id,
            list(victims),
            span(deadline_us - at_us)
        );
        Said::pass(Code::Replaced, text)
    };
    let late = |at_us: Option<u64>| {
        let text = format!(
            "Of {} that {} ended in \"{group}\", {by_then} had been replaced {} later.{}",
            instances(killed),
            fault.id,
            span(within_us),
            at_us.map_or_else(
                || " It was never complete as long as it was watched.".into(),
                |at_us| format!(" It was complete {}.", relative(at_us, kill_us, "the fault"))
            )
        );
        Said::fail(Code::NotReplaced, text)
    };
    let (draft, said) = arrival.judge(case, draft, &mut broken, in_time, late);
    broken.extend(case.undisturbed([group], deadline_us));
    draft.conclude(said, &broken)
}

/// The moment of a kill: the first sign of it after the intent.
fn kill_us(lives: &GroupTrack, track: &FaultTrack, intent_us: u64, victims: &[String]) -> u64 {
    let signs = victims.iter().filter_map(|name| lives.instances.get(name)).flat_map(|life| {
        let asked = life.terminating.map(|(t, _)| t);
        asked.into_iter().chain(life.gone.as_ref().map(|(t, _)| *t))
    });
    let answers = track.acknowledged_us.into_iter().chain(track.failed.as_ref().map(|(t, _)| *t));
    signs.chain(answers).filter(|t| *t >= intent_us).min().unwrap_or(intent_us)
}

/// The new instances that replaced what earlier kills of the same group had ended. One instance stands in for one: two
/// kills that are followed by a single start are not both made good by it.
fn spoken_for<'a>(
    case: &Case<'_>,
    lives: &'a GroupTrack,
    fault: &PlannedFault,
    before_us: u64,
) -> BTreeSet<&'a str> {
    let group = fault.action.group();
    let others = case.plan.faults.iter().filter(|other| terminates(other) && other.action.group() == group);
    let mut kills: Vec<(u64, &str, &[String])> = others
        .filter_map(|other| {
            let track = case.tracks.faults.get(&other.id).filter(|track| track.skipped.is_none())?;
            let (intent_us, intent) = track.intent.as_ref()?;
            let victims = intent.action.instances();
            Some((kill_us(lives, track, *intent_us, victims), other.id.as_str(), victims))
        })
        .filter(|(t, id, _)| (*t, *id) < (before_us, fault.id.as_str()))
        .collect();
    kills.sort_unstable();
    let mut taken = BTreeSet::new();
    for (t, _, victims) in kills {
        let replaced = replaced(lives, victims, t, &taken);
        // Where fewer were wanted, those that came later came for another reason.
        let until_us = replaced.at_us.unwrap_or(u64::MAX);
        let own = replaced.by.iter().filter(|(t, _)| *t <= until_us).take(victims.len());
        taken.extend(own.map(|(_, name)| *name));
    }
    taken
}

/// How a kill was made good.
struct Replaced<'a> {
    /// When as many as were killed had been replaced, or fewer were wanted and there.
    at_us: Option<u64>,
    /// Instances that started after the kill, by when they became ready.
    by: Vec<(u64, &'a str)>,
}

/// Follows a kill. `taken` are instances that made good another one.
fn replaced<'a>(
    lives: &'a GroupTrack,
    victims: &[String],
    kill_us: u64,
    taken: &BTreeSet<&'a str>,
) -> Replaced<'a> {
    let killed = victims.len();
    let new = lives.instances.iter().filter(|(name, life)| {
        life.born_us >= kill_us && !victims.contains(name) && !taken.contains(name.as_str())
    });
    let mut by: Vec<(u64, &str)> =
        new.filter_map(|(name, life)| Some((life.ready.first()?.0, name.as_str()))).collect();
    by.sort_unstable();
    let all_new = by.get(killed.saturating_sub(1)).map(|(t, _)| *t);
    let ready = lives.ready();
    let wanted = lives.desired.at(kill_us).copied().unwrap_or(0);
    let mut times: Vec<u64> = ready
        .points()
        .iter()
        .chain(lives.desired.points())
        .map(|(t, _)| *t)
        .filter(|t| *t > kill_us)
        .collect();
    times.sort_unstable();
    let shrunk = times.into_iter().find(|t| {
        let desired = lives.desired.at(*t).copied().unwrap_or(wanted);
        desired < wanted && ready.at(*t).copied().unwrap_or(0) >= desired
    });
    Replaced { at_us: all_new.into_iter().chain(shrunk).min(), by }
}
