//! How many instances a group may have: its bound.
//!
//! Bound(t) = max(baseline, demand(t)) + tolerance. Demand is what the group's autoscaler settles at from above for the
//! traffic seen, its floor and policies left out; without an autoscaler on record, what the declared capacity of an
//! instance needs; without either it is not known, and the bound is the baseline's, as long as traffic is the same.
//!
//! Traffic is that of all groups. Where the balancer sends to several, what is above a group's baseline and within the
//! bound for all of it is neither allowed nor too much.

use crate::autoscaler::demand_replicas;
use crate::history::{AutoscalerSeen, GroupTrack, Tracks};
use crate::scenario::Group;
use crate::slo::{WINDOW_US, within};

use super::case::{Case, LOAD};
use super::codes::Code;
use super::hold::Timed;
use super::objectives::touching;
use super::premises::Broken;
use super::words::span;

/// Traffic is the mean of so much before an instant, and never of anything before the anchor. Ten windows: so long that
/// whole requests a second do not matter (at 10/s, one is 1 %), and so short, and so cut off, that the surge itself is
/// never part of it: a deadline shorter than a scale-down window must not excuse the supply that the window holds up.
pub(super) const TRAILING_US: u64 = 10 * WINDOW_US;

/// How many instances a group may have, over time.
pub(super) struct Bound<'a> {
    tracks: &'a Tracks,
    group: Option<&'a GroupTrack>,
    /// The other groups of the system.
    others: Vec<&'a GroupTrack>,
    declared: Option<&'a Group>,
    /// Requests a second that are planned without any surge.
    calm_per_s: f64,
    loaded: bool,
    /// The group's baseline.
    pub(super) baseline: u32,
    /// Instances that are tolerated above.
    pub(super) tolerance: u32,
    anchor_us: u64,
}

impl<'a> Bound<'a> {
    pub(super) fn of(case: &Case<'a>, group: &str, baseline: u32, tolerance: u32, anchor_us: u64) -> Self {
        Self {
            tracks: case.tracks,
            group: case.tracks.groups.get(group),
            others: case
                .groups()
                .keys()
                .filter(|name| *name != group)
                .filter_map(|name| case.tracks.groups.get(name))
                .collect(),
            declared: case.groups().get(group),
            calm_per_s: case.plan.load.as_ref().map_or(0.0, |load| load.baseline_per_s),
            loaded: case.scenario.load.is_some(),
            baseline,
            tolerance,
            anchor_us,
        }
    }

    /// The part of the bound that rests on no traffic.
    pub(super) fn floor(&self) -> u32 {
        self.baseline.saturating_add(self.tolerance)
    }

    /// The bound at an instant; `None` where traffic is not known.
    pub(super) fn at(&self, t_us: u64) -> Option<u32> {
        Some(self.baseline.max(self.demand_at(t_us)?).saturating_add(self.tolerance))
    }

    /// Whether the balancer sent to another group as well. How much of the traffic each group has to take is then not
    /// known: what all of it would need may be there, and need not be needed.
    pub(super) fn is_shared_at(&self, t_us: u64) -> bool {
        self.others.iter().any(|other| other.routed.at(t_us) == Some(&true))
    }

    /// Instances that the traffic at an instant needs. 0 where no capacity is known, before the anchor, and while the
    /// balancer does not send to the group; `None` where the traffic is not known.
    pub(super) fn demand_at(&self, t_us: u64) -> Option<u32> {
        let routed = self.group.and_then(|group| group.routed.at(t_us)).copied().unwrap_or(true);
        let Some((per_instance, tolerance)) = self.per_instance(t_us) else { return Some(0) };
        if !self.loaded || !routed || t_us < self.anchor_us {
            return Some(0);
        }
        Some(demand_replicas(self.traffic_per_s(t_us)?, per_instance, tolerance))
    }

    /// Requests a second that one instance is meant to serve, and how far off the autoscaler tolerates to be.
    fn per_instance(&self, t_us: u64) -> Option<(f64, f64)> {
        let seen = self.group.and_then(|group| group.autoscaler_at(t_us));
        match seen.filter(|seen| seen.target_per_instance > 0.0) {
            Some(seen) => Some((seen.target_per_instance, down_tolerance(seen))),
            None => Some((self.declared?.capacity.filter(|rate| rate.per_s > 0.0)?.per_s, 0.0)),
        }
    }

    /// Whether anything says how much traffic an instance can take.
    pub(super) fn knows_capacity(&self, t_us: u64) -> bool {
        self.per_instance(t_us).is_some()
    }

    /// Planned requests a second just before an instant. A count that is within one request of what the calm rate plans
    /// is that rate: requests are whole.
    fn traffic_per_s(&self, t_us: u64) -> Option<f64> {
        let from_us = t_us.saturating_sub(TRAILING_US).max(self.anchor_us);
        let first_us = from_us.div_ceil(WINDOW_US) * WINDOW_US;
        let seconds = t_us.saturating_sub(first_us) / WINDOW_US;
        if seconds == 0 {
            // No whole second since the anchor: what is planned is what will be seen.
            return Some(self.calm_per_s);
        }
        let windows = within(&self.tracks.load, first_us, t_us);
        if (windows.len() as u64) < seconds {
            return None;
        }
        let planned: u64 = windows.iter().map(|window| window.planned).sum();
        let calm = self.calm_per_s * seconds as f64;
        let is_calm = (planned as f64 - calm).abs() <= 1.0;
        Some(if is_calm { self.calm_per_s } else { planned as f64 / seconds as f64 })
    }

    /// Instants at which the bound can change, in `[from_us, to_us]`.
    pub(super) fn times(&self, from_us: u64, to_us: u64) -> Vec<u64> {
        let first = from_us.max(self.anchor_us).div_ceil(WINDOW_US);
        let mut times: Vec<u64> = (first..=to_us / WINDOW_US).map(|second| second * WINDOW_US).collect();
        times.push(self.anchor_us);
        times.extend(self.others.iter().flat_map(|other| other.routed.points()).map(|(t, _)| *t));
        if let Some(group) = self.group {
            times.extend(group.routed.points().iter().map(|(t, _)| *t));
            times.extend(group.autoscalers.iter().map(|(t, _)| *t));
        }
        times
    }
}

fn down_tolerance(seen: &AutoscalerSeen) -> f64 {
    let own = seen.spec.behavior.as_ref().and_then(|behavior| behavior.scale_down.tolerance);
    own.unwrap_or(seen.settings.tolerance)
}

impl Case<'_> {
    /// Without a capacity, traffic must be what it was at baseline, by 10 % more or less.
    pub(super) fn demand_shifted(&self, bound: &Bound<'_>, timed: &Timed) -> Option<Broken> {
        if self.scenario.load.is_none() || bound.knows_capacity(timed.deadline_us) {
            return None;
        }
        let (baseline_from_us, baseline_to_us) = self.tracks.baseline_window()?;
        let of = |from_us: u64, to_us: u64| {
            let first_us = from_us.div_ceil(WINDOW_US) * WINDOW_US;
            let last_us = to_us / WINDOW_US * WINDOW_US;
            if first_us < last_us && self.gap(LOAD, first_us, last_us).is_some() {
                return Err(self.blind_any(&[LOAD.to_owned()], (first_us, last_us)).into_broken());
            }
            let mut windows = within(&self.tracks.load, from_us, to_us);
            if windows.is_empty() {
                // Shorter than a second: the ones that it is part of.
                windows = touching(&self.tracks.load, from_us, to_us + 1);
            }
            if windows.is_empty() {
                return Err(self.blind_any(&[LOAD.to_owned()], (from_us, to_us)).into_broken());
            }
            Ok((windows.iter().map(|window| window.planned).sum::<u64>(), windows.len() as u64))
        };
        let calm = of(baseline_from_us, baseline_to_us);
        let later = of(timed.deadline_us, timed.hold_end_us);
        let ((calm, calm_s), (later, later_s)) = match (calm, later) {
            (Ok(calm), Ok(later)) => (calm, later),
            (Err(broken), _) | (_, Err(broken)) => return Some(broken),
        };
        // |later/later_s − calm/calm_s| > calm/calm_s / 10, in integers.
        let (calm_scaled, later_scaled) =
            (u128::from(calm) * u128::from(later_s), u128::from(later) * u128::from(calm_s));
        if calm_scaled.abs_diff(later_scaled) * 10 <= calm_scaled {
            return None;
        }
        let text = format!(
            "Traffic was {:.1}/s in the {} from the deadline on and {:.1}/s at baseline, more than 10 % apart, and \
             nothing says how much an instance can take.",
            later as f64 / later_s as f64,
            span(later_s * WINDOW_US),
            calm as f64 / calm_s as f64,
        );
        Some(Broken { code: Code::DemandShifted, text, voids_fail: true })
    }
}
