//! The control plane itself: it starts, its controllers act, its components die and come back, and nothing is left.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use controlplane::{Component, ControlPlane, Module, eventually};
use futures_util::AsyncReadExt;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use kube::api::{Api, ListParams, PostParams};
use serde_json::json;

const FOUR: [Component; 4] =
    [Component::Etcd, Component::ApiServer, Component::ControllerManager, Component::Scheduler];

fn config_map(name: &str) -> ConfigMap {
    serde_json::from_value(json!({ "metadata": { "name": name } })).unwrap()
}

#[tokio::test]
#[ignore = "needs a control plane: Go, and minutes to build it"]
async fn its_controllers_act_and_its_components_come_back() {
    let plane = ControlPlane::builder().context("some \"context\"").start().await.unwrap();
    let version = plane.client().apiserver_version().await.unwrap();
    assert_eq!(version.git_version, "v1.36.3");
    assert!(
        fs::read_to_string(plane.kubeconfig()).unwrap().contains(r#"current-context: "some \"context\"""#)
    );

    // The controller manager makes pods of a deployment, and the scheduler says why it cannot bind them.
    let deployments: Api<Deployment> = Api::default_namespaced(plane.client());
    let deployment = serde_json::from_value(json!({
        "metadata": { "name": "web" },
        "spec": {
            "replicas": 3,
            "selector": { "matchLabels": { "app": "web" } },
            "template": {
                "metadata": { "labels": { "app": "web" } },
                "spec": { "containers": [{ "name": "web", "image": "web" }] },
            },
        },
    }));
    deployments.create(&PostParams::default(), &deployment.unwrap()).await.unwrap();
    let pods: Api<Pod> = Api::default_namespaced(plane.client());
    let unschedulable = async || {
        let pods = pods.list(&ListParams::default()).await.ok()?;
        let reasons = pods
            .items
            .iter()
            .filter_map(|pod| pod.status.as_ref()?.conditions.as_ref()?.first()?.reason.as_deref());
        (reasons.filter(|reason| *reason == "Unschedulable").count() == 3).then_some(())
    };
    eventually("three pods that cannot be scheduled", unschedulable).await;

    // Each component in turn is killed and started again. What etcd had is still there.
    for component in FOUR {
        let before = plane.pid(component).unwrap();
        plane.kill(component);
        assert_eq!(plane.pid(component), None);
        if component == Component::ApiServer {
            assert!(
                plane.client().apiserver_version().await.is_err(),
                "nobody answers for the killed API server"
            );
        }
        plane.restart(component).await.unwrap();
        assert_ne!(plane.pid(component), Some(before));
    }
    assert!(deployments.get("web").await.is_ok());
    let memory = plane.memory();
    assert_eq!(memory.keys().copied().collect::<Vec<_>>(), FOUR);
    assert!(plane.log(Component::ApiServer).is_file());
    plane.stop().unwrap();
}

#[tokio::test]
#[ignore = "needs a control plane: Go, and minutes to build it"]
async fn two_planes_are_two_clusters() {
    let start = |context: &str| ControlPlane::builder().context(context).start();
    let (primary, standby) = tokio::join!(start("primary"), start("standby"));
    let (primary, standby) = (primary.unwrap(), standby.unwrap());
    let maps = |plane: &ControlPlane| Api::<ConfigMap>::default_namespaced(plane.client());
    maps(&primary).create(&PostParams::default(), &config_map("here")).await.unwrap();
    assert!(maps(&primary).get("here").await.is_ok());
    assert!(maps(&standby).get_opt("here").await.unwrap().is_none());
    primary.stop().unwrap();
    maps(&standby).create(&PostParams::default(), &config_map("there")).await.unwrap();
    standby.stop().unwrap();
}

#[tokio::test]
#[ignore = "needs a control plane: Go, and minutes to build it"]
async fn a_user_may_do_nothing_without_a_role_and_flags_are_passed_on() {
    // A watch is cut after one to two seconds.
    let plane =
        ControlPlane::builder().flag(Component::ApiServer, "min-request-timeout", "1").start().await.unwrap();
    let kubeconfig = kube::config::Kubeconfig::read_from(plane.kubeconfig_of("somebody").unwrap()).unwrap();
    let config = kube::Config::from_custom_kubeconfig(kubeconfig, &Default::default()).await.unwrap();
    let somebody = kube::Client::try_from(config).unwrap();
    let refused =
        Api::<ConfigMap>::default_namespaced(somebody).list(&ListParams::default()).await.unwrap_err();
    assert!(
        refused.to_string().contains(r#"User "somebody" cannot list resource "configmaps""#),
        "{refused}"
    );

    let maps: Api<ConfigMap> = Api::default_namespaced(plane.client());
    let list = maps.list(&ListParams::default()).await.unwrap();
    // The client would ask for just under five minutes; what it does not ask for the server decides.
    let request = format!(
        "/api/v1/namespaces/default/configmaps?watch=true&resourceVersion={}",
        list.metadata.resource_version.unwrap()
    );
    let request = http::Request::get(request).body(Vec::new()).unwrap();
    let mut watch = Box::pin(plane.client().request_stream(request).await.unwrap());
    let mut seen = Vec::new();
    let end = watch.read_to_end(&mut seen);
    tokio::time::timeout(Duration::from_secs(60), end).await.expect("the server cuts the watch").unwrap();
    plane.stop().unwrap();
}

#[tokio::test]
#[ignore = "needs a control plane: Go, and minutes to build it"]
async fn a_component_that_ends_by_itself_is_told() {
    let plane = ControlPlane::builder().start().await.unwrap();
    kill(plane.pid(Component::Scheduler).unwrap());
    let failure = plane.failure().await.to_string();
    assert!(failure.starts_with("kube-scheduler ended (exit status: 137)"), "{failure}");
    assert_eq!(plane.stop().unwrap_err().to_string(), failure);

    let refused =
        ControlPlane::builder().flag(Component::Scheduler, "no-such-flag", "1").start().await.unwrap_err();
    assert!(refused.to_string().starts_with("kube-scheduler ended"), "{refused}");
    assert!(refused.to_string().contains("no-such-flag"), "{refused}");
}

/// Processes whose command line names the folder, and whether that is there.
fn left_of(folder: &Path) -> (BTreeMap<u32, String>, bool) {
    let named = folder.to_str().unwrap();
    let mut found = BTreeMap::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let Ok(pid) = entry.file_name().to_string_lossy().parse::<u32>() else { continue };
        let command = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let command = String::from_utf8_lossy(&command).replace('\0', " ");
        if command.contains(named) {
            found.insert(pid, command);
        }
    }
    (found, folder.exists())
}

/// SIGKILL.
fn kill(pid: u32) {
    assert!(Command::new("kill").args(["-KILL", &pid.to_string()]).status().unwrap().success());
}

/// Starts `controlplane up` and waits until it says where its kubeconfig is.
fn up(environment: &[(&str, &Path)]) -> (Child, PathBuf) {
    let mut up = Command::new(env!("CARGO_BIN_EXE_controlplane"));
    let mut up = up
        .arg("up")
        .envs(environment.iter().copied())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(up.stdout.take().unwrap()).lines().map_while(Result::ok);
    let mut lines =
        lines.filter_map(|line| Some(PathBuf::from(line.trim().strip_prefix("export KUBECONFIG=")?)));
    let kubeconfig = lines.next().expect("it says how to reach the control plane");
    (up, kubeconfig.parent().unwrap().to_owned())
}

#[cfg(target_os = "linux")]
#[tokio::test]
#[ignore = "needs a control plane: Go, and minutes to build it"]
async fn nothing_is_left_when_the_holder_is_killed_or_asked_to_end() {
    for signal in ["-KILL", "-TERM", "-INT"] {
        let (mut up, folder) = up(&[]);
        let (before, exists) = left_of(&folder);
        // Four programs, each with its leash, and the one that removes the folder.
        assert!(before.len() == 9 && exists, "{before:#?}");
        Command::new("kill").args([signal, &up.id().to_string()]).status().unwrap();
        let status = up.wait().unwrap();
        assert_eq!(status.success(), signal != "-KILL", "{signal}: {status}");
        eventually("nothing left", async || (left_of(&folder) == (BTreeMap::new(), false)).then_some(()))
            .await;
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
#[ignore = "needs a control plane: Go, and minutes to build it"]
async fn a_program_does_not_outlive_its_leash() {
    let plane = ControlPlane::builder().start().await.unwrap();
    let pid = plane.pid(Component::Scheduler).unwrap();
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let leash = status.lines().find_map(|line| line.strip_prefix("PPid:")).unwrap().trim().parse().unwrap();
    kill(leash);
    // A zombie would still be there, but nobody is left to whom it could be one.
    eventually("the scheduler gone", async || (!Path::new(&format!("/proc/{pid}")).exists()).then_some(()))
        .await;
}

#[tokio::test]
#[ignore = "needs a control plane: Go, and minutes to build it"]
async fn kubebuilder_assets_are_taken_instead() {
    // Programs as envtest has them: one for each part. Here they are ours under another name.
    let ours = controlplane::build(Module::Kubernetes, &|_| ()).unwrap().join("kubernetes");
    let folder = tempfile::tempdir().unwrap();
    for component in FOUR {
        let path = folder.path().join(component.name());
        fs::write(&path, format!("#!/bin/sh\nexec {} {component} \"$@\"\n", ours.display())).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let (mut up, _) = up(&[("KUBEBUILDER_ASSETS", folder.path())]);
    Command::new("kill").args(["-INT", &up.id().to_string()]).status().unwrap();
    assert!(up.wait().unwrap().success());

    fs::remove_file(folder.path().join("kube-scheduler")).unwrap();
    let mut up = Command::new(env!("CARGO_BIN_EXE_controlplane"));
    let refused = up.arg("up").env("KUBEBUILDER_ASSETS", folder.path()).output().unwrap();
    assert!(!refused.status.success());
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(said.contains("lacks kube-scheduler; KUBEBUILDER_ASSETS names it"), "{said}");
}
