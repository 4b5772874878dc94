//! Nodes that others make: an autoscaler such as Karpenter makes a Node and deletes it, and here is the machine.

use std::collections::BTreeMap;
use std::rc::Rc;

use futures_util::StreamExt;
use k8s_openapi::api::core::v1::Node as NodeObject;
use kube::ResourceExt;
use kube::api::Api;
use kube::runtime::{WatchStreamExt, watcher};
use tokio::task::JoinSet;

use super::context::Context;
use super::mirror::Mirror;
use super::node::{Node, NodeSpec};

/// A machine that runs.
struct Machine {
    node: Rc<Node>,
    /// Its heartbeats and its watch of pods, which end with this.
    _tasks: JoinSet<()>,
}

/// Runs the nodes with these labels, for ever.
pub(super) async fn run(ctx: Rc<Context>, labels: String) {
    let api: Api<NodeObject> = Api::all(ctx.client.clone());
    let config = watcher::Config::default().labels(&labels);
    let mut events = watcher(api, config).default_backoff().boxed_local();
    let mut seen = Mirror::default();
    let mut machines = BTreeMap::new();
    // Those that were there from the start have the numbers below.
    let mut numbers = (1..=u8::MAX).cycle().skip(ctx.nodes().len());
    while let Some(event) = events.next().await {
        seen.take(event);
        for (uid, object) in &seen.objects {
            if !machines.contains_key(uid) && object.metadata.deletion_timestamp.is_none() {
                let number = numbers.next().unwrap_or(u8::MAX);
                machines.insert(uid.clone(), turn_on(&ctx, object, number));
            }
        }
        let gone: Vec<_> = machines.keys().filter(|uid| !seen.objects.contains_key(*uid)).cloned().collect();
        for machine in gone.iter().filter_map(|uid| machines.remove(uid)) {
            turn_off(&ctx, &machine);
        }
    }
}

fn turn_on(ctx: &Rc<Context>, object: &NodeObject, number: u8) -> Machine {
    let zone = object.labels().get("topology.kubernetes.io/zone").cloned().unwrap_or_default();
    let node = Rc::new(Node::new(number, NodeSpec::new(&object.name_any(), &zone), true));
    ctx.nodes.borrow_mut().push(Rc::clone(&node));
    let mut tasks = JoinSet::new();
    let (beating, running) = (Rc::clone(&node), Rc::clone(&node));
    let (ctx, pods_ctx) = (Rc::clone(ctx), Rc::clone(ctx));
    tasks.spawn_local(async move {
        if let Err(error) = beating.appear(&ctx).await {
            ctx.complain(format!("node {}: {error}", beating.spec.name));
        }
        beating.beat(ctx).await;
    });
    tasks.spawn_local(running.run_pods(pods_ctx));
    Machine { node, _tasks: tasks }
}

/// A machine that was taken away takes its processes with it.
fn turn_off(ctx: &Context, machine: &Machine) {
    ctx.nodes.borrow_mut().retain(|node| !Rc::ptr_eq(node, &machine.node));
    machine.node.lose();
    for pod in ctx.pods().iter().filter(|pod| Rc::ptr_eq(&pod.node, &machine.node)) {
        pod.forget();
    }
}
