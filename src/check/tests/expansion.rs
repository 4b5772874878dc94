use crate::check::testing::{Run, S, a_run, autoscaler_seen, says};
use crate::history::{Event, HarnessReading, Interrupted, Rewritten, Unsent};

const ID: &str = "expansion-0";

/// Four must be ready by 35 s; they are ready a second after they were started.
fn growing(at_us: u64) -> Run {
    a_run().expects_expansion().grows("primary", at_us, 4)
}

#[test]
fn enough_ready_instances_in_time_pass() {
    let finding = growing(25 * S).finding(ID);
    assert_eq!(says(&finding), "pass expanded");
    assert_eq!(
        finding.text,
        "\"primary\" had 4 instances ready 6 s after the surge's start, 9 s before its deadline."
    );
    assert_eq!(
        finding.expectation,
        "\"primary\" has at least 4 instances ready within 15 s of the surge's start."
    );
    assert_eq!(finding.margin_us, Some(9_000_000));
}

#[test]
fn the_deadline_is_inclusive_and_only_ready_ones_count() {
    assert_eq!(growing(34 * S).says(ID), "pass expanded");
    let late = growing(34 * S + 1).finding(ID);
    assert_eq!(says(&late), "fail not-expanded");
    assert_eq!(
        late.text,
        "\"primary\" had no more than 2 instances ready by its deadline, 15 s after the surge's start, and 4 were expected. \
         It had them 15 s after the surge's start."
    );
    assert_eq!(late.margin_us, Some(-1));
    assert_eq!(a_run().expects_expansion().says(ID), "fail not-expanded");
}

#[test]
fn a_gap_before_it_was_reached_is_inconclusive_and_one_after_it_is_not() {
    let gap = |from_us, to_us| growing(25 * S).silent("supply/primary", from_us, to_us).says(ID);
    assert_eq!(gap(24 * S, 26 * S), "inconclusive signal-gap");
    assert_eq!(gap(27 * S, 30 * S), "pass expanded");
    assert_eq!(gap(15 * S, 20 * S), "pass expanded");
    let never = a_run().expects_expansion().silent("supply/primary", 34 * S, 36 * S);
    assert_eq!(never.says(ID), "inconclusive signal-gap");
}

#[test]
fn a_history_that_ends_before_the_deadline_is_too_short() {
    assert_eq!(
        a_run().expects_expansion().ends(30 * S).unsealed().says(ID),
        "inconclusive history-too-short"
    );
    assert_eq!(growing(25 * S).ends(30 * S).unsealed().says(ID), "pass expanded");
}

#[test]
fn load_that_was_not_sent_shows_neither_that_supply_follows_nor_that_it_does_not() {
    let late = |run: Run| run.seconds(20..40, |window| window.late = 11).says(ID);
    assert_eq!(late(growing(25 * S)), "inconclusive surge-not-delivered");
    assert_eq!(late(a_run().expects_expansion()), "inconclusive surge-not-delivered");
    let at_its_limit = growing(25 * S).seconds(25..26, |window| {
        window.unsent.insert(Unsent::InFlightLimit, 50);
        (window.sent, window.ok) = (150, 150);
    });
    assert_eq!(at_its_limit.says(ID), "pass expanded", "950 of 1000 in every 5 s is enough");
    let beyond = at_its_limit.seconds(26..27, |window| window.late = 1);
    let finding = beyond.finding(ID);
    assert_eq!(says(&finding), "inconclusive surge-not-delivered");
    assert!(finding.text.contains("springback sent 94.90% in time, and needs 95%"), "{}", finding.text);
}

#[test]
fn seconds_of_the_surge_that_are_not_on_record_are_no_delivered_load() {
    assert_eq!(growing(25 * S).without_seconds(30..31).says(ID), "inconclusive signal-gap");
}

#[test]
fn a_stimulus_that_was_cut_short_does_not_fail_it() {
    let interrupted = || Event::Interrupted(Interrupted { signal: "SIGINT".into() });
    assert_eq!(
        a_run().expects_expansion().event(30 * S, interrupted()).says(ID),
        "inconclusive stimulus-cut-short"
    );
    assert_eq!(growing(25 * S).event(30 * S, interrupted()).says(ID), "pass expanded");
    assert_eq!(a_run().expects_expansion().event(36 * S, interrupted()).says(ID), "fail not-expanded");
}

#[test]
fn margins_need_an_exact_source_and_an_exact_harness() {
    let polled = |at_us| {
        let mut run = growing(at_us);
        run.resolutions_us.insert("supply/primary".into(), 3 * S);
        run.says(ID)
    };
    assert_eq!(polled(31 * S), "pass expanded");
    assert_eq!(polled(31 * S + 1), "inconclusive too-close");
    assert_eq!(polled(37 * S - 1), "inconclusive too-close");
    assert_eq!(polled(37 * S), "fail not-expanded");
    let reading = HarnessReading { tick_late_us: 2 * S, send_late_us: 0 };
    let late = |run: Run| run.event(33 * S, Event::Harness(reading.clone())).says(ID);
    assert_eq!(late(growing(25 * S)), "pass expanded");
    assert_eq!(late(growing(33 * S)), "inconclusive harness-starved");
}

#[test]
fn without_a_surge_its_anchor_is_not_reached_and_a_foreign_hand_confounds_it() {
    assert_eq!(growing(25 * S).without_surge().says(ID), "inconclusive anchor-not-reached");
    let foreign = growing(25 * S).event(22 * S, Event::Autoscaler(autoscaler_seen(4, "deployer")));
    assert_eq!(foreign.says(ID), "inconclusive confounded");
    let deployed = Rewritten {
        group: "primary".into(),
        fields: vec!["strategy".into(), "template".into()],
        by: "deployer".into(),
    };
    let finding = growing(25 * S).event(22 * S, Event::Rewritten(deployed)).finding(ID);
    assert_eq!(says(&finding), "inconclusive confounded");
    assert_eq!(
        finding.text,
        "Somebody else, deployer, changed the strategy and template of \"primary\", 2 s after the stimulus' start."
    );
}
