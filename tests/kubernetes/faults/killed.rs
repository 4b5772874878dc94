//! A run that is killed while its faults go on, and healed from what the cluster has on record.

use springback::history::Event;

use super::nodes::{clear, nothing_holds_the_nodes, opt_in};
use super::{a_system, as_before, scenario};
use crate::snapshot::{differences, snapshot};
use crate::support::{call, cluster_alone, start_beside};

/// All of them are under way at the same time.
const EVERYTHING: &str = "[load]\npath = '/'\nbaseline_rate = '10/s'\ntimeout = '1s'\n\
    [limits]\nlost_at_once = '100%'\n\
    [[fault]]\nat = '1s'\nscale = { group = 'primary', to = 6, lasts = '60s' }\n\
    [[fault]]\nat = '5s'\ndrain = { group = 'primary', node = 'node-a1', lasts = '60s' }\n\
    [[fault]]\nat = '6s'\nreclaim = { group = 'primary', node = 'node-a2', notice = '2s', lasts = '60s' }\n\
    [[fault]]\nat = '7s'\noutage = { group = 'primary', node = 'node-b1', lasts = '60s' }\n\
    [[fault]]\nat = '8s'\nmanifest = { group = 'primary', file = 'fault.yaml', \
    wait_for = 'jsonpath={.status.phase}=Injected', within = '20s', lasts = '60s' }\n\
    [[fault]]\nat = '9s'\npartition = { group = 'primary', lasts = '60s' }\n\
    [slo]\navailability = { target = '10%' }\n\
    [expect]\nrecovery = { within = '10s', hold = '5s' }\n";

#[tokio::test]
#[ignore = "needs a control plane: Go, and minutes to build it"]
async fn a_run_killed_in_the_midst_of_every_fault_is_undone_by_a_second_process() {
    let (cluster, _turn) = cluster_alone().await;
    let client = cluster.plane.client();
    let name = "killed";
    clear(&client).await;
    opt_in(&client, Some("true")).await;
    a_system(&client, name, 4).await;
    let before = snapshot(&client, name).await;
    let fault = "apiVersion: standin.springback.test/v1\nkind: Fault\nmetadata: { name: freeze }\n\
        spec: { kind: ProcessFreeze, count: 1, selector: { matchLabels: { app: checkout } } }\n";
    let text = scenario(EVERYTHING);
    let mut run = start_beside(cluster.plane.kubeconfig(), name, &text, &[("fault.yaml", fault)]);
    let is_last = |event: &Event| matches!(event, Event::Acknowledged(done) if done.fault == "fault-5");
    let reached = run.until(|record| is_last(&record.event)).await;
    let said = run.records().into_iter().filter_map(|record| match record.event {
        Event::FaultSkipped(failed) | Event::InjectFailed(failed) => Some(failed),
        _ => None,
    });
    let failed: Vec<_> = said.collect();
    if !reached {
        panic!("{failed:?}\n{}", run.ended().await.said());
    }
    assert!(failed.is_empty(), "{failed:?}");
    run.kill().await;
    let struck: Vec<String> = differences(&before, &snapshot(&client, name).await);
    for object in ["Deployment/checkout", "NetworkPolicy/", "Node/node-a1", "Node/node-a2", "Node/node-b1"] {
        assert!(struck.iter().any(|difference| difference.starts_with(object)), "{object}: {struck:?}");
    }
    let (code, said) = call(cluster.plane.kubeconfig(), &["heal", &run.folder()]).await;
    assert_eq!(code, 0, "{said}");
    assert!(!said.contains("heal-superseded"), "{said}");
    as_before(&client, name, &before).await;
    nothing_holds_the_nodes(&client).await;
}
