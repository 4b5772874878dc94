//! Each fault on the real control plane: its effect is seen, and after its heal every object is as it was.

mod killed;
pub(crate) mod nodes;
mod objects;
mod others;
mod pods;

use std::time::Duration;

use controlplane::eventually;
use controlplane::objects::{Container, Workload, a_container, workload};
use k8s_openapi::api::core::v1::Service;
use kube::Client;
use kube::api::{Api, DynamicObject};
use springback::history::{self, Effect, EffectSeen, Event, HealOutcome, Intent, Record};

use crate::snapshot::{Snapshot, differences, snapshot};
use crate::support::Ran;

/// A system without an autoscaler, so that a few seconds are calm enough for a baseline.
const SYSTEM: &str = r#"
name = "a fault and what comes of it"
[target.kubernetes]
context = "springback-test"
namespace = "NAMESPACE"
service = "checkout"
hpa = { sync_period = "1s", downscale_stabilization = "1s" }
[target.kubernetes.group.primary]
workload = "Deployment/checkout"
capacity = "50/s"
grace = "2s"
"#;

fn scenario(more: &str) -> String {
    format!("{SYSTEM}{more}")
}

/// A Deployment of that many that all are ready, behind a Service that has its address.
async fn a_system(client: &Client, namespace: &str, replicas: u32) -> Workload {
    a_system_with(client, namespace, |workload| workload.replicas(replicas)).await
}

async fn a_system_with(
    client: &Client,
    namespace: &str,
    with: impl FnOnce(Workload) -> Workload,
) -> Workload {
    let container = a_container().serving_in(Duration::from_millis(10), 8);
    a_system_of(client, namespace, container, with).await
}

async fn a_system_of(
    client: &Client,
    namespace: &str,
    container: Container,
    with: impl FnOnce(Workload) -> Workload,
) -> Workload {
    crate::support::namespace(client, namespace).await;
    let system = with(workload("checkout").in_namespace(namespace).container(container));
    system.apply(client).await.unwrap();
    let services: Api<Service> = Api::namespaced(client.clone(), namespace);
    eventually("an address of the Service", async || {
        let ingress = services.get("checkout").await.ok()?.status?.load_balancer?.ingress?;
        (!ingress.is_empty()).then_some(())
    })
    .await;
    let deployment = deployment(client, namespace);
    eventually("every pod to be ready", async || {
        let found = deployment.get("checkout").await.ok()?;
        let wanted = found.data.pointer("/spec/replicas")?;
        (found.data.pointer("/status/readyReplicas") == Some(wanted)).then_some(())
    })
    .await;
    system
}

fn deployment(client: &Client, namespace: &str) -> Api<DynamicObject> {
    let kind = kube::core::GroupVersionKind::gvk("apps", "v1", "Deployment");
    Api::namespaced_with(client.clone(), namespace, &kube::api::ApiResource::from_gvk(&kind))
}

/// What a history says.
struct Said(Vec<Record>);

impl Said {
    fn of(ran: &Ran) -> Self {
        let mut records = Vec::new();
        history::read(&ran.folder.join("history.jsonl"), |record| records.push(record))
            .unwrap_or_else(|error| panic!("{error}\n{}", ran.said()));
        Self(records)
    }

    fn one<'a, T>(&'a self, what: &str, find: impl Fn(&'a Event) -> Option<T>) -> T {
        let mut found = self.0.iter().filter_map(|record| find(&record.event));
        let first = found.next().unwrap_or_else(|| panic!("there is no {what} in the history"));
        assert!(found.next().is_none(), "{what} is there twice");
        first
    }

    fn intent(&self) -> &Intent {
        self.one("intent", |event| match event {
            Event::Intent(intent) => Some(intent),
            _ => None,
        })
    }

    fn effect(&self) -> &Effect {
        self.one("effect", |event| match event {
            Event::Effect(effect) => Some(effect),
            _ => None,
        })
    }

    fn seen(&self) -> &EffectSeen {
        self.one("sighting", |event| match event {
            Event::EffectSeen(seen) => Some(seen),
            _ => None,
        })
    }

    fn healed(&self) -> &HealOutcome {
        self.one("heal", |event| match event {
            Event::Healed(healed) => Some(healed),
            _ => None,
        })
    }

    fn failed(&self) -> &str {
        self.one("failure", |event| match event {
            Event::InjectFailed(failed) => Some(failed.reason.as_str()),
            _ => None,
        })
    }

    fn notes(&self, code: &str) -> Vec<&str> {
        let texts = self.0.iter().filter_map(|record| match &record.event {
            Event::Note(note) if note.code == code => Some(note.text.as_str()),
            _ => None,
        });
        texts.collect()
    }
}

/// A run, and what somebody else does while it goes on.
async fn meanwhile<T>(run: impl Future<Output = Ran>, meddling: impl Future<Output = T>) -> (Ran, T) {
    let mut run = std::pin::pin!(run);
    let done = tokio::select! {
        biased;
        ran = &mut run => panic!("it ended too early: {}", ran.said()),
        done = meddling => done,
    };
    (run.await, done)
}

/// Every object is as it was, in the end: what controllers undo of their own accord takes a moment.
async fn as_before(client: &Client, namespace: &str, before: &Snapshot) {
    let mut last = Vec::new();
    for _ in 0..100 {
        last = differences(before, &snapshot(client, namespace).await);
        if last.is_empty() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("{}", last.join("\n"));
}
