//! Burn rate: how many times faster than allowed an error budget is spent.
//!
//! burn = error ratio / (1 − target), as in the SRE Workbook, chapter 5 ("Alerting on SLOs").

use rust_decimal::Decimal;

use crate::history::LoadWindow;
use crate::scenario::{Objective, Share};

use super::counts::{Counts, count, within};

/// How fast a budget was spent over some time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Burn {
    /// Error ratio / (1 − target): 1 spends exactly the budget. Infinite where nothing bad is allowed and something
    /// was.
    pub rate: f64,
    /// Good requests.
    pub good: u64,
    /// All requests.
    pub total: u64,
}

impl Burn {
    /// The burn of these counts against a target.
    pub fn of(counts: Counts, target: Share) -> Self {
        let allowed = target.complement().ratio();
        let rate = match (counts.bad(), allowed > 0.0) {
            (0, _) => 0.0,
            (_, true) => counts.error_ratio() / allowed,
            (_, false) => f64::INFINITY,
        };
        Self { rate, good: counts.good, total: counts.total }
    }

    /// The counts that it was computed from.
    pub fn counts(self) -> Counts {
        Counts { good: self.good, total: self.total }
    }
}

/// The burn of an objective over the last `over_us` before `now_us`, from the windows that lie wholly inside and are
/// closed by now. `None`: the time reaches back before the first window, there was no request, or the objective's
/// threshold is not counted.
///
/// Whether that is enough to act on says [`enough_events`]; whether it is above a limit, [`burns_faster_than`].
pub fn burn_over(
    windows: &[LoadWindow],
    thresholds_us: &[u64],
    objective: &Objective,
    now_us: u64,
    over_us: u64,
) -> Option<Burn> {
    let from_us = now_us.checked_sub(over_us)?;
    if windows.first()?.from_us > from_us {
        return None;
    }
    let counts = count(within(windows, from_us, now_us), thresholds_us, objective).ok()?;
    (counts.total > 0).then(|| Burn::of(counts, objective.target))
}

/// Whether counts burn strictly faster than a limit: bad > limit · (1 − target) · total. Exact for every limit that
/// can be written with 15 digits.
pub fn burns_faster_than(counts: Counts, target: Share, limit: f64) -> bool {
    let bad = Decimal::from(counts.bad()) * Decimal::from(Share::WHOLE.ppb);
    let exact = Decimal::try_from(limit).ok().and_then(|limit| {
        let allowed = Decimal::from(target.complement().ppb).checked_mul(Decimal::from(counts.total))?;
        limit.checked_mul(allowed)
    });
    match exact {
        Some(allowed) => bad > allowed,
        None => Burn::of(counts, target).rate > limit,
    }
}

/// The fewest requests of which a single bad one does not yet burn faster than the limit: with N ≤ 1 / (limit · (1 −
/// target)) one failure alone trips it, and a rate says nothing. At least 1.
pub fn events_needed(target: Share, limit: f64) -> u64 {
    let one_trips = 1.0 / (limit * target.complement().ratio());
    // Where nothing bad is allowed, one failure is meant to trip it.
    if !one_trips.is_finite() || one_trips < 0.0 {
        return 1;
    }
    // 1/(5 · 10 %) is 2.0000000000000004 or so: a hair above a whole number is that number.
    (one_trips * (1.0 + 1e-12)).floor() as u64 + 1
}

/// Whether there were enough requests for a burn rate to mean something: the low-traffic rule.
pub fn enough_events(counts: Counts, target: Share, limit: f64) -> bool {
    counts.total >= events_needed(target, limit)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{availability, second};
    use super::*;

    #[test]
    fn burn_is_the_error_ratio_in_units_of_what_is_allowed() {
        let target: Share = "99.9%".parse().unwrap();
        let burn = Burn::of(Counts { good: 9_856, total: 10_000 }, target);
        assert!((burn.rate - 14.4).abs() < 1e-9, "{}", burn.rate);
        assert_eq!(Burn::of(Counts { good: 1, total: 1 }, Share::WHOLE).rate, 0.0);
        assert_eq!(Burn::of(Counts { good: 1, total: 2 }, Share::WHOLE).rate, f64::INFINITY);
    }

    #[test]
    fn a_burn_exactly_at_its_limit_is_not_above_it() {
        let target: Share = "99.9%".parse().unwrap();
        let at = Counts { good: 9_856, total: 10_000 };
        assert!(!burns_faster_than(at, target, 14.4));
        assert!(burns_faster_than(Counts { good: 9_855, ..at }, target, 14.4));
        assert!(burns_faster_than(Counts { good: 0, total: 1 }, Share::WHOLE, 5.0));
    }

    #[test]
    fn the_low_traffic_rule_needs_seventy_events_at_three_nines_and_a_burn_of_14_4() {
        assert_eq!(events_needed("99.9%".parse().unwrap(), 14.4), 70);
        assert_eq!(events_needed(Share::percent(90), 1.0), 11);
        assert_eq!(events_needed(Share::percent(90), 5.0), 3);
        assert_eq!(events_needed(Share::WHOLE, 1.0), 1);
        assert!(enough_events(Counts { good: 11, total: 11 }, Share::percent(90), 1.0));
        assert!(!enough_events(Counts { good: 10, total: 10 }, Share::percent(90), 1.0));
    }

    #[test]
    fn a_window_that_reaches_back_before_the_first_data_has_no_burn() {
        let windows: Vec<_> = (0..40).map(|s| second(s, 10, 8)).collect();
        let burn = |now_us, over_us| burn_over(&windows, &[], &availability(90), now_us, over_us);
        assert_eq!(burn(29_000_000, 30_000_000), None);
        let seen = burn(35_500_000, 30_000_000).unwrap();
        assert_eq!((seen.good, seen.total), (8 * 29, 290), "the window at each end is only partly inside");
        assert!((seen.rate - 2.0).abs() < 1e-9);
        assert_eq!(burn_over(&windows[5..], &[], &availability(90), 31_000_000, 30_000_000), None);
    }
}
