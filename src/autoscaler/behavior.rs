//! From what the metrics ask for to what may be done about it now: stabilization over time, limits on speed,
//! and the bounds.

use super::state::put;
use super::{
    Behavior, Condition, PolicyKind, Reason, Recommendation, ScaleEvent, ScalingRules, SelectPolicy,
    Settings, Spec, State, to_signed,
};

/// A recommendation, stabilized and limited.
pub(super) struct Normalized {
    pub(super) stabilized: i32,
    pub(super) limited: i32,
    pub(super) able_to_scale: Condition,
    pub(super) scaling_limited: Condition,
}

/// The direction of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    Up,
    Down,
}

/// What the metrics ask for at one sync, and what there is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted {
    pub(super) now_us: u64,
    pub(super) current: i32,
    pub(super) recommended: i32,
}

/// Stabilizes and limits a recommendation, and remembers it. `spec` has its defaults.
pub(super) fn normalize(spec: &Spec, settings: &Settings, state: &mut State, wanted: Wanted) -> Normalized {
    let (stabilized, limited, reason) = match &spec.behavior {
        Some(behavior) => {
            let stabilized = stabilize(behavior, settings, state, wanted);
            let (limited, reason) =
                limit(spec, behavior, state, Wanted { recommended: stabilized, ..wanted });
            (stabilized, limited, reason)
        }
        None => {
            let stabilized = stabilize_plainly(settings, state, wanted);
            let (limited, reason) = limit_plainly(spec, wanted.current, stabilized);
            (stabilized, limited, reason)
        }
    };
    let status = if limited == stabilized { Condition::fails } else { Condition::holds };
    Normalized {
        stabilized,
        limited,
        able_to_scale: stability(spec, wanted, stabilized),
        scaling_limited: status(reason, limit_message(reason, stabilized, limited)),
    }
}

fn stability(spec: &Spec, wanted: Wanted, stabilized: i32) -> Condition {
    let recommended = wanted.recommended;
    if stabilized == recommended {
        return Condition::holds(
            Reason::ReadyForNewScale,
            format!("the recommendation of {recommended} stands"),
        );
    }
    // Without a behavior there is a window downwards only, whichever way the replicas are going.
    if spec.behavior.is_some() && recommended >= wanted.current {
        let message =
            format!("a lower recommendation within the window holds {recommended} down to {stabilized}");
        return Condition::holds(Reason::ScaleUpStabilized, message);
    }
    let message = format!("a higher recommendation within the window holds {recommended} up to {stabilized}");
    Condition::holds(Reason::ScaleDownStabilized, message)
}

fn limit_message(reason: Reason, stabilized: i32, limited: i32) -> String {
    match reason {
        Reason::TooFewReplicas => format!("{stabilized} is below the minimum of {limited}"),
        Reason::TooManyReplicas => format!("{stabilized} is above the maximum of {limited}"),
        Reason::ScaleUpLimit => format!("growth to {stabilized} is slowed to {limited} for now"),
        Reason::ScaleDownLimit => format!("shrinking to {stabilized} is slowed to {limited} for now"),
        _ => format!("{limited} is within all limits"),
    }
}

/// Whether a window of this length, ending now, leaves out what was noted at `at_us`. A window of no length
/// leaves out everything: what was noted was noted before now, if only by less than a microsecond.
fn is_before_window(at_us: u64, window_us: u64, now_us: u64) -> bool {
    window_us == 0 || at_us.saturating_add(window_us) < now_us
}

/// Whether less than this time has passed. Unlike [`is_before_window`] this does not hold at the exact
/// moment.
fn is_within(at_us: u64, window_us: u64, now_us: u64) -> bool {
    at_us.saturating_add(window_us) > now_us
}

/// Stabilization without a behavior: the highest recommendation of the controller's window.
fn stabilize_plainly(settings: &Settings, state: &mut State, wanted: Wanted) -> i32 {
    let is_old = |note: &Recommendation| {
        is_before_window(note.at_us, settings.downscale_stabilization_us, wanted.now_us)
    };
    let recent = state.recommendations.iter().filter(|note| !is_old(note)).map(|note| note.replicas);
    let highest = recent.fold(wanted.recommended, i32::max);
    remember(state, wanted, is_old);
    highest
}

/// Stabilization with a behavior: stay, or else move as little as any recommendation of the window asked for.
fn stabilize(behavior: &Behavior, settings: &Settings, state: &mut State, wanted: Wanted) -> i32 {
    let now_us = wanted.now_us;
    let up_window_us = behavior.scale_up.stabilization_window_us.unwrap_or(0);
    let down_window_us =
        behavior.scale_down.stabilization_window_us.unwrap_or(settings.downscale_stabilization_us);
    let within = |window_us: u64| {
        let notes = state.recommendations.iter();
        notes.filter(move |note| is_within(note.at_us, window_us, now_us)).map(|note| note.replicas)
    };
    let up = within(up_window_us).fold(wanted.recommended, i32::min);
    let down = within(down_window_us).fold(wanted.recommended, i32::max);
    remember(state, wanted, |note| {
        is_before_window(note.at_us, up_window_us, now_us)
            && is_before_window(note.at_us, down_window_us, now_us)
    });
    // Both limits contain the recommendation of now, so that `up` is never above `down`.
    wanted.current.max(up).min(down)
}

fn remember(state: &mut State, wanted: Wanted, is_old: impl Fn(&Recommendation) -> bool) {
    let note = Recommendation { replicas: wanted.recommended, at_us: wanted.now_us };
    put(&mut state.recommendations, note, is_old);
}

/// The limits without a behavior: at most twice as many, though four are always allowed; no limit downwards.
fn limit_plainly(spec: &Spec, current: i32, stabilized: i32) -> (i32, Reason) {
    let (min, max) = (to_signed(spec.min_replicas), to_signed(spec.max_replicas));
    let up = current.saturating_mul(2).max(4);
    let (cap, reason) = if max > up { (up, Reason::ScaleUpLimit) } else { (max, Reason::TooManyReplicas) };
    if stabilized < min {
        (min, Reason::TooFewReplicas)
    } else if stabilized > cap {
        (cap, reason)
    } else {
        (stabilized, Reason::DesiredWithinRange)
    }
}

/// The limits with a behavior. A policy that the past has used up allows no change; it never asks for one in
/// the other direction.
fn limit(spec: &Spec, behavior: &Behavior, state: &State, wanted: Wanted) -> (i32, Reason) {
    let Wanted { now_us, current, recommended } = wanted;
    if recommended > current {
        let rate = rate_limit(Direction::Up, &behavior.scale_up, state, current, now_us).max(current);
        let max = to_signed(spec.max_replicas);
        let (cap, reason) =
            if max > rate { (rate, Reason::ScaleUpLimit) } else { (max, Reason::TooManyReplicas) };
        if recommended > cap {
            return (cap, reason);
        }
    } else if recommended < current {
        let rate = rate_limit(Direction::Down, &behavior.scale_down, state, current, now_us).min(current);
        let min = to_signed(spec.min_replicas);
        let (floor, reason) =
            if min < rate { (rate, Reason::ScaleDownLimit) } else { (min, Reason::TooFewReplicas) };
        if recommended < floor {
            return (floor, reason);
        }
    }
    (recommended, Reason::DesiredWithinRange)
}

/// How far the policies allow to go from `current`. Each reckons from the number at the start of its period:
/// it takes back what was added since, and gives back what was removed.
pub(super) fn rate_limit(
    direction: Direction,
    rules: &ScalingRules,
    state: &State,
    current: i32,
    now_us: u64,
) -> i32 {
    let allowed = rules.policies.iter().map(|policy| {
        let changed = |events: &[ScaleEvent]| {
            let recent = events.iter().filter(|event| is_within(event.at_us, policy.period_us, now_us));
            recent.fold(0, |total: i32, event| total.wrapping_add(event.change))
        };
        let start = current
            .wrapping_sub(changed(&state.scale_up_events))
            .wrapping_add(changed(&state.scale_down_events));
        let value = to_signed(policy.value);
        // Whole numbers wrap around at 32 bits, as in the original: a policy of 2147483647 pods allows
        // nothing.
        match (policy.kind, direction) {
            (PolicyKind::Pods, Direction::Up) => start.wrapping_add(value),
            (PolicyKind::Pods, Direction::Down) => start.wrapping_sub(value),
            (PolicyKind::Percent, _) => percent_limit(direction, start, value),
        }
    });
    match (rules.select_policy, direction) {
        (SelectPolicy::Disabled, _) => current,
        (SelectPolicy::Max, Direction::Up) | (SelectPolicy::Min, Direction::Down) => {
            allowed.max().unwrap_or(i32::MIN)
        }
        (SelectPolicy::Min, Direction::Up) | (SelectPolicy::Max, Direction::Down) => {
            allowed.min().unwrap_or(i32::MAX)
        }
    }
}

/// A percentage, rounded up in growth so that a small number can grow at all, and towards zero in shrinking
/// so that one can reach zero.
#[expect(
    clippy::cast_possible_truncation,
    reason = "a conversion from a float stops at the ends of the range"
)]
fn percent_limit(direction: Direction, start: i32, percent: i32) -> i32 {
    let (start, share) = (f64::from(start), f64::from(percent) / 100.0);
    match direction {
        Direction::Up => (start * (1.0 + share)).ceil() as i32,
        Direction::Down => (start * (1.0 - share)) as i32,
    }
}

/// Remembers a rescale for the policies.
pub(super) fn record_rescale(behavior: &Behavior, state: &mut State, from: i32, to: i32, now_us: u64) {
    let (rules, events) = if to > from {
        (&behavior.scale_up, &mut state.scale_up_events)
    } else {
        (&behavior.scale_down, &mut state.scale_down_events)
    };
    let longest_us = rules.policies.iter().map(|policy| policy.period_us).max().unwrap_or(0);
    for event in events.iter_mut() {
        event.outdated |= is_before_window(event.at_us, longest_us, now_us);
    }
    let change = from.wrapping_sub(to).wrapping_abs();
    put(events, ScaleEvent { change, at_us: now_us, outdated: false }, |event| event.outdated);
}
