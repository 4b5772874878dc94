//! The traffic and its surges.

use super::Rules;
use super::timeline::peak_per_s;
use crate::scenario::model::{Load, Shape, Surge};
use crate::scenario::reader::Read;
use crate::scenario::units::Rate;

/// What this machine can be trusted to send on time.
const RATE_MAX: Rate = Rate::per_second(5_000.0);
/// Fewer extra requests than this and chance decides how high a Poisson surge gets: 100 ± 10.
const POISSON_MIN: f64 = 100.0;

impl Rules<'_, '_> {
    /// Something should happen to the system.
    pub(super) fn anything_done(&self) {
        let faults = self.draft.root.get("fault");
        if !self.has_surge() && faults.items().is_empty() {
            self.warning(
                "no-stimulus",
                "nothing is done to the system: there is neither a surge nor a fault",
            )
            .at(self.draft.root, "in this file")
            .help("add a `[[load.surge]]` or a `[[fault]]`; without one only the calm system is looked at")
            .report();
        }
    }

    pub(super) fn load(&self) {
        let Some(load) = &self.draft.load else { return };
        for surge in &self.draft.surges {
            self.surge(load, surge);
        }
        let baseline = load.value.baseline_rate;
        if baseline > RATE_MAX {
            self.error(
                "rate-too-high",
                format!("{baseline} are more than the {RATE_MAX} that loopback is good for"),
            )
            .at(load.node.get("baseline_rate"), "too much")
            .report();
            return;
        }
        let peak = peak_per_s(self.draft.surges.iter().map(|surge| &surge.value), baseline.per_s);
        if peak > RATE_MAX.per_s {
            let highest = self
                .draft
                .surges
                .iter()
                .max_by(|a, b| a.value.shape.to_rate().per_s.total_cmp(&b.value.shape.to_rate().per_s));
            let alone = highest.is_some_and(|surge| surge.value.shape.to_rate() > RATE_MAX);
            let how = if alone { "" } else { " where surges overlap" };
            let node = highest
                .map_or(load.node, |surge| surge.node.get(shape_key(&surge.value.shape)).get("to_rate"));
            self.error(
                "rate-too-high",
                format!(
                    "the load reaches {}/s{how}, more than the {RATE_MAX} that loopback is good for",
                    peak.round()
                ),
            )
            .at(node, if alone { "too much" } else { "the highest of them" })
            .help("overlapping surges add what each puts above the baseline")
            .report();
        }
    }

    fn surge(&self, load: &Read<'_, Load>, surge: &Read<'_, Surge>) {
        let shape = &surge.value.shape;
        let node = surge.node.get(shape_key(shape));
        let baseline = load.value.baseline_rate;
        if shape.to_rate() <= baseline {
            self.error(
                "surge-below-baseline",
                format!("this surge does not rise above the baseline of {baseline}: `to_rate` is the total"),
            )
            .at(node.get("to_rate"), format!("{} in total", shape.to_rate()))
            .and(load.node.get("baseline_rate"), "flows all the time")
            .help("write the sum of both")
            .report();
        }
        if let Shape::Ramp { over, lasts, .. } = shape
            && lasts < over
        {
            self.error("ramp-cut-short", format!("this ramp rises for {over} but is over after {lasts}"))
                .at(node.get("lasts"), "includes the rise")
                .and(node.get("over"), "the rise alone")
                .help("`lasts` is the length of the whole surge: make it at least as long as `over`")
                .report();
        }
    }

    /// A surge that is too small to be felt whatever the seed.
    pub(super) fn left_to_chance(&self) {
        let Some(load) = &self.draft.load else { return };
        let baseline = load.value.baseline_rate;
        for surge in &self.draft.surges {
            let Shape::Poisson { to_rate, lasts } = &surge.value.shape else { continue };
            let extra = (to_rate.per_s - baseline.per_s) * lasts.as_secs_f64();
            if extra > 0.0 && extra < POISSON_MIN {
                self.warning(
                    "left-to-chance",
                    format!(
                        "this surge amounts to about {} extra requests, give or take {}: whether it is felt is left to chance",
                        extra.round(),
                        extra.sqrt().round()
                    ),
                )
                .at(surge.node.get("poisson"), "random arrivals")
                .help("make it longer or higher, or use `step`, whose arrivals are evenly spaced")
                .report();
            }
        }
    }
}

fn shape_key(shape: &Shape) -> &'static str {
    match shape {
        Shape::Ramp { .. } => "ramp",
        Shape::Step { .. } => "step",
        Shape::Spike { .. } => "spike",
        Shape::Poisson { .. } => "poisson",
    }
}
