//! Suites on the embedded world: what is run, what is tried again, what counts, and what is on disk when springback dies.

#![expect(
    clippy::disallowed_methods,
    reason = "what really happens is waited for on the machine's own clock"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use springback::check::Outcome;
use springback::history::{self, Ending, Event, InstanceState, Phase, ProcessId, Record};
use springback::report::{SuiteVerdict, WhyNotRun};
use springback::world::local::exists;

/// Worlds of real processes, one test at a time: the machines have two cores.
static WORLD: Mutex<()> = Mutex::new(());

/// An instance is killed and replaced: it passes in some ten seconds.
const HEALTHY: &str = r#"name = "an instance is replaced"
tags = ["quick", "healthy"]
[target.local.app]
replicas = 1
startup = "100ms"
[[fault]]
at = "200ms"
terminate = { group = "app", count = 1, how = "kill" }
[limits]
lost_at_once = "100%"
[run]
warm_up = "20s"
[expect]
replacement = { within = "8s" }
"#;

/// More instances than it should have: it fails as soon as it is calm.
const LEAKING: &str = r#"name = "the floor is one instance"
tags = ["@quick"]
[target.local.app]
replicas = 2
startup = "100ms"
[run]
warm_up = "20s"
[expect]
baseline = { at_most = { app = 1 } }
"#;

fn named(text: &str, name: &str) -> String {
    let (_, rest) = text.split_once('\n').unwrap();
    format!("name = \"{name}\"\n{rest}")
}

/// A folder with scenarios, and what is run in it.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn with(files: &[(&str, String)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(folder.path().join(name), text).unwrap();
        }
        Self { folder }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_springback"));
        command.args(arguments).current_dir(self.folder.path()).env("NO_COLOR", "1").stdin(Stdio::null());
        command
    }

    fn springback(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Starts `run . --suite-id s` with more arguments; what it prints goes into files.
    fn start(&self, arguments: &[&str]) -> Child {
        let all = [&["run", ".", "--suite-id", "s", "--seed", "7", "--quiet"], arguments].concat();
        let file = |name: &str| fs::File::create(self.folder.path().join(name)).unwrap();
        self.command(&all).stdout(file("stdout")).stderr(file("stderr")).spawn().unwrap()
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.folder.path().join(name)).unwrap_or_default()
    }

    fn history(&self, scenario: &str) -> PathBuf {
        self.folder.path().join("reports/s").join(scenario).join("history.jsonl")
    }

    fn records(&self, scenario: &str) -> Vec<Record> {
        let mut found = Vec::new();
        // A file that is not there yet, or not finished yet, has what it has.
        let _ = history::read(&self.history(scenario), |record| found.push(record));
        found
    }

    /// Waits until an event is on record. Panics after two minutes, or when springback has ended without it.
    fn wait_for(&self, springback: &mut Child, scenario: &str, found: impl Fn(&Event) -> bool) {
        let began = Instant::now();
        loop {
            let ended = springback.try_wait().unwrap().is_some();
            if self.records(scenario).iter().any(|record| found(&record.event)) {
                return;
            }
            assert!(!ended, "it ended too early: {}", self.read("stderr"));
            assert!(began.elapsed() < Duration::from_secs(120), "not within two minutes");
            pause();
        }
    }
}

/// A condition is polled for; nothing here depends on how long this is.
fn pause() {
    std::thread::sleep(Duration::from_millis(10));
}

fn signal(name: &str, pid: i32) {
    // One that has ended by itself in between is as good.
    let _ = Command::new("kill").args([name, &pid.to_string()]).stderr(Stdio::null()).status().unwrap();
}

fn code(springback: &mut Child) -> i32 {
    springback.wait().unwrap().code().expect("it was not killed")
}

fn json(output: &Output) -> SuiteVerdict {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)))
}

fn children(records: &[Record]) -> Vec<(String, ProcessId)> {
    let child = |record: &Record| match &record.event {
        Event::Child(child) if child.role != "springback" => Some((child.role.clone(), child.process)),
        _ => None,
    };
    records.iter().filter_map(child).collect()
}

/// Kills every instance as soon as it is ready, so that supply is never steady, until the run is over.
fn never_steady(place: &Place, springback: &mut Child, scenario: &str) {
    let mut killed = 0;
    loop {
        let records = place.records(scenario);
        if records.iter().any(|record| matches!(record.event, Event::Seal(_))) {
            assert!(killed > 0, "nothing was ever ready");
            return;
        }
        assert!(springback.try_wait().unwrap().is_none(), "it ended too early: {}", place.read("stderr"));
        let started = children(&records);
        for record in &records {
            if let Event::Instance(change) = &record.event
                && change.state == InstanceState::Ready
                && let Some((_, process)) = started.iter().find(|(role, _)| *role == change.instance)
                && exists(*process)
            {
                signal("-KILL", process.pid);
                killed += 1;
            }
        }
        pause();
    }
}

#[test]
fn a_night_with_one_in_quarantine_one_that_passes_at_its_second_attempt_and_one_that_fails() {
    let _one = WORLD.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let place = Place::with(&[
        ("a-leak.toml", LEAKING.to_owned()),
        ("b-replaced.toml", HEALTHY.to_owned()),
        ("c-another-leak.toml", named(LEAKING, "another floor is one instance")),
        (
            "springback.toml",
            "[[quarantine]]\nscenario = \"the floor is one instance\"\nowner = \"payments\"\nuntil = \"2099-12-31\"\n\
             reason = \"OPS-17\"\n"
                .to_owned(),
        ),
    ]);
    let mut springback = place.start(&["--retries", "3"]);
    place.wait_for(&mut springback, "b-replaced", |event| matches!(event, Event::Header(_)));
    // What is finished is on disk, and what is still to come is no pass.
    let junit = place.read("reports/s/junit.xml");
    assert!(junit.contains("in quarantine until 2099-12-31, owner payments: OPS-17"), "{junit}");
    assert_eq!(junit.matches("type=\"pending\"").count(), 2, "{junit}");
    never_steady(&place, &mut springback, "b-replaced");
    assert_eq!(code(&mut springback), 1, "{}", place.read("stderr"));

    let junit = place.read("reports/s/junit.xml");
    assert!(junit.contains("<flakyError"), "{junit}");
    assert!(junit.contains("never-steady"), "{junit}");
    assert!(!junit.contains("pending"), "{junit}");
    assert!(
        junit.lines().nth(1).unwrap().contains("skipped=\"1\" failures=\"1\" errors=\"0\""),
        "one in quarantine, one that fails: {junit}"
    );
    let table = place.read("stdout");
    let table = &table[table.find("Suite s").unwrap_or_else(|| panic!("no table in:\n{table}"))..];
    for part in [
        "attempt 1 of 2",
        "  attempt 2 ",
        "in quarantine until 2099-12-31, owner payments: OPS-17; does not count",
        "1 failed · 1 passed · 1 of them at a later attempt · 1 in quarantine, not counted · exit 1",
    ] {
        assert!(table.contains(part), "no {part} in:\n{table}");
    }
    let summary = place.read("reports/s/summary.md");
    assert!(summary.contains("| 1 of 2 |") && summary.contains("| 2 of 2 |"), "{summary}");

    // Each attempt has a history and a verdict of its own, and judged again the last one decides.
    let again = place.springback(&["judge", "reports/s", "--output", "json"]);
    assert_eq!(again.status.code(), Some(1));
    let suite = json(&again);
    let tried: Vec<_> = suite
        .scenarios
        .iter()
        .map(|one| (one.verdict.scenario.as_str(), one.verdict.outcome, one.attempts()))
        .collect();
    assert_eq!(
        tried,
        [
            ("the floor is one instance", Outcome::Fail, 1),
            ("an instance is replaced", Outcome::Pass, 2),
            ("another floor is one instance", Outcome::Fail, 1)
        ]
    );
    let attempt = place.springback(&["judge", "reports/s/b-replaced"]);
    assert_eq!(attempt.status.code(), Some(2), "the first attempt alone is inconclusive");
}

#[test]
fn a_scenario_begins_when_nothing_is_left_of_the_one_before() {
    let _one = WORLD.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let place =
        Place::with(&[("a.toml", HEALTHY.to_owned()), ("b.toml", named(HEALTHY, "another is replaced"))]);
    let mut springback = place.start(&[]);
    place.wait_for(&mut springback, "b", |event| matches!(event, Event::Header(_)));
    let before = place.records("a");
    let started = children(&before);
    assert!(started.len() >= 3, "a balancer, an instance and its replacement: {started:?}");
    let left: Vec<_> = started.iter().filter(|(_, process)| exists(*process)).collect();
    assert!(left.is_empty(), "still there when the next one began: {left:?}");
    assert!(matches!(before.last().unwrap().event, Event::Seal(_)), "its history was not sealed yet");
    assert_eq!(code(&mut springback), 0, "{}", place.read("stderr"));
    // The next one waited for a steady supply of its own before its stimulus.
    let phases: Vec<Phase> = place
        .records("b")
        .iter()
        .filter_map(|record| match &record.event {
            Event::Phase(began) => Some(began.phase),
            _ => None,
        })
        .collect();
    assert_eq!(phases[..4], [Phase::Preflight, Phase::WarmUp, Phase::Baseline, Phase::Stimulus]);
}

#[test]
fn killed_in_the_middle_it_leaves_what_was_finished() {
    let _one = WORLD.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let place = Place::with(&[("a.toml", LEAKING.to_owned()), ("b.toml", HEALTHY.to_owned())]);
    let mut springback = place.start(&[]);
    let baseline = |event: &Event| matches!(event, Event::Phase(began) if began.phase == Phase::Baseline);
    place.wait_for(&mut springback, "b", baseline);
    springback.kill().unwrap();
    springback.wait().unwrap();
    let junit = place.read("reports/s/junit.xml");
    assert!(junit.trim_end().ends_with("</testsuites>"), "{junit}");
    assert!(junit.contains("failures=\"1\" errors=\"1\""), "a fail, and one that is not green: {junit}");
    let summary = place.read("reports/s/summary.md");
    assert!(summary.contains("not run (pending)"), "{summary}");
    let ending = history::read(&place.history("b"), |_| {}).unwrap();
    assert!(matches!(ending, Ending::Unsealed { .. }));
    let parts: Vec<_> = fs::read_dir(place.folder.path().join("reports/s"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "part"))
        .collect();
    assert!(parts.is_empty(), "{parts:?}");
}

#[test]
fn after_a_fail_nothing_more_is_run_and_only_a_fail_that_counts_is_one() {
    let _one = WORLD.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let entry = |name: &str, until: &str| {
        format!("[[quarantine]]\nscenario = \"{name}\"\nowner = \"a\"\nuntil = \"{until}\"\n")
    };
    let place = Place::with(&[
        ("a.toml", LEAKING.to_owned()),
        ("b.toml", named(LEAKING, "an expired one")),
        ("c.toml", HEALTHY.to_owned()),
        (
            "springback.toml",
            entry("the floor is one instance", "2099-12-31") + &entry("an expired one", "2020-01-01"),
        ),
    ]);
    let output = place.springback(&["run", ".", "--fail-fast", "--output", "json", "--quiet"]);
    let suite = json(&output);
    assert_eq!((output.status.code(), suite.exit_code), (Some(1), 1));
    let counts: Vec<_> = suite.scenarios.iter().map(|one| (one.verdict.outcome, one.counts)).collect();
    assert_eq!(counts, [(Outcome::Fail, false), (Outcome::Fail, true)]);
    let not_run: Vec<_> = suite.not_run.iter().map(|one| (one.scenario.as_str(), one.code)).collect();
    assert_eq!(not_run, [("an instance is replaced", WhyNotRun::FailFast)]);
    let codes: Vec<&str> = suite.notes.iter().map(|note| note.code.as_str()).collect();
    assert_eq!(codes, ["quarantine-expired"]);
}

#[test]
fn what_would_go_past_the_time_is_not_started_and_makes_the_suite_inconclusive() {
    let _one = WORLD.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let long = named(HEALTHY, "it may take ten minutes").replace("\"20s\"", "\"10m\"");
    let place = Place::with(&[
        ("a.toml", long),
        ("b.toml", HEALTHY.to_owned()),
        (
            "springback.toml",
            "[[quarantine]]\nscenario = \"an instance is replaced\"\nowner = \"a\"\nuntil = \"2099-12-31\"\n"
                .to_owned(),
        ),
    ]);
    let output = place.springback(&["run", ".", "--max-time", "5m", "--output", "json", "--quiet"]);
    let suite = json(&output);
    assert_eq!((output.status.code(), suite.outcome), (Some(2), Outcome::Inconclusive), "{suite:#?}");
    assert_eq!(suite.not_run[0].code, WhyNotRun::MaxTime);
    assert_eq!(suite.scenarios.len(), 1, "a later one that fits is run");
    assert_eq!(suite.scenarios[0].verdict.outcome, Outcome::Pass);
    assert_eq!(suite.notes[0].code, "quarantine-not-needed");
}

#[test]
fn interrupted_it_runs_no_further_one_and_tries_none_again() {
    let _one = WORLD.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let place = Place::with(&[("a.toml", HEALTHY.to_owned()), ("b.toml", LEAKING.to_owned())]);
    let mut springback = place.start(&["--retries", "3", "--output", "json"]);
    let warm_up = |event: &Event| matches!(event, Event::Phase(began) if began.phase == Phase::WarmUp);
    place.wait_for(&mut springback, "a", warm_up);
    signal("-TERM", i32::try_from(springback.id()).unwrap());
    assert_eq!(code(&mut springback), 3, "{}", place.read("stderr"));
    let suite: SuiteVerdict = serde_json::from_str(&place.read("stdout")).unwrap();
    assert_eq!(suite.scenarios.len(), 1);
    assert_eq!(suite.scenarios[0].attempts(), 1);
    assert_eq!(suite.not_run[0].code, WhyNotRun::Interrupted);
    assert!(!Path::new(&place.history("a.attempt-2")).exists());
}

#[test]
fn a_suite_that_is_there_already_is_refused_and_kept_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let scenario = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/spike.toml");
    let there = folder.path().join("reports/s");
    fs::create_dir_all(&there).unwrap();
    fs::write(there.join("junit.xml"), "of another call").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_springback"))
        .args(["run", &scenario.display().to_string(), "--suite-id", "s"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(5), "{told}");
    assert!(told.contains("choose another --suite-id"), "{told}");
    assert_eq!(fs::read_to_string(there.join("junit.xml")).unwrap(), "of another call");
    assert_eq!(fs::read_dir(&there).unwrap().count(), 1, "nothing else was written");
}
