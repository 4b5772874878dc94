//! What per-pod metrics ask for.

use super::super::{MetricKind, MetricOutcome, PodCounts, Usage};
use super::*;

/// What the first metric proposes, with the default settings and a fresh memory.
fn first(metric: MetricSpec, input: &Input) -> (MetricOutcome, PodCounts) {
    let decision = decide(&spec(vec![metric], 1, 1_000), &Settings::default(), &mut State::default(), input);
    let metric = decision.metrics.into_iter().next().expect("one metric");
    (metric.outcome, metric.pods)
}

fn proposal(metric: MetricSpec, input: &Input) -> u32 {
    match first(metric, input).0 {
        MetricOutcome::Valid { proposal, .. } => proposal,
        MetricOutcome::Invalid { message, .. } => panic!("invalid: {message}"),
    }
}

fn error(metric: MetricSpec, input: &Input) -> String {
    match first(metric, input).0 {
        MetricOutcome::Valid { proposal, .. } => panic!("proposes {proposal}"),
        MetricOutcome::Invalid { message, .. } => message,
    }
}

fn cpu_input(values: &[Option<i64>]) -> Input {
    let replicas = u32::try_from(values.len()).expect("few pods");
    input(START, replicas, &[("Resource/cpu", samples(values, START))])
}

fn all(values: &[i64]) -> Vec<Option<i64>> {
    values.iter().copied().map(Some).collect()
}

fn never_ready(pod: &mut Pod) {
    pod.ready = Some(Ready { status: ConditionStatus::False, since_us: 10 * S });
}

#[test]
fn utilization_is_the_whole_percentage_of_all_requests() {
    let (outcome, counts) = first(cpu(50), &cpu_input(&all(&[100, 300, 500, 250, 250])));
    let usage = Usage::Utilization { percent: 28, average_milli: 280 };
    let expected = MetricOutcome::Valid { usage, ratio: Some(0.56), assumed_ratio: None, proposal: 3 };
    assert_eq!(outcome, expected);
    assert_eq!(counts, PodCounts { ready: 5, ..PodCounts::default() });
}

#[test]
fn a_fraction_of_a_percent_is_dropped() {
    // 1109 of 2000 is 55.45 %, which as 55 % is still within the tolerance of 50 %.
    assert_eq!(proposal(cpu(50), &cpu_input(&all(&[554, 555]))), 2);
    assert_eq!(proposal(cpu(50), &cpu_input(&all(&[560, 560]))), 3, "56 % is not");
}

#[test]
fn unready_pods_do_not_count_on_the_way_down() {
    let mut input = cpu_input(&all(&[100, 300, 500, 250, 250]));
    input.pods[3..].iter_mut().for_each(never_ready);
    assert_eq!(proposal(cpu(50), &input), 2);
    assert_eq!(first(cpu(50), &input).1, PodCounts { ready: 3, unready: 2, ..PodCounts::default() });
}

#[test]
fn pending_pods_do_not_count_on_the_way_down() {
    let mut input = cpu_input(&[Some(100), None, None, None, None]);
    input.pods[1..].iter_mut().for_each(|pod| pod.phase = Phase::Pending);
    assert_eq!(proposal(cpu(50), &input), 1);
}

#[test]
fn unready_pods_count_as_idle_on_the_way_up() {
    // Two pods at 100 % of a target of 50 % would make four of them. The unready two slow it to the same four
    // in all: (200 % / 4 pods) / 50 % is 1.
    let mut input = cpu_input(&all(&[1_000, 1_000, 900, 900]));
    input.pods[2..].iter_mut().for_each(never_ready);
    assert_eq!(proposal(cpu(50), &input), 4);
    let (outcome, _) = first(cpu(30), &input);
    let usage = Usage::Utilization { percent: 100, average_milli: 1_000 };
    let (ratio, assumed_ratio) = (Some(100.0 / 30.0), Some(50.0 / 30.0));
    assert_eq!(outcome, MetricOutcome::Valid { usage, ratio, assumed_ratio, proposal: 7 });
}

#[test]
fn missing_pods_count_as_busy_on_the_way_down() {
    // Three pods at 10 % of a target of 50 %, a fourth assumed at 100 %: 32 % on average.
    let missing = cpu_input(&[Some(100), Some(100), Some(100), None]);
    assert_eq!(proposal(cpu(50), &missing), 3);
    assert_eq!(first(cpu(50), &missing).1, PodCounts { ready: 3, missing: 1, ..PodCounts::default() });
    // With a target above 100 % it is assumed to be at the target: (3 · 10 % + 200 %) / 4 of 200 % is 0.285.
    assert_eq!(proposal(cpu(200), &missing), 2);
}

#[test]
fn missing_pods_count_as_idle_on_the_way_up() {
    // 200 % over three pods is 66 % each, 1.32 times the target.
    assert_eq!(proposal(cpu(50), &cpu_input(&[Some(1_000), Some(1_000), None])), 4);
}

#[test]
fn an_assumption_never_turns_a_change_around() {
    // 40 % of a target of 50 % asks for fewer, but with two pods at 100 % it is 60 %.
    assert_eq!(proposal(cpu(50), &cpu_input(&[Some(400), Some(400), Some(400), None, None])), 5);
    // 80 % asks for more, but with four idle pods it is 16 %.
    assert_eq!(proposal(cpu(50), &cpu_input(&[Some(800), None, None, None, None])), 5);
}

#[test]
fn a_number_against_its_own_ratio_is_not_proposed() {
    // Three pods remain of the eight asked for. With the missing one idle the ratio is still above 1, but
    // 1.32 times three is less than eight.
    let mut up = cpu_input(&[Some(1_000), Some(1_000), None]);
    up.spec_replicas = 8;
    assert_eq!(proposal(cpu(50), &up), 8);
    // Six pods for two asked for: below the target, and yet three.
    let mut down = cpu_input(&[Some(10), Some(10), Some(10), Some(10), Some(10), None]);
    down.spec_replicas = 1;
    assert_eq!(proposal(cpu(50), &down), 1);
}

#[test]
fn assumptions_within_the_tolerance_change_nothing() {
    // 43 % asks for fewer. With one pod at 100 % it is 45 %, which is still within a tenth of 50 %.
    let values = all(&[430; 19]).into_iter().chain([None]).collect::<Vec<_>>();
    assert_eq!(proposal(cpu(50), &cpu_input(&values)), 20);
}

#[test]
fn both_ends_of_the_tolerance_hold() {
    let average = |milli| {
        let metric = MetricSpec::Pods { name: "load".into(), average_milli: 1_000 };
        proposal(metric, &input(START, 100, &[("Pods/load", samples(&all(&[milli; 100]), START))]))
    };
    assert_eq!(average(900), 100, "exactly 1 - tolerance");
    assert_eq!(average(899), 90);
    assert_eq!(average(1_100), 100, "exactly 1 + tolerance");
    assert_eq!(average(1_101), 111);
}

#[test]
fn tolerances_of_the_autoscaler_come_before_the_controllers() {
    let tolerance = |tolerance| ScalingRules { tolerance, ..ScalingRules::default() };
    let desired = |down, up, milli| {
        let metric = MetricSpec::Pods { name: "load".into(), average_milli: 1_000 };
        let spec = with_behavior(spec(vec![metric], 1, 1_000), tolerance(up), tolerance(down));
        let input = input(START, 100, &[("Pods/load", samples(&all(&[milli; 100]), START))]);
        decide(&spec, &Settings::default(), &mut State::default(), &input).recommended
    };
    assert_eq!(desired(Some(0.2), None, 850), Some(100));
    assert_eq!(desired(None, Some(0.2), 850), Some(85), "the way up has no say in the way down");
    assert_eq!(desired(None, Some(0.2), 1_150), Some(100));
    assert_eq!(desired(Some(0.2), None, 1_150), Some(115), "nor the other way round");
}

#[test]
fn ignored_pods_do_not_count_at_all() {
    let mut input = cpu_input(&all(&[1_000, 1_000, 100, 100]));
    input.pods[0].deleting = true;
    input.pods[1].phase = Phase::Failed;
    assert_eq!(proposal(cpu(50), &input), 1);
    assert_eq!(first(cpu(50), &input).1, PodCounts { ready: 2, ignored: 2, ..PodCounts::default() });
}

/// The counts of one pod with a sample, started at 0, at a given age.
fn lone(is_cpu: bool, age_s: u64, ready: Option<(ConditionStatus, u64)>, sampled_at_s: u64) -> PodCounts {
    let now_us = age_s * S;
    let mut lone = pod("pod-0");
    lone.ready = ready.map(|(status, since_s)| Ready { status, since_us: since_s * S });
    let name = if is_cpu { "cpu" } else { "memory" };
    let metric = MetricSpec::Resource { name: name.into(), target: ResourceTarget::UtilizationPercent(50) };
    // A second pod keeps the metric valid when the first one does not count.
    let steady = sample(500, now_us + 1_000 * S);
    let taken = Sample { value_milli: 500, at_us: sampled_at_s * S, window_us: 30 * S };
    let taken = Reading::Pods(BTreeMap::from([("pod-0".into(), taken), ("steady".into(), steady)]));
    let mut input = input(now_us, 1, &[(metric.key().as_str(), taken)]);
    input.pods = vec![lone, pod("steady")];
    first(metric, &input).1
}

#[test]
fn cpu_of_an_initializing_pod_counts_only_from_a_whole_window_of_readiness() {
    use ConditionStatus::{False, True, Unknown};
    assert_eq!(lone(true, 299, Some((True, 100)), 130).ready, 2, "exactly one window");
    assert_eq!(lone(true, 299, Some((True, 100)), 129).unready, 1, "a second short");
    assert_eq!(lone(true, 299, Some((False, 100)), 290).unready, 1);
    assert_eq!(lone(true, 299, Some((Unknown, 100)), 130).ready, 2, "only False is not ready");
    assert_eq!(lone(true, 300, Some((True, 290)), 290).ready, 2, "the period is over");
    assert_eq!(lone(false, 299, Some((False, 100)), 0).ready, 2, "memory has no such rule");
}

#[test]
fn cpu_of_an_older_pod_counts_unless_it_was_never_ready() {
    use ConditionStatus::{False, True};
    assert_eq!(lone(true, 900, Some((False, 29)), 900).unready, 1, "not ready since before the delay");
    assert_eq!(lone(true, 900, Some((False, 30)), 900).ready, 2, "was ready in between");
    assert_eq!(lone(true, 900, Some((True, 29)), 900).ready, 2);
    assert_eq!(lone(true, 900, None, 900).unready, 1, "no Ready condition");
    assert_eq!(lone(false, 900, None, 900).ready, 2, "memory does not ask");
}

#[test]
fn cpu_of_a_pod_without_a_start_does_not_count() {
    let mut input = cpu_input(&all(&[100, 500]));
    input.pods[0].start_us = None;
    assert_eq!(first(cpu(50), &input).1, PodCounts { ready: 1, unready: 1, ..PodCounts::default() });
}

#[test]
fn a_sample_of_a_pod_that_is_gone_counts_in_averages_only() {
    let with_gone = |key: &str, value| {
        let gone =
            BTreeMap::from([("pod-0".into(), sample(value, START)), ("gone".into(), sample(0, START))]);
        input(START, 1, &[(key, Reading::Pods(gone))])
    };
    let usage = |metric, input: &Input| match first(metric, input).0 {
        MetricOutcome::Valid { usage, .. } => usage,
        MetricOutcome::Invalid { message, .. } => panic!("invalid: {message}"),
    };
    let metric = MetricSpec::Pods { name: "load".into(), average_milli: 1_000 };
    assert_eq!(usage(metric, &with_gone("Pods/load", 1_000)), Usage::AverageMilli(500));
    let utilization = Usage::Utilization { percent: 50, average_milli: 500 };
    assert_eq!(usage(cpu(50), &with_gone("Resource/cpu", 500)), utilization);
}

#[test]
fn a_container_has_readings_and_requests_of_its_own() {
    let target = ResourceTarget::UtilizationPercent(50);
    let metric = MetricSpec::ContainerResource { name: "cpu".into(), container: "app".into(), target };
    assert_eq!(metric.key(), "ContainerResource/app/cpu");
    let mut input = cpu_input(&all(&[500, 500]));
    input.readings.insert(metric.key(), samples(&all(&[100, 100]), START));
    assert!(
        error(metric.clone(), &input).contains("request"),
        "the pod's own request is not the container's"
    );
    for pod in &mut input.pods {
        pod.requests_milli.insert(metric.key(), 100);
    }
    assert_eq!(proposal(metric, &input), 4);
}

#[test]
fn an_average_value_needs_no_requests() {
    let target = ResourceTarget::AverageMilli(250);
    let metric = MetricSpec::Resource { name: "cpu".into(), target };
    let mut input = cpu_input(&all(&[500, 500]));
    for pod in &mut input.pods {
        pod.requests_milli.clear();
    }
    assert_eq!(proposal(metric, &input), 4);
    assert!(error(cpu(50), &input).contains("pod-0"), "a utilization does");
}

#[test]
fn readings_can_be_unusable_in_many_ways() {
    let with = |reading: Option<Reading>| {
        let mut input = cpu_input(&all(&[500]));
        input.readings.clear();
        input.readings.extend(reading.map(|reading| ("Resource/cpu".to_owned(), reading)));
        input
    };
    assert_eq!(error(cpu(50), &with(Some(Reading::Error("metrics API down".into())))), "metrics API down");
    assert_eq!(error(cpu(50), &with(None)), "there is no reading");
    assert!(error(cpu(50), &with(Some(Reading::Pods(BTreeMap::new())))).contains("no pod has a sample"));
    assert!(error(cpu(50), &with(Some(Reading::ValueMilli(1)))).contains("one value"));

    let mut input = cpu_input(&all(&[500]));
    never_ready(&mut input.pods[0]);
    assert!(error(cpu(50), &input).contains("no pod that counts"));
    input.pods[0] = Pod { requests_milli: BTreeMap::from([("Resource/cpu".into(), 0)]), ..pod("pod-0") };
    assert!(error(cpu(50), &input).contains("request nothing"));
    input.pods.clear();
    assert!(error(cpu(50), &input).contains("selects no pods"));
}

#[test]
fn metrics_are_told_apart_by_kind() {
    let decision = decide(
        &spec(vec![cpu(50), queue()], 1, 100),
        &Settings::default(),
        &mut State::default(),
        &cpu_input(&all(&[500])),
    );
    let kinds = decision.metrics.iter().map(|metric| (metric.kind, metric.name.as_str()));
    assert_eq!(kinds.collect::<Vec<_>>(), [(MetricKind::Resource, "cpu"), (MetricKind::External, "queue")]);
}
