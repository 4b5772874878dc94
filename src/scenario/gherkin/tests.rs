//! A feature and its twin in TOML are one scenario; every sentence says something, and says it alone.

use std::path::Path;

use super::phrase::{Does, Phrase};
use super::*;
use crate::scenario::{Scenario, read};

fn no_import(path: &Path) -> Result<Source, Vec<Diagnostic>> {
    Err(vec![Diagnostic::error("no-such-file", format!("there is no file \"{}\"", path.display()))])
}

fn feature(text: &str) -> Result<Feature, Vec<Diagnostic>> {
    read_feature(&Source::new("test.feature", text), &Overrides::NONE, &no_import)
}

fn only(text: &str) -> Scenario {
    let found = feature(text).unwrap_or_else(|diagnostics| panic!("{}\n{text}", plain(&diagnostics)));
    let [one] = <[_; 1]>::try_from(found.scenarios).expect("one scenario");
    one.lowered.scenario
}

fn twin(text: &str) -> Scenario {
    let found = read(&Source::new("test.toml", text), &Overrides::NONE);
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
