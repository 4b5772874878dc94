//! Instances that nobody wants, and why they are still there.

use crate::history::{GroupTrack, InstanceState};

use super::Diagnosis;
use super::case::{Case, Excess, because, instances};
use super::say::lasting;

/// The instances that exist above what is wanted, each with what keeps it.
pub(super) fn causes(case: &Case, name: &str, group: &GroupTrack, excess: Excess) -> Vec<Diagnosis> {
    let Some(at_us) = unwanted_at(group, excess) else { return Vec::new() };
    let wanted = group.desired.at(at_us).copied().unwrap_or(0);
    let names = group.supply_names_at(at_us);
    let mut unwanted = (names.len() as u32).saturating_sub(wanted);
    let mut causes = Vec::new();
    // The newest first: those are what a surge leaves.
    let mut unexplained = Vec::new();
    for instance in names.iter().rev() {
        let life = &group.instances[*instance];
        if life.overdue_at(at_us) {
            causes.push(overdue(case, instance, group, at_us));
        } else if let Some(dead) = tear_down(case, instance, group, at_us) {
            causes.push(dead);
        } else {
            unexplained.push(*instance);
            continue;
        }
        unwanted = unwanted.saturating_sub(1);
    }
    causes = together(causes);
    if unwanted > 0 {
        unexplained.truncate(unwanted as usize);
        unexplained.reverse();
        causes.push(left(case, name, group, &unexplained, wanted, at_us));
    }
    causes
}

/// What is true of several instances is told once, of the first, with the others named.
fn together(causes: Vec<Diagnosis>) -> Vec<Diagnosis> {
    let mut told: Vec<(Diagnosis, Vec<String>)> = Vec::new();
    for cause in causes {
        let instance = cause.object.trim_start_matches("instance ").to_owned();
        match told.iter_mut().find(|(first, _)| first.code == cause.code) {
            Some((_, others)) => others.push(instance),
            None => told.push((cause, Vec::new())),
        }
    }
    let merged = told.into_iter().map(|(mut first, others)| {
        if !others.is_empty() {
            first.seen += &format!("; the same of {}", others.join(", "));
            first.object = format!("{} and {} more", first.object, others.len());
        }
        first
    });
    merged.collect()
}

/// An instant at which more existed than were wanted, and had for a while: not just a scale-down under way.
fn unwanted_at(group: &GroupTrack, excess: Excess) -> Option<u64> {
    const UNDER_WAY_US: u64 = 2_000_000;
    let supply = group.supply();
    let surplus = |t: u64| {
        let exist = supply.at(t).copied().unwrap_or(0);
        exist > group.desired.at(t).copied().unwrap_or(0) && exist > excess.bound
    };
    let candidates = [excess.to_us, excess.to_us.saturating_sub(1), excess.from_us];
    let at_us = candidates.into_iter().find(|t| surplus(*t))?;
    // What an instance that outlived its grace does is settled by that alone.
    let overdue = group.instances.values().any(|life| life.overdue_at(at_us));
    (overdue || unwanted_since(group, at_us) + UNDER_WAY_US <= at_us).then_some(at_us)
}

/// Since when more have existed than were wanted.
fn unwanted_since(group: &GroupTrack, at_us: u64) -> u64 {
    let supply = group.supply();
    let mut times: Vec<u64> = [supply.points(), group.desired.points()]
        .into_iter()
        .flatten()
        .map(|(t, _)| *t)
        .filter(|t| *t <= at_us)
        .collect();
    times.sort_unstable();
    let surplus = |t: &u64| supply.at(*t).unwrap_or(&0) > group.desired.at(*t).unwrap_or(&0);
    times.into_iter().rev().take_while(surplus).last().unwrap_or(at_us)
}

fn overdue(case: &Case, instance: &str, group: &GroupTrack, at_us: u64) -> Diagnosis {
    let (asked_us, grace_us) = group.instances[instance].terminating.unwrap_or((at_us, 0));
    let seen = format!(
        "asked to end at {} with a grace of {}, still there at {}, {} after its grace",
        case.at(asked_us),
        lasting(grace_us),
        case.at(at_us),
        lasting(at_us.saturating_sub(asked_us + grace_us))
    );
    let finalizers = &group.instances[instance].finalizers;
    if !finalizers.is_empty() {
        let seen = format!("{seen}; it waits for finalizer {}", finalizers.join(", "));
        let next = "find who should take that finalizer away and does not: a controller that is gone or fails; take it away by \
                    hand only when what it guards is cleaned up";
        return because("pod-finalizer-stuck", format!("instance {instance}"), seen, next);
    }
    let next = "see what holds it: a SIGTERM that is not handled, or work that never ends";
    because("termination-overdue", format!("instance {instance}"), seen, next)
}

/// An instance whose removal waits for a tear-down program that fails, hangs, or came too late.
fn tear_down(case: &Case, instance: &str, group: &GroupTrack, at_us: u64) -> Option<Diagnosis> {
    let object = format!("instance {instance}");
    let runs: Vec<_> =
        group.tear_downs.iter().filter(|(t, run)| run.instance == instance && *t <= at_us).collect();
    if let Some((t, last)) = runs.last() {
        if last.ok {
            return None;
        }
        let failed = runs.iter().filter(|(_, run)| !run.ok).count();
        let seen = format!(
            "its tear-down `{}` failed {failed} times, last at {}: {}; the instance stays until it succeeds",
            shell(&last.command),
            case.at(*t),
            last.outcome
        );
        let next = format!(
            "run it by hand (SPRINGBACK_INSTANCE={instance} {}), repair it, and alert on its failures",
            shell(&last.command)
        );
        return Some(because("billing-script-dead", object, seen, next));
    }
    let role = format!("tear-down {instance}");
    if case.tracks.children.iter().any(|child| child.role == role) {
        let seen = format!(
            "its tear-down was started and had not ended at {}; the instance stays until it does",
            case.at(at_us)
        );
        let next = "see what the tear-down waits for, and give it a time limit of its own";
        return Some(because("billing-script-dead", object, seen, next));
    }
    None
}

/// Ready, unwanted, and nobody does anything about it.
fn left(case: &Case, name: &str, group: &GroupTrack, left: &[&str], wanted: u32, at_us: u64) -> Diagnosis {
    let since_us = unwanted_since(group, at_us);
    if let Some(command) = declared_tear_down(case, name).filter(|_| group.tear_downs.is_empty()) {
        let seen = format!(
            "{} exist, {wanted} are wanted since {}; the tear-down `{}` was never started for {}",
            instances(group.supply_names_at(at_us).len() as u32),
            case.at(since_us),
            shell(command),
            left.join(", ")
        );
        let next = "find out what was to start the tear-down, and alert when it does not run";
        return because("billing-script-dead", format!("group {name}"), seen, next);
    }
    let doing: Vec<String> = left
        .iter()
        .map(|instance| format!("{instance} ({})", state_word(group.instances[*instance].state)))
        .collect();
    let seen = format!(
        "{} exist, {wanted} are wanted since {}; nothing was asked to end, no tear-down is under way: {}",
        instances(group.supply_names_at(at_us).len() as u32),
        case.at(since_us),
        doing.join(", ")
    );
    let next = "find out who was to remove it, and end it by hand; a scale-down that stops one short leaves one more \
                every night";
    let object = match left {
        [one] => format!("instance {one}"),
        _ => format!("group {name}"),
    };
    because("one-replica-left", object, seen, next)
}

/// The tear-down that the group's scale-downs are to run.
fn declared_tear_down<'a>(case: &Case<'a>, name: &str) -> Option<&'a [String]> {
    let header = case.tracks.header.as_deref()?;
    header.scenario.groups().get(name)?.tear_down.as_deref()
}

/// A command as a shell would take it.
fn shell(command: &[String]) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,@%+".contains(c);
    let quoted = command.iter().map(|word| match !word.is_empty() && word.chars().all(is_plain) {
        true => word.clone(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    });
    quoted.collect::<Vec<_>>().join(" ")
}

fn state_word(state: InstanceState) -> &'static str {
    match state {
        InstanceState::Pending => "pending",
        InstanceState::Starting => "starting",
        InstanceState::Ready => "ready",
        InstanceState::Unready => "not ready",
        InstanceState::Terminating => "terminating",
        InstanceState::Gone => "gone by now",
    }
}
