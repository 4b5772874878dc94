//! Undo records: what was changed in a cluster, written there before it is changed, so that anybody can put it back.
//!
//! A record lists the changes of a fault; `change.rs` says what each can be and how it is put back.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};

use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::{Client, ResourceExt};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::change::{Change, PutBack};
use super::cluster::{is_missing, said};
use super::names::{MANAGED_BY, MANAGER, RUN, undo_map};

/// Everything that a fault changes.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Record {
    /// In the order in which it is done; undone backwards.
    pub changes: Vec<Change>,
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
                Ok(PutBack::Lingers(why)) => left.push(why),
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
    use super::super::change::Edit;
    use super::*;

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
