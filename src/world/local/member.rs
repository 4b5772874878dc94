//! One instance as its group sees it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::Signal;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::sleep;

use crate::history::{InstanceChange, InstanceState};

use super::child::ChildHandle;
use super::http::{GetError, Getter};
use super::shared::Message;
use super::tear_down::TearDownRun;

/// Time between two looks at the health of a starting instance, and of one that is ready.
const LOOK_STARTING: Duration = Duration::from_millis(100);
const LOOK_READY: Duration = Duration::from_millis(500);
/// How long a look may take, and how many in a row may go without an answer.
const LOOK_WITHIN: Duration = Duration::from_secs(1);
const LOOKS_MISSED: u32 = 2;

/// An instance, from the moment that it is wanted until it is gone.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) group: Arc<str>,
    pub(super) name: String,
    pub(super) number: u32,
    pub(super) state: InstanceState,
    pub(super) part: Part,
    /// When it was spawned.
    pub(super) spawned_us: u64,
    /// When it last became ready or ceased to be.
    pub(super) changed_us: u64,
    pub(super) was_ready: bool,
    pub(super) addr: Option<SocketAddr>,
    /// When it is killed, if it is still there.
    pub(super) kill_at_us: Option<u64>,
    /// What is going to be the reason of its end.
    pub(super) cause: Option<String>,
    handle: ChildHandle,
    poller: Option<Poller>,
}

/// What its group wants of it.
#[derive(Debug)]
pub(super) enum Part {
    /// It is one of those that are wanted.
    Wanted,
    /// It is to be removed, once its tear-down program has ended well.
    Doomed(TearDownRun),
    /// It was asked to end.
    Ending,
    /// Nobody wants it and nobody removes it.
    LeftBehind,
}

impl Member {
    pub(super) fn new(group: Arc<str>, name: String, number: u32, handle: ChildHandle, now_us: u64) -> Self {
        Self {
            group,
            name,
            number,
            state: InstanceState::Starting,
            part: Part::Wanted,
            spawned_us: now_us,
            changed_us: now_us,
            was_ready: false,
            addr: None,
            kill_at_us: None,
            cause: None,
            handle,
            poller: None,
        }
    }

    pub(super) fn wanted(&self) -> bool {
        matches!(self.part, Part::Wanted)
    }

    pub(super) fn ready(&self) -> bool {
        self.state == InstanceState::Ready
    }

    /// Where the balancer may send to: a wanted instance that has been ready. Whether it still is, the balancer sees.
    pub(super) fn backend(&self) -> Option<SocketAddr> {
        self.addr.filter(|_| self.wanted() && self.was_ready)
    }

    /// The report of a state, with nothing but a reason.
    pub(super) fn change(&self, state: InstanceState, reason: impl Into<String>) -> InstanceChange {
        InstanceChange {
            reason: reason.into(),
            ..InstanceChange::new(&*self.group, self.name.clone(), state)
        }
    }

    /// The same, when it was just spawned.
    pub(super) fn spawned(&self) -> InstanceChange {
        InstanceChange { process: Some(self.handle.process), ..self.change(InstanceState::Starting, "") }
    }

    /// Its pid, for words.
    pub(super) fn pid(&self) -> i32 {
        self.handle.process.pid
    }

    /// It listens: its health is looked at from now on.
    pub(super) fn listens(&mut self, addr: SocketAddr, inbox: mpsc::UnboundedSender<Message>) {
        self.addr = Some(addr);
        self.poller = Some(Poller(
            tokio::spawn(poll(Arc::clone(&self.group), self.number, addr, inbox)).abort_handle(),
        ));
    }

    /// Kills it, and remembers why.
    pub(super) fn kill(&mut self, cause: String) {
        self.cause = Some(cause);
        self.handle.signal(Signal::KILL);
    }

    /// Asks it to end.
    pub(super) fn terminate(&self) {
        self.handle.signal(Signal::TERM);
    }
}

/// A task that ends with whoever holds this.
#[derive(Debug)]
struct Poller(AbortHandle);

impl Drop for Poller {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Looks at an instance's health, and tells each change.
async fn poll(group: Arc<str>, number: u32, addr: SocketAddr, inbox: mpsc::UnboundedSender<Message>) {
    let mut getter = Getter::new(addr);
    let (mut ready, mut missed) = (false, 0);
    loop {
        let (answer, why) = match getter.get("/healthz", LOOK_WITHIN).await {
            Ok((status, _)) => (Some(status == 200), format!("answers {status} at /healthz")),
            Err(GetError::TimedOut) => (None, "does not answer at /healthz".to_owned()),
            Err(GetError::Broken(why)) => (None, why),
        };
        missed = if answer.is_some() { 0 } else { missed + 1 };
        // On a busy machine one look without an answer says nothing.
        let is_ready = answer.unwrap_or(ready && missed < LOOKS_MISSED);
        if is_ready != ready {
            ready = is_ready;
            if inbox.send(Message::Polled(Arc::clone(&group), number, ready, why)).is_err() {
                return;
            }
        }
        let settled = ready && missed == 0;
        sleep(if settled { LOOK_READY } else { LOOK_STARTING }).await;
    }
}
