//! What the faults of a plan ask for before anything starts: names in the API, permissions, nodes that opted in.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::Discovery;
use kube::ResourceExt;
use kube::api::{Api, ListParams};
use kube::core::discovery::Scope;
use kube::core::{GroupVersionKind, Selector, SelectorExt};
use serde_json::Value;

use crate::plan::{Plan, PlannedFault};
use crate::scenario::{Access, FaultAction, KubernetesTarget, NodeChoice, Termination};
use crate::world::kubernetes::Place;
use crate::world::kubernetes::act::Planned;
use crate::world::kubernetes::change::{Change, Edit};
use crate::world::kubernetes::cluster::said;
use crate::world::kubernetes::names::NODES_NAMESPACE;
use crate::world::kubernetes::needs::Need;
use crate::world::kubernetes::nodes::{NODE_NAME, in_zone, may_be_struck};
use crate::world::kubernetes::supply::Owners;
use crate::world::kubernetes::views::PodView;
use crate::world::kubernetes::workload::placed;

use super::{Checked, Plurals, places};

/// What the plan says of each fault, with the names that the cluster has for what it creates.
///
/// # Errors
/// A manifest has an object that cannot be created where it says.
pub(super) fn planned(
    target: &KubernetesTarget,
    plan: &Plan,
    discoveries: &BTreeMap<Access, Discovery>,
) -> Result<BTreeMap<String, Planned>, String> {
    let mut planned = BTreeMap::new();
    for fault in &plan.faults {
        let mut creates = Vec::new();
        if let FaultAction::Manifest { objects, file, .. } = &fault.action {
            let Some(place) = place_of(target, fault) else { continue };
            let there: Vec<String> = places(target)
                .into_iter()
                .filter(|other| other.access == place.access)
                .map(|other| other.namespace)
                .collect();
            for object in objects {
                let change = created(&discoveries[&place.access], object, &place.namespace, &there)
                    .map_err(|why| format!("{}: {file}: {why}", fault.id))?;
                creates.push(change);
            }
        }
        planned.insert(fault.id.clone(), Planned { action: fault.action.clone(), creates });
    }
    Ok(planned)
}

fn created(
    discovery: &Discovery,
    object: &Value,
    namespace: &str,
    namespaces: &[String],
) -> Result<Change, String> {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let (version, kind, name) = (text("/apiVersion"), text("/kind"), text("/metadata/name"));
    let (group, version_alone) = version.split_once('/').unwrap_or(("", version));
    let found = discovery.resolve_gvk(&GroupVersionKind::gvk(group, version_alone, kind));
    let Some((resource, capabilities)) = found else {
        return Err(format!("the cluster has no {kind} in {version}; is what it belongs to installed?"));
    };
    if capabilities.scope == Scope::Cluster {
        return Err(format!(
            "{kind}/{name} would belong to the whole cluster; springback creates only what belongs to a namespace"
        ));
    }
    let own = text("/metadata/namespace");
    let namespace = if own.is_empty() { namespace } else { own };
    if !namespaces.iter().any(|one| one == namespace) {
        return Err(format!(
            "{kind}/{name} is for namespace \"{namespace}\", which is none of the target's: {}",
            namespaces.join(", ")
        ));
    }
    Ok(Change {
        api_version: version.to_owned(),
        kind: kind.to_owned(),
        plural: resource.plural,
        namespace: Some(namespace.to_owned()),
        name: name.to_owned(),
        edit: Edit::Create,
    })
}

/// The plural names of what manifests create.
pub(super) fn plurals(planned: &BTreeMap<String, Planned>) -> BTreeMap<(String, String), String> {
    let created = planned.values().flat_map(|planned| &planned.creates);
    created.map(|change| ((change.api_version.clone(), change.kind.clone()), change.plural.clone())).collect()
}

/// The place that a fault acts in.
fn place_of(target: &KubernetesTarget, fault: &PlannedFault) -> Option<Place> {
    let workload = target.groups.get(fault.action.group())?.workload.as_ref()?;
    let (access, namespace) = placed(target, workload);
    Some(Place { access, namespace })
}

/// What a fault needs in the namespace of its group. `workload` is API group and plural name.
pub(super) fn needs(
    action: &FaultAction,
    namespace: &str,
    (api, plural): (&str, &str),
    plurals: &Plurals,
) -> Vec<Need> {
    let need = |group: &str, resource: &str, verb| Need::in_namespace(namespace, group, resource, verb);
    let scale = format!("{plural}/scale");
    match action {
        FaultAction::Terminate { how: Termination::Evict, .. } => {
            vec![need("", "pods/eviction", "create"), need("policy", "poddisruptionbudgets", "list")]
        }
        FaultAction::Terminate { .. } => vec![need("", "pods", "delete")],
        FaultAction::Lose { .. } => vec![need("", "pods", "delete"), need(api, &scale, "patch")],
        FaultAction::Scale { .. } => vec![need(api, &scale, "patch")],
        FaultAction::Partition { .. } => ["list", "get", "create", "delete"]
            .map(|verb| need("networking.k8s.io", "networkpolicies", verb))
            .to_vec(),
        FaultAction::Drain { .. } => vec![need("policy", "poddisruptionbudgets", "list")],
        FaultAction::Reclaim { .. } | FaultAction::Outage { .. } => Vec::new(),
        FaultAction::Manifest { objects, .. } => objects
            .iter()
            .filter_map(|object| {
                let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str);
                let (version, kind) = (text("/apiVersion")?, text("/kind")?);
                let plural = plurals.objects.get(&(version.to_owned(), kind.to_owned()))?;
                let group = version.split_once('/').map_or("", |(group, _)| group);
                let namespace = text("/metadata/namespace").unwrap_or(namespace);
                let need = |verb| Need::in_namespace(namespace, group, plural, verb);
                Some(["get", "create", "delete"].map(need))
            })
            .flatten()
            .collect(),
    }
}

/// What faults on nodes need, and those that go by zones: of the whole cluster, and in every namespace there that the run has
/// locked, because what else is on a node goes with it.
pub(super) fn needs_on_nodes(
    target: &KubernetesTarget,
    plan: &Plan,
    needs: &mut BTreeMap<Place, BTreeSet<Need>>,
) {
    let of_cluster = |group: &str, resource: &str, verb| Need {
        namespace: None,
        group: group.to_owned(),
        resource: resource.to_owned(),
        verb,
    };
    for fault in &plan.faults {
        let Some(place) = place_of(target, fault) else { continue };
        if goes_by_zone(&fault.action) {
            let own = needs.entry(place.clone()).or_default();
            own.extend(["list", "watch"].map(|verb| of_cluster("", "nodes", verb)));
        }
        let ending: (&str, &'static str) = match &fault.action {
            FaultAction::Drain { .. } => ("pods/eviction", "create"),
            FaultAction::Reclaim { .. } | FaultAction::Outage { .. } => ("pods", "delete"),
            _ => continue,
        };
        let there = places(target).into_iter().filter(|other| other.access == place.access);
        for other in there {
            let need = Need::in_namespace(&other.namespace, "", ending.0, ending.1);
            needs.entry(other).or_default().insert(need);
        }
        let own = needs.entry(place).or_default();
        own.extend(["get", "list", "patch"].map(|verb| of_cluster("", "nodes", verb)));
        // What else is on a node has to be known, whosever it is.
        own.insert(of_cluster("", "pods", "list"));
        let lease = |verb| Need::in_namespace(NODES_NAMESPACE, "coordination.k8s.io", "leases", verb);
        own.extend(["get", "create", "patch", "delete"].map(lease));
    }
}

/// Whether the zones of nodes have to be known for a fault.
fn goes_by_zone(action: &FaultAction) -> bool {
    match action {
        FaultAction::Terminate { among, .. } => among.zone.is_some(),
        action => matches!(action.nodes(), Some(NodeChoice::Zone(_))),
    }
}

impl Checked {
    /// Looks at what the faults of a plan will strike.
    ///
    /// # Errors
    /// A node that a fault may strike must not be struck.
    pub(super) async fn look_at_faults(&mut self, plan: &Plan) -> Result<(), String> {
        let clusters = self.clusters();
        for fault in &plan.faults {
            let Some((place, _)) = self.groups.get(fault.action.group()) else { continue };
            let (place, cluster) = (*place, clusters[*place]);
            if goes_by_zone(&fault.action) && !self.zoned.contains(&cluster) {
                self.zoned.push(cluster);
            }
            if let Some(nodes) = fault.action.nodes() {
                if !self.striking.iter().any(|other| clusters[*other] == cluster) {
                    self.striking.push(place);
                }
                self.look_at_nodes(fault, nodes).await?;
            }
            let is_evicting = matches!(
                &fault.action,
                FaultAction::Drain { .. } | FaultAction::Terminate { how: Termination::Evict, .. }
            );
            if is_evicting {
                self.look_at_budgets(fault.action.group()).await?;
            }
        }
        Ok(())
    }

    /// The pods of a group.
    async fn pods_of(&self, group: &str) -> Result<Vec<PodView>, String> {
        let (place, found) = &self.groups[group];
        let client = &self.places[*place].1;
        let api: Api<PodView> = Api::namespaced(client.clone(), &found.namespace);
        let pods = api.list(&ListParams::default().labels(&found.selector)).await;
        let pods = pods.map_err(|error| format!("cannot list the pods of \"{group}\": {}", said(&error)))?;
        let mut owners = Owners::of(found, client);
        let mut own = Vec::new();
        for pod in pods {
            if !pod.is_finished() && owners.own(&pod).await {
                own.push(pod);
            }
        }
        Ok(own)
    }

    async fn look_at_nodes(&self, fault: &PlannedFault, nodes: &NodeChoice) -> Result<(), String> {
        let group = fault.action.group();
        let (place, _) = &self.groups[group];
        let (place, client) = &self.places[*place];
        if place.access == Access::InCluster && std::env::var_os(NODE_NAME).is_none() {
            return Err(format!(
                "{}: nodes are not struck by a springback that does not know which one it runs on; give it {NODE_NAME} from \
                 spec.nodeName by the downward API",
                fault.id
            ));
        }
        let holding: BTreeSet<String> =
            self.pods_of(group).await?.into_iter().filter_map(|pod| pod.spec.node_name).collect();
        let names: Vec<String> = match nodes {
            NodeChoice::Named(name) => vec![name.clone()],
            NodeChoice::Zone(zone) => {
                let there = in_zone(client, zone).await?;
                there.into_iter().filter(|node| holding.contains(node)).collect()
            }
            NodeChoice::Count { .. } => holding.into_iter().collect(),
        };
        let namespaces = &self.reaches[self.groups[group].0].namespaces;
        match may_be_struck(client, &names, namespaces).await {
            Ok(_) => Ok(()),
            Err(why) => {
                Err(format!("{} may strike {}: {why}", fault.id, nodes.words(&format!("\"{group}\""))))
            }
        }
    }

    /// Says how many pods of a group its budgets let go.
    async fn look_at_budgets(&mut self, group: &str) -> Result<(), String> {
        let (place, found) = &self.groups[group];
        let client = &self.places[*place].1;
        let api: Api<PodDisruptionBudget> = Api::namespaced(client.clone(), &found.namespace);
        let budgets = api.list(&ListParams::default()).await;
        let budgets =
            budgets.map_err(|error| format!("cannot list the disruption budgets: {}", said(&error)))?;
        let pods = self.pods_of(group).await?;
        for budget in budgets {
            let selector = budget.spec.as_ref().and_then(|spec| spec.selector.clone());
            let Some(selector) = selector.and_then(|selector| Selector::try_from(selector).ok()) else {
                continue;
            };
            let Some(status) = &budget.status else { continue };
            if !pods.iter().any(|pod| selector.matches(pod.labels())) {
                continue;
            }
            let text = format!(
                "budget {} lets {} pods go now: {} are healthy, it wants {} of {}",
                budget.name_any(),
                status.disruptions_allowed.unwrap_or(0),
                status.current_healthy.unwrap_or(0),
                status.desired_healthy.unwrap_or(0),
                status.expected_pods.unwrap_or(0)
            );
            if !self.notes.iter().any(|(_, other)| *other == text) {
                self.notes.push(("budget-headroom", text));
            }
        }
        Ok(())
    }
}
