//! Faults, and how much they may cost.

use super::{Rules, instances, is_standby};
use crate::scenario::keys::CLUSTER_REPLICAS_MAX;
use crate::scenario::model::{Fault, FaultAction, Group, LOST_AT_ONCE, Termination, Victims};
use crate::scenario::reader::Read;
use crate::scenario::units::Share;

impl<'t> Rules<'_, 't> {
    pub(super) fn faults(&self) {
        for fault in &self.draft.faults {
            let Some(group) = self.group(fault.value.action.group()) else { continue };
            if group.value.replicas == 0 && group.value.workload.is_none() && !is_standby(group) {
                let group_name = fault.value.action.group();
                self.error(
                    "nothing-to-strike",
                    format!("`{group_name}` has no instances that a fault could strike"),
                )
                .at(fault.node, "strikes nothing")
                .and(group.node.get("replicas"), "none at the start")
                .report();
                continue;
            }
            if group.value.workload.is_none() && self.needs_cluster(fault) {
                continue;
            }
            match &fault.value.action {
                FaultAction::Terminate { victims, group: name, .. } => {
                    self.termination(fault, victims, name, group)
                }
                FaultAction::Lose { group: name, .. }
                | FaultAction::Partition { group: name, .. }
                | FaultAction::Scale { group: name, to: 0, .. } => self.loss(fault, name, group),
                FaultAction::Reclaim { notice, lasts, .. } if lasts <= notice => {
                    let node = fault.node.get("reclaim");
                    self.error("notice-outlasts", "the nodes are given back before they were taken")
                        .at(node.get("lasts"), format!("over after {lasts}"))
                        .and(node.get("notice"), format!("taken after {notice}"))
                        .help("`lasts` includes the notice: make it longer")
                        .report();
                }
                _ => {}
            }
        }
        self.strikes_on_lost_groups();
        self.counts_set_twice();
    }

    /// Whether a fault asks for what only a cluster has; said by then.
    fn needs_cluster(&self, fault: &Read<'_, Fault>) -> bool {
        let action = &fault.value.action;
        let node = fault.node.get(action.key());
        let instead = "in every world there are `terminate` with \"kill\" or \"graceful\", and `lose`";
        let (key, what, place, help) = match action {
            FaultAction::Terminate { how: Termination::Evict, .. } => {
                ("evict", "an Eviction API", node.get("how"), "\"graceful\" ends an instance as kindly")
            }
            FaultAction::Terminate { among, .. } if !among.is_anyone() => {
                let written = ["node", "zone", "labels"].into_iter().find(|key| !node.get(key).is_absent());
                let key = written.unwrap_or("node");
                (
                    key,
                    "nodes, zones and labels",
                    node.get(key),
                    "leave it away, or pick by `count`, `share` or `instances`",
                )
            }
            FaultAction::Terminate { .. } | FaultAction::Lose { .. } => return false,
            FaultAction::Scale { .. } => ("scale", "a count that a fault could set", node, instead),
            FaultAction::Partition { .. } => ("partition", "network policies", node, instead),
            FaultAction::Manifest { .. } => ("manifest", "objects to apply", node, instead),
            FaultAction::Drain { .. } | FaultAction::Reclaim { .. } | FaultAction::Outage { .. } => {
                (action.key(), "nodes", node, instead)
            }
        };
        self.error("needs-a-cluster", format!("`{key}` needs a cluster: only a cluster has {what}"))
            .at(place, "not in the embedded world")
            .help(help)
            .report();
        true
    }

    fn termination(&self, fault: &Read<'_, Fault>, victims: &Victims, name: &str, group: &Read<'_, Group>) {
        let node = fault.node.get("terminate");
        let most = most_instances(&group.value);
        let (key, wanted): (_, Box<dyn Fn(u32) -> u32>) = match victims {
            Victims::Count { count, .. } => ("count", Box::new(|_| *count)),
            Victims::Named(names) => {
                let count = u32::try_from(names.len()).unwrap_or(u32::MAX);
                ("instances", Box::new(move |_| count))
            }
            Victims::Share { share, .. } => ("share", Box::new(|ready| of_rounded_up(*share, ready))),
        };
        let least_wanted = wanted(1);
        if least_wanted > most {
            self.error(
                "too-many-victims",
                format!("this fault ends {}, `{name}` never has more than {most}", instances(least_wanted)),
            )
            .at(node.get(key), "more than there are")
            .help("a fault that cannot end as many as it is told to is left out")
            .report();
            return;
        }
        // The group may have grown when the fault comes, so only what no size permits is certain to be refused.
        let permitted =
            (1..=most).any(|ready| wanted(ready) <= ready && wanted(ready) <= self.allowed(ready));
        if !permitted {
            let losing = wanted(most);
            self.over_limit(fault, name, most, losing)
                .at(node.get(key), format!("{losing} of {most} at most"))
                .report();
        }
    }

    fn loss(&self, fault: &Read<'_, Fault>, name: &str, group: &Read<'_, Group>) {
        let most = most_instances(&group.value);
        if most > self.allowed(most) {
            let node = fault.node.get(fault.value.action.key());
            self.over_limit(fault, name, most, most).at(node, format!("all of `{name}`")).report();
        }
    }

    fn over_limit(
        &self,
        fault: &Read<'_, Fault>,
        name: &str,
        most: u32,
        losing: u32,
    ) -> super::Complaint<'_> {
        let in_cluster = self.group(name).is_some_and(|group| group.value.workload.is_some());
        let what = match &fault.value.action {
            FaultAction::Partition { .. } => format!("cutting off all of `{name}`"),
            FaultAction::Scale { .. } => format!("scaling `{name}` to 0"),
            FaultAction::Terminate { .. } => format!("ending {} of `{name}`", instances(losing)),
            _ => format!("losing all of `{name}`"),
        };
        let limit = &self.draft.limits;
        let written = limit.node.get("lost_at_once");
        let (rule, label) = match limit.value.lost_at_once {
            Some(share) => (format!("{share} of the ready ones"), format!("{share} at once")),
            None => (
                "half of the ready ones unless `limits.lost_at_once` says otherwise".to_owned(),
                String::new(),
            ),
        };
        let needed = (u64::from(losing) * 100).div_ceil(u64::from(most));
        self.error("over-limit", format!("{what} is more than may be lost at once: {rule}"))
            .and(written, label)
            .help(match in_cluster {
                // How many it has is the cluster's affair.
                true => format!("if that is meant, write `lost_at_once = \"{needed}%\"` under `[limits]`"),
                false => format!(
                    "{} of {most} may be lost at once, at the most; if that is meant, write `lost_at_once = \"{needed}%\"` \
                     under `[limits]`",
                    self.allowed(most)
                ),
            })
    }

    /// How many may be lost at once where so many are ready; one always may.
    fn allowed(&self, ready: u32) -> u32 {
        let share = self.draft.limits.value.lost_at_once.unwrap_or(LOST_AT_ONCE);
        let allowed = u64::from(ready) * share.ppb / Share::WHOLE.ppb;
        u32::try_from(allowed).unwrap_or(u32::MAX).max(1)
    }

    /// While a group is lost there is nothing of it to strike.
    fn strikes_on_lost_groups(&self) {
        for loss in &self.draft.faults {
            let how = match &loss.value.action {
                FaultAction::Lose { .. } | FaultAction::Scale { to: 0, .. } => "lost",
                FaultAction::Partition { .. } => "cut off",
                _ => continue,
            };
            let group = loss.value.action.group();
            for other in self.beginning_during(loss) {
                // What another engine strikes is not known here.
                if matches!(other.value.action, FaultAction::Manifest { .. }) {
                    continue;
                }
                let lasts = loss.value.action.lasts().unwrap_or_default();
                self.error("nothing-to-strike", format!("`{group}` is {how} at that time"))
                    .at(other.node.get("at"), "nothing of it is left to strike")
                    .and(loss.node.get("at"), format!("{how} from here on for {lasts}"))
                    .report();
            }
        }
    }

    /// Two faults that set one count would each put back what the other set.
    fn counts_set_twice(&self) {
        for first in &self.draft.faults {
            let FaultAction::Scale { group, to: 1.., lasts } = &first.value.action else { continue };
            for other in self.beginning_during(first) {
                if matches!(other.value.action, FaultAction::Scale { .. } | FaultAction::Lose { .. }) {
                    self.error(
                        "count-set-twice",
                        format!("another fault holds the count of `{group}` at that time"),
                    )
                    .at(other.node.get("at"), "sets it, too")
                    .and(first.node.get("at"), format!("scaled from here on for {lasts}"))
                    .help("let one be over before the next begins: a heal puts back what it found")
                    .report();
                }
            }
        }
    }

    /// The other faults on the same group that begin while this one lasts.
    fn beginning_during<'a>(
        &'a self,
        fault: &'a Read<'t, Fault>,
    ) -> impl Iterator<Item = &'a Read<'t, Fault>> {
        let start_us = fault.value.at.us;
        let end_us = start_us + fault.value.action.lasts().map_or(0, |lasts| lasts.us);
        self.draft.faults.iter().filter(move |other| {
            let at_us = other.value.at.us;
            other.value.action.group() == fault.value.action.group() && at_us > start_us && at_us < end_us
        })
    }
}

/// The most instances that a group can have.
fn most_instances(group: &Group) -> u32 {
    if group.workload.is_some() {
        // Its autoscaler is in the cluster, not in the scenario.
        return CLUSTER_REPLICAS_MAX;
    }
    let scaled = group.autoscaler.as_ref().map_or(0, |autoscaler| autoscaler.max_replicas);
    group.replicas.max(scaled).max(group.promoted_replicas.unwrap_or(0)).max(1)
}

fn of_rounded_up(share: Share, ready: u32) -> u32 {
    let count = (u64::from(ready) * share.ppb).div_ceil(Share::WHOLE.ppb);
    u32::try_from(count).unwrap_or(u32::MAX)
}
