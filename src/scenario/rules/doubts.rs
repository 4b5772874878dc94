//! Doubts about expectations: that can be judged, but will probably not tell what they are meant to.

use super::{Rules, instances, is_standby};
use crate::scenario::model::{Expansion, Group, StandbyReleased};
use crate::scenario::reader::Read;
use crate::scenario::tree::Node;
use crate::scenario::units::Span;

impl<'t> Rules<'_, 't> {
    pub(super) fn expectation_doubts(&self) {
        let expect = &self.draft.expect;
        for expansion in &expect.expansion {
            self.expansion_doubts(expansion);
        }
        for contraction in &expect.contraction {
            let group = contraction.value.group.as_ref().and_then(|name| self.group(name));
            self.hold(contraction.node, contraction.value.hold, group);
            self.contraction_in_time(contraction);
        }
        for released in &expect.standby_released {
            self.hold(released.node, released.value.hold, None);
            for (name, standby) in self.draft.groups.iter().filter(|(_, group)| is_standby(group)) {
                if released.value.group.as_ref().is_none_or(|wanted| wanted == name) {
                    self.is_needed(released, name, standby);
                }
            }
        }
        if let Some(idle_spend) = &expect.idle_spend {
            self.hold(idle_spend.node, idle_spend.value.hold, None);
        }
        if let Some(left) = &expect.nothing_left {
            self.hold(left.node, left.value.hold, None);
        }
    }

    fn expansion_doubts(&self, expansion: &Read<'t, Expansion>) {
        let Some(group) = self.group(&expansion.value.group) else { return };
        if group.value.workload.is_some() && group.node.get("replicas").is_absent() {
            return;
        }
        if expansion.value.to_at_least > group.value.replicas {
            self.expansion_is_needed(expansion, group);
            return;
        }
        self.warning(
            "already-there",
            format!("`{}` has {} from the start", expansion.value.group, instances(group.value.replicas)),
        )
        .at(expansion.node.get("to_at_least"), "met without any growth")
        .and(group.node.get("replicas"), format!("{} at the start", group.value.replicas))
        .help("expect more than that, or nothing was proven about growth")
        .report();
    }

    /// A hold that ends before an autoscaler has looked twice cannot see it grow again.
    fn hold(&self, node: &'t Node, hold: Option<Span>, group: Option<&Read<'t, Group>>) {
        let Some(hold) = hold else { return };
        let sync = |group: &Read<'t, Group>| {
            group.value.autoscaler.as_ref().map(|autoscaler| autoscaler.sync_period_or_default())
        };
        let longest = match group {
            Some(group) => sync(group),
            None => self.draft.groups.values().filter_map(sync).max(),
        };
        let Some(sync) = longest else { return };
        if hold.us < 2 * sync.us {
            self.warning(
                "hold-too-short",
                format!("a hold of {hold} is shorter than two syncs of the autoscaler"),
            )
            .at(node.get("hold"), format!("syncs come every {sync}"))
            .help(format!(
                "a group that grows again at the next sync would pass; hold for {} at least",
                Span::from_us(2 * sync.us)
            ))
            .report();
        }
    }

    /// A standby that is never activated can prove nothing.
    fn is_needed(&self, released: &Read<'t, StandbyReleased>, name: &str, standby: &Read<'t, Group>) {
        let node = released.node;
        if let Some(primary) = &standby.value.takes_over_from
            && !self.draft.faults.iter().any(|fault| fault.value.action.group() == primary)
            && self.draft.faults.len() >= self.draft.root.get("fault").items().len()
        {
            self.warning(
                "standby-not-needed",
                format!("`{name}` is never needed: nothing happens to `{primary}`"),
            )
            .at(node, "would be inconclusive")
            .help(format!(
                "lose `{primary}` for a while: `lose = {{ group = \"{primary}\", lasts = \"10s\" }}`"
            ))
            .report();
            return;
        }
        let dormant = released.value.dormant_size.map_or(standby.value.replicas, |size| size.at_most);
        if standby.value.workload.is_some() && standby.value.promoted_replicas.is_none() {
            // Whoever promotes it decides how far.
            return;
        }
        let promoted = standby.value.promoted_replicas_or_default();
        if promoted <= dormant {
            self.warning(
                "standby-not-needed",
                format!("`{name}` has {} when promoted, which counts as asleep", instances(promoted)),
            )
            .at(node, "would be inconclusive")
            .and(standby.node.get("replicas"), format!("{} while it sleeps", standby.value.replicas))
            .help("give it more `promoted_replicas`, or a smaller dormant size")
            .report();
        }
    }
}
