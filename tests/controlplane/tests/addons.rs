//! KWOK, Karpenter and KEDA do on this control plane what they do on any.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use controlplane::{ControlPlane, apply, eventually, kwok_node};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Node, Pod};
use kube::Client;
use kube::api::{Api, ListParams, Patch, PatchParams, PostParams};
use serde_json::json;

/// A deployment of pods that ask for one CPU.
fn deployment(replicas: u32) -> String {
    format!(
        "
apiVersion: apps/v1
kind: Deployment
metadata: {{ name: web }}
spec:
  replicas: {replicas}
  selector: {{ matchLabels: {{ app: web }} }}
  template:
    metadata: {{ labels: {{ app: web }} }}
    spec:
      containers: [{{ name: web, image: web, resources: {{ requests: {{ cpu: '1' }} }} }}]
"
    )
}

async fn scale(client: &Client, replicas: u32) {
    let patch = Patch::Merge(json!({ "spec": { "replicas": replicas } }));
    let deployments = Api::<Deployment>::default_namespaced(client.clone());
    deployments.patch_scale("web", &PatchParams::default(), &patch).await.unwrap();
}

async fn ready_replicas(client: &Client, wanted: i32) {
    let deployments = Api::<Deployment>::default_namespaced(client.clone());
    let ready = async || {
        let status = deployments.get("web").await.ok()?.status?;
        let (ready, all) = (status.ready_replicas.unwrap_or(0), status.replicas.unwrap_or(0));
        (ready == wanted && all == wanted).then_some(())
    };
    eventually(&format!("{wanted} ready replicas"), ready).await;
}

#[tokio::test]
#[ignore = "needs a control plane: Go, and minutes to build it"]
async fn kwok_runs_a_hundred_pods_and_leaves_other_nodes_alone() {
    let plane = ControlPlane::builder().start().await.unwrap();
    plane.start_kwok().await.unwrap();
    let client = plane.client();
    let nodes: Api<Node> = Api::all(client.clone());
    let mut foreign = kwok_node("foreign", "zone-a");
    foreign.metadata.annotations = None;
    foreign.spec.get_or_insert_default().unschedulable = Some(true);
    let kept = (0..4).map(|n| kwok_node(&format!("node-{n}"), if n % 2 == 0 { "zone-a" } else { "zone-b" }));
    for node in kept.chain([foreign]) {
        nodes.create(&PostParams::default(), &node).await.unwrap();
    }
    apply(&client, &deployment(100)).await.unwrap();
    ready_replicas(&client, 100).await;
    let pods = Api::<Pod>::default_namespaced(client.clone()).list(&ListParams::default()).await.unwrap();
    for pod in &pods.items {
        let status = pod.status.as_ref().unwrap();
        let ip = status.pod_ip.as_deref().unwrap_or("none");
        assert!(ip.starts_with("10.245."), "{ip}: {pod:#?}");
    }
    let foreign = nodes.get("foreign").await.unwrap().status.unwrap();
    let ready = foreign.conditions.iter().flatten().any(|c| c.type_ == "Ready" && c.status == "True");
    assert!(!ready, "nobody keeps the foreign node: {foreign:?}");
    scale(&client, 3).await;
    ready_replicas(&client, 3).await;
    plane.stop().unwrap();
}

#[tokio::test]
#[ignore = "needs a control plane: Go, and minutes to build it"]
async fn karpenter_makes_nodes_and_consolidates_them_away() {
    let plane = ControlPlane::builder().start().await.unwrap();
    plane.start_karpenter().await.unwrap();
    let client = plane.client();
    let pool = "
apiVersion: karpenter.kwok.sh/v1alpha1
kind: KWOKNodeClass
metadata: { name: default }
---
apiVersion: karpenter.sh/v1
kind: NodePool
metadata: { name: default }
spec:
  template:
    spec:
      requirements:
      - { key: node.kubernetes.io/instance-type, operator: In, values: [c-4x-amd64-linux] }
      nodeClassRef: { group: karpenter.kwok.sh, kind: KWOKNodeClass, name: default }
  disruption:
    consolidationPolicy: WhenEmptyOrUnderutilized
    consolidateAfter: 5s
    budgets: [{ nodes: 100% }]
";
    apply(&client, pool).await.unwrap();
    apply(&client, &deployment(8)).await.unwrap();
    ready_replicas(&client, 8).await;
    let nodes: Api<Node> = Api::all(client.clone());
    let count = async || nodes.list(&ListParams::default()).await.unwrap().items.len();
    // Four CPUs a node, of which not all are for pods.
    let many = count().await;
    assert!(many >= 2, "{many} nodes for eight pods");
    scale(&client, 1).await;
    eventually("one node left", async || (count().await == 1).then_some(())).await;
    ready_replicas(&client, 1).await;
    plane.stop().unwrap();
}

/// Answers every request with `{"value": N}`.
fn metric() -> (SocketAddr, Arc<AtomicU32>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    let value = Arc::new(AtomicU32::new(0));
    let shown = value.clone();
    // It ends with the test's process: there is nothing to put in order.
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            let _ = stream.set_read_timeout(Some(Duration::from_secs(1)));
            let _ = stream.read(&mut [0; 4096]);
            let body = format!(r#"{{"value": {}}}"#, shown.load(Ordering::Relaxed));
            let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close";
            let _ = write!(stream, "{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        }
    });
    (at, value)
}

#[tokio::test]
#[ignore = "needs a control plane: Go, and minutes to build it"]
async fn keda_scales_from_zero_and_back() {
    let plane = ControlPlane::builder().start().await.unwrap();
    tokio::try_join!(plane.start_kwok(), plane.start_keda()).unwrap();
    let client = plane.client();
    Api::<Node>::all(client.clone())
        .create(&PostParams::default(), &kwok_node("node", "zone-a"))
        .await
        .unwrap();
    let (at, value) = metric();
    apply(&client, &deployment(0)).await.unwrap();
    let scaled = format!(
        "
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata: {{ name: web }}
spec:
  scaleTargetRef: {{ name: web }}
  minReplicaCount: 0
  maxReplicaCount: 6
  pollingInterval: 1
  cooldownPeriod: 5
  triggers:
  - type: metrics-api
    metadata: {{ url: 'http://{at}/', valueLocation: value, targetValue: '10' }}
"
    );
    apply(&client, &scaled).await.unwrap();
    value.store(40, Ordering::Relaxed);
    ready_replicas(&client, 4).await;
    value.store(0, Ordering::Relaxed);
    ready_replicas(&client, 0).await;
    plane.stop().unwrap();
}
