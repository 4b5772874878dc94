//! What the tests of the Kubernetes world share: a cluster, a demo system in it, and springback run on it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use controlplane::nodes::Nodes;
use controlplane::objects::{Autoscaler, Build, Workload, a_container, a_namespace, an_hpa, workload};
use controlplane::{ControlPlane, eventually};
use k8s_openapi::api::core::v1::Service;
use kube::{Api, Client};
use serde_json::Value;
use springback::history::{self, Record};
use tokio::process::Child;
use tokio::sync::{OnceCell, Semaphore, SemaphorePermit};

/// The binary under test, which also is what runs in pods.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_springback");

/// A control plane with nodes.
pub(crate) struct Cluster {
    pub(crate) plane: ControlPlane,
    pub(crate) nodes: Nodes,
}

static CLUSTER: OnceCell<Cluster> = OnceCell::const_new();
/// Two cores: two systems under load at a time.
const AT_ONCE: u32 = 2;
static TURNS: Semaphore = Semaphore::const_new(AT_ONCE as usize);

/// The right to put a system under load, until it is dropped.
pub(crate) type Turn = SemaphorePermit<'static>;

/// The cluster that the tests of a program share, and a turn to use it.
pub(crate) async fn cluster() -> (&'static Cluster, Turn) {
    let turn = TURNS.acquire().await.unwrap();
    (shared().await, turn)
}

/// The same, and nobody else has a turn: for a test that changes what all systems of the cluster share.
pub(crate) async fn cluster_alone() -> (&'static Cluster, Turn) {
    let turn = alone().await;
    (shared().await, turn)
}

/// Nobody else has a turn.
pub(crate) async fn alone() -> Turn {
    TURNS.acquire_many(AT_ONCE).await.unwrap()
}

/// A cluster with KEDA and Karpenter, and nobody else has a turn: what they are is looked at in each run where they are.
pub(crate) async fn extended() -> (&'static Cluster, Turn) {
    static EXTENDED: OnceCell<Cluster> = OnceCell::const_new();
    let turn = alone().await;
    let cluster = EXTENDED.get_or_init(async || {
        let plane = ControlPlane::builder().context("springback-extended").start().await.unwrap();
        let nodes = Nodes::builder(plane.config(), Path::new(PROGRAM)).start().await.unwrap();
        plane.start_keda().await.unwrap();
        plane.start_karpenter().await.unwrap();
        Cluster { plane, nodes }
    });
    (cluster.await, turn)
}

async fn shared() -> &'static Cluster {
    CLUSTER
        .get_or_init(async || {
            let plane = ControlPlane::builder().start().await.unwrap();
            let nodes = Nodes::builder(plane.config(), Path::new(PROGRAM)).start().await.unwrap();
            Cluster { plane, nodes }
        })
        .await
}

/// A namespace of a test's own that has opted in.
pub(crate) async fn namespace(client: &Client, name: &str) {
    a_namespace(name).with_label(springback::world::kubernetes::OPT_IN, "true").apply(client).await.unwrap();
}

/// What a call of springback came to.
pub(crate) struct Ran {
    pub(crate) output: Output,
    pub(crate) folder: PathBuf,
    _reports: tempfile::TempDir,
}

impl Ran {
    pub(crate) fn code(&self) -> i32 {
        self.output.status.code().unwrap_or(-1)
    }

    /// Everything that it printed, and what it saw of the autoscaler.
    pub(crate) fn said(&self) -> String {
        let history = std::fs::read_to_string(self.folder.join("history.jsonl")).unwrap_or_default();
        let of_scaler = |line: &&str| {
            line.contains("\"autoscaler\":{")
                || line.contains("\"desired\":{")
                || line.contains("\"decision\":{")
        };
        let scaler: Vec<&str> = history.lines().filter(of_scaler).collect();
        format!(
            "{}{}\n{}",
            String::from_utf8_lossy(&self.output.stdout),
            String::from_utf8_lossy(&self.output.stderr),
            scaler.join("\n")
        )
    }

    /// Outcome of a finding, by its id, and the codes of its causes with their objects.
    pub(crate) fn finding(&self, id: &str) -> (String, Vec<(String, String)>) {
        let verdict = self.verdict();
        let found = verdict["findings"].as_array().unwrap().iter().find(|finding| finding["id"] == id);
        let finding = found.unwrap_or_else(|| panic!("no finding {id}: {}", self.said()));
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let causes = finding["causes"].as_array().unwrap();
        let causes = causes.iter().map(|cause| (text(&cause["code"]), text(&cause["object"]))).collect();
        (text(&finding["outcome"]), causes)
    }

    pub(crate) fn verdict(&self) -> Value {
        let text = std::fs::read_to_string(self.folder.join("verdict.json"))
            .unwrap_or_else(|_| panic!("{}", self.said()));
        serde_json::from_str(&text).unwrap()
    }
}

/// A call of springback on a cluster.
pub(crate) fn springback(kubeconfig: &Path) -> Command {
    let mut command = Command::new(PROGRAM);
    command.env("KUBECONFIG", kubeconfig);
    command
}

/// A call of springback to its end: its exit code, and everything that it printed.
pub(crate) async fn call(kubeconfig: &Path, args: &[&str]) -> (i32, String) {
    let mut command = tokio::process::Command::from(springback(kubeconfig));
    let output = command.args(args).output().await.unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&said).into_owned())
}

/// Runs a scenario on a cluster to its end. `NAMESPACE` in the text stands for the namespace.
pub(crate) async fn run(cluster: &Cluster, namespace: &str, scenario: &str) -> Ran {
    run_with(cluster.plane.kubeconfig(), namespace, scenario).await
}

/// The same, with any kubeconfig.
pub(crate) async fn run_with(kubeconfig: &Path, namespace: &str, scenario: &str) -> Ran {
    start(kubeconfig, namespace, scenario).ended().await
}

/// A run that goes on.
pub(crate) struct Running {
    child: Child,
    reports: tempfile::TempDir,
}

/// Starts a run. It is ended with the test.
pub(crate) fn start(kubeconfig: &Path, namespace: &str, scenario: &str) -> Running {
    start_beside(kubeconfig, namespace, scenario, &[])
}

/// The same, with files beside the scenario: each a name and a text.
pub(crate) fn start_beside(
    kubeconfig: &Path,
    namespace: &str,
    scenario: &str,
    files: &[(&str, &str)],
) -> Running {
    let reports = tempfile::tempdir().unwrap();
    let file = reports.path().join("scenario.toml");
    std::fs::write(&file, scenario.replace("NAMESPACE", namespace)).unwrap();
    for (name, text) in files {
        std::fs::write(reports.path().join(name), text).unwrap();
    }
    let mut command = tokio::process::Command::from(springback(kubeconfig));
    command
        .arg("run")
        .arg(&file)
        .arg("--reports")
        .arg(reports.path())
        .args(["--suite-id", "test", "--seed", "7", "--quiet"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    Running { child: command.spawn().unwrap(), reports }
}

impl Running {
    /// Its history.
    pub(crate) fn history(&self) -> PathBuf {
        self.reports.path().join("test/scenario/history.jsonl")
    }

    /// The folder that it writes to.
    pub(crate) fn folder(&self) -> String {
        self.history().parent().unwrap().to_str().unwrap().to_owned()
    }

    /// What is on record so far.
    pub(crate) fn records(&self) -> Vec<Record> {
        let mut found = Vec::new();
        // A file that is not there yet, or not finished yet, has what it has.
        let _ = history::read(&self.history(), |record| found.push(record));
        found
    }

    /// Waits until something is on record, or the run is over; returns whether it is on record.
    pub(crate) async fn until(&mut self, found: impl Fn(&Record) -> bool) -> bool {
        loop {
            let over = self.child.try_wait().unwrap().is_some();
            if self.records().iter().any(&found) {
                return true;
            }
            if over {
                return false;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// SIGKILL.
    pub(crate) async fn kill(&mut self) {
        self.child.kill().await.unwrap();
    }

    /// Waits for its end.
    pub(crate) async fn ended(self) -> Ran {
        let output = self.child.wait_with_output().await.unwrap();
        Ran { output, folder: self.reports.path().join("test/scenario"), _reports: self.reports }
    }
}

/// A system under test: a Deployment `checkout` behind a Service of that name, two replicas at 40 requests a second.
pub(crate) fn checkout(namespace: &str) -> Workload {
    let container = a_container()
        .requesting_cpu("100m")
        .serving_in(Duration::from_millis(10), 8)
        .burning(Duration::from_millis(2));
    workload("checkout")
        .in_namespace(namespace)
        .deployment(|deployment| deployment.without_replicas().with_grace(1))
        .container(container)
}

/// Its autoscaler: 2 to 6 replicas at 60 % of the requested CPU, with a window of 3 s.
pub(crate) fn autoscaler() -> Autoscaler {
    an_hpa("checkout", 2, 6, 60).scaling_down_after(Duration::from_secs(3))
}

/// Applies a system, and waits until its Service has an address.
pub(crate) async fn deploy(client: &Client, system: &Workload, namespace: &str) {
    system.apply(client).await.unwrap();
    addressed(client, namespace).await;
}

/// Waits until the Service `checkout` has an address.
pub(crate) async fn addressed(client: &Client, namespace: &str) {
    let services: Api<Service> = Api::namespaced(client.clone(), namespace);
    eventually("an address of the Service", async || {
        let ingress = services.get("checkout").await.ok()?.status?.load_balancer?.ingress?;
        (!ingress.is_empty()).then_some(())
    })
    .await;
}

/// A scenario of `scenarios/kubernetes/`, for the cluster of the tests.
pub(crate) fn shipped(text: &str) -> String {
    text.replace("\"staging\"", "\"springback-test\"").replace("\"shop\"", "\"NAMESPACE\"")
}

/// A surge, and what is expected after it: the way there and back in about 40 s.
pub(crate) const SURGE: &str = r#"
name = "checkout gives its capacity back"
[target.kubernetes]
context = "springback-test"
namespace = "NAMESPACE"
service = "checkout"
hpa = { sync_period = "1s", downscale_stabilization = "5s" }
[target.kubernetes.group.primary]
workload = "Deployment/checkout"
capacity = "50/s"
price = "0.10 USD/h"
grace = "1s"
[load]
path = "/checkout"
baseline_rate = "40/s"
[[load.surge]]
at = "1s"
step = { to_rate = "140/s", lasts = "10s" }
[expect]
contraction = { group = "primary", within = "15s", hold = "6s" }
"#;
