//! What is looked at before anything starts: opt-in, permissions, workloads, and where load goes.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::api::Api;
use kube::{Client, ResourceExt};
use tokio::sync::mpsc::UnboundedSender;
use tokio::task::JoinHandle;

use crate::plan::Plan;
use crate::scenario::{Entry, FaultAction, KubernetesTarget};

use super::Place;
use super::cluster::{Clusters, called, is_missing, said};
use super::entry;
use super::lock::Lock;
use super::names::{LEASE, OPT_IN, is_system};
use super::needs::{self, Need};
use super::observer::Told;
use super::supply::Owners;
use super::views::PodView;
use super::watch::{Watched, watch};
use super::workload::{self, Found, placed};

/// A target that may be run on.
pub(super) struct Checked {
    /// Each place once, the target's own first, with its client.
    pub(super) places: Vec<(Place, Client)>,
    /// Groups with the index of their place.
    pub(super) groups: BTreeMap<String, (usize, Found)>,
    pub(super) entry: Option<entry::Found>,
}

/// Every place of a target, each once, its own first.
pub(super) fn places(target: &KubernetesTarget) -> Vec<Place> {
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
    let mut plurals = BTreeMap::new();
    for (name, group) in &target.groups {
        let Some(workload) = &group.workload else { continue };
        let (access, _) = placed(target, workload);
        let resource = workload::resource(&discoveries[&access], &workload.kind)
            .map_err(|why| format!("group \"{name}\": {why}"))?;
        plurals.insert(name.clone(), (resource.group, resource.plural));
    }
    let needed = needs(target, plan, &plurals);
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
    Ok(Checked { places, groups, entry })
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
        needs::roles("springback", needs.iter().cloned())
    ))
}

/// What a scenario needs in each place. `plurals` has API group and plural name of each group's workload.
pub fn needs(
    target: &KubernetesTarget,
    plan: &Plan,
    plurals: &BTreeMap<String, (String, String)>,
) -> BTreeMap<Place, BTreeSet<Need>> {
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
        let (Some(workload), Some((api, plural))) = (&group.workload, plurals.get(name)) else { continue };
        let (access, namespace) = placed(target, workload);
        let own = needs.entry(Place { access, namespace: namespace.clone() }).or_default();
        let mut need = |resource: &str, verb| {
            own.insert(Need::in_namespace(&namespace, api, resource, verb));
        };
        need(plural, "list");
        need(plural, "watch");
        need(&format!("{plural}/scale"), "get");
        for fault in plan.faults.iter().filter(|fault| fault.action.group() == name) {
            match &fault.action {
                FaultAction::Terminate { .. } => {
                    own.insert(Need::in_namespace(&namespace, "", "pods", "delete"));
                }
                FaultAction::Lose { .. } => {
                    own.insert(Need::in_namespace(&namespace, "", "pods", "delete"));
                    own.insert(Need::in_namespace(&namespace, api, &format!("{plural}/scale"), "patch"));
                }
                _ => {}
            }
        }
    }
    if let Some(Entry::Service { .. }) = &target.entry {
        let own = needs.entry(all[0].clone()).or_default();
        own.insert(Need::in_namespace(&target.namespace, "", "services", "get"));
        own.insert(Need::in_namespace(&target.namespace, "discovery.k8s.io", "endpointslices", "list"));
        own.insert(Need::in_namespace(&target.namespace, "discovery.k8s.io", "endpointslices", "watch"));
    }
    needs
}

/// Starts every watch.
pub(super) fn watches(checked: &Checked, told: &UnboundedSender<Told>) -> Vec<JoinHandle<()>> {
    let mut tasks = Vec::new();
    for (name, (place, found)) in &checked.groups {
        let client = &checked.places[*place].1;
        tasks.push(tokio::spawn(pods(name.clone(), found.clone(), client.clone(), told.clone())));
        let (api, field) = (found.api(client), format!("metadata.name={}", found.name));
        let (name, told) = (name.clone(), told.clone());
        tasks.push(tokio::spawn(async move {
            let tell = |watched| drop(told.send(Told::Workload(name.clone(), watched)));
            watch(api, None, Some(&field), tell).await;
        }));
    }
    for (i, (place, client)) in checked.places.iter().enumerate() {
        let hpas: Api<HorizontalPodAutoscaler> = Api::namespaced(client.clone(), &place.namespace);
        let leases = Lock::leases(client, &place.namespace);
        let (to, too) = (told.clone(), told.clone());
        tasks.push(tokio::spawn(async move {
            watch(hpas, None, None, |watched| drop(to.send(Told::Hpas(i, watched)))).await;
        }));
        let own = format!("metadata.name={LEASE}");
        tasks.push(tokio::spawn(async move {
            watch(leases, None, Some(&own), |watched| drop(too.send(Told::Lease(i, watched)))).await;
        }));
    }
    if let Some(service) = checked.entry.as_ref().and_then(|entry| entry.service.clone()) {
        let (place, client) = &checked.places[0];
        let slices: Api<EndpointSlice> = Api::namespaced(client.clone(), &place.namespace);
        let told = told.clone();
        let own = format!("kubernetes.io/service-name={service}");
        tasks.push(tokio::spawn(async move {
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
    let watching = tokio::spawn(async move {
        watch(api, Some(&selector), None, |watched| drop(all.send(watched))).await;
    });
    // Ends with the task that holds it.
    let _watching = AbortOnDrop(watching);
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

struct AbortOnDrop(JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}
