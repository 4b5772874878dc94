//! Which nodes may be struck at all, and that only one run strikes nodes of a cluster at a time.

use k8s_openapi::api::core::v1::Node;
use kube::api::{Api, ListParams};
use kube::{Client, ResourceExt};

use super::cluster::{is_missing, said};
use super::names::OPT_IN;
use super::views::{NodeView, PodView};

/// The node that this program runs on, as the downward API tells it.
pub(super) const NODE_NAME: &str = "NODE_NAME";
/// Labels of nodes that run the control plane.
const CONTROL_PLANE: [&str; 2] = ["node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master"];
/// The zone of a node.
pub(super) const ZONE: &str = "topology.kubernetes.io/zone";

/// Looks whether nodes may be struck: they opted in, run neither the control plane nor this program, are in service, and have
/// nothing of namespaces that this run has not locked.
///
/// # Errors
/// Everything that stands in the way.
pub(super) async fn may_be_struck(
    client: &Client,
    names: &[String],
    namespaces: &[String],
) -> Result<Vec<NodeView>, String> {
    let own = std::env::var(NODE_NAME).ok();
    let (mut found, mut wrong) = (Vec::new(), Vec::new());
    let api: Api<NodeView> = Api::all(client.clone());
    for name in names {
        let node = match api.get(name).await {
            Ok(node) => node,
            Err(error) if is_missing(&error) => {
                wrong.push(format!("there is no node {name}"));
                continue;
            }
            Err(error) => return Err(format!("cannot read node {name}: {}", said(&error))),
        };
        wrong.extend(forbids(&node, own.as_deref()));
        wrong.extend(strangers(client, name, namespaces).await?);
        found.push(node);
    }
    if wrong.is_empty() { Ok(found) } else { Err(wrong.join("; ")) }
}

/// What a node itself says against being struck.
fn forbids(node: &NodeView, own: Option<&str>) -> Option<String> {
    let name = node.name_any();
    if own == Some(&name) {
        return Some(format!("node {name} runs springback itself"));
    }
    if CONTROL_PLANE.iter().any(|label| node.labels().contains_key(*label)) {
        return Some(format!("node {name} runs the control plane; springback never strikes those"));
    }
    if node.labels().get(OPT_IN).map(String::as_str) != Some("true") {
        return Some(format!(
            "node {name} has not opted in; whoever owns it can: kubectl label node {name} {OPT_IN}=true"
        ));
    }
    node.spec
        .unschedulable
        .then(|| format!("node {name} is cordoned already: somebody has taken it out of service"))
}

/// Pods on a node that belong to namespaces that this run has not locked.
///
/// # Errors
/// The cluster could not be asked.
pub(super) async fn strangers(
    client: &Client,
    node: &str,
    namespaces: &[String],
) -> Result<Option<String>, String> {
    let api: Api<PodView> = Api::all(client.clone());
    let there = ListParams::default().fields(&format!("spec.nodeName={node}"));
    let pods = api
        .list(&there)
        .await
        .map_err(|error| format!("cannot tell what else runs on node {node}: {}", said(&error)))?;
    let mut others: Vec<String> = pods
        .iter()
        .filter(|pod| !pod.is_finished() && !pod.is_of_node())
        .filter(|pod| pod.namespace().is_none_or(|namespace| !namespaces.contains(&namespace)))
        .map(|pod| format!("{}/{}", pod.namespace().unwrap_or_default(), pod.name_any()))
        .collect();
    if others.is_empty() {
        return Ok(None);
    }
    let count = others.len();
    others.truncate(3);
    let more = if count > 3 { format!(" and {} more", count - 3) } else { String::new() };
    Ok(Some(format!("node {node} runs pods of other namespaces: {}{more}", others.join(", "))))
}

/// The nodes of a zone.
pub(super) async fn in_zone(client: &Client, zone: &str) -> Result<Vec<String>, String> {
    let api: Api<Node> = Api::all(client.clone());
    let there = ListParams::default().labels(&format!("{ZONE}={zone}"));
    let nodes = api.list_metadata(&there).await;
    let nodes = nodes.map_err(|error| format!("cannot list the nodes of zone {zone}: {}", said(&error)))?;
    Ok(nodes.iter().map(ResourceExt::name_any).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(labels: &[(&str, &str)], unschedulable: bool) -> NodeView {
        let labels: std::collections::BTreeMap<_, _> = labels.iter().copied().collect();
        serde_json::from_value(serde_json::json!({
            "metadata": { "name": "n1", "labels": labels }, "spec": { "unschedulable": unschedulable },
        }))
        .unwrap()
    }

    #[test]
    fn a_node_is_struck_only_if_it_opted_in_and_is_in_service_and_nobody_needs_it() {
        let says = |labels: &[(&str, &str)], unschedulable, own| {
            forbids(&node(labels, unschedulable), own).unwrap_or_default()
        };
        assert_eq!(says(&[(OPT_IN, "true")], false, Some("n2")), "");
        assert!(says(&[(OPT_IN, "false")], false, None).contains("kubectl label node n1"));
        assert!(says(&[], false, None).contains("has not opted in"));
        assert!(says(&[(OPT_IN, "true")], true, None).contains("cordoned already"));
        assert!(says(&[(OPT_IN, "true")], false, Some("n1")).contains("runs springback itself"));
        let control_plane = [(OPT_IN, "true"), (CONTROL_PLANE[0], "")];
        assert!(says(&control_plane, false, None).contains("control plane"));
    }
}
