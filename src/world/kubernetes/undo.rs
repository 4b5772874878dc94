//! Undo records: what was changed in a cluster, written there before it is changed, so that anybody can put it back.
//!
//! A record names objects by UID and fields by what was there and what was written. Putting back looks whether both are still so,
//! and writes only where nobody has written since that look: whatever somebody else has changed meanwhile stays as they left it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};

use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{
    Api, ApiResource, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams, Preconditions,
};
use kube::core::GroupVersionKind;
use kube::{Client, ResourceExt};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::cluster::{is_missing, said};
use super::names::{HEALER, MANAGED_BY, MANAGER, RUN, undo_map};

/// Everything that a fault changes.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Record {
    /// In the order in which it is done; undone backwards.
    pub changes: Vec<Change>,
}

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
    /// It is created, with the label of the run.
    Create,
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
}

impl Change {
    pub(super) fn resource(&self) -> ApiResource {
        let (group, version) = self.api_version.split_once('/').unwrap_or(("", &self.api_version));
        let gvk = GroupVersionKind::gvk(group, version, &self.kind);
        ApiResource::from_gvk_with_plural(&gvk, &self.plural)
    }

    fn api(&self, client: &Client) -> Api<DynamicObject> {
        let resource = self.resource();
        match &self.namespace {
            Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
            None => Api::all_with(client.clone(), &resource),
        }
    }

    /// `Deployment/checkout`.
    pub(super) fn called(&self) -> String {
        format!("{}/{}", self.kind, self.name)
    }

    /// Makes the change, if everything is as the record says. Returns whether it was.
    pub(super) async fn apply(&self, client: &Client) -> kube::Result<bool> {
        let Edit::Set { uid, path, subresource, before, written } = &self.edit else { return Ok(true) };
        let subresource = subresource.as_deref();
        let before = set(before.as_ref(), subresource);
        for _ in 0..ATTEMPTS {
            let now = self.read(client, subresource).await?;
            if !is_object(&now, uid) || set(now.pointer(path), subresource) != before {
                return Ok(false);
            }
            let patch = unchanged_since(&now, path, Some(written));
            match self.patch(client, subresource, MANAGER, patch).await {
                Ok(()) => return Ok(true),
                Err(error) if is_test_failed(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(false)
    }

    /// Puts the change back, if nobody else has changed the same since.
    pub(super) async fn put_back(&self, client: &Client, run: &str) -> kube::Result<PutBack> {
        match &self.edit {
            Edit::Set { uid, path, subresource, before, written } => {
                self.put_back_field(client, uid, path, subresource.as_deref(), before.as_ref(), written).await
            }
            Edit::Create => self.delete_own(client, run).await,
        }
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
        Ok(PutBack::Superseded(format!("{path} of {} changes all the time", self.called())))
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

    /// Deletes what this run created; what has the name but not the label is somebody else's.
    async fn delete_own(&self, client: &Client, run: &str) -> kube::Result<PutBack> {
        let api = self.api(client);
        let Some(object) = api.get_opt(&self.name).await? else { return Ok(PutBack::Already) };
        if object.labels().get(RUN).map(String::as_str) != Some(run) {
            return Ok(PutBack::Superseded(format!("{} was not created by this run", self.called())));
        }
        if object.metadata.deletion_timestamp.is_some() {
            return Ok(PutBack::Already);
        }
        let own = Preconditions { uid: object.uid(), resource_version: None };
        match api.delete(&self.name, &DeleteParams::background().preconditions(own)).await {
            Ok(_) => Ok(PutBack::Done),
            Err(error) if is_missing(&error) => Ok(PutBack::Already),
            Err(error) => Err(error),
        }
    }
}

/// As often as somebody else may write an object between a look at it and the patch that follows.
const ATTEMPTS: u32 = 10;

fn is_object(now: &Value, uid: &str) -> bool {
    now.pointer("/metadata/uid").and_then(Value::as_str) == Some(uid)
}

/// What a field is set to. A scale leaves a count of zero out, so that there nothing is zero.
fn set(value: Option<&Value>, subresource: Option<&str>) -> Option<Value> {
    let value = value.filter(|value| !value.is_null()).cloned();
    if subresource.is_some() { value.or_else(|| Some(json!(0))) } else { value }
}

/// A patch of a field that fails where anybody has written the object since it was read. Testing the field itself would not do:
/// one that is left out cannot be tested.
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

/// The records of one run in one namespace.
pub struct Records {
    client: Client,
    maps: Api<ConfigMap>,
    run: String,
    stored: AtomicU32,
}

/// A record as it is stored.
#[derive(Serialize, Deserialize)]
struct Stored {
    /// How many were stored before it.
    order: u32,
    #[serde(flatten)]
    record: Record,
}

/// What became of the changes of a fault.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Undone {
    /// What is as before or was left to somebody else, each object in words.
    pub done: Vec<String>,
    /// What is not as before, and why. Its record stays.
    pub left: Vec<String>,
}

impl Records {
    /// Those of a run.
    pub fn of(client: &Client, namespace: &str, run: &str) -> Self {
        Self {
            client: client.clone(),
            maps: Api::namespaced(client.clone(), namespace),
            run: run.to_owned(),
            stored: AtomicU32::default(),
        }
    }

    /// The runs that have records in a namespace.
    ///
    /// # Errors
    /// What the API server said.
    pub async fn runs(client: &Client, namespace: &str) -> Result<Vec<String>, String> {
        let maps: Api<ConfigMap> = Api::namespaced(client.clone(), namespace);
        let own = ListParams::default().labels(&format!("{MANAGED_BY}={MANAGER}"));
        let maps = maps.list(&own).await.map_err(|error| said(&error))?;
        let run = |map: &ConfigMap| {
            let run = map.labels().get(RUN)?.clone();
            (map.name_any() == undo_map(&run)).then_some(run)
        };
        Ok(maps.iter().filter_map(run).collect())
    }

    /// Creates the place for them: from here on something of ours is in the namespace.
    pub(super) async fn create(&self, about: &BTreeMap<String, String>) -> Result<(), String> {
        let mut map = ConfigMap::default();
        map.metadata.name = Some(undo_map(&self.run));
        map.metadata.labels = Some(labels(&self.run));
        map.metadata.annotations = Some(about.clone());
        let params = PostParams { field_manager: Some(MANAGER.to_owned()), ..PostParams::default() };
        self.maps.create(&params, &map).await.map(drop).map_err(|error| said(&error))
    }

    /// Stores the record of a fault.
    pub(super) async fn store(&self, fault: &str, record: &Record) -> Result<(), String> {
        let order = self.stored.fetch_add(1, Ordering::Relaxed);
        let stored = Stored { order, record: record.clone() };
        let text = serde_json::to_string(&stored).expect("a record is plain data");
        self.set(fault, json!(text)).await.map_err(|error| said(&error))
    }

    async fn set(&self, fault: &str, value: Value) -> kube::Result<()> {
        let params = PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() };
        let patch = Patch::Merge(json!({ "data": { fault: value } }));
        self.maps.patch(&undo_map(&self.run), &params, &patch).await.map(drop)
    }

    /// Every record that there is, by fault, in the order in which they were stored; `None` where nothing of this run is
    /// left.
    ///
    /// # Errors
    /// What the API server said, or that a record cannot be read.
    pub async fn all(&self) -> Result<Option<Vec<(String, Record)>>, String> {
        let map = self.maps.get_opt(&undo_map(&self.run)).await.map_err(|error| said(&error))?;
        let Some(map) = map else { return Ok(None) };
        let mut records = Vec::new();
        for (fault, text) in map.data.unwrap_or_default() {
            let stored: Stored = serde_json::from_str(&text).map_err(|error| {
                format!("the record of {fault} in {} cannot be read: {error}", undo_map(&self.run))
            })?;
            records.push((stored.order, fault, stored.record));
        }
        records.sort_by_key(|(order, ..)| *order);
        Ok(Some(records.into_iter().map(|(_, fault, record)| (fault, record)).collect()))
    }

    /// Undoes one fault, and takes its record away. May be called again.
    ///
    /// # Errors
    /// What is not as before, and why. Everything else is.
    pub async fn heal(&self, fault: &str, record: &Record) -> Result<String, String> {
        let Undone { mut done, left } = self.undo(fault, record).await;
        if !left.is_empty() {
            return Err(left.join("; "));
        }
        if done.is_empty() {
            done.push("nothing had to be undone".to_owned());
        }
        Ok(done.join("; "))
    }

    /// The same, told object by object.
    pub async fn undo(&self, fault: &str, record: &Record) -> Undone {
        let Undone { mut done, mut left } = Undone::default();
        for change in record.changes.iter().rev() {
            match change.put_back(&self.client, &self.run).await {
                Ok(PutBack::Done) => done.push(format!("{} is as before", change.called())),
                Ok(PutBack::Already) => done.push(format!("{} was as before already", change.called())),
                Ok(PutBack::Superseded(why)) => done.push(format!("{SUPERSEDED}: {why}; it was left so")),
                Err(error) => left.push(format!("{}: {}", change.called(), said(&error))),
            }
        }
        if left.is_empty()
            && let Err(error) = self.set(fault, Value::Null).await
            // Somebody else has healed all of it meanwhile.
            && !is_missing(&error)
        {
            left.push(format!("its record stays: {}", said(&error)));
        }
        Undone { done, left }
    }

    /// Takes the place for the records away: nothing of them is left.
    ///
    /// # Errors
    /// What the API server said.
    pub async fn remove(&self) -> Result<(), String> {
        match self.maps.delete(&undo_map(&self.run), &DeleteParams::default()).await {
            Ok(_) => Ok(()),
            Err(error) if is_missing(&error) => Ok(()),
            Err(error) => Err(said(&error)),
        }
    }
}

/// What a heal says of whatever somebody else has changed since.
pub const SUPERSEDED: &str = "heal-superseded";

/// The labels of whatever a run creates.
pub(super) fn labels(run: &str) -> BTreeMap<String, String> {
    BTreeMap::from([(MANAGED_BY.to_owned(), MANAGER.to_owned()), (RUN.to_owned(), run.to_owned())])
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

    #[test]
    fn a_record_survives_being_written() {
        let record = Record {
            changes: vec![Change {
                api_version: "apps/v1".into(),
                kind: "Deployment".into(),
                plural: "deployments".into(),
                namespace: Some("shop".into()),
                name: "checkout".into(),
                edit: Edit::Set {
                    uid: "u".into(),
                    path: "/spec/replicas".into(),
                    subresource: Some("scale".into()),
                    before: Some(json!(4)),
                    written: json!(0),
                },
            }],
        };
        let text = serde_json::to_string(&record).unwrap();
        assert_eq!(serde_json::from_str::<Record>(&text).unwrap(), record);
        assert_eq!(record.changes[0].resource().plural, "deployments");
    }
}
