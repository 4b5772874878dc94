//! Everything that a history can say.
//!
//! A recorded type is a contract: within a major version of the format, fields and events are only added, and readers
//! ignore the ones that they do not know. Instants are microseconds since the start of the run (`…_us`).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::plan::Plan;
use crate::scenario::Scenario;
pub use crate::scenario::{Origin, Override};

use super::window::LoadWindow;

mod objects;
mod observed;
mod stimulus;

pub use objects::*;
pub use observed::*;
pub use stimulus::*;

/// Version of the format; the part before the dot changes when old readers would misread.
pub const FORMAT: &str = "1.0";

/// One line of a history.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Consecutive from 0.
    pub n: u64,
    /// When, on the run's clock; never less than the line before.
    pub t_us: u64,
    /// What.
    pub event: Event,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// The first line.
    Header(Box<Header>),
    /// Both clocks at one moment: evidence of drift or suspend.
    Clock(ClockReading),
    /// A phase begins.
    Phase(PhaseBegan),
    /// A source vouches for an interval: what it did not report in it did not happen.
    Alive(Alive),
    /// A source can no longer vouch.
    Lost(SourceLost),
    /// The wanted size of a group changes.
    Desired(Desired),
    /// The specification of a group changes, apart from its size.
    Rewritten(Rewritten),
    /// A process was started; `heal` looks for it.
    Child(ChildStarted),
    /// One instance changes.
    Instance(InstanceChange),
    /// The autoscaler of a group as it stands now.
    Autoscaler(AutoscalerSeen),
    /// An autoscaler decided.
    Decision(Decided),
    /// The balancer begins or ceases to send to a group.
    Route(Route),
    /// A tear-down program has ended.
    TearDown(TearDown),
    /// An object that is no instance of a group appears, changes or goes.
    Object(ObjectChange),
    /// A controller said something about an object.
    Reported(Reported),
    /// One second of traffic, by intended send time.
    Load(Box<LoadWindow>),
    /// How springback itself fared.
    Harness(HarnessReading),
    /// A surge begins.
    SurgeStart(SurgeMark),
    /// A surge ends.
    SurgeEnd(SurgeMark),
    /// A fault is about to be injected. On disk before anything else happens.
    Intent(Intent),
    /// Whatever is needed to undo it is stored.
    UndoRecorded(FaultMark),
    /// The world says that it is done.
    Acknowledged(Acknowledged),
    /// The world did not say that it is done. It counts as injected all the same.
    InjectFailed(FaultFailed),
    /// A world saw the effect of a fault that ends no instance.
    EffectSeen(EffectSeen),
    /// Whether its effect was seen, by another way than the call that caused it.
    Effect(Effect),
    /// A fault was not injected, and why.
    FaultSkipped(FaultFailed),
    /// A fault is undone.
    Healed(HealOutcome),
    /// A stop condition tripped: all stimuli end.
    Stopped(Stopped),
    /// Somebody asked springback to end.
    Interrupted(Interrupted),
    /// All stimuli have ended and all faults are healed.
    Quiesced(Quiesced),
    /// Something else worth knowing.
    Note(Note),
    /// The last line.
    Seal(Seal),
    /// An event of a newer minor version.
    #[serde(skip)]
    Unknown(String),
}

/// The first line: everything needed to judge the rest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// [`FORMAT`] of the writer.
    pub format: String,
    /// Version of springback.
    pub tool: String,
    /// The run's suite.
    pub suite_id: String,
    /// Which attempt at this scenario it is within the suite, from 1.
    #[serde(default = "first_attempt")]
    pub attempt: u32,
    /// Source texts as read: the scenario and what it brought in.
    pub sources: Vec<SourceText>,
    /// Values that do not stand in the scenario's own file.
    pub overrides: Vec<Override>,
    /// The lowered scenario.
    pub scenario: Scenario,
    /// Where each expectation, objective and stop condition was written, by the id of its finding.
    #[serde(default)]
    pub origins: BTreeMap<String, Origin>,
    /// The plan.
    pub plan: Plan,
    /// Which world.
    pub world: String,
    /// The sources that this world reports from.
    pub signal_sources: Vec<SourceInfo>,
    /// The baseline of the last passing run of this scenario.
    pub reference: Option<Reference>,
    /// Wall clock at `t_us` = 0, milliseconds since 1970.
    pub started_unix_ms: i64,
    /// What a cluster calls this run, if it acts on one: whatever it leaves there has that name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster_run: Option<String>,
}

fn first_attempt() -> u32 {
    1
}

/// A file that went into the scenario.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SourceText {
    /// Name as the user gave it.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// A source of observations.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SourceInfo {
    /// Name, as in `alive`.
    pub name: String,
    /// How late a change may be seen; 0 where events are pushed.
    pub resolution_us: u64,
}

/// The baseline of an earlier, passing run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reference {
    /// Its suite.
    pub suite_id: String,
    /// Instances by group.
    pub supply: BTreeMap<String, u32>,
}

/// Both clocks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClockReading {
    /// Wall clock, milliseconds since 1970.
    pub unix_ms: i64,
}

/// The phases of a run, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Opening the world.
    Preflight,
    /// Until supply is steady.
    WarmUp,
    /// Supply is steady; what is seen now is the baseline.
    Baseline,
    /// Surges and faults.
    Stimulus,
    /// Ending and healing them.
    Quiesce,
    /// Until the last deadline plus its hold.
    Observe,
}

impl Phase {
    /// As recorded and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Preflight => "preflight",
            Self::WarmUp => "warm-up",
            Self::Baseline => "baseline",
            Self::Stimulus => "stimulus",
            Self::Quiesce => "quiesce",
            Self::Observe => "observe",
        }
    }
}

/// A phase begins.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PhaseBegan {
    /// Which.
    pub phase: Phase,
    /// When it ends at the latest, where that is known.
    pub until_us: Option<u64>,
}

/// How springback itself fared since the last reading.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HarnessReading {
    /// Longest delay of a timer in the runner.
    pub tick_late_us: u64,
    /// Longest delay of a request's sending in the load engine.
    pub send_late_us: u64,
}

/// A stop condition tripped.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stopped {
    /// Which, as in the scenario: `burn_rate`, `error_ratio`, `spend_rate`.
    pub condition: String,
    /// The value that tripped it.
    pub value: f64,
    /// The limit.
    pub limit: f64,
    /// Both in words, with units.
    pub detail: String,
}

/// Somebody asked springback to end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Interrupted {
    /// `SIGINT`, `SIGTERM` or `SIGHUP`.
    pub signal: String,
}

/// All stimuli have ended and all faults are healed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Quiesced {
    /// The last of: surge end, fault end, heal complete.
    pub at_us: u64,
}

/// Code of the note that the world could not be closed: something is left behind, as after an incomplete heal.
pub const NOT_CLOSED: &str = "not-closed";

/// Something worth knowing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Note {
    /// A stable code in kebab-case.
    pub code: String,
    /// In words.
    pub text: String,
}

/// The last line: nothing follows, and nothing before was changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Seal {
    /// Lines before this one.
    pub count: u64,
    /// SHA-256, in hex, of all bytes before this line.
    pub sha256: String,
}
