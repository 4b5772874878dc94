//! Faults: what each changes, put into its record first, and how it is done.

mod nodes;
mod objects;
mod pods;

use kube::Client;
use serde_json::json;
use tokio::sync::mpsc::UnboundedSender;

use crate::history::{Intent, IntentAction};
use crate::scenario::FaultAction;
use crate::world::WorldError;

use super::change::{Change, Edit};
use super::cluster::{Reach, said};
use super::observer::{Pods, Told};
use super::sightings::Expected;
use super::task::Task;
use super::undo::Record;
use super::workload::Found;

/// What the plan says of a fault beyond its intent.
#[derive(Debug, Clone)]
pub(super) struct Planned {
    pub(super) action: FaultAction,
    /// What it creates, as far as that is known ahead.
    pub(super) creates: Vec<Change>,
}

/// One group, ready to be acted on.
pub(super) struct Hand<'a> {
    /// What the cluster calls the run.
    pub(super) run: &'a str,
    pub(super) reach: &'a Reach,
    pub(super) found: &'a Found,
    pub(super) pods: &'a Pods,
    pub(super) planned: &'a Planned,
    pub(super) told: &'a UnboundedSender<Told>,
}

/// A fault that was injected.
pub(super) struct Done {
    /// What was done.
    pub(super) said: String,
    /// What goes on being done until it is healed.
    pub(super) goes_on: Option<Task>,
}

impl Done {
    fn at_once(said: String) -> Self {
        Self { said, goes_on: None }
    }
}

impl Hand<'_> {
    fn client(&self) -> &Client {
        &self.reach.client
    }

    /// What a fault is about to change.
    ///
    /// # Errors
    /// What is there now cannot be read, so it could not be put back; or it must not be changed.
    pub(super) async fn record(&self, intent: &Intent) -> Result<Record, WorldError> {
        let changes = match &intent.action {
            // Whoever owns the pods replaces them; nothing of it is to undo.
            IntentAction::Terminate { .. } => Vec::new(),
            IntentAction::Lose { .. } => vec![self.count(0).await?],
            IntentAction::Scale { to, .. } => {
                let change = self.count(*to).await?;
                if matches!(&change.edit, Edit::Set { before, written, .. } if before.as_ref() == Some(written))
                {
                    let text = format!("{} has a count of {to} already", self.found.called());
                    return Err(WorldError(text));
                }
                vec![change]
            }
            IntentAction::Partition { .. } => vec![self.cut_off(&intent.fault).await?],
            IntentAction::Nodes { how, nodes, .. } => self.on_nodes(*how, nodes).await?,
            IntentAction::Manifest { .. } => self.creates().await?,
        };
        Ok(Record { changes })
    }

    /// Setting the count of the workload.
    async fn count(&self, to: u32) -> Result<Change, WorldError> {
        let api = self.found.api(self.client());
        let scale = api.get_scale(&self.found.name).await.map_err(|error| {
            WorldError(format!("cannot read the scale of {}: {}", self.found.called(), said(&error)))
        })?;
        // A scale leaves a count of 0 out.
        let before = scale.spec.and_then(|spec| spec.replicas).unwrap_or(0);
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
                before: Some(json!(before)),
                written: json!(to),
            },
        })
    }

    /// Does what was recorded.
    ///
    /// # Errors
    /// What the API server said; some of it may have happened.
    pub(super) async fn inject(&self, intent: &Intent, record: &Record) -> Result<Done, WorldError> {
        // Whatever the answer is: it counts as injected, so its effect is looked for.
        self.expect(intent);
        for change in &record.changes {
            let done = change.apply(self.client()).await;
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
            IntentAction::Terminate { instances, evict: true, .. } => {
                self.evict(&intent.group, instances).await?;
                Ok(Done::at_once(format!("evicted {}", instances.join(", "))))
            }
            IntentAction::Terminate { instances, kill, .. } => {
                let grace_s = kill.then_some(0);
                self.delete(&intent.group, instances, grace_s).await?;
                let how = if *kill { "without grace" } else { "with their grace" };
                Ok(Done::at_once(format!("deleted {how}: {}", instances.join(", "))))
            }
            IntentAction::Lose { instances, .. } => {
                self.delete(&intent.group, instances, Some(0)).await?;
                let called = self.found.called();
                Ok(Done::at_once(format!("{called} set to 0 and its pods deleted without grace")))
            }
            IntentAction::Scale { to, .. } => {
                Ok(Done::at_once(format!("{} set to {to}", self.found.called())))
            }
            IntentAction::Partition { .. } => self.isolate(record).await,
            IntentAction::Nodes { how, nodes, .. } => self.strike(&intent.fault, *how, nodes).await,
            IntentAction::Manifest { .. } => self.create(&intent.fault, record).await,
        }
    }

    /// Asks whoever watches to say when the effect shows. Of ended instances the watches tell anyway.
    fn expect(&self, intent: &Intent) {
        let expected = match &intent.action {
            IntentAction::Scale { to, .. } => Expected::Count(*to),
            IntentAction::Partition { .. } => Expected::NoAnswers,
            IntentAction::Terminate { .. }
            | IntentAction::Lose { .. }
            | IntentAction::Nodes { .. }
            // Its own status says it, which is asked for when it is created.
            | IntentAction::Manifest { .. } => return,
        };
        let _ = self.told.send(Told::Expect(intent.fault.clone(), intent.group.clone(), expected));
    }
}
