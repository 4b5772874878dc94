//! The engine's one loop: what is due leaves, what is over is told.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, mpsc, watch};

use super::LoadControl;
use super::client::Client;
use super::ledger::{Ledger, Outcome, Settled};
use super::pacer::{Pacer, Timeline};
use crate::history::{ErrorKind, LoadWindow};
use crate::plan::{Arrivals, LoadPlan};

const SECOND_US: u64 = 1_000_000;
/// Requests that leave before the sockets get their turn.
const BATCH: usize = 64;

pub(super) struct Engine {
    timeline: Timeline,
    pacer: Pacer,
    arrivals: Arrivals,
    control: watch::Receiver<LoadControl>,
    /// When everything ends, once it is known.
    end_us: Option<u64>,
    /// Whether there is still somebody who could tell something.
    led: bool,
    windows: mpsc::UnboundedSender<LoadWindow>,
    shared: Arc<Shared>,
}

/// What the loop shares with the requests under way.
struct Shared {
    timeline: Timeline,
    client: Client,
    timeout: Duration,
    ledger: Mutex<Ledger>,
    /// A window that was only waiting for its requests can be closed.
    closable: Notify,
}

impl Engine {
    pub(super) fn new(
        plan: &LoadPlan,
        client: Client,
        timeline: Timeline,
        pacer: Pacer,
        control: watch::Receiver<LoadControl>,
        windows: mpsc::UnboundedSender<LoadWindow>,
    ) -> Self {
        let start_us = timeline.now_us();
        let shared = Shared {
            timeline,
            client,
            timeout: Duration::from_micros(plan.timeout_us),
            ledger: Mutex::new(Ledger::new(plan, start_us)),
            closable: Notify::new(),
        };
        Self {
            timeline,
            pacer,
            arrivals: Arrivals::new(plan, start_us),
            control,
            end_us: None,
            led: true,
            windows,
            shared: Arc::new(shared),
        }
    }

    /// Runs until everything has ended, or until nobody listens any more.
    pub(super) async fn drive(mut self) {
        loop {
            // The clock before the control: what is told before its time is then known when that time is seen.
            let now_us = self.timeline.now_us();
            self.obey(now_us);
            self.launch_due(now_us);
            let ended = self.arrivals.peek().is_none() && self.end_us.is_some_and(|end_us| end_us <= now_us);
            if !self.tell_closed(now_us, ended) {
                return;
            }
            tokio::select! { biased;
                () = self.windows.closed() => return,
                changed = self.control.changed(), if self.led => self.led = changed.is_ok(),
                () = self.shared.closable.notified() => {}
                () = self.pacer.until(next_due(&self.arrivals, self.end_us, now_us)), if !ended => {}
            }
        }
    }

    fn obey(&mut self, now_us: u64) {
        let LoadControl { surges_from_us, surges_until_us, end_us } = *self.control.borrow_and_update();
        if let Some(t0_us) = surges_from_us {
            self.arrivals.surges_from(t0_us);
        }
        if let Some(until_us) = surges_until_us {
            self.arrivals.surges_until(until_us);
        }
        // A load that nobody can end any more ends now.
        self.end_us = end_us.or(self.end_us).or((!self.led).then_some(now_us));
        if let Some(end_us) = self.end_us {
            self.arrivals.end(end_us);
        }
    }

    fn launch_due(&mut self, now_us: u64) {
        let mut ledger = self.shared.ledger();
        let mut launched = 0;
        while launched < BATCH
            && let Some(intended_us) = self.arrivals.peek().filter(|intended_us| *intended_us <= now_us)
        {
            self.arrivals.next();
            if ledger.admit(intended_us, now_us) {
                launched += 1;
                tokio::spawn(carry_out(Arc::clone(&self.shared), intended_us));
            }
        }
    }

    /// Whether there is more to come, and somebody to hear it.
    fn tell_closed(&self, now_us: u64, ended: bool) -> bool {
        let mut ledger = self.shared.ledger();
        ledger.open_until(self.end_us.map_or(now_us, |end_us| end_us.min(now_us)));
        let over_before_us =
            if ended { u64::MAX } else { self.arrivals.peek().map_or(now_us, |next_us| next_us.min(now_us)) };
        while let Some(window) = ledger.close_next(over_before_us) {
            if self.windows.send(window).is_err() {
                return false;
            }
        }
        !(ended && ledger.is_empty())
    }
}

/// The next time at which there is something to do without being told.
fn next_due(arrivals: &Arrivals, end_us: Option<u64>, now_us: u64) -> u64 {
    let next_second_us = (now_us / SECOND_US + 1) * SECOND_US;
    let end_us = end_us.filter(|end_us| *end_us > now_us);
    [arrivals.peek(), end_us].into_iter().flatten().fold(next_second_us, u64::min)
}

/// Sends one request and notes what became of it.
async fn carry_out(shared: Arc<Shared>, intended_us: u64) {
    let sent_us = shared.timeline.now_us();
    let exchange = shared.client.exchange(|| shared.ledger().answering(shared.timeline.now_us()));
    let outcome = tokio::time::timeout(shared.timeout, exchange).await;
    let outcome = outcome.unwrap_or(Outcome::Failed(ErrorKind::TimedOut));
    let done_us = shared.timeline.now_us();
    if shared.ledger().settle(Settled { intended_us, sent_us, done_us, outcome }) {
        shared.closable.notify_one();
    }
}

impl Shared {
    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
