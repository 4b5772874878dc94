//! The scenarios of a suite, one after another: retries, quarantine, what is not run, and reports that are there after each.

use std::io;

use crate::report::{self, NotRun, Quarantined, Ran, SuiteVerdict, Verdict};
use crate::scenario::Span;

use super::attempt::report_written;
use super::cucumber::{Reporter, Went};
use super::live::Place;
use super::load::Loaded;
use super::run::Suite;
use super::signals::Signals;
use super::{Exit, Output, judge, list, show, suite};

/// What the suite has come to so far.
struct Sofar {
    exit: Exit,
    ran: Vec<Ran>,
    not_run: Vec<NotRun>,
    notes: Vec<String>,
    cucumber: Reporter,
}

impl Suite<'_> {
    pub(super) async fn run(&self, loaded: Vec<Loaded>, notes: Vec<String>) -> Exit {
        let signals = match Signals::listen() {
            Ok(signals) => signals,
            Err(error) => {
                show::error(format!("cannot listen for signals: {error}"));
                return Exit::Refused;
            }
        };
        let cucumber = Reporter::new(show::colour(&io::stdout()));
        let mut sofar = Sofar { exit: Exit::Pass, ran: Vec::new(), not_run: Vec::new(), notes, cucumber };
        let count = loaded.len();
        for (n, one) in loaded.iter().enumerate() {
            let place = Place { nth: n + 1, of: count, attempt: 1 };
            match self.reason_not_to_start(one, &signals, &sofar) {
                Some((reason, exit)) => self.not_run(one, reason, exit, &mut sofar),
                None => self.run_until_clear(one, place, &signals, &mut sofar).await,
            }
            // Whatever kills springback next, what was judged is on record.
            sofar.exit = sofar.exit.worse(self.write(&self.verdict(&sofar)));
        }
        let (tally, written) = sofar.cucumber.finish(&self.args.cucumber());
        sofar.exit = sofar.exit.worse(written);
        let verdict = self.verdict(&sofar);
        match self.args.output {
            Output::Json => {
                show::print(&serde_json::to_string_pretty(&verdict).expect("a verdict is plain data"));
            }
            Output::Text if count > 1 || !verdict.notes.is_empty() => {
                show::print(&report::suite_terminal(&verdict, judge::look()));
            }
            Output::Text => {}
        }
        if let Some(tally) = tally {
            self.show(&tally);
        }
        sofar.exit.worse(self.write(&verdict))
    }

    /// Why a scenario is not to be started, and what that makes of the suite.
    fn reason_not_to_start(&self, one: &Loaded, signals: &Signals, sofar: &Sofar) -> Option<(String, Exit)> {
        if signals.interrupted() {
            // The signal may have come when the scenario before was over: then nothing else says so.
            return Some(("the suite was interrupted before it".to_owned(), Exit::Interrupted));
        }
        if self.args.fail_fast && !matches!(sofar.exit, Exit::Pass | Exit::Inconclusive) {
            return Some(("--fail-fast: a scenario before it did not pass".to_owned(), Exit::Inconclusive));
        }
        self.too_late(one).map(|reason| (reason, Exit::Inconclusive))
    }

    /// Why there is no time left for a scenario.
    fn too_late(&self, one: &Loaded) -> Option<String> {
        let max = self.args.max_time?;
        let left = Span::from_us(max.us.saturating_sub(self.clock.now_us()));
        let longest = list::longest(one);
        (longest > left).then(|| {
            // To the second is enough for whoever plans a night.
            let left = Span::from_secs(left.us / 1_000_000);
            format!("--max-time {max}: it can take {longest}, and {left} are left")
        })
    }

    fn not_run(&self, one: &Loaded, reason: String, exit: Exit, sofar: &mut Sofar) {
        if let Some(steps) = &one.steps {
            self.show(&sofar.cucumber.scenario(steps, &Went::NotRun(&reason)));
        }
        sofar.exit = sofar.exit.worse(exit);
        sofar.not_run.push(NotRun { scenario: one.lowered.scenario.name.clone(), reason });
    }

    /// Runs a scenario, and again while it is inconclusive and may be retried.
    async fn run_until_clear(&self, one: &Loaded, place: Place, signals: &Signals, sofar: &mut Sofar) {
        let name = &one.lowered.scenario.name;
        let mut earlier: Vec<Verdict> = Vec::new();
        loop {
            let attempt = earlier.len() as u32 + 1;
            match self.run_one(one, Place { attempt, ..place }, signals).await {
                Ok((verdict, page, exit)) => {
                    let again = exit == Exit::Inconclusive
                        && attempt <= self.args.retries
                        && !signals.interrupted()
                        && self.too_late(one).is_none();
                    if again {
                        self.show(&page);
                        if !self.args.quiet {
                            let of = self.args.retries + 1;
                            show::say(format_args!("inconclusive: attempt {} of {of} follows", attempt + 1));
                        }
                        earlier.push(verdict);
                        continue;
                    }
                    if let Some(steps) = &one.steps {
                        self.show(&sofar.cucumber.scenario(steps, &Went::Judged(&verdict)));
                    }
                    self.show(&page);
                    return self.judged(verdict, earlier, exit, sofar);
                }
                Err((reason, exit)) => {
                    show::error(format!("\"{name}\" was not run: {reason}"));
                    // An attempt that was refused takes nothing back of those before it.
                    if let Some(last) = earlier.pop() {
                        sofar.exit = sofar.exit.worse(exit);
                        return self.judged(last, earlier, Exit::Inconclusive, sofar);
                    }
                    return self.not_run(one, reason, exit, sofar);
                }
            }
        }
    }

    fn judged(&self, verdict: Verdict, earlier_attempts: Vec<Verdict>, exit: Exit, sofar: &mut Sofar) {
        let entry = self.project.quarantine.iter().find(|entry| entry.scenario == verdict.scenario);
        let quarantine = entry.map(|entry| Quarantined {
            owner: entry.owner.clone(),
            until: entry.until.to_string(),
            reason: entry.reason.clone(),
            expired: entry.until < self.today(),
        });
        if let Some(entry) = entry.filter(|_| exit == Exit::Pass) {
            sofar.notes.push(format!(
                "\"{}\" is quarantined and passes: its entry can go ({}:{})",
                entry.scenario, entry.origin.source, entry.origin.line
            ));
        }
        let ran = Ran { verdict, earlier_attempts, quarantine };
        // What is put up with is what the system does; what springback could not do always counts.
        let is_about_the_system = matches!(exit, Exit::Fail | Exit::Inconclusive);
        if ran.counts() || !is_about_the_system {
            sofar.exit = sofar.exit.worse(exit);
        }
        sofar.ran.push(ran);
    }

    fn today(&self) -> jiff::civil::Date {
        let now = jiff::Timestamp::from_millisecond(self.clock.origin_unix_ms()).unwrap_or_default();
        now.to_zoned(jiff::tz::TimeZone::UTC).date()
    }

    fn verdict(&self, sofar: &Sofar) -> SuiteVerdict {
        SuiteVerdict {
            left_out: self.left_out,
            notes: sofar.notes.clone(),
            ..SuiteVerdict::new(&self.id, sofar.ran.clone(), sofar.not_run.clone(), sofar.exit.code())
        }
    }

    /// For people, unless the output is for machines.
    fn show(&self, text: &str) {
        if self.args.output == Output::Text {
            show::print(text);
        }
    }

    /// Writes what belongs to the suite as a whole.
    fn write(&self, suite: &SuiteVerdict) -> Exit {
        if !self.folder.is_dir() {
            // Every scenario was refused: there is nothing to report from.
            return Exit::Pass;
        }
        let junit = suite::write(&self.folder.join("junit.xml"), &report::junit(suite));
        let summary = suite::write(&self.folder.join("summary.md"), &report::suite_summary_md(suite));
        let written = report_written(&self.folder, junit.and(summary));
        // Where nothing ran no history is lost: what refused the scenarios refuses their reports, too.
        if suite.scenarios.is_empty() { Exit::Pass } else { written }
    }
}
