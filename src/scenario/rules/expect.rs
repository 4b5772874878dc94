//! Expectations: that each can come true, and can fail.

use super::{Rules, instances, is_standby};
use crate::scenario::model::{Anchor, Contraction, Expansion, FaultAction, Group, StandbyReleased};
use crate::scenario::reader::Read;
use crate::scenario::tree::Node;

impl<'t> Rules<'_, 't> {
    /// A run that nothing is expected of could only pass.
    pub(super) fn anything_expected(&self) {
        let root = self.draft.root;
        if root.get("expect").entries().is_empty() && root.get("slo").entries().is_empty() {
            let place = if root.get("expect").is_absent() { root } else { root.get("expect") };
            self.error("nothing-expected", "nothing is expected: such a run could only pass")
                .at(place, "neither an expectation nor an objective")
                .help("for example `[expect]` with `contraction = { within = \"5m\" }`")
                .report();
        }
    }

    pub(super) fn expectations(&self) {
        let expect = &self.draft.expect;
        for expansion in &expect.expansion {
            self.expansion(expansion);
        }
        if let Some(replacement) = &expect.replacement
            && !self.has_fault(FaultAction::ends_some)
        {
            self.error("never-happens", "nothing is ever terminated, so nothing can be replaced")
                .at(replacement.node, "has nothing to judge")
                .help("add a `[[fault]]` with `terminate`, or leave this expectation away")
                .report();
        }
        for contraction in &expect.contraction {
            self.contraction(contraction);
        }
        for released in &expect.standby_released {
            self.standby_released(released);
        }
        if let Some(idle_spend) = &expect.idle_spend {
            self.anchor(idle_spend.node, idle_spend.value.from);
        }
        if let Some(left) = &expect.nothing_left {
            self.anchor(left.node, left.value.from);
            self.in_a_cluster(left.node);
        }
        if let Some(recovery) = &expect.recovery {
            self.anchor(recovery.node, recovery.value.from);
            self.recovery(recovery.node);
        }
    }

    /// The anchor has to come.
    fn anchor(&self, node: &'t Node, from: Option<Anchor>) {
        let (comes, needed, example) = match from {
            None | Some(Anchor::Quiesce) => return,
            Some(Anchor::SurgeStart | Anchor::SurgeEnd) => (self.has_surge(), "a surge", "[[load.surge]]"),
            Some(Anchor::Healed) => (
                self.has_fault(|action| action.lasts().is_some()),
                "a fault that lasts",
                "[[fault]]` with `lose",
            ),
            Some(Anchor::PrimaryHealthy) => {
                (self.has_fault(FaultAction::can_take_down), "a group that is lost", "[[fault]]` with `lose")
            }
        };
        if comes {
            return;
        }
        let from = from.map_or("", Anchor::as_str);
        self.error(
            "anchor-never-comes",
            format!("\"{from}\" never comes: it needs {needed}, and there is none"),
        )
        .at(node.get("from"), "counts from there")
        .help(format!("add `{example}`, or count from \"quiesce\""))
        .report();
    }

    fn expansion(&self, expansion: &Read<'t, Expansion>) {
        let (value, node) = (&expansion.value, expansion.node);
        if value.from.is_some() {
            self.anchor(node, value.from);
        } else if !self.has_surge() {
            self.error(
                "anchor-never-comes",
                "this expansion counts from the start of a surge, and there is none",
            )
            .at(node, "`from` is \"surge-start\" unless written otherwise")
            .help("add a `[[load.surge]]`, or say what it counts from: `from = \"healed\"`")
            .report();
        }
        let Some(group) = self.group(&value.group) else { return };
        let name = &value.group;
        if group.value.workload.is_some() {
            // What scales it is in the cluster, and so is how far.
            return;
        }
        let (ceiling, written) = match (&group.value.autoscaler, group.value.promoted_replicas) {
            (Some(autoscaler), _) => {
                (autoscaler.max_replicas, group.node.get("autoscaler").get("max_replicas"))
            }
            (None, Some(promoted)) => (promoted, group.node.get("promoted_replicas")),
            (None, None) if is_standby(group) => (group.value.replicas.max(1), group.node.get("replicas")),
            (None, None) => {
                self.never_grows(node, name, group);
                return;
            }
        };
        if value.to_at_least > ceiling {
            self.error("above-ceiling", format!("`{name}` can never have {}", instances(value.to_at_least)))
                .at(node.get("to_at_least"), format!("{} expected", value.to_at_least))
                .and(written, format!("never more than {ceiling}"))
                .report();
        }
    }

    fn never_grows(&self, node: &'t Node, name: &str, group: &Read<'t, Group>) {
        self.error("never-scales", format!("nothing ever scales `{name}`: it has no autoscaler"))
            .at(node.get("group"), "neither grows nor contracts")
            .and(group.node, "no `autoscaler` here")
            .report();
    }

    fn contraction(&self, contraction: &Read<'t, Contraction>) {
        let (value, node) = (&contraction.value, contraction.node);
        if !self.has_surge() {
            self.error("never-happens", "without a surge no group expands, so none can contract")
                .at(node, "would be inconclusive for ever")
                .help("add a `[[load.surge]]`")
                .report();
            return;
        }
        self.anchor(node, value.from);
        let Some(name) = &value.group else {
            let all_read =
                self.draft.groups.len() == self.draft.root.get("target").get("local").entries().len();
            if all_read
                && !self.draft.groups.is_empty()
                && self.draft.groups.values().all(|group| group.value.autoscaler.is_none())
            {
                self.error("never-scales", "no group has an autoscaler, so none expands and none contracts")
                    .at(node, "about every group that rose")
                    .report();
            }
            return;
        };
        let Some(group) = self.group(name) else { return };
        if is_standby(group) {
            self.error(
                "wrong-expectation",
                format!("`{name}` is a standby: it is released, it does not contract"),
            )
            .at(node.get("group"), "a standby")
            .and(group.node.get("takes_over_from"), "because of this")
            .help("write `standby_released = { within = … }`")
            .report();
        } else if group.value.autoscaler.is_none() && group.value.workload.is_none() {
            self.never_grows(node, name, group);
        }
    }

    fn standby_released(&self, released: &Read<'t, StandbyReleased>) {
        let (value, node) = (&released.value, released.node);
        self.anchor(node, value.from);
        if let Some(size) = value.dormant_size
            && size.at_least > size.at_most
        {
            let written = node.get("dormant_size");
            self.error("empty-range", "no size is both at least and at most what is written here")
                .at(written.get("at_least"), format!("at least {}", size.at_least))
                .and(written.get("at_most"), format!("at most {}", size.at_most))
                .report();
        }
        if !self.draft.groups.values().any(is_standby) {
            self.error("no-standby", "no group is a standby, so none can be released")
                .at(node, "about standbys")
                .help("a group becomes one with `takes_over_from = \"…\"`")
                .report();
            return;
        }
        if let Some(name) = &value.group
            && let Some(group) = self.group(name)
            && !is_standby(group)
        {
            self.error("no-standby", format!("`{name}` is no standby, so it cannot be released"))
                .at(node.get("group"), "takes over from nobody")
                .and(group.node, "no `takes_over_from` here")
                .report();
        }
    }

    /// Volumes, load balancers, Jobs and nodes are a cluster's.
    fn in_a_cluster(&self, node: &'t Node) {
        let local = self.draft.root.get("target").get("local");
        if !local.is_absent() {
            self.error("only-in-a-cluster", "only a cluster has volumes, load balancers, Jobs and nodes")
                .at(node, "can leave nothing")
                .and(local, "the target is local")
                .help("what its groups leave is judged by `contraction` and `idle_spend`")
                .report();
        }
    }

    fn recovery(&self, node: &'t Node) {
        if !self.has_load() {
            self.error("no-load", "recovery is about requests, and there are none: `[load]` is missing")
                .at(node, "counts requests")
                .report();
        } else if self.draft.slo.is_empty() && self.draft.root.get("slo").entries().is_empty() {
            self.error("no-objective", "there is no objective that could be met again")
                .at(node, "judges the objectives of `[slo]`")
                .help("add one, for example `[slo]` with `availability = { target = \"99%\" }`")
                .report();
        }
    }
}
