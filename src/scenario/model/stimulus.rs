//! What is done to the system: traffic and faults.

use serde::{Deserialize, Serialize};

use super::super::units::{Rate, Share, Span};

/// The traffic.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Load {
    /// Path of each request.
    pub path: String,
    /// All through the run.
    pub baseline_rate: Rate,
    /// Surges on top of it.
    #[serde(default)]
    pub surges: Vec<Surge>,
    /// A request without an answer by then has timed out.
    pub timeout: Option<Span>,
    /// Requests under way at once, at most.
    pub max_in_flight: Option<u32>,
}

/// More traffic for a while.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Surge {
    /// From the end of the baseline phase.
    pub at: Span,
    /// How it rises and how it ends.
    pub shape: Shape,
}

/// The shape of a surge. `to_rate` is the total rate; overlapping surges add what each puts above the baseline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// A linear rise, then held. `lasts` includes the rise.
    Ramp {
        /// Total rate at its height.
        to_rate: Rate,
        /// Length of the rise.
        over: Span,
        /// Length of the whole.
        lasts: Span,
    },
    /// At once to the full rate, held.
    Step {
        /// Total rate.
        to_rate: Rate,
        /// Length.
        lasts: Span,
    },
    /// At once to the full rate, then a linear fall back to the baseline.
    Spike {
        /// Total rate at the start.
        to_rate: Rate,
        /// Length of the fall.
        lasts: Span,
    },
    /// Poisson arrivals at a constant mean.
    Poisson {
        /// Mean total rate.
        to_rate: Rate,
        /// Length.
        lasts: Span,
    },
}

impl Shape {
    /// Length of the whole surge.
    pub fn lasts(&self) -> Span {
        match self {
            Self::Ramp { lasts, .. }
            | Self::Step { lasts, .. }
            | Self::Spike { lasts, .. }
            | Self::Poisson { lasts, .. } => *lasts,
        }
    }

    /// Total rate at its height.
    pub fn to_rate(&self) -> Rate {
        match self {
            Self::Ramp { to_rate, .. }
            | Self::Step { to_rate, .. }
            | Self::Spike { to_rate, .. }
            | Self::Poisson { to_rate, .. } => *to_rate,
        }
    }
}

/// A fault and when it happens.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fault {
    /// From the end of the baseline phase.
    pub at: Span,
    /// What happens.
    pub action: FaultAction,
}

/// What a fault does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultAction {
    /// Ends instances.
    Terminate {
        /// Of which group.
        group: String,
        /// Which, and how many.
        victims: Victims,
        /// Gracefully or not.
        how: Termination,
    },
    /// Ends all instances of a group and lets none start for a while.
    Lose {
        /// Which group.
        group: String,
        /// How long.
        lasts: Span,
    },
}

impl FaultAction {
    /// The group that it strikes.
    pub fn group(&self) -> &str {
        match self {
            Self::Terminate { group, .. } | Self::Lose { group, .. } => group,
        }
    }
}

/// Which instances a termination strikes. Chosen at run time, from the ready ones, and recorded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Victims {
    /// So many.
    Count {
        /// How many.
        count: u32,
        /// In which order.
        pick: Pick,
    },
    /// A share of the ready ones, rounded up.
    Share {
        /// How much.
        share: Share,
        /// In which order.
        pick: Pick,
    },
    /// Exactly these.
    Named(Vec<String>),
}

/// In which order victims are picked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pick {
    /// From the seed.
    Random,
    /// The longest running first.
    Oldest,
    /// The latest started first.
    Newest,
}

/// How an instance is ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Termination {
    /// SIGKILL: no warning.
    Kill,
    /// SIGTERM, and SIGKILL after the group's grace.
    Graceful,
}
