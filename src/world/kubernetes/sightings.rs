//! Effects that are no instance's end: what is to be seen of each, and by what it is.

use std::collections::BTreeMap;

use crate::history::{EffectSeen, ErrorKind, LoadWindow, Unsent};

/// Answers of something that stands before a group and cannot reach it.
const UNREACHED: [u16; 3] = [502, 503, 504];
/// Where so large a part of the requests that a group should get has no answer, it is cut off: connections that were open
/// before may live on for a while.
const CUT_OFF_PARTS: (u64, u64) = (9, 10);

/// What is to be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expected {
    /// The group has that many instances, and that many are wanted.
    Count(u32),
    /// Requests that go to the group get no answer. Nothing else in a cluster shows that a policy is enforced: probes come
    /// from the node itself, so readiness and endpoints stay as they were.
    NoAnswers,
}

/// What a second of traffic came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Answers {
    /// When it began.
    pub(super) from_us: u64,
    /// Requests that were, or would have been, sent.
    pub(super) requests: u64,
    /// Of them: that nothing behind the Service answered.
    pub(super) unanswered: u64,
}

impl Answers {
    pub(super) fn of(window: &LoadWindow) -> Self {
        let errors = [ErrorKind::TimedOut, ErrorKind::Refused, ErrorKind::Reset];
        let broken: u64 = errors.iter().filter_map(|kind| window.errors.get(kind)).sum();
        let unreached: u64 = UNREACHED.iter().filter_map(|status| window.failed.get(status)).sum();
        let stalled = window.unsent.get(&Unsent::Stalled).copied().unwrap_or(0);
        Self {
            from_us: window.from_us,
            requests: window.planned.saturating_sub(window.unsent_by_us()),
            unanswered: broken + unreached + stalled,
        }
    }
}

/// What is known of a group when a sighting is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Now {
    pub(super) desired: Option<u32>,
    /// Instances that exist and do not end.
    pub(super) staying: u32,
}

#[derive(Debug)]
struct Awaited {
    group: String,
    expected: Expected,
    since_us: u64,
    /// Of the requests that are sent to anybody, those that this group should get: its backends and everybody's.
    share: (u64, u64),
}

/// Every effect that was not seen yet, by fault.
#[derive(Debug, Default)]
pub(super) struct Sightings {
    awaited: BTreeMap<String, Awaited>,
    /// The first second in which most requests were answered: what never answered cannot be seen to cease.
    answered_us: Option<u64>,
}

impl Sightings {
    /// Looks for an effect from now on. `share` are the group's backends and everybody's.
    pub(super) fn expect(
        &mut self,
        fault: String,
        group: String,
        expected: Expected,
        since_us: u64,
        share: (u32, u32),
    ) {
        let share = (u64::from(share.0), u64::from(share.1));
        self.awaited.insert(fault, Awaited { group, expected, since_us, share });
    }

    /// What a group's state shows.
    pub(super) fn on_group(&mut self, group: &str, now: Now) -> Vec<EffectSeen> {
        self.seen(|awaited| match awaited.expected {
            Expected::Count(to) if awaited.group == group => {
                let is_so = now.desired == Some(to) && now.staying == to;
                is_so.then(|| (format!("supply/{group}"), format!("{to} wanted and {to} there")))
            }
            _ => None,
        })
    }

    /// What a second of traffic shows.
    pub(super) fn on_answers(&mut self, answers: Answers) -> Vec<EffectSeen> {
        if self.answered_us.is_none() && answers.unanswered * 2 < answers.requests {
            self.answered_us = Some(answers.from_us);
        }
        let answered_us = self.answered_us;
        self.seen(|awaited| {
            let (own, all) = awaited.share;
            let is_after = answers.from_us >= awaited.since_us
                && answered_us.is_some_and(|answered_us| answered_us < awaited.since_us);
            if awaited.expected != Expected::NoAnswers || !is_after || answers.requests == 0 || own == 0 {
                return None;
            }
            let (parts, of) = CUT_OFF_PARTS;
            let is_so = answers.unanswered * all * of >= answers.requests * own * parts;
            let detail = || {
                format!(
                    "{} of {} requests had no answer in the second from {} s on, and {own} of {all} backends are of \
                     \"{}\"",
                    answers.unanswered,
                    answers.requests,
                    answers.from_us / 1_000_000,
                    awaited.group
                )
            };
            is_so.then(|| ("load".to_owned(), detail()))
        })
    }

    fn seen(&mut self, sight: impl Fn(&Awaited) -> Option<(String, String)>) -> Vec<EffectSeen> {
        let mut seen = Vec::new();
        self.awaited.retain(|fault, awaited| {
            let Some((seen_by, detail)) = sight(awaited) else { return true };
            seen.push(EffectSeen { fault: fault.clone(), seen_by, detail });
            false
        });
        seen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: u64 = 1_000_000;

    fn sightings(expected: Expected, share: (u32, u32)) -> Sightings {
        let mut sightings = Sightings::default();
        sightings.expect("fault-0".into(), "web".into(), expected, 10 * S, share);
        sightings
    }

    #[test]
    fn a_count_is_seen_once_it_is_wanted_and_there() {
        let mut sightings = sightings(Expected::Count(5), (0, 0));
        let now = |desired, staying| Now { desired: Some(desired), staying };
        assert!(sightings.on_group("web", now(5, 2)).is_empty());
        assert!(sightings.on_group("web", now(2, 5)).is_empty());
        assert!(sightings.on_group("db", now(5, 5)).is_empty());
        let seen = sightings.on_group("web", now(5, 5));
        assert_eq!((seen.len(), seen[0].seen_by.as_str()), (1, "supply/web"));
        assert!(sightings.on_group("web", now(5, 5)).is_empty(), "it is seen once");
    }

    #[test]
    fn a_cut_is_seen_by_requests_after_it_that_nobody_answers() {
        let answers = |from_s, unanswered| Answers { from_us: from_s * S, requests: 40, unanswered };
        let mut dead = sightings(Expected::NoAnswers, (3, 3));
        dead.on_answers(answers(8, 40));
        assert!(dead.on_answers(answers(10, 40)).is_empty(), "it never answered");
        let mut alone = sightings(Expected::NoAnswers, (3, 3));
        alone.on_answers(answers(8, 0));
        assert!(alone.on_answers(answers(9, 40)).is_empty(), "that was before");
        assert!(alone.on_answers(answers(10, 20)).is_empty(), "half of them were answered");
        assert!(alone.on_answers(Answers { from_us: 11 * S, requests: 0, unanswered: 0 }).is_empty());
        assert_eq!(alone.on_answers(answers(12, 40))[0].seen_by, "load");
        let mut shared = sightings(Expected::NoAnswers, (2, 4));
        shared.on_answers(answers(8, 0));
        assert!(shared.on_answers(answers(10, 10)).is_empty());
        assert_eq!(shared.on_answers(answers(11, 19)).len(), 1, "a standby answers its share");
        let mut unserved = sightings(Expected::NoAnswers, (0, 0));
        unserved.on_answers(answers(8, 0));
        assert!(unserved.on_answers(answers(10, 40)).is_empty(), "nothing goes to it, so nothing tells");
    }

    #[test]
    fn only_what_nothing_behind_the_service_answered_counts() {
        let window = LoadWindow {
            planned: 20,
            sent: 17,
            ok: 4,
            failed: [(500, 2), (503, 3)].into(),
            errors: [(ErrorKind::TimedOut, 5), (ErrorKind::Reset, 3)].into(),
            unsent: [(Unsent::Stalled, 2), (Unsent::Starved, 1)].into(),
            ..LoadWindow::default()
        };
        assert_eq!(Answers::of(&window), Answers { from_us: 0, requests: 19, unanswered: 13 });
    }
}
