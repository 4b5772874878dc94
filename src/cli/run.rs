//! `run`: scenarios, one after another, each judged when it is over.

use std::path::PathBuf;

use clap::Args;

use crate::history::{Clock, Wall};
use crate::scenario::{Project, Span, UnitError};

use super::cucumber::Files;
use super::load::{Call, Loaded, load};
use super::select::{self, Selection};
use super::{Exit, Output, ScenarioArgs, list, show, suite};

#[derive(Debug, Args)]
pub(super) struct RunArgs {
    #[command(flatten)]
    scenarios: ScenarioArgs,
    #[command(flatten)]
    selection: Selection,
    /// Name of the suite, and of its folder. Default: the time, and four digits.
    #[arg(long, value_name = "ID")]
    suite_id: Option<String>,
    /// Show the plan instead; start nothing. The same as `springback plan`.
    #[arg(long, conflicts_with = "list")]
    dry_run: bool,
    /// List the scenarios instead, with their tags and how long they can take; start nothing.
    #[arg(long)]
    list: bool,
    /// Run an inconclusive scenario again, up to so many times; the last attempt counts, each is reported. One that failed
    /// is never run again.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(super) retries: u32,
    /// After a scenario that fails, start no other. What is inconclusive does not stop the suite.
    #[arg(long)]
    pub(super) fail_fast: bool,
    /// Start no scenario that could go on beyond this time, like `30m`. The one that runs is never cut short; what was not
    /// run because of it makes the suite inconclusive at best.
    #[arg(long, value_name = "TIME", value_parser = a_time)]
    pub(super) max_time: Option<Span>,
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
    pub(super) output: Output,
}

fn a_time(text: &str) -> Result<Span, String> {
    text.parse().map_err(|error: UnitError| format!("it {error}"))
}

impl RunArgs {
    pub(super) fn cucumber(&self) -> Files {
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
    /// Scenarios that their tags left out.
    pub(super) left_out: usize,
    /// Since the start of the suite.
    pub(super) clock: Clock,
}

pub(super) fn run(args: &RunArgs) -> Exit {
    let call = match load(&args.scenarios) {
        Ok(call) => call,
        Err(exit) => return exit,
    };
    let Call { scenarios, project, reports } = call;
    let notes = strangers(&project, &scenarios);
    let (scenarios, left_out) = match select::select(scenarios, &args.selection) {
        Ok(selected) => selected,
        Err(exit) => return exit,
    };
    if args.list {
        return list::list(&scenarios, left_out, &project.quarantine, args.output);
    }
    if args.dry_run {
        let call = Call { scenarios, project, reports };
        return super::plan::show_plans(args.scenarios.seed, &call, args.output);
    }
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
    let clock = Clock::start(Wall::Machine);
    #[expect(clippy::disallowed_methods, reason = "the seed itself has to come from somewhere")]
    let drawn = rand::random::<u64>();
    // A drawn seed is short enough to be typed again.
    let seed = args.scenarios.seed.unwrap_or(drawn >> 40);
    let id = args.suite_id.clone().unwrap_or_else(|| suite::new_id(clock.unix_ms(), drawn));
    let folder = reports.join(&id);
    let program = match std::env::current_exe() {
        Ok(program) => program,
        Err(error) => {
            show::error(format!("cannot find springback's own program, which the instances run: {error}"));
            return Exit::Refused;
        }
    };
    if !args.quiet {
        let counted = list::counted(scenarios.len(), left_out);
        show::say(format_args!("suite {id}, {counted}, seed {seed}, writing to {}", folder.display()));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            show::error(format!("cannot start the runtime: {error}"));
            return Exit::Internal;
        }
    };
    let suite = Suite { args, id, project, reports, folder, seed, program, left_out, clock };
    let local = tokio::task::LocalSet::new();
    let exit = local.block_on(&runtime, suite.run(scenarios, notes));
    // Whatever a world may still wait for must not hold the process.
    runtime.shutdown_background();
    exit
}

/// Entries of the quarantine that no scenario of the call has the name of.
fn strangers(project: &Project, loaded: &[Loaded]) -> Vec<String> {
    let is_known = |name: &str| loaded.iter().any(|one| one.lowered.scenario.name == name);
    let strangers = project.quarantine.iter().filter(|entry| !is_known(&entry.scenario));
    strangers
        .map(|entry| {
            format!(
                "the quarantine of \"{}\" fits no scenario of this call ({}:{})",
                entry.scenario, entry.origin.source, entry.origin.line
            )
        })
        .collect()
}
