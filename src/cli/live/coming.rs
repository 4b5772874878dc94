//! What is to come, and when.

use crate::history::{Phase, Tracks};
use crate::scenario::{FaultAction, Termination, Victims};

use super::picture::Scene;

/// Something that is going to happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Coming {
    pub(super) in_us: u64,
    pub(super) what: String,
}

/// What is to come, the soonest first: before quiesce surges and faults, afterwards what has to hold until when.
pub(super) fn coming(scene: &Scene, now_us: u64, tracks: &Tracks) -> Vec<Coming> {
    let at = match tracks.phase().map(|began| began.phase) {
        Some(Phase::Stimulus) => stimuli(scene, tracks),
        Some(Phase::Quiesce | Phase::Observe) => deadlines(scene, now_us, tracks),
        _ => Vec::new(),
    };
    let mut coming: Vec<_> = at
        .into_iter()
        .filter_map(|(t_us, what)| Some(Coming { in_us: t_us.checked_sub(now_us)?, what }))
        .collect();
    coming.sort_by_key(|coming| coming.in_us);
    coming
}

fn stimuli(scene: &Scene, tracks: &Tracks) -> Vec<(u64, String)> {
    let Some(zero_us) = tracks.phase_us(Phase::Stimulus) else { return Vec::new() };
    let mut at = Vec::new();
    for planned in &scene.plan.surges {
        let name = surge(scene, &planned.id);
        match tracks.surges.get(&planned.id) {
            None => at.push((zero_us + planned.start_us, name)),
            Some((_, None)) => at.push((zero_us + planned.end_us, format!("{name} ends"))),
            Some(_) => {}
        }
    }
    for planned in &scene.plan.faults {
        match (tracks.faults.get(&planned.id), &planned.action) {
            (None, action) => at.push((zero_us + planned.at_us, fault(action))),
            (Some(track), action) if track.healed.is_none() && track.skipped.is_none() => {
                let since_us = track.acknowledged_us.unwrap_or(zero_us + planned.at_us);
                at.extend(action.lasts().map(|lasts| (since_us + lasts.us, heal(action))));
            }
            _ => {}
        }
    }
    at
}

/// A surge by its rate, and by its name where there are several.
pub(super) fn surge(scene: &Scene, id: &str) -> String {
    let surges = scene.scenario.load.as_ref().map_or(&[][..], |load| &load.surges);
    let to_rate = scene.plan.surges.iter().position(|planned| planned.id == id).and_then(|n| surges.get(n));
    let name = if surges.len() > 1 { id } else { "surge" };
    match to_rate {
        Some(surge) => format!("{name} to {}", surge.shape.to_rate()),
        None => name.to_owned(),
    }
}

/// What a heal gives back.
fn heal(action: &FaultAction) -> String {
    let group = action.group();
    match action {
        FaultAction::Scale { .. } => format!("put the count of {group} back"),
        FaultAction::Partition { .. } => format!("let traffic reach {group}"),
        FaultAction::Manifest { file, .. } => format!("delete what {file} holds"),
        FaultAction::Drain { nodes, .. }
        | FaultAction::Reclaim { nodes, .. }
        | FaultAction::Outage { nodes, .. } => format!("give {} back", nodes.words(group)),
        FaultAction::Lose { .. } | FaultAction::Terminate { .. } => format!("give {group} back"),
    }
}

fn fault(action: &FaultAction) -> String {
    match action {
        FaultAction::Lose { group, lasts } => format!("lose {group} for {lasts}"),
        FaultAction::Scale { group, to, lasts } => format!("scale {group} to {to} for {lasts}"),
        FaultAction::Partition { group, lasts } => format!("cut {group} off for {lasts}"),
        FaultAction::Drain { group, nodes, lasts } => format!("drain {} for {lasts}", nodes.words(group)),
        FaultAction::Reclaim { group, nodes, notice, .. } => {
            format!("reclaim {}, {notice} notice", nodes.words(group))
        }
        FaultAction::Outage { group, nodes, lasts } => format!("lose {} for {lasts}", nodes.words(group)),
        FaultAction::Manifest { file, lasts, .. } => format!("apply {file} for {lasts}"),
        FaultAction::Terminate { group, victims, how, .. } => {
            let verb = match how {
                Termination::Kill => "kill",
                Termination::Graceful => "end",
                Termination::Evict => "evict",
            };
            match victims {
                Victims::Count { count, .. } => format!("{verb} {count} of {group}"),
                Victims::Share { share, .. } => format!("{verb} {share} of {group}"),
                Victims::Named(names) => format!("{verb} {}", names.join(", ")),
            }
        }
    }
}

fn deadlines(scene: &Scene, now_us: u64, tracks: &Tracks) -> Vec<(u64, String)> {
    let groups = || scene.scenario.groups().keys().map(String::as_str);
    let windows = scene.plan.windows.iter().filter_map(|window| {
        let within_us = window.within_us.unwrap_or_else(|| tracks.longest_derived_deadline_us(groups()));
        let due_us = tracks.anchor_us(window.anchor)? + within_us;
        if now_us < due_us {
            Some((due_us, format!("{} is due", window.id)))
        } else {
            Some((due_us + window.hold_us, format!("{} has held", window.id)))
        }
    });
    windows.collect()
}
