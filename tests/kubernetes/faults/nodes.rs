//! Drains, reclaims and outages, and the nodes that must not be struck.

use controlplane::eventually;
use controlplane::objects::a_container;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{Namespace, Node, Pod};
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::{Client, ResourceExt};
use serde_json::json;
use springback::history::IntentAction;
use springback::world::kubernetes::OPT_IN;

use super::{Said, a_system, a_system_of, a_system_with, as_before, meanwhile, scenario};
use crate::snapshot::snapshot;
use crate::support::{cluster_alone, run};

/// Takes away what other tests left: nodes that run anything else are not struck.
pub(crate) async fn clear(client: &Client) {
    let namespaces: Api<Namespace> = Api::all(client.clone());
    for namespace in namespaces.list(&ListParams::default().labels(OPT_IN)).await.unwrap() {
        namespaces.delete(&namespace.name_any(), &DeleteParams::default()).await.unwrap();
    }
    let pods: Api<Pod> = Api::all(client.clone());
    eventually("the pods of other tests to be gone", async || {
        pods.list(&ListParams::default()).await.ok()?.items.is_empty().then_some(())
    })
    .await;
}

pub(crate) async fn opt_in(client: &Client, value: Option<&str>) {
    let nodes: Api<Node> = Api::all(client.clone());
    let patch = json!({ "metadata": { "labels": { OPT_IN: value } } });
    for node in nodes.list(&ListParams::default()).await.unwrap() {
        nodes.patch(&node.name_any(), &PatchParams::default(), &Patch::Merge(&patch)).await.unwrap();
    }
}

fn struck(said: &Said) -> (&[String], &[String]) {
    let IntentAction::Nodes { nodes, instances, .. } = &said.intent().action else { panic!() };
    (nodes, instances)
}

#[tokio::test]
#[ignore = "needs a control plane: Go, and minutes to build it"]
async fn a_drained_node_is_emptied_as_the_budget_allows_and_takes_pods_again() {
    let (cluster, _turn) = cluster_alone().await;
    let client = cluster.plane.client();
    let name = "drain";
    clear(&client).await;
    opt_in(&client, Some("true")).await;
    // Two on each node, and one may go at a time.
    a_system_with(&client, name, |workload| workload.replicas(8).budget(7)).await;
    let before = snapshot(&client, name).await;
    let ran = run(
        cluster,
        name,
        &scenario(
            "[[fault]]\nat = '1s'\ndrain = { group = 'primary', nodes = 1, lasts = '10s' }\n\
             [expect]\nreplacement = { within = '20s' }\n",
        ),
    )
    .await;
    assert_eq!(ran.code(), 0, "{}", ran.said());
    let said = Said::of(&ran);
    let (nodes, instances) = struck(&said);
    assert_eq!((nodes.len(), instances.len()), (1, 2), "{:?}", said.intent());
    assert_eq!((said.effect().gone.as_slice(), said.effect().remaining.len()), (instances, 0));
    let refused = said.notes("budget-refuses");
    assert!(refused.iter().any(|text| text.contains("disruption budget checkout needs 7")), "{refused:?}");
    assert_eq!(said.healed().detail, format!("Node/{} is as before", nodes[0]));
    as_before(&client, name, &before).await;
    nothing_holds_the_nodes(&client).await;
}

#[tokio::test]
#[ignore = "needs a control plane: Go, and minutes to build it"]
async fn a_reclaimed_node_gives_notice_and_then_kills_what_does_not_end() {
    let (cluster, _turn) = cluster_alone().await;
    let client = cluster.plane.client();
    let name = "reclaim";
    clear(&client).await;
    opt_in(&client, Some("true")).await;
    // What would take a minute to end has three seconds.
    a_system_of(&client, name, a_container().ignoring_sigterm(), |workload| {
        workload.deployment(|deployment| deployment.with_replicas(4).with_grace(60))
    })
    .await;
    let nodes: Api<Node> = Api::all(client.clone());
    // Somebody else's taint, put on before and one during the fault, stays.
    let before = snapshot(&client, name).await;
    let text = scenario(
        "[[fault]]\nat = '1s'\nreclaim = { group = 'primary', nodes = 1, notice = '3s', lasts = '8s' }\n\
         [expect]\nreplacement = { within = '30s' }\n",
    );
    let tainting = async {
        let tainted = eventually("the notice", async || {
            let found = nodes.list(&ListParams::default()).await.ok()?;
            found.into_iter().find(|node| {
                let taints = node.spec.iter().flat_map(|spec| spec.taints.iter().flatten());
                taints.into_iter().any(|taint| taint.key == "springback.dev/reclaim")
            })
        })
        .await;
        let other = json!([{ "op": "add", "path": "/spec/taints/-",
            "value": { "key": "maintenance", "value": "soon", "effect": "PreferNoSchedule" } }]);
        let patch: Patch<()> = Patch::Json(serde_json::from_value(other).unwrap());
        nodes.patch(&tainted.name_any(), &PatchParams::default(), &patch).await.unwrap();
        tainted.name_any()
    };
    let (ran, tainted) = meanwhile(run(cluster, name, &text), tainting).await;
    let said = Said::of(&ran);
    assert_eq!(struck(&said).0, std::slice::from_ref(&tainted));
    assert_eq!(said.effect().remaining.len(), 0, "{}", ran.said());
    assert_eq!(ran.code(), 0, "{}", ran.said());
    let left = nodes.get(&tainted).await.unwrap().spec.unwrap().taints.unwrap();
    assert_eq!(left.iter().map(|taint| taint.key.as_str()).collect::<Vec<_>>(), ["maintenance"]);
    let clean = json!([{ "op": "remove", "path": "/spec/taints" }]);
    let patch: Patch<()> = Patch::Json(serde_json::from_value(clean).unwrap());
    nodes.patch(&tainted, &PatchParams::default(), &patch).await.unwrap();
    as_before(&client, name, &before).await;
    nothing_holds_the_nodes(&client).await;
}

#[tokio::test]
#[ignore = "needs a control plane: Go, and minutes to build it"]
async fn an_outage_takes_a_zone_away_and_gives_it_back() {
    let (cluster, _turn) = cluster_alone().await;
    let client = cluster.plane.client();
    let name = "outage";
    clear(&client).await;
    opt_in(&client, Some("true")).await;
    a_system(&client, name, 4).await;
    let before = snapshot(&client, name).await;
    let ran = run(
        cluster,
        name,
        &scenario(
            "[[fault]]\nat = '1s'\noutage = { group = 'primary', zone = 'zone-a', lasts = '6s' }\n\
             [expect]\nreplacement = { within = '20s' }\n",
        ),
    )
    .await;
    assert_eq!(ran.code(), 0, "{}", ran.said());
    let said = Said::of(&ran);
    let (nodes, instances) = struck(&said);
    assert!(nodes.iter().all(|node| node.starts_with("node-a")) && !instances.is_empty(), "{nodes:?}");
    assert_eq!((said.effect().gone.as_slice(), said.effect().remaining.len()), (instances, 0));
    as_before(&client, name, &before).await;
    nothing_holds_the_nodes(&client).await;
}

const DRAIN: &str = "[[fault]]\nat = '1s'\ndrain = { group = 'primary', nodes = 1, lasts = '4s' }\n\
    [expect]\nreplacement = { within = '10s' }\n";

#[tokio::test]
#[ignore = "needs a control plane: Go, and minutes to build it"]
async fn nodes_that_did_not_opt_in_run_others_or_are_locked_are_not_struck() {
    let (cluster, _turn) = cluster_alone().await;
    let client = cluster.plane.client();
    let name = "unstruck";
    clear(&client).await;
    opt_in(&client, None).await;
    a_system(&client, name, 4).await;
    let before = snapshot(&client, name).await;
    let ran = run(cluster, name, &scenario(DRAIN)).await;
    assert_eq!(ran.code(), 5, "{}", ran.said());
    assert!(ran.said().contains(&format!("kubectl label node node-a1 {OPT_IN}=true")), "{}", ran.said());
    as_before(&client, name, &before).await;

    opt_in(&client, Some("true")).await;
    let before = snapshot(&client, name).await;
    a_system(&client, "neighbour", 4).await;
    let ran = run(cluster, name, &scenario(DRAIN)).await;
    assert_eq!(ran.code(), 5, "{}", ran.said());
    assert!(ran.said().contains("runs pods of other namespaces: neighbour/checkout-"), "{}", ran.said());
    as_before(&client, name, &before).await;
    let namespaces: Api<Namespace> = Api::all(client.clone());
    namespaces.delete("neighbour", &DeleteParams::default()).await.unwrap();
    let pods: Api<Pod> = Api::namespaced(client.clone(), "neighbour");
    eventually("the neighbour to be gone", async || {
        pods.list(&ListParams::default()).await.ok()?.items.is_empty().then_some(())
    })
    .await;

    let leases: Api<Lease> = Api::namespaced(client.clone(), "default");
    let held: Lease = serde_json::from_value(json!({
        "metadata": { "name": "springback-nodes", "annotations": { "springback.dev/held-in": "elsewhere" } },
        "spec": { "holderIdentity": "another-run", "leaseDurationSeconds": 20, "renewTime": "2099-01-01T00:00:00.000000Z" },
    }))
    .unwrap();
    leases.create(&PostParams::default(), &held).await.unwrap();
    let ran = run(cluster, name, &scenario(DRAIN)).await;
    let said = ran.said();
    assert_eq!(ran.code(), 5, "{said}");
    assert!(said.contains("locked by run another-run of namespace elsewhere"), "{said}");
    leases.delete("springback-nodes", &DeleteParams::default()).await.unwrap();
    as_before(&client, name, &before).await;
}

pub(crate) async fn nothing_holds_the_nodes(client: &Client) {
    let leases: Api<Lease> = Api::namespaced(client.clone(), "default");
    assert!(leases.get_opt("springback-nodes").await.unwrap().is_none());
}
