//! The command line as a script sees it: help, exit codes, and bad input that starts nothing.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn springback(arguments: &[&str], folder: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_springback"))
        .args(arguments)
        .current_dir(folder)
        .env("NO_COLOR", "1")
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn scenario(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios").join(name).display().to_string()
}

fn code(output: &Output) -> i32 {
    output.status.code().expect("it was not killed")
}

#[test]
fn help_teaches() {
    let folder = tempfile::tempdir().unwrap();
    for verb in [
        "",
        "init",
        "run",
        "plan",
        "judge",
        "heal",
        "steps",
        "convert",
        "schema",
        "manifest",
        "explain",
        "completions",
        "man",
    ] {
        let arguments: Vec<&str> = [verb, "--help"].into_iter().filter(|word| !word.is_empty()).collect();
        let output = springback(&arguments, folder.path());
        assert_eq!(code(&output), 0);
        insta::assert_snapshot!(format!("help-{verb}"), text(&output.stdout));
    }
}

#[test]
fn wrong_usage_is_64_and_not_claps_own_2() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [
        &["rnu"][..],
        &["run"],
        &["run", "--seed", "seven", "x.toml"],
        &["run", "--no-such-option", "x.toml"],
        &["judge"],
        &["explain", "no-such-code"],
        &["run", &scenario("spike.toml"), "--cucumber-json", "no/such/folder.json"],
        &["run", &scenario("spike.toml"), "--cucumber-junit", "."],
    ] {
        let output = springback(arguments, folder.path());
        assert_eq!(code(&output), 64, "{arguments:?}: {}", text(&output.stderr));
        assert!(!output.stderr.is_empty());
    }
}

/// Runs on something that is no scenario; nothing may be started and nothing written.
fn refused(arguments: &[&str], folder: &Path, says: &str) {
    let before = listing(folder);
    let output = springback(arguments, folder);
    let errors = text(&output.stderr);
    assert_eq!(code(&output), 64, "{errors}");
    assert!(errors.contains(says), "{arguments:?} says:\n{errors}");
    assert_eq!(listing(folder), before, "{arguments:?} wrote something");
}

fn listing(folder: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.sort();
    found
}

#[test]
fn what_is_no_scenario_is_refused_before_anything_starts() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("empty.toml"), "").unwrap();
    std::fs::write(at("binary.toml"), [b'n', b'=', 0xff, 0xfe]).unwrap();
    std::fs::write(at("deep.toml"), format!("a = {}", "[".repeat(20_000))).unwrap();
    std::fs::create_dir(at("nothing")).unwrap();
    let fifo = Command::new("mkfifo").arg(at("fifo.toml")).status().unwrap();
    assert!(fifo.success());
    for (name, says) in [
        ("missing.toml", "missing.toml"),
        ("empty.toml", "empty"),
        ("binary.toml", "UTF-8"),
        ("deep.toml", "deep"),
        ("nothing", "no scenario"),
        ("fifo.toml", "fifo.toml"),
    ] {
        refused(&["run", name], folder.path(), says);
        refused(&["plan", name], folder.path(), says);
    }
}

#[test]
fn every_mistake_of_every_file_is_shown_at_once() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.toml"), "nmae = \"x\"\n").unwrap();
    std::fs::write(folder.path().join("b.toml"), "name = 5\n").unwrap();
    let output = springback(&["run", "a.toml", "b.toml", "none.toml"], folder.path());
    let errors = text(&output.stderr);
    assert_eq!(code(&output), 64);
    for part in ["a.toml:1:1", "did you mean `name`", "b.toml:1:8", "none.toml", "nothing was started"] {
        assert!(errors.contains(part), "no {part} in:\n{errors}");
    }
}

#[test]
fn two_scenarios_of_one_name_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let text = std::fs::read_to_string(scenario("spike.toml")).unwrap();
    std::fs::write(folder.path().join("a.toml"), &text).unwrap();
    std::fs::write(folder.path().join("b.toml"), &text).unwrap();
    refused(&["run", "a.toml", "b.toml"], folder.path(), "a.toml:3 and b.toml:3");
    std::fs::create_dir(folder.path().join("sub")).unwrap();
    std::fs::write(folder.path().join("sub/a.toml"), text.replacen("name = \"", "name = \"another: ", 1))
        .unwrap();
    refused(&["run", "a.toml", "sub/a.toml"], folder.path(), "would write to the same folder");
}

#[test]
fn a_suite_id_that_is_no_folder_name_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    refused(
        &["run", &scenario("spike.toml"), "--suite-id", "../up"],
        folder.path(),
        "cannot be the name of a folder",
    );
}

#[test]
fn a_folder_in_use_or_not_to_be_written_is_5_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let used = folder.path().join("reports/night/spike");
    std::fs::create_dir_all(&used).unwrap();
    std::fs::write(used.join("history.jsonl"), "earlier").unwrap();
    let output = springback(&["run", &scenario("spike.toml"), "--suite-id", "night"], folder.path());
    assert_eq!(code(&output), 5, "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("another --suite-id"), "{}", text(&output.stderr));
    assert_eq!(std::fs::read_to_string(used.join("history.jsonl")).unwrap(), "earlier");
    std::fs::write(folder.path().join("file"), "").unwrap();
    let output = springback(&["run", &scenario("spike.toml"), "--reports", "file"], folder.path());
    assert_eq!(code(&output), 5, "{}", text(&output.stderr));
}

#[test]
fn a_tear_down_program_that_does_not_exist_is_5() {
    let folder = tempfile::tempdir().unwrap();
    let text_in = std::fs::read_to_string(scenario("broken/tear-down-fails.toml")).unwrap();
    std::fs::write(folder.path().join("a.toml"), text_in.replace("\"sh\"", "\"no-such-program\"")).unwrap();
    let output = springback(&["run", "a.toml", "--quiet"], folder.path());
    assert_eq!(code(&output), 5, "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("no-such-program"), "{}", text(&output.stderr));
}

#[test]
fn plan_starts_nothing_and_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let output = springback(&["plan", &scenario("surge-and-termination.toml"), "--seed", "7"], folder.path());
    assert_eq!(code(&output), 0);
    assert!(listing(folder.path()).is_empty());
    let shown = text(&output.stdout).replace(&scenario(""), "scenarios/");
    insta::assert_snapshot!("plan", shown);
    let dry = springback(
        &["run", "--dry-run", &scenario("surge-and-termination.toml"), "--seed", "7"],
        folder.path(),
    );
    assert_eq!(text(&dry.stdout).replace(&scenario(""), "scenarios/"), shown, "a dry run is the plan");
    assert!(listing(folder.path()).is_empty());
}

/// What a cluster is asked for, and what only it knows.
#[test]
fn plan_of_a_cluster_names_each_fault_and_promises_nothing_about_sizes() {
    let folder = tempfile::tempdir().unwrap();
    let scenario = format!("{}/src/scenario/complete-cluster.toml", env!("CARGO_MANIFEST_DIR"));
    let output = springback(&["plan", &scenario, "--seed", "7"], folder.path());
    assert_eq!(code(&output), 0, "{}", text(&output.stderr));
    insta::assert_snapshot!(
        "plan-of-a-cluster",
        text(&output.stdout).replace(&scenario, "complete-cluster.toml")
    );
    let machine = springback(&["plan", &scenario, "--output", "json"], folder.path());
    let plans: serde_json::Value = serde_json::from_slice(&machine.stdout).unwrap();
    let faults = plans[0]["plan"]["faults"].as_array().unwrap();
    let manifest = faults.iter().find_map(|fault| fault["action"].get("manifest")).unwrap();
    assert_eq!(manifest["objects"][0]["kind"], "NetworkChaos", "a world sees no files, but the plan");
}

#[test]
fn plan_for_machines_is_json_with_what_was_set_from_outside() {
    let folder = tempfile::tempdir().unwrap();
    let output = springback(
        &["plan", &scenario("spike.toml"), "--output", "json", "--set", "load.baseline_rate=45/s"],
        folder.path(),
    );
    let plans: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(plans[0]["scenario"]["load"]["baseline_rate"], "45/s");
    assert_eq!(plans[0]["plan"]["load"]["baseline_per_s"], 45.0);
}

#[test]
fn schemas_are_json() {
    let folder = tempfile::tempdir().unwrap();
    for of in ["scenario", "project", "system", "expectations", "verdict", "suite"] {
        let output = springback(&["schema", of], folder.path());
        assert_eq!(code(&output), 0);
        let schema: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert!(schema["properties"].is_object(), "{of}");
    }
}

#[test]
fn what_is_no_run_cannot_be_judged_or_healed() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("history.jsonl"), "hello\n").unwrap();
    std::fs::create_dir(folder.path().join("empty")).unwrap();
    for run in ["none", "empty", "history.jsonl"] {
        refused(&["judge", run], folder.path(), "");
        refused(&["heal", run], folder.path(), "");
    }
    let output = springback(&["heal"], folder.path());
    assert_eq!(code(&output), 0, "without any run there is nothing to heal");
    assert!(text(&output.stdout).contains("no run below \"reports\""), "{}", text(&output.stdout));
    let died_early = folder.path().join("reports/s/early");
    std::fs::create_dir_all(&died_early).unwrap();
    std::fs::write(died_early.join("history.jsonl"), "").unwrap();
    let output = springback(&["heal"], folder.path());
    assert_eq!(code(&output), 0, "one that died before its header is left out: {}", text(&output.stderr));
    assert!(text(&output.stderr).contains("left out"), "{}", text(&output.stderr));
    // A pipe is refused, not waited for.
    assert!(Command::new("mkfifo").arg(folder.path().join("fifo")).status().unwrap().success());
    refused(&["judge", "fifo"], folder.path(), "not a file");
    refused(&["heal", "fifo"], folder.path(), "not a file");
}

#[test]
fn explain_lists_and_explains() {
    let folder = tempfile::tempdir().unwrap();
    let all = text(&springback(&["explain"], folder.path()).stdout);
    for code_name in ["hpa-window-too-long", "never-expanded", "standby-not-released"] {
        assert!(all.contains(code_name), "{all}");
        let one = springback(&["explain", code_name], folder.path());
        assert_eq!(code(&one), 0);
        assert!(text(&one.stdout).contains(code_name));
    }
    let misspelt = springback(&["explain", "hpa-window-to-long"], folder.path());
    assert!(text(&misspelt.stderr).contains("hpa-window-too-long"), "{}", text(&misspelt.stderr));
}

#[test]
fn a_reader_that_goes_away_is_no_panic() {
    let folder = tempfile::tempdir().unwrap();
    let command = format!("'{}' schema | head -c 1", env!("CARGO_BIN_EXE_springback"));
    let output = Command::new("sh").args(["-c", &command]).current_dir(folder.path()).output().unwrap();
    assert!(!text(&output.stderr).contains("panicked"), "{}", text(&output.stderr));
}

#[test]
fn nobody_who_reads_the_errors_is_no_panic() {
    let folder = tempfile::tempdir().unwrap();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let status = Command::new(env!("CARGO_BIN_EXE_springback"))
        .args(["plan", "none.toml"])
        .current_dir(folder.path())
        .stderr(writer)
        .status()
        .unwrap();
    assert_eq!(status.code(), Some(64));
}

#[test]
fn no_room_for_a_header_is_5_and_leaves_no_history() {
    let folder = tempfile::tempdir().unwrap();
    let command = format!(
        "ulimit -f 0; exec '{}' run '{}' --suite-id s",
        env!("CARGO_BIN_EXE_springback"),
        scenario("spike.toml")
    );
    let output = Command::new("sh").args(["-c", &command]).current_dir(folder.path()).output().unwrap();
    assert_eq!(code(&output), 5, "{}", text(&output.stderr));
    assert!(!folder.path().join("reports/s/spike/history.jsonl").exists());
}

#[test]
fn broken_features_start_nothing_and_show_every_mistake_of_every_file() {
    let broken = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/broken_features");
    let folder = tempfile::tempdir().unwrap();
    let mut names: Vec<String> = std::fs::read_dir(&broken)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".feature"))
        .collect();
    names.sort();
    // What is wrong with what a feature imports is said where it is wrong.
    let said = |name: &str| match name {
        "import-with-mistakes.feature" => "systems/mistaken.toml".to_owned(),
        name => name.to_owned(),
    };
    for name in &names {
        refused(&["run", &broken.join(name).display().to_string()], folder.path(), &said(name));
    }
    let output = springback(&["run", &broken.display().to_string()], folder.path());
    let errors = text(&output.stderr);
    assert_eq!(code(&output), 64);
    for name in &names {
        assert!(errors.contains(&said(name)), "nothing is said of {name}");
    }
    assert_eq!(listing(folder.path()), Vec::<PathBuf>::new());
}

#[test]
fn the_vocabulary_is_listed_and_searched() {
    let folder = tempfile::tempdir().unwrap();
    let all = springback(&["steps"], folder.path());
    assert_eq!(code(&all), 0);
    insta::assert_snapshot!("steps", text(&all.stdout));
    let some = text(&springback(&["steps", "Standby", "released"], folder.path()).stdout);
    assert_eq!(some.matches("Then within").count(), 2, "{some}");
    assert_eq!(code(&springback(&["steps", "bananas"], folder.path())), 64);
    let json = springback(&["steps", "--output", "json"], folder.path());
    let listed: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert!(listed.as_array().unwrap().iter().all(|sentence| sentence["example"].is_string()));
}

#[test]
fn convert_goes_both_ways_and_never_writes_over_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let spike = scenario("spike.toml");
    assert_eq!(code(&springback(&["convert", &spike, "--to", "spike.feature"], folder.path())), 0);
    assert_eq!(code(&springback(&["convert", "spike.feature", "--to", "again.toml"], folder.path())), 0);
    let plan = |file: &str| {
        let output = springback(&["plan", file, "--output", "json", "--seed", "7"], folder.path());
        let plans: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        (plans[0]["scenario"].clone(), plans[0]["plan"].clone())
    };
    assert_eq!(plan("spike.feature"), plan(&spike));
    assert_eq!(plan("again.toml"), plan(&spike));
    let again = springback(&["convert", &spike, "--to", "again.toml"], folder.path());
    assert_eq!(code(&again), 64);
    assert!(text(&again.stderr).contains("exists already"));
}

#[test]
fn completions_know_the_verbs_and_options_of_every_shell() {
    let folder = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = springback(&["completions", shell], folder.path());
        assert_eq!(code(&output), 0);
        let script = text(&output.stdout);
        for word in ["judge", "completions", "suite-id"] {
            assert!(script.contains(word), "{shell} does not complete {word}");
        }
    }
    let output = springback(&["completions", "tcsh"], folder.path());
    assert_eq!(code(&output), 64);
    assert!(text(&output.stderr).contains("powershell"), "{}", text(&output.stderr));
}

#[test]
fn bash_takes_its_completions() {
    let folder = tempfile::tempdir().unwrap();
    let script = springback(&["completions", "bash"], folder.path());
    std::fs::write(folder.path().join("complete.bash"), script.stdout).unwrap();
    // The words that bash would offer after `springback he`.
    let command = "source complete.bash; COMP_WORDS=(springback he); COMP_CWORD=1; COMPREPLY=(); \
                   _springback springback he springback; echo \"${COMPREPLY[*]}\"";
    let Ok(output) = Command::new("bash").args(["-c", command]).current_dir(folder.path()).output() else {
        return;
    };
    assert_eq!(text(&output.stdout).trim(), "heal", "{}", text(&output.stderr));
}

#[test]
fn one_manual_page_has_every_verb_and_the_exit_codes() {
    let folder = tempfile::tempdir().unwrap();
    let output = springback(&["man"], folder.path());
    assert_eq!(code(&output), 0);
    let page = text(&output.stdout);
    let help = text(&springback(&["--help"], folder.path()).stdout);
    let verbs =
        help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    for verb in verbs.map(|line| line.split_whitespace().next().unwrap()) {
        assert!(page.contains(&format!(".SS \"springback {verb}")), "no {verb} in:\n{page}");
    }
    let code_lines = help.lines().skip_while(|line| *line != "Exit codes:").skip(1);
    for line in code_lines {
        assert_eq!(page.matches(line).count(), 1, "{line} in:\n{page}");
    }
    // An option of a verb, its explanation, and an example kept as it is written.
    for part in ["\\-\\-suite\\-id", "Name of the suite", ".nf\n  springback run checkout.toml"] {
        assert!(page.contains(part), "no {part} in:\n{page}");
    }
}

/// A scenario that is quick to read; nothing in these tests runs it.
fn tagged(name: &str, tags: &str) -> String {
    format!(
        "name = \"{name}\"\ntags = [{tags}]\n[target.local.app]\nreplicas = 2\n[[fault]]\nat = \"1s\"\n\
         terminate = {{ group = \"app\", count = 1, how = \"kill\" }}\n[expect]\nreplacement = {{ within = \"5s\" }}\n"
    )
}

fn suite_folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (file, text) in [
        ("a.toml", tagged("a surge", "\"nightly\"")),
        ("b.toml", tagged("a spike", "\"nightly\", \"slow\"")),
        ("c.toml", tagged("a leak", "\"@expected-failure\"")),
        (
            "d.feature",
            "Feature: calm\n  @nightly\n  Scenario: a kill in calm\n    Given a group \"app\" of 2 instances\n    When at 1 \
             second 1 instance of \"app\" is killed\n    Then each killed instance is replaced within 5 seconds\n"
                .to_owned(),
        ),
        (
            "springback.toml",
            "[[quarantine]]\nscenario = \"a spike\"\nowner = \"payments\"\nuntil = \"2099-12-31\"\nreason = \"OPS-17\"\n\
             [[quarantine]]\nscenario = \"a leek\"\nowner = \"search\"\nuntil = \"2020-01-01\"\n"
                .to_owned(),
        ),
    ] {
        std::fs::write(folder.path().join(file), text).unwrap();
    }
    folder
}

#[test]
fn a_list_shows_what_would_run_and_starts_nothing() {
    let folder = suite_folder();
    let before = listing(folder.path());
    let list = |arguments: &[&str]| {
        let output = springback(&[&["run", ".", "--list"], arguments].concat(), folder.path());
        assert_eq!(code(&output), 0, "{}", text(&output.stderr));
        text(&output.stdout)
    };
    insta::assert_snapshot!("list", list(&[]));
    insta::assert_snapshot!("list-selected", list(&["--tags", "nightly and not @slow"]));
    let listed: serde_json::Value =
        serde_json::from_str(&list(&["--skip", "@expected-failure", "--output", "json"])).unwrap();
    assert_eq!(listed["selection"]["selected"], 3);
    assert_eq!(listed["selection"]["of"], 4);
    assert_eq!(listed["scenarios"][1]["quarantine"]["owner"], "payments");
    assert_eq!(listed["scenarios"][2]["file"], "./d.feature");
    assert_eq!(listed["scenarios"][2]["line"], 3);
    assert_eq!(listed["scenarios"][2]["folder"], "d.a-kill-in-calm");
    // The wait for a steady baseline, five calm seconds, the kill, its effect, the deadline.
    assert_eq!(listed["scenarios"][0]["planned_us"], (120 + 5 + 1 + 2 + 5) * 1_000_000);
    assert_eq!(listing(folder.path()), before);
}

#[test]
fn plan_and_run_take_the_same_scenarios_and_read_all() {
    let folder = suite_folder();
    let output = springback(&["plan", ".", "--tags", "slow", "--output", "json"], folder.path());
    let plans: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(plans.as_array().unwrap().len(), 1);
    assert_eq!(plans[0]["scenario"]["name"], "a spike");
    assert!(text(&output.stderr).contains("1 of 4 scenarios selected"), "{}", text(&output.stderr));
    std::fs::write(folder.path().join("e.toml"), "nmae = \"x\"\n").unwrap();
    refused(&["run", ".", "--tags", "slow"], folder.path(), "did you mean `name`");
}

#[test]
fn what_selects_nothing_or_cannot_be_run_is_64_and_says_why() {
    let folder = suite_folder();
    for (arguments, says) in [
        (&["--tags", "nightly and"][..], "--tags:1:9"),
        (&["--skip", "(slow"], "this `(` is never closed"),
        (&["--tags", "nightly and", "--skip", "slow)"], "2 mistakes"),
        (&["--tags", "nihgtly"], "did you mean `@nightly`?"),
        (&["--tags", "nihgtly"], "no scenario is selected: --tags \"nihgtly\" does not keep any of the 4"),
        (&["--skip", "nightly or expected-failure"], "leaves out all the 4 scenarios"),
        (&["--tags", "slow", "--skip", "nightly"], "together do not leave any of the 4"),
        (&["--max-time", "1m"], "the shortest may take 2m 13s"),
        (&["--max-time", "soon"], "soon"),
        (&["--retries", "x"], "--retries"),
        (&["--retries", "101"], "101"),
        (&["--list", "--dry-run"], "cannot be used with"),
    ] {
        refused(&[&["run", "."], arguments].concat(), folder.path(), says);
    }
    std::fs::write(folder.path().join("a.attempt-2.toml"), tagged("another", "\"nightly\"")).unwrap();
    refused(&["run", ".", "--retries", "1"], folder.path(), "would write to the folder of");
}

#[test]
fn a_tag_that_no_scenario_has_is_warned_of() {
    let folder = suite_folder();
    let output = springback(&["plan", ".", "--skip", "@expected-failrue"], folder.path());
    assert_eq!(code(&output), 0);
    let errors = text(&output.stderr);
    assert!(errors.contains("did you mean `@expected-failure`?"), "{errors}");
    assert!(errors.contains("4 of 4 scenarios selected"), "{errors}");
}
