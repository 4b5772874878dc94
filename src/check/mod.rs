//! History + expectation → finding. Pure: a check sees tracks, never a world.
//!
//! [`judge`] is all there is to call. Every check is a function of the tracks, the scenario and the plan; one file each.
//! `hold` decides "eventually, and then always", `arrival` "by then"; `truth` is three-valued, because a gap is neither
//! high nor low; `premises` says what each expectation rests on.

mod arrival;
mod baseline;
mod burn;
mod case;
mod codes;
mod contraction;
mod demand;
mod draft;
mod expansion;
mod finding;
mod hold;
mod idle_spend;
mod left;
mod objectives;
mod premises;
mod recovery;
mod replacement;
mod standby;
mod truth;
mod whole;
mod words;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use codes::CODES;
pub use finding::{AnchorAt, Evidence, Finding, Outcome};

use crate::history::Tracks;
use crate::plan::Plan;
use crate::scenario::Scenario;

use case::Case;

/// Judges a run. Scenario and plan stand apart from the header's, because a run can be judged by other expectations
/// than those that it was recorded with; the plan must be that scenario's.
///
/// The findings stand in the order in which a run goes: what it was, the calm system, the stimuli, what came back.
pub fn judge(tracks: &Tracks, scenario: &Scenario, plan: &Plan) -> Vec<Finding> {
    let case = Case::new(tracks, scenario, plan);
    let checks: [fn(&Case<'_>) -> Vec<Finding>; 15] = [
        whole::history,
        whole::load,
        whole::faults,
        whole::unplanned,
        baseline::check,
        expansion::check,
        replacement::check,
        contraction::check,
        standby::check,
        idle_spend::check,
        left::check,
        objectives::check,
        burn::check,
        recovery::check,
        whole::stop,
    ];
    checks.into_iter().flat_map(|check| check(&case)).collect()
}

/// What a finding's code means, in one line; `None` where it is no such code.
pub fn meaning(code: &str) -> Option<&'static str> {
    CODES.iter().find(|(known, _)| *known == code).map(|(_, meaning)| *meaning)
}

/// The outcome of all findings together: fail over inconclusive over pass. Without any finding nothing was proven.
pub fn merge(findings: &[Finding]) -> Outcome {
    findings.iter().map(|finding| finding.outcome).max().unwrap_or(Outcome::Inconclusive)
}
