//! Worlds: what springback acts on and looks at. One trait, and one runner over it.
//!
//! A world reports what it sees and does what it is told; it judges nothing. Its failures are observations, so that
//! they are recorded, never a reason to abandon a run.

pub mod kubernetes;
pub mod local;

use futures_util::Stream;
use tokio::sync::watch;

use crate::history::{Clock, Event, Intent, LoadWindow, SourceInfo};
use crate::load::LoadControl;
use crate::plan::{LoadPlan, Plan};

/// Something that a world saw, and when.
#[derive(Debug, Clone, PartialEq)]
pub struct Observation {
    /// When, on the run's clock.
    pub t_us: u64,
    /// What: one of the events about supply, autoscalers, routes and sources.
    pub event: Event,
}

/// What a world can do and how it sees.
#[derive(Debug, Clone)]
pub struct Capabilities {
    /// Its name: `local`, `kubernetes`, `simulated`.
    pub world: &'static str,
    /// The sources that it reports from.
    pub sources: Vec<SourceInfo>,
}

/// What is needed to undo a fault, without the process that caused it.
#[derive(Debug, Clone, PartialEq)]
pub struct Undo {
    /// The fault.
    pub intent: Intent,
}

/// A world would not be opened: nothing was started.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub struct Refusal {
    /// What stands in the way, and what to do.
    pub reason: String,
}

/// An action on a world that did not come through. A lowercase fragment.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub struct WorldError(pub String);

/// A system that can be observed, loaded, broken and healed.
///
/// Used generically and driven by one future: no `Send` bounds, no trait objects.
#[expect(async_fn_in_trait, reason = "the runner is one future on one thread; nothing needs Send")]
pub trait World {
    /// What it can do; valid before `open`.
    fn capabilities(&self) -> &Capabilities;
    /// Checks everything that can be checked ahead, then starts or attaches. After a refusal nothing is left.
    ///
    /// # Errors
    /// A port, folder, permission or program that is missing.
    async fn open(&mut self, plan: &Plan, clock: Clock) -> Result<(), Refusal>;
    /// Everything that it sees from `open` on. Called once.
    fn observe(&self) -> impl Stream<Item = Observation>;
    /// Sends traffic and reports it by the second. Called once.
    fn load(&self, plan: &LoadPlan, control: watch::Receiver<LoadControl>) -> impl Stream<Item = LoadWindow>;
    /// Tells it when the stimulus begins: what it does at a time of its own counts from there.
    fn stimulus_began(&self, t_us: u64);
    /// Stores what is needed to undo a fault where it outlives this process. Before every `inject`.
    ///
    /// # Errors
    /// It could not be stored: the fault must not be injected.
    async fn record_undo(&self, undo: &Undo) -> Result<(), WorldError>;
    /// Injects a fault. An unanswered or failed call counts as injected.
    ///
    /// # Errors
    /// The world did not confirm it.
    async fn inject(&self, intent: &Intent) -> Result<String, WorldError>;
    /// Undoes a fault; may be called again, and needs the record only.
    ///
    /// # Errors
    /// Something is not as before.
    async fn heal(&self, undo: &Undo) -> Result<String, WorldError>;
    /// Ends what `open` started. After it nothing of the world is left.
    ///
    /// # Errors
    /// Something could not be ended.
    async fn close(&mut self) -> Result<(), WorldError>;
}
