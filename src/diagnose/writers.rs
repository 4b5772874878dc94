//! Who wants a group that large: other writers of its count, or nobody who would lower it.

use crate::history::{Desired, GroupTrack};

use super::Diagnosis;
use super::case::{Case, Excess, Kind, because, instances};
use super::say::lasting;

/// Writers that belong to the system or to springback.
pub(super) const OWN: [&str; 5] = ["declared", "autoscaler", "failover", "fault", "heal"];

/// The causes that lie with the writers of a count. `explained`: the autoscaler's own decisions say why already.
pub(super) fn causes(
    case: &Case,
    name: &str,
    group: &GroupTrack,
    excess: Excess,
    explained: bool,
) -> Vec<Diagnosis> {
    let mut causes = Vec::new();
    if let Some(fight) = fight(case, name, group, excess) {
        causes.push(fight);
    } else if let Some(regrowth) = regrowth(case, name, group, excess, explained) {
        causes.push(regrowth);
    } else if let Some(insists) = insists(case, name, group, excess) {
        causes.push(insists);
    }
    causes.extend(nobody(case, name, group, excess));
    causes
}

/// A decision of the autoscaler to shrink below what it then found again: its number was not taken.
pub(super) fn overridden(group: &GroupTrack, excess: Excess) -> Option<u64> {
    let decisions = Case::in_force(group, excess.from_us, excess.to_us);
    let pairs = decisions.windows(2);
    let ignored = pairs.filter(|pair| {
        pair[0].1.decision.desired < pair[0].1.current && pair[1].1.current >= pair[0].1.current
    });
    ignored.map(|pair| pair[0].0).next_back()
}

/// The same stranger raises again and again what the autoscaler lowers.
fn fight(case: &Case, name: &str, group: &GroupTrack, excess: Excess) -> Option<Diagnosis> {
    let since_us = case.tracks.quiesced_us.unwrap_or(case.zero_us);
    let writes: Vec<&(u64, Desired)> =
        group.writes.iter().filter(|(t, _)| *t > since_us && *t <= excess.to_us).collect();
    let raises: Vec<&(u64, Desired)> = writes
        .windows(2)
        .filter(|pair| pair[0].1.by == "autoscaler" && !OWN.contains(&pair[1].1.by.as_str()))
        .filter(|pair| pair[1].1.replicas > pair[0].1.replicas)
        .map(|pair| pair[1])
        .collect();
    if raises.len() < 2 {
        return None;
    }
    let (last_us, last) = raises.last()?;
    let seen = format!(
        "\"{}\" raised the count {} times after the autoscaler had lowered it, last to {} at {} (\"{}\")",
        last.by,
        raises.len(),
        last.replicas,
        case.at(*last_us),
        last.reason
    );
    let next = format!(
        "let only one of them own the count: take the replica count out of what \"{}\" writes",
        last.by
    );
    Some(because("gitops-fight", format!("group {name}"), seen, next))
}

/// It had contracted, and was then wanted larger again.
fn regrowth(
    case: &Case,
    name: &str,
    group: &GroupTrack,
    excess: Excess,
    explained: bool,
) -> Option<Diagnosis> {
    if case.kind == Kind::Baseline {
        return None;
    }
    let since_us = case.tracks.quiesced_us.unwrap_or(case.zero_us);
    let contracted_us = group.desired.first_from(since_us, |wanted| *wanted <= excess.bound)?;
    let (t, write) = group
        .writes
        .iter()
        .find(|(t, write)| *t > contracted_us && *t <= excess.to_us && write.replicas > excess.bound)?;
    if write.by == "autoscaler" && explained {
        return None;
    }
    let seen = format!(
        "back at {} at {}, then \"{}\" wanted {} at {} (\"{}\")",
        group.desired.at(contracted_us).copied().unwrap_or_default(),
        case.at(contracted_us),
        write.by,
        write.replicas,
        case.at(*t),
        write.reason
    );
    let next = match write.by.as_str() {
        "autoscaler" => {
            "see what the metric did at that time: traffic of others, start-up work, a late retry".to_owned()
        }
        by => format!("find out why \"{by}\" scales this group, and let it leave the count alone"),
    };
    Some(because("regrowth", format!("group {name}"), seen, next))
}

/// The autoscaler asks for less and is not heard.
fn insists(case: &Case, name: &str, group: &GroupTrack, excess: Excess) -> Option<Diagnosis> {
    let ignored_us = overridden(group, excess)?;
    let (t, write) = group.writes.iter().rev().find(|(t, _)| *t <= ignored_us)?;
    let seen = format!(
        "the autoscaler's smaller count of {} was not taken; the count in force is {}, written by \"{}\" at {}",
        case.at(ignored_us),
        write.replicas,
        write.by,
        case.at(*t)
    );
    let next = "find who else writes the count or refuses the autoscaler's (kubectl get deploy NAME -o yaml \
                --show-managed-fields names the writers)";
    Some(because("gitops-fight", format!("group {name}"), seen, next))
}

/// Nothing that decides on this group was ever seen.
fn nobody(case: &Case, name: &str, group: &GroupTrack, excess: Excess) -> Option<Diagnosis> {
    let wanted = group.desired.at(excess.to_us).copied()?;
    let (t, write) = group.writes.iter().rev().find(|(t, _)| *t <= excess.to_us)?;
    let unowned = group.decisions.is_empty() && wanted > excess.bound && OWN.contains(&write.by.as_str());
    if !unowned || write.by == "failover" || case.kind == Kind::Baseline {
        return None;
    }
    let seen = format!(
        "\"{}\" wanted {} at {}; no autoscaler decided anything, and nobody has lowered the count in {}",
        write.by,
        instances(wanted),
        case.at(*t),
        lasting(excess.to_us - t)
    );
    Some(because(
        "no-scaler",
        format!("group {name}"),
        seen,
        "give the group an autoscaler, or let whoever scales it up scale it down too",
    ))
}
