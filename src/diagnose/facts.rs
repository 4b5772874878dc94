//! What there is to say where nothing is recognised.

use super::Diagnosis;
use super::case::{Case, because};

/// The facts that somebody would look for first.
pub(super) fn facts(case: &Case) -> String {
    let mut facts = Vec::new();
    for (name, group) in case.groups() {
        let at = |t: u64| {
            let n =
                |steps: &crate::history::Steps<u32>| steps.at(t).map_or_else(|| "?".into(), u32::to_string);
            format!("{} there, {} ready, {} wanted", n(&group.supply()), n(&group.ready()), n(&group.desired))
        };
        let mut fact = format!("{name}: {} at {}", at(case.from_us), case.at(case.from_us));
        if at(case.to_us) != at(case.from_us) {
            fact += &format!("; {} at {}", at(case.to_us), case.at(case.to_us));
        }
        if let Some((t, write)) = group.writes.iter().rev().find(|(t, _)| *t <= case.to_us) {
            fact += &format!("; count last written by \"{}\" at {}", write.by, case.at(*t));
        }
        if let Some((t, decided)) = group.decisions.iter().rev().find(|(t, _)| *t <= case.to_us) {
            let conditions = &decided.decision.conditions;
            fact += &format!(
                "; decision at {}: {} → {}, {}, {}, {}",
                case.at(*t),
                decided.current,
                decided.decision.desired,
                conditions.able_to_scale.reason,
                conditions.scaling_limited.reason,
                conditions.scaling_active.reason
            );
        }
        facts.push(fact);
    }
    let windows = case.windows(case.from_us, case.to_us);
    if !windows.is_empty() {
        let (planned, bad) = windows
            .iter()
            .fold((0, 0), |(planned, bad), window| (planned + window.planned, bad + window.bad()));
        facts.push(format!("{bad} of {planned} requests not answered well"));
    }
    if facts.is_empty() { "the history says nothing about that time".into() } else { facts.join(". ") }
}

/// A finding that no family of causes explains.
pub(super) fn undiagnosed(case: &Case) -> Diagnosis {
    let next = "look at these facts in the history around that time; if they have a name that springback should know, report it";
    because("undiagnosed", "history", facts(case), next)
}
