//! The valid scenario: what every front end (TOML now, Gherkin later) lowers to, before anything runs.
//!
//! An optional field that is `None` was not written; the plan fills it in and says so (`plan` prints each rule taken
//! by default). Nothing here is ambiguous and nothing here is checked again later.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

mod expect;
mod labels;
mod manifest;
mod stimulus;
mod target;
mod wait;

use super::units::{Price, Share, Span};

pub use expect::*;
pub use labels::*;
pub use manifest::*;
pub use stimulus::*;
pub use target::*;
pub use wait::*;

/// A whole scenario.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scenario {
    /// What is proven, in words; also the key under which the last passing run is found.
    pub name: String,
    /// Who is told, and who pays.
    pub owner: Option<Owner>,
    /// A link for whoever reads the verdict at night.
    pub runbook: Option<String>,
    /// Free labels, for selecting scenarios of a suite.
    #[serde(default)]
    pub tags: Vec<String>,
    /// The system under test.
    pub target: Target,
    /// The traffic; without it only faults are injected.
    pub load: Option<Load>,
    /// Faults in the order written.
    #[serde(default)]
    pub faults: Vec<Fault>,
    /// What may be lost.
    #[serde(default)]
    pub limits: Limits,
    /// Service level objectives by name.
    #[serde(default)]
    pub slo: BTreeMap<String, Objective>,
    /// What must hold.
    #[serde(default)]
    pub expect: Expectations,
    /// When to end all stimuli early.
    #[serde(default)]
    pub stop: Vec<StopCondition>,
    /// How long the phases may take.
    #[serde(default)]
    pub timing: Timing,
}

/// Who owns the system.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Owner {
    /// The team that is told.
    pub team: String,
    /// Where the spend is booked.
    pub cost_center: Option<String>,
}

/// Of the ready instances of a group, lost at once at most, where a scenario does not say: half.
pub(crate) const LOST_AT_ONCE: Share = Share::percent(50);

/// What may be lost.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Limits {
    /// Of the ready instances of a group; default half, at least one.
    pub lost_at_once: Option<Share>,
}

/// A service level objective.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Objective {
    /// Share of good requests.
    pub target: Share,
    /// For a latency objective: good is answered well within this time. Without it, good is answered well.
    pub under: Option<Span>,
}

/// Ends all stimuli early, which is a fail.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopCondition {
    /// An objective burns too fast.
    BurnRate {
        /// Name in `slo`.
        objective: String,
        /// Burn rate.
        above: f64,
        /// Window, at least 30 s.
        over: Span,
    },
    /// Too many requests fail.
    ErrorRatio {
        /// Share of requests.
        above: Share,
        /// Window, at least 30 s.
        over: Span,
    },
    /// The system costs too much.
    SpendRate {
        /// All groups together.
        above: Price,
    },
}

/// How long the phases may take.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Timing {
    /// Longest wait for a steady baseline; default 2 min.
    pub warm_up: Option<Span>,
}
