//! Nothing of the nodes is left when their process is killed, not even a pod that cannot hear.

mod support;

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use controlplane::eventually;
use controlplane::objects::{Build, an_object, workload};
use kube::Client;
use kube::config::{KubeConfigOptions, Kubeconfig};
use serde_json::json;
use support::ready;

/// Processes of pods of this namespace: an instance is told its pod's name on its command line.
fn instances(namespace: &str) -> Vec<String> {
    let named = format!("\"name\":\"{namespace}/");
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let commands = processes.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
    let commands = commands.map(|command| String::from_utf8_lossy(&command).into_owned());
    commands.filter(|command| command.contains("__instance") && command.contains(&named)).collect()
}

#[cfg(target_os = "linux")]
#[tokio::test]
#[ignore = "needs a control plane: Go, and minutes to build it"]
async fn no_process_outlives_the_nodes() {
    for signal in ["-KILL", "-INT"] {
        let namespace = format!("ends-{}{}", std::process::id(), signal.to_lowercase());
        let mut up = Command::new(env!("CARGO_BIN_EXE_controlplane"));
        let mut up = up.arg("up").stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let lines = BufReader::new(up.stdout.take().unwrap()).lines().map_while(Result::ok);
        let mut paths =
            lines.filter_map(|line| Some(line.trim().strip_prefix("export KUBECONFIG=")?.to_owned()));
        let kubeconfig = Kubeconfig::read_from(paths.next().expect("it says how to reach it")).unwrap();
        let options = KubeConfigOptions::default();
        let config = kube::Config::from_custom_kubeconfig(kubeconfig, &options).await.unwrap();
        let client = Client::try_from(config).unwrap();
        support::namespace(&client, &namespace).await;
        workload("checkout").in_namespace(&namespace).replicas(2).apply(&client).await.unwrap();
        let pods = ready(&client, &namespace, "checkout", 2).await;
        assert_eq!(instances(&namespace).len(), 2);
        let freeze = an_object(json!({
            "apiVersion": "standin.springback.test/v1",
            "kind": "Fault",
            "metadata": { "name": "freeze", "namespace": namespace },
            "spec": { "kind": "ProcessFreeze", "pods": [pods[0]] },
        }));
        freeze.apply(&client).await.unwrap();
        let api = freeze.api(client);
        eventually("a frozen pod", async || {
            (api.get("freeze").await.ok()?.data["status"]["phase"] == "Injected").then_some(())
        })
        .await;
        assert!(Command::new("kill").args([signal, &up.id().to_string()]).status().unwrap().success());
        up.wait().unwrap();
        eventually("no instance left", async || instances(&namespace).is_empty().then_some(())).await;
    }
}
