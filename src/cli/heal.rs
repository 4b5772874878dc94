//! `heal`: ends what an interrupted run left behind.

use std::path::PathBuf;

use clap::Args;

use crate::history::ProcessId;
use crate::world::local::{self, Leftover};

use super::{Exit, judge, show, suite};

#[derive(Debug, Args)]
pub(super) struct HealArgs {
    /// Folder of a run or of a suite. Without it: every run below the reports folder.
    run: Option<PathBuf>,
    /// Folder where runs were written.
    #[arg(long, value_name = "DIR", default_value = "reports")]
    reports: PathBuf,
}

pub(super) fn heal(args: &HealArgs) -> Exit {
    let paths = match &args.run {
        Some(run) => suite::histories(run),
        None => Ok(suite::scenario_folders(&args.reports)
            .into_iter()
            .map(|folder| folder.join(suite::HISTORY))
            .filter(|history| history.exists())
            .collect()),
    };
    let paths = match paths {
        Ok(paths) => paths,
        Err(message) => {
            show::error(message);
            return Exit::BadInput;
        }
    };
    let mut exit = Exit::Pass;
    let mut ended = 0;
    for path in &paths {
        match heal_one(path, args.run.is_some()) {
            Ok(count) => ended += count,
            Err(one) => exit = exit.worse(one),
        }
    }
    if exit == Exit::Pass {
        let runs = paths.len();
        show::print(&match ended {
            0 if paths.is_empty() => {
                format!(
                    "there is no run below \"{}\"; name the folder with --reports",
                    args.reports.display()
                )
            }
            0 => format!("nothing is left of {runs} run{}", if runs == 1 { "" } else { "s" }),
            n => format!(
                "ended {n} process{} that were left; nothing is left now",
                if n == 1 { "" } else { "es" }
            ),
        });
    }
    exit
}

/// Ends what is left of one run; returns how many processes that were.
fn heal_one(path: &std::path::Path, named: bool) -> Result<usize, Exit> {
    let tracks = match judge::read(path) {
        Ok((tracks, _)) => tracks,
        // Among many runs one that died before its header must not keep the others from being healed.
        Err(error) if !named => {
            show::say(format_args!("{error}; left out"));
            return Ok(0);
        }
        Err(error) => {
            show::error(error);
            return Err(Exit::BadInput);
        }
    };
    if let Some(pid) = suite::still_running(&tracks) {
        if !named {
            show::say(format_args!("{}: still running as process {pid}, left alone", path.display()));
            return Ok(0);
        }
        show::error(format!(
            "{} is still running as process {pid}; end that first (Ctrl-C there, or `kill {pid}`)",
            path.display()
        ));
        return Err(Exit::Refused);
    }
    let children: Vec<ProcessId> = tracks
        .children
        .iter()
        .filter(|child| child.role != suite::RUNNER)
        .map(|child| child.process)
        .collect();
    let mut ended = 0;
    let mut failed = false;
    for leftover in local::end_leftovers(&children) {
        match leftover {
            Leftover::Gone(_) => {}
            Leftover::Ended(process) => {
                show::say(format_args!("{}: ended process {}", path.display(), process.pid));
                ended += 1;
            }
            Leftover::Unknown(process) => show::say(format_args!(
                "{}: process {} was started, but its start time is not known; look at it yourself",
                path.display(),
                process.pid
            )),
            Leftover::Failed(process, why) => {
                show::error(format!("{}: process {} could not be ended: {why}", path.display(), process.pid));
                failed = true;
            }
        }
    }
    if failed { Err(Exit::HealIncomplete) } else { Ok(ended) }
}
