//! The run as a whole: its history, its load, its faults and its stop conditions.

use crate::history::IntentAction;
use crate::history::{NOT_CLOSED, Stopped};
use crate::plan::PlannedFault;
use crate::scenario::{FaultAction, NodeChoice, StopCondition, Victims};

use super::case::Case;
use super::codes::Code;
use super::draft::Said;
use super::finding::Finding;
use super::premises::{Broken, DELIVERED_IN_SURGE, DELIVERED_OVERALL, SLICE};
use super::words::{list, percent, relative, span};

/// What stands in the way of a pass, whatever was expected: an unsealed history, an interruption.
pub(super) fn history(case: &Case<'_>) -> Vec<Finding> {
    let words = "The run ends by itself, and its history is whole.";
    let tracks = case.tracks;
    let mut findings = Vec::new();
    let mut inconclusive = |code, text: String| {
        findings.push(case.draft("history", words.to_owned()).conclude(Said::inconclusive(code, text), &[]));
    };
    if !tracks.sealed {
        let text = format!(
            "The history has no seal: it ends {} after the run's start, when springback or its disk died. What it shows \
             is judged, and it never passes.",
            span(tracks.end_us)
        );
        inconclusive(Code::HistoryUnsealed, text);
    }
    if let Some((t, interrupted)) = tracks.interrupted.first() {
        let (zero_us, zero) = case.zero();
        let text = format!("{} ended the run early, {}.", interrupted.signal, relative(*t, zero_us, zero));
        inconclusive(Code::RunInterrupted, text);
    }
    if let Some((_, note)) = tracks.notes.iter().find(|(_, note)| note.code == NOT_CLOSED) {
        let text = format!("Something was left behind: {}.", note.text.trim_end_matches('.'));
        inconclusive(Code::HealIncomplete, text);
    }
    findings
}

/// Whether the planned load was sent.
pub(super) fn load(case: &Case<'_>) -> Vec<Finding> {
    // Where no stimulus began there was nothing to deliver; why it did not, the baseline says.
    if case.scenario.load.is_none() || case.stimulus_us().is_none() {
        return Vec::new();
    }
    let words = format!(
        "Springback sends {DELIVERED_OVERALL} of the planned requests in time, and {DELIVERED_IN_SURGE} in every {SLICE} s \
         of a surge."
    );
    case.guard("load", || {
        let windows = &case.tracks.load;
        let planned: u64 = windows.iter().map(|window| window.planned).sum();
        let sent: u64 = windows.iter().map(|window| window.sent).sum();
        let late: u64 = windows.iter().map(|window| window.late).sum();
        let by_us: u64 = windows.iter().map(|window| window.unsent_by_us()).sum();
        let draft = case.draft("load", words.clone());
        let draft = draft
            .evidence("planned", format!("{planned} requests"))
            .evidence("sent", format!("{sent} requests"))
            .evidence("sent late", format!("{late} requests"))
            .evidence("not sent, by us", format!("{by_us} requests"))
            .evidence(
                "not sent, by the target",
                format!("{} requests", planned.saturating_sub(sent + by_us)),
            );
        let text = format!(
            "{} of {planned} planned requests were sent as planned or refused by the target.",
            percent(planned.saturating_sub(late + by_us), planned)
        );
        let said = match planned {
            0 => Said::inconclusive(Code::SurgeNotDelivered, "No request is on record."),
            _ => Said::pass(Code::LoadDelivered, text),
        };
        vec![draft.conclude(said, &Vec::from_iter(case.load_delivered()))]
    })
}

/// Whether each fault did what it was to do, and was undone.
pub(super) fn faults(case: &Case<'_>) -> Vec<Finding> {
    // The same for faults that were never due.
    let due = case.plan.faults.iter().filter(|_| case.stimulus_us().is_some());
    let checked = due.flat_map(|fault| {
        let words = fault_words(fault);
        case.guard(&fault.id, || vec![of_fault(case, fault, &words)])
    });
    checked.collect()
}

fn fault_words(fault: &PlannedFault) -> String {
    let at = format!("{} into the stimulus.", span(fault.at_us));
    let struck = |nodes: &NodeChoice| {
        let words = nodes.words(&format!("\"{}\"", fault.action.group()));
        let capital = words[..1].to_uppercase() + &words[1..];
        format!("{capital} {}", nodes.is_or_are())
    };
    match &fault.action {
        FaultAction::Terminate { group, victims, among, .. } => {
            let among = among.words();
            let which = match victims {
                Victims::Count { count: 1, .. } => format!("An instance of \"{group}\"{among} is"),
                Victims::Count { count, .. } => format!("{count} instances of \"{group}\"{among} are"),
                Victims::Share { share, .. } => format!("{share} of the instances of \"{group}\"{among} are"),
                Victims::Named(names) if names.len() == 1 => format!("{} is", names[0]),
                Victims::Named(names) => format!("{} are", list(names)),
            };
            format!("{which} ended {at}")
        }
        FaultAction::Lose { group, lasts } => format!("\"{group}\" is lost for {}, {at}", span(lasts.us)),
        FaultAction::Scale { group, to, lasts } => {
            format!("\"{group}\" is scaled to {to} for {}, {at}", span(lasts.us))
        }
        FaultAction::Partition { group, lasts } => {
            format!("No traffic reaches \"{group}\" for {}, {at}", span(lasts.us))
        }
        FaultAction::Drain { nodes, lasts, .. } => {
            format!("{} drained for {}, {at}", struck(nodes), span(lasts.us))
        }
        FaultAction::Reclaim { nodes, notice, .. } => {
            format!("{} taken back after {} notice, {at}", struck(nodes), span(notice.us))
        }
        FaultAction::Outage { nodes, lasts, .. } => {
            format!("{} out for {}, {at}", struck(nodes), span(lasts.us))
        }
        FaultAction::Manifest { file, lasts, .. } => {
            format!("What {file} holds is applied for {}, {at}", span(lasts.us))
        }
    }
}

fn of_fault(case: &Case<'_>, fault: &PlannedFault, words: &str) -> Finding {
    let group = fault.action.group();
    let mut draft = case.draft(&fault.id, words.to_owned()).about([group]);
    let mut broken = Vec::from_iter(case.fault_effective(fault));
    let Some(track) = case.tracks.faults.get(&fault.id) else {
        let said = Said::inconclusive(Code::FaultSkipped, format!("{} was never injected.", fault.id));
        return draft.conclude(said, &broken);
    };
    let healed = track.healed.as_ref().map(|(_, outcome)| outcome);
    let lasts = track.intent.as_ref().is_some_and(|(_, intent)| intent.action.lasts_us().is_some());
    if healed.is_none() && lasts {
        let text = format!("No heal of {} is on record, so it may still last.", fault.id);
        broken.push(Broken { code: Code::HealIncomplete, text, voids_fail: true });
    }
    if let Some(outcome) = healed.filter(|outcome| !outcome.complete) {
        let text = format!("{} could not be undone: {}.", fault.id, outcome.detail.trim_end_matches('.'));
        broken.push(Broken { code: Code::HealIncomplete, text, voids_fail: true });
    }
    let action = track.intent.as_ref().map(|(_, intent)| &intent.action);
    let struck = action.map(IntentAction::instances).unwrap_or_default();
    let mut text = match action {
        Some(IntentAction::Scale { to, .. }) => format!("{} scaled \"{group}\" to {to}", fault.id),
        Some(IntentAction::Partition { .. }) => format!("{} cut \"{group}\" off", fault.id),
        Some(IntentAction::Manifest { objects, .. }) => format!("{} applied {}", fault.id, list(objects)),
        Some(IntentAction::Nodes { nodes, .. }) => {
            format!("{} took {} away and ended {}", fault.id, list(nodes), list(struck))
        }
        _ => format!("{} ended {}", fault.id, list(struck)),
    };
    if let Some((t, _)) = track.intent.as_ref() {
        let (zero_us, zero) = case.zero();
        text.push_str(&format!(" {}", relative(*t, zero_us, zero)));
        draft = draft.from("intent", *t);
    }
    let seen = match struck.len() {
        _ if action.is_some_and(|action| !action.ends_instances()) => "its effect was seen",
        1 => "it was seen gone",
        _ => "they were seen gone",
    };
    match &track.effect {
        Some((_, effect)) => text.push_str(&format!("; {seen} by {}.", effect.seen_by)),
        None => text.push_str(&format!("; {seen}.")),
    }
    if let Some((_, sighted)) = &track.sighted {
        draft = draft.evidence("seen", &sighted.detail);
    }
    if let Some((_, reason)) = &track.failed {
        draft = draft.evidence("the world's answer", reason);
    }
    if let Some(outcome) = healed {
        draft = draft.evidence("heal", &outcome.detail);
    }
    draft.conclude(Said::pass(Code::FaultEffective, text), &broken)
}

/// A note for each group of which an instance ended that no fault struck and nobody had asked to end: it may be a crash
/// of the system, or somebody else's hand, and no expectation is about it.
pub(super) fn unplanned(case: &Case<'_>) -> Vec<Finding> {
    let struck: Vec<&String> = case
        .tracks
        .faults
        .values()
        .filter_map(|fault| fault.intent.as_ref())
        .flat_map(|(_, intent)| intent.action.instances())
        .collect();
    let since_us = case.tracks.baseline_window().map_or(0, |(from_us, _)| from_us);
    let mut findings = Vec::new();
    for name in case.groups().keys() {
        let Some(group) = case.tracks.groups.get(name) else { continue };
        let died: Vec<String> = group
            .instances
            .iter()
            .filter(|(instance, life)| life.terminating.is_none() && !struck.contains(instance))
            .filter_map(|(instance, life)| Some((instance, life.gone.as_ref()?)))
            .filter(|(_, (gone_us, _))| *gone_us >= since_us)
            .map(|(instance, (gone_us, reason))| {
                let (zero_us, zero) = case.zero();
                format!("{instance}, {} ({reason})", relative(*gone_us, zero_us, zero))
            })
            .collect();
        if died.is_empty() {
            continue;
        }
        let words =
            format!("No instance of \"{name}\" ends but by a fault or because it is asked to (a note).");
        let text = format!("Ended although no fault struck them and nobody had asked: {}.", died.join("; "));
        let draft = case.draft(&format!("unplanned-death/{name}"), words).about([name.as_str()]);
        findings.push(draft.conclude(Said::pass(Code::UnplannedDeath, text), &[]));
    }
    findings
}

/// One finding for each declared stop condition, and one for each other that tripped.
pub(super) fn stop(case: &Case<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut tripped: Vec<&(u64, Stopped)> = case.tracks.stopped.iter().collect();
    let mut known = Vec::new();
    for condition in &case.scenario.stop {
        let name = condition_name(condition);
        let again = known.iter().filter(|known| **known == name).count();
        known.push(name);
        let id = if again == 0 { format!("stop-{name}") } else { format!("stop-{name}/{again}") };
        let own = tripped.iter().position(|(_, stopped)| {
            stopped.condition == name && (stopped.limit == limit(condition) || case.scenario.stop.len() == 1)
        });
        let own = own.map(|at| tripped.remove(at));
        findings.push(of_stop(case, &id, stop_words(condition), own));
    }
    for stopped in tripped {
        let words = format!("The run is not stopped by {}.", stopped.1.condition);
        findings.push(of_stop(case, &format!("stop-{}", stopped.1.condition), words, Some(stopped)));
    }
    findings
}

fn condition_name(condition: &StopCondition) -> &'static str {
    match condition {
        StopCondition::BurnRate { .. } => "burn_rate",
        StopCondition::ErrorRatio { .. } => "error_ratio",
        StopCondition::SpendRate { .. } => "spend_rate",
    }
}

fn limit(condition: &StopCondition) -> f64 {
    match condition {
        StopCondition::BurnRate { above, .. } => *above,
        StopCondition::ErrorRatio { above, .. } => above.ratio(),
        StopCondition::SpendRate { above } => above.per_hour.try_into().unwrap_or(f64::NAN),
    }
}

fn stop_words(condition: &StopCondition) -> String {
    match condition {
        StopCondition::BurnRate { objective, above, over } => {
            format!("\"{objective}\" does not burn faster than {above} over {}.", span(over.us))
        }
        StopCondition::ErrorRatio { above, over } => {
            format!("No more than {above} of the requests fail over {}.", span(over.us))
        }
        StopCondition::SpendRate { above } => format!("The system does not cost more than {above}."),
    }
}

fn of_stop(case: &Case<'_>, id: &str, words: String, stopped: Option<&(u64, Stopped)>) -> Finding {
    let draft = case.draft(id, words);
    let Some((t, stopped)) = stopped else {
        return draft.conclude(Said::pass(Code::StopNotTripped, "It never came to that."), &[]);
    };
    let (zero_us, zero) = case.zero();
    let text = format!(
        "The stimuli were ended {}: {}.",
        relative(*t, zero_us, zero),
        stopped.detail.trim_end_matches('.')
    );
    let draft = draft.from("stopped", *t).evidence("value", stopped.value).evidence("limit", stopped.limit);
    draft.conclude(Said::fail(Code::Stopped, text), &[])
}
