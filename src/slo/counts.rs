//! Good and total requests, counted.

use crate::history::LoadWindow;
use crate::scenario::{Objective, Span};

use super::WINDOW_US;

/// Requests, by whether they were good. Those that we ourselves failed to send are in neither number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Good ones.
    pub good: u64,
    /// All.
    pub total: u64,
}

impl Counts {
    /// All that were not good.
    pub fn bad(self) -> u64 {
        self.total - self.good
    }

    /// Bad ones among all, from 0 to 1; 0 where there are none.
    pub fn error_ratio(self) -> f64 {
        if self.total == 0 { 0.0 } else { self.bad() as f64 / self.total as f64 }
    }

    fn add(&mut self, other: Self) {
        self.good += other.good;
        self.total += other.total;
    }
}

impl std::iter::Sum for Counts {
    fn sum<I: Iterator<Item = Self>>(counts: I) -> Self {
        counts.fold(Self::default(), |mut sum, counts| {
            sum.add(counts);
            sum
        })
    }
}

/// A run's windows have no count for this threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("requests answered within {under} were not counted in this run")]
pub struct NotCounted {
    /// The threshold.
    pub under: Span,
}

/// Good and total requests of some windows for an objective.
///
/// `thresholds_us` are the ones that the windows were recorded with (`LoadPlan::thresholds_us` of the history's own
/// plan): a latency objective is counted exactly, or not at all.
///
/// Availability: good is answered 2xx or 3xx. Latency: good is answered so within the threshold, from the intended
/// send time. Bad is what was planned, not good, and not left unsent by us.
///
/// # Errors
/// The objective's threshold is none of `thresholds_us`.
pub fn count<'a>(
    windows: impl IntoIterator<Item = &'a LoadWindow>,
    thresholds_us: &[u64],
    objective: &Objective,
) -> Result<Counts, NotCounted> {
    let Some(under) = objective.under else {
        return Ok(windows.into_iter().map(answered).sum());
    };
    let index = thresholds_us.iter().position(|us| *us == under.us).ok_or(NotCounted { under })?;
    let counted = windows.into_iter().map(|window| {
        let good = *window.good.get(index).ok_or(NotCounted { under })?;
        Ok(Counts { good, total: answerable(window).max(good) })
    });
    counted.sum()
}

/// Answered well, and all: what an availability objective counts.
pub fn answered(window: &LoadWindow) -> Counts {
    Counts { good: window.ok, total: answerable(window).max(window.ok) }
}

/// Planned, and not left unsent by us.
fn answerable(window: &LoadWindow) -> u64 {
    window.planned.saturating_sub(window.unsent_by_us())
}

/// The windows that lie wholly in `[from_us, to_us]`. `windows` are in order of time.
pub fn within(windows: &[LoadWindow], from_us: u64, to_us: u64) -> &[LoadWindow] {
    let first = windows.partition_point(|window| window.from_us < from_us);
    let last = windows.partition_point(|window| window.from_us + WINDOW_US <= to_us);
    windows.get(first..last).unwrap_or_default()
}

/// Every so many consecutive windows, a second apart; see [`Slices::of`].
#[derive(Debug, Clone)]
pub struct Slices<'a> {
    windows: &'a [LoadWindow],
    len: usize,
    next: usize,
}

impl<'a> Slices<'a> {
    /// Every `len` consecutive windows; where there are fewer, those that there are.
    pub fn of(windows: &'a [LoadWindow], len: usize) -> Self {
        Self { windows, len: len.min(windows.len()).max(1), next: 0 }
    }
}

impl<'a> Iterator for Slices<'a> {
    type Item = &'a [LoadWindow];

    fn next(&mut self) -> Option<Self::Item> {
        let slice = self.windows.get(self.next..self.next + self.len)?;
        self.next += 1;
        Some(slice)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{availability, second};
    use super::*;
    use crate::history::Unsent;
    use crate::scenario::Share;

    #[test]
    fn what_we_did_not_send_is_in_neither_number_and_what_the_target_refused_is_bad() {
        let mut window = second(0, 100, 60);
        window.unsent.insert(Unsent::Starved, 10);
        window.unsent.insert(Unsent::InFlightLimit, 5);
        window.unsent.insert(Unsent::Stalled, 5);
        let counts = answered(&window);
        assert_eq!((counts.good, counts.total, counts.bad()), (60, 85, 25));
    }

    #[test]
    fn latency_is_counted_by_the_thresholds_of_the_recording() {
        let mut window = second(0, 10, 9);
        window.good = vec![3, 7];
        let objective = |ms| Objective { target: Share::percent(90), under: Some(Span::from_ms(ms)) };
        let thresholds = [100_000, 200_000];
        let counts = |ms| count([&window], &thresholds, &objective(ms));
        assert_eq!(counts(200), Ok(Counts { good: 7, total: 10 }));
        assert_eq!(counts(300), Err(NotCounted { under: Span::from_ms(300) }));
    }

    #[test]
    fn a_window_counts_where_it_lies_wholly_inside() {
        let windows: Vec<_> = (0..6).map(|s| second(s, 1, 1)).collect();
        let starts = |from, to| within(&windows, from, to).iter().map(|w| w.from_us).collect::<Vec<_>>();
        assert_eq!(starts(1_000_000, 3_000_000), [1_000_000, 2_000_000]);
        assert_eq!(starts(1_000_001, 3_999_999), [2_000_000]);
        assert!(starts(3_500_000, 2_000_000).is_empty());
    }

    #[test]
    fn slices_overlap_and_a_short_run_is_one_slice() {
        let windows: Vec<_> = (0..6).map(|s| second(s, 1, 1)).collect();
        assert_eq!(Slices::of(&windows, 5).count(), 2);
        assert_eq!(Slices::of(&windows[..3], 5).map(<[_]>::len).collect::<Vec<_>>(), [3]);
        assert_eq!(Slices::of(&[], 5).count(), 0);
        assert_eq!(count(&windows, &[], &availability(90)).map(|counts| counts.total), Ok(6));
    }
}
