//! `run`: scenarios, one after another, each judged when it is over.

use std::path::PathBuf;

use clap::Args;

use crate::history::{Clock, Wall};
use crate::report::{Selection, SuiteNote};
use crate::scenario::{Project, Span, UnitError};

use super::cucumber::Files;
use super::load::{Call, Loaded, load};
use super::{Exit, Output, ScenarioArgs, list, quarantine, select, show, suite};

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
    /// List the scenarios instead, with their tags and the longest that they can take; start nothing.
    #[arg(long, conflicts_with = "dry_run")]
    list: bool,
    /// Run an inconclusive scenario again, up to N times: a run that could not tell says nothing against the system. A
    /// failed one is never run again. The last attempt decides; all are reported.
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=100), hide_default_value = true)]
    pub(super) retries: u32,
    /// Run nothing more after the first scenario that fails, or ends worse than that. One in quarantine does not count, and
    /// neither does an inconclusive one, also when its retries are used up.
    #[arg(long)]
    pub(super) fail_fast: bool,
    /// Start no scenario, and no retry, that may last beyond this time from the start of the suite (`--list` shows the longest
    /// that each can take). What is running is never cut. A scenario that is left out makes the suite inconclusive.
    #[arg(long, value_name = "DURATION", value_parser = a_time)]
    pub(super) max_time: Option<Span>,
    /// No progress: the verdict only.
    #[arg(long, short)]
    pub(super) quiet: bool,
    /// How to print the verdict.
    #[arg(long, value_enum, default_value_t = Output::Text)]
    pub(super) output: Output,
}

impl RunArgs {
    pub(super) fn cucumber(&self) -> Files {
        Files { json: self.cucumber_json.clone(), junit: self.cucumber_junit.clone() }
    }

    /// Whether these scenarios can be run with these options at all.
    ///
    /// # Errors
    /// Why not.
    fn check(&self, scenarios: &[Loaded]) -> Result<(), String> {
        for (one, attempt) in
            scenarios.iter().flat_map(|one| (2..=self.retries + 1).map(move |attempt| (one, attempt)))
        {
            let folder = suite::attempt_folder(&one.stem, attempt);
            if let Some(other) = scenarios.iter().find(|other| other.stem == folder) {
                return Err(format!(
                    "a retry of \"{}\" would write to the folder of \"{}\", {folder}; rename one of them",
                    one.source.name, other.source.name
                ));
            }
        }
        let shortest = scenarios.iter().map(Loaded::planned_us).min();
        match (shortest, self.max_time) {
            (Some(shortest_us), Some(max)) if shortest_us > max.us => Err(format!(
                "no scenario fits into --max-time {max}: the shortest may take {}, the longest wait for a steady baseline \
                 included (`--list` shows them all)",
                Span::from_us(shortest_us)
            )),
            _ => Ok(()),
        }
    }
}

fn a_time(text: &str) -> Result<Span, String> {
    text.parse().map_err(|error: UnitError| format!("it {error}"))
}

/// What all scenarios of a call share.
pub(super) struct Suite<'a> {
    pub(super) args: &'a RunArgs,
    pub(super) id: String,
    pub(super) project: Project,
    pub(super) selection: Option<Selection>,
    /// Notes that are known before anything runs.
    pub(super) notes: Vec<SuiteNote>,
    /// The day on which it began, in UTC: the quarantine goes by it.
    pub(super) today: jiff::civil::Date,
    /// From the start of the suite.
    pub(super) clock: Clock,
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
    if args.list {
        return list::list(&call, args.output);
    }
    if args.dry_run {
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
    if let Err(reason) = args.check(&call.scenarios) {
        show::error(format!("{reason}; nothing was started"));
        return Exit::BadInput;
    }
    let clock = Clock::start(Wall::Machine);
    let started_ms = clock.unix_ms();
    #[expect(clippy::disallowed_methods, reason = "the seed itself has to come from somewhere")]
    let drawn = rand::random::<u64>();
    // A drawn seed is short enough to be typed again.
    let seed = args.scenarios.seed.unwrap_or(drawn >> 40);
    let id = args.suite_id.clone().unwrap_or_else(|| suite::new_id(started_ms, drawn));
    let notes = quarantine::unmatched(&call.project.quarantine, &call.names());
    let Call { scenarios, left_out: _, selection, project, reports } = call;
    let folder = reports.join(&id);
    if let Err(reason) = suite::claim(&folder) {
        show::error(reason);
        return Exit::Refused;
    }
    let program = match std::env::current_exe() {
        Ok(program) => program,
        Err(error) => {
            show::error(format!("cannot find springback's own program, which the instances run: {error}"));
            return Exit::Refused;
        }
    };
    if !args.quiet {
        let selected = selection.as_ref().map(|selection| format!(", {}", select::said(selection)));
        let selected = selected.unwrap_or_default();
        show::say(format_args!("suite {id}, seed {seed}{selected}, writing to {}", folder.display()));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            show::error(format!("cannot start the runtime: {error}"));
            return Exit::Internal;
        }
    };
    let today = quarantine::day(started_ms);
    let suite = Suite { args, id, project, selection, notes, today, clock, reports, folder, seed, program };
    let local = tokio::task::LocalSet::new();
    let exit = local.block_on(&runtime, suite.run(scenarios));
    // Whatever a world may still wait for must not hold the process.
    runtime.shutdown_background();
    exit
}
