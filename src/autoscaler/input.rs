//! What the controller sees at one sync.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::ConditionStatus;

/// Everything that one sync looks at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Input {
    /// The time of the sync, in microseconds of the same clock as all others.
    pub now_us: u64,
    /// The scale subresource's `spec.replicas`: how many are asked for at present.
    pub spec_replicas: u32,
    /// The scale subresource's `status.replicas`: how many there are.
    pub status_replicas: u32,
    /// The pods that the target's selector selects.
    pub pods: Vec<Pod>,
    /// What is known of every metric, by [`MetricSpec::key`](super::MetricSpec::key). A metric without a
    /// reading is invalid.
    pub readings: BTreeMap<String, Reading>,
    /// Whether the target's scale can be read and written.
    #[serde(default)]
    pub scale: ScaleAccess,
    /// Whether the target's selector selects its pods, and only for this autoscaler.
    #[serde(default)]
    pub selection: Selection,
}

/// A pod, as far as it matters to the controller.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pod {
    /// Its name, unique among the pods.
    pub name: String,
    /// Its phase.
    pub phase: Phase,
    /// Whether it has a deletion timestamp.
    pub deleting: bool,
    /// Its Ready condition, if it has one.
    pub ready: Option<Ready>,
    /// `status.startTime`, in microseconds.
    pub start_us: Option<u64>,
    /// What it requests of a resource, in thousandths, by [`MetricSpec::key`](super::MetricSpec::key). Needed
    /// by utilization targets only, and then by every pod: one pod without a request makes the metric
    /// invalid.
    #[serde(default)]
    pub requests_milli: BTreeMap<String, i64>,
}

/// The phase of a pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// Accepted, not running yet.
    Pending,
    /// Running.
    Running,
    /// Every container ended well.
    Succeeded,
    /// Every container ended and at least one badly.
    Failed,
    /// Nothing is known.
    Unknown,
}

/// A pod's Ready condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ready {
    /// Whether it is ready.
    pub status: ConditionStatus,
    /// Since when, in microseconds.
    pub since_us: u64,
}

/// What is known of one metric.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Reading {
    /// Samples by pod, for Resource, ContainerResource and Pods metrics. A sample of a pod that is not among
    /// [`Input::pods`] is possible; the controller takes it into averages, though not into utilization.
    Pods(BTreeMap<String, Sample>),
    /// The value in thousandths, for Object and External metrics. If an External metric has several values,
    /// this is their sum.
    ValueMilli(i64),
    /// The metric could not be read, and why.
    Error(String),
}

/// One pod's sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// The value, in thousandths.
    pub value_milli: i64,
    /// When the sample ends, in microseconds.
    pub at_us: u64,
    /// Over how long it was taken, in microseconds.
    pub window_us: u64,
}

/// Whether the target's scale can be read and written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ScaleAccess {
    /// It can.
    #[default]
    Works,
    /// It cannot be read, and why.
    FailedGet(String),
    /// It can be read; a change will be refused, and why.
    FailedUpdate(String),
}

/// Whether the target's selector can be used.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Selection {
    /// It can.
    #[default]
    Works,
    /// It is missing or malformed; how.
    Invalid(String),
    /// Another autoscaler selects the same pods; which.
    Ambiguous(String),
}
