//! The error budget of a run.

use rust_decimal::Decimal;

use crate::scenario::Share;

use super::burn::Burn;
use super::counts::Counts;

/// A month, as budgets have it: 30 days.
const DAYS_30_US: u64 = 30 * 24 * 3_600 * 1_000_000;

/// What a run was allowed to lose, and what it lost.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Budget {
    /// Bad requests that the target allows: (1 − target) · N, exact.
    pub allowed_bad: Decimal,
    /// Bad requests that there were.
    pub bad: u64,
    /// Share of the run's budget that is spent, 1 being all of it; equal to the burn rate over the run.
    pub used: f64,
    /// Share of a 30-day budget that the run spent: burn · T / 30 d.
    pub used_of_30_days: f64,
}

impl Budget {
    /// The budget of a run that lasted so long.
    pub fn of(counts: Counts, target: Share, lasted_us: u64) -> Self {
        let burn = Burn::of(counts, target);
        Self {
            allowed_bad: allowed_bad(counts.total, target),
            bad: counts.bad(),
            used: burn.rate,
            used_of_30_days: burn.rate * (lasted_us as f64 / DAYS_30_US as f64),
        }
    }

    /// Whether so many bad ones are too many whatever becomes of the rest of `planned` requests.
    pub fn is_lost(bad: u64, planned: u64, target: Share) -> bool {
        Decimal::from(bad) > allowed_bad(planned, target)
    }
}

fn allowed_bad(total: u64, target: Share) -> Decimal {
    Decimal::from(total) * Decimal::from(target.complement().ppb) / Decimal::from(Share::WHOLE.ppb)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burn_of_14_4_for_an_hour_is_two_percent_of_a_month() {
        let target: Share = "99.9%".parse().unwrap();
        let budget = Budget::of(Counts { good: 9_856, total: 10_000 }, target, 3_600_000_000);
        assert_eq!(budget.allowed_bad, Decimal::from(10));
        assert_eq!(budget.bad, 144);
        assert!((budget.used_of_30_days - 0.02).abs() < 1e-9);
    }

    #[test]
    fn a_budget_is_lost_only_above_what_is_allowed() {
        assert!(!Budget::is_lost(100, 1_000, Share::percent(90)));
        assert!(Budget::is_lost(101, 1_000, Share::percent(90)));
    }
}
