//! Undo records: what was changed in a cluster, written there before it is changed, so that anybody can put it back.
//!
//! A record names objects by UID and fields by what was there and what was written. Putting back is then a patch that tests
//! both and can do nothing else: whatever somebody else has changed meanwhile stays as they left it.

use std::collections::BTreeMap;

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
        let patch = tested(uid, path, before.as_ref(), Some(written));
        match self.patch(client, subresource.as_deref(), MANAGER, patch).await {
            Ok(()) => Ok(true),
            Err(error) if is_test_failed(&error) => Ok(false),
            Err(error) => Err(error),
        }
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
        // As often as somebody else writes between the look and the patch.
        for _ in 0..10 {
            let now = match self.read(client, subresource).await {
                Ok(now) => now,
                Err(error) if is_missing(&error) => {
                    return Ok(PutBack::Superseded(format!("{} is gone", self.called())));
                }
                Err(error) => return Err(error),
            };
            if now.pointer("/metadata/uid").and_then(Value::as_str) != Some(uid) {
                return Ok(PutBack::Superseded(format!("{} is another object by now", self.called())));
            }
            let value = now.pointer(path).filter(|value| !value.is_null());
            if value == before {
                return Ok(PutBack::Already);
            }
            if value != Some(written) {
                let value = value.map_or_else(|| "nothing".to_owned(), Value::to_string);
                let text =
                    format!("{path} of {} is {value} by now, not {written} as it was written", self.called());
                return Ok(PutBack::Superseded(text));
            }
            let patch = tested(uid, path, Some(written), before);
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

/// A patch that tests the object and what is there before it writes.
fn tested(uid: &str, path: &str, from: Option<&Value>, to: Option<&Value>) -> Value {
    let mut steps = vec![json!({ "op": "test", "path": "/metadata/uid", "value": uid })];
    if let Some(from) = from {
        steps.push(json!({ "op": "test", "path": path, "value": from }));
    }
    steps.push(match to {
        Some(to) => json!({ "op": "add", "path": path, "value": to }),
        None => json!({ "op": "remove", "path": path }),
    });
    Value::Array(steps)
}

/// Whether a patch was refused because something is not as it tested. The API server says 422 for it, and for nothing else
/// that such a patch could do.
fn is_test_failed(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 422)
}

/// The records of one run in one namespace.
#[derive(Clone)]
pub struct Records {
    client: Client,
    maps: Api<ConfigMap>,
    run: String,
}

impl Records {
    /// Those of a run.
    pub fn of(client: &Client, namespace: &str, run: &str) -> Self {
        Self { client: client.clone(), maps: Api::namespaced(client.clone(), namespace), run: run.to_owned() }
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
        let text = serde_json::to_string(record).expect("a record is plain data");
        self.set(fault, json!(text)).await.map_err(|error| said(&error))
    }

    async fn set(&self, fault: &str, value: Value) -> kube::Result<()> {
        let params = PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() };
        let patch = Patch::Merge(json!({ "data": { fault: value } }));
        self.maps.patch(&undo_map(&self.run), &params, &patch).await.map(drop)
    }

    /// Every record that there is, by fault; `None` where nothing of this run is left.
    ///
    /// # Errors
    /// What the API server said, or that a record cannot be read.
    pub async fn all(&self) -> Result<Option<BTreeMap<String, Record>>, String> {
        let map = self.maps.get_opt(&undo_map(&self.run)).await.map_err(|error| said(&error))?;
        let Some(map) = map else { return Ok(None) };
        let mut records = BTreeMap::new();
        for (fault, text) in map.data.unwrap_or_default() {
            let record = serde_json::from_str(&text).map_err(|error| {
                format!("the record of {fault} in {} cannot be read: {error}", undo_map(&self.run))
            })?;
            records.insert(fault, record);
        }
        Ok(Some(records))
    }

    /// Undoes one fault, and takes its record away. May be called again.
    ///
    /// # Errors
    /// What is not as before, and why. Everything else is.
    pub async fn heal(&self, fault: &str, record: &Record) -> Result<String, String> {
        let (mut done, mut left) = (Vec::new(), Vec::new());
        for change in record.changes.iter().rev() {
            match change.put_back(&self.client, &self.run).await {
                Ok(PutBack::Done) => done.push(format!("{} is as before", change.called())),
                Ok(PutBack::Already) => done.push(format!("{} was as before already", change.called())),
                Ok(PutBack::Superseded(why)) => done.push(format!("{SUPERSEDED}: {why}; it was left so")),
                Err(error) => left.push(format!("{}: {}", change.called(), said(&error))),
            }
        }
        if !left.is_empty() {
            return Err(left.join("; "));
        }
        self.set(fault, Value::Null).await.map_err(|error| format!("its record stays: {}", said(&error)))?;
        if done.is_empty() {
            done.push("nothing had to be undone".to_owned());
        }
        Ok(done.join("; "))
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
    fn a_patch_tests_the_object_and_what_is_there_before_it_writes() {
        let patch = tested("u-1", "/spec/replicas", Some(&json!(0)), Some(&json!(4)));
        let ops: Vec<&str> =
            patch.as_array().unwrap().iter().map(|step| step["op"].as_str().unwrap()).collect();
        assert_eq!(ops, ["test", "test", "add"]);
        let patch = tested("u-1", "/spec/unschedulable", Some(&json!(true)), None);
        assert_eq!(patch[2], json!({ "op": "remove", "path": "/spec/unschedulable" }));
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
