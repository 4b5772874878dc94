//! Faults that no API knows, asked for with objects: a `Fault` is made, its status says `Injected`, and deleting it
//! heals what can be healed. So it can be used as an experiment of Chaos Mesh or Litmus can.
//!
//! ```yaml
//! apiVersion: standin.springback.test/v1
//! kind: Fault
//! metadata: { name: freeze-one, namespace: shop }
//! spec:
//!   kind: ProcessFreeze        # ContainerCrash, PodPartition, ProcessFreeze: pods of this namespace; or NodeLoss
//!   pods: [checkout-abc]       # these pods,
//!   selector: { matchLabels: { app: checkout } }   # or those that this selects,
//!   count: 1                   # the first so many of them by name; all unless told
//!   nodes: [node-a1]           # or, for NodeLoss, these nodes
//! status:
//!   phase: Injected            # then Healed, for as long as it is there; Failed if nothing was done
//!   message: shop/checkout-abc
//! ```
//!
//! - `ContainerCrash` kills the processes with SIGKILL; the kubelet restarts them.
//! - `ProcessFreeze` stops them (SIGSTOP) until it is healed: probes and requests get no answer.
//! - `PodPartition` cuts pods off at the balancer, requests under way included. Probes still reach them.
//! - `NodeLoss` kills all processes of a node and silences it until it is healed: no heartbeats, no pod statuses.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use futures_util::StreamExt;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind, Patch, PatchParams};
use kube::core::{Selector, SelectorExt};
use kube::runtime::wait::{await_condition, conditions};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Client, ResourceExt};
use rustix::process::Signal;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::context::Context;
use super::mirror::Mirror;
use super::node::Node;
use super::pod::RunningPod;

/// The group of our kinds.
pub const GROUP: &str = "standin.springback.test";
const FINALIZER: &str = "standin.springback.test/heal";
/// Time until something that failed is tried again.
const RETRY: Duration = Duration::from_millis(500);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
enum Kind {
    ContainerCrash,
    PodPartition,
    ProcessFreeze,
    NodeLoss,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Spec {
    kind: Kind,
    #[serde(default)]
    pods: Vec<String>,
    selector: Option<LabelSelector>,
    count: Option<usize>,
    #[serde(default)]
    nodes: Vec<String>,
}

/// What a fault has done, and what heals it.
enum Held {
    Nothing,
    Partition(Vec<Rc<RunningPod>>),
    Freeze(Vec<Rc<RunningPod>>),
    Loss(Vec<Rc<Node>>),
}

fn resource() -> ApiResource {
    ApiResource::from_gvk(&GroupVersionKind::gvk(GROUP, "v1", "Fault"))
}

/// Makes the kind known to the API server.
pub(super) async fn install(client: &Client) -> kube::Result<()> {
    let strings = json!({ "type": "array", "items": { "type": "string" } });
    let name = format!("faults.{GROUP}");
    let definition = json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": { "name": name },
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": { "kind": "Fault", "plural": "faults", "singular": "fault" },
            "versions": [{
                "name": "v1",
                "served": true,
                "storage": true,
                "subresources": { "status": {} },
                "additionalPrinterColumns": [
                    { "name": "Kind", "type": "string", "jsonPath": ".spec.kind" },
                    { "name": "Phase", "type": "string", "jsonPath": ".status.phase" },
                    { "name": "Message", "type": "string", "jsonPath": ".status.message" },
                ],
                "schema": { "openAPIV3Schema": {
                    "type": "object",
                    "required": ["spec"],
                    "properties": {
                        "spec": {
                            "type": "object",
                            "required": ["kind"],
                            "properties": {
                                "kind": {
                                    "type": "string",
                                    "enum": ["ContainerCrash", "PodPartition", "ProcessFreeze", "NodeLoss"],
                                },
                                "pods": strings,
                                "nodes": strings,
                                "count": { "type": "integer", "minimum": 1 },
                                "selector": { "type": "object", "x-kubernetes-preserve-unknown-fields": true },
                            },
                        },
                        "status": {
                            "type": "object",
                            "properties": { "phase": { "type": "string" }, "message": { "type": "string" } },
                        },
                    },
                } },
            }],
        },
    });
    let api: Api<CustomResourceDefinition> = Api::all(client.clone());
    api.patch(&name, &PatchParams::apply("standin").force(), &Patch::Apply(&definition)).await?;
    let established = await_condition(api, &name, conditions::is_crd_established());
    established.await.map_err(|error| kube::Error::Service(Box::new(error))).map(drop)
}

/// Injects and heals, for ever.
pub(super) async fn run(ctx: Rc<Context>) {
    let api: Api<DynamicObject> = Api::all_with(ctx.client.clone(), &resource());
    let mut events = watcher(api, watcher::Config::default()).default_backoff().boxed_local();
    let mut seen = Mirror::default();
    let mut faults = Faults { ctx: Rc::clone(&ctx), held: BTreeMap::new() };
    let mut failed = false;
    loop {
        tokio::select! {
            biased;
            Some(event) = events.next() => seen.take(event),
            () = sleep(RETRY), if failed => {}
        }
        failed = false;
        for fault in seen.objects.values() {
            if let Err(error) = faults.look_after(fault).await {
                ctx.complain(format!("fault {}: {error}", fault.name_any()));
                failed = true;
            }
        }
        faults.heal_others(&seen.objects);
    }
}

struct Faults {
    ctx: Rc<Context>,
    /// By the object's UID.
    held: BTreeMap<String, Held>,
}

impl Faults {
    async fn look_after(&mut self, fault: &DynamicObject) -> kube::Result<()> {
        let uid = fault.uid().unwrap_or_default();
        let finalized = fault.finalizers().iter().any(|finalizer| finalizer == FINALIZER);
        if fault.metadata.deletion_timestamp.is_some() {
            if finalized {
                self.heal(&uid);
                self.tell(fault, "Healed", "").await?;
                self.finalize(fault, false).await?;
            }
        } else if fault.data["status"]["phase"].is_null() {
            if !finalized {
                // What cannot be healed later is not injected. The change itself brings us here again.
                return self.finalize(fault, true).await;
            }
            let (phase, message) = match self.inject(fault, &uid) {
                Ok(targets) => ("Injected", targets.join(" ")),
                Err(why) => ("Failed", why),
            };
            self.tell(fault, phase, &message).await?;
        }
        Ok(())
    }

    /// Injects, if that is not done yet; the names of what was hit.
    fn inject(&mut self, fault: &DynamicObject, uid: &str) -> Result<Vec<String>, String> {
        let spec: Spec =
            serde_json::from_value(fault.data["spec"].clone()).map_err(|error| error.to_string())?;
        let fresh = !self.held.contains_key(uid);
        if spec.kind == Kind::NodeLoss {
            let nodes = self.nodes(&spec)?;
            if fresh {
                nodes.iter().for_each(|node| node.lose());
                self.held.insert(uid.to_owned(), Held::Loss(nodes));
            }
            return Ok(spec.nodes);
        }
        let pods = self.pods(&spec, &fault.namespace().unwrap_or_default())?;
        let names = pods.iter().map(|pod| pod.seen.borrow().name_any()).collect();
        if fresh {
            let held = match spec.kind {
                Kind::ContainerCrash | Kind::NodeLoss => {
                    pods.iter().for_each(|pod| pod.signal(Signal::KILL));
                    Held::Nothing
                }
                Kind::ProcessFreeze => {
                    for pod in pods.iter().filter(|pod| pod.freezes.begin()) {
                        pod.signal(Signal::STOP);
                    }
                    Held::Freeze(pods)
                }
                Kind::PodPartition => {
                    pods.iter().for_each(|pod| {
                        pod.partitions.begin();
                    });
                    Held::Partition(pods)
                }
            };
            self.held.insert(uid.to_owned(), held);
            self.ctx.routes.notify_one();
        }
        Ok(names)
    }

    fn nodes(&self, spec: &Spec) -> Result<Vec<Rc<Node>>, String> {
        if spec.nodes.is_empty() {
            return Err("a NodeLoss names its nodes".to_owned());
        }
        let node = |name: &String| {
            let mut nodes = self.ctx.nodes().into_iter();
            nodes.find(|node| node.spec.name == *name).ok_or_else(|| format!("{name} is none of our nodes"))
        };
        spec.nodes.iter().map(node).collect()
    }

    fn pods(&self, spec: &Spec, namespace: &str) -> Result<Vec<Rc<RunningPod>>, String> {
        let selector = spec.selector.clone().map(Selector::try_from).transpose();
        let selector = selector.map_err(|error| error.to_string())?;
        let mut pods = self.ctx.pods();
        pods.retain(|pod| {
            let seen = pod.seen.borrow();
            seen.namespace().as_deref() == Some(namespace)
                && seen.metadata.deletion_timestamp.is_none()
                && (spec.pods.contains(&seen.name_any())
                    || selector.as_ref().is_some_and(|selector| selector.matches(seen.labels())))
        });
        pods.sort_by_key(|pod| pod.seen.borrow().name_any());
        pods.truncate(spec.count.unwrap_or(usize::MAX));
        if pods.is_empty() { Err("there is no such pod on our nodes".to_owned()) } else { Ok(pods) }
    }

    fn heal(&mut self, uid: &str) {
        match self.held.remove(uid) {
            Some(Held::Freeze(pods)) => {
                for pod in pods.iter().filter(|pod| pod.freezes.end()) {
                    pod.signal(Signal::CONT);
                }
            }
            Some(Held::Partition(pods)) => pods.iter().for_each(|pod| {
                pod.partitions.end();
            }),
            Some(Held::Loss(nodes)) => {
                nodes.iter().for_each(|node| node.restore());
            }
            Some(Held::Nothing) | None => {}
        }
        self.ctx.routes.notify_one();
    }

    /// Heals what belongs to objects that are gone without having asked.
    fn heal_others(&mut self, there: &BTreeMap<String, DynamicObject>) {
        let gone: Vec<_> = self.held.keys().filter(|uid| !there.contains_key(*uid)).cloned().collect();
        gone.iter().for_each(|uid| self.heal(uid));
    }

    async fn tell(&self, fault: &DynamicObject, phase: &str, message: &str) -> kube::Result<()> {
        let status = json!({ "status": { "phase": phase, "message": message } });
        self.patch(fault, status, true).await
    }

    async fn finalize(&self, fault: &DynamicObject, with: bool) -> kube::Result<()> {
        let mut finalizers = fault.finalizers().to_vec();
        finalizers.retain(|finalizer| finalizer != FINALIZER);
        if with {
            finalizers.push(FINALIZER.to_owned());
        }
        self.patch(fault, json!({ "metadata": { "finalizers": finalizers } }), false).await
    }

    async fn patch(&self, fault: &DynamicObject, patch: Value, status: bool) -> kube::Result<()> {
        let namespace = fault.namespace().unwrap_or_default();
        let api: Api<DynamicObject> = Api::namespaced_with(self.ctx.client.clone(), &namespace, &resource());
        let (name, params, patch) = (fault.name_any(), PatchParams::default(), Patch::Merge(patch));
        let patched = if status {
            api.patch_status(&name, &params, &patch).await
        } else {
            api.patch(&name, &params, &patch).await
        };
        match patched {
            // It is gone already.
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
            patched => patched.map(drop),
        }
    }
}
