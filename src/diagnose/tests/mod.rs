//! Every code once with a history in which it is the cause, and once with one in which it is not.

mod held;
mod objects;
mod playbook;
mod premise;
mod service;
mod supply;

use crate::autoscaler::{ConditionStatus, Reason};
use crate::check::{Finding, Outcome};
use crate::history::*;

use super::diagnose;
use super::story::*;

/// Codes of the causes of one finding, in order.
fn codes(story: Story, finding: &Finding) -> Vec<String> {
    let causes = diagnose(&story.tracks(), std::slice::from_ref(finding)).remove(&finding.id);
    causes.expect("a finding that did not pass has causes").into_iter().map(|cause| cause.code).collect()
}

/// What the causes of one finding say.
fn seen(story: Story, finding: &Finding) -> String {
    let causes = diagnose(&story.tracks(), std::slice::from_ref(finding)).remove(&finding.id).unwrap();
    causes.into_iter().map(|cause| format!("{} [{}]: {}\n", cause.code, cause.object, cause.seen)).collect()
}

fn contraction() -> Finding {
    finding("contraction-0", Outcome::Fail, "not-contracted")
}

/// Two instances calm, five from 20 s on; whether they go is another matter.
fn surged() -> Story {
    Story::new("a surge")
        .desired(0.0, "primary", 2, "declared", "as the scenario has it")
        .starts(0.2, "primary-1")
        .starts(0.2, "primary-2")
        .route(1.5, "primary", 2)
        .surge(15.0, 35.0)
        .desired(18.0, "primary", 5, "autoscaler", "")
        .starts(18.1, "primary-3")
        .starts(18.1, "primary-4")
        .starts(18.1, "primary-5")
}

/// The same, and a decision every second that `shape` makes what it is; up to 18 s there are two, then five.
fn decided(shape: impl Fn(f64, Decided) -> Decided) -> Story {
    (1..80).map(f64::from).fold(surged(), |story, at| {
        let current = if at <= 18.0 { 2 } else { 5 };
        let recommended = if (18.0..36.0).contains(&at) { 5 } else { 2 };
        story.decide(at, shape(at, decision(at, current, recommended)))
    })
}

fn back(story: Story, at: f64) -> Story {
    story
        .desired(at, "primary", 2, "autoscaler", "")
        .ends(at, "primary-3")
        .ends(at, "primary-4")
        .ends(at, "primary-5")
}

/// Held by a recommendation of the past.
fn stabilized(mut decided: Decided) -> Decided {
    decided.decision.conditions.able_to_scale = condition(Reason::ScaleDownStabilized);
    decided
}

/// Slowed or held by a bound or limit.
fn limited(mut decided: Decided, reason: Reason, desired: u32) -> Decided {
    decided.decision.conditions.scaling_limited = condition(reason);
    decided.decision.desired = desired;
    decided.decision.limited = Some(desired);
    decided.decision.stabilized = decided.decision.recommended;
    decided
}

#[test]
fn a_pass_has_no_causes() {
    let pass = finding("contraction-0", Outcome::Pass, "contracted");
    assert!(diagnose(&decided(|_, d| stabilized(d)).tracks(), &[pass]).is_empty());
}

#[test]
fn what_nothing_explains_is_said_to_be_so_with_the_facts() {
    let story = decided(|_, d| d);
    assert_eq!(codes(decided(|_, d| d), &contraction()), ["undiagnosed"]);
    insta::assert_snapshot!(seen(story, &contraction()));
}

#[test]
fn two_defects_yield_both() {
    // A minimum above what is needed, and an instance that ignores its end.
    let story =
        decided(|at, d| if at <= 38.0 { d } else { limited(decision(at, 4, 2), Reason::TooFewReplicas, 4) })
            .desired(38.0, "primary", 4, "autoscaler", "")
            .instance(38.0, "primary-5", InstanceState::Terminating, "scale-down");
    assert_eq!(codes(story, &contraction()), ["hpa-floor-raised", "termination-overdue"]);
}

#[test]
fn defects_and_autoscalers_of_the_scenario_are_never_read() {
    use std::collections::BTreeMap;

    use crate::scenario::*;
    let with = |scenario: &mut Scenario| {
        let autoscaler = LocalAutoscaler {
            min_replicas: 4,
            max_replicas: 5,
            target_utilization: Share::percent(60),
            sync_period: None,
            tolerance: None,
            scale_up: ScalingRules::default(),
            scale_down: ScalingRules {
                select_policy: Some(SelectPolicy::Disabled),
                ..ScalingRules::default()
            },
        };
        let defects = Defects { leaves_behind: Some(1), never_replaced: Some(true), ..Defects::default() };
        let group = Group {
            replicas: 2,
            capacity: None,
            startup: None,
            service_time: None,
            concurrency: None,
            queue: None,
            grace: None,
            price: None,
            autoscaler: Some(autoscaler),
            takes_over_from: None,
            promoted_replicas: None,
            tear_down: None,
            replacement_price: None,
            defects,
            workload: None,
        };
        scenario.target = Target::Local(BTreeMap::from([("primary".to_owned(), group)]));
    };
    for shape in [|_: f64, d| stabilized(d), |_: f64, d| limited(d, Reason::ScaleDownLimit, 5), |_: f64, d| d]
    {
        let recorded = decided(shape).scenario(with);
        assert_eq!(seen(recorded, &contraction()), seen(decided(shape), &contraction()));
    }
}

#[test]
fn the_same_cause_of_two_findings_is_told_to_both() {
    let spend = finding("idle-spend", Outcome::Fail, "residual-spend");
    let causes = diagnose(&decided(|_, d| stabilized(d)).tracks(), &[contraction(), spend]);
    assert_eq!(causes["contraction-0"], causes["idle-spend"]);
}

proptest::proptest! {
    /// Histories that make no sense: still a cause for everything, and never a panic.
    #[test]
    fn nothing_is_ever_left_without_a_word(
        events in proptest::collection::vec((0_u32..80, 0_u8..12, 0_u32..6), 0..60),
        sealed: bool,
        inconclusive: bool,
        window in proptest::option::of((0_u32..100, 0_u32..40)),
    ) {
        let mut story = Story::new("noise").surge(15.0, 35.0);
        let writers = ["declared", "autoscaler", "failover", "ops-bot"];
        for (n, (t, what, k)) in events.into_iter().enumerate() {
            let (at, name) = (f64::from(t), format!("primary-{k}"));
            story = match what {
                0 => story.desired(at, "primary", k, writers[n % 4], "noise"),
                1 => story.instance(at, &name, InstanceState::Starting, ""),
                2 => story.instance(at, &name, InstanceState::Ready, ""),
                3 => story.instance(at, &name, InstanceState::Terminating, ""),
                4 => story.instance(at, &name, InstanceState::Gone, "noise"),
                5 => story.decide(at, stabilized(decision(at, k + 1, 1))),
                6 => story.decide(at, limited(decision(at, k + 1, 1), Reason::ScaleDownLimit, k)),
                7 => story.decide(at, inactive(decision(at, k + 1, 1), Reason::FailedGetPodsMetric)),
                8 => story.route(at, "primary", k),
                9 => story.load(u64::from(t), u64::from(t) + 1, 40, u64::from(k), 2),
                10 => story.fault(at, "primary", IntentAction::Lose { instances: vec![name], lasts_us: us(3.0) }),
                _ => story.priced(at, &name, "0.30"),
            };
        }
        let tracks = if sealed { story } else { story.unsealed() }.tracks();
        let outcome = if inconclusive { Outcome::Inconclusive } else { Outcome::Fail };
        for id in [
            "baseline", "expansion-0", "replacement", "contraction-0", "standby-released-0", "idle-spend", "recovery",
            "objective-x", "burn-rate-0", "stop-error_ratio", "history", "load", "fault-0", "nothing-left", "new-kind",
        ] {
            let mut finding = finding(id, outcome, "never-expanded");
            finding.window_us = window.map(|(from, length)| (us(f64::from(from)), us(f64::from(from + length))));
            let causes = diagnose(&tracks, std::slice::from_ref(&finding));
            proptest::prop_assert!(!causes[id].is_empty());
            for cause in &causes[id] {
                proptest::prop_assert!(!cause.seen.is_empty() && !cause.next_step.is_empty() && !cause.object.is_empty());
            }
        }
    }
}

fn inactive(mut decided: Decided, reason: Reason) -> Decided {
    decided.decision.recommended = None;
    decided.decision.conditions.scaling_active = condition(reason);
    decided.decision.conditions.scaling_active.status = ConditionStatus::False;
    decided
}
