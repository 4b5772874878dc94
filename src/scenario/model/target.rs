//! The system under test.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::super::units::{Price, Rate, Share, Span};

/// The system under test.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::large_enum_variant, reason = "there is one of them in a run")]
pub enum Target {
    /// The embedded world: child processes on loopback. Groups by name.
    Local(BTreeMap<String, Group>),
    /// A Kubernetes cluster.
    Kubernetes(KubernetesTarget),
}

impl Target {
    /// The groups of the system, by name.
    pub fn groups(&self) -> &BTreeMap<String, Group> {
        match self {
            Self::Local(groups) | Self::Kubernetes(KubernetesTarget { groups, .. }) => groups,
        }
    }

    /// The groups of the system, by name.
    pub fn groups_mut(&mut self) -> &mut BTreeMap<String, Group> {
        match self {
            Self::Local(groups) | Self::Kubernetes(KubernetesTarget { groups, .. }) => groups,
        }
    }
}

/// A system in a Kubernetes cluster.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KubernetesTarget {
    /// How the cluster is reached.
    pub access: Access,
    /// Namespace of whatever does not name its own.
    pub namespace: String,
    /// Where load goes.
    pub entry: Option<Entry>,
    /// How the cluster's HPA controller is set. No API tells.
    pub hpa: HpaController,
    /// What stands beside the groups and costs.
    #[serde(default, skip_serializing_if = "ObjectPrices::is_empty")]
    pub prices: ObjectPrices,
    /// Groups by name; each has a workload.
    pub groups: BTreeMap<String, Group>,
}

/// How a cluster is reached.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// By a context of the kubeconfig.
    Context(String),
    /// From within, as the pod's service account.
    InCluster,
}

/// Where load goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Entry {
    /// A Service of the target's namespace.
    Service {
        /// Its name.
        name: String,
        /// Its port; without it, its only one.
        port: Option<u32>,
    },
    /// A host and port, which the project has to allow.
    Address(String),
}

/// How a cluster's HPA controller is set: flags of kube-controller-manager. Without one, Kubernetes' default.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct HpaController {
    /// `--horizontal-pod-autoscaler-sync-period`; 15 s.
    pub sync_period: Option<Span>,
    /// `--horizontal-pod-autoscaler-downscale-stabilization`; 5 min.
    pub downscale_stabilization: Option<Span>,
    /// `--horizontal-pod-autoscaler-tolerance`; 10 %.
    pub tolerance: Option<Share>,
    /// `--horizontal-pod-autoscaler-cpu-initialization-period`; 5 min.
    pub cpu_initialization_period: Option<Span>,
    /// `--horizontal-pod-autoscaler-initial-readiness-delay`; 30 s.
    pub initial_readiness_delay: Option<Span>,
}

/// What it costs while it exists.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ObjectPrices {
    /// A node.
    pub node: Option<Price>,
    /// A GiB of a volume.
    pub volume_per_gib: Option<Price>,
    /// A Service of type LoadBalancer.
    pub load_balancer: Option<Price>,
}

impl ObjectPrices {
    /// Whether nothing has a price.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Each with its key.
    pub fn by_key(&self) -> impl Iterator<Item = (&'static str, &Price)> {
        let all = [
            ("node", &self.node),
            ("volume_per_gib", &self.volume_per_gib),
            ("load_balancer", &self.load_balancer),
        ];
        all.into_iter().filter_map(|(key, price)| Some((key, price.as_ref()?)))
    }
}

/// What a group of a cluster is: an object with a `scale` subresource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workload {
    /// Its kind: `Deployment`, `StatefulSet`; with its API group where several have that kind: `Rollout.argoproj.io`.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Its namespace, where that is not the target's.
    pub namespace: Option<String>,
    /// The context of its cluster, where that is not the target's.
    pub context: Option<String>,
}

/// A group of instances, as the scenario declares it. What only the embedded world can be told is absent elsewhere.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// Instances at the start; of a standby, its dormant size.
    pub replicas: u32,
    /// Requests a second that one instance serves within the objectives.
    pub capacity: Option<Rate>,
    /// From spawn to ready.
    pub startup: Option<Span>,
    /// How long one request takes in an instance that is not queueing.
    pub service_time: Option<ServiceTime>,
    /// Requests that one instance works on at once.
    pub concurrency: Option<u32>,
    /// Requests that may wait in one instance before it answers 503.
    pub queue: Option<u32>,
    /// How long a terminating instance may take to finish what it has begun.
    pub grace: Option<Span>,
    /// What one instance costs while it exists.
    pub price: Option<Price>,
    /// Scales the group with its utilization.
    pub autoscaler: Option<LocalAutoscaler>,
    /// Makes this group a standby of that group.
    pub takes_over_from: Option<String>,
    /// Instances while it stands in.
    pub promoted_replicas: Option<u32>,
    /// A program run before an instance is removed by a scale-down; where it fails, the instance stays.
    pub tear_down: Option<Vec<String>>,
    /// What an instance costs that replaces one that died.
    pub replacement_price: Option<Price>,
    /// Built-in defects, to see them caught.
    #[serde(default)]
    pub defects: Defects,
    /// What it is in a cluster; `None` in the embedded world.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workload: Option<Workload>,
}

/// The time that one request takes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServiceTime {
    /// The mean.
    pub mean: Span,
    /// How single requests spread around it.
    pub distribution: Distribution,
}

/// The spread of service times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Distribution {
    /// Every request takes the mean.
    Constant,
    /// Exponential around the mean: memoryless, with a long tail.
    Exponential,
    /// Uniform between half and one and a half of the mean.
    Uniform,
}

/// The autoscaler of a local group, in the words of autoscaling/v2.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LocalAutoscaler {
    /// Never fewer.
    pub min_replicas: u32,
    /// Never more.
    pub max_replicas: u32,
    /// Share of an instance's capacity that it aims at.
    pub target_utilization: Share,
    /// Time between two decisions; default 15 s.
    pub sync_period: Option<Span>,
    /// Ratio band around 1 in which nothing changes; default 10 %.
    pub tolerance: Option<Share>,
    /// Growth.
    #[serde(default)]
    pub scale_up: ScalingRules,
    /// Shrinking.
    #[serde(default)]
    pub scale_down: ScalingRules,
}

/// One direction of an autoscaler's behaviour.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ScalingRules {
    /// How far back recommendations count; default 0 s up, 300 s down.
    pub stabilization_window: Option<Span>,
    /// Which policy wins; default the one that allows the largest change.
    pub select_policy: Option<SelectPolicy>,
    /// Limits on the speed; `None` for Kubernetes' defaults.
    pub policies: Option<Vec<ScalingPolicy>>,
    /// Overrides the tolerance in this direction.
    pub tolerance: Option<Share>,
}

/// Which of several policies wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SelectPolicy {
    /// The one that allows the largest change.
    Max,
    /// The one that allows the smallest change.
    Min,
    /// No change in this direction at all.
    Disabled,
}

/// A limit on the speed of scaling.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScalingPolicy {
    /// How much.
    pub amount: PolicyAmount,
    /// In how long.
    pub period: Span,
}

/// How much a policy allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PolicyAmount {
    /// A number of instances.
    Pods(u32),
    /// A percentage of the instances at the period's start.
    Percent(u32),
}

/// Defects that the embedded world can be given. Checks and diagnosis never read them: they see behaviour only.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Defects {
    /// From this long after the start of the stimulus on, the autoscaler reads the same old sample again and again.
    pub metric_frozen_at: Option<Span>,
    /// Scale-downs leave so many instances running that nobody wants any more.
    pub leaves_behind: Option<u32>,
    /// After the group has contracted, something scales it up again.
    pub regrowth: Option<Regrowth>,
    /// The standby stays promoted.
    pub never_released: Option<bool>,
    /// The standby goes back to sleep so long after its promotion, whether or not the primary is healthy.
    pub released_after: Option<Span>,
    /// Instances ignore SIGTERM, and nobody kills them after their grace.
    pub ignores_sigterm: Option<bool>,
    /// Killed instances are not replaced.
    pub never_replaced: Option<bool>,
    /// Somebody else changes the autoscaler's floor during the run.
    pub floor_changed: Option<FloorChanged>,
    /// The world's account of this group falls silent for a while.
    pub blackout: Option<Blackout>,
    /// Instances never become ready.
    pub never_ready: Option<bool>,
}

/// A group that grows again after it has contracted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Regrowth {
    /// To how many instances.
    pub replicas: u32,
    /// How long after the contraction.
    pub after: Span,
}

/// Another writer's change of `min_replicas`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FloorChanged {
    /// When, from the start of the stimulus.
    pub at: Span,
    /// The new floor.
    pub min_replicas: u32,
    /// Who writes it.
    pub by: String,
}

/// A time without data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Blackout {
    /// When, from the start of the stimulus.
    pub at: Span,
    /// How long.
    pub lasts: Span,
}
