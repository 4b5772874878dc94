//! A group that KEDA scales: from none when its trigger begins to be active, and back to none after its cooldown.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use controlplane::eventually;
use controlplane::objects::{Build, a_container, a_deployment, an_object};
use kube::Client;
use kube::api::{Api, DynamicObject};
use serde_json::{Value, json};
use springback::history::Event;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::support::{Ran, SURGE, autoscaler, checkout, deploy, extended, namespace, start};

/// What waits in the queue, as a trigger of KEDA reads it.
struct Queue {
    waiting: Arc<AtomicU32>,
    port: u16,
}

impl Queue {
    /// Answers whoever asks, as long as the test lasts.
    async fn answering() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let waiting = Arc::new(AtomicU32::new(0));
        let told = waiting.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let told = told.clone();
                tokio::spawn(async move {
                    let mut request = [0; 4_096];
                    // One request a connection: the answer closes it.
                    let _ = stream.read(&mut request).await;
                    let body = json!({ "waiting": told.load(Relaxed) }).to_string();
                    let head = format!(
                        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                        body.len()
                    );
                    let _ = stream.write_all(format!("{head}{body}").as_bytes()).await;
                });
            }
        });
        Self { waiting, port }
    }
}

/// Workers that take from the queue, none of them at rest.
async fn deploy_workers(client: &Client, namespace: &str, queue: &Queue, spec: Value) {
    let workers = a_deployment("worker").in_namespace(namespace).with_replicas(0).with_grace(1);
    workers.with_container(a_container()).apply(client).await.unwrap();
    let scaled = an_object(json!({
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": { "name": "worker", "namespace": namespace },
        "spec": {
            "scaleTargetRef": { "name": "worker" },
            "pollingInterval": 1, "cooldownPeriod": 5, "maxReplicaCount": 3,
            "advanced": { "horizontalPodAutoscalerConfig": { "behavior": { "scaleDown": { "stabilizationWindowSeconds": 3 } } } },
            "triggers": [{ "type": "metrics-api", "metadata": {
                "url": format!("http://127.0.0.1:{}/", queue.port),
                "valueLocation": "waiting", "targetValue": "10",
            } }],
        },
    }));
    let scaled = scaled.merged_with(json!({ "spec": spec }));
    scaled.apply(client).await.unwrap();
    eventually("KEDA to look after the workers", async || {
        let api: Api<DynamicObject> = scaled.build().api(client.clone());
        let found = api.get("worker").await.ok()?;
        let conditions = found.data.pointer("/status/conditions")?.as_array()?.clone();
        let ready = conditions.iter().find(|condition| condition["type"] == "Ready")?;
        (ready["status"] == "True").then_some(())
    })
    .await;
}

/// A surge that fills the queue, and empties it when it is over; meanwhile something else may happen.
async fn surge(name: &str, spec: Value, meanwhile: impl AsyncFnOnce(&Client)) -> Ran {
    let (cluster, _turn) = extended().await;
    let client = cluster.plane.client();
    namespace(&client, name).await;
    let queue = Queue::answering().await;
    deploy(&client, &checkout(name).autoscaler(autoscaler()), name).await;
    deploy_workers(&client, name, &queue, spec).await;
    let workers = "[target.kubernetes.group.worker]\nworkload = \"Deployment/worker\"\nreplicas = 0\ngrace = \"1s\"\n[load]";
    let scenario = SURGE.replace("springback-test", "springback-extended").replace("[load]", workers);
    let scenario = scenario.replace("group = \"primary\", within", "group = \"worker\", within");
    let mut running = start(cluster.plane.kubeconfig(), name, &scenario);
    assert!(running.until(|record| matches!(record.event, Event::SurgeStart(_))).await);
    queue.waiting.store(25, Relaxed);
    let grown = |record: &springback::history::Record| matches!(&record.event, Event::Desired(desired) if desired.group == "worker" && desired.replicas >= 2);
    if running.until(grown).await {
        meanwhile(&client).await;
    }
    running.until(|record| matches!(record.event, Event::SurgeEnd(_))).await;
    queue.waiting.store(0, Relaxed);
    let ran = running.ended().await;
    // Its finalizer goes with KEDA's consent, and the other tests have no need of its load.
    an_object(json!({ "apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "metadata": { "name": "worker", "namespace": name } }))
        .delete(&client)
        .await
        .unwrap();
    ran
}

/// Asserts that the contraction failed for that cause alone, at the ScaledObject.
fn failed(ran: &Ran, code: &str, name: &str) {
    let (outcome, causes) = ran.finding("contraction-0");
    let wanted = (code.to_owned(), format!("ScaledObject {name}/worker"));
    assert!(outcome == "fail" && causes == [wanted], "{outcome} {causes:?}\n{}", ran.said());
}

#[tokio::test]
#[ignore = "needs a control plane: Go, and minutes to build it"]
async fn workers_sleep_again_after_the_cooldown() {
    let ran = surge("keda", json!({}), async |_| {}).await;
    assert_eq!(ran.code(), 0, "{}", ran.said());
}

#[tokio::test]
#[ignore = "needs a control plane: Go, and minutes to build it"]
async fn a_pause_that_nobody_ends_is_named() {
    let ran = surge("keda-paused", json!({}), async |client| {
        let paused = json!({ "metadata": { "annotations": { "autoscaling.keda.sh/paused": "true" } } });
        let scaled = an_object(json!({
            "apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject",
            "metadata": { "name": "worker", "namespace": "keda-paused" },
        }));
        let patch = kube::api::Patch::Merge(paused);
        scaled.api(client.clone()).patch("worker", &kube::api::PatchParams::default(), &patch).await.unwrap();
    });
    failed(&ran.await, "keda-paused", "keda-paused");
}

#[tokio::test]
#[ignore = "needs a control plane: Go, and minutes to build it"]
async fn a_floor_that_is_raised_in_the_surge_is_named() {
    let ran = surge("keda-floor", json!({}), async |client| {
        let scaled = an_object(json!({
            "apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject",
            "metadata": { "name": "worker", "namespace": "keda-floor" },
        }));
        let patch = kube::api::Patch::Merge(json!({ "spec": { "minReplicaCount": 1 } }));
        scaled.api(client.clone()).patch("worker", &kube::api::PatchParams::default(), &patch).await.unwrap();
    });
    failed(&ran.await, "keda-not-zero", "keda-floor");
}
