//! One change of one object: how it is made, and how it is put back.
//!
//! Each tests what is there before it writes, and names the object by its UID: whatever somebody else has changed meanwhile
//! stays as they left it.

use std::time::Duration;

use kube::api::{Api, ApiResource, DeleteParams, DynamicObject, Patch, PatchParams, Preconditions};
use kube::core::GroupVersionKind;
use kube::{Client, ResourceExt};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::cluster::is_missing;
use super::names::{HEALER, MANAGER, RUN};

/// A change of one object.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// `apps/v1`.
    pub api_version: String,
    /// `Deployment`.
    pub kind: String,
    /// `deployments`.
    pub plural: String,
    /// `None` for an object of the cluster.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
    /// What is done to it.
    pub edit: Edit,
}

/// What is done to an object.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Edit {
    /// One field gets another value.
    Set {
        /// The object, and no other of that name.
        uid: String,
        /// The field, as a JSON pointer.
        path: String,
        /// Through which subresource.
        subresource: Option<String>,
        /// What was there; `None`: nothing.
        before: Option<Value>,
        /// What is written.
        written: Value,
    },
    /// A taint is put onto a node, beside whatever others it has.
    Taint {
        /// The node, and no other of that name.
        uid: String,
        /// Which taint.
        taint: Taint,
    },
    /// It is created, with the label of the run.
    Create,
}

/// A taint of ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taint {
    /// Its key.
    pub key: String,
    /// Its value.
    pub value: String,
    /// `NoSchedule`, `PreferNoSchedule` or `NoExecute`.
    pub effect: String,
}

/// What became of putting a change back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PutBack {
    /// It is as before.
    Done,
    /// It was as before already.
    Already,
    /// Somebody else changed it meanwhile: it stays as it is.
    Superseded(String),
    /// It was deleted and is still there, and why.
    Lingers(String),
}

/// As often as somebody else may write between a look and the patch that follows it.
const ATTEMPTS: u32 = 10;
/// How long a heal waits for what it has deleted to be gone, and how often it looks.
const GONE_WITHIN: Duration = Duration::from_secs(20);
const LOOK_EVERY: Duration = Duration::from_millis(200);

impl Change {
    pub(super) fn resource(&self) -> ApiResource {
        let (group, version) = self.api_version.split_once('/').unwrap_or(("", &self.api_version));
        let gvk = GroupVersionKind::gvk(group, version, &self.kind);
        ApiResource::from_gvk_with_plural(&gvk, &self.plural)
    }

    pub(super) fn api(&self, client: &Client) -> Api<DynamicObject> {
        let resource = self.resource();
        match &self.namespace {
            Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
            None => Api::all_with(client.clone(), &resource),
        }
    }

    /// The counts of a workload that it writes over each other: before, and written. `None` of any other change.
    pub(super) fn counts(&self) -> Option<(Option<u32>, Option<u32>)> {
        let Edit::Set { path, before, written, .. } = &self.edit else { return None };
        let count = |value: &Value| value.as_u64().and_then(|count| u32::try_from(count).ok());
        (path == "/spec/replicas").then(|| (before.as_ref().and_then(count), count(written)))
    }

    /// `Deployment/checkout`.
    pub(super) fn called(&self) -> String {
        format!("{}/{}", self.kind, self.name)
    }

    /// Makes the change, if everything is as the record says. Returns whether it was. What is to be created is somebody
    /// else's to create: a record does not say how it looks.
    pub(super) async fn apply(&self, client: &Client) -> kube::Result<bool> {
        match &self.edit {
            Edit::Set { uid, path, subresource, before, written } => {
                self.put_field(client, uid, path, subresource.as_deref(), before.as_ref(), written).await
            }
            Edit::Taint { uid, taint } => self.put_taint(client, uid, taint).await,
            Edit::Create => Ok(true),
        }
    }

    /// Puts the change back, if nobody else has changed the same since.
    pub(super) async fn put_back(&self, client: &Client, run: &str) -> kube::Result<PutBack> {
        match &self.edit {
            Edit::Set { uid, path, subresource, before, written } => {
                self.put_back_field(client, uid, path, subresource.as_deref(), before.as_ref(), written).await
            }
            Edit::Taint { uid, taint } => self.take_taint(client, uid, taint).await,
            Edit::Create => self.delete_own(client, run).await,
        }
    }

    async fn put_field(
        &self,
        client: &Client,
        uid: &str,
        path: &str,
        subresource: Option<&str>,
        before: Option<&Value>,
        written: &Value,
    ) -> kube::Result<bool> {
        let before = set(before, subresource);
        for _ in 0..ATTEMPTS {
            let now = self.read(client, subresource).await?;
            if !is_object(&now, uid) || set(now.pointer(path), subresource) != before {
                return Ok(false);
            }
            match self.patch(client, subresource, MANAGER, unchanged_since(&now, path, Some(written))).await {
                Ok(()) => return Ok(true),
                Err(error) if is_test_failed(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(false)
    }

    async fn put_taint(&self, client: &Client, uid: &str, taint: &Taint) -> kube::Result<bool> {
        for _ in 0..ATTEMPTS {
            let node = self.read(client, None).await?;
            let mut taints = taints(&node);
            if !is_object(&node, uid) || taints.iter().any(|one| taint.is_at(one)) {
                return Ok(false);
            }
            taints.push(json!(taint));
            let to = Some(json!(taints));
            match self.patch(client, None, MANAGER, unchanged_since(&node, TAINTS, to.as_ref())).await {
                Ok(()) => return Ok(true),
                Err(error) if is_test_failed(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(false)
    }

    async fn take_taint(&self, client: &Client, uid: &str, taint: &Taint) -> kube::Result<PutBack> {
        for _ in 0..ATTEMPTS {
            let node = match self.read(client, None).await {
                Ok(node) => node,
                Err(error) if is_missing(&error) => {
                    return Ok(PutBack::Superseded(format!("{} is gone", self.called())));
                }
                Err(error) => return Err(error),
            };
            if !is_object(&node, uid) {
                return Ok(PutBack::Superseded(format!("{} is another object by now", self.called())));
            }
            let mut taints = taints(&node);
            let Some(own) = taints.iter().position(|one| taint.is_at(one)) else {
                return Ok(PutBack::Already);
            };
            if taints[own].get("value").and_then(Value::as_str) != Some(&taint.value) {
                let text = format!("the taint {} of {} has another value by now", taint.key, self.called());
                return Ok(PutBack::Superseded(text));
            }
            taints.remove(own);
            let to = Some(taints).filter(|taints| !taints.is_empty()).map(|taints| json!(taints));
            match self.patch(client, None, HEALER, unchanged_since(&node, TAINTS, to.as_ref())).await {
                Ok(()) => return Ok(PutBack::Done),
                Err(error) if is_test_failed(&error) || is_missing(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(PutBack::Lingers(format!("{} changes all the time", self.called())))
    }

    async fn put_back_field(
        &self,
        client: &Client,
        uid: &str,
        path: &str,
        subresource: Option<&str>,
        before: Option<&Value>,
        written: &Value,
    ) -> kube::Result<PutBack> {
        let before = set(before, subresource);
        for _ in 0..ATTEMPTS {
            let now = match self.read(client, subresource).await {
                Ok(now) => now,
                Err(error) if is_missing(&error) => {
                    return Ok(PutBack::Superseded(format!("{} is gone", self.called())));
                }
                Err(error) => return Err(error),
            };
            if !is_object(&now, uid) {
                return Ok(PutBack::Superseded(format!("{} is another object by now", self.called())));
            }
            let value = set(now.pointer(path), subresource);
            if value == before {
                return Ok(PutBack::Already);
            }
            if value.as_ref() != Some(written) {
                let value = value.map_or_else(|| "nothing".to_owned(), |value| value.to_string());
                let text =
                    format!("{path} of {} is {value} by now, not {written} as it was written", self.called());
                return Ok(PutBack::Superseded(text));
            }
            let patch = unchanged_since(&now, path, before.as_ref());
            match self.patch(client, subresource, HEALER, patch).await {
                Ok(()) => return Ok(PutBack::Done),
                Err(error) if is_test_failed(&error) => {}
                Err(error) if is_missing(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(PutBack::Lingers(format!("{} changes all the time", self.called())))
    }

    async fn read(&self, client: &Client, subresource: Option<&str>) -> kube::Result<Value> {
        let api = self.api(client);
        match subresource {
            Some(_) => api.get_scale(&self.name).await.map(|scale| json!(scale)),
            None => api.get(&self.name).await.map(|object| json!(object)),
        }
    }

    async fn patch(
        &self,
        client: &Client,
        subresource: Option<&str>,
        by: &str,
        patch: Value,
    ) -> kube::Result<()> {
        let api = self.api(client);
        let params = PatchParams { field_manager: Some(by.to_owned()), ..PatchParams::default() };
        let patch: Patch<()> = Patch::Json(serde_json::from_value(patch).map_err(kube::Error::SerdeError)?);
        match subresource {
            Some(_) => api.patch_scale(&self.name, &params, &patch).await.map(drop),
            None => api.patch(&self.name, &params, &patch).await.map(drop),
        }
    }

    /// Deletes what this run created, and waits until it is gone: an experiment ends only once its engine has cleaned up. What
    /// has the name but not the label is somebody else's.
    async fn delete_own(&self, client: &Client, run: &str) -> kube::Result<PutBack> {
        let api = self.api(client);
        let Some(object) = api.get_opt(&self.name).await? else { return Ok(PutBack::Already) };
        if object.labels().get(RUN).map(String::as_str) != Some(run) {
            return Ok(PutBack::Superseded(format!("{} was not created by this run", self.called())));
        }
        let uid = object.uid();
        if object.metadata.deletion_timestamp.is_none() {
            let own = Preconditions { uid: uid.clone(), resource_version: None };
            match api.delete(&self.name, &DeleteParams::background().preconditions(own)).await {
                Ok(_) => {}
                Err(error) if is_missing(&error) => return Ok(PutBack::Already),
                Err(error) => return Err(error),
            }
        }
        let gone = async {
            loop {
                match api.get_opt(&self.name).await? {
                    Some(still) if still.uid() == uid => {}
                    _ => return Ok(PutBack::Done),
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        tokio::time::timeout(GONE_WITHIN, gone).await.unwrap_or_else(|_| {
            let text = format!("{} was deleted and is still there", self.called());
            let kept = object.finalizers().join(", ");
            Ok(PutBack::Lingers(if kept.is_empty() { text } else { format!("{text}, kept by {kept}") }))
        })
    }
}

impl Taint {
    /// Whether an element of a node's taints stands where this one does: no two have the same key and effect.
    fn is_at(&self, element: &Value) -> bool {
        let is = |field: &str, wanted: &str| element.get(field).and_then(Value::as_str) == Some(wanted);
        is("key", &self.key) && is("effect", &self.effect)
    }
}

fn is_object(now: &Value, uid: &str) -> bool {
    now.pointer("/metadata/uid").and_then(Value::as_str) == Some(uid)
}

fn taints(node: &Value) -> Vec<Value> {
    node.pointer(TAINTS).and_then(Value::as_array).cloned().unwrap_or_default()
}

const TAINTS: &str = "/spec/taints";

/// What a field is set to. A scale leaves a count of zero out, so that there nothing is zero.
fn set(value: Option<&Value>, subresource: Option<&str>) -> Option<Value> {
    let value = value.filter(|value| !value.is_null()).cloned();
    if subresource.is_some() { value.or_else(|| Some(json!(0))) } else { value }
}

/// A patch of a field that fails where anybody has written the object since it was read. Testing the field itself would not do:
/// one that is left out cannot be tested, and a list is written as a whole.
fn unchanged_since(read: &Value, path: &str, to: Option<&Value>) -> Value {
    let was = |path: &str| read.pointer(path).cloned().unwrap_or_default();
    json!([
        { "op": "test", "path": "/metadata/uid", "value": was("/metadata/uid") },
        { "op": "test", "path": "/metadata/resourceVersion", "value": was("/metadata/resourceVersion") },
        match to {
            Some(to) => json!({ "op": "add", "path": path, "value": to }),
            None => json!({ "op": "remove", "path": path }),
        },
    ])
}

/// Whether a patch was refused because something is not as it tested. The API server says 422 for it, and for nothing else
/// that such a patch could do; 409 where another write came between its own look and its write.
fn is_test_failed(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if matches!(status.code, 409 | 422))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_tests_that_nobody_has_written_the_object_since() {
        let read = json!({ "metadata": { "uid": "u-1", "resourceVersion": "7" }, "spec": {} });
        let patch = unchanged_since(&read, "/spec/replicas", Some(&json!(4)));
        assert_eq!(patch[1], json!({ "op": "test", "path": "/metadata/resourceVersion", "value": "7" }));
        assert_eq!(patch[2], json!({ "op": "add", "path": "/spec/replicas", "value": 4 }));
        let patch = unchanged_since(&read, "/spec/unschedulable", None);
        assert_eq!(patch[2], json!({ "op": "remove", "path": "/spec/unschedulable" }));
    }

    #[test]
    fn a_scale_that_leaves_its_count_out_has_none() {
        assert_eq!(set(None, Some("scale")), Some(json!(0)));
        assert_eq!(set(Some(&json!(3)), Some("scale")), Some(json!(3)));
        assert_eq!(set(None, None), None);
        assert_eq!(set(Some(&Value::Null), None), None);
    }
}
