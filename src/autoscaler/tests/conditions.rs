//! The order of a sync, and every reason that a condition can have.

use super::super::Conditions;
use super::ConditionStatus::{False, True, Unknown};
use super::*;

fn controller() -> Controller {
    Controller::of(spec(vec![queue()], 2, 10))
}

/// A controller that may go to zero, and has gone there.
fn at_zero() -> Controller {
    let mut controller = Controller::of(with_behavior(
        spec(vec![queue()], 0, 10),
        ScalingRules::default(),
        policies(0, &[(PolicyKind::Percent, 100, 15)]),
    ));
    controller.settings.scale_to_zero = true;
    assert_eq!(controller.ask(0, 3, 0).desired, 0);
    controller
}

#[test]
fn reasons_are_spelled_as_kubernetes_spells_them() {
    assert_eq!(Reason::ScaleDownStabilized.to_string(), "ScaleDownStabilized");
    let json = serde_json::to_string(&Reason::FailedGetContainerResourceMetric).expect("JSON");
    assert_eq!(json, r#""FailedGetContainerResourceMetric""#);
}

#[test]
fn a_steady_target_is_ready_and_within_range() {
    let decision = controller().ask(0, 5, 5);
    assert_eq!(able(&decision), (True, Reason::ReadyForNewScale));
    assert_eq!(limited(&decision), (False, Reason::DesiredWithinRange));
    assert_eq!(active(&decision), (True, Reason::ValidMetricFound));
    assert!(decision.conditions.scaling_active.message.contains("queue"));
}

#[test]
fn a_change_is_a_rescale() {
    let decision = controller().ask(0, 5, 6);
    assert_eq!(decision.desired, 6);
    assert_eq!(able(&decision), (True, Reason::SucceededRescale));
}

#[test]
fn a_held_contraction_is_stabilized() {
    let decision = controller().ask(0, 5, 3);
    assert_eq!((decision.desired, decision.recommended, decision.stabilized), (5, Some(3), Some(5)));
    assert_eq!(able(&decision), (True, Reason::ScaleDownStabilized));
}

#[test]
fn a_refused_change_shows() {
    let input = Input { scale: ScaleAccess::FailedUpdate("conflict".into()), ..asked(START, 5, 6) };
    let decision = controller().sync(&input);
    assert_eq!((decision.desired, decision.limited), (5, Some(6)));
    assert_eq!(able(&decision), (False, Reason::FailedUpdateScale));
    assert_eq!(decision.conditions.able_to_scale.message, "conflict");
}

#[test]
fn a_refusal_matters_only_to_a_change() {
    let input = Input { scale: ScaleAccess::FailedUpdate("conflict".into()), ..asked(START, 5, 5) };
    assert_eq!(able(&controller().sync(&input)), (True, Reason::ReadyForNewScale));
}

#[test]
fn a_scale_that_cannot_be_read_ends_the_sync() {
    let mut controller = controller();
    let input = Input { scale: ScaleAccess::FailedGet("no such scale".into()), ..asked(START, 50, 6) };
    let decision = controller.sync(&input);
    assert_eq!(decision.desired, 50);
    assert_eq!(able(&decision), (False, Reason::FailedGetScale));
    assert_eq!(controller.state.recommendations, [], "nothing is remembered");
}

#[test]
fn bounds_come_before_metrics() {
    let mut above = controller();
    let decision = above.ask(0, 12, 12);
    assert_eq!((decision.desired, decision.recommended), (10, None));
    assert_eq!(able(&decision), (True, Reason::SucceededRescale));
    assert_eq!((limited(&decision).0, active(&decision).0), (Unknown, Unknown));
    assert_eq!(controller().ask(0, 1, 1).desired, 2);
    // Not even a broken metric keeps it from the maximum.
    assert_eq!(controller().sync(&input(START, 12, &[])).desired, 10);
}

#[test]
fn a_recommendation_beyond_a_bound_is_limited() {
    let high = controller().ask(0, 9, 12);
    assert_eq!((high.desired, high.stabilized, high.limited), (10, Some(12), Some(10)));
    assert_eq!(limited(&high), (True, Reason::TooManyReplicas));
    let mut controller = controller();
    controller.settings.downscale_stabilization_us = 0;
    let low = controller.ask(0, 5, 1);
    assert_eq!(low.desired, 2);
    assert_eq!(limited(&low), (True, Reason::TooFewReplicas));
}

#[test]
fn a_behavior_knows_the_same_bounds() {
    let rules = |kind, value| policies(0, &[(kind, value, 60)]);
    let spec = |up, down| with_behavior(spec(vec![queue()], 2, 10), up, down);
    let fast = spec(rules(PolicyKind::Pods, 100), rules(PolicyKind::Pods, 100));
    assert_eq!(limited(&Controller::of(fast.clone()).ask(0, 5, 12)), (True, Reason::TooManyReplicas));
    assert_eq!(limited(&Controller::of(fast.clone()).ask(0, 5, 1)), (True, Reason::TooFewReplicas));
    assert_eq!(limited(&Controller::of(fast).ask(0, 5, 8)), (False, Reason::DesiredWithinRange));
    let slow = spec(rules(PolicyKind::Pods, 1), rules(PolicyKind::Pods, 1));
    assert_eq!(limited(&Controller::of(slow.clone()).ask(0, 5, 12)), (True, Reason::ScaleUpLimit));
    assert_eq!(limited(&Controller::of(slow).ask(0, 5, 1)), (True, Reason::ScaleDownLimit));
}

#[test]
fn a_selector_that_cannot_be_used_stops_the_metrics() {
    let expected = [
        (Selection::Invalid("empty".into()), Reason::InvalidSelector),
        (Selection::Ambiguous("also of web".into()), Reason::AmbiguousSelector),
    ];
    for (selection, reason) in expected {
        let decision = controller().sync(&Input { selection, ..asked(START, 5, 8) });
        assert_eq!((decision.desired, decision.metrics.len()), (5, 0));
        assert_eq!(active(&decision), (False, reason));
        assert_eq!(able(&decision), (True, Reason::SucceededGetScale));
    }
}

#[test]
fn a_condition_stays_until_a_sync_comes_to_it_again() {
    let mut controller = controller();
    assert_eq!(limited(&controller.ask(0, 9, 12)), (True, Reason::TooManyReplicas));
    let broken = controller.sync(&input(START + 15 * S, 10, &[]));
    assert_eq!(active(&broken), (False, Reason::FailedGetExternalMetric));
    assert_eq!(limited(&broken), (True, Reason::TooManyReplicas), "left as it was");
    let healed = controller.ask(301, 10, 10);
    assert_eq!((active(&healed).0, limited(&healed).0), (True, False));
}

#[test]
fn conditions_begin_unknown() {
    let Conditions { able_to_scale, .. } = Conditions::default();
    assert_eq!((able_to_scale.status, able_to_scale.reason), (Unknown, Reason::NeverSet));
}

#[test]
fn a_target_that_somebody_took_to_zero_is_left_there() {
    for (min_replicas, scale_to_zero) in [(2, false), (2, true), (0, true)] {
        let mut controller = controller();
        controller.spec.min_replicas = min_replicas;
        controller.settings.scale_to_zero = scale_to_zero;
        let decision = controller.ask(0, 0, 5);
        assert_eq!((decision.desired, decision.metrics.len()), (0, 0));
        assert_eq!(active(&decision), (False, Reason::ScalingDisabled));
    }
}

#[test]
fn a_target_that_the_autoscaler_took_to_zero_comes_back() {
    let mut controller = at_zero();
    assert_eq!(controller.ask(15, 0, 0).desired, 0);
    assert_eq!(controller.ask(30, 0, 3).desired, 3);
    assert!(!controller.state.scaled_to_zero);
    // Now somebody else takes it to zero.
    assert_eq!(active(&controller.ask(45, 0, 3)), (False, Reason::ScalingDisabled));
}

#[test]
fn nothing_comes_back_from_zero_without_a_metric_that_sees_load_there() {
    let mut controller = at_zero();
    controller.spec.metrics = vec![cpu(50)];
    assert_eq!(active(&controller.ask(15, 0, 3)), (False, Reason::ScalingDisabled));
    controller.spec.min_replicas = 1;
    let raised = controller.ask(30, 0, 3);
    assert_eq!(
        active(&raised),
        (False, Reason::FailedGetResourceMetric),
        "a raised minimum is tried, in vain"
    );

    let mut controller = at_zero();
    controller.spec.metrics = vec![cpu(50)];
    let idle = input(START + 15 * S, 1, &[("Resource/cpu", samples(&[Some(0)], START))]);
    assert_eq!(controller.sync(&idle).desired, 0);
    assert!(!controller.state.scaled_to_zero, "it does not count as one that may come back");
}

#[test]
fn without_the_gate_nothing_comes_back_from_zero() {
    let mut controller = at_zero();
    controller.settings.scale_to_zero = false;
    assert_eq!(active(&controller.ask(15, 0, 3)), (False, Reason::ScalingDisabled));
    controller.settings.scale_to_zero = true;
    assert_eq!(controller.ask(30, 0, 3).desired, 0, "that it had taken it there is forgotten");
}

#[test]
fn a_minimum_raised_at_zero_is_met_at_once() {
    let mut controller = at_zero();
    controller.spec.min_replicas = 7;
    assert_eq!(controller.ask(15, 0, 0).desired, 7, "past what the policies allow");
}

#[test]
fn zero_is_left_by_the_ratio_of_a_value() {
    let mut controller = at_zero();
    controller.spec.metrics =
        vec![MetricSpec::External { name: "queue".into(), target: ValueTarget::ValueMilli(2_000) }];
    assert_eq!(controller.ask(15, 0, 3).desired, 2, "3 / 2, rounded up");
}

#[test]
fn a_decision_survives_json() {
    let mut controller = controller();
    let decision = controller.ask(0, 4, 5);
    let json = serde_json::to_string(&decision).expect("JSON");
    assert_eq!(serde_json::from_str::<Decision>(&json).expect("a decision"), decision);
    let json = serde_json::to_string(&controller.state).expect("JSON");
    assert_eq!(serde_json::from_str::<State>(&json).expect("a state"), controller.state);
    let spec = controller.spec.with_defaults();
    let json = serde_json::to_string(&spec).expect("JSON");
    assert_eq!(serde_json::from_str::<Spec>(&json).expect("a specification"), spec);
}

#[test]
fn a_specification_needs_little() {
    let json = r#"{"max_replicas": 5, "behavior": {}}"#;
    let spec = serde_json::from_str::<Spec>(json).expect("a specification").with_defaults();
    assert_eq!((spec.min_replicas, spec.metrics), (1, vec![cpu(80)]));
    let Behavior { scale_up, scale_down } = spec.behavior.expect("a behavior");
    assert_eq!(scale_up, policies(0, &[(PolicyKind::Pods, 4, 15), (PolicyKind::Percent, 100, 15)]));
    let open =
        ScalingRules { stabilization_window_us: None, ..policies(0, &[(PolicyKind::Percent, 100, 15)]) };
    assert_eq!(scale_down, open, "the controller's flag is the window");
}
