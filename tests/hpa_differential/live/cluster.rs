//! What the live controller sees: targets with a scale, pods, and the metrics APIs.

use std::cell::RefCell;

use controlplane::https::{Answer, Question, respond_json};
use controlplane::{apply, eventually};
use hyper::StatusCode;
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::core::v1::Pod;
use kube::Client;
use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind, Patch, PatchParams};
use serde_json::{Value, json};
use springback::autoscaler::MetricSpec;

use super::series::{Between, Series};
use crate::controller::Status;
use crate::coverage::Coverage;
use crate::documents;

/// The metrics APIs that are ours.
pub(super) const APIS: [(&str, &str); 3] = [
    ("metrics.k8s.io", "v1beta1"),
    ("custom.metrics.k8s.io", "v1beta2"),
    ("external.metrics.k8s.io", "v1beta1"),
];
/// The autoscaler of each namespace, and its target.
const NAME: &str = "checkout";
const GROUP: &str = "hpa.springback.test";

pub(super) struct Cluster {
    client: Client,
    series: Vec<RefCell<Series>>,
}

/// What the controller asks a metrics API for.
struct Asked<'a> {
    series: &'a RefCell<Series>,
    /// Where the answer is among a sync's documents.
    api: &'static str,
    metric: Option<&'a str>,
}

impl Cluster {
    pub(super) fn new(client: Client, series: Vec<Series>) -> Self {
        Self { client, series: series.into_iter().map(RefCell::new).collect() }
    }

    /// Makes everything: the autoscalers last.
    pub(super) async fn prepare(&self) {
        self.apply(&definition()).await;
        for series in &self.series {
            let (namespace, replicas, pods, spec) = {
                let series = series.borrow();
                let spec = documents::spec(&series.case.spec);
                (series.namespace.clone(), series.case.replicas, series.pods(), spec)
            };
            self.apply(
                &json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": namespace } }),
            )
            .await;
            let target = json!({
                "apiVersion": format!("{GROUP}/v1"),
                "kind": "Target",
                "metadata": { "name": NAME, "namespace": namespace },
                "spec": { "replicas": replicas },
            });
            self.apply(&target).await;
            self.set_status(&namespace, json!({ "replicas": replicas, "selector": "app=checkout" })).await;
            for pod in pods {
                self.create_pod(&namespace, pod).await;
            }
            let mut autoscaler = json!({
                "apiVersion": "autoscaling/v2",
                "kind": "HorizontalPodAutoscaler",
                "metadata": { "name": NAME, "namespace": namespace },
                "spec": spec,
            });
            autoscaler["spec"]["scaleTargetRef"] =
                json!({ "apiVersion": format!("{GROUP}/v1"), "kind": "Target", "name": NAME });
            self.apply(&autoscaler).await;
        }
    }

    async fn apply(&self, object: &Value) {
        // A kind that has just been defined is not served at once.
        eventually("an object to be taken", async || apply(&self.client, &object.to_string()).await.ok())
            .await;
    }

    /// A pod that no node runs, in the state in which one would report it.
    async fn create_pod(&self, namespace: &str, mut pod: Value) {
        let status = pod["status"].take();
        pod["apiVersion"] = "v1".into();
        pod["kind"] = "Pod".into();
        pod["metadata"]["namespace"] = namespace.into();
        // Nobody else gets to change it.
        pod["spec"]["schedulerName"] = "nobody".into();
        for container in pod["spec"]["containers"].as_array_mut().expect("it has containers") {
            container["image"] = "none".into();
        }
        self.apply(&pod).await;
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), namespace);
        let name = pod["metadata"]["name"].as_str().expect("it has a name");
        let patch = Patch::Merge(json!({ "status": status }));
        pods.patch_status(name, &PatchParams::default(), &patch).await.expect("a pod's status can be set");
    }

    fn targets(&self, namespace: &str) -> Api<DynamicObject> {
        let kind = ApiResource::from_gvk(&GroupVersionKind::gvk(GROUP, "v1", "Target"));
        Api::namespaced_with(self.client.clone(), namespace, &kind)
    }

    async fn set_status(&self, namespace: &str, status: Value) {
        let patch = Patch::Merge(json!({ "status": status }));
        let targets = self.targets(namespace);
        targets
            .patch_status(NAME, &PatchParams::default(), &patch)
            .await
            .expect("a target's status can be set");
    }

    /// Answers for the metrics APIs.
    pub(super) async fn answer(&self, question: &Question) -> Answer {
        let path = question.path().strip_prefix("/apis/").unwrap_or_default();
        let parts: Vec<&str> = path.split('/').collect();
        if let [group, version] = parts[..] {
            let list = json!({
                "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": format!("{group}/{version}"),
                "resources": [],
            });
            return respond_json(StatusCode::OK, &list);
        }
        let Some(asked) = self.asked(&parts) else {
            return respond_json(StatusCode::NOT_FOUND, &failure(404, "there is no such page"));
        };
        let begins = asked.begins(&asked.series.borrow());
        if begins {
            self.begin(asked.series).await;
        }
        let document = asked.series.borrow_mut().answer(asked.api, asked.metric);
        if document.is_null() {
            return respond_json(StatusCode::INTERNAL_SERVER_ERROR, &failure(500, "this metric fails"));
        }
        respond_json(StatusCode::OK, &asked.whole(document))
    }

    fn asked<'a>(&'a self, parts: &[&'a str]) -> Option<Asked<'a>> {
        let (namespace, api, metric) = match *parts {
            ["metrics.k8s.io", _, _, namespace, "pods"] => (namespace, "podMetrics", None),
            ["custom.metrics.k8s.io", _, _, namespace, "pods", _, metric] => {
                (namespace, "podsMetrics", Some(metric))
            }
            ["custom.metrics.k8s.io", _, _, namespace, "services", _, metric] => {
                (namespace, "objectMetrics", Some(metric))
            }
            ["external.metrics.k8s.io", _, _, namespace, metric] => {
                (namespace, "externalMetrics", Some(metric))
            }
            _ => return None,
        };
        let series = self.series.iter().find(|series| series.borrow().namespace == namespace)?;
        Some(Asked { series, api, metric })
    }

    /// A sync begins. Nothing of what the controller reads changes until it ends but the status of the target, which
    /// it has read already.
    async fn begin(&self, series: &RefCell<Series>) {
        let namespace = series.borrow().namespace.clone();
        let autoscalers: Api<HorizontalPodAutoscaler> = Api::namespaced(self.client.clone(), &namespace);
        let autoscaler = autoscalers.get(NAME).await.expect("the autoscaler is there");
        let target = self.targets(&namespace).get(NAME).await.expect("the target is there").data;
        let count = |value: &Value| u32::try_from(value.as_u64().expect("a count")).expect("a count");
        let replicas = count(&target["spec"]["replicas"]);
        let status_replicas = count(&target["status"]["replicas"]);
        let status: Status = serde_json::to_value(autoscaler.status.unwrap_or_default())
            .and_then(serde_json::from_value)
            .expect("a status is one");
        series.borrow_mut().begin(Between { status, replicas, status_replicas });
        if replicas != status_replicas {
            self.set_status(&namespace, json!({ "replicas": replicas })).await;
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.series.iter().all(|series| series.borrow().is_over())
    }

    /// How many decisions were compared.
    pub(super) fn compared(&self, coverage: &mut Coverage) -> usize {
        let add = |series: &RefCell<Series>| {
            let series = series.borrow();
            series.shown.iter().for_each(|status| coverage.add(status));
            series.shown.len()
        };
        self.series.iter().map(add).sum()
    }

    pub(super) fn differences(&self) -> Vec<String> {
        self.series.iter().filter_map(|series| series.borrow().difference.clone()).collect()
    }
}

impl Asked<'_> {
    /// Whether this is the first question of a sync.
    fn begins(&self, series: &Series) -> bool {
        let first = series.first_metric();
        let api = match first {
            MetricSpec::Resource { .. } | MetricSpec::ContainerResource { .. } => "podMetrics",
            MetricSpec::Pods { .. } => "podsMetrics",
            MetricSpec::Object { .. } => "objectMetrics",
            MetricSpec::External { .. } => "externalMetrics",
        };
        self.api == api && self.metric.is_none_or(|metric| metric == first.label())
    }

    /// A document with its kind, as an API has it.
    fn whole(&self, mut document: Value) -> Value {
        let (kind, version) = match self.api {
            "podMetrics" => ("PodMetricsList", "metrics.k8s.io/v1beta1"),
            "externalMetrics" => ("ExternalMetricValueList", "external.metrics.k8s.io/v1beta1"),
            _ => ("MetricValueList", "custom.metrics.k8s.io/v1beta2"),
        };
        if self.api == "objectMetrics" {
            document = json!({ "items": [document] });
        }
        document["kind"] = kind.into();
        document["apiVersion"] = version.into();
        document["metadata"] = json!({});
        document
    }
}

/// A kind of targets of which nothing but the test changes the status.
fn definition() -> Value {
    let integer = json!({ "type": "integer" });
    let object = |properties: Value| json!({ "type": "object", "properties": properties });
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": { "name": format!("targets.{GROUP}") },
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": { "kind": "Target", "plural": "targets", "singular": "target" },
            "versions": [{
                "name": "v1",
                "served": true,
                "storage": true,
                "schema": { "openAPIV3Schema": object(json!({
                    "spec": object(json!({ "replicas": integer })),
                    "status": object(json!({ "replicas": integer, "selector": { "type": "string" } })),
                })) },
                "subresources": {
                    "status": {},
                    "scale": {
                        "specReplicasPath": ".spec.replicas",
                        "statusReplicasPath": ".status.replicas",
                        "labelSelectorPath": ".status.selector",
                    },
                },
            }],
        },
    })
}

fn failure(code: u16, message: &str) -> Value {
    json!({ "kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "code": code })
}
