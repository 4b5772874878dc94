use crate::check::testing::{Run, S, a_run, says};
use crate::history::{Event, InstanceChange, InstanceState};

const ID: &str = "idle-spend";

/// Spend must be back from 60 s to 70 s; the baseline is 2 × 0.10 USD/h.
fn expanded() -> Run {
    a_run().expands().expects_idle_spend("0.00 USD/h")
}

#[test]
fn spend_that_comes_back_passes_and_the_deadline_is_inclusive() {
    let finding = expanded().contracts(50 * S).finding(ID);
    assert_eq!(says(&finding), "pass no-idle-spend");
    assert_eq!(
        finding.text,
        "Residual spend was 0.00 USD/h (baseline 0.20 USD/h) from 10.5 s after quiesce on, 9.5 s before its deadline, and \
         stayed so for 10 s."
    );
    // Instances cost until they are gone, half a second after they were asked to end.
    assert_eq!(expanded().contracts(60 * S - S / 2).says(ID), "pass no-idle-spend");
    assert_eq!(expanded().contracts(60 * S - S / 2 + 1).says(ID), "fail residual-spend");
}

#[test]
fn a_leak_is_told_in_money() {
    let finding = expanded().shrinks("primary", 50 * S, 3).finding(ID);
    assert_eq!(says(&finding), "fail residual-spend");
    assert_eq!(
        finding.text,
        "The system cost 0.10 USD/h more than its baseline of 0.20 USD/h 20 s after quiesce, and 0.00 USD/h is allowed: left \
         alone, 73.00 USD a month. 0.001111 USD were wasted from the deadline to the end of the run. By group: \"primary\" \
         0.10 USD/h more. It never came back as long as it was watched."
    );
    let evidence: Vec<String> = finding.evidence.iter().map(|e| format!("{}: {}", e.name, e.value)).collect();
    assert!(evidence.contains(&"projected month of 730 h: 73.00 USD".to_owned()), "{evidence:?}");
}

#[test]
fn an_allowance_is_inclusive() {
    let allowed =
        |at_most| a_run().expands().expects_idle_spend(at_most).shrinks("primary", 50 * S, 3).says(ID);
    assert_eq!(allowed("0.10 USD/h"), "pass no-idle-spend");
    assert_eq!(allowed("0.09 USD/h"), "fail residual-spend");
}

#[test]
fn short_excursions_are_no_residual() {
    let excursion = |us: u64| {
        let run = expanded().contracts(50 * S).starts("primary", 65 * S, 66 * S);
        run.ends_newest("primary", 65 * S, Some(65 * S + us)).finding(ID)
    };
    let short = excursion(S);
    assert_eq!(says(&short), "pass no-idle-spend");
    assert!(short.evidence.iter().any(|e| e.name == "residual spend" && e.value == "0.00 USD/h"));
    let long = excursion(S + 1);
    assert_eq!(says(&long), "fail residual-spend");
    assert!(long.evidence.iter().any(|e| e.name == "residual spend" && e.value == "0.10 USD/h"));
}

#[test]
fn the_same_count_of_dearer_instances_is_residual_spend() {
    let run = expanded().contracts(50 * S).expects_contraction().dies("primary", 55 * S);
    let dearer = InstanceChange {
        price: "0.15 USD/h".parse().ok(),
        ..InstanceChange::new("primary", "primary-9", InstanceState::Ready)
    };
    let run = run.event(55 * S, Event::Instance(dearer));
    assert_eq!(run.says("contraction-0"), "pass contracted");
    assert_eq!(run.says(ID), "fail residual-spend");
}

#[test]
fn every_priced_group_must_be_seen() {
    let run = || a_run().with_standby().expands().expects_idle_spend("0.00 USD/h").contracts(50 * S);
    assert_eq!(run().says(ID), "pass no-idle-spend");
    assert_eq!(run().silent("supply/standby", 62 * S, 63 * S).says(ID), "inconclusive signal-gap");
    assert_eq!(run().silent("supply/standby", 50 * S, 60 * S).says(ID), "pass no-idle-spend");
    assert_eq!(run().silent("supply/standby", 15 * S, 16 * S).says(ID), "inconclusive signal-gap");
    assert_eq!(run().ends(69 * S).unsealed().says(ID), "inconclusive history-too-short");
    // Nor is one that nobody saw one that had nothing.
    let mut empty = run();
    let groups = empty.scenario.target.groups_mut();
    let spare = groups["standby"].clone();
    let empty = empty.with_group("spare", 0, "0.10 USD/h", spare);
    assert_eq!(empty.says(ID), "pass no-idle-spend");
    assert_eq!(empty.silent("supply/spare", 62 * S, 63 * S).says(ID), "inconclusive signal-gap");
    let leak = a_run().with_standby().expands().expects_idle_spend("0.00 USD/h");
    assert_eq!(leak.silent("supply/standby", 63 * S, 64 * S).says(ID), "fail residual-spend");
}

#[test]
fn without_prices_or_in_two_currencies_it_cannot_be_told() {
    let mut run = a_run().expects_idle_spend("0.00 EUR/h");
    assert_eq!(run.says(ID), "inconclusive mixed-currencies");
    run = a_run().with_group("cache", 1, "0.10 EUR/h", a_run().scenario.groups()["primary"].clone());
    assert_eq!(run.expects_idle_spend("0.00 USD/h").says(ID), "inconclusive mixed-currencies");
    let mut unpriced = crate::check::testing::tracks(&a_run().records());
    unpriced
        .groups
        .values_mut()
        .flat_map(|group| group.instances.values_mut())
        .for_each(|life| life.prices.clear());
    let run = a_run().expects_idle_spend("0.00 USD/h");
    let findings = crate::check::judge(&unpriced, &run.scenario, &run.plan);
    assert_eq!(says(&crate::check::testing::finding(&findings, ID)), "inconclusive no-price");
}

#[test]
fn growth_that_belongs_to_nobody_is_listed() {
    let stranger = |name: &str, t_us| {
        let change = InstanceChange {
            price: "0.30 USD/h".parse().ok(),
            ..InstanceChange::new("orphans", name, InstanceState::Ready)
        };
        (t_us, Event::Instance(change))
    };
    let (before, after) = (stranger("orphans-1", 0), stranger("orphans-2", 30 * S));
    let run = expanded().contracts(50 * S).event(before.0, before.1).event(after.0, after.1);
    let finding = run.finding(ID);
    assert_eq!(says(&finding), "pass no-idle-spend");
    let listed = finding.evidence.iter().find(|e| e.name == "unattributed growth of \"orphans\"");
    assert_eq!(listed.map(|e| e.value.as_str()), Some("1 → 2 instances, 0.30 an hour more"));
}

#[test]
fn what_is_paid_for_and_not_used_is_a_number_of_its_own() {
    let unused = |run: Run| {
        let evidence = run.finding(ID).evidence;
        evidence.into_iter().find(|e| e.name == "unused capacity").map(|e| e.value)
    };
    // At the end of the hold 40/s take four tenths of what two instances of 50/s serve for 0.20 USD/h.
    assert_eq!(unused(expanded().contracts(50 * S)).as_deref(), Some("0.12 USD/h"));
    // A standby that is not sent to is wholly unused; one that shares the traffic, in parts that nobody knows, is not told.
    let standby = || expanded().contracts(50 * S).with_standby();
    assert_eq!(unused(standby()).as_deref(), Some("0.22 USD/h"));
    assert_eq!(unused(standby().routed(65 * S, "standby", true)), None);
}

#[test]
fn a_leak_that_grows_is_told_where_it_is_largest() {
    let finding = expanded().shrinks("primary", 50 * S, 3).starts("primary", 64 * S, 65 * S).finding(ID);
    assert!(
        finding.text.contains("cost 0.20 USD/h more than its baseline of 0.20 USD/h 24 s after"),
        "{}",
        finding.text
    );
    assert!(finding.text.contains("By group: \"primary\" 0.20 USD/h more"), "{}", finding.text);
}
