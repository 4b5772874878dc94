//! Objectives, error budgets and burn rates. Pure arithmetic over load windows, used live (stop conditions) and
//! afterwards (checks), so that a run is stopped by the same numbers that it is judged by.
//!
//! Wherever a comparison decides something it is made in integers or decimals; floats are for showing.

mod budget;
mod burn;
mod counts;
mod multiwindow;

pub use budget::Budget;
pub use burn::{Burn, burn_over, burns_faster_than, enough_events, events_needed};
pub use counts::{Counts, NotCounted, Slices, answered, count, within};
pub use multiwindow::{Pair, PairBurn, pairs, worst_burns};

/// Length of a load window.
pub const WINDOW_US: u64 = 1_000_000;

#[cfg(test)]
mod testing {
    use crate::history::LoadWindow;
    use crate::scenario::{Objective, Share};

    /// A window of so many planned requests, of which so many were answered well, all of those in time.
    pub(super) fn second(at_s: u64, planned: u64, ok: u64) -> LoadWindow {
        LoadWindow {
            from_us: at_s * 1_000_000,
            planned,
            sent: planned,
            ok,
            good: vec![ok],
            ..Default::default()
        }
    }

    pub(super) fn availability(percent: u64) -> Objective {
        Objective { target: Share::percent(percent), under: None }
    }
}
