//! Faults, and how much they may cost.

use super::{Rules, instances, is_standby};
use crate::scenario::keys::CLUSTER_REPLICAS_MAX;
use crate::scenario::model::{Fault, FaultAction, Group, LOST_AT_ONCE, Victims};
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
            match &fault.value.action {
                FaultAction::Terminate { victims, group: name, .. } => {
                    self.termination(fault, victims, name, group)
                }
                FaultAction::Lose { group: name, .. } | FaultAction::Partition { group: name, .. } => {
                    self.loss(fault, name, group)
                }
                _ => {}
            }
        }
        self.strikes_on_lost_groups();
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
        let what = match &fault.value.action {
            FaultAction::Partition { .. } => format!("cutting off all of `{name}`"),
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
            .help(format!(
                "{} of {most} may be lost at once, at the most; if that is meant, write `lost_at_once = \"{needed}%\"` \
                 under `[limits]`",
                self.allowed(most)
            ))
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
            let FaultAction::Lose { group, lasts } = &loss.value.action else { continue };
            let lost = loss.value.at.us..loss.value.at.us + lasts.us;
            for other in &self.draft.faults {
                let same = std::ptr::eq(loss, other);
                let at = other.value.at.us;
                if !same && other.value.action.group() == group && lost.contains(&at) && at > lost.start {
                    self.error("nothing-to-strike", format!("`{group}` is lost at that time"))
                        .at(other.node.get("at"), "nothing of it is left to strike")
                        .and(loss.node.get("at"), format!("lost from here on for {lasts}"))
                        .report();
                }
            }
        }
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
