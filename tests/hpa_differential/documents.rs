//! A case as Kubernetes' APIs would show it: specifications, pods and the answers of the metrics APIs.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use springback::autoscaler::{
    Behavior, MetricSpec, Policy, ResourceTarget, ScalingRules, SelectPolicy, Settings, Spec, ValueTarget,
};

use crate::case::{Change, S, Trouble};
use crate::scene::{Figures, PodUsage, RESOURCES, START_US, Scene, ScenePod};

const NAMESPACE: &str = "shop";
/// The controller starts with the year 2000, as every synctest bubble does.
const BUBBLE_S: i64 = 946_684_800;

/// A moment of a case, as documents show it.
fn at(second: u64) -> String {
    let since_start = second.cast_signed() - (START_US / S).cast_signed();
    Timestamp::from_second(BUBBLE_S + since_start).expect("a case is short").to_string()
}

fn milli(amount: i64) -> String {
    format!("{amount}m")
}

/// The message that opens a case.
pub(crate) fn opening(spec: &Spec, settings: &Settings) -> Value {
    json!({ "open": {
        "spec": self::spec(spec),
        "downscaleStabilizationUs": settings.downscale_stabilization_us,
        "tolerance": settings.tolerance,
        "cpuInitializationPeriodUs": settings.cpu_initialization_period_us,
        "initialReadinessDelayUs": settings.initial_readiness_delay_us,
        "scaleToZero": settings.scale_to_zero,
    }})
}

/// An HPA's `spec`, without its target. What is left open here stays open for the API's defaults.
pub(crate) fn spec(spec: &Spec) -> Value {
    let mut document = Map::new();
    document.insert("minReplicas".into(), spec.min_replicas.into());
    document.insert("maxReplicas".into(), spec.max_replicas.into());
    if !spec.metrics.is_empty() {
        document.insert("metrics".into(), spec.metrics.iter().map(metric).collect());
    }
    if let Some(Behavior { scale_up, scale_down }) = &spec.behavior {
        let behavior = json!({ "scaleUp": rules(scale_up), "scaleDown": rules(scale_down) });
        document.insert("behavior".into(), behavior);
    }
    document.into()
}

fn metric(metric: &MetricSpec) -> Value {
    match metric {
        MetricSpec::Resource { name, target } => {
            json!({ "type": "Resource", "resource": { "name": name, "target": resource(*target) } })
        }
        MetricSpec::ContainerResource { name, container, target } => json!({
            "type": "ContainerResource",
            "containerResource": { "name": name, "container": container, "target": resource(*target) },
        }),
        MetricSpec::Pods { name, average_milli } => {
            let target = json!({ "type": "AverageValue", "averageValue": milli(*average_milli) });
            json!({ "type": "Pods", "pods": { "metric": { "name": name }, "target": target } })
        }
        MetricSpec::Object { name, target } => json!({
            "type": "Object",
            "object": {
                "metric": { "name": name },
                "describedObject": { "apiVersion": "v1", "kind": "Service", "name": "front" },
                "target": value(*target),
            },
        }),
        MetricSpec::External { name, target } => {
            json!({ "type": "External", "external": { "metric": { "name": name }, "target": value(*target) } })
        }
    }
}

fn resource(target: ResourceTarget) -> Value {
    match target {
        ResourceTarget::UtilizationPercent(percent) => {
            json!({ "type": "Utilization", "averageUtilization": percent })
        }
        ResourceTarget::AverageMilli(amount) => {
            json!({ "type": "AverageValue", "averageValue": milli(amount) })
        }
    }
}

fn value(target: ValueTarget) -> Value {
    match target {
        ValueTarget::ValueMilli(amount) => json!({ "type": "Value", "value": milli(amount) }),
        ValueTarget::AverageMilli(amount) => {
            json!({ "type": "AverageValue", "averageValue": milli(amount) })
        }
    }
}

fn rules(rules: &ScalingRules) -> Value {
    let mut document = Map::new();
    let selected = match rules.select_policy {
        SelectPolicy::Max => "Max",
        SelectPolicy::Min => "Min",
        SelectPolicy::Disabled => "Disabled",
    };
    document.insert("selectPolicy".into(), selected.into());
    if let Some(window_us) = rules.stabilization_window_us {
        document.insert("stabilizationWindowSeconds".into(), (window_us / 1_000_000).into());
    }
    if !rules.policies.is_empty() {
        document.insert("policies".into(), rules.policies.iter().map(policy).collect());
    }
    if let Some(tolerance) = rules.tolerance {
        document.insert("tolerance".into(), tolerance.to_string().into());
    }
    document.into()
}

fn policy(policy: &Policy) -> Value {
    json!({
        "type": format!("{:?}", policy.kind),
        "value": policy.value,
        "periodSeconds": policy.period_us / 1_000_000,
    })
}

/// A scene, as the message that asks for its sync.
pub(crate) fn sync(scene: &Scene) -> Value {
    let mut pods_metrics = Map::new();
    let mut object_metrics = Map::new();
    let mut external_metrics = Map::new();
    let now = at(scene.now_us / S);
    for (metric, figures) in &scene.figures {
        match figures {
            Figures::Pods(each, at_s) => {
                let entry = |(pod, milli): &(String, i64)| custom("Pod", pod, metric, *milli, &at(*at_s));
                pods_metrics.insert(metric.clone(), list(each.iter().map(entry).collect()));
            }
            Figures::Object(milli) => {
                object_metrics.insert(metric.clone(), custom("Service", "front", metric, *milli, &now));
            }
            Figures::External(values) => {
                let entry = |milli: &i64| external(metric, *milli, &now);
                external_metrics.insert(metric.clone(), list(values.iter().map(entry).collect()));
            }
        }
    }
    let is_new = matches!(scene.change, Change::Raise { .. } | Change::Lower);
    json!({ "sync": {
        "atUs": scene.now_us - START_US,
        "restart": scene.change == Change::Restart,
        "spec": is_new.then(|| spec(&scene.spec)),
        "replicas": scene.replicas,
        "statusReplicas": scene.status_replicas,
        "selector": match scene.trouble {
            Trouble::NoSelector => "",
            Trouble::BadSelector => "app in (",
            _ => "app=checkout",
        },
        "scaleGetFails": scene.trouble == Trouble::ScaleNotReadable,
        "scaleUpdateFails": scene.trouble == Trouble::ScaleNotWritable,
        "rival": scene.trouble == Trouble::Rival,
        "pods": scene.pods.iter().map(pod).collect::<Vec<_>>(),
        "podMetrics": scene.usage.as_ref().map(|pods| list(pods.iter().map(pod_metrics).collect())),
        "podsMetrics": pods_metrics,
        "objectMetrics": object_metrics,
        "externalMetrics": external_metrics,
    }})
}

/// A pod.
pub(crate) fn pod(pod: &ScenePod) -> Value {
    let container = |(name, request_milli): &(&str, Option<i64>)| {
        let requests: Map<String, Value> = match request_milli {
            Some(request) => {
                RESOURCES.map(|resource| (resource.to_owned(), milli(*request).into())).into_iter().collect()
            }
            None => Map::new(),
        };
        json!({ "name": name, "resources": { "requests": requests } })
    };
    let ready = pod.ready.map(|(status, since_s)| {
        json!({ "type": "Ready", "status": format!("{status:?}"), "lastTransitionTime": at(since_s) })
    });
    json!({
        "metadata": {
            "name": pod.name,
            "namespace": NAMESPACE,
            "labels": { "app": "checkout" },
            "deletionTimestamp": pod.deleting.then(|| at(0)),
        },
        "spec": { "containers": pod.containers.iter().map(container).collect::<Vec<_>>() },
        "status": {
            "phase": format!("{:?}", pod.phase),
            "startTime": pod.start_s.map(at),
            "conditions": ready.into_iter().collect::<Vec<_>>(),
        },
    })
}

/// An entry of `metrics.k8s.io`.
fn pod_metrics(pod: &PodUsage) -> Value {
    let container = |(name, used_milli): &(&str, BTreeMap<&str, i64>)| {
        let usage: Map<String, Value> =
            used_milli.iter().map(|(resource, used)| ((*resource).to_owned(), milli(*used).into())).collect();
        json!({ "name": name, "usage": usage })
    };
    json!({
        "metadata": { "name": pod.pod, "namespace": NAMESPACE },
        "timestamp": at(pod.at_s),
        "window": format!("{}s", pod.window_s),
        "containers": pod.containers.iter().map(container).collect::<Vec<_>>(),
    })
}

/// An entry of `external.metrics.k8s.io`.
fn external(metric: &str, amount_milli: i64, at: &str) -> Value {
    json!({ "metricName": metric, "metricLabels": {}, "timestamp": at, "value": milli(amount_milli) })
}

/// An entry of `custom.metrics.k8s.io`.
fn custom(kind: &str, name: &str, metric: &str, amount_milli: i64, at: &str) -> Value {
    json!({
        "describedObject": { "apiVersion": "v1", "kind": kind, "namespace": NAMESPACE, "name": name },
        "metric": { "name": metric },
        "timestamp": at,
        "value": milli(amount_milli),
    })
}

fn list(items: Vec<Value>) -> Value {
    json!({ "items": items })
}
