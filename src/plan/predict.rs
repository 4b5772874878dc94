//! What a plan amounts to before anything runs: offered load against capacity, and the most that it can cost.

use rust_decimal::Decimal;

use crate::autoscaler::demand_replicas;
use crate::scenario::{LocalGroup, Scenario};

use super::model::Plan;

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
pub fn predict(plan: &Plan, group: &LocalGroup) -> Vec<Prediction> {
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
