//! When the cluster cannot be seen: gaps are recorded, nothing passes that was not seen, and the run goes on.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use controlplane::nodes::Nodes;
use controlplane::{Component, ControlPlane};
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};

use super::support::{Cluster, PROGRAM, SURGE, alone, autoscaler, checkout, deploy, namespace, start};

/// A cluster of a test's own, to be broken.
async fn own(builder: controlplane::Builder) -> Cluster {
    let plane = builder.start().await.unwrap();
    let nodes = Nodes::builder(plane.config(), Path::new(PROGRAM)).start().await.unwrap();
    Cluster { plane, nodes }
}

/// The newest time on record, and when all stimuli had ended, in seconds.
fn times(history: &Path) -> (f64, Option<f64>) {
    let text = std::fs::read_to_string(history).unwrap_or_default();
    let records = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let (mut last, mut quiesced) = (0.0, None);
    for record in records {
        last = record["t_us"].as_f64().unwrap_or(0.0) / 1e6;
        if let Some(at) = record["quiesced"]["at_us"].as_f64() {
            quiesced = Some(at / 1e6);
        }
    }
    (last, quiesced)
}

/// Waits until the record has come so far beyond the end of the stimuli.
async fn after_quiesce(history: &Path, seconds: f64) {
    loop {
        let (last, quiesced) = times(history);
        if quiesced.is_some_and(|quiesced| last >= quiesced + seconds) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test]
#[ignore = "needs a control plane: Go, and minutes to build it"]
async fn an_api_server_that_is_away_over_the_deadline_leaves_a_gap_and_no_pass() {
    let _turn = alone().await;
    let cluster = own(ControlPlane::builder()).await;
    let client = cluster.plane.client();
    namespace(&client, "away").await;
    deploy(&client, &checkout("away").autoscaler(autoscaler()), "away").await;
    let run = start(cluster.plane.kubeconfig(), "away", &SURGE.replace("hold = \"6s\"", "hold = \"30s\""));
    after_quiesce(&run.history(), 14.0).await;
    cluster.plane.kill(Component::ApiServer);
    after_quiesce(&run.history(), 34.0).await;
    cluster.plane.restart(Component::ApiServer).await.unwrap();
    let ran = run.ended().await;
    let (outcome, causes) = ran.finding("contraction-0");
    assert_eq!(outcome, "inconclusive", "{}", ran.said());
    assert!(causes.iter().any(|(code, _)| code == "signal-gap"), "{causes:?}\n{}", ran.said());
    assert_eq!(ran.code(), 2, "{}", ran.said());
    cluster.nodes.stop();
    cluster.plane.stop().unwrap();
}

#[tokio::test]
#[ignore = "needs a control plane: Go, and minutes to build it"]
async fn watches_that_are_cut_again_and_again_miss_nothing() {
    let (cluster, _turn) = super::support::cluster().await;
    let client = cluster.plane.client();
    namespace(&client, "cut").await;
    deploy(&client, &checkout("cut").autoscaler(autoscaler()), "cut").await;
    let (server, cuts) = cutting(&cluster.plane.server()).await;
    let folder = tempfile::tempdir().unwrap();
    let kubeconfig = folder.path().join("kubeconfig");
    let text = std::fs::read_to_string(cluster.plane.kubeconfig()).unwrap();
    std::fs::write(&kubeconfig, text.replace(&cluster.plane.server(), &server)).unwrap();
    let ran = start(&kubeconfig, "cut", SURGE).ended().await;
    assert_eq!(ran.code(), 0, "{}", ran.said());
    assert!(cuts.load(Ordering::Relaxed) > 50, "{} connections were cut", cuts.load(Ordering::Relaxed));
}

/// A way to an API server on which no connection lasts for more than a second; its address, and how many were cut.
async fn cutting(server: &str) -> (String, Arc<AtomicUsize>) {
    let to = server.trim_start_matches("https://").to_owned();
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = format!("https://{}", listener.local_addr().unwrap());
    let cuts = Arc::new(AtomicUsize::new(0));
    let counted = cuts.clone();
    tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            let (to, counted) = (to.clone(), counted.clone());
            tokio::spawn(async move {
                let Ok(mut far) = TcpStream::connect(to).await else { return };
                let both = tokio::io::copy_bidirectional(&mut near, &mut far);
                if tokio::time::timeout(Duration::from_secs(1), both).await.is_err() {
                    counted.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    (address, cuts)
}
