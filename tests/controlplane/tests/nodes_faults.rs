//! What goes wrong on nodes: each fault has the effect that it names, and is healed.

mod support;

use std::time::Duration;

use controlplane::eventually;
use controlplane::objects::{Build, Object, Workload, a_container, an_object, workload};
use k8s_openapi::api::core::v1::{Node, Pod};
use kube::ResourceExt;
use kube::api::{Api, LogParams};
use serde_json::json;
use support::{address, answers, cluster, namespace, pods, ready};

/// A workload that stays in a zone, so that one test's fault hits no other's pods.
fn in_zone(namespace: &str, replicas: u32, zone: &str) -> Workload {
    let zone = json!({ "spec": { "template": { "spec": { "nodeSelector": { "topology.kubernetes.io/zone": zone } } } } });
    workload("checkout")
        .in_namespace(namespace)
        .replicas(replicas)
        .deployment(|deployment| deployment.merged_with(zone))
}

fn fault(namespace: &str, spec: serde_json::Value) -> Object {
    let fault = json!({
        "apiVersion": "standin.springback.test/v1",
        "kind": "Fault",
        "metadata": { "name": "fault", "namespace": namespace },
        "spec": spec,
    });
    an_object(fault)
}

async fn inject(client: &kube::Client, fault: &Object) {
    fault.apply(client).await.unwrap();
    let api = fault.api(client.clone());
    eventually("an injected fault", async || {
        let phase = api.get(&fault.name()).await.ok()?.data["status"]["phase"].as_str()?.to_owned();
        (phase == "Injected").then_some(())
    })
    .await;
}

async fn heal(client: &kube::Client, fault: &Object) {
    fault.delete(client).await.unwrap();
    let api = fault.api(client.clone());
    eventually("a healed fault", async || api.get_opt(&fault.name()).await.ok()?.is_none().then_some(()))
        .await;
}

fn checkout() -> serde_json::Value {
    json!({ "matchLabels": { "app": "checkout" } })
}

fn condition(pod: &Pod, kind: &str) -> Option<String> {
    let conditions = pod.status.as_ref()?.conditions.as_ref()?;
    conditions.iter().find(|condition| condition.type_ == kind).map(|condition| condition.status.clone())
}

fn restarts(pod: &Pod) -> Option<i32> {
    Some(pod.status.as_ref()?.container_statuses.as_ref()?.first()?.restart_count)
}

#[tokio::test]
#[ignore = "needs a control plane: Go, and minutes to build it"]
async fn the_pods_of_a_lost_node_are_evicted_and_replaced_elsewhere() {
    let client = cluster().await.plane.client();
    namespace(&client, "loss").await;
    in_zone("loss", 2, "zone-b").apply(&client).await.unwrap();
    let before = ready(&client, "loss", "checkout", 2).await;
    let api: Api<Pod> = Api::namespaced(client.clone(), "loss");
    let node = api.get(&before[0]).await.unwrap().spec.unwrap().node_name.unwrap();
    let fault = fault("loss", json!({ "kind": "NodeLoss", "nodes": [node] }));
    inject(&client, &fault).await;

    let nodes: Api<Node> = Api::all(client.clone());
    let is_ready = async |expected: &str| {
        let conditions = nodes.get(&node).await.ok()?.status?.conditions?;
        let ready = conditions.into_iter().find(|condition| condition.type_ == "Ready")?;
        (ready.status == expected).then_some(())
    };
    eventually("a node that nobody has heard of", async || is_ready("Unknown").await).await;
    eventually("two ready pods elsewhere", async || {
        let there = pods(&client, "loss", "checkout").await;
        let ready = there.iter().filter(|pod| condition(pod, "Ready").as_deref() == Some("True"));
        let elsewhere =
            ready.filter(|pod| pod.spec.as_ref().and_then(|spec| spec.node_name.as_ref()) != Some(&node));
        (elsewhere.count() == 2).then_some(())
    })
    .await;
    // Nobody confirms that it has ended: the pod stays, on its way out, until its node is heard of again.
    assert!(api.get(&before[0]).await.unwrap().metadata.deletion_timestamp.is_some());
    heal(&client, &fault).await;
    eventually("the node back", async || is_ready("True").await).await;
    eventually("the evicted pod gone", async || api.get_opt(&before[0]).await.ok()?.is_none().then_some(()))
        .await;
    ready(&client, "loss", "checkout", 2).await;
}

#[tokio::test]
#[ignore = "needs a control plane: Go, and minutes to build it"]
async fn a_denying_network_policy_cuts_pods_off_and_they_stay_ready() {
    let client = cluster().await.plane.client();
    namespace(&client, "denied").await;
    in_zone("denied", 2, "zone-a").apply(&client).await.unwrap();
    let before = ready(&client, "denied", "checkout", 2).await;
    let addr = address(&client, "denied", "checkout").await;
    answers(addr, 200).await;
    let policy = an_object(json!({
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": { "name": "deny", "namespace": "denied" },
        "spec": { "podSelector": checkout(), "policyTypes": ["Ingress"] },
    }));
    policy.apply(&client).await.unwrap();
    answers(addr, 503).await;
    assert_eq!(ready(&client, "denied", "checkout", 2).await, before);
    policy.delete(&client).await.unwrap();
    answers(addr, 200).await;
}

#[tokio::test]
#[ignore = "needs a control plane: Go, and minutes to build it"]
async fn a_partition_and_a_freeze_end_when_they_are_deleted() {
    let client = cluster().await.plane.client();
    namespace(&client, "frozen").await;
    in_zone("frozen", 1, "zone-a").apply(&client).await.unwrap();
    let before = ready(&client, "frozen", "checkout", 1).await;
    let addr = address(&client, "frozen", "checkout").await;
    let partition = fault("frozen", json!({ "kind": "PodPartition", "selector": checkout() }));
    inject(&client, &partition).await;
    answers(addr, 503).await;
    heal(&client, &partition).await;
    answers(addr, 200).await;

    let freeze = fault("frozen", json!({ "kind": "ProcessFreeze", "pods": before }));
    inject(&client, &freeze).await;
    let api: Api<Pod> = Api::namespaced(client.clone(), "frozen");
    eventually("a frozen pod that is not ready", async || {
        (condition(&api.get(&before[0]).await.ok()?, "Ready")? == "False").then_some(())
    })
    .await;
    heal(&client, &freeze).await;
    assert_eq!(ready(&client, "frozen", "checkout", 1).await, before);
    assert_eq!(restarts(&api.get(&before[0]).await.unwrap()), Some(0));
    answers(addr, 200).await;
}

#[tokio::test]
#[ignore = "needs a control plane: Go, and minutes to build it"]
async fn a_crashed_or_deaf_container_is_restarted_and_one_that_always_crashes_backs_off() {
    let client = cluster().await.plane.client();
    namespace(&client, "crash").await;
    let container = a_container().with_liveness_probe(2);
    in_zone("crash", 1, "zone-a")
        .deployment(|deployment| deployment.with_grace(1))
        .container(container)
        .apply(&client)
        .await
        .unwrap();
    let before = ready(&client, "crash", "checkout", 1).await;
    let api: Api<Pod> = Api::namespaced(client.clone(), "crash");
    let restarted = async |times: i32| {
        eventually(&format!("restart {times}"), async || {
            let pod = api.get(&before[0]).await.ok()?;
            (restarts(&pod)? == times && condition(&pod, "Ready")? == "True").then_some(())
        })
        .await;
    };
    let crash = fault("crash", json!({ "kind": "ContainerCrash", "selector": checkout(), "count": 1 }));
    inject(&client, &crash).await;
    restarted(1).await;
    let pod = api.get(&before[0]).await.unwrap();
    let last =
        pod.status.unwrap().container_statuses.unwrap().remove(0).last_state.unwrap().terminated.unwrap();
    assert_eq!((last.exit_code, last.signal), (137, Some(9)));
    heal(&client, &crash).await;

    // The liveness probe gets no answer from a frozen process.
    let freeze = fault("crash", json!({ "kind": "ProcessFreeze", "pods": before }));
    inject(&client, &freeze).await;
    restarted(2).await;
    heal(&client, &freeze).await;
    let log = api.logs(&before[0], &LogParams::default()).await.unwrap();
    assert_eq!(log.matches("listening").count(), 3, "each start says where it listens: {log}");

    let crashing = a_container().ending_after(Duration::from_millis(100), 1).without_readiness_probe();
    let crashing = workload("crashing").in_namespace("crash").container(crashing);
    crashing.apply(&client).await.unwrap();
    eventually("a back-off", async || {
        let pod = pods(&client, "crash", "crashing").await.into_iter().next()?;
        let status = pod.status?.container_statuses?.into_iter().next()?;
        (status.state?.waiting?.reason? == "CrashLoopBackOff").then_some(())
    })
    .await;
    crashing.delete(&client).await.unwrap();
}

#[tokio::test]
#[ignore = "needs a control plane: Go, and minutes to build it"]
async fn a_fault_that_hits_nothing_says_so() {
    let client = cluster().await.plane.client();
    namespace(&client, "nothing").await;
    let fault = fault("nothing", json!({ "kind": "ContainerCrash", "pods": ["nobody"] }));
    fault.apply(&client).await.unwrap();
    let api = fault.api(client.clone());
    let status = eventually("a fault that failed", async || {
        let status = api.get("fault").await.ok()?.data["status"].clone();
        (status["phase"] == "Failed").then_some(status)
    })
    .await;
    assert_eq!(status["message"], "there is no such pod on our nodes");
    heal(&client, &fault).await;
    assert!(pods(&client, "nothing", "nobody").await.iter().map(ResourceExt::name_any).next().is_none());
}
