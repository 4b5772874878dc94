//! Evictions, counts, and who is struck.

use springback::history::{Event, IntentAction};

use super::{Said, a_system, a_system_with, as_before, scenario};
use crate::snapshot::snapshot;
use crate::support::{cluster, run};

#[tokio::test]
#[ignore = "needs a control plane: Go, and minutes to build it"]
async fn an_evicted_pod_ends_and_is_replaced() {
    let (cluster, _turn) = cluster().await;
    let client = cluster.plane.client();
    let name = "evict";
    a_system_with(&client, name, |workload| workload.replicas(3).budget(2)).await;
    let before = snapshot(&client, name).await;
    let ran = run(
        cluster,
        name,
        &scenario(
            "[[fault]]\nat = '1s'\nterminate = { group = 'primary', count = 1, how = 'evict' }\n\
             [expect]\nreplacement = { within = '15s' }\n",
        ),
    )
    .await;
    assert_eq!(ran.code(), 0, "{}", ran.said());
    let said = Said::of(&ran);
    let IntentAction::Terminate { instances, evict: true, .. } = &said.intent().action else { panic!() };
    assert_eq!((said.effect().gone.as_slice(), said.effect().remaining.len()), (instances.as_slice(), 0));
    assert_eq!(
        said.notes("budget-headroom"),
        ["budget checkout lets 1 pods go now: 3 are healthy, it wants 2 of 3"]
    );
    as_before(&client, name, &before).await;
}

#[tokio::test]
#[ignore = "needs a control plane: Go, and minutes to build it"]
async fn what_a_budget_refuses_is_told_with_its_name_and_proves_nothing() {
    let (cluster, _turn) = cluster().await;
    let client = cluster.plane.client();
    let name = "refused";
    a_system_with(&client, name, |workload| workload.replicas(2).budget(2)).await;
    let before = snapshot(&client, name).await;
    let ran = run(
        cluster,
        name,
        &scenario(
            "[[fault]]\nat = '1s'\nterminate = { group = 'primary', count = 1, how = 'evict' }\n\
             [expect]\nreplacement = { within = '15s' }\n",
        ),
    )
    .await;
    assert_eq!(ran.code(), 2, "{}", ran.said());
    let said = Said::of(&ran);
    let why = said.failed();
    assert!(why.contains("The disruption budget checkout needs 2 healthy pods and has 2 currently"), "{why}");
    assert_eq!(said.effect().gone.len(), 0);
    assert!(ran.verdict().to_string().contains("fault-had-no-effect"), "{}", ran.said());
    as_before(&client, name, &before).await;
}

#[tokio::test]
#[ignore = "needs a control plane: Go, and minutes to build it"]
async fn a_count_is_set_and_put_back() {
    let (cluster, _turn) = cluster().await;
    let client = cluster.plane.client();
    let name = "scaled";
    a_system(&client, name, 2).await;
    let before = snapshot(&client, name).await;
    let ran = run(
        cluster,
        name,
        &scenario(
            "[load]\npath = '/'\nbaseline_rate = '10/s'\n\
             [[fault]]\nat = '1s'\nscale = { group = 'primary', to = 4, lasts = '6s' }\n\
             [slo]\navailability = { target = '50%' }\n\
             [expect]\nrecovery = { within = '10s', hold = '5s' }\n",
        ),
    )
    .await;
    let said = Said::of(&ran);
    assert_eq!(said.seen().seen_by, "supply/primary", "{}", ran.said());
    assert_eq!(said.effect().remaining.len(), 0, "{}", ran.said());
    assert!(said.healed().complete, "{:?}", said.healed());
    assert_eq!(said.healed().detail, "Deployment/checkout is as before");
    assert_eq!(ran.code(), 0, "{}", ran.said());
    as_before(&client, name, &before).await;
}

#[tokio::test]
#[ignore = "needs a control plane: Go, and minutes to build it"]
async fn only_pods_of_the_zone_and_with_the_labels_are_struck() {
    let (cluster, _turn) = cluster().await;
    let client = cluster.plane.client();
    let name = "narrowed";
    a_system_with(&client, name, |workload| {
        workload.deployment(|deployment| deployment.with_replicas(4).with_pod_label("track", "stable"))
    })
    .await;
    let ran = run(
        cluster,
        name,
        &scenario(
            "[[fault]]\nat = '1s'\nterminate = { group = 'primary', count = 1, how = 'kill', zone = 'zone-b', \
             labels = 'track=stable,track!=canary' }\n\
             [expect]\nreplacement = { within = '15s' }\n",
        ),
    )
    .await;
    assert_eq!(ran.code(), 0, "{}", ran.said());
    let said = Said::of(&ran);
    let struck = &said.intent().action.instances()[0];
    let on = said.0.iter().find_map(|record| match &record.event {
        Event::Instance(change) if change.instance == *struck => change.zone.clone(),
        _ => None,
    });
    assert_eq!(on.as_deref(), Some("zone-b"));
}
