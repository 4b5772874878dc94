//! What a group is like where its scenario does not say: one place, for the worlds and for what `plan` prints.

use crate::autoscaler;

use super::model::{
    Distribution, Group, HpaController, LocalAutoscaler, PolicyAmount, ScalingRules, SelectPolicy,
    ServiceTime,
};
use super::units::Span;

/// From spawn to ready.
pub const STARTUP: Span = Span::from_secs(1);
/// How long one request takes: always the same.
pub const SERVICE_TIME: Span = Span::from_ms(20);
/// Requests that one instance works on at once, where it has no capacity to derive that from.
pub const CONCURRENCY: u32 = 4;
/// Requests that may wait in one instance.
pub const QUEUE: u32 = 100;
/// How long a terminating instance may take.
pub const GRACE: Span = Span::from_secs(5);
/// How long a terminating pod may take: Kubernetes' default `terminationGracePeriodSeconds`.
pub const POD_GRACE: Span = Span::from_secs(30);
/// Time between two decisions of an autoscaler.
pub const SYNC_PERIOD: Span = Span::from_secs(15);
/// How far back an autoscaler's recommendations count on the way down.
pub const SCALE_DOWN_WINDOW: Span = Span::from_secs(300);
/// How far back they count on the way up.
pub const SCALE_UP_WINDOW: Span = Span::from_us(0);
/// The name under which an autoscaler measures how busy an instance is.
///
/// It is a resource, because the target is a utilization; and `cpu`, because that is the resource for which
/// Kubernetes asks whether an instance is ready before it believes its samples.
pub const METRIC: &str = "cpu";

impl Group {
    /// From spawn to ready; default [`STARTUP`].
    pub fn startup_or_default(&self) -> Span {
        self.startup.unwrap_or(STARTUP)
    }

    /// How long one request takes; default always [`SERVICE_TIME`].
    pub fn service_time_or_default(&self) -> ServiceTime {
        self.service_time
            .clone()
            .unwrap_or(ServiceTime { mean: SERVICE_TIME, distribution: Distribution::Constant })
    }

    /// Requests that one instance works on at once. By default twice as many as its capacity keeps busy, so that an
    /// instance at its capacity does not queue and one far above it does; [`CONCURRENCY`] without a capacity.
    pub fn concurrency_or_default(&self) -> u32 {
        self.concurrency.unwrap_or_else(|| match self.capacity {
            Some(capacity) => {
                let busy = 2.0 * capacity.per_s * self.service_time_or_default().mean.as_secs_f64();
                // The small subtraction keeps 2 × 50/s × 20 ms at 2 in spite of floating point.
                (busy - 1e-9).ceil().max(1.0) as u32
            }
            None => CONCURRENCY,
        })
    }

    /// Requests that may wait in one instance; default [`QUEUE`].
    pub fn queue_or_default(&self) -> u32 {
        self.queue.unwrap_or(QUEUE)
    }

    /// How long a terminating instance may take; default [`GRACE`], of a pod [`POD_GRACE`].
    pub fn grace_or_default(&self) -> Span {
        self.grace.unwrap_or(if self.workload.is_some() { POD_GRACE } else { GRACE })
    }

    /// Instances of a standby while it stands in; by default as many as while it sleeps, one at least.
    pub fn promoted_replicas_or_default(&self) -> u32 {
        self.promoted_replicas.unwrap_or(self.replicas.max(1))
    }
}

impl LocalAutoscaler {
    /// Time between two decisions; default [`SYNC_PERIOD`].
    pub fn sync_period_or_default(&self) -> Span {
        self.sync_period.unwrap_or(SYNC_PERIOD)
    }

    /// Target utilization in whole percent, as an autoscaler has it; at least 1.
    pub fn target_percent(&self) -> u32 {
        ((self.target_utilization.ratio() * 100.0).round() as u32).max(1)
    }
}

impl HpaController {
    /// Time between two syncs; default [`SYNC_PERIOD`].
    pub fn sync_period_or_default(&self) -> Span {
        self.sync_period.unwrap_or(SYNC_PERIOD)
    }

    /// How far back recommendations count on the way down, where an HPA does not say; default [`SCALE_DOWN_WINDOW`].
    pub fn downscale_stabilization_or_default(&self) -> Span {
        self.downscale_stabilization.unwrap_or(SCALE_DOWN_WINDOW)
    }

    /// The same in the autoscaler's own terms.
    pub fn settings(&self) -> autoscaler::Settings {
        let defaults = autoscaler::Settings::default();
        autoscaler::Settings {
            sync_period_us: self.sync_period_or_default().us,
            downscale_stabilization_us: self.downscale_stabilization_or_default().us,
            tolerance: self.tolerance.map_or(defaults.tolerance, |share| share.ratio()),
            cpu_initialization_period_us: self
                .cpu_initialization_period
                .map_or(defaults.cpu_initialization_period_us, |span| span.us),
            initial_readiness_delay_us: self
                .initial_readiness_delay
                .map_or(defaults.initial_readiness_delay_us, |span| span.us),
            ..defaults
        }
    }
}

/// The specification that a local autoscaler follows, in the words of autoscaling/v2.
///
/// Requests a second are the resource, an instance's capacity is what it requests, and the target is a utilization
/// of that: so instances without a sample, or not ready yet, are treated as Kubernetes treats them for a CPU target.
pub fn autoscaler_spec(scaler: &LocalAutoscaler) -> autoscaler::Spec {
    autoscaler::Spec {
        min_replicas: scaler.min_replicas,
        max_replicas: scaler.max_replicas,
        metrics: vec![autoscaler::MetricSpec::Resource {
            name: METRIC.to_owned(),
            target: autoscaler::ResourceTarget::UtilizationPercent(scaler.target_percent()),
        }],
        behavior: Some(
            autoscaler::Behavior {
                scale_up: rules(&scaler.scale_up, SCALE_UP_WINDOW),
                scale_down: rules(&scaler.scale_down, SCALE_DOWN_WINDOW),
            }
            .with_defaults(),
        ),
    }
}

/// The settings of the controller that carries a local autoscaler out.
///
/// Samples count from the first one on (they are measured over one sync, not smoothed over minutes), and an instance
/// that has never been ready does not count at all, as Kubernetes has it with its default readiness delay.
pub fn autoscaler_settings(scaler: &LocalAutoscaler) -> autoscaler::Settings {
    let defaults = autoscaler::Settings::default();
    autoscaler::Settings {
        sync_period_us: scaler.sync_period_or_default().us,
        downscale_stabilization_us: SCALE_DOWN_WINDOW.us,
        tolerance: scaler.tolerance.map_or(defaults.tolerance, |share| share.ratio()),
        cpu_initialization_period_us: 0,
        ..defaults
    }
}

fn rules(rules: &ScalingRules, window: Span) -> autoscaler::ScalingRules {
    autoscaler::ScalingRules {
        stabilization_window_us: Some(rules.stabilization_window.unwrap_or(window).us),
        select_policy: match rules.select_policy {
            None | Some(SelectPolicy::Max) => autoscaler::SelectPolicy::Max,
            Some(SelectPolicy::Min) => autoscaler::SelectPolicy::Min,
            Some(SelectPolicy::Disabled) => autoscaler::SelectPolicy::Disabled,
        },
        policies: rules.policies.iter().flatten().map(policy).collect(),
        tolerance: rules.tolerance.map(|share| share.ratio()),
    }
}

fn policy(policy: &super::model::ScalingPolicy) -> autoscaler::Policy {
    let (kind, value) = match policy.amount {
        PolicyAmount::Pods(pods) => (autoscaler::PolicyKind::Pods, pods),
        PolicyAmount::Percent(percent) => (autoscaler::PolicyKind::Percent, percent),
    };
    autoscaler::Policy { kind, value, period_us: policy.period.us }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{Rate, Share};

    fn group() -> Group {
        Group {
            replicas: 2,
            capacity: None,
            startup: None,
            service_time: None,
            concurrency: None,
            queue: None,
            grace: None,
            price: None,
            autoscaler: None,
            takes_over_from: None,
            promoted_replicas: None,
            tear_down: None,
            replacement_price: None,
            defects: Default::default(),
            workload: None,
        }
    }

    fn scaler() -> LocalAutoscaler {
        LocalAutoscaler {
            min_replicas: 2,
            max_replicas: 12,
            target_utilization: Share::percent(60),
            sync_period: None,
            tolerance: None,
            scale_up: ScalingRules::default(),
            scale_down: ScalingRules::default(),
        }
    }

    #[test]
    fn concurrency_is_twice_what_the_capacity_keeps_busy() {
        let with = |per_s| Group { capacity: Some(Rate::per_second(per_s)), ..group() };
        assert_eq!(group().concurrency_or_default(), 4);
        assert_eq!(with(50.0).concurrency_or_default(), 2);
        assert_eq!(with(51.0).concurrency_or_default(), 3);
        assert_eq!(with(1.0).concurrency_or_default(), 1);
        assert_eq!(Group { concurrency: Some(9), ..with(50.0) }.concurrency_or_default(), 9);
    }

    #[test]
    fn an_autoscaler_takes_kubernetes_defaults_where_nothing_is_written() {
        let (spec, settings) = (autoscaler_spec(&scaler()), autoscaler_settings(&scaler()));
        assert_eq!(autoscaler::validate(&spec, &settings), []);
        let behavior = spec.behavior.unwrap();
        assert_eq!(behavior.scale_up.stabilization_window_us, Some(0));
        assert_eq!(behavior.scale_down.stabilization_window_us, Some(300_000_000));
        assert_eq!((behavior.scale_up.policies.len(), behavior.scale_down.policies.len()), (2, 1));
        assert_eq!((settings.sync_period_us, settings.tolerance), (15_000_000, 0.1));
    }

    #[test]
    fn an_autoscaler_keeps_what_is_written() {
        let written = LocalAutoscaler {
            sync_period: Some(Span::from_secs(1)),
            tolerance: Some(Share::percent(5)),
            scale_down: ScalingRules {
                stabilization_window: Some(Span::from_secs(5)),
                select_policy: Some(SelectPolicy::Min),
                policies: Some(vec![crate::scenario::ScalingPolicy {
                    amount: PolicyAmount::Pods(2),
                    period: Span::from_secs(3),
                }]),
                tolerance: Some(Share::percent(20)),
            },
            ..scaler()
        };
        let settings = autoscaler_settings(&written);
        assert_eq!((settings.sync_period_us, settings.tolerance), (1_000_000, 0.05));
        let down = autoscaler_spec(&written).behavior.unwrap().scale_down;
        assert_eq!(down.stabilization_window_us, Some(5_000_000));
        assert_eq!(down.select_policy, autoscaler::SelectPolicy::Min);
        assert_eq!(
            down.policies,
            [autoscaler::Policy { kind: autoscaler::PolicyKind::Pods, value: 2, period_us: 3_000_000 }]
        );
        assert_eq!(down.tolerance, Some(0.2));
    }
}
