//! What must hold, and what its time counts from.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::super::units::{Price, Span};

/// What must hold. Each entry becomes a finding of its own.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Expectations {
    /// What the calm system may have.
    pub baseline: Option<BaselineExpectation>,
    /// Supply rises.
    #[serde(default)]
    pub expansion: Vec<Expansion>,
    /// Terminated instances are replaced.
    pub replacement: Option<Replacement>,
    /// Supply falls back, and stays.
    #[serde(default)]
    pub contraction: Vec<Contraction>,
    /// Standbys go back to sleep.
    #[serde(default)]
    pub standby_released: Vec<StandbyReleased>,
    /// Spend falls back to its baseline.
    pub idle_spend: Option<IdleSpend>,
    /// Nothing else is left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nothing_left: Option<NothingLeft>,
    /// Objectives are met again.
    pub recovery: Option<Recovery>,
    /// Error budgets do not burn too fast.
    #[serde(default)]
    pub burn_rate: Vec<BurnLimit>,
}

/// What the calm system may have.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BaselineExpectation {
    /// Instances by group.
    pub at_most: BTreeMap<String, u32>,
}

/// Supply rises.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Expansion {
    /// Of which group.
    pub group: String,
    /// Ready instances.
    pub to_at_least: u32,
    /// Deadline after the anchor.
    pub within: Span,
    /// Default: the surge's start.
    pub from: Option<Anchor>,
}

/// Terminated instances are replaced.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Replacement {
    /// Deadline after each termination.
    pub within: Span,
}

/// Supply falls back, and stays.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Contraction {
    /// Of which group; without it, of every group that rose, standbys excepted.
    pub group: Option<String>,
    /// Deadline after the anchor.
    pub within: Deadline,
    /// How long it must stay so.
    pub hold: Option<Span>,
    /// Default: quiesce.
    pub from: Option<Anchor>,
    /// Instances above the bound that are tolerated; default 0.
    pub tolerance: Option<u32>,
    /// Excursions up to this long are no alarm; default one sync period.
    pub settle: Option<Span>,
}

/// A deadline: given, or derived from the autoscaler as it was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Deadline {
    /// So long after the anchor.
    Within(Span),
    /// What the observed autoscaler settings can meet.
    Auto,
}

/// Standbys go back to sleep.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StandbyReleased {
    /// Which standby; without it, all.
    pub group: Option<String>,
    /// Deadline after the anchor.
    pub within: Span,
    /// How long it must stay so.
    pub hold: Option<Span>,
    /// Default: quiesce.
    pub from: Option<Anchor>,
    /// Default: exactly the group's `replicas`.
    pub dormant_size: Option<DormantSize>,
}

/// The sizes that count as asleep.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DormantSize {
    /// No fewer.
    pub at_least: u32,
    /// No more.
    pub at_most: u32,
}

/// Spend falls back to its baseline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IdleSpend {
    /// Above the baseline's spend rate.
    pub at_most: Price,
    /// Deadline after the anchor.
    pub after: Span,
    /// How long it must stay so.
    pub hold: Option<Span>,
    /// Default: quiesce.
    pub from: Option<Anchor>,
}

/// What appeared beside the groups and serves nothing any more is gone: volumes, load balancers, Jobs, and if asked for, nodes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NothingLeft {
    /// Deadline after the anchor.
    pub after: Span,
    /// How long it must stay so.
    pub hold: Option<Span>,
    /// Default: quiesce.
    pub from: Option<Anchor>,
    /// Nodes are as many as at baseline again, and take pods.
    pub nodes: bool,
}

/// Objectives are met again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recovery {
    /// Deadline after the anchor.
    pub within: Span,
    /// How long they must be met.
    pub hold: Option<Span>,
    /// Default: quiesce.
    pub from: Option<Anchor>,
}

/// Error budgets do not burn too fast.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BurnLimit {
    /// Name in `slo`.
    pub objective: String,
    /// Burn rate, 1 spends exactly the budget.
    pub at_most: f64,
    /// Window.
    pub over: Span,
}

/// The event that a deadline counts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Anchor {
    /// The first surge begins.
    SurgeStart,
    /// The last surge ends.
    SurgeEnd,
    /// The last heal is complete.
    Healed,
    /// The primary is healthy again after a loss.
    PrimaryHealthy,
    /// The last of: surge end, fault end, heal complete.
    Quiesce,
}

impl Anchor {
    /// As written in a scenario.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SurgeStart => "surge-start",
            Self::SurgeEnd => "surge-end",
            Self::Healed => "healed",
            Self::PrimaryHealthy => "primary-healthy",
            Self::Quiesce => "quiesce",
        }
    }
}
