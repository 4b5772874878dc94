//! `run`: scenarios, one after another, each judged when it is over.

use std::io;
use std::path::PathBuf;

use clap::Args;

use crate::history::{Clock, Wall};
use crate::report::{self, NotRun, SuiteVerdict, Verdict};
use crate::scenario::Project;

use super::attempt::report_written;
use super::cucumber::{Files, Reporter, Went};
use super::load::{Call, Loaded, load};
use super::signals::Signals;
use super::{Exit, Output, ScenarioArgs, judge, show, suite};

#[derive(Debug, Args)]
pub(super) struct RunArgs {
    #[command(flatten)]
    scenarios: ScenarioArgs,
    /// Name of the suite, and of its folder. Default: the time, and four digits.
    #[arg(long, value_name = "ID")]
    suite_id: Option<String>,
    /// Show the plan instead; start nothing. The same as `springback plan`.
    #[arg(long)]
    dry_run: bool,
    /// Write what cucumber reports of the features as JSON.
    #[arg(long, value_name = "FILE")]
    cucumber_json: Option<PathBuf>,
    /// Write what cucumber reports of the features as JUnit XML.
    #[arg(long, value_name = "FILE")]
    cucumber_junit: Option<PathBuf>,
    /// No progress: the verdict only.
    #[arg(long, short)]
    pub(super) quiet: bool,
    /// How to print the verdict.
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

impl RunArgs {
    fn cucumber(&self) -> Files {
        Files { json: self.cucumber_json.clone(), junit: self.cucumber_junit.clone() }
    }
}

/// What all scenarios of a call share.
pub(super) struct Suite<'a> {
    pub(super) args: &'a RunArgs,
    pub(super) id: String,
    pub(super) project: Project,
    pub(super) reports: PathBuf,
    pub(super) folder: PathBuf,
    pub(super) seed: u64,
    pub(super) program: PathBuf,
}

pub(super) fn run(args: &RunArgs) -> Exit {
    let call = match load(&args.scenarios) {
        Ok(call) => call,
        Err(exit) => return exit,
    };
    if args.dry_run {
        return super::plan::show_plans(args.scenarios.seed, &call, args.output);
    }
    let Call { scenarios, project, reports } = call;
    if let Some(id) = args.suite_id.as_ref().filter(|id| !suite::is_valid_id(id)) {
        show::error(format!(
            "--suite-id \"{id}\" cannot be the name of a folder: use letters, digits, `.`, `_` and `-`, and do not begin \
             with a dot"
        ));
        return Exit::BadInput;
    }
    if let Err(reason) = args.cucumber().check() {
        show::error(format!("{reason}; nothing was started"));
        return Exit::BadInput;
    }
    let started_ms = Clock::start(Wall::Machine).unix_ms();
    #[expect(clippy::disallowed_methods, reason = "the seed itself has to come from somewhere")]
    let drawn = rand::random::<u64>();
    // A drawn seed is short enough to be typed again.
    let seed = args.scenarios.seed.unwrap_or(drawn >> 40);
    let id = args.suite_id.clone().unwrap_or_else(|| suite::new_id(started_ms, drawn));
    let folder = reports.join(&id);
    let program = match std::env::current_exe() {
        Ok(program) => program,
        Err(error) => {
            show::error(format!("cannot find springback's own program, which the instances run: {error}"));
            return Exit::Refused;
        }
    };
    if !args.quiet {
        show::say(format_args!("suite {id}, seed {seed}, writing to {}", folder.display()));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            show::error(format!("cannot start the runtime: {error}"));
            return Exit::Internal;
        }
    };
    let suite = Suite { args, id, project, reports, folder, seed, program };
    let local = tokio::task::LocalSet::new();
    let exit = local.block_on(&runtime, suite.run(scenarios));
    // Whatever a world may still wait for must not hold the process.
    runtime.shutdown_background();
    exit
}

impl Suite<'_> {
    async fn run(&self, loaded: Vec<Loaded>) -> Exit {
        let signals = match Signals::listen() {
            Ok(signals) => signals,
            Err(error) => {
                show::error(format!("cannot listen for signals: {error}"));
                return Exit::Refused;
            }
        };
        let mut exit = Exit::Pass;
        let mut verdicts: Vec<Verdict> = Vec::new();
        let mut not_run: Vec<NotRun> = Vec::new();
        let mut cucumber = Reporter::new(show::colour(&io::stdout()));
        for one in loaded {
            let name = one.lowered.scenario.name.clone();
            let steps = one.steps.clone();
            if signals.interrupted() {
                // The signal may have come when the scenario before was over: then nothing else says so.
                let reason = "the suite was interrupted before it".to_owned();
                if let Some(steps) = &steps {
                    self.show(&cucumber.scenario(steps, &Went::NotRun(&reason)));
                }
                not_run.push(NotRun { scenario: name, reason });
                // The signal may have come when a run was over, and no run then has it on record.
                exit = exit.worse(Exit::Interrupted);
                continue;
            }
            match self.run_one(one, &signals).await {
                Ok((verdict, page, one)) => {
                    exit = exit.worse(one);
                    if let Some(steps) = &steps {
                        self.show(&cucumber.scenario(steps, &Went::Judged(&verdict)));
                    }
                    self.show(&page);
                    verdicts.push(verdict);
                }
                Err((reason, one)) => {
                    if let Some(steps) = &steps {
                        self.show(&cucumber.scenario(steps, &Went::NotRun(&reason)));
                    }
                    show::error(format!("\"{name}\" was not run: {reason}"));
                    exit = exit.worse(one);
                    not_run.push(NotRun { scenario: name, reason });
                }
            }
        }
        let (tally, written) = cucumber.finish(&self.args.cucumber());
        exit = exit.worse(written);
        let several = verdicts.len() + not_run.len() > 1;
        let suite = SuiteVerdict::new(&self.id, verdicts, not_run, exit.code());
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
        exit.worse(self.write_suite(&suite))
    }

    /// For people, unless the output is for machines.
    fn show(&self, text: &str) {
        if self.args.output == Output::Text {
            show::print(text);
        }
    }

    /// Writes what belongs to the suite as a whole.
    fn write_suite(&self, suite: &SuiteVerdict) -> Exit {
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
