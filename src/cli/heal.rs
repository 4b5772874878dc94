//! `heal`: ends what an interrupted run left behind, on this machine and in clusters.

mod cluster;

use std::path::{Path, PathBuf};

use clap::Args;

use crate::history::{ProcessId, Tracks};
use crate::scenario::Access;
use crate::world::local::{self, Leftover};

use super::{Exit, judge, settings, show, suite};

#[derive(Debug, Args)]
pub(super) struct HealArgs {
    /// Folder of a run or of a suite. Without it: every run below the reports folder.
    #[arg(conflicts_with_all = ["context", "in_cluster"])]
    run: Option<PathBuf>,
    /// Folder where runs were written. Default: every one that the springback.toml in this folder or above it names, else
    /// `reports`.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["context", "in_cluster"])]
    reports: Option<PathBuf>,
    /// Heal every run that died in a namespace, from the records in the cluster: this context of the kubeconfig. Needs no
    /// folder of a run. A run that goes on is left alone.
    #[arg(long, value_name = "NAME", requires = "namespace", conflicts_with = "in_cluster")]
    context: Option<String>,
    /// The same, from a pod of the cluster.
    #[arg(long, requires = "namespace")]
    in_cluster: bool,
    /// The namespace.
    #[arg(long, value_name = "NAME")]
    namespace: Option<String>,
}

/// What was found and undone.
#[derive(Default)]
struct Healed {
    /// Processes of this machine that were ended.
    processes: usize,
    /// Places in clusters that were put back as they were.
    places: usize,
}

pub(super) fn heal(args: &HealArgs) -> Exit {
    let access = match &args.context {
        Some(context) => Some(Access::Context(context.clone())),
        None => args.in_cluster.then_some(Access::InCluster),
    };
    match (access, &args.namespace) {
        (Some(access), Some(namespace)) => cluster::heal_namespace(access, namespace.clone()),
        (None, Some(_)) => {
            show::error("a namespace of which cluster? name it with --context, or say --in-cluster");
            Exit::BadInput
        }
        _ => heal_folders(args),
    }
}

fn heal_folders(args: &HealArgs) -> Exit {
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
    let mut healed = Healed::default();
    for path in &paths {
        if let Err(one) = heal_one(path, args.run.is_some(), &mut healed) {
            exit = exit.worse(one);
        }
    }
    if exit == Exit::Pass {
        show::print(&summary(&healed, paths.len(), &reports));
    }
    exit
}

fn summary(healed: &Healed, runs: usize, reports: &[PathBuf]) -> String {
    let processes = match healed.processes {
        0 => None,
        1 => Some("ended 1 process that was left".to_owned()),
        n => Some(format!("ended {n} processes that were left")),
    };
    let places = match healed.places {
        0 => None,
        1 => Some("healed 1 run in its cluster".to_owned()),
        n => Some(format!("healed {n} runs in their clusters")),
    };
    let done: Vec<String> = processes.into_iter().chain(places).collect();
    if !done.is_empty() {
        return format!("{}; nothing is left now", done.join("; "));
    }
    if runs == 0 {
        let folders: Vec<String> = reports.iter().map(|folder| format!("\"{}\"", folder.display())).collect();
        return format!("there is no run below {}; name the folder with --reports", folders.join(" or "));
    }
    format!("nothing is left of {runs} run{}", if runs == 1 { "" } else { "s" })
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

/// Ends what is left of one run.
fn heal_one(path: &Path, named: bool, healed: &mut Healed) -> Result<(), Exit> {
    let tracks = match judge::read(path) {
        Ok((tracks, _)) => tracks,
        // Among many runs one that died before its header must not keep the others from being healed.
        Err(error) if !named => {
            show::say(format_args!("{error}; left out"));
            return Ok(());
        }
        Err(error) => {
            show::error(error);
            return Err(Exit::BadInput);
        }
    };
    if let Some(pid) = suite::still_running(&tracks) {
        if !named {
            show::say(format_args!("{}: still running as process {pid}, left alone", path.display()));
            return Ok(());
        }
        show::error(format!(
            "{} is still running as process {pid}; end that first (Ctrl-C there, or `kill {pid}`)",
            path.display()
        ));
        return Err(Exit::Refused);
    }
    let processes = end_processes(path, &tracks);
    // Whatever became of the processes: the cluster must not wait for it.
    let places =
        if cluster::may_have_left(&tracks) { cluster::heal_run(path, &tracks, named) } else { Ok(0) };
    healed.processes += *processes.as_ref().unwrap_or(&0);
    healed.places += *places.as_ref().unwrap_or(&0);
    match (processes, places) {
        (Err(one), Err(other)) => Err(one.worse(other)),
        (Err(exit), _) | (_, Err(exit)) => Err(exit),
        _ => Ok(()),
    }
}

/// Ends the processes of one run that are left on this machine; returns how many that were.
fn end_processes(path: &Path, tracks: &Tracks) -> Result<usize, Exit> {
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
