//! Each step by its own finding, and nothing green that was not seen.

use super::*;

const FEATURE: &str = "Feature: f\n  Background:\n    Given a system\n  Scenario: s\n    When load surges\n    And one is killed\n    \
                       Then it passes\n    And it fails\n    And it cannot be known\n    And it passes again\n";

/// A verdict with findings at these lines of the feature.
fn verdict(findings: &[(u32, &str)], surges: &[&str]) -> Verdict {
    let finding = |(line, outcome): &(u32, &str)| {
        serde_json::json!({
            "id": format!("f-{line}"), "expectation": "it holds", "outcome": outcome, "code": "code", "text": "said",
            "anchor": null, "due_us": null, "margin_us": null, "resolution_us": null, "evidence": [], "causes": [],
            "origin": if *line == 0 { serde_json::Value::Null } else { serde_json::json!({ "source": "f.feature", "line": line }) },
        })
    };
    let findings: Vec<_> = findings.iter().map(finding).collect();
    serde_json::from_value(serde_json::json!({
        "version": "1.0", "scenario": "s", "suite_id": "x", "attempt": 1, "seed": 1, "tool": "t", "world": "local",
        "started": "2026-01-01T00:00:00Z", "duration_us": 1_500_000, "outcome": "fail", "exit_code": 1, "interrupted": null,
        "sealed": true, "stimulus_us": 0, "owner": null, "runbook": null, "overrides": [], "surges": surges,
        "findings": findings, "groups": {}, "load": null, "phases": [], "faults": [], "spend": null, "stops": [], "notes": [],
    }))
    .unwrap()
}

fn steps() -> Steps {
    let mut feature = gherkin::Feature::parse(FEATURE, gherkin::GherkinEnv::default()).unwrap();
    feature.path = Some("f.feature".into());
    Steps { feature: Source::new(feature), rule: None, index: 0, surges: vec![("surge-0".into(), 5)] }
}

/// What the terminal, the JUnit file and the tally say of a scenario.
fn reported(went: &Went<'_>) -> (String, String, String) {
    let folder = tempfile::tempdir().unwrap();
    let files = Files { json: None, junit: Some(folder.path().join("c.xml")) };
    let mut reporter = Reporter::new(false);
    let terminal = reporter.scenario(&steps(), went);
    let (tally, exit) = reporter.finish(&files);
    assert_eq!(exit, Exit::Pass);
    (terminal, std::fs::read_to_string(folder.path().join("c.xml")).unwrap(), tally.unwrap())
}

fn marked(terminal: &str, mark: char) -> Vec<&str> {
    terminal
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix(mark))
        .map(|line| line.trim_start_matches('>').trim())
        .collect()
}

#[test]
fn each_step_is_marked_by_its_own_finding_and_junit_counts_the_scenario_as_failed() {
    let findings = [(6, "pass"), (7, "pass"), (8, "fail"), (9, "inconclusive"), (10, "pass")];
    let (terminal, junit, tally) = reported(&Went::Judged(&verdict(&findings, &["surge-0"])));
    assert_eq!(marked(&terminal, '✘')[..2], ["And it fails", "And it cannot be known"], "{terminal}");
    assert_eq!(
        marked(&terminal, '✔'),
        ["Given a system", "When load surges", "And one is killed", "Then it passes", "And it passes again"]
    );
    assert!(!terminal.contains("panicked"), "{terminal}");
    assert!(junit.contains("tests=\"1\"") && junit.contains("failures=\"1\""), "{junit}");
    assert_eq!(tally, "1 feature · 1 scenario (0 passed, 1 failed) · 7 steps (5 passed, 2 failed)");
}

#[test]
fn what_never_happened_and_what_was_never_judged_is_no_pass() {
    let (terminal, junit, _) = reported(&Went::Judged(&verdict(&[(6, "inconclusive")], &[])));
    let failed = marked(&terminal, '✘');
    let expected = [
        "When load surges",
        "And one is killed",
        "Then it passes",
        "And it fails",
        "And it cannot be known",
        "And it passes again",
    ];
    assert_eq!(failed[..6], expected, "{terminal}");
    assert!(terminal.contains("surge-0 never began"), "{terminal}");
    assert!(junit.contains("failures=\"1\""), "{junit}");
}

#[test]
fn a_finding_that_belongs_to_no_step_fails_the_scenario() {
    let all = [(0, "fail"), (6, "pass"), (7, "pass"), (8, "pass"), (9, "pass"), (10, "pass")];
    let (terminal, junit, tally) = reported(&Went::Judged(&verdict(&all, &["surge-0"])));
    assert!(terminal.contains("fail · code: said"), "{terminal}");
    assert!(junit.contains("failures=\"1\""), "{junit}");
    assert!(tally.contains("(0 passed, 1 failed) · 7 steps (7 passed)"), "{tally}");
}

#[test]
fn what_was_not_run_is_skipped_and_not_green() {
    let (terminal, junit, tally) = reported(&Went::NotRun("the suite was interrupted before it"));
    assert_eq!(marked(&terminal, '✔'), Vec::<&str>::new());
    assert!(terminal.contains("not run: the suite was interrupted before it"), "{terminal}");
    assert!(junit.contains("failures=\"1\""), "{junit}");
    assert_eq!(tally, "1 feature · 1 scenario (0 passed, 1 not run) · 7 steps (0 passed, 7 skipped)");
}

#[test]
fn what_was_set_from_outside_is_said() {
    let mut verdict =
        verdict(&[(6, "pass"), (7, "pass"), (8, "pass"), (9, "pass"), (10, "pass")], &["surge-0"]);
    (verdict.exit_code, verdict.outcome) = (0, Outcome::Pass);
    let over = |key: &str| Override {
        key: key.into(),
        value: "2s".into(),
        from: "profile staging".into(),
        imported: false,
    };
    verdict.overrides = vec![over("slo.latency.under")];
    let (terminal, junit, tally) = reported(&Went::Judged(&verdict));
    assert!(terminal.contains("judged with slo.latency.under = 2s (profile staging)"), "{terminal}");
    assert!(junit.contains("failures=\"0\""), "{junit}");
    assert!(tally.contains("1 scenario (1 passed)"), "{tally}");
}
