//! Features as cucumber reports them: its own writers for terminal, JSON and JUnit, fed with what was judged.
//!
//! A scenario's events are handed over when it is judged, in the order of its steps: a step passes or fails by its own
//! findings, whatever the steps before it did. Cucumber's JUnit looks only at the last event of a scenario, so one that did
//! not pass ends with a failed hook; what belongs to no step (a run that was refused, say) is told there, too.

use std::cell::RefCell;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cucumber::event::{self, HookType, Source, StepError};
use cucumber::writer::{Basic, Coloring, JUnit, Json, Normalize};
use cucumber::{Event, Writer};
use futures_util::FutureExt;

use crate::check::Outcome;
use crate::report::{self, Judged, Verdict};
use crate::scenario::{Origin, Override};

use super::Exit;
use super::{show, suite};

/// What cucumber says before the text of a failure. No step has panicked.
const PANICKED: &str = "Step panicked. Captured output: ";

/// The type that cucumber's JUnit gives to a scenario that did not pass. No hook has panicked either.
const HOOK_PANICKED: &str = "Hook Panicked";

/// A scenario of a feature, for the reporter.
#[derive(Debug, Clone)]
pub(super) struct Steps {
    /// The whole feature.
    pub(super) feature: Source<gherkin::Feature>,
    /// Position of its rule, if it stands in one.
    pub(super) rule: Option<usize>,
    /// Its position in the feature, or in its rule.
    pub(super) index: usize,
    /// Its surges, with the line of the step that says each.
    pub(super) surges: Vec<(String, usize)>,
}

/// How a scenario went.
pub(super) enum Went<'a> {
    /// It was judged.
    Judged(&'a Verdict),
    /// It was not run, for this reason.
    NotRun(&'a str),
}

/// Cucumber's world: steps of ours do nothing by themselves.
#[derive(Debug)]
struct Nothing;

impl cucumber::World for Nothing {
    type Error = std::convert::Infallible;

    async fn new() -> Result<Self, Self::Error> {
        Ok(Self)
    }
}

/// Writes into memory: cucumber's writers panic where a write fails.
#[derive(Debug, Clone, Default)]
struct Buffer(Rc<RefCell<Vec<u8>>>);

impl io::Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Buffer {
    fn take(&self) -> String {
        String::from_utf8_lossy(&self.0.take()).replace(PANICKED, "").replace(HOOK_PANICKED, "Not passed")
    }
}

/// Where cucumber's reports go.
#[derive(Debug, Default)]
pub(super) struct Files {
    pub(super) json: Option<PathBuf>,
    pub(super) junit: Option<PathBuf>,
}

impl Files {
    /// Whether they can be written later, as far as that can be told now: nobody wants to learn it after an hour.
    ///
    /// # Errors
    /// Which cannot, and why.
    pub(super) fn check(&self) -> Result<(), String> {
        if self.json.is_some() && self.json == self.junit {
            return Err("--cucumber-json and --cucumber-junit name the same file".to_owned());
        }
        for path in [&self.json, &self.junit].into_iter().flatten() {
            let folder = match path.parent() {
                Some(parent) if !parent.as_os_str().is_empty() => parent,
                _ => Path::new("."),
            };
            if path.is_dir() {
                return Err(format!("\"{}\" is a folder, and cucumber's report a file", path.display()));
            }
            if !folder.is_dir() {
                return Err(format!(
                    "there is no folder \"{}\" to write cucumber's report into",
                    folder.display()
                ));
            }
        }
        Ok(())
    }
}

/// Cucumber's writers.
pub(super) struct Reporter {
    terminal: Basic<Buffer>,
    terminal_buffer: Buffer,
    json: Normalize<Nothing, Json<Buffer>>,
    json_buffer: Buffer,
    junit: JUnit<Nothing, Buffer>,
    junit_buffer: Buffer,
    coloring: Coloring,
    open: Option<Open>,
    tally: Tally,
}

/// The feature, and the rule in it, that the last scenario belonged to.
struct Open {
    feature: Source<gherkin::Feature>,
    rule: Option<(usize, Source<gherkin::Rule>)>,
}

#[derive(Debug, Default)]
struct Tally {
    features: usize,
    /// Passed, failed, and not run.
    scenarios: [usize; 3],
    /// Passed, failed, and skipped.
    steps: [usize; 3],
}

impl Reporter {
    pub(super) fn new(colour: bool) -> Self {
        let (terminal_buffer, json_buffer, junit_buffer) =
            (Buffer::default(), Buffer::default(), Buffer::default());
        let coloring = if colour { Coloring::Always } else { Coloring::Never };
        let mut reporter = Self {
            terminal: Basic::raw(terminal_buffer.clone(), coloring, 0),
            json: Json::new(json_buffer.clone()),
            junit: JUnit::raw(junit_buffer.clone(), 0),
            terminal_buffer,
            json_buffer,
            junit_buffer,
            coloring,
            open: None,
            tally: Tally::default(),
        };
        reporter.tell(UNIX_EPOCH, event::Cucumber::Started);
        reporter
    }

    /// Reports a scenario, and returns what a terminal shows of it.
    pub(super) fn scenario(&mut self, steps: &Steps, went: &Went<'_>) -> String {
        let (started, duration) = times(went);
        if self.open.as_ref().is_none_or(|open| open.feature != steps.feature) {
            self.close_feature(started);
            self.tally.features += 1;
            self.tell(started, event::Cucumber::feature_started(steps.feature.clone()));
            self.open = Some(Open { feature: steps.feature.clone(), rule: None });
        }
        let rule = self.enter_rule(steps, started);
        self.events(steps, rule.as_ref(), went, started, started + duration);
        self.terminal_buffer.take()
    }

    /// Leaves the rule of the scenario before, and enters that of this one.
    fn enter_rule(&mut self, steps: &Steps, at: SystemTime) -> Option<Source<gherkin::Rule>> {
        let was = self.open.as_ref().and_then(|open| open.rule.clone());
        if was.as_ref().map(|(index, _)| *index) == steps.rule {
            return was.map(|(_, rule)| rule);
        }
        self.close_rule(at);
        let index = steps.rule?;
        let rule = Source::new(steps.feature.rules[index].clone());
        self.tell(at, event::Cucumber::rule_started(steps.feature.clone(), rule.clone()));
        if let Some(open) = &mut self.open {
            open.rule = Some((index, rule.clone()));
        }
        Some(rule)
    }

    fn events(
        &mut self,
        steps: &Steps,
        rule: Option<&Source<gherkin::Rule>>,
        went: &Went<'_>,
        started: SystemTime,
        ended: SystemTime,
    ) {
        let feature = steps.feature.clone();
        let scenarios = match steps.rule {
            Some(rule) => &feature.rules[rule].scenarios,
            None => &feature.scenarios,
        };
        let scenario = Source::new(scenarios[steps.index].clone());
        let mut events = vec![event::Scenario::Started];
        if let Went::Judged(verdict) = went {
            // The steps say what the file says; what was judged may have been set elsewhere.
            let said = |one: &Override| format!("judged with {} = {} ({})\n", one.key, one.value, one.from);
            events.extend(verdict.overrides.iter().map(|one| event::Scenario::Log(said(one))));
        }
        let mut unsaid: Vec<&Judged> = match went {
            Went::Judged(verdict) => verdict.findings.iter().collect(),
            Went::NotRun(_) => Vec::new(),
        };
        let mut bad = matches!(went, Went::NotRun(_));
        let path = feature.path.as_ref().map(|path| path.display().to_string()).unwrap_or_default();
        let backgrounds = [
            feature.background.as_ref(),
            steps.rule.and_then(|rule| feature.rules[rule].background.as_ref()),
        ];
        let background = backgrounds.into_iter().flatten().flat_map(|background| &background.steps);
        let all = background.map(|step| (true, step)).chain(scenario.steps.iter().map(|step| (false, step)));
        for (is_background, step) in all {
            let own = |judged: &&Judged| {
                judged.finding.origin.as_ref().is_some_and(|origin| is_at(origin, &path, step.position.line))
            };
            let findings: Vec<&Judged> = unsaid.iter().copied().filter(own).collect();
            unsaid.retain(|judged| !own(judged));
            let failed = match went {
                Went::NotRun(_) => None,
                Went::Judged(verdict) => failure(step, &findings, &steps.surges, verdict),
            };
            let skipped = matches!(went, Went::NotRun(_));
            let (step, nothing) = (Source::new(step.clone()), nothing_captured());
            let outcome = match failed {
                _ if skipped => event::Step::Skipped,
                None => event::Step::Passed(nothing, None),
                Some(text) => {
                    bad = true;
                    event::Step::Failed(None, None, None, StepError::Panic(Arc::new(text)))
                }
            };
            self.tally.steps[match outcome {
                event::Step::Passed(..) => 0,
                event::Step::Failed(..) => 1,
                _ => 2,
            }] += 1;
            for event in [event::Step::Started, outcome] {
                events.push(match is_background {
                    true => event::Scenario::Background(step.clone(), event),
                    false => event::Scenario::Step(step.clone(), event),
                });
            }
        }
        if let Some(text) = closing(went, &unsaid, bad) {
            bad = true;
            events.push(event::Scenario::hook_started(HookType::After));
            events.push(event::Scenario::hook_failed(HookType::After, None, Arc::new(text)));
        }
        self.tally.scenarios[match went {
            Went::NotRun(_) => 2,
            Went::Judged(_) => usize::from(bad),
        }] += 1;
        events.push(event::Scenario::Finished);
        for event in events {
            let at = if matches!(event, event::Scenario::Started) { started } else { ended };
            let event = event.with_retries(None);
            self.tell(at, event::Cucumber::scenario(feature.clone(), rule.cloned(), scenario.clone(), event));
        }
    }

    fn close_rule(&mut self, at: SystemTime) {
        let Some(open) = &mut self.open else { return };
        if let Some((_, rule)) = open.rule.take() {
            let feature = open.feature.clone();
            self.tell(at, event::Cucumber::rule_finished(feature, rule));
        }
    }

    fn close_feature(&mut self, at: SystemTime) {
        self.close_rule(at);
        if let Some(open) = self.open.take() {
            self.tell(at, event::Cucumber::feature_finished(open.feature));
        }
    }

    /// Ends the report: cucumber's count, and its files.
    pub(super) fn finish(&mut self, files: &Files) -> (Option<String>, Exit) {
        self.close_feature(UNIX_EPOCH);
        self.tell(UNIX_EPOCH, event::Cucumber::Finished);
        let mut exit = Exit::Pass;
        for (path, buffer) in [(&files.json, &self.json_buffer), (&files.junit, &self.junit_buffer)] {
            let Some(path) = path else { continue };
            if let Err(error) = suite::write(path, &buffer.take()) {
                show::error(format!("cannot write cucumber's report to \"{}\": {error}", path.display()));
                exit = exit.worse(Exit::HistoryLost);
            }
        }
        ((self.tally.features > 0).then(|| self.tally.said()), exit)
    }

    /// Hands an event to all writers. They write into memory, so that none of them ever waits.
    fn tell(&mut self, at: SystemTime, value: event::Cucumber<Nothing>) {
        let mut event = Event::new(value);
        event.at = at;
        let cli = cucumber::writer::basic::Cli { verbose: 0, color: self.coloring };
        let done = async {
            self.terminal.handle_event(Ok(event.clone()), &cli).await;
            self.json.handle_event(Ok(event.clone()), &cucumber::cli::Empty).await;
            self.junit.handle_event(Ok(event), &cucumber::writer::junit::Cli::default()).await;
        };
        done.now_or_never().expect("writing into memory does not wait");
    }
}

impl Tally {
    fn said(&self) -> String {
        let several =
            |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
        let of = |[passed, failed, left]: [usize; 3], what: &str, left_word: &str| {
            let mut parts = vec![format!("{passed} passed")];
            parts.extend((failed > 0).then(|| format!("{failed} failed")));
            parts.extend((left > 0).then(|| format!("{left} {left_word}")));
            format!("{} ({})", several(passed + failed + left, what), parts.join(", "))
        };
        format!(
            "{} · {} · {}",
            several(self.features, "feature"),
            of(self.scenarios, "scenario", "not run"),
            of(self.steps, "step", "skipped")
        )
    }
}

fn is_at(origin: &Origin, path: &str, line: usize) -> bool {
    origin.source == path && origin.line as usize == line
}

/// Why a step did not pass. A Then without a finding was not judged, and a When that never happened did not either: both are
/// no pass.
fn failure(
    step: &gherkin::Step,
    findings: &[&Judged],
    surges: &[(String, usize)],
    verdict: &Verdict,
) -> Option<String> {
    let own_surges = surges.iter().filter(|(_, line)| *line == step.position.line);
    if let Some((surge, _)) = own_surges.into_iter().find(|(surge, _)| !verdict.surges.contains(surge)) {
        return Some(format!("inconclusive: {surge} never began"));
    }
    let wrong: Vec<String> = findings
        .iter()
        .filter(|judged| judged.finding.outcome != Outcome::Pass)
        .map(|judged| told(judged))
        .collect();
    match wrong.is_empty() {
        true if findings.is_empty() && step.ty == gherkin::StepType::Then => {
            Some("inconclusive: this was not judged".to_owned())
        }
        true => None,
        false => Some(wrong.join("\n")),
    }
}

fn told(judged: &Judged) -> String {
    format!("{} · {}", judged.finding.outcome.as_str(), report::reason(judged))
}

/// What is said after the steps: all that belongs to none of them.
fn closing(went: &Went<'_>, unsaid: &[&Judged], bad: bool) -> Option<String> {
    let verdict = match went {
        Went::NotRun(reason) => return Some(format!("not run: {reason}")),
        Went::Judged(verdict) => verdict,
    };
    let wrong: Vec<String> = unsaid
        .iter()
        .filter(|judged| judged.finding.outcome != Outcome::Pass)
        .map(|judged| told(judged))
        .collect();
    if !wrong.is_empty() {
        return Some(wrong.join("\n"));
    }
    (bad || verdict.exit_code != 0)
        .then(|| format!("{}, exit {}: see the steps above", verdict.outcome.as_str(), verdict.exit_code))
}

fn nothing_captured() -> regex::CaptureLocations {
    regex::Regex::new("").expect("nothing is a regular expression").capture_locations()
}

fn times(went: &Went<'_>) -> (SystemTime, Duration) {
    match went {
        Went::NotRun(_) => (UNIX_EPOCH, Duration::ZERO),
        Went::Judged(verdict) => {
            let started = verdict.started.parse::<jiff::Timestamp>().map_or(UNIX_EPOCH, SystemTime::from);
            (started, Duration::from_micros(verdict.duration_us))
        }
    }
}

#[cfg(test)]
mod tests;
