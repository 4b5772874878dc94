//! Why something cannot be known: the load, the faults, the sources, springback itself, or somebody else.

use crate::history::{FaultTrack, GroupTrack, IntentAction, LoadWindow, NodeFault, Phase, Unsent};

use super::Diagnosis;
use super::case::{Case, Kind, because, instances, per_second};
use super::facts::facts;
use super::say::{count, lasting};
use super::starting;
use super::writers::OWN;

/// Delays of springback itself beyond this say that it was starved.
const STARVED_US: u64 = 250_000;
/// Seconds of one look at a surge.
const SLICE: usize = 5;
/// A silence shorter than this at the very end is none.
const END_US: u64 = 3_000_000;

/// Every premise of this finding that the history shows to be broken.
pub(super) fn causes(case: &Case) -> Vec<Diagnosis> {
    let mut causes = Vec::new();
    causes.extend(ended_early(case));
    if matches!(case.kind, Kind::Load | Kind::Expansion | Kind::Contraction | Kind::Service) {
        causes.extend(surge_not_delivered(case));
    }
    causes.extend(faults(case));
    causes.extend(gaps(case));
    causes.extend(harness(case));
    if !matches!(case.kind, Kind::Load | Kind::History | Kind::Fault) {
        causes.extend(confounded(case));
    }
    match case.finding.code.as_str() {
        "never-steady" => causes.extend(never_steady(case)),
        "anchor-not-reached" => causes.extend(still_down(case)),
        "demand-shifted" => causes.extend(demand_shifted(case)),
        _ => {}
    }
    causes
}

/// What to do about a finding whose code says all that there is to say.
pub(super) fn by_code(case: &Case) -> Option<Diagnosis> {
    const NEXT: [(&str, &str); 10] = [
        (
            "too-close",
            "allow a deadline that differs from what was seen by more than the source's interval, or use a source \
                       that pushes",
        ),
        ("low-traffic", "send more requests, or judge over a longer time"),
        (
            "deadline-unknown",
            "write `within` as a time instead of \"auto\", or let the group have an autoscaler that scales down",
        ),
        (
            "threshold-not-counted",
            "run it again with this threshold in [slo]: it is counted while the run goes on",
        ),
        ("no-price", "give the groups a price"),
        ("mixed-currencies", "give all groups prices in one currency"),
        (
            "contraction-not-proven",
            "let the surge end, and the autoscaler act, before anything is lost and healed",
        ),
        ("nothing-terminated", "let the fault strike a group that has ready instances"),
        (
            "anchor-not-reached",
            "see why what the deadline counts from did not happen, or count from something else",
        ),
        (
            "check-panicked",
            "this is a bug in springback: report it with the history, and judge it again after an update",
        ),
    ];
    let (code, next) = NEXT.iter().find(|(code, _)| *code == case.finding.code)?;
    Some(because(code, "history", facts(case), *next))
}

/// The run was ended before it could show what is missing.
fn ended_early(case: &Case) -> Vec<Diagnosis> {
    const CUT: [&str; 7] = [
        "history-too-short",
        "history-unsealed",
        "run-interrupted",
        "stimulus-cut-short",
        "anchor-not-reached",
        "fault-skipped",
        "never-expanded",
    ];
    let tracks = case.tracks;
    let mut causes = Vec::new();
    if !CUT.contains(&case.finding.code.as_str()) {
        return causes;
    }
    if let Some((t, interrupted)) = tracks.interrupted.first() {
        let seen = format!("{} at {}: stimuli were ended and healed there", interrupted.signal, case.at(*t));
        causes.push(because("run-interrupted", "springback", seen, "run it again and let it end by itself"));
    }
    if !tracks.sealed {
        let seen = format!("the history ends at {} without a seal", case.at(tracks.end_us));
        let next =
            "see what ended springback (memory, disk, the machine); `springback heal` undoes what it left";
        causes.push(because("history-unsealed", "history", seen, next));
    }
    causes.extend(stop_tripped(case));
    causes
}

/// A stop condition ended all stimuli.
pub(super) fn stop_tripped(case: &Case) -> Option<Diagnosis> {
    let (t, stopped) = case.tracks.stopped.first()?;
    let seen =
        format!("{} at {}: {}; all stimuli were ended", stopped.condition, case.at(*t), stopped.detail);
    let next = "repair what made it trip before the limit is touched: it kept the damage small";
    Some(because("stop-tripped", format!("stop condition {}", stopped.condition), seen, next))
}

fn surge_not_delivered(case: &Case) -> Option<Diagnosis> {
    let from_us = case.tracks.baseline_window().map_or(0, |(from, _)| from);
    let windows = case.windows(from_us, u64::MAX);
    let in_surge = |window: &&LoadWindow| {
        case.tracks.surges.values().any(|(start, end)| {
            window.from_us + 1_000_000 > *start && end.is_none_or(|end| window.from_us < end)
        })
    };
    let surge: Vec<&LoadWindow> = windows.iter().filter(in_surge).collect();
    let tally = |windows: &mut dyn Iterator<Item = &LoadWindow>| {
        windows.fold((0, 0), |(planned, missed), window| {
            (planned + window.planned, missed + window.unsent_by_us() + window.late)
        })
    };
    let (planned, missed) = tally(&mut windows.iter());
    if planned == 0 && case.finding.code == "surge-not-delivered" {
        let seen = match case.tracks.phase_us(Phase::Stimulus) {
            Some(_) => "no request is on record",
            None => "the stimulus never began, so nothing was sent that counts",
        };
        let next = "see why the run did not come to its stimulus, or why the load generator said nothing";
        return Some(because("surge-not-delivered", "load generator", seen, next));
    }
    let worst = surge
        .chunks(SLICE)
        .map(|slice| (slice[0].from_us, tally(&mut slice.iter().copied())))
        .max_by(|(_, a), (_, b)| (a.1 * b.0.max(1)).cmp(&(b.1 * a.0.max(1))));
    let worst_missed = worst.is_some_and(|(_, (planned, missed))| missed * 20 > planned);
    if missed * 100 <= planned && !worst_missed {
        return None;
    }
    let by = |cause: Unsent| windows.iter().filter_map(|window| window.unsent.get(&cause)).sum::<u64>();
    let late: u64 = windows.iter().map(|window| window.late).sum();
    let when = worst.map_or_else(String::new, |(t, (planned, missed))| {
        format!(", worst in the {SLICE} s from {} ({} of {})", case.at(t), count(missed), count(planned))
    });
    let seen = format!(
        "{} of {} requests did not leave as planned{when}: {} late, {} starved, {} at the in-flight limit",
        count(missed),
        count(planned),
        count(late),
        count(by(Unsent::Starved)),
        count(by(Unsent::InFlightLimit))
    );
    let next = if by(Unsent::InFlightLimit) > by(Unsent::Starved) {
        "raise load.max_in_flight, or plan a smaller surge"
    } else {
        "give the load generator more processor time (its own machine, fewer neighbours), or plan a smaller surge"
    };
    Some(because("surge-not-delivered", "load generator", seen, next))
}

/// The faults that this finding rests on.
fn faults(case: &Case) -> Vec<Diagnosis> {
    // One that was never decided may have been any.
    let may = |fault: &FaultTrack, what: fn(&IntentAction) -> bool| {
        fault.intent.as_ref().is_none_or(|(_, intent)| what(&intent.action))
    };
    let mut causes = Vec::new();
    for (id, fault) in &case.tracks.faults {
        let rests_on_it = match case.kind {
            Kind::Fault => case.finding.id == *id,
            Kind::Replacement => may(fault, IntentAction::ends_some),
            Kind::StandbyReleased => may(fault, IntentAction::can_take_down),
            Kind::Service => true,
            _ => false,
        };
        if rests_on_it {
            causes.extend(fault_problem(case, id, fault));
        }
    }
    causes
}

fn fault_problem(case: &Case, id: &str, fault: &FaultTrack) -> Option<Diagnosis> {
    if let Some((t, reason)) = &fault.skipped {
        let seen = format!("not injected at {}: {reason}", case.at(*t));
        let next = "see the reason; limits.lost_at_once and instances that are not ready are the usual ones";
        return Some(because("fault-skipped", id, seen, next));
    }
    if let Some((t, healed)) = fault.healed.as_ref().filter(|(_, healed)| !healed.complete) {
        let seen = format!("not undone at {}: {}", case.at(*t), healed.detail);
        return Some(because(
            "heal-incomplete",
            id,
            seen,
            "run `springback heal` until it says that nothing is left",
        ));
    }
    let (t, intent) = fault.intent.as_ref()?;
    let group = case.tracks.groups.get(&intent.group);
    let is_there = |name: &&String| {
        let life = group.and_then(|group| group.instances.get(*name));
        life.is_none_or(|life| life.gone.is_none())
    };
    let remaining: Vec<&str> = match &fault.effect {
        Some((_, effect)) => effect.remaining.iter().map(String::as_str).collect(),
        None => intent.action.instances().iter().filter(is_there).map(String::as_str).collect(),
    };
    let ends = intent.action.ends_instances();
    let unseen = intent.action.unseen();
    let remaining = match &fault.effect {
        None if !ends && fault.sighted.is_none() => vec![unseen.as_str()],
        None if !ends => Vec::new(),
        _ => remaining,
    };
    if remaining.is_empty() {
        return None;
    }
    let answer = match (&fault.acknowledged_us, &fault.failed) {
        (Some(_), _) => "reported done".to_owned(),
        (None, Some((_, reason))) => format!("not confirmed ({reason})"),
        (None, None) => "never answered".to_owned(),
    };
    let yet = if ends { "yet still there" } else { "yet" };
    let seen = format!("injected at {}, {answer}, {yet}: {}", case.at(*t), remaining.join(", "));
    let next = match &intent.action {
        IntentAction::Terminate { evict: true, .. } | IntentAction::Nodes { how: NodeFault::Drain, .. } => {
            "see which PodDisruptionBudget allows no disruption, and how many pods it wants for what there is"
        }
        IntentAction::Nodes { .. } => "see which pods tolerate everything, or are kept by a finalizer",
        IntentAction::Scale { .. } => {
            "see who else writes the count: an autoscaler, a deployment pipeline, an operator"
        }
        IntentAction::Partition { .. } => {
            "see whether the cluster's network plugin enforces NetworkPolicies at all, and whether another one allows the traffic"
        }
        IntentAction::Manifest { .. } => {
            "see the status of the object and the log of the engine that should have acted on it"
        }
        IntentAction::Terminate { .. } | IntentAction::Lose { .. } => {
            "see whether the signal reached the process (permissions, a supervisor in between, the wrong instance)"
        }
    };
    Some(because("fault-had-no-effect", id, seen, next))
}

/// Sources that said nothing when it mattered.
fn gaps(case: &Case) -> Vec<Diagnosis> {
    let is_about = case.finding.code == "signal-gap";
    if !is_about && case.finding.window_us.is_none() {
        return Vec::new();
    }
    let mut names: Vec<String> = case.groups().iter().map(|(name, _)| format!("supply/{name}")).collect();
    match case.kind {
        Kind::Service | Kind::Load => names = vec!["load".into()],
        Kind::StandbyReleased => names.push("balancer".into()),
        Kind::Left => {
            let sources = case.tracks.header.iter().flat_map(|header| &header.signal_sources);
            names =
                sources.map(|info| info.name.clone()).filter(|name| name.starts_with("objects/")).collect();
        }
        _ => {}
    }
    let calm = case.tracks.baseline_window();
    // A gap in the baseline, or between baseline and deadline, is as bad where the finding says that there was one.
    let from_us = if is_about { calm.map_or(case.zero_us, |(from, _)| from) } else { case.from_us };
    let mut causes = Vec::new();
    for name in names {
        let Some(coverage) = case.tracks.sources.get(&name) else {
            if is_about {
                let next = "see why it cannot be read: address, permission, or its process";
                causes.push(because("signal-gap", format!("source {name}"), "never heard from", next));
            }
            continue;
        };
        let Some((since_us, until_us)) = coverage.gap(from_us, case.to_us) else { continue };
        // The last heartbeat of a run that ends is always a little older than its end.
        if !is_about && case.tracks.end_us.saturating_sub(since_us) < END_US {
            continue;
        }
        let lost = case.tracks.lost.iter().find(|(t, lost)| lost.source == name && *t <= until_us);
        let reason = lost.map_or_else(String::new, |(_, lost)| format!(" ({})", lost.reason));
        let seen = format!(
            "silent from {}, for {}{reason}",
            case.during(since_us, until_us),
            lasting(until_us - since_us)
        );
        let next = "see why it was silent; no data is neither high nor low, so run it again when it is back";
        causes.push(because("signal-gap", format!("source {name}"), seen, next));
    }
    causes
}

fn harness(case: &Case) -> Option<Diagnosis> {
    let patience_us = if case.finding.code == "harness-starved" { STARVED_US } else { 4 * STARVED_US };
    let readings = case.tracks.harness.iter().filter(|(t, _)| *t >= case.zero_us);
    let (t, worst) = readings.max_by_key(|(_, reading)| reading.tick_late_us.max(reading.send_late_us))?;
    if worst.tick_late_us.max(worst.send_late_us) <= patience_us {
        return None;
    }
    let seen = format!(
        "at {} a timer of the runner was {} late, a request's sending {}",
        case.at(*t),
        lasting(worst.tick_late_us),
        lasting(worst.send_late_us)
    );
    let next =
        "give springback processor time of its own: fewer neighbours, or a machine apart from the system";
    Some(because("harness-starved", "springback", seen, next))
}

/// Others who changed the system while it was watched.
fn confounded(case: &Case) -> Vec<Diagnosis> {
    // A scaler on a schedule belongs to the system: what it does is judged.
    let is_stranger = |by: &str| !OWN.contains(&by) && by != "scheduled-scaler";
    let from_us = case.tracks.baseline_window().map_or(case.zero_us, |(from, _)| from);
    let mut causes = Vec::new();
    for (name, group) in case.groups() {
        let strange: Vec<(u64, &str, String)> = changes(group)
            .into_iter()
            .filter(|(t, by, _)| *t >= from_us && *t <= case.to_us && is_stranger(by))
            .collect();
        let Some((t, by, what)) = strange.last() else { continue };
        let seen = format!(
            "\"{by}\" {what} at {}, {} in all during the run",
            case.at(*t),
            changes_word(strange.len())
        );
        let next = format!("keep \"{by}\" out while a run goes on, or let it finish before the baseline");
        causes.push(because("confounded", format!("group {name}"), seen, next));
    }
    causes
}

fn changes_word(n: usize) -> String {
    if n == 1 { "1 change".into() } else { format!("{n} changes") }
}

/// Every change of what a group is to be: when, by whom, what.
fn changes(group: &GroupTrack) -> Vec<(u64, &str, String)> {
    let writes = group
        .writes
        .iter()
        .map(|(t, write)| (*t, write.by.as_str(), format!("wanted {}", instances(write.replicas))));
    let rewritten = group.rewritten.iter().map(|(t, rewritten)| {
        (*t, rewritten.by.as_str(), format!("changed its {}", rewritten.fields.join(", ")))
    });
    let specs = group.autoscalers.iter().map(|(t, seen)| {
        let (min, max) = (seen.spec.min_replicas, seen.spec.max_replicas);
        (*t, seen.by.as_str(), format!("changed the autoscaler (now {min} to {max} replicas)"))
    });
    let mut changes: Vec<_> = writes.chain(rewritten).chain(specs).collect();
    changes.sort_by_key(|(t, ..)| *t);
    changes
}

/// What moved when all was to be still.
fn never_steady(case: &Case) -> Vec<Diagnosis> {
    let until_us = case
        .tracks
        .phase_us(Phase::Stimulus)
        .or(case.tracks.phase_us(Phase::Quiesce))
        .unwrap_or(case.tracks.end_us);
    let mut causes = Vec::new();
    for (name, group) in case.groups() {
        causes.extend(restless(case, name, group, until_us));
        causes.extend(starting::causes(case, name, group, 0, until_us));
    }
    causes
}

fn restless(case: &Case, name: &str, group: &GroupTrack, until_us: u64) -> Option<Diagnosis> {
    let supply = group.supply();
    let moves: Vec<_> = supply.points().iter().skip(1).filter(|(t, _)| *t <= until_us).collect();
    let ready = group.ready().at(until_us).copied().unwrap_or(0);
    let (_, write) = group.writes.iter().rev().find(|(t, _)| *t <= until_us)?;
    let wanted = format!("\"{}\" wants {}, {ready} are ready", write.by, write.replicas);
    let seen = match moves.last() {
        Some((t, now)) => format!(
            "supply moved {} times before {}, last to {now} at {}; {wanted}",
            moves.len(),
            case.at(until_us),
            case.at(*t)
        ),
        None if ready < write.replicas => {
            format!("supply never was complete before {}: {wanted}", case.at(until_us))
        }
        None => return None,
    };
    let next = "let the system settle before the run, or give warm-up more time than one scale-down window and two syncs";
    Some(because("never-steady", format!("group {name}"), seen, next))
}

/// What was lost and did not come back.
fn still_down(case: &Case) -> Vec<Diagnosis> {
    let mut causes = Vec::new();
    for fault in case.tracks.faults.values() {
        let Some((_, intent)) = &fault.intent else { continue };
        let Some(group) = case.tracks.groups.get(&intent.group) else { continue };
        let from_us = fault.healed.as_ref().map_or(case.tracks.end_us, |(t, _)| *t);
        causes.extend(starting::causes(case, &intent.group, group, from_us, case.tracks.end_us));
    }
    causes
}

fn demand_shifted(case: &Case) -> Option<Diagnosis> {
    let (from_us, to_us) = case.tracks.baseline_window()?;
    let calm = case.offered(from_us, to_us)?;
    let now = case.offered(case.from_us, case.to_us)?;
    let seen = format!("{} while it was judged, {} at baseline", per_second(now), per_second(calm));
    let next = "end all other traffic, or declare the capacity of one instance so that demand can be told";
    Some(because("demand-shifted", "load", seen, next))
}
