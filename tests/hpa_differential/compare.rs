//! A decision of the model against what Kubernetes' controller left behind.

use springback::autoscaler::{
    Condition, ConditionStatus, Decision, Input, MetricKind, MetricOutcome, Reason, State, Usage,
};

use crate::controller::{Answer, Measured, Status};

/// The conditions that an HPA shows.
pub(crate) const CONDITIONS: [&str; 3] = ["AbleToScale", "ScalingLimited", "ScalingActive"];

/// Where the two differ; nothing if they agree.
///
/// `state` is the model's after its decision, `desired_before` what the status said was desired before the sync.
pub(crate) fn differences(
    decision: &Decision,
    state: &State,
    input: &Input,
    answer: &Answer,
    desired_before: u32,
) -> Vec<String> {
    let mut found = Vec::new();
    let mut compare = |what: &str, kubernetes: String, model: String| {
        if kubernetes != model {
            found.push(format!("{what}: {kubernetes} in Kubernetes, {model} in the model"));
        }
    };
    let written = (decision.desired != input.spec_replicas).then_some(decision.desired);
    compare("written to the scale", format!("{:?}", answer.wrote), format!("{written:?}"));
    let desired = if decides(decision) { decision.desired } else { desired_before };
    compare("status.desiredReplicas", answer.status.desired_replicas.to_string(), desired.to_string());
    for name in CONDITIONS {
        compare(name, shown(&answer.status, name), expected(condition(decision, name)));
    }
    let scaled_to_zero = shown(&answer.status, "ScaledToZero").starts_with("True");
    compare("ScaledToZero", scaled_to_zero.to_string(), state.scaled_to_zero.to_string());
    if let (Some(measured), false) = (&answer.measured, decision.metrics.is_empty()) {
        compare("the number of metrics", measured.len().to_string(), decision.metrics.len().to_string());
        for (metric, measured) in decision.metrics.iter().zip(measured) {
            let mut expected = usage(&metric.outcome);
            if matches!(metric.kind, MetricKind::Object | MetricKind::External) && input.status_replicas == 0
            {
                // A share among no replicas is whatever the processor makes of an infinite number.
                if let (Some(expected), Some(measured)) = (&mut expected, measured) {
                    expected.average_milli = measured.average_milli;
                }
            }
            let what = format!("{} as measured", metric.name);
            compare(&what, format!("{measured:?}"), format!("{expected:?}"));
        }
    }
    found
}

/// Whether the sync came to a number of replicas, which the status then shows.
fn decides(decision: &Decision) -> bool {
    match decision.conditions.able_to_scale.reason {
        Reason::FailedGetScale | Reason::FailedUpdateScale => false,
        // It ended with the scale read: at zero, or because the metrics say nothing.
        Reason::SucceededGetScale => decision.conditions.scaling_active.reason == Reason::ScalingDisabled,
        _ => true,
    }
}

fn condition<'a>(decision: &'a Decision, name: &str) -> &'a Condition {
    match name {
        "AbleToScale" => &decision.conditions.able_to_scale,
        "ScalingLimited" => &decision.conditions.scaling_limited,
        _ => &decision.conditions.scaling_active,
    }
}

/// A condition of Kubernetes, as status and reason.
pub(crate) fn shown(status: &Status, name: &str) -> String {
    match status.conditions.iter().find(|condition| condition.kind == name) {
        Some(condition) => format!("{}/{}", condition.status, condition.reason),
        None => "not shown".to_owned(),
    }
}

fn expected(condition: &Condition) -> String {
    match condition {
        Condition { reason: Reason::NeverSet, status: ConditionStatus::Unknown, .. } => {
            "not shown".to_owned()
        }
        Condition { status, reason, .. } => format!("{status:?}/{reason}"),
    }
}

fn usage(outcome: &MetricOutcome) -> Option<Measured> {
    let nothing = Measured { utilization: None, average_milli: None, value_milli: None };
    match outcome {
        MetricOutcome::Invalid { .. } => None,
        MetricOutcome::Valid { usage, .. } => Some(match *usage {
            Usage::Utilization { percent, average_milli } => {
                Measured { utilization: Some(percent), average_milli: Some(average_milli), ..nothing }
            }
            Usage::AverageMilli(milli) => Measured { average_milli: Some(milli), ..nothing },
            Usage::ValueMilli(milli) => Measured { value_milli: Some(milli), ..nothing },
        }),
    }
}
