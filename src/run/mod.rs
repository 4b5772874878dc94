//! Plan + world → history.
//!
//! One future drives everything: it is the only owner of the history, and every event passes through it in the order
//! in which it is recorded. The live display and the checks see the same records.

mod dispatch;
mod inject;
mod observe;
mod stop;
#[cfg(test)]
mod testing;
mod victims;

use std::io;

use tokio::sync::mpsc::UnboundedReceiver;

use crate::history::{Clock, Event, HistoryWriter, NOT_CLOSED, Phase, PhaseBegan, Record, Tracks};
use crate::plan::Plan;
use crate::scenario::Scenario;
use crate::world::World;

pub use dispatch::Watch;
pub use inject::heal_at_most;
pub use observe::horizon_us;

/// What somebody outside may ask of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// Ctrl-C. The first one ends the stimuli, heals, observes; the second one skips observing.
    Interrupt,
    /// SIGTERM: ends the stimuli, heals, ends.
    Terminate,
    /// SIGHUP, when the terminal was closed: as SIGTERM.
    HangUp,
}

impl Signal {
    /// Its name on POSIX systems.
    pub fn name(self) -> &'static str {
        match self {
            Self::Interrupt => "SIGINT",
            Self::Terminate => "SIGTERM",
            Self::HangUp => "SIGHUP",
        }
    }
}

/// Code of the note that a world was not opened.
pub const REFUSED: &str = "refused";

/// How a run ended.
#[derive(Debug)]
pub enum Ended {
    /// It ran its course, or a stop condition cut it short.
    Completed,
    /// Somebody asked it to end, and it healed.
    Interrupted,
    /// The world would not be opened: nothing was started.
    Refused(String),
    /// The history could not be written any more: nothing more was injected, everything was healed.
    HistoryLost(io::Error),
}

/// A run that has ended. The world is closed.
#[derive(Debug)]
pub struct Finished {
    /// Everything recorded.
    pub tracks: Tracks,
    /// How it ended.
    pub ended: Ended,
    /// What could not be healed or closed; empty where all is as before.
    pub unhealed: Vec<String>,
}

/// Runs a plan in a world. `history` holds the given records already, the header first.
///
/// # Panics
/// Never for anything that the world does: its failures are events.
pub async fn run<W: World>(
    scenario: &Scenario,
    plan: &Plan,
    world: &mut W,
    clock: Clock,
    history: (HistoryWriter, Vec<Record>),
    signals: UnboundedReceiver<Signal>,
    watch: &mut impl Watch,
) -> Finished {
    let (history, records) = history;
    let mut log = dispatch::Log::new(history, watch, clock);
    records.iter().for_each(|record| log.replay(record));
    log.append(Event::Phase(PhaseBegan { phase: Phase::Preflight, until_us: None }));
    let mut signals = signals;
    let opened = tokio::select! {
        biased;
        Some(signal) = signals.recv() => {
            log.interrupted(signal);
            Err(Ended::Interrupted)
        }
        opened = world.open(plan, clock) => opened.map_err(|refusal| Ended::Refused(refusal.reason)),
    };
    let mut unhealed = Vec::new();
    let ended = match opened {
        Ok(()) => {
            dispatch::Dispatch::new(scenario, plan, &*world, &mut log, signals).drive(&mut unhealed).await
        }
        Err(ended) => ended,
    };
    if let Ended::Refused(reason) = &ended {
        log.note(REFUSED, reason);
    }
    // Before the seal: what is left behind must be on record, or the same history judged again would know nothing of it.
    if let Err(error) = world.close().await {
        log.note(NOT_CLOSED, &error.to_string());
        unhealed.push(error.to_string());
    }
    log.seal();
    let (tracks, lost) = log.into_parts();
    // A lost history is the worse news, whatever else ended the run.
    let ended = lost.map_or(ended, Ended::HistoryLost);
    Finished { tracks, ended, unhealed }
}
