//! Whatever kills springback: another process puts every object back as it was, from what the cluster has on record.

use std::collections::BTreeSet;
use std::sync::Mutex;

use controlplane::eventually;
use controlplane::objects::{Build, a_container, a_deployment, an_hpa, workload};
use k8s_openapi::api::apps::v1::Deployment;
use kube::{Api, Client};
use springback::history::{Event, Record};

use super::faults::nodes::{clear, nothing_holds_the_nodes, opt_in};
use super::snapshot::{differences, snapshot};
use super::support::{Cluster, call, cluster_alone, namespace, start, start_beside};

/// Several faults in a few seconds, of workloads with an autoscaler and without.
const SEVERAL_FAULTS: &str = r#"
name = "several faults"
[target.kubernetes]
context = "springback-test"
namespace = "NAMESPACE"
hpa = { sync_period = "1s", downscale_stabilization = "1s" }
[target.kubernetes.group.primary]
workload = "Deployment/checkout"
price = "0.10 USD/h"
grace = "1s"
[target.kubernetes.group.worker]
workload = "Deployment/worker"
price = "0.10 USD/h"
grace = "1s"
[[fault]]
at = "200ms"
terminate = { group = "worker", count = 1, how = "kill" }
[[fault]]
at = "500ms"
lose = { group = "primary", lasts = "2s" }
[[fault]]
at = "1s"
lose = { group = "worker", lasts = "2s" }
[[fault]]
at = "4s"
scale = { group = "worker", to = 4, lasts = "2s" }
[[fault]]
at = "4500ms"
partition = { group = "primary", lasts = "2s" }
[limits]
lost_at_once = "100%"
[expect]
idle_spend = { at_most = "0.00 USD/h", after = "2s", hold = "1s" }
"#;

/// The systems that such a run strikes, ready.
async fn system(client: &Client, name: &str) {
    namespace(client, name).await;
    let container = || a_container().requesting_cpu("50m");
    workload("checkout")
        .in_namespace(name)
        .deployment(|deployment| deployment.without_replicas())
        .container(container())
        .autoscaler(an_hpa("checkout", 2, 4, 60))
        .apply(client)
        .await
        .unwrap();
    let worker = a_deployment("worker").with_replicas(2).with_container(container());
    worker.build().in_namespace(name).apply(client).await.unwrap();
    settled(client, name).await;
}

/// Waits until both are as large as they are to be.
async fn settled(client: &Client, name: &str) {
    let deployments: Api<Deployment> = Api::namespaced(client.clone(), name);
    for (deployment, replicas) in [("checkout", 2), ("worker", 2)] {
        eventually("every replica", async || {
            let status = deployments.get(deployment).await.ok()?.status?;
            (status.ready_replicas == Some(replicas)).then_some(())
        })
        .await;
    }
}

/// The steps of a fault, as the history names them.
fn step(event: &Event) -> Option<String> {
    Some(match event {
        Event::Intent(intent) => format!("intent {}", intent.fault),
        Event::UndoRecorded(mark) => format!("undo recorded {}", mark.fault),
        Event::Acknowledged(acknowledged) => format!("acknowledged {}", acknowledged.fault),
        Event::Effect(effect) => format!("effect {}", effect.fault),
        Event::Healed(healed) => format!("healed {}", healed.fault),
        Event::Quiesced(_) => "quiesced".to_owned(),
        Event::Phase(phase) => format!("phase {:?}", phase.phase),
        _ => return None,
    })
}

/// Where a run is killed.
#[derive(Debug, Clone)]
enum Point {
    /// As soon as this step is on record.
    Step(String),
    /// As soon as so many events are on record.
    Event(usize),
}

impl Point {
    fn is(&self, record: &Record) -> bool {
        match self {
            Self::Step(wanted) => step(&record.event).as_ref() == Some(wanted),
            Self::Event(n) => record.n >= *n as u64,
        }
    }
}

#[tokio::test]
#[ignore = "needs a control plane: Go, and minutes to build it"]
async fn killed_after_every_step_a_second_process_restores_every_object() {
    const AT_ONCE: usize = 4;
    let (cluster, _turn) = cluster_alone().await;
    let client = cluster.plane.client();
    let names: Vec<String> = (0..AT_ONCE).map(|i| format!("crash-{i}")).collect();
    for name in &names {
        system(&client, name).await;
    }
    // One whole run tells which steps there are.
    let before = snapshot(&client, &names[0]).await;
    let mut whole = start(cluster.plane.kubeconfig(), &names[0], SEVERAL_FAULTS);
    let sealed = whole.until(|record| matches!(record.event, Event::Seal(_))).await;
    let records = whole.records();
    let ran = whole.ended().await;
    assert!(sealed, "{}", ran.said());
    assert_eq!(differences(&before, &snapshot(&client, &names[0]).await), Vec::<String>::new());
    let steps: BTreeSet<String> = records.iter().filter_map(|record| step(&record.event)).collect();
    assert!(steps.len() > 15, "{steps:?}");
    let mut points: Vec<Point> = steps.into_iter().map(Point::Step).collect();
    // And moments that nobody chose: between two steps, and before the first one. No two runs have equally many events, so
    // the last of them are left to the steps.
    let quiesced = records.iter().position(|record| matches!(record.event, Event::Quiesced(_))).unwrap();
    points.extend((1..quiesced).step_by(quiesced.div_ceil(20)).map(Point::Event));
    let points = Mutex::new(points);
    let next = || points.lock().unwrap().pop();
    let workers = names.iter().map(|name| async {
        let mut healed = 0;
        while let Some(point) = next() {
            healed += usize::from(crash_and_heal(cluster, &client, name, SEVERAL_FAULTS, &point).await);
        }
        healed
    });
    let healed: usize = futures_util::future::join_all(workers).await.into_iter().sum();
    // Most points lie where something is to undo: else nothing was tested.
    assert!(healed > 10, "only {healed} heals had anything to do");
}

/// One fault, and nothing else.
fn one_fault(fault: &str) -> String {
    let (system, rest) = SEVERAL_FAULTS.split_once("[[fault]]").unwrap();
    let (_, rest) = rest.split_once("[limits]").unwrap();
    format!("{system}[[fault]]\nat = \"200ms\"\n{fault}\n[limits]{rest}")
}

/// What an engine of faults would be asked for.
const EXPERIMENT: &str = "\
apiVersion: standin.springback.test/v1
kind: Fault
metadata: { name: cut }
spec: { kind: PodPartition, count: 1, selector: { matchLabels: { app: checkout } } }
";

#[tokio::test]
#[ignore = "needs a control plane: Go, and minutes to build it"]
async fn killed_while_nodes_or_experiments_are_at_work_everything_is_restored_too() {
    let (cluster, _turn) = cluster_alone().await;
    let client = cluster.plane.client();
    let name = "crash-nodes";
    clear(&client).await;
    opt_in(&client, Some("true")).await;
    system(&client, name).await;
    let faults = [
        "drain = { group = \"worker\", nodes = 1, lasts = \"1s\" }",
        "reclaim = { group = \"worker\", nodes = 1, notice = \"500ms\", lasts = \"2s\" }",
        "outage = { group = \"worker\", nodes = 1, lasts = \"1s\" }",
        "manifest = { group = \"primary\", file = \"fault.yaml\", wait_for = \"jsonpath={.status.phase}=Injected\", \
         within = \"20s\", lasts = \"1s\" }",
    ];
    let mut healed = 0;
    for fault in faults {
        let scenario = one_fault(fault);
        for step in ["intent", "undo recorded", "acknowledged", "effect", "healed"] {
            let point = Point::Step(format!("{step} fault-0"));
            healed += usize::from(crash_and_heal(cluster, &client, name, &scenario, &point).await);
            nothing_holds_the_nodes(&client).await;
        }
    }
    opt_in(&client, None).await;
    assert!(healed >= 8, "only {healed} heals had anything to do");
}

/// Kills a run at a point, heals from another process, and compares. Returns whether there was anything to put back.
async fn crash_and_heal(
    cluster: &Cluster,
    client: &Client,
    name: &str,
    scenario: &str,
    point: &Point,
) -> bool {
    settled(client, name).await;
    let before = snapshot(client, name).await;
    let files = [("fault.yaml", EXPERIMENT)];
    let mut run = start_beside(cluster.plane.kubeconfig(), name, scenario, &files);
    assert!(run.until(|record| point.is(record)).await, "{name}, {point:?} was never reached");
    run.kill().await;
    let crashed = snapshot(client, name).await;
    let folder = run.folder();
    let (code, said) = call(cluster.plane.kubeconfig(), &["heal", &folder]).await;
    assert_eq!(code, 0, "{name}, {point:?}: {said}");
    assert!(!said.contains("heal-superseded"), "{name}, {point:?}: {said}");
    let left = differences(&before, &snapshot(client, name).await);
    assert!(left.is_empty(), "{name}, {point:?}: {said}\n{}", left.join("\n"));
    // Once too often does no harm.
    let (code, said) = call(cluster.plane.kubeconfig(), &["heal", &folder]).await;
    assert_eq!((code, said.trim()), (0, "nothing is left of 1 run"), "{name}, {point:?}");
    let is_ours = |object: &String| object.starts_with("ConfigMap/") || object.starts_with("Lease/");
    differences(&before, &crashed).iter().any(|object| !is_ours(object))
}
