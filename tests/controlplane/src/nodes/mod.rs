//! A stand-in for nodes: it runs the pods that a real control plane binds to them.
//!
//! Each bound pod is a real local process (`springback __instance`, told by [`behavior`] what to do), probed,
//! restarted and ended as a kubelet would; Services of type LoadBalancer get a loopback address of their own with a
//! balancer behind it; `metrics.k8s.io` tells what the processes really use. Faults that no API knows are asked for
//! with objects of a kind of our own: see [`faults`]. PersistentVolumeClaims of the class [`volumes::CLASS`] are bound.
//!
//! All of it lives on two threads, and in child processes that end with this one.

mod address;
mod adoption;
mod balancer;
pub mod behavior;
mod clock;
mod container;
mod context;
pub mod faults;
mod holds;
mod https;
mod knobs;
mod metrics;
mod mirror;
mod network_policy;
mod node;
mod pod;
mod probe;
mod process;
mod selector;
mod services;
mod state;
mod status;
mod usage;
pub mod volumes;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use kube::Client;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::{LocalSet, spawn_local};

pub use knobs::Metrics;
pub use node::NodeSpec;

use context::{Context, Options};
use https::Https;
use knobs::Knobs;
use metrics::Meter;
use node::Node;

/// Why the nodes could not be started.
#[derive(Debug, thiserror::Error)]
pub enum NodesError {
    /// What the API server answered.
    #[error("the API server refused: {0}")]
    Api(#[from] kube::Error),
    /// Something of this machine.
    #[error("the nodes do not start: {0}")]
    Machine(String),
    /// `springback`, which pods run, does not build.
    #[error("springback does not build, and pods run it:\n{0}")]
    Program(String),
}

/// What nodes to start, and how they behave.
#[derive(Debug, Clone)]
pub struct NodesBuilder {
    config: kube::Config,
    options: Options,
    nodes: Vec<NodeSpec>,
}

/// Running nodes. Dropping this is as if all the machines lost power: the processes end, the objects stay.
#[derive(Debug)]
pub struct Nodes {
    knobs: Arc<Mutex<Knobs>>,
    complaints: Arc<Mutex<Vec<String>>>,
    stop: Option<oneshot::Sender<()>>,
    threads: Vec<JoinHandle<()>>,
}

impl Nodes {
    /// Nodes for the API server of this configuration, with the `springback` program that their pods run: two in
    /// each of two zones unless told.
    ///
    /// It takes a configuration and not a client because a client belongs to the runtime that it was made in, and
    /// the nodes have one of their own.
    pub fn builder(config: kube::Config, program: &Path) -> NodesBuilder {
        let nodes =
            [("node-a1", "zone-a"), ("node-a2", "zone-a"), ("node-b1", "zone-b"), ("node-b2", "zone-b")];
        NodesBuilder {
            config,
            options: Options {
                program: program.to_owned(),
                crash_backoff: Duration::from_secs(1),
                heartbeat: Duration::from_secs(1),
                adopts: None,
                kubelet_port: 0,
            },
            nodes: nodes.map(|(name, zone)| NodeSpec::new(name, zone)).to_vec(),
        }
    }

    /// Makes `metrics.k8s.io` misbehave, or behave again.
    pub fn metrics(&self, metrics: Metrics) {
        self.knobs.lock().unwrap_or_else(PoisonError::into_inner).metrics = metrics;
    }

    /// Whether deleted Services keep their address and their finalizer from now on.
    pub fn leak_load_balancers(&self, leak: bool) {
        self.knobs.lock().unwrap_or_else(PoisonError::into_inner).leak_load_balancers = leak;
    }

    /// What went wrong so far, the first hundred: for a test that waited in vain.
    pub fn complaints(&self) -> Vec<String> {
        self.complaints.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Ends all processes and waits for them.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        drop(self.stop.take());
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

impl Drop for Nodes {
    fn drop(&mut self) {
        self.end();
    }
}

impl NodesBuilder {
    /// These nodes instead.
    #[must_use]
    pub fn with_nodes(mut self, nodes: Vec<NodeSpec>) -> Self {
        self.nodes = nodes;
        self
    }

    /// Time between two heartbeats of a node: well below the controller manager's grace period.
    #[must_use]
    pub fn with_heartbeat(mut self, heartbeat: Duration) -> Self {
        self.options.heartbeat = heartbeat;
        self
    }

    /// The first wait before a container that crashed twice is restarted; it doubles, up to 30 times as much.
    #[must_use]
    pub fn with_crash_backoff(mut self, backoff: Duration) -> Self {
        self.options.crash_backoff = backoff;
        self
    }

    /// Nodes with these labels, such as `karpenter.sh/nodepool`, are run too: others make and delete their objects,
    /// here they are alive and run their pods. KWOK must not keep them as well.
    #[must_use]
    pub fn adopting(mut self, labels: &str) -> Self {
        self.options.adopts = Some(labels.to_owned());
        self
    }

    /// Registers the nodes and begins to run what is bound to them.
    ///
    /// # Errors
    /// If the API server refuses, or this machine does.
    pub async fn start(self) -> Result<Nodes, NodesError> {
        let machine = |error: std::io::Error| NodesError::Machine(error.to_string());
        let (knobs, complaints) = (Arc::default(), Arc::default());
        let (stop, stopped) = oneshot::channel();
        let (started, starts) = oneshot::channel();
        let (orders, inbox) = mpsc::unbounded_channel();
        let balancer = std::thread::Builder::new().name("balancer".to_owned());
        let balancer = balancer.spawn(move || balancer::run(inbox)).map_err(machine)?;
        let shared = (Arc::clone(&knobs), Arc::clone(&complaints));
        let nodes = std::thread::Builder::new().name("nodes".to_owned()).spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.expect("a thread can have a runtime");
            LocalSet::new().block_on(&runtime, async move {
                let running = self.run(shared, orders).await;
                let failed = running.is_err();
                let _ = started.send(running);
                if !failed {
                    // Dropped or sent, it is the end. All children end with the tasks that own them.
                    let _ = stopped.await;
                }
            });
        });
        let threads = vec![nodes.map_err(machine)?, balancer];
        let nodes = Nodes { knobs, complaints, stop: Some(stop), threads };
        match starts.await {
            Ok(Ok(())) => Ok(nodes),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(NodesError::Machine("their thread has ended".to_owned())),
        }
    }

    async fn run(
        mut self,
        (knobs, complaints): (Arc<Mutex<Knobs>>, Arc<Mutex<Vec<String>>>),
        orders: mpsc::UnboundedSender<balancer::Order>,
    ) -> Result<(), NodesError> {
        // Whatever is refused is said again here, in its newest form; the client would repeat the old one for minutes.
        self.config.default_retry = false;
        let client = Client::try_from(self.config)?;
        let https = Https::bind().await.map_err(NodesError::Machine)?;
        self.options.kubelet_port = https.port;
        let nodes = (1..).zip(self.nodes).map(|(index, spec)| Rc::new(Node::new(index, spec, false)));
        let ctx = Rc::new(Context {
            client,
            options: self.options,
            knobs,
            complaints,
            nodes: RefCell::new(nodes.collect()),
            pods: RefCell::new(BTreeMap::new()),
            routes: Notify::new(),
        });
        for node in ctx.nodes() {
            node.register(&ctx).await?;
            spawn_local(Rc::clone(&node).beat(Rc::clone(&ctx)));
            spawn_local(node.run_pods(Rc::clone(&ctx)));
        }
        if let Some(labels) = ctx.options.adopts.clone() {
            spawn_local(adoption::run(Rc::clone(&ctx), labels));
        }
        https.announce(&ctx.client).await?;
        faults::install(&ctx.client).await?;
        volumes::install(&ctx.client).await?;
        let meter = Rc::new(Meter::default());
        spawn_local(Rc::clone(&meter).run(Rc::clone(&ctx)));
        spawn_local(https.serve(Rc::clone(&ctx), meter));
        spawn_local(services::run(Rc::clone(&ctx), orders));
        spawn_local(faults::run(Rc::clone(&ctx)));
        spawn_local(volumes::run(ctx));
        Ok(())
    }
}

/// Where `cargo` puts the `springback` program, built now if it is not up to date.
///
/// # Errors
/// If it does not build: what the compiler said.
pub fn springback_program() -> Result<PathBuf, NodesError> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut cargo = std::process::Command::new(env!("CARGO"));
    // What cargo tells a test about its own package would make it build others anew: some build scripts look at it.
    for (name, _) in std::env::vars_os() {
        let name_shown = name.to_string_lossy();
        if ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_"]
            .iter()
            .any(|own| name_shown.starts_with(own))
        {
            cargo.env_remove(&name);
        }
    }
    let built = cargo
        .args(["build", "--package", "springback", "--bin", "springback", "--message-format=json"])
        .current_dir(root)
        .output()
        .map_err(|error| NodesError::Program(format!("cargo does not run: {error}")))?;
    if !built.status.success() {
        return Err(NodesError::Program(String::from_utf8_lossy(&built.stderr).into_owned()));
    }
    let messages = String::from_utf8_lossy(&built.stdout).into_owned();
    let mut executables = messages.lines().filter_map(|line| {
        let message: serde_json::Value = serde_json::from_str(line).ok()?;
        message["executable"].as_str().map(PathBuf::from)
    });
    executables.next_back().ok_or_else(|| NodesError::Program("cargo named no program".to_owned()))
}
