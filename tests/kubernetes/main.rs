//! The Kubernetes world against a real control plane: only Kubernetes' own controllers decide here.

mod access;
mod crash;
mod faults;
mod keda;
mod left;
mod mutants;
mod outage;
mod snapshot;
mod standby;
mod support;
mod telling;

use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use kube::api::ListParams;
use support::{autoscaler, checkout, cluster, deploy, namespace, run, shipped};

const SURGE_AND_KILL: &str = include_str!("../../scenarios/kubernetes/surge-and-kill.toml");

#[tokio::test]
#[ignore = "needs a control plane: Go, and minutes to build it"]
async fn a_surge_expands_and_contracts_and_nothing_of_ours_is_left() {
    let (cluster, _turn) = cluster().await;
    let client = cluster.plane.client();
    let name = "surge";
    namespace(&client, name).await;
    deploy(&client, &checkout(name).autoscaler(autoscaler()), name).await;
    let ran = run(cluster, name, &shipped(SURGE_AND_KILL)).await;
    assert_eq!(ran.code(), 0, "{}", ran.said());
    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), name);
    let leases: Api<Lease> = Api::namespaced(client.clone(), name);
    let own = ListParams::default().labels("springback.dev/run");
    assert_eq!(maps.list(&own).await.unwrap().items.len(), 0);
    assert_eq!(leases.list(&own).await.unwrap().items.len(), 0);
    assert!(cluster.nodes.complaints().is_empty(), "{:?}", cluster.nodes.complaints());
}
