use crate::check::testing::{Run, S, a_run, says};
use crate::history::{Event, FaultFailed, IntentAction, NodeFault};
use crate::scenario::{FaultAction, NodeChoice, Replacement, Span};

const ID: &str = "replacement";

/// Two of the primary's instances are ended at 45 s and gone at 45.1 s; they must be replaced by 50.1 s.
fn killed() -> Run {
    let replacement = Replacement { within: Span::from_secs(5) };
    a_run()
        .expands()
        .expecting(|expect| expect.replacement = Some(replacement))
        .kills("primary", 45 * S, 2)
        .quiesces(Some(46 * S))
}

const GONE: u64 = 45 * S + S / 10;

#[test]
fn as_many_new_ones_ready_in_time_pass() {
    let finding = killed().starts("primary", GONE, 47 * S).starts("primary", GONE + S, 48 * S).finding(ID);
    assert_eq!(says(&finding), "pass replaced");
    assert_eq!(
        finding.text,
        "\"primary\" was complete again 2.9 s after fault-0 ended primary-1 and primary-2, 2.1 s before its deadline."
    );
    assert_eq!(finding.anchor.map(|anchor| (anchor.anchor, anchor.t_us)), Some(("fault-0".into(), GONE)));
}

#[test]
fn the_deadline_is_inclusive() {
    let second_at =
        |ready_us: u64| killed().starts("primary", GONE, 47 * S).starts("primary", GONE, ready_us);
    assert_eq!(second_at(GONE + 5 * S).says(ID), "pass replaced");
    let late = second_at(GONE + 5 * S + 1).finding(ID);
    assert_eq!(says(&late), "fail not-replaced");
    assert!(
        late.text
            .starts_with("Of 2 instances that fault-0 ended in \"primary\", 1 had been replaced 5 s later.")
    );
    assert_eq!(killed().says(ID), "fail not-replaced");
}

#[test]
fn instances_that_were_on_their_way_before_do_not_count() {
    let run = killed().starts("primary", 44 * S, 47 * S).starts("primary", GONE, 47 * S);
    assert_eq!(run.says(ID), "fail not-replaced");
}

#[test]
fn where_fewer_are_wanted_fewer_need_to_be_there() {
    // Six were wanted, four are left; five are wanted now, so one new one is enough.
    let run = killed().wants(47 * S, "primary", 5, "autoscaler").starts("primary", GONE, 48 * S);
    assert_eq!(run.says(ID), "pass replaced");
    assert_eq!(killed().wants(47 * S, "primary", 5, "autoscaler").says(ID), "fail not-replaced");
    assert_eq!(killed().wants(47 * S, "primary", 4, "autoscaler").says(ID), "pass replaced");
}

#[test]
fn a_gap_is_inconclusive_until_it_was_reached() {
    let replaced = || killed().starts("primary", GONE, 47 * S).starts("primary", GONE, 48 * S);
    assert_eq!(replaced().silent("supply/primary", 46 * S, 47 * S).says(ID), "inconclusive signal-gap");
    assert_eq!(replaced().silent("supply/primary", 48 * S, 49 * S).says(ID), "pass replaced");
    assert_eq!(killed().silent("supply/primary", 49 * S, 51 * S).says(ID), "inconclusive signal-gap");
}

#[test]
fn a_fault_without_effect_tests_nothing() {
    let mut run = killed();
    let gone = vec!["primary-1".to_owned()];
    run = run.has_effect("fault-0", 47 * S, gone, vec!["primary-2".into()]);
    let finding = run.starts("primary", GONE, 47 * S).finding(ID);
    assert_eq!(says(&finding), "inconclusive fault-had-no-effect");
    assert_eq!(
        finding.text,
        "fault-0 on \"primary\" was to end primary-1 and primary-2; primary-2 was not seen gone: nothing was tested."
    );
}

#[test]
fn a_fault_that_was_skipped_tests_nothing_either() {
    let skipped = FaultFailed { fault: "fault-0".into(), reason: "more than may be lost at once".into() };
    let run = killed().event(45 * S, Event::FaultSkipped(skipped));
    assert_eq!(run.says(ID), "inconclusive fault-skipped");
    assert_eq!(run.says("fault-0"), "inconclusive fault-skipped");
    let mut none = a_run();
    none.scenario.expect.replacement = Some(Replacement { within: Span::from_secs(5) });
    assert_eq!(none.says(ID), "inconclusive nothing-terminated");
}

#[test]
fn each_termination_has_its_own_finding() {
    let run = killed().starts("primary", GONE, 47 * S).starts("primary", GONE, 48 * S);
    let run = run.kills("primary", 55 * S, 1);
    assert_eq!(run.says("replacement/fault-0"), "pass replaced");
    assert_eq!(run.says("replacement/fault-1"), "fail not-replaced");
}

#[test]
fn one_new_instance_replaces_one() {
    // Two are ended at 45.1 s, a third one half a second later; of three that are due, two come.
    let both = killed().kills("primary", 45 * S + S / 2, 1);
    let last = 45 * S + S / 2 + S / 10;
    let one = both.starts("primary", last, 47 * S).starts("primary", last, 48 * S);
    assert_eq!(one.says("replacement/fault-0"), "pass replaced");
    assert_eq!(one.says("replacement/fault-1"), "fail not-replaced");
    assert_eq!(one.clone().starts("primary", last, 49 * S).says("replacement/fault-1"), "pass replaced");
    // Where one fewer was wanted before that, the first kill has no claim on all of them.
    let fewer = killed().wants(45 * S + S / 5, "primary", 4, "autoscaler").kills("primary", 46 * S, 1);
    let fewer = fewer.starts("primary", 46 * S + S / 10, 47 * S);
    assert_eq!(fewer.says("replacement/fault-0"), "pass replaced");
    assert_eq!(fewer.says("replacement/fault-1"), "pass replaced");
}

#[test]
fn what_a_drain_ended_is_to_be_replaced_like_what_a_kill_ended() {
    let lasts = Span::from_secs(20);
    let nodes = NodeChoice::Named("node-a".into());
    let victims = vec!["primary-1".to_owned()];
    let action = IntentAction::Nodes {
        how: NodeFault::Drain,
        nodes: vec!["node-a".into()],
        instances: victims.clone(),
        lasts_us: lasts.us,
    };
    let drained = |run: Run| {
        let run =
            run.expecting(|expect| expect.replacement = Some(Replacement { within: Span::from_secs(10) }));
        let run = run.fault(
            "fault-0",
            30 * S,
            FaultAction::Drain { group: "primary".into(), nodes: nodes.clone(), lasts },
        );
        run.injects("fault-0", "primary", 30 * S, action.clone()).dies("primary", 32 * S).has_effect(
            "fault-0",
            32 * S,
            victims.clone(),
            Vec::new(),
        )
    };
    assert_eq!(drained(a_run()).starts("primary", 33 * S, 35 * S).says("replacement"), "pass replaced");
    assert_eq!(drained(a_run()).starts("primary", 33 * S, 45 * S).says("replacement"), "fail not-replaced");
    assert_eq!(
        drained(a_run()).silent("supply/primary", 33 * S, 50 * S).says("replacement"),
        "inconclusive signal-gap"
    );
}
