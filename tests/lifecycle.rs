//! Whatever happens to springback, nothing is lost and nothing is left: killed at every step, interrupted, out of disk.

#![expect(
    clippy::disallowed_methods,
    reason = "what really happens is waited for on the machine's own clock"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use springback::history::{self, Ending, Event, ProcessId, Record};
use springback::world::local::exists;

/// Worlds of real processes, one test at a time: the machines have two cores.
static WORLD: Mutex<()> = Mutex::new(());

/// Everything that a run can show, in a quarter of a minute.
const BUSY: &str = r#"
name = "a busy quarter of a minute"
[target.local.primary]
replicas = 2
capacity = "50/s"
startup = "200ms"
price = "0.10 USD/h"
autoscaler = { min_replicas = 2, max_replicas = 6, target_utilization = "60%", sync_period = "1s", scale_down = { stabilization_window = "1s" } }
[target.local.standby]
replicas = 1
promoted_replicas = 2
takes_over_from = "primary"
startup = "200ms"
price = "0.10 USD/h"
[load]
path = "/"
baseline_rate = "40/s"
[[load.surge]]
at = "200ms"
step = { to_rate = "150/s", lasts = "3s" }
[[fault]]
at = "1s"
terminate = { group = "primary", count = 1, how = "kill" }
[[fault]]
at = "4s"
lose = { group = "primary", lasts = "2s" }
[limits]
lost_at_once = "100%"
[expect]
baseline = { at_most = { primary = 2, standby = 1 } }
idle_spend = { at_most = "0.00 USD/h", after = "4s", hold = "2s" }
"#;

/// Every kind of event that such a run records.
const KINDS: [&str; 21] = [
    "header",
    "child",
    "phase",
    "desired",
    "autoscaler",
    "instance",
    "route",
    "alive",
    "harness",
    "load",
    "decision",
    "surge_start",
    "intent",
    "undo_recorded",
    "acknowledged",
    "effect",
    "surge_end",
    "healed",
    "quiesced",
    "clock",
    "seal",
];

struct Run {
    springback: Child,
    history: PathBuf,
    folder: tempfile::TempDir,
}

impl Run {
    fn start(scenario: &str, wrap: Option<&str>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("busy.toml");
        fs::write(&file, scenario).unwrap();
        let program = env!("CARGO_BIN_EXE_springback");
        let mut command = match wrap {
            // The shell sets a limit and becomes springback, so that its pid stays.
            Some(limit) => {
                let mut shell = Command::new("sh");
                shell.args(["-c", &format!("{limit}; exec '{program}' \"$@\""), "sh"]);
                shell
            }
            None => Command::new(program),
        };
        command
            .arg("run")
            .arg(&file)
            .args(["--suite-id", "s", "--seed", "7", "--reports"])
            .arg(folder.path().join("reports"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(fs::File::create(folder.path().join("stderr")).unwrap());
        let history = folder.path().join("reports/s/busy/history.jsonl");
        Self { springback: command.spawn().unwrap(), history, folder }
    }

    fn records(&self) -> Vec<Record> {
        records(&self.history)
    }

    /// Waits until an event of that kind is on record. Panics after a minute and a half, or when the run is over.
    fn wait_for(&mut self, what: &str, found: impl Fn(&Event) -> bool) {
        let began = Instant::now();
        loop {
            if self.records().iter().any(|record| found(&record.event)) {
                return;
            }
            if self.springback.try_wait().unwrap().is_some()
                && !self.records().iter().any(|r| found(&r.event))
            {
                panic!("the run ended without {what}: {}", self.stderr());
            }
            assert!(began.elapsed() < Duration::from_secs(90), "no {what} within 90 s");
            pause();
        }
    }

    fn signal(&self, name: &str) {
        let pid = self.springback.id().to_string();
        assert!(Command::new("kill").args([name, &pid]).status().unwrap().success());
    }

    fn wait(&mut self) -> i32 {
        self.springback.wait().unwrap().code().expect("springback was killed by a signal")
    }

    fn stderr(&self) -> String {
        fs::read_to_string(self.folder.path().join("stderr")).unwrap()
    }

    fn children(&self) -> BTreeSet<(i32, u64)> {
        self.records()
            .iter()
            .filter_map(|record| match &record.event {
                Event::Child(child) if child.role != "springback" => {
                    Some((child.process.pid, child.process.start_ticks))
                }
                _ => None,
            })
            .collect()
    }
}

fn records(path: &Path) -> Vec<Record> {
    let mut found = Vec::new();
    // A file that is not there yet, or not finished yet, has what it has.
    let _ = history::read(path, |record| found.push(record));
    found
}

/// A condition is polled for; nothing here depends on how long this is.
fn pause() {
    std::thread::sleep(Duration::from_millis(20));
}

fn all_gone(children: &BTreeSet<(i32, u64)>, within: Duration) -> Result<Duration, Vec<i32>> {
    let began = Instant::now();
    loop {
        let left: Vec<i32> = children
            .iter()
            .filter(|(pid, start_ticks)| exists(ProcessId { pid: *pid, start_ticks: *start_ticks }))
            .map(|(pid, _)| *pid)
            .collect();
        if left.is_empty() {
            return Ok(began.elapsed());
        }
        if began.elapsed() > within {
            return Err(left);
        }
        pause();
    }
}

fn kind(event: &Event) -> String {
    let value = serde_json::to_value(event).unwrap();
    value.as_object().unwrap().keys().next().unwrap().clone()
}

/// Processes that are instances, balancers or guards of this very program, whoever started them.
fn strays() -> Vec<String> {
    let own = fs::canonicalize(env!("CARGO_BIN_EXE_springback")).unwrap();
    let processes = fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path());
    processes
        .filter(|path| fs::read_link(path.join("exe")).is_ok_and(|exe| exe == own))
        .map(|path| fs::read_to_string(path.join("cmdline")).unwrap_or_default().replace('\0', " "))
        .collect()
}

#[test]
fn killed_after_each_kind_of_event_it_leaves_no_child() {
    let _one = WORLD.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    // The wall clock is recorded once a minute: none in a run this short.
    let kinds: Vec<&str> = KINDS.into_iter().filter(|kind| *kind != "clock").collect();
    for some in kinds.chunks(4) {
        let mut runs: Vec<(&str, Run)> = some.iter().map(|kind| (*kind, Run::start(BUSY, None))).collect();
        std::thread::scope(|scope| {
            for (wanted, run) in &mut runs {
                scope.spawn(move || {
                    run.wait_for(wanted, |event| kind(event) == *wanted);
                    run.signal("-KILL");
                    run.springback.wait().unwrap();
                    let children = run.children();
                    if let Err(left) = all_gone(&children, Duration::from_secs(5)) {
                        panic!("killed after {wanted}: {left:?} of {} children are left", children.len());
                    }
                    // Also those that it had no time to record.
                    let healed = Command::new(env!("CARGO_BIN_EXE_springback"))
                        .arg("heal")
                        .arg(run.history.parent().unwrap())
                        .output()
                        .unwrap();
                    assert_eq!(healed.status.code(), Some(0), "{}", String::from_utf8_lossy(&healed.stderr));
                });
            }
        });
        let began = Instant::now();
        while !strays().is_empty() {
            assert!(began.elapsed() < Duration::from_secs(5), "still there: {:#?}", strays());
            pause();
        }
    }
}

#[test]
fn ctrl_c_heals_observes_and_ends_with_3() {
    let _one = WORLD.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let mut run = Run::start(BUSY, None);
    run.wait_for("the loss", |event| matches!(event, Event::Acknowledged(ack) if ack.fault == "fault-1"));
    run.signal("-INT");
    assert_eq!(run.wait(), 3, "{}", run.stderr());
    let kinds: Vec<String> = run.records().iter().map(|record| kind(&record.event)).collect();
    let at =
        |wanted: &str| kinds.iter().rposition(|kind| kind == wanted).unwrap_or_else(|| panic!("no {wanted}"));
    assert!(at("interrupted") < at("healed") && at("healed") < at("quiesced") && at("quiesced") < at("seal"));
    let mut ending = None;
    let mut observed = false;
    ending.replace(
        history::read(&run.history, |record| {
            observed |=
                matches!(&record.event, Event::Phase(phase) if phase.phase == history::Phase::Observe);
        })
        .unwrap(),
    );
    assert_eq!(ending, Some(Ending::Sealed));
    assert!(observed, "what does it leave behind?");
    assert!(all_gone(&run.children(), Duration::from_secs(5)).is_ok());
    let again =
        Command::new(env!("CARGO_BIN_EXE_springback")).arg("judge").arg(&run.history).output().unwrap();
    assert_eq!(again.status.code(), Some(3), "judged again, an interrupted run says so");
}

#[test]
fn sigterm_and_a_closed_terminal_heal_and_end_with_3() {
    let _one = WORLD.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    for signal in ["-TERM", "-HUP"] {
        let mut run = Run::start(BUSY, None);
        run.wait_for("the loss", |event| matches!(event, Event::Acknowledged(ack) if ack.fault == "fault-1"));
        run.signal(signal);
        assert_eq!(run.wait(), 3, "{}", run.stderr());
        let kinds: BTreeSet<String> = run.records().iter().map(|record| kind(&record.event)).collect();
        assert!(kinds.contains("healed") && kinds.contains("seal"));
        assert!(all_gone(&run.children(), Duration::from_secs(5)).is_ok());
    }
}

#[test]
fn a_full_disk_heals_and_says_so() {
    let _one = WORLD.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    // Blocks of 512 bytes: enough for the header and some seconds of the run.
    let mut run = Run::start(BUSY, Some("ulimit -f 60"));
    assert_eq!(run.wait(), 6, "{}", run.stderr());
    let errors = run.stderr();
    assert!(errors.contains("could not be written any more") && errors.contains("healed"), "{errors}");
    let mut last = None;
    let ending = history::read(&run.history, |record| last = Some(record)).unwrap();
    assert!(matches!(ending, Ending::Unsealed { .. }), "{ending:?}");
    assert!(last.is_some_and(|record| record.n > 20), "the limit was to be met in the middle of the run");
    assert!(all_gone(&run.children(), Duration::from_secs(5)).is_ok());
    let again =
        Command::new(env!("CARGO_BIN_EXE_springback")).arg("judge").arg(&run.history).output().unwrap();
    assert_ne!(again.status.code(), Some(0), "an unsealed history never passes");
}

#[test]
fn a_run_that_goes_on_is_not_healed_under_its_feet() {
    let _one = WORLD.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let mut run = Run::start(BUSY, None);
    run.wait_for(
        "the baseline",
        |event| matches!(event, Event::Phase(phase) if phase.phase == history::Phase::Baseline),
    );
    let healed =
        Command::new(env!("CARGO_BIN_EXE_springback")).arg("heal").arg(&run.history).output().unwrap();
    assert_eq!(healed.status.code(), Some(5), "{}", String::from_utf8_lossy(&healed.stderr));
    run.signal("-TERM");
    assert_eq!(run.wait(), 3);
}
