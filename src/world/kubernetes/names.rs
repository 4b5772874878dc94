//! The names that springback leaves and looks for in a cluster. They are a contract: roles, opt-ins and other tools know them.

/// Label by which a namespace, or a node, says that springback may act on it; its value has to be `true`.
pub const OPT_IN: &str = "springback.dev/opt-in";
/// Label of everything that springback creates: the run that it belongs to.
pub(super) const RUN: &str = "springback.dev/run";
/// Label of everything that springback creates: who did.
pub(super) const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// Field manager of every write, and the value of [`MANAGED_BY`].
pub(super) const MANAGER: &str = "springback";
/// Field manager of whatever puts back what was there before.
pub(super) const HEALER: &str = "springback-heal";
/// The Lease that locks a namespace.
pub(super) const LEASE: &str = "springback";
/// The Lease that locks the nodes of a cluster, and the namespace that it is in: one that every cluster has and nobody can
/// delete. `kube-node-lease` would be nearer to hand, but whoever may write Leases there can make dead nodes look alive.
pub(super) const NODES_LEASE: &str = "springback-nodes";
pub(super) const NODES_NAMESPACE: &str = "default";
/// The taint that tells of a node's reclaim; its value is the run.
pub(super) const RECLAIM: &str = "springback.dev/reclaim";

/// Namespaces that belong to the cluster itself. An opt-in there does not count.
const SYSTEM: [&str; 3] = ["kube-system", "kube-public", "kube-node-lease"];

/// Whether a namespace belongs to the cluster itself: those that every cluster has, and whatever else begins with `kube-`, a
/// prefix that Kubernetes reserves.
pub fn is_system(namespace: &str) -> bool {
    SYSTEM.contains(&namespace) || namespace.starts_with("kube-")
}

/// The ConfigMap with the undo records of a run.
pub(super) fn undo_map(run: &str) -> String {
    format!("springback-undo-{run}")
}

/// Label and annotation of a verdict: the scenario that it is of.
pub(super) const SCENARIO: &str = "springback.dev/scenario";

/// The ConfigMap with the verdict of a run.
pub(super) fn verdict_map(run: &str) -> String {
    format!("springback-verdict-{run}")
}

/// A scenario's name as the value of a label, which takes less than a name may have.
pub(super) fn scenario_label(name: &str) -> String {
    labelled(name, name)
}

/// Name of a run in a cluster, from its suite and its scenario's folder: a DNS label, so that it can be part of names and be
/// the value of a label. Two runs never share one, because no two of a suite share a folder.
pub fn run_name(suite: &str, folder: &str) -> String {
    labelled(suite, &format!("{suite}/{folder}"))
}

/// A DNS label that shows the beginning of one text and is told apart by another.
fn labelled(shown: &str, whole: &str) -> String {
    use sha2::{Digest, Sha256};
    let digest = Sha256::digest(whole);
    let tail: String = digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    let mut head: String = shown
        .to_ascii_lowercase()
        .chars()
        .map(|c| if c.is_ascii_lowercase() || c.is_ascii_digit() { c } else { '-' })
        .take(30)
        .collect();
    head = head.trim_matches('-').to_owned();
    if head.is_empty() { format!("run-{tail}") } else { format!("{head}-{tail}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_has_a_name_that_a_cluster_takes_and_no_other_run_has() {
        let name = run_name("2026-11-24T13:00:00Z-4711", "checkout");
        assert!(name.starts_with("2026-11-24t13-00-00z-4711-"), "{name}");
        assert!(name.len() <= 45 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'), "{name}");
        assert_ne!(name, run_name("2026-11-24T13:00:00Z-4711", "payments"));
        assert!(run_name("…", "a").starts_with("run-"));
    }

    #[test]
    fn what_belongs_to_the_cluster_itself_is_told_by_its_name() {
        for system in ["kube-system", "kube-public", "kube-flannel"] {
            assert!(is_system(system), "{system}");
        }
        assert!(!is_system("default") && !is_system("shop-kube-system"));
    }
}
