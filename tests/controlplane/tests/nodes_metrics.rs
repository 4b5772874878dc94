//! `metrics.k8s.io` tells what the processes really use, through the API server, and misbehaves when it is told to.

mod support;

use std::collections::BTreeMap;
use std::time::Duration;

use controlplane::eventually;
use controlplane::nodes::Metrics;
use controlplane::objects::{a_container, workload};
use support::{Load, address, answers, cluster, namespace, ready};
use tokio::time::Instant;

/// Thousandths of a CPU by pod, as the API server passes it on; nothing if it does not answer.
async fn cpu(client: &kube::Client, path: &str) -> Option<BTreeMap<String, u64>> {
    let request =
        http::Request::get(format!("/apis/metrics.k8s.io/v1beta1/{path}")).body(Vec::new()).unwrap();
    let list: serde_json::Value = client.request(request).await.ok()?;
    let items = list["items"].as_array()?.iter().map(|item| {
        let nanocores =
            item["containers"][0]["usage"]["cpu"].as_str()?.strip_suffix('n')?.parse::<u64>().ok()?;
        Some((item["metadata"]["name"].as_str()?.to_owned(), nanocores / 1_000_000))
    });
    items.collect()
}

#[tokio::test]
#[ignore = "needs a control plane: Go, and minutes to build it"]
async fn metrics_agree_with_the_load_and_can_be_frozen_missing_or_refused() {
    let cluster = cluster().await;
    let mut config = cluster.plane.config();
    // Or a refusal is asked again for minutes.
    config.default_retry = false;
    let client = kube::Client::try_from(config).unwrap();
    namespace(&client, "metered").await;
    let container = a_container().serving_in(Duration::from_millis(10), 8).burning(Duration::from_millis(4));
    workload("checkout")
        .in_namespace("metered")
        .replicas(2)
        .container(container)
        .apply(&client)
        .await
        .unwrap();
    ready(&client, "metered", "checkout", 2).await;
    let addr = address(&client, "metered", "checkout").await;
    answers(addr, 200).await;
    let path = "namespaces/metered/pods?labelSelector=app%3Dcheckout";
    let idle = |cpu: &BTreeMap<String, u64>| cpu.len() == 2 && cpu.values().all(|cpu| *cpu < 20);
    eventually("two idle pods", async || cpu(&client, path).await.filter(idle)).await;
    let others = cpu(&client, "namespaces/metered/pods?labelSelector=app%21%3Dcheckout").await;
    assert_eq!(others, Some(BTreeMap::new()));

    // Each request burns 4 ms, and a little more is spent on answering it. A busy machine answers fewer of them.
    let load = Load::start(addr, 50);
    let loaded = eventually("as much CPU as the requests cost", async || {
        let (began, answered) = (Instant::now(), load.answered());
        eventually("a hundred answers", async || (load.answered() >= answered + 100).then_some(())).await;
        let burnt = (load.answered() - answered) as f64 * 4.0 / began.elapsed().as_secs_f64();
        let used = cpu(&client, path).await?;
        let all = used.values().sum::<u64>() as f64;
        let shared = used.len() == 2 && used.values().all(|cpu| *cpu as f64 > burnt / 4.0);
        (shared && (burnt * 0.8..burnt * 1.7).contains(&all)).then_some(used)
    })
    .await;

    cluster.nodes.metrics(Metrics::Frozen);
    drop(load);
    let frozen = eventually("frozen metrics", async || {
        let before = cpu(&client, path).await?;
        tokio::time::sleep(Duration::from_millis(1_100)).await;
        let after = cpu(&client, path).await?;
        (after == before).then_some(before)
    })
    .await;
    assert!(frozen.keys().eq(loaded.keys()) && frozen.values().any(|cpu| *cpu >= 20), "{frozen:?}");

    cluster.nodes.metrics(Metrics::Missing(1));
    let one =
        eventually("one pod missing", async || cpu(&client, path).await.filter(|cpu| cpu.len() == 1)).await;
    assert_eq!(one.keys().next(), loaded.keys().nth(1));
    cluster.nodes.metrics(Metrics::Refused);
    assert_eq!(cpu(&client, path).await, None);
    cluster.nodes.metrics(Metrics::Real);
    eventually("two idle pods again", async || cpu(&client, path).await.filter(idle)).await;
}
