//! What the watches tell, turned into what a history records. One place sees everything in the order in which it came.

mod beside;
mod routes;
mod sighted;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::ResourceExt;
use kube::api::DynamicObject;
use tokio::sync::mpsc::UnboundedSender;

use crate::autoscaler::{Settings, Spec};
use crate::history::{AutoscalerSeen, Clock, Decided, Desired, EffectSeen, Event, Note, Rewritten};
use crate::plan::Plan;
use crate::scenario::{FaultAction, Group, KubernetesTarget, Price};
use crate::world::Observation;

use super::lock;
use super::names::{HEALER, MANAGER};
use super::objects::{Beside, Kind};
use super::preflight::Checked;
use super::scaler;
use super::sightings::{Answers, Expected, Sightings};
use super::supply::Instances;
use super::views::{NodeView, PodView};
use super::vouch::Vouchers;
use super::watch::Watched;
use super::workload::Found;
use super::writers;

/// What a watch or a heartbeat told.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "a few a second pass through one channel; boxing each pod would cost more"
)]
pub(super) enum Told {
    /// Pods of a group, its own only.
    Pods(String, Watched<PodView>),
    /// The workload of a group.
    Workload(String, Watched<DynamicObject>),
    /// The HPAs of a place.
    Hpas(usize, Watched<HorizontalPodAutoscaler>),
    /// The endpoints of the Service that takes the load.
    Endpoints(Watched<EndpointSlice>),
    /// What stands beside the groups of a place.
    Object(usize, Kind, Watched<DynamicObject>),
    /// All pods of a place: they use what stands there.
    Users(usize, Watched<PodView>),
    /// The lock of a place.
    Lease(usize, Watched<Lease>),
    /// The lock of a place is about to be renewed: with that time, then.
    Beat(usize, jiff::Timestamp, u64),
    /// The nodes of a cluster, by the first of its places.
    Nodes(usize, Watched<NodeView>),
    /// The count of a group is about to be written, by a fault or a heal of ours.
    Writes(String, u32, &'static str),
    /// The effect of a fault on a group is to be looked for.
    Expect(String, String, Expected),
    /// The effect of a fault was seen.
    Effect(EffectSeen),
    /// What a second of traffic came to.
    Answers(Answers),
    /// Something else to record.
    Note(&'static str, String),
}

/// A group, as far as it is known.
#[derive(Debug)]
struct Seen {
    place: usize,
    kind: String,
    name: String,
    price: Option<Price>,
    is_standby: bool,
    desired: Option<u32>,
    /// Its specification without the count.
    rest_of_spec: Option<serde_json::Map<String, serde_json::Value>>,
    serving: Option<(bool, u32)>,
    spec: Option<Spec>,
    generation: Option<i64>,
    /// The count that was last written by ourselves, and for what.
    own: Option<(u32, &'static str)>,
    /// The last decision, and when it was told.
    decided: Option<(u64, Decided)>,
}

/// The pods of every group, for whoever strikes them.
pub(super) type Pods = Arc<Mutex<BTreeMap<String, Instances>>>;

/// Turns what is told into observations.
pub(super) struct Observer {
    clock: Clock,
    out: UnboundedSender<Observation>,
    settings: Settings,
    groups: BTreeMap<String, Seen>,
    pods: Pods,
    vouchers: Vouchers,
    /// Ready endpoints by slice: names of pods. `None` where no Service is watched.
    endpoints: Option<BTreeMap<String, BTreeSet<String>>>,
    /// The place of the Service.
    entry_place: usize,
    /// What stands beside the groups of each place.
    beside: Vec<Beside>,
    /// Heartbeats that were sent and have not come back.
    beats: Vec<(usize, jiff::Timestamp, u64)>,
    /// For each place the first one that is in the same cluster.
    clusters: Vec<usize>,
    sightings: Sightings,
}

/// Names of the watches.
pub(super) fn pods_feed(group: &str) -> String {
    format!("pods/{group}")
}

fn workload_feed(group: &str) -> String {
    format!("workload/{group}")
}

fn hpas_feed(place: usize) -> String {
    format!("hpas/{place}")
}

const ENDPOINTS_FEED: &str = "endpoints";
/// The place of the Service: the target's own.
const ENTRY_PLACE: usize = 0;
/// The source of routes.
pub(super) const BALANCER: &str = "balancer";

impl Observer {
    pub(super) fn new(
        clock: Clock,
        out: UnboundedSender<Observation>,
        target: &KubernetesTarget,
        plan: &Plan,
        checked: &Checked,
    ) -> Self {
        let watches_service =
            checked.entry.as_ref().filter(|entry| entry.service.is_some()).map(|_| ENTRY_PLACE);
        let mut vouchers = Vouchers::default();
        let mut groups = BTreeMap::new();
        for (name, (place, workload)) in &checked.groups {
            vouchers.source(format!("supply/{name}"), *place, vec![pods_feed(name), workload_feed(name)]);
            vouchers.source(format!("autoscaler/{name}"), *place, vec![hpas_feed(*place)]);
            let declared = &target.groups[name];
            groups.insert(name.clone(), Seen::of(declared, *place, workload));
        }
        if let Some(place) = watches_service {
            vouchers.source(BALANCER.to_owned(), place, vec![ENDPOINTS_FEED.to_owned()]);
        }
        let beside = beside::of_places(target, &checked.beside, &mut vouchers);
        Self {
            clock,
            out,
            settings: target.hpa.settings(),
            pods: Arc::new(Mutex::new(
                groups
                    .keys()
                    .map(|name| (name.clone(), Instances::new(goes_by_labels(plan, name))))
                    .collect(),
            )),
            groups,
            vouchers,
            endpoints: watches_service.map(|_| BTreeMap::new()),
            entry_place: ENTRY_PLACE,
            beside,
            beats: Vec::new(),
            clusters: checked.clusters(),
            sightings: Sightings::default(),
        }
    }

    /// The pods of every group, as they were last told.
    pub(super) fn pods(&self) -> Pods {
        self.pods.clone()
    }

    fn say(&self, event: Event) {
        // Nobody listens any more when the run is over.
        let _ = self.out.send(Observation { t_us: self.clock.now_us(), event });
    }

    /// Takes in what was told.
    pub(super) fn take(&mut self, told: Told) {
        match told {
            Told::Pods(group, watched) => self.on_pods(&group, watched),
            Told::Workload(group, watched) => self.on_workload(&group, watched),
            Told::Hpas(place, watched) => self.on_hpas(place, watched),
            Told::Endpoints(watched) => self.on_endpoints(watched),
            Told::Object(place, kind, watched) => self.on_object(place, kind, watched),
            Told::Users(place, watched) => self.on_users(place, watched),
            Told::Lease(place, watched) => self.on_lease(place, watched),
            Told::Beat(place, renewed, sent_us) => self.beats.push((place, renewed, sent_us)),
            Told::Nodes(cluster, watched) => self.on_nodes(cluster, watched),
            Told::Writes(group, count, by) => {
                self.groups.get_mut(&group).expect("only known groups are written").own = Some((count, by));
            }
            Told::Expect(fault, group, expected) => self.expect(fault, group, expected),
            Told::Effect(seen) => self.say(Event::EffectSeen(seen)),
            Told::Answers(answers) => {
                let seen = self.sightings.on_answers(answers);
                seen.into_iter().for_each(|seen| self.say(Event::EffectSeen(seen)));
            }
            Told::Note(code, text) => self.say(Event::Note(Note { code: code.to_owned(), text })),
        }
    }

    /// Whether anything but the count has changed, and by whom: a new template or other limits make another system of it.
    fn on_spec(&mut self, group: &str, object: &DynamicObject) {
        let mut spec = object.data.get("spec").and_then(|spec| spec.as_object()).cloned().unwrap_or_default();
        spec.remove("replicas");
        let seen = self.groups.get_mut(group).expect("only known groups are watched");
        let Some(before) = seen.rest_of_spec.replace(spec) else { return };
        let after = seen.rest_of_spec.as_ref().expect("it was just set");
        let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
        let fields: Vec<String> =
            names.into_iter().filter(|name| before.get(*name) != after.get(*name)).cloned().collect();
        if !fields.is_empty() {
            let by = writers::last_below(&object.metadata, "spec").unwrap_or("unknown").to_owned();
            self.say(Event::Rewritten(Rewritten { group: group.to_owned(), fields, by }));
        }
    }

    /// What all watches say alike. Returns the objects that there are to look at: all, or those that changed.
    fn feed<K>(&mut self, feed: &str, watched: Watched<K>) -> Option<Objects<K>> {
        let now_us = self.clock.now_us();
        match watched {
            Watched::All(all) => {
                self.vouchers.began_anew(feed, now_us);
                Some(Objects::All(all))
            }
            Watched::Applied(one) => Some(Objects::Applied(one)),
            Watched::Gone(one) => Some(Objects::Gone(one)),
            Watched::Connected => {
                self.vouchers.connected(feed, now_us);
                None
            }
            Watched::Cut(why) => {
                self.vouchers.cut(feed, now_us, &why).into_iter().for_each(|event| self.say(event));
                None
            }
        }
    }

    fn on_pods(&mut self, group: &str, watched: Watched<PodView>) {
        let Some(objects) = self.feed(&pods_feed(group), watched) else { return };
        let price = self.groups[group].price.clone();
        let changes = {
            let mut pods = self.pods.lock().expect("nobody panics with the pods in hand");
            let instances = pods.entry(group.to_owned()).or_default();
            match objects {
                Objects::All(all) => instances.all(group, &all, price.as_ref()),
                Objects::Applied(pod) => instances.applied(group, &pod, price.as_ref()).into_iter().collect(),
                Objects::Gone(pod) => instances.deleted(group, &pod).into_iter().collect(),
            }
        };
        changes.into_iter().for_each(|change| self.say(Event::Instance(change)));
        self.route(group);
        self.look_at(group);
    }

    fn on_workload(&mut self, group: &str, watched: Watched<DynamicObject>) {
        let objects = self.feed(&workload_feed(group), watched);
        let (Some(Objects::All(mut all)), name) =
            (objects.map(Objects::into_present), &self.groups[group].name)
        else {
            return;
        };
        all.retain(|object| object.name_any() == *name);
        let Some(object) = all.pop() else { return };
        self.on_spec(group, &object);
        let replicas = object.data.pointer("/spec/replicas").and_then(serde_json::Value::as_u64).unwrap_or(1);
        let replicas = u32::try_from(replicas).unwrap_or(u32::MAX);
        let seen = &self.groups[group];
        if seen.desired == Some(replicas) {
            return;
        }
        let (by, reason) = match seen.desired {
            None => ("declared".to_owned(), "as it was found".to_owned()),
            Some(_) => self.writer(group, replicas, &object),
        };
        self.groups.get_mut(group).expect("it was just looked at").desired = Some(replicas);
        self.say(Event::Desired(Desired { group: group.to_owned(), replicas, by, reason }));
        self.look_at(group);
    }

    /// Who wrote the count of a workload, in the words of the history, and why.
    fn writer(&self, group: &str, replicas: u32, object: &DynamicObject) -> (String, String) {
        let seen = &self.groups[group];
        let Some((manager, subresource)) = writers::owner(&object.metadata, &["spec", "replicas"]) else {
            // Where nobody ever declared the count, as GitOps has it for what an HPA scales, the API server keeps no account of
            // writes through the scale subresource either.
            let reason = "nobody owns spec.replicas".to_owned();
            return match (&seen.spec, seen.own) {
                (_, Some((count, by))) if count == replicas => (by.to_owned(), reason),
                (Some(_), _) => ("autoscaler".to_owned(), format!("{reason}; an HPA scales this group")),
                (None, _) => ("unknown".to_owned(), reason),
            };
        };
        let through =
            if subresource.is_empty() { String::new() } else { format!(", through its {subresource}") };
        let reason = format!("field manager {manager}{through}");
        let by = match manager {
            MANAGER => "fault",
            HEALER => "heal",
            // KEDA takes the last one away itself, and makes the first one.
            "kube-controller-manager" | "keda" | "keda-operator" if subresource == "scale" => "autoscaler",
            // Whoever scales a standby is its failover: that somebody does is what is under test.
            _ if seen.is_standby => "failover",
            other => other,
        };
        (by.to_owned(), reason)
    }

    fn on_hpas(&mut self, place: usize, watched: Watched<HorizontalPodAutoscaler>) {
        let Some(objects) = self.feed(&hpas_feed(place), watched) else { return };
        let Objects::All(hpas) = objects.into_present() else { return };
        for hpa in hpas {
            let scaled = self
                .groups
                .iter()
                .find(|(_, seen)| seen.place == place && scaler::scales(&hpa, &seen.kind, &seen.name));
            if let Some(group) = scaled.map(|(name, _)| name.clone()) {
                self.on_hpa(&group, &hpa);
            }
        }
    }

    fn on_hpa(&mut self, group: &str, hpa: &HorizontalPodAutoscaler) {
        let spec = scaler::spec(&hpa.spec);
        let settings = self.settings.clone();
        let seen = self.groups.get_mut(group).expect("it was just found");
        if seen.spec.as_ref() != Some(&spec) {
            let by = match seen.generation {
                None => "declared",
                Some(_) => writers::last_below(&hpa.metadata, "spec").unwrap_or("unknown"),
            };
            seen.generation = Some(hpa.metadata.generation.unwrap_or(0));
            seen.spec = Some(spec.clone());
            let event = AutoscalerSeen {
                group: group.to_owned(),
                spec: spec.clone(),
                settings: settings.clone(),
                // Requests a second do not follow from a share of CPU.
                target_per_instance: 0.0,
                by: by.to_owned(),
            };
            self.say(Event::Autoscaler(event));
        }
        let Some(status) = &hpa.status else { return };
        let Some(decision) = scaler::decision(&spec, &settings, status) else { return };
        let ready = self
            .pods
            .lock()
            .expect("nobody panics with the pods in hand")
            .get(group)
            .map_or(0, Instances::ready);
        let current = u32::try_from(status.current_replicas.unwrap_or(0)).unwrap_or(0);
        let decided = Decided {
            group: group.to_owned(),
            current,
            ready,
            sample_t_us: None,
            traffic_per_s: None,
            decision,
        };
        let now_us = self.clock.now_us();
        self.groups.get_mut(group).expect("it was just found").decided = Some((now_us, decided.clone()));
        self.say(Event::Decision(decided));
    }

    /// A controller writes a status only when it changes: one that stands is the same decision again at every sync, as long
    /// as its watch would have told of another.
    fn repeat_decisions(&mut self, place: usize, through_us: u64) {
        if !self.vouchers.is_connected(&hpas_feed(place)) {
            return;
        }
        let sync_us = self.settings.sync_period_us;
        let mut again = Vec::new();
        for seen in self.groups.values_mut().filter(|seen| seen.place == place) {
            if let Some((told_us, decided)) = &mut seen.decided
                && *told_us + sync_us <= through_us
            {
                *told_us = through_us;
                again.push(decided.clone());
            }
        }
        again.into_iter().for_each(|decided| self.say(Event::Decision(decided)));
    }

    fn on_lease(&mut self, place: usize, watched: Watched<Lease>) {
        let (Watched::Applied(lease) | Watched::Gone(lease)) = watched else { return };
        let Some(renewed) = lock::renewed(&lease) else { return };
        // Renewals come back in order; what an earlier one would have said is said by the later one.
        let of_place = |beat: &(usize, jiff::Timestamp, u64)| beat.0 == place && beat.1 <= renewed;
        let Some(sent_us) = self.beats.iter().filter(|beat| of_place(beat)).map(|beat| beat.2).max() else {
            return;
        };
        self.beats.retain(|beat| !of_place(beat));
        self.repeat_decisions(place, sent_us);
        self.vouchers.beat(place, sent_us).into_iter().for_each(|event| self.say(event));
    }
}

/// Whether a fault on a group goes by labels: only then are they recorded.
fn goes_by_labels(plan: &Plan, group: &str) -> bool {
    plan.faults.iter().any(|fault| match &fault.action {
        FaultAction::Terminate { group: own, among, .. } => own == group && among.labels.is_some(),
        _ => false,
    })
}

/// Objects to look at.
pub(super) enum Objects<K> {
    All(Vec<K>),
    Applied(K),
    Gone(K),
}

impl<K> Objects<K> {
    /// As a list of those that are there.
    fn into_present(self) -> Self {
        match self {
            Self::Applied(one) => Self::All(vec![one]),
            other => other,
        }
    }
}

impl Seen {
    fn of(declared: &Group, place: usize, workload: &Found) -> Self {
        Self {
            place,
            kind: workload.resource.kind.clone(),
            name: workload.name.clone(),
            price: declared.price.clone(),
            is_standby: declared.takes_over_from.is_some(),
            desired: None,
            rest_of_spec: None,
            serving: None,
            spec: None,
            generation: None,
            own: None,
            decided: None,
        }
    }
}
