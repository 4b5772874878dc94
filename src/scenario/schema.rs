//! The JSON Schema of the file format, for editors: made from the table of keys.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::gherkin::OF_A_SYSTEM;
use super::keys::{
    ANCHORS, CLUSTER_REPLICAS_MAX, EXPECTATIONS, Key, Kind, PROJECT, SCENARIO, Section, is_whole, no_default,
};

/// JSON Schema (2020-12) of a scenario in TOML.
pub fn schema() -> Value {
    document(&SCENARIO, "urn:springback:schema:scenario:1", "springback scenario")
}

/// JSON Schema (2020-12) of a file with other expectations for a recorded run.
pub fn expectations_schema() -> Value {
    document(&EXPECTATIONS, "urn:springback:schema:expectations:1", "springback expectations")
}

/// JSON Schema (2020-12) of `springback.toml`.
pub fn project_schema() -> Value {
    document(&PROJECT, "urn:springback:schema:project:1", "springback settings")
}

/// JSON Schema (2020-12) of a file that describes a system, for features to import.
pub fn system_schema() -> Value {
    let mut schema = document(&SCENARIO, "urn:springback:schema:system:1", "springback system");
    if let Some(map) = schema.as_object_mut() {
        map.remove("required");
    }
    if let Some(properties) = schema["properties"].as_object_mut() {
        properties.retain(|key, _| OF_A_SYSTEM.contains(&key.as_str()));
    }
    schema
}

fn document(root: &'static Section, id: &str, title: &str) -> Value {
    let mut definitions: BTreeMap<String, Value> = BTreeMap::new();
    define(root, &mut definitions);
    let mut schema = Map::new();
    schema.insert("$schema".into(), json!("https://json-schema.org/draft/2020-12/schema"));
    schema.insert("$id".into(), json!(id));
    schema.insert("title".into(), json!(title));
    let root = definitions.remove(root.name);
    if let Some(Value::Object(root)) = root {
        schema.extend(root);
    }
    definitions.extend(quantities().map(|(name, schema)| (name.to_owned(), schema)));
    schema.insert("$defs".into(), json!(definitions));
    Value::Object(schema)
}

/// Adds a section and all that it leads to.
fn define(section: &'static Section, definitions: &mut BTreeMap<String, Value>) {
    if definitions.contains_key(section.name) {
        return;
    }
    let required: Vec<&str> = section.keys.iter().filter(|key| key.required).map(|key| key.name).collect();
    let mut schema = table(section, section.keys.iter().map(|key| (key.name, property(key))));
    if !required.is_empty() {
        schema.insert("required".into(), json!(required));
    }
    if !section.one_of.is_empty() {
        let choices: Vec<Value> = section.one_of.iter().map(|name| json!({ "required": [name] })).collect();
        schema.insert("oneOf".into(), json!(choices));
    }
    definitions.insert(section.name.to_owned(), Value::Object(schema));
    for key in section.keys {
        match key.kind {
            Kind::Table(inner)
            | Kind::Named(inner)
            | Kind::List(inner)
            | Kind::OneOrMore(inner)
            | Kind::TimeOr(inner) => define(inner, definitions),
            Kind::Partial(inner) => define_defaults(inner, definitions),
            _ => {}
        }
    }
}

/// Adds what there may be a default for in a section and all that it leads to: any part of it.
fn define_defaults(section: &'static Section, definitions: &mut BTreeMap<String, Value>) {
    if is_whole(section) {
        return define(section, definitions);
    }
    let name = defaults_name(section);
    if definitions.contains_key(&name) {
        return;
    }
    let keys = || section.keys.iter().filter(|key| no_default(section, key.name).is_none());
    let schema = table(section, keys().map(|key| (key.name, property_of(key, defaults_kind(key.kind)))));
    definitions.insert(name, Value::Object(schema));
    for key in keys() {
        match key.kind {
            Kind::Table(inner) | Kind::Named(inner) | Kind::OneOrMore(inner) | Kind::TimeOr(inner) => {
                define_defaults(inner, definitions);
            }
            // A list is taken as a whole.
            Kind::List(inner) => define(inner, definitions),
            _ => {}
        }
    }
}

fn defaults_name(section: &Section) -> String {
    if is_whole(section) { section.name.to_owned() } else { format!("default_{}", section.name) }
}

fn defaults_kind(of: Kind) -> Value {
    let reference = |section: &Section| json!({ "$ref": format!("#/$defs/{}", defaults_name(section)) });
    match of {
        Kind::Table(section) | Kind::OneOrMore(section) => reference(section),
        Kind::Named(section) => by_name(reference(section)),
        Kind::TimeOr(section) => json!({ "anyOf": [{ "$ref": "#/$defs/duration" }, reference(section)] }),
        other => kind(other),
    }
}

fn table(section: &Section, properties: impl Iterator<Item = (&'static str, Value)>) -> Map<String, Value> {
    let properties = properties.map(|(name, schema)| (name.to_owned(), schema)).collect();
    let mut schema = Map::new();
    schema.insert("type".into(), json!("object"));
    schema.insert("description".into(), json!(section.about));
    schema.insert("additionalProperties".into(), json!(false));
    schema.insert("properties".into(), Value::Object(properties));
    schema
}

/// Tables by names that the user chooses.
fn by_name(table: Value) -> Value {
    json!({
        "type": "object",
        "propertyNames": { "pattern": "^[A-Za-z0-9_-]{1,40}$" },
        "additionalProperties": table,
    })
}

fn property(key: &Key) -> Value {
    property_of(key, kind(key.kind))
}

fn property_of(key: &Key, kind: Value) -> Value {
    let Value::Object(mut schema) = kind else { return Value::Null };
    schema.insert("description".into(), json!(key.about));
    schema.insert("examples".into(), json!([example(key)]));
    Value::Object(schema)
}

/// The example as JSON. That each is TOML of the right kind is tested.
fn example(key: &Key) -> Value {
    let document = format!("example = {}", key.example);
    toml::from_str::<BTreeMap<String, Value>>(&document)
        .ok()
        .and_then(|mut table| table.remove("example"))
        .unwrap_or(Value::Null)
}

fn kind(kind: Kind) -> Value {
    let reference = |section: &Section| json!({ "$ref": format!("#/$defs/{}", section.name) });
    match kind {
        Kind::Text | Kind::Labels | Kind::Manifest | Kind::Group | Kind::Objective => {
            json!({ "type": "string", "minLength": 1 })
        }
        Kind::Link => json!({ "type": "string", "pattern": or_variable("https?://[^/].*") }),
        Kind::Workload => {
            json!({ "type": "string", "pattern": or_variable("[A-Za-z][A-Za-z0-9.-]*/[a-z0-9][a-z0-9.-]*") })
        }
        Kind::WaitFor => json!({ "type": "string", "pattern": or_variable("(condition|jsonpath)=.+") }),
        Kind::RequestPath => json!({ "type": "string", "pattern": or_variable("/.*") }),
        Kind::Texts { distinct } => json!({
            "type": "array",
            "items": { "type": "string", "minLength": 1 },
            "minItems": 1,
            "uniqueItems": distinct,
        }),
        Kind::Count { min, max } => json!({
            "anyOf": [
                { "type": "integer", "minimum": min, "maximum": max },
                { "$ref": "#/$defs/variable" },
            ],
        }),
        Kind::Factor => json!({
            "anyOf": [
                { "type": "number", "exclusiveMinimum": 0 },
                { "$ref": "#/$defs/variable" },
            ],
        }),
        Kind::Flag => json!({ "anyOf": [{ "type": "boolean" }, { "$ref": "#/$defs/variable" }] }),
        Kind::Time { zero: false } => json!({ "$ref": "#/$defs/duration" }),
        Kind::Time { zero: true } => json!({ "$ref": "#/$defs/duration_or_zero" }),
        Kind::TimeOrAuto => json!({ "anyOf": [{ "const": "auto" }, { "$ref": "#/$defs/duration" }] }),
        Kind::Rate { .. } => json!({ "$ref": "#/$defs/rate" }),
        Kind::Share { .. } => json!({ "$ref": "#/$defs/share" }),
        Kind::Price => json!({ "$ref": "#/$defs/price" }),
        Kind::Word(words) if *words == ANCHORS => json!({ "$ref": "#/$defs/anchor" }),
        Kind::Word(words) => json!({ "enum": words }),
        Kind::CountByGroup => json!({
            "type": "object",
            "minProperties": 1,
            "additionalProperties": { "type": "integer", "minimum": 0, "maximum": CLUSTER_REPLICAS_MAX },
        }),
        Kind::Table(section) => reference(section),
        Kind::Named(section) => by_name(reference(section)),
        Kind::List(section) => json!({ "type": "array", "items": reference(section) }),
        Kind::OneOrMore(section) => json!({
            "anyOf": [reference(section), { "type": "array", "items": reference(section) }],
        }),
        Kind::TimeOr(section) => json!({ "anyOf": [{ "$ref": "#/$defs/duration" }, reference(section)] }),
        Kind::PriceByGroup => {
            json!({ "type": "object", "additionalProperties": { "$ref": "#/$defs/price" } })
        }
        Kind::Hosts => json!({
            "type": "array",
            "items": { "type": "string", "pattern": or_variable("[0-9A-Za-z.:-]+") },
            "uniqueItems": true,
        }),
        Kind::Date => json!({ "type": "string", "pattern": or_variable("[0-9]{4}-[0-9]{2}-[0-9]{2}") }),
        Kind::ByPath => json!({ "type": "object" }),
        Kind::Partial(section) => json!({ "$ref": format!("#/$defs/{}", defaults_name(section)) }),
    }
}

/// Quantities are texts with a unit; what is filled in from the environment is checked when the file is read.
fn quantities() -> [(&'static str, Value); 7] {
    let quantity = |about: &str, pattern: &str, examples: &[&str]| json!({ "type": "string", "description": about, "pattern": or_variable(pattern), "examples": examples });
    // Editors match without looking ahead: a number above zero has a digit above zero after its zeros.
    let (number, above_zero) = ("[0-9.]+", "[0.]*[1-9][0-9.]*");
    let length = |number: &str| format!(r"{number}\s*(h|min|m|s|ms|us)\s*");
    let (lengths, some_length) = (format!("({})", length(number)), length(above_zero));
    [
        (
            "duration",
            quantity(
                "A length of time above zero, with its unit: h, m, s, ms or us.",
                &format!(r"\s*{lengths}*{some_length}{lengths}*"),
                &["5s", "1m 30s", "250ms"],
            ),
        ),
        (
            "duration_or_zero",
            quantity(
                "A length of time with its unit: h, m, s, ms or us.",
                &format!(r"\s*{lengths}+"),
                &["0s", "5s", "250ms"],
            ),
        ),
        (
            "rate",
            quantity(
                "Requests per time.",
                &format!(r"\s*{above_zero}\s*/\s*(s|sec|second|m|min|minute|h|hour)\s*"),
                &["40/s", "1200/min"],
            ),
        ),
        ("share", quantity("A percentage.", r"\s*[0-9.]+\s*%\s*", &["99.9%"])),
        ("price", quantity("Money per hour.", r"\s*[0-9.]+ \s*[A-Z]{3}\s*/\s*h\s*", &["0.10 USD/h"])),
        ("anchor", json!({ "description": "The event that a deadline counts from.", "enum": ANCHORS })),
        (
            "variable",
            json!({
                "type": "string",
                "description": "A value from the environment.",
                "pattern": r"\$\{",
                "examples": ["${REPLICAS:-2}"],
            }),
        ),
    ]
}

fn or_variable(pattern: &str) -> String {
    format!(r"^({pattern})$|\$\{{")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::scenario::{Overrides, Project, Source, read};

    fn sections() -> Vec<&'static Section> {
        fn walk(
            section: &'static Section,
            seen: &mut BTreeSet<&'static str>,
            found: &mut Vec<&'static Section>,
        ) {
            if !seen.insert(section.name) {
                return;
            }
            found.push(section);
            for key in section.keys {
                match key.kind {
                    Kind::Table(inner)
                    | Kind::Named(inner)
                    | Kind::List(inner)
                    | Kind::OneOrMore(inner)
                    | Kind::TimeOr(inner) => walk(inner, seen, found),
                    _ => {}
                }
            }
        }
        let mut found = Vec::new();
        let mut seen = BTreeSet::new();
        walk(&SCENARIO, &mut seen, &mut found);
        walk(&PROJECT, &mut seen, &mut found);
        found
    }

    #[test]
    fn every_key_has_words_and_an_example() {
        for section in sections() {
            for key in section.keys {
                assert!(key.about.ends_with('.'), "{}.{}", section.name, key.name);
                assert!(!example(key).is_null(), "the example of {}.{} is no TOML", section.name, key.name);
            }
            for choice in section.one_of {
                assert!(section.key(choice).is_some_and(|key| !key.required), "{}.{choice}", section.name);
            }
        }
    }

    /// Every key of the table, each with its example, makes files whose only mistakes are between keys.
    #[test]
    fn every_example_is_of_its_own_kind() {
        let bad_kinds = ["wrong-type", "bad-value", "out-of-range", "unknown-key", "missing-key", "syntax"];
        for key in SCENARIO.keys {
            let mut text = String::new();
            for other in SCENARIO.keys {
                if other.name == key.name || other.required {
                    text.push_str(&format!("{} = {}\n", other.name, other.example));
                }
            }
            if let Err(diagnostics) = read(&Source::new("example.toml", text), &Overrides::NONE) {
                for diagnostic in diagnostics {
                    assert!(!bad_kinds.contains(&diagnostic.code()), "{}", diagnostic.plain());
                }
            }
        }
    }

    #[test]
    fn every_example_of_the_settings_is_of_its_own_kind() {
        for (section, header) in sections().iter().filter_map(|section| match section.name {
            "project" => Some((section, "")),
            "profile" => Some((section, "[profile.staging]\n")),
            "quarantine" => Some((section, "[[quarantine]]\n")),
            _ => None,
        }) {
            let lines = section.keys.iter().map(|key| format!("{} = {}\n", key.name, key.example));
            let text = format!("{header}{}", lines.collect::<String>());
            let read = Project::read(&Source::new("springback.toml", text), None, &|_| None);
            assert!(read.is_ok(), "{}", read.unwrap_err()[0].plain());
        }
    }

    #[test]
    fn the_schema_of_defaults_leaves_out_what_has_none() {
        let schema = project_schema();
        let defaults = &schema["$defs"]["default_scenario"];
        assert!(defaults.get("required").is_none());
        for (section, key) in
            [("scenario", "name"), ("scenario", "fault"), ("load", "surge"), ("group", "price")]
        {
            let properties = &schema["$defs"][format!("default_{section}")]["properties"];
            assert!(properties.is_object() && properties.get(key).is_none(), "{section}.{key}");
        }
        assert_eq!(schema["$defs"]["owner"]["required"], json!(["team"]), "an owner holds as a whole");
    }

    #[test]
    fn the_schema_leaves_no_reference_open_and_no_table_open() {
        fn walk(value: &Value, definitions: &Value) {
            match value {
                Value::Object(map) => {
                    if let Some(Value::String(reference)) = map.get("$ref") {
                        let name = reference.trim_start_matches("#/$defs/");
                        assert!(definitions.get(name).is_some(), "{reference} is not defined");
                    }
                    if map.contains_key("properties") {
                        assert_eq!(map.get("additionalProperties"), Some(&json!(false)));
                    }
                    map.values().for_each(|value| walk(value, definitions));
                }
                Value::Array(items) => items.iter().for_each(|item| walk(item, definitions)),
                _ => {}
            }
        }
        for schema in [schema(), system_schema(), expectations_schema(), project_schema()] {
            walk(&schema, &schema["$defs"]);
        }
    }
}
