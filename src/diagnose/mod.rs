//! History → why. Pure.
//!
//! A cause is recognised by behaviour: decisions and their conditions, lives of instances, writers of counts, routes,
//! tear-downs, prices, traffic. What the embedded world was told to do wrong is never read, nor how an autoscaler was
//! meant to be set up. One file a family of causes; none hides another, and a finding that nothing explains says so.

mod case;
mod diagnosis;
mod facts;
mod growth;
mod held;
mod keda;
mod leftover;
mod money;
mod nodes;
mod orphans;
mod playbook;
mod premise;
pub(crate) mod say;
mod service;
mod standby;
mod starting;
mod writers;

#[cfg(test)]
pub(crate) mod story;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use crate::check::{Finding, Outcome};
use crate::history::{GroupTrack, Tracks};

pub use diagnosis::Diagnosis;
pub use playbook::{PLAYBOOK, Play, explain, nearest};

use case::{Case, Excess, Kind};

/// Why each finding that is not a pass did not pass, by its id. Never empty for one of those.
pub fn diagnose(tracks: &Tracks, findings: &[Finding]) -> BTreeMap<String, Vec<Diagnosis>> {
    let judged = findings.iter().filter(|finding| finding.outcome != Outcome::Pass);
    judged.map(|finding| (finding.id.clone(), of_finding(&Case::new(tracks, finding)))).collect()
}

fn of_finding(case: &Case) -> Vec<Diagnosis> {
    let mut causes = if case.failed() { Vec::new() } else { premise::causes(case) };
    // Where growth could not be judged, what slowed it says nothing.
    if case.failed() || case.kind != Kind::Expansion || causes.is_empty() {
        causes.extend(of_kind(case));
    }
    if causes.is_empty() {
        causes.extend(premise::by_code(case));
    }
    if causes.is_empty() {
        causes.push(facts::undiagnosed(case));
    }
    let mut told = Vec::new();
    causes.retain(|cause| {
        let key = (cause.code.clone(), cause.object.clone());
        let is_new = !told.contains(&key);
        told.push(key);
        is_new
    });
    causes
}

/// What this kind of expectation can fail for.
fn of_kind(case: &Case) -> Vec<Diagnosis> {
    match case.kind {
        Kind::Contraction | Kind::IdleSpend | Kind::StandbyReleased | Kind::Baseline => too_much(case),
        Kind::Left if case.failed() => orphans::causes(case),
        Kind::Expansion => case
            .groups()
            .into_iter()
            .flat_map(|(name, group)| {
                let from_us = case.finding.anchor.as_ref().map_or(case.zero_us, |anchor| anchor.t_us);
                growth::causes(case, name, group, from_us.min(case.to_us), case.to_us)
            })
            .collect(),
        Kind::Replacement if case.failed() => case
            .groups()
            .into_iter()
            .flat_map(|(name, group)| starting::replacements(case, name, group))
            .collect(),
        Kind::Service if case.failed() => service::causes(case),
        Kind::Stop => {
            let mut causes: Vec<_> = premise::stop_tripped(case).into_iter().collect();
            if !case.finding.id.starts_with("stop-spend") {
                causes.extend(service::causes(case));
            }
            causes
        }
        _ => Vec::new(),
    }
}

/// Why there is, or costs, too much.
fn too_much(case: &Case) -> Vec<Diagnosis> {
    let mut causes = Vec::new();
    match (case.kind, case.finding.code.as_str()) {
        (Kind::StandbyReleased, "standby-never-activated") => causes.push(standby::never_activated(case)),
        (Kind::StandbyReleased, _) if case.failed() => causes.extend(standby::released_early(case)),
        (Kind::Contraction, "never-expanded") => {
            for (name, group) in case.groups().into_iter().filter(|(name, _)| !case.is_standby(name)) {
                let quiet_us = case.tracks.quiesced_us.unwrap_or(case.from_us);
                causes.extend(growth::causes(case, name, group, case.zero_us.min(quiet_us), quiet_us));
            }
        }
        _ => {}
    }
    // What was there before the time that counts says nothing about it.
    let is_judged =
        case.failed() || case.finding.window_us.is_some_and(|(from_us, _)| from_us < case.tracks.end_us);
    for (name, group) in case.groups().into_iter().filter(|_| is_judged) {
        if let Some(excess) = case.excess(name, group) {
            causes.extend(of_excess(case, name, group, excess));
        }
        if case.kind == Kind::IdleSpend {
            causes.extend(money::drift(case, name, group));
        }
    }
    if case.kind == Kind::IdleSpend && is_judged {
        causes.extend(orphans::causes(case));
    }
    if causes.is_empty() && case.finding.code == "baseline-inherited" {
        causes.push(inherited(case));
    }
    causes
}

fn of_excess(case: &Case, name: &str, group: &GroupTrack, excess: Excess) -> Vec<Diagnosis> {
    let mut causes = held::causes(case, name, group, excess);
    causes.extend(keda::causes(case, name, group, excess));
    let explained = !causes.is_empty();
    causes.extend(writers::causes(case, name, group, excess, explained));
    causes.extend(standby::not_released(case, name, group, excess));
    causes.extend(leftover::causes(case, name, group, excess));
    if keda::of_group(case, name).is_some() {
        // The HPA is KEDA's, and so is its floor; and where it makes none, it scales all the same.
        causes.retain(|cause| !matches!(cause.code.as_str(), "hpa-floor-raised" | "no-scaler"));
    }
    causes
}

/// The calm system is larger than it may be, and nothing in it says why.
fn inherited(case: &Case) -> Diagnosis {
    let above = case.groups().into_iter().filter_map(|(name, group)| {
        let (bound, supply) = (case.bound(name)?, group.supply().max_over(case.from_us, case.to_us)?);
        let (_, write) = group.writes.iter().rev().find(|(t, _)| *t <= case.to_us)?;
        let seen =
            format!("{name} has {supply}, {bound} expected, {} wanted by \"{}\"", write.replicas, write.by);
        (supply > bound).then_some(seen)
    });
    let above: Vec<String> = above.collect();
    let seen = if above.is_empty() { facts::facts(case) } else { above.join("; ") };
    let next = "find what an earlier run or deployment left and remove it before the next run; only if the system is meant \
                to be that large, raise expect.baseline.at_most";
    case::because("baseline-leak-inherited", "baseline", seen, next)
}
