use crate::check::testing::{Run, S, a_run, autoscaler_seen, says};
use crate::history::{AutoscalerSeen, Event, Interrupted};
use crate::plan::PlannedSurge;
use crate::scenario::{Anchor, Deadline};

const ID: &str = "contraction-0";

/// Deadline at 60 s, hold to 70 s, settle 1 s.
fn expanded() -> Run {
    a_run().expands().expects_contraction()
}

#[test]
fn a_group_that_comes_back_and_stays_passes() {
    let finding = expanded().contracts(50 * S).finding(ID);
    assert_eq!(says(&finding), "pass contracted");
    assert_eq!(
        finding.text,
        "\"primary\" had 6 instances at most and was back within its bound of 2 by 10 s after quiesce, 10 s before its \
         deadline, and stayed there for 10 s. Its desired count was lowered to 2 by autoscaler."
    );
    assert_eq!(
        finding.expectation,
        "\"primary\" is back within its bound within 20 s of quiesce, and stays there for 10 s."
    );
    assert_eq!((finding.margin_us, finding.resolution_us), (Some(10_000_000), Some(0)));
    assert_eq!(finding.window_us, Some((60 * S, 70 * S)));
    assert_eq!(finding.anchor.map(|anchor| (anchor.anchor, anchor.t_us)), Some(("quiesce".into(), 40 * S)));
    assert_eq!(finding.origin.map(|origin| origin.line), Some(7));
}

#[test]
fn the_deadline_is_inclusive() {
    assert_eq!(expanded().contracts(60 * S).says(ID), "pass contracted");
    let late = expanded().contracts(60 * S + 1).finding(ID);
    assert_eq!(says(&late), "fail not-contracted");
    assert_eq!(late.margin_us, Some(-1));
}

#[test]
fn one_instance_left_is_not_a_contraction() {
    let finding = expanded().shrinks("primary", 50 * S, 3).finding(ID);
    assert_eq!(says(&finding), "fail not-contracted");
    assert_eq!(
        finding.text,
        "\"primary\" had 3 instances and a desired count of 3 at its deadline, 20 s after quiesce, where 2 are allowed \
         (baseline 2, demand 2, tolerance 0). Above the bound: primary-3. It never came back as long as it was watched."
    );
}

#[test]
fn a_desired_count_that_stays_up_is_not_a_contraction_either() {
    let run = expanded().contracts(50 * S).wants(55 * S, "primary", 4, "autoscaler");
    assert_eq!(run.says(ID), "fail regrowth");
}

#[test]
fn pending_instances_count() {
    let run = expanded().contracts(50 * S).starts("primary", 62 * S, 99 * S);
    assert_eq!(run.says(ID), "fail regrowth");
}

#[test]
fn an_instance_left_without_being_wanted_is_named() {
    let run = expanded().wants(50 * S, "primary", 2, "autoscaler");
    let finding = run.ends_newest("primary", 50 * S, Some(51 * S)).finding(ID);
    assert_eq!(finding.code, "not-contracted");
    assert!(
        finding.text.contains("Above the bound: primary-3, primary-4 and primary-5."),
        "{}",
        finding.text
    );
}

#[test]
fn growing_again_in_the_hold_is_a_regrowth() {
    let run = expanded().contracts(50 * S).grows("primary", 65 * S, 5);
    let finding = run.finding(ID);
    assert_eq!(says(&finding), "fail regrowth");
    assert!(finding.text.contains("25 s after quiesce, 5 s before the end of its hold"), "{}", finding.text);
    // Before the deadline and through it is a regrowth, too.
    assert_eq!(expanded().contracts(45 * S).grows("primary", 55 * S, 5).says(ID), "fail regrowth");
}

#[test]
fn after_the_hold_it_is_a_note_of_its_own() {
    let run = expanded().contracts(50 * S).grows("primary", 75 * S, 5);
    assert_eq!(run.says(ID), "pass contracted");
    assert_eq!(run.says("contraction-0/later"), "pass later-excursion");
    assert!(
        expanded().contracts(50 * S).findings().iter().all(|finding| finding.id != "contraction-0/later")
    );
}

#[test]
fn an_excursion_up_to_settle_is_no_alarm() {
    let excursion = |us: u64| expanded().contracts(50 * S).grows("primary", 65 * S, 3).contracts(65 * S + us);
    assert_eq!(excursion(S).says(ID), "pass contracted");
    assert_eq!(excursion(S + 1).says(ID), "fail regrowth");
}

#[test]
fn a_replacement_one_for_one_is_no_alarm_even_across_the_deadline() {
    let run = expanded().contracts(50 * S);
    // A new one is there before the old one is gone.
    let run =
        run.starts("primary", 60 * S - S / 2, 60 * S).ends_newest("primary", 60 * S + S / 4, Some(61 * S));
    assert_eq!(run.says(ID), "pass contracted");
}

#[test]
fn an_excursion_that_is_open_when_the_hold_ends_is_watched_for_one_more_settle() {
    let open =
        |us: u64| expanded().contracts(50 * S).grows("primary", 70 * S - S / 2, 3).contracts(70 * S + us);
    assert_eq!(open(S / 2).says(ID), "pass contracted");
    assert_eq!(open(S / 2 + 1).says(ID), "fail regrowth");
    let never = expanded().contracts(50 * S).grows("primary", 70 * S - S / 2, 3);
    assert_eq!(never.says(ID), "fail regrowth");
    assert_eq!(
        never.clone().silent("supply/primary", 70 * S + S / 4, 90 * S).says(ID),
        "inconclusive signal-gap"
    );
    assert_eq!(never.ends(70 * S).unsealed().says(ID), "inconclusive history-too-short");
}

#[test]
fn a_gap_that_touches_the_window_is_inconclusive_and_one_beside_it_is_not() {
    let gap = |from_us: u64, to_us: u64| {
        expanded().contracts(50 * S).silent("supply/primary", from_us, to_us).says(ID)
    };
    assert_eq!(gap(65 * S, 66 * S), "inconclusive signal-gap");
    assert_eq!(gap(55 * S, 60 * S), "pass contracted");
    assert_eq!(gap(55 * S, 60 * S + 2), "inconclusive signal-gap");
    assert_eq!(gap(70 * S, 75 * S), "pass contracted");
    assert_eq!(gap(70 * S - 1, 75 * S), "inconclusive signal-gap");
}

#[test]
fn a_gap_is_named_with_what_its_source_said() {
    let lost =
        crate::history::SourceLost { source: "supply/primary".into(), reason: "the watch ended".into() };
    let run = expanded()
        .contracts(50 * S)
        .silent("supply/primary", 62 * S, 66 * S)
        .event(62 * S, Event::Lost(lost));
    assert_eq!(
        run.finding(ID).text,
        "The source \"supply/primary\" was silent from 42 s after the stimulus' start on, for 4 s: no data is never \
         zero. It said: the watch ended."
    );
}

#[test]
fn what_was_seen_above_the_bound_no_gap_can_reverse() {
    let run = expanded().silent("supply/primary", 61 * S + 1, 70 * S);
    assert_eq!(run.says(ID), "fail not-contracted");
    // Seen at the deadline, and for longer than settle before it.
    assert_eq!(expanded().silent("supply/primary", 60 * S, 99 * S).says(ID), "fail not-contracted");
    assert_eq!(expanded().silent("supply/primary", 59 * S, 99 * S).says(ID), "inconclusive signal-gap");
}

#[test]
fn a_history_that_ends_before_its_window_is_too_short() {
    let run = expanded().contracts(50 * S).ends(69 * S).unsealed();
    assert_eq!(run.says(ID), "inconclusive history-too-short");
    assert_eq!(run.says("history"), "inconclusive history-unsealed");
    assert_eq!(expanded().contracts(50 * S).ends(71 * S).says(ID), "pass contracted");
}

#[test]
fn without_expansion_there_is_no_contraction() {
    assert_eq!(a_run().expects_contraction().says(ID), "inconclusive never-expanded");
}

#[test]
fn without_its_anchor_it_is_inconclusive() {
    assert_eq!(expanded().contracts(50 * S).quiesces(None).says(ID), "inconclusive anchor-not-reached");
}

#[test]
fn a_heal_that_puts_the_count_back_is_no_contraction() {
    let healed = expanded().wants(50 * S, "primary", 2, "heal");
    let healed = (0..4).fold(healed, |run, _| run.ends_newest("primary", 50 * S, Some(51 * S)));
    let finding = healed.finding(ID);
    assert_eq!(says(&finding), "inconclusive contraction-not-proven");
    assert!(finding.text.contains("went back to 2 by heal, 10 s after quiesce"), "{}", finding.text);
}

#[test]
fn supply_that_died_is_not_a_contraction() {
    let died = (0..4).fold(expanded(), |run, _| run.dies("primary", 50 * S));
    assert_eq!(died.says(ID), "fail not-contracted", "they are still wanted");
    let unwanted = a_run().expects_contraction().starts("primary", 25 * S, 26 * S).ends_newest(
        "primary",
        50 * S,
        Some(51 * S),
    );
    assert_eq!(unwanted.says(ID), "inconclusive contraction-not-proven");
}

#[test]
fn instances_that_outlive_their_grace_are_named() {
    let run = expanded().shrinks("primary", 45 * S, 3).wants(50 * S, "primary", 2, "autoscaler");
    let finding = run.ends_newest("primary", 50 * S, None).finding(ID);
    assert_eq!(says(&finding), "fail terminating-overdue");
    assert!(
        finding.text.contains("Asked to end and still there beyond their grace: primary-3."),
        "{}",
        finding.text
    );
}

#[test]
fn a_surge_that_was_not_delivered_makes_a_pass_inconclusive_and_leaves_a_fail() {
    let starve = |run: Run| {
        run.seconds(25..30, |window| {
            window.unsent.insert(crate::history::Unsent::Starved, 20);
            window.sent -= 20;
            window.ok -= 20;
        })
    };
    assert_eq!(starve(expanded().contracts(50 * S)).says(ID), "inconclusive surge-not-delivered");
    assert_eq!(starve(expanded()).says(ID), "fail not-contracted");
    assert_eq!(starve(a_run().expects_contraction()).says(ID), "inconclusive surge-not-delivered");
}

#[test]
fn what_the_target_did_not_take_was_delivered() {
    let stalled = expanded().contracts(50 * S).seconds(25..30, |window| {
        window.unsent.insert(crate::history::Unsent::Stalled, 20);
        window.sent -= 20;
        window.ok -= 20;
    });
    assert_eq!(stalled.says(ID), "pass contracted");
}

#[test]
fn a_change_by_somebody_else_voids_pass_and_fail() {
    let floor = || Event::Autoscaler(autoscaler_seen(6, "deployer"));
    let finding = expanded().event(30 * S, floor()).finding(ID);
    assert_eq!(says(&finding), "inconclusive confounded");
    assert_eq!(
        finding.text,
        "Somebody else, deployer, changed the autoscaler of \"primary\", 10 s after the stimulus' start."
    );
    assert_eq!(expanded().contracts(50 * S).event(30 * S, floor()).says(ID), "inconclusive confounded");
    // Before the baseline it is what the run began with; after the window it is too late to matter.
    assert_eq!(expanded().contracts(50 * S).event(5 * S, floor()).says(ID), "pass contracted");
    assert_eq!(expanded().contracts(50 * S).event(90 * S, floor()).says(ID), "pass contracted");
    let wanted = expanded().contracts(50 * S).wants(65 * S, "primary", 5, "kubectl-bob");
    assert_eq!(wanted.says(ID), "inconclusive confounded");
}

#[test]
fn demand_raises_the_bound_and_a_raised_floor_does_not() {
    // 80/s need ⌈80/30⌉ = 3, and the autoscaler stops coming down at ⌊80/27⌋ = 2.
    let busier = |run: Run| {
        run.seconds(40..100, |window| {
            (window.planned, window.sent, window.ok, window.good) = (80, 80, 80, vec![80]);
        })
    };
    assert_eq!(busier(expanded().shrinks("primary", 50 * S, 3)).says(ID), "pass contracted");
    assert_eq!(busier(expanded().shrinks("primary", 50 * S, 4)).says(ID), "fail not-contracted");
    // What the traffic was is not known where it is not on record: only what is above the baseline needs it.
    let silent = |run: Run| busier(run).without_seconds(62..64);
    assert_eq!(silent(expanded().shrinks("primary", 50 * S, 3)).says(ID), "inconclusive signal-gap");
    assert_eq!(silent(expanded().contracts(50 * S)).says(ID), "pass contracted");
}

#[test]
fn the_surge_itself_is_never_demand_however_short_the_deadline() {
    let mut run = expanded().shrinks("primary", 45 * S, 3);
    run.scenario.expect.contraction[0].within = Deadline::Within(crate::scenario::Span::from_secs(2));
    assert_eq!(run.says(ID), "fail not-contracted");
}

#[test]
fn tolerance_is_part_of_the_bound() {
    let mut run = expanded().shrinks("primary", 50 * S, 3);
    run.scenario.expect.contraction[0].tolerance = Some(1);
    assert_eq!(run.says(ID), "pass contracted");
}

#[test]
fn without_capacity_the_same_traffic_is_needed() {
    let blind = |per_s: u64| {
        let mut run = expanded().contracts(50 * S).seconds(60..70, |window| {
            (window.planned, window.sent, window.ok, window.good) = (per_s, per_s, per_s, vec![per_s]);
        });
        let groups = run.scenario.target.groups_mut();
        groups.get_mut("primary").unwrap().capacity = None;
        run.event(
            0,
            Event::Autoscaler(AutoscalerSeen { target_per_instance: 0.0, ..autoscaler_seen(2, "declared") }),
        )
    };
    assert_eq!(blind(44).says(ID), "pass contracted");
    assert_eq!(blind(36).says(ID), "pass contracted");
    let finding = blind(45).finding(ID);
    assert_eq!(says(&finding), "inconclusive demand-shifted");
    assert!(
        finding
            .text
            .starts_with("Traffic was 45.0/s in the 10 s from the deadline on and 40.0/s at baseline")
    );
    assert_eq!(blind(35).says(ID), "inconclusive demand-shifted");
}

#[test]
fn a_coarse_source_needs_a_margin() {
    let polled = |at_us: u64| {
        let mut run = expanded().contracts(at_us);
        run.resolutions_us.insert("supply/primary".into(), 5 * S);
        run.says(ID)
    };
    assert_eq!(polled(55 * S), "pass contracted");
    assert_eq!(polled(55 * S + 1), "inconclusive too-close");
    assert_eq!(polled(65 * S - 1), "inconclusive too-close");
    assert_eq!(polled(65 * S), "fail not-contracted");
}

#[test]
fn a_late_harness_needs_a_margin_too() {
    let late = |run: Run| {
        let reading = crate::history::HarnessReading { tick_late_us: 2 * S, send_late_us: 0 };
        run.event(59 * S, Event::Harness(reading)).says(ID)
    };
    assert_eq!(late(expanded().contracts(50 * S)), "pass contracted");
    assert_eq!(late(expanded().contracts(59 * S)), "inconclusive harness-starved");
    assert_eq!(late(expanded().contracts(61 * S)), "inconclusive harness-starved");
    assert_eq!(late(expanded()), "fail not-contracted");
}

#[test]
fn without_group_every_group_that_rose_is_covered_and_standbys_are_not() {
    let mut run = a_run().with_another("cache", 1).with_standby().expands().expects_contraction();
    run.scenario.expect.contraction[0].group = None;
    let run = run.grows("standby", 30 * S, 3);
    assert_eq!(run.clone().contracts(50 * S).says("contraction-0/primary"), "pass contracted");
    let both = run.clone().contracts(50 * S).grows("cache", 30 * S, 4);
    assert_eq!(both.says("contraction-0/primary"), "pass contracted");
    assert_eq!(both.says("contraction-0/cache"), "fail not-contracted");
    assert_eq!(both.finding("contraction-0/cache").origin.map(|origin| origin.line), Some(7));
    assert!(both.findings().iter().all(|finding| finding.id != "contraction-0/standby"));
    let mut none = a_run().with_another("cache", 1).expects_contraction();
    none.scenario.expect.contraction[0].group = None;
    assert_eq!(none.says(ID), "inconclusive never-expanded");
}

#[test]
fn without_group_a_replacement_is_no_rise_and_an_expected_expansion_is_asked_for() {
    let mut run = a_run()
        .with_another("cache", 1)
        .expands()
        .contracts(50 * S)
        .expects_contraction()
        .expects_expansion();
    run.scenario.expect.contraction[0].group = None;
    let replaced = run.clone().starts("cache", 30 * S, 31 * S).ends_newest("cache", 31 * S, Some(32 * S));
    assert!(replaced.findings().iter().all(|finding| finding.id != "contraction-0/cache"));
    run.scenario.expect.expansion[0].group = "cache".into();
    assert_eq!(run.says("contraction-0/cache"), "inconclusive never-expanded");
}

#[test]
fn an_automatic_deadline_has_its_terms_in_evidence() {
    let automatic = |run: Run| {
        let mut run = run;
        run.scenario.expect.contraction[0].within = Deadline::Auto;
        run.plan.windows[0].within_us = None;
        run
    };
    // A sync of lag, a window of 5 s and the step after it, a sync more, a grace of 5 s: 12 s after quiesce.
    let finding = automatic(expanded()).contracts(51 * S).finding(ID);
    assert_eq!(says(&finding), "pass contracted");
    assert_eq!(finding.window_us, Some((52 * S, 62 * S)));
    let terms: Vec<String> = finding.evidence.iter().map(|e| format!("{} {}", e.name, e.value)).collect();
    assert!(terms.contains(&"deadline: scale-down window 5 s".to_owned()), "{terms:?}");
    assert_eq!(automatic(expanded()).contracts(52 * S + 1).says(ID), "fail not-contracted");
    let mut never = autoscaler_seen(2, "declared");
    never.spec.behavior.as_mut().unwrap().scale_down.select_policy =
        crate::autoscaler::SelectPolicy::Disabled;
    let disabled = |run: Run| automatic(run).event(0, Event::Autoscaler(never.clone()));
    let finding = disabled(expanded()).finding(ID);
    assert_eq!(says(&finding), "fail not-contracted");
    assert!(finding.text.contains("never scales it down"), "{}", finding.text);
    assert_eq!(disabled(expanded()).contracts(45 * S).says(ID), "inconclusive deadline-unknown");
}

#[test]
fn another_anchor_and_another_deadline_do_not_lengthen_it() {
    let mut run = expanded().contracts(50 * S).expects_contraction();
    run.plan.windows[1].id = "contraction-1".into();
    run.plan.windows[1].hold_us = 30 * S;
    let run = run.grows("primary", 80 * S, 4);
    assert_eq!(run.says(ID), "pass contracted");
    assert_eq!(run.says("contraction-1"), "fail regrowth");
    let mut early = expanded().contracts(50 * S);
    early.plan.windows[0].anchor = Anchor::SurgeStart;
    assert_eq!(early.says(ID), "fail not-contracted", "20 s after the surge's start it was up");
}

#[test]
fn a_surge_that_the_history_does_not_reach_is_still_to_come() {
    let mut run = a_run().expands().expects_contraction().unsealed().quiesces(None).ends(75 * S);
    run.plan.windows[0].anchor = Anchor::SurgeEnd;
    assert_eq!(run.says(ID), "fail not-contracted");
    let surge = PlannedSurge { id: "surge-1".into(), start_us: 60 * S, end_us: 70 * S };
    run.plan.surges.push(surge);
    assert_eq!(run.says(ID), "inconclusive anchor-not-reached");
    // Cut short, it never comes: the first one's end was the last.
    let interrupted = Event::Interrupted(Interrupted { signal: "SIGINT".into() });
    assert_eq!(run.event(50 * S, interrupted).says(ID), "fail not-contracted");
}

#[test]
fn without_group_one_that_nobody_saw_in_the_window_is_covered_too() {
    let mut run = a_run().with_another("cache", 1).expands().contracts(50 * S).expects_contraction();
    run.scenario.expect.contraction[0].group = None;
    assert!(run.findings().iter().all(|finding| finding.id != "contraction-0/cache"));
    let unseen = run.clone().silent("supply/cache", 62 * S, 64 * S);
    assert_eq!(unseen.says("contraction-0/cache"), "inconclusive signal-gap");
    assert_eq!(unseen.says("contraction-0/primary"), "pass contracted");
    let before = run.silent("supply/cache", 52 * S, 54 * S);
    assert!(before.findings().iter().all(|finding| finding.id != "contraction-0/cache"));
}

#[test]
fn without_group_a_group_without_baseline_does_not_hide_the_leak_of_another() {
    let mut run = a_run().with_another("cache", 1).expands().expects_contraction();
    run.scenario.expect.contraction[0].group = None;
    let run = run.silent("supply/cache", 12 * S, 14 * S);
    assert_eq!(run.says("contraction-0/cache"), "inconclusive signal-gap");
    assert_eq!(run.says("contraction-0/primary"), "fail not-contracted");
}

#[test]
fn traffic_that_several_groups_share_does_not_excuse_each_of_them() {
    // 66/s from quiesce on need three of the primary, if it takes all of it.
    let busy = || {
        a_run().with_another("cache", 1).seconds(40..100, |window| {
            (window.planned, window.sent, window.ok, window.good) = (66, 66, 66, vec![66]);
        })
    };
    let left = |run: Run, n: u32| run.expands().shrinks("primary", 50 * S, n).expects_contraction();
    assert_eq!(left(busy(), 3).says(ID), "pass contracted");
    let shared = || busy().routed(0, "cache", true);
    let finding = left(shared(), 3).finding(ID);
    assert_eq!(says(&finding), "inconclusive demand-shifted");
    assert_eq!(
        finding.text,
        "\"primary\" had 3 instances, 20 s after quiesce, 1 more than at baseline, and the balancer sent to another \
         group as well: nothing says how much of the traffic it had to take."
    );
    assert_eq!(left(shared(), 4).says(ID), "fail not-contracted");
    assert_eq!(left(shared(), 2).says(ID), "pass contracted");
}

#[test]
fn traffic_is_compared_in_a_hold_that_is_shorter_than_a_second_too() {
    let short = |planned: u64| {
        let mut run = expanded().contracts(50 * S);
        run.plan.windows[0].hold_us = S / 2;
        let groups = run.scenario.target.groups_mut();
        groups.get_mut("primary").unwrap().capacity = None;
        let unaware = AutoscalerSeen { target_per_instance: 0.0, ..autoscaler_seen(2, "declared") };
        let run = run.event(0, Event::Autoscaler(unaware));
        run.seconds(60..61, |window| window.planned = planned)
    };
    assert_eq!(short(44).says(ID), "pass contracted");
    assert_eq!(short(45).says(ID), "inconclusive demand-shifted");
}
