//! A feature and its twin in TOML are one scenario; every sentence says something, and says it alone.

mod coverage;
mod slips;
mod twins;

use std::path::Path;

use super::phrase::{Does, Phrase};
use super::*;
use crate::scenario::{Scenario, read};

fn no_import(path: &Path) -> Result<Source, Vec<Diagnostic>> {
    Err(vec![Diagnostic::error("no-such-file", format!("there is no file \"{}\"", path.display()))])
}

/// Nothing from outside, but the file that the complete scenario of a cluster names.
const BESIDE: Overrides<'static> = Overrides { files: &beside, ..Overrides::NONE };

fn beside(path: &Path) -> Result<Source, Vec<Diagnostic>> {
    assert_eq!(path, Path::new("complete-cluster.yaml"));
    Ok(Source::new("complete-cluster.yaml", include_str!("../complete-cluster.yaml")))
}

fn feature(text: &str) -> Result<Feature, Vec<Diagnostic>> {
    read_feature(&Source::new("test.feature", text), &BESIDE, &no_import)
}

fn only(text: &str) -> Scenario {
    let found = feature(text).unwrap_or_else(|diagnostics| panic!("{}\n{text}", plain(&diagnostics)));
    let [one] = <[_; 1]>::try_from(found.scenarios).expect("one scenario");
    one.lowered.scenario
}

fn twin(text: &str) -> Scenario {
    let found = read(&Source::new("test.toml", text), &BESIDE);
    found.unwrap_or_else(|diagnostics| panic!("{}", plain(&diagnostics))).scenario
}

fn plain(diagnostics: &[Diagnostic]) -> String {
    diagnostics.iter().map(|diagnostic| diagnostic.plain().to_string()).collect::<Vec<_>>().join("\n")
}

fn without_keyword(example: &str) -> &str {
    example.split_once(' ').unwrap().1
}

#[test]
fn every_example_says_its_own_sentence_and_no_other() {
    for phrase in vocabulary::VOCABULARY {
        let said = without_keyword(phrase.example);
        let matching: Vec<&Phrase> = vocabulary::forms()
            .iter()
            .filter(|form| form.captures(said).is_some())
            .map(|form| form.phrase)
            .collect();
        assert_eq!(matching.len(), 1, "{said} is said by {matching:?}");
        assert!(std::ptr::eq(matching[0], phrase), "{said} is said by another phrase");
        assert!(phrase.example.starts_with(phrase.under.last().unwrap().as_str()), "{}", phrase.example);
    }
}

#[test]
fn every_parameter_is_a_key_of_the_format() {
    for form in vocabulary::forms() {
        for parameter in &form.parameters {
            let known = form.phrase.key(parameter).is_some()
                || form.phrase.is_name(parameter)
                || matches!(form.phrase.does, Does::Import { .. });
            assert!(known, "{{{parameter}}} of {}", form.expression);
        }
    }
}

const FLAGSHIP: &str = r#"
Feature: Checkout gives its capacity back
  Scenario: checkout gives its capacity back
    Given the system:
      """toml
      [target.local.primary]
      replicas = 2
      capacity = "50/s"
      price = "0.10 USD/h"
      autoscaler = { min_replicas = 2, max_replicas = 12, target_utilization = "60%", sync_period = "1s" }
      [target.local.standby]
      replicas = 1
      promoted_replicas = 3
      takes_over_from = "primary"
      capacity = "50/s"
      price = "0.10 USD/h"
      """
    But "primary" waits 5 seconds before it scales down
    And a steady load of 40 requests per second on "/checkout"
    And up to 100% of a group may be lost at once
    When load ramps to 200 requests per second over 12 seconds and lasts 20 seconds, starting at 5 seconds
    And at 20 seconds 2 instances of "primary" are killed
    And at 34 seconds "primary" is lost for 6 seconds
    Then at least 90% of requests succeed
    And at least 90% of requests are answered within 200 ms
    And at baseline "primary" has at most 2 instances and "standby" at most 1
    And within 15 seconds of the surge beginning "primary" has at least 4 instances
    And each killed instance is replaced within 10 seconds
    And within 20 seconds "primary" is back to its baseline and stays there for 10 seconds
    And within 20 seconds of the primary being healthy the standby is released and stays so for 10 seconds
    And after 20 seconds idle spend is at most 0.00 USD per hour for 10 seconds
    And the run stops if "availability" burns faster than 5 over 30 seconds
"#;

#[test]
fn the_flagship_and_its_twin_are_one_scenario() {
    let toml = r#"
name = "checkout gives its capacity back"
[target.local.primary]
replicas = 2
capacity = "50/s"
price = "0.10 USD/h"
autoscaler = { min_replicas = 2, max_replicas = 12, target_utilization = "60%", sync_period = "1s", scale_down = { stabilization_window = "5s" } }
[target.local.standby]
replicas = 1
promoted_replicas = 3
takes_over_from = "primary"
capacity = "50/s"
price = "0.10 USD/h"
[load]
path = "/checkout"
baseline_rate = "40/s"
[[load.surge]]
at = "5s"
ramp = { to_rate = "200/s", over = "12s", lasts = "20s" }
[[fault]]
at = "20s"
terminate = { group = "primary", count = 2, how = "kill" }
[[fault]]
at = "34s"
lose = { group = "primary", lasts = "6s" }
[limits]
lost_at_once = "100%"
[slo]
availability = { target = "90%" }
latency = { target = "90%", under = "200ms" }
[expect]
baseline = { at_most = { primary = 2, standby = 1 } }
expansion = { group = "primary", to_at_least = 4, within = "15s", from = "surge-start" }
replacement = { within = "10s" }
contraction = { group = "primary", within = "20s", hold = "10s" }
standby_released = { within = "20s", hold = "10s", from = "primary-healthy" }
idle_spend = { at_most = "0.00 USD/h", after = "20s", hold = "10s" }
[stop]
burn_rate = { objective = "availability", above = 5, over = "30s" }
"#;
    assert_eq!(only(FLAGSHIP), twin(toml));
}

fn shipped() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for folder in ["scenarios", "scenarios/broken"] {
        for file in crate::scenario::scenario_files(Path::new(folder)).unwrap() {
            found.push((file.display().to_string(), std::fs::read_to_string(&file).unwrap()));
        }
    }
    found
}

#[test]
fn every_shipped_scenario_goes_to_a_feature_and_back() {
    for (name, text) in shipped() {
        let source = Source::new(name.as_str(), text.as_str());
        let said = toml_as_feature(&source, &Overrides::NONE).unwrap();
        assert_eq!(only(&said), twin(&text), "{name}\n{said}");
        let back = feature_as_toml(&Source::new("test.feature", said.as_str()), &Overrides::NONE, &no_import)
            .unwrap();
        assert_eq!(twin(&back[0].1), twin(&text), "{name}\n{}", back[0].1);
    }
}

#[test]
fn a_system_in_a_cluster_goes_to_a_feature_and_back() {
    for (text, sentence) in [
        (
            include_str!("../complete-cluster.toml"),
            "Given the system runs in namespace \"shop\" of the cluster \"staging\", taking load at the service \"checkout\"\n",
        ),
        (
            include_str!("../complete-in-cluster.toml"),
            "Given the system runs in namespace \"shop\" of this cluster, taking load at the address \"checkout.shop.svc:80\"\n",
        ),
    ] {
        let source = Source::new("cluster.toml", text);
        let converted = toml_as_feature(&source, &BESIDE).unwrap_or_else(|found| panic!("{}", plain(&found)));
        assert!(converted.contains(sentence), "{converted}");
        assert_eq!(only(&converted), twin(text));
        let again = feature_as_toml(&Source::new("a.feature", converted), &BESIDE, &no_import).unwrap();
        assert_eq!(twin(&again[0].1), twin(text));
    }
}

#[test]
fn what_is_said_of_a_group_is_said_of_its_workload_in_a_cluster() {
    let toml = r#"
name = "in a cluster"
[target.kubernetes]
context = "staging"
namespace = "shop"
hpa = { sync_period = "10s" }
[target.kubernetes.group.primary]
workload = "Deployment/checkout"
replicas = 4
capacity = "50/s"
price = "0.10 USD/h"
grace = "20s"
[target.kubernetes.group.standby]
workload = "Deployment/standby"
replicas = 1
takes_over_from = "primary"
promoted_replicas = 3
[expect]
baseline = { at_most = { primary = 4 } }
"#;
    let said = |groups: &str| {
        format!(
            "Feature: in a cluster\n  Scenario: in a cluster\n{groups}\n    Then at baseline \"primary\" has at most 4 instances\n"
        )
    };
    let sentences = said(
        r#"
    Given the system runs in namespace "shop" of the cluster "staging"
      | hpa.sync period | 10 seconds |
    And a group "primary" of 4 instances, each serving 50 requests per second, at 0.10 USD per hour each
      | workload | Deployment/checkout |
    And a standby "standby" of the workload "Deployment/standby", with 1 instance takes over from "primary" with 3 instances
    And "primary" has:
      | grace | 20 seconds |
"#,
    );
    assert_eq!(only(&sentences), twin(toml));
    let table = said(
        r#"
    Given the system runs in namespace "shop" of the cluster "staging"
      | hpa.sync period | 10 seconds |
    And these groups of instances:
      | group   | workload            | replicas | capacity | price      | grace | takes_over_from | promoted_replicas |
      | primary | Deployment/checkout | 4        | 50/s     | 0.10 USD/h | 20s   |                 |                   |
      | standby | Deployment/standby  | 1        |          |            |       | primary         | 3                 |
"#,
    );
    assert_eq!(only(&table), twin(toml));
}

#[test]
fn every_way_out_is_a_sentence() {
    for (code, start) in WAYS_OUT {
        let found = vocabulary::VOCABULARY.iter().any(|phrase| phrase.says[0].starts_with(start));
        assert!(found, "{code}: no sentence begins with {start}");
    }
}

/// A system of two groups, as a feature's import.
const SYSTEM: &str = r#"
[target.local.primary]
replicas = 2
capacity = "50/s"
autoscaler = { min_replicas = 2, max_replicas = 8, target_utilization = "60%", scale_down = { stabilization_window = "5s" } }
[target.local.other]
replicas = 1
"#;

const STIMULI: &str = r#"
[load]
path = "/checkout"
baseline_rate = "40/s"
[[load.surge]]
at = "2s"
step = { to_rate = "150/s", lasts = "10s" }
[expect]
contraction = { group = "primary", within = "20s" }
"#;

/// Two files: a system, and a whole scenario.
fn two_files(path: &Path) -> Result<Source, Vec<Diagnostic>> {
    match path.to_str() {
        Some("system.toml") => Ok(Source::new("system.toml", SYSTEM)),
        Some("whole.toml") => Ok(Source::new("whole.toml", format!("name = \"whole\"\n{SYSTEM}{STIMULI}"))),
        _ => no_import(path),
    }
}

fn importing(text: &str) -> Result<Feature, Vec<Diagnostic>> {
    read_feature(&Source::new("test.feature", text), &Overrides::NONE, &two_files)
}

#[test]
fn a_whole_scenario_is_taken_over_when_that_is_said() {
    let found = importing(
        "Feature: f\n  Scenario: whole\n    Given the system described in \"whole.toml\" with its load, faults and expectations\n    Then at least 90% of requests succeed\n",
    )
    .unwrap_or_else(|diagnostics| panic!("{}", plain(&diagnostics)));
    let one = &found.scenarios[0];
    let twin = twin(&format!("name = \"whole\"\n{SYSTEM}{STIMULI}[slo.availability]\ntarget = \"90%\"\n"));
    assert_eq!(one.lowered.scenario, twin);
    assert_eq!(one.imports.len(), 1);
    assert_eq!(one.lowered.origins["contraction-0"].source, "whole.toml");
    assert_eq!(
        (
            one.lowered.origins["objective-availability"].line,
            found.gherkin.scenarios[0].steps[1].position.line
        ),
        (4, 4)
    );
}

#[test]
fn a_but_replaces_what_the_system_says_and_nothing_else_does() {
    let with = |word: &str| {
        importing(&format!(
            "Feature: f\n  Scenario: s\n    Given the system described in \"system.toml\"\n    {word} \"primary\" waits 20 seconds before it scales down\n    \
             And a steady load of 40 requests per second on \"/\"\n    When at 3 seconds 1 instance of \"primary\" is killed\n    \
             Then each killed instance is replaced within 5 seconds\n"
        ))
    };
    let found = with("But").unwrap_or_else(|diagnostics| panic!("{}", plain(&diagnostics)));
    let autoscaler = found.scenarios[0].lowered.scenario.groups()["primary"].autoscaler.clone().unwrap();
    assert_eq!(autoscaler.scale_down.stabilization_window, Some(crate::scenario::Span::from_secs(20)));
    assert_eq!((autoscaler.min_replicas, autoscaler.max_replicas), (2, 8));
    let refused = with("And").unwrap_err();
    assert_eq!(refused.len(), 1, "{}", plain(&refused));
    assert_eq!(refused[0].code(), "said-twice");
}

const OUTLINE: &str = r#"@suite
Feature: f
  # A comment between steps moves the parser's positions.
  Background:
    Given a group "primary" of 2 instances, each serving 50 requests per second
    # like this one
    And "primary" is autoscaled between 2 and 8 instances at 60% utilization

  Scenario Outline: to <rate>
    Given a steady load of 40 requests per second on "/"
    # and this one
    When load steps to <rate> for 10 seconds, starting at <at>
    Then within 20 seconds "primary" is back to its baseline

    @small
    Examples:
      | rate                   | at        |
      | 90 requests per second | 2 seconds |
      | 90 requests per second | 3 seconds |

    Examples:
      | rate  | at |
      | 120/s | 4s |

  @ruled
  Rule: r
    Background:
      Given a steady load of 30 requests per second on "/"
    Scenario: another
      When at 3 seconds 1 instance of "primary" is killed
      Then each killed instance is replaced within 5 seconds
"#;

#[test]
fn an_outline_is_one_scenario_a_row_each_with_a_name_that_lasts() {
    let found = feature(OUTLINE).unwrap_or_else(|diagnostics| panic!("{}", plain(&diagnostics)));
    let told: Vec<String> = found
        .scenarios
        .iter()
        .map(|one| {
            let scenario = &one.lowered.scenario;
            let load = scenario.load.as_ref().unwrap();
            format!(
                "{} | rule {:?} | tags {} | baseline {} | surges {}",
                scenario.name,
                one.rule,
                scenario.tags.join(" "),
                load.baseline_rate,
                load.surges
                    .iter()
                    .map(|surge| format!("{} at {}", surge.shape.to_rate(), surge.at))
                    .collect::<String>()
            )
        })
        .collect();
    insta::assert_snapshot!(told.join("\n"));
    let lines: Vec<usize> = found.gherkin.scenarios[0].steps.iter().map(|step| step.position.line).collect();
    assert_eq!(lines, [10, 12, 13]);
    assert_eq!(found.scenarios[0].lowered.origins["contraction-0"].line, 13);
}

#[test]
fn a_step_that_two_sentences_match_shows_both() {
    let problems = Problems::of(&Source::new("test.feature", OUTLINE));
    let (lines, _) = lines::scan(OUTLINE, &problems);
    let (_, expanded) = outline::expand("test.feature", OUTLINE, &lines, &problems).unwrap();
    let [first, second, ..] = vocabulary::forms() else { panic!("a vocabulary") };
    unknown::report_ambiguous(&expanded[0].steps[0], first, second, &problems);
    let (found, _) = problems.take_diagnostics();
    insta::assert_snapshot!(plain(&found));
}

#[test]
fn a_value_from_outside_may_stand_in_a_step() {
    let environment = |name: &str| (name == "RATE").then(|| "80".to_owned());
    let sets = ["load.baseline_rate=60/s".to_owned()];
    let text = "Feature: f\n  Scenario: s\n    Given a group \"primary\" of ${REPLICAS:-3} instances, each serving ${RATE} requests per second\n    \
                And a steady load of 40 requests per second on \"/\"\n    When at 3 seconds 1 instance of \"primary\" is killed\n    \
                Then each killed instance is replaced within 5 seconds\n";
    let source = Source::new("test.feature", text);
    let overrides = Overrides { set: &sets, environment: &environment, ..Overrides::NONE };
    let found = read_feature(&source, &overrides, &no_import)
        .unwrap_or_else(|diagnostics| panic!("{}", plain(&diagnostics)));
    let lowered = &found.scenarios[0].lowered;
    let primary = &lowered.scenario.groups()["primary"];
    assert_eq!((primary.replicas, primary.capacity.unwrap().per_s), (3, 80.0));
    assert_eq!(lowered.scenario.load.as_ref().unwrap().baseline_rate.per_s, 60.0);
    assert_eq!(lowered.overrides.len(), 3);
}

/// What an import brings, and a `But` after it.
fn after_import(but: &str) -> FeatureScenario {
    let system = format!(
        "{SYSTEM}[slo.availability]\ntarget = \"99%\"\n[target.local.busy]\nreplicas = 1\ncapacity = \"50/s\"\n\
         autoscaler = {{ min_replicas = 1, max_replicas = 2, target_utilization = \"60%\", scale_down = {{ policies = [{{ pods = 4, \
         period = \"1s\" }}] }} }}\n"
    );
    let import = |_: &Path| Ok(Source::new("system.toml", system.as_str()));
    let text = format!(
        "Feature: f\n  Scenario: s\n    Given the system described in \"system.toml\"\n    And a steady load of 40 requests per second on \"/\"\n    \
         {but}    When at 3 seconds 1 instance of \"primary\" is killed\n    Then each killed instance is replaced within 5 seconds\n"
    );
    let source = Source::new("test.feature", text);
    let found = read_feature(&source, &Overrides::NONE, &import);
    found.unwrap_or_else(|diagnostics| panic!("{}", plain(&diagnostics))).scenarios.remove(0)
}

#[test]
fn an_expectation_that_a_but_changes_is_the_steps() {
    let text = "Feature: f\n  Scenario: s\n    Given the system described in \"system.toml\"\n    And a steady load of 40 requests per second on \"/\"\n    \
                When at 3 seconds 1 instance of \"primary\" is killed\n    Then each killed instance is replaced within 5 seconds\n    \
                But at least 60% of requests succeed\n";
    let import =
        |_: &Path| Ok(Source::new("system.toml", format!("{SYSTEM}[slo.availability]\ntarget = \"99%\"\n")));
    let found = read_feature(&Source::new("test.feature", text), &Overrides::NONE, &import);
    let found = found.unwrap_or_else(|diagnostics| panic!("{}", plain(&diagnostics)));
    let lowered = &found.scenarios[0].lowered;
    assert_eq!(lowered.scenario.slo["availability"].target, crate::scenario::Share::percent(60));
    let origin = &lowered.origins["objective-availability"];
    assert_eq!((origin.source.as_str(), origin.line), ("test.feature", 7));
}

#[test]
fn a_but_replaces_a_list_that_came_from_elsewhere() {
    let policies = |but: &str| {
        let scenario = after_import(but).lowered.scenario;
        let autoscaler = scenario.groups()["busy"].autoscaler.clone().unwrap();
        autoscaler.scale_down.policies.unwrap().len()
    };
    assert_eq!(policies(""), 1);
    assert_eq!(policies("    But \"busy\" scales down by at most 1 instance every 5 seconds\n"), 1);
    let twice = "    But \"busy\" scales down by at most 1 instance every 5 seconds\n    And \"busy\" scales down by at most 50% every 5 seconds\n";
    assert_eq!(policies(twice), 2);
}

#[test]
fn what_no_feature_can_say_is_not_converted() {
    let with = |from: &str, to: &str| {
        let text = format!("name = \"plain\"\n{SYSTEM}{STIMULI}[slo.availability]\ntarget = \"50%\"\n")
            .replace(from, to);
        toml_as_feature(&Source::new("test.toml", text), &Overrides::NONE)
    };
    assert!(with("plain", "simple").is_ok());
    for (from, to, path) in [
        ("\"50%\"", "\"+50%\"", "slo.availability.target"),
        ("\"40/s\"", "\"1e1/s\"", "load.baseline_rate"),
        ("\"40/s\"", "\"${R:-40/s}\"", ""),
        ("\"plain\"", "\"plain  \"", ""),
        ("\"plain\"", "\"plain\"\ntags = [\"two words\"]", ""),
    ] {
        match with(from, to) {
            Ok(feature) => assert!(to.contains("${"), "{to} became\n{feature}"),
            Err(refused) => {
                assert_eq!(refused[0].code(), "not-sayable", "{}", plain(&refused));
                assert!(plain(&refused).contains(path), "{}", plain(&refused));
            }
        }
    }
}

#[test]
fn a_blank_line_may_hold_spaces_and_a_mark_of_the_byte_order_is_no_text() {
    let spaced = OUTLINE.replace("  @ruled\n", "  @ruled\n   \n").replace("\n\n", "\n \t\n");
    let found = feature(&spaced).unwrap_or_else(|diagnostics| panic!("{}", plain(&diagnostics)));
    assert_eq!(found.scenarios.len(), 4);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("f.feature");
    std::fs::write(&path, format!("\u{feff}{OUTLINE}")).unwrap();
    assert_eq!(Source::read(&path).unwrap().text, OUTLINE);
}

#[test]
fn a_value_after_a_cell_with_escapes_is_blamed_where_it_stands() {
    let text = "Feature: f\n  Scenario Outline: s\n    Given a group \"<name>\" of two instances\n    When at 3 seconds 1 instance of \"a\" is killed\n    \
                Then each killed instance is replaced within 5 seconds\n    Examples:\n      | name |\n      | \\|\\|\\|\\| |\n";
    let said = plain(&feature(text).unwrap_err());
    let column = text.lines().nth(2).unwrap().find("two").unwrap() + 1;
    assert!(said.contains(&format!("test.feature:3:{column}: error[bad-value]")), "{said}");
}

#[test]
fn one_is_one_and_several_are_several() {
    let with = |count: u32| {
        let fault = format!(
            "[[fault]]\nat = \"{count}s\"\nterminate = {{ group = \"primary\", count = {count}, how = \"kill\" }}\n"
        );
        let text = format!("name = \"n\"\n{SYSTEM}{STIMULI}{fault}");
        toml_as_feature(&Source::new("test.toml", text), &Overrides::NONE).unwrap()
    };
    assert!(with(1).contains("at 1 second 1 instance of \"primary\" is killed"), "{}", with(1));
    assert!(with(2).contains("at 2 seconds 2 instances of \"primary\" are killed"), "{}", with(2));
}

#[test]
fn where_parser_and_scan_disagree_nothing_is_read() {
    let expanded = |change: &dyn Fn(&mut lines::Lines)| {
        let problems = Problems::of(&Source::new("test.feature", OUTLINE));
        let (mut lines, _) = lines::scan(OUTLINE, &problems);
        change(&mut lines);
        let read = outline::expand("test.feature", OUTLINE, &lines, &problems).is_some();
        (read, problems.take_diagnostics().0.iter().map(Diagnostic::code).collect::<Vec<_>>())
    };
    assert_eq!(expanded(&|_| {}), (true, Vec::new()));
    let refused = (false, vec!["syntax"]);
    assert_eq!(expanded(&|lines| drop(lines.scenarios[0].steps.pop())), refused, "a step too many");
    assert_eq!(expanded(&|lines| lines.scenarios[0].steps[1].line += 1), refused, "a step on another line");
    assert_eq!(expanded(&|lines| drop(lines.scenarios.pop())), refused, "a scenario too many");
}
