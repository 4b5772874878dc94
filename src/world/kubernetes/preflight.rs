//! What is looked at before anything starts: opt-in, permissions, workloads, and where load goes.

mod beside;
mod faults;

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::api::Api;
use kube::{Client, Discovery, ResourceExt};
use tokio::sync::mpsc::UnboundedSender;

use crate::plan::Plan;
use crate::scenario::{Access, Entry, KubernetesTarget};

use super::Place;
use super::act::Planned;
use super::cluster::{Clusters, Reach, called, is_missing, said};
use super::entry;
use super::lock::Lock;
use super::names::{LEASE, OPT_IN, is_system};
use super::needs::{self, Need};
use super::observer::Told;
use super::roles;
use super::supply::Owners;
use super::task::Task;
use super::views::{NodeView, PodView};
use super::watch::{Watched, watch};
use super::workload::{self, Found, placed};
pub(super) use beside::{Watching, sources as object_sources};

/// A target that may be run on.
pub(super) struct Checked {
    /// Each place once, the target's own first, with its client.
    pub(super) places: Vec<(Place, Client)>,
    /// Groups with the index of their place.
    pub(super) groups: BTreeMap<String, (usize, Found)>,
    pub(super) entry: Option<entry::Found>,
    /// What is watched beside the groups, by place.
    pub(super) beside: Vec<Watching>,
    /// How faults reach the cluster of each place.
    pub(super) reaches: Vec<Reach>,
    /// What the plan says of each fault.
    pub(super) planned: BTreeMap<String, Planned>,
    /// Of each cluster whose nodes are struck, the first place with such a fault.
    pub(super) striking: Vec<usize>,
    /// Clusters whose nodes are watched, by their first place.
    zoned: Vec<usize>,
    /// What is worth knowing: a code, and words.
    pub(super) notes: Vec<(&'static str, String)>,
}

impl Checked {
    /// For each place the first one that is in the same cluster.
    pub(super) fn clusters(&self) -> Vec<usize> {
        let same = |place: &Place| self.places.iter().position(|(other, _)| other.access == place.access);
        self.places.iter().map(|(place, _)| same(place).expect("a place is in its own cluster")).collect()
    }
}

/// Names of resources in the API. Of kinds that are not Kubernetes' own only the cluster knows them.
#[derive(Debug, Clone, Default)]
pub struct Plurals {
    /// API group and plural name of each group's workload.
    pub workloads: BTreeMap<String, (String, String)>,
    /// Plural name by API version and kind, of what manifests create.
    pub objects: BTreeMap<(String, String), String>,
}

/// Every place of a target, each once, its own first.
pub fn places(target: &KubernetesTarget) -> Vec<Place> {
    let mut places = vec![Place { access: target.access.clone(), namespace: target.namespace.clone() }];
    for workload in target.groups.values().filter_map(|group| group.workload.as_ref()) {
        let (access, namespace) = placed(target, workload);
        let place = Place { access, namespace };
        if !places.contains(&place) {
            places.push(place);
        }
    }
    places
}

/// Looks at everything. Nothing is changed.
///
/// # Errors
/// Everything that stands in the way, or the first thing that keeps from looking further.
pub(super) async fn check(
    target: &KubernetesTarget,
    plan: &Plan,
    allowed_hosts: &[String],
) -> Result<Checked, String> {
    let clusters = Clusters::of(target).await?;
    let places: Vec<(Place, Client)> = places(target)
        .into_iter()
        .map(|place| {
            let client = clusters.client(&place.access).clone();
            (place, client)
        })
        .collect();
    for (place, _) in &places {
        refuse_system(place)?;
    }
    let mut discoveries = BTreeMap::new();
    for (place, client) in &places {
        if !discoveries.contains_key(&place.access) {
            discoveries.insert(place.access.clone(), workload::discover(client, &place.access).await?);
        }
    }
    // Kinds first: without their names in the API nobody can say what is needed.
    let (plurals, planned) = named(target, plan, &discoveries)?;
    let mut needed = needs(target, plan, &plurals);
    let (beside, notes) = beside::to_watch(target, plan, &places, &discoveries, &mut needed).await?;
    for (place, client) in &places {
        permitted(place, client, &needed).await?;
    }
    for (place, client) in &places {
        opted_in(place, client).await?;
    }
    let mut groups = BTreeMap::new();
    for (name, group) in &target.groups {
        let Some(workload) = &group.workload else { continue };
        let (access, namespace) = placed(target, workload);
        let client = clusters.client(&access);
        let found = workload::find(client, &discoveries[&access], target, workload)
            .await
            .map_err(|why| format!("group \"{name}\": {why}"))?;
        let place = Place { access, namespace };
        let index = places.iter().position(|(one, _)| *one == place).expect("every group's place is listed");
        groups.insert(name.clone(), (index, found));
    }
    let entry = entry::find(&places[0].1, target, allowed_hosts).await?;
    let reaches = places
        .iter()
        .map(|(place, client)| {
            let there = places.iter().filter(|(other, _)| other.access == place.access);
            Reach {
                client: client.clone(),
                once: clusters.once(&place.access).clone(),
                namespaces: there.map(|(place, _)| place.namespace.clone()).collect(),
            }
        })
        .collect();
    let mut checked = Checked {
        places,
        groups,
        entry,
        beside,
        reaches,
        planned,
        striking: Vec::new(),
        zoned: Vec::new(),
        notes,
    };
    checked.look_at_faults(plan).await?;
    Ok(checked)
}

/// The names that the clusters have for what a plan is about, and what it says of each fault.
pub(super) fn named(
    target: &KubernetesTarget,
    plan: &Plan,
    discoveries: &BTreeMap<Access, Discovery>,
) -> Result<(Plurals, BTreeMap<String, Planned>), String> {
    let mut plurals = Plurals::default();
    for (name, group) in &target.groups {
        let Some(workload) = &group.workload else { continue };
        let (access, _) = placed(target, workload);
        let resource = workload::resource(&discoveries[&access], &workload.kind)
            .map_err(|why| format!("group \"{name}\": {why}"))?;
        plurals.workloads.insert(name.clone(), (resource.group, resource.plural));
    }
    let planned = faults::planned(target, plan, discoveries)?;
    plurals.objects = faults::plurals(&planned);
    Ok((plurals, planned))
}

fn refuse_system(place: &Place) -> Result<(), String> {
    if is_system(&place.namespace) {
        return Err(format!(
            "namespace \"{}\" belongs to the cluster itself; springback never acts there, whatever its labels say",
            place.namespace
        ));
    }
    Ok(())
}

async fn opted_in(place: &Place, client: &Client) -> Result<(), String> {
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let whose = format!("namespace \"{}\" of {}", place.namespace, called(&place.access));
    let namespace = namespaces.get(&place.namespace).await.map_err(|error| {
        if is_missing(&error) {
            format!("there is no {whose}")
        } else {
            format!("cannot read {whose}: {}", said(&error))
        }
    })?;
    if namespace.labels().get(OPT_IN).map(String::as_str) == Some("true") {
        return Ok(());
    }
    Err(format!(
        "{whose} has not opted in; whoever owns it can: kubectl label namespace {} {OPT_IN}=true",
        place.namespace
    ))
}

async fn permitted(
    place: &Place,
    client: &Client,
    needed: &BTreeMap<Place, BTreeSet<Need>>,
) -> Result<(), String> {
    let Some(needs) = needed.get(place) else { return Ok(()) };
    let missing = needs::missing(client, needs).await?;
    if missing.is_empty() {
        return Ok(());
    }
    let named: Vec<String> = missing.iter().map(|need| format!("{} {}", need.verb, need.resource)).collect();
    Err(format!(
        "not permitted in namespace \"{}\" of {}: {}; this suffices:\n{}",
        place.namespace,
        called(&place.access),
        named.join(", "),
        roles::yaml(&roles::roles("springback", needs.iter().cloned()))
    ))
}

/// What a scenario needs in each place.
pub fn needs(target: &KubernetesTarget, plan: &Plan, plurals: &Plurals) -> BTreeMap<Place, BTreeSet<Need>> {
    let mut needs: BTreeMap<Place, BTreeSet<Need>> = BTreeMap::new();
    let all = places(target);
    for place in &all {
        let own = needs.entry(place.clone()).or_default();
        let mut need = |group: &str, resource: &str, verbs: &[&'static str]| {
            let namespace = &place.namespace;
            own.extend(verbs.iter().map(|verb| Need::in_namespace(namespace, group, resource, verb)));
        };
        need("", "namespaces", &["get"]);
        need("", "pods", &["list", "watch"]);
        need("apps", "replicasets", &["get"]);
        need("autoscaling", "horizontalpodautoscalers", &["list", "watch"]);
        need(
            "coordination.k8s.io",
            "leases",
            &["get", "list", "watch", "create", "update", "patch", "delete"],
        );
        need("", "configmaps", &["get", "list", "create", "patch", "delete"]);
    }
    for (name, group) in &target.groups {
        let (Some(workload), Some((api, plural))) = (&group.workload, plurals.workloads.get(name)) else {
            continue;
        };
        let (access, namespace) = placed(target, workload);
        let own = needs.entry(Place { access, namespace: namespace.clone() }).or_default();
        let mut need = |resource: &str, verb| {
            own.insert(Need::in_namespace(&namespace, api, resource, verb));
        };
        need(plural, "list");
        need(plural, "watch");
        need(&format!("{plural}/scale"), "get");
        for fault in plan.faults.iter().filter(|fault| fault.action.group() == name) {
            own.extend(faults::needs(&fault.action, &namespace, (api, plural), plurals));
        }
    }
    beside::needed(target, plan, &mut needs);
    faults::needs_on_nodes(target, plan, &mut needs);
    if let Some(Entry::Service { .. }) = &target.entry {
        let own = needs.entry(all[0].clone()).or_default();
        own.insert(Need::in_namespace(&target.namespace, "", "services", "get"));
        own.insert(Need::in_namespace(&target.namespace, "discovery.k8s.io", "endpointslices", "list"));
        own.insert(Need::in_namespace(&target.namespace, "discovery.k8s.io", "endpointslices", "watch"));
    }
    needs
}

/// Starts every watch.
pub(super) fn watches(checked: &Checked, told: &UnboundedSender<Told>) -> Vec<Task> {
    let mut tasks = Vec::new();
    for (name, (place, found)) in &checked.groups {
        let client = &checked.places[*place].1;
        tasks.push(Task::start(pods(name.clone(), found.clone(), client.clone(), told.clone())));
        let (api, field) = (found.api(client), format!("metadata.name={}", found.name));
        let (name, told) = (name.clone(), told.clone());
        tasks.push(Task::start(async move {
            let tell = |watched| drop(told.send(Told::Workload(name.clone(), watched)));
            watch(api, None, Some(&field), tell).await;
        }));
    }
    for (i, (place, client)) in checked.places.iter().enumerate() {
        let hpas: Api<HorizontalPodAutoscaler> = Api::namespaced(client.clone(), &place.namespace);
        let leases = Lock::leases(client, &place.namespace);
        let (to, too) = (told.clone(), told.clone());
        tasks.push(Task::start(async move {
            watch(hpas, None, None, |watched| drop(to.send(Told::Hpas(i, watched)))).await;
        }));
        let own = format!("metadata.name={LEASE}");
        tasks.push(Task::start(async move {
            watch(leases, None, Some(&own), |watched| drop(too.send(Told::Lease(i, watched)))).await;
        }));
    }
    for cluster in checked.zoned.iter().copied() {
        let nodes: Api<NodeView> = Api::all(checked.places[cluster].1.clone());
        let told = told.clone();
        tasks.push(Task::start(async move {
            watch(nodes, None, None, |watched| drop(told.send(Told::Nodes(cluster, watched)))).await;
        }));
    }
    tasks.extend(beside::watches(checked, told));
    if let Some(service) = checked.entry.as_ref().and_then(|entry| entry.service.clone()) {
        let (place, client) = &checked.places[0];
        let slices: Api<EndpointSlice> = Api::namespaced(client.clone(), &place.namespace);
        let told = told.clone();
        let own = format!("kubernetes.io/service-name={service}");
        tasks.push(Task::start(async move {
            watch(slices, Some(&own), None, |watched| drop(told.send(Told::Endpoints(watched)))).await;
        }));
    }
    tasks
}

/// Watches the pods of a group, and leaves out those that are not its own.
async fn pods(group: String, found: Found, client: Client, told: UnboundedSender<Told>) {
    let api: Api<PodView> = Api::namespaced(client.clone(), &found.namespace);
    let (all, mut seen) = tokio::sync::mpsc::unbounded_channel();
    let selector = found.selector.clone();
    // Ends with the task that holds it.
    let _watching = Task::start(async move {
        watch(api, Some(&selector), None, |watched| drop(all.send(watched))).await;
    });
    let mut owners = Owners::of(&found, &client);
    while let Some(watched) = seen.recv().await {
        let own = match watched {
            Watched::All(pods) => {
                let mut own = Vec::with_capacity(pods.len());
                for pod in pods {
                    if owners.own(&pod).await {
                        own.push(pod);
                    }
                }
                Some(Watched::All(own))
            }
            Watched::Applied(pod) => owners.own(&pod).await.then_some(Watched::Applied(pod)),
            // What was never told to be there is not missed.
            other => Some(other),
        };
        if let Some(watched) = own {
            let _ = told.send(Told::Pods(group.clone(), watched));
        }
    }
}
