use super::*;
use crate::scenario::{Lowered, Overrides, Span, read, read_feature};

const EXAMPLE: &str = include_str!("../example.toml");

/// A scenario that says no more than it must.
const SPARSE: &str = r#"
name = "sparse"
[target.local.primary]
replicas = 2
capacity = "20/s"
autoscaler = { min_replicas = 1, max_replicas = 4, target_utilization = "60%" }
[target.local.spare]
replicas = 1
takes_over_from = "primary"
[load]
path = "/"
baseline_rate = "10/s"
[[load.surge]]
at = "1s"
step = { to_rate = "20/s", lasts = "5s" }
[expect]
contraction = [{ group = "primary", within = "20s" }, { group = "primary", within = "30s", hold = "5s" }]
"#;

fn plain(diagnostics: &[Diagnostic]) -> String {
    let lines: Vec<String> = diagnostics.iter().map(|one| one.plain().to_string()).collect();
    lines.join("\n")
}

fn settings(text: &str, profile: Option<&str>) -> Project {
    let read = Project::read(&Source::new("springback.toml", text), profile, &|_| None);
    read.unwrap_or_else(|diagnostics| panic!("{}", plain(&diagnostics)))
}

fn under(scenario: &str, project: &Project, set: &[&str]) -> Lowered {
    let set: Vec<String> = set.iter().map(|argument| (*argument).to_owned()).collect();
    let overrides = Overrides { set: &set, project: Some(project), ..Overrides::NONE };
    let lowered = read(&Source::new("a.toml", scenario), &overrides);
    lowered.unwrap_or_else(|diagnostics| panic!("{}", plain(&diagnostics)))
}

fn origins(lowered: &Lowered) -> Vec<(&str, &str, &str)> {
    lowered.overrides.iter().map(|one| (one.key.as_str(), one.value.as_str(), one.from.as_str())).collect()
}

/// Which value holds, with a layer less each time.
#[test]
fn the_stronger_layer_wins() {
    const ALL: &str = r#"
[defaults]
run = { warm_up = "1m" }
[profile.staging]
defaults = { run = { warm_up = "2m" } }
set = { "run.warm_up" = "4m" }
"#;
    let without_set = ALL.replace("set =", "# set =");
    let without_profile = without_set.replace("defaults = {", "# defaults = {");
    let saying = format!("{SPARSE}\n[run]\nwarm_up = \"3m\"\n");
    for (settings_text, scenario, argument, wins, from) in [
        (ALL, saying.as_str(), Some("run.warm_up=5m"), "5m", "--set"),
        (ALL, &saying, None, "4m", "profile staging (springback.toml:6)"),
        (&without_set, &saying, None, "3m", ""),
        (&without_set, SPARSE, None, "2m", "profile staging (springback.toml:5)"),
        (&without_profile, SPARSE, None, "1m", "springback.toml:3 [defaults]"),
    ] {
        let set: Vec<&str> = argument.into_iter().collect();
        let lowered = under(scenario, &settings(settings_text, Some("staging")), &set);
        assert_eq!(lowered.scenario.timing.warm_up, Some(wins.parse::<Span>().unwrap()), "{from}");
        let expected = if from.is_empty() { vec![] } else { vec![("run.warm_up", wins, from)] };
        assert_eq!(origins(&lowered), expected);
    }
}

#[test]
fn a_profile_that_is_not_chosen_changes_nothing() {
    let project = settings(
        "[profile.staging]\nreports = \"there\"\nset = { \"load.baseline_rate\" = \"1/s\" }\nallow = { hosts = [\"${HOST}\"] }\n",
        None,
    );
    assert_eq!((project.reports.as_deref(), project.allowed_hosts.as_slice()), (None, &[][..]));
    assert_eq!(under(SPARSE, &project, &[]), read(&Source::new("a.toml", SPARSE), &Overrides::NONE).unwrap());
}

#[test]
fn tables_merge_by_key_and_lists_do_not() {
    let project = settings(
        r#"
[defaults]
tags = ["nightly"]
[defaults.target.local.primary]
startup = "2s"
grace = "3s"
autoscaler = { sync_period = "5s", scale_up = { policies = [{ pods = 1, period = "9s" }] } }
"#,
        None,
    );
    let scenario = format!("tags = [\"own\"]\n{EXAMPLE}");
    let lowered = under(&scenario, &project, &[]);
    let groups = lowered.scenario.target.groups();
    let primary = &groups["primary"];
    assert_eq!(lowered.scenario.tags, ["own"]);
    assert_eq!(primary.startup, Some(Span::from_secs(1)), "the scenario says so");
    assert_eq!(primary.grace, Some(Span::from_secs(3)));
    let autoscaler = primary.autoscaler.as_ref().unwrap();
    assert_eq!(autoscaler.sync_period, Some(Span::from_secs(1)));
    assert_eq!(autoscaler.scale_up.policies.as_ref().unwrap().len(), 1, "its own one");
    assert_eq!(origins(&lowered), [("target.local.primary.grace", "3s", "springback.toml:6 [defaults]")]);
}

#[test]
fn a_default_makes_up_no_load_no_group_and_no_expectation() {
    let project = settings(
        r#"
[defaults]
load = { path = "/", baseline_rate = "5/s", timeout = "1s" }
target = { local = { other = { replicas = 1 }, primary = { autoscaler = { tolerance = "5%" } } } }
slo = { availability = { target = "99%" } }
stop = { error_ratio = { above = "50%", over = "30s" } }
expect = { recovery = { within = "10s" }, replacement = { within = "9s" } }
"#,
        None,
    );
    let calm = r#"
name = "without load"
[target.local.primary]
replicas = 2
[[fault]]
at = "1s"
terminate = { group = "primary", count = 1, how = "kill" }
[expect]
replacement = {}
"#;
    let lowered = under(calm, &project, &[]);
    assert_eq!(
        origins(&lowered),
        [("expect.replacement.within", "9s", "springback.toml:7 [defaults]")],
        "a part of a table that the scenario has"
    );
    assert!(lowered.scenario.load.is_none() && lowered.scenario.slo.is_empty());
    let keys: Vec<String> = under(SPARSE, &project, &[]).overrides.into_iter().map(|one| one.key).collect();
    assert_eq!(
        keys,
        [
            "target.local.primary.autoscaler.tolerance",
            "load.timeout",
            "slo.availability.target",
            "stop.error_ratio.above",
            "stop.error_ratio.over"
        ],
        "with a load"
    );
}

#[test]
fn a_default_of_an_expectation_goes_into_each_of_them() {
    let project = settings("[defaults.expect.contraction]\nhold = \"12s\"\n", None);
    let lowered = under(SPARSE, &project, &[]);
    let holds: Vec<_> = lowered.scenario.expect.contraction.iter().map(|one| one.hold).collect();
    assert_eq!(holds, [Some(Span::from_secs(12)), Some(Span::from_secs(5))]);
    assert_eq!(origins(&lowered), [("expect.contraction.0.hold", "12s", "springback.toml:2 [defaults]")]);
}

#[test]
fn what_means_something_by_its_absence_is_taken_as_a_whole() {
    let project = settings(
        r#"
[defaults]
owner = { team = "payments", cost_center = "cc-1" }
slo = { availability = { target = "90%", under = "200ms" } }
"#,
        None,
    );
    let scenario =
        format!("owner = {{ team = \"search\" }}\n{SPARSE}\n[slo]\navailability = {{ target = \"99%\" }}\n");
    let lowered = under(&scenario, &project, &[]);
    assert_eq!(lowered.scenario.owner.unwrap().cost_center, None);
    assert_eq!(lowered.scenario.slo["availability"].under, None);
    assert_eq!(lowered.overrides, []);
}

#[test]
fn a_profile_adds_to_the_defaults_before_both_meet_the_scenario() {
    let project = settings(
        r#"
[defaults.target.local.primary.autoscaler]
min_replicas = 1
max_replicas = 4
[profile.staging.defaults.target.local.primary.autoscaler]
max_replicas = 6
target_utilization = "60%"
[defaults.target.local.primary]
capacity = "20/s"
"#,
        Some("staging"),
    );
    let (before, after) = SPARSE.split_once("capacity = ").unwrap();
    let (_, after) = after.split_once("[target.local.spare]").unwrap();
    let lowered = under(&format!("{before}[target.local.spare]{after}"), &project, &[]);
    let groups = lowered.scenario.target.groups();
    let autoscaler = groups["primary"].autoscaler.as_ref().expect("neither is whole without the other");
    assert_eq!((autoscaler.min_replicas, autoscaler.max_replicas), (1, 6));
}

#[test]
fn prices_go_to_groups_without_one() {
    let text = r#"
[prices]
primary = "0.10 USD/h"
spare = "0.20 USD/h"
elsewhere = "9 USD/h"
[profile.staging]
prices = { spare = "0.30 USD/h" }
"#;
    let priced = |profile| {
        let lowered = under(SPARSE, &settings(text, profile), &[]);
        lowered.overrides.into_iter().map(|one| (one.key, one.value, one.from)).collect::<Vec<_>>()
    };
    let of = |key: &str, value: &str, from: &str| (key.to_owned(), value.to_owned(), from.to_owned());
    let primary = of("target.local.primary.price", "0.10 USD/h", "springback.toml:3 [prices]");
    assert_eq!(
        priced(None),
        [primary.clone(), of("target.local.spare.price", "0.20 USD/h", "springback.toml:4 [prices]")]
    );
    assert_eq!(
        priced(Some("staging")),
        [primary, of("target.local.spare.price", "0.30 USD/h", "profile staging (springback.toml:7)")]
    );
    assert_eq!(under(EXAMPLE, &settings(text, None), &[]).overrides, [], "its groups have prices");
}

#[test]
fn variables_of_settings_are_filled_in_and_recorded() {
    let source = Source::new(
        "deep/springback.toml",
        "reports = \"${FOLDER:-there}\"\n[defaults]\nrun = { warm_up = \"${WARM_UP}\" }\n[profile.prod]\nreports = \"${UNSET}\"\n",
    );
    let environment = |name: &str| (name == "WARM_UP").then(|| "90s".to_owned());
    let project = Project::read(&source, None, &environment).unwrap();
    assert_eq!(project.reports, Some("deep/there".into()));
    assert_eq!(project.all_reports, [PathBuf::from("deep/there")]);
    let overrides = Overrides { project: Some(&project), environment: &environment, ..Overrides::NONE };
    let lowered = read(&Source::new("a.toml", SPARSE), &overrides).unwrap();
    assert_eq!(
        origins(&lowered),
        [("run.warm_up", "90s", "deep/springback.toml:3 [defaults], environment (WARM_UP)")]
    );
    let missing = Project::read(&source, None, &|_| None).unwrap_err();
    assert!(plain(&missing).contains("WARM_UP is not set"), "{}", plain(&missing));
    let chosen = Project::read(&source, Some("prod"), &environment).unwrap_err();
    assert!(plain(&chosen).contains("UNSET is not set"), "{}", plain(&chosen));
}

#[test]
fn a_profile_replaces_places_and_leaves_the_rest() {
    let text = r#"
reports = "out"
allow = { hosts = ["a.example", "b.example"] }
[profile.staging]
allow = { hosts = ["c.example"] }
[profile.prod]
reports = "/var/prod"
"#;
    let staging = settings(text, Some("staging"));
    assert_eq!((staging.reports, staging.allowed_hosts), (Some("out".into()), vec!["c.example".to_owned()]));
    let prod = settings(text, Some("prod"));
    assert_eq!(prod.reports, Some("/var/prod".into()));
    assert_eq!(prod.allowed_hosts, ["a.example", "b.example"]);
    assert_eq!(prod.all_reports, [PathBuf::from("/var/prod"), PathBuf::from("out")]);
    assert_eq!(settings("", None).all_reports, [PathBuf::from("reports")]);
}

#[test]
fn quarantine_knows_its_line() {
    let text = r#"
[[quarantine]]
scenario = "a"
owner = "payments"
until = "2026-12-31"
"#;
    let [one] = <[Quarantine; 1]>::try_from(settings(text, None).quarantine).unwrap();
    assert_eq!((one.until, one.reason), (jiff::civil::date(2026, 12, 31), None));
    assert_eq!(one.origin, Origin { source: "springback.toml".into(), line: 2 });
}

#[test]
fn a_feature_takes_the_same_settings() {
    let feature = r#"
Feature: sparse
  Scenario: said
    Given a group "primary" of 2 instances, each serving 20 requests per second
    And "primary" is autoscaled between 2 and 4 instances at 60% utilization
    And a steady load of 10 requests per second on "/"
    When load steps to 20 requests per second for 5 seconds, starting at 1 second
    Then within 20 seconds "primary" is back to its baseline
"#;
    let project = settings("[defaults]\nrun = { warm_up = \"1m\" }\n[prices]\nprimary = \"1 USD/h\"\n", None);
    let overrides = Overrides { project: Some(&project), ..Overrides::NONE };
    let no_import = |_: &Path| unreachable!("nothing is imported");
    let read = read_feature(&Source::new("a.feature", feature), &overrides, &no_import);
    let read = read.unwrap_or_else(|diagnostics| panic!("{}", plain(&diagnostics)));
    let found = origins(&read.scenarios[0].lowered);
    assert!(found.contains(&("run.warm_up", "1m", "springback.toml:2 [defaults]")), "{found:?}");
    assert!(
        found.contains(&("target.local.primary.price", "1 USD/h", "springback.toml:4 [prices]")),
        "{found:?}"
    );
}

#[test]
fn a_mistake_that_only_a_scenario_shows_points_into_the_settings() {
    let project = settings(
        "[defaults]\nlimits = { lost_at_once = \"10%\" }\nslo = { fast = { target = \"100%\" } }\n[profile.p]\nset = { \"load.baselin_rate\" = \"1/s\" }\n",
        Some("p"),
    );
    let overrides = Overrides { project: Some(&project), ..Overrides::NONE };
    let said = plain(&read(&Source::new("a.toml", SPARSE), &overrides).unwrap_err());
    assert!(said.contains("springback.toml:3:27: error[no-error-budget]"), "{said}");
    assert!(said.contains("springback.toml:5:15: error[unknown-path]"), "{said}");
    assert!(said.contains("did you mean `baseline_rate`?"), "{said}");
}

#[test]
fn under_unreadable_settings_only_sure_mistakes_are_shown() {
    let overrides = Overrides { project: Some(&Project::unreadable()), ..Overrides::NONE };
    let text = SPARSE.replace("baseline_rate = \"10/s\"\n", "").replace("path = \"/\"", "path = 5");
    let said = plain(&read(&Source::new("a.toml", text), &overrides).unwrap_err());
    assert!(said.contains("`path` must be text"), "{said}");
    assert!(!said.contains("missing"), "a default may give it: {said}");
}

#[test]
fn a_profile_can_take_back_every_host() {
    let text = "allow = { hosts = [\"a.example\"] }\n[profile.production]\nallow = { hosts = [] }\n";
    assert!(settings(text, Some("production")).allowed_hosts.is_empty());
}
