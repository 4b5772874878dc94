//! The numbers of a verdict, from the tracks.

use std::collections::BTreeMap;

use crate::check::Finding;
use crate::history::{
    ErrorKind, FaultTrack, GroupTrack, IntentAction, LoadWindow, NodeFault, Phase, Tracks, Unsent,
};
use crate::spend::{Ledger, money, month};

use super::percentiles;
use super::verdict::{
    EffectSeen, FaultSummary, GroupSummary, HealSummary, LoadSummary, PhaseSummary, SpendSummary,
};

/// The last instant that anything was judged at. What comes after it, springback may itself be taking down.
pub(super) fn observed_until(tracks: &Tracks, findings: &[Finding]) -> u64 {
    let judged = findings.iter().filter_map(|finding| finding.window_us).map(|(_, to_us)| to_us).max();
    judged.unwrap_or(tracks.end_us).min(tracks.end_us)
}

pub(super) fn groups(tracks: &Tracks, ended_us: u64) -> BTreeMap<String, GroupSummary> {
    let from_us = tracks.phase_us(Phase::Stimulus).unwrap_or(0);
    let summary = |name: &str, group: &GroupTrack| {
        let supply = group.supply();
        GroupSummary {
            baseline: tracks.baseline(name),
            peak: supply.max_over(from_us, ended_us).unwrap_or(0),
            peak_ready: group.ready().max_over(from_us, ended_us).unwrap_or(0),
            end: supply.at(ended_us).copied().unwrap_or(0),
            desired_peak: group.desired.max_over(from_us, ended_us),
            desired_end: group.desired.at(ended_us).copied(),
        }
    };
    tracks.groups.iter().map(|(name, group)| (name.clone(), summary(name, group))).collect()
}

pub(super) fn load(tracks: &Tracks) -> Option<LoadSummary> {
    if tracks.load.is_empty() {
        return None;
    }
    let sum = |of: fn(&LoadWindow) -> u64| tracks.load.iter().map(of).sum();
    let mut summary = LoadSummary {
        planned: sum(|window| window.planned),
        sent: sum(|window| window.sent),
        late: sum(|window| window.late),
        ok: sum(|window| window.ok),
        unsent: BTreeMap::new(),
        failed: BTreeMap::new(),
        errors: BTreeMap::new(),
        response: percentiles::merged(tracks.load.iter().map(LoadWindow::response_histogram)),
        service: percentiles::merged(tracks.load.iter().map(LoadWindow::service_histogram)),
    };
    for window in &tracks.load {
        for (cause, n) in &window.unsent {
            *summary.unsent.entry(unsent_word(*cause).into()).or_default() += n;
        }
        for (status, n) in &window.failed {
            *summary.failed.entry(status.to_string()).or_default() += n;
        }
        for (kind, n) in &window.errors {
            *summary.errors.entry(error_word(*kind).into()).or_default() += n;
        }
    }
    Some(summary)
}

/// As recorded.
fn unsent_word(cause: Unsent) -> &'static str {
    match cause {
        Unsent::Starved => "starved",
        Unsent::InFlightLimit => "in-flight-limit",
        Unsent::Stalled => "stalled",
    }
}

/// As recorded.
fn error_word(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::TimedOut => "timed-out",
        ErrorKind::Refused => "refused",
        ErrorKind::Reset => "reset",
        ErrorKind::Other => "other",
    }
}

pub(super) fn phases(tracks: &Tracks) -> Vec<PhaseSummary> {
    let ends = tracks.phases.iter().skip(1).map(|(t, _)| *t).chain([tracks.end_us]);
    tracks
        .phases
        .iter()
        .zip(ends)
        .map(|((from_us, began), to_us)| PhaseSummary {
            phase: began.phase.as_str().into(),
            from_us: *from_us,
            to_us,
        })
        .collect()
}

pub(super) fn faults(tracks: &Tracks) -> Vec<FaultSummary> {
    let mut faults: Vec<_> = tracks.faults.iter().collect();
    // `fault-10` comes after `fault-9`.
    faults.sort_by_key(|(id, _)| (id.len(), id.as_str()));
    faults.into_iter().map(|(id, fault)| fault_summary(tracks, id, fault)).collect()
}

fn fault_summary(tracks: &Tracks, id: &str, fault: &FaultTrack) -> FaultSummary {
    let intent = fault.intent.as_ref().map(|(_, intent)| intent);
    let at_us = fault.injected().then(|| fault.intent.as_ref().map(|(t, _)| *t)).flatten();
    let victims = intent.map(|intent| intent.action.instances().to_vec()).unwrap_or_default();
    let group = intent.and_then(|intent| tracks.groups.get(&intent.group));
    let ends = intent.is_some_and(|intent| intent.action.ends_instances());
    let problem = fault.skipped.as_ref().or(fault.failed.as_ref());
    FaultSummary {
        fault: id.into(),
        group: intent.map(|intent| intent.group.clone()),
        action: intent.map(|intent| action_word(&intent.action).into()),
        at_us,
        injected: fault.injected(),
        problem: problem.map(|(_, reason)| reason.clone()),
        object: intent.and_then(|intent| object(&intent.action)),
        effect: fault.effect.as_ref().map(|(_, effect)| EffectSeen {
            gone: effect.gone.clone(),
            remaining: effect.remaining.clone(),
            seen_by: effect.seen_by.clone(),
            detail: fault.sighted.as_ref().filter(|_| !ends).map(|(_, sighted)| sighted.detail.clone()),
        }),
        replaced_after_us: at_us
            .zip(group.filter(|_| ends))
            .and_then(|(at_us, group)| replaced(group, at_us, victims.len())),
        victims,
        healed: fault.healed.as_ref().map(|(t, healed)| HealSummary {
            t_us: *t,
            complete: healed.complete,
            detail: healed.detail.clone(),
        }),
    }
}

/// What a fault acts on, where that is not instances.
fn object(action: &IntentAction) -> Option<String> {
    match action {
        IntentAction::Scale { to, .. } => Some(format!("to {to}")),
        IntentAction::Nodes { nodes, .. } => Some(nodes.join(", ")),
        IntentAction::Manifest { objects, .. } => Some(objects.join(", ")),
        IntentAction::Terminate { .. } | IntentAction::Lose { .. } | IntentAction::Partition { .. } => None,
    }
}

fn action_word(action: &IntentAction) -> &'static str {
    match action {
        IntentAction::Terminate { evict: true, .. } => "evict",
        IntentAction::Terminate { kill: true, .. } => "kill",
        IntentAction::Terminate { kill: false, .. } => "terminate",
        IntentAction::Lose { .. } => "lose",
        IntentAction::Scale { .. } => "scale",
        IntentAction::Partition { .. } => "partition",
        IntentAction::Nodes { how: NodeFault::Drain, .. } => "drain",
        IntentAction::Nodes { how: NodeFault::Reclaim { .. }, .. } => "reclaim",
        IntentAction::Nodes { how: NodeFault::Outage, .. } => "outage",
        IntentAction::Manifest { .. } => "manifest",
    }
}

/// From the injection until as many instances born after it had become ready as were struck.
fn replaced(group: &GroupTrack, at_us: u64, victims: usize) -> Option<u64> {
    let born_after = group.instances.values().filter(|life| life.born_us > at_us);
    let mut ready: Vec<u64> = born_after.filter_map(|life| life.ready.first()).map(|(t, _)| *t).collect();
    ready.sort_unstable();
    victims.checked_sub(1).and_then(|last| ready.get(last)).map(|t| t - at_us)
}

/// Money; none where nothing has a price, or where prices cannot be added.
pub(super) fn spend(tracks: &Tracks, ended_us: u64) -> Option<SpendSummary> {
    let ledger = Ledger::of(tracks, tracks.groups.keys()).ok()?;
    let currency = ledger.currency.clone()?;
    let baseline = tracks.baseline_window().map(|window| ledger.baseline_per_hour(window));
    let end = ledger.per_hour_at(ended_us);
    let residual = baseline.map(|baseline| end - baseline);
    Some(SpendSummary {
        currency,
        total: money(ledger.spent(0, tracks.end_us).value()),
        baseline_per_hour: baseline.map(money),
        end_per_hour: money(end),
        residual_per_hour: residual.map(money),
        residual_per_month: residual.map(month).map(money),
    })
}
