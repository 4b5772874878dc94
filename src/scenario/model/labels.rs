//! Label selectors, as `kubectl --selector` takes them.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Terms that all have to hold. Written and recorded as text: `app=checkout,tier!=cache,zone in (a,b)`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LabelSelector {
    /// The terms in the order written; at least one.
    pub terms: Vec<LabelTerm>,
}

/// One term of a selector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelTerm {
    /// The label.
    pub key: String,
    /// What it has to be.
    pub is: LabelTest,
}

/// What a label has to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LabelTest {
    /// There, with one of these values.
    In(Vec<String>),
    /// Absent, or there with none of these values.
    NotIn(Vec<String>),
    /// There.
    Exists,
    /// Absent.
    Absent,
}

/// A text is no label selector. Completes "`labels` …".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct LabelError(String);

impl LabelSelector {
    /// Whether labels match.
    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        self.terms.iter().all(|term| match (&term.is, labels.get(&term.key)) {
            (LabelTest::In(values), Some(value)) => values.contains(value),
            (LabelTest::In(_), None) => false,
            (LabelTest::NotIn(values), value) => value.is_none_or(|value| !values.contains(value)),
            (LabelTest::Exists, value) => value.is_some(),
            (LabelTest::Absent, value) => value.is_none(),
        })
    }
}

impl FromStr for LabelSelector {
    type Err = LabelError;

    fn from_str(text: &str) -> Result<Self, LabelError> {
        let terms = split_terms(text).into_iter().map(term).collect::<Result<_, _>>()?;
        Ok(Self { terms })
    }
}

/// At the commas that stand between terms, not between values.
fn split_terms(text: &str) -> Vec<&str> {
    let mut depth = 0_i32;
    text.split(|c| {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        c == ',' && depth <= 0
    })
    .map(str::trim)
    .collect()
}

fn term(text: &str) -> Result<LabelTerm, LabelError> {
    let bad = |why: String| Err(LabelError(why));
    if text.is_empty() {
        return bad("has an empty term; write terms like `app=checkout`, with commas between them".into());
    }
    if let Some((left, right)) = text.split_once(" in ").or_else(|| text.split_once(" in(")) {
        return Ok(LabelTerm { key: key(left)?, is: LabelTest::In(values(text, right)?) });
    }
    if let Some((left, right)) = text.split_once(" notin ").or_else(|| text.split_once(" notin(")) {
        return Ok(LabelTerm { key: key(left)?, is: LabelTest::NotIn(values(text, right)?) });
    }
    if let Some((left, right)) = text.split_once("!=") {
        return Ok(LabelTerm { key: key(left)?, is: LabelTest::NotIn(vec![value(right)?]) });
    }
    if let Some((left, right)) = text.split_once("==").or_else(|| text.split_once('=')) {
        return Ok(LabelTerm { key: key(left)?, is: LabelTest::In(vec![value(right)?]) });
    }
    match text.strip_prefix('!') {
        Some(rest) => Ok(LabelTerm { key: key(rest)?, is: LabelTest::Absent }),
        None => Ok(LabelTerm { key: key(text)?, is: LabelTest::Exists }),
    }
}

/// A label's key: a name, with or without a prefix that is a domain.
fn key(text: &str) -> Result<String, LabelError> {
    let text = text.trim();
    let (prefix, name) = text.split_once('/').map_or((None, text), |(prefix, name)| (Some(prefix), name));
    let is_domain = |prefix: &str| {
        (1..=253).contains(&prefix.len())
            && prefix
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'-'))
    };
    if prefix.is_none_or(is_domain) && !name.is_empty() && is_name(name) {
        return Ok(text.to_owned());
    }
    Err(LabelError(format!("has {text:?} where the key of a label belongs; for example `app=checkout`")))
}

fn values(term: &str, right: &str) -> Result<Vec<String>, LabelError> {
    let inner = right.trim().trim_start_matches('(').strip_suffix(')');
    let Some(inner) = inner else {
        return Err(LabelError(format!(
            "has no closing parenthesis in {term:?}; for example `zone in (a, b)`"
        )));
    };
    inner.split(',').map(value).collect()
}

fn value(text: &str) -> Result<String, LabelError> {
    let text = text.trim();
    if text.is_empty() || is_name(text) {
        return Ok(text.to_owned());
    }
    Err(LabelError(format!("has {text:?} where the value of a label belongs; for example `app=checkout`")))
}

/// At most 63 letters, digits, `-`, `_` and `.`, of which the last three stand neither first nor last.
fn is_name(text: &str) -> bool {
    let is_edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    text.len() <= 63
        && is_edge(text.chars().next())
        && is_edge(text.chars().next_back())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

impl fmt::Display for LabelSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, LabelTerm { key, is }) in self.terms.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            match is {
                LabelTest::In(values) if values.len() == 1 => write!(f, "{comma}{key}={}", values[0])?,
                LabelTest::NotIn(values) if values.len() == 1 => write!(f, "{comma}{key}!={}", values[0])?,
                LabelTest::In(values) => write!(f, "{comma}{key} in ({})", values.join(","))?,
                LabelTest::NotIn(values) => write!(f, "{comma}{key} notin ({})", values.join(","))?,
                LabelTest::Exists => write!(f, "{comma}{key}")?,
                LabelTest::Absent => write!(f, "{comma}!{key}")?,
            }
        }
        Ok(())
    }
}

impl TryFrom<String> for LabelSelector {
    type Error = LabelError;

    fn try_from(text: String) -> Result<Self, LabelError> {
        text.parse()
    }
}

impl From<LabelSelector> for String {
    fn from(selector: LabelSelector) -> Self {
        selector.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    fn matches(selector: &str, pairs: &[(&str, &str)]) -> bool {
        selector.parse::<LabelSelector>().unwrap().matches(&labels(pairs))
    }

    #[test]
    fn every_term_has_to_hold() {
        let pod = [("app", "checkout"), ("track", "canary"), ("example.com/shard", "3")];
        assert!(matches("app=checkout", &pod));
        assert!(matches("app==checkout, track!=stable", &pod));
        assert!(matches("track in (canary, beta),example.com/shard", &pod));
        assert!(matches("track notin (stable),!legacy", &pod));
        assert!(!matches("app=checkout,track=stable", &pod));
        assert!(!matches("track in (stable,beta)", &pod));
        assert!(!matches("legacy", &pod));
        assert!(!matches("!app", &pod));
    }

    #[test]
    fn what_must_not_be_may_also_be_absent() {
        assert!(matches("track!=stable", &[("app", "checkout")]));
        assert!(matches("track notin (stable, beta)", &[]));
        assert!(!matches("track=stable", &[]));
    }

    #[test]
    fn what_is_recorded_reads_as_it_was_written() {
        for text in ["app=checkout", "a!=b,c in (d,e),f notin (g,h),i,!j", "example.com/a="] {
            let selector: LabelSelector = text.parse().unwrap();
            assert_eq!(selector.to_string(), text);
            let recorded = serde_json::to_string(&selector).unwrap();
            assert_eq!(serde_json::from_str::<LabelSelector>(&recorded).unwrap(), selector);
        }
    }

    #[test]
    fn what_is_no_selector_is_said() {
        for text in ["", "a=b,", "=b", "a=b c", "a in (b", "a b", "-a=b", "A/b=c", "a=b=c"] {
            assert!(text.parse::<LabelSelector>().is_err(), "{text}");
        }
    }
}
