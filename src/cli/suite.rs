//! The folder of a suite: where runs write, and where earlier ones are found.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::check::Outcome;
use crate::history::{ProcessId, Reference, Tracks};
use crate::report::Verdict;
use crate::scenario::Override;

/// Files of the suite's folder; no scenario's folder may be called so.
pub(super) const FILES: [&str; 2] = ["junit.xml", "summary.md"];
/// Name of the log in a scenario's folder.
pub(super) const HISTORY: &str = "history.jsonl";
/// Name of the verdict in a scenario's folder.
pub(super) const VERDICT: &str = "verdict.json";

/// A new suite id that sorts by time: `20261124T054552Z-3f9a`.
pub(super) fn new_id(unix_ms: i64, salt: u64) -> String {
    let time = jiff::Timestamp::from_millisecond(unix_ms).unwrap_or_default();
    format!("{}-{:04x}", time.strftime("%Y%m%dT%H%M%SZ"), salt & 0xffff)
}

/// Whether a suite id can be the name of a folder.
pub(super) fn is_valid_id(id: &str) -> bool {
    !id.is_empty()
        && id.len() <= 100
        && !id.starts_with('.')
        && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}

/// Name of the folder of an attempt at a scenario, within the suite's: the first one has the scenario's own.
pub(super) fn attempt_folder(stem: &str, attempt: u32) -> String {
    if attempt == 1 { stem.to_owned() } else { format!("{stem}.attempt-{attempt}") }
}

/// Makes the folder of a suite, for this call alone: two calls of one id would write over each other's reports.
///
/// # Errors
/// It is there already, or cannot be made.
pub(super) fn claim(folder: &Path) -> Result<(), String> {
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::AlreadyExists if folder.is_dir() => format!(
            "{} exists already: another call writes, or wrote, there; choose another --suite-id",
            folder.display()
        ),
        _ => format!("cannot write to {}: {error}", folder.display()),
    };
    if let Some(reports) = folder.parent() {
        fs::create_dir_all(reports).map_err(failed)?;
    }
    fs::create_dir(folder).map_err(failed)
}

/// Writes a file whole or not at all. What is there and is no plain file (a link, a pipe, a device) is written into, not
/// replaced.
///
/// # Errors
/// Whatever the file system says.
pub(super) fn write(path: &Path, text: &str) -> io::Result<()> {
    if fs::symlink_metadata(path).is_ok_and(|there| !there.is_file()) {
        return fs::write(path, text);
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let beside = path.with_file_name(format!(".{name}.{}.part", std::process::id()));
    let written = fs::File::create_new(&beside).and_then(|mut file| file.write_all(text.as_bytes()));
    written.and_then(|()| fs::rename(&beside, path)).inspect_err(|error| {
        if error.kind() != io::ErrorKind::AlreadyExists {
            let _ = fs::remove_file(&beside);
        }
    })
}

/// Folders of scenarios below `reports`, newest suite first.
pub(super) fn scenario_folders(reports: &Path) -> Vec<PathBuf> {
    let folders = |path: &Path| -> Vec<PathBuf> {
        let entries = fs::read_dir(path).into_iter().flatten().flatten();
        let mut folders: Vec<PathBuf> =
            entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
        folders.sort();
        folders
    };
    folders(reports).into_iter().rev().flat_map(|suite| folders(&suite)).collect()
}

/// The histories that a path stands for: a file, a scenario's folder, or a suite's.
///
/// # Errors
/// There is none.
pub(super) fn histories(path: &Path) -> Result<Vec<PathBuf>, String> {
    if !path.exists() {
        return Err(format!(
            "\"{}\" does not exist; name the folder of a run, below reports/",
            path.display()
        ));
    }
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let own = path.join(HISTORY);
    if own.exists() {
        return Ok(vec![own]);
    }
    let mut below: Vec<PathBuf> = fs::read_dir(path)
        .map_err(|error| format!("cannot read \"{}\": {error}", path.display()))?
        .flatten()
        .map(|entry| entry.path().join(HISTORY))
        .filter(|history| history.exists())
        .collect();
    below.sort();
    if below.is_empty() {
        return Err(format!(
            "\"{}\" holds no run: no {HISTORY} in it or in the folders below it",
            path.display()
        ));
    }
    Ok(below)
}

/// The baseline of the newest passing run of a scenario, in a system of the same size: one that was set otherwise from
/// outside says nothing of this one.
pub(super) fn last_passing(reports: &Path, scenario: &str, overrides: &[Override]) -> Option<Reference> {
    let of_target = |overrides: &[Override]| -> Vec<(String, String)> {
        let of_target = overrides.iter().filter(|one| !one.imported && one.key.starts_with("target."));
        of_target.map(|one| (one.key.clone(), one.value.clone())).collect()
    };
    let mut newest: Option<Verdict> = None;
    for folder in scenario_folders(reports) {
        let Ok(text) = fs::read_to_string(folder.join(VERDICT)) else { continue };
        // Another version's verdict is no reference, and no reason to stop either.
        let Ok(verdict) = serde_json::from_str::<Verdict>(&text) else { continue };
        let fits = verdict.scenario == scenario
            && verdict.outcome == Outcome::Pass
            && verdict.exit_code == 0
            && of_target(&verdict.overrides) == of_target(overrides);
        if fits && newest.as_ref().is_none_or(|newest| newest.started < verdict.started) {
            newest = Some(verdict);
        }
    }
    let verdict = newest?;
    let supply =
        verdict.groups.iter().filter_map(|(name, group)| Some((name.clone(), group.baseline?))).collect();
    Some(Reference { suite_id: verdict.suite_id, supply })
}

/// Whether the process that recorded a history is still at work on it.
pub(super) fn still_running(tracks: &Tracks) -> Option<i32> {
    let own = runner(tracks)?;
    crate::world::local::exists(own).then_some(own.pid)
}

/// Who runs this, for the people who find its traces elsewhere: user, machine, process.
pub(super) fn whoami() -> String {
    let user = ["USER", "LOGNAME"].iter().find_map(|name| std::env::var(name).ok());
    let own = crate::world::local::this_process();
    format!("{}{}", user.as_deref().unwrap_or("somebody"), on_this_machine(own))
}

/// How [`whoami`] of a process of this machine ends.
pub(super) fn on_this_machine(process: ProcessId) -> String {
    let machine = rustix::system::uname().nodename().to_string_lossy().into_owned();
    format!("@{machine}, process {}", process.pid)
}

/// The process that recorded a history.
pub(super) fn runner(tracks: &Tracks) -> Option<ProcessId> {
    tracks.children.iter().find(|child| child.role == RUNNER).map(|child| child.process)
}

/// Role under which springback records itself.
pub(super) const RUNNER: &str = "springback";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_written_into_and_a_neighbour_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("target"), "old").unwrap();
        fs::write(at("report.part"), "precious").unwrap();
        std::os::unix::fs::symlink(at("target"), at("report.xml")).unwrap();
        write(&at("report.xml"), "new").unwrap();
        assert!(at("report.xml").is_symlink());
        write(&at("report.json"), "{}").unwrap();
        let read = |name: &str| fs::read_to_string(at(name)).unwrap();
        assert_eq!((read("target").as_str(), read("report.part").as_str()), ("new", "precious"));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 4, "nothing is left beside them");
    }

    #[test]
    fn the_reference_is_of_a_system_of_the_same_size() {
        let folder = tempfile::tempdir().unwrap();
        let run = |suite: &str, day: u32, overrides: &[Override]| {
            let at = folder.path().join(suite).join("one");
            fs::create_dir_all(&at).unwrap();
            let verdict = serde_json::json!({
                "version": "1.0", "scenario": "one", "suite_id": suite, "seed": 1, "tool": "t", "world": "local",
                "started": format!("2026-01-{day:02}T00:00:00Z"), "duration_us": 1, "outcome": "pass", "exit_code": 0,
                "interrupted": null, "sealed": true, "stimulus_us": 0, "owner": null, "runbook": null, "overrides": overrides,
                "findings": [], "groups": {}, "load": null, "phases": [], "faults": [], "spend": null, "stops": [], "notes": [],
            });
            fs::write(at.join(VERDICT), verdict.to_string()).unwrap();
        };
        let set = |key: &str, imported| Override {
            key: key.into(),
            value: "4".into(),
            from: "--set".into(),
            imported,
        };
        let larger = [set("target.local.primary.replicas", false)];
        run("plain", 1, &[]);
        run("larger", 2, &larger);
        run("faster", 3, &[set("load.baseline_rate", false)]);
        let found = |overrides: &[Override]| last_passing(folder.path(), "one", overrides).unwrap().suite_id;
        assert_eq!(found(&[]), "faster", "a rate does not change how large the system is");
        assert_eq!(found(&larger), "larger");
        assert_eq!(
            found(&[set("target.local.primary.replicas", true)]),
            "faster",
            "an import is the scenario's own"
        );
        assert!(last_passing(folder.path(), "another", &[]).is_none());
    }

    #[test]
    fn ids_sort_by_time_and_are_fit_for_a_folder() {
        let (early, late) = (new_id(1_700_000_000_000, 7), new_id(1_700_000_001_000, 3));
        assert!(early < late);
        assert!(is_valid_id(&early), "{early}");
        for id in ["", ".", "..", "a/b", ".hidden", "a b", "\u{e9}"] {
            assert!(!is_valid_id(id), "{id}");
        }
    }
}
