//! Needs as the least roles that suffice, and what has them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::needs::Need;

const RBAC: &str = "rbac.authorization.k8s.io";

/// The least roles that permit these needs: one Role a namespace, and a ClusterRole for what belongs to the cluster.
pub fn roles(name: &str, needs: impl IntoIterator<Item = Need>) -> Vec<Value> {
    // Verbs by API group and resource, by namespace.
    type Rules = BTreeMap<(String, String), BTreeSet<&'static str>>;
    let mut by_namespace: BTreeMap<Option<String>, Rules> = BTreeMap::new();
    for need in needs {
        let rules = by_namespace.entry(need.namespace).or_default();
        rules.entry((need.group, need.resource)).or_default().insert(need.verb);
    }
    let role = |(namespace, rules): (Option<String>, Rules)| {
        // Resources of one API group with the same verbs share a rule.
        let mut merged: BTreeMap<(String, Vec<&str>), Vec<String>> = BTreeMap::new();
        for ((group, resource), verbs) in rules {
            merged.entry((group, verbs.into_iter().collect())).or_default().push(resource);
        }
        let rules: Vec<Value> = merged
            .into_iter()
            .map(|((group, verbs), resources)| json!({ "apiGroups": [group], "resources": resources, "verbs": verbs }))
            .collect();
        let kind = if namespace.is_some() { "Role" } else { "ClusterRole" };
        json!({
            "apiVersion": format!("{RBAC}/v1"),
            "kind": kind,
            "metadata": metadata(name, namespace.as_deref()),
            "rules": rules,
        })
    };
    by_namespace.into_iter().map(role).collect()
}

/// A service account of a namespace, the least roles that permit these needs, and their bindings to it.
pub fn granted(name: &str, namespace: &str, needs: impl IntoIterator<Item = Need>) -> Vec<Value> {
    let mut objects = vec![json!({
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": metadata(name, Some(namespace)),
    })];
    let subject = json!({ "kind": "ServiceAccount", "name": name, "namespace": namespace });
    for mut role in roles(name, needs) {
        let own = role["metadata"]["namespace"].as_str().map(str::to_owned);
        if own.is_none() {
            // Another namespace's account has a role of its own, and the cluster has one name for both.
            role["metadata"]["name"] = json!(format!("{name}-{namespace}"));
        }
        let binding = json!({
            "apiVersion": format!("{RBAC}/v1"),
            "kind": format!("{}Binding", role["kind"].as_str().unwrap_or_default()),
            "metadata": metadata(role["metadata"]["name"].as_str().unwrap_or_default(), own.as_deref()),
            "roleRef": { "apiGroup": RBAC, "kind": role["kind"], "name": role["metadata"]["name"] },
            "subjects": [subject],
        });
        objects.extend([role, binding]);
    }
    objects
}

fn metadata(name: &str, namespace: Option<&str>) -> Value {
    match namespace {
        Some(namespace) => json!({ "name": name, "namespace": namespace }),
        None => json!({ "name": name }),
    }
}

/// What healing needs of what a run in a namespace needs: its lock and records, and whatever it changes or creates and has to
/// put back or delete.
pub fn undoing(needs: &BTreeSet<Need>) -> BTreeSet<Need> {
    // An eviction is not an object, and whoever owns the pods replaces them.
    let is_changed = |need: &Need| {
        need.verb == "patch" || (need.verb == "create" && !need.resource.ends_with("/eviction"))
    };
    let changed: BTreeSet<(&Option<String>, &str, &str)> = needs
        .iter()
        .filter(|need| is_changed(need))
        .map(|need| (&need.namespace, need.group.as_str(), need.resource.as_str()))
        .collect();
    let is_lease = |need: &Need| need.resource == "leases";
    needs
        .iter()
        .filter(|need| changed.contains(&(&need.namespace, need.group.as_str(), need.resource.as_str())))
        .filter(|need| match need.verb {
            "get" | "delete" => true,
            "patch" => !is_lease(need),
            // Whose records there are.
            "list" => need.resource == "configmaps",
            _ => false,
        })
        .cloned()
        .collect()
}

/// Objects as one text of YAML, in their order.
pub fn yaml(objects: &[Value]) -> String {
    serde_saphyr::to_string_multiple(objects).expect("objects of a cluster are plain data")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_cluster(resource: &str, verb: &'static str) -> Need {
        Need { namespace: None, group: String::new(), resource: resource.to_owned(), verb }
    }

    fn needs() -> BTreeSet<Need> {
        let in_shop = |group, resource, verb| Need::in_namespace("shop", group, resource, verb);
        BTreeSet::from([
            in_shop("", "pods", "delete"),
            in_shop("", "pods", "watch"),
            in_shop("", "pods/eviction", "create"),
            in_shop("", "configmaps", "list"),
            in_shop("", "configmaps", "create"),
            in_shop("", "configmaps", "delete"),
            in_shop("apps", "deployments", "list"),
            in_shop("apps", "deployments/scale", "get"),
            in_shop("apps", "deployments/scale", "patch"),
            of_cluster("nodes", "list"),
            of_cluster("nodes", "patch"),
            of_cluster("nodes", "get"),
        ])
    }

    #[test]
    fn the_least_roles_have_every_need_and_nothing_else() {
        insta::assert_snapshot!(yaml(&granted("springback", "shop", needs())));
    }

    #[test]
    fn healing_needs_what_puts_back_and_deletes() {
        insta::assert_snapshot!(yaml(&roles("springback-reaper", undoing(&needs()))));
    }
}
