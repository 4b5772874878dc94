//! The course of a suite: what runs next, what is tried again, what is left out, and what counts.

use std::collections::VecDeque;
use std::io;

use crate::diagnose::say::lasting;
use crate::report::{self, NotRun, ScenarioResult, SuiteNote, SuiteVerdict, Verdict, WhyNotRun};
use crate::scenario::Span;

use super::attempt::report_written;
use super::cucumber::{Reporter, Went};
use super::live::Place;
use super::load::Loaded;
use super::run::Suite;
use super::signals::Signals;
use super::{Exit, Output, judge, quarantine, show, suite};

/// How far a suite has come.
struct Course {
    exit: Exit,
    results: Vec<ScenarioResult>,
    not_run: Vec<NotRun>,
    notes: Vec<SuiteNote>,
    /// Why nothing more is run.
    ended: Option<(WhyNotRun, String)>,
    cucumber: Reporter,
}

/// What became of one scenario.
struct Tried {
    /// Those that were judged, in their order.
    attempts: Vec<Verdict>,
    /// What the last one shows.
    page: String,
    /// Why one of them, the last, was not run.
    refused: Option<String>,
    /// Why it was not tried again, though it was inconclusive and might have been.
    left: Option<SuiteNote>,
    exit: Exit,
}

impl Suite<'_> {
    /// Runs scenarios one after another. Each begins when the world of the one before is closed, and waits in its warm-up
    /// until its own is steady.
    pub(super) async fn run(&self, loaded: Vec<Loaded>) -> Exit {
        let signals = match Signals::listen() {
            Ok(signals) => signals,
            Err(error) => {
                show::error(format!("cannot listen for signals: {error}"));
                return Exit::Refused;
            }
        };
        let mut course = Course {
            exit: Exit::Pass,
            results: Vec::new(),
            not_run: Vec::new(),
            notes: self.notes.clone(),
            ended: None,
            cucumber: Reporter::new(show::colour(&io::stdout())),
        };
        let of = loaded.len();
        let mut waiting = VecDeque::from(loaded);
        while let Some(one) = waiting.pop_front() {
            if signals.interrupted() && course.ended.is_none() {
                // The signal may have come when the scenario before was over: then nothing else says so.
                course.exit = course.exit.worse(Exit::Interrupted);
                course.ended = Some((WhyNotRun::Interrupted, "the suite was interrupted before it".into()));
            }
            match course.ended.clone().or_else(|| self.no_time_for(&one)) {
                Some((code, reason)) => self.leave_out(&mut course, &one, code, reason),
                None => {
                    let place = Place { nth: of - waiting.len(), of, attempt: 1 };
                    let tried = self.try_one(&one, place, &signals).await;
                    self.finished(&mut course, &one, tried);
                }
            }
            if !waiting.is_empty() {
                // Whatever ends springback from here on, what was finished is on disk.
                self.write_suite(&self.so_far(&course, &waiting));
            }
        }
        self.finish(course)
    }

    /// Runs a scenario until it is no longer inconclusive, or may not be tried again.
    async fn try_one(&self, one: &Loaded, place: Place, signals: &Signals) -> Tried {
        let (attempts, page) = (Vec::new(), String::new());
        let mut tried = Tried { attempts, page, refused: None, left: None, exit: Exit::Pass };
        let most = self.args.retries + 1;
        for attempt in 1..=most {
            match self.run_one(one, Place { attempt, ..place }, signals).await {
                Ok((verdict, page, exit)) => {
                    tried.attempts.push(verdict);
                    tried.page = page;
                    tried.exit = exit;
                }
                Err((reason, exit)) => {
                    tried.refused = Some(reason);
                    tried.exit = tried.exit.worse(exit);
                    break;
                }
            }
            if attempt == most || tried.exit != Exit::Inconclusive || signals.interrupted() {
                break;
            }
            if let Some((_, reason)) = self.no_time_for(one) {
                let text = format!("\"{}\" was inconclusive, and is not tried again: {reason}", one.name());
                tried.left = Some(SuiteNote::new("not-tried-again", text));
                break;
            }
            self.show(&tried.page);
            if !self.args.quiet {
                show::say(format_args!(
                    "\"{}\" was inconclusive: attempt {} of at most {most}",
                    one.name(),
                    attempt + 1
                ));
            }
        }
        tried
    }

    /// Whether a scenario may last beyond `--max-time`, if it begins now, and how that is said.
    fn no_time_for(&self, one: &Loaded) -> Option<(WhyNotRun, String)> {
        let max = self.args.max_time?;
        let (now, planned) = (Span::from_us(self.clock.now_us()), Span::from_us(one.planned_us()));
        (now.us.saturating_add(planned.us) > max.us).then(|| {
            let gone = lasting(now.us);
            (
                WhyNotRun::MaxTime,
                format!(
                    "it may take {planned}, its whole `run.warm_up` included, and {gone} of --max-time {max} were over before \
                     it"
                ),
            )
        })
    }

    fn leave_out(&self, course: &mut Course, one: &Loaded, code: WhyNotRun, reason: String) {
        if let Some(steps) = &one.steps {
            self.show(&course.cucumber.scenario(steps, &Went::NotRun(&reason)));
        }
        if code == WhyNotRun::MaxTime {
            // Nothing that was left out counts as a pass.
            course.exit = course.exit.worse(Exit::Inconclusive);
            if !self.args.quiet {
                show::say(format_args!("\"{}\" is not run: {reason}", one.name()));
            }
        }
        course.not_run.push(NotRun { scenario: one.name().to_owned(), code, reason });
    }

    /// Takes in what became of a scenario, and shows it. Here its verdict and the scenario that it is of are at hand.
    fn finished(&self, course: &mut Course, one: &Loaded, tried: Tried) {
        let Tried { attempts, page, refused, left, exit } = tried;
        course.notes.extend(left);
        let name = one.name();
        let mut counts = true;
        if !attempts.is_empty() {
            let entry = quarantine::entry(&self.project.quarantine, name, self.today);
            let result = ScenarioResult::new(attempts, entry);
            if let Some(steps) = &one.steps {
                self.show(&course.cucumber.scenario(steps, &Went::Judged(&result.verdict)));
            }
            self.show(&page);
            counts = result.counts || refused.is_some();
            course.results.push(result);
        } else if let (Some(steps), Some(reason)) = (&one.steps, &refused) {
            self.show(&course.cucumber.scenario(steps, &Went::NotRun(reason)));
        }
        if let Some(reason) = refused {
            show::error(format!("\"{name}\" was not run: {reason}"));
            course.not_run.push(NotRun { scenario: name.to_owned(), code: WhyNotRun::Refused, reason });
        }
        if !counts {
            return;
        }
        course.exit = course.exit.worse(exit);
        if exit == Exit::HealIncomplete {
            let reason =
                format!("the system has not settled: the heal of \"{name}\", before it, is incomplete");
            course.ended = Some((WhyNotRun::NotSettled, reason));
        } else if self.args.fail_fast && !matches!(exit, Exit::Pass | Exit::Inconclusive | Exit::Interrupted)
        {
            course.ended =
                Some((WhyNotRun::FailFast, format!("--fail-fast, and \"{name}\" failed before it")));
        }
    }

    /// The suite as it stands while some scenarios are still to come.
    fn so_far(&self, course: &Course, waiting: &VecDeque<Loaded>) -> SuiteVerdict {
        let pending = waiting.iter().map(|one| NotRun {
            scenario: one.name().to_owned(),
            code: WhyNotRun::Pending,
            reason: "it was still to come when this was written".into(),
        });
        let not_run = course.not_run.iter().cloned().chain(pending).collect();
        let exit = course.exit.worse(Exit::Inconclusive);
        self.verdict(course.results.clone(), not_run, course.notes.clone(), exit)
    }

    fn verdict(
        &self,
        results: Vec<ScenarioResult>,
        not_run: Vec<NotRun>,
        notes: Vec<SuiteNote>,
        exit: Exit,
    ) -> SuiteVerdict {
        SuiteVerdict::new(&self.id, results, not_run, exit.code())
            .with_selection(self.selection.clone())
            .with_notes(notes)
    }

    fn finish(&self, course: Course) -> Exit {
        let Course { exit, results, not_run, notes, mut cucumber, .. } = course;
        let (tally, written) = cucumber.finish(&self.args.cucumber());
        let mut exit = exit.worse(written);
        let mut suite = self.verdict(results, not_run, notes, exit);
        // Before it is shown: it names the exit code, and that has to be the one that follows.
        exit = exit.worse(self.write_suite(&suite));
        suite.exit_code = exit.code();
        let several = suite.scenarios.len() + suite.not_run.len() > 1
            || !suite.notes.is_empty()
            || suite.scenarios.iter().any(|result| result.attempts() > 1 || result.quarantine.is_some());
        match self.args.output {
            Output::Json => {
                show::print(&serde_json::to_string_pretty(&suite).expect("a verdict is plain data"))
            }
            Output::Text if several => show::print(&report::suite_terminal(&suite, judge::look())),
            Output::Text => {}
        }
        if let Some(tally) = tally {
            self.show(&tally);
        }
        exit
    }

    /// For people, unless the output is for machines.
    fn show(&self, text: &str) {
        if self.args.output == Output::Text {
            show::print(text);
        }
    }

    /// Writes what belongs to the suite as a whole.
    fn write_suite(&self, suite: &SuiteVerdict) -> Exit {
        let junit = suite::write(&self.folder.join("junit.xml"), &report::junit(suite));
        let summary = suite::write(&self.folder.join("summary.md"), &report::suite_summary_md(suite));
        let written = report_written(&self.folder, junit.and(summary));
        // Where nothing ran no history is lost: what refused the scenarios refuses their reports, too.
        if suite.scenarios.is_empty() { Exit::Pass } else { written }
    }
}
