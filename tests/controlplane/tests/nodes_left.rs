//! What nodes leave behind: volumes and load balancers, which go when they should and stay when they are told to.

mod support;

use controlplane::eventually;
use controlplane::nodes::volumes::CLASS;
use controlplane::objects::{Build, a_claim, a_stateful_set, workload};
use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim, Service};
use kube::api::{Api, DeleteParams, ListParams};
use support::{address, answers, cluster, get, namespace};

#[tokio::test]
#[ignore = "needs a control plane: Go, and minutes to build it"]
async fn claims_are_bound_and_their_volumes_go_with_them() {
    let client = cluster().await.plane.client();
    namespace(&client, "volumes").await;
    let orders = a_stateful_set("orders").in_namespace("volumes").with_replicas(2).with_volume(CLASS, "1Gi");
    orders.apply(&client).await.unwrap();
    a_claim("loose", CLASS, "2Gi").in_namespace("volumes").apply(&client).await.unwrap();
    let claims: Api<PersistentVolumeClaim> = Api::namespaced(client.clone(), "volumes");
    let bound = async |count: usize| {
        eventually(&format!("{count} bound claims"), async || {
            let claims = claims.list(&ListParams::default()).await.ok()?.items;
            let bound = |claim: &&PersistentVolumeClaim| {
                claim.status.as_ref().and_then(|status| status.phase.as_deref()) == Some("Bound")
            };
            (claims.len() == count && claims.iter().filter(bound).count() == count).then_some(())
        })
        .await;
    };
    bound(3).await;
    let sets: Api<k8s_openapi::api::apps::v1::StatefulSet> = Api::namespaced(client.clone(), "volumes");
    let ready = async |count: i32| {
        eventually(&format!("{count} ready pods"), async || {
            let status = sets.get("orders").await.ok()?.status?;
            (status.replicas == count && status.ready_replicas.unwrap_or(0) == count).then_some(())
        })
        .await;
    };
    ready(2).await;

    // A claim outlives its pod, and its volume with it. Both go when the claim is deleted.
    orders.with_replicas(1).apply(&client).await.unwrap();
    ready(1).await;
    bound(3).await;
    let volumes: Api<PersistentVolume> = Api::all(client.clone());
    let volume = claims.get("data-orders-1").await.unwrap().spec.unwrap().volume_name.unwrap();
    assert!(volumes.get(&volume).await.is_ok());
    claims.delete("data-orders-1", &DeleteParams::default()).await.unwrap();
    eventually("no volume", async || volumes.get_opt(&volume).await.ok()?.is_none().then_some(())).await;
    bound(2).await;
}

#[tokio::test]
#[ignore = "needs a control plane: Go, and minutes to build it"]
async fn a_load_balancer_goes_with_its_service_unless_it_leaks() {
    let cluster = cluster().await;
    let client = cluster.plane.client();
    namespace(&client, "balancers").await;
    let checkout = workload("checkout").in_namespace("balancers");
    checkout.apply(&client).await.unwrap();
    let addr = address(&client, "balancers", "checkout").await;
    answers(addr, 200).await;
    let services: Api<Service> = Api::namespaced(client.clone(), "balancers");
    let gone = async || services.get_opt("checkout").await.ok()?.is_none().then_some(());

    cluster.nodes.leak_load_balancers(true);
    services.delete("checkout", &DeleteParams::default()).await.unwrap();
    let deleted = async || services.get("checkout").await.ok()?.metadata.deletion_timestamp.map(drop);
    eventually("a service on its way out", deleted).await;
    answers(addr, 200).await;
    assert!(gone().await.is_none(), "its finalizer keeps it");
    cluster.nodes.leak_load_balancers(false);
    eventually("the service gone", gone).await;
    eventually("nobody listening", async || get(addr).await.err().map(drop)).await;
}
