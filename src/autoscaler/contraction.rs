//! How long the way down takes at the least.

use serde::{Deserialize, Serialize};

use super::behavior::{Direction, rate_limit, record_rescale};
use super::{Behavior, SelectPolicy, Settings, Spec, State, to_signed};

/// The terms of the shortest contraction: [`window_us`](Self::window_us) + [`policy_us`](Self::policy_us) +
/// [`sync_us`](Self::sync_us). All times in microseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContractionTime {
    /// The window for scaling down: how long the last high recommendation holds the replicas up.
    pub window_us: u64,
    /// In how many steps the policies let the replicas go down.
    pub steps: u32,
    /// From the first step to the last, if every step came as soon as the policies allow it. With one policy
    /// of v pods in period p this is (⌈(from − to) / v⌉ − 1)·p.
    pub policy_us: u64,
    /// What it adds that steps are made at syncs only.
    pub sync_us: u64,
}

impl ContractionTime {
    /// The sum of the terms, in microseconds.
    pub fn total_us(&self) -> u64 {
        self.window_us.saturating_add(self.policy_us).saturating_add(self.sync_us)
    }
}

/// How long it takes at the least until `from` replicas have become `to`, when every recommendation is `to`
/// from now on. `None`: they never will, because scaling down is disabled or the policies allow no step.
///
/// It counts from the last sync that still asked for `from`; that is the first sync after the load's end if
/// metrics lag behind by a sync, and the last one before it if they do not lag at all. From there:
///
/// - The window passes. With a [`Behavior`] a recommendation holds while it is younger than the window,
///   without one also at the exact moment; the first step is the first sync after that, one sync period at
///   the least.
/// - The policies are walked through, sync by sync, with the same limit that [`decide`](super::decide) obeys:
///   a step is made, and the next one when a part of it leaves a policy's period. Without a behavior there is
///   one step.
///
/// To this the metrics' own lag, the termination of pods and the removal of nodes have to be added. `from`
/// and `to` are taken into the bounds first: what is above the maximum goes down to it at once.
///
/// Derived from the stabilization and the rate limits of Kubernetes' HorizontalPodAutoscaler controller.
pub fn earliest_contraction(spec: &Spec, settings: &Settings, from: u32, to: u32) -> Option<ContractionTime> {
    let max = to_signed(spec.max_replicas);
    let from = to_signed(from).min(max);
    let to = to_signed(to).min(max).max(to_signed(spec.min_replicas));
    if from <= to {
        return Some(ContractionTime::default());
    }
    let sync_us = settings.sync_period_us.max(1);
    let Some(behavior) = spec.behavior.clone().map(Behavior::with_defaults) else {
        let window_us = settings.downscale_stabilization_us;
        let syncs = if window_us == 0 { 1 } else { window_us / sync_us + 1 };
        let sync_us = syncs.saturating_mul(sync_us) - window_us;
        return Some(ContractionTime { window_us, steps: 1, policy_us: 0, sync_us });
    };
    let window_us =
        behavior.scale_down.stabilization_window_us.unwrap_or(settings.downscale_stabilization_us);
    let first_us = window_us.div_ceil(sync_us).max(1).saturating_mul(sync_us);
    let at_once = walk(&behavior, from, to, 1)?;
    let at_syncs = walk(&behavior, from, to, sync_us)?;
    let total_us = first_us.saturating_add(at_syncs.lasts_us);
    Some(ContractionTime {
        window_us,
        steps: at_syncs.steps,
        policy_us: at_once.lasts_us,
        sync_us: total_us.saturating_sub(window_us).saturating_sub(at_once.lasts_us),
    })
}

/// A way down.
struct Walk {
    steps: u32,
    /// From the first step to the last.
    lasts_us: u64,
}

/// Walks down under the policies, with a look at every multiple of `tick_us`. `None`: it does not get there.
fn walk(behavior: &Behavior, from: i32, to: i32, tick_us: u64) -> Option<Walk> {
    let rules = &behavior.scale_down;
    if rules.select_policy == SelectPolicy::Disabled {
        return None;
    }
    let mut memory = State::default();
    let mut walk = Walk { steps: 0, lasts_us: 0 };
    let mut current = from;
    let mut now_us = 0_u64;
    loop {
        let next = rate_limit(Direction::Down, rules, &memory, current, now_us).max(to);
        if next < current {
            record_rescale(behavior, &mut memory, current, next, now_us);
            walk.steps += 1;
            current = next;
        }
        if current == to {
            walk.lasts_us = now_us;
            return Some(walk);
        }
        // The limits stay as they are until something leaves a period: there is no need to look before that.
        let ends = memory.scale_down_events.iter().flat_map(|event| {
            rules.policies.iter().map(|policy| event.at_us.saturating_add(policy.period_us))
        });
        now_us = ends.filter(|end_us| *end_us > now_us).min()?.div_ceil(tick_us).checked_mul(tick_us)?;
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Policy, PolicyKind, ScalingRules};
    use super::*;

    const S: u64 = 1_000_000;

    fn spec(rules: Option<ScalingRules>) -> Spec {
        let behavior = rules.map(|scale_down| Behavior { scale_down, ..Behavior::default() });
        Spec { min_replicas: 1, max_replicas: 100, metrics: Vec::new(), behavior }
    }

    fn pods(value: u32, period_s: u64) -> Policy {
        Policy { kind: PolicyKind::Pods, value, period_us: period_s * S }
    }

    fn time(window_s: u64, steps: u32, policy_s: u64, sync_s: u64) -> Option<ContractionTime> {
        let (window_us, policy_us, sync_us) = (window_s * S, policy_s * S, sync_s * S);
        Some(ContractionTime { window_us, steps, policy_us, sync_us })
    }

    #[test]
    fn defaults_take_the_window_and_one_step() {
        let settings = Settings::default();
        assert_eq!(
            earliest_contraction(&spec(Some(ScalingRules::default())), &settings, 10, 2),
            time(300, 1, 0, 0)
        );
        // Without a behavior the last high recommendation still counts when it is exactly as old as the
        // window.
        let plain = earliest_contraction(&spec(None), &settings, 10, 2);
        assert_eq!(plain, time(300, 1, 0, 15));
        assert_eq!(plain.map(|time| time.total_us()), Some(315 * S));
    }

    #[test]
    fn every_policy_step_waits_for_its_period() {
        let rules = ScalingRules {
            stabilization_window_us: Some(60 * S),
            policies: vec![pods(2, 60)],
            ..Default::default()
        };
        // 10 → 8 → 6 → 4 → 3: three waits of a minute.
        assert_eq!(
            earliest_contraction(&spec(Some(rules)), &Settings::default(), 10, 3),
            time(60, 4, 180, 0)
        );
    }

    #[test]
    fn syncs_round_every_wait_up() {
        let rules = ScalingRules {
            stabilization_window_us: Some(20 * S),
            policies: vec![pods(1, 20)],
            ..Default::default()
        };
        // At syncs every 15 s: the window ends at 30 s, and the two periods of 20 s take 30 s each.
        assert_eq!(earliest_contraction(&spec(Some(rules)), &Settings::default(), 4, 1), time(20, 3, 40, 30));
    }

    #[test]
    fn without_a_window_it_still_takes_a_sync() {
        let rules = ScalingRules { stabilization_window_us: Some(0), ..Default::default() };
        assert_eq!(earliest_contraction(&spec(Some(rules)), &Settings::default(), 4, 1), time(0, 1, 0, 15));
        let settings = Settings { downscale_stabilization_us: 0, ..Settings::default() };
        assert_eq!(earliest_contraction(&spec(None), &settings, 4, 1), time(0, 1, 0, 15));
    }

    #[test]
    fn a_percentage_is_of_the_start_of_the_period() {
        let half = Policy { kind: PolicyKind::Percent, value: 50, period_us: 30 * S };
        let rules =
            ScalingRules { stabilization_window_us: Some(0), policies: vec![half], ..Default::default() };
        // 16 → 8 → 4 → 2 → 1.
        assert_eq!(earliest_contraction(&spec(Some(rules)), &Settings::default(), 16, 1), time(0, 4, 90, 15));
    }

    #[test]
    fn never_is_not_a_time() {
        let disabled = ScalingRules { select_policy: SelectPolicy::Disabled, ..Default::default() };
        assert_eq!(earliest_contraction(&spec(Some(disabled)), &Settings::default(), 4, 1), None);
        let nothing = ScalingRules { policies: vec![pods(0, 15)], ..Default::default() };
        assert_eq!(earliest_contraction(&spec(Some(nothing)), &Settings::default(), 4, 1), None);
    }

    #[test]
    fn bounds_come_first() {
        let settings = Settings::default();
        assert_eq!(earliest_contraction(&spec(None), &settings, 1, 0), Some(ContractionTime::default()));
        let rules = ScalingRules { policies: vec![pods(1, 15)], ..Default::default() };
        let steps =
            |from, to| earliest_contraction(&spec(Some(rules.clone())), &settings, from, to).map(|t| t.steps);
        assert_eq!(steps(150, 98), Some(2), "100 → 99 → 98");
        assert_eq!(steps(3, 0), Some(2), "3 → 2 → 1");
    }
}
