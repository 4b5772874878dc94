//! What a surge leaves beside its instances: claims, load balancers, Jobs, cordons. springback has to name each, with its owner,
//! its age and its price, and to stay silent where they go.

use std::time::Duration;

use controlplane::nodes::volumes::CLASS;
use controlplane::objects::{Build, a_container, a_job, a_service, a_stateful_set};
use k8s_openapi::api::core::v1::{Node, PersistentVolumeClaim};
use kube::Client;
use kube::api::{Api, ListParams, Patch, PatchParams};
use serde_json::{Value, json};
use springback::history::Event;

use super::support::{
    Ran, SURGE, addressed, autoscaler, checkout, cluster, cluster_alone, deploy, namespace, run, start,
};

/// Expects that nothing is left, and knows what it costs.
fn nothing_left(more: &str) -> String {
    let prices = "prices = { volume_per_gib = \"0.02 USD/h\", load_balancer = \"0.03 USD/h\" }\n";
    let surge = SURGE.replace("hpa = {", &format!("{prices}hpa = {{"));
    format!("{surge}nothing_left = {{ after = \"20s\", hold = \"6s\"{more} }}\n")
}

/// The same of a StatefulSet whose pods each have a claim.
fn stateful() -> String {
    let scenario = nothing_left("").replace("Deployment/", "StatefulSet/");
    format!("{scenario}idle_spend = {{ at_most = \"0.00 USD/h\", after = \"20s\", hold = \"6s\" }}\n")
}

/// A StatefulSet with an HPA, and a Service in front of it.
async fn deploy_stateful(client: &Client, namespace: &str, spec: Value) {
    let container = a_container().serving_in(Duration::from_millis(10), 8).burning(Duration::from_millis(2));
    let parallel = json!({ "spec": { "podManagementPolicy": "Parallel" } });
    let set = a_stateful_set("checkout").in_namespace(namespace).without_replicas().with_grace(1);
    let set = set.with_container(container).with_volume(CLASS, "1Gi");
    set.merged_with(parallel).merged_with(json!({ "spec": spec })).apply(client).await.unwrap();
    let scaler = autoscaler().of("apps/v1", "StatefulSet", "checkout").in_namespace(namespace);
    scaler.apply(client).await.unwrap();
    a_service("checkout", 8080).in_namespace(namespace).apply(client).await.unwrap();
    addressed(client, namespace).await;
}

/// What is said of a finding.
fn text(ran: &Ran, id: &str) -> String {
    let verdict = ran.verdict();
    let found = verdict["findings"].as_array().unwrap().iter().find(|finding| finding["id"] == id).unwrap();
    format!("{} {}", found["text"].as_str().unwrap(), found["causes"])
}

#[tokio::test]
#[ignore = "needs a control plane: Go, and minutes to build it"]
async fn claims_of_a_stateful_set_that_stay_are_named() {
    let (cluster, _turn) = cluster().await;
    let client = cluster.plane.client();
    namespace(&client, "claims").await;
    deploy_stateful(&client, "claims", json!({})).await;
    let ran = run(cluster, "claims", &stateful()).await;
    assert_eq!(ran.finding("contraction-0").0, "pass", "{}", ran.said());
    let (outcome, causes) = ran.finding("nothing-left");
    assert_eq!(outcome, "fail", "{}", ran.said());
    assert!(!causes.is_empty() && causes.iter().all(|(code, _)| code == "pvc-orphan"), "{causes:?}");
    assert!(causes[0].1.starts_with("PersistentVolumeClaim claims/data-checkout-"), "{causes:?}");
    let said = text(&ran, "nothing-left");
    for wanted in ["of StatefulSet/checkout", "0.02 USD/h", "s old", "that wants 2"] {
        assert!(said.contains(wanted), "{wanted}: {said}");
    }
    // They are idle spend as well, and the same cause is told there.
    let (outcome, causes) = ran.finding("idle-spend");
    assert!(
        outcome == "fail" && causes.iter().all(|(code, _)| code == "pvc-orphan"),
        "{causes:?}\n{}",
        ran.said()
    );
    assert_eq!(ran.code(), 1, "{}", ran.said());
}

#[tokio::test]
#[ignore = "needs a control plane: Go, and minutes to build it"]
async fn claims_that_go_with_their_replicas_leave_nothing() {
    let (cluster, _turn) = cluster().await;
    let client = cluster.plane.client();
    namespace(&client, "retention").await;
    let policy = json!({ "persistentVolumeClaimRetentionPolicy": { "whenScaled": "Delete", "whenDeleted": "Retain" } });
    deploy_stateful(&client, "retention", policy).await;
    let ran = run(cluster, "retention", &stateful()).await;
    assert_eq!(ran.code(), 0, "{}", ran.said());
    let claims: Api<PersistentVolumeClaim> = Api::namespaced(client.clone(), "retention");
    assert_eq!(claims.list(&ListParams::default()).await.unwrap().items.len(), 2);
}

#[tokio::test]
#[ignore = "needs a control plane: Go, and minutes to build it"]
async fn a_load_balancer_a_job_and_a_cordon_of_a_surge_are_all_named() {
    // A cordon is seen by every system of the cluster.
    let (cluster, _turn) = cluster_alone().await;
    let client = cluster.plane.client();
    namespace(&client, "balancer").await;
    deploy(&client, &checkout("balancer").autoscaler(autoscaler()), "balancer").await;
    let mut running = start(cluster.plane.kubeconfig(), "balancer", &nothing_left(", nodes = true"));
    assert!(running.until(|record| matches!(record.event, Event::SurgeStart(_))).await);
    a_service("extra", 8080).in_namespace("balancer").apply(&client).await.unwrap();
    a_job("import").in_namespace("balancer").apply(&client).await.unwrap();
    let nodes: Api<Node> = Api::all(client.clone());
    let node = nodes.list(&ListParams::default()).await.unwrap().items[0].metadata.name.clone().unwrap();
    let cordon = |cordoned: bool| Patch::Merge(json!({ "spec": { "unschedulable": cordoned } }));
    nodes.patch(&node, &PatchParams::default(), &cordon(true)).await.unwrap();
    let ran = running.ended().await;
    nodes.patch(&node, &PatchParams::default(), &cordon(false)).await.unwrap();
    a_job("import").in_namespace("balancer").delete(&client).await.unwrap();
    let (outcome, mut causes) = ran.finding("nothing-left");
    causes.sort();
    let wanted = [
        ("job-left", "Job balancer/import".to_owned()),
        ("lb-orphan", "Service balancer/extra".to_owned()),
        ("node-cordoned", format!("Node {node}")),
    ];
    let wanted = wanted.map(|(code, object)| (code.to_owned(), object));
    assert!(outcome == "fail" && causes == wanted, "{outcome} {causes:?}\n{}", ran.said());
    assert!(text(&ran, "nothing-left").contains("0.03 USD/h"), "{}", ran.said());
    assert_eq!(ran.finding("contraction-0").0, "pass", "{}", ran.said());
}
