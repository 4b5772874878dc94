//! JUnit: a test suite a scenario, a test case an expectation.

use std::fmt::Write;
use std::time::Duration;

use quick_junit::{NonSuccessKind, Property, Report, TestCase, TestCaseStatus, TestRerun, TestSuite};

use crate::check::Outcome;
use crate::diagnose::Diagnosis;

use super::sentences;
use super::suite::{NotRun, ScenarioResult, SuiteVerdict, WhyNotRun};
use super::suite_rows;
use super::verdict::{Judged, Verdict};
use super::words::exit_meaning;

/// A suite as Jenkins, GitLab and GitHub read it: fail is a failure, inconclusive is an error, since a test that could
/// not tell must not look like one that passed. What is in quarantine is skipped: neither red nor green. Earlier attempts
/// stand in the test case that they were for, as a flaky run of one that passes at last, or else as a rerun.
pub fn junit(suite: &SuiteVerdict) -> String {
    let mut report = Report::new("springback");
    for result in &suite.scenarios {
        report.add_test_suite(scenario(result));
    }
    for not_run in &suite.not_run {
        report.add_test_suite(of_not_run(not_run));
    }
    let attempts =
        suite.scenarios.iter().flat_map(|result| result.earlier_attempts.iter().chain([&result.verdict]));
    let total_us: u64 = attempts.map(|verdict| verdict.duration_us).sum();
    report.set_time(Duration::from_micros(total_us));
    // It writes to memory, and `quick-junit` has already left out what XML cannot hold.
    report.to_string().expect("a report in memory can be written")
}

fn scenario(result: &ScenarioResult) -> TestSuite {
    let verdict = &result.verdict;
    let mut suite = TestSuite::new(&verdict.scenario);
    suite.timestamp = verdict.started.parse().ok();
    suite.set_time(Duration::from_micros(verdict.duration_us));
    let (seed, exit_code) = (verdict.seed.to_string(), verdict.exit_code.to_string());
    let attempts = result.attempts().to_string();
    let mut properties = vec![
        ("suite", verdict.suite_id.as_str()),
        ("seed", &seed),
        ("tool", &verdict.tool),
        ("world", &verdict.world),
        ("outcome", verdict.outcome.as_str()),
        ("exit_code", &exit_code),
    ];
    properties.extend(verdict.owner.as_ref().map(|owner| ("owner", owner.team.as_str())));
    properties.extend(verdict.runbook.as_ref().map(|runbook| ("runbook", runbook.as_str())));
    if !result.earlier_attempts.is_empty() {
        properties.push(("attempts", &attempts));
    }
    let overrides = sentences::overrides(verdict);
    properties.extend(overrides.as_ref().map(|words| ("overrides", words.as_str())));
    let quarantine = suite_rows::quarantine(result);
    properties.extend(quarantine.as_ref().map(|words| ("quarantine", words.as_str())));
    suite.add_properties(properties.into_iter().map(|(name, value)| Property::new(name, value)));
    if let Some(words) = &quarantine {
        // Properties are shown by few.
        suite.set_system_out(words);
    }
    let excuse = quarantine.filter(|_| !result.counts);
    for judged in &verdict.findings {
        suite.add_test_case(expectation(result, judged, excuse.as_deref()));
    }
    suite.add_test_cases(not_found_again(result));
    // A run that went wrong as a whole must not look green because each of its expectations does.
    let wrong = exit_meaning(verdict.exit_code)
        .or_else(|| (!verdict.sealed).then_some("the history has no seal"))
        .or_else(|| verdict.findings.is_empty().then_some("nothing was judged"));
    if let Some(wrong) = wrong {
        suite.add_test_case(match excuse {
            Some(excuse) => run_case(&verdict.scenario, skipped(&excuse, wrong)),
            None => run_case(&verdict.scenario, gone_wrong(wrong, "run")),
        });
    }
    suite
}

fn expectation(result: &ScenarioResult, judged: &Judged, excuse: Option<&str>) -> TestCase {
    let finding = &judged.finding;
    let mut status = match (finding.outcome, excuse) {
        (Outcome::Pass, _) => TestCaseStatus::success(),
        (outcome, Some(excuse)) => skipped(excuse, &format!("{}: {}", outcome.as_str(), finding.text)),
        (Outcome::Fail, None) => TestCaseStatus::non_success(NonSuccessKind::Failure),
        (Outcome::Inconclusive, None) => TestCaseStatus::non_success(NonSuccessKind::Error),
    };
    if excuse.is_none() {
        status.set_message(&finding.text);
    }
    status.set_type(&finding.code).set_description(details(judged));
    let same = |earlier: &&Judged| earlier.finding.id == finding.id;
    for verdict in &result.earlier_attempts {
        let earlier = verdict.findings.iter().find(same);
        status.add_reruns(
            earlier.filter(|earlier| earlier.finding.outcome != Outcome::Pass).map(|j| rerun(verdict, j)),
        );
    }
    let mut case = TestCase::new(name(judged), status);
    case.set_classname(&result.verdict.scenario);
    if finding.outcome == Outcome::Pass {
        case.set_system_out(&finding.text);
    }
    place(&mut case, judged);
    case
}

/// What an earlier attempt could not tell, and what the last one, which decides, says nothing of.
fn not_found_again(result: &ScenarioResult) -> Vec<TestCase> {
    let mut cases: Vec<TestCase> = Vec::new();
    for verdict in &result.earlier_attempts {
        for judged in verdict.findings.iter().filter(|judged| judged.finding.outcome != Outcome::Pass) {
            if result.verdict.findings.iter().any(|last| last.finding.id == judged.finding.id) {
                continue;
            }
            let (name, rerun) = (name(judged), rerun(verdict, judged));
            if let Some(case) = cases.iter_mut().find(|case| case.name.as_str() == name) {
                case.status.add_rerun(rerun);
                continue;
            }
            let mut status = TestCaseStatus::success();
            status.add_rerun(rerun);
            let mut case = TestCase::new(name, status);
            case.set_classname(&verdict.scenario);
            place(&mut case, judged);
            cases.push(case);
        }
    }
    cases
}

/// A finding of an earlier attempt.
fn rerun(verdict: &Verdict, judged: &Judged) -> TestRerun {
    let kind = match judged.finding.outcome {
        Outcome::Fail => NonSuccessKind::Failure,
        Outcome::Pass | Outcome::Inconclusive => NonSuccessKind::Error,
    };
    let mut rerun = TestRerun::new(kind);
    rerun.timestamp = verdict.started.parse().ok();
    rerun
        .set_time(Duration::from_micros(verdict.duration_us))
        .set_message(format!("attempt {}: {}", verdict.attempt, judged.finding.text))
        .set_type(&judged.finding.code)
        .set_description(details(judged));
    rerun
}

/// What does not count.
fn skipped(excuse: &str, found: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::skipped();
    status.set_message(format!("{excuse}: {found}"));
    status
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

/// What was left out after a fail is skipped: that fail is red already. All others would leave a suite green that is not.
fn of_not_run(not_run: &NotRun) -> TestSuite {
    let code = not_run.code.as_str();
    let status = match not_run.code {
        WhyNotRun::FailFast => {
            let mut status = TestCaseStatus::skipped();
            status.set_message(&not_run.reason).set_type(code);
            status
        }
        _ => gone_wrong(&not_run.reason, code),
    };
    let mut suite = TestSuite::new(&not_run.scenario);
    suite.add_test_case(run_case(&not_run.scenario, status));
    suite
}

fn gone_wrong(reason: &str, code: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
    status.set_message(reason).set_type(code);
    status
}

/// The run as a whole.
fn run_case(scenario: &str, status: TestCaseStatus) -> TestCase {
    let mut case = TestCase::new("run", status);
    case.set_classname(scenario);
    case
}
