//! That every form of every sentence, and every key of the format, has been compared with its twin: counted, not believed.

#![expect(clippy::print_stdout, reason = "the shares are for whoever asks for a test's output")]

use std::collections::BTreeSet;

use super::twins::{drafted, entry, node, said, text, written};
use super::*;
use crate::scenario::keys::{Key, Kind, SCENARIO, Section};
use crate::scenario::tree::{Node, Value};

/// The value that the table of keys gives as an example.
fn example(key: &Key) -> Value {
    let problems = Problems::of(&Source::new("example", ""));
    let root = syntax::parse(&format!("example = {}", key.example), &problems).unwrap();
    root.get("example").value.clone()
}

/// Sets a value at a path of keys; `+` is a new element of a list.
fn set(root: &mut Node, path: &[&str], value: Value) {
    let [first, rest @ ..] = path else {
        root.value = value;
        return;
    };
    if *first == "+" {
        if root.is_absent() {
            *root = node(Value::List(Vec::new()));
        }
        let Value::List(items) = &mut root.value else { panic!("a list") };
        if items.is_empty() {
            items.push(node(Value::Table(Vec::new())));
        }
        set(&mut items[0], rest, value);
        return;
    }
    if root.is_absent() {
        *root = node(Value::Table(Vec::new()));
    }
    let Value::Table(entries) = &mut root.value else { panic!("a table") };
    if !entries.iter().any(|entry| entry.key == *first) {
        entries.push(entry(first, Value::Absent));
    }
    let entry = entries.iter_mut().find(|entry| entry.key == *first).unwrap();
    set(&mut entry.node, rest, value);
}

/// What a form can lean on: groups, an objective and a load, but for what it says itself.
fn scaffold(at: &str) -> String {
    let workload = "workload = \"Deployment/checkout\"\n";
    let mut toml = match at {
        "target.kubernetes" => String::new(),
        _ if at.starts_with("target.kubernetes") => {
            String::from("[target.kubernetes]\ncontext = \"staging\"\nnamespace = \"shop\"\n")
        }
        _ => String::from("[target.local.primary]\nreplicas = 2\n"),
    };
    if at.starts_with("target.local.*.autoscaler.") {
        toml.push_str("autoscaler = { min_replicas = 2, max_replicas = 12, target_utilization = \"60%\" }\n");
    }
    toml.push_str(&match at.starts_with("target.kubernetes") {
        true => ["primary", "standby"]
            .map(|name| format!("[target.kubernetes.group.{name}]\n{workload}"))
            .concat(),
        false => "[target.local.standby]\nreplicas = 1\n".to_owned(),
    });
    if !at.starts_with("slo") {
        toml.push_str("[slo.availability]\ntarget = \"99%\"\n");
    }
    toml
}

#[test]
fn every_form_of_every_sentence_has_a_twin() {
    let (mut covered, mut all) = (0, 0);
    for form in vocabulary::forms() {
        // The others take whole files and texts; the flagship, the imports and the tables below are about those.
        let Does::Set { at, fixed } = form.phrase.does else { continue };
        all += 1;
        let mut values = Vec::new();
        let mut keys = Vec::new();
        let mut name = "primary";
        for parameter in &form.parameters {
            if form.phrase.is_name(parameter) {
                name = match parameter.as_str() {
                    "group" => "primary",
                    "new" => "fresh",
                    _ => "own",
                };
                values.push(spoken::quoted_text(name));
                continue;
            }
            let key = form.phrase.key(parameter).unwrap();
            let value = example(key);
            values.push(spoken::said(key.kind, &node(value.clone())).unwrap());
            keys.push((parameter.as_str(), value));
        }
        for (key, fixed) in fixed {
            keys.push((key, phrase::fixed_value(fixed)));
        }
        let keyword = form.phrase.under[0].as_str();
        let mut step = phrase::render(&form.expression, &values);
        assert!(form.captures(&step).is_some(), "{step} is not said by {}", form.expression);
        if !form.phrase.table.is_empty() {
            assert_eq!(form.phrase.table, "| grace | 4 seconds |\n| queue | 200       |");
            keys.extend([("grace", text("4s")), ("queue", Value::Integer(200))]);
            step = format!("{step}\n{}", form.phrase.table);
        }
        if at == "load" && !form.parameters.iter().any(|parameter| parameter == "path") {
            // A path may come from the settings; here it stands below the step.
            keys.push(("path", text("/checkout")));
            step = format!("{step}\n| path | /checkout |");
        }
        let load = "    And a steady load of 40 requests per second on \"/checkout\"\n";
        let load = if at == "load" { "" } else { load };
        let feature = format!(
            "Feature: twin\n  Scenario: twin\n    Given the system:\n\"\"\"\n{}\"\"\"\n{load}    {keyword} {step}\n",
            scaffold(at)
        );
        let problems = Problems::of(&Source::new("twin.toml", ""));
        let mut twin = syntax::parse(&format!("name = \"twin\"\n{}", scaffold(at)), &problems).unwrap();
        if at != "load" {
            set(&mut twin, &["load", "path"], text("/checkout"));
            set(&mut twin, &["load", "baseline_rate"], text("40/s"));
        }
        for (key, value) in keys {
            let at = at.replace('*', name);
            let path: Vec<&str> =
                at.split('.').chain(key.split('.')).filter(|part| !part.is_empty()).collect();
            set(&mut twin, &path, value);
        }
        assert_eq!(said(&feature), drafted(&twin), "{step}");
        covered += 1;
    }
    println!(
        "sentences: {} · forms of them that set keys: {covered} of {all} compared with their twins",
        vocabulary::VOCABULARY.len()
    );
    assert_eq!(covered, all);
}

/// A tree with every key of the format in it; of alternatives, the one at this position.
fn complete(
    section: &'static Section,
    pick: usize,
    seen: &mut BTreeSet<(&'static str, &'static str)>,
) -> Value {
    let chosen = (!section.one_of.is_empty()).then(|| section.one_of[pick % section.one_of.len()]);
    // The digits of the position choose, one at each level: else two choices of two would always go together.
    let pick = pick / section.one_of.len().max(1);
    let mut entries = Vec::new();
    for key in section.keys {
        if section.one_of.contains(&key.name) && chosen != Some(key.name) {
            continue;
        }
        seen.insert((section.name, key.name));
        let value = match key.kind {
            Kind::Table(inner) | Kind::TimeOr(inner) => complete(inner, pick, seen),
            Kind::Named(inner) => {
                let names = if inner.name.ends_with("group") {
                    ["primary", "standby"]
                } else {
                    ["availability", "latency"]
                };
                Value::Table(names.iter().map(|name| entry(name, complete(inner, pick, seen))).collect())
            }
            Kind::List(inner) | Kind::OneOrMore(inner) => {
                Value::List(vec![node(complete(inner, pick, seen))])
            }
            _ => example(key),
        };
        entries.push(entry(key.name, value));
    }
    Value::Table(entries)
}

fn all_keys(section: &'static Section, keys: &mut BTreeSet<(&'static str, &'static str)>) {
    for key in section.keys {
        let is_new = keys.insert((section.name, key.name));
        if let Some(inner) = phrase::inner(key)
            && is_new
        {
            all_keys(inner, keys);
        }
    }
}

#[test]
fn every_key_of_the_format_has_a_twin() {
    let mut all = BTreeSet::new();
    all_keys(&SCENARIO, &mut all);
    let mut covered = BTreeSet::new();
    for pick in 0..48 {
        let root = node(complete(&SCENARIO, pick, &mut covered));
        let meant = drafted(&root);
        let (feature, unsaid) = write::feature(&root);
        assert_eq!(unsaid, Vec::<String>::new());
        assert_eq!(said(&feature), meant, "{feature}");
        assert_eq!(written(&scenario_as_toml(&root)), meant);
    }
    println!("keys of the format: {} of {} compared with their twins", covered.len(), all.len());
    assert_eq!(all.difference(&covered).collect::<Vec<_>>(), Vec::<&(&str, &str)>::new());
}
