//! `heal`: ends what an interrupted run left behind.

use std::path::PathBuf;

use clap::Args;

use crate::history::ProcessId;
use crate::world::local::{self, Leftover};

use super::{Exit, judge, settings, show, suite};

#[derive(Debug, Args)]
pub(super) struct HealArgs {
    /// Folder of a run or of a suite. Without it: every run below the reports folder.
    run: Option<PathBuf>,
    /// Folder where runs were written. Default: every one that the springback.toml in this folder or above it names, else
    /// `reports`.
    #[arg(long, value_name = "DIR")]
    reports: Option<PathBuf>,
}

pub(super) fn heal(args: &HealArgs) -> Exit {
    let mut reports = Vec::new();
    let paths = if let Some(run) = &args.run {
        suite::histories(run)
    } else {
        reports = match reports_folders(args.reports.as_ref()) {
            Ok(reports) => reports,
            Err(exit) => return exit,
        };
        Ok(reports
            .iter()
            .flat_map(|reports| suite::scenario_folders(reports))
            .map(|folder| folder.join(suite::HISTORY))
            .filter(|history| history.exists())
            .collect())
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
                let folders: Vec<String> =
                    reports.iter().map(|folder| format!("\"{}\"", folder.display())).collect();
                format!("there is no run below {}; name the folder with --reports", folders.join(" or "))
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

/// Where runs may have been written, whatever profile they had.
fn reports_folders(named: Option<&PathBuf>) -> Result<Vec<PathBuf>, Exit> {
    if let Some(named) = named {
        return Ok(vec![named.clone()]);
    }
    let project = settings::read(None, &[PathBuf::from(".")], None).map_err(|mistakes| {
        show::diagnostics(&mistakes);
        show::error("the settings do not tell where runs were written; name the folder with --reports");
        Exit::BadInput
    })?;
    Ok(match project.settings() {
        Some(_) => project.all_reports,
        None => vec![PathBuf::from(crate::scenario::REPORTS)],
    })
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
