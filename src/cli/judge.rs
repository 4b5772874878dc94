//! `judge`: a recorded run, judged again.

use std::io;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::history::{self, Ending, HistoryError, Tracks};
use crate::plan;
use crate::report::{self, Look, ScenarioResult, SuiteVerdict, Verdict};
use crate::scenario::{self, Overrides, Source};

use super::{Exit, Output, judging, show, suite};

#[derive(Debug, Args)]
pub(super) struct JudgeArgs {
    /// Folder of a run, of a suite, or a history.jsonl.
    run: PathBuf,
    /// Other expectations: a TOML file with [expect] and [slo] tables, which replace the recorded ones.
    #[arg(long, value_name = "FILE")]
    expect: Option<PathBuf>,
    /// How to print.
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

pub(super) fn judge(args: &JudgeArgs) -> Exit {
    let expectations = match args.expect.as_deref().map(Source::read).transpose() {
        Ok(source) => source,
        Err(mistakes) => {
            show::diagnostics(&mistakes);
            return Exit::BadInput;
        }
    };
    let paths = match suite::histories(&args.run) {
        Ok(paths) => paths,
        Err(message) => {
            show::error(message);
            return Exit::BadInput;
        }
    };
    let mut exit = Exit::Pass;
    let mut judged: Vec<(Verdict, Exit)> = Vec::new();
    for path in &paths {
        match judge_one(path, expectations.as_ref()) {
            Ok((verdict, one, tracks)) => {
                if args.output == Output::Text {
                    show::print(&report::terminal(&verdict, &tracks, look()));
                }
                judged.push((verdict, one));
            }
            Err(one) => exit = exit.worse(one),
        }
    }
    let tried_again = |verdict: &Verdict| judged.iter().any(|(later, _)| later.tries_again(verdict));
    let deciding = judged.iter().filter(|(verdict, _)| !tried_again(verdict));
    exit = deciding.fold(exit, |exit, (_, one)| exit.worse(*one));
    if args.output == Output::Json {
        let verdicts: Vec<Verdict> = judged.into_iter().map(|(verdict, _)| verdict).collect();
        let suite_id = verdicts.first().map(|verdict| verdict.suite_id.clone()).unwrap_or_default();
        let suite = SuiteVerdict::new(&suite_id, ScenarioResult::grouped(verdicts), Vec::new(), exit.code());
        show::print(&serde_json::to_string_pretty(&suite).expect("a verdict is plain data"));
    }
    exit
}

/// How to print to this standard output.
pub(super) fn look() -> Look {
    Look { width: show::width(), colour: show::colour(&io::stdout()) }
}

/// Reads a history into tracks.
///
/// # Errors
/// It is damaged, unreadable or of another format; said by then.
pub(super) fn read(path: &Path) -> Result<(Tracks, Ending), HistoryError> {
    let mut tracks = Tracks::default();
    let ending = history::read(path, |record| tracks.apply(&record))?;
    Ok((tracks, ending))
}

fn judge_one(path: &Path, expectations: Option<&Source>) -> Result<(Verdict, Exit, Tracks), Exit> {
    let (mut tracks, ending) = read(path).map_err(|error| {
        show::error(error);
        Exit::BadInput
    })?;
    if let Some(pid) = suite::still_running(&tracks) {
        show::error(format!("{} is still being written by process {pid}", path.display()));
        return Err(Exit::BadInput);
    }
    if let Ending::Unsealed { torn } = ending {
        let how = if torn { "its last line is torn" } else { "it has no seal" };
        show::error(format!("{}: the recording was cut short: {how}", path.display()));
    }
    let header = tracks.header.as_deref().expect("a history begins with its header");
    let (mut scenario, mut plan) = (header.scenario.clone(), header.plan.clone());
    if let Some(source) = expectations {
        let lowered = scenario::read_expectations(source, &Overrides::NONE, &scenario, &header.origins)
            .map_err(|mistakes| {
                show::diagnostics(&mistakes);
                Exit::BadInput
            })?;
        plan = plan::lower(&lowered.scenario, plan.seed);
        scenario = lowered.scenario;
        if let Some(header) = tracks.header.as_mut() {
            header.origins = lowered.origins;
        }
    }
    let (verdict, exit) = judging::judge(&tracks, &scenario, &plan);
    Ok((verdict, exit, tracks))
}
