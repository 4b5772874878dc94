//! What is done to nodes: cordons, taints, and the end of what runs there, for as long as the fault lasts.

use std::collections::BTreeSet;
use std::time::Duration;

use kube::api::{Api, ListParams};
use kube::{Client, ResourceExt};
use serde_json::json;
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::{Instant, sleep, sleep_until};

use crate::history::NodeFault;
use crate::world::WorldError;
use crate::world::kubernetes::change::{Change, Edit, Taint};
use crate::world::kubernetes::cluster::{Reach, said};
use crate::world::kubernetes::names::RECLAIM;
use crate::world::kubernetes::nodes::{may_be_struck, strangers};
use crate::world::kubernetes::observer::Told;
use crate::world::kubernetes::task::Task;
use crate::world::kubernetes::views::{NodeView, PodView};

use super::pods::{Evicted, delete, evict};
use super::{Done, Hand};

/// Between two rounds of evictions or kills.
const ROUND: Duration = Duration::from_millis(500);

impl Hand<'_> {
    /// What a fault on nodes changes of them.
    ///
    /// # Errors
    /// One of them must not be struck.
    pub(super) async fn on_nodes(&self, how: NodeFault, names: &[String]) -> Result<Vec<Change>, WorldError> {
        let nodes = may_be_struck(self.client(), names, &self.reach.namespaces).await.map_err(WorldError)?;
        Ok(nodes.iter().map(|node| self.taken_out(how, node)).collect())
    }

    /// What keeps new pods away from a node: a cordon, or the taint that a provider's notice is.
    fn taken_out(&self, how: NodeFault, node: &NodeView) -> Change {
        let uid = node.uid().unwrap_or_default();
        let edit = match how {
            NodeFault::Drain | NodeFault::Outage => Edit::Set {
                uid,
                path: "/spec/unschedulable".to_owned(),
                subresource: None,
                before: None,
                written: json!(true),
            },
            NodeFault::Reclaim { .. } => Edit::Taint {
                uid,
                taint: Taint {
                    key: RECLAIM.to_owned(),
                    value: self.run.to_owned(),
                    effect: "NoSchedule".to_owned(),
                },
            },
        };
        Change {
            api_version: "v1".to_owned(),
            kind: "Node".to_owned(),
            plural: "nodes".to_owned(),
            namespace: None,
            name: node.name_any(),
            edit,
        }
    }

    /// Ends what runs on nodes that take nothing new any more, and goes on until the fault is healed.
    pub(super) async fn strike(
        &self,
        fault: &str,
        how: NodeFault,
        nodes: &[String],
    ) -> Result<Done, WorldError> {
        // Something may have come between the look and the cordon; nothing more comes now.
        for node in nodes {
            if let Some(why) =
                strangers(self.client(), node, &self.reach.namespaces).await.map_err(WorldError)?
            {
                return Err(WorldError(why));
            }
        }
        let mut rounds = Rounds {
            fault: fault.to_owned(),
            nodes: nodes.to_vec(),
            reach: self.reach.clone(),
            told: self.told.clone(),
            noted: BTreeSet::new(),
        };
        let named = nodes.join(", ");
        match how {
            NodeFault::Drain => {
                let waiting = rounds.evict_all().await.map_err(WorldError)?;
                let said = match waiting {
                    0 => format!("cordoned {named}; every pod there is evicted"),
                    n => format!("cordoned {named}; {n} evictions are refused by now, and asked for again"),
                };
                let goes_on = Task::start(async move {
                    loop {
                        sleep(ROUND).await;
                        let round = rounds.evict_all().await;
                        rounds.note_failure(round.err());
                    }
                });
                Ok(Done { said, goes_on: Some(goes_on) })
            }
            NodeFault::Outage => {
                let killed = rounds.kill_all().await.map_err(WorldError)?;
                let said = format!("cordoned {named}, and {killed} pods there deleted without grace");
                let goes_on = Task::start(async move { rounds.kill_on().await });
                Ok(Done { said, goes_on: Some(goes_on) })
            }
            NodeFault::Reclaim { notice_us } => {
                let notice = Duration::from_micros(notice_us);
                let end = Instant::now() + notice;
                let asked = rounds.ask_all(notice).await.map_err(WorldError)?;
                let goes_on = Task::start(async move {
                    sleep_until(end).await;
                    rounds.kill_on().await;
                });
                let said = format!(
                    "tainted {named}, and {asked} pods there deleted with their grace; what is left in {} s is killed",
                    notice.as_secs_f64()
                );
                Ok(Done { said, goes_on: Some(goes_on) })
            }
        }
    }
}

/// What is done again and again to the pods on nodes.
struct Rounds {
    fault: String,
    nodes: Vec<String>,
    reach: Reach,
    told: UnboundedSender<Told>,
    /// What was said already.
    noted: BTreeSet<String>,
}

impl Rounds {
    /// Evicts every pod of ours that may be evicted. Returns how many still are to be.
    async fn evict_all(&mut self) -> Result<usize, String> {
        let mut waiting = 0;
        for pod in self.pods().await? {
            // A DaemonSet would put another in its place at once: such pods stay, as `kubectl drain` has it.
            if pod.is_of_node() || pod.metadata.deletion_timestamp.is_some() {
                continue;
            }
            let (namespace, name) = (pod.namespace().unwrap_or_default(), pod.name_any());
            let uid = pod.uid().unwrap_or_default();
            match evict(&self.reach.once, &namespace, &name, &uid).await {
                Evicted::Yes => {}
                Evicted::Refused(why) => {
                    waiting += 1;
                    let text = format!("{}: the eviction of {name} is refused for now: {why}", self.fault);
                    self.note(name, "budget-refuses", text);
                }
                Evicted::Failed(why) => {
                    waiting += 1;
                    let text = format!("{}: cannot evict {name}: {why}", self.fault);
                    self.note(name, "not-evicted", text);
                }
            }
        }
        Ok(waiting)
    }

    /// Deletes every pod of ours with its grace, or with the notice where that is shorter: as a kubelet does of a node that
    /// shuts down. No budget is asked, as no provider asks one. Returns how many.
    async fn ask_all(&mut self, notice: Duration) -> Result<usize, String> {
        let mut asked = 0;
        for pod in self.pods().await? {
            if pod.metadata.deletion_timestamp.is_some() {
                continue;
            }
            let notice_s = u32::try_from(notice.as_secs()).unwrap_or(u32::MAX);
            let grace_s = pod.spec.termination_grace_period_seconds.min(notice_s);
            self.delete(&pod, grace_s).await?;
            asked += 1;
        }
        Ok(asked)
    }

    async fn delete(&self, pod: &PodView, grace_s: u32) -> Result<(), String> {
        let (namespace, name) = (pod.namespace().unwrap_or_default(), pod.name_any());
        let uid = pod.uid().unwrap_or_default();
        let deleted = delete(&self.reach.client, &namespace, &name, &uid, Some(grace_s)).await;
        deleted.map_err(|why| format!("cannot delete {name}: {why}"))
    }

    /// Kills whatever is there, over and over.
    async fn kill_on(mut self) {
        loop {
            let round = self.kill_all().await;
            self.note_failure(round.err());
            sleep(ROUND).await;
        }
    }

    /// Deletes every pod of ours without grace. Returns how many.
    async fn kill_all(&mut self) -> Result<usize, String> {
        let mut killed = 0;
        for pod in self.pods().await? {
            // What was deleted so already has its end before it.
            if pod.metadata.deletion_timestamp.is_some()
                && pod.metadata.deletion_grace_period_seconds == Some(0)
            {
                continue;
            }
            self.delete(&pod, 0).await?;
            killed += 1;
        }
        Ok(killed)
    }

    /// Every pod on the nodes that is in a namespace of ours and has not ended.
    async fn pods(&self) -> Result<Vec<PodView>, String> {
        let mut pods = Vec::new();
        for namespace in &self.reach.namespaces {
            for node in &self.nodes {
                pods.extend(on_node(&self.reach.client, namespace, node).await?);
            }
        }
        pods.retain(|pod| !pod.is_finished());
        Ok(pods)
    }

    /// Says something once.
    fn note(&mut self, about: String, code: &'static str, text: String) {
        if self.noted.insert(format!("{code} {about}")) {
            let _ = self.told.send(Told::Note(code, text));
        }
    }

    fn note_failure(&mut self, why: Option<String>) {
        if let Some(why) = why {
            let text = format!("{}: {why}; it is tried again", self.fault);
            self.note(why, "fault-falters", text);
        }
    }
}

async fn on_node(client: &Client, namespace: &str, node: &str) -> Result<Vec<PodView>, String> {
    let api: Api<PodView> = Api::namespaced(client.clone(), namespace);
    let there = ListParams::default().fields(&format!("spec.nodeName={node}"));
    let pods = api.list(&there).await;
    pods.map(|pods| pods.items)
        .map_err(|error| format!("cannot list the pods on node {node}: {}", said(&error)))
}
