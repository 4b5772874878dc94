//! One line: `{"n":…,"t_us":…,"<event>":{…}}`.

use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use super::event::{Event, Record};

/// Names of the events that this version knows; an event under any other name is from a newer minor version.
pub(super) const KNOWN: [&str; 30] = [
    "header",
    "clock",
    "phase",
    "alive",
    "lost",
    "desired",
    "instance",
    "autoscaler",
    "decision",
    "route",
    "rewritten",
    "tear_down",
    "load",
    "harness",
    "surge_start",
    "surge_end",
    "intent",
    "undo_recorded",
    "acknowledged",
    "inject_failed",
    "effect_seen",
    "effect",
    "fault_skipped",
    "healed",
    "stopped",
    "interrupted",
    "quiesced",
    "note",
    "child",
    "seal",
];

impl Serialize for Record {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::Error;
        let event = match serde_json::to_value(&self.event).map_err(S::Error::custom)? {
            Value::Object(event) => event,
            _ => return Err(S::Error::custom("an event of a newer version cannot be written")),
        };
        let mut map = serializer.serialize_map(Some(3))?;
        map.serialize_entry("n", &self.n)?;
        map.serialize_entry("t_us", &self.t_us)?;
        for (name, value) in &event {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Record {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error;
        let mut map = Map::<String, Value>::deserialize(deserializer)?;
        let mut number = |key: &str| {
            map.remove(key)
                .and_then(|value| value.as_u64())
                .ok_or_else(|| D::Error::custom(format!("\"{key}\" is missing or no whole number")))
        };
        let (n, t_us) = (number("n")?, number("t_us")?);
        let known = map.keys().find(|key| KNOWN.contains(&key.as_str())).cloned();
        let event = match known {
            Some(name) => {
                let value = map.remove(&name).unwrap_or_default();
                let event = Map::from_iter([(name, value)]);
                serde_json::from_value(Value::Object(event)).map_err(D::Error::custom)?
            }
            None => match map.into_iter().next() {
                Some((name, _)) => Event::Unknown(name),
                None => return Err(D::Error::custom("the line carries no event")),
            },
        };
        Ok(Self { n, t_us, event })
    }
}
