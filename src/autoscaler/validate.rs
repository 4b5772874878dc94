//! What is wrong with a specification.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Behavior, MetricSpec, ResourceTarget, ScalingRules, Settings, Spec, ValueTarget};

const SECOND_US: u64 = 1_000_000;
const PERIOD_MAX_US: u64 = 1_800 * SECOND_US;
const WINDOW_MAX_US: u64 = 3_600 * SECOND_US;
const REPLICAS_MAX: u32 = i32::MAX as u32;

/// One thing that is wrong with a specification.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// The field, such as `behavior.scale_down.policies[0].period_us`.
    pub field: String,
    /// What is wrong with it.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.message)
    }
}

/// Everything that is wrong with a specification under these settings; empty if nothing is. The rules are
/// those of the API server for `autoscaling/v2`, except that an HPA without metrics is a mistake here, where
/// the API would add one, and that an empty list of policies stands for the default policies.
pub fn validate(spec: &Spec, settings: &Settings) -> Vec<Problem> {
    let mut problems = Problems::default();
    problems.check_replicas(spec, settings);
    if spec.metrics.is_empty() {
        problems.add("metrics", "is empty; there is nothing to scale by");
    }
    for (index, metric) in spec.metrics.iter().enumerate() {
        problems.check_metric(&format!("metrics[{index}]"), metric);
    }
    problems.check_share("settings.tolerance", settings.tolerance);
    if settings.sync_period_us == 0 {
        problems.add("settings.sync_period_us", "must be above 0");
    }
    if let Some(Behavior { scale_up, scale_down }) = &spec.behavior {
        problems.check_rules("behavior.scale_up", scale_up);
        problems.check_rules("behavior.scale_down", scale_down);
    }
    problems.found
}

#[derive(Default)]
struct Problems {
    found: Vec<Problem>,
}

impl Problems {
    fn add(&mut self, field: impl Into<String>, message: impl Into<String>) {
        self.found.push(Problem { field: field.into(), message: message.into() });
    }

    fn check_replicas(&mut self, spec: &Spec, settings: &Settings) {
        let Spec { min_replicas: min, max_replicas: max, .. } = *spec;
        if max == 0 {
            self.add("max_replicas", "must be above 0");
        }
        if max > REPLICAS_MAX {
            self.add("max_replicas", format!("is {max}, above the largest possible, {REPLICAS_MAX}"));
        }
        if min > max {
            self.add("max_replicas", format!("is {max}, below min_replicas, which is {min}"));
        }
        if min == 0 && !settings.scale_to_zero {
            self.add(
                "min_replicas",
                "is 0, which needs the controller's scale_to_zero (gate HPAScaleToZero)",
            );
        }
        if min == 0 && !spec.sees_load_at_zero() {
            let message =
                "need an Object or External metric when min_replicas is 0: no other sees load at zero";
            self.add("metrics", message);
        }
    }

    fn check_metric(&mut self, field: &str, metric: &MetricSpec) {
        match metric {
            MetricSpec::Resource { name, target } => {
                self.check_name(&format!("{field}.name"), name);
                self.check_resource_target(field, *target);
            }
            MetricSpec::ContainerResource { name, container, target } => {
                self.check_name(&format!("{field}.name"), name);
                self.check_name(&format!("{field}.container"), container);
                self.check_resource_target(field, *target);
            }
            MetricSpec::Pods { name, average_milli } => {
                self.check_name(&format!("{field}.name"), name);
                self.check_amount(&format!("{field}.average_milli"), *average_milli);
            }
            MetricSpec::Object { name, target } | MetricSpec::External { name, target } => {
                self.check_name(&format!("{field}.name"), name);
                let (ValueTarget::ValueMilli(milli) | ValueTarget::AverageMilli(milli)) = *target;
                self.check_amount(&format!("{field}.target"), milli);
            }
        }
    }

    fn check_resource_target(&mut self, field: &str, target: ResourceTarget) {
        let amount = match target {
            ResourceTarget::UtilizationPercent(percent) => i64::from(percent),
            ResourceTarget::AverageMilli(milli) => milli,
        };
        self.check_amount(&format!("{field}.target"), amount);
    }

    fn check_name(&mut self, field: &str, name: &str) {
        if name.is_empty() {
            self.add(field, "is empty");
        }
    }

    fn check_amount(&mut self, field: &str, amount: i64) {
        if amount <= 0 {
            self.add(field, format!("is {amount}; must be above 0"));
        }
    }

    fn check_share(&mut self, field: &str, share: f64) {
        if !(share.is_finite() && share >= 0.0) {
            self.add(field, format!("is {share}; must be 0 or more"));
        }
    }

    fn check_rules(&mut self, field: &str, rules: &ScalingRules) {
        if rules.stabilization_window_us.is_some_and(|window_us| window_us > WINDOW_MAX_US) {
            self.add(format!("{field}.stabilization_window_us"), "must be 1 hour or less");
        }
        if let Some(tolerance) = rules.tolerance {
            self.check_share(&format!("{field}.tolerance"), tolerance);
        }
        for (index, policy) in rules.policies.iter().enumerate() {
            let field = format!("{field}.policies[{index}]");
            if policy.value == 0 {
                self.add(format!("{field}.value"), "must be above 0");
            }
            if policy.value > REPLICAS_MAX {
                self.add(format!("{field}.value"), format!("must be {REPLICAS_MAX} or less"));
            }
            if policy.period_us == 0 {
                self.add(format!("{field}.period_us"), "must be above 0");
            }
            if policy.period_us > PERIOD_MAX_US {
                self.add(format!("{field}.period_us"), "must be 30 minutes or less");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Policy, PolicyKind};
    use super::*;

    fn sound() -> Spec {
        let target = ResourceTarget::UtilizationPercent(50);
        Spec {
            min_replicas: 1,
            max_replicas: 5,
            metrics: vec![MetricSpec::Resource { name: "cpu".into(), target }],
            behavior: Some(Behavior::default()),
        }
    }

    fn fields(change: impl FnOnce(&mut Spec, &mut Settings)) -> Vec<String> {
        let (mut spec, mut settings) = (sound(), Settings::default());
        change(&mut spec, &mut settings);
        validate(&spec, &settings).into_iter().map(|problem| problem.field).collect()
    }

    #[test]
    fn a_sound_specification_has_no_problem() {
        assert_eq!(validate(&sound(), &Settings::default()), []);
        assert_eq!(validate(&sound().with_defaults(), &Settings::default()), [], "with defaults");
    }

    #[test]
    fn replicas_have_an_order() {
        assert_eq!(fields(|spec, _| spec.max_replicas = 0), ["max_replicas", "max_replicas"]);
        assert_eq!(fields(|spec, _| spec.min_replicas = 6), ["max_replicas"]);
        assert_eq!(fields(|spec, _| spec.max_replicas = u32::MAX), ["max_replicas"]);
    }

    #[test]
    fn zero_needs_the_gate_and_a_metric_that_sees_load_there() {
        assert_eq!(fields(|spec, _| spec.min_replicas = 0), ["min_replicas", "metrics"]);
        let with_queue = |spec: &mut Spec| {
            spec.min_replicas = 0;
            spec.metrics
                .push(MetricSpec::External { name: "queue".into(), target: ValueTarget::AverageMilli(1) });
        };
        assert_eq!(fields(|spec, _| with_queue(spec)), ["min_replicas"]);
        let both = fields(|spec, settings| {
            with_queue(spec);
            settings.scale_to_zero = true;
        });
        assert!(both.is_empty(), "{both:?}");
    }

    #[test]
    fn metrics_have_names_and_positive_targets() {
        assert_eq!(fields(|spec, _| spec.metrics.clear()), ["metrics"]);
        let bad = vec![
            MetricSpec::Resource { name: String::new(), target: ResourceTarget::UtilizationPercent(0) },
            MetricSpec::ContainerResource {
                name: "cpu".into(),
                container: String::new(),
                target: ResourceTarget::AverageMilli(-1),
            },
            MetricSpec::Pods { name: "rps".into(), average_milli: 0 },
            MetricSpec::Object { name: "hits".into(), target: ValueTarget::ValueMilli(0) },
        ];
        let expected = [
            "metrics[0].name",
            "metrics[0].target",
            "metrics[1].container",
            "metrics[1].target",
            "metrics[2].average_milli",
            "metrics[3].target",
        ];
        assert_eq!(fields(|spec, _| spec.metrics = bad), expected);
    }

    #[test]
    fn rules_have_limits_of_their_own() {
        let rules = ScalingRules {
            stabilization_window_us: Some(WINDOW_MAX_US + 1),
            tolerance: Some(-0.1),
            policies: vec![
                Policy { kind: PolicyKind::Pods, value: 0, period_us: 0 },
                Policy { kind: PolicyKind::Percent, value: u32::MAX, period_us: PERIOD_MAX_US + 1 },
            ],
            ..ScalingRules::default()
        };
        let expected = |direction: &str| {
            let fields = [
                "stabilization_window_us",
                "tolerance",
                "policies[0].value",
                "policies[0].period_us",
                "policies[1].value",
                "policies[1].period_us",
            ];
            fields.map(|field| format!("behavior.{direction}.{field}"))
        };
        let up = Behavior { scale_up: rules.clone(), ..Behavior::default() };
        assert_eq!(fields(|spec, _| spec.behavior = Some(up)), expected("scale_up"));
        let down = Behavior { scale_down: rules, ..Behavior::default() };
        assert_eq!(fields(|spec, _| spec.behavior = Some(down)), expected("scale_down"));
    }

    #[test]
    fn the_limits_themselves_are_allowed() {
        let policies = vec![Policy { kind: PolicyKind::Pods, value: REPLICAS_MAX, period_us: PERIOD_MAX_US }];
        let rules = ScalingRules {
            stabilization_window_us: Some(WINDOW_MAX_US),
            tolerance: Some(0.0),
            policies,
            ..Default::default()
        };
        let at_limits = Behavior { scale_up: rules.clone(), scale_down: rules };
        let fields = fields(|spec, _| spec.behavior = Some(at_limits));
        assert!(fields.is_empty(), "{fields:?}");
    }

    #[test]
    fn settings_are_checked_too() {
        assert_eq!(fields(|_, settings| settings.tolerance = f64::NAN), ["settings.tolerance"]);
        assert_eq!(fields(|_, settings| settings.sync_period_us = 0), ["settings.sync_period_us"]);
    }
}
