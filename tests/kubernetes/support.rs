//! What the tests of the Kubernetes world share: a cluster, a demo system in it, and springback run on it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use controlplane::ControlPlane;
use controlplane::nodes::Nodes;
use controlplane::objects::{Build, a_namespace};
use kube::Client;
use serde_json::Value;
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

/// Runs a scenario on a cluster to its end. `NAMESPACE` in the text stands for the namespace.
pub(crate) async fn run(cluster: &Cluster, namespace: &str, scenario: &str) -> Ran {
    let reports = tempfile::tempdir().unwrap();
    let file = reports.path().join("scenario.toml");
    std::fs::write(&file, scenario.replace("NAMESPACE", namespace)).unwrap();
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
