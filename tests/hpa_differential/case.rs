//! Cases: an autoscaler, its controller's settings, and what happens from sync to sync. They are made up, from a
//! seed, and can be made simpler by proptest; nothing in them depends on what anybody decides.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use springback::autoscaler::{ConditionStatus, Phase, Settings, Spec};

use crate::specs::{settings, spec, spec_to_zero};
use crate::steps::step;

pub(crate) const S: u64 = 1_000_000;

/// One autoscaler's life.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) spec: Spec,
    pub(crate) settings: Settings,
    /// The replicas that the autoscaler finds.
    pub(crate) replicas: u32,
    /// Whether the load is one that all pods share, so that more pods have less each; else each has its own.
    pub(crate) shared: bool,
    /// Whether pods have a second container.
    pub(crate) sidecar: bool,
    pub(crate) steps: Vec<Step>,
}

/// What is different at a sync.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    /// The time since the sync before.
    pub(crate) wait_us: u64,
    pub(crate) change: Change,
    pub(crate) trouble: Trouble,
    /// The load as a percentage of what would be exactly on target; `None` as before.
    pub(crate) level: Option<i64>,
    /// What an Object or External metric shows at zero replicas, in thousandths.
    pub(crate) at_zero_milli: i64,
    /// How many more pods there are than were asked for.
    pub(crate) more_pods: i32,
    /// How many more replicas the scale's status shows than were asked for.
    pub(crate) more_in_status: i32,
    /// The pods, in turn.
    pub(crate) pods: Vec<PodPlan>,
    /// The metrics, in turn.
    pub(crate) sources: Vec<Source>,
    /// Whether metrics.k8s.io answers.
    pub(crate) pod_metrics: PodMetrics,
}

/// What somebody does to the autoscaler or its target before a sync.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    Nothing,
    /// The controller starts anew.
    Restart,
    /// Somebody else sets the replicas.
    Replicas(u32),
    /// The minimum goes up to this, and the maximum up by that.
    Raise {
        min_to: u32,
        max_by: u32,
    },
    /// The bounds go back to what they were.
    Lower,
}

/// What is out of order at the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    None,
    ScaleNotReadable,
    ScaleNotWritable,
    NoSelector,
    BadSelector,
    /// Another autoscaler's target selects the same pods.
    Rival,
}

/// A pod.
#[derive(Debug, Clone)]
pub(crate) struct PodPlan {
    pub(crate) phase: Phase,
    pub(crate) deleting: bool,
    /// Its Ready condition, and how long after the start it came to be so, in seconds.
    pub(crate) ready: Option<(ConditionStatus, u64)>,
    /// How long ago it started, in seconds.
    pub(crate) age_s: Option<u64>,
    /// What it requests of each resource, in thousandths; `None`: nothing is said.
    pub(crate) request_milli: Option<i64>,
    pub(crate) sample: SamplePlan,
    /// How much more it uses than the others, in percent.
    pub(crate) more_percent: i64,
}

/// A pod's sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SamplePlan {
    /// Taken so long ago over so long, in seconds.
    Taken {
        age_s: u64,
        window_s: u64,
    },
    /// Only the first container's is there.
    Partly,
    None,
}

/// How a Pods, Object or External metric answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    Works,
    /// It answers with the value below zero.
    Negative,
    /// It has a sample of a pod that is not there; an External metric has several values.
    WithOthers,
    Empty,
    Fails,
}

/// How metrics.k8s.io answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PodMetrics {
    Works,
    /// It has a sample of a pod that is not there.
    WithGone,
    Empty,
    Fails,
}

/// Any case.
pub(crate) fn case() -> impl Strategy<Value = Case> {
    let spec = prop_oneof![3 => spec(), 1 => spec_to_zero()];
    let replicas = select(vec![2_u32, 0, 1, 4, 5, 10, 30]);
    (spec, settings(), replicas, any::<bool>(), any::<bool>(), vec(step(), 1..24)).prop_map(
        |(spec, settings, replicas, shared, sidecar, steps)| {
            // The API refuses a minimum of 0 without the gate.
            let scale_to_zero = settings.scale_to_zero || spec.min_replicas == 0;
            Case { spec, settings: Settings { scale_to_zero, ..settings }, replicas, shared, sidecar, steps }
        },
    )
}
