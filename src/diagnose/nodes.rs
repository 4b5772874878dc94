//! Nodes that stay, or take no pods, and what keeps them: read off what Karpenter says of them.

use crate::history::{ObjectTrack, Reported};

use super::Diagnosis;
use super::case::{Case, because};

/// So many pods that came or went after everything was over are churn.
const CHURN: usize = 2;

/// Why a node that was there before takes no pods any more, or one that came stays.
pub(super) fn of_node(case: &Case, node: &ObjectTrack, left: &[&ObjectTrack]) -> Option<Diagnosis> {
    let facts = &node.last.facts;
    let name = &node.last.name;
    let since = node.state.points().last().map_or(node.appeared_us, |(t, _)| *t);
    let calm_us = case.tracks.baseline_window().map_or(0, |(_, to_us)| to_us);
    if node.appeared_us <= calm_us {
        return Some(match facts.get("taints") {
            Some(taints) => {
                let seen = format!("tainted {taints} since {}", case.at(since));
                let next = format!(
                    "see who set it and was to take it away (kubectl describe node {name}); then kubectl taint nodes {name} KEY-"
                );
                because("node-tainted", node.called(), seen, next)
            }
            None => {
                let seen = format!("cordoned since {}: it exists, costs, and takes no pods", case.at(since));
                let next = format!(
                    "see who cordoned it, and whether the drain was finished; then kubectl uncordon {name}"
                );
                because("node-cordoned", node.called(), seen, next)
            }
        });
    }
    let has_claim = left.iter().any(|other| {
        other.last.kind == "NodeClaim" && node.last.owners.contains(&format!("NodeClaim/{}", other.last.name))
    });
    // What made it is told in its place.
    (!has_claim).then(|| stays(case, node))
}

fn stays(case: &Case, object: &ObjectTrack) -> Diagnosis {
    let facts = object.last.facts.iter().filter(|(name, _)| name.as_str() != "last pod event");
    let facts: Vec<String> = facts.map(|(name, value)| format!("{name} {value}")).collect();
    let seen = format!("appeared at {}; {}", case.at(object.appeared_us), facts.join(", "));
    let next = "see what was to remove it: the autoscaler of nodes, its log, and what runs on the node";
    because("node-left", object.called(), seen, next)
}

/// Why Karpenter keeps a node: everything that does, because one would be enough.
pub(super) fn of_claim(case: &Case, claim: &ObjectTrack) -> Vec<Diagnosis> {
    let facts = &claim.last.facts;
    let pool = facts.get("pool").map(String::as_str).unwrap_or_default();
    let object = claim.called();
    let mut causes = Vec::new();
    if let Some(waits) = facts.get("being deleted, waits for") {
        let conditions: Vec<String> = ["Drained", "VolumesDetached", "InstanceTerminating"]
            .into_iter()
            .filter_map(|name| Some(format!("{name} {}", facts.get(&format!("condition {name}"))?)))
            .collect();
        let seen = format!("is being deleted and waits for {waits}; {}", conditions.join(", "));
        let next = "see what holds it: a pod that is not evicted, a volume that does not detach, an instance that does not end; set \
                    terminationGracePeriod on the NodePool";
        return vec![because("nodeclaim-stuck", object, seen, next)];
    }
    causes.extend(of_pool(case, pool));
    for said in said(case, claim) {
        causes.extend(of_words(claim, pool, said));
    }
    if causes.is_empty() {
        causes.extend(churn(case, claim, pool));
    }
    if causes.is_empty() {
        causes.push(stays(case, claim));
    }
    causes
}

/// What the pool itself rules out.
fn of_pool(case: &Case, name: &str) -> Vec<Diagnosis> {
    let pools = case.tracks.objects.values().filter(|object| object.last.kind == "NodePool");
    let Some(pool) = pools.into_iter().find(|pool| pool.last.name == name) else { return Vec::new() };
    let disruption = pool.last.facts.get("disruption").map(String::as_str).unwrap_or("{}");
    let disruption: serde_json::Value = serde_json::from_str(disruption).unwrap_or_default();
    let mut causes = Vec::new();
    let object = format!("NodePool {name}");
    if disruption["consolidateAfter"] == "Never" {
        let seen = "spec.disruption.consolidateAfter is Never: its nodes are never taken away while a pod could be on them";
        let next = format!("set it to the time that a node may stand idle: kubectl edit nodepool {name}");
        causes.push(because("karpenter-never-consolidates", object.clone(), seen, next));
    }
    let budgets = disruption["budgets"].as_array().into_iter().flatten();
    let is_zero = |budget: &&serde_json::Value| matches!(budget["nodes"].as_str(), Some("0" | "0%"));
    let zero: Vec<String> = budgets.filter(is_zero).map(ToString::to_string).collect();
    let said = case.tracks.reported.iter().rev().find(|(_, said)| {
        said.kind == "NodePool" && said.name == name && said.text.contains("blocking budget")
    });
    if !zero.is_empty() && (said.is_some() || zero.iter().any(|budget| !budget.contains("schedule"))) {
        let said = said.map_or_else(String::new, |(t, said)| {
            format!("; {} at {}: {}", said.reason, case.at(*t), said.text)
        });
        let seen = format!("spec.disruption.budgets allows none to go: {}{said}", zero.join(", "));
        let next = format!(
            "let it take away some at a time, or look at the schedule of the budget: kubectl edit nodepool {name}"
        );
        causes.push(because("karpenter-budget-zero", object, seen, next));
    }
    causes
}

/// What Karpenter says of a node since everything was over; if nothing, what it said last.
fn said<'a>(case: &Case<'a>, claim: &ObjectTrack) -> Vec<&'a Reported> {
    let node = claim.last.facts.get("node").map(String::as_str).unwrap_or_default();
    let own: Vec<&(u64, Reported)> = case
        .tracks
        .reported
        .iter()
        .filter(|(_, said)| {
            (said.kind == "NodeClaim" && said.name == claim.last.name)
                || (said.kind == "Node" && said.name == node)
        })
        .collect();
    let over_us = case.tracks.quiesced_us.unwrap_or(case.from_us);
    let mut recent: Vec<&Reported> =
        own.iter().filter(|(t, _)| *t >= over_us).map(|(_, said)| said).collect();
    if recent.is_empty() {
        recent.extend(own.last().map(|(_, said)| said));
    }
    recent
}

/// A cause, by Karpenter's own words.
fn of_words(claim: &ObjectTrack, pool: &str, said: &Reported) -> Option<Diagnosis> {
    let text = said.text.to_lowercase();
    let seen = format!("{} ({})", said.text, said.reason);
    let object = claim.called();
    if text.contains("pdb") {
        let next = "let the budget spare a pod: fewer minAvailable, or more replicas than that at rest; kubectl get pdb -A shows \
                    ALLOWED DISRUPTIONS";
        return Some(because("pdb-blocks", object, seen, next));
    }
    if text.contains("do-not-disrupt") || text.contains("safe-to-evict") {
        let next = "take the annotation away once what it protected is over: kubectl annotate pod NAME karpenter.sh/do-not-disrupt-";
        return Some(because("evict-annotation-left", object, seen, next));
    }
    if text.contains("spottospot") {
        let next = "allow more instance types, fifteen at least, and turn the feature gate SpotToSpotConsolidation on";
        return Some(because("spot-lock-in", object, seen, next));
    }
    let is_fragmented = text.contains("whenempty, but node is not empty")
        || text.contains("can't remove without creating")
        || text.contains("can't replace with a cheaper node");
    is_fragmented.then(|| {
        let next = format!(
            "let it be emptied: consolidationPolicy WhenEmptyOrUnderutilized on NodePool {pool}; or see which small pods spread \
             over it: kubectl get pods -A --field-selector spec.nodeName=NODE"
        );
        because("karpenter-fragmented", object, seen, next)
    })
}

/// Pods that come and go: each sets the clock of consolidation back.
fn churn(case: &Case, claim: &ObjectTrack, pool: &str) -> Option<Diagnosis> {
    let over_us = case.tracks.quiesced_us.unwrap_or(case.from_us);
    let mut times: Vec<&String> = claim
        .facts
        .iter()
        .filter(|(t, _)| (over_us..=case.to_us).contains(t))
        .filter_map(|(_, facts)| facts.get("last pod event"))
        .collect();
    times.dedup();
    let consolidatable = claim.last.facts.get("condition Consolidatable");
    if times.len() < CHURN || consolidatable.is_some_and(|condition| condition.starts_with("True")) {
        return None;
    }
    let seen = format!(
        "pods came or went {} times after quiesce, last at {}, and each sets consolidateAfter back; Consolidatable {}",
        times.len(),
        times.last().map_or("", |time| time.as_str()),
        consolidatable.map_or("never", String::as_str)
    );
    let next = format!(
        "keep what comes and goes (CronJobs, short Jobs) on other nodes, or shorten consolidateAfter of NodePool {pool} below \
         their interval"
    );
    Some(because("karpenter-pod-churn", claim.called(), seen, next))
}
