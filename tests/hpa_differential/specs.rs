//! Any specification, and any settings of its controller.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use springback::autoscaler::{
    Behavior, MetricSpec, Policy, PolicyKind, ResourceTarget, ScalingRules, SelectPolicy, Settings, Spec,
    ValueTarget,
};

use crate::case::S;

const WINDOWS_S: &[u64] = &[0, 15, 30, 60, 61, 300];
const PERIODS_S: &[u64] = &[15, 1, 30, 45, 60, 120, 1800];

pub(crate) fn settings() -> impl Strategy<Value = Settings> {
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

pub(crate) fn spec() -> impl Strategy<Value = Spec> {
    let min = select(vec![1_u32, 0, 2, 3, 5]);
    // No metric at all stands for the API's default.
    (min, headroom(), vec(any_metric(), 0..4), option::weighted(0.7, behavior(WINDOWS_S, PERIODS_S)))
        .prop_map(|(min, more, metrics, behavior)| {
            let metrics: Vec<_> =
                metrics.into_iter().enumerate().map(|(index, metric)| named(metric, index)).collect();
            // The API refuses a minimum of 0 without a metric that sees load there.
            let min_replicas = if metrics.iter().any(is_value) { min } else { min.max(1) };
            Spec { min_replicas, max_replicas: min.max(1) + more, metrics, behavior }
        })
}

/// One that goes to zero and comes back.
pub(crate) fn spec_to_zero() -> impl Strategy<Value = Spec> {
    (headroom(), value_metric(), option::weighted(0.7, behavior(WINDOWS_S, PERIODS_S))).prop_map(
        |(more, metric, behavior)| Spec {
            min_replicas: 0,
            max_replicas: 1 + more,
            metrics: vec![named(metric, 0)],
            behavior,
        },
    )
}

fn headroom() -> impl Strategy<Value = u32> {
    select(vec![5_u32, 0, 1, 10, 20, 60])
}

fn is_value(metric: &MetricSpec) -> bool {
    matches!(metric, MetricSpec::Object { .. } | MetricSpec::External { .. })
}

/// Names tell the metrics of a case apart.
pub(crate) fn named(mut metric: MetricSpec, index: usize) -> MetricSpec {
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

pub(crate) fn any_metric() -> impl Strategy<Value = MetricSpec> {
    let resource = || select(vec!["cpu", "cpu", "memory"]).prop_map(str::to_owned);
    let whole =
        (resource(), resource_target()).prop_map(|(name, target)| MetricSpec::Resource { name, target });
    let container = (resource(), resource_target())
        .prop_map(|(name, target)| MetricSpec::ContainerResource { name, container: "app".into(), target });
    let pods = amount().prop_map(|average_milli| MetricSpec::Pods { name: String::new(), average_milli });
    prop_oneof![2 => whole, 1 => container, 1 => pods, 2 => value_metric()]
}

pub(crate) fn value_metric() -> impl Strategy<Value = MetricSpec> {
    let target =
        prop_oneof![amount().prop_map(ValueTarget::AverageMilli), amount().prop_map(ValueTarget::ValueMilli)];
    (any::<bool>(), target).prop_map(|(external, target)| match external {
        true => MetricSpec::External { name: String::new(), target },
        false => MetricSpec::Object { name: String::new(), target },
    })
}

/// Any behavior, with windows and periods of so many seconds.
pub(crate) fn behavior(
    windows_s: &'static [u64],
    periods_s: &'static [u64],
) -> impl Strategy<Value = Behavior> {
    let rules = || rules(windows_s, periods_s);
    (rules(), rules()).prop_map(|(scale_up, scale_down)| Behavior { scale_up, scale_down })
}

fn rules(windows_s: &'static [u64], periods_s: &'static [u64]) -> impl Strategy<Value = ScalingRules> {
    let policy = (
        select(vec![PolicyKind::Pods, PolicyKind::Percent]),
        select(vec![4_u32, 1, 2, 3, 5, 7, 10, 33, 50, 90, 100, 150, 1000]),
        select(periods_s),
    )
        .prop_map(|(kind, value, period_s)| Policy { kind, value, period_us: period_s * S });
    let window_s = option::weighted(0.7, select(windows_s));
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
