//! When to send: a wait that is finer than the runtime's timers, and does not starve what shares the thread.
//!
//! A helper thread sleeps on the system's clock, which is good to some 60 µs, and wakes the engine shortly before a
//! request is due. The engine spins the rest, letting the sockets run in between. Spinning has a budget, a fifth of the
//! time: where requests follow each other more closely than that allows, they leave up to 200 µs late instead of taking
//! a whole core from the system under test.

#![expect(clippy::disallowed_methods, reason = "the pacer compares std's clock with intended send times")]

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use std::{io, thread};

use tokio::sync::Notify;

use crate::history::Clock;

/// How long before it is due the sleep ends and the spinning begins.
const LEAD_US: u64 = 100;
/// The longest single spin.
const SPIN_MAX_US: u64 = 200;
/// One part in so many of the time may be spun.
const SPIN_SHARE: u64 = 5;
/// The shortest sleep, so that the helper thread is not woken for each of many requests that are due together.
const SLEEP_MIN_US: u64 = 100;

/// The run's clock, read without tokio.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timeline {
    origin: Instant,
}

impl Timeline {
    pub(super) fn of(clock: &Clock) -> Self {
        Self { origin: clock.instant(0).into_std() }
    }
    pub(super) fn now_us(self) -> u64 {
        self.origin.elapsed().as_micros() as u64
    }
}

/// Waits until a time, precisely.
pub(super) struct Pacer {
    timeline: Timeline,
    alarm: Arc<Alarm>,
    thread: Option<JoinHandle<()>>,
    budget_us: u64,
    earned_until_us: u64,
}

impl Pacer {
    /// # Errors
    /// The operating system gave no thread.
    pub(super) fn start(timeline: Timeline) -> io::Result<Self> {
        let alarm = Arc::new(Alarm::default());
        let sleeper = Arc::clone(&alarm);
        let thread =
            thread::Builder::new().name("springback-pace".into()).spawn(move || sleeper.ring_when_due())?;
        let earned_until_us = timeline.now_us();
        Ok(Self { timeline, alarm, thread: Some(thread), budget_us: SPIN_MAX_US, earned_until_us })
    }

    /// Waits until a time on the run's clock, and lets the sockets run even if that has come. May be dropped at any
    /// point.
    pub(super) async fn until(&mut self, due_us: u64) {
        if self.timeline.now_us() >= due_us {
            tokio::task::yield_now().await;
        }
        loop {
            let now_us = self.timeline.now_us();
            if now_us >= due_us {
                return;
            }
            let gap_us = due_us - now_us;
            self.earn(now_us);
            if gap_us <= self.budget_us.min(SPIN_MAX_US) {
                tokio::task::yield_now().await;
                self.budget_us = self.budget_us.saturating_sub(self.timeline.now_us() - now_us);
            } else {
                let lead_us = if self.budget_us >= LEAD_US { LEAD_US } else { 0 };
                let sleep_us = gap_us.saturating_sub(lead_us).max(SLEEP_MIN_US);
                self.alarm.set(self.timeline.origin + Duration::from_micros(now_us + sleep_us));
                self.alarm.rang.notified().await;
            }
        }
    }

    fn earn(&mut self, now_us: u64) {
        let earned_us = (now_us - self.earned_until_us) / SPIN_SHARE;
        self.earned_until_us += earned_us * SPIN_SHARE;
        self.budget_us = (self.budget_us + earned_us).min(2 * SPIN_MAX_US);
    }
}

impl Drop for Pacer {
    fn drop(&mut self) {
        self.alarm.lock().closed = true;
        self.alarm.changed.notify_one();
        if let Some(thread) = self.thread.take() {
            // It cannot have anything to say: it only sleeps.
            let _ = thread.join();
        }
    }
}

/// An alarm clock with a thread of its own.
#[derive(Default)]
struct Alarm {
    setting: Mutex<Setting>,
    changed: Condvar,
    rang: Notify,
}

#[derive(Default)]
struct Setting {
    at: Option<Instant>,
    closed: bool,
}

impl Alarm {
    fn lock(&self) -> MutexGuard<'_, Setting> {
        self.setting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Rings at that time, or before: an earlier setting stays, and whoever waits sets it again.
    fn set(&self, at: Instant) {
        let mut setting = self.lock();
        if setting.at.is_none_or(|earlier| at < earlier) {
            setting.at = Some(at);
            self.changed.notify_one();
        }
    }

    fn ring_when_due(&self) {
        let mut setting = self.lock();
        while !setting.closed {
            let Some(at) = setting.at else {
                setting = self.changed.wait(setting).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let left = at.saturating_duration_since(Instant::now());
            if left.is_zero() {
                setting.at = None;
                self.rang.notify_one();
            } else {
                let woken = self.changed.wait_timeout(setting, left);
                setting = woken.unwrap_or_else(PoisonError::into_inner).0;
            }
        }
    }
}
