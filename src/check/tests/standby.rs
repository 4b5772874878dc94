use crate::check::testing::{Run, S, a_run, says};
use crate::history::{Event, HealOutcome, IntentAction};
use crate::plan::PlannedSurge;
use crate::scenario::{Anchor, DormantSize, FaultAction, Span};

const ID: &str = "standby-released-0";

/// The primary is lost from 45 s to 50 s and healthy again at 51 s; the standby must sleep from 71 s to 81 s.
fn stood_in() -> Run {
    a_run().with_standby().loses_primary(45 * S, 50 * S).expects_release()
}

#[test]
fn a_standby_that_took_over_and_sleeps_again_passes() {
    let finding = stood_in().releases_standby(55 * S).finding(ID);
    assert_eq!(says(&finding), "pass standby-released");
    assert_eq!(
        finding.text,
        "\"standby\" had taken over, was released by failover and back at its dormant size of 1 instance by 4 s after the \
         primary's return to health, 16 s before its deadline, and stayed there for 10 s."
    );
    assert_eq!(finding.window_us, Some((71 * S, 81 * S)));
}

#[test]
fn the_deadline_is_inclusive() {
    assert_eq!(stood_in().releases_standby(71 * S).says(ID), "pass standby-released");
    assert_eq!(stood_in().releases_standby(71 * S + 1).says(ID), "fail standby-not-released");
    let finding = stood_in().finding(ID);
    assert_eq!(says(&finding), "fail standby-not-released");
    assert_eq!(
        finding.text,
        "\"standby\" had 3 instances and a desired count of 3, 20 s after the primary's return to health; its dormant size \
         is 1 instance. It never came back as long as it was watched."
    );
}

#[test]
fn released_before_the_primary_was_healthy_is_too_early() {
    let finding = stood_in().releases_standby(50 * S).finding(ID);
    assert_eq!(says(&finding), "fail standby-released-early");
    assert_eq!(
        finding.text,
        "\"standby\" was released by failover 3.5 s after its takeover, when \"primary\" had 0 of 2 ready and was not \
         sent to: not healthy. It was healthy 1 s later."
    );
    // At the very moment is not before.
    assert_eq!(stood_in().releases_standby(51 * S).says(ID), "pass standby-released");
    assert_eq!(stood_in().releases_standby(51 * S - 1).says(ID), "fail standby-released-early");
    // What was not seen is not held against it.
    let unseen = stood_in().releases_standby(50 * S).silent("balancer", 49 * S, 50 * S + 1);
    assert_ne!(unseen.finding(ID).code, "standby-released-early");
}

#[test]
fn one_that_never_took_over_was_not_released() {
    let run = a_run().with_standby().expects_release();
    let mut run = run.clone();
    run.plan.windows[0].anchor = Anchor::Quiesce;
    assert_eq!(run.says(ID), "inconclusive standby-never-activated");
    // Ready, but never sent to.
    let idle = run.grows("standby", 45 * S, 3).shrinks("standby", 55 * S, 1);
    assert_eq!(idle.says(ID), "inconclusive standby-never-activated");
}

#[test]
fn a_primary_that_never_recovers_leaves_no_anchor() {
    let run = a_run().with_standby().expects_release();
    assert_eq!(run.says(ID), "inconclusive anchor-not-reached");
}

#[test]
fn taking_over_again_in_the_hold_is_a_regrowth_and_a_short_excursion_is_not() {
    let again = |us: u64| {
        stood_in().releases_standby(55 * S).grows("standby", 75 * S, 3).shrinks("standby", 75 * S + us, 1)
    };
    assert_eq!(again(S).says(ID), "pass standby-released");
    assert_eq!(again(S + 1).says(ID), "fail regrowth");
}

#[test]
fn a_gap_in_its_window_or_before_its_anchor_is_inconclusive() {
    let gap = |source: &str, from_us, to_us| {
        stood_in().releases_standby(55 * S).silent(source, from_us, to_us).says(ID)
    };
    assert_eq!(gap("supply/standby", 75 * S, 76 * S), "inconclusive signal-gap");
    assert_eq!(gap("supply/standby", 66 * S, 71 * S), "pass standby-released");
    assert_eq!(gap("supply/primary", 50 * S + 1, 51 * S - 1), "inconclusive signal-gap");
    assert_eq!(gap("balancer", 50 * S + 1, 51 * S - 1), "inconclusive signal-gap");
    let short = stood_in().releases_standby(55 * S).ends(80 * S).unsealed();
    assert_eq!(short.says(ID), "inconclusive history-too-short");
}

#[test]
fn its_dormant_size_can_be_a_range_with_two_ends() {
    let with = |at_least, at_most, to| {
        let mut run = stood_in().shrinks("standby", 55 * S, to).routed(55 * S, "standby", false);
        run.scenario.expect.standby_released[0].dormant_size = Some(DormantSize { at_least, at_most });
        run.says(ID)
    };
    assert_eq!(with(1, 2, 2), "pass standby-released");
    assert_eq!(with(0, 0, 0), "pass standby-released");
    assert_eq!(with(1, 2, 0), "fail standby-below-dormant");
    assert_eq!(with(0, 1, 2), "fail standby-not-released");
}

#[test]
fn a_heal_is_no_release_and_a_foreign_hand_confounds_it() {
    let by = |by: &str| {
        let run = stood_in().wants(55 * S, "standby", 1, by).routed(55 * S, "standby", false);
        run.ends_newest("standby", 55 * S, Some(56 * S)).ends_newest("standby", 55 * S, Some(56 * S)).says(ID)
    };
    assert_eq!(by("failover"), "pass standby-released");
    assert_eq!(by("heal"), "inconclusive contraction-not-proven");
    assert_eq!(by("bob"), "inconclusive confounded");
}

#[test]
fn a_loss_without_effect_tests_nothing() {
    let run = stood_in().releases_standby(55 * S);
    let run = run.has_effect("fault-0", 47 * S, Vec::new(), vec!["primary-1".into(), "primary-2".into()]);
    assert_eq!(run.says(ID), "inconclusive fault-had-no-effect");
    let lost =
        Event::FaultSkipped(crate::history::FaultFailed { fault: "fault-0".into(), reason: "cut".into() });
    assert_eq!(
        stood_in().releases_standby(55 * S).event(45 * S, lost).says(ID),
        "inconclusive fault-skipped"
    );
}

#[test]
fn several_standbys_have_a_finding_each() {
    let other = crate::scenario::Group {
        takes_over_from: Some("primary".into()),
        ..stood_in().scenario.groups()["standby"].clone()
    };
    let run = stood_in().with_group("spare", 1, "0.10 USD/h", other).releases_standby(55 * S);
    assert_eq!(run.says("standby-released-0/standby"), "pass standby-released");
    assert_eq!(run.says("standby-released-0/spare"), "inconclusive standby-never-activated");
}

#[test]
fn an_earlier_heal_is_no_anchor_while_another_loss_still_has_to_be_healed() {
    let mut run = stood_in().releases_standby(60 * S);
    run.plan.windows[0].anchor = Anchor::Healed;
    assert_eq!(run.says(ID), "pass standby-released");
    let lose = FaultAction::Lose { group: "primary".into(), lasts: Span::from_secs(5) };
    let planned = run.clone().fault("fault-1", 80 * S, lose.clone());
    let torn = planned.clone().quiesces(None).unsealed();
    assert_eq!(torn.says(ID), "inconclusive fault-skipped");
    assert_eq!(torn.tracks().anchor_us(Anchor::Healed), None);
    assert_eq!(torn.tracks().anchor_us(Anchor::PrimaryHealthy), None);
    let action = IntentAction::Lose { instances: vec!["primary-9".into()], lasts_us: 5 * S };
    let lost = run.fault("fault-1", 80 * S, lose).injects("fault-1", "primary", 80 * S, action);
    assert_eq!(lost.tracks().anchor_us(Anchor::Healed), None);
}

#[test]
fn a_foreign_hand_voids_a_release_that_was_too_early_with_and_without_anchor() {
    let early = stood_in().releases_standby(48 * S);
    let never = |run: &Run| {
        let mut run = run.clone();
        run.plan.windows[0].anchor = Anchor::SurgeEnd;
        run.plan.surges.push(PlannedSurge { id: "surge-1".into(), start_us: 95 * S, end_us: 96 * S });
        run.quiesces(None)
    };
    assert_eq!(early.says(ID), "fail standby-released-early");
    assert_eq!(never(&early).says(ID), "fail standby-released-early");
    let foreign = early.wants(49 * S, "standby", 1, "night-shift");
    assert_eq!(foreign.says(ID), "inconclusive confounded");
    assert_eq!(never(&foreign).says(ID), "inconclusive confounded");
}

#[test]
fn a_primary_that_was_cut_off_is_an_anchor_once_it_is_healed_and_one_that_lost_an_instance_is_none() {
    let lasts = Span::from_secs(5);
    let healed = |run: Run, t_us: u64| {
        let healed = HealOutcome { fault: "fault-1".into(), complete: true, detail: "put back".into() };
        run.event(t_us, Event::Healed(healed))
    };
    let run = stood_in().releases_standby(60 * S);
    let before = run.tracks().anchor_us(Anchor::PrimaryHealthy).unwrap();
    let cut = FaultAction::Partition { group: "primary".into(), lasts };
    let action = IntentAction::Partition { instances: vec!["primary-9".into()], lasts_us: lasts.us };
    let cut_off = run.clone().fault("fault-1", 80 * S, cut).injects("fault-1", "primary", 80 * S, action);
    assert_eq!(cut_off.tracks().anchor_us(Anchor::PrimaryHealthy), None, "it still has to be healed");
    assert_eq!(healed(cut_off, 85 * S).tracks().anchor_us(Anchor::PrimaryHealthy), Some(85 * S));
    let scale = FaultAction::Scale { group: "primary".into(), to: 1, lasts };
    let action = IntentAction::Scale { to: 1, lasts_us: lasts.us };
    let scaled = run.fault("fault-1", 80 * S, scale).injects("fault-1", "primary", 80 * S, action);
    let tracks = healed(scaled, 85 * S).tracks();
    assert_eq!(
        tracks.anchor_us(Anchor::PrimaryHealthy),
        Some(before),
        "one instance is a healthy primary of one"
    );
    assert_eq!(tracks.anchor_us(Anchor::Healed), Some(85 * S));
}
