//! A value over time: it holds from its event until the next one.

/// A step function over the run's clock.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Steps<T> {
    /// Change points in order of time; of several at one instant the last one counts.
    points: Vec<(u64, T)>,
}

/// A stretch of constant value: `[from_us, to_us)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch<T> {
    /// Start.
    pub from_us: u64,
    /// End.
    pub to_us: u64,
    /// Value in between.
    pub value: T,
}

impl<T: Clone + PartialEq> Steps<T> {
    /// A function without values yet.
    pub fn new() -> Self {
        Self { points: Vec::new() }
    }

    /// From `t_us` on the value is `value`. Times must not go back.
    pub fn push(&mut self, t_us: u64, value: T) {
        debug_assert!(self.points.last().is_none_or(|(last, _)| *last <= t_us), "steps go forward in time");
        if let Some(last) = self.points.last_mut()
            && last.0 == t_us
        {
            last.1 = value;
            let n = self.points.len();
            if n > 1 && self.points[n - 2].1 == self.points[n - 1].1 {
                self.points.pop();
            }
            return;
        }
        if self.points.last().is_none_or(|(_, last)| *last != value) {
            self.points.push((t_us, value));
        }
    }

    /// The value at an instant; `None` before the first event.
    pub fn at(&self, t_us: u64) -> Option<&T> {
        let after = self.points.partition_point(|(t, _)| *t <= t_us);
        after.checked_sub(1).map(|i| &self.points[i].1)
    }

    /// The latest value.
    pub fn last(&self) -> Option<&T> {
        self.points.last().map(|(_, value)| value)
    }

    /// The change points.
    pub fn points(&self) -> &[(u64, T)] {
        &self.points
    }

    /// The stretches of constant value that touch `[from_us, to_us]`, cut to it. The last one may have no length: it
    /// is the value at `to_us` itself, because deadlines are inclusive. Of a window that ends before it begins: none.
    pub fn over(&self, from_us: u64, to_us: u64) -> Vec<Stretch<T>> {
        let mut stretches: Vec<Stretch<T>> = Vec::new();
        if from_us > to_us {
            return stretches;
        }
        let first = self.points.partition_point(|(t, _)| *t <= from_us).saturating_sub(1);
        for (i, (t, value)) in self.points.iter().enumerate().skip(first) {
            if *t > to_us {
                break;
            }
            let end = self.points.get(i + 1).map_or(to_us, |(next, _)| (*next).min(to_us));
            stretches.push(Stretch { from_us: (*t).max(from_us), to_us: end, value: value.clone() });
        }
        stretches
    }

    /// The largest value in `[from_us, to_us]`; `None` where there is none.
    pub fn max_over(&self, from_us: u64, to_us: u64) -> Option<T>
    where
        T: Ord,
    {
        self.over(from_us, to_us).into_iter().map(|stretch| stretch.value).max()
    }

    /// The first instant at or after `from_us` at which the value satisfies `test`.
    pub fn first_from(&self, from_us: u64, test: impl Fn(&T) -> bool) -> Option<u64> {
        if self.at(from_us).is_some_and(&test) {
            return Some(from_us);
        }
        let next = self.points.partition_point(|(t, _)| *t <= from_us);
        self.points[next..].iter().find(|(_, value)| test(value)).map(|(t, _)| *t)
    }
}

impl Steps<u32> {
    /// Counts overlapping intervals: `[from, to)`, open-ended where `to` is `None`.
    pub fn counting(intervals: impl IntoIterator<Item = (u64, Option<u64>)>) -> Self {
        let mut deltas = std::collections::BTreeMap::<u64, i64>::new();
        for (from, to) in intervals {
            if to.is_some_and(|to| to <= from) {
                continue;
            }
            *deltas.entry(from).or_default() += 1;
            if let Some(to) = to {
                *deltas.entry(to).or_default() -= 1;
            }
        }
        let mut steps = Self::new();
        let mut count = 0_i64;
        for (t, delta) in deltas {
            count += delta;
            steps.push(t, u32::try_from(count).expect("intervals end after they begin"));
        }
        steps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(points: &[(u64, u32)]) -> Steps<u32> {
        let mut steps = Steps::new();
        for (t, value) in points {
            steps.push(*t, *value);
        }
        steps
    }

    #[test]
    fn a_value_holds_until_the_next_event() {
        let s = steps(&[(10, 1), (20, 3)]);
        assert_eq!(s.at(9), None);
        assert_eq!(s.at(10), Some(&1));
        assert_eq!(s.at(19), Some(&1));
        assert_eq!(s.at(20), Some(&3));
        assert_eq!(s.at(1_000), Some(&3));
    }

    #[test]
    fn of_several_values_at_one_instant_the_last_counts() {
        let s = steps(&[(10, 1), (10, 2), (20, 5), (20, 2)]);
        assert_eq!(s.points(), &[(10, 2)]);
    }

    #[test]
    fn a_window_sees_the_value_that_held_before_it_and_the_one_at_its_very_end() {
        let s = steps(&[(0, 4), (50, 2), (100, 7)]);
        assert_eq!(s.max_over(60, 99), Some(2));
        assert_eq!(s.max_over(60, 100), Some(7), "the end is inclusive");
        assert_eq!(s.max_over(49, 60), Some(4));
        assert_eq!(
            s.over(10, 60),
            vec![Stretch { from_us: 10, to_us: 50, value: 4 }, Stretch { from_us: 50, to_us: 60, value: 2 }]
        );
    }

    #[test]
    fn a_window_that_ends_before_it_begins_holds_nothing() {
        assert_eq!(steps(&[(0, 4), (50, 2)]).over(60, 40), vec![]);
    }

    #[test]
    fn intervals_are_counted_where_they_overlap() {
        let s = Steps::counting([(0, Some(10)), (5, None), (10, Some(20)), (7, Some(7))]);
        assert_eq!(s.points(), &[(0, 1), (5, 2), (20, 1)]);
    }
}
