//! Objectives, limits on burn, and stop conditions.

use super::Rules;
use crate::scenario::model::{Scenario, StopCondition};
use crate::scenario::spelling::listed;
use crate::scenario::tree::{Node, Value};
use crate::scenario::units::{Share, Span};

/// A shorter window would stop a run for a hiccup.
const STOP_WINDOW_MIN: Span = Span::from_secs(30);

impl Rules<'_, '_> {
    pub(super) fn objectives(&self) {
        let slo = self.draft.root.get("slo");
        if !slo.entries().is_empty() && !self.has_load() {
            self.error("no-load", "objectives are about requests, and there are none: `[load]` is missing")
                .at(&slo.entries()[0].node, "counts requests")
                .report();
        }
        for (name, objective) in &self.draft.slo {
            let target = objective.value.target;
            let node = objective.node.get("target");
            if target == Share::WHOLE {
                self.error(
                    "no-error-budget",
                    format!(
                        "`{name}` leaves no error budget: with a target of 100% a burn rate means nothing"
                    ),
                )
                .at(node, "one bad request would fail it")
                .help("promise a little less, for example \"99.99%\"")
                .report();
            } else if target.ppb == 0 {
                self.error("no-objective", format!("`{name}` is always met: its target is 0%"))
                    .at(node, "nothing can miss it")
                    .help("write the share of requests that must be good, for example \"99%\"")
                    .report();
            }
            let timeout = self.draft.load.as_ref().and_then(|load| Some((load.value.timeout?, load.node)));
            if let (Some(under), Some((timeout, load))) = (objective.value.under, timeout)
                && under > timeout
            {
                self.error(
                    "beyond-timeout",
                    format!("`{name}` waits longer for an answer than the load does"),
                )
                .at(objective.node.get("under"), format!("good within {under}"))
                .and(load.get("timeout"), format!("given up after {timeout}"))
                .help("an answer after the timeout is never seen: raise `timeout`, or lower `under`")
                .report();
            }
        }
        for limit in &self.draft.expect.burn_rate {
            self.can_trip("`burn_rate`", limit.node, "at_most", limit.value.at_most, &limit.value.objective);
        }
    }

    pub(super) fn stop(&self) {
        for condition in &self.draft.stop {
            let node = condition.node;
            let over = match &condition.value {
                StopCondition::BurnRate { objective, above, over } => {
                    self.can_trip("`stop.burn_rate`", node, "above", *above, objective);
                    Some(over)
                }
                StopCondition::ErrorRatio { over, .. } => Some(over),
                StopCondition::SpendRate { .. } => None,
            };
            let Some(over) = over else { continue };
            if *over < STOP_WINDOW_MIN {
                self.error(
                    "window-too-short",
                    format!("a stop condition needs a window of at least {STOP_WINDOW_MIN}"),
                )
                .at(node.get("over"), format!("{over} only"))
                .help("in a shorter one a handful of requests would end the run")
                .report();
            }
            if !self.has_load() && self.draft.root.get("slo").is_absent() {
                self.error(
                    "no-load",
                    "this condition is about requests, and there are none: `[load]` is missing",
                )
                .at(node, "counts requests")
                .report();
            }
        }
    }

    fn can_trip(&self, what: &str, node: &Node, key: &str, limit: f64, objective: &str) {
        let Some(objective_read) = self.draft.slo.get(objective) else { return };
        let target = objective_read.value.target;
        let budget = target.complement().ratio();
        // All requests failing burn at 1 / (1 − target); the tiny margin is for limits that are exactly that.
        if budget <= 0.0 || limit * budget < 1.0 - 1e-9 {
            return;
        }
        let highest = ((1.0 / budget) * 1_000.0).round() / 1_000.0;
        self.error(
            "never-trips",
            format!("{what} can never trip: `{objective}` burns at {highest} when every request fails"),
        )
        .at(node.get(key), format!("a limit of {limit}"))
        .and(
            objective_read.node.get("target"),
            format!("{target} leaves a budget of {}", target.complement()),
        )
        .help(format!("a burn rate is the error ratio divided by the budget; give a limit below {highest}"))
        .report();
    }

    /// Latencies are counted while a run goes on, for the thresholds that it was given.
    pub(super) fn countable(&self, recorded: &Scenario) {
        let mut counted: Vec<Span> = recorded.slo.values().filter_map(|objective| objective.under).collect();
        counted.sort_unstable();
        counted.dedup();
        for (name, objective) in &self.draft.slo {
            let Some(under) = objective.value.under.filter(|under| !counted.contains(under)) else {
                continue;
            };
            let known: Vec<String> = counted.iter().map(Span::to_string).collect();
            let help = match known.as_slice() {
                [] => "no latency objective was recorded; run the scenario again with this one".to_owned(),
                known => format!(
                    "counted were {}; use one of these, or run the scenario again",
                    listed(known.iter().map(String::as_str), "and")
                ),
            };
            self.error(
                "not-counted",
                format!("`{name}` cannot be judged: answers within {under} were not counted"),
            )
            .at(objective.node.get("under"), "another threshold than in the run")
            .help(help)
            .report();
        }
    }

    /// A recorded burn limit that stays needs its objective to stay, too.
    pub(super) fn burn_limits_keep_their_objectives(&self) {
        if !self.draft.root.get("expect").is_absent() {
            return;
        }
        let slo = self.draft.root.get("slo");
        for limit in &self.draft.expect.burn_rate {
            let objective = &limit.value.objective;
            if slo.get(objective).is_absent() && matches!(slo.value, Value::Table(_)) {
                self.error(
                    "unknown-objective",
                    format!("the recorded burn limit is about `{objective}`, which is not declared here"),
                )
                .at(slo, "replaces all recorded objectives")
                .help(format!("declare `{objective}` too, or replace the expectations as well"))
                .report();
            }
        }
    }
}
