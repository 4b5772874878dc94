//! What is compared before and after a run, object by object.

use std::collections::{BTreeMap, BTreeSet};

use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind, ListParams};
use kube::{Client, ResourceExt};
use serde_json::{Value, json};

/// What somebody else's objects in a namespace, and the nodes, are to look like again: every field of their specification and
/// data, labels and annotations.
pub(crate) type Snapshot = BTreeMap<String, Value>;

/// The kinds of a snapshot: API version, kind and plural, and whether they lie in a namespace.
const KINDS: [(&str, &str, bool); 10] = [
    ("apps/v1", "Deployment", true),
    ("apps/v1", "StatefulSet", true),
    ("autoscaling/v2", "HorizontalPodAutoscaler", true),
    ("v1", "Service", true),
    ("v1", "ConfigMap", true),
    ("coordination.k8s.io/v1", "Lease", true),
    ("networking.k8s.io/v1", "NetworkPolicy", true),
    ("policy/v1", "PodDisruptionBudget", true),
    // What the stand-in's own engine of faults is asked for.
    ("standin.springback.test/v1", "Fault", true),
    ("v1", "Node", false),
];

pub(crate) async fn snapshot(client: &Client, namespace: &str) -> Snapshot {
    let mut seen = Snapshot::new();
    for (version, kind, namespaced) in KINDS {
        let (group, version) = version.rsplit_once('/').unwrap_or(("", version));
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
        let api: Api<DynamicObject> = match namespaced {
            true => Api::namespaced_with(client.clone(), namespace, &resource),
            false => Api::all_with(client.clone(), &resource),
        };
        for object in api.list(&ListParams::default()).await.unwrap() {
            // A verdict is meant to stay.
            if object.labels().contains_key("springback.dev/scenario") {
                continue;
            }
            let name = format!("{kind}/{}", object.metadata.name.as_deref().unwrap_or_default());
            let mut fields = json!(object.data);
            if let Some(fields) = fields.as_object_mut() {
                fields.remove("status");
            }
            let fields = json!({
                "fields": fields,
                "labels": object.metadata.labels,
                "annotations": object.metadata.annotations,
                "finalizers": object.metadata.finalizers,
            });
            seen.insert(name, fields);
        }
    }
    seen
}

/// What differs between two snapshots, object by object.
pub(crate) fn differences(before: &Snapshot, after: &Snapshot) -> Vec<String> {
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let differ = names.into_iter().filter(|name| before.get(*name) != after.get(*name));
    differ.map(|name| format!("{name}:\n  {:?}\n  {:?}", before.get(name), after.get(name))).collect()
}
