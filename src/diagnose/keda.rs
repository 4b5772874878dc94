//! Groups that KEDA scales: what its ScaledObject says of itself.

use crate::history::{GroupTrack, ObjectTrack};

use super::Diagnosis;
use super::case::{Case, Excess, because, instances};

/// The ScaledObject of a group.
pub(super) fn of_group<'a>(case: &Case<'a>, name: &str) -> Option<&'a ObjectTrack> {
    let workload = case.tracks.header.as_ref()?.scenario.groups().get(name)?.workload.as_ref()?;
    let kind = workload.kind.split('.').next().unwrap_or_default();
    let target = format!("{kind}/{}", workload.name);
    let mut scaled = case.tracks.objects.values().filter(|object| object.last.kind == "ScaledObject");
    scaled.find(|object| object.last.facts.get("scales") == Some(&target))
}

/// Why KEDA keeps a group above its bound: everything that does.
pub(super) fn causes(case: &Case, name: &str, group: &GroupTrack, excess: Excess) -> Vec<Diagnosis> {
    let Some(object) = of_group(case, name) else { return Vec::new() };
    let facts = &object.last.facts;
    let called = object.called();
    let condition = |name: &str| facts.get(&format!("condition {name}")).map_or("unknown", String::as_str);
    let supply = group.supply().at(excess.to_us.saturating_sub(1)).copied().unwrap_or(0);
    let there = instances(supply);
    let mut causes = Vec::new();
    if let Some(paused) = facts.get("paused by annotation") {
        let seen =
            format!("{paused}; {there} of {name}, {} expected; Active {}", excess.bound, condition("Active"));
        let next = "take the annotation away, and see who left it: kubectl annotate scaledobject NAME autoscaling.keda.sh/paused-";
        causes.push(because("keda-paused", called.clone(), seen, next));
    }
    if condition("Fallback").starts_with("True") {
        let replicas = facts.get("fallback replicas").map_or("its", String::as_str);
        let seen = format!(
            "Fallback {}; it holds {replicas} replicas as long as its source fails",
            condition("Fallback")
        );
        let next = "repair the source of its trigger; until then nothing scales this group";
        causes.push(because("keda-fallback-stuck", called.clone(), seen, next));
    }
    let floor: u32 = facts.get("minReplicaCount").and_then(|count| count.parse().ok()).unwrap_or(0);
    if floor > excess.bound {
        let seen = format!(
            "minReplicaCount {floor}, {} expected; {there} of {name}, Active {}",
            excess.bound,
            condition("Active")
        );
        let next = "set minReplicaCount to what the group is to have at rest, 0 to let it sleep";
        causes.push(because("keda-not-zero", called.clone(), seen, next));
    }
    if causes.is_empty() && supply > 0 {
        causes.extend(activity(case, object, excess, &there));
    }
    causes
}

/// One replica more than none is KEDA's own to take away, and it does not while a trigger is active.
fn activity(case: &Case, object: &ObjectTrack, excess: Excess, there: &str) -> Option<Diagnosis> {
    if excess.bound > 0 {
        return None;
    }
    let facts = &object.last.facts;
    let active = facts.get("condition Active").map_or("unknown", String::as_str);
    let cooldown = facts.get("cooldownPeriod").map_or("300", String::as_str);
    if !active.starts_with("True") {
        let seen = format!("{there}, none expected; Active {active}, cooldownPeriod {cooldown} s");
        let next = "see its operator's log; an HPA beside it holds one, and the cooldown begins when the last trigger ceases to be \
                    active";
        return Some(because("keda-not-zero", object.called(), seen, next));
    }
    let over_us = case.tracks.quiesced_us.unwrap_or(case.from_us);
    let mut times: Vec<&String> = object
        .facts
        .iter()
        .filter(|(t, _)| *t >= over_us)
        .filter_map(|(_, facts)| facts.get("lastActiveTime"))
        .collect();
    times.dedup();
    let last = times.last()?;
    let seen = format!("Active {active}, lastActiveTime moved on to {last}; {there}, none expected");
    let next = "raise the trigger's activation threshold above what the calm system shows";
    Some(because("keda-always-active", object.called(), seen, next))
}
