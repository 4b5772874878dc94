//! Doubts that come from comparing demand with supply: what the autoscalers written here would do.

use super::timeline::peak_per_s;
use super::{Rules, instances};
use crate::autoscaler::{demand_replicas, earliest_contraction};
use crate::scenario::local_defaults::{autoscaler_settings, autoscaler_spec};
use crate::scenario::model::{Anchor, Contraction, Deadline, Expansion, Group, LocalAutoscaler};
use crate::scenario::reader::Read;
use crate::scenario::units::{Rate, Span};

impl<'t> Rules<'_, 't> {
    /// The group that takes all the load, its autoscaler, and the rate that it aims at for one instance.
    ///
    /// With several primaries nobody knows here how the load is shared among them.
    fn loaded_group(&self) -> Option<(&String, &Read<'t, Group>, &LocalAutoscaler, f64)> {
        let mut primaries = self.primaries();
        let (name, group) = primaries.next().filter(|_| primaries.next().is_none())?;
        let autoscaler = group.value.autoscaler.as_ref()?;
        let target = f64::from(autoscaler.target_percent()) / 100.0 * group.value.capacity?.per_s;
        Some((name, group, autoscaler, target))
    }

    fn peak(&self) -> Option<Rate> {
        if self.draft.surges.len() < self.draft.root.get("load").get("surge").items().len() {
            // One of them could not be read: it may be the highest.
            return None;
        }
        let baseline = self.draft.load.as_ref()?.value.baseline_rate.per_s;
        Some(Rate::per_second(peak_per_s(self.draft.surges.iter().map(|surge| &surge.value), baseline)))
    }

    /// Where the autoscaler would not leave the group as it is written, the baseline is something else.
    pub(super) fn baseline_settles(&self) {
        for (name, group) in &self.draft.groups {
            let autoscaler = group.node.get("autoscaler");
            if !autoscaler.is_absent() && group.node.get("capacity").is_absent() {
                self.warning("no-capacity", format!("no capacity is known for an instance of `{name}`"))
                    .at(autoscaler, "has nothing to measure utilization against")
                    .help("say what an instance serves within the objectives: `capacity = \"50/s\"`")
                    .report();
            }
        }
        let Some((name, group, autoscaler, target)) = self.loaded_group() else { return };
        let Some(load) = &self.draft.load else { return };
        let baseline = load.value.baseline_rate;
        let tolerance = autoscaler_settings(autoscaler).tolerance;
        let down_tolerance = autoscaler.scale_down.tolerance.map_or(tolerance, |share| share.ratio());
        let up_tolerance = autoscaler.scale_up.tolerance.map_or(tolerance, |share| share.ratio());
        let demand = demand_replicas(baseline.per_s, target, down_tolerance);
        let each = rounded(target);
        let written = group.node.get("autoscaler");
        let ratio = baseline.per_s / (target * f64::from(group.value.replicas.max(1)));
        if ratio > 1.0 + up_tolerance + 1e-9 {
            self.warning(
                "baseline-moves",
                format!(
                    "`{name}` would not stay at {}: {baseline} at {each} an instance need {demand}",
                    instances(group.value.replicas)
                ),
            )
            .at(group.node.get("replicas"), format!("{} at the start", group.value.replicas))
            .and(load.node.get("baseline_rate"), format!("{baseline} all the time"))
            .help("the baseline will be what the autoscaler makes of it; write that many replicas, or less load")
            .report();
        } else if autoscaler.min_replicas > demand {
            self.warning(
                "raised-floor",
                format!(
                    "the floor of `{name}` is {}, although {baseline} at {each} an instance need only {demand}",
                    autoscaler.min_replicas
                ),
            )
            .at(written.get("min_replicas"), "keeps more than the calm load needs")
            .help("that much stays idle by design, and no expectation will complain about it")
            .report();
        }
    }

    /// An expansion that the surge does not need will not come.
    pub(super) fn expansion_is_needed(&self, expansion: &Read<'t, Expansion>, group: &Read<'t, Group>) {
        let wanted = expansion.value.to_at_least;
        let Some((name, _, _, target)) =
            self.loaded_group().filter(|(_, loaded, ..)| std::ptr::eq(*loaded, group))
        else {
            return;
        };
        let Some(peak) = self.peak() else { return };
        let demand = demand_replicas(peak.per_s, target, 0.0);
        if demand < wanted && self.has_surge() {
            self.warning(
                "surge-too-small",
                format!(
                    "the load never needs {} of `{name}`: {demand} are enough at its peak",
                    instances(wanted)
                ),
            )
            .at(expansion.node.get("to_at_least"), format!("{wanted} expected"))
            .help(format!(
                "{} at {} an instance are {demand}; raise `to_rate`, or expect less",
                rounded(peak.per_s),
                rounded(target)
            ))
            .report();
        }
    }

    /// A deadline that the autoscaler cannot meet fails whatever the system does.
    pub(super) fn contraction_in_time(&self, contraction: &Read<'t, Contraction>) {
        let value = &contraction.value;
        let (Some(surge_end_us), Some(peak)) = (self.last_surge_end_us(), self.peak()) else { return };
        for (name, group) in self.primaries() {
            let Some(autoscaler) = &group.value.autoscaler else { continue };
            if value.group.as_ref().is_some_and(|wanted| wanted != name)
                || autoscaler.min_replicas > autoscaler.max_replicas
            {
                continue;
            }
            let loaded = self.loaded_group().filter(|(loaded, ..)| *loaded == name);
            let highest = loaded.map_or(autoscaler.max_replicas, |(.., target)| {
                demand_replicas(peak.per_s, target, 0.0).min(autoscaler.max_replicas)
            });
            let lowest = group.value.replicas + value.tolerance.unwrap_or(0);
            let (spec, settings) = (autoscaler_spec(autoscaler), autoscaler_settings(autoscaler));
            let node = contraction.node.get("within");
            let Some(time) = earliest_contraction(&spec, &settings, highest, lowest) else {
                self.warning("never-contracts", format!("the autoscaler of `{name}` never scales down"))
                    .at(contraction.node, "cannot be met")
                    .and(group.node.get("autoscaler").get("scale_down"), "allows no step down")
                    .report();
                continue;
            };
            let Deadline::Within(within) = value.within else { continue };
            let deadline_us = self.anchor_us(value.from.unwrap_or(Anchor::Quiesce)) + within.us;
            let allowed = Span::from_us(deadline_us.saturating_sub(surge_end_us));
            let least = Span::from_us(time.total_us());
            if allowed < least {
                let stabilization =
                    group.node.get("autoscaler").get("scale_down").get("stabilization_window");
                self.warning(
                    "deadline-too-short",
                    format!("`{name}` cannot contract in time: its autoscaler takes {least} at the least"),
                )
                .at(node, format!("ends {allowed} after the surge"))
                .and(stabilization, "counts into it")
                .help(format!(
                    "{} of stabilization, {} for {} of its policies, {} until the next sync; allow more, or write \
                     `within = \"auto\"`",
                    Span::from_us(time.window_us),
                    Span::from_us(time.policy_us),
                    if time.steps == 1 { "1 step".to_owned() } else { format!("{} steps", time.steps) },
                    Span::from_us(time.sync_us)
                ))
                .report();
            }
        }
    }
}

/// A rate without the noise of floats, to be shown.
fn rounded(per_s: f64) -> Rate {
    Rate::per_second((per_s * 1_000.0).round() / 1_000.0)
}
