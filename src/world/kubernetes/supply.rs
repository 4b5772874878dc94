//! Pods as instances: where each is in its life, and whether it belongs to the group at all.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use k8s_openapi::api::apps::v1::ReplicaSet;
use kube::api::Api;
use kube::{Client, ResourceExt};

use crate::history::{InstanceChange, InstanceState};
use crate::scenario::Price;

use super::views::PodView;
use super::workload::Found;

/// Decides which pods are a group's own. A selector alone does not: another workload's pods may match it too.
pub(super) struct Owners {
    uid: String,
    sets: Api<ReplicaSet>,
    /// What is known of the ReplicaSets between workload and pod, by their UID.
    known: HashMap<String, bool>,
}

impl Owners {
    pub(super) fn of(found: &Found, client: &Client) -> Self {
        let sets = Api::namespaced(client.clone(), &found.namespace);
        Self { uid: found.uid.clone(), sets, known: HashMap::new() }
    }

    /// Whether the workload owns a pod, directly or through a ReplicaSet.
    pub(super) async fn own(&mut self, pod: &PodView) -> bool {
        let Some(owner) =
            pod.metadata.owner_references.iter().flatten().find(|owner| owner.controller == Some(true))
        else {
            return false;
        };
        if owner.uid == self.uid {
            return true;
        }
        if owner.kind != "ReplicaSet" {
            return false;
        }
        if let Some(known) = self.known.get(&owner.uid) {
            return *known;
        }
        // One that is gone already tells nothing any more; its pods are on their way out as well.
        let Ok(Some(set)) = self.sets.get_metadata_opt(&owner.name).await else { return false };
        let own = set.owner_references().iter().any(|above| above.uid == self.uid);
        self.known.insert(owner.uid.clone(), own);
        own
    }
}

/// The instances of a group as they were last told.
#[derive(Debug, Default)]
pub(super) struct Instances {
    /// By the pod's UID: a StatefulSet gives the same name again and again.
    told: BTreeMap<String, Told>,
    /// How often a name was given.
    names: BTreeMap<String, u32>,
    /// Zones of the nodes, where anything asks for them.
    zones: BTreeMap<String, String>,
    /// Whether a fault goes by labels.
    with_labels: bool,
}

#[derive(Debug, Clone)]
struct Told {
    instance: String,
    pod: String,
    state: InstanceState,
    node: Option<String>,
    finalizers: Vec<String>,
}

impl Instances {
    /// None yet; with their labels from then on, if a fault goes by them.
    pub(super) fn new(with_labels: bool) -> Self {
        Self { with_labels, ..Self::default() }
    }

    /// A node is in a zone. Returns what that says of the instances there.
    pub(super) fn zoned(&mut self, group: &str, node: &str, zone: &str) -> Vec<InstanceChange> {
        if self.zones.insert(node.to_owned(), zone.to_owned()).as_deref() == Some(zone) {
            return Vec::new();
        }
        let there = self.told.values().filter(|told| told.node.as_deref() == Some(node));
        let change = |told: &Told| InstanceChange {
            zone: Some(zone.to_owned()),
            ..InstanceChange::new(group, told.instance.clone(), told.state)
        };
        there.map(change).collect()
    }

    /// All pods that there are: what is missing went unseen.
    pub(super) fn all(
        &mut self,
        group: &str,
        pods: &[PodView],
        price: Option<&Price>,
    ) -> Vec<InstanceChange> {
        let uids: BTreeSet<String> = pods.iter().map(|pod| pod.uid().unwrap_or_default()).collect();
        let lost: Vec<String> = self.told.keys().filter(|uid| !uids.contains(*uid)).cloned().collect();
        let mut changes: Vec<InstanceChange> =
            lost.iter().filter_map(|uid| self.gone(group, uid, "not in the list any more")).collect();
        changes.extend(pods.iter().filter_map(|pod| self.applied(group, pod, price)));
        changes
    }

    /// A pod is new or has changed.
    pub(super) fn applied(
        &mut self,
        group: &str,
        pod: &PodView,
        price: Option<&Price>,
    ) -> Option<InstanceChange> {
        let uid = pod.uid()?;
        let known = self.told.get(&uid).cloned();
        let Some((state, reason)) = state(pod, known.as_ref().map(|told| told.state)) else {
            return self.gone(group, &uid, &ended(pod));
        };
        let finalizers = match state {
            InstanceState::Terminating => pod.finalizers().to_vec(),
            _ => Vec::new(),
        };
        if known.as_ref().is_some_and(|told| told.state == state && told.finalizers == finalizers) {
            return None;
        }
        let was_on = known.as_ref().and_then(|told| told.node.clone());
        let node = pod.spec.node_name.clone();
        let told = match known {
            Some(told) => Told { state, node: node.clone(), finalizers: finalizers.clone(), ..told },
            None => {
                let pod = pod.name_any();
                let (node, finalizers) = (node.clone(), finalizers.clone());
                Told { instance: self.name(&pod), pod, state, node, finalizers }
            }
        };
        let is_new = self.told.insert(uid, told.clone()).is_none();
        // Said once: a pod stays on its node.
        let node = node.filter(|_| was_on.is_none());
        let grace_s = pod.metadata.deletion_grace_period_seconds.unwrap_or(0);
        Some(InstanceChange {
            price: price.filter(|_| is_new).cloned(),
            grace_us: (state == InstanceState::Terminating)
                .then(|| u64::try_from(grace_s).unwrap_or(0) * 1_000_000),
            finalizers,
            reason,
            zone: node.as_ref().and_then(|node| self.zones.get(node).cloned()),
            node,
            labels: if is_new && self.with_labels { pod.labels().clone() } else { BTreeMap::new() },
            ..InstanceChange::new(group, told.instance, state)
        })
    }

    /// A pod is gone.
    pub(super) fn deleted(&mut self, group: &str, pod: &PodView) -> Option<InstanceChange> {
        self.gone(group, &pod.uid()?, "deleted")
    }

    fn gone(&mut self, group: &str, uid: &str, reason: &str) -> Option<InstanceChange> {
        let told = self.told.remove(uid)?;
        Some(InstanceChange {
            reason: reason.to_owned(),
            ..InstanceChange::new(group, told.instance, InstanceState::Gone)
        })
    }

    /// The pod of an instance: name and UID.
    pub(super) fn pod(&self, instance: &str) -> Option<(&str, &str)> {
        let mut told = self.told.iter();
        told.find(|(_, told)| told.instance == instance).map(|(uid, told)| (told.pod.as_str(), uid.as_str()))
    }

    /// How many are ready.
    pub(super) fn ready(&self) -> u32 {
        let ready = self.told.values().filter(|told| told.state == InstanceState::Ready).count();
        u32::try_from(ready).unwrap_or(u32::MAX)
    }

    /// How many exist and do not end.
    pub(super) fn staying(&self) -> u32 {
        let staying = self.told.values().filter(|told| told.state != InstanceState::Terminating).count();
        u32::try_from(staying).unwrap_or(u32::MAX)
    }

    /// Names of its pods.
    pub(super) fn pods(&self) -> impl Iterator<Item = &str> {
        self.told.values().map(|told| told.pod.as_str())
    }

    /// A name that no other instance of the run has.
    fn name(&mut self, pod: &str) -> String {
        let times = self.names.entry(pod.to_owned()).or_default();
        *times += 1;
        if *times == 1 { pod.to_owned() } else { format!("{pod}~{times}") }
    }
}

/// Where a pod is in its life, and why; `None` where it has ended.
fn state(pod: &PodView, before: Option<InstanceState>) -> Option<(InstanceState, String)> {
    // First: one whose processes have ended is not gone as long as a finalizer keeps it.
    if pod.metadata.deletion_timestamp.is_some() {
        return Some((InstanceState::Terminating, String::new()));
    }
    let phase = pod.status.phase.as_deref().unwrap_or("Pending");
    if matches!(phase, "Failed" | "Succeeded") {
        return None;
    }
    if pod.is("Ready") {
        return Some((InstanceState::Ready, String::new()));
    }
    let was_ready = matches!(before, Some(InstanceState::Ready | InstanceState::Unready));
    if was_ready {
        return Some((InstanceState::Unready, String::new()));
    }
    if pod.spec.node_name.is_some() {
        return Some((InstanceState::Starting, String::new()));
    }
    let scheduled = pod.status.conditions.iter().find(|condition| condition.kind == "PodScheduled");
    let why = scheduled.and_then(|condition| condition.reason.clone()).unwrap_or_default();
    Some((InstanceState::Pending, why))
}

/// Why a pod has ended that is still listed.
fn ended(pod: &PodView) -> String {
    let phase = pod.status.phase.as_deref().unwrap_or("ended");
    match &pod.status.reason {
        Some(reason) => format!("{phase}: {reason}"),
        None => phase.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(name: &str, uid: &str, more: serde_json::Value) -> PodView {
        let mut pod =
            serde_json::json!({ "metadata": { "name": name, "uid": uid }, "spec": {}, "status": {} });
        for (part, fields) in more.as_object().unwrap() {
            pod[part].as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        }
        serde_json::from_value(pod).unwrap()
    }

    fn ready(is: &str) -> serde_json::Value {
        serde_json::json!({
            "spec": { "nodeName": "a" },
            "status": { "phase": "Running", "conditions": [{ "type": "Ready", "status": is }] },
        })
    }

    #[test]
    fn the_life_of_a_pod_is_told_once_a_state() {
        let mut instances = Instances::default();
        let mut told = Vec::new();
        let terminating = serde_json::json!({ "metadata": { "deletionTimestamp": "2026-11-24T10:00:00Z", "deletionGracePeriodSeconds": 30 } });
        for more in [
            serde_json::json!({}),
            serde_json::json!({ "spec": { "nodeName": "a" } }),
            ready("False"),
            ready("True"),
            ready("True"),
            ready("False"),
            terminating,
        ] {
            told.extend(instances.applied("web", &pod("web-0", "u1", more), None));
        }
        told.extend(instances.deleted("web", &pod("web-0", "u1", serde_json::json!({}))));
        let states: Vec<InstanceState> = told.iter().map(|change| change.state).collect();
        use InstanceState::*;
        assert_eq!(states, [Pending, Starting, Ready, Unready, Terminating, Gone]);
        assert_eq!(told[4].grace_us, Some(30_000_000));
    }

    #[test]
    fn node_zone_and_labels_are_told_once_they_are_known() {
        let mut instances = Instances::new(true);
        let labelled = serde_json::json!({ "metadata": { "labels": { "tier": "web" } } });
        let first = instances.applied("web", &pod("web-0", "u1", labelled), None).unwrap();
        assert_eq!((first.node, first.labels["tier"].as_str()), (None, "web"));
        let bound = instances.applied("web", &pod("web-0", "u1", ready("True")), None).unwrap();
        assert_eq!((bound.node.as_deref(), bound.zone, bound.labels.len()), (Some("a"), None, 0));
        let zoned = instances.zoned("web", "a", "zone-1");
        assert_eq!((zoned.len(), zoned[0].zone.as_deref()), (1, Some("zone-1")));
        assert_eq!(zoned[0].state, InstanceState::Ready);
        assert!(instances.zoned("web", "a", "zone-1").is_empty(), "said once");
        let next = instances.applied("web", &pod("web-1", "u2", ready("True")), None).unwrap();
        assert_eq!((next.node.as_deref(), next.zone.as_deref()), (Some("a"), Some("zone-1")));
    }

    #[test]
    fn a_name_given_again_is_another_instance() {
        let mut instances = Instances::default();
        let first = instances.applied("web", &pod("web-0", "u1", ready("True")), None).unwrap();
        instances.deleted("web", &pod("web-0", "u1", serde_json::json!({})));
        let second = instances.applied("web", &pod("web-0", "u2", ready("True")), None).unwrap();
        assert_eq!((first.instance.as_str(), second.instance.as_str()), ("web-0", "web-0~2"));
        assert_eq!(instances.pod("web-0~2"), Some(("web-0", "u2")));
    }

    #[test]
    fn what_is_missing_from_a_list_is_gone_and_so_is_what_failed() {
        let mut instances = Instances::default();
        instances.all("web", &[pod("a", "1", ready("True")), pod("b", "2", ready("True"))], None);
        assert_eq!(instances.ready(), 2);
        let changes = instances.all("web", &[pod("a", "1", ready("True"))], None);
        assert_eq!((changes.len(), changes[0].instance.as_str()), (1, "b"));
        let evicted = serde_json::json!({ "status": { "phase": "Failed", "reason": "Evicted" } });
        let change = instances.applied("web", &pod("a", "1", evicted), None).unwrap();
        assert_eq!((change.state, change.reason.as_str()), (InstanceState::Gone, "Failed: Evicted"));
    }
}
