//! What the controller remembers between syncs.

use serde::{Deserialize, Serialize};

use super::Conditions;

/// The memory of one autoscaler's controller. [`State::default`] is that of a controller that just started: a
/// restart forgets recommendations and events, and only the conditions survive, in the HPA's status.
///
/// The lists are not in the order of time: like the original, a new entry takes the place of one that no
/// window needs any longer. This matters when a window is later made longer.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// What the metrics asked for, before stabilization.
    pub recommendations: Vec<Recommendation>,
    /// Rescales upwards. Kept only while there is a [`Behavior`](super::Behavior).
    pub scale_up_events: Vec<ScaleEvent>,
    /// Rescales downwards. Kept only while there is a [`Behavior`](super::Behavior).
    pub scale_down_events: Vec<ScaleEvent>,
    /// Whether the autoscaler itself took the target to zero (the condition `ScaledToZero`); if somebody else
    /// did, it leaves it there.
    pub scaled_to_zero: bool,
    /// The conditions after the last sync.
    pub conditions: Conditions,
}

/// What the metrics asked for at one sync.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recommendation {
    /// Replicas.
    pub replicas: i32,
    /// The time of the sync, in microseconds.
    pub at_us: u64,
}

/// One rescale.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScaleEvent {
    /// By how many replicas, without a sign.
    pub change: i32,
    /// When, in microseconds.
    pub at_us: u64,
    /// Whether it was once found to be older than every policy's period, so that its place may be reused.
    pub outdated: bool,
}

/// Puts an entry into the last place that is free, or else at the end.
pub(super) fn put<T>(entries: &mut Vec<T>, entry: T, is_free: impl Fn(&T) -> bool) {
    match entries.iter().rposition(is_free) {
        Some(place) => entries[place] = entry,
        None => entries.push(entry),
    }
}
