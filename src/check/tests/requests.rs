//! Objectives, burn limits and recovery.

use crate::check::testing::{Run, S, a_run, autoscaler_seen, says};
use crate::history::{Event, Unsent};
use crate::scenario::{Anchor, BurnLimit, Recovery, Span};

const AVAILABILITY: &str = "objective-availability";
const LATENCY: &str = "objective-latency";

/// Judged from 20 s to 40 s: 20 × 200 requests, of which 400 may be bad.
fn objectives() -> Run {
    a_run().with_objective("availability", "90%", None).with_objective("latency", "90%", Some(200))
}

#[test]
fn enough_good_requests_pass_exactly_at_the_target() {
    let finding = objectives().failing(20..40, 10).finding(AVAILABILITY);
    assert_eq!(says(&finding), "pass objective-met");
    assert_eq!(
        finding.text,
        "3600 of 4000 requests (90.00%) were answered well from the first stimulus on, for 20 s; 90% are needed for \
         \"availability\"."
    );
    assert_eq!(finding.window_us, Some((20 * S, 40 * S)));
    let one_more = objectives().failing(20..40, 10).seconds(39..40, |window| window.ok -= 1);
    assert_eq!(one_more.says(AVAILABILITY), "fail objective-missed");
}

#[test]
fn latency_is_judged_by_what_was_in_time() {
    let slow = |good| objectives().seconds(20..40, |window| window.good = vec![good]);
    assert_eq!(slow(180).says(LATENCY), "pass objective-met");
    assert_eq!(slow(179).says(LATENCY), "fail objective-missed");
    assert_eq!(slow(179).says(AVAILABILITY), "pass objective-met");
    let mut other = objectives();
    other = other.with_objective("latency", "90%", Some(300));
    assert_eq!(other.says(LATENCY), "inconclusive threshold-not-counted");
}

#[test]
fn quiet_time_neither_dilutes_nor_counts_and_is_reported() {
    // An outage of a fifth, and a very good hour after it.
    let outage = objectives().failing(20..40, 20);
    assert_eq!(outage.says(AVAILABILITY), "fail objective-missed");
    assert_eq!(
        objectives().failing(10..20, 100).failing(40..100, 100).says(AVAILABILITY),
        "pass objective-met"
    );
    let evidence = outage.finding(AVAILABILITY).evidence;
    let named = |name: &str| evidence.iter().find(|e| e.name == name).map(|e| e.value.clone());
    assert_eq!(named("while calm before").as_deref(), Some("400 of 400 requests good"));
    assert_eq!(named("in the quiet after").as_deref(), Some("2400 of 2400 requests good"));
    assert_eq!(named("budget used").as_deref(), Some("200.0 %"));
}

#[test]
fn a_recovery_deadline_lengthens_what_is_judged() {
    let recovering = |run: Run| {
        let recovery = Recovery { within: Span::from_secs(10), hold: None, from: None };
        let run = run.expecting(|expect| expect.recovery = Some(recovery));
        run.window("recovery", Anchor::Quiesce, Some(10 * S), 20 * S)
    };
    // 20 × 200 + 10 × 40 requests: 440 may be bad.
    let run = recovering(objectives().failing(20..40, 10).seconds(45..46, |window| window.ok = 0));
    assert_eq!(run.says(AVAILABILITY), "pass objective-met");
    assert_eq!(
        run.clone().seconds(46..47, |window| window.ok = 39).says(AVAILABILITY),
        "fail objective-missed"
    );
    assert_eq!(run.finding(AVAILABILITY).window_us, Some((20 * S, 50 * S)));
}

#[test]
fn a_replacement_deadline_lengthens_it_too() {
    let replacement = crate::scenario::Replacement { within: Span::from_secs(8) };
    let run = objectives().kills("primary", 45 * S, 1).quiesces(Some(46 * S));
    assert_eq!(run.finding(AVAILABILITY).window_us, Some((20 * S, 46 * S)));
    let run = run.expecting(|expect| expect.replacement = Some(replacement));
    assert_eq!(run.finding(AVAILABILITY).window_us, Some((20 * S, 53 * S)));
}

#[test]
fn too_few_requests_say_nothing() {
    let few = |per_s: u64, bad: u64| {
        objectives().seconds(20..40, |window| {
            let planned = if window.from_us < 20 * S + per_s * S { 1 } else { 0 };
            (window.planned, window.sent, window.ok, window.good) =
                (planned, planned, planned, vec![planned]);
            if window.from_us < 20 * S + bad * S {
                window.ok = 0;
            }
        })
    };
    assert_eq!(few(11, 0).says(AVAILABILITY), "pass objective-met");
    assert_eq!(few(10, 0).says(AVAILABILITY), "inconclusive low-traffic");
    assert_eq!(few(10, 10).says(AVAILABILITY), "inconclusive low-traffic");
}

#[test]
fn missing_seconds_are_inconclusive_unless_the_budget_is_gone_whatever_they_were() {
    assert_eq!(objectives().without_seconds(30..31).says(AVAILABILITY), "inconclusive signal-gap");
    assert_eq!(objectives().without_seconds(40..41).says(AVAILABILITY), "pass objective-met");
    let torn = |percent| objectives().failing(20..25, percent).ends(25 * S).quiesces(None).unsealed();
    // All 4040 that were planned to the end of the last second allow 404 bad ones.
    assert_eq!(torn(40).says(AVAILABILITY), "inconclusive history-too-short");
    assert_eq!(torn(41).says(AVAILABILITY), "fail objective-missed");
}

#[test]
fn what_we_did_not_send_voids_a_fail_unless_it_could_not_have_saved_it() {
    let starved = |percent| {
        objectives().failing(20..40, percent).seconds(20..40, |window| {
            window.unsent.insert(Unsent::Starved, 20);
            window.sent -= 20;
            window.ok -= 20;
        })
    };
    assert_eq!(starved(0).says(AVAILABILITY), "inconclusive surge-not-delivered");
    // 400 of 3600 bad are more than a tenth, but of the 4000 planned ones they are not.
    assert_eq!(starved(10).says(AVAILABILITY), "inconclusive surge-not-delivered");
    assert_eq!(starved(12).says(AVAILABILITY), "fail objective-missed");
}

#[test]
fn a_late_harness_is_about_latency_only() {
    let late = |seconds: std::ops::Range<u64>, us| {
        objectives().seconds(seconds, |window| window.send_late_max_us = us)
    };
    assert_eq!(late(20..40, 100_000).says(LATENCY), "pass objective-met");
    assert_eq!(late(20..40, 100_001).says(LATENCY), "inconclusive harness-starved");
    assert_eq!(late(20..40, 100_001).says(AVAILABILITY), "pass objective-met");
    assert_eq!(late(20..22, 900_000).says(LATENCY), "pass objective-met", "a hiccup");
}

#[test]
fn late_requests_void_latencies_once_they_are_a_tenth_of_what_may_be_bad() {
    let late = |each| objectives().seconds(20..21, |window| window.late = each);
    let judged = |run: &Run| run.says(LATENCY);
    // 4000 requests, of which 400 may be bad.
    assert_eq!(judged(&late(40)), "pass objective-met");
    assert_eq!(judged(&late(41)), "inconclusive harness-starved");
}

#[test]
fn a_fault_without_effect_or_a_foreign_hand_voids_pass_and_fail() {
    let spared = |run: Run| {
        let run = run.kills("primary", 30 * S, 1);
        run.has_effect("fault-0", 32 * S, Vec::new(), vec!["primary-1".into()])
    };
    assert_eq!(spared(objectives()).says(AVAILABILITY), "inconclusive fault-had-no-effect");
    assert_eq!(
        spared(objectives().failing(20..40, 50)).says(AVAILABILITY),
        "inconclusive fault-had-no-effect"
    );
    let foreign = objectives().event(30 * S, Event::Autoscaler(autoscaler_seen(9, "bob")));
    assert_eq!(foreign.says(AVAILABILITY), "inconclusive confounded");
    assert_eq!(objectives().kills("primary", 30 * S, 1).says(AVAILABILITY), "pass objective-met");
}

#[test]
fn without_any_stimulus_nothing_was_put_to_the_test() {
    assert_eq!(objectives().without_surge().says(AVAILABILITY), "inconclusive anchor-not-reached");
}

fn burning(at_most: f64) -> Run {
    let limit = BurnLimit { objective: "availability".into(), at_most, over: Span::from_secs(10) };
    objectives().expecting(|expect| expect.burn_rate.push(limit))
}

#[test]
fn a_burn_limit_is_judged_over_every_window_and_inclusive() {
    // Half of the requests of four seconds: 400 of 2000 bad, a burn of 2.
    let bad = |at_most| burning(at_most).failing(30..34, 50);
    let finding = bad(2.0).finding("burn-rate-0");
    assert_eq!(says(&finding), "pass burn-within-limit");
    assert_eq!(
        finding.text,
        "\"availability\" burned at 2.00 at the most, in the 10 s from 4 s after the stimulus' start on (80.00% of 2000 \
         requests good); 2 is allowed, which is 20.00 % bad."
    );
    assert_eq!(bad(1.99).says("burn-rate-0"), "fail burn-too-fast");
    assert_eq!(burning(1.0).says("burn-rate-0"), "pass burn-within-limit");
}

#[test]
fn a_burn_limit_needs_whole_windows_and_enough_events() {
    assert_eq!(burning(2.0).without_seconds(30..31).says("burn-rate-0"), "inconclusive signal-gap");
    assert_eq!(
        burning(2.0).failing(20..22, 100).without_seconds(35..36).says("burn-rate-0"),
        "fail burn-too-fast"
    );
    let mut long = burning(2.0);
    long.scenario.expect.burn_rate[0].over = Span::from_secs(31);
    assert_eq!(long.says("burn-rate-0"), "inconclusive history-too-short");
    let thin = burning(2.0).seconds(10..40, |window| {
        (window.planned, window.sent, window.ok) = (0, 0, 0);
    });
    assert_eq!(thin.says("burn-rate-0"), "inconclusive low-traffic");
}

/// From 50 s on, for 20 s, every 5 s must be good.
fn recovering() -> Run {
    let recovery = Recovery { within: Span::from_secs(10), hold: None, from: None };
    let run = objectives().expecting(|expect| expect.recovery = Some(recovery));
    run.window("recovery", Anchor::Quiesce, Some(10 * S), 20 * S)
}

#[test]
fn recovery_is_good_in_every_five_seconds_from_the_deadline_on() {
    let finding = recovering().failing(40..50, 100).finding("recovery");
    assert_eq!(says(&finding), "pass recovered");
    assert_eq!(
        finding.text,
        "Every 5 s were good enough: \"availability\" 100.00% and \"latency\" 100.00% good."
    );
    assert_eq!(recovering().failing(50..51, 50).says("recovery"), "pass recovered", "20 of 200 are a tenth");
    let bad = recovering().seconds(55..56, |window| window.ok = 19).finding("recovery");
    assert_eq!(says(&bad), "fail not-recovered");
    assert_eq!(
        bad.text,
        "Not recovered: \"availability\" had 89.50% good in the 5 s from 11 s after quiesce on, and needs 90%."
    );
    assert_eq!(recovering().failing(70..75, 100).says("recovery"), "pass recovered");
}

#[test]
fn recovery_needs_every_second_and_enough_of_them() {
    assert_eq!(recovering().without_seconds(60..61).says("recovery"), "inconclusive signal-gap");
    assert_eq!(recovering().without_seconds(70..71).says("recovery"), "pass recovered");
    assert_eq!(
        recovering().failing(52..54, 100).without_seconds(60..61).says("recovery"),
        "fail not-recovered"
    );
    assert_eq!(recovering().ends(65 * S).unsealed().says("recovery"), "inconclusive history-too-short");
    let thin = |bad: u64| {
        recovering().seconds(50..70, move |window| {
            (window.planned, window.sent, window.ok, window.good) = (1, 1, 1, vec![1]);
            if window.from_us < 50 * S + bad * S {
                window.ok = 0;
            }
        })
    };
    assert_eq!(thin(0).says("recovery"), "pass recovered", "twenty in all are enough");
    assert_eq!(thin(1).says("recovery"), "inconclusive low-traffic", "one of five is not enough to fail");
    assert_eq!(recovering().quiesces(None).says("recovery"), "inconclusive anchor-not-reached");
}

#[test]
fn the_second_in_which_the_judged_time_ends_can_burn_too() {
    // Quiesce within the second from 40 s on, in which all 40 requests fail: of the last ten 1840 are planned.
    let run = burning(0.2).failing(40..41, 100);
    assert_eq!(run.clone().quiesces(Some(40 * S)).says("burn-rate-0"), "pass burn-within-limit");
    assert_eq!(run.clone().quiesces(Some(40 * S + 1)).says("burn-rate-0"), "fail burn-too-fast");
    let missing = burning(0.2).without_seconds(40..41).quiesces(Some(40 * S + 1));
    assert_eq!(missing.says("burn-rate-0"), "inconclusive signal-gap");
}
