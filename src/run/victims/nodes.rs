//! Which nodes are struck: chosen among those that hold ready instances of the group, from the history.

use rand::seq::SliceRandom;

use crate::history::{GroupTrack, IntentAction, NodeFault};
use crate::plan::{Plan, PlannedFault, stream};
use crate::scenario::{NodeChoice, Pick, Span};

/// The action of a fault on nodes, and how many ready instances it takes.
///
/// # Errors
/// Fewer nodes hold ready instances than are wanted, or not the one that is named.
pub(super) fn strike(
    plan: &Plan,
    fault: &PlannedFault,
    (name, group): (&str, &GroupTrack),
    ready: &[&str],
    choice: &NodeChoice,
    how: NodeFault,
    lasts: Span,
) -> Result<(IntentAction, usize), String> {
    let on = |instance: &str| group.instances.get(instance).and_then(|life| life.node.as_deref());
    let mut holding: Vec<&str> = Vec::new();
    for node in ready.iter().filter_map(|instance| on(instance)) {
        if !holding.contains(&node) {
            holding.push(node);
        }
    }
    let nodes = match choice {
        NodeChoice::Named(node) => {
            if !holding.contains(&node.as_str()) {
                return Err(format!("no ready instance of \"{name}\" is on node {node}"));
            }
            vec![node.clone()]
        }
        NodeChoice::Zone(zone) => {
            let in_zone = |node: &&str| {
                let lives = group.instances.values();
                lives
                    .filter(|life| life.node.as_deref() == Some(node))
                    .any(|life| life.zone.as_ref() == Some(zone))
            };
            holding.retain(in_zone);
            if holding.is_empty() {
                return Err(format!("no ready instance of \"{name}\" is in zone {zone}"));
            }
            sorted(&holding)
        }
        NodeChoice::Count { count, pick } => {
            let count = *count as usize;
            if holding.len() < count {
                return Err(format!(
                    "{count} nodes with ready instances of \"{name}\" are to be struck, there are {}",
                    holding.len()
                ));
            }
            match pick {
                // The ready ones come oldest first, and so do their nodes.
                Pick::Oldest => {}
                Pick::Newest => {
                    let last = |node: &&str| ready.iter().rposition(|instance| on(instance) == Some(node));
                    holding.sort_by_key(|node| std::cmp::Reverse(last(node)));
                }
                Pick::Random => {
                    holding.sort_unstable();
                    holding.shuffle(&mut stream(plan.seed, &format!("victims/{}", fault.id)));
                }
            }
            sorted(&holding[..count])
        }
    };
    let is_struck =
        |instance: &str| on(instance).is_some_and(|node| nodes.iter().any(|struck| struck == node));
    let losing = ready.iter().filter(|instance| is_struck(instance)).count();
    let lives = group.instances.iter().filter(|(name, life)| life.gone.is_none() && is_struck(name));
    let instances = lives.map(|(name, _)| name.clone()).collect();
    Ok((IntentAction::Nodes { how, nodes, instances, lasts_us: lasts.us }, losing))
}

fn sorted(nodes: &[&str]) -> Vec<String> {
    let mut nodes: Vec<String> = nodes.iter().map(|node| (*node).to_owned()).collect();
    nodes.sort();
    nodes
}
