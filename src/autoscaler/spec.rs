//! What a HorizontalPodAutoscaler asks for, and the settings of the controller that carries it out.

use serde::{Deserialize, Serialize};

const SECOND_US: u64 = 1_000_000;

/// The specification of one autoscaler: an HPA's `spec` without the reference to its target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Spec {
    /// The fewest replicas it may ask for. Kubernetes' default is 1; 0 needs an Object or External metric and
    /// [`Settings::scale_to_zero`].
    #[serde(default = "one")]
    pub min_replicas: u32,
    /// The most replicas it may ask for.
    pub max_replicas: u32,
    /// What is measured; the largest proposal wins. Empty stands for [`Spec::with_defaults`]' choice.
    #[serde(default)]
    pub metrics: Vec<MetricSpec>,
    /// How fast it may move. `None` is not the same as all defaults: without it the controller takes an older
    /// path, with its own limit on growth and no policies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub behavior: Option<Behavior>,
}

fn one() -> u32 {
    1
}

impl Spec {
    /// This specification with everything filled in that the API server fills in: a target of 80 % of the
    /// requested CPU if there is no metric, and [`Behavior::with_defaults`] if there is a behavior. The
    /// window for scaling down stays open, because the controller's own flag closes it at every sync.
    pub fn with_defaults(&self) -> Spec {
        let mut spec = self.clone();
        if spec.metrics.is_empty() {
            let target = ResourceTarget::UtilizationPercent(80);
            spec.metrics.push(MetricSpec::Resource { name: "cpu".to_owned(), target });
        }
        spec.behavior = spec.behavior.map(Behavior::with_defaults);
        spec
    }

    /// Whether an Object or External metric is among the metrics: only these say anything at zero replicas.
    pub(super) fn sees_load_at_zero(&self) -> bool {
        self.metrics.iter().any(|metric| matches!(metric.kind(), MetricKind::Object | MetricKind::External))
    }
}

/// One measure and its target.
///
/// A name identifies the metric together with whatever selects it: two Object metrics of the same name on
/// different objects need different names here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum MetricSpec {
    /// A resource of the whole pod, such as `cpu` or `memory`.
    Resource {
        /// The resource. `cpu` has stricter rules about which pods count.
        name: String,
        /// What is aimed at.
        target: ResourceTarget,
    },
    /// A resource of one container of the pod.
    ContainerResource {
        /// The resource. `cpu` has stricter rules about which pods count.
        name: String,
        /// The container.
        container: String,
        /// What is aimed at.
        target: ResourceTarget,
    },
    /// A metric that every pod has, averaged over the pods.
    Pods {
        /// The metric.
        name: String,
        /// The average aimed at, in thousandths.
        average_milli: i64,
    },
    /// A metric of another object, such as an Ingress.
    Object {
        /// The metric.
        name: String,
        /// What is aimed at.
        target: ValueTarget,
    },
    /// A metric from outside of the cluster, such as the length of a queue.
    External {
        /// The metric.
        name: String,
        /// What is aimed at.
        target: ValueTarget,
    },
}

impl MetricSpec {
    /// Which of the API's kinds of metric this is.
    pub fn kind(&self) -> MetricKind {
        match self {
            MetricSpec::Resource { .. } => MetricKind::Resource,
            MetricSpec::ContainerResource { .. } => MetricKind::ContainerResource,
            MetricSpec::Pods { .. } => MetricKind::Pods,
            MetricSpec::Object { .. } => MetricKind::Object,
            MetricSpec::External { .. } => MetricKind::External,
        }
    }

    /// The metric's name, preceded by the container if it is a container's.
    pub fn label(&self) -> String {
        match self {
            MetricSpec::ContainerResource { name, container, .. } => format!("{container}/{name}"),
            MetricSpec::Resource { name, .. }
            | MetricSpec::Pods { name, .. }
            | MetricSpec::Object { name, .. }
            | MetricSpec::External { name, .. } => name.clone(),
        }
    }

    /// The key of this metric's reading in [`Input::readings`](super::Input::readings) and of a pod's request
    /// in [`Pod::requests_milli`](super::Pod::requests_milli): kind and label, such as `Resource/cpu`,
    /// `ContainerResource/app/cpu` or `External/queue`.
    pub fn key(&self) -> String {
        format!("{:?}/{}", self.kind(), self.label())
    }
}

/// The API's kinds of metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum MetricKind {
    /// A resource of the whole pod.
    Resource,
    /// A resource of one container.
    ContainerResource,
    /// A metric that every pod has.
    Pods,
    /// A metric of another object.
    Object,
    /// A metric from outside of the cluster.
    External,
}

/// What a resource metric aims at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ResourceTarget {
    /// Usage as a whole percentage of what the pods request.
    UtilizationPercent(u32),
    /// Average usage of a pod, in thousandths.
    AverageMilli(i64),
}

/// What an Object or External metric aims at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ValueTarget {
    /// The value itself, in thousandths. The replicas are scaled by how far off it is.
    ValueMilli(i64),
    /// The value's share for every replica, in thousandths.
    AverageMilli(i64),
}

/// How fast the autoscaler may move in either direction.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Behavior {
    /// Rules for growing.
    #[serde(default)]
    pub scale_up: ScalingRules,
    /// Rules for shrinking.
    #[serde(default)]
    pub scale_down: ScalingRules,
}

impl Behavior {
    /// These rules with the API's defaults in the gaps: upwards no window and the larger of 4 pods and 100 %
    /// in 15 s; downwards 100 % in 15 s.
    #[must_use]
    pub fn with_defaults(mut self) -> Behavior {
        let in_15_s = |kind, value| Policy { kind, value, period_us: 15 * SECOND_US };
        self.scale_up.stabilization_window_us.get_or_insert(0);
        if self.scale_up.policies.is_empty() {
            self.scale_up.policies = vec![in_15_s(PolicyKind::Pods, 4), in_15_s(PolicyKind::Percent, 100)];
        }
        if self.scale_down.policies.is_empty() {
            self.scale_down.policies = vec![in_15_s(PolicyKind::Percent, 100)];
        }
        self
    }
}

/// Rules for one direction.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ScalingRules {
    /// Over how long the most cautious recommendation is followed, in microseconds. `None`: 0 upwards,
    /// [`Settings::downscale_stabilization_us`] downwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stabilization_window_us: Option<u64>,
    /// Which of the policies rules.
    #[serde(default)]
    pub select_policy: SelectPolicy,
    /// How much may change in how long. Empty stands for the API's defaults.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub policies: Vec<Policy>,
    /// How far the ratio of usage to target may be off before anything moves in this direction; `None`:
    /// [`Settings::tolerance`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tolerance: Option<f64>,
}

/// Which of several policies rules.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum SelectPolicy {
    /// The one that allows the largest change.
    #[default]
    Max,
    /// The one that allows the smallest change.
    Min,
    /// None: no change in this direction at all.
    Disabled,
}

/// A limit on change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// What `value` counts.
    pub kind: PolicyKind,
    /// Pods, or percent of the replicas at the start of the period.
    pub value: u32,
    /// The period, in microseconds.
    pub period_us: u64,
}

/// What a policy's value counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum PolicyKind {
    /// Pods.
    Pods,
    /// Percent of the replicas at the start of the period.
    Percent,
}

/// The flags of the controller that concern every autoscaler.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// How often it looks, in microseconds (`--horizontal-pod-autoscaler-sync-period`, 15 s).
    pub sync_period_us: u64,
    /// The window for scaling down where an autoscaler has none of its own, in microseconds
    /// (`--horizontal-pod-autoscaler-downscale-stabilization`, 5 min).
    pub downscale_stabilization_us: u64,
    /// How far the ratio of usage to target may be off before anything moves
    /// (`--horizontal-pod-autoscaler-tolerance`, 0.1).
    pub tolerance: f64,
    /// How long after its start a pod's CPU samples are distrusted, in microseconds
    /// (`--horizontal-pod-autoscaler-cpu-initialization-period`, 5 min).
    pub cpu_initialization_period_us: u64,
    /// How long after its start a pod that is not Ready counts as never having been, in microseconds
    /// (`--horizontal-pod-autoscaler-initial-readiness-delay`, 30 s).
    pub initial_readiness_delay_us: u64,
    /// The feature gate `HPAScaleToZero`, off in a cluster that does not ask for it: whether an autoscaler
    /// may have a minimum of 0 and come back from there.
    pub scale_to_zero: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            sync_period_us: 15 * SECOND_US,
            downscale_stabilization_us: 300 * SECOND_US,
            tolerance: 0.1,
            cpu_initialization_period_us: 300 * SECOND_US,
            initial_readiness_delay_us: 30 * SECOND_US,
            scale_to_zero: false,
        }
    }
}

/// How far the ratio of usage to target may be off without anything moving.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tolerances {
    down: f64,
    up: f64,
}

impl Tolerances {
    pub(super) fn of(spec: &Spec, settings: &Settings) -> Tolerances {
        let own = |rules: fn(&Behavior) -> &ScalingRules| {
            spec.behavior
                .as_ref()
                .and_then(|behavior| rules(behavior).tolerance)
                .unwrap_or(settings.tolerance)
        };
        Tolerances { down: own(|behavior| &behavior.scale_down), up: own(|behavior| &behavior.scale_up) }
    }

    /// Whether a ratio is close enough to 1. Both ends belong to the band.
    pub(super) fn hold(self, ratio: f64) -> bool {
        (1.0 - self.down) <= ratio && ratio <= (1.0 + self.up)
    }
}
