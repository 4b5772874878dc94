//! Laws that hold for every history.

use proptest::prelude::*;

use crate::check::testing::{Run, S, a_run, finding, says, tracks};
use crate::check::{Finding, Outcome, judge, merge};
use crate::history::{Event, InstanceChange, InstanceState, Note, Record, Seal};
use crate::scenario::{Recovery, Span};

/// A run that passes in everything, with its times and sizes varied.
fn passing() -> impl Strategy<Value = Run> {
    (20 * S..34 * S, 4u32..9, 41 * S..44 * S, 52 * S..69 * S, 0u64..2).prop_map(
        |(grow_us, peak, shrink_us, release_us, clean)| {
            let recovery = Recovery { within: Span::from_secs(15), hold: None, from: None };
            let run = a_run()
                .with_standby()
                .with_objective("availability", "90%", None)
                .with_objective("latency", "90%", Some(200))
                .grows("primary", grow_us, peak)
                .shrinks("primary", shrink_us, 2)
                .loses_primary(45 * S, 50 * S)
                .releases_standby(release_us)
                .failing(45..48, 50 * clean)
                .ends(110 * S)
                .expects_expansion()
                .expects_contraction()
                .expects_release()
                .expects_idle_spend("0.00 USD/h");
            let run = run.expecting(|expect| expect.recovery = Some(recovery));
            run.window("recovery", crate::scenario::Anchor::Quiesce, Some(15 * S), 10 * S)
        },
    )
}

fn judged(run: &Run, records: &[Record]) -> Vec<Finding> {
    judge(&tracks(records), &run.scenario, &run.plan)
}

/// Whether a source matters to a finding in a part of its window.
fn rests_on(id: &str, source: &str) -> bool {
    match id {
        "expansion-0" | "contraction-0" => source == "supply/primary",
        "standby-released-0" => source == "supply/standby",
        "idle-spend" => source.starts_with("supply/"),
        _ => false,
    }
}

/// The part of a finding's window that decides a pass.
fn decisive(finding: &Finding) -> Option<(u64, u64)> {
    let (from_us, to_us) = finding.window_us?;
    match finding.id.as_str() {
        // Until it was reached; what comes after does not matter.
        "expansion-0" => Some((from_us, to_us - u64::try_from(finding.margin_us?).ok()?)),
        _ => Some((from_us, to_us)),
    }
}

fn over_baseline(t_us: u64, n: usize) -> Event {
    let name = format!("left-over-{n}-{t_us}");
    Event::Instance(InstanceChange {
        price: "0.10 USD/h".parse().ok(),
        ..InstanceChange::new("primary", name, InstanceState::Ready)
    })
}

/// The records before the seal, one more, and the seal again.
fn appended(records: &[Record], t_us: u64, event: Event) -> Vec<Record> {
    let mut records = records.to_vec();
    let seal = records.pop().expect("a sealed history ends with its seal");
    let n = seal.n;
    records.push(Record { n, t_us, event });
    records.push(Record { n: n + 1, t_us, event: Event::Seal(Seal { count: n + 1, sha256: String::new() }) });
    records
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_generated_runs_pass(run in passing()) {
        let findings = run.findings();
        let others: Vec<_> = findings.iter().filter(|finding| finding.outcome != Outcome::Pass).collect();
        prop_assert!(others.is_empty(), "{:#?}", others);
    }

    /// No data never passes.
    #[test]
    fn a_passing_run_without_one_heartbeat_that_matters_is_inconclusive(run in passing()) {
        let records = run.records();
        let whole = judged(&run, &records);
        for finding in whole.iter() {
            let Some((from_us, to_us)) = decisive(finding) else { continue };
            let touching: Vec<usize> = records
                .iter()
                .enumerate()
                .filter(|(_, record)| matches!(&record.event, Event::Alive(alive)
                    if rests_on(&finding.id, &alive.source) && alive.since_us < to_us && alive.through_us > from_us))
                .map(|(i, _)| i)
                .collect();
            // The first, the last and some in between; the rest are alike.
            let step = (touching.len() / 4).max(1);
            let few = touching.iter().step_by(step).chain(touching.last());
            for i in few {
                let mut without = records.clone();
                without.remove(*i);
                let now = super::super::testing::finding(&judged(&run, &without), &finding.id);
                prop_assert_eq!(now.outcome, Outcome::Inconclusive, "{} without {:?}: {:?}", finding.id, records[*i], now);
                prop_assert_eq!(now.code, "signal-gap");
            }
        }
    }

    /// The same for the seconds of traffic, and for what is judged by them.
    #[test]
    fn a_passing_run_without_one_second_that_matters_is_inconclusive(run in passing(), second in 20u64..50) {
        let without = run.clone().without_seconds(second..second + 1);
        prop_assert_eq!(without.finding("objective-availability").outcome, Outcome::Inconclusive);
        prop_assert_eq!(without.finding("objective-latency").outcome, Outcome::Inconclusive);
        let in_hold = run.without_seconds(65 + second % 10..66 + second % 10);
        prop_assert_eq!(in_hold.finding("recovery").outcome, Outcome::Inconclusive);
    }

    /// A history cut short anywhere after quiesce does not pass, and each expectation whose window it cuts says so.
    #[test]
    fn a_passing_run_cut_short_does_not_pass(run in passing(), cut in 0.0f64..1.0) {
        let records = run.records();
        let quiesced = records.iter().position(|record| matches!(record.event, Event::Quiesced(_))).unwrap();
        let keep = quiesced + 1 + ((records.len() - quiesced - 2) as f64 * cut) as usize;
        let kept = &records[..keep];
        let findings = judged(&run, kept);
        prop_assert_ne!(merge(&findings), Outcome::Pass);
        prop_assert_eq!(says(&finding(&findings, "history")), "inconclusive history-unsealed");
        let end_us = kept.last().unwrap().t_us;
        for finding in findings.iter().filter(|finding| finding.window_us.is_some_and(|(_, to_us)| to_us > end_us)) {
            prop_assert_ne!(finding.outcome, Outcome::Pass, "{:?}", finding);
        }
    }

    /// Whatever comes after a fail, it stays one.
    #[test]
    fn an_over_baseline_last_sample_never_turns_a_fail_into_a_pass(run in passing(), left in 1usize..4, early in any::<bool>()) {
        let mut run = run;
        for n in 0..left {
            run = run.event(if early { 62 * S } else { 69 * S + S / 2 }, over_baseline(62 * S, n));
        }
        let records = run.records();
        let before = judged(&run, &records);
        prop_assert_eq!(finding(&before, "contraction-0").outcome, Outcome::Fail);
        let after = judged(&run, &appended(&records, 110 * S, over_baseline(110 * S, 9)));
        for finding in before.iter().filter(|finding| finding.outcome == Outcome::Fail) {
            prop_assert_eq!(super::super::testing::finding(&after, &finding.id).outcome, Outcome::Fail);
        }
    }

    /// A verdict is about what it is about.
    #[test]
    fn a_verdict_does_not_depend_on_unrelated_events(run in passing(), at in 0.0f64..1.0, kind in 0u8..3) {
        let records = run.records();
        let before = judged(&run, &records);
        let i = 1 + ((records.len() - 2) as f64 * at) as usize;
        let t_us = records[i].t_us;
        let event = match kind {
            0 => Event::Note(Note { code: "by-the-way".into(), text: "nothing".into() }),
            1 => Event::Unknown("newer".into()),
            _ => Event::Instance(InstanceChange::new("somebody-else", "theirs-1", InstanceState::Ready)),
        };
        let mut more = records.clone();
        more.insert(i, Record { n: 0, t_us, event });
        let after = judged(&run, &more);
        let outcomes = |findings: &[Finding]| {
            findings.iter().map(|f| (f.id.clone(), f.outcome, f.code.clone(), f.text.clone())).collect::<Vec<_>>()
        };
        prop_assert_eq!(outcomes(&before), outcomes(&after));
    }
}

fn outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![Just(Outcome::Pass), Just(Outcome::Inconclusive), Just(Outcome::Fail)]
}

fn of(outcome: Outcome) -> Finding {
    Finding { outcome, ..a_run().finding("load") }
}

proptest! {
    #[test]
    fn merging_is_associative_commutative_and_fail_over_inconclusive_over_pass(
        outcomes in prop::collection::vec(outcome(), 1..12),
        cut in 0usize..12,
        seed in any::<u64>(),
    ) {
        let findings: Vec<Finding> = outcomes.iter().copied().map(of).collect();
        let whole = merge(&findings);
        let cut = cut.min(findings.len() - 1).max(1).min(findings.len());
        let (left, right) = findings.split_at(cut);
        let parts: Vec<Finding> = [left, right].into_iter().filter(|part| !part.is_empty()).map(|part| of(merge(part))).collect();
        prop_assert_eq!(merge(&parts), whole);
        let mut shuffled = findings;
        let n = shuffled.len();
        shuffled.rotate_left(seed as usize % n);
        shuffled.reverse();
        prop_assert_eq!(merge(&shuffled), whole);
        let expected = if outcomes.contains(&Outcome::Fail) {
            Outcome::Fail
        } else if outcomes.contains(&Outcome::Inconclusive) {
            Outcome::Inconclusive
        } else {
            Outcome::Pass
        };
        prop_assert_eq!(whole, expected);
    }
}
