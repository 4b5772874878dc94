//! Stop conditions, live: when to end all stimuli before the system, or the purse, is hurt.
//!
//! Judged by the same arithmetic as afterwards. One window above a limit is no trend: a condition trips when two
//! evaluations in a row are above it, over a window that lies wholly after the warm-up.

use crate::history::{LoadWindow, Stopped, Tracks};
use crate::plan::Plan;
use crate::scenario::{Objective, Scenario, Share, StopCondition};
use crate::slo;
use crate::spend::Ledger;

/// Evaluations in a row that must be above a limit.
const IN_A_ROW: u32 = 2;

/// Watches the stop conditions of a scenario.
pub(super) struct StopWatch {
    conditions: Vec<(StopCondition, Option<Objective>, u32)>,
    groups: Vec<String>,
    thresholds_us: Vec<u64>,
    windows_seen: usize,
}

impl StopWatch {
    pub(super) fn new(scenario: &Scenario, plan: &Plan) -> Self {
        let conditions = scenario.stop.iter().map(|stop| {
            let objective = match stop {
                StopCondition::BurnRate { objective, .. } => scenario.slo.get(objective).cloned(),
                _ => None,
            };
            (stop.clone(), objective, 0)
        });
        Self {
            conditions: conditions.collect(),
            groups: scenario.groups().keys().cloned().collect(),
            thresholds_us: plan.load.as_ref().map(|load| load.thresholds_us.clone()).unwrap_or_default(),
            windows_seen: 0,
        }
    }

    /// The condition that trips now. Evaluated once for each closed second of traffic.
    pub(super) fn tripped(&mut self, tracks: &Tracks) -> Option<Stopped> {
        if tracks.load.len() == self.windows_seen && !tracks.load.is_empty() {
            return None;
        }
        self.windows_seen = tracks.load.len();
        let now_us = tracks.load.last().map_or(tracks.end_us, |window| window.from_us + slo::WINDOW_US);
        // The warm-up counts for nothing, here as in an objective: a window that reaches back into it says nothing yet.
        let since_us = tracks.baseline_window().map_or(0, |(from_us, _)| from_us);
        let load = &tracks.load[tracks.load.partition_point(|window| window.from_us < since_us)..];
        let mut tripped = None;
        for (condition, objective, in_a_row) in &mut self.conditions {
            let above = match condition {
                StopCondition::BurnRate { objective: name, above, over } => {
                    let Some(objective) = objective else { continue };
                    burn_above(load, &self.thresholds_us, (name, objective), *above, now_us, over.us)
                }
                StopCondition::ErrorRatio { above, over } => errors_above(load, *above, now_us, over.us),
                StopCondition::SpendRate { above } => spend_above(tracks, &self.groups, above),
            };
            *in_a_row = if above.is_some() { *in_a_row + 1 } else { 0 };
            if *in_a_row >= IN_A_ROW && tripped.is_none() {
                tripped = above;
            }
        }
        tripped
    }
}

fn burn_above(
    load: &[LoadWindow],
    thresholds_us: &[u64],
    (name, objective): (&str, &Objective),
    limit: f64,
    now_us: u64,
    over_us: u64,
) -> Option<Stopped> {
    let burn = slo::burn_over(load, thresholds_us, objective, now_us, over_us)?;
    let counts = burn.counts();
    let is_above = slo::enough_events(counts, objective.target, limit)
        && slo::burns_faster_than(counts, objective.target, limit);
    is_above.then(|| Stopped {
        condition: "burn_rate".into(),
        value: burn.rate,
        limit,
        detail: format!(
            "\"{name}\" burned at {:.2} over the last {} s ({} of {} requests bad), the limit is {limit}",
            burn.rate,
            over_us / 1_000_000,
            counts.bad(),
            counts.total
        ),
    })
}

fn errors_above(load: &[LoadWindow], limit: Share, now_us: u64, over_us: u64) -> Option<Stopped> {
    let from_us =
        now_us.checked_sub(over_us).filter(|from| load.first().is_some_and(|w| w.from_us <= *from))?;
    let counts: slo::Counts = slo::within(load, from_us, now_us).iter().map(slo::answered).sum();
    // Of fewer requests than that a single failure would be above the limit.
    let enough = counts.total as f64 * limit.ratio() > 1.0;
    let is_above = enough
        && u128::from(counts.bad()) * u128::from(Share::WHOLE.ppb)
            > u128::from(limit.ppb) * u128::from(counts.total);
    is_above.then(|| Stopped {
        condition: "error_ratio".into(),
        value: counts.error_ratio(),
        limit: limit.ratio(),
        detail: format!(
            "{} of {} requests failed over the last {} s ({:.1}%), the limit is {limit}",
            counts.bad(),
            counts.total,
            over_us / 1_000_000,
            100.0 * counts.error_ratio()
        ),
    })
}

fn spend_above(tracks: &Tracks, groups: &[String], limit: &crate::scenario::Price) -> Option<Stopped> {
    let ledger = Ledger::of(tracks, groups).ok()?;
    let rate = ledger.per_hour_at(tracks.end_us);
    (rate > limit.per_hour).then(|| Stopped {
        condition: "spend_rate".into(),
        value: f64::try_from(rate).unwrap_or(f64::MAX),
        limit: f64::try_from(limit.per_hour).unwrap_or(f64::MAX),
        detail: format!("the system costs {} {}/h, the limit is {limit}", rate.normalize(), limit.currency),
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{scripted, tracks};
    use super::*;

    #[test]
    fn errors_of_the_warm_up_trip_nothing() {
        let (scenario, plan) = scripted(
            "[expect]\nreplacement = { within = '10s' }\n[stop]\nerror_ratio = { above = '20%', over = '30s' }\n",
        );
        // Baseline from 20 s, stimulus from 30 s on; every request fails until 20 s.
        let tripped = |until: u64| {
            let mut run = tracks(2);
            let mut watch = StopWatch::new(&scenario, &plan);
            (0..60).find(|second| {
                run.second(*second, if *second < until { 0 } else { 10 });
                *second >= 30 && watch.tripped(&run.tracks).is_some()
            })
        };
        assert_eq!(tripped(20), None);
        // From 50 s on the last 30 s lie wholly after it; two looks in a row.
        assert_eq!(tripped(55), Some(50));
    }
}
