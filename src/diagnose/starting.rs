//! Instances that are wanted and do not come, or come too late: after a kill, and while growing.

use crate::history::{FaultTrack, GroupTrack, InstanceState, IntentAction, Life};

use super::Diagnosis;
use super::case::{Case, because, instances};
use super::say::lasting;

/// Wanted instances that nobody started for so long were forgotten.
const FORGOTTEN_US: u64 = 3_000_000;

/// Why fewer were ready than were wanted in `[from_us, to_us]`.
pub(super) fn causes(
    case: &Case,
    name: &str,
    group: &GroupTrack,
    from_us: u64,
    to_us: u64,
) -> Vec<Diagnosis> {
    let mut causes: Vec<_> = not_started(case, name, group, from_us, to_us).into_iter().collect();
    causes.extend(never_ready(case, group, from_us, to_us));
    causes.extend(slow(case, name, group, from_us, to_us));
    causes
}

/// Why killed instances were not replaced, kill by kill.
pub(super) fn replacements(case: &Case, name: &str, group: &GroupTrack) -> Vec<Diagnosis> {
    let mut causes = Vec::new();
    for (id, fault) in &case.tracks.faults {
        let Some((killed_us, victims)) = kill(fault, name) else { continue };
        if case.finding.id.starts_with("replacement-fault") && !case.finding.id.ends_with(id.as_str()) {
            continue;
        }
        causes.extend(replacement(case, name, group, id, killed_us, victims));
    }
    causes.extend(never_ready(case, group, case.zero_us, case.to_us));
    causes
}

/// When a fault terminated instances of that group, and how many.
fn kill(fault: &FaultTrack, name: &str) -> Option<(u64, usize)> {
    let (t, intent) = fault.intent.as_ref().filter(|_| fault.injected())?;
    (intent.action.ends_some() && intent.group == name).then(|| (*t, intent.action.instances().len()))
}

fn replacement(
    case: &Case,
    name: &str,
    group: &GroupTrack,
    id: &str,
    killed_us: u64,
    victims: usize,
) -> Option<Diagnosis> {
    let to_us = case.to_us.max(killed_us);
    let born: Vec<(&String, &Life)> =
        group.instances.iter().filter(|(_, life)| life.born_us > killed_us).collect();
    let started = born.iter().filter(|(_, life)| life.born_us <= to_us).count();
    if started < victims && !kept_up(group, killed_us, to_us) {
        let seen = format!(
            "{id} ended {victims} at {}; {started} were started after it until {}, with {} wanted and {} there",
            case.at(killed_us),
            case.at(to_us),
            group.desired.at(to_us).copied().unwrap_or(0),
            group.supply().at(to_us).copied().unwrap_or(0)
        );
        return Some(missing(name, seen));
    }
    let mut ready: Vec<u64> =
        born.iter().filter_map(|(_, life)| life.ready.first()).map(|(t, _)| *t).collect();
    ready.sort_unstable();
    let last_us = *ready.get(victims.checked_sub(1)?)?;
    // It was in time for all that this history knows of deadlines.
    if last_us < case.from_us {
        return None;
    }
    let starts: Vec<String> = born
        .iter()
        .filter_map(|(instance, life)| Some((instance, life.ready.first()?.0 - life.born_us)))
        .take(victims)
        .map(|(instance, took_us)| format!("{instance} took {} from start to ready", lasting(took_us)))
        .collect();
    let first_us = born.iter().map(|(_, life)| life.born_us).min().unwrap_or(killed_us);
    let seen = format!(
        "{id} ended {victims} at {}; the first successor was started {} later, the last was ready after {}: {}",
        case.at(killed_us),
        lasting(first_us - killed_us),
        lasting(last_us - killed_us),
        starts.join(", ")
    );
    let next = "shorten the start-up (images, caches, warm-up), or the time until a death is noticed";
    Some(because("replacement-slow", format!("group {name}"), seen, next))
}

fn missing(name: &str, seen: String) -> Diagnosis {
    let next = "see what is to replace instances: its log and quota, and whether starts fail and wait";
    because("replacement-missing", format!("group {name}"), seen, next)
}

/// Whether as many existed as were wanted at some time after the kill: then nothing is missing.
fn kept_up(group: &GroupTrack, killed_us: u64, to_us: u64) -> bool {
    let (from_us, end_us) = shortage(group, killed_us, to_us).unwrap_or((to_us, to_us));
    end_us - from_us < FORGOTTEN_US
}

/// The longest stretch in `[from_us, to_us]` in which fewer existed than were wanted.
fn shortage(group: &GroupTrack, from_us: u64, to_us: u64) -> Option<(u64, u64)> {
    let supply = group.supply();
    let mut times: Vec<u64> = [supply.points(), group.desired.points()]
        .into_iter()
        .flatten()
        .map(|(t, _)| *t)
        .filter(|t| (from_us..=to_us).contains(t))
        .chain([from_us, to_us])
        .collect();
    times.sort_unstable();
    let short = |t: u64| supply.at(t).unwrap_or(&0) < group.desired.at(t).unwrap_or(&0);
    let mut longest: Option<(u64, u64)> = None;
    let mut open: Option<u64> = None;
    for t in times {
        match (short(t), open) {
            (true, None) => open = Some(t),
            (true, Some(since)) | (false, Some(since)) => {
                if longest.is_none_or(|(from, to)| t - since > to - from) {
                    longest = Some((since, t));
                }
                if !short(t) {
                    open = None;
                }
            }
            (false, None) => {}
        }
    }
    longest
}

/// Wanted, and never even started. While a group is lost, nothing can be.
fn not_started(case: &Case, name: &str, group: &GroupTrack, from_us: u64, to_us: u64) -> Option<Diagnosis> {
    let (short_us, until_us) = shortage(group, from_us, to_us)?;
    if until_us - short_us < FORGOTTEN_US
        || is_lost_during(case, name, short_us, until_us)
        || is_backing_off(group, short_us, until_us)
    {
        return None;
    }
    let seen = format!(
        "{} wanted, {} there from {}, and none was started",
        group.desired.at(until_us).copied().unwrap_or(0),
        instances(group.supply().at(short_us).copied().unwrap_or(0)),
        case.during(short_us, until_us)
    );
    Some(missing(name, seen))
}

/// Whether starts fail: between two tries nothing is there, and that is not forgotten.
fn is_backing_off(group: &GroupTrack, from_us: u64, to_us: u64) -> bool {
    const RECENT_US: u64 = 30_000_000;
    group.instances.values().any(|life| {
        let failed = life.gone.is_some() && life.ready.is_empty() && life.terminating.is_none();
        failed && life.born_us <= to_us && life.born_us + RECENT_US >= from_us
    })
}

/// Whether instances of a group that is struck by it need not start while it lasts.
fn keeps_down(action: &IntentAction) -> bool {
    matches!(action, IntentAction::Lose { .. } | IntentAction::Nodes { .. } | IntentAction::Scale { .. })
}

fn is_lost_during(case: &Case, name: &str, from_us: u64, to_us: u64) -> bool {
    case.tracks.faults.values().any(|fault| {
        let Some((t, intent)) = &fault.intent else { return false };
        let healed_us = fault.healed.as_ref().map_or(u64::MAX, |(t, _)| *t);
        intent.group == name
            && keeps_down(&intent.action)
            && *t <= to_us
            && healed_us.saturating_add(FORGOTTEN_US) >= from_us
    })
}

/// Started, and not ready in all its life, though others of the group took far less time.
fn never_ready(case: &Case, group: &GroupTrack, from_us: u64, to_us: u64) -> Vec<Diagnosis> {
    let usual_us = usual_start_us(group);
    let was_stuck = |life: &&Life| {
        let end_us = life.gone.as_ref().map_or(to_us, |(t, _)| (*t).min(to_us));
        let asked = life.terminating.is_some_and(|(t, _)| t < end_us);
        let waited_us = end_us.saturating_sub(life.born_us);
        let patience_us = usual_us.map_or(FORGOTTEN_US, |usual| (3 * usual).max(FORGOTTEN_US));
        // One that ended by itself before it was ready has failed, however soon.
        let failed = life.gone.as_ref().is_some_and(|(t, _)| *t <= to_us) && !asked;
        life.ready.is_empty()
            && life.born_us <= to_us
            && end_us >= from_us
            && (failed || waited_us > patience_us)
    };
    let struck = |name: &String| {
        let intents = case.tracks.faults.values().filter_map(|fault| fault.intent.as_ref());
        intents.into_iter().any(|(_, intent)| intent.action.instances().contains(name))
    };
    let stuck: Vec<(&String, &Life)> =
        group.instances.iter().filter(|(name, life)| was_stuck(life) && !struck(name)).collect();
    let Some((instance, life)) = stuck.last() else { return Vec::new() };
    let others = match stuck.len() - 1 {
        0 => String::new(),
        n => format!(", and so did {n} others"),
    };
    let fate = match &life.gone {
        Some((t, reason)) => format!("gone at {} without ever being ready ({reason})", case.at(*t)),
        None => format!(
            "still {} at {}",
            if life.state == InstanceState::Pending { "pending" } else { "not ready" },
            case.at(to_us)
        ),
    };
    let usual =
        usual_us.map_or_else(String::new, |usual| format!("; others were ready after {}", lasting(usual)));
    let seen = format!("started at {}, {fate}{others}{usual}", case.at(life.born_us));
    let next = "read its log and its readiness probe; what does a new instance need that the first ones had?";
    vec![because("instance-never-ready", format!("instance {instance}"), seen, next)]
}

/// The usual time from birth to ready.
fn usual_start_us(group: &GroupTrack) -> Option<u64> {
    let lives = group.instances.values();
    let mut starts: Vec<u64> =
        lives.filter_map(|life| life.ready.first().map(|(ready, _)| ready - life.born_us)).collect();
    starts.sort_unstable();
    starts.get(starts.len() / 2).copied()
}

/// Enough had been started by the end, but not early enough to be ready.
fn slow(case: &Case, name: &str, group: &GroupTrack, from_us: u64, to_us: u64) -> Option<Diagnosis> {
    let ready = group.ready().at(to_us).copied().unwrap_or(0);
    let wanted = group.desired.at(to_us).copied().unwrap_or(0);
    let late: Vec<(&String, &Life)> = group
        .instances
        .iter()
        .filter(|(_, life)| life.born_us >= from_us && life.born_us <= to_us)
        .filter(|(_, life)| life.ready.first().is_some_and(|(t, _)| *t > to_us))
        .collect();
    let (instance, life) = late.last()?;
    if ready >= wanted {
        return None;
    }
    let took_us = life.ready.first().map_or(0, |(t, _)| t - life.born_us);
    let seen = format!(
        "{ready} of {wanted} were ready at {}; {} on their way, {instance} was started at {} and took {} to be ready",
        case.at(to_us),
        instances(late.len() as u32),
        case.at(life.born_us),
        lasting(took_us)
    );
    let next = "shorten the start-up (images, caches, warm-up), or scale up earlier with a lower target";
    Some(because("startup-slow", format!("group {name}"), seen, next))
}
