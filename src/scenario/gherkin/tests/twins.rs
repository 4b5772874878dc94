//! The law behind `convert`: whatever the table of keys can say, a feature can say, and a TOML file, and all three are read as
//! one. Values are drawn for every key of the table, so that a new key is covered on the day on which it is added.

use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::scenario::keys::{Key, Kind, SCENARIO, Section};
use crate::scenario::manifest::Files;
use crate::scenario::problems::SourceId;
use crate::scenario::reader::Context;
use crate::scenario::sections;
use crate::scenario::tree::{Entry, Node, Place, Value};

/// How likely an optional key is to be written.
const WRITTEN: f64 = 0.5;

fn place() -> Place {
    Place { source: SourceId::FILE, span: 0..0 }
}

pub(super) fn node(value: Value) -> Node {
    Node { place: Some(place()), value }
}

pub(super) fn text(text: impl Into<String>) -> Value {
    Value::Text { text: text.into(), substituted: false }
}

pub(super) fn entry(key: &str, value: Value) -> Entry {
    Entry { key: key.to_owned(), key_place: place(), node: node(value) }
}

fn count(min: u32, max: u32) -> BoxedStrategy<Value> {
    (min..=max.min(min + 20)).prop_map(|number| Value::Integer(number.into())).boxed()
}

fn time() -> BoxedStrategy<Value> {
    let units = prop_oneof![Just("ms"), Just("s"), Just("m"), Just("h"), Just("us"), Just("min")];
    let one = (1..90_u32, units).prop_map(|(number, unit)| format!("{number}{unit}"));
    let two = (1..3_u32, 1..60_u32).prop_map(|(minutes, seconds)| format!("{minutes}m {seconds}.5s"));
    prop_oneof![3 => one, 1 => two].prop_map(text).boxed()
}

fn value(kind: Kind) -> BoxedStrategy<Value> {
    match kind {
        // Whatever a sentence, a cell or TOML could stumble over.
        Kind::Text => {
            r#"[a-z"'\\|<>#@{}\[\]()/é][a-z"'\\|<>#@{}\[\]()/é ]{0,10}[a-z"'\\|<>#@]"#.prop_map(text).boxed()
        }
        Kind::Link => "https://[a-z]{1,9}/[a-z\"'|?=]{0,9}".prop_map(text).boxed(),
        Kind::Workload => {
            "[A-Z][a-zA-Z]{0,7}(\\.[a-z]{1,6}){0,2}/[a-z0-9][a-z0-9.-]{0,9}".prop_map(text).boxed()
        }
        Kind::Labels => "[a-z]{1,9}(=|!=| in \\()[a-z0-9]{1,9}"
            .prop_map(|selector| if selector.contains('(') { selector + ")" } else { selector })
            .prop_map(text)
            .boxed(),
        Kind::WaitFor => prop_oneof![
            "condition=[A-Z][a-z]{1,9}(=False)?",
            r#"jsonpath=\{\.[a-z]{1,9}\.[a-z]{1,9}\}=[a-z"'\\|<>#]{1,9}"#,
        ]
        .prop_map(text)
        .boxed(),
        Kind::Manifest => "[a-z/.\"'|]{0,9}[a-z]".prop_map(text).boxed(),
        Kind::RequestPath => "/[a-z\"'|<>?=]{0,9}".prop_map(text).boxed(),
        Kind::Texts { .. } => {
            let one = r#"[a-z0-9"'\\|.=;-]{1,9}"#;
            vec(one, 1..4)
                .prop_map(|texts| {
                    let distinct: BTreeSet<String> = texts.into_iter().collect();
                    Value::List(distinct.into_iter().map(|one| node(text(one))).collect())
                })
                .boxed()
        }
        Kind::Count { min, max } => count(min, max),
        Kind::Factor => prop_oneof![
            (1..40_u32).prop_map(|number| Value::Integer(number.into())),
            (1..400_u32).prop_map(|number| Value::Float(f64::from(number) / 10.0)),
        ]
        .boxed(),
        Kind::Flag => any::<bool>().prop_map(Value::Flag).boxed(),
        Kind::Time { .. } => time(),
        Kind::TimeOrAuto => prop_oneof![3 => time(), 1 => Just(text("auto"))].boxed(),
        Kind::Rate { .. } => {
            let units = prop_oneof![Just("s"), Just("min"), Just("h"), Just("second")];
            (1..900_u32, units).prop_map(|(number, unit)| text(format!("{number}/{unit}"))).boxed()
        }
        Kind::Share { .. } => {
            (1..990_u32).prop_map(|tenths| text(format!("{}%", f64::from(tenths) / 10.0))).boxed()
        }
        Kind::Price => {
            (0..500_u32).prop_map(|cents| text(format!("{}.{:02} USD/h", cents / 100, cents % 100))).boxed()
        }
        Kind::Word(words) => proptest::sample::select(words).prop_map(text).boxed(),
        Kind::Group => prop_oneof![Just("primary"), Just("standby")].prop_map(text).boxed(),
        Kind::Objective => prop_oneof![Just("availability"), Just("latency")].prop_map(text).boxed(),
        Kind::CountByGroup => vec(0..9_u32, 1..3)
            .prop_map(|counts| {
                let groups = ["primary", "standby"].into_iter().zip(counts);
                Value::Table(groups.map(|(group, n)| entry(group, Value::Integer(n.into()))).collect())
            })
            .boxed(),
        Kind::PriceByGroup | Kind::Hosts | Kind::Date | Kind::ByPath | Kind::Partial(_) => {
            unreachable!("no scenario has this")
        }
        Kind::Table(section) => table(section),
        Kind::TimeOr(section) => prop_oneof![time(), table(section)].boxed(),
        Kind::Named(section) => {
            let names: [&str; 3] = if section.name.ends_with("group") {
                ["primary", "standby", "third"]
            } else {
                ["availability", "latency", "own"]
            };
            (vec(table(section), 2..4))
                .prop_map(move |tables| {
                    Value::Table(names.iter().zip(tables).map(|(name, table)| entry(name, table)).collect())
                })
                .boxed()
        }
        Kind::List(section) => vec(table(section), 1..4).prop_map(list).boxed(),
        Kind::OneOrMore(section) => {
            prop_oneof![table(section), vec(table(section), 1..3).prop_map(list)].boxed()
        }
    }
}

fn list(values: Vec<Value>) -> Value {
    Value::List(values.into_iter().map(node).collect())
}

fn table(section: &'static Section) -> BoxedStrategy<Value> {
    let chosen = if section.one_of.is_empty() { 0..1 } else { 0..section.one_of.len() };
    chosen
        .prop_flat_map(move |chosen| {
            let chosen = section.one_of.get(chosen);
            let keys = section.keys.iter().filter(move |key| {
                !section.one_of.contains(&key.name) || chosen.is_some_and(|chosen| *chosen == key.name)
            });
            let drawn: Vec<BoxedStrategy<Option<Entry>>> =
                keys.map(|key| drawn(key, chosen.is_some_and(|chosen| *chosen == key.name))).collect();
            drawn.prop_map(|entries| Value::Table(entries.into_iter().flatten().collect()))
        })
        .boxed()
}

fn drawn(key: &'static Key, chosen: bool) -> BoxedStrategy<Option<Entry>> {
    let value = match (key.name, key.kind) {
        // A tag of Gherkin is one word.
        ("tags", _) => vec("[a-z]{1,9}", 1..4)
            .prop_map(|tags| {
                let distinct: BTreeSet<String> = tags.into_iter().collect();
                list(distinct.into_iter().map(text).collect())
            })
            .boxed(),
        // It has no other meaning.
        ("in_cluster", _) => Just(Value::Flag(true)).boxed(),
        (_, kind) => value(kind),
    };
    let entry = value.prop_map(|value| entry(key.name, value));
    // Others refer to objectives.
    if key.required || chosen || key.name == "slo" {
        entry.prop_map(Some).boxed()
    } else {
        proptest::option::weighted(WRITTEN, entry).boxed()
    }
}

/// What the readers make of a tree, before the rules: random values break most of those.
pub(super) fn drafted(root: &Node) -> Scenario {
    let problems = Problems::of(&Source::new("test", ""));
    let names = sections::names(root);
    let files = Files::unopened();
    let draft = sections::scenario(Context { problems: &problems, names: &names, files: &files }, root);
    let (found, _) = problems.take_diagnostics();
    assert_eq!(plain(&found), "");
    let mut scenario = draft.unwrap().into_scenario().unwrap();
    // A feature's tags stand in its order of lines; in TOML the order is as free.
    scenario.tags.sort();
    scenario
}

pub(super) fn said(text: &str) -> Scenario {
    let source = Source::new("test.feature", text);
    let problems = Problems::of(&source);
    let (lines, sound) = lines::scan(&source.text, &problems);
    let expanded = outline::expand(&source.name, &source.text, &lines, &problems);
    let tree = expanded.map(|(_, scenarios)| lower::tree(&scenarios[0], &no_import, &problems));
    let (found, _) = problems.take_diagnostics();
    assert_eq!((plain(&found), sound), (String::new(), true), "{text}");
    drafted(&tree.unwrap().root)
}

pub(super) fn written(text: &str) -> Scenario {
    let problems = Problems::of(&Source::new("test.toml", text));
    let root = syntax::parse(text, &problems);
    let (found, _) = problems.take_diagnostics();
    assert_eq!(plain(&found), "", "{text}");
    drafted(&root.unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, max_shrink_iters: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn whatever_can_be_written_can_be_said(root in table(&SCENARIO)) {
        let root = node(root);
        let meant = drafted(&root);
        let (feature, unsaid) = write::feature(&root);
        prop_assert_eq!(unsaid, Vec::<String>::new());
        prop_assert_eq!(&said(&feature), &meant, "{}", feature);
        let toml = scenario_as_toml(&root);
        prop_assert_eq!(&written(&toml), &meant, "{}", toml);
    }
}
