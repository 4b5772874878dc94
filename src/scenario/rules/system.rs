//! Groups, their autoscalers, their standbys and their defects.

use super::{Rules, instances, is_standby};
use crate::scenario::model::{Group, LocalAutoscaler};
use crate::scenario::reader::Read;
use crate::scenario::spelling::listed;
use crate::scenario::tree::{Node, Value};
use crate::scenario::units::Span;

/// Kubernetes' own limits.
const POLICY_PERIOD_MAX: Span = Span::from_secs(1_800);
const WINDOW_MAX: Span = Span::from_secs(3_600);

impl Rules<'_, '_> {
    pub(super) fn system(&self) {
        let local = self.draft.root.get("target").get("local");
        if matches!(local.value, Value::Table(_)) && local.entries().is_empty() {
            self.error("no-group", "there is no group under test")
                .at(local, "empty")
                .help("name one: `[target.local.primary]`, with `replicas = 2`")
                .report();
        }
        for (name, group) in &self.draft.groups {
            if let Some(autoscaler) = &group.value.autoscaler {
                self.autoscaler(name, group, autoscaler);
            }
            self.standby(name, group);
            self.defects(name, group);
        }
    }

    fn autoscaler(&self, name: &str, group: &Read<'_, Group>, autoscaler: &LocalAutoscaler) {
        let node = group.node.get("autoscaler");
        let (min, max) = (autoscaler.min_replicas, autoscaler.max_replicas);
        let replicas = group.value.replicas;
        if min > max {
            self.error("floor-above-ceiling", format!("`min_replicas` is above `max_replicas` of `{name}`"))
                .at(node.get("min_replicas"), format!("never fewer than {min}"))
                .and(node.get("max_replicas"), format!("never more than {max}"))
                .help("no number of instances suits both; exchange them?")
                .report();
        } else if replicas < min || replicas > max {
            let (key, bound) = if replicas < min { ("min_replicas", min) } else { ("max_replicas", max) };
            self.error(
                "replicas-out-of-bounds",
                format!("`{name}` starts with {}, its autoscaler keeps from {min} to {max}", instances(replicas)),
            )
            .at(group.node.get("replicas"), format!("{replicas} at the start"))
            .and(node.get(key), format!("the bound is {bound}"))
            .help("the autoscaler would move it at once, and the baseline would be something else than what is written here")
            .report();
        }
        for (direction, rules) in [("scale_up", &autoscaler.scale_up), ("scale_down", &autoscaler.scale_down)]
        {
            let node = node.get(direction);
            if rules.stabilization_window.is_some_and(|window| window > WINDOW_MAX) {
                self.beyond_kubernetes("stabilization_window", WINDOW_MAX, node.get("stabilization_window"));
            }
            let policies = node.get("policies").items();
            if matches!(node.get("policies").value, Value::List(_)) && policies.is_empty() {
                self.error("bad-value", format!("`policies` of `{direction}` is an empty list"))
                    .at(node.get("policies"), "no policy")
                    .help(
                        "leave the key away for Kubernetes' defaults; to forbid this direction, write \
                         `select_policy = \"Disabled\"`",
                    )
                    .report();
            }
            for (policy, node) in rules.policies.iter().flatten().zip(policies) {
                if policy.period > POLICY_PERIOD_MAX {
                    self.beyond_kubernetes("period", POLICY_PERIOD_MAX, node.get("period"));
                }
            }
        }
    }

    fn beyond_kubernetes(&self, key: &str, max: Span, node: &Node) {
        self.error("out-of-range", format!("`{key}` may be {max} at most"))
            .at(node, "longer than that")
            .help("Kubernetes refuses such an autoscaler, so nothing would be learned from it")
            .report();
    }

    fn standby(&self, name: &str, group: &Read<'_, Group>) {
        let (value, node) = (&group.value, group.node);
        if let Some(primary) = &value.takes_over_from {
            let here = node.get("takes_over_from");
            if primary == name {
                self.error("bad-standby", format!("`{name}` takes over from itself"))
                    .at(here, "the very same group")
                    .help("name the group that it stands in for")
                    .report();
            } else if let Some(other) = self.group(primary).filter(|other| is_standby(other)) {
                self.error(
                    "bad-standby",
                    format!("`{name}` takes over from `{primary}`, which is a standby itself"),
                )
                .at(here, "a standby")
                .and(other.node.get("takes_over_from"), format!("because of this, `{primary}` is one"))
                .help("a standby stands in for a group that takes the load from the start")
                .report();
            }
        }
        let Some(promoted) = value.promoted_replicas else { return };
        let here = node.get("promoted_replicas");
        if !is_standby(group) {
            self.error("bad-standby", format!("`{name}` has `promoted_replicas` but takes over from nobody"))
                .at(here, "only a standby is promoted")
                .help("say for whom it stands in: `takes_over_from = \"…\"`")
                .report();
        } else if promoted < value.replicas {
            self.error(
                "bad-standby",
                format!("`{name}` would have fewer instances when promoted than when asleep"),
            )
            .at(here, format!("{promoted} while it stands in"))
            .and(node.get("replicas"), format!("{} while it sleeps", value.replicas))
            .report();
        }
    }

    fn defects(&self, name: &str, group: &Read<'_, Group>) {
        let (value, node) = (&group.value, group.node.get("defects"));
        let defects = &value.defects;
        let scaled = value.autoscaler.is_some();
        let needs = |key: &str, condition: bool, what: &str| {
            if !node.get(key).is_absent() && !condition {
                self.error("bad-defect", format!("`{key}` needs {what}, which `{name}` is not"))
                    .at(node.get(key), "would change nothing")
                    .report();
            }
        };
        for key in ["metric_frozen_at", "floor_changed", "regrowth"] {
            needs(key, scaled, "a group with an autoscaler");
        }
        needs("leaves_behind", scaled || is_standby(group), "a group that is scaled down by somebody");
        for key in ["never_released", "released_after"] {
            needs(key, is_standby(group), "a standby");
        }
        if defects.never_released == Some(true) && defects.released_after.is_some() {
            self.error("bad-defect", format!("`{name}` can hardly be released too early and never at all"))
                .at(node.get("released_after"), "released after this")
                .and(node.get("never_released"), "never released")
                .help(format!("keep one of {}", listed(["never_released", "released_after"], "and")))
                .report();
        }
        if let Some(regrowth) = &defects.regrowth
            && regrowth.replicas <= value.replicas
        {
            self.error(
                "bad-defect",
                format!("`{name}` would not grow again: it has {} anyway", instances(value.replicas)),
            )
            .at(node.get("regrowth").get("replicas"), format!("grows to {}", regrowth.replicas))
            .and(group.node.get("replicas"), format!("{} at the start", value.replicas))
            .report();
        }
        if let (Some(floor), Some(autoscaler)) = (&defects.floor_changed, &value.autoscaler)
            && floor.min_replicas > autoscaler.max_replicas
        {
            self.error("bad-defect", format!("the new floor of `{name}` is above its `max_replicas`"))
                .at(
                    node.get("floor_changed").get("min_replicas"),
                    format!("a floor of {}", floor.min_replicas),
                )
                .and(
                    group.node.get("autoscaler").get("max_replicas"),
                    format!("never more than {}", autoscaler.max_replicas),
                )
                .report();
        }
    }
}
