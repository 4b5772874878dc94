//! Multiwindow burn rates at the length of a run.
//!
//! The SRE Workbook's pairs (5 % of a month's budget in 6 h, …) are made for months. A run lasts minutes, so the same
//! idea is applied to the run's own budget: a pair trips when a fraction of it is spent in a window W of the run T,
//! which is a burn of fraction · T / W, in the long window and in the short one (W / 12) alike. At T = 60 min: 25 % in
//! 5 min → 3, 50 % in 15 min → 2, 75 % in 30 min → 1.5.

use crate::history::LoadWindow;
use crate::scenario::Objective;

use super::WINDOW_US;
use super::burn::Burn;
use super::counts::{Counts, NotCounted, count};

/// Fraction of the budget, and the part of the run's length in which it is spent.
const FRACTIONS: [(f64, u64); 3] = [(0.25, 12), (0.50, 4), (0.75, 2)];
/// A short window is so much shorter than its long one.
const SHORT: u64 = 12;
/// A short window of fewer load windows says nothing.
const WINDOWS_NEEDED: u64 = 4;

/// A long and a short window, and the burn rate that trips them together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pair {
    /// Length of the long window.
    pub long_us: u64,
    /// Length of the short window.
    pub short_us: u64,
    /// The burn rate.
    pub burn: f64,
}

/// The worst that a pair saw.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PairBurn {
    /// The pair.
    pub pair: Pair,
    /// The highest burn that both windows had at the same time.
    pub worst: f64,
}

impl PairBurn {
    /// Whether it tripped.
    pub fn tripped(self) -> bool {
        self.worst > self.pair.burn
    }
}

/// The pairs for a run of that length; those whose short window has fewer than four load windows are left out.
pub fn pairs(run_us: u64) -> Vec<Pair> {
    let all = FRACTIONS.into_iter().map(|(fraction, part)| {
        let long_us = run_us / part;
        Pair { long_us, short_us: long_us / SHORT, burn: fraction * part as f64 }
    });
    all.filter(|pair| pair.short_us >= WINDOWS_NEEDED * WINDOW_US).collect()
}

/// The worst burn of each pair over windows that are in order of time.
///
/// # Errors
/// The objective's threshold is not counted.
pub fn worst_burns(
    windows: &[LoadWindow],
    thresholds_us: &[u64],
    objective: &Objective,
    run_us: u64,
) -> Result<Vec<PairBurn>, NotCounted> {
    // Sums from the start: the counts of any stretch are a difference.
    let mut sums = vec![Counts::default()];
    for window in windows {
        let sum = *sums.last().expect("it begins with one");
        sums.push([sum, count([window], thresholds_us, objective)?].into_iter().sum());
    }
    let burn_of = |end: usize, len_us: u64| {
        let from = end.saturating_sub((len_us / WINDOW_US) as usize);
        let counts =
            Counts { good: sums[end].good - sums[from].good, total: sums[end].total - sums[from].total };
        Burn::of(counts, objective.target).rate
    };
    let worst = |pair: Pair| {
        // Only whole ones: of a shorter stretch a single bad second would be a burn that nobody limits.
        let whole = (pair.long_us / WINDOW_US) as usize;
        let both = (whole..sums.len()).map(|end| burn_of(end, pair.long_us).min(burn_of(end, pair.short_us)));
        both.fold(0.0, f64::max)
    };
    Ok(pairs(run_us).into_iter().map(|pair| PairBurn { pair, worst: worst(pair) }).collect())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{availability, second};
    use super::*;

    #[test]
    fn an_hour_has_all_three_pairs_and_a_minute_has_none() {
        let burns = |minutes: u64| pairs(minutes * 60_000_000).iter().map(|p| p.burn).collect::<Vec<_>>();
        assert_eq!(burns(60), [3.0, 2.0, 1.5]);
        assert_eq!(burns(4), [2.0, 1.5], "a twelfth of 20 s has no four windows");
        assert_eq!(burns(1), Vec::<f64>::new());
    }

    #[test]
    fn a_pair_trips_when_both_windows_burn_at_once() {
        // Four minutes of good traffic; the last 90 s lose 30 % each second: a burn of 3.
        let windows: Vec<_> = (0..240).map(|s| second(s, 10, if s < 150 { 10 } else { 7 })).collect();
        let worst = worst_burns(&windows, &[], &availability(90), 240_000_000).unwrap();
        assert!(worst.iter().all(|pair| pair.tripped()), "{worst:?}");
        let calm: Vec<_> = (0..240).map(|s| second(s, 10, if s == 100 { 0 } else { 10 })).collect();
        let worst = worst_burns(&calm, &[], &availability(90), 240_000_000).unwrap();
        assert!(worst.iter().all(|pair| !pair.tripped()), "{worst:?}");
        let at_once: Vec<_> = (0..240).map(|s| second(s, 10, if s == 0 { 0 } else { 10 })).collect();
        let worst = worst_burns(&at_once, &[], &availability(90), 240_000_000).unwrap();
        assert!(worst.iter().all(|pair| !pair.tripped()), "one second is no window: {worst:?}");
    }
}
