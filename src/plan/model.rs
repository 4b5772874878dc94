//! The plan: a scenario with every default filled in, every name resolved and every draw made that can be made ahead.

use serde::{Deserialize, Serialize};

use crate::scenario::{Anchor, FaultAction, Share};

/// What a run is going to do. Pure data, recorded in the header.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Everything drawn at random follows from it.
    pub seed: u64,
    /// Longest wait for a steady baseline.
    pub warm_up_limit_us: u64,
    /// How long supply must not move to count as steady: one scale-down window plus two syncs.
    pub steady_us: u64,
    /// Surges, in the order written.
    pub surges: Vec<PlannedSurge>,
    /// Faults, in the order written.
    pub faults: Vec<PlannedFault>,
    /// Traffic.
    pub load: Option<LoadPlan>,
    /// From the end of the baseline phase to the end of the last stimulus, heals excepted.
    pub stimulus_us: u64,
    /// What must be watched for how long.
    pub windows: Vec<PlannedWindow>,
    /// What is watched beside the groups.
    #[serde(default, skip_serializing_if = "Objects::is_none")]
    pub objects: Objects,
    /// Of the ready instances of a group.
    pub lost_at_once: Share,
    /// Each rule that the scenario takes by default.
    pub defaults: Vec<DefaultTaken>,
}

/// Objects of a cluster that are no instances of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Objects {
    /// Volumes, load balancers and Jobs of its namespaces.
    pub in_namespaces: bool,
    /// Nodes, and what makes them.
    pub nodes: bool,
}

impl Objects {
    /// Whether none is watched.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// When a surge begins and ends, from the end of the baseline phase.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlannedSurge {
    /// `surge-0` and so on.
    pub id: String,
    /// Start.
    pub start_us: u64,
    /// End.
    pub end_us: u64,
}

/// When a fault is injected, from the end of the baseline phase.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlannedFault {
    /// `fault-0` and so on.
    pub id: String,
    /// Injection.
    pub at_us: u64,
    /// What.
    pub action: FaultAction,
    /// For a graceful termination, an eviction or a drain: until SIGKILL.
    pub grace_us: u64,
    /// How long its effect may take to show.
    pub effect_within_us: u64,
}

/// The traffic of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LoadPlan {
    /// Path of each request.
    pub path: String,
    /// Requests a second, all through the run.
    pub baseline_per_s: f64,
    /// What is added on top, from the end of the baseline phase on.
    pub surges: Vec<SurgeLoad>,
    /// A request without an answer by then, from its sending, has timed out.
    pub timeout_us: u64,
    /// Requests under way at once, at most.
    pub max_in_flight: u32,
    /// A request that leaves so much after its intended time is late.
    pub late_after_us: u64,
    /// A request that could not leave by then is given up.
    pub give_up_after_us: u64,
    /// Latency thresholds of the objectives, ascending, each once; counted exactly in every window.
    pub thresholds_us: Vec<u64>,
    /// Seed of the arrivals' own streams.
    pub seed: u64,
}

/// What a surge adds to the baseline: straight pieces of rate over time, or the mean of a Poisson process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SurgeLoad {
    /// `surge-0` and so on; also names its random stream.
    pub id: String,
    /// Pieces, consecutive, in order.
    pub pieces: Vec<RatePiece>,
    /// Random arrivals instead of evenly spaced ones.
    pub poisson: bool,
}

/// A straight piece of rate over time, from the end of the baseline phase.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RatePiece {
    /// Start.
    pub from_us: u64,
    /// End.
    pub to_us: u64,
    /// Requests a second above the baseline at the start.
    pub from_per_s: f64,
    /// Requests a second above the baseline at the end.
    pub to_per_s: f64,
}

/// The time in which an expectation is judged: `[anchor + within, anchor + within + hold]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlannedWindow {
    /// The expectation: `contraction-0`, `idle-spend`, …, also the id of its finding.
    pub id: String,
    /// Where it counts from.
    pub anchor: Anchor,
    /// Deadline after the anchor; `None` where it is derived from the autoscaler as seen.
    pub within_us: Option<u64>,
    /// How long it must hold.
    pub hold_us: u64,
    /// Excursions up to this long are no alarm.
    pub settle_us: u64,
}

/// A rule that was not written in the scenario.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DefaultTaken {
    /// Key, as in a scenario.
    pub key: String,
    /// Value taken.
    pub value: String,
    /// Why that one.
    pub why: String,
}
