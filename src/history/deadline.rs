//! How long a contraction takes at the best, from what was seen of the autoscaler: `within = "auto"`.

use crate::autoscaler::earliest_contraction;

use super::group_track::GroupTrack;
use super::tracks::Tracks;

/// One term of a derived deadline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadlineTerm {
    /// What takes that long.
    pub what: &'static str,
    /// Microseconds.
    pub us: u64,
}

impl Tracks {
    /// The deadline of a group's contraction, derived from the autoscaler as it was last seen, term by term:
    /// metric lag + scale-down window + policy steps + syncs + one more sync for the removal. `None`: it has no
    /// autoscaler, or one that never scales down.
    ///
    /// The terms follow Kubernetes' HorizontalPodAutoscaler (see [`earliest_contraction`]); the lag is one sync,
    /// because a sample is as old as that at most when it is used.
    pub fn derived_deadline(&self, group: &str) -> Option<Vec<DeadlineTerm>> {
        let track: &GroupTrack = self.groups.get(group)?;
        let (_, seen) = track.autoscalers.last()?;
        let from = track.desired.points().iter().map(|(_, replicas)| *replicas).max()?;
        let to = self.baseline(group)?;
        let time = earliest_contraction(&seen.spec, &seen.settings, from, to)?;
        let sync_us = seen.settings.sync_period_us;
        let grace_us =
            track.instances.values().filter_map(|life| life.terminating).map(|(_, grace)| grace).max();
        Some(vec![
            DeadlineTerm { what: "metric lag", us: sync_us },
            DeadlineTerm { what: "scale-down window", us: time.window_us },
            DeadlineTerm { what: "policy steps", us: time.policy_us },
            DeadlineTerm { what: "syncs", us: time.sync_us + sync_us },
            DeadlineTerm { what: "termination grace", us: grace_us.unwrap_or(0) },
        ])
    }

    /// The longest derived deadline among groups, in microseconds; 0 where none can be derived.
    pub fn longest_derived_deadline_us<'a>(&self, groups: impl IntoIterator<Item = &'a str>) -> u64 {
        let sums = groups.into_iter().filter_map(|group| self.derived_deadline(group));
        sums.map(|terms| terms.iter().map(|term| term.us).sum()).max().unwrap_or(0)
    }

    /// How long supply must not move at that time to count as steady, in microseconds: what was planned, or one scale-down
    /// window plus two syncs of the autoscaler that was seen and needs longest.
    pub fn steady_us(&self, planned_us: u64, at_us: u64) -> u64 {
        let seen = self.groups.values().filter_map(|group| group.autoscaler_at(at_us));
        let needed = seen.map(|seen| {
            let own = seen.spec.behavior.as_ref().and_then(|rules| rules.scale_down.stabilization_window_us);
            own.unwrap_or(seen.settings.downscale_stabilization_us) + 2 * seen.settings.sync_period_us
        });
        needed.max().unwrap_or(0).max(planned_us)
    }
}
