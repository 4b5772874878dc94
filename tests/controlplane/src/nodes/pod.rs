//! One pod on a node: its containers, its status, and its end.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::StreamExt;
use futures_util::future::LocalBoxFuture;
use futures_util::stream::FuturesUnordered;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, DeleteParams, Patch, PatchParams, Preconditions};
use kube::{Resource, ResourceExt};
use rustix::process::Signal;
use serde_json::Value;
use tokio::sync::Notify;
use tokio::task::spawn_local;
use tokio::time::{Instant, sleep_until};

use super::clock::now;
use super::container::{self, Container, Setup};
use super::context::Context;
use super::holds::Holds;
use super::node::Node;
use super::state::Status;
use super::status::{Fixed, Transitions, grace_left, patch};

/// Time between two tries to tell the API server something.
const RETRY: Duration = Duration::from_millis(500);
/// What a pod gets that was deleted by force: the kubelet's own least grace.
const LEAST_GRACE: Duration = Duration::from_secs(1);

/// A pod that is bound to one of our nodes.
pub(super) struct RunningPod {
    pub(super) uid: String,
    pub(super) node: Rc<Node>,
    pub(super) containers: Vec<Container>,
    /// As the API server last told it.
    pub(super) seen: RefCell<Pod>,
    /// How many faults of ours cut it off from the network.
    pub(super) partitions: Holds,
    /// How many stop its processes.
    pub(super) freezes: Holds,
    ip: String,
    started: Timestamp,
    gone: Cell<bool>,
    changed: Rc<Notify>,
}

impl RunningPod {
    /// Starts a pod's containers, and looks after it until it is gone.
    pub(super) fn start(ctx: &Rc<Context>, node: &Rc<Node>, pod: Pod) -> Rc<Self> {
        let changed = Rc::new(Notify::new());
        let spec = pod.spec.clone().unwrap_or_default();
        let name = format!("{}/{}", pod.namespace().unwrap_or_default(), pod.name_any());
        let grace = spec.termination_grace_period_seconds.and_then(|seconds| u64::try_from(seconds).ok());
        let containers = spec.containers.into_iter().map(|container| {
            let setup = Setup {
                program: ctx.options.program.clone(),
                pod: name.clone(),
                restart_policy: spec.restart_policy.clone().unwrap_or_default(),
                grace: Duration::from_secs(grace.unwrap_or(30)),
                backoff: ctx.options.crash_backoff,
                lost: node.lost.subscribe(),
                changed: Rc::clone(&changed),
            };
            container::start(container, setup)
        });
        let started = now();
        let running = Rc::new(Self {
            uid: pod.uid().unwrap_or_default(),
            node: Rc::clone(node),
            containers: containers.collect(),
            seen: RefCell::new(pod),
            partitions: Holds::default(),
            freezes: Holds::default(),
            ip: node.next_pod_ip(),
            started,
            gone: Cell::new(false),
            changed,
        });
        spawn_local(Rc::clone(&running).run(Rc::clone(ctx)));
        running
    }

    /// Takes the pod as the API server has it now.
    pub(super) fn update(&self, pod: Pod) {
        *self.seen.borrow_mut() = pod;
        self.changed.notify_one();
    }

    /// The API server has it no more.
    pub(super) fn forget(&self) {
        self.gone.set(true);
        self.changed.notify_one();
    }

    /// Sends a signal to all its processes.
    pub(super) fn signal(&self, signal: Signal) {
        for container in &self.containers {
            container.signal(signal);
        }
    }

    /// When the grace of its deletion is over.
    fn deletion(&self) -> Option<Timestamp> {
        self.seen.borrow().meta().deletion_timestamp.as_ref().map(|time| time.0)
    }

    fn statuses(&self) -> Vec<(&str, Status)> {
        let status = |container: &Container| container.status.borrow().clone();
        self.containers.iter().map(|container| (container.name.as_str(), status(container))).collect()
    }

    async fn run(self: Rc<Self>, ctx: Rc<Context>) {
        let mut teller = Teller::new(&ctx, &self);
        let mut lost = self.node.lost.subscribe();
        loop {
            // A node that is lost obeys nobody and tells nothing. Its processes are ended by themselves.
            let silent = *lost.borrow_and_update();
            let mut all_finished = false;
            if !silent || self.gone.get() {
                if self.gone.get() {
                    self.stop(LEAST_GRACE);
                } else if let Some(deletion) = self.deletion() {
                    self.stop(grace_left(deletion));
                }
                let statuses = self.statuses();
                all_finished = statuses.iter().all(|(_, status)| status.finished);
                if !self.gone.get() {
                    teller.wants(&self, &statuses, all_finished && self.deletion().is_some());
                }
            }
            if self.gone.get() && all_finished {
                break;
            }
            tokio::select! {
                biased;
                () = self.changed.notified() => {}
                _ = lost.changed() => {}
                () = teller.tell(), if !silent => {}
            }
            ctx.routes.notify_one();
        }
        ctx.pods.borrow_mut().remove(&self.uid);
        ctx.routes.notify_one();
    }

    fn stop(&self, grace: Duration) {
        for container in self.containers.iter().filter(|container| !container.status.borrow().finished) {
            container.stop(grace);
        }
    }
}

/// Tells the API server about one pod: one thing at a time, the newest, until it is heard.
struct Teller {
    ctx: Rc<Context>,
    api: Api<Pod>,
    name: String,
    uid: String,
    node_ip: String,
    pod_ip: String,
    started: Timestamp,
    since: Transitions,
    wanted: Option<Message>,
    told: Option<Message>,
    under_way: FuturesUnordered<LocalBoxFuture<'static, (Message, kube::Result<()>)>>,
    not_before: Instant,
}

#[derive(Debug, Clone, PartialEq)]
enum Message {
    Status(Value),
    Delete,
}

impl Teller {
    fn new(ctx: &Rc<Context>, pod: &RunningPod) -> Self {
        let seen = pod.seen.borrow();
        Self {
            ctx: Rc::clone(ctx),
            api: Api::namespaced(ctx.client.clone(), &seen.namespace().unwrap_or_default()),
            name: seen.name_any(),
            uid: pod.uid.clone(),
            node_ip: pod.node.ip.clone(),
            pod_ip: pod.ip.clone(),
            started: pod.started,
            since: Transitions::default(),
            wanted: None,
            told: None,
            under_way: FuturesUnordered::new(),
            not_before: Instant::now(),
        }
    }

    fn wants(&mut self, pod: &RunningPod, statuses: &[(&str, Status)], deleted: bool) {
        let fixed =
            Fixed { uid: &pod.uid, node_ip: &self.node_ip, pod_ip: &self.pod_ip, started: self.started };
        let status = Message::Status(patch(&fixed, statuses, &mut self.since));
        // How it ended is told before it is gone.
        let status_told = self.told.as_ref() == Some(&status) || self.told == Some(Message::Delete);
        self.wanted = Some(if deleted && status_told { Message::Delete } else { status });
    }

    /// Goes on telling; ready when something was heard.
    async fn tell(&mut self) {
        if self.under_way.is_empty() {
            let Some(message) = self.wanted.clone().filter(|wanted| self.told.as_ref() != Some(wanted))
            else {
                return std::future::pending().await;
            };
            sleep_until(self.not_before).await;
            self.under_way
                .push(send(self.api.clone(), self.name.clone(), self.uid.clone(), message).boxed_local());
        }
        let Some((message, answer)) = self.under_way.next().await else { return };
        match answer {
            Ok(()) => self.told = Some(message),
            // It is gone, or another one has its name: the watch will say so.
            Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => self.told = Some(message),
            Err(error) => {
                self.ctx.complain(format!("pod {}: {error}", self.name));
                self.not_before = Instant::now() + RETRY;
            }
        }
    }
}

async fn send(api: Api<Pod>, name: String, uid: String, message: Message) -> (Message, kube::Result<()>) {
    let answer = match &message {
        Message::Status(status) => {
            api.patch_status(&name, &PatchParams::default(), &Patch::Strategic(status)).await.map(|_| ())
        }
        Message::Delete => {
            let uid = Preconditions { uid: Some(uid), resource_version: None };
            let params = DeleteParams::default().grace_period(0).preconditions(uid);
            api.delete(&name, &params).await.map(|_| ())
        }
    };
    (message, answer)
}
