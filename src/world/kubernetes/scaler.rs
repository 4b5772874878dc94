//! An HPA as it is in the cluster, in the terms of the autoscaler's model: its specification, and what its controller last
//! decided, read off its status.

use k8s_openapi::api::autoscaling::v2::{
    HPAScalingRules, HorizontalPodAutoscaler, HorizontalPodAutoscalerSpec, HorizontalPodAutoscalerStatus,
    MetricStatus, MetricTarget, MetricValueStatus,
};

use crate::autoscaler::{
    Behavior, Condition, ConditionStatus, Conditions, Decision, MetricDecision, MetricOutcome, MetricSpec,
    PodCounts, Policy, PolicyKind, Reason, ResourceTarget, ScalingRules, SelectPolicy, Settings, Spec, Usage,
    ValueTarget,
};

use super::quantity::milli;

/// Whether an HPA scales a workload.
pub(super) fn scales(hpa: &HorizontalPodAutoscaler, kind: &str, name: &str) -> bool {
    let target = &hpa.spec.scale_target_ref;
    target.kind == kind && target.name == name
}

/// The specification of an HPA. A metric that cannot be read is left out, and so is its vote.
pub(super) fn spec(hpa: &HorizontalPodAutoscalerSpec) -> Spec {
    let rules = hpa.behavior.as_ref();
    Spec {
        min_replicas: hpa.min_replicas.map_or(1, unsigned),
        max_replicas: unsigned(hpa.max_replicas),
        metrics: hpa.metrics.iter().flatten().filter_map(metric).collect(),
        behavior: rules.map(|behavior| Behavior {
            scale_up: direction(behavior.scale_up.as_ref()),
            scale_down: direction(behavior.scale_down.as_ref()),
        }),
    }
}

fn metric(metric: &k8s_openapi::api::autoscaling::v2::MetricSpec) -> Option<MetricSpec> {
    if let Some(resource) = &metric.resource {
        return Some(MetricSpec::Resource {
            name: resource.name.clone(),
            target: resource_target(&resource.target)?,
        });
    }
    if let Some(container) = &metric.container_resource {
        return Some(MetricSpec::ContainerResource {
            name: container.name.clone(),
            container: container.container.clone(),
            target: resource_target(&container.target)?,
        });
    }
    if let Some(pods) = &metric.pods {
        let average_milli = milli(pods.target.average_value.as_ref()?)?;
        return Some(MetricSpec::Pods { name: pods.metric.name.clone(), average_milli });
    }
    if let Some(object) = &metric.object {
        return Some(MetricSpec::Object {
            name: object.metric.name.clone(),
            target: value_target(&object.target)?,
        });
    }
    let external = metric.external.as_ref()?;
    Some(MetricSpec::External { name: external.metric.name.clone(), target: value_target(&external.target)? })
}

fn resource_target(target: &MetricTarget) -> Option<ResourceTarget> {
    match (target.average_utilization, &target.average_value) {
        (Some(percent), _) => Some(ResourceTarget::UtilizationPercent(unsigned(percent))),
        (None, Some(value)) => milli(value).map(ResourceTarget::AverageMilli),
        (None, None) => None,
    }
}

fn value_target(target: &MetricTarget) -> Option<ValueTarget> {
    match (&target.value, &target.average_value) {
        (Some(value), _) => milli(value).map(ValueTarget::ValueMilli),
        (None, Some(value)) => milli(value).map(ValueTarget::AverageMilli),
        (None, None) => None,
    }
}

fn direction(rules: Option<&HPAScalingRules>) -> ScalingRules {
    let Some(rules) = rules else { return ScalingRules::default() };
    let window = rules.stabilization_window_seconds;
    ScalingRules {
        stabilization_window_us: window.map(|seconds| u64::from(unsigned(seconds)) * 1_000_000),
        select_policy: match rules.select_policy.as_deref() {
            Some("Min") => SelectPolicy::Min,
            Some("Disabled") => SelectPolicy::Disabled,
            _ => SelectPolicy::Max,
        },
        policies: rules
            .policies
            .iter()
            .flatten()
            .map(|policy| Policy {
                kind: if policy.type_ == "Percent" { PolicyKind::Percent } else { PolicyKind::Pods },
                value: unsigned(policy.value),
                period_us: u64::from(unsigned(policy.period_seconds)) * 1_000_000,
            })
            .collect(),
        tolerance: rules.tolerance.as_ref().and_then(milli).map(|milli| milli as f64 / 1_000.0),
    }
}

/// What the controller decided last, as far as its status tells. What each metric proposed is not in it: the proposal here is
/// what the metric's ratio amounts to, with nothing assumed for missing pods; and the recommendation is the largest of them.
///
/// `None` before its first sync.
pub(super) fn decision(
    spec: &Spec,
    settings: &Settings,
    status: &HorizontalPodAutoscalerStatus,
) -> Option<Decision> {
    let conditions = conditions(status);
    if conditions == Conditions::default() {
        return None;
    }
    let current = status.current_replicas.map_or(0, unsigned);
    let shown: Vec<&MetricStatus> = status.current_metrics.iter().flatten().collect();
    let metrics: Vec<MetricDecision> = spec
        .metrics
        .iter()
        .map(|metric| {
            let value = shown.iter().find_map(|one| value_of(metric, one));
            let outcome = match value.and_then(|value| measured(metric, value)) {
                Some((usage, ratio)) => {
                    let proposal = propose(ratio, current, settings.tolerance);
                    MetricOutcome::Valid { usage, ratio: Some(ratio), assumed_ratio: None, proposal }
                }
                None => MetricOutcome::Invalid {
                    reason: invalid(metric, &conditions),
                    message: conditions.scaling_active.message.clone(),
                },
            };
            MetricDecision { kind: metric.kind(), name: metric.label(), pods: PodCounts::default(), outcome }
        })
        .collect();
    let proposals = metrics.iter().map(|metric| match metric.outcome {
        MetricOutcome::Valid { proposal, .. } => Some(proposal),
        MetricOutcome::Invalid { .. } => None,
    });
    let is_active = conditions.scaling_active.status == ConditionStatus::True;
    let recommended = if is_active { proposals.flatten().max() } else { None };
    Some(Decision {
        desired: unsigned(status.desired_replicas),
        recommended,
        stabilized: None,
        limited: None,
        metrics,
        conditions,
    })
}

fn invalid(metric: &MetricSpec, conditions: &Conditions) -> Reason {
    use crate::autoscaler::MetricKind::*;
    match (metric.kind(), conditions.scaling_active.reason) {
        (_, reason @ (Reason::AmbiguousSelector | Reason::InvalidSelector | Reason::ScalingDisabled)) => {
            reason
        }
        (Resource, _) => Reason::FailedGetResourceMetric,
        (ContainerResource, _) => Reason::FailedGetContainerResourceMetric,
        (Pods, _) => Reason::FailedGetPodsMetric,
        (Object, _) => Reason::FailedGetObjectMetric,
        (External, _) => Reason::FailedGetExternalMetric,
    }
}

/// The current value of a metric, if a status is of it.
fn value_of<'s>(metric: &MetricSpec, status: &'s MetricStatus) -> Option<&'s MetricValueStatus> {
    match metric {
        MetricSpec::Resource { name, .. } => {
            status.resource.as_ref().filter(|shown| shown.name == *name).map(|shown| &shown.current)
        }
        MetricSpec::ContainerResource { name, container, .. } => {
            let shown = status.container_resource.as_ref()?;
            (shown.name == *name && shown.container == *container).then_some(&shown.current)
        }
        MetricSpec::Pods { name, .. } => {
            status.pods.as_ref().filter(|shown| shown.metric.name == *name).map(|shown| &shown.current)
        }
        MetricSpec::Object { name, .. } => {
            status.object.as_ref().filter(|shown| shown.metric.name == *name).map(|shown| &shown.current)
        }
        MetricSpec::External { name, .. } => {
            status.external.as_ref().filter(|shown| shown.metric.name == *name).map(|shown| &shown.current)
        }
    }
}

/// What is measured, and its ratio to the target.
fn measured(metric: &MetricSpec, value: &MetricValueStatus) -> Option<(Usage, f64)> {
    let average = value.average_value.as_ref().and_then(milli);
    let whole = value.value.as_ref().and_then(milli);
    match metric {
        MetricSpec::Resource { target, .. } | MetricSpec::ContainerResource { target, .. } => match target {
            ResourceTarget::UtilizationPercent(wanted) => {
                let percent = value.average_utilization?;
                let usage = Usage::Utilization { percent, average_milli: average.unwrap_or(0) };
                Some((usage, f64::from(percent) / f64::from((*wanted).max(1))))
            }
            ResourceTarget::AverageMilli(wanted) => {
                Some((Usage::AverageMilli(average?), ratio(average?, *wanted)))
            }
        },
        MetricSpec::Pods { average_milli: wanted, .. } => {
            Some((Usage::AverageMilli(average?), ratio(average?, *wanted)))
        }
        MetricSpec::Object { target, .. } | MetricSpec::External { target, .. } => match target {
            ValueTarget::ValueMilli(wanted) => Some((Usage::ValueMilli(whole?), ratio(whole?, *wanted))),
            ValueTarget::AverageMilli(wanted) => {
                Some((Usage::AverageMilli(average?), ratio(average?, *wanted)))
            }
        },
    }
}

fn ratio(value: i64, target: i64) -> f64 {
    value as f64 / target.max(1) as f64
}

fn propose(ratio: f64, current: u32, tolerance: f64) -> u32 {
    if (1.0 - tolerance..=1.0 + tolerance).contains(&ratio) {
        return current;
    }
    (ratio * f64::from(current)).ceil() as u32
}

fn conditions(status: &HorizontalPodAutoscalerStatus) -> Conditions {
    let of = |kind: &str| {
        let shown = status.conditions.iter().flatten().find(|condition| condition.type_ == kind);
        shown.map_or_else(Condition::default, |shown| Condition {
            status: match shown.status.as_str() {
                "True" => ConditionStatus::True,
                "False" => ConditionStatus::False,
                _ => ConditionStatus::Unknown,
            },
            reason: reason(shown.reason.as_deref().unwrap_or("")),
            message: shown.message.clone().unwrap_or_default(),
        })
    };
    Conditions {
        able_to_scale: of("AbleToScale"),
        scaling_limited: of("ScalingLimited"),
        scaling_active: of("ScalingActive"),
    }
}

/// A reason by its name in Kubernetes. One that the model does not know reads as never set; its message stays.
fn reason(name: &str) -> Reason {
    serde_json::from_value(serde_json::Value::String(name.to_owned())).unwrap_or_default()
}

fn unsigned(value: i32) -> u32 {
    u32::try_from(value).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hpa() -> HorizontalPodAutoscaler {
        serde_json::from_value(serde_json::json!({
            "metadata": { "name": "checkout" },
            "spec": {
                "scaleTargetRef": { "kind": "Deployment", "name": "checkout", "apiVersion": "apps/v1" },
                "minReplicas": 2, "maxReplicas": 10,
                "metrics": [
                    { "type": "Resource", "resource": { "name": "cpu", "target": { "type": "Utilization", "averageUtilization": 60 } } },
                    { "type": "External", "external": { "metric": { "name": "queue" }, "target": { "type": "AverageValue", "averageValue": "30" } } },
                ],
                "behavior": { "scaleDown": {
                    "stabilizationWindowSeconds": 5, "selectPolicy": "Min", "tolerance": "50m",
                    "policies": [{ "type": "Percent", "value": 50, "periodSeconds": 15 }],
                } },
            },
            "status": {
                "currentReplicas": 4, "desiredReplicas": 4,
                "currentMetrics": [
                    { "type": "Resource", "resource": { "name": "cpu", "current": { "averageUtilization": 20, "averageValue": "10m" } } },
                ],
                "conditions": [
                    { "type": "AbleToScale", "status": "True", "reason": "SucceededGetScale", "message": "m" },
                    { "type": "ScalingActive", "status": "False", "reason": "FailedGetExternalMetric", "message": "no queue" },
                    { "type": "ScalingLimited", "status": "False", "reason": "FromTheFuture", "message": "who knows" },
                ],
            },
        }))
        .unwrap()
    }

    #[test]
    fn an_hpa_is_read_in_the_terms_of_the_model() {
        let spec = spec(&hpa().spec);
        assert_eq!((spec.min_replicas, spec.max_replicas, spec.metrics.len()), (2, 10, 2));
        assert_eq!(spec.metrics[1].label(), "queue");
        let down = spec.behavior.unwrap().scale_down;
        assert_eq!(down.stabilization_window_us, Some(5_000_000));
        assert_eq!((down.select_policy, down.tolerance), (SelectPolicy::Min, Some(0.05)));
        let policy = Policy { kind: PolicyKind::Percent, value: 50, period_us: 15_000_000 };
        assert_eq!(down.policies, [policy]);
    }

    #[test]
    fn a_status_tells_which_metric_is_broken() {
        let hpa = hpa();
        let spec = spec(&hpa.spec);
        let decision = decision(&spec, &Settings::default(), hpa.status.as_ref().unwrap()).unwrap();
        let MetricOutcome::Valid { ratio: Some(ratio), proposal, .. } = &decision.metrics[0].outcome else {
            panic!()
        };
        assert!((*ratio - 1.0 / 3.0).abs() < 1e-9 && *proposal == 2, "{ratio} {proposal}");
        let MetricOutcome::Invalid { reason, message } = &decision.metrics[1].outcome else { panic!() };
        assert_eq!((*reason, message.as_str()), (Reason::FailedGetExternalMetric, "no queue"));
        assert_eq!(decision.conditions.scaling_limited.reason, Reason::NeverSet);
        assert_eq!(decision.conditions.scaling_limited.message, "who knows");
    }

    #[test]
    fn before_its_first_sync_it_has_decided_nothing() {
        let status = HorizontalPodAutoscalerStatus { desired_replicas: 0, ..Default::default() };
        let spec = spec(&hpa().spec);
        assert_eq!(decision(&spec, &Settings::default(), &status), None);
    }
}
