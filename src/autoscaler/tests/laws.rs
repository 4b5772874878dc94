//! What holds for every specification and every history.

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;

use super::super::{MetricOutcome, SelectPolicy, earliest_contraction};
use super::*;

fn policy() -> impl Strategy<Value = Policy> {
    let kind = prop_oneof![Just(PolicyKind::Pods), Just(PolicyKind::Percent)];
    (kind, 1..=120_u32, 1..=120_u64).prop_map(|(kind, value, period_s)| Policy {
        kind,
        value,
        period_us: period_s * S,
    })
}

fn rules() -> impl Strategy<Value = ScalingRules> {
    let select = prop_oneof![
        4 => Just(SelectPolicy::Max),
        2 => Just(SelectPolicy::Min),
        1 => Just(SelectPolicy::Disabled)
    ];
    (option::of(0..=120_u64), select, vec(policy(), 0..3), option::of(0.0..0.5_f64)).prop_map(
        |(window_s, select_policy, policies, tolerance)| ScalingRules {
            stabilization_window_us: window_s.map(|window_s| window_s * S),
            select_policy,
            policies,
            tolerance,
        },
    )
}

fn behavior() -> impl Strategy<Value = Behavior> {
    (rules(), rules()).prop_map(|(scale_up, scale_down)| Behavior { scale_up, scale_down })
}

/// An autoscaler over two queues.
fn any_spec() -> impl Strategy<Value = Spec> {
    (1..=10_u32, 0..=40_u32, option::of(behavior())).prop_map(|(min_replicas, more, behavior)| {
        let other = MetricSpec::External { name: "other".into(), target: ValueTarget::AverageMilli(1_000) };
        Spec { min_replicas, max_replicas: min_replicas + more, metrics: vec![queue(), other], behavior }
    })
}

/// One sync: after so many seconds, with so much in each queue; `None` is a broken metric.
type Step = (u64, [Option<i64>; 2]);

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let wanted = || option::weighted(0.9, 0..60_i64);
    vec((1..=60_u64, (wanted(), wanted())).prop_map(|(wait_s, (a, b))| (wait_s, [a, b])), 1..40)
}

/// A sync with its circumstances.
struct Seen {
    now_us: u64,
    before: u32,
    decision: Decision,
}

/// Runs the steps in a closed loop, from the middle of the bounds.
fn run(spec: &Spec, steps: &[Step]) -> Vec<Seen> {
    let mut controller = Controller::of(spec.clone());
    let mut now_us = START;
    let mut before = u32::midpoint(spec.min_replicas, spec.max_replicas);
    let mut seen = Vec::new();
    for (wait_s, wanted) in steps {
        now_us += wait_s * S;
        let readings = ["External/queue", "External/other"].iter().zip(wanted).map(|(key, wanted)| {
            let broken = Reading::Error("down".into());
            (*key, wanted.map_or(broken, |wanted| Reading::ValueMilli(wanted * 1_000)))
        });
        let decision = controller.sync(&input(now_us, before, &readings.collect::<Vec<_>>()));
        let desired = decision.desired;
        seen.push(Seen { now_us, before, decision });
        before = desired;
    }
    seen
}

fn any_reading() -> impl Strategy<Value = Reading> {
    let sample = (any::<i64>(), any::<u64>(), any::<u64>())
        .prop_map(|(value_milli, at_us, window_us)| Sample { value_milli, at_us, window_us });
    prop_oneof![
        any::<i64>().prop_map(Reading::ValueMilli),
        btree_map("pod-[0-9]", sample, 0..5).prop_map(Reading::Pods),
        Just(Reading::Error("down".into())),
    ]
}

fn extreme_target() -> impl Strategy<Value = MetricSpec> {
    let milli = prop_oneof![any::<i64>(), -2..2_i64];
    (0..5_u8, milli, any::<u32>()).prop_map(|(kind, milli, percent)| match kind {
        0 => cpu(percent),
        1 => MetricSpec::Pods { name: "load".into(), average_milli: milli },
        2 => MetricSpec::Object { name: "load".into(), target: ValueTarget::ValueMilli(milli) },
        3 => MetricSpec::External { name: "load".into(), target: ValueTarget::AverageMilli(milli) },
        _ => MetricSpec::Resource { name: "memory".into(), target: ResourceTarget::AverageMilli(milli) },
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_bounds_are_kept(spec in any_spec(), steps in steps(), start in 1..100_u32) {
        for Seen { decision, .. } in run(&spec, &steps) {
            prop_assert!((spec.min_replicas..=spec.max_replicas).contains(&decision.desired));
        }
        // From outside of them it comes back in one sync, whatever the metrics say.
        let desired = Controller::of(spec.clone()).sync(&asked(START, start, 7)).desired;
        prop_assert!((spec.min_replicas..=spec.max_replicas).contains(&desired));
    }

    #[test]
    fn an_invalid_metric_never_lets_it_shrink(spec in any_spec(), steps in steps()) {
        for Seen { before, decision, .. } in run(&spec, &steps) {
            let is_invalid = |outcome: &MetricOutcome| matches!(outcome, MetricOutcome::Invalid { .. });
            if decision.metrics.iter().any(|metric| is_invalid(&metric.outcome)) {
                prop_assert!(decision.desired >= before);
            }
        }
    }

    #[test]
    fn a_disabled_direction_is_never_taken(spec in any_spec(), steps in steps()) {
        let disabled = |rules: fn(&Behavior) -> &ScalingRules| {
            spec.behavior.as_ref().is_some_and(|own| rules(own).select_policy == SelectPolicy::Disabled)
        };
        for Seen { before, decision, .. } in run(&spec, &steps) {
            prop_assert!(!disabled(|own| &own.scale_down) || decision.desired >= before);
            prop_assert!(!disabled(|own| &own.scale_up) || decision.desired <= before);
        }
    }

    #[test]
    fn it_never_shrinks_below_a_recommendation_of_the_window(spec in any_spec(), steps in steps()) {
        let own_us = spec.behavior.as_ref().and_then(|own| own.scale_down.stabilization_window_us);
        let window_us = own_us.unwrap_or(Settings::default().downscale_stabilization_us);
        let mut recommended = Vec::new();
        for Seen { now_us, before, decision } in run(&spec, &steps) {
            recommended.extend(decision.recommended.map(|replicas| (now_us, replicas)));
            if decision.desired < before {
                let recent = recommended.iter().filter(|(at_us, _)| at_us + window_us > now_us);
                let highest = recent.map(|(_, replicas)| *replicas).max().unwrap_or(0);
                prop_assert!(decision.desired >= highest, "{} < {highest}", decision.desired);
            }
        }
    }

    #[test]
    fn it_never_grows_above_a_recommendation_of_the_window(spec in any_spec(), steps in steps()) {
        let own_us = spec.behavior.as_ref().and_then(|own| own.scale_up.stabilization_window_us);
        let mut recommended = Vec::new();
        for Seen { now_us, before, decision } in run(&spec, &steps) {
            recommended.extend(decision.recommended.map(|replicas| (now_us, replicas)));
            if spec.behavior.is_some() && decision.desired > before {
                let recent = recommended.iter().filter(|(at_us, _)| at_us + own_us.unwrap_or(0) > now_us);
                let lowest = recent.map(|(_, replicas)| *replicas).min().unwrap_or(u32::MAX);
                prop_assert!(decision.desired <= lowest, "{} > {lowest}", decision.desired);
            }
        }
    }

    #[test]
    fn a_policy_of_pods_holds_over_every_period(
        spec in any_spec(),
        steps in steps(),
        v in 1..6_u32,
        p in 1..90_u64,
    ) {
        let spec = with_behavior(spec, ScalingRules::default(), policies(0, &[(PolicyKind::Pods, v, p)]));
        let seen = run(&spec, &steps);
        for end in &seen {
            let is_recent = |at_us| at_us <= end.now_us && at_us + p * S > end.now_us;
            let recent = seen.iter().filter(|sync| is_recent(sync.now_us));
            let (mut added, mut removed) = (0, 0);
            for sync in recent {
                added += sync.decision.desired.saturating_sub(sync.before);
                removed += sync.before.saturating_sub(sync.decision.desired);
            }
            let shrank = end.decision.desired < end.before;
            prop_assert!(!shrank || removed <= v + added, "{removed} gone, {added} new, {v} allowed");
        }
    }

    #[test]
    fn a_steady_demand_within_reach_is_met(spec in any_spec(), wanted in 0..60_i64) {
        let allows_both = |own: &Behavior| {
            [&own.scale_up, &own.scale_down].iter().all(|rules| rules.select_policy != SelectPolicy::Disabled)
        };
        let mut spec = Spec { behavior: spec.behavior.filter(allows_both), ..spec };
        if let Some(own) = &mut spec.behavior {
            (own.scale_up.tolerance, own.scale_down.tolerance) = (None, None);
        }
        let seen = run(&spec, &vec![(30, [Some(wanted), Some(0)]); 400]);
        let goal = u32::try_from(wanted).unwrap_or(0).clamp(spec.min_replicas, spec.max_replicas);
        prop_assert_eq!(seen.last().map(|sync| sync.decision.desired), Some(goal));
    }

    #[test]
    fn the_earliest_contraction_is_when_it_happens(spec in any_spec(), to in 0..60_u32, sync_s in 1..40_u64) {
        let settings = Settings { sync_period_us: sync_s * S, ..no_tolerance() };
        let mut spec = spec;
        if let Some(own) = &mut spec.behavior {
            own.scale_down.tolerance = None;
        }
        let Some(time) = earliest_contraction(&spec, &settings, spec.max_replicas, to) else {
            return Ok(());
        };
        let goal = to.clamp(spec.min_replicas, spec.max_replicas);
        let mut controller = Controller { spec, settings, state: State::default() };
        let mut replicas = controller.spec.max_replicas;
        let mut now_us = START;
        let sync = |controller: &mut Controller, now_us, replicas, wanted: u32| {
            let both = Reading::ValueMilli(i64::from(wanted) * 1_000);
            let readings = [("External/queue", both.clone()), ("External/other", both)];
            controller.sync(&input(now_us, replicas, &readings)).desired
        };
        prop_assert_eq!(sync(&mut controller, now_us, replicas, replicas), replicas);
        while replicas > goal {
            now_us += sync_s * S;
            replicas = sync(&mut controller, now_us, replicas, goal);
            prop_assert!(now_us - START <= time.total_us(), "still at {replicas} after {time:?}");
        }
        prop_assert_eq!(now_us - START, time.total_us());
    }

    #[test]
    fn no_input_is_too_odd(
        metrics in vec(extreme_target(), 1..3),
        bounds in (any::<u32>(), any::<u32>()),
        replicas in (any::<u32>(), any::<u32>()),
        readings in vec(any_reading(), 5),
        request in any::<i64>(),
        rule in (any::<u32>(), any::<u64>(), any::<u64>()),
        tolerance in any::<f64>(),
    ) {
        let (value, period_us, window_us) = rule;
        let policy = |kind| Policy { kind, value, period_us };
        let rules = ScalingRules {
            stabilization_window_us: Some(window_us),
            policies: vec![policy(PolicyKind::Pods), policy(PolicyKind::Percent)],
            tolerance: Some(tolerance),
            ..ScalingRules::default()
        };
        let spec = with_behavior(spec(metrics, bounds.0, bounds.1), rules.clone(), rules);
        let keys = ["Resource/cpu", "Resource/memory", "Pods/load", "Object/load", "External/load"];
        let mut input = input(u64::MAX, 5, &keys.into_iter().zip(readings).collect::<Vec<_>>());
        (input.spec_replicas, input.status_replicas) = replicas;
        for pod in &mut input.pods {
            pod.requests_milli.insert("Resource/cpu".into(), request);
        }
        let mut controller = Controller::of(spec);
        for now_us in [u64::MAX, 0, START] {
            input.now_us = now_us;
            controller.sync(&input);
        }
    }
}
