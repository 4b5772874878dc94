//! What a world sees of itself.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::autoscaler;
use crate::scenario::Price;

/// A source vouches for `[since_us, through_us]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alive {
    /// Which source: `supply/<group>`, `autoscaler/<group>`, `balancer`, `load` or `harness`.
    pub source: String,
    /// Start of the interval.
    pub since_us: u64,
    /// End of the interval.
    pub through_us: u64,
}

/// A source can no longer vouch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SourceLost {
    /// Which.
    pub source: String,
    /// What happened.
    pub reason: String,
}

/// The wanted size of a group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Desired {
    /// Which group.
    pub group: String,
    /// Instances wanted from now on.
    pub replicas: u32,
    /// Who wrote it: `declared`, `autoscaler`, `failover`, `heal`, or a name.
    pub by: String,
    /// Why, in the writer's words.
    pub reason: String,
}

/// The specification of a group changes, apart from its size.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rewritten {
    /// Which group.
    pub group: String,
    /// The fields of it: `template`, `strategy`.
    pub fields: Vec<String>,
    /// Who wrote it.
    pub by: String,
}

/// Where an instance is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InstanceState {
    /// Wanted, not yet spawned.
    Pending,
    /// Spawned, not ready yet.
    Starting,
    /// Serves.
    Ready,
    /// Was ready, is not now.
    Unready,
    /// Asked to end.
    Terminating,
    /// Does not exist any more.
    Gone,
}

/// One instance changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InstanceChange {
    /// Which group.
    pub group: String,
    /// Which instance; never used twice in a run.
    pub instance: String,
    /// The new state.
    pub state: InstanceState,
    /// What it costs from now on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Price>,
    /// Its process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<ProcessId>,
    /// With `terminating`: how long it may take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grace_us: Option<u64>,
    /// With `terminating`: who has to let go of it before it can be gone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub finalizers: Vec<String>,
    /// Why, with the evidence: an exit status, the reason of a removal.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// The node that it runs on, once that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// That node's zone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// Its labels; recorded only where a fault of the scenario asks for labels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

impl InstanceChange {
    /// A new state and nothing else.
    pub fn new(group: impl Into<String>, instance: impl Into<String>, state: InstanceState) -> Self {
        Self {
            group: group.into(),
            instance: instance.into(),
            state,
            price: None,
            process: None,
            grace_us: None,
            finalizers: Vec::new(),
            reason: String::new(),
            node: None,
            zone: None,
            labels: BTreeMap::new(),
        }
    }
}

/// A process was started.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChildStarted {
    /// What it is for: an instance's name, `balancer`, a tear-down.
    pub role: String,
    /// The process.
    pub process: ProcessId,
}

/// A process, so that a pid used again is not mistaken for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessId {
    /// Process id.
    pub pid: i32,
    /// Start time as the kernel gives it, clock ticks since boot; 0 where it cannot be read.
    pub start_ticks: u64,
}

/// The autoscaler of a group as it was seen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AutoscalerSeen {
    /// Which group.
    pub group: String,
    /// Its specification.
    pub spec: autoscaler::Spec,
    /// Its controller's settings.
    pub settings: autoscaler::Settings,
    /// Requests a second that one instance is meant to serve: target utilization × capacity.
    pub target_per_instance: f64,
    /// Who wrote it: `declared`, or a name.
    pub by: String,
}

/// An autoscaler decided.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Decided {
    /// Which group.
    pub group: String,
    /// Replicas before.
    pub current: u32,
    /// Ready instances that it saw.
    pub ready: u32,
    /// When the newest sample that went into it was scraped; `None` where there was none.
    pub sample_t_us: Option<u64>,
    /// Requests a second that the samples amount to, all instances together.
    pub traffic_per_s: Option<f64>,
    /// The decision, with each metric, and the conditions.
    pub decision: autoscaler::Decision,
}

/// The balancer begins or ceases to send to a group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Route {
    /// Which group.
    pub group: String,
    /// Whether it is sent to.
    pub serving: bool,
    /// Instances that are sent to.
    pub backends: u32,
}

/// A tear-down program has ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TearDown {
    /// Which group.
    pub group: String,
    /// For which instance.
    pub instance: String,
    /// The program and its arguments.
    pub command: Vec<String>,
    /// Whether it ended well.
    pub ok: bool,
    /// Exit status, and the end of what it wrote to standard error.
    pub outcome: String,
}
