//! What the parts of the fleet share: the clock, the way out for observations, and the way in for messages.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use crate::history::{ChildStarted, Clock, Event, Intent};
use crate::world::{Observation, Undo, WorldError};

use super::autoscale::Round;
use super::child::{self, ChildEvent, ChildHandle};

/// Everything that reaches the fleet, in one queue: what it saw first is handled first.
pub(super) enum Message {
    /// A child said something or ended.
    Child(Who, ChildEvent),
    /// An instance, by group and number, turned ready or unready, with the reason.
    Polled(Arc<str>, u32, bool, String),
    /// One round of scrapes of a group is over.
    Scraped(Arc<str>, Round),
    /// The stimulus begins.
    StimulusBegan(u64),
    /// A fault is to be injected.
    Inject(Intent, oneshot::Sender<Result<String, WorldError>>),
    /// A fault is to be undone.
    Heal(Undo, oneshot::Sender<Result<String, WorldError>>),
    /// Everything is to end.
    Close(oneshot::Sender<Result<(), WorldError>>),
}

/// Which child.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Who {
    /// The balancer.
    Balancer,
    /// An instance: its group and number.
    Instance(Arc<str>, u32),
    /// The tear-down program of that instance.
    TearDown(Arc<str>, u32),
}

/// The common ground.
pub(super) struct Shared {
    pub(super) clock: Clock,
    /// springback's own executable.
    pub(super) program: PathBuf,
    pub(super) seed: u64,
    pub(super) inbox: mpsc::UnboundedSender<Message>,
    pub(super) out: mpsc::UnboundedSender<Observation>,
    /// Children that were started and not waited for yet.
    pub(super) live: usize,
    /// Nothing is started any more.
    pub(super) closing: bool,
}

impl Shared {
    /// Reports something, as seen now.
    pub(super) fn emit(&self, event: Event) {
        // Nobody listens any more once the run is over.
        let _ = self.out.send(Observation { t_us: self.clock.now_us(), event });
    }

    /// Starts a child under a hidden verb, and reports its process.
    pub(super) fn start(
        &mut self,
        who: Who,
        role: String,
        args: &[OsString],
        environment: &[(&str, &str)],
    ) -> io::Result<ChildHandle> {
        let inbox = self.inbox.clone();
        let report = move |event| {
            let _ = inbox.send(Message::Child(who.clone(), event));
        };
        let handle = child::start(&self.program, args, environment, report)?;
        self.live += 1;
        self.emit(Event::Child(ChildStarted { role, process: handle.process }));
        Ok(handle)
    }
}

/// The arguments of a child: a verb and its configuration.
pub(super) fn arguments(verb: &str, config: &impl serde::Serialize) -> io::Result<Vec<OsString>> {
    let config = serde_json::to_string(config).map_err(io::Error::other)?;
    Ok(vec![verb.into(), config.into()])
}
