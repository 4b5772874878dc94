//! JUnit: a test suite a scenario, a test case an expectation.

use std::fmt::Write;
use std::time::Duration;

use quick_junit::{NonSuccessKind, Property, Report, TestCase, TestCaseStatus, TestRerun, TestSuite};

use crate::check::Outcome;
use crate::diagnose::Diagnosis;

use super::suite::{NotRun, Ran, SuiteVerdict};
use super::verdict::Judged;
use super::words::exit_meaning;

/// A suite as Jenkins, GitLab and GitHub read it: fail is a failure, inconclusive is an error, since a test that could
/// not tell must not look like one that passed.
pub fn junit(suite: &SuiteVerdict) -> String {
    let mut report = Report::new("springback");
    for ran in &suite.scenarios {
        report.add_test_suite(scenario(ran));
    }
    for not_run in &suite.not_run {
        report.add_test_suite(refused(not_run));
    }
    let attempts = suite.scenarios.iter().flat_map(Ran::attempts);
    let total_us: u64 = attempts.map(|verdict| verdict.duration_us).sum();
    report.set_time(Duration::from_micros(total_us));
    // It writes to memory, and `quick-junit` has already left out what XML cannot hold.
    report.to_string().expect("a report in memory can be written")
}

fn scenario(ran: &Ran) -> TestSuite {
    let verdict = &ran.verdict;
    let mut suite = TestSuite::new(&verdict.scenario);
    suite.timestamp = verdict.started.parse().ok();
    suite.set_time(Duration::from_micros(verdict.duration_us));
    let seed = verdict.seed.to_string();
    let exit_code = verdict.exit_code.to_string();
    for (name, value) in [
        ("suite", verdict.suite_id.as_str()),
        ("seed", &seed),
        ("tool", &verdict.tool),
        ("world", &verdict.world),
        ("outcome", verdict.outcome.as_str()),
        ("exit_code", &exit_code),
    ] {
        suite.add_property(Property::new(name, value));
    }
    if let Some(owner) = &verdict.owner {
        suite.add_property(Property::new("owner", &owner.team));
    }
    if let Some(runbook) = &verdict.runbook {
        suite.add_property(Property::new("runbook", runbook));
    }
    if let Some(quarantine) = &ran.quarantine {
        suite.add_property(Property::new("quarantine", quarantine.said()));
    }
    let attempts = (ran.earlier_attempts.len() + 1).to_string();
    suite.add_property(Property::new("attempts", &attempts));
    for judged in &verdict.findings {
        suite.add_test_case(expectation(ran, judged));
    }
    // A run that went wrong as a whole must not look green because each of its expectations does.
    let wrong = exit_meaning(verdict.exit_code)
        .or_else(|| (!verdict.sealed).then_some("the history has no seal"))
        .or_else(|| verdict.findings.is_empty().then_some("nothing was judged"));
    if let Some(wrong) = wrong {
        suite.add_test_case(gone_wrong(&verdict.scenario, wrong));
    }
    suite
}

fn expectation(ran: &Ran, judged: &Judged) -> TestCase {
    let finding = &judged.finding;
    let mut status = match finding.outcome {
        Outcome::Pass => TestCaseStatus::success(),
        Outcome::Fail => TestCaseStatus::non_success(NonSuccessKind::Failure),
        Outcome::Inconclusive => TestCaseStatus::non_success(NonSuccessKind::Error),
    };
    if finding.outcome != Outcome::Pass {
        // What is put up with turns nothing red, and must not look as if it had passed either.
        let quarantine = ran.quarantine.as_ref().filter(|quarantine| !quarantine.expired);
        let message = match quarantine {
            Some(quarantine) => {
                status = TestCaseStatus::skipped();
                format!("{}: {}: {}", quarantine.said(), finding.outcome.as_str(), finding.text)
            }
            None => finding.text.clone(),
        };
        status.set_message(message).set_type(&finding.code).set_description(details(judged));
    }
    for earlier in &ran.earlier_attempts {
        let same = earlier.findings.iter().find(|one| one.finding.id == finding.id);
        status.add_reruns(same.filter(|one| one.finding.outcome != Outcome::Pass).map(rerun));
    }
    let mut case = TestCase::new(name(judged), status);
    case.set_classname(&ran.verdict.scenario);
    if finding.outcome == Outcome::Pass {
        case.set_system_out(&finding.text);
    }
    place(&mut case, judged);
    case
}

/// An attempt before the one that counts: with it a pass is a flaky one.
fn rerun(judged: &Judged) -> TestRerun {
    let mut rerun = TestRerun::new(NonSuccessKind::Error);
    rerun.set_message(&judged.finding.text).set_type(&judged.finding.code).set_description(details(judged));
    rerun
}

/// The id makes it unique, and the same from night to night.
fn name(judged: &Judged) -> String {
    format!("{}: {}", judged.finding.id, judged.finding.expectation)
}

/// GitLab links a test case to its file.
fn place(case: &mut TestCase, judged: &Judged) {
    if let Some(origin) = &judged.finding.origin {
        case.extra.insert("file".into(), origin.source.as_str().into());
        case.extra.insert("line".into(), origin.line.to_string().into());
    }
}

fn details(judged: &Judged) -> String {
    let mut text = format!("{}: {}\n", judged.finding.code, judged.finding.text);
    for evidence in &judged.finding.evidence {
        let _ = writeln!(text, "  {}: {}", evidence.name, evidence.value);
    }
    for cause in &judged.causes {
        text.push('\n');
        why(&mut text, cause);
    }
    text
}

/// Why an expectation did not hold, in words: what was found, the cause, and the next step.
pub fn reason(judged: &Judged) -> String {
    let mut text = format!("{}: {}\n", judged.finding.code, judged.finding.text);
    judged.causes.iter().for_each(|cause| why(&mut text, cause));
    text.trim_end().to_owned()
}

fn why(text: &mut String, cause: &Diagnosis) {
    let _ = write!(
        text,
        "why: {} ({})\n  {}\n  next: {}\n",
        cause.code, cause.object, cause.seen, cause.next_step
    );
}

fn refused(not_run: &NotRun) -> TestSuite {
    let mut suite = TestSuite::new(&not_run.scenario);
    suite.add_test_case(gone_wrong(&not_run.scenario, &not_run.reason));
    suite
}

fn gone_wrong(scenario: &str, reason: &str) -> TestCase {
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
    status.set_message(reason).set_type("run");
    let mut case = TestCase::new("run", status);
    case.set_classname(scenario);
    case
}
