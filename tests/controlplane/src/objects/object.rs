//! Any object, and how it gets into a cluster.

use kube::Client;
use kube::api::{Api, ApiResource, DeleteParams, DynamicObject, GroupVersionKind, Patch, PatchParams};
use serde_json::{Value, json};

/// Who the objects of tests are from, in their managed fields.
const FIELD_MANAGER: &str = "test";

/// An object as JSON, with `apiVersion`, `kind` and a name.
#[derive(Debug, Clone, PartialEq)]
pub struct Object(Value);

/// Whatever an object can be made from.
pub trait Build {
    /// The object so far.
    fn build(&self) -> Object;

    /// Creates the object, or changes it to be so (server-side apply, as `test`).
    ///
    /// # Errors
    /// What the API server answers.
    fn apply(&self, client: &Client) -> impl Future<Output = kube::Result<DynamicObject>> {
        let object = self.build();
        let client = client.clone();
        async move {
            let api = object.api(client);
            let params = PatchParams::apply(FIELD_MANAGER).force();
            api.patch(&object.name(), &params, &Patch::Apply(&object.0)).await
        }
    }

    /// Deletes the object, and with it, in the background, what it owns.
    ///
    /// # Errors
    /// What the API server answers, also if there is none of that name.
    fn delete(&self, client: &Client) -> impl Future<Output = kube::Result<()>> {
        let object = self.build();
        let client = client.clone();
        async move {
            object.api(client).delete(&object.name(), &DeleteParams::background()).await?;
            Ok(())
        }
    }
}

impl Build for Object {
    fn build(&self) -> Object {
        self.clone()
    }
}

impl Object {
    pub(super) fn new(value: Value) -> Self {
        Self(value)
    }

    /// As JSON.
    pub fn value(&self) -> &Value {
        &self.0
    }

    /// Its name.
    pub fn name(&self) -> String {
        self.0["metadata"]["name"].as_str().unwrap_or_default().to_owned()
    }

    /// Puts it into a namespace.
    #[must_use]
    pub fn in_namespace(self, namespace: &str) -> Self {
        self.merged_with(json!({ "metadata": { "namespace": namespace } }))
    }

    /// Adds a label.
    #[must_use]
    pub fn with_label(self, key: &str, value: &str) -> Self {
        self.merged_with(json!({ "metadata": { "labels": { key: value } } }))
    }

    /// Adds an annotation.
    #[must_use]
    pub fn with_annotation(self, key: &str, value: &str) -> Self {
        self.merged_with(json!({ "metadata": { "annotations": { key: value } } }))
    }

    /// Merges any fields into it: what is null is taken away, a list is replaced (RFC 7386).
    #[must_use]
    pub fn merged_with(mut self, fields: Value) -> Self {
        merge(&mut self.0, fields);
        self
    }

    /// The API that knows it. Its plural is guessed from its kind, as `kubectl` would.
    pub fn api(&self, client: Client) -> Api<DynamicObject> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (version, kind) = (text(&self.0["apiVersion"]), text(&self.0["kind"]));
        let (group, version) = version.rsplit_once('/').unwrap_or(("", &version));
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, &kind));
        match self.0["metadata"]["namespace"].as_str() {
            Some(namespace) => Api::namespaced_with(client, namespace, &resource),
            None => Api::all_with(client, &resource),
        }
    }
}

/// RFC 7386.
fn merge(into: &mut Value, from: Value) {
    let Value::Object(from) = from else {
        *into = from;
        return;
    };
    if !into.is_object() {
        *into = json!({});
    }
    for (key, value) in from {
        if value.is_null() {
            if let Some(fields) = into.as_object_mut() {
                fields.remove(&key);
            }
        } else {
            merge(&mut into[key], value);
        }
    }
}

/// Any object at all.
pub fn an_object(value: Value) -> Object {
    Object(value)
}

/// A Namespace.
pub fn a_namespace(name: &str) -> Object {
    Object(json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name } }))
}

/// A PodDisruptionBudget over the pods with the label `app: NAME`, in `default`. `min_available` is a number or a
/// percentage.
pub fn a_budget(name: &str, min_available: impl Into<Value>) -> Object {
    Object(json!({
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": { "name": name, "namespace": "default" },
        "spec": {
            "minAvailable": min_available.into(),
            "selector": { "matchLabels": { "app": name } },
        },
    }))
}

/// A PersistentVolumeClaim of a class, in `default`.
pub fn a_claim(name: &str, class: &str, size: &str) -> Object {
    Object(json!({
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": { "name": name, "namespace": "default" },
        "spec": {
            "storageClassName": class,
            "accessModes": ["ReadWriteOnce"],
            "resources": { "requests": { "storage": size } },
        },
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_merged_nulls_take_away_and_lists_are_replaced() {
        let object = an_object(json!({ "spec": { "a": 1, "b": { "c": 2 }, "d": [1, 2] } }));
        let object = object.merged_with(json!({ "spec": { "a": null, "b": { "e": 3 }, "d": [3] } }));
        assert_eq!(*object.value(), json!({ "spec": { "b": { "c": 2, "e": 3 }, "d": [3] } }));
    }
}
