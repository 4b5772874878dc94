use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::scenario::keys::{Kind, Section};
use crate::scenario::{Deadline, Span};

/// The scenario of the handbook.
const EXAMPLE: &str = include_str!("../example.toml");
/// A scenario with every key of the embedded world.
const COMPLETE: &str = include_str!("../complete.toml");
/// Scenarios with every key of a cluster.
const CLUSTERS: [&str; 2] =
    [include_str!("../complete-cluster.toml"), include_str!("../complete-in-cluster.toml")];

fn plain(diagnostics: &[Diagnostic]) -> String {
    let lines: Vec<String> = diagnostics.iter().map(|one| one.plain().to_string()).collect();
    lines.join("\n")
}

fn read_with(text: &str, set: &[&str], environment: &[(&str, &str)]) -> Result<Lowered, String> {
    let set: Vec<String> = set.iter().map(|argument| (*argument).to_owned()).collect();
    let lookup =
        |name: &str| environment.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
    let files = |path: &std::path::Path| {
        assert_eq!(path, std::path::Path::new("complete-cluster.yaml"));
        Ok(Source::new("complete-cluster.yaml", include_str!("../complete-cluster.yaml")))
    };
    let overrides = Overrides { set: &set, environment: &lookup, files: &files, ..Overrides::NONE };
    read(&Source::new("a.toml", text), &overrides).map_err(|diagnostics| plain(&diagnostics))
}

fn lowered(text: &str) -> Lowered {
    read_with(text, &[], &[]).unwrap_or_else(|diagnostics| panic!("{diagnostics}"))
}

#[test]
fn the_example_reads_without_a_doubt() {
    let lowered = lowered(EXAMPLE);
    assert_eq!(plain(&lowered.warnings), "");
    let groups = lowered.scenario.target.groups();
    assert_eq!(groups.keys().collect::<Vec<_>>(), ["primary", "standby"]);
    assert_eq!(lowered.scenario.faults.len(), 2);
    assert_eq!(lowered.scenario.expect.contraction[0].within, Deadline::Within(Span::from_secs(20)));
}

#[test]
fn every_finding_knows_its_line() {
    let origins = lowered(EXAMPLE).origins;
    for (id, origin) in &origins {
        let written = EXAMPLE.lines().nth(origin.line as usize - 1).unwrap();
        let word = match id.split_once('-').map_or(id.as_str(), |(kind, _)| kind) {
            "fault" => "[[fault]]",
            "surge" => "[[load.surge]]",
            _ => id.trim_end_matches("-0").trim_start_matches("objective-").trim_start_matches("stop-"),
        };
        assert!(written.starts_with(&word.replace('-', "_")), "{id} is said to be at {written}");
    }
    assert_eq!(origins.len(), 12);
}

#[test]
fn each_of_several_expectations_knows_its_own_line() {
    let origins = lowered(COMPLETE).origins;
    for id in ["expansion-0", "expansion-1", "contraction-1", "standby-released-1", "burn-rate-0"] {
        assert!(origins.contains_key(id), "{id}");
    }
    assert_ne!(origins["contraction-0"].line, origins["contraction-1"].line);
}

#[test]
fn the_complete_scenarios_use_every_key_and_read_without_a_doubt() {
    let (mut used, mut known) = (BTreeSet::new(), BTreeSet::new());
    for text in [COMPLETE, CLUSTERS[0], CLUSTERS[1]] {
        assert_eq!(plain(&lowered(text).warnings), "");
        let root = syntax::parse(text, &Problems::of(&Source::new("a.toml", text))).unwrap();
        collect(&SCENARIO, &root, &mut used, &mut known);
    }
    let unused: Vec<_> = known.difference(&used).collect();
    assert!(unused.is_empty(), "not in the complete scenarios: {unused:?}");
}

/// The keys that a section and all below it know, and those that are used.
fn collect(
    section: &'static Section,
    node: &Node,
    used: &mut BTreeSet<(&'static str, &'static str)>,
    known: &mut BTreeSet<(&'static str, &'static str)>,
) {
    for key in section.keys {
        let child = node.get(key.name);
        known.insert((section.name, key.name));
        if child.is_absent() {
            continue;
        }
        used.insert((section.name, key.name));
        match key.kind {
            Kind::Table(inner) | Kind::TimeOr(inner) => collect(inner, child, used, known),
            Kind::List(inner) | Kind::OneOrMore(inner) => {
                child.items().iter().for_each(|item| collect(inner, item, used, known));
            }
            Kind::Named(inner) => {
                child.entries().iter().for_each(|entry| collect(inner, &entry.node, used, known));
            }
            _ => {}
        }
    }
}

#[test]
fn the_scenario_survives_its_recording() {
    for text in [EXAMPLE, COMPLETE, CLUSTERS[0], CLUSTERS[1]] {
        let scenario = lowered(text).scenario;
        let recorded = serde_json::to_string(&scenario).unwrap();
        assert_eq!(serde_json::from_str::<Scenario>(&recorded).unwrap(), scenario);
    }
}

#[test]
fn set_replaces_and_adds_values_and_they_are_recorded() {
    let set = [
        "fault.1.lose.lasts = 8s",
        "target.local.primary.autoscaler.max_replicas=10",
        "run.warm_up=1m",
        "expect.contraction.tolerance=1",
        "expect.contraction.0.within=25s",
        "expect.baseline.at_most.primary=3",
        "name=\"another, in quotes\"",
        "tags=[\"a\", \"b\"]",
    ];
    let lowered = read_with(EXAMPLE, &set, &[]).unwrap();
    let scenario = &lowered.scenario;
    let groups = scenario.target.groups();
    assert_eq!(groups["primary"].autoscaler.as_ref().unwrap().max_replicas, 10);
    assert_eq!(scenario.timing.warm_up, Some(Span::from_secs(60)));
    assert_eq!(scenario.expect.contraction[0].tolerance, Some(1));
    assert_eq!(scenario.expect.contraction[0].within, Deadline::Within(Span::from_secs(25)));
    assert_eq!(scenario.expect.baseline.as_ref().unwrap().at_most["primary"], 3);
    assert_eq!(scenario.name, "another, in quotes");
    assert_eq!(scenario.tags, ["a", "b"]);
    assert_eq!(
        lowered.overrides[0],
        Override {
            key: "fault.1.lose.lasts".into(),
            value: "8s".into(),
            from: "--set".into(),
            imported: false
        }
    );
    assert_eq!(lowered.overrides.len(), set.len());
}

#[test]
fn a_wrong_set_says_what_would_be_right() {
    let set = [
        "load.baselin_rate=20/s",
        "target.local.primry.replicas=3",
        "fault.2.at=5s",
        "fault.first.at=5s",
        "slo.speed.target=99%",
        "load.path.x=1",
        "load.baseline_rate=fast",
        "fault.0.at=true",
        "nothing",
        "a..b=1",
    ];
    insta::assert_snapshot!(read_with(EXAMPLE, &set, &[]).unwrap_err());
}

#[test]
fn variables_are_filled_in_and_recorded() {
    let text = EXAMPLE
        .replace("\"40/s\"", "\"${RATE:-20}/s\"")
        .replace("replicas   = 2", "replicas = \"${REPLICAS}\"")
        .replace("\"payments\"", "\"$${TEAM} costs 5$\"");
    let lowered = read_with(&text, &[], &[("REPLICAS", "3"), ("RATE", "")]).unwrap();
    assert_eq!(lowered.scenario.load.unwrap().baseline_rate.per_s, 20.0);
    assert_eq!(lowered.scenario.owner.unwrap().team, "${TEAM} costs 5$");
    let groups = lowered.scenario.target.groups();
    assert_eq!(groups["primary"].replicas, 3);
    let recorded: Vec<_> = lowered
        .overrides
        .iter()
        .map(|one| (one.key.as_str(), one.value.as_str(), one.from.as_str()))
        .collect();
    assert_eq!(
        recorded,
        [
            ("target.local.primary.replicas", "3", "environment (REPLICAS)"),
            ("load.baseline_rate", "20/s", "default of ${RATE}"),
        ]
    );
}

#[test]
fn text_without_quotation_marks_is_text_only_where_it_was_filled_in() {
    let error = read_with(&EXAMPLE.replace("replicas   = 2", "replicas = \"2\""), &[], &[]).unwrap_err();
    assert!(error.contains("`replicas` must be a whole number, not the text \"2\""), "{error}");
}

fn expecting(text: &str) -> Result<Lowered, String> {
    let recorded = lowered(EXAMPLE);
    read_expectations(&Source::new("b.toml", text), &Overrides::NONE, &recorded.scenario, &recorded.origins)
        .map_err(|diagnostics| plain(&diagnostics))
}

#[test]
fn other_expectations_replace_the_recorded_ones() {
    let recorded = lowered(EXAMPLE);
    let new = expecting("[expect]\ncontraction = { group = \"primary\", within = \"40s\" }\n").unwrap();
    assert_eq!(new.scenario.expect.contraction[0].within, Deadline::Within(Span::from_secs(40)));
    assert!(new.scenario.expect.replacement.is_none());
    assert_eq!(new.scenario.slo, recorded.scenario.slo);
    assert_eq!(new.scenario.stop, recorded.scenario.stop);
    let ids: Vec<(&str, &str, u32)> =
        new.origins.iter().map(|(id, origin)| (id.as_str(), origin.source.as_str(), origin.line)).collect();
    assert_eq!(
        ids,
        [
            ("contraction-0", "b.toml", 2),
            ("objective-availability", "a.toml", 37),
            ("objective-latency", "a.toml", 38),
            ("stop-burn_rate", "a.toml", 49),
        ]
    );
}

#[test]
fn other_objectives_need_thresholds_that_were_counted() {
    let new = expecting("[slo]\nfast = { target = \"95%\", under = \"200ms\" }\n").unwrap();
    assert_eq!(new.scenario.slo.keys().collect::<Vec<_>>(), ["fast"]);
    assert_eq!(new.scenario.expect, lowered(EXAMPLE).scenario.expect);
    insta::assert_snapshot!(
        expecting(
            "name = \"x\"\n[slo]\nfast = { target = \"95%\", under = \"250ms\" }\n[load]\npath = \"/\"\n"
        )
        .unwrap_err()
    );
}

#[test]
fn expectations_obey_the_rules_too() {
    let error =
        expecting("[expect]\nexpansion = { group = \"primary\", to_at_least = 13, within = \"9s\" }\n");
    assert!(error.unwrap_err().contains("above-ceiling"));
    assert!(expecting("").unwrap_err().contains("nothing-expected"));
    assert!(expecting("[expect]\n[slo]\n").unwrap_err().contains("nothing-expected"));
}

#[test]
fn what_is_far_too_much_is_refused_at_once() {
    for text in [
        "[".repeat(20_000),
        format!("a = {}", "[".repeat(20_000)),
        format!("a = {}", "{a=".repeat(20_000)),
        format!("{} = 1", vec!["a"; 20_000].join(".")),
        format!("[{}]", vec!["a"; 20_000].join(".")),
        format!("a = '''{}", "[".repeat(20_000)),
        "\"".repeat(20_001),
        "a = \n".repeat(20_000),
        format!("a = [{}]", "tru, =".repeat(100_000)),
        "a = 1\n".repeat(150_000),
        format!("owner = {{ {} }}", (0..80_000).map(|n| format!("k{n} = 1, ")).collect::<String>()),
        format!("tags = [{}]", "\"a\", ".repeat(150_000)),
        format!("name = \"{}\"", "${A:-b}".repeat(100_000)),
        "[[fault]]\nat = \"1s\"\n".repeat(40_000),
        (0..40_000).map(|n| format!("[slo.a{n}]\ntarget=5\n")).collect(),
    ] {
        assert!(text.len() <= 1024 * 1024);
        let diagnostics = read(&Source::new("a.toml", text), &Overrides::NONE).unwrap_err();
        assert!(diagnostics.iter().any(Diagnostic::is_error));
        assert!(diagnostics.len() <= 51, "{}", diagnostics.len());
    }
}

#[test]
fn brackets_in_texts_and_comments_do_not_count() {
    let brackets = "[".repeat(100);
    let text = format!("{EXAMPLE}\n# {brackets}\n[run]\nwarm_up = \"2m\" # {brackets}\n")
        .replace("\"payments\"", &format!("'''\n{brackets}''\\'''"));
    let team = lowered(&text).scenario.owner.unwrap().team;
    assert_eq!(team, format!("{brackets}''\\"));
}

/// A piece of text that a mutation may put anywhere.
const SNIPPETS: [&str; 16] = [
    "[",
    "]",
    "{",
    "}",
    "\"",
    "'",
    "\"\"\"",
    "=",
    "\n",
    ".",
    "${X",
    "$",
    "\\",
    "é\u{1b}",
    "9999999999999999999",
    "#",
];

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let _ = read(&Source::new("a.toml", text), &Overrides::NONE);
    }

    #[test]
    fn no_mutation_makes_the_reader_panic(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), 0..30usize, 0..SNIPPETS.len()), 1..6),
        set in "[a-z.0-9\"]{0,12}=[^\n]{0,8}",
    ) {
        let mut text = COMPLETE.to_owned();
        for (at, cut, snippet) in changes {
            let mut start = at.index(text.len());
            while !text.is_char_boundary(start) {
                start -= 1;
            }
            let mut end = (start + cut).min(text.len());
            while !text.is_char_boundary(end) {
                end -= 1;
            }
            text.replace_range(start..end.max(start), SNIPPETS[snippet]);
        }
        let set = [set];
        let overrides = Overrides { set: &set, ..Overrides::NONE };
        if let Err(diagnostics) = read(&Source::new("a.toml", text), &overrides) {
            for diagnostic in &diagnostics {
                let mut out = String::new();
                miette::GraphicalReportHandler::new_themed(miette::GraphicalTheme::unicode_nocolor())
                    .render_report(&mut out, diagnostic)
                    .unwrap();
                prop_assert!(!out.contains("Failed to read"), "{out}");
            }
        }
    }
}
