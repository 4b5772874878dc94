//! A node: its object, its heartbeats, and the pods that are bound to it.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::rc::Rc;

use futures_util::StreamExt;
use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{Node as NodeObject, Pod};
use kube::ResourceExt;
use kube::api::{Api, Patch, PatchParams, PostParams};
use kube::runtime::{WatchStreamExt, watcher};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::clock::{micros, now, seconds};
use super::context::Context;
use super::holds::Holds;
use super::pod::RunningPod;

/// The label of our nodes.
pub(super) const STANDIN: &str = "standin.springback.test/node";
/// A node's status is told so often; its Lease far more often.
const STATUS_EVERY: std::time::Duration = std::time::Duration::from_secs(10);
const FIELD_MANAGER: &str = "standin";

/// What a node is made of.
#[derive(Debug, Clone)]
pub struct NodeSpec {
    /// Its name, such as `node-a1`.
    pub name: String,
    /// `topology.kubernetes.io/zone`.
    pub zone: String,
    /// `node.kubernetes.io/instance-type`.
    pub instance_type: String,
    /// What it has for pods, such as `4`.
    pub cpu: String,
    /// What it has for pods, such as `16Gi`.
    pub memory: String,
    /// How many pods it takes.
    pub pods: u32,
}

impl NodeSpec {
    /// A node with 4 CPU, 16 GiB and room for 110 pods.
    pub fn new(name: &str, zone: &str) -> Self {
        Self {
            name: name.to_owned(),
            zone: zone.to_owned(),
            instance_type: "standin-4x".to_owned(),
            cpu: "4".to_owned(),
            memory: "16Gi".to_owned(),
            pods: 110,
        }
    }
}

/// A node that stands in for a machine.
pub(super) struct Node {
    pub(super) spec: NodeSpec,
    pub(super) ip: String,
    /// Whether the machine is lost: no heartbeats, no processes, and nothing that is told about pods.
    pub(super) lost: watch::Sender<bool>,
    /// How many faults of ours make it so.
    losses: Holds,
    index: u8,
    /// Someone else has made its object, and has said what it has room for.
    adopted: bool,
    next_pod: Cell<u32>,
    /// Since when it has been ready.
    since: Cell<Timestamp>,
}

impl Node {
    pub(super) fn new(index: u8, spec: NodeSpec, adopted: bool) -> Self {
        Self {
            spec,
            // Where the kubelet's server is to be found: all of them are one.
            ip: "127.0.0.1".to_owned(),
            lost: watch::channel(false).0,
            losses: Holds::default(),
            index,
            adopted,
            next_pod: Cell::new(0),
            since: Cell::new(now()),
        }
    }

    /// An address of the node's own range. No process has it: it is what EndpointSlices name.
    pub(super) fn next_pod_ip(&self) -> String {
        let pod = self.next_pod.get();
        self.next_pod.set(pod + 1);
        format!("10.244.{}.{}", self.index, pod % 250 + 2)
    }

    /// The machine is lost, until it was restored as often.
    pub(super) fn lose(&self) {
        if self.losses.begin() {
            self.lost.send_replace(true);
        }
    }

    /// The machine is back, its pods start again.
    pub(super) fn restore(&self) {
        if self.losses.end() {
            self.lost.send_replace(false);
        }
    }

    /// Puts the node into the API server.
    pub(super) async fn register(&self, ctx: &Context) -> kube::Result<()> {
        let api: Api<NodeObject> = Api::all(ctx.client.clone());
        let name = &self.spec.name;
        let object = json!({
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {
                "name": name,
                "labels": {
                    STANDIN: "true",
                    "kubernetes.io/hostname": name,
                    "kubernetes.io/os": "linux",
                    "kubernetes.io/arch": "amd64",
                    "node.kubernetes.io/instance-type": self.spec.instance_type,
                    "topology.kubernetes.io/zone": self.spec.zone,
                    "topology.kubernetes.io/region": "region-1",
                },
            },
            "spec": {
                "podCIDR": format!("10.244.{}.0/24", self.index),
                "podCIDRs": [format!("10.244.{}.0/24", self.index)],
                "providerID": format!("standin://{name}"),
            },
        });
        api.patch(name, &PatchParams::apply(FIELD_MANAGER).force(), &Patch::Apply(&object)).await?;
        self.appear(ctx).await
    }

    /// The first that is heard of it.
    pub(super) async fn appear(&self, ctx: &Context) -> kube::Result<()> {
        self.tell_lease(ctx).await?;
        self.tell_status(ctx).await
    }

    async fn tell_status(&self, ctx: &Context) -> kube::Result<()> {
        let api: Api<NodeObject> = Api::all(ctx.client.clone());
        let status = self.status(ctx.options.kubelet_port);
        api.patch_status(&self.spec.name, &PatchParams::default(), &Patch::Strategic(&status))
            .await
            .map(|_| ())
    }

    fn status(&self, kubelet_port: u16) -> Value {
        let (heartbeat, since) = (seconds(now()), seconds(self.since.get()));
        let condition = |kind: &str, status: &str, reason: &str| {
            json!({
                "type": kind,
                "status": status,
                "reason": reason,
                "lastHeartbeatTime": heartbeat,
                "lastTransitionTime": since,
            })
        };
        let room = json!({
            "cpu": self.spec.cpu,
            "memory": self.spec.memory,
            "pods": self.spec.pods.to_string(),
            "ephemeral-storage": "100Gi",
        });
        let mut status = json!({
            "addresses": [
                { "type": "InternalIP", "address": self.ip },
                { "type": "Hostname", "address": "localhost" },
            ],
            "daemonEndpoints": { "kubeletEndpoint": { "Port": kubelet_port } },
            "nodeInfo": {
                "architecture": "amd64",
                "bootID": self.spec.name,
                "containerRuntimeVersion": "standin://1",
                "kernelVersion": "standin",
                "kubeProxyVersion": "",
                "kubeletVersion": "v1.36.3",
                "machineID": self.spec.name,
                "operatingSystem": "linux",
                "osImage": "standin",
                "systemUUID": self.spec.name,
            },
            "conditions": [
                condition("MemoryPressure", "False", "KubeletHasSufficientMemory"),
                condition("DiskPressure", "False", "KubeletHasNoDiskPressure"),
                condition("PIDPressure", "False", "KubeletHasSufficientPID"),
                condition("Ready", "True", "KubeletReady"),
            ],
        });
        if !self.adopted {
            (status["capacity"], status["allocatable"]) = (room.clone(), room);
        }
        json!({ "status": status })
    }

    async fn tell_lease(&self, ctx: &Context) -> kube::Result<()> {
        let api: Api<Lease> = Api::namespaced(ctx.client.clone(), "kube-node-lease");
        let name = &self.spec.name;
        let lease = json!({
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": { "name": name, "namespace": "kube-node-lease" },
            "spec": { "holderIdentity": name, "leaseDurationSeconds": 40, "renewTime": micros(now()) },
        });
        let renewed = api.patch(name, &PatchParams::default(), &Patch::Merge(&lease)).await;
        match renewed {
            Err(kube::Error::Api(status)) if status.code == 404 => {
                let lease = serde_json::from_value(lease).map_err(kube::Error::SerdeError)?;
                api.create(&PostParams::default(), &lease).await.map(|_| ())
            }
            renewed => renewed.map(|_| ()),
        }
    }

    /// Sends heartbeats for as long as the machine is not lost.
    pub(super) async fn beat(self: Rc<Self>, ctx: Rc<Context>) {
        let mut ticks = interval(ctx.options.heartbeat);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut status_told = Instant::now();
        let mut lost = self.lost.subscribe();
        loop {
            ticks.tick().await;
            if *lost.borrow_and_update() {
                let _ = lost.wait_for(|lost| !lost).await;
                // Back again: it says so at once.
                status_told -= STATUS_EVERY;
                self.since.set(now());
            }
            // An API server that does not answer is asked again at the next beat.
            let _ = self.tell_lease(&ctx).await;
            if status_told.elapsed() >= STATUS_EVERY && self.tell_status(&ctx).await.is_ok() {
                status_told = Instant::now();
            }
        }
    }

    /// Runs the pods that are bound to this node.
    pub(super) async fn run_pods(self: Rc<Self>, ctx: Rc<Context>) {
        let api: Api<Pod> = Api::all(ctx.client.clone());
        let bound = watcher::Config::default().fields(&format!("spec.nodeName={}", self.spec.name));
        let mut events = watcher(api, bound).default_backoff().boxed_local();
        let mut listed = BTreeSet::new();
        while let Some(event) = events.next().await {
            match event {
                Ok(watcher::Event::Init) => listed.clear(),
                Ok(watcher::Event::InitApply(pod)) => {
                    listed.insert(pod.uid().unwrap_or_default());
                    self.see(&ctx, pod);
                }
                Ok(watcher::Event::InitDone) => {
                    let here = ctx.pods().into_iter().filter(|pod| Rc::ptr_eq(&pod.node, &self));
                    here.filter(|pod| !listed.contains(&pod.uid)).for_each(|pod| pod.forget());
                }
                Ok(watcher::Event::Apply(pod)) => self.see(&ctx, pod),
                Ok(watcher::Event::Delete(pod)) => {
                    let running = ctx.pods.borrow().get(&pod.uid().unwrap_or_default()).cloned();
                    if let Some(running) = running {
                        running.forget();
                    }
                }
                // It comes back by itself, and lists again.
                Err(_) => {}
            }
            ctx.routes.notify_one();
        }
    }

    fn see(self: &Rc<Self>, ctx: &Rc<Context>, pod: Pod) {
        let uid = pod.uid().unwrap_or_default();
        let running = ctx.pods.borrow().get(&uid).cloned();
        if let Some(running) = running {
            return running.update(pod);
        }
        // What has ended before we came is not started again.
        let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
        if !matches!(phase, Some("Succeeded" | "Failed")) {
            let running = RunningPod::start(ctx, self, pod);
            ctx.pods.borrow_mut().insert(uid, running);
        }
    }
}
