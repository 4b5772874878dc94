use crate::check::testing::{Run, S, a_run, says};
use crate::history::ObjectState::{Gone, Unused, Used};
use crate::plan::Objects;

const ID: &str = "nothing-left";
const CLAIM: &str = "PersistentVolumeClaim data-web-2";

/// A claim of the surge, mounted from 26 s to 44 s. Nothing may be left from 60 s to 70 s.
fn surged() -> Run {
    a_run().expands().contracts(44 * S).expects_nothing_left(false).object(25 * S, CLAIM, Unused).object(
        26 * S,
        CLAIM,
        Used,
    )
}

#[test]
fn what_goes_in_time_passes() {
    let finding = surged().object(44 * S, CLAIM, Unused).object(50 * S, CLAIM, Gone).finding(ID);
    assert_eq!(says(&finding), "pass nothing-left");
    assert_eq!(
        finding.text,
        "Nothing unused was left from 10 s after quiesce on, 10 s before its deadline, and nothing was for 10 s."
    );
    // What is in use is not left, whenever it appeared.
    assert_eq!(surged().says(ID), "pass nothing-left");
}

#[test]
fn what_stays_unused_is_named_with_its_owner_its_age_and_its_price() {
    let finding = surged().object(44 * S, CLAIM, Unused).finding(ID);
    assert_eq!(says(&finding), "fail left-behind");
    assert_eq!(
        finding.text,
        "Still there 20 s after quiesce: PersistentVolumeClaim shop/data-web-2 (of Pod/web-2 of StatefulSet/web, 35 s old, \
         0.03 USD/h). It never came back as long as it was watched."
    );
}

#[test]
fn the_deadline_is_inclusive_and_what_comes_later_is_left_as_well() {
    let left = |run: Run| run.object(44 * S, CLAIM, Unused);
    assert_eq!(left(surged()).object(60 * S, CLAIM, Gone).says(ID), "pass nothing-left");
    assert_eq!(left(surged()).object(60 * S + 1, CLAIM, Gone).says(ID), "fail left-behind");
    assert_eq!(surged().object(65 * S, "Job import", Unused).says(ID), "fail left-behind");
    assert_eq!(surged().object(75 * S, "Job import", Unused).says(ID), "pass nothing-left");
}

#[test]
fn what_was_there_before_is_no_orphan_of_this_run() {
    let old = a_run().expects_nothing_left(false).object(0, CLAIM, Used).object(44 * S, CLAIM, Unused);
    assert_eq!(old.says(ID), "pass nothing-left");
}

#[test]
fn a_silence_or_a_run_that_did_not_look_proves_nothing() {
    assert_eq!(surged().silent("objects/shop", 62 * S, 64 * S).says(ID), "inconclusive signal-gap");
    assert_eq!(surged().silent("objects/shop", 12 * S, 14 * S).says(ID), "inconclusive signal-gap");
    // What was seen too late for the deadline no silence can reverse.
    let left = surged().object(44 * S, CLAIM, Unused).silent("objects/shop", 66 * S, 68 * S);
    assert_eq!(left.says(ID), "fail left-behind");
    let mut blind = surged();
    blind.plan.objects = Objects::default();
    assert_eq!(blind.says(ID), "inconclusive not-watched");
    assert_eq!(surged().ends(65 * S).says(ID), "inconclusive history-too-short");
}

#[test]
fn nodes_are_counted_and_one_may_take_the_place_of_another() {
    let nodes = |run: Run| run.expects_nothing_left(true).object(0, "Node a", Used).object(0, "Node b", Used);
    let grown = || nodes(a_run()).object(30 * S, "Node c", Used);
    assert_eq!(grown().says(ID), "fail left-behind");
    assert!(grown().finding(ID).text.contains("Node c ("), "{}", grown().finding(ID).text);
    assert_eq!(grown().object(50 * S, "Node a", Gone).says(ID), "pass nothing-left");
    assert_eq!(grown().object(50 * S, "Node c", Gone).says(ID), "pass nothing-left");
    // A cordon that is left is of the node that it is on, and one that was there before is not ours.
    assert_eq!(nodes(a_run()).object(50 * S, "Node b", Unused).says(ID), "fail left-behind");
    assert_eq!(nodes(a_run()).object(1, "Node z", Unused).says(ID), "pass nothing-left");
    // Who did not ask for nodes does not hear of them.
    let unasked = a_run().expects_nothing_left(false).object(30 * S, "Node c", Used);
    assert_eq!(unasked.says(ID), "pass nothing-left");
}

#[test]
fn what_is_left_is_idle_spend() {
    let run = || surged().expects_idle_spend("0.00 USD/h");
    assert_eq!(
        run().object(44 * S, CLAIM, Unused).object(50 * S, CLAIM, Gone).says("idle-spend"),
        "pass no-idle-spend"
    );
    let finding = run().object(44 * S, CLAIM, Unused).finding("idle-spend");
    assert_eq!(says(&finding), "fail residual-spend");
    assert!(finding.text.contains("volumes 0.03 USD/h more"), "{}", finding.text);
    // One that is in use belongs to what uses it.
    assert_eq!(run().says("idle-spend"), "pass no-idle-spend");
    let nodes =
        || a_run().expects_nothing_left(true).expects_idle_spend("0.00 USD/h").object(0, "Node a", Used);
    assert_eq!(nodes().object(30 * S, "Node b", Used).says("idle-spend"), "fail residual-spend");
    let replaced = nodes().object(30 * S, "Node b", Used).object(50 * S, "Node a", Gone);
    assert_eq!(replaced.says("idle-spend"), "pass no-idle-spend", "at an equal price");
}
