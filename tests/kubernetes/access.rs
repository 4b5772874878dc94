//! What springback may do, and who else is there: least roles, locks, opt-ins, and the reaper.

use std::path::Path;

use controlplane::{apply, eventually};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::authorization::v1::SelfSubjectAccessReview;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{DeleteParams, DynamicObject, GroupVersionKind, ListParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config, discovery};
use serde_json::{Value, json};
use springback::history::{Event, Phase};

use super::snapshot::{differences, snapshot};
use super::support::{Cluster, autoscaler, call, checkout, cluster, deploy, namespace, run, run_with, start};

/// A kill under load: most of what a run can need, in a quarter of a minute.
const KILL: &str = r#"
name = "one is killed"
[target.kubernetes]
context = "springback-test"
namespace = "NAMESPACE"
service = "checkout"
hpa = { sync_period = "1s", downscale_stabilization = "1s" }
[target.kubernetes.group.primary]
workload = "Deployment/checkout"
grace = "1s"
[load]
path = "/checkout"
baseline_rate = "20/s"
[[fault]]
at = "1s"
terminate = { group = "primary", count = 1, how = "kill" }
[expect]
replacement = { within = "15s" }
"#;

/// A loss that lasts longer than any test.
const LOSE: &str = r#"
name = "all are lost"
[target.kubernetes]
context = "springback-test"
namespace = "NAMESPACE"
hpa = { sync_period = "1s", downscale_stabilization = "1s" }
[target.kubernetes.group.primary]
workload = "Deployment/checkout"
price = "0.10 USD/h"
grace = "1s"
[[fault]]
at = "100ms"
lose = { group = "primary", lasts = "5m" }
[limits]
lost_at_once = "100%"
[expect]
idle_spend = { at_most = "0.00 USD/h", after = "5s", hold = "1s" }
"#;

/// What `manifest` prints for a scenario, as text and as objects.
async fn manifest(
    cluster: &Cluster,
    kind: &str,
    name: &str,
    scenario: &str,
    more: &[&str],
) -> (String, Vec<Value>) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("scenario.toml");
    std::fs::write(&file, scenario.replace("NAMESPACE", name)).unwrap();
    let arguments = [&["manifest", kind, file.to_str().unwrap()], more].concat();
    let (code, said) = call(cluster.plane.kubeconfig(), &arguments).await;
    assert_eq!(code, 0, "{said}");
    let objects = serde_saphyr::from_multiple(&said).unwrap();
    (said, objects)
}

/// The roles among objects, each bound to a user as well; applied.
async fn grant(client: &Client, objects: &[Value], user: &str) {
    for role in objects.iter().filter(|object| object["kind"] == "Role" || object["kind"] == "ClusterRole") {
        let mut binding = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": format!("{}Binding", role["kind"].as_str().unwrap()),
            "metadata": { "name": user, "namespace": role["metadata"]["namespace"] },
            "roleRef": {
                "apiGroup": "rbac.authorization.k8s.io", "kind": role["kind"], "name": role["metadata"]["name"],
            },
            "subjects": [{ "apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user }],
        });
        if role["metadata"]["namespace"].is_null() {
            binding["metadata"].as_object_mut().unwrap().remove("namespace");
        }
        for object in [role, &binding] {
            apply(client, &serde_saphyr::to_string(object).unwrap()).await.unwrap();
        }
    }
}

async fn client_of(kubeconfig: &Path) -> Client {
    let kubeconfig = Kubeconfig::read_from(kubeconfig).unwrap();
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
    config.proxy_url = None;
    Client::try_from(config).unwrap()
}

/// Waits until the API server says so of whether somebody may do something in a namespace.
async fn until_allowed(
    who: &Client,
    namespace: &str,
    (group, resource, verb): (&str, &str, &str),
    allowed: bool,
) {
    let reviews: Api<SelfSubjectAccessReview> = Api::all(who.clone());
    let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
    let review = json!({ "spec": { "resourceAttributes": {
        "namespace": namespace, "group": group, "resource": resource, "subresource": subresource, "verb": verb,
    } } });
    let review: SelfSubjectAccessReview = serde_json::from_value(review).unwrap();
    eventually("the role to count", async || {
        let answer = reviews.create(&PostParams::default(), &review).await.ok()?.status?;
        (answer.allowed == allowed).then_some(())
    })
    .await;
}

/// What is ours in a namespace.
async fn ours(client: &Client, name: &str) -> Vec<String> {
    let own = ListParams::default().labels("springback.dev/run");
    let maps = Api::<ConfigMap>::namespaced(client.clone(), name).list(&own).await.unwrap();
    let leases = Api::<Lease>::namespaced(client.clone(), name).list(&own).await.unwrap();
    let names = maps.items.into_iter().map(|map| map.metadata.name);
    names.chain(leases.items.into_iter().map(|lease| lease.metadata.name)).flatten().collect()
}

#[tokio::test]
#[ignore = "needs a control plane: Go, and minutes to build it"]
async fn the_api_server_takes_every_manifest() {
    let (cluster, _turn) = cluster().await;
    let client = cluster.plane.client();
    namespace(&client, "manifests").await;
    // With a fault on nodes there is something of the whole cluster, too.
    let drain = KILL.replace(
        "terminate = { group = \"primary\", count = 1, how = \"kill\" }",
        "drain = { group = \"primary\", node = \"node-a1\", lasts = \"2s\" }",
    );
    let image = ["--image", "registry.example/springback:1"];
    for (kind, more, kinds) in [
        ("role", &[][..], 7),
        ("reaper", &image, 8),
        ("cronjob", &image, 10),
        ("job", &image, 10),
        ("postsync", &image, 10),
    ] {
        let (text, objects) = manifest(cluster, kind, "manifests", &drain, more).await;
        assert_eq!(objects.len(), kinds, "{text}");
        for object in objects {
            let object: DynamicObject = serde_json::from_value(object).unwrap();
            let types = object.types.clone().unwrap();
            let (resource, _) =
                discovery::pinned_kind(&client, &GroupVersionKind::try_from(&types).unwrap()).await.unwrap();
            let api: Api<DynamicObject> = match object.metadata.namespace.as_deref() {
                Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
                None => Api::all_with(client.clone(), &resource),
            };
            let dry = PostParams { dry_run: true, ..PostParams::default() };
            let created = api.create(&dry, &object).await;
            assert!(created.is_ok(), "{kind}, {}: {created:?}", types.kind);
        }
    }
}

#[tokio::test]
#[ignore = "needs a control plane: Go, and minutes to build it"]
async fn under_the_printed_role_it_runs_and_without_any_one_verb_it_refuses_and_names_it() {
    let (cluster, _turn) = cluster().await;
    let client = cluster.plane.client();
    let name = "least";
    namespace(&client, name).await;
    deploy(&client, &checkout(name).autoscaler(autoscaler()), name).await;
    let (_, objects) = manifest(cluster, "role", name, KILL, &[]).await;
    grant(&client, &objects, "tester").await;
    let kubeconfig = cluster.plane.kubeconfig_of("tester").unwrap();
    let tester = client_of(&kubeconfig).await;
    until_allowed(&tester, name, ("", "pods", "delete"), true).await;
    let ran = run_with(&kubeconfig, name, KILL).await;
    assert_eq!(ran.code(), 0, "{}", ran.said());

    let role = objects.iter().find(|object| object["kind"] == "Role").unwrap();
    let mut tried = 0;
    for (i, rule) in role["rules"].as_array().unwrap().iter().enumerate() {
        let texts = |key: &str| -> Vec<String> {
            rule[key].as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
        };
        let group = rule["apiGroups"][0].as_str().unwrap();
        for resource in texts("resources") {
            for verb in texts("verbs") {
                let mut less = role.clone();
                let rules = less["rules"].as_array_mut().unwrap();
                let without = |list: Vec<String>, one: &str| -> Vec<String> {
                    list.into_iter().filter(|other| other != one).collect()
                };
                rules[i]["resources"] = json!(without(texts("resources"), &resource));
                rules.push(json!({
                    "apiGroups": [group], "resources": [resource], "verbs": without(texts("verbs"), &verb),
                }));
                rules.retain(|rule| !rule["resources"].as_array().unwrap().is_empty());
                rules.retain(|rule| !rule["verbs"].as_array().unwrap().is_empty());
                apply(&client, &serde_saphyr::to_string(&less).unwrap()).await.unwrap();
                until_allowed(&tester, name, (group, &resource, &verb), false).await;
                let ran = run_with(&kubeconfig, name, KILL).await;
                assert_eq!(ran.code(), 5, "without {verb} {resource}: {}", ran.said());
                let named = format!("of context \"springback-test\": {verb} {resource}; this suffices");
                assert!(ran.said().contains(&named), "without {verb} {resource}: {}", ran.said());
                assert_eq!(ours(&client, name).await, Vec::<String>::new(), "without {verb} {resource}");
                tried += 1;
            }
        }
    }
    assert!(tried > 20, "{tried}");
}

#[tokio::test]
#[ignore = "needs a control plane: Go, and minutes to build it"]
async fn a_namespace_that_is_locked_or_has_not_opted_in_is_refused() {
    let (cluster, _turn) = cluster().await;
    let client = cluster.plane.client();
    let name = "locked";
    namespace(&client, name).await;
    deploy(&client, &checkout(name).autoscaler(autoscaler()), name).await;
    let mut first = start(cluster.plane.kubeconfig(), name, LOSE);
    let began = |phase| move |event: &Event| matches!(event, Event::Phase(began) if began.phase == phase);
    assert!(first.until(|record| began(Phase::Baseline)(&record.event)).await);
    let lease = Api::<Lease>::namespaced(client.clone(), name).get("springback").await.unwrap();
    let holder = lease.spec.unwrap().holder_identity.unwrap();
    let second = run(cluster, name, LOSE).await;
    assert_eq!(second.code(), 5, "{}", second.said());
    assert!(second.said().contains(&format!("locked by run {holder}, ")), "{}", second.said());
    // Nor is it healed under its feet.
    let namespace_arguments = ["heal", "--context", "springback-test", "--namespace", name];
    let (code, said) = call(cluster.plane.kubeconfig(), &namespace_arguments).await;
    assert!(
        code == 0 && said.contains(&format!("locked by run {holder}, ")) && said.contains("left alone"),
        "{said}"
    );
    let (code, said) = call(cluster.plane.kubeconfig(), &["heal", &first.folder()]).await;
    assert!(code == 5 && said.contains("still running"), "{said}");
    first.kill().await;
    let (code, said) = call(cluster.plane.kubeconfig(), &["heal", &first.folder()]).await;
    assert_eq!(code, 0, "{said}");

    let unlabelled: Value =
        json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "not-asked" } });
    apply(&client, &unlabelled.to_string()).await.unwrap();
    let ran = run(cluster, "not-asked", LOSE).await;
    assert_eq!(ran.code(), 5, "{}", ran.said());
    assert!(
        ran.said().contains("kubectl label namespace not-asked springback.dev/opt-in=true"),
        "{}",
        ran.said()
    );
    namespace(&client, "kube-system").await;
    let ran = run(cluster, "kube-system", LOSE).await;
    assert_eq!(ran.code(), 5, "{}", ran.said());
    assert!(ran.said().contains("belongs to the cluster itself"), "{}", ran.said());
    assert_eq!(ours(&client, "not-asked").await.len() + ours(&client, "kube-system").await.len(), 0);
}

/// Calls `heal` for a namespace until the lock of the run that died there has expired.
async fn heal_once_expired(kubeconfig: &Path, name: &str) -> (i32, String) {
    eventually("the lock to expire", async || {
        let arguments = ["heal", "--context", "springback-test", "--namespace", name];
        let (code, said) = call(kubeconfig, &arguments).await;
        (!said.contains("left alone")).then_some((code, said))
    })
    .await
}

#[tokio::test]
#[ignore = "needs a control plane: Go, and minutes to build it"]
async fn the_reaper_heals_with_its_own_role_what_a_dead_run_left() {
    let (cluster, _turn) = cluster().await;
    let client = cluster.plane.client();
    let name = "reaped";
    namespace(&client, name).await;
    deploy(&client, &checkout(name).autoscaler(autoscaler()), name).await;
    let (_, objects) =
        manifest(cluster, "reaper", name, LOSE, &["--image", "registry.example/springback:1"]).await;
    let deployments: Api<Deployment> = Api::namespaced(client.clone(), name);
    eventually("the autoscaler's least", async || {
        (deployments.get("checkout").await.ok()?.status?.ready_replicas == Some(2)).then_some(())
    })
    .await;
    let before = snapshot(&client, name).await;
    let mut dead = start(cluster.plane.kubeconfig(), name, LOSE);
    assert!(dead.until(|record| matches!(record.event, Event::Acknowledged(_))).await);
    dead.kill().await;
    assert!(
        !differences(&before, &snapshot(&client, name).await).is_empty(),
        "else there is nothing to heal"
    );

    // At first with a role that does not suffice: what is not undone stays on record, and blocks whoever comes next.
    let mut less = objects.clone();
    let role = less.iter_mut().find(|object| object["kind"] == "Role").unwrap();
    for rule in role["rules"].as_array_mut().unwrap() {
        if rule["resources"] == json!(["deployments/scale"]) {
            rule["verbs"] = json!(["get"]);
        }
    }
    grant(&client, &less, "reaper").await;
    let kubeconfig = cluster.plane.kubeconfig_of("reaper").unwrap();
    let reaper = client_of(&kubeconfig).await;
    until_allowed(&reaper, name, ("", "configmaps", "list"), true).await;
    let (code, said) = heal_once_expired(&kubeconfig, name).await;
    assert_eq!(code, 4, "{said}");
    let finish = format!("finish it with `springback heal --context springback-test --namespace {name}`");
    assert!(
        said.contains("fault-0 is not undone: Deployment/checkout: ") && said.contains(&finish),
        "{said}"
    );
    let next = run(cluster, name, LOSE).await;
    assert_eq!(next.code(), 5, "{}", next.said());
    assert!(next.said().contains("ended without healing"), "{}", next.said());
    // Also where somebody took the lock away.
    Api::<Lease>::namespaced(client.clone(), name)
        .delete("springback", &DeleteParams::default())
        .await
        .unwrap();
    let next = run(cluster, name, LOSE).await;
    assert_eq!(next.code(), 5, "{}", next.said());
    assert!(next.said().contains("ended without healing"), "{}", next.said());

    grant(&client, &objects, "reaper").await;
    until_allowed(&reaper, name, ("apps", "deployments/scale", "patch"), true).await;
    let (code, said) = heal_once_expired(&kubeconfig, name).await;
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("fault-0: Deployment/checkout is as before"), "{said}");
    let left = differences(&before, &snapshot(&client, name).await);
    assert!(left.is_empty(), "{said}\n{}", left.join("\n"));
    let (code, said) = heal_once_expired(&kubeconfig, name).await;
    assert!(code == 0 && said.contains("nothing of springback is left"), "{said}");
}
