//! When what happens, from the end of the baseline phase, as far as it is written.

use super::Rules;
use crate::scenario::model::{Anchor, FaultAction, Surge, Termination};
use crate::scenario::tree::Node;
use crate::scenario::units::Span;
use crate::scenario::{Shape, local_defaults};

/// Nothing lasts longer: a suite has to end before the next night.
const RUN_MAX: Span = Span::from_secs(24 * 3_600);
const WARM_UP: Span = Span::from_secs(120);
const HOLD: Span = Span::from_secs(30);

/// A stretch of time in which something is expected.
pub(super) struct Window<'t> {
    pub(super) node: &'t Node,
    pub(super) anchor: Anchor,
    /// Deadline and hold.
    pub(super) length: Span,
}

impl<'t> Rules<'_, 't> {
    pub(super) fn first_surge_us(&self) -> Option<u64> {
        self.draft.surges.iter().map(|surge| surge.value.at.us).min()
    }

    pub(super) fn last_surge_end_us(&self) -> Option<u64> {
        self.draft.surges.iter().map(|surge| end_us(&surge.value)).max()
    }

    fn fault_ends(&self) -> impl Iterator<Item = (u64, &FaultAction, &'t Node)> {
        self.draft.faults.iter().map(|fault| {
            let action = &fault.value.action;
            let takes = match (action.lasts(), action) {
                (Some(lasts), _) => lasts,
                (None, FaultAction::Terminate { how: Termination::Kill, .. }) => Span::from_us(0),
                (None, _) => {
                    let grace = self.group(action.group()).map(|group| group.value.grace_or_default());
                    grace.unwrap_or(local_defaults::GRACE)
                }
            };
            (fault.value.at.us + takes.us, action, fault.node)
        })
    }

    /// When an anchor comes, where everything goes as written.
    pub(super) fn anchor_us(&self, anchor: Anchor) -> u64 {
        let fault_end = self.fault_ends().map(|(end, ..)| end).max().unwrap_or(0);
        let end_of = |counts: fn(&FaultAction) -> bool| {
            self.fault_ends().filter(|(_, action, _)| counts(action)).map(|(end, ..)| end).max().unwrap_or(0)
        };
        let surge_end = self.last_surge_end_us().unwrap_or(0);
        match anchor {
            Anchor::SurgeStart => self.first_surge_us().unwrap_or(0),
            Anchor::SurgeEnd => surge_end,
            Anchor::Healed => end_of(|action| action.lasts().is_some()),
            Anchor::PrimaryHealthy => end_of(FaultAction::can_take_down),
            Anchor::Quiesce => surge_end.max(fault_end),
        }
    }

    /// The windows of all expectations that have one.
    pub(super) fn windows(&self) -> Vec<Window<'t>> {
        let expect = &self.draft.expect;
        let sum = |within: Span, hold: Option<Span>| Span::from_us(within.us + hold.unwrap_or(HOLD).us);
        let quiesce = Anchor::Quiesce;
        let mut windows = Vec::new();
        windows.extend(expect.expansion.iter().map(|read| Window {
            node: read.node,
            anchor: read.value.from.unwrap_or(Anchor::SurgeStart),
            length: read.value.within,
        }));
        windows.extend(expect.contraction.iter().map(|read| Window {
            node: read.node,
            anchor: read.value.from.unwrap_or(quiesce),
            length: match read.value.within {
                crate::scenario::Deadline::Within(within) => sum(within, read.value.hold),
                crate::scenario::Deadline::Auto => read.value.hold.unwrap_or(HOLD),
            },
        }));
        windows.extend(expect.standby_released.iter().map(|read| Window {
            node: read.node,
            anchor: read.value.from.unwrap_or(quiesce),
            length: sum(read.value.within, read.value.hold),
        }));
        windows.extend(expect.idle_spend.iter().map(|read| Window {
            node: read.node,
            anchor: read.value.from.unwrap_or(quiesce),
            length: sum(read.value.after, read.value.hold),
        }));
        windows.extend(expect.nothing_left.iter().map(|read| Window {
            node: read.node,
            anchor: read.value.from.unwrap_or(quiesce),
            length: sum(read.value.after, read.value.hold),
        }));
        windows.extend(expect.recovery.iter().map(|read| Window {
            node: read.node,
            anchor: read.value.from.unwrap_or(quiesce),
            length: sum(read.value.within, read.value.hold),
        }));
        windows
    }

    /// No run may take longer than a day.
    pub(super) fn length(&self) {
        let run = self.draft.root.get("run");
        let warm_up =
            (self.draft.timing.warm_up.unwrap_or(WARM_UP).us, run.get("warm_up"), "waits this long");
        let surges = self.draft.surges.iter().map(|surge| (end_us(&surge.value), surge.node));
        let stimulus =
            surges.chain(self.fault_ends().map(|(end, _, node)| (end, node))).max_by_key(|(end, _)| *end);
        let (stimulus_us, stimulus_node) = stimulus.unwrap_or((0, Node::absent()));
        let watch = self
            .windows()
            .into_iter()
            .map(|window| (window.length.us, window.node))
            .max_by_key(|(us, _)| *us);
        let (watch_us, watch_node) = watch.unwrap_or((0, Node::absent()));
        let parts = [
            warm_up,
            (stimulus_us, stimulus_node, "the last stimulus, which ends so late"),
            (watch_us, watch_node, "is watched for so long"),
        ];
        let total: u64 = parts.iter().map(|(us, ..)| us).sum();
        if total <= RUN_MAX.us {
            return;
        }
        if let Some((_, node, label)) = parts.into_iter().max_by_key(|(us, ..)| *us) {
            self.error(
                "run-too-long",
                format!("the run could take {}, more than {RUN_MAX}", Span::from_us(total)),
            )
            .at(node, label)
            .help(format!(
                "up to {} of warm-up, {} of stimuli and {} of watching; is a unit wrong?",
                Span::from_us(warm_up.0),
                Span::from_us(stimulus_us),
                Span::from_us(watch_us)
            ))
            .report();
        }
    }

    /// A fault at a time when nobody looks any more proves nothing.
    pub(super) fn unwatched_faults(&self) {
        let expect = self.draft.root.get("expect");
        let watched_throughout = !self.draft.root.get("slo").entries().is_empty()
            || !expect.get("burn_rate").is_absent()
            || self
                .windows()
                .iter()
                .any(|window| !matches!(window.anchor, Anchor::SurgeStart | Anchor::SurgeEnd));
        if watched_throughout || expect.entries().is_empty() {
            return;
        }
        let until =
            self.windows().iter().map(|window| self.anchor_us(window.anchor) + window.length.us).max();
        let until_us = until.unwrap_or(0);
        for fault in &self.draft.faults {
            let replaced = fault.value.action.ends_some() && !expect.get("replacement").is_absent();
            if fault.value.at.us > until_us && !replaced {
                self.warning("fault-unwatched", "nothing is expected any more when this fault happens")
                    .at(fault.node.get("at"), format!("at {}", fault.value.at))
                    .help(format!(
                        "the last expectation ends at {}; expect something that counts from quiesce, or inject it earlier",
                        Span::from_us(until_us)
                    ))
                    .report();
            }
        }
    }
}

pub(super) fn end_us(surge: &Surge) -> u64 {
    surge.at.us + surge.shape.lasts().us
}

/// What a surge puts above the baseline at a moment.
fn above_baseline(surge: &Surge, baseline: f64, at_us: u64) -> f64 {
    let Some(since_us) = at_us.checked_sub(surge.at.us).filter(|_| at_us < end_us(surge)) else { return 0.0 };
    let height = surge.shape.to_rate().per_s - baseline;
    let part = |of: Span| since_us as f64 / of.us.max(1) as f64;
    match &surge.shape {
        Shape::Ramp { over, .. } => height * part(*over).min(1.0),
        Shape::Spike { lasts, .. } => height * (1.0 - part(*lasts)),
        Shape::Step { .. } | Shape::Poisson { .. } => height,
    }
}

/// The highest total rate. Rates are straight between the moments at which a surge begins, ends or stops rising.
pub(super) fn peak_per_s<'s>(surges: impl Iterator<Item = &'s Surge> + Clone, baseline: f64) -> f64 {
    let mut moments = Vec::new();
    for surge in surges.clone() {
        let last = end_us(surge).saturating_sub(1);
        moments.extend([surge.at.us, last]);
        if let Shape::Ramp { over, .. } = surge.shape {
            moments.push((surge.at.us + over.us).min(last));
        }
    }
    let total = |at| baseline + surges.clone().map(|surge| above_baseline(surge, baseline, at)).sum::<f64>();
    moments.into_iter().map(total).fold(baseline, f64::max)
}
