//! What one sync came to, and why.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::MetricKind;

/// The outcome of one sync.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// How many replicas the target is to have now. Equal to `spec_replicas` when nothing changes, which
    /// includes a scale that could not be read or written.
    pub desired: u32,
    /// What the metrics propose together. `None` when they were not asked, or when they gave no usable
    /// answer.
    pub recommended: Option<u32>,
    /// `recommended` after stabilization.
    pub stabilized: Option<u32>,
    /// `stabilized` after the rate limits and the bounds.
    pub limited: Option<u32>,
    /// Every metric, in the specification's order. Empty when they were not asked.
    pub metrics: Vec<MetricDecision>,
    /// The conditions that the HPA shows after this sync.
    pub conditions: Conditions,
}

/// What one metric says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MetricDecision {
    /// The kind of metric.
    pub kind: MetricKind,
    /// Its label: name, preceded by the container if it is a container's.
    pub name: String,
    /// How the pods were grouped. All zero for a metric that does not look at pods.
    pub pods: PodCounts,
    /// What came of it.
    pub outcome: MetricOutcome,
}

/// What came of one metric.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MetricOutcome {
    /// It could be evaluated.
    Valid {
        /// What is measured at present, without anything assumed.
        usage: Usage,
        /// Usage to target, without anything assumed. `None` when it is not a finite number, as for a share
        /// among no replicas.
        ratio: Option<f64>,
        /// Usage to target once missing and unready pods have been assumed to use something, if that was
        /// done.
        assumed_ratio: Option<f64>,
        /// How many replicas it asks for.
        proposal: u32,
    },
    /// It could not be evaluated.
    Invalid {
        /// Kubernetes' reason.
        reason: Reason,
        /// What was wrong.
        message: String,
    },
}

/// What a metric measures at present.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Usage {
    /// Of what the pods request.
    Utilization {
        /// The share, in whole percent, rounded down.
        percent: i32,
        /// Average usage of a pod, in thousandths.
        average_milli: i64,
    },
    /// Average of a pod or replica, in thousandths.
    AverageMilli(i64),
    /// The value itself, in thousandths.
    ValueMilli(i64),
}

/// How many pods were put into which group.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PodCounts {
    /// Counted in full.
    pub ready: u32,
    /// Not counted, and assumed to use nothing when that slows growth.
    pub unready: u32,
    /// Without a sample: assumed to use whatever keeps the number closest to what it is.
    pub missing: u32,
    /// Going away or failed: not counted at all.
    pub ignored: u32,
}

/// The three conditions of an HPA.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conditions {
    /// Whether the scale can be read and written, and whether stabilization holds it.
    pub able_to_scale: Condition,
    /// Whether a bound or a rate limit holds it.
    pub scaling_limited: Condition,
    /// Whether the metrics give an answer.
    pub scaling_active: Condition,
}

/// One condition. A sync that does not come to a condition leaves it as it was, as Kubernetes does.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Condition {
    /// Whether it holds.
    pub status: ConditionStatus,
    /// Why, in Kubernetes' words.
    pub reason: Reason,
    /// Why, in springback's words.
    pub message: String,
}

impl Condition {
    pub(super) fn holds(reason: Reason, message: impl Into<String>) -> Condition {
        Condition { status: ConditionStatus::True, reason, message: message.into() }
    }

    pub(super) fn fails(reason: Reason, message: impl Into<String>) -> Condition {
        Condition { status: ConditionStatus::False, reason, message: message.into() }
    }
}

/// Whether a condition holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ConditionStatus {
    /// It holds.
    True,
    /// It does not hold.
    False,
    /// Nothing is known.
    #[default]
    Unknown,
}

/// The reason of a condition, in Kubernetes' spelling.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reason {
    /// AbleToScale: the scale was read; the sync did not get as far as stabilization.
    SucceededGetScale,
    /// AbleToScale: the recommendation stands, and no change was needed.
    ReadyForNewScale,
    /// AbleToScale: a higher recommendation within the window holds the replicas up.
    ScaleDownStabilized,
    /// AbleToScale: a lower recommendation within the window holds the replicas down.
    ScaleUpStabilized,
    /// AbleToScale: the scale was changed.
    SucceededRescale,
    /// AbleToScale: the scale could not be read.
    FailedGetScale,
    /// AbleToScale: the scale could not be changed.
    FailedUpdateScale,
    /// ScalingLimited: neither a bound nor a rate limit was met.
    DesiredWithinRange,
    /// ScalingLimited: the policies do not allow to shrink that fast.
    ScaleDownLimit,
    /// ScalingLimited: the policies do not allow to grow that fast.
    ScaleUpLimit,
    /// ScalingLimited: the minimum was met.
    TooFewReplicas,
    /// ScalingLimited: the maximum was met.
    TooManyReplicas,
    /// ScalingActive: the metrics gave an answer.
    ValidMetricFound,
    /// ScalingActive: a resource metric is invalid.
    FailedGetResourceMetric,
    /// ScalingActive: a container's resource metric is invalid.
    FailedGetContainerResourceMetric,
    /// ScalingActive: a metric of the pods is invalid.
    FailedGetPodsMetric,
    /// ScalingActive: an object's metric is invalid.
    FailedGetObjectMetric,
    /// ScalingActive: an external metric is invalid.
    FailedGetExternalMetric,
    /// ScalingActive: another autoscaler selects the same pods.
    AmbiguousSelector,
    /// ScalingActive: the target's selector cannot be used.
    InvalidSelector,
    /// ScalingActive: the target has no replicas, and not because the autoscaler took them.
    ScalingDisabled,
    /// No sync has set this condition yet; Kubernetes does not show it then.
    #[default]
    NeverSet,
}

impl Reason {
    pub(super) fn invalid_metric(kind: MetricKind) -> Reason {
        match kind {
            MetricKind::Resource => Reason::FailedGetResourceMetric,
            MetricKind::ContainerResource => Reason::FailedGetContainerResourceMetric,
            MetricKind::Pods => Reason::FailedGetPodsMetric,
            MetricKind::Object => Reason::FailedGetObjectMetric,
            MetricKind::External => Reason::FailedGetExternalMetric,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The variants are spelled as Kubernetes spells the reasons.
        write!(f, "{self:?}")
    }
}
