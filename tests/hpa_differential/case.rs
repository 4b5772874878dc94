//! Cases: an autoscaler, its controller's settings, and what happens from sync to sync. They are made up, from a
//! seed, and can be made simpler by proptest; nothing in them depends on what anybody decides.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use springback::autoscaler::{
    Behavior, ConditionStatus, MetricSpec, Phase, Policy, PolicyKind, ResourceTarget, ScalingRules,
    SelectPolicy, Settings, Spec, ValueTarget,
};

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

fn settings() -> impl Strategy<Value = Settings> {
    let window_s = select(vec![300_u64, 0, 15, 60]);
    let tolerance = select(vec![0.1, 0.1, 0.0, 0.25]);
    let initialization_s = select(vec![300_u64, 0, 30]);
    let delay_s = select(vec![30_u64, 0, 100]);
    (window_s, tolerance, initialization_s, delay_s, any::<bool>()).prop_map(
        |(window_s, tolerance, initialization_s, delay_s, scale_to_zero)| Settings {
            downscale_stabilization_us: window_s * S,
            tolerance,
            cpu_initialization_period_us: initialization_s * S,
            initial_readiness_delay_us: delay_s * S,
            scale_to_zero,
            ..Settings::default()
        },
    )
}

fn spec() -> impl Strategy<Value = Spec> {
    let min = select(vec![1_u32, 0, 2, 3, 5]);
    // No metric at all stands for the API's default.
    (min, headroom(), vec(any_metric(), 0..4), option::weighted(0.7, behavior())).prop_map(
        |(min, more, metrics, behavior)| {
            let metrics: Vec<_> =
                metrics.into_iter().enumerate().map(|(index, metric)| named(metric, index)).collect();
            // The API refuses a minimum of 0 without a metric that sees load there.
            let min_replicas = if metrics.iter().any(is_value) { min } else { min.max(1) };
            Spec { min_replicas, max_replicas: min.max(1) + more, metrics, behavior }
        },
    )
}

/// One that goes to zero and comes back.
fn spec_to_zero() -> impl Strategy<Value = Spec> {
    (headroom(), value_metric(), option::weighted(0.7, behavior())).prop_map(|(more, metric, behavior)| {
        Spec { min_replicas: 0, max_replicas: 1 + more, metrics: vec![named(metric, 0)], behavior }
    })
}

fn headroom() -> impl Strategy<Value = u32> {
    select(vec![5_u32, 0, 1, 10, 20, 60])
}

fn is_value(metric: &MetricSpec) -> bool {
    matches!(metric, MetricSpec::Object { .. } | MetricSpec::External { .. })
}

/// Names tell the metrics of a case apart.
fn named(mut metric: MetricSpec, index: usize) -> MetricSpec {
    match &mut metric {
        MetricSpec::Pods { name, .. }
        | MetricSpec::Object { name, .. }
        | MetricSpec::External { name, .. } => {
            *name = format!("metric-{index}");
        }
        MetricSpec::Resource { .. } | MetricSpec::ContainerResource { .. } => {}
    }
    metric
}

fn amount() -> impl Strategy<Value = i64> {
    select(vec![1000_i64, 1, 100, 333, 500, 2500])
}

fn resource_target() -> impl Strategy<Value = ResourceTarget> {
    let percent = select(vec![50_u32, 1, 30, 80, 100, 130, 300]);
    prop_oneof![
        2 => percent.prop_map(ResourceTarget::UtilizationPercent),
        1 => amount().prop_map(ResourceTarget::AverageMilli)
    ]
}

fn any_metric() -> impl Strategy<Value = MetricSpec> {
    let resource = || select(vec!["cpu", "cpu", "memory"]).prop_map(str::to_owned);
    let whole =
        (resource(), resource_target()).prop_map(|(name, target)| MetricSpec::Resource { name, target });
    let container = (resource(), resource_target())
        .prop_map(|(name, target)| MetricSpec::ContainerResource { name, container: "app".into(), target });
    let pods = amount().prop_map(|average_milli| MetricSpec::Pods { name: String::new(), average_milli });
    prop_oneof![2 => whole, 1 => container, 1 => pods, 2 => value_metric()]
}

fn value_metric() -> impl Strategy<Value = MetricSpec> {
    let target =
        prop_oneof![amount().prop_map(ValueTarget::AverageMilli), amount().prop_map(ValueTarget::ValueMilli)];
    (any::<bool>(), target).prop_map(|(external, target)| match external {
        true => MetricSpec::External { name: String::new(), target },
        false => MetricSpec::Object { name: String::new(), target },
    })
}

fn behavior() -> impl Strategy<Value = Behavior> {
    (rules(), rules()).prop_map(|(scale_up, scale_down)| Behavior { scale_up, scale_down })
}

fn rules() -> impl Strategy<Value = ScalingRules> {
    let policy = (
        select(vec![PolicyKind::Pods, PolicyKind::Percent]),
        select(vec![4_u32, 1, 2, 3, 5, 7, 10, 33, 50, 90, 100, 150, 1000]),
        select(vec![15_u64, 1, 30, 45, 60, 120, 1800]),
    )
        .prop_map(|(kind, value, period_s)| Policy { kind, value, period_us: period_s * S });
    let window_s = option::weighted(0.7, select(vec![0_u64, 15, 30, 60, 61, 300]));
    let selected = prop_oneof![
        4 => Just(SelectPolicy::Max),
        2 => Just(SelectPolicy::Min),
        1 => Just(SelectPolicy::Disabled)
    ];
    let tolerance = option::weighted(0.3, select(vec![0.0, 0.05, 0.1, 0.2, 0.5, 0.015]));
    (vec(policy, 0..4), window_s, selected, tolerance).prop_map(
        |(policies, window_s, select_policy, tolerance)| ScalingRules {
            stabilization_window_us: window_s.map(|window_s| window_s * S),
            select_policy,
            policies,
            tolerance,
        },
    )
}

fn step() -> impl Strategy<Value = Step> {
    let exact = select(vec![15 * S, 30 * S, 60 * S]);
    let other = select(vec![14_999_999, 15_300_001, 16 * S, 5_000, 300 * S]);
    let wait_us = prop_oneof![4 => exact, 1 => other];
    let levels = [100, 0, 0, 0, 10, 30, 50, 80, 90, 95, 99, 101, 110, 111, 115, 150, 200, 500, 2000];
    let level = option::weighted(0.3, select(levels.to_vec()));
    let at_zero_milli = select(vec![0_i64, 0, 1, 1000, 5000]);
    let more = || prop_oneof![12 => Just(0), 1 => -5..=5_i32];
    let pods = prop_oneof![1 => Just(vec![sound_pod()]), 1 => vec(pod(), 1..6)];
    let source = prop_oneof![
        30 => Just(Source::Works),
        1 => Just(Source::Negative),
        3 => Just(Source::WithOthers),
        1 => Just(Source::Empty),
        2 => Just(Source::Fails)
    ];
    let pod_metrics = prop_oneof![
        30 => Just(PodMetrics::Works),
        2 => Just(PodMetrics::WithGone),
        1 => Just(PodMetrics::Empty),
        1 => Just(PodMetrics::Fails)
    ];
    (
        (wait_us, change(), trouble(), level, at_zero_milli),
        (more(), more(), pods, vec(source, 1..4), pod_metrics),
    )
        .prop_map(
            |(
                (wait_us, change, trouble, level, at_zero_milli),
                (more_pods, more_in_status, pods, sources, pod_metrics),
            )| {
                Step {
                    wait_us,
                    change,
                    trouble,
                    level,
                    at_zero_milli,
                    more_pods,
                    more_in_status,
                    pods,
                    sources,
                    pod_metrics,
                }
            },
        )
}

fn change() -> impl Strategy<Value = Change> {
    let replicas = select(vec![3_u32, 0, 1, 8, 100]).prop_map(Change::Replicas);
    let raise = (select(vec![2_u32, 4, 12]), select(vec![0_u32, 30]));
    prop_oneof![
        40 => Just(Change::Nothing),
        1 => Just(Change::Restart),
        2 => replicas,
        2 => raise.prop_map(|(min_to, max_by)| Change::Raise { min_to, max_by }),
        2 => Just(Change::Lower)
    ]
}

fn trouble() -> impl Strategy<Value = Trouble> {
    prop_oneof![
        50 => Just(Trouble::None),
        1 => Just(Trouble::ScaleNotReadable),
        2 => Just(Trouble::ScaleNotWritable),
        1 => select(vec![Trouble::NoSelector, Trouble::BadSelector]),
        1 => Just(Trouble::Rival)
    ]
}

/// A pod that is long ready, with a fresh sample.
fn sound_pod() -> PodPlan {
    PodPlan {
        phase: Phase::Running,
        deleting: false,
        ready: Some((ConditionStatus::True, 1)),
        age_s: Some(2000),
        request_milli: Some(1000),
        sample: SamplePlan::Taken { age_s: 15, window_s: 30 },
        more_percent: 0,
    }
}

fn pod() -> impl Strategy<Value = PodPlan> {
    let phase = prop_oneof![
        8 => Just(Phase::Running),
        1 => select(vec![Phase::Pending, Phase::Failed, Phase::Succeeded, Phase::Unknown])
    ];
    let deleting = prop_oneof![15 => Just(false), 1 => Just(true)];
    let status = prop_oneof![
        6 => Just(ConditionStatus::True),
        2 => Just(ConditionStatus::False),
        1 => Just(ConditionStatus::Unknown)
    ];
    let ready = option::weighted(0.95, (status, select(vec![1_u64, 0, 29, 30, 31, 60, 99, 100, 200])));
    let age_s = option::weighted(0.95, select(vec![2000_u64, 0, 10, 30, 60, 100, 299, 300, 301]));
    let request_milli = prop_oneof![
        40 => select(vec![1000_i64, 100, 250, 1003]).prop_map(Some),
        1 => Just(Some(0)),
        1 => Just(None)
    ];
    let taken = (select(vec![15_u64, 0, 1, 60, 100]), select(vec![30_u64, 10, 60]))
        .prop_map(|(age_s, window_s)| SamplePlan::Taken { age_s, window_s });
    let sample = prop_oneof![6 => taken, 1 => Just(SamplePlan::Partly), 1 => Just(SamplePlan::None)];
    let more_percent = prop_oneof![2 => Just(0_i64), 1 => -20..=20_i64];
    (phase, deleting, ready, age_s, request_milli, sample, more_percent).prop_map(
        |(phase, deleting, ready, age_s, request_milli, sample, more_percent)| PodPlan {
            phase,
            deleting,
            ready,
            age_s,
            request_milli,
            sample,
            more_percent,
        },
    )
}
