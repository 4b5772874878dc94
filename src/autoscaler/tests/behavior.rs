//! Stabilization and limits, with and without a behavior.

use super::super::{ScaleEvent, SelectPolicy};
use super::PolicyKind::{Percent, Pods};
use super::*;

fn plain() -> Controller {
    Controller::of(spec(vec![queue()], 1, 100))
}

fn with(scale_up: ScalingRules, scale_down: ScalingRules) -> Controller {
    Controller::of(with_behavior(spec(vec![queue()], 1, 1_000), scale_up, scale_down))
}

fn event(change: i32, ago_s: u64) -> ScaleEvent {
    ScaleEvent { change, at_us: START - ago_s * S, outdated: false }
}

#[test]
fn default_policies_double_the_replicas() {
    let decision = with(ScalingRules::default(), ScalingRules::default()).ask(0, 10, 50);
    assert_eq!(decision.desired, 20);
    assert_eq!(limited(&decision), (ConditionStatus::True, Reason::ScaleUpLimit));
    assert_eq!((decision.recommended, decision.stabilized, decision.limited), (Some(50), Some(50), Some(20)));
}

#[test]
fn default_policies_always_allow_four_more() {
    assert_eq!(with(ScalingRules::default(), ScalingRules::default()).ask(0, 1, 50).desired, 5);
}

#[test]
fn a_policy_that_is_used_up_allows_nothing() {
    let mut controller = with(policies(0, &[(Pods, 5, 120)]), ScalingRules::default());
    controller.state.scale_up_events = vec![event(15, 119)];
    let decision = controller.ask(0, 100, 150);
    assert_eq!(decision.desired, 100);
    assert_eq!(limited(&decision), (ConditionStatus::True, Reason::ScaleUpLimit));
}

#[test]
fn a_policy_that_is_used_up_never_moves_the_other_way() {
    let mut controller = with(ScalingRules::default(), policies(0, &[(Pods, 5, 120)]));
    controller.state.scale_down_events = vec![event(15, 119)];
    let decision = controller.ask(0, 100, 50);
    assert_eq!(decision.desired, 100, "not 110, from where 5 fewer would be allowed");
    assert_eq!(limited(&decision), (ConditionStatus::True, Reason::ScaleDownLimit));
}

#[test]
fn a_policy_forgets_after_its_period() {
    let mut controller = with(policies(0, &[(Pods, 5, 120)]), ScalingRules::default());
    controller.state.scale_up_events = vec![event(15, 120)];
    assert_eq!(controller.ask(0, 100, 150).desired, 105);
}

#[test]
fn a_percentage_down_is_of_the_start_of_the_period() {
    let mut controller = with(ScalingRules::default(), policies(0, &[(Percent, 50, 120)]));
    controller.state.scale_down_events = vec![event(12, 60)];
    let decision = controller.ask(0, 100, 0);
    assert_eq!(decision.desired, 56);
    assert_eq!(limited(&decision), (ConditionStatus::True, Reason::ScaleDownLimit));
}

#[test]
fn what_was_removed_may_come_back() {
    let mut controller = with(policies(0, &[(Pods, 5, 120)]), ScalingRules::default());
    controller.state.scale_down_events = vec![event(10, 60)];
    assert_eq!(controller.ask(0, 100, 150).desired, 115);
}

#[test]
fn what_was_added_may_go_again() {
    let mut controller = with(ScalingRules::default(), policies(0, &[(Pods, 5, 120)]));
    controller.state.scale_up_events = vec![event(10, 60)];
    assert_eq!(controller.ask(0, 100, 0).desired, 85);
}

#[test]
fn the_selected_policy_rules() {
    let both = [(Pods, 3, 60), (Percent, 20, 60)];
    let desired = |select_policy, wanted| {
        let rules = ScalingRules { select_policy, ..policies(0, &both) };
        with(rules.clone(), rules).ask(0, 100, wanted).desired
    };
    assert_eq!(desired(SelectPolicy::Max, 200), 120);
    assert_eq!(desired(SelectPolicy::Min, 200), 103);
    assert_eq!(desired(SelectPolicy::Disabled, 200), 100);
    assert_eq!(desired(SelectPolicy::Max, 1), 80);
    assert_eq!(desired(SelectPolicy::Min, 1), 97);
    assert_eq!(desired(SelectPolicy::Disabled, 1), 100);
}

#[test]
fn percentages_round_up_in_growth_and_down_in_shrinking() {
    let one_percent = policies(0, &[(Percent, 1, 60)]);
    assert_eq!(with(one_percent.clone(), one_percent.clone()).ask(0, 10, 20).desired, 11, "10.1");
    assert_eq!(with(one_percent.clone(), one_percent).ask(0, 10, 1).desired, 9, "9.9");
}

#[test]
fn percentages_are_floats() {
    // As floats, 100 · 1.1 is a hair above 110. The controller grows by one more then, and so does this.
    assert_eq!(
        with(policies(0, &[(Percent, 10, 60)]), ScalingRules::default()).ask(0, 100, 200).desired,
        111
    );
}

#[test]
fn more_than_a_whole_percentage_down_ends_at_the_minimum() {
    let decision = with(ScalingRules::default(), policies(0, &[(Percent, 150, 60)])).ask(0, 10, 0);
    assert_eq!(decision.desired, 1);
    assert_eq!(limited(&decision), (ConditionStatus::True, Reason::TooFewReplicas));
}

#[test]
fn one_step_after_another_takes_the_periods() {
    let mut controller = with(ScalingRules::default(), policies(0, &[(Pods, 2, 60)]));
    let mut replicas = 10;
    let mut seen = Vec::new();
    for sync in 0..10 {
        replicas = controller.ask(sync * 15, replicas, 3).desired;
        seen.push(replicas);
    }
    // A sync every 15 s, a step a minute.
    assert_eq!(seen, [8, 8, 8, 8, 6, 6, 6, 6, 4, 4]);
}

#[test]
fn the_down_window_holds_the_highest_recommendation() {
    let mut controller = with(ScalingRules::default(), policies(60, &[(Percent, 100, 15)]));
    controller.ask(0, 10, 10);
    controller.ask(15, 10, 8);
    controller.ask(30, 10, 4);
    let held = controller.ask(59, 10, 2);
    assert_eq!((held.desired, held.stabilized), (10, Some(10)));
    assert_eq!(able(&held), (ConditionStatus::True, Reason::ScaleDownStabilized));
    let first = controller.ask(60, 10, 2);
    assert_eq!((first.desired, first.stabilized), (8, Some(8)), "the 10 is exactly as old as the window");
    assert_eq!(controller.ask(75, 8, 2).desired, 4);
    assert_eq!(controller.ask(90, 4, 2).desired, 2);
}

#[test]
fn the_up_window_holds_the_lowest_recommendation() {
    let mut controller = with(policies(60, &[(Pods, 100, 15)]), policies(0, &[(Percent, 100, 15)]));
    controller.ask(0, 10, 10);
    controller.ask(15, 10, 20);
    let held = controller.ask(59, 10, 30);
    assert_eq!((held.desired, held.stabilized), (10, Some(10)));
    assert_eq!(able(&held), (ConditionStatus::True, Reason::ScaleUpStabilized));
    assert_eq!(controller.ask(60, 10, 30).desired, 20, "the 10 is exactly as old as the window");
}

#[test]
fn a_restarted_controller_holds_what_it_finds() {
    let mut controller = with(ScalingRules::default(), ScalingRules::default());
    assert_eq!(controller.ask(0, 10, 2).desired, 10);
    assert_eq!(controller.ask(299, 10, 2).desired, 10);
    assert_eq!(controller.ask(300, 10, 2).desired, 2);
    let mut plain = plain();
    assert_eq!(plain.ask(0, 10, 2).desired, 10);
    assert_eq!(plain.ask(300, 10, 2).desired, 10, "without a behavior also at the exact moment");
    assert_eq!(plain.ask(301, 10, 2).desired, 2);
}

#[test]
fn without_a_window_nothing_is_held() {
    let mut controller = with(ScalingRules::default(), policies(0, &[(Percent, 100, 15)]));
    assert_eq!(controller.ask(0, 10, 2).desired, 2);
    let mut plain = plain();
    plain.settings.downscale_stabilization_us = 0;
    assert_eq!(plain.ask(0, 10, 2).desired, 2);
}

#[test]
fn an_own_window_comes_before_the_controllers() {
    let mut own = with(ScalingRules::default(), policies(30, &[(Percent, 100, 15)]));
    own.ask(0, 10, 10);
    assert_eq!(own.ask(30, 10, 2).desired, 2);
    let mut flag = with(ScalingRules::default(), ScalingRules::default());
    flag.settings.downscale_stabilization_us = 45 * S;
    flag.ask(0, 10, 10);
    assert_eq!(flag.ask(30, 10, 2).desired, 10);
    assert_eq!(flag.ask(45, 10, 2).desired, 2);
}

#[test]
fn without_a_behavior_growth_is_a_doubling_or_four() {
    let decision = plain().ask(0, 10, 50);
    assert_eq!(decision.desired, 20);
    assert_eq!(limited(&decision), (ConditionStatus::True, Reason::ScaleUpLimit));
    assert_eq!(plain().ask(0, 1, 50).desired, 4);
}

#[test]
fn without_a_behavior_no_rescale_is_remembered() {
    let mut controller = plain();
    controller.ask(0, 10, 50);
    assert_eq!(controller.state.scale_up_events, []);
    // So the next sync may double again, however soon it comes.
    assert_eq!(controller.ask(1, 20, 50).desired, 40);
}

#[test]
fn a_rescale_to_a_bound_is_remembered_too() {
    let mut controller = with(ScalingRules::default(), policies(0, &[(Pods, 3, 60)]));
    controller.spec.max_replicas = 10;
    assert_eq!(controller.ask(0, 12, 1).desired, 10, "past the policy");
    assert_eq!(controller.ask(15, 10, 1).desired, 9, "3 pods a minute, of which 2 are gone");
}

#[test]
fn a_refused_change_is_not_remembered() {
    let mut controller = with(ScalingRules::default(), policies(0, &[(Pods, 3, 60)]));
    let refused = Input { scale: ScaleAccess::FailedUpdate("conflict".into()), ..asked(START, 10, 1) };
    assert_eq!(controller.sync(&refused).desired, 10);
    assert_eq!(controller.state.scale_down_events, []);
    assert_eq!(controller.ask(15, 10, 1).desired, 7);
}

#[test]
fn old_notes_make_room_for_new_ones() {
    let mut controller = with(policies(0, &[(Pods, 1, 15)]), policies(30, &[(Pods, 1, 15)]));
    let mut replicas = 50;
    for sync in 0..100 {
        let wanted = if sync % 8 < 4 { 100 } else { 1 };
        replicas = controller.ask(sync * 15, replicas, wanted).desired;
    }
    let State { recommendations, scale_up_events, scale_down_events, .. } = &controller.state;
    assert!(recommendations.len() <= 4, "{recommendations:?}");
    assert!(scale_up_events.len() <= 2, "{scale_up_events:?}");
    assert!(scale_down_events.len() <= 2, "{scale_down_events:?}");
}

#[test]
fn a_policy_too_large_for_32_bits_wraps_around() {
    let decision = with(policies(0, &[(Pods, 2_147_483_647, 15)]), ScalingRules::default()).ask(0, 10, 50);
    assert_eq!((decision.desired, limited(&decision).1), (10, Reason::ScaleUpLimit));
}
