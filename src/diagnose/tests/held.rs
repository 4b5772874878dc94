use crate::autoscaler::MetricOutcome;

use super::*;

/// From the end of the surge on.
fn after(shape: impl Fn(Decided) -> Decided) -> impl Fn(f64, Decided) -> Decided {
    move |at, decided| if at < 36.0 { decided } else { shape(decided) }
}

/// The metric asks for all that there are.
fn asks_for_all(mut decided: Decided) -> Decided {
    decided.decision.recommended = Some(decided.current);
    for metric in &mut decided.decision.metrics {
        if let MetricOutcome::Valid { ratio, proposal, .. } = &mut metric.outcome {
            *proposal = decided.current;
            *ratio = Some(1.0);
        }
    }
    decided
}

fn with_ratio(mut decided: Decided, measured: f64) -> Decided {
    for metric in &mut decided.decision.metrics {
        if let MetricOutcome::Valid { ratio, .. } = &mut metric.outcome {
            *ratio = Some(measured);
        }
    }
    decided
}

#[test]
fn a_window_that_still_holds_at_the_deadline() {
    let story = decided(after(stabilized));
    assert_eq!(codes(decided(after(stabilized)), &contraction()), ["hpa-window-too-long"]);
    insta::assert_snapshot!(seen(story, &contraction()));
}

#[test]
fn a_window_that_ended_before_the_deadline_is_no_cause() {
    let held = |at: f64, d| if (36.0..58.0).contains(&at) { stabilized(d) } else { d };
    assert_eq!(codes(decided(held), &contraction()), ["undiagnosed"]);
}

#[test]
fn a_window_that_ended_within_the_hold_is_one() {
    let held = |at: f64, d| if (36.0..64.0).contains(&at) { stabilized(d) } else { d };
    assert_eq!(codes(back(decided(held), 64.0), &contraction()), ["hpa-window-too-long"]);
}

#[test]
fn scaling_down_that_is_switched_off() {
    let story = || decided(after(|d| limited(d, Reason::ScaleDownLimit, 5)));
    assert_eq!(codes(story(), &contraction()), ["hpa-scale-down-disabled"]);
    insta::assert_snapshot!(seen(story(), &contraction()));
}

/// One instance every 15 s from 40 s on: five until 40, two from 70 on.
fn slowly() -> Story {
    let current = |at: f64| if at <= 18.0 { 2 } else { 5 - (((at - 25.5) / 15.0) as u32).min(3) };
    let story = (1..80).map(f64::from).fold(surged(), |story, at| {
        let now = current(at);
        let plain = decision(at, now, if (18.0..36.0).contains(&at) { 5 } else { 2 });
        let steps = [40.0, 55.0, 70.0].contains(&at);
        story.decide(
            at,
            match at {
                at if at < 40.0 || now == 2 => plain,
                _ => limited(plain, Reason::ScaleDownLimit, if steps { now - 1 } else { now }),
            },
        )
    });
    story
        .desired(40.0, "primary", 4, "autoscaler", "")
        .ends(40.0, "primary-5")
        .desired(55.0, "primary", 3, "autoscaler", "")
        .ends(55.0, "primary-4")
        .desired(70.5, "primary", 2, "autoscaler", "")
        .ends(70.5, "primary-3")
}

#[test]
fn a_linear_tail_past_the_deadline() {
    assert_eq!(codes(slowly(), &contraction()), ["hpa-rate-too-slow"]);
    insta::assert_snapshot!(seen(slowly(), &contraction()));
}

#[test]
fn a_minimum_above_what_is_needed() {
    let story = || decided(after(|d| limited(d, Reason::TooFewReplicas, 5)));
    assert_eq!(codes(story(), &contraction()), ["hpa-floor-raised"]);
    insta::assert_snapshot!(seen(story(), &contraction()));
}

#[test]
fn a_minimum_at_the_bound_is_no_cause() {
    let story =
        back(decided(|at, d| if at < 72.0 { d } else { limited(d, Reason::TooFewReplicas, 2) }), 72.0);
    assert_eq!(codes(story, &contraction()), ["undiagnosed"]);
}

#[test]
fn a_minimum_raised_by_a_stranger_names_him() {
    let spec = |min_replicas| crate::autoscaler::Spec {
        min_replicas,
        max_replicas: 12,
        metrics: Vec::new(),
        behavior: None,
    };
    let seen_as = |min_replicas, by: &str| {
        Event::Autoscaler(AutoscalerSeen {
            group: "primary".into(),
            spec: spec(min_replicas),
            settings: crate::autoscaler::Settings::default(),
            target_per_instance: 30.0,
            by: by.into(),
        })
    };
    let story = || {
        decided(after(|d| limited(d, Reason::TooFewReplicas, 5)))
            .event(0.0, seen_as(2, "declared"))
            .event(30.0, seen_as(5, "ops-bot"))
    };
    let confounded = finding("contraction-0", Outcome::Inconclusive, "confounded");
    assert_eq!(codes(story(), &confounded), ["confounded", "hpa-floor-raised"]);
    let deployed = Event::Rewritten(Rewritten {
        group: "primary".into(),
        fields: vec!["template".into()],
        by: "deployer".into(),
    });
    let last = seen(story().event(31.0, deployed), &confounded);
    assert!(last.contains("\"deployer\" changed its template"), "{last}");
    insta::assert_snapshot!(seen(story(), &confounded));
}

#[test]
fn a_sample_that_grows_old() {
    let stale =
        |at: f64, d| if at < 30.0 { d } else { Decided { sample_t_us: Some(us(29.5)), ..asks_for_all(d) } };
    let story = || decided(stale).load(0, 15, 40, 0, 0).load(15, 35, 180, 0, 0).load(35, 79, 40, 0, 0);
    assert_eq!(codes(story(), &contraction()), ["hpa-stale-metric"]);
    insta::assert_snapshot!(seen(story(), &contraction()));
}

#[test]
fn fresh_samples_of_a_frozen_value() {
    let frozen =
        |at: f64, d| if at < 30.0 { d } else { Decided { traffic_per_s: Some(178.25), ..asks_for_all(d) } };
    let story = || decided(frozen).load(0, 15, 40, 0, 0).load(15, 35, 180, 0, 0);
    assert_eq!(codes(story().load(35, 79, 40, 0, 0), &contraction()), ["hpa-stale-metric"]);
    // As much is really sent: then the metric is right.
    let shifted = codes(story().load(35, 79, 180, 0, 0), &contraction());
    assert_eq!(shifted, ["demand-shifted"]);
}

#[test]
fn instances_without_samples() {
    let missing = after(|d| {
        let mut decided = asks_for_all(d);
        decided.decision.metrics[0].pods.missing = 2;
        decided
    });
    assert_eq!(codes(decided(&missing), &contraction()), ["hpa-missing-samples"]);
    insta::assert_snapshot!(seen(decided(&missing), &contraction()));
    let none = after(|d| Decided {
        sample_t_us: None,
        traffic_per_s: None,
        ..inactive(d, Reason::FailedGetPodsMetric)
    });
    assert_eq!(codes(decided(none), &contraction()), ["hpa-missing-samples"]);
}

#[test]
fn a_single_missing_sample_is_no_cause() {
    let once = |at: f64, d| {
        let mut decided: Decided = if at == 61.0 { asks_for_all(d) } else { d };
        decided.decision.metrics[0].pods.missing = u32::from(at == 61.0);
        decided
    };
    assert_eq!(codes(decided(once), &contraction()), ["undiagnosed"]);
}

#[test]
fn one_broken_metric_of_two() {
    let broken = after(|d| {
        let mut decided = inactive(d, Reason::FailedGetExternalMetric);
        let mut queue = decided.decision.metrics[0].clone();
        queue.name = "queue".into();
        queue.outcome = MetricOutcome::Invalid {
            reason: Reason::FailedGetExternalMetric,
            message: "no such series".into(),
        };
        decided.decision.metrics.push(queue);
        decided
    });
    assert_eq!(codes(decided(&broken), &contraction()), ["hpa-one-metric-broken"]);
    insta::assert_snapshot!(seen(decided(&broken), &contraction()));
}

#[test]
fn an_ambiguous_selector() {
    let story = decided(after(|d| inactive(d, Reason::AmbiguousSelector)));
    assert_eq!(codes(story, &contraction()), ["hpa-selector-overlap"]);
}

#[test]
fn a_ratio_within_the_tolerance() {
    let plateau = after(|d| with_ratio(asks_for_all(d), 0.75));
    assert_eq!(codes(decided(&plateau), &contraction()), ["hpa-tolerance-plateau"]);
    insta::assert_snapshot!(seen(decided(&plateau), &contraction()));
    // At 0.95 of five no fewer than five would do.
    let needed = after(|d| with_ratio(asks_for_all(d), 0.95));
    assert_eq!(codes(decided(needed), &contraction()), ["undiagnosed"]);
}

#[test]
fn rises_without_a_reason() {
    let flapping = |rises: u32| {
        let story = back(decided(|_, d| d), 41.0);
        (0..rises).fold(story, |story, i| {
            let at = 45.0 + f64::from(i) * 10.0;
            let name = format!("primary-{}", 10 + i);
            story
                .desired(at, "primary", 3, "autoscaler", "")
                .starts(at, &name)
                .desired(at + 7.0, "primary", 2, "autoscaler", "")
                .ends(at + 7.0, &name)
        })
    };
    assert_eq!(codes(flapping(3), &contraction()), ["hpa-flapping"]);
    insta::assert_snapshot!(seen(flapping(3), &contraction()));
    let once = codes(
        back(decided(|_, d| d), 41.0).desired(62.0, "primary", 3, "autoscaler", "").starts(62.0, "primary-9"),
        &contraction(),
    );
    assert_eq!(once, ["regrowth"], "one rise is no habit");
}

#[test]
fn an_autoscaler_that_fell_silent() {
    let story = || {
        (1..45)
            .map(f64::from)
            .fold(surged(), |story, at| story.decide(at, decision(at, if at <= 18.0 { 2 } else { 5 }, 5)))
    };
    assert_eq!(codes(story(), &contraction()), ["autoscaler-silent"]);
    insta::assert_snapshot!(seen(story(), &contraction()));
}

#[test]
fn a_group_that_nobody_scales_down() {
    let story = || {
        surged()
            .without(|event| matches!(event, Event::Desired(d) if d.by == "autoscaler"))
            .desired(18.0, "primary", 5, "declared", "")
    };
    assert_eq!(codes(story(), &contraction()), ["no-scaler"]);
}

fn expansion(outcome: Outcome, code: &str) -> Finding {
    Finding { window_us: Some((us(15.0), us(30.0))), ..finding("expansion-0", outcome, code) }
}

/// Two instances, and nothing that makes them more.
fn flat(shape: impl Fn(f64, Decided) -> Decided) -> Story {
    let story = Story::new("flat")
        .desired(0.0, "primary", 2, "declared", "")
        .starts(0.2, "primary-1")
        .starts(0.2, "primary-2")
        .surge(15.0, 35.0)
        .load(0, 15, 40, 0, 0)
        .load(15, 35, 90, 0, 0);
    (1..80).map(f64::from).fold(story, |story, at| {
        let traffic = if (15.0..36.0).contains(&at) { 90.0 } else { 40.0 };
        let plain = Decided { traffic_per_s: Some(traffic), ..decision(at, 2, 2) };
        story.decide(at, shape(at, plain))
    })
}

#[test]
fn a_group_that_never_grew_says_why() {
    let fail = expansion(Outcome::Fail, "not-expanded");
    assert_eq!(codes(flat(|_, d| d), &fail), ["never-expanded"]);
    insta::assert_snapshot!(seen(flat(|_, d| d), &fail));
    let wants_more = |mut d: Decided| {
        d.decision.recommended = Some(6);
        d
    };
    let at_maximum = |_: f64, d| limited(wants_more(d), Reason::TooManyReplicas, 2);
    assert_eq!(codes(flat(at_maximum), &fail), ["never-expanded", "max-reached"]);
    let slowed = |_: f64, d| limited(wants_more(d), Reason::ScaleUpLimit, 2);
    assert_eq!(codes(flat(slowed), &fail), ["never-expanded", "scale-up-limited"]);
    let stale = |at: f64, d| Decided { sample_t_us: Some(us(at.min(12.0) - 0.5)), ..d };
    assert_eq!(codes(flat(stale), &fail), ["never-expanded", "hpa-stale-metric"]);
    let unexpanded = finding("contraction-0", Outcome::Inconclusive, "never-expanded");
    assert_eq!(codes(flat(|_, d| d), &unexpanded), ["never-expanded"]);
}

#[test]
fn a_limit_that_was_overcome_in_time_is_no_cause() {
    let slowed = |at: f64, d: Decided| if at == 16.0 { limited(d, Reason::ScaleUpLimit, 3) } else { d };
    assert_eq!(codes(decided(slowed), &expansion(Outcome::Fail, "not-expanded")), ["demand-too-low"]);
    let still = |at: f64, d: Decided| if at >= 16.0 { limited(d, Reason::ScaleUpLimit, 5) } else { d };
    assert_eq!(codes(decided(still), &expansion(Outcome::Fail, "not-expanded")), ["scale-up-limited"]);
}

#[test]
fn a_group_that_grew_as_far_as_it_was_asked_to_was_asked_for_too_little() {
    let fail = expansion(Outcome::Fail, "not-expanded");
    assert_eq!(codes(decided(|_, d| d), &fail), ["demand-too-low"]);
    let asked_for_more = |_: f64, mut d: Decided| {
        d.decision.recommended = Some(9);
        d
    };
    assert_eq!(codes(decided(asked_for_more), &fail), ["undiagnosed"]);
}
