//! What Object and External metrics ask for, and what several metrics ask for together.

use super::super::{MetricOutcome, Usage};
use super::*;

fn outside(is_object: bool, target: ValueTarget) -> MetricSpec {
    let name = "load".to_owned();
    if is_object { MetricSpec::Object { name, target } } else { MetricSpec::External { name, target } }
}

fn outcome(metric: &MetricSpec, value_milli: i64, change: impl FnOnce(&mut Input)) -> MetricOutcome {
    let mut input = input(START, 10, &[(metric.key().as_str(), Reading::ValueMilli(value_milli))]);
    change(&mut input);
    let spec = spec(vec![metric.clone()], 1, 1_000);
    let decision = decide(&spec, &Settings::default(), &mut State::default(), &input);
    decision.metrics.into_iter().next().expect("one metric").outcome
}

fn proposal(metric: &MetricSpec, value_milli: i64, change: impl FnOnce(&mut Input)) -> u32 {
    match outcome(metric, value_milli, change) {
        MetricOutcome::Valid { proposal, .. } => proposal,
        MetricOutcome::Invalid { message, .. } => panic!("invalid: {message}"),
    }
}

#[test]
fn a_value_scales_the_pods_that_are_running_and_ready() {
    for is_object in [false, true] {
        let metric = outside(is_object, ValueTarget::ValueMilli(1_000));
        assert_eq!(proposal(&metric, 2_000, |_| {}), 20);
        assert_eq!(proposal(&metric, 1_100, |_| {}), 10, "within the tolerance");
        let three_out = |input: &mut Input| {
            input.pods[0].phase = Phase::Pending;
            input.pods[1].ready = Some(Ready { status: ConditionStatus::Unknown, since_us: 0 });
            input.pods[2].ready = None;
        };
        assert_eq!(proposal(&metric, 2_000, three_out), 14);
        let deleting = |input: &mut Input| input.pods[0].deleting = true;
        assert_eq!(proposal(&metric, 2_000, deleting), 20, "one that is going away is still ready");
    }
}

#[test]
fn a_value_without_pods_is_no_answer_unless_it_is_within_the_tolerance() {
    let metric = outside(true, ValueTarget::ValueMilli(1_000));
    let gone = |input: &mut Input| input.pods.clear();
    assert!(matches!(outcome(&metric, 2_000, gone), MetricOutcome::Invalid { .. }));
    assert_eq!(proposal(&metric, 1_000, gone), 10);
}

#[test]
fn a_share_is_of_the_replicas_that_there_are() {
    for is_object in [false, true] {
        let metric = outside(is_object, ValueTarget::AverageMilli(1_000));
        let usage = Usage::AverageMilli(1_251);
        let expected = MetricOutcome::Valid { usage, ratio: Some(1.2501), assumed_ratio: None, proposal: 13 };
        assert_eq!(outcome(&metric, 12_501, |_| {}), expected);
        assert_eq!(
            proposal(&metric, 12_501, |input| input.status_replicas = 12),
            12,
            "not of those asked for"
        );
    }
}

#[test]
fn a_share_among_no_replicas_is_no_number() {
    let metric = outside(true, ValueTarget::AverageMilli(1_000));
    let outcome = outcome(&metric, 3_000, |input| input.status_replicas = 0);
    assert!(matches!(outcome, MetricOutcome::Valid { ratio: None, proposal: 3, .. }), "{outcome:?}");
}

#[test]
fn a_negative_external_sum_counts_as_an_overflow() {
    let share = ValueTarget::AverageMilli(1_000);
    assert_eq!(proposal(&outside(false, share), -1, |_| {}), 2_147_483_647);
    assert_eq!(proposal(&outside(true, share), -1, |_| {}), 0, "an object's value is what it is");
    assert_eq!(
        proposal(&outside(false, ValueTarget::ValueMilli(1_000)), -1, |_| {}),
        0,
        "so is a value in itself"
    );
}

#[test]
fn a_negative_proposal_is_one_of_zero() {
    let metric = MetricSpec::Object { name: "load".into(), target: ValueTarget::ValueMilli(1_000) };
    let mut controller = Controller::of(spec(vec![metric], 1, 100));
    let decision = controller.sync(&input(START, 10, &[("Object/load", Reading::ValueMilli(-5_000))]));
    assert_eq!(decision.recommended, Some(0));
    assert_eq!(controller.state.recommendations.last().map(|note| note.replicas), Some(0));
}

#[test]
fn an_outside_metric_needs_one_value() {
    let metric = outside(false, ValueTarget::ValueMilli(1_000));
    let none = outcome(&metric, 0, |input| input.readings.clear());
    assert!(
        matches!(none, MetricOutcome::Invalid { reason: Reason::FailedGetExternalMetric, .. }),
        "{none:?}"
    );
    let of_pods = outcome(&metric, 0, |input| {
        input.readings.insert("External/load".into(), samples(&[Some(1)], START));
    });
    assert!(matches!(of_pods, MetricOutcome::Invalid { .. }), "{of_pods:?}");
}

/// Two queues that ask for so much, or are broken.
fn two(current: u32, wanted: [Option<i64>; 2]) -> Decision {
    let names = ["External/a", "External/b"];
    let readings = names.iter().zip(wanted).map(|(key, wanted)| {
        let broken = Reading::Error("down".into());
        (*key, wanted.map_or(broken, |wanted| Reading::ValueMilli(wanted * 1_000)))
    });
    let queue =
        |name: &str| MetricSpec::External { name: name.into(), target: ValueTarget::AverageMilli(1_000) };
    let input = input(START, current, &readings.collect::<Vec<_>>());
    Controller::of(spec(vec![queue("a"), queue("b")], 1, 100)).sync(&input)
}

#[test]
fn the_largest_of_several_proposals_wins() {
    assert_eq!(two(10, [Some(3), Some(12)]).recommended, Some(12));
    assert_eq!(two(10, [Some(12), Some(3)]).recommended, Some(12));
}

#[test]
fn a_broken_metric_blocks_contraction() {
    for wanted in [[Some(9), None], [None, Some(9)]] {
        let decision = two(10, wanted);
        assert_eq!((decision.desired, decision.recommended), (10, None));
        assert_eq!(active(&decision), (ConditionStatus::False, Reason::FailedGetExternalMetric));
        assert_eq!(able(&decision), (ConditionStatus::True, Reason::SucceededGetScale));
    }
}

#[test]
fn a_broken_metric_does_not_block_growth() {
    let decision = two(10, [None, Some(12)]);
    assert_eq!(decision.desired, 12);
    assert_eq!(active(&decision), (ConditionStatus::True, Reason::ValidMetricFound));
    assert_eq!(two(10, [None, Some(10)]).recommended, Some(10), "nor does it block standing still");
}

#[test]
fn only_broken_metrics_give_no_answer() {
    let decision = two(10, [None, None]);
    assert_eq!((decision.desired, decision.recommended), (10, None));
    assert_eq!(decision.metrics.len(), 2);
    assert_eq!(active(&decision), (ConditionStatus::False, Reason::FailedGetExternalMetric));
}

#[test]
fn the_first_broken_metric_is_the_one_named() {
    let metrics = vec![cpu(50), queue()];
    let decision = Controller::of(spec(metrics, 1, 100)).sync(&input(START, 5, &[]));
    assert_eq!(active(&decision), (ConditionStatus::False, Reason::FailedGetResourceMetric));
}

#[test]
fn every_kind_of_metric_has_a_reason_of_its_own() {
    let target = ResourceTarget::AverageMilli(1);
    let expected = [
        (cpu(50), Reason::FailedGetResourceMetric),
        (
            MetricSpec::ContainerResource { name: "cpu".into(), container: "app".into(), target },
            Reason::FailedGetContainerResourceMetric,
        ),
        (MetricSpec::Pods { name: "load".into(), average_milli: 1 }, Reason::FailedGetPodsMetric),
        (outside(true, ValueTarget::ValueMilli(1)), Reason::FailedGetObjectMetric),
        (outside(false, ValueTarget::ValueMilli(1)), Reason::FailedGetExternalMetric),
    ];
    for (metric, reason) in expected {
        let decision = Controller::of(spec(vec![metric], 1, 100)).sync(&input(START, 5, &[]));
        assert_eq!(active(&decision), (ConditionStatus::False, reason));
    }
}

#[test]
fn no_metrics_at_all_stand_for_cpu_at_80_percent() {
    let input = input(START, 2, &[("Resource/cpu", samples(&[Some(1_000), Some(1_000)], START))]);
    let decision = Controller::of(spec(Vec::new(), 1, 100)).sync(&input);
    assert_eq!(decision.recommended, Some(3), "2 · 100 % / 80 %");
}
