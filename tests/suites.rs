//! Several scenarios in one call: chosen, retried, put up with, cut off; and what is on disk when springback is killed between
//! two of them.

#![expect(
    clippy::disallowed_methods,
    reason = "what really happens is waited for on the machine's own clock"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// Worlds of real processes, one test at a time: the machines have two cores.
static WORLD: Mutex<()> = Mutex::new(());

/// An instance is killed, and replaced; a little load goes on all the time.
const PASSES: &str = r#"
[target.local.primary]
replicas = 2
capacity = "50/s"
startup = "200ms"
price = "0.10 USD/h"
[load]
path = "/"
baseline_rate = "20/s"
[[load.surge]]
at = "100ms"
step = { to_rate = "60/s", lasts = "4s" }
[[fault]]
at = "500ms"
terminate = { group = "primary", count = 1, how = "kill" }
[slo]
availability = { target = "50%" }
[expect]
replacement = { within = "4s" }
"#;

struct Suite {
    folder: tempfile::TempDir,
}

impl Suite {
    fn of(scenarios: &[(&str, String)], settings: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in scenarios {
            let text = format!("name = \"{name}\"\n{text}");
            fs::write(folder.path().join(format!("{}.toml", name.replace(' ', "-"))), text).unwrap();
        }
        fs::write(folder.path().join("springback.toml"), settings).unwrap();
        Self { folder }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_springback"));
        command.args(["run", ".", "--suite-id", "s", "--seed", "7"]).args(arguments);
        command.current_dir(self.folder.path()).env("NO_COLOR", "1");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    fn at(&self, path: &str) -> PathBuf {
        self.folder.path().join("reports/s").join(path)
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.at(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }
}

fn tagged(tags: &str, text: &str) -> String {
    format!("tags = [{tags}]\n{text}")
}

fn never_replaced() -> String {
    PASSES.replace("price =", "defects = { never_replaced = true }\nprice =")
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap_or_else(|| panic!("killed: {output:?}"))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Waits until a file holds a word; the child must be alive for it.
fn wait_for(child: &mut Child, path: &Path, word: &str) {
    let patience = Instant::now() + Duration::from_secs(60);
    while !fs::read_to_string(path).is_ok_and(|text| text.contains(word)) {
        assert!(Instant::now() < patience, "{} never held {word}", path.display());
        assert_eq!(child.try_wait().unwrap(), None, "springback ended before {word}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_suite_with_a_quarantined_a_retried_and_a_failing_scenario() {
    let _world = WORLD.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let suite = Suite::of(
        &[
            ("a retried", PASSES.into()),
            ("b known to fail", never_replaced()),
            ("c failing", never_replaced()),
        ],
        "[[quarantine]]\nscenario = \"b known to fail\"\nowner = \"payments\"\nuntil = \"2999-12-31\"\nreason = \"ticket 7\"\n\
         [[quarantine]]\nscenario = \"gone\"\nowner = \"payments\"\nuntil = \"2999-12-31\"\n",
    );
    let mut child = suite.command(&["--retries", "2"]).spawn().unwrap();
    let own = Pid::from_child(&child);
    // Held up in the middle of its surge, springback cannot send what it planned: the first attempt tells nothing.
    wait_for(&mut child, &suite.at("a-retried/history.jsonl"), "surge_start");
    kill_process(own, Signal::STOP).unwrap();
    std::thread::sleep(Duration::from_secs(2));
    kill_process(own, Signal::CONT).unwrap();
    let output = child.wait_with_output().unwrap();
    let (table, errors) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(code(&output), 1, "{table}{errors}");
    for part in [
        "attempt 1 of 2",
        "attempt 2 of 2",
        "quarantined until 2999-12-31 (payments: ticket 7)",
        "the quarantine of \"gone\" fits no scenario",
        "1 failed · 1 passed · 1 quarantined · exit 1",
    ] {
        let one_line = table.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(one_line.contains(part), "no {part} in:\n{table}");
    }
    let outcome = |folder: &str| {
        let verdict: Value = serde_json::from_str(&suite.read(&format!("{folder}/verdict.json"))).unwrap();
        verdict["outcome"].as_str().unwrap().to_owned()
    };
    let outcomes = ["a-retried", "a-retried.attempt-2", "b-known-to-fail", "c-failing"].map(outcome);
    assert_eq!(outcomes, ["inconclusive", "pass", "fail", "fail"]);
    let junit = suite.read("junit.xml");
    for part in ["<flakyError", "<skipped message=\"quarantined until", "<failure "] {
        assert!(junit.contains(part), "no {part} in:\n{junit}");
    }
    assert!(suite.read("summary.md").contains("attempt 2 of 2"));
    one_after_another(&suite, &["a-retried", "a-retried.attempt-2", "b-known-to-fail", "c-failing"]);
}

/// Each run is sealed, and nothing of it left behind, before the next one begins.
fn one_after_another(suite: &Suite, folders: &[&str]) {
    let mut before_ms = 0;
    for folder in folders {
        let history = suite.read(&format!("{folder}/history.jsonl"));
        let lines: Vec<Value> = history.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let started_ms = lines[0]["header"]["started_unix_ms"].as_i64().unwrap();
        assert!(before_ms <= started_ms, "{folder} began before the one before it had ended");
        let last = lines.last().unwrap();
        assert!(last.get("seal").is_some(), "{folder} has no seal");
        before_ms = started_ms + last["t_us"].as_i64().unwrap() / 1_000;
        let pids = lines.iter().filter_map(|line| line["child"]["process"]["pid"].as_i64()).skip(1);
        for pid in pids {
            assert!(!Path::new(&format!("/proc/{pid}")).exists(), "{folder} left the process {pid} behind");
        }
    }
}

#[test]
fn fail_fast_starts_nothing_after_a_failure() {
    let _world = WORLD.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let suite = Suite::of(&[("a failing", never_replaced()), ("b never seen", PASSES.into())], "");
    let output = suite.run(&["--fail-fast", "--output", "json"]);
    assert_eq!(code(&output), 1, "{}", text(&output.stderr));
    let verdict: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(verdict["scenarios"][0]["verdict"]["outcome"], "fail");
    assert_eq!(verdict["not_run"][0]["scenario"], "b never seen");
    assert!(verdict["not_run"][0]["reason"].as_str().unwrap().contains("--fail-fast"));
    assert!(!suite.at("b-never-seen").exists());
}

#[test]
fn a_scenario_that_could_take_too_long_is_not_started_and_not_passed() {
    let suite = Suite::of(&[("a long one", PASSES.into())], "");
    let output = suite.run(&["--max-time", "5s"]);
    let said = text(&output.stdout) + &text(&output.stderr);
    assert_eq!(code(&output), 2, "{said}");
    assert!(!suite.at("a-long-one").exists());
    let refused = suite.run(&["--max-time", "soon"]);
    assert_eq!(code(&refused), 64);
    assert!(text(&refused.stderr).contains("is not a duration"), "{}", text(&refused.stderr));
}

#[test]
fn what_was_judged_is_on_disk_when_springback_is_killed_in_the_next_scenario() {
    let _world = WORLD.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let suite = Suite::of(&[("a first", PASSES.into()), ("b second", PASSES.into())], "");
    let mut child = suite.command(&["--quiet"]).spawn().unwrap();
    wait_for(&mut child, &suite.at("b-second/history.jsonl"), "header");
    child.kill().unwrap();
    child.wait().unwrap();
    let junit = suite.read("junit.xml");
    assert!(junit.contains("<testsuite name=\"a first\""), "{junit}");
    assert!(suite.read("summary.md").contains("a first"));
}

#[test]
fn tags_choose_and_nothing_chosen_is_no_pass() {
    let suite = Suite::of(
        &[
            ("a nightly", tagged("\"nightly\"", PASSES)),
            ("b slow", tagged("\"nightly\", \"slow\"", PASSES)),
            ("c plain", PASSES.into()),
        ],
        "[[quarantine]]\nscenario = \"b slow\"\nowner = \"payments\"\nuntil = \"2999-12-31\"\n",
    );
    let listed = |arguments: &[&str]| {
        let output = suite.run(&[arguments, &["--list", "--output", "json"]].concat());
        assert_eq!(code(&output), 0, "{}", text(&output.stderr));
        let listed: Value = serde_json::from_slice(&output.stdout).unwrap();
        let names = listed.as_array().unwrap().iter().map(|one| one["scenario"].as_str().unwrap().to_owned());
        names.collect::<Vec<_>>()
    };
    assert_eq!(listed(&[]), ["a nightly", "b slow", "c plain"]);
    assert_eq!(listed(&["--tags", "@nightly and not @slow"]), ["a nightly"]);
    assert_eq!(listed(&["--skip", "nightly"]), ["c plain"]);
    assert_eq!(listed(&["--tags", "nightly", "--skip", "slow"]), ["a nightly"]);
    let page = text(&suite.run(&["--tags", "nightly", "--list"]).stdout);
    insta::assert_snapshot!("list", page);
    let nothing = suite.run(&["--tags", "nightli"]);
    let said = text(&nothing.stderr);
    assert_eq!(code(&nothing), 64, "{said}");
    assert!(said.contains("did you mean @nightly?") && said.contains("nothing was started"), "{said}");
    let broken = suite.run(&["--tags", "nightly and", "--skip", "(slow"]);
    let said = text(&broken.stderr);
    assert_eq!(code(&broken), 64);
    assert!(said.contains("--tags") && said.contains("--skip"), "both are said: {said}");
    assert!(!suite.folder.path().join("reports").exists());
}
