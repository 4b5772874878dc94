//! What became of every request, by the second in which it was meant to be sent. Pure: times come in.

use std::collections::VecDeque;

use hdrhistogram::Histogram;

use crate::history::{ErrorKind, LoadWindow, Unsent, latency_histogram};
use crate::plan::LoadPlan;

const SECOND_US: u64 = 1_000_000;
/// With requests under way, a target that has answered nothing for so long has stalled.
const STALLED_AFTER_US: u64 = 1_000_000;

/// How a request that was admitted ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The whole answer is there.
    Answered(u16),
    /// It was sent, and there is no answer.
    Failed(ErrorKind),
    /// It did not leave after all.
    Unsent(Unsent),
}

/// The life of a request, on the run's clock.
#[derive(Debug, Clone, Copy)]
pub(super) struct Settled {
    pub(super) intended_us: u64,
    pub(super) sent_us: u64,
    pub(super) done_us: u64,
    pub(super) outcome: Outcome,
}

/// Windows from the first that is not closed, without a gap.
pub(super) struct Ledger {
    late_after_us: u64,
    give_up_after_us: u64,
    max_in_flight: u32,
    thresholds_us: Vec<u64>,
    windows: VecDeque<Open>,
    next_from_us: u64,
    over_before_us: u64,
    in_flight: u32,
    /// Since when requests are under way and nothing was answered.
    quiet_since_us: Option<u64>,
    idle_since_us: u64,
}

/// A window that may still change.
struct Open {
    window: LoadWindow,
    response: Histogram<u64>,
    service: Histogram<u64>,
    under_way: u64,
}

impl Ledger {
    pub(super) fn new(plan: &LoadPlan, start_us: u64) -> Self {
        Self {
            late_after_us: plan.late_after_us,
            give_up_after_us: plan.give_up_after_us,
            max_in_flight: plan.max_in_flight,
            thresholds_us: plan.thresholds_us.clone(),
            windows: VecDeque::new(),
            next_from_us: start_us / SECOND_US * SECOND_US,
            over_before_us: 0,
            in_flight: 0,
            quiet_since_us: None,
            idle_since_us: start_us,
        }
    }

    /// Opens a window for every second that begins before a time.
    pub(super) fn open_until(&mut self, t_us: u64) {
        while self.next_from_us < t_us {
            let good = vec![0; self.thresholds_us.len()];
            let window = LoadWindow { from_us: self.next_from_us, good, ..LoadWindow::default() };
            let (response, service) = (latency_histogram(), latency_histogram());
            self.windows.push_back(Open { window, response, service, under_way: 0 });
            self.next_from_us += SECOND_US;
        }
    }

    /// Takes a planned request in. Whether it is to be sent; if not, the reason is noted.
    pub(super) fn admit(&mut self, intended_us: u64, now_us: u64) -> bool {
        let refusal = if now_us.saturating_sub(intended_us) > self.give_up_after_us {
            Some(Unsent::Starved)
        } else if self.in_flight >= self.max_in_flight {
            let quiet_us = self.quiet_since_us.map_or(0, |since_us| now_us.saturating_sub(since_us));
            Some(if quiet_us >= STALLED_AFTER_US { Unsent::Stalled } else { Unsent::InFlightLimit })
        } else {
            None
        };
        let open = self.of(intended_us);
        open.window.planned += 1;
        if let Some(cause) = refusal {
            *open.window.unsent.entry(cause).or_default() += 1;
            return false;
        }
        open.under_way += 1;
        // A target that was silent long ago, and then had nothing to do, is not silent still.
        if self.in_flight == 0 && now_us.saturating_sub(self.idle_since_us) >= STALLED_AFTER_US {
            self.quiet_since_us = None;
        }
        self.quiet_since_us.get_or_insert(now_us);
        self.in_flight += 1;
        true
    }

    /// The target has begun an answer.
    pub(super) fn answering(&mut self, now_us: u64) {
        self.quiet_since_us = Some(now_us);
    }

    /// Notes how an admitted request ended. Whether its window can be closed now that could not before.
    pub(super) fn settle(&mut self, settled: Settled) -> bool {
        let Settled { intended_us, sent_us, done_us, outcome } = settled;
        self.in_flight -= 1;
        if self.in_flight == 0 {
            self.idle_since_us = done_us;
            if matches!(outcome, Outcome::Answered(_)) {
                self.quiet_since_us = None;
            }
        }
        let (late_after_us, over_before_us) = (self.late_after_us, self.over_before_us);
        let thresholds_us = std::mem::take(&mut self.thresholds_us);
        let open = self.of(intended_us);
        open.under_way -= 1;
        if let Outcome::Unsent(cause) = outcome {
            *open.window.unsent.entry(cause).or_default() += 1;
        } else {
            let behind_us = sent_us.saturating_sub(intended_us);
            open.window.sent += 1;
            open.window.late += u64::from(behind_us > late_after_us);
            open.window.send_late_max_us = open.window.send_late_max_us.max(behind_us);
        }
        match outcome {
            Outcome::Answered(200..=399) => {
                let response_us = done_us.saturating_sub(intended_us);
                open.window.ok += 1;
                for (good, threshold_us) in open.window.good.iter_mut().zip(&thresholds_us) {
                    *good += u64::from(response_us <= *threshold_us);
                }
                record(&mut open.response, response_us);
                record(&mut open.service, done_us.saturating_sub(sent_us));
            }
            Outcome::Answered(status) => *open.window.failed.entry(status).or_default() += 1,
            Outcome::Failed(kind) => *open.window.errors.entry(kind).or_default() += 1,
            Outcome::Unsent(_) => {}
        }
        let closable = open.under_way == 0 && open.window.from_us + SECOND_US <= over_before_us;
        self.thresholds_us = thresholds_us;
        closable
    }

    /// The earliest window, if it ended by `over_before_us` (no request before that is still to come) and all its
    /// requests are settled.
    pub(super) fn close_next(&mut self, over_before_us: u64) -> Option<LoadWindow> {
        self.over_before_us = over_before_us;
        let front = self.windows.front()?;
        if front.under_way > 0 || front.window.from_us + SECOND_US > over_before_us {
            return None;
        }
        let Open { mut window, response, service, .. } = self.windows.pop_front()?;
        window.set_histograms(&response, &service);
        Some(window)
    }

    /// Whether no window is left that may still change.
    pub(super) fn is_empty(&self) -> bool {
        self.windows.is_empty()
    }

    /// The window of an intended time. One whose window was closed already, because its surge was told too late, counts
    /// in the earliest that is open.
    fn of(&mut self, intended_us: u64) -> &mut Open {
        let at_least_us = if self.windows.is_empty() { self.next_from_us } else { intended_us };
        self.open_until(intended_us.max(at_least_us) + 1);
        let first_us = self.windows[0].window.from_us;
        &mut self.windows[(intended_us.saturating_sub(first_us) / SECOND_US) as usize]
    }
}

fn record(histogram: &mut Histogram<u64>, us: u64) {
    histogram.record(us).expect("a histogram that grows as needed takes every latency");
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MS: u64 = 1_000;
    const S: u64 = SECOND_US;

    fn ledger(max_in_flight: u32) -> Ledger {
        Ledger::new(
            &LoadPlan {
                path: "/".into(),
                baseline_per_s: 1.0,
                surges: vec![],
                timeout_us: 5 * S,
                max_in_flight,
                late_after_us: 10 * MS,
                give_up_after_us: 100 * MS,
                thresholds_us: vec![50 * MS, 200 * MS],
                seed: 0,
            },
            0,
        )
    }

    fn answered(intended_us: u64, sent_us: u64, done_us: u64) -> Settled {
        Settled { intended_us, sent_us, done_us, outcome: Outcome::Answered(200) }
    }

    /// Planned = sent + unsent, sent = ok + failed + errors.
    fn adds_up(window: &LoadWindow) -> bool {
        window.planned == window.sent + window.unsent.values().sum::<u64>()
            && window.sent
                == window.ok + window.failed.values().sum::<u64>() + window.errors.values().sum::<u64>()
    }

    #[test]
    fn response_counts_from_the_intended_time_and_service_from_the_sending() {
        let mut ledger = ledger(9);
        assert!(ledger.admit(500 * MS, 511 * MS));
        ledger.settle(answered(500 * MS, 511 * MS, 550 * MS));
        assert!(ledger.admit(600 * MS, 610 * MS));
        ledger.settle(answered(600 * MS, 610 * MS, 650 * MS + 1));
        let window = ledger.close_next(S).unwrap();
        assert_eq!((window.ok, window.late, window.send_late_max_us), (2, 1, 11 * MS));
        assert_eq!(window.good, [1, 2]);
        let response = window.response_histogram().unwrap();
        let service = window.service_histogram().unwrap();
        assert!(response.min() >= 49 * MS && service.max() < 41 * MS);
    }

    #[test]
    fn a_window_waits_for_its_second_its_requests_and_its_turn() {
        let mut ledger = ledger(9);
        assert!(ledger.admit(100, 100));
        assert!(ledger.admit(S, S));
        assert!(!ledger.settle(answered(S, S, S + 5)), "its second is not over");
        assert_eq!(ledger.close_next(2 * S), None, "the first one is still under way");
        assert!(ledger.settle(answered(100, 100, 2 * S)));
        let closed: Vec<u64> =
            std::iter::from_fn(|| ledger.close_next(2 * S)).map(|window| window.from_us).collect();
        assert_eq!(closed, [0, S]);
        ledger.open_until(4 * S + 1);
        let empty = ledger.close_next(3 * S).unwrap();
        assert_eq!(empty, LoadWindow { from_us: 2 * S, good: vec![0, 0], ..LoadWindow::default() });
    }

    #[test]
    fn what_is_too_far_behind_is_given_up_by_us() {
        let mut ledger = ledger(9);
        assert!(ledger.admit(0, 100 * MS));
        assert!(!ledger.admit(0, 100 * MS + 1));
        assert_eq!(ledger.of(0).window.unsent, [(Unsent::Starved, 1)].into());
    }

    #[test]
    fn at_the_limit_it_matters_whether_the_target_answers() {
        let mut ledger = ledger(2);
        let cause = |ledger: &mut Ledger, now_us| {
            assert!(!ledger.admit(now_us, now_us));
            *ledger.of(now_us).window.unsent.last_key_value().unwrap().0
        };
        assert!(ledger.admit(0, 0) && ledger.admit(1, 1));
        assert_eq!(cause(&mut ledger, S - 1), Unsent::InFlightLimit, "not silent for long enough");
        ledger.answering(S - 1);
        assert_eq!(cause(&mut ledger, 2 * S - 2), Unsent::InFlightLimit);
        assert_eq!(cause(&mut ledger, 2 * S), Unsent::Stalled);
        // Timeouts are no answers.
        let timed_out = |intended_us, done_us| {
            let outcome = Outcome::Failed(ErrorKind::TimedOut);
            Settled { intended_us, sent_us: intended_us, done_us, outcome }
        };
        ledger.settle(timed_out(0, 3 * S));
        ledger.settle(timed_out(1, 3 * S));
        assert!(ledger.admit(3 * S, 3 * S) && ledger.admit(3 * S, 3 * S));
        assert_eq!(cause(&mut ledger, 3 * S), Unsent::Stalled);
        // After a pause, a burst is no proof of silence.
        ledger.settle(timed_out(3 * S, 3 * S));
        ledger.settle(timed_out(3 * S, 3 * S));
        assert!(ledger.admit(4 * S, 4 * S) && ledger.admit(4 * S, 4 * S));
        assert_eq!(cause(&mut ledger, 4 * S), Unsent::InFlightLimit);
        // Nor after an answer.
        ledger.answering(4 * S);
        ledger.settle(answered(4 * S, 4 * S, 4 * S));
        ledger.settle(answered(4 * S, 4 * S, 4 * S));
        assert!(ledger.admit(5 * S - 1, 5 * S - 1) && ledger.admit(5 * S - 1, 5 * S - 1));
        assert_eq!(cause(&mut ledger, 5 * S + 5), Unsent::InFlightLimit);
    }

    proptest! {
        #[test]
        fn the_accounts_always_add_up(
            steps in prop::collection::vec((0u64..300 * MS, 0u64..200 * MS, 0u64..900 * MS, 0u8..6), 0..200),
            max_in_flight in 1u32..6,
        ) {
            let mut ledger = ledger(max_in_flight);
            let (mut now_us, mut under_way, mut planned, mut closed) = (0u64, Vec::new(), 0, Vec::new());
            for (pause_us, behind_us, takes_us, kind) in steps {
                now_us += pause_us;
                let intended_us = now_us;
                let sent_us = intended_us + behind_us;
                under_way.sort_by_key(|settled: &Settled| settled.done_us);
                let done = under_way.partition_point(|settled| settled.done_us <= sent_us);
                for settled in under_way.drain(..done) {
                    ledger.answering(settled.done_us);
                    ledger.settle(settled);
                }
                ledger.open_until(intended_us);
                planned += 1;
                if ledger.admit(intended_us, sent_us) {
                    let outcome = match kind {
                        0..3 => Outcome::Answered(200),
                        3 => Outcome::Answered(503),
                        4 => Outcome::Failed(ErrorKind::Reset),
                        _ => Outcome::Unsent(Unsent::Starved),
                    };
                    under_way.push(Settled { intended_us, sent_us, done_us: sent_us + takes_us, outcome });
                }
                closed.extend(std::iter::from_fn(|| ledger.close_next(intended_us)));
            }
            for settled in under_way {
                ledger.settle(settled);
            }
            closed.extend(std::iter::from_fn(|| ledger.close_next(u64::MAX)));
            prop_assert!(ledger.is_empty());
            prop_assert!(closed.iter().all(adds_up));
            prop_assert!(closed.iter().enumerate().all(|(i, window)| window.from_us == i as u64 * S));
            prop_assert_eq!(closed.iter().map(|window| window.planned).sum::<u64>(), planned);
            for window in &closed {
                prop_assert_eq!(window.response_histogram().unwrap().len(), window.ok);
                prop_assert!(window.good[0] <= window.good[1] && window.good[1] <= window.ok);
            }
        }
    }
}
