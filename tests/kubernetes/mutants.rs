//! Clusters that do not contract, and why: each defect is one that real clusters have, and Kubernetes' own controllers play it
//! out. springback has to fail the contraction, and to name the cause.

use std::time::Duration;

use controlplane::nodes::Metrics;
use controlplane::objects::{Autoscaler, an_hpa};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, ListParams, Patch, PatchParams};
use kube::{Client, ResourceExt};
use serde_json::{Value, json};

use super::support::{Ran, SURGE, autoscaler, checkout, cluster, cluster_alone, deploy, namespace, run};

/// Runs a surge on a system with that autoscaler.
async fn with(name: &str, autoscaler: Autoscaler) -> Ran {
    let (cluster, _turn) = cluster().await;
    let client = cluster.plane.client();
    namespace(&client, name).await;
    deploy(&client, &checkout(name).autoscaler(autoscaler), name).await;
    run(cluster, name, SURGE).await
}

/// Asserts that the contraction failed for that cause, at that object, and for no other.
fn failed(ran: &Ran, code: &str, object: &str) {
    let (outcome, causes) = ran.finding("contraction-0");
    let wanted = (code.to_owned(), object.to_owned());
    assert!(outcome == "fail" && causes == [wanted], "{outcome} {causes:?}\n{}", ran.said());
    assert_eq!(ran.code(), 1, "{}", ran.said());
}

/// The rules of one direction, as an HPA's `behavior` has them.
fn scaling_down(rules: Value) -> Autoscaler {
    autoscaler().merged_with(json!({ "spec": { "behavior": { "scaleDown": rules } } }))
}

#[tokio::test]
#[ignore = "needs a control plane: Go, and minutes to build it"]
async fn one_broken_metric_vetoes_the_way_down() {
    let queue = json!({ "type": "External", "external": {
        "metric": { "name": "queue" }, "target": { "type": "AverageValue", "averageValue": "30" } } });
    let cpu = json!({ "type": "Resource", "resource": {
        "name": "cpu", "target": { "type": "Utilization", "averageUtilization": 60 } } });
    let ran =
        with("one-metric", autoscaler().merged_with(json!({ "spec": { "metrics": [cpu, queue] } }))).await;
    failed(&ran, "hpa-one-metric-broken", "autoscaler primary");
}

#[tokio::test]
#[ignore = "needs a control plane: Go, and minutes to build it"]
async fn scaling_down_that_is_disabled_is_named() {
    let ran = with("disabled", scaling_down(json!({ "selectPolicy": "Disabled" }))).await;
    failed(&ran, "hpa-scale-down-disabled", "autoscaler primary");
}

#[tokio::test]
#[ignore = "needs a control plane: Go, and minutes to build it"]
async fn a_window_longer_than_the_deadline_is_named() {
    let (cluster, _turn) = cluster().await;
    let client = cluster.plane.client();
    namespace(&client, "window").await;
    // Steady at once, so that the baseline is not as long as the window itself.
    let long = scaling_down(json!({ "stabilizationWindowSeconds": 25 }));
    deploy(&client, &checkout("window").autoscaler(long), "window").await;
    let ran = run(cluster, "window", SURGE).await;
    failed(&ran, "hpa-window-too-long", "autoscaler primary");
}

#[tokio::test]
#[ignore = "needs a control plane: Go, and minutes to build it"]
async fn a_policy_that_is_too_slow_is_named() {
    let slow = json!({ "policies": [{ "type": "Pods", "value": 1, "periodSeconds": 6 }] });
    failed(&with("slow", scaling_down(slow)).await, "hpa-rate-too-slow", "autoscaler primary");
}

#[tokio::test]
#[ignore = "needs a control plane: Go, and minutes to build it"]
async fn a_container_without_a_request_leaves_the_autoscaler_blind() {
    let (cluster, _turn) = cluster().await;
    let client = cluster.plane.client();
    namespace(&client, "no-request").await;
    let sidecar = controlplane::objects::a_container().named("sidecar").without_requests();
    let system = checkout("no-request").deployment(|deployment| deployment.with_container(sidecar));
    deploy(&client, &system.autoscaler(autoscaler()), "no-request").await;
    let ran = run(cluster, "no-request", SURGE).await;
    let (outcome, causes) = ran.finding("contraction-0");
    assert_eq!(outcome, "inconclusive", "{}", ran.said());
    assert!(causes.iter().any(|(code, _)| code == "hpa-no-request"), "{causes:?}\n{}", ran.said());
}

#[tokio::test]
#[ignore = "needs a control plane: Go, and minutes to build it"]
async fn samples_that_are_missing_are_named() {
    let (cluster, _turn) = cluster_alone().await;
    let client = cluster.plane.client();
    namespace(&client, "missing").await;
    deploy(&client, &checkout("missing").autoscaler(autoscaler()), "missing").await;
    let pods: Api<Pod> = Api::namespaced(client.clone(), "missing");
    let breaks = async {
        // Once the surge has made it grow, half of its pods fall silent.
        while pods.list(&ListParams::default()).await.map_or(0, |pods| pods.items.len()) < 4 {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        cluster.nodes.metrics(Metrics::Missing(3));
        std::future::pending::<()>().await;
    };
    let ran = tokio::select! { ran = run(cluster, "missing", SURGE) => ran, () = breaks => unreachable!() };
    cluster.nodes.metrics(Metrics::Real);
    failed(&ran, "hpa-missing-samples", "autoscaler primary");
}

#[tokio::test]
#[ignore = "needs a control plane: Go, and minutes to build it"]
async fn a_group_that_cannot_grow_proves_nothing() {
    let ran = with("never", an_hpa("checkout", 2, 2, 60)).await;
    let (outcome, causes) = ran.finding("contraction-0");
    assert_eq!(outcome, "inconclusive", "{}", ran.said());
    assert!(
        causes.iter().any(|(code, _)| code == "max-reached" || code == "never-expanded"),
        "{causes:?}\n{}",
        ran.said()
    );
    assert_eq!(ran.code(), 2, "{}", ran.said());
}

#[tokio::test]
#[ignore = "needs a control plane: Go, and minutes to build it"]
async fn a_deployer_that_fights_the_autoscaler_is_named() {
    let (cluster, _turn) = cluster().await;
    let client = cluster.plane.client();
    namespace(&client, "gitops").await;
    deploy(&client, &checkout("gitops").autoscaler(autoscaler()), "gitops").await;
    let deployments: Api<Deployment> = Api::namespaced(client.clone(), "gitops");
    let fights = async {
        // What is in git is what it was made with at the height of the season.
        let mut grown = false;
        loop {
            let now =
                deployments.get("checkout").await.ok().and_then(|found| found.spec?.replicas).unwrap_or(0);
            grown |= now >= 4;
            if grown && now < 4 {
                let params =
                    PatchParams { field_manager: Some("argocd".to_owned()), ..PatchParams::default() };
                let patch = Patch::Merge(json!({ "spec": { "replicas": 5 } }));
                deployments.patch("checkout", &params, &patch).await.unwrap();
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    };
    let ran = tokio::select! { ran = run(cluster, "gitops", SURGE) => ran, () = fights => unreachable!() };
    failed(&ran, "gitops-fight", "group primary");
}

#[tokio::test]
#[ignore = "needs a control plane: Go, and minutes to build it"]
async fn a_finalizer_that_nobody_takes_away_is_named() {
    let (cluster, _turn) = cluster().await;
    let client = cluster.plane.client();
    namespace(&client, "finalizer").await;
    let held = json!({ "spec": { "template": { "metadata": { "finalizers": ["example.com/registry"] } } } });
    let system = checkout("finalizer").deployment(|deployment| deployment.merged_with(held));
    deploy(&client, &system.autoscaler(autoscaler()), "finalizer").await;
    let ran = run(cluster, "finalizer", SURGE).await;
    release(&client, "finalizer").await;
    let (outcome, causes) = ran.finding("contraction-0");
    assert_eq!(outcome, "fail", "{}", ran.said());
    assert!(causes.iter().all(|(code, _)| code == "pod-finalizer-stuck"), "{causes:?}\n{}", ran.said());
}

/// Lets go of every pod.
async fn release(client: &Client, namespace: &str) {
    let pods: Api<Pod> = Api::namespaced(client.clone(), namespace);
    for pod in pods.list(&ListParams::default()).await.unwrap() {
        let patch = Patch::Merge(json!({ "metadata": { "finalizers": null } }));
        let _ = pods.patch(&pod.name_any(), &PatchParams::default(), &patch).await;
    }
    let deployments: Api<Deployment> = Api::namespaced(client.clone(), namespace);
    let _ = deployments.delete("checkout", &kube::api::DeleteParams::default()).await;
}
