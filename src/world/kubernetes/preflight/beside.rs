//! What is watched beside the groups: what there is to watch, whether it may be, and the watches.

use std::collections::{BTreeMap, BTreeSet};

use kube::api::{Api, DynamicObject};
use kube::{Client, Discovery};
use tokio::sync::mpsc::UnboundedSender;

use crate::plan::Plan;
use crate::scenario::{Access, KubernetesTarget};
use crate::world::kubernetes::Place;
use crate::world::kubernetes::cluster::called;
use crate::world::kubernetes::needs::{self, Need};
use crate::world::kubernetes::objects::{Kind, ToWatch, of_every_cluster, of_this_cluster};
use crate::world::kubernetes::observer::Told;
use crate::world::kubernetes::task::Task;
use crate::world::kubernetes::views::PodView;
use crate::world::kubernetes::watch::watch;

use super::{Checked, places};

/// What is watched beside the groups of a place.
#[derive(Debug)]
pub(in crate::world::kubernetes) struct Watching {
    pub(in crate::world::kubernetes) namespace: String,
    /// The source that tells of it, where the plan asks for one.
    pub(in crate::world::kubernetes) source: Option<String>,
    pub(in crate::world::kubernetes) kinds: Vec<ToWatch>,
}

impl Watching {
    /// Whether all pods are watched, for what they use.
    pub(in crate::world::kubernetes) fn users(&self) -> bool {
        self.kinds.iter().any(|to_watch| to_watch.kind == Kind::Claim)
    }
}

/// The source that tells of what stands beside the groups, of each place.
pub(in crate::world::kubernetes) fn sources(target: &KubernetesTarget) -> Vec<String> {
    let places = places(target);
    let name = |place: &Place| {
        let is_alone = places.iter().filter(|other| other.namespace == place.namespace).count() == 1;
        match &place.access {
            Access::Context(context) if !is_alone => format!("objects/{}@{context}", place.namespace),
            _ => format!("objects/{}", place.namespace),
        }
    };
    places.iter().map(name).collect()
}

/// What has to be permitted for it in each place, wherever the clusters are.
pub(super) fn needed(target: &KubernetesTarget, plan: &Plan, needs: &mut BTreeMap<Place, BTreeSet<Need>>) {
    let mut clusters = BTreeSet::new();
    for place in places(target) {
        let with_nodes = clusters.insert(place.access.clone());
        let to_watch = of_every_cluster(plan.objects, &place.namespace, with_nodes);
        let own = needs.entry(place).or_default();
        own.extend(to_watch.iter().filter(|one| !one.is_optional).flat_map(ToWatch::needs));
    }
}

/// What is to be watched in each place; what some clusters only have is added to what is needed. With what is not watched,
/// and why.
///
/// # Errors
/// A cluster could not be asked.
pub(super) async fn to_watch(
    target: &KubernetesTarget,
    plan: &Plan,
    places: &[(Place, Client)],
    discoveries: &BTreeMap<Access, Discovery>,
    needed: &mut BTreeMap<Place, BTreeSet<Need>>,
) -> Result<(Vec<Watching>, Vec<(&'static str, String)>), String> {
    let (mut all, mut notes) = (Vec::new(), Vec::new());
    let mut clusters = BTreeSet::new();
    for ((place, client), source) in places.iter().zip(sources(target)) {
        let with_nodes = clusters.insert(&place.access);
        let mut to_watch = of_every_cluster(plan.objects, &place.namespace, with_nodes);
        let discovery = &discoveries[&place.access];
        to_watch.extend(of_this_cluster(plan.objects, discovery, &place.namespace, with_nodes));
        let mut kinds = Vec::new();
        for one in to_watch {
            if !one.is_optional {
                needed.entry(place.clone()).or_default().extend(one.needs());
            } else if !needs::missing(client, &one.needs()).await?.is_empty() {
                let text = format!(
                    "{} of {} may not be listed and watched, so what they would tell is not known",
                    one.resource.plural,
                    called(&place.access)
                );
                notes.push(("not-watched", text));
                continue;
            }
            kinds.push(one);
        }
        let source = (!plan.objects.is_none()).then_some(source);
        all.push(Watching { namespace: place.namespace.clone(), source, kinds });
    }
    Ok((all, notes))
}

/// Starts the watches.
pub(super) fn watches(checked: &Checked, told: &UnboundedSender<Told>) -> Vec<Task> {
    let mut tasks = Vec::new();
    for (i, watching) in checked.beside.iter().enumerate() {
        let (place, client) = &checked.places[i];
        for to_watch in watching.kinds.iter().cloned() {
            let (client, told) = (client.clone(), told.clone());
            tasks.push(Task::start(async move {
                let api: Api<DynamicObject> = match &to_watch.namespace {
                    Some(namespace) => Api::namespaced_with(client, namespace, &to_watch.resource),
                    None => Api::all_with(client, &to_watch.resource),
                };
                let tell = |watched| drop(told.send(Told::Object(i, to_watch.kind, watched)));
                watch(api, None, to_watch.fields, tell).await;
            }));
        }
        if watching.users() {
            let pods: Api<PodView> = Api::namespaced(client.clone(), &place.namespace);
            let told = told.clone();
            tasks.push(Task::start(async move {
                watch(pods, None, None, |watched| drop(told.send(Told::Users(i, watched)))).await;
            }));
        }
    }
    tasks
}
