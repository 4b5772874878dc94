//! What to wait for on an object, as `kubectl wait --for` takes it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A state that an object reports. Written and recorded as text: `condition=AllInjected`, `condition=Ready=False`,
/// `jsonpath={.status.phase}=Running`, `jsonpath={.status.loadBalancer.ingress}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum WaitFor {
    /// A condition has this status.
    Condition {
        /// Its type, in upper or lower case.
        kind: String,
        /// Its status, in upper or lower case; `True` where none is written.
        status: String,
    },
    /// What stands at a path has this value, or has any where none is written.
    JsonPath {
        /// Names and positions from the object's root.
        path: Vec<PathStep>,
        /// The value as text.
        value: Option<String>,
    },
}

/// A step of a path into an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PathStep {
    /// The field of this name.
    Field(String),
    /// The element at this position, from 0.
    Element(usize),
}

/// A text is nothing to wait for. Completes "`wait_for` …".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct WaitForError(String);

impl WaitFor {
    /// Whether an object reports it now. A condition that was observed for an older generation of the object says nothing.
    pub fn holds(&self, object: &Value) -> bool {
        match self {
            Self::Condition { kind, status } => {
                let conditions = object.pointer("/status/conditions").and_then(Value::as_array);
                conditions.is_some_and(|conditions| {
                    conditions.iter().any(|condition| {
                        let is = |field: &str, wanted: &str| {
                            let text = condition.get(field).and_then(Value::as_str);
                            text.is_some_and(|text| text.eq_ignore_ascii_case(wanted))
                        };
                        is("type", kind) && is("status", status) && is_current(object, condition)
                    })
                })
            }
            Self::JsonPath { path, value: wanted } => {
                let found = path.iter().try_fold(object, |value, step| match step {
                    PathStep::Field(name) => value.get(name),
                    PathStep::Element(position) => value.get(position),
                });
                match (found, wanted) {
                    (None | Some(Value::Null), _) => false,
                    (Some(_), None) => true,
                    (Some(Value::String(text)), Some(wanted)) => text == wanted,
                    (Some(value), Some(wanted)) => {
                        serde_json::to_string(value).is_ok_and(|text| text == *wanted)
                    }
                }
            }
        }
    }
}

fn is_current(object: &Value, condition: &Value) -> bool {
    let generation = object.pointer("/metadata/generation").and_then(Value::as_i64);
    let observed =
        condition.get("observedGeneration").or_else(|| object.pointer("/status/observedGeneration"));
    match (generation, observed.and_then(Value::as_i64)) {
        (Some(generation), Some(observed)) => observed >= generation,
        _ => true,
    }
}

impl FromStr for WaitFor {
    type Err = WaitForError;

    fn from_str(text: &str) -> Result<Self, WaitForError> {
        if let Some(rest) = text.strip_prefix("condition=") {
            let (kind, status) = rest.split_once('=').unwrap_or((rest, "True"));
            let is_word = |text: &str| {
                !text.is_empty()
                    && text
                        .bytes()
                        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b'/'))
            };
            if !is_word(kind) || !is_word(status) {
                return Err(WaitForError("names no condition; for example `condition=AllInjected`".into()));
            }
            return Ok(Self::Condition { kind: kind.to_owned(), status: status.to_owned() });
        }
        if let Some(rest) = text.strip_prefix("jsonpath=") {
            return json_path(rest);
        }
        let help = "must be `condition=TYPE`, `condition=TYPE=STATUS`, `jsonpath={.path}` or `jsonpath={.path}=VALUE`";
        Err(WaitForError(help.into()))
    }
}

fn json_path(text: &str) -> Result<WaitFor, WaitForError> {
    let bad = || {
        WaitForError(
            "has a path that is not understood; fields and positions are, for example \
             `jsonpath={.status.experiment.containerRecords[0].phase}=Injected`"
                .into(),
        )
    };
    let (path, value) = match text.strip_prefix('{') {
        Some(rest) => {
            let (path, after) = rest.split_once('}').ok_or_else(bad)?;
            (path, after)
        }
        None => text.split_at(text.find('=').unwrap_or(text.len())),
    };
    let value = match value.strip_prefix('=') {
        Some(value) if !value.is_empty() => Some(value.to_owned()),
        None if value.is_empty() => None,
        _ => return Err(bad()),
    };
    Ok(WaitFor::JsonPath { path: steps(path).ok_or_else(bad)?, value })
}

/// `.a.b[0]['c.d']`, and `\.` for a point within a name.
fn steps(path: &str) -> Option<Vec<PathStep>> {
    let mut steps = Vec::new();
    let mut rest = path.strip_prefix('$').unwrap_or(path);
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix("['") {
            let (name, after) = after.split_once("']")?;
            steps.push(PathStep::Field(name.to_owned()));
            rest = after;
        } else if let Some(after) = rest.strip_prefix('[') {
            let (position, after) = after.split_once(']')?;
            steps.push(PathStep::Element(position.parse().ok()?));
            rest = after;
        } else {
            let after = rest.strip_prefix('.')?;
            let mut name = String::new();
            let mut chars = after.char_indices();
            let mut end = after.len();
            while let Some((at, c)) = chars.next() {
                match c {
                    '\\' => name.push(chars.next()?.1),
                    '.' | '[' => {
                        end = at;
                        break;
                    }
                    c if c.is_alphanumeric() || matches!(c, '_' | '-' | '/') => name.push(c),
                    _ => return None,
                }
            }
            if name.is_empty() {
                return None;
            }
            steps.push(PathStep::Field(name));
            rest = &after[end..];
        }
    }
    (!steps.is_empty()).then_some(steps)
}

impl fmt::Display for WaitFor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Condition { kind, status } if status == "True" => write!(f, "condition={kind}"),
            Self::Condition { kind, status } => write!(f, "condition={kind}={status}"),
            Self::JsonPath { path, value } => {
                write!(f, "jsonpath={{")?;
                for step in path {
                    match step {
                        PathStep::Field(name) => write!(f, ".{}", name.replace('.', "\\."))?,
                        PathStep::Element(position) => write!(f, "[{position}]")?,
                    }
                }
                write!(f, "}}")?;
                value.as_ref().map_or(Ok(()), |value| write!(f, "={value}"))
            }
        }
    }
}

impl TryFrom<String> for WaitFor {
    type Error = WaitForError;

    fn try_from(text: String) -> Result<Self, WaitForError> {
        text.parse()
    }
}

impl From<WaitFor> for String {
    fn from(wait_for: WaitFor) -> Self {
        wait_for.to_string()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn holds(wait_for: &str, object: &Value) -> bool {
        wait_for.parse::<WaitFor>().unwrap().holds(object)
    }

    #[test]
    fn a_condition_holds_with_its_status_and_for_this_generation_only() {
        let mut object = json!({
            "metadata": { "generation": 2 },
            "status": { "conditions": [
                { "type": "Selected", "status": "True" },
                { "type": "AllInjected", "status": "False" },
            ] },
        });
        assert!(holds("condition=Selected", &object));
        assert!(holds("condition=selected=true", &object));
        assert!(!holds("condition=AllInjected", &object));
        assert!(holds("condition=AllInjected=False", &object));
        assert!(!holds("condition=Recovered", &object));
        object["status"]["conditions"][0]["observedGeneration"] = json!(1);
        assert!(!holds("condition=Selected", &object));
        object["status"]["conditions"][0]["observedGeneration"] = json!(2);
        assert!(holds("condition=Selected", &object));
        assert!(!holds("condition=Selected", &json!({})));
    }

    #[test]
    fn a_path_leads_to_a_value() {
        let object = json!({ "status": {
            "phase": "Running", "ready": 3, "done": false, "none": null,
            "items": [{ "state": "injected" }], "a.b": "c",
        } });
        assert!(holds("jsonpath={.status.phase}=Running", &object));
        assert!(holds("jsonpath=.status.phase=Running", &object));
        assert!(!holds("jsonpath={.status.phase}=running", &object));
        assert!(holds("jsonpath={.status.ready}=3", &object));
        assert!(holds("jsonpath={.status.done}=false", &object));
        assert!(holds("jsonpath={.status.items[0].state}=injected", &object));
        assert!(holds("jsonpath={.status.items}", &object));
        assert!(!holds("jsonpath={.status.none}", &object));
        assert!(!holds("jsonpath={.status.items[1].state}", &object));
        assert!(holds("jsonpath={.status.a\\.b}=c", &object));
        assert!(holds("jsonpath={.status['a.b']}=c", &object));
    }

    #[test]
    fn what_is_recorded_reads_as_it_was_written() {
        for text in
            ["condition=Ready", "condition=Ready=False", "jsonpath={.a[0].b\\.c}=d=e", "jsonpath={.a}"]
        {
            let wait_for: WaitFor = text.parse().unwrap();
            assert_eq!(wait_for.to_string(), text);
        }
    }

    #[test]
    fn what_cannot_be_waited_for_is_said() {
        for text in [
            "",
            "Ready",
            "condition=",
            "condition==True",
            "jsonpath=",
            "jsonpath={.a",
            "jsonpath={a}",
            "jsonpath={.a}b",
            "jsonpath={.a}=",
            "jsonpath={.a[x]}",
            "jsonpath={.a[?(@.b)]}",
            "delete",
        ] {
            assert!(text.parse::<WaitFor>().is_err(), "{text}");
        }
    }
}
