//! What the tests of the Kubernetes world share: a cluster, a demo system in it, and springback run on it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use controlplane::ControlPlane;
use controlplane::nodes::Nodes;
use controlplane::objects::{Build, a_namespace};
use kube::Client;
use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind, ListParams};
use serde_json::{Value, json};
use springback::history::{self, Record};
use tokio::sync::{Mutex, MutexGuard, OnceCell};

/// The binary under test, which also is what runs in pods.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_springback");

/// A control plane with nodes.
pub(crate) struct Cluster {
    pub(crate) plane: ControlPlane,
    pub(crate) nodes: Nodes,
}

static CLUSTER: OnceCell<Cluster> = OnceCell::const_new();
/// Two cores: one system under load at a time.
static TURN: Mutex<()> = Mutex::const_new(());

/// The cluster that the tests of a program share, and the turn to use it.
pub(crate) async fn cluster() -> (&'static Cluster, MutexGuard<'static, ()>) {
    let turn = TURN.lock().await;
    let cluster = CLUSTER
        .get_or_init(async || {
            let plane = ControlPlane::builder().start().await.unwrap();
            let nodes = Nodes::builder(plane.config(), Path::new(PROGRAM)).start().await.unwrap();
            Cluster { plane, nodes }
        })
        .await;
    (cluster, turn)
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

    /// Everything that it printed.
    pub(crate) fn said(&self) -> String {
        format!(
            "{}{}",
            String::from_utf8_lossy(&self.output.stdout),
            String::from_utf8_lossy(&self.output.stderr)
        )
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
    let mut command = springback(kubeconfig);
    command.args(args);
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&said).into_owned())
}

/// A run that goes on, and is killed at the latest when this is dropped.
pub(crate) struct Running {
    process: Child,
    reports: tempfile::TempDir,
}

impl Running {
    /// Starts a scenario. `NAMESPACE` in the text stands for the namespace.
    pub(crate) fn start(kubeconfig: &Path, namespace: &str, scenario: &str) -> Self {
        let reports = tempfile::tempdir().unwrap();
        let file = reports.path().join("scenario.toml");
        std::fs::write(&file, scenario.replace("NAMESPACE", namespace)).unwrap();
        let mut command = springback(kubeconfig);
        let said = std::fs::File::create(reports.path().join("said")).unwrap();
        command.arg("run").arg(&file).arg("--reports").arg(reports.path());
        command.args(["--suite-id", namespace, "--seed", "7", "--quiet"]);
        command.stdin(Stdio::null()).stdout(said.try_clone().unwrap()).stderr(said);
        Self { process: command.spawn().unwrap(), reports }
    }

    /// The folder of the run.
    pub(crate) fn folder(&self) -> PathBuf {
        let suites = std::fs::read_dir(self.reports.path()).unwrap().flatten().map(|entry| entry.path());
        let suite = suites.into_iter().find(|path| path.is_dir());
        suite.unwrap_or_else(|| self.reports.path().join("none")).join("scenario")
    }

    /// What is on record so far.
    pub(crate) fn records(&self) -> Vec<Record> {
        let mut found = Vec::new();
        // A file that is not there yet, or not finished yet, has what it has.
        let _ = history::read(&self.folder().join("history.jsonl"), |record| found.push(record));
        found
    }

    /// Everything that it printed so far.
    pub(crate) fn said(&self) -> String {
        std::fs::read_to_string(self.reports.path().join("said")).unwrap()
    }

    /// Waits until something is on record, or the run is over; returns whether it is on record.
    pub(crate) async fn until(&mut self, found: impl Fn(&Record) -> bool) -> bool {
        loop {
            let over = self.process.try_wait().unwrap().is_some();
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
    pub(crate) fn kill(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }

    /// Waits for its end; its exit code.
    pub(crate) async fn end(&mut self) -> i32 {
        self.until(|_| false).await;
        self.process.wait().unwrap().code().unwrap_or(-1)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

/// What somebody else's objects in a namespace, and the nodes, are to look like again: every field of their specification and
/// data, labels and annotations.
pub(crate) type Snapshot = BTreeMap<String, Value>;

/// The kinds of a snapshot: API version, kind and plural, and whether they lie in a namespace.
const KINDS: [(&str, &str, bool); 9] = [
    ("apps/v1", "Deployment", true),
    ("apps/v1", "StatefulSet", true),
    ("autoscaling/v2", "HorizontalPodAutoscaler", true),
    ("v1", "Service", true),
    ("v1", "ConfigMap", true),
    ("coordination.k8s.io/v1", "Lease", true),
    ("networking.k8s.io/v1", "NetworkPolicy", true),
    ("policy/v1", "PodDisruptionBudget", true),
    ("v1", "Node", false),
];

pub(crate) async fn snapshot(client: &Client, namespace: &str) -> Snapshot {
    let mut seen = Snapshot::new();
    for (version, kind, namespaced) in KINDS {
        let (group, version) = version.rsplit_once('/').unwrap_or(("", version));
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
        let api: Api<DynamicObject> = match namespaced {
            true => Api::namespaced_with(client.clone(), namespace, &resource),
            false => Api::all_with(client.clone(), &resource),
        };
        for object in api.list(&ListParams::default()).await.unwrap() {
            let name = format!("{kind}/{}", object.metadata.name.as_deref().unwrap_or_default());
            let mut fields = json!(object.data);
            if let Some(fields) = fields.as_object_mut() {
                fields.remove("status");
            }
            let fields = json!({
                "fields": fields,
                "labels": object.metadata.labels,
                "annotations": object.metadata.annotations,
                "finalizers": object.metadata.finalizers,
            });
            seen.insert(name, fields);
        }
    }
    seen
}

/// What differs between two snapshots, object by object.
pub(crate) fn differences(before: &Snapshot, after: &Snapshot) -> Vec<String> {
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let differ = names.into_iter().filter(|name| before.get(*name) != after.get(*name));
    differ.map(|name| format!("{name}:\n  {:?}\n  {:?}", before.get(name), after.get(name))).collect()
}

/// Runs a scenario on a cluster to its end. `NAMESPACE` in the text stands for the namespace.
pub(crate) async fn run(cluster: &Cluster, namespace: &str, scenario: &str) -> Ran {
    run_with(cluster, namespace, scenario, &[]).await
}

/// The same, with files beside it: each a name and a text.
pub(crate) async fn run_with(
    cluster: &Cluster,
    namespace: &str,
    scenario: &str,
    files: &[(&str, &str)],
) -> Ran {
    let reports = tempfile::tempdir().unwrap();
    let file = reports.path().join("scenario.toml");
    std::fs::write(&file, scenario.replace("NAMESPACE", namespace)).unwrap();
    for (name, text) in files {
        std::fs::write(reports.path().join(name), text).unwrap();
    }
    let mut command = springback(cluster.plane.kubeconfig());
    command.arg("run").arg(&file).arg("--reports").arg(reports.path()).args([
        "--suite-id",
        "test",
        "--seed",
        "7",
        "--quiet",
    ]);
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    Ran { output, folder: reports.path().join("test/scenario"), _reports: reports }
}
