//! Whole decisions, with the builders that make them readable.

mod behavior;
mod conditions;
mod laws;
mod recommendation;
mod values;

use std::collections::BTreeMap;

use super::{
    Behavior, ConditionStatus, Decision, Input, MetricSpec, Phase, Pod, Policy, PolicyKind, Reading, Ready,
    Reason, ResourceTarget, Sample, ScaleAccess, ScalingRules, Selection, Settings, Spec, State, ValueTarget,
    decide,
};

/// A second.
const S: u64 = 1_000_000;
/// The start of time. All pods are old by then.
const START: u64 = 100_000 * S;

fn cpu(percent: u32) -> MetricSpec {
    MetricSpec::Resource { name: "cpu".into(), target: ResourceTarget::UtilizationPercent(percent) }
}

/// A queue of which every replica is to have one entry: its length is the number that is asked for.
fn queue() -> MetricSpec {
    MetricSpec::External { name: "queue".into(), target: ValueTarget::AverageMilli(1_000) }
}

fn spec(metrics: Vec<MetricSpec>, min_replicas: u32, max_replicas: u32) -> Spec {
    Spec { min_replicas, max_replicas, metrics, behavior: None }
}

fn with_behavior(spec: Spec, scale_up: ScalingRules, scale_down: ScalingRules) -> Spec {
    Spec { behavior: Some(Behavior { scale_up, scale_down }), ..spec }
}

fn policies(window_s: u64, policies: &[(PolicyKind, u32, u64)]) -> ScalingRules {
    let policy = |(kind, value, period_s): &(PolicyKind, u32, u64)| Policy {
        kind: *kind,
        value: *value,
        period_us: period_s * S,
    };
    ScalingRules {
        stabilization_window_us: Some(window_s * S),
        policies: policies.iter().map(policy).collect(),
        ..ScalingRules::default()
    }
}

fn pod(name: &str) -> Pod {
    Pod {
        name: name.into(),
        phase: Phase::Running,
        deleting: false,
        ready: Some(Ready { status: ConditionStatus::True, since_us: 10 * S }),
        start_us: Some(0),
        requests_milli: BTreeMap::from([("Resource/cpu".into(), 1_000), ("Resource/memory".into(), 1_000)]),
    }
}

fn pods(count: u32) -> Vec<Pod> {
    (0..count).map(|n| pod(&format!("pod-{n}"))).collect()
}

fn sample(value_milli: i64, now_us: u64) -> Sample {
    Sample { value_milli, at_us: now_us, window_us: 30 * S }
}

/// Samples for the pods of [`pods`]; `None` leaves one out.
fn samples(values: &[Option<i64>], now_us: u64) -> Reading {
    let named = values.iter().enumerate();
    let named = named.filter_map(|(n, value)| value.map(|value| (format!("pod-{n}"), sample(value, now_us))));
    Reading::Pods(named.collect())
}

fn input(now_us: u64, replicas: u32, readings: &[(&str, Reading)]) -> Input {
    Input {
        now_us,
        spec_replicas: replicas,
        status_replicas: replicas,
        pods: pods(replicas),
        readings: readings.iter().map(|(key, reading)| ((*key).into(), reading.clone())).collect(),
        scale: ScaleAccess::Works,
        selection: Selection::Works,
    }
}

/// The queue asks for this many.
fn asked(now_us: u64, replicas: u32, wanted: u32) -> Input {
    input(now_us, replicas, &[("External/queue", Reading::ValueMilli(i64::from(wanted) * 1_000))])
}

fn no_tolerance() -> Settings {
    Settings { tolerance: 0.0, ..Settings::default() }
}

/// A controller with its memory, for sequences of syncs.
struct Controller {
    spec: Spec,
    settings: Settings,
    state: State,
}

impl Controller {
    fn of(spec: Spec) -> Controller {
        Controller { spec, settings: no_tolerance(), state: State::default() }
    }

    fn sync(&mut self, input: &Input) -> Decision {
        decide(&self.spec, &self.settings, &mut self.state, input)
    }

    /// A sync so many seconds after the start, at which the queue asks for `wanted`.
    fn ask(&mut self, at_s: u64, replicas: u32, wanted: u32) -> Decision {
        self.sync(&asked(START + at_s * S, replicas, wanted))
    }
}

fn able(decision: &Decision) -> (ConditionStatus, Reason) {
    (decision.conditions.able_to_scale.status, decision.conditions.able_to_scale.reason)
}

fn limited(decision: &Decision) -> (ConditionStatus, Reason) {
    (decision.conditions.scaling_limited.status, decision.conditions.scaling_limited.reason)
}

fn active(decision: &Decision) -> (ConditionStatus, Reason) {
    (decision.conditions.scaling_active.status, decision.conditions.scaling_active.reason)
}
