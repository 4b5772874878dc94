//! What is worth knowing of an object, read off it.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use kube::api::DynamicObject;
use kube::{Resource, ResourceExt};
use rust_decimal::Decimal;
use serde_json::Value;

use crate::scenario::{ObjectPrices, Price};

use super::super::names::{MANAGED_BY, MANAGER};
use super::super::quantity::milli;
use super::super::views::PodView;
use super::kinds::Kind;

/// An object, as far as it alone tells.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Thing {
    pub(super) kind: Kind,
    /// Its kind, in Kubernetes' words.
    pub(super) called: &'static str,
    pub(super) namespace: Option<String>,
    pub(super) name: String,
    pub(super) created_ms: i64,
    /// Owners by UID, and as they are called.
    pub(super) owners: Vec<(String, String)>,
    pub(super) price: Option<Price>,
    pub(super) facts: BTreeMap<String, String>,
    /// Whether it is for anything, where that is written on it.
    pub(super) used: bool,
}

/// Reads an object; `None` where it is none to look at: what is ours, what is another namespace's, Services without a load
/// balancer.
pub(super) fn thing(kind: Kind, object: &DynamicObject, prices: &ObjectPrices, ours: &str) -> Option<Thing> {
    if object.labels().get(MANAGED_BY).is_some_and(|manager| manager == MANAGER) {
        return None;
    }
    let mut thing = Thing {
        kind,
        called: called(kind)?,
        namespace: object.namespace(),
        name: object.name_any(),
        created_ms: object.creation_timestamp().map_or(0, |time| time.0.as_millisecond()),
        owners: object
            .owner_references()
            .iter()
            .map(|owner| (owner.uid.clone(), format!("{}/{}", owner.kind, owner.name)))
            .collect(),
        price: None,
        facts: BTreeMap::new(),
        used: true,
    };
    let data = &object.data;
    match kind {
        Kind::Claim => claim(&mut thing, data, prices),
        Kind::Volume => volume(&mut thing, data, prices, ours)?,
        Kind::Service => service(&mut thing, data, prices)?,
        Kind::Job => job(&mut thing, data)?,
        Kind::Node => node(&mut thing, object, prices),
        Kind::NodeClaim => node_claim(&mut thing, object),
        Kind::NodePool => thing.fact("disruption", text_of(data.pointer("/spec/disruption"))),
        Kind::ScaledObject => scaled_object(&mut thing, object),
        Kind::Slice | Kind::Event => return None,
    }
    if thing.owners.is_empty() {
        // Nobody owns it; who made it is the next best.
        let made_by =
            object.managed_fields().iter().min_by_key(|entry| entry.time.as_ref().map(|time| time.0));
        thing.fact("made by", made_by.and_then(|entry| entry.manager.clone()));
    }
    if object.meta().deletion_timestamp.is_some() {
        let waits = object.finalizers().join(", ");
        thing.fact("being deleted, waits for", Some(waits));
    }
    Some(thing)
}

fn called(kind: Kind) -> Option<&'static str> {
    Some(match kind {
        Kind::Claim => "PersistentVolumeClaim",
        Kind::Volume => "PersistentVolume",
        Kind::Service => "Service",
        Kind::Job => "Job",
        Kind::Node => "Node",
        Kind::NodeClaim => "NodeClaim",
        Kind::NodePool => "NodePool",
        Kind::ScaledObject => "ScaledObject",
        Kind::Slice | Kind::Event => return None,
    })
}

impl Thing {
    fn fact(&mut self, name: &str, value: Option<String>) {
        self.facts.extend(value.filter(|value| !value.is_empty()).map(|value| (name.to_owned(), value)));
    }
}

fn claim(thing: &mut Thing, data: &Value, prices: &ObjectPrices) {
    let size =
        text(data, "/status/capacity/storage").or_else(|| text(data, "/spec/resources/requests/storage"));
    thing.price = sized(size.as_deref(), prices);
    thing.fact("size", size);
    thing.fact("volume", text(data, "/spec/volumeName"));
}

fn volume(thing: &mut Thing, data: &Value, prices: &ObjectPrices, ours: &str) -> Option<()> {
    // What no claim of ours ever had is none of our business.
    let namespace = text(data, "/spec/claimRef/namespace")?;
    if namespace != ours {
        return None;
    }
    let claim = text(data, "/spec/claimRef/name")?;
    let uid = text(data, "/spec/claimRef/uid").unwrap_or_default();
    thing.owners.push((uid, format!("PersistentVolumeClaim/{claim}")));
    let size = text(data, "/spec/capacity/storage");
    thing.price = sized(size.as_deref(), prices);
    thing.fact("size", size);
    thing.fact("reclaim policy", text(data, "/spec/persistentVolumeReclaimPolicy"));
    let phase = text(data, "/status/phase").unwrap_or_else(|| "Pending".to_owned());
    // As long as a claim has it, the claim is what is used or not.
    thing.used = matches!(phase.as_str(), "Bound" | "Pending");
    thing.fact("phase", Some(phase));
    Some(())
}

fn sized(size: Option<&str>, prices: &ObjectPrices) -> Option<Price> {
    let bytes = Decimal::from(milli(&Quantity(size?.to_owned()))?) / Decimal::ONE_THOUSAND;
    let per_gib = prices.volume_per_gib.as_ref()?;
    let gib = bytes / Decimal::from(1_u64 << 30);
    Some(Price {
        per_hour: (per_gib.per_hour * gib).round_dp(9).normalize(),
        currency: per_gib.currency.clone(),
    })
}

fn service(thing: &mut Thing, data: &Value, prices: &ObjectPrices) -> Option<()> {
    if text(data, "/spec/type")? != "LoadBalancer" {
        return None;
    }
    thing.price = prices.load_balancer.clone();
    let first = data.pointer("/status/loadBalancer/ingress/0");
    let address = first.and_then(|one| text(one, "/ip").or_else(|| text(one, "/hostname")));
    thing.fact("address", address);
    let selector = data.pointer("/spec/selector").and_then(Value::as_object);
    let selector = selector.map(|labels| {
        let pairs = labels.iter().map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()));
        pairs.collect::<Vec<_>>().join(",")
    });
    thing.fact("selector", selector);
    Some(())
}

fn job(thing: &mut Thing, data: &Value) -> Option<()> {
    // A CronJob makes them again and again, and clears away as many as its limits say.
    if thing.owners.iter().any(|(_, owner)| owner.starts_with("CronJob/")) {
        return None;
    }
    let conditions = conditions(data);
    let ended = conditions
        .iter()
        .find(|(kind, is, _)| matches!(kind.as_str(), "Complete" | "Failed") && is == "True");
    let active = data.pointer("/status/active").and_then(Value::as_u64).unwrap_or(0);
    let status = match ended {
        Some((kind, _, why)) => format!("{kind}{}", said(why)),
        None => format!("not finished, {active} active"),
    };
    thing.fact("status", Some(status));
    let ttl = data.pointer("/spec/ttlSecondsAfterFinished").and_then(Value::as_u64);
    thing.fact(
        "time to live once finished",
        Some(ttl.map_or("for ever".to_owned(), |ttl| format!("{ttl} s"))),
    );
    // A Job is for nothing but its own run.
    thing.used = false;
    Some(())
}

fn node(thing: &mut Thing, object: &DynamicObject, prices: &ObjectPrices) {
    thing.price = prices.node.clone();
    let cordoned = object.data.pointer("/spec/unschedulable").and_then(Value::as_bool).unwrap_or(false);
    let taints = object.data.pointer("/spec/taints").and_then(Value::as_array);
    let taints: Vec<String> = taints
        .into_iter()
        .flatten()
        // A cordon is one as well, and is told as what it is. To be preferred elsewhere keeps nothing away.
        .filter(|taint| text(taint, "/key").as_deref() != Some("node.kubernetes.io/unschedulable"))
        .filter(|taint| text(taint, "/effect").as_deref() != Some("PreferNoSchedule"))
        .map(|taint| {
            let [key, effect] = ["/key", "/effect"].map(|path| text(taint, path).unwrap_or_default());
            format!("{key}:{effect}")
        })
        .collect();
    thing.used = !cordoned && taints.is_empty();
    thing.fact("cordoned", cordoned.then(|| "yes".to_owned()));
    thing.fact("taints", Some(taints.join(", ")));
    pool(thing, object);
}

fn node_claim(thing: &mut Thing, object: &DynamicObject) {
    thing.fact("node", text(&object.data, "/status/nodeName"));
    thing.fact("last pod event", text(&object.data, "/status/lastPodEventTime"));
    pool(thing, object);
    told_conditions(thing, &object.data);
}

fn pool(thing: &mut Thing, object: &DynamicObject) {
    thing.fact("pool", object.labels().get("karpenter.sh/nodepool").cloned());
    thing.fact("instance type", object.labels().get("node.kubernetes.io/instance-type").cloned());
}

fn scaled_object(thing: &mut Thing, object: &DynamicObject) {
    let data = &object.data;
    let target = data.pointer("/spec/scaleTargetRef");
    let name = target.and_then(|target| text(target, "/name")).unwrap_or_default();
    let kind = target.and_then(|target| text(target, "/kind")).unwrap_or_else(|| "Deployment".to_owned());
    thing.fact("scales", Some(format!("{kind}/{name}")));
    for (key, path) in [
        ("minReplicaCount", "/spec/minReplicaCount"),
        ("cooldownPeriod", "/spec/cooldownPeriod"),
        ("fallback replicas", "/spec/fallback/replicas"),
        ("lastActiveTime", "/status/lastActiveTime"),
    ] {
        thing.fact(key, text_of(data.pointer(path)));
    }
    let paused = object.annotations().iter().filter(|(key, _)| key.starts_with("autoscaling.keda.sh/paused"));
    let paused: Vec<String> = paused.map(|(key, value)| format!("{key}={value}")).collect();
    thing.fact("paused by annotation", Some(paused.join(", ")));
    told_conditions(thing, data);
}

fn told_conditions(thing: &mut Thing, data: &Value) {
    for (kind, status, why) in conditions(data) {
        thing.facts.insert(format!("condition {kind}"), format!("{status}{}", said(&why)));
    }
}

/// Conditions: type, status, and why.
fn conditions(data: &Value) -> Vec<(String, String, String)> {
    let all = data.pointer("/status/conditions").and_then(Value::as_array);
    let read = |condition: &Value| {
        let why = ["/reason", "/message"].into_iter().filter_map(|path| text(condition, path));
        let why = why.filter(|part| !part.is_empty()).collect::<Vec<_>>().join(": ");
        Some((text(condition, "/type")?, text(condition, "/status")?, why))
    };
    all.into_iter().flatten().filter_map(read).collect()
}

fn said(why: &str) -> String {
    if why.is_empty() { String::new() } else { format!(" ({why})") }
}

fn text(value: &Value, path: &str) -> Option<String> {
    value.pointer(path)?.as_str().map(str::to_owned)
}

/// Whatever it is, as text.
fn text_of(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

/// A slice of endpoints: of which Service, how many, and how many of them are ready.
pub(super) fn slice(object: &DynamicObject) -> Option<(String, usize, usize)> {
    let service = object.labels().get("kubernetes.io/service-name")?.clone();
    let endpoints = object.data.pointer("/endpoints").and_then(Value::as_array);
    let endpoints: Vec<&Value> = endpoints.into_iter().flatten().collect();
    let is_ready =
        |endpoint: &&&Value| endpoint.pointer("/conditions/ready").and_then(Value::as_bool).unwrap_or(true);
    let ready = endpoints.iter().filter(is_ready).count();
    Some((service, endpoints.len(), ready))
}

/// Who a pod belongs to, itself first.
pub(super) fn owners_of(pod: &PodView) -> Vec<String> {
    let name = pod.name_any();
    let mut chain = vec![format!("Pod/{name}")];
    let Some(owner) = pod.owner_references().iter().find(|owner| owner.controller == Some(true)) else {
        return chain;
    };
    chain.push(format!("{}/{}", owner.kind, owner.name));
    // A ReplicaSet has the name of its Deployment, and the hash that it gives to its pods.
    let hash = pod.labels().get("pod-template-hash").filter(|_| owner.kind == "ReplicaSet");
    let deployment = hash.and_then(|hash| owner.name.strip_suffix(hash.as_str())?.strip_suffix('-'));
    chain.extend(deployment.map(|deployment| format!("Deployment/{deployment}")));
    chain
}
