//! Why a group did not grow, or not in time.

use crate::autoscaler::{ConditionStatus, Reason};
use crate::history::{Decided, GroupTrack};

use super::Diagnosis;
use super::case::{Case, because, instances, per_second};
use super::held::{autoscaler, stale, without_request};
use super::starting;

/// Why a group was not larger in `[from_us, to_us]`.
pub(super) fn causes(
    case: &Case,
    name: &str,
    group: &GroupTrack,
    from_us: u64,
    to_us: u64,
) -> Vec<Diagnosis> {
    let mut causes = Vec::new();
    let supply = group.supply();
    let before = supply.at(from_us).copied().unwrap_or(0);
    let rose = supply.max_over(from_us, to_us).is_some_and(|peak| peak > before);
    let wanted_more = group.desired.max_over(from_us, to_us) > group.desired.at(from_us).copied();
    // A limit that was met on the way explains nothing once it was overcome.
    let reasons = wishes(case, name, group, if rose { to_us } else { from_us }, to_us);
    if !rose {
        causes.push(never_expanded(case, name, group, from_us, to_us, &reasons));
    }
    causes.extend(stale(case, name, group, from_us, to_us).filter(|_| !wanted_more));
    causes.extend(reasons);
    causes.extend(starting::causes(case, name, group, from_us, to_us));
    if causes.is_empty() {
        causes.extend(demand_too_low(case, name, group, from_us, to_us));
    }
    causes
}

/// It grew as far as it was asked to: the traffic had not come, or never came, to what was expected.
fn demand_too_low(
    case: &Case,
    name: &str,
    group: &GroupTrack,
    from_us: u64,
    to_us: u64,
) -> Option<Diagnosis> {
    let (t, last) = Case::in_force(group, from_us, to_us).last()?;
    let asked = last.decision.recommended?;
    let supply = group.supply().at(to_us).copied()?;
    if asked > supply {
        return None;
    }
    let seen = format!(
        "the metrics asked for {asked} at {}, and there were {}; {} were sent then",
        case.at(*t),
        instances(supply),
        last.traffic_per_s.map_or_else(|| "no requests".to_owned(), per_second)
    );
    let next = "expect fewer, or later: by that deadline the surge does not need more";
    Some(because("demand-too-low", autoscaler(name), seen, next))
}

/// What limited the wish for more, by the decisions in force.
pub(super) fn wishes(
    case: &Case,
    name: &str,
    group: &GroupTrack,
    from_us: u64,
    to_us: u64,
) -> Vec<Diagnosis> {
    let decisions = Case::in_force(group, from_us, to_us);
    let mut causes = Vec::new();
    if let Some((t, last)) = decisions.last() {
        let condition = &last.decision.conditions.scaling_active;
        let shown =
            format!("ScalingActive=False, {} at {}: {}", condition.reason, case.at(*t), condition.message);
        causes.extend(without_request(name, last, &shown));
    }
    let limited_by = |reason: Reason| -> Option<&(u64, Decided)> {
        decisions.iter().rev().find(|(_, decided)| {
            let condition = &decided.decision.conditions.scaling_limited;
            condition.reason == reason && condition.status == ConditionStatus::True
        })
    };
    if let Some((t, decided)) = limited_by(Reason::TooManyReplicas) {
        let seen = format!(
            "ScalingLimited, TooManyReplicas at {}: the metrics ask for {}, the maximum is {}",
            case.at(*t),
            decided.decision.recommended.unwrap_or(decided.decision.desired),
            decided.decision.desired
        );
        causes.push(because(
            "max-reached",
            autoscaler(name),
            seen,
            "raise maxReplicas, or let one instance serve more",
        ));
    }
    let slowed = decisions.iter().rev().find(|(_, decided)| {
        let conditions = &decided.decision.conditions;
        let limit = conditions.scaling_limited.reason == Reason::ScaleUpLimit
            && conditions.scaling_limited.status == ConditionStatus::True;
        limit || conditions.able_to_scale.reason == Reason::ScaleUpStabilized
    });
    if let Some((t, decided)) = slowed {
        let conditions = &decided.decision.conditions;
        let reason = match conditions.scaling_limited.reason {
            Reason::ScaleUpLimit => "ScalingLimited, ScaleUpLimit",
            _ => "AbleToScale, ScaleUpStabilized",
        };
        let seen = format!(
            "{reason} at {}: the metrics ask for {}, {} are allowed",
            case.at(*t),
            decided.decision.recommended.unwrap_or_default(),
            decided.decision.desired
        );
        let next =
            "let the policies for scaling up allow more at once, and give scale-up no stabilization window";
        causes.push(because("scale-up-limited", autoscaler(name), seen, next));
    }
    causes
}

/// The summary of a group that never was larger than before: what was wanted, by whom, and what they saw.
fn never_expanded(
    case: &Case,
    name: &str,
    group: &GroupTrack,
    from_us: u64,
    to_us: u64,
    limits: &[Diagnosis],
) -> Diagnosis {
    let wanted = group.desired.max_over(from_us, to_us).unwrap_or(0);
    let had = group.supply().max_over(from_us, to_us).unwrap_or(0);
    let offered = case
        .windows(from_us, to_us)
        .iter()
        .map(|window| window.planned)
        .max()
        .map_or_else(String::new, |peak| format!("; at most {} were sent", per_second(peak as f64)));
    let decisions = Case::in_force(group, from_us, to_us);
    let asked = decisions.iter().filter_map(|(_, decided)| decided.decision.recommended).max();
    let (why, next) = if wanted > had {
        (format!("{wanted} were wanted"), "see why wanted instances do not come to exist")
    } else if let Some(limit) = limits.first() {
        (limit.seen.clone(), "see the limit named here")
    } else {
        match asked {
            None if group.decisions.is_empty() => (
                "no autoscaler decided anything".to_owned(),
                "give the group an autoscaler, or leave it out of the expectation",
            ),
            None => {
                ("no metric asked for anything".to_owned(), "see the autoscaler's ScalingActive condition")
            }
            Some(asked) => (
                format!("the metrics asked for {asked} at the most"),
                "let the surge rise above what the instances at baseline serve within their target",
            ),
        }
    };
    let seen = format!("{} from {}: {why}{offered}", instances(had), case.during(from_us, to_us));
    because("never-expanded", format!("group {name}"), seen, next)
}
