use super::*;

fn failing(id: &str, code: &str) -> Finding {
    finding(id, Outcome::Fail, code)
}

#[test]
fn an_instance_that_nobody_wants() {
    let story = || {
        surged().desired(42.0, "primary", 2, "autoscaler", "").ends(42.0, "primary-3").ends(42.0, "primary-4")
    };
    assert_eq!(codes(story(), &contraction()), ["one-replica-left"]);
    insta::assert_snapshot!(seen(story(), &contraction()));
}

#[test]
fn a_scale_down_under_way_leaves_nobody_behind() {
    // Wanted fewer a second before the end of the window: that is late, not left.
    let story = surged().desired(69.2, "primary", 2, "autoscaler", "");
    assert!(!codes(story, &contraction()).contains(&"one-replica-left".to_owned()));
}

#[test]
fn an_instance_that_outlives_its_grace() {
    let story = || {
        surged()
            .desired(42.0, "primary", 2, "autoscaler", "")
            .ends(42.0, "primary-3")
            .ends(42.0, "primary-4")
            .instance(42.0, "primary-5", InstanceState::Terminating, "scale-down")
    };
    assert_eq!(codes(story(), &failing("contraction-0", "terminating-overdue")), ["termination-overdue"]);
    insta::assert_snapshot!(seen(story(), &contraction()));
}

fn torn_down(ok: bool, outcome: &str) -> Event {
    Event::TearDown(TearDown {
        group: "primary".into(),
        instance: "primary-5".into(),
        command: vec!["sh".into(), "-c".into(), "./tear-down.sh && echo done".into()],
        ok,
        outcome: outcome.into(),
    })
}

fn unwanted() -> Story {
    surged().desired(42.0, "primary", 2, "autoscaler", "").ends(42.0, "primary-3").ends(42.0, "primary-4")
}

#[test]
fn a_tear_down_that_fails() {
    let failed = || torn_down(false, "exit status 7: token expired");
    let story = || unwanted().event(43.0, failed()).event(48.0, failed());
    assert_eq!(codes(story(), &contraction()), ["billing-script-dead"]);
    insta::assert_snapshot!(seen(story(), &contraction()));
}

#[test]
fn what_several_instances_have_in_common_is_told_once() {
    let story = || {
        ["primary-3", "primary-4", "primary-5"]
            .into_iter()
            .fold(surged().desired(42.0, "primary", 2, "autoscaler", ""), |story, name| {
                story.instance(42.0, name, InstanceState::Terminating, "scale-down")
            })
    };
    assert_eq!(codes(story(), &contraction()), ["termination-overdue"]);
    insta::assert_snapshot!(seen(story(), &contraction()));
}

#[test]
fn a_tear_down_that_hangs() {
    let process = ProcessId { pid: 4_711, start_ticks: 1 };
    let child = Event::Child(ChildStarted { role: "tear-down primary-5".into(), process });
    assert_eq!(codes(unwanted().event(42.0, child), &contraction()), ["billing-script-dead"]);
}

#[test]
fn a_tear_down_that_did_its_work_is_no_cause() {
    let story = unwanted()
        .event(43.0, torn_down(false, "exit status 7"))
        .event(48.0, torn_down(true, "exit status 0"));
    assert_eq!(codes(story, &contraction()), ["one-replica-left"]);
}

#[test]
fn growth_after_the_contraction_names_its_writer() {
    let story = || {
        back(decided(|_, d| d), 44.0)
            .desired(63.0, "primary", 4, "scheduled-scaler", "its schedule says so")
            .starts(63.0, "primary-8")
            .starts(63.0, "primary-9")
    };
    assert_eq!(codes(story(), &failing("contraction-0", "regrowth")), ["regrowth"]);
    insta::assert_snapshot!(seen(story(), &contraction()));
}

#[test]
fn a_count_that_was_never_back_did_not_grow_again() {
    let story = decided(|at, d| if at < 36.0 { d } else { stabilized(d) }).desired(
        63.0,
        "primary",
        6,
        "autoscaler",
        "",
    );
    assert_eq!(codes(story, &contraction()), ["hpa-window-too-long"]);
}

#[test]
fn two_writers_of_one_count() {
    let story = || {
        [45.0, 55.0, 65.0].into_iter().fold(decided(|_, d| d), |story, at| {
            story.desired(at, "primary", 2, "autoscaler", "").desired(
                at + 1.0,
                "primary",
                5,
                "deployer",
                "sync",
            )
        })
    };
    assert_eq!(codes(story(), &contraction()), ["gitops-fight"]);
    insta::assert_snapshot!(seen(story(), &contraction()));
}

#[test]
fn a_smaller_count_that_is_not_taken() {
    let shrinks = |at: f64, mut d: Decided| {
        d.decision.desired = if at < 36.0 { d.decision.desired } else { 2 };
        d
    };
    assert_eq!(codes(decided(shrinks), &contraction()), ["gitops-fight"]);
}

fn lose(instances: &[&str]) -> IntentAction {
    let instances = instances.iter().map(|name| (*name).to_owned()).collect();
    IntentAction::Lose { instances, lasts_us: us(6.0) }
}

/// The primary is lost at 20 s, healed at 26 s and healthy at 28 s; the standby is promoted at 21 s.
fn failed_over() -> Story {
    Story::new("an outage")
        .desired(0.0, "primary", 2, "declared", "")
        .desired(0.0, "standby", 1, "declared", "")
        .starts(0.2, "primary-1")
        .starts(0.2, "primary-2")
        .starts(0.2, "standby-1")
        .route(1.5, "primary", 2)
        .fault(20.0, "primary", lose(&["primary-1", "primary-2"]))
        .instance(20.1, "primary-1", InstanceState::Gone, "lost by fault-0")
        .instance(20.1, "primary-2", InstanceState::Gone, "lost by fault-0")
        .route(20.2, "primary", 0)
        .desired(21.0, "standby", 3, "failover", "primary is unhealthy")
        .route(21.0, "standby", 1)
        .starts(21.0, "standby-2")
        .starts(21.0, "standby-3")
        .healed(26.0, true, "may start again")
        .starts(27.0, "primary-3")
        .starts(27.0, "primary-4")
        .route(28.2, "primary", 2)
}

fn standby(outcome: Outcome, code: &str) -> Finding {
    Finding { groups: vec!["standby".into()], ..finding("standby-released-0", outcome, code) }
}

#[test]
fn a_standby_that_keeps_standing_in() {
    let fail = standby(Outcome::Fail, "standby-not-released");
    assert_eq!(codes(failed_over(), &fail), ["standby-not-released"]);
    insta::assert_snapshot!(seen(failed_over(), &fail));
    let released = failed_over()
        .desired(30.0, "standby", 1, "failover", "primary is healthy again")
        .ends(30.0, "standby-2")
        .ends(30.0, "standby-3");
    assert_eq!(codes(released, &fail), ["undiagnosed"]);
}

#[test]
fn a_standby_that_went_too_early() {
    let fail = standby(Outcome::Fail, "standby-released-early");
    let story = || {
        failed_over()
            .desired(24.0, "standby", 1, "failover", "primary is not healthy")
            .ends(24.0, "standby-2")
            .ends(24.0, "standby-3")
            .route(24.1, "standby", 0)
    };
    assert_eq!(codes(story(), &fail), ["standby-released-early"]);
    insta::assert_snapshot!(seen(story(), &fail));
}

#[test]
fn a_standby_that_was_never_needed() {
    let unknown = standby(Outcome::Inconclusive, "standby-never-activated");
    let story = Story::new("calm").desired(0.0, "standby", 1, "declared", "").starts(0.2, "standby-1");
    assert_eq!(codes(story, &unknown), ["standby-never-activated"]);
}

#[test]
fn instances_of_a_dearer_class() {
    let spend = failing("idle-spend", "residual-spend");
    let story = |price: &str| {
        Story::new("a dear replacement")
            .desired(0.0, "primary", 2, "declared", "")
            .starts(0.2, "primary-1")
            .starts(0.2, "primary-2")
            .instance(20.0, "primary-2", InstanceState::Gone, "killed by fault-0")
            .starts(20.5, "primary-3")
            .priced(21.6, "primary-3", price)
    };
    assert_eq!(codes(story("0.16"), &spend), ["price-class-drift"]);
    insta::assert_snapshot!(seen(story("0.16"), &spend));
    assert_eq!(codes(story("0.10"), &spend), ["undiagnosed"]);
}

/// One of two is killed at 20 s.
fn killed() -> Story {
    let kill = IntentAction::Terminate {
        instances: vec!["primary-2".into()],
        kill: true,
        grace_us: 0,
        evict: false,
    };
    Story::new("a kill")
        .desired(0.0, "primary", 2, "declared", "")
        .starts(0.2, "primary-1")
        .starts(0.2, "primary-2")
        .fault(20.0, "primary", kill)
        .instance(20.1, "primary-2", InstanceState::Gone, "killed by fault-0")
}

fn replacement() -> Finding {
    Finding { window_us: Some((us(25.0), us(25.0))), ..failing("replacement", "not-replaced") }
}

#[test]
fn a_killed_instance_that_nobody_replaces() {
    assert_eq!(codes(killed(), &replacement()), ["replacement-missing"]);
    insta::assert_snapshot!(seen(killed(), &replacement()));
}

#[test]
fn a_successor_that_comes_too_late() {
    let late = || {
        killed().instance(21.0, "primary-3", InstanceState::Starting, "").instance(
            31.0,
            "primary-3",
            InstanceState::Ready,
            "",
        )
    };
    assert_eq!(codes(late(), &replacement()), ["replacement-slow"]);
    insta::assert_snapshot!(seen(late(), &replacement()));
}

#[test]
fn a_successor_that_never_serves() {
    let story = || killed().instance(20.5, "primary-3", InstanceState::Starting, "");
    assert_eq!(codes(story(), &replacement()), ["instance-never-ready"]);
    let fails = killed().instance(20.5, "primary-3", InstanceState::Starting, "").instance(
        21.0,
        "primary-3",
        InstanceState::Gone,
        "exit status 1",
    );
    assert_eq!(codes(fails, &replacement()), ["instance-never-ready"]);
    insta::assert_snapshot!(seen(story(), &replacement()));
}

#[test]
fn a_prompt_successor_is_no_cause() {
    assert_eq!(codes(killed().starts(20.5, "primary-3"), &replacement()), ["undiagnosed"]);
}

#[test]
fn wanted_instances_that_are_ready_too_late() {
    let fail = Finding { window_us: Some((us(19.0), us(19.0))), ..failing("expansion-0", "not-expanded") };
    let story = surged().without(|event| matches!(event, Event::Instance(c) if c.state == InstanceState::Ready && c.instance.as_str() > "primary-2"))
        .instance(26.0, "primary-3", InstanceState::Ready, "");
    assert_eq!(codes(story, &fail), ["startup-slow"]);
}

fn baseline() -> Finding {
    Finding { window_us: Some((us(5.0), us(10.0))), ..failing("baseline", "baseline-inherited") }
}

fn at_most_one(story: Story) -> Story {
    story.scenario(|scenario| {
        let at_most = std::collections::BTreeMap::from([("primary".to_owned(), 1)]);
        scenario.expect.baseline = Some(crate::scenario::BaselineExpectation { at_most });
    })
}

#[test]
fn a_calm_system_that_is_too_large_already() {
    let story = || at_most_one(surged());
    assert_eq!(codes(story(), &baseline()), ["baseline-leak-inherited"]);
    insta::assert_snapshot!(seen(story(), &baseline()));
    let floor = at_most_one(decided(|at, d| {
        if at < 15.0 {
            limited(
                Decided { decision: crate::autoscaler::Decision { recommended: Some(1), ..d.decision }, ..d },
                Reason::TooFewReplicas,
                2,
            )
        } else {
            d
        }
    }));
    assert_eq!(codes(floor, &baseline()), ["hpa-floor-raised"]);
    let left = at_most_one(surged().desired(3.0, "primary", 1, "heal", ""));
    assert_eq!(codes(left, &baseline()), ["one-replica-left"]);
}
