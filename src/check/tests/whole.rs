use crate::check::case::Case;
use crate::check::testing::{Run, S, a_run, says};
use crate::check::{Outcome, merge};
use crate::history::{
    EffectSeen, Event, HealOutcome, InstanceChange, InstanceState, IntentAction, Interrupted, NOT_CLOSED,
    NodeFault, Note, Stopped,
};
use crate::scenario::{FaultAction, NodeChoice, Pick, Span, StopCondition};

fn stopping() -> Run {
    let mut run = a_run().with_objective("availability", "90%", None);
    run.scenario.stop.push(StopCondition::BurnRate {
        objective: "availability".into(),
        above: 5.0,
        over: Span::from_secs(30),
    });
    run
}

fn stopped(condition: &str, limit: f64) -> Event {
    let detail = "it burned at 6.1, the limit is 5".into();
    Event::Stopped(Stopped { condition: condition.into(), value: 6.1, limit, detail })
}

#[test]
fn a_stop_condition_is_a_finding_whether_or_not_it_trips() {
    assert_eq!(stopping().says("stop-burn_rate"), "pass stop-not-tripped");
    let finding = stopping().event(30 * S, stopped("burn_rate", 5.0)).finding("stop-burn_rate");
    assert_eq!(says(&finding), "fail stopped");
    assert_eq!(
        finding.text,
        "The stimuli were ended 10 s after the stimulus' start: it burned at 6.1, the limit is 5."
    );
    assert_eq!(a_run().event(30 * S, stopped("burn_rate", 5.0)).says("stop-burn_rate"), "fail stopped");
}

#[test]
fn of_several_stop_conditions_the_one_that_tripped_fails() {
    let mut run = stopping();
    let again =
        StopCondition::BurnRate { objective: "availability".into(), above: 2.0, over: Span::from_secs(60) };
    run.scenario.stop.push(again);
    let run = run.event(30 * S, stopped("burn_rate", 2.0));
    assert_eq!(run.says("stop-burn_rate"), "pass stop-not-tripped");
    assert_eq!(run.says("stop-burn_rate/1"), "fail stopped");
}

#[test]
fn a_run_that_was_interrupted_or_has_no_seal_never_passes() {
    let interrupted = a_run().event(30 * S, Event::Interrupted(Interrupted { signal: "SIGINT".into() }));
    assert_eq!(interrupted.says("history"), "inconclusive run-interrupted");
    assert_eq!(a_run().unsealed().says("history"), "inconclusive history-unsealed");
    assert_eq!(merge(&a_run().unsealed().findings()), Outcome::Inconclusive);
    assert_eq!(merge(&a_run().findings()), Outcome::Pass);
    assert_eq!(merge(&[]), Outcome::Inconclusive, "without any finding nothing was proven");
}

#[test]
fn the_load_is_a_finding_of_its_own() {
    assert_eq!(a_run().says("load"), "pass load-delivered");
    let late = a_run().seconds(45..60, |window| window.late = 8);
    assert_eq!(late.says("load"), "inconclusive surge-not-delivered");
    // One percent and no more, overall: 72 of 7200 requests from the baseline on.
    let planned: u64 = 10 * 40 + 20 * 200 + 60 * 40;
    let exactly = |n| a_run().seconds(45..46, |window| (window.planned, window.late) = (40, n));
    assert_eq!(exactly(planned / 100).says("load"), "pass load-delivered");
    assert_eq!(exactly(planned / 100 + 1).says("load"), "inconclusive surge-not-delivered");
    assert_eq!(
        a_run().without_seconds(0..100).without_surge().says("load"),
        "inconclusive surge-not-delivered"
    );
}

#[test]
fn a_fault_is_a_finding_of_its_own() {
    let finding = a_run().kills("primary", 45 * S, 1).finding("fault-0");
    assert_eq!(says(&finding), "pass fault-effective");
    assert_eq!(finding.expectation, "An instance of \"primary\" is ended 25 s into the stimulus.");
    assert_eq!(
        finding.text,
        "fault-0 ended primary-1 25 s after the stimulus' start; it was seen gone by supply/primary."
    );
    let unhealed = HealOutcome { fault: "fault-0".into(), complete: false, detail: "no answer".into() };
    let run = a_run().kills("primary", 45 * S, 1).event(47 * S, Event::Healed(unhealed));
    assert_eq!(run.says("fault-0"), "inconclusive heal-incomplete");
}

#[test]
fn a_check_that_panics_is_inconclusive_and_takes_no_other_with_it() {
    let run = a_run().expands().contracts(50 * S).expects_contraction().expects_expansion();
    let mut broken = run.clone();
    broken.plan.windows.retain(|window| window.id != "expansion-0");
    let finding = broken.finding("expansion-0");
    assert_eq!(says(&finding), "inconclusive check-panicked");
    assert_eq!(
        finding.text,
        "The check itself failed, which is a bug in springback: the plan has no window expansion-0."
    );
    assert_eq!(broken.says("contraction-0"), "pass contracted");
    let tracks = run.tracks();
    let case = Case::new(&tracks, &run.scenario, &run.plan);
    let findings = case.guard("x", || panic!("at the disco"));
    assert_eq!(findings.len(), 1);
    assert!(findings[0].text.contains("at the disco"));
}

#[test]
fn two_defects_are_two_findings() {
    let run = a_run()
        .with_standby()
        .expands()
        .expects_contraction()
        .expects_release()
        .expects_idle_spend("0.00 USD/h")
        .shrinks("primary", 44 * S, 2)
        .loses_primary(45 * S, 50 * S)
        .grows("primary", 55 * S, 4);
    let failed: Vec<String> = run
        .findings()
        .iter()
        .filter(|finding| finding.outcome == Outcome::Fail)
        .map(|finding| format!("{} {}", finding.id, finding.code))
        .collect();
    assert_eq!(
        failed,
        ["contraction-0 regrowth", "standby-released-0 standby-not-released", "idle-spend residual-spend"]
    );
}

#[test]
fn where_no_stimulus_began_there_was_no_load_to_deliver() {
    let run = a_run().kills("primary", 45 * S, 1);
    let records: Vec<_> = run.records().into_iter().take_while(|record| record.t_us < 20 * S).collect();
    let findings = crate::check::judge(&crate::check::testing::tracks(&records), &run.scenario, &run.plan);
    let ids: Vec<&str> = findings.iter().map(|finding| finding.id.as_str()).collect();
    assert_eq!(ids, ["history", "baseline"]);
}

#[test]
fn an_instance_that_ends_although_nobody_meant_it_to_is_noted() {
    let gone = |instance: &str| {
        Event::Instance(InstanceChange {
            reason: "signal: 9 (SIGKILL)".into(),
            ..InstanceChange::new("primary", instance, InstanceState::Gone)
        })
    };
    let noted =
        |run: &Run| run.findings().into_iter().find(|finding| finding.id == "unplanned-death/primary");
    let finding = noted(&a_run().event(95 * S, gone("primary-1"))).expect("a note");
    assert_eq!(says(&finding), "pass unplanned-death");
    assert!(finding.text.contains("primary-1, 1 min 15 s after"), "{}", finding.text);
    assert_eq!(noted(&a_run().kills("primary", 30 * S, 1)), None, "a fault struck it");
}

#[test]
fn a_loss_that_was_never_healed_and_a_world_that_was_not_closed_do_not_pass() {
    let lose = FaultAction::Lose { group: "primary".into(), lasts: Span::from_secs(5) };
    let names = vec!["primary-1".to_owned(), "primary-2".to_owned()];
    let action = IntentAction::Lose { instances: names.clone(), lasts_us: 5 * S };
    let lost = a_run().fault("fault-0", 45 * S, lose).injects("fault-0", "primary", 45 * S, action);
    let lost = lost.has_effect("fault-0", 46 * S, names, Vec::new());
    assert_eq!(lost.says("fault-0"), "inconclusive heal-incomplete");
    let healed = HealOutcome { fault: "fault-0".into(), complete: true, detail: "may start again".into() };
    assert_eq!(lost.event(50 * S, Event::Healed(healed)).says("fault-0"), "pass fault-effective");
    let note = Note { code: NOT_CLOSED.into(), text: "process 7 does not end".into() };
    let left = a_run().event(99 * S, Event::Note(note));
    let finding = left.finding("history");
    assert_eq!(says(&finding), "inconclusive heal-incomplete");
    assert_eq!(finding.text, "Something was left behind: process 7 does not end.");
    assert_eq!(left.tracks().left_behind(), ["process 7 does not end"]);
}

/// A fault that is injected at 30 s, acts as its intent says, and is healed at 50 s.
fn cluster_fault(action: FaultAction, intent: IntentAction) -> Run {
    let run = a_run().with_standby().quiesces(Some(50 * S));
    let run = run.fault("fault-0", 30 * S, action).injects("fault-0", "primary", 30 * S, intent);
    let healed = HealOutcome { fault: "fault-0".into(), complete: true, detail: "put back".into() };
    run.event(50 * S, Event::Healed(healed))
}

fn sighted(run: Run) -> Run {
    let seen = EffectSeen {
        fault: "fault-0".into(),
        seen_by: "probes".into(),
        detail: "3 of 3 probes went unanswered".into(),
    };
    run.event(31 * S, Event::EffectSeen(seen))
}

fn partitioned() -> Run {
    let lasts = Span::from_secs(20);
    let instances = vec!["primary-1".to_owned(), "primary-2".to_owned()];
    cluster_fault(
        FaultAction::Partition { group: "primary".into(), lasts },
        IntentAction::Partition { instances, lasts_us: lasts.us },
    )
}

#[test]
fn a_fault_that_ends_nobody_is_proven_by_what_its_world_saw() {
    let seen = sighted(partitioned()).has_effect("fault-0", 31 * S, Vec::new(), Vec::new());
    let finding = seen.finding("fault-0");
    assert_eq!(says(&finding), "pass fault-effective");
    assert_eq!(
        finding.text,
        "fault-0 cut \"primary\" off 10 s after the stimulus' start; its effect was seen by supply/primary."
    );
    assert_eq!(finding.expectation, "No traffic reaches \"primary\" for 20 s, 10 s into the stimulus.");
    assert!(finding.evidence.iter().any(|evidence| evidence.value == "3 of 3 probes went unanswered"));
    // Torn before the runner could say so.
    assert_eq!(sighted(partitioned()).says("fault-0"), "pass fault-effective");

    let unseen = partitioned().has_effect("fault-0", 50 * S, Vec::new(), vec!["partition not seen".into()]);
    assert_eq!(unseen.says("fault-0"), "inconclusive fault-had-no-effect");
    let finding = partitioned().finding("fault-0");
    assert_eq!(says(&finding), "inconclusive fault-had-no-effect");
    assert_eq!(finding.text, "fault-0 on \"primary\" had no effect: partition not seen: nothing was tested.");
}

#[test]
fn each_fault_of_a_cluster_has_its_words() {
    let lasts = Span::from_secs(20);
    let group = || "primary".to_owned();
    let nodes = |how| IntentAction::Nodes {
        how,
        nodes: vec!["node-a".into()],
        instances: vec!["primary-1".into()],
        lasts_us: lasts.us,
    };
    let one = NodeChoice::Count { count: 1, pick: Pick::Oldest };
    let east = NodeChoice::Zone("east".into());
    let faults = [
        (
            FaultAction::Scale { group: group(), to: 5, lasts },
            IntentAction::Scale { to: 5, lasts_us: lasts.us },
        ),
        (FaultAction::Drain { group: group(), nodes: one.clone(), lasts }, nodes(NodeFault::Drain)),
        (
            FaultAction::Reclaim { group: group(), nodes: one, notice: Span::from_secs(5), lasts },
            nodes(NodeFault::Reclaim { notice_us: 5 * S }),
        ),
        (FaultAction::Outage { group: group(), nodes: east, lasts }, nodes(NodeFault::Outage)),
        (
            FaultAction::Manifest {
                group: group(),
                file: "slow.yaml".into(),
                objects: Vec::new(),
                wait_for: "condition=AllInjected".parse().unwrap(),
                within: Span::from_secs(5),
                lasts,
            },
            IntentAction::Manifest {
                objects: vec!["NetworkChaos.chaos-mesh.org/slow".into()],
                lasts_us: lasts.us,
            },
        ),
    ];
    let mut said = String::new();
    for (action, intent) in faults {
        let gone = intent.instances().to_vec();
        let run = sighted(cluster_fault(action, intent)).has_effect("fault-0", 31 * S, gone, Vec::new());
        let finding = run.finding("fault-0");
        assert_eq!(says(&finding), "pass fault-effective", "{}", finding.text);
        said += &format!("{}\n  {}\n", finding.expectation, finding.text);
    }
    insta::assert_snapshot!(said);
}
