//! What a source vouches for. Outside of it there is a gap, and a gap is neither high nor low.

/// Intervals for which a source is known to have been alive.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Coverage {
    /// Disjoint and ascending; both ends included.
    spans: Vec<(u64, u64)>,
}

impl Coverage {
    /// The source vouches for `[since_us, through_us]`.
    pub fn add(&mut self, since_us: u64, through_us: u64) {
        if through_us < since_us {
            return;
        }
        let mut span = (since_us, through_us);
        // Nearly always the newest one: look from the end.
        let mut at = self.spans.len();
        while at > 0 && self.spans[at - 1].1 >= span.0 {
            let earlier = self.spans[at - 1];
            if earlier.0 > span.1 {
                at -= 1;
                continue;
            }
            span = (span.0.min(earlier.0), span.1.max(earlier.1));
            self.spans.remove(at - 1);
            at -= 1;
        }
        self.spans.insert(at, span);
    }

    /// The first part of `[from_us, to_us]` that is not vouched for.
    pub fn gap(&self, from_us: u64, to_us: u64) -> Option<(u64, u64)> {
        let next = self.spans.partition_point(|(_, through)| *through < from_us);
        match self.spans.get(next) {
            Some((since, _)) if *since > from_us => Some((from_us, to_us.min(*since))),
            Some((_, through)) if *through >= to_us => None,
            Some((_, through)) => {
                let until = self.spans.get(next + 1).map_or(to_us, |(since, _)| to_us.min(*since));
                Some((*through, until))
            }
            None => Some((from_us, to_us)),
        }
    }

    /// The last instant that is vouched for.
    pub fn through(&self) -> Option<u64> {
        self.spans.last().map(|(_, through)| *through)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn covered(spans: &[(u64, u64)]) -> Coverage {
        let mut coverage = Coverage::default();
        for (since, through) in spans {
            coverage.add(*since, *through);
        }
        coverage
    }

    #[test]
    fn adjoining_reports_leave_no_gap_and_a_missing_one_does() {
        assert_eq!(covered(&[(0, 5), (5, 10), (10, 15)]).gap(0, 15), None);
        assert_eq!(covered(&[(0, 5), (10, 15)]).gap(0, 15), Some((5, 10)));
    }

    #[test]
    fn a_gap_touches_a_window_only_where_it_lies_inside() {
        let coverage = covered(&[(0, 5), (10, 15)]);
        assert_eq!(coverage.gap(10, 15), None);
        assert_eq!(coverage.gap(0, 5), None);
        assert_eq!(coverage.gap(0, 6), Some((5, 6)));
        assert_eq!(coverage.gap(7, 12), Some((7, 10)));
        assert_eq!(coverage.gap(12, 20), Some((15, 20)));
        assert_eq!(coverage.gap(20, 30), Some((20, 30)));
    }

    #[test]
    fn late_and_overlapping_reports_merge() {
        assert_eq!(covered(&[(10, 15), (0, 5), (4, 11)]).gap(0, 15), None);
        assert_eq!(covered(&[(20, 30), (0, 5), (6, 7)]).gap(0, 7), Some((5, 6)));
    }

    #[test]
    fn nothing_reported_is_nothing_known() {
        assert_eq!(Coverage::default().gap(3, 9), Some((3, 9)));
    }
}
