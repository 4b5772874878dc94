//! The Kubernetes world against a real control plane: only Kubernetes' own controllers decide here.

mod support;

use std::time::Duration;

use controlplane::eventually;
use controlplane::objects::{a_container, an_hpa, workload};
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{ConfigMap, Service};
use kube::Api;
use kube::api::ListParams;
use support::{cluster, namespace, run};

/// A surge that makes the HPA expand, two kills on the way, and the way back.
const SURGE: &str = r#"
name = "checkout gives its capacity back"
[target.kubernetes]
context = "springback-test"
namespace = "NAMESPACE"
service = "checkout"
hpa = { sync_period = "1s", downscale_stabilization = "5s" }
[target.kubernetes.group.primary]
workload = "Deployment/checkout"
capacity = "50/s"
price = "0.10 USD/h"
grace = "2s"
[load]
path = "/checkout"
baseline_rate = "40/s"
[[load.surge]]
at = "2s"
step = { to_rate = "140/s", lasts = "15s" }
[[fault]]
at = "12s"
terminate = { group = "primary", count = 1, how = "kill" }
[slo]
availability = { target = "90%" }
[expect]
baseline = { at_most = { primary = 2 } }
expansion = { group = "primary", to_at_least = 3, within = "15s" }
replacement = { within = "15s" }
contraction = { group = "primary", within = "30s", hold = "10s" }
idle_spend = { at_most = "0.00 USD/h", after = "30s", hold = "10s" }
"#;

#[tokio::test]
#[ignore = "needs a control plane: Go, and minutes to build it"]
async fn a_surge_expands_and_contracts_and_nothing_of_ours_is_left() {
    let (cluster, _turn) = cluster().await;
    let client = cluster.plane.client();
    let name = "surge";
    namespace(&client, name).await;
    let container = a_container()
        .requesting_cpu("100m")
        .serving_in(Duration::from_millis(10), 8)
        .burning(Duration::from_millis(2));
    workload("checkout")
        .in_namespace(name)
        .deployment(|deployment| deployment.without_replicas())
        .container(container)
        .autoscaler(an_hpa("checkout", 2, 6, 60).scaling_down_after(Duration::from_secs(3)))
        .apply(&client)
        .await
        .unwrap();
    let services: Api<Service> = Api::namespaced(client.clone(), name);
    eventually("an address of the Service", async || {
        services
            .get("checkout")
            .await
            .ok()?
            .status?
            .load_balancer?
            .ingress
            .filter(|ingress| !ingress.is_empty())
    })
    .await;
    let ran = run(cluster, name, SURGE).await;
    assert_eq!(ran.code(), 0, "{}", ran.said());
    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), name);
    let leases: Api<Lease> = Api::namespaced(client.clone(), name);
    let own = ListParams::default().labels("app.kubernetes.io/managed-by=springback");
    assert_eq!(maps.list(&own).await.unwrap().items.len(), 0);
    assert_eq!(leases.list(&own).await.unwrap().items.len(), 0);
    assert!(cluster.nodes.complaints().is_empty(), "{:?}", cluster.nodes.complaints());
}
