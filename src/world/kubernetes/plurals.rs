//! Names of kinds in the API: those that every cluster has, and those that only the cluster knows.

use std::collections::BTreeMap;

use crate::plan::Plan;
use crate::scenario::{FaultAction, KubernetesTarget};

use super::cluster::{accesses, connect};
use super::preflight::{Plurals, named};
use super::workload::discover;

/// Kinds that can be scaled and that every cluster has: kind, API group and plural name.
const SCALABLE: [(&str, &str, &str); 4] = [
    ("Deployment", "apps", "deployments"),
    ("StatefulSet", "apps", "statefulsets"),
    ("ReplicaSet", "apps", "replicasets"),
    ("ReplicationController", "", "replicationcontrollers"),
];

/// The names of what a plan is about, where no cluster has to be asked for them.
pub fn known_plurals(target: &KubernetesTarget, plan: &Plan) -> Option<Plurals> {
    if plan.faults.iter().any(|fault| matches!(fault.action, FaultAction::Manifest { .. })) {
        return None;
    }
    let mut plurals = Plurals::default();
    for (name, group) in &target.groups {
        let kind = &group.workload.as_ref()?.kind;
        let (_, api, plural) = SCALABLE.iter().find(|(known, ..)| known.eq_ignore_ascii_case(kind))?;
        plurals.workloads.insert(name.clone(), ((*api).to_owned(), (*plural).to_owned()));
    }
    Some(plurals)
}

/// The same, from the clusters themselves.
///
/// # Errors
/// A cluster cannot be asked, or has no such kind.
pub async fn ask_plurals(target: &KubernetesTarget, plan: &Plan) -> Result<Plurals, String> {
    let mut discoveries = BTreeMap::new();
    for access in accesses(target) {
        let client = connect(&access).await?;
        let discovery = discover(&client, &access).await?;
        discoveries.insert(access, discovery);
    }
    named(target, plan, &discoveries).map(|(plurals, _)| plurals)
}
