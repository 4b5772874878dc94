use super::*;

fn unknown(id: &str, code: &str) -> Finding {
    finding(id, Outcome::Inconclusive, code)
}

fn calm() -> Story {
    Story::new("calm")
        .desired(0.0, "primary", 2, "declared", "")
        .starts(0.2, "primary-1")
        .starts(0.2, "primary-2")
        .surge(15.0, 35.0)
}

/// Windows of a surge of which so many of a hundred were not sent, for a reason.
fn unsent(n: u64, cause: Unsent) -> Story {
    (0..70_u64).fold(calm(), |story, second| {
        let missed = if (20..25).contains(&second) { n } else { 0 };
        let mut window = LoadWindow {
            from_us: second * 1_000_000,
            planned: 100,
            sent: 100 - missed,
            ok: 100 - missed,
            ..LoadWindow::default()
        };
        if missed > 0 {
            window.unsent.insert(cause, missed);
        }
        story.event(second as f64 + 1.5, Event::Load(Box::new(window)))
    })
}

#[test]
fn a_load_generator_that_was_the_limit() {
    let finding = unknown("load", "surge-not-delivered");
    assert_eq!(codes(unsent(30, Unsent::Starved), &finding), ["surge-not-delivered"]);
    insta::assert_snapshot!(seen(unsent(30, Unsent::InFlightLimit), &finding));
    assert_eq!(codes(unsent(30, Unsent::Stalled), &finding), ["undiagnosed"], "the target's doing");
    assert_eq!(codes(unsent(4, Unsent::Starved), &finding), ["undiagnosed"], "within what is allowed");
}

fn fault(remaining: &[&str]) -> Story {
    let kill = IntentAction::Terminate {
        instances: vec!["primary-2".into()],
        kill: true,
        grace_us: 0,
        evict: false,
    };
    let intent = Intent { fault: "fault-0".into(), group: "primary".into(), action: kill };
    let effect = Effect {
        fault: "fault-0".into(),
        gone: Vec::new(),
        remaining: remaining.iter().map(|name| (*name).to_owned()).collect(),
        seen_by: "process table".into(),
    };
    calm()
        .event(20.0, Event::Intent(intent))
        .event(20.1, Event::Acknowledged(Acknowledged { fault: "fault-0".into(), detail: String::new() }))
        .event(22.0, Event::Effect(effect))
}

#[test]
fn a_fault_that_changed_nothing() {
    let finding = unknown("fault-0", "fault-had-no-effect");
    assert_eq!(codes(fault(&["primary-2"]), &finding), ["fault-had-no-effect"]);
    insta::assert_snapshot!(seen(fault(&["primary-2"]), &finding));
    assert_eq!(codes(fault(&[]), &finding), ["undiagnosed"]);
}

/// What is to be done next where a fault of a cluster changed nothing.
#[test]
fn what_keeps_a_fault_of_a_cluster_from_its_effect() {
    let lasts_us = us(20.0);
    let instances = vec!["primary-2".to_owned()];
    let nodes = |how| IntentAction::Nodes {
        how,
        nodes: vec!["node-a".into()],
        instances: instances.clone(),
        lasts_us,
    };
    let evict =
        IntentAction::Terminate { instances: instances.clone(), kill: false, grace_us: us(5.0), evict: true };
    let faults = [
        evict,
        nodes(NodeFault::Drain),
        nodes(NodeFault::Outage),
        IntentAction::Scale { to: 5, lasts_us },
        IntentAction::Partition { instances: instances.clone(), lasts_us },
        IntentAction::Manifest { objects: vec!["NetworkChaos.chaos-mesh.org/slow".into()], lasts_us },
    ];
    let mut told = String::new();
    for action in faults {
        let story = |sighted: bool| {
            let intent = Intent { fault: "fault-0".into(), group: "primary".into(), action: action.clone() };
            let done = Acknowledged { fault: "fault-0".into(), detail: String::new() };
            let story = calm().event(20.0, Event::Intent(intent)).event(20.1, Event::Acknowledged(done));
            let seen = EffectSeen { fault: "fault-0".into(), seen_by: "s".into(), detail: "d".into() };
            if sighted { story.event(21.0, Event::EffectSeen(seen)) } else { story }
        };
        let finding = unknown("fault-0", "fault-had-no-effect");
        let causes =
            diagnose(&story(false).tracks(), std::slice::from_ref(&finding)).remove(&finding.id).unwrap();
        told += &format!("{}\n  → {}\n", causes[0].seen, causes[0].next_step);
        if !action.ends_instances() {
            assert_eq!(codes(story(true), &finding), ["undiagnosed"]);
        }
    }
    insta::assert_snapshot!(told);
}

#[test]
fn a_fault_that_was_left_out_or_not_undone() {
    let failed =
        FaultFailed { fault: "fault-0".into(), reason: "2 of 2 would be lost, 50% are allowed".into() };
    let story = calm().event(20.0, Event::FaultSkipped(failed));
    assert_eq!(codes(story, &unknown("fault-0", "fault-skipped")), ["fault-skipped"]);
    let story = fault(&[]).healed(30.0, false, "the group is gone");
    assert_eq!(codes(story, &unknown("fault-0", "heal-incomplete")), ["heal-incomplete"]);
}

fn alive(source: &str, from: f64, to: f64) -> Event {
    Event::Alive(Alive { source: source.into(), since_us: us(from), through_us: us(to) })
}

#[test]
fn a_source_that_was_silent() {
    let finding = unknown("contraction-0", "signal-gap");
    let silent = || {
        calm()
            .event(62.0, alive("supply/primary", 0.0, 62.0))
            .event(80.0, alive("supply/primary", 66.0, 80.0))
            .event(
                63.0,
                Event::Lost(SourceLost {
                    source: "supply/primary".into(),
                    reason: "connection reset".into(),
                }),
            )
    };
    assert_eq!(codes(silent(), &finding), ["signal-gap"]);
    insta::assert_snapshot!(seen(silent(), &finding));
    let whole = calm().event(80.0, alive("supply/primary", 0.0, 80.0));
    assert_eq!(codes(whole, &finding), ["undiagnosed"]);
}

#[test]
fn a_harness_without_time_for_itself() {
    let late = |us| Event::Harness(HarnessReading { tick_late_us: us, send_late_us: 0 });
    let finding = unknown("expansion-0", "harness-starved");
    let grown = || surged().without(|event| matches!(event, Event::Decision(_)));
    assert_eq!(codes(grown().event(20.0, late(400_000)), &finding), ["harness-starved"]);
    assert_eq!(codes(grown().event(20.0, late(90_000)), &finding), ["undiagnosed"]);
}

#[test]
fn a_stranger_who_wrote_the_count() {
    let finding = unknown("contraction-0", "confounded");
    let strange = |at| calm().desired(at, "primary", 2, "ops-bot", "maintenance");
    assert_eq!(codes(strange(50.0), &finding), ["confounded"]);
    insta::assert_snapshot!(seen(strange(50.0), &finding));
    assert_eq!(codes(strange(2.0), &finding), ["undiagnosed"], "before the baseline it disturbs nothing");
}

#[test]
fn a_system_that_never_was_calm() {
    let finding = Finding { window_us: None, ..unknown("contraction-0", "never-steady") };
    let story = || {
        let mut story = Story::new("restless")
            .without(|event| matches!(event, Event::Phase(p) if matches!(p.phase, Phase::Baseline | Phase::Stimulus)))
            .desired(0.0, "primary", 1, "declared", "");
        for i in 0..6 {
            let name = format!("primary-{i}");
            let at = f64::from(i) * 6.0;
            story = story.instance(at, &name, InstanceState::Starting, "").instance(
                at + 5.0,
                &name,
                InstanceState::Gone,
                "exit status 1",
            );
        }
        story
    };
    assert_eq!(codes(story(), &finding), ["never-steady", "instance-never-ready"]);
    insta::assert_snapshot!(seen(story(), &finding));
}

#[test]
fn a_run_that_was_ended_early() {
    let finding = unknown("contraction-0", "history-too-short");
    let interrupted = || calm().event(30.0, Event::Interrupted(Interrupted { signal: "SIGTERM".into() }));
    assert_eq!(codes(interrupted(), &finding), ["run-interrupted"]);
    assert_eq!(codes(calm().unsealed(), &finding), ["history-unsealed"]);
    let stopped =
        Stopped { condition: "burn_rate".into(), value: 9.0, limit: 5.0, detail: "9 over 30s".into() };
    let story = calm().event(30.0, Event::Stopped(stopped));
    assert_eq!(codes(story, &unknown("expansion-0", "stimulus-cut-short")), ["stop-tripped"]);
    assert_eq!(codes(calm(), &finding), ["undiagnosed"]);
}

#[test]
fn traffic_that_stayed_up() {
    let story = calm().load(0, 35, 40, 0, 0).load(35, 79, 90, 0, 0);
    assert_eq!(codes(story, &unknown("contraction-0", "demand-shifted")), ["demand-shifted"]);
}

#[test]
fn codes_that_say_it_all_come_with_a_next_step() {
    for code in [
        "too-close",
        "low-traffic",
        "deadline-unknown",
        "threshold-not-counted",
        "no-price",
        "mixed-currencies",
        "contraction-not-proven",
        "nothing-terminated",
        "anchor-not-reached",
        "check-panicked",
    ] {
        assert_eq!(codes(calm(), &unknown("recovery", code)), [code]);
    }
}
