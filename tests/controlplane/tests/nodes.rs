//! The stand-in for nodes, on a real control plane: pods run, answer, scale and end as on real nodes.

mod support;

use std::time::Duration;

use controlplane::eventually;
use controlplane::objects::{Build, a_container, a_job, an_hpa, workload};
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, DeleteParams};
use support::{Load, address, answers, cluster, namespace, ready};

#[tokio::test]
#[ignore = "needs a control plane: Go, and minutes to build it"]
async fn a_deployment_becomes_ready_and_answers_through_its_service() {
    let cluster = cluster().await;
    let client = cluster.plane.client();
    namespace(&client, "answers").await;
    let container = a_container().starting_up_in(Duration::from_millis(500));
    let checkout = workload("checkout").in_namespace("answers").replicas(2).container(container);
    checkout.apply(&client).await.unwrap();
    ready(&client, "answers", "checkout", 2).await;
    let addr = address(&client, "answers", "checkout").await;
    answers(addr, 200).await;
    assert_eq!(cluster.nodes.complaints(), Vec::<String>::new());

    // Without a pod there is nobody who answers, but the address is still there.
    checkout.clone().replicas(0).apply(&client).await.unwrap();
    answers(addr, 503).await;
}

#[tokio::test]
#[ignore = "needs a control plane: Go, and minutes to build it"]
async fn the_real_autoscaler_follows_real_load_up_and_down() {
    let client = cluster().await.plane.client();
    namespace(&client, "scales").await;
    // 100 requests a second burn 0.2 CPU: two pods use all that they request, and four would do.
    let container = a_container()
        .requesting_cpu("100m")
        .serving_in(Duration::from_millis(5), 8)
        .burning(Duration::from_millis(2));
    let hpa = an_hpa("checkout", 2, 6, 60).scaling_down_after(Duration::from_secs(3));
    workload("checkout")
        .in_namespace("scales")
        .deployment(|deployment| deployment.without_replicas())
        .container(container)
        .autoscaler(hpa)
        .apply(&client)
        .await
        .unwrap();
    ready(&client, "scales", "checkout", 2).await;
    let addr = address(&client, "scales", "checkout").await;
    let hpas: Api<HorizontalPodAutoscaler> = Api::namespaced(client.clone(), "scales");
    let desired = async || Some(hpas.get("checkout").await.ok()?.status?.desired_replicas);

    let load = Load::start(addr, 100);
    eventually("at least four replicas", async || desired().await.filter(|replicas| *replicas >= 4)).await;
    let api: Api<Pod> = Api::namespaced(client.clone(), "scales");
    eventually("four ready pods", async || {
        let pods = api.list(&kube::api::ListParams::default()).await.ok()?.items;
        let is_ready = |pod: &&Pod| {
            let conditions = pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
            conditions.into_iter().any(|condition| condition.type_ == "Ready" && condition.status == "True")
        };
        (pods.iter().filter(is_ready).count() >= 4).then_some(())
    })
    .await;
    assert!(load.answered() > 0);
    drop(load);
    eventually("two replicas again", async || desired().await.filter(|replicas| *replicas == 2)).await;
    ready(&client, "scales", "checkout", 2).await;
}

#[tokio::test]
#[ignore = "needs a control plane: Go, and minutes to build it"]
async fn a_pod_is_deleted_with_grace_or_by_force_and_replaced() {
    let client = cluster().await.plane.client();
    namespace(&client, "deletes").await;
    workload("checkout").in_namespace("deletes").replicas(2).apply(&client).await.unwrap();
    let before = ready(&client, "deletes", "checkout", 2).await;
    let pods: Api<Pod> = Api::namespaced(client.clone(), "deletes");
    let gone = async |name: &str| {
        eventually(&format!("{name} gone"), async || pods.get_opt(name).await.ok()?.is_none().then_some(()))
            .await;
    };
    pods.delete(&before[0], &DeleteParams::default()).await.unwrap();
    gone(&before[0]).await;
    pods.delete(&before[1], &DeleteParams::default().grace_period(0)).await.unwrap();
    gone(&before[1]).await;
    let after = ready(&client, "deletes", "checkout", 2).await;
    assert!(!after.contains(&before[0]) && !after.contains(&before[1]));
    let addr = address(&client, "deletes", "checkout").await;
    answers(addr, 200).await;
}

#[tokio::test]
#[ignore = "needs a control plane: Go, and minutes to build it"]
async fn jobs_complete_or_fail() {
    let client = cluster().await.plane.client();
    namespace(&client, "jobs").await;
    for (name, code, condition) in [("works", 0, "Complete"), ("breaks", 1, "Failed")] {
        let container =
            a_container().ending_after(Duration::from_millis(500), code).without_readiness_probe();
        let job = a_job(name).in_namespace("jobs").with_container(container);
        let job = job.merged_with(serde_json::json!({ "spec": { "backoffLimit": 0 } }));
        job.apply(&client).await.unwrap();
        let jobs: Api<k8s_openapi::api::batch::v1::Job> = Api::namespaced(client.clone(), "jobs");
        eventually(&format!("{name} is {condition}"), async || {
            let conditions = jobs.get(name).await.ok()?.status?.conditions?;
            conditions.iter().any(|one| one.type_ == condition && one.status == "True").then_some(())
        })
        .await;
    }
}
