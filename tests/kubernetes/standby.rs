//! A standby: promoted when the primary is lost, and released when it is back. Who promotes and releases is a small controller
//! of the system under test, here in the test itself; in another cluster or in the same one.

use std::time::Duration;

use controlplane::objects::{a_container, workload};
use controlplane::{ControlPlane, nodes::Nodes};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Service;
use kube::api::{Api, Patch, PatchParams};
use kube::{Client, config::Kubeconfig};
use serde_json::json;

use super::support::{
    Cluster, PROGRAM, Ran, cluster, cluster_alone, deploy, namespace, run, run_with, shipped,
};

/// The primary is lost for a while.
fn loss() -> String {
    shipped(include_str!("../../scenarios/kubernetes/standby.toml"))
}

/// A failover controller: promotes the standby while the primary has nothing ready, and releases it once the primary is whole.
struct Failover {
    primary: Api<Deployment>,
    standby: Api<Deployment>,
    /// Sends the traffic where it belongs, where both are in one cluster.
    service: Option<Api<Service>>,
    releases: bool,
}

impl Failover {
    async fn works(self) -> ! {
        let params =
            PatchParams { field_manager: Some("failover-controller".to_owned()), ..PatchParams::default() };
        let (mut promoted, mut healthy) = (false, 0);
        loop {
            let primary = self.primary.get("checkout").await.ok();
            let status = primary.and_then(|primary| primary.status);
            let ready = status.and_then(|status| status.ready_replicas).unwrap_or(0);
            if !promoted && ready == 0 {
                promoted = true;
                self.scale(&params, 3).await;
                self.send_to(&params, "checkout-standby").await;
            } else if promoted && ready >= 2 {
                // First the traffic, and only once that has gone well for a while the capacity.
                self.send_to(&params, "checkout").await;
                healthy += 1;
                if healthy == HEALTHY_LOOKS {
                    (promoted, healthy) = (false, 0);
                    if self.releases {
                        self.scale(&params, 1).await;
                    }
                }
            }
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    }

    async fn scale(&self, params: &PatchParams, replicas: u32) {
        let count = Patch::Merge(json!({ "spec": { "replicas": replicas } }));
        let _ = self.standby.patch_scale("checkout-standby", params, &count).await;
    }

    async fn send_to(&self, params: &PatchParams, app: &str) {
        if let Some(service) = &self.service {
            let to = Patch::Merge(json!({ "spec": { "selector": { "app": app } } }));
            let _ = service.patch("checkout", params, &to).await;
        }
    }
}

/// Looks at a primary that is whole, before its standby is released.
const HEALTHY_LOOKS: u32 = 8;

async fn systems(primary: &Client, standby: &Client, name: &str) {
    let container = || a_container().requesting_cpu("50m").serving_in(Duration::from_millis(5), 8);
    let with = |app: &str, replicas| {
        let short = |deployment: controlplane::objects::Controller| deployment.with_grace(1);
        workload(app).in_namespace(name).replicas(replicas).container(container()).deployment(short)
    };
    deploy(primary, &with("checkout", 2), name).await;
    with("checkout-standby", 1).apply(standby).await.unwrap();
}

async fn in_one_cluster(name: &str, releases: bool) -> Ran {
    let (cluster, _turn) = cluster().await;
    let client = cluster.plane.client();
    namespace(&client, name).await;
    systems(&client, &client, name).await;
    let failover = Failover {
        primary: Api::namespaced(client.clone(), name),
        standby: Api::namespaced(client.clone(), name),
        service: Some(Api::namespaced(client.clone(), name)),
        releases,
    };
    let scenario = loss();
    tokio::select! { ran = run(cluster, name, &scenario) => ran, never = failover.works() => never }
}

#[tokio::test]
#[ignore = "needs a control plane: Go, and minutes to build it"]
async fn a_standby_that_is_released_passes() {
    let ran = in_one_cluster("standby", true).await;
    assert_eq!(ran.code(), 0, "{}", ran.said());
}

#[tokio::test]
#[ignore = "needs a control plane: Go, and minutes to build it"]
async fn a_standby_that_nobody_releases_is_named() {
    let ran = in_one_cluster("standby-kept", false).await;
    let (outcome, causes) = ran.finding("standby-released-0");
    assert_eq!(outcome, "fail", "{}", ran.said());
    assert_eq!(causes, [("standby-not-released".to_owned(), "group standby".to_owned())], "{}", ran.said());
    assert_eq!(ran.finding("idle-spend").0, "fail", "{}", ran.said());
    assert_eq!(ran.code(), 1, "{}", ran.said());
}

/// A primary in one cluster and its standby in another.
async fn in_two_clusters(releases: bool) -> Ran {
    let (near, _turn) = cluster_alone().await;
    let plane = ControlPlane::builder().context("far").start().await.unwrap();
    let nodes = Nodes::builder(plane.config(), std::path::Path::new(PROGRAM)).start().await.unwrap();
    let far = Cluster { plane, nodes };
    let name = if releases { "two-clusters" } else { "two-clusters-kept" };
    let (primary, standby) = (near.plane.client(), far.plane.client());
    namespace(&primary, name).await;
    namespace(&standby, name).await;
    systems(&primary, &standby, name).await;
    let failover = Failover {
        primary: Api::namespaced(primary, name),
        standby: Api::namespaced(standby, name),
        service: None,
        releases,
    };
    let both = Kubeconfig::read_from(near.plane.kubeconfig())
        .and_then(|one| one.merge(Kubeconfig::read_from(far.plane.kubeconfig())?))
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let kubeconfig = folder.path().join("kubeconfig");
    std::fs::write(&kubeconfig, serde_json::to_string(&both).unwrap()).unwrap();
    let scenario = loss().replace(
        "\"Deployment/checkout-standby\"",
        "\"Deployment/checkout-standby\"
context = \"far\"",
    );
    let ran = tokio::select! {
        ran = run_with(&kubeconfig, name, &scenario) => ran,
        never = failover.works() => never,
    };
    far.nodes.stop();
    far.plane.stop().unwrap();
    ran
}

#[tokio::test]
#[ignore = "needs a control plane: Go, and minutes to build it"]
async fn a_standby_in_another_cluster_is_released() {
    let ran = in_two_clusters(true).await;
    assert_eq!(ran.code(), 0, "{}", ran.said());
}

#[tokio::test]
#[ignore = "needs a control plane: Go, and minutes to build it"]
async fn a_standby_in_another_cluster_that_nobody_releases_is_named() {
    let ran = in_two_clusters(false).await;
    let (outcome, causes) = ran.finding("standby-released-0");
    assert_eq!(outcome, "fail", "{}", ran.said());
    assert_eq!(causes, [("standby-not-released".to_owned(), "group standby".to_owned())], "{}", ran.said());
}
