//! What a run leaves in the cluster on purpose: its verdict, and Events on what it touched.

use std::collections::BTreeSet;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::api::events::v1::Event;
use kube::api::ListParams;
use kube::{Api, ResourceExt};
use serde_json::Value;

use super::access::LOSE;
use super::support::{autoscaler, checkout, cluster, deploy, namespace, run};

#[tokio::test]
#[ignore = "needs a control plane: Go, and minutes to build it"]
async fn a_verdict_and_events_stay_and_of_each_scenario_only_the_newest() {
    let (cluster, _turn) = cluster().await;
    let client = cluster.plane.client();
    let name = "told";
    namespace(&client, name).await;
    deploy(&client, &checkout(name).autoscaler(autoscaler()), name).await;
    // An older verdict of this scenario, and one of another.
    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), name);
    let lose = LOSE.replace("5m", "2s");
    let first = run(cluster, name, &lose).await;
    let seen = maps.list(&ListParams::default().labels("springback.dev/scenario")).await.unwrap();
    assert_eq!(seen.items.len(), 1, "{}", first.said());
    let mut older = seen.items[0].clone();
    older.metadata = Default::default();
    older.metadata.name = Some("springback-verdict-older".to_owned());
    older.metadata.labels = seen.items[0].metadata.labels.clone();
    maps.create(&Default::default(), &older).await.unwrap();
    let mut other = older.clone();
    other.metadata.name = Some("springback-verdict-other".to_owned());
    other.labels_mut().insert("springback.dev/scenario".to_owned(), "another".to_owned());
    maps.create(&Default::default(), &other).await.unwrap();

    let second = run(cluster, name, &lose).await;
    let seen = maps.list(&ListParams::default().labels("springback.dev/scenario")).await.unwrap();
    let names: BTreeSet<String> = seen.iter().map(ResourceExt::name_any).collect();
    assert_eq!(names.len(), 2, "{names:?}");
    assert!(names.contains("springback-verdict-other"), "{names:?}");
    let verdict = seen.iter().find(|map| map.name_any() != "springback-verdict-other").unwrap();
    assert_eq!(verdict.annotations()["springback.dev/scenario"], "all are lost");
    let data = verdict.data.as_ref().unwrap();
    let json: Value = serde_json::from_str(&data["verdict.json"]).unwrap();
    assert_eq!(json, second.verdict());
    assert_eq!(data["exit_code"], second.code().to_string());
    assert!(data["summary.md"].contains("all are lost"));

    let deployments: Api<Deployment> = Api::namespaced(client.clone(), name);
    let uid = deployments.get("checkout").await.unwrap().uid();
    let events = Api::<Event>::namespaced(client.clone(), name).list(&ListParams::default()).await.unwrap();
    let own = events.iter().filter(|event| {
        event.reporting_controller.as_deref() == Some("springback.dev/springback")
            && event.regarding.as_ref().is_some_and(|regarding| regarding.uid == uid)
    });
    let reasons: BTreeSet<&str> = own.filter_map(|event| event.reason.as_deref()).collect();
    let outcome = match json["outcome"].as_str().unwrap() {
        "pass" => "VerdictPass",
        "fail" => "VerdictFail",
        _ => "VerdictInconclusive",
    };
    assert_eq!(reasons, BTreeSet::from(["FaultInjected", "FaultHealed", outcome]));
}
