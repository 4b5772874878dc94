//! `springback.toml` as a user meets it: found, chosen, shown by `plan`, recorded by `run`.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn springback(arguments: &[&str], folder: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_springback"))
        .args(arguments)
        .current_dir(folder)
        .env("NO_COLOR", "1")
        .env("WARM_UP", "90s")
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn code(output: &Output) -> i32 {
    output.status.code().expect("it was not killed")
}

fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, text).unwrap();
    path
}

const SETTINGS: &str = r#"reports = "out"

[allow]
hosts = ["shop.staging.example"]

[prices]
primary = "0.10 USD/h"

[defaults]
run = { warm_up = "${WARM_UP}" }
tags = ["nightly"]

[profile.staging]
reports = "out/staging"
set = { "load.baseline_rate" = "10/s" }
defaults = { owner = { team = "payments" } }
"#;

const SCENARIO: &str = r#"name = "a step is served"
[target.local.primary]
replicas = 2
capacity = "${CAPACITY:-50/s}"
[load]
path = "/checkout"
baseline_rate = "40/s"
[[load.surge]]
at = "1s"
step = { to_rate = "60/s", lasts = "3s" }
[slo]
availability = { target = "90%" }
"#;

/// A folder of a project: settings above the scenarios, and a repository around both.
fn project() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), ".git/HEAD", "");
    write(folder.path(), "springback.toml", SETTINGS);
    write(folder.path(), "scenarios/step.toml", SCENARIO);
    folder
}

/// The rows of a section of a page.
fn section<'a>(page: &'a str, title: &str) -> &'a str {
    let (_, after) =
        page.split_once(&format!("\n{title}\n")).unwrap_or_else(|| panic!("no {title} in\n{page}"));
    after.split("\n\n").next().unwrap()
}

#[test]
fn plan_shows_where_each_value_came_from() {
    let folder = project();
    let arguments = ["plan", "scenarios", "--profile", "staging", "--set", "load.timeout=2s"];
    let output = springback(&arguments, folder.path());
    assert_eq!(code(&output), 0, "{}", text(&output.stderr));
    let page = text(&output.stdout);
    assert!(page.contains("\nsettings springback.toml, profile staging\n"), "{page}");
    insta::assert_snapshot!("plan-provenance", section(&page, "Not from the scenario's own file"));
    insta::assert_snapshot!("plan-load", section(&page, "Load goes to"));

    let output = springback(&[&arguments[..], &["--output", "json"]].concat(), folder.path());
    let plans: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let plan = &plans[0];
    assert_eq!(
        (plan["settings"].as_str(), plan["profile"].as_str()),
        (Some("springback.toml"), Some("staging"))
    );
    assert_eq!(
        (plan["reports"].as_str(), plan["load_goes_to"].as_str()),
        (Some("out/staging"), Some("loopback"))
    );
    let shown = serde_json::to_string_pretty(&plan["provenance"]).unwrap();
    insta::assert_snapshot!("plan-provenance-json", shown);
}

#[test]
fn without_settings_plan_knows_only_the_scenario_and_what_is_built_in() {
    let folder = project();
    std::fs::remove_file(folder.path().join("springback.toml")).unwrap();
    let page = text(&springback(&["plan", "scenarios"], folder.path()).stdout);
    assert!(!page.contains("settings"), "{page}");
    let rows = section(&page, "Not from the scenario's own file");
    assert!(
        rows.lines().all(|row| row.contains("built-in") || row.contains("default of ${CAPACITY}")),
        "{rows}"
    );
}

#[test]
fn settings_are_found_upwards_from_the_scenarios_or_named() {
    let folder = project();
    let other = write(folder.path(), "other.toml", "[defaults]\nrun = { warm_up = \"7s\" }\n");
    let seen = |arguments: &[&str], from: &str| {
        let output = springback(&[&["plan"], arguments].concat(), &folder.path().join(from));
        assert_eq!(code(&output), 0, "{}", text(&output.stderr));
        let page = text(&output.stdout);
        page.lines().find(|line| line.contains("run.warm_up")).unwrap().split("  ").last().unwrap().to_owned()
    };
    assert_eq!(seen(&["scenarios/step.toml"], ""), "springback.toml:10 [defaults], environment (WARM_UP)");
    assert_eq!(seen(&["step.toml"], "scenarios"), "../springback.toml:10 [defaults], environment (WARM_UP)");
    let other = other.display().to_string();
    assert_eq!(seen(&["scenarios", "--config", &other], ""), format!("{other}:2 [defaults]"));
    write(folder.path(), "scenarios/springback.toml", "[defaults]\nrun = { warm_up = \"6s\" }\n");
    assert_eq!(seen(&["scenarios"], ""), "scenarios/springback.toml:2 [defaults]", "the nearest holds");
}

fn refused(arguments: &[&str], folder: &Path) -> String {
    let output = springback(arguments, folder);
    assert_eq!(code(&output), 64, "{arguments:?}: {}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stderr)
}

#[test]
fn a_call_that_the_settings_do_not_fit_starts_nothing() {
    let folder = project();
    let says = |arguments: &[&str], part: &str| {
        let errors = refused(&[&["run"], arguments].concat(), folder.path());
        // Long lines are wrapped.
        let flat = errors.split_whitespace().filter(|word| *word != "│").collect::<Vec<_>>().join(" ");
        assert!(flat.contains(part), "{arguments:?} says:\n{errors}");
    };
    says(&["scenarios", "--profile", "stagign"], "did you mean `staging`?");
    says(&["scenarios", "--config", "none.toml"], "there is no file \"none.toml\"");
    says(&["springback.toml"], "holds settings, not a scenario");
    write(folder.path(), "elsewhere/.git", "");
    let apart = SCENARIO.replace("a step", "another step");
    write(folder.path(), "elsewhere/apart.toml", &apart);
    says(&["elsewhere", "--profile", "staging"], "there are no settings");
    says(&["scenarios", "elsewhere"], "different settings");
    says(&["scenarios", "elsewhere"], "`--config FILE`");
    assert!(!folder.path().join("out").exists() && !folder.path().join("reports").exists());
}

#[test]
fn mistakes_of_settings_and_of_scenarios_are_shown_together() {
    let folder = project();
    write(folder.path(), "springback.toml", &SETTINGS.replace("0.10 USD/h", "cheap"));
    write(folder.path(), "scenarios/b.toml", &SCENARIO.replace("\"60/s\"", "60").replace("a step", "b"));
    let errors = refused(&["plan", "scenarios"], folder.path());
    assert!(errors.contains("springback.toml:7:11") && errors.contains("scenarios/b.toml:10"), "{errors}");
    assert!(errors.contains("2 mistakes"), "{errors}");
}

#[test]
fn a_mistake_in_the_settings_is_said_once_for_all_scenarios() {
    let folder = project();
    write(folder.path(), "springback.toml", "[profile.p]\nset = { \"load.baselin_rate\" = \"1/s\" }\n");
    write(folder.path(), "scenarios/b.toml", &SCENARIO.replace("a step", "b"));
    let errors = refused(&["plan", "scenarios", "--profile", "p"], folder.path());
    assert!(errors.contains("1 mistake;"), "{errors}");
}

#[test]
fn a_run_records_its_settings_and_writes_where_they_say_and_heal_finds_it() {
    let folder = project();
    let arguments = ["run", "scenarios", "--profile", "staging", "--suite-id", "s", "--quiet"];
    let output = springback(&arguments, folder.path());
    assert!(matches!(code(&output), 0..=2), "{}", text(&output.stderr));
    let history = std::fs::read_to_string(folder.path().join("out/staging/s/step/history.jsonl")).unwrap();
    let record: serde_json::Value = serde_json::from_str(history.lines().next().unwrap()).unwrap();
    let header = &record["header"];
    let sources: Vec<_> =
        header["sources"].as_array().unwrap().iter().map(|source| &source["name"]).collect();
    assert_eq!(sources, ["scenarios/step.toml", "springback.toml"]);
    assert_eq!(header["sources"][1]["text"], SETTINGS);
    let origin =
        header["overrides"].as_array().unwrap().iter().find(|one| one["key"] == "load.baseline_rate");
    assert_eq!(origin.unwrap()["from"], "profile staging (springback.toml:15)");

    // From any folder of the project, whatever the profile was.
    let healed = springback(&["heal"], &folder.path().join("scenarios"));
    assert_eq!(text(&healed.stdout), "nothing is left of 1 run\n", "{}", text(&healed.stderr));
    write(folder.path(), "springback.toml", "report = 1\n");
    let errors = refused(&["heal"], folder.path());
    assert!(errors.contains("--reports"), "{errors}");
}

#[test]
fn a_scenario_that_leans_on_defaults_can_be_converted() {
    let folder = project();
    let leaning = SCENARIO.replace("path = \"/checkout\"\n", "").replace("a step", "leaning");
    let settings = [SETTINGS, "[defaults.load]", "path = \"/\""].join("\n");
    write(folder.path(), "springback.toml", &settings);
    write(folder.path(), "scenarios/leaning.toml", &leaning);
    let output = springback(&["convert", "scenarios/leaning.toml"], folder.path());
    assert_eq!(code(&output), 0, "{}", text(&output.stderr));
    assert!(!text(&output.stdout).contains("payments"), "only what the scenario says itself");
}
