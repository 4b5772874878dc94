use super::*;
use crate::scenario::{Objective, Share, Span};

fn objective(id: &str) -> Finding {
    Finding {
        window_us: Some((us(10.0), us(70.0))),
        groups: Vec::new(),
        ..finding(id, Outcome::Fail, "objective-missed")
    }
}

fn availability() -> Finding {
    objective("objective-availability")
}

/// Two instances that serve 50 a second each, by what their autoscaler aims at.
fn served() -> Story {
    let spec =
        crate::autoscaler::Spec { min_replicas: 2, max_replicas: 12, metrics: Vec::new(), behavior: None };
    Story::new("traffic")
        .desired(0.0, "primary", 2, "declared", "")
        .starts(0.2, "primary-1")
        .starts(0.2, "primary-2")
        .route(1.5, "primary", 2)
        .event(
            0.0,
            Event::Autoscaler(AutoscalerSeen {
                group: "primary".into(),
                spec,
                settings: crate::autoscaler::Settings::default(),
                target_per_instance: 50.0,
                by: "declared".into(),
            }),
        )
}

#[test]
fn more_was_sent_than_could_be_served() {
    let story = || {
        served()
            .load(0, 20, 40, 0, 0)
            .load(20, 30, 180, 70, 0)
            .load(30, 79, 40, 0, 0)
            .desired(29.0, "primary", 4, "autoscaler", "")
            .starts(29.0, "primary-3")
            .starts(29.0, "primary-4")
    };
    assert_eq!(codes(story(), &availability())[0], "capacity-shortfall");
    insta::assert_snapshot!(seen(story(), &availability()));
}

#[test]
fn a_shortage_that_comes_from_missing_replacements_names_them() {
    let story = served()
        .instance(15.0, "primary-2", InstanceState::Gone, "killed by fault-0")
        .load(0, 20, 40, 0, 0)
        .load(20, 40, 80, 30, 0)
        .load(40, 79, 40, 0, 0);
    assert_eq!(codes(story, &availability()), ["capacity-shortfall", "replacement-missing"]);
}

fn lost(story: Story) -> Story {
    let lose =
        IntentAction::Lose { instances: vec!["primary-1".into(), "primary-2".into()], lasts_us: us(6.0) };
    story
        .fault(20.0, "primary", lose)
        .instance(20.0, "primary-1", InstanceState::Gone, "lost by fault-0")
        .instance(20.0, "primary-2", InstanceState::Gone, "lost by fault-0")
        .route(20.1, "primary", 0)
        .healed(26.0, true, "may start again")
        .starts(26.5, "primary-3")
        .starts(26.5, "primary-4")
        .route(27.6, "primary", 2)
}

#[test]
fn nobody_was_there_and_nothing_took_over() {
    let story = || lost(served()).load(0, 20, 40, 0, 0).load(20, 28, 40, 40, 0).load(28, 79, 40, 0, 0);
    assert_eq!(codes(story(), &availability()), ["no-backend"]);
    insta::assert_snapshot!(seen(story(), &availability()));
}

fn with_standby(story: Story, promoted: f64) -> Story {
    story
        .desired(0.0, "standby", 1, "declared", "")
        .starts(0.2, "standby-1")
        .desired(promoted, "standby", 3, "failover", "primary is unhealthy")
        .route(promoted + 0.1, "standby", 1)
}

#[test]
fn a_standby_that_took_over_late() {
    let story = || {
        with_standby(lost(served()), 24.0)
            .load(0, 20, 40, 0, 0)
            .load(20, 24, 40, 40, 0)
            .load(24, 79, 40, 0, 0)
    };
    assert_eq!(codes(story(), &availability()), ["failover-slow"]);
    insta::assert_snapshot!(seen(story(), &availability()));
}

#[test]
fn a_standby_that_went_and_left_an_outage() {
    let story = with_standby(lost(served()), 20.5)
        .desired(22.0, "standby", 1, "failover", "primary is not healthy")
        .route(22.1, "standby", 0)
        .load(0, 22, 40, 0, 0)
        .load(22, 27, 40, 40, 0)
        .load(27, 79, 40, 0, 0);
    assert_eq!(codes(story, &availability()), ["standby-released-early"]);
}

#[test]
fn requests_that_died_with_their_instance() {
    let story = served()
        .instance(30.2, "primary-2", InstanceState::Gone, "signal 9")
        .starts(30.3, "primary-3")
        .load(0, 30, 40, 0, 0)
        .load(30, 31, 40, 0, 12)
        .load(31, 79, 40, 0, 0);
    assert_eq!(codes(story, &availability()), ["instances-lost"]);
}

#[test]
fn errors_of_a_target_that_had_room() {
    let story = || served().load(0, 30, 40, 0, 0).load(30, 40, 40, 20, 0).load(40, 79, 40, 0, 0);
    assert_eq!(codes(story(), &availability()), ["errors-from-target"]);
    insta::assert_snapshot!(seen(story(), &availability()));
}

#[test]
fn answers_that_are_only_late() {
    let latency = objective("objective-latency");
    let mut story = served().scenario(|scenario| {
        let objective = Objective { target: Share::percent(90), under: Some(Span::from_ms(200)) };
        scenario.slo.insert("latency".into(), objective);
    });
    story = story.threshold(us(0.2));
    for second in 10..70_u64 {
        let window = LoadWindow {
            from_us: second * 1_000_000,
            planned: 40,
            sent: 40,
            ok: 40,
            good: vec![10],
            ..LoadWindow::default()
        };
        story = story.event(second as f64 + 1.5, Event::Load(Box::new(window)));
    }
    assert_eq!(codes(story, &latency), ["slow-answers"]);
}

#[test]
fn what_is_a_trifle_is_not_named() {
    let story = served()
        .instance(50.2, "primary-2", InstanceState::Gone, "signal 9")
        .starts(50.3, "primary-3")
        .load(0, 30, 40, 0, 0)
        .load(30, 40, 40, 20, 0)
        .load(40, 50, 40, 0, 0)
        .load(50, 51, 40, 0, 2)
        .load(51, 79, 40, 0, 0);
    assert_eq!(codes(story, &availability()), ["errors-from-target"]);
}

#[test]
fn a_stop_names_what_led_to_it() {
    let stopped = Event::Stopped(Stopped {
        condition: "error_ratio".into(),
        value: 0.6,
        limit: 0.3,
        detail: "60% of the requests of the last 30s failed".into(),
    });
    let story = served().load(0, 20, 40, 0, 0).load(20, 32, 180, 100, 0).event(32.0, stopped);
    let fail = Finding {
        window_us: None,
        groups: Vec::new(),
        ..finding("stop-error_ratio", Outcome::Fail, "stopped")
    };
    assert_eq!(codes(story, &fail), ["stop-tripped", "capacity-shortfall"]);
}

#[test]
fn a_balancer_that_gave_no_sign_of_life_is_named_and_nothing_behind_it_is() {
    let heartbeat = |since: f64, through: f64| {
        let source = "balancer".to_owned();
        Event::Alive(Alive { source, since_us: us(since), through_us: us(through) })
    };
    let story = |silent: bool| {
        let until = if silent { 20.0 } else { 30.0 };
        served()
            .load(0, 20, 40, 0, 0)
            .load(20, 30, 40, 0, 40)
            .load(30, 60, 40, 0, 0)
            .event(20.0, heartbeat(0.0, until))
            .event(60.0, heartbeat(30.0, 60.0))
    };
    assert_eq!(codes(story(true), &availability()), ["balancer-down"]);
    assert_eq!(codes(story(false), &availability()), ["errors-from-target"]);
}
