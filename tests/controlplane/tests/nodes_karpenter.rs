//! Nodes that Karpenter makes run real pods, and go when they are empty.

use controlplane::nodes::{NodeSpec, Nodes, springback_program};
use controlplane::objects::{Build, a_container, an_object, workload};
use controlplane::{ControlPlane, eventually};
use k8s_openapi::api::core::v1::Node;
use kube::api::{Api, ListParams};
use serde_json::json;

mod support;

#[tokio::test]
#[ignore = "needs a control plane: Go, and minutes to build it"]
async fn pods_run_on_nodes_that_karpenter_makes_until_it_takes_them_away() {
    let program = tokio::task::spawn_blocking(springback_program).await.unwrap().unwrap();
    let plane = ControlPlane::builder().start().await.unwrap();
    plane.start_karpenter_alone().await.unwrap();
    let client = plane.client();
    let mut first = NodeSpec::new("node-a1", "zone-a");
    first.cpu = "1".to_owned();
    let nodes =
        Nodes::builder(plane.config(), &program).with_nodes(vec![first]).adopting("karpenter.sh/nodepool");
    let nodes = nodes.start().await.unwrap();
    an_object(json!({
        "apiVersion": "karpenter.kwok.sh/v1alpha1",
        "kind": "KWOKNodeClass",
        "metadata": { "name": "default" },
    }))
    .apply(&client)
    .await
    .unwrap();
    an_object(json!({
        "apiVersion": "karpenter.sh/v1",
        "kind": "NodePool",
        "metadata": { "name": "default" },
        "spec": {
            "template": { "spec": {
                "requirements": [
                    { "key": "node.kubernetes.io/instance-type", "operator": "In", "values": ["c-2x-amd64-linux"] },
                ],
                "nodeClassRef": { "group": "karpenter.kwok.sh", "kind": "KWOKNodeClass", "name": "default" },
            } },
            "disruption": {
                "consolidationPolicy": "WhenEmptyOrUnderutilized",
                "consolidateAfter": "5s",
                "budgets": [{ "nodes": "100%" }],
            },
        },
    }))
    .apply(&client)
    .await
    .unwrap();

    // Two fit onto the node that is there.
    let checkout = workload("checkout").container(a_container().requesting_cpu("400m"));
    checkout.clone().replicas(6).apply(&client).await.unwrap();
    support::ready(&client, "default", "checkout", 6).await;
    let addr = support::address(&client, "default", "checkout").await;
    support::answers(addr, 200).await;
    let objects: Api<Node> = Api::all(client.clone());
    let count = async || objects.list(&ListParams::default()).await.ok().map(|list| list.items.len());
    assert!(count().await.unwrap() > 1);

    checkout.replicas(2).apply(&client).await.unwrap();
    eventually("one node left", async || count().await.filter(|count| *count == 1)).await;
    support::ready(&client, "default", "checkout", 2).await;
    support::answers(addr, 200).await;
    nodes.stop();
    plane.stop().unwrap();
}
