//! Partitions, and objects that another engine acts on.

use controlplane::objects::{Build, an_object};
use serde_json::json;

use super::{Said, a_system, as_before, scenario};
use crate::snapshot::snapshot;
use crate::support::{cluster, run, start_beside};

const PARTITION: &str = "[load]\npath = '/'\nbaseline_rate = '20/s'\ntimeout = '1s'\n\
    [[fault]]\nat = '2s'\npartition = { group = 'primary', lasts = '6s' }\n\
    [limits]\nlost_at_once = '100%'\n\
    [slo]\navailability = { target = '10%' }\n\
    [expect]\nrecovery = { within = '10s', hold = '5s' }\n";

#[tokio::test]
#[ignore = "needs a control plane: Go, and minutes to build it"]
async fn a_partition_is_seen_by_requests_that_nobody_answers() {
    let (cluster, _turn) = cluster().await;
    let client = cluster.plane.client();
    let name = "partition";
    a_system(&client, name, 2).await;
    let before = snapshot(&client, name).await;
    let ran = run(cluster, name, &scenario(PARTITION)).await;
    let said = Said::of(&ran);
    assert_eq!(said.seen().seen_by, "load", "{}", ran.said());
    assert_eq!(said.effect().remaining.len(), 0, "{}", ran.said());
    assert!(said.healed().complete, "{:?}", said.healed());
    assert_eq!(ran.code(), 0, "{}", ran.said());
    as_before(&client, name, &before).await;
}

#[tokio::test]
#[ignore = "needs a control plane: Go, and minutes to build it"]
async fn a_policy_that_lets_traffic_in_would_make_a_partition_void_so_none_is_made() {
    let (cluster, _turn) = cluster().await;
    let client = cluster.plane.client();
    let name = "let-in";
    a_system(&client, name, 2).await;
    let policy = an_object(json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
        "metadata": { "name": "web", "namespace": name },
        "spec": { "podSelector": {}, "ingress": [{}] },
    }));
    policy.apply(&client).await.unwrap();
    let before = snapshot(&client, name).await;
    let ran = run(cluster, name, &scenario(PARTITION)).await;
    assert_eq!(ran.code(), 2, "{}", ran.said());
    let verdict = ran.verdict().to_string();
    assert!(verdict.contains("fault-skipped") && verdict.contains("NetworkPolicy/web"), "{verdict}");
    as_before(&client, name, &before).await;
}

fn manifest(rest: &str) -> String {
    format!(
        "[load]\npath = '/'\nbaseline_rate = '20/s'\ntimeout = '1s'\n\
         [[fault]]\nat = '2s'\n\
         manifest = {{ group = 'primary', file = 'fault.yaml', wait_for = 'jsonpath={{.status.phase}}=Injected', {rest} }}\n\
         [slo]\navailability = {{ target = '10%' }}\n\
         [expect]\nrecovery = {{ within = '10s', hold = '5s' }}\n"
    )
}

#[tokio::test]
#[ignore = "needs a control plane: Go, and minutes to build it"]
async fn an_experiment_of_another_engine_is_applied_seen_and_deleted() {
    let (cluster, _turn) = cluster().await;
    let client = cluster.plane.client();
    let name = "manifest";
    a_system(&client, name, 3).await;
    let before = snapshot(&client, name).await;
    let fault = "apiVersion: standin.springback.test/v1\nkind: Fault\nmetadata: { name: cut }\n\
        spec: { kind: PodPartition, count: 1, selector: { matchLabels: { app: checkout } } }\n\
        ---\napiVersion: standin.springback.test/v1\nkind: Fault\nmetadata: { name: crash }\n\
        spec: { kind: ContainerCrash, count: 1, selector: { matchLabels: { app: checkout } } }\n";
    let text = scenario(&manifest("within = '10s', lasts = '4s'"));
    let ran = start_beside(cluster.plane.kubeconfig(), name, &text, &[("fault.yaml", fault)]).ended().await;
    let said = Said::of(&ran);
    assert_eq!(
        said.seen().seen_by,
        "Fault.standin.springback.test/cut, Fault.standin.springback.test/crash",
        "{}",
        ran.said()
    );
    assert!(said.healed().complete, "{:?}", said.healed());
    assert_eq!(ran.code(), 0, "{}", ran.said());
    as_before(&client, name, &before).await;
    // Its engine has cleaned up, or its finalizer would keep it.
    let left = an_object(json!({
        "apiVersion": "standin.springback.test/v1", "kind": "Fault",
        "metadata": { "name": "cut", "namespace": name },
    }));
    assert!(left.api(client.clone()).get_opt("cut").await.unwrap().is_none());
}

#[tokio::test]
#[ignore = "needs a control plane: Go, and minutes to build it"]
async fn an_experiment_that_does_not_begin_proves_nothing_and_is_deleted_all_the_same() {
    let (cluster, _turn) = cluster().await;
    let client = cluster.plane.client();
    let name = "stillborn";
    a_system(&client, name, 2).await;
    let before = snapshot(&client, name).await;
    let fault = "apiVersion: standin.springback.test/v1\nkind: Fault\nmetadata: { name: none }\n\
        spec: { kind: ContainerCrash, pods: [nobody] }\n";
    let text = scenario(&manifest("within = '2s', lasts = '2s'"));
    let ran = start_beside(cluster.plane.kubeconfig(), name, &text, &[("fault.yaml", fault)]).ended().await;
    assert_eq!(ran.code(), 2, "{}", ran.said());
    let said = Said::of(&ran);
    assert!(said.failed().contains("there is no such pod"), "{}", said.failed());
    assert!(said.healed().complete, "{:?}", said.healed());
    as_before(&client, name, &before).await;
}

#[tokio::test]
#[ignore = "needs a control plane: Go, and minutes to build it"]
async fn what_belongs_to_the_whole_cluster_is_not_created() {
    let (cluster, _turn) = cluster().await;
    let client = cluster.plane.client();
    let name = "too-much";
    a_system(&client, name, 2).await;
    let fault = "apiVersion: v1\nkind: Namespace\nmetadata: { name: other }\n";
    let text = scenario(&manifest("within = '2s', lasts = '2s'"));
    let ran = start_beside(cluster.plane.kubeconfig(), name, &text, &[("fault.yaml", fault)]).ended().await;
    assert_eq!(ran.code(), 5, "{}", ran.said());
    assert!(ran.said().contains("belong to the whole cluster"), "{}", ran.said());
}
