use super::*;

fn object(value: Value) -> DynamicObject {
    serde_json::from_value(value).unwrap()
}

fn claim(name: &str) -> DynamicObject {
    object(serde_json::json!({
        "apiVersion": "v1", "kind": "PersistentVolumeClaim",
        "metadata": { "name": name, "namespace": "shop", "uid": format!("uid-{name}") },
        "spec": { "resources": { "requests": { "storage": "512Mi" } } },
    }))
}

fn pod(name: &str, claim: &str, phase: &str) -> PodView {
    serde_json::from_value(serde_json::json!({
        "metadata": {
            "name": name, "namespace": "shop", "uid": format!("uid-{name}"),
            "ownerReferences": [{ "apiVersion": "apps/v1", "kind": "StatefulSet", "name": "web", "uid": "s", "controller": true }],
        },
        "spec": { "volumes": [{ "name": "data", "persistentVolumeClaim": { "claimName": claim } }, { "name": "tmp", "emptyDir": {} }] },
        "status": { "phase": phase },
    }))
    .unwrap()
}

fn beside() -> Beside {
    let prices = ObjectPrices {
        volume_per_gib: Some("0.10 USD/h".parse().unwrap()),
        load_balancer: Some("0.025 USD/h".parse().unwrap()),
        node: None,
    };
    Beside::new(prices, "shop".to_owned())
}

/// What was told of the one object that was told of.
fn told(events: Vec<Event>) -> ObjectChange {
    let [Event::Object(change)] = events.as_slice() else { panic!("{events:?}") };
    change.clone()
}

#[test]
fn a_claim_is_used_while_a_pod_mounts_it_and_remembers_whose_it_was() {
    let mut beside = beside();
    let new = told(beside.take(Kind::Claim, Objects::Applied(claim("data-web-2"))));
    assert_eq!((new.state, new.price.unwrap().to_string()), (ObjectState::Unused, "0.05 USD/h".to_owned()));
    let used = told(beside.take_pods(Objects::Applied(pod("web-2", "data-web-2", "Pending"))));
    assert_eq!(used.state, ObjectState::Used);
    assert!(beside.take_pods(Objects::Applied(pod("web-2", "data-web-2", "Running"))).is_empty(), "the same");
    let left = told(beside.take_pods(Objects::Gone(pod("web-2", "data-web-2", "Running"))));
    assert_eq!(
        (left.state, left.owners),
        (ObjectState::Unused, vec!["Pod/web-2".to_owned(), "StatefulSet/web".to_owned()])
    );
    let gone = told(beside.take(Kind::Claim, Objects::All(Vec::new())));
    assert_eq!((gone.state, gone.name.as_str()), (ObjectState::Gone, "data-web-2"));
}

#[test]
fn a_load_balancer_is_used_while_one_endpoint_is_ready() {
    let mut beside = beside();
    let service = |kind: &str| {
        object(serde_json::json!({
            "apiVersion": "v1", "kind": "Service", "metadata": { "name": "web", "namespace": "shop", "uid": "u" },
            "spec": { "type": kind, "selector": { "app": "web" } },
        }))
    };
    let slice = |ready: bool| {
        object(serde_json::json!({
            "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
            "metadata": { "name": "web-x", "namespace": "shop", "labels": { "kubernetes.io/service-name": "web" } },
            "endpoints": [{ "conditions": { "ready": ready } }],
        }))
    };
    assert!(beside.take(Kind::Service, Objects::Applied(service("ClusterIP"))).is_empty(), "costs nothing");
    let new = told(beside.take(Kind::Service, Objects::Applied(service("LoadBalancer"))));
    assert_eq!((new.state, new.facts["selector"].as_str()), (ObjectState::Unused, "app=web"));
    assert_eq!(told(beside.take(Kind::Slice, Objects::Applied(slice(true)))).state, ObjectState::Used);
    let left = told(beside.take(Kind::Slice, Objects::Applied(slice(false))));
    assert_eq!((left.state, left.facts["endpoints"].as_str()), (ObjectState::Unused, "1, none ready"));
    let gone = told(beside.take(Kind::Service, Objects::Applied(service("ClusterIP"))));
    assert_eq!(gone.state, ObjectState::Gone);
}

#[test]
fn what_is_ours_and_what_a_cron_job_keeps_is_not_looked_at() {
    let mut beside = beside();
    let job = |metadata: Value| {
        object(
            serde_json::json!({ "apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "status": { "active": 1 } }),
        )
    };
    let ours = serde_json::json!({ "name": "a", "uid": "a", "labels": { "app.kubernetes.io/managed-by": "springback" } });
    assert!(beside.take(Kind::Job, Objects::Applied(job(ours))).is_empty());
    let routine = serde_json::json!({ "name": "b", "uid": "b", "ownerReferences": [
        { "apiVersion": "batch/v1", "kind": "CronJob", "name": "nightly", "uid": "c", "controller": true }] });
    assert!(beside.take(Kind::Job, Objects::Applied(job(routine))).is_empty());
    let left =
        told(beside.take(Kind::Job, Objects::Applied(job(serde_json::json!({ "name": "d", "uid": "d" })))));
    assert_eq!((left.state, left.facts["status"].as_str()), (ObjectState::Unused, "not finished, 1 active"));
}

#[test]
fn a_node_takes_pods_unless_it_is_cordoned_or_tainted_and_knows_what_made_it() {
    let mut beside = beside();
    let pool = serde_json::json!([{ "apiVersion": "karpenter.sh/v1", "kind": "NodePool", "name": "spot", "uid": "p" }]);
    let claim = object(serde_json::json!({
        "apiVersion": "karpenter.sh/v1", "kind": "NodeClaim",
        "metadata": { "name": "spot-1", "uid": "c", "ownerReferences": pool },
        "status": { "conditions": [{ "type": "Consolidatable", "status": "False", "reason": "TooYoung", "message": "" }] },
    }));
    let told_claim = told(beside.take(Kind::NodeClaim, Objects::Applied(claim)));
    assert_eq!(told_claim.facts["condition Consolidatable"], "False (TooYoung)");
    let node = |spec: Value| {
        object(serde_json::json!({
            "apiVersion": "v1", "kind": "Node", "spec": spec,
            "metadata": { "name": "n", "uid": "n", "ownerReferences": [
                { "apiVersion": "karpenter.sh/v1", "kind": "NodeClaim", "name": "spot-1", "uid": "c" }] },
        }))
    };
    let free = told(beside.take(Kind::Node, Objects::Applied(node(serde_json::json!({})))));
    assert_eq!(
        (free.state, free.owners),
        (ObjectState::Used, vec!["NodeClaim/spot-1".to_owned(), "NodePool/spot".to_owned()])
    );
    let cordoned = serde_json::json!({ "unschedulable": true,
        "taints": [{ "key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule" }] });
    let cordoned = told(beside.take(Kind::Node, Objects::Applied(node(cordoned))));
    assert_eq!((cordoned.state, cordoned.facts.contains_key("taints")), (ObjectState::Unused, false));
    let tainted = serde_json::json!({ "taints": [{ "key": "maintenance", "effect": "NoExecute" }] });
    let tainted = told(beside.take(Kind::Node, Objects::Applied(node(tainted))));
    assert_eq!(
        (tainted.state, tainted.facts["taints"].as_str()),
        (ObjectState::Unused, "maintenance:NoExecute")
    );
}

#[test]
fn a_controller_is_heard_on_why_a_node_stays_and_on_nothing_else() {
    let mut beside = beside();
    let event = |reason: &str| {
        object(serde_json::json!({
            "apiVersion": "v1", "kind": "Event", "metadata": { "name": "e", "namespace": "default" },
            "involvedObject": { "kind": "NodePool", "name": "spot" },
            "reason": reason, "message": "No allowed disruptions due to blocking budget",
        }))
    };
    assert!(beside.take(Kind::Event, Objects::Applied(event("Nominated"))).is_empty());
    let told = beside.take(Kind::Event, Objects::Applied(event("DisruptionBlocked")));
    let [Event::Reported(reported)] = told.as_slice() else { panic!("{told:?}") };
    assert_eq!((reported.kind.as_str(), reported.name.as_str()), ("NodePool", "spot"));
}
