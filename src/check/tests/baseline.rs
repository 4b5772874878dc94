use std::collections::BTreeMap;

use crate::check::testing::{Run, S, a_run, says};
use crate::history::Reference;
use crate::scenario::BaselineExpectation;

const ID: &str = "baseline";

fn at_most(run: Run, n: u32) -> Run {
    let at_most = BTreeMap::from([("primary".to_owned(), n)]);
    run.expecting(|expect| expect.baseline = Some(BaselineExpectation { at_most }))
}

#[test]
fn it_is_judged_by_what_is_expected_then_by_the_last_passing_run_then_not() {
    let held = at_most(a_run(), 2).finding(ID);
    assert_eq!(says(&held), "pass baseline-held");
    assert_eq!(
        held.text,
        "The calm system was no larger than it may be: \"primary\" had 2 instances (at most 2 are expected)."
    );
    assert_eq!(held.expectation, "At baseline \"primary\" has at most 2 instances.");
    let inherited = at_most(a_run(), 1).finding(ID);
    assert_eq!(says(&inherited), "fail baseline-inherited");
    assert_eq!(
        inherited.text,
        "Before anything was stimulated, \"primary\" had 2 instances (at most 1 is expected): something was left over from before this \
         run."
    );
    let mut run = a_run();
    assert_eq!(run.says(ID), "pass baseline-unanchored");
    let reference =
        |n| Reference { suite_id: "monday".into(), supply: BTreeMap::from([("primary".into(), n)]) };
    run.reference = Some(reference(1));
    assert_eq!(run.says(ID), "fail baseline-inherited");
    run.reference = Some(reference(2));
    assert_eq!(run.says(ID), "pass baseline-held");
    assert_eq!(at_most(run, 1).says(ID), "fail baseline-inherited", "what is written counts first");
}

#[test]
fn one_group_without_reference_leaves_a_note() {
    let run = at_most(a_run().with_another("cache", 1), 2);
    let finding = run.finding(ID);
    assert_eq!(says(&finding), "pass baseline-unanchored");
    assert!(finding.text.contains("\"cache\" with 1 instance"), "{}", finding.text);
}

#[test]
fn a_gap_in_it_is_inconclusive_and_what_was_seen_above_stays() {
    assert_eq!(
        at_most(a_run(), 2).silent("supply/primary", 12 * S, 13 * S).says(ID),
        "inconclusive signal-gap"
    );
    assert_eq!(at_most(a_run(), 2).silent("supply/primary", 5 * S, 10 * S).says(ID), "pass baseline-held");
    assert_eq!(
        at_most(a_run(), 1).silent("supply/primary", 12 * S, 13 * S).says(ID),
        "fail baseline-inherited"
    );
}

#[test]
fn supply_that_moved_all_the_time_is_no_baseline() {
    let moving = |at_us: u64| at_most(a_run(), 9).starts("primary", at_us, at_us).says(ID);
    assert_eq!(moving(10 * S), "pass baseline-held");
    assert_eq!(moving(10 * S + 1), "inconclusive never-steady", "14 s before a move are of no use after it");
    assert_eq!(moving(20 * S - 1), "inconclusive never-steady");
    let restless = at_most(a_run(), 9)
        .starts("primary", 6 * S, 6 * S)
        .starts("primary", 12 * S, 13 * S)
        .starts("primary", 18 * S, 19 * S);
    let restless = restless.expects_contraction();
    assert_eq!(restless.says(ID), "inconclusive never-steady");
    assert_eq!(restless.says("contraction-0"), "inconclusive never-steady");
    let mut short = at_most(a_run(), 2);
    short.plan.steady_us = 20 * S + 1;
    assert_eq!(short.says(ID), "inconclusive never-steady");
    short.plan.steady_us = 20 * S;
    assert_eq!(short.says(ID), "pass baseline-held");
}

#[test]
fn a_sleeping_standby_of_none_has_a_baseline_of_none() {
    let none = crate::scenario::Group {
        takes_over_from: Some("primary".into()),
        ..a_run().scenario.groups()["primary"].clone()
    };
    let run = at_most(a_run().with_group("standby", 0, "0.10 USD/h", none), 2);
    assert!(run.finding(ID).text.contains("\"standby\" with 0 instances"));
}
