//! Faults: what each changes, put into its record first, and how it is done.

use k8s_openapi::api::core::v1::Pod;
use kube::Client;
use kube::api::{Api, DeleteParams, Preconditions};
use serde_json::json;

use crate::history::{Intent, IntentAction};
use crate::world::WorldError;

use super::cluster::{is_missing, said};
use super::observer::Pods;
use super::undo::{Change, Edit, Record};
use super::workload::Found;

/// One group, ready to be acted on.
pub(super) struct Hand<'a> {
    pub(super) client: &'a Client,
    pub(super) found: &'a Found,
    pub(super) pods: &'a Pods,
}

impl Hand<'_> {
    /// What a fault is about to change.
    ///
    /// # Errors
    /// What is there now cannot be read, so it could not be put back.
    pub(super) async fn record(&self, intent: &Intent) -> Result<Record, WorldError> {
        let changes = match &intent.action {
            // Whoever owns the pods replaces them; nothing of it is to undo.
            IntentAction::Terminate { .. } => Vec::new(),
            IntentAction::Lose { .. } => vec![self.count(0).await?],
            _ => return Err(WorldError("this world cannot do that yet".into())),
        };
        Ok(Record { changes })
    }

    /// Setting the count of the workload.
    async fn count(&self, to: u32) -> Result<Change, WorldError> {
        let api = self.found.api(self.client);
        let scale = api.get_scale(&self.found.name).await.map_err(|error| {
            WorldError(format!("cannot read the scale of {}: {}", self.found.called(), said(&error)))
        })?;
        let before = scale.spec.and_then(|spec| spec.replicas);
        Ok(Change {
            api_version: self.found.resource.api_version.clone(),
            kind: self.found.resource.kind.clone(),
            plural: self.found.resource.plural.clone(),
            namespace: Some(self.found.namespace.clone()),
            name: self.found.name.clone(),
            edit: Edit::Set {
                uid: scale.metadata.uid.unwrap_or_default(),
                path: "/spec/replicas".to_owned(),
                subresource: Some("scale".to_owned()),
                before: before.map(|before| json!(before)),
                written: json!(to),
            },
        })
    }

    /// Does what was recorded.
    ///
    /// # Errors
    /// What the API server said; some of it may have happened.
    pub(super) async fn inject(&self, intent: &Intent, record: &Record) -> Result<String, WorldError> {
        for change in &record.changes {
            let done = change.apply(self.client).await;
            let called = change.called();
            match done {
                Ok(true) => {}
                Ok(false) => {
                    return Err(WorldError(format!(
                        "{called} is not any more as it was when its undo was recorded"
                    )));
                }
                Err(error) => return Err(WorldError(format!("cannot change {called}: {}", said(&error)))),
            }
        }
        match &intent.action {
            IntentAction::Terminate { instances, kill, .. } => {
                let grace_s = kill.then_some(0);
                self.delete(&intent.group, instances, grace_s).await?;
                let how = if *kill { "without grace" } else { "with their grace" };
                Ok(format!("deleted {how}: {}", instances.join(", ")))
            }
            IntentAction::Lose { instances, .. } => {
                self.delete(&intent.group, instances, Some(0)).await?;
                Ok(format!("{} set to 0 and its pods deleted without grace", self.found.called()))
            }
            _ => Err(WorldError("this world cannot do that yet".into())),
        }
    }

    /// Deletes the pods of instances, and no others of their names.
    async fn delete(
        &self,
        group: &str,
        instances: &[String],
        grace_s: Option<u32>,
    ) -> Result<(), WorldError> {
        let api: Api<Pod> = Api::namespaced(self.client.clone(), &self.found.namespace);
        let mut failed = Vec::new();
        for instance in instances {
            let known = {
                let pods = self.pods.lock().expect("nobody panics with the pods in hand");
                pods.get(group)
                    .and_then(|own| own.pod(instance))
                    .map(|(pod, uid)| (pod.to_owned(), uid.to_owned()))
            };
            // One that is gone already needs no end.
            let Some((pod, uid)) = known else { continue };
            let own = Preconditions { uid: Some(uid), resource_version: None };
            let params =
                DeleteParams { grace_period_seconds: grace_s, ..DeleteParams::default() }.preconditions(own);
            match api.delete(&pod, &params).await {
                Ok(_) => {}
                Err(error) if is_missing(&error) => {}
                Err(error) => failed.push(format!("{pod}: {}", said(&error))),
            }
        }
        if failed.is_empty() {
            Ok(())
        } else {
            Err(WorldError(format!("cannot delete {}", failed.join("; "))))
        }
    }
}
