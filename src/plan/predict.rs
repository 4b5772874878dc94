//! What a plan amounts to before anything runs: offered load against capacity, and the most that it can cost.

use rust_decimal::Decimal;

use crate::autoscaler::{demand_replicas, earliest_contraction};
use crate::scenario::{Group, Scenario, autoscaler_settings, autoscaler_spec};

use super::model::{Plan, PlannedWindow};

/// Offered load at one moment, and what a group needs and has for it.
#[derive(Debug, Clone, PartialEq)]
pub struct Prediction {
    /// From the end of the baseline phase.
    pub at_us: u64,
    /// Requests a second.
    pub offered_per_s: f64,
    /// Instances that its autoscaler settles at, its limits left out.
    pub needed: u32,
    /// Instances that it can have at most.
    pub at_most: u32,
    /// Requests a second that those serve within the objectives.
    pub capacity_per_s: f64,
}

/// Predicts each moment at which the offered load changes its course, for a group that takes the load.
pub fn predict(plan: &Plan, group: &Group) -> Vec<Prediction> {
    let (Some(load), Some(capacity)) = (&plan.load, group.capacity) else { return Vec::new() };
    let mut moments = vec![0];
    for piece in load.surges.iter().flat_map(|surge| &surge.pieces) {
        moments.extend([piece.from_us, piece.to_us]);
    }
    moments.sort_unstable();
    moments.dedup();
    let (per_instance, at_most) = match &group.autoscaler {
        Some(autoscaler) => (capacity.per_s * autoscaler.target_utilization.ratio(), autoscaler.max_replicas),
        None => (capacity.per_s, group.replicas),
    };
    let predicted = moments.into_iter().map(|at_us| {
        let offered_per_s = load.rate_at(at_us);
        let needed = demand_replicas(offered_per_s, per_instance, 0.0);
        let has = needed.clamp(group.replicas.min(at_most), at_most);
        Prediction { at_us, offered_per_s, needed, at_most, capacity_per_s: f64::from(has) * capacity.per_s }
    });
    predicted.collect()
}

/// The longest that the run can take from the end of its baseline phase, where every anchor comes as planned.
pub fn longest_us(plan: &Plan) -> u64 {
    let last = plan.windows.iter().map(|w| w.within_us.unwrap_or(0) + w.hold_us + w.settle_us).max();
    plan.stimulus_us + last.unwrap_or(0)
}

/// The longest that a whole run is planned to take, in microseconds: the longest wait for a steady baseline, the stimuli, and
/// the last deadline with its hold. A deadline that is left to the autoscaler counts as for a contraction from its ceiling.
/// What no plan can know (an anchor that comes late, a heal that takes long) may still add to it.
pub fn whole_us(scenario: &Scenario, plan: &Plan) -> u64 {
    let derived_us = scenario.groups().values().filter_map(derived_at_most_us).max().unwrap_or(0);
    let window = |w: &PlannedWindow| w.within_us.unwrap_or(derived_us) + w.hold_us + w.settle_us;
    let observed_us = plan.windows.iter().map(window).max().unwrap_or(0);
    let replaced_us = scenario.expect.replacement.as_ref().map_or(0, |replacement| {
        let struck = plan.faults.iter().map(|fault| fault.at_us + fault.effect_within_us).max();
        struck.map_or(0, |struck_us| struck_us + replacement.within.us)
    });
    plan.warm_up_limit_us + plan.steady_us + (plan.stimulus_us + observed_us).max(replaced_us)
}

/// How long a group takes at the most from its ceiling to what it began with: the terms of `within = "auto"`.
fn derived_at_most_us(group: &Group) -> Option<u64> {
    let scaler = group.autoscaler.as_ref()?;
    let (spec, settings) = (autoscaler_spec(scaler), autoscaler_settings(scaler));
    let time = earliest_contraction(&spec, &settings, scaler.max_replicas, group.replicas)?;
    let grace_us = group.grace_or_default().us;
    Some(time.window_us + time.policy_us + time.sync_us + 2 * settings.sync_period_us + grace_us)
}

/// What one hour costs at most: every group at its largest, at its dearest price. `None` where no group has a price.
pub fn spend_per_hour_at_most(scenario: &Scenario) -> Option<(Decimal, String)> {
    let mut total = Decimal::ZERO;
    let mut currency = None;
    for group in scenario.groups().values() {
        let most = group.autoscaler.as_ref().map_or(group.replicas, |autoscaler| autoscaler.max_replicas);
        let most = most.max(group.promoted_replicas.unwrap_or(0)).max(group.replicas);
        let prices = [&group.price, &group.replacement_price].into_iter().flatten();
        let Some(dearest) = prices.max_by_key(|price| price.per_hour) else { continue };
        total += dearest.per_hour * Decimal::from(most);
        currency = Some(dearest.currency.clone());
    }
    Some((total, currency?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::lower;
    use crate::scenario::{Overrides, Source, read};

    fn whole_s(text: &str) -> u64 {
        let scenario = read(&Source::new("a.toml", text), &Overrides::NONE).unwrap().scenario;
        whole_us(&scenario, &lower(&scenario, 1)) / 1_000_000
    }

    #[test]
    fn the_whole_run_lasts_to_its_last_deadline_from_its_longest_warm_up() {
        let calm = "name = 'a'\n[target.local.app]\nreplicas = 2\n[run]\nwarm_up = '20s'\n[[fault]]\nat = '3s'\n\
                    terminate = { group = 'app', count = 1, how = 'kill' }\n[expect]\nreplacement = { within = '30s' }\n";
        // Warm-up, a steady baseline, the kill, the time that its effect may take, the deadline.
        assert_eq!(whole_s(calm), 20 + 5 + 3 + 2 + 30);
        let scaled = "name = 'a'\n[target.local.app]\nreplicas = 2\ncapacity = '50/s'\nautoscaler = { min_replicas = 2, \
                      max_replicas = 4, target_utilization = '60%', sync_period = '1s', scale_down = \
                      { stabilization_window = '40s' } }\n[run]\nwarm_up = '60s'\n[load]\npath = '/'\nbaseline_rate = \
                      '40/s'\n[[load.surge]]\nat = '5s'\nstep = { to_rate = '150/s', lasts = '10s' }\n[expect]\n\
                      contraction = { group = 'app', within = 'WITHIN', hold = '10s' }\n";
        let stated = whole_s(&scaled.replace("WITHIN", "90s"));
        assert!(stated > 60 + 15 + 100, "{stated}");
        let derived = whole_s(&scaled.replace("WITHIN", "auto"));
        assert!((60 + 15 + 50..stated).contains(&derived), "at least the window of 40 s: {derived}");
    }
}
