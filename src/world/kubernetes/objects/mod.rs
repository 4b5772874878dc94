//! What stands beside the groups: volumes, load balancers, Jobs, nodes and what makes them. Each object is told when it
//! appears, when it begins or ceases to be for anything, and when it is gone.

mod kinds;
mod read;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use kube::ResourceExt;
use kube::api::DynamicObject;
use serde_json::Value;

use crate::history::{Event, ObjectChange, ObjectState, Reported};
use crate::scenario::ObjectPrices;

use super::observer::Objects;
use super::views::PodView;
pub(super) use kinds::{Kind, ToWatch, of_every_cluster, of_this_cluster};
use read::{Thing, owners_of};

/// The objects of one place.
pub(super) struct Beside {
    prices: ObjectPrices,
    /// Whose volumes count, of all that there are in the cluster.
    namespace: String,
    /// By UID.
    things: BTreeMap<String, Thing>,
    told: BTreeMap<String, ObjectChange>,
    /// Pods that are not over, by UID: who they belong to, and the claims that they mount.
    pods: BTreeMap<String, (Vec<String>, Vec<String>)>,
    /// Who mounted a claim last.
    mounted: BTreeMap<String, Vec<String>>,
    /// Slices by name: of which Service, with how many endpoints, and how many ready ones.
    slices: BTreeMap<String, (String, usize, usize)>,
}

impl Beside {
    pub(super) fn new(prices: ObjectPrices, namespace: String) -> Self {
        Self {
            prices,
            namespace,
            things: BTreeMap::new(),
            told: BTreeMap::new(),
            pods: BTreeMap::new(),
            mounted: BTreeMap::new(),
            slices: BTreeMap::new(),
        }
    }

    /// Takes in what a watch of a kind tells.
    pub(super) fn take(&mut self, kind: Kind, watched: Objects<DynamicObject>) -> Vec<Event> {
        match kind {
            Kind::Slice => {
                self.slices(watched);
                return self.refresh(Kind::Service);
            }
            Kind::Event => return Self::events(watched),
            _ => {}
        }
        match watched {
            Objects::All(all) => {
                let uids: BTreeSet<String> = all.iter().filter_map(ResourceExt::uid).collect();
                self.things.retain(|uid, thing| thing.kind != kind || uids.contains(uid));
                all.iter().for_each(|object| self.put(kind, object));
            }
            Objects::Applied(object) => self.put(kind, &object),
            Objects::Gone(object) => {
                self.things.remove(&object.uid().unwrap_or_default());
            }
        }
        self.refresh(kind)
    }

    /// Takes in what a watch of all pods of the namespace tells.
    pub(super) fn take_pods(&mut self, watched: Objects<PodView>) -> Vec<Event> {
        let before = self.in_use();
        match watched {
            Objects::All(all) => {
                self.pods.clear();
                all.iter().for_each(|pod| self.put_pod(pod));
            }
            Objects::Applied(pod) => self.put_pod(&pod),
            Objects::Gone(pod) => drop(self.pods.remove(&pod.uid().unwrap_or_default())),
        }
        // Pods come and go all the time, and hardly any mounts a claim.
        if self.in_use() == before { Vec::new() } else { self.refresh(Kind::Claim) }
    }

    fn in_use(&self) -> BTreeSet<String> {
        self.pods.values().flat_map(|(_, claims)| claims).cloned().collect()
    }

    fn put(&mut self, kind: Kind, object: &DynamicObject) {
        let uid = object.uid().unwrap_or_default();
        match read::thing(kind, object, &self.prices, &self.namespace) {
            Some(thing) => drop(self.things.insert(uid, thing)),
            None => drop(self.things.remove(&uid)),
        }
    }

    fn put_pod(&mut self, pod: &PodView) {
        let uid = pod.uid().unwrap_or_default();
        let is_over = matches!(pod.status.phase.as_deref(), Some("Succeeded" | "Failed"));
        let claims: Vec<String> = pod.spec.claims().map(str::to_owned).collect();
        if is_over || claims.is_empty() {
            self.pods.remove(&uid);
            return;
        }
        let owners = owners_of(pod);
        for claim in &claims {
            self.mounted.insert(claim.clone(), owners.clone());
        }
        self.pods.insert(uid, (owners, claims));
    }

    fn slices(&mut self, watched: Objects<DynamicObject>) {
        let named = |object: &DynamicObject| Some((object.name_any(), read::slice(object)?));
        match watched {
            Objects::All(all) => self.slices = all.iter().filter_map(named).collect(),
            Objects::Applied(object) => self.slices.extend(named(&object)),
            Objects::Gone(object) => drop(self.slices.remove(&object.name_any())),
        }
    }

    /// What controllers say.
    fn events(watched: Objects<DynamicObject>) -> Vec<Event> {
        // What was said before the run is about another time.
        let Objects::Applied(event) = watched else { return Vec::new() };
        let text =
            |path: &str| event.data.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned();
        let reported = Reported {
            kind: text("/involvedObject/kind"),
            name: text("/involvedObject/name"),
            reason: text("/reason"),
            text: text("/message"),
        };
        let is_why = matches!(reported.reason.as_str(), "DisruptionBlocked" | "Unconsolidatable");
        Vec::from_iter(is_why.then_some(Event::Reported(reported)))
    }

    /// Tells what has changed of a kind, and what is gone.
    fn refresh(&mut self, kind: Kind) -> Vec<Event> {
        let mut events = Vec::new();
        let now: Vec<(String, ObjectChange)> = self
            .things
            .iter()
            .filter(|(_, thing)| thing.kind == kind)
            .map(|(uid, thing)| (uid.clone(), self.change(uid, thing)))
            .collect();
        for (uid, change) in now {
            if self.told.get(&uid) != Some(&change) {
                self.told.insert(uid, change.clone());
                events.push(Event::Object(change));
            }
        }
        let gone: Vec<String> =
            self.told.keys().filter(|uid| !self.things.contains_key(*uid)).cloned().collect();
        for uid in gone {
            let Some(last) = self.told.remove(&uid) else { continue };
            events.push(Event::Object(ObjectChange {
                state: ObjectState::Gone,
                owners: Vec::new(),
                facts: BTreeMap::new(),
                price: None,
                ..last
            }));
        }
        events
    }

    fn change(&self, uid: &str, thing: &Thing) -> ObjectChange {
        let mut facts = thing.facts.clone();
        let mut owners = self.chain(thing);
        let used = match thing.kind {
            Kind::Claim => {
                let users = self.pods.values().filter(|(_, claims)| claims.contains(&thing.name));
                let users: Vec<&str> =
                    users.filter_map(|(owners, _)| owners.first()).map(String::as_str).collect();
                if let Some(mounted) = self.mounted.get(&thing.name).filter(|_| users.is_empty()) {
                    facts.insert("last mounted by".to_owned(), mounted.join(" of "));
                    // A claim of a template belongs to no object, but to what its pod belongs to.
                    if owners.is_empty() {
                        owners = mounted.clone();
                    }
                }
                !users.is_empty()
            }
            Kind::Service => {
                let own = self.slices.values().filter(|(service, ..)| *service == thing.name);
                let (all, ready) = own.fold((0, 0), |sum, (_, all, ready)| (sum.0 + all, sum.1 + ready));
                if ready == 0 {
                    facts.insert("endpoints".to_owned(), format!("{all}, none ready"));
                }
                ready > 0
            }
            _ => thing.used,
        };
        ObjectChange {
            kind: thing.called.to_owned(),
            namespace: thing.namespace.clone(),
            name: thing.name.clone(),
            uid: uid.to_owned(),
            owners,
            state: if used { ObjectState::Used } else { ObjectState::Unused },
            created_ms: thing.created_ms,
            price: thing.price.clone(),
            facts,
        }
    }

    /// Its owner, the owner of that, and so on, as far as they are watched.
    fn chain(&self, thing: &Thing) -> Vec<String> {
        let mut chain: Vec<String> = Vec::new();
        let mut next = thing.owners.first();
        while let Some((uid, called)) = next.filter(|(_, called)| !chain.contains(called)) {
            chain.push(called.clone());
            next = self.things.get(uid).and_then(|owner| owner.owners.first());
        }
        chain
    }
}
