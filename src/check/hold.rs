//! "Eventually, and then always": whether something that had to hold from a deadline on did hold.

use crate::history::Steps;
use crate::scenario::Anchor;

use super::truth::Truth;
use super::words::{event, relative};

/// The instants that an expectation is judged by, on the run's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Timed {
    /// What the deadline counts from.
    pub(super) anchor: Anchor,
    /// When that was.
    pub(super) anchor_us: u64,
    /// From here on it must hold; the deadline itself is included.
    pub(super) deadline_us: u64,
    /// Until here.
    pub(super) hold_end_us: u64,
    /// Excursions up to this long are no alarm.
    pub(super) settle_us: u64,
}

impl Timed {
    /// The last instant that can matter: an excursion that is open when the hold ends is watched for one more settle.
    pub(super) fn limit_us(&self) -> u64 {
        self.hold_end_us + self.settle_us
    }

    /// How long it must hold.
    pub(super) fn hold_us(&self) -> u64 {
        self.hold_end_us - self.deadline_us
    }
}

/// A stretch in which it did not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Excursion {
    /// Its first instant.
    pub(super) from_us: u64,
    /// The first instant after it; just after the last one that was looked at where it was still open then.
    pub(super) until_us: u64,
    /// It was still open.
    pub(super) open: bool,
    /// What was before it is not known, so it may have begun earlier.
    began_unseen: bool,
    /// What was after it is not known, so it may have lasted longer.
    ended_unseen: bool,
}

impl Excursion {
    /// How long it was seen.
    pub(super) fn length_us(&self) -> u64 {
        self.until_us - self.from_us
    }

    /// Where it began out of sight or went on out of sight it may have been longer.
    fn is_cut(&self) -> bool {
        self.began_unseen || self.ended_unseen
    }

    /// Whether its end was seen.
    pub(super) fn is_over(&self) -> bool {
        !self.open && !self.ended_unseen
    }

    /// How it ended, as a sentence.
    pub(super) fn ending(&self, timed: &Timed) -> String {
        if self.open {
            "It never came back as long as it was watched.".into()
        } else if self.ended_unseen {
            "What became of it was not seen.".into()
        } else {
            format!("It was over {}.", relative(self.until_us, timed.anchor_us, event(timed.anchor)))
        }
    }

    fn touches(&self, timed: &Timed) -> bool {
        self.from_us <= timed.hold_end_us && self.until_us > timed.deadline_us
    }
}

/// How it went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Held {
    /// It held. `since_us`: from when on, short excursions aside, and no earlier than the anchor.
    Yes {
        /// The instant.
        since_us: u64,
    },
    /// It did not, and no missing data could change that. The excursion is told to its end, beyond the hold, too.
    No(Excursion),
    /// Not to be known: nobody looked in that stretch.
    Unknown {
        /// Its start.
        from_us: u64,
        /// Its end.
        to_us: u64,
    },
    /// The source is too coarse: what was seen was off by so much, and could as well have been the other way round.
    TooClose {
        /// How far off.
        by_us: u64,
    },
}

/// The excursions of a truth up to `limit_us`, that instant included.
pub(super) fn excursions(truth: &Steps<Truth>, limit_us: u64) -> Vec<Excursion> {
    let points = truth.points();
    let mut found = Vec::new();
    for (i, (from_us, value)) in points.iter().enumerate() {
        if *value != Truth::Amiss || *from_us > limit_us {
            continue;
        }
        let next = points.get(i + 1).filter(|(t, _)| *t <= limit_us);
        let unknown = |point: Option<&(u64, Truth)>| point.is_some_and(|(_, value)| *value == Truth::Unknown);
        found.push(Excursion {
            from_us: *from_us,
            until_us: next.map_or(limit_us + 1, |(t, _)| *t),
            open: next.is_none(),
            began_unseen: unknown(i.checked_sub(1).and_then(|before| points.get(before))),
            ended_unseen: unknown(next),
        });
    }
    found
}

/// Judges a truth, which must reach from before the anchor to [`Timed::limit_us`].
///
/// An excursion that touches the window fails it where it lasts longer than `settle`, from its beginning, wherever that
/// was: so a late arrival is late by however little, and a one-for-one replacement is no alarm, also across the
/// deadline. It is enough that so much of it was seen. `resolution_us` is that of the source: lengths and lateness that
/// differ from their limits by less are too close.
///
/// `end_us` is how far the truth reaches: an excursion that failed it is told to its end, however late that is.
pub(super) fn held(truth: &Steps<Truth>, timed: &Timed, resolution_us: u64, end_us: u64) -> Held {
    let all = excursions(truth, timed.limit_us());
    let touching = || all.iter().filter(|excursion| excursion.touches(timed));
    let mut too_close = None;
    let mut doubtful = |by_us: u64| {
        let close = by_us < resolution_us;
        if close {
            too_close = too_close.max(Some(by_us));
        }
        close
    };
    for excursion in touching().filter(|excursion| excursion.length_us() > timed.settle_us) {
        let late = excursion.from_us < timed.deadline_us && excursion.is_over();
        let off_by = [
            excursion.length_us() - timed.settle_us,
            if late { excursion.until_us - timed.deadline_us } else { u64::MAX },
        ];
        if !off_by.into_iter().any(&mut doubtful) {
            // Where nothing is seen any more, watching was over.
            let watched_us = match truth.points().last() {
                Some((t, Truth::Unknown)) => t.saturating_sub(1),
                _ => end_us.max(timed.limit_us()),
            };
            let whole = excursions(truth, watched_us);
            let whole = whole.into_iter().find(|whole| whole.from_us == excursion.from_us);
            return Held::No(whole.unwrap_or(*excursion));
        }
    }
    if let Some((from_us, to_us)) = unknown_in(truth, timed) {
        return Held::Unknown { from_us, to_us };
    }
    for excursion in touching().filter(|excursion| excursion.length_us() <= timed.settle_us) {
        if excursion.is_cut() {
            return match excursion.ended_unseen {
                true => Held::Unknown { from_us: excursion.until_us, to_us: timed.limit_us() },
                false => Held::Unknown { from_us: excursion.from_us - 1, to_us: excursion.from_us },
            };
        }
        doubtful(timed.settle_us - excursion.length_us());
    }
    let long = all.iter().filter(|excursion| excursion.length_us() > timed.settle_us);
    let ends = long.map(|excursion| excursion.until_us).filter(|until_us| *until_us <= timed.deadline_us);
    let back_us = ends.max().filter(|until_us| *until_us > timed.anchor_us);
    if let Some(back_us) = back_us {
        doubtful(timed.deadline_us - back_us);
    }
    match too_close {
        Some(by_us) => Held::TooClose { by_us },
        None => Held::Yes { since_us: back_us.unwrap_or(timed.anchor_us) },
    }
}

/// The first stretch of the window that is not known.
fn unknown_in(truth: &Steps<Truth>, timed: &Timed) -> Option<(u64, u64)> {
    let window = truth.over(timed.deadline_us, timed.hold_end_us);
    let unknown = window.into_iter().find(|stretch| stretch.value == Truth::Unknown)?;
    Some((unknown.from_us, unknown.to_us))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMED: Timed =
        Timed { anchor: Anchor::Quiesce, anchor_us: 100, deadline_us: 200, hold_end_us: 300, settle_us: 10 };

    fn judged(points: &[(u64, Truth)]) -> Held {
        held(&steps(points), &TIMED, 0, 1_000)
    }

    fn steps(points: &[(u64, Truth)]) -> Steps<Truth> {
        let mut steps = Steps::new();
        for (t, value) in points {
            steps.push(*t, *value);
        }
        steps
    }

    use Truth::{Amiss, Fine, Unknown};

    #[test]
    fn back_exactly_at_the_deadline_is_in_time_and_a_microsecond_later_is_not() {
        assert_eq!(judged(&[(0, Fine), (50, Amiss), (200, Fine)]), Held::Yes { since_us: 200 });
        assert!(matches!(judged(&[(0, Fine), (50, Amiss), (201, Fine)]), Held::No(e) if e.until_us == 201));
        assert_eq!(judged(&[(0, Fine), (50, Amiss), (90, Fine)]), Held::Yes { since_us: 100 });
    }

    #[test]
    fn an_excursion_of_exactly_settle_is_no_alarm_and_a_microsecond_more_is() {
        assert_eq!(judged(&[(0, Fine), (250, Amiss), (260, Fine)]), Held::Yes { since_us: 100 });
        assert!(matches!(judged(&[(0, Fine), (250, Amiss), (261, Fine)]), Held::No(_)));
    }

    #[test]
    fn a_short_excursion_across_the_deadline_is_no_alarm() {
        assert_eq!(
            judged(&[(0, Fine), (50, Amiss), (150, Fine), (195, Amiss), (205, Fine)]),
            Held::Yes { since_us: 150 }
        );
    }

    #[test]
    fn one_that_is_open_when_the_hold_ends_is_watched_for_one_more_settle() {
        assert_eq!(judged(&[(0, Fine), (295, Amiss), (305, Fine)]), Held::Yes { since_us: 100 });
        assert!(matches!(judged(&[(0, Fine), (295, Amiss), (306, Fine)]), Held::No(_)));
        assert_eq!(judged(&[(0, Fine), (300, Amiss), (310, Fine)]), Held::Yes { since_us: 100 });
        assert!(matches!(judged(&[(0, Fine), (300, Amiss)]), Held::No(e) if e.open));
        assert_eq!(judged(&[(0, Fine), (301, Amiss)]), Held::Yes { since_us: 100 });
        assert_eq!(
            judged(&[(0, Fine), (295, Amiss), (303, Unknown)]),
            Held::Unknown { from_us: 303, to_us: 310 }
        );
    }

    #[test]
    fn a_gap_in_the_window_is_unknown_and_one_outside_is_not() {
        assert_eq!(
            judged(&[(0, Fine), (250, Unknown), (260, Fine)]),
            Held::Unknown { from_us: 250, to_us: 260 }
        );
        assert_eq!(judged(&[(0, Fine), (300, Unknown)]), Held::Unknown { from_us: 300, to_us: 300 });
        assert_eq!(judged(&[(0, Fine), (301, Unknown)]), Held::Yes { since_us: 100 });
        assert_eq!(judged(&[(0, Fine), (150, Unknown), (200, Fine)]), Held::Yes { since_us: 100 });
        // What came out of a gap before the window may have begun long before.
        assert!(matches!(
            judged(&[(0, Fine), (150, Unknown), (195, Amiss), (203, Fine)]),
            Held::Unknown { .. }
        ));
    }

    #[test]
    fn what_was_seen_for_longer_than_settle_no_gap_can_reverse() {
        assert!(matches!(judged(&[(0, Fine), (190, Amiss), (201, Unknown)]), Held::No(_)));
        assert!(matches!(judged(&[(0, Unknown), (240, Amiss), (260, Unknown)]), Held::No(_)));
    }

    #[test]
    fn an_excursion_is_told_to_its_end_and_where_watching_ended_it_is_open() {
        assert!(matches!(judged(&[(0, Fine), (50, Amiss), (500, Fine)]), Held::No(e) if e.until_us == 500));
        assert!(matches!(judged(&[(0, Fine), (50, Amiss), (900, Unknown)]), Held::No(e) if e.open));
        let unseen = [(0, Fine), (50, Amiss), (400, Unknown), (450, Fine)];
        assert!(matches!(judged(&unseen), Held::No(e) if !e.open && !e.is_over()));
    }

    #[test]
    fn a_polled_source_is_too_close_on_either_side() {
        let at_most = |points: &[(u64, Truth)]| held(&steps(points), &TIMED, 5, 1_000);
        assert_eq!(at_most(&[(0, Amiss), (196, Fine)]), Held::TooClose { by_us: 4 });
        assert_eq!(at_most(&[(0, Amiss), (195, Fine)]), Held::Yes { since_us: 195 });
        assert_eq!(at_most(&[(0, Amiss), (204, Fine)]), Held::TooClose { by_us: 4 });
        assert!(matches!(at_most(&[(0, Amiss), (205, Fine)]), Held::No(_)));
        assert_eq!(at_most(&[(0, Fine), (250, Amiss), (264, Fine)]), Held::TooClose { by_us: 4 });
        assert!(matches!(at_most(&[(0, Fine), (250, Amiss), (265, Fine)]), Held::No(_)));
    }
}
