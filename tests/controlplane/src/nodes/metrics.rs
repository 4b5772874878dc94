//! `metrics.k8s.io/v1beta1`: what pods and nodes use, as the metrics server would tell it.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use hyper::StatusCode;
use kube::ResourceExt;
use kube::core::{Selector, SelectorExt};
use serde_json::{Value, json};
use tokio::time::interval;

use super::clock::{now, seconds};
use super::context::Context;
use super::knobs::Metrics;
use super::selector;
use super::usage::{SAMPLE_EVERY, Samples, Usage, WINDOW};
use crate::https::{Answer, respond_json};

/// Where the API begins.
pub(super) const ROOT: &str = "/apis/metrics.k8s.io/v1beta1";

/// What one pod uses.
#[derive(Debug, Clone)]
struct PodUsage {
    namespace: String,
    name: String,
    node: String,
    labels: BTreeMap<String, String>,
    containers: Vec<(String, Usage)>,
}

/// What all pods use.
#[derive(Debug, Default)]
pub(super) struct Meter {
    samples: RefCell<Samples>,
    pods: RefCell<Vec<PodUsage>>,
}

impl Meter {
    /// Measures, for ever.
    pub(super) async fn run(self: Rc<Self>, ctx: Rc<Context>) {
        let mut ticks = interval(SAMPLE_EVERY);
        loop {
            ticks.tick().await;
            self.measure(&ctx);
        }
    }

    fn measure(&self, ctx: &Context) {
        let pods = ctx.pods();
        let processes = pods.iter().flat_map(|pod| &pod.containers);
        let pids: Vec<_> =
            processes.filter_map(|one| one.status.borrow().process).map(|one| one.pid).collect();
        let mut samples = self.samples.borrow_mut();
        samples.take(&pids);
        let seen: BTreeSet<_> = pods.iter().map(|pod| key(&*pod.seen.borrow())).collect();
        if ctx.knobs().metrics == Metrics::Frozen {
            self.pods.borrow_mut().retain(|pod| seen.contains(&(pod.namespace.clone(), pod.name.clone())));
            return;
        }
        let mut measured = Vec::new();
        for pod in &pods {
            let usage = pod.containers.iter().map(|container| {
                let process = container.status.borrow().process?;
                Some((container.name.clone(), samples.usage(process.pid)?))
            });
            // All of its containers or none of them, as the metrics server has it.
            let Some(containers) = usage.collect::<Option<Vec<_>>>() else { continue };
            let seen = pod.seen.borrow();
            let (namespace, name) = key(&*seen);
            let (node, labels) = (pod.node.spec.name.clone(), seen.labels().clone());
            measured.push(PodUsage { namespace, name, node, labels, containers });
        }
        measured.sort_by(|a, b| (&a.namespace, &a.name).cmp(&(&b.namespace, &b.name)));
        *self.pods.borrow_mut() = measured;
    }

    /// Answers a GET below [`ROOT`].
    pub(super) fn answer(&self, ctx: &Context, path: &str, label_selector: &str) -> Answer {
        let knob = ctx.knobs().metrics;
        if knob == Metrics::Refused {
            return status(StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable", "it was told to refuse");
        }
        let selector = match selector::parse(label_selector) {
            Ok(selector) => selector,
            Err(part) => return status(StatusCode::BAD_REQUEST, "BadRequest", &part),
        };
        let parts: Vec<_> = path.trim_matches('/').split('/').collect();
        match parts.as_slice() {
            [""] => json(&resources()),
            ["pods"] => json(&self.pod_list(knob, None, &selector)),
            ["namespaces", namespace, "pods"] => json(&self.pod_list(knob, Some(namespace), &selector)),
            ["namespaces", namespace, "pods", name] => {
                let list = self.pod_list(knob, Some(namespace), &Selector::default());
                found(list["items"].as_array().into_iter().flatten(), name)
            }
            ["nodes"] => json(&self.node_list(ctx)),
            ["nodes", name] => found(self.node_list(ctx)["items"].as_array().into_iter().flatten(), name),
            _ => not_found(path),
        }
    }

    fn pod_list(&self, knob: Metrics, namespace: Option<&&str>, selector: &Selector) -> Value {
        let pods = self.pods.borrow();
        let selected = pods.iter().filter(|pod| {
            namespace.is_none_or(|namespace| *namespace == pod.namespace) && selector.matches(&pod.labels)
        });
        let missing = if let Metrics::Missing(missing) = knob { missing } else { 0 };
        let items: Vec<_> = selected.skip(missing).map(pod_metrics).collect();
        json!({ "kind": "PodMetricsList", "apiVersion": "metrics.k8s.io/v1beta1", "metadata": {}, "items": items })
    }

    fn node_list(&self, ctx: &Context) -> Value {
        let pods = self.pods.borrow();
        let there = ctx.nodes().into_iter().filter(|node| !*node.lost.borrow());
        let items: Vec<_> = there
            .map(|node| {
                let pods = pods.iter().filter(|pod| pod.node == node.spec.name);
                let usage =
                    pods.flat_map(|pod| &pod.containers).fold(Usage::default(), |sum, (_, usage)| Usage {
                        nanocores: sum.nanocores + usage.nanocores,
                        memory_bytes: sum.memory_bytes + usage.memory_bytes,
                    });
                let mut metrics = metrics("NodeMetrics", json!({ "name": node.spec.name }));
                metrics["usage"] = quantities(usage);
                metrics
            })
            .collect();
        json!({ "kind": "NodeMetricsList", "apiVersion": "metrics.k8s.io/v1beta1", "metadata": {}, "items": items })
    }
}

fn key(pod: &impl ResourceExt) -> (String, String) {
    (pod.namespace().unwrap_or_default(), pod.name_any())
}

fn metrics(kind: &str, metadata: Value) -> Value {
    json!({
        "kind": kind,
        "apiVersion": "metrics.k8s.io/v1beta1",
        "metadata": metadata,
        "timestamp": seconds(now()),
        "window": format!("{}s", WINDOW.as_secs()),
    })
}

fn pod_metrics(pod: &PodUsage) -> Value {
    let metadata = json!({ "name": pod.name, "namespace": pod.namespace, "labels": pod.labels });
    let mut metrics = metrics("PodMetrics", metadata);
    let container = |(name, usage): &(String, Usage)| json!({ "name": name, "usage": quantities(*usage) });
    metrics["containers"] = pod.containers.iter().map(container).collect();
    metrics
}

fn quantities(usage: Usage) -> Value {
    json!({ "cpu": format!("{}n", usage.nanocores), "memory": format!("{}Ki", usage.memory_bytes / 1_024) })
}

fn resources() -> Value {
    let resource = |name: &str, kind: &str, namespaced: bool| json!({ "name": name, "singularName": "", "namespaced": namespaced, "kind": kind, "verbs": ["get", "list"] });
    json!({
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": "metrics.k8s.io/v1beta1",
        "resources": [resource("nodes", "NodeMetrics", false), resource("pods", "PodMetrics", true)],
    })
}

fn json(value: &Value) -> Answer {
    respond_json(StatusCode::OK, value)
}

fn found<'a>(mut items: impl Iterator<Item = &'a Value>, name: &str) -> Answer {
    items.find(|item| item["metadata"]["name"] == name).map_or_else(|| not_found(name), json)
}

fn not_found(what: &str) -> Answer {
    status(StatusCode::NOT_FOUND, "NotFound", what)
}

fn status(code: StatusCode, reason: &str, message: &str) -> Answer {
    let status = json!({
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "reason": reason,
        "message": message,
        "code": code.as_u16(),
    });
    respond_json(code, &status)
}
