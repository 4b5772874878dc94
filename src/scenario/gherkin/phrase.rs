//! A sentence of the vocabulary: the ways to say it, and what saying it sets in a scenario.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::OnceLock;

use cucumber_expressions::Expression;
use regex::Regex;
use serde::Serialize;

use crate::scenario::keys::{Key, Kind, SCENARIO, Section};
use crate::scenario::tree::{Node, Value};

use super::spoken;

/// Under which of Gherkin's keywords a sentence stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Keyword {
    /// The system, its steady traffic, its limits.
    Given,
    /// What is done to it.
    When,
    /// What must hold.
    Then,
}

impl Keyword {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Given => "Given",
            Self::When => "When",
            Self::Then => "Then",
        }
    }
}

/// A sentence of the vocabulary.
#[derive(Debug)]
pub(super) struct Phrase {
    pub(super) under: &'static [Keyword],
    /// Cucumber expressions with `[…]` around what may be left out. A parameter is a key below `at`, in dotted form if it is
    /// deeper; the first expression that has all that is to be said is the one that is written.
    pub(super) says: &'static [&'static str],
    pub(super) does: Does,
    /// A whole step, for who reads the list.
    pub(super) example: &'static str,
    /// A table below the example, where it takes one.
    pub(super) table: &'static str,
}

/// What a sentence does to the scenario.
#[derive(Debug, Clone, Copy)]
pub(super) enum Does {
    /// Sets keys of the table at a path. In the path `+` is a new element of a list, and `*` the name that the parameter
    /// `group` or `new` or `objective` gives: that of a group or an objective which exists, or which begins to.
    Set {
        at: &'static str,
        /// What is set without being said: key and value.
        fixed: &'static [(&'static str, &'static str)],
    },
    /// Takes the system from a file.
    Import {
        /// With its load, faults and expectations.
        whole: bool,
    },
    /// Takes the system from the text below the step.
    Inline,
    /// Takes groups from the rows of the table below the step.
    Groups,
}

/// A way to say a phrase, with what may be left out decided.
#[derive(Debug)]
pub(super) struct Form {
    pub(super) phrase: &'static Phrase,
    /// A plain cucumber expression.
    pub(super) expression: String,
    /// Its parameters in order.
    pub(super) parameters: Vec<String>,
    /// Words that a step has to hold, whatever it says: most forms are told apart by them, without a regular expression.
    words: Vec<String>,
    regex: OnceLock<Regex>,
    loose: OnceLock<Regex>,
    /// What each parameter takes by itself.
    values: OnceLock<Vec<Regex>>,
}

/// Where a group stands in the embedded world.
pub(super) const LOCAL_GROUP: &str = "target.local.*";
/// Where it stands in a cluster.
const CLUSTER_GROUP: &str = "target.kubernetes.group.*";

/// A path of the vocabulary within this scenario: what is said of a group of the embedded world is said of a workload
/// where the system runs in a cluster.
pub(super) fn placed<'p>(at: &'p str, root: &Node) -> Cow<'p, str> {
    match at.strip_prefix(LOCAL_GROUP) {
        Some(rest) if is_cluster(root) => Cow::Owned(format!("{CLUSTER_GROUP}{rest}")),
        _ => Cow::Borrowed(at),
    }
}

/// Whether the system of a scenario runs in a cluster.
pub(super) fn is_cluster(root: &Node) -> bool {
    let target = root.get("target");
    !target.get("kubernetes").is_absent() && target.get("local").is_absent()
}

/// What a sentence sets without saying it.
pub(super) fn fixed_value(text: &str) -> Value {
    match text {
        "true" => Value::Flag(true),
        text => Value::Text { text: text.to_owned(), substituted: false },
    }
}

/// The parameters that stand for the `*` of a path.
const NAMES: [&str; 3] = ["group", "new", "objective"];

/// The parameter that names a file.
pub(super) const FILE: &str = "file";

impl Phrase {
    /// The table of a TOML scenario that it says.
    pub(super) fn sets(&self) -> Option<String> {
        let Does::Set { at, .. } = self.does else { return None };
        let parts =
            at.split('.').map(|part| if part == "*" { "NAME" } else { part }).filter(|part| *part != "+");
        let path = parts.collect::<Vec<_>>().join(".");
        (!path.is_empty()).then_some(path)
    }

    /// The key that a parameter sets, with its kind.
    pub(super) fn key(&self, parameter: &str) -> Option<&'static Key> {
        let Does::Set { at, .. } = self.does else { return None };
        descend(section_at(at)?, parameter)
    }

    /// What a parameter takes.
    pub(super) fn kind(&self, parameter: &str) -> Kind {
        match self.key(parameter) {
            Some(key) => key.kind,
            None => Kind::Text,
        }
    }

    /// Whether a parameter is the name in the path, and not a key.
    pub(super) fn is_name(&self, parameter: &str) -> bool {
        NAMES.contains(&parameter) && matches!(self.does, Does::Set { at, .. } if at.contains('*'))
    }

    /// All forms of it.
    pub(super) fn forms(&'static self) -> Vec<Form> {
        self.says.iter().flat_map(|says| expand(says)).map(|expression| Form::new(self, expression)).collect()
    }
}

impl Form {
    fn new(phrase: &'static Phrase, expression: String) -> Self {
        let parameters = parameters(&expression);
        let is_fixed = |word: &&str| !word.contains(['{', '}', '(', ')', '/', '\\']);
        let words = expression.split_whitespace().filter(is_fixed).map(str::to_owned).collect();
        let (regex, loose, values) = (OnceLock::new(), OnceLock::new(), OnceLock::new());
        Self { words, regex, loose, values, phrase, parameters, expression }
    }

    /// Whether a step has the words that stand in every step that says this.
    fn may_be(&self, step: &str) -> bool {
        self.words.iter().all(|word| step.contains(word.as_str()))
    }

    /// Where in a step each parameter stands, if the step says this.
    pub(super) fn captures(&self, step: &str) -> Option<Vec<Range<usize>>> {
        if !self.may_be(step) {
            return None;
        }
        spans(self.regex.get_or_init(|| self.with_loose(|_| false)), step)
    }

    /// The same for a step that would say it, were its parameters of the right kind.
    pub(super) fn loose_captures(&self, step: &str) -> Option<Vec<Range<usize>>> {
        if !self.may_be(step) {
            return None;
        }
        spans(self.loose.get_or_init(|| self.with_loose(|_| true)), step)
    }

    /// The same, with as few parameters of another kind as can be: one if that is enough, else any number.
    pub(super) fn nearly(&self, step: &str) -> Option<Vec<Range<usize>>> {
        let one =
            self.parameters.iter().find_map(|loose| spans(&self.with_loose(|name| name == loose), step));
        one.or_else(|| self.loose_captures(step))
    }

    fn with_loose(&self, is_loose: impl Fn(&str) -> bool) -> Regex {
        let pattern = |name: &String| match is_loose(name) {
            true => ".+?".to_owned(),
            false => spoken::pattern(self.phrase.kind(name)),
        };
        let patterns: HashMap<&str, String> =
            self.parameters.iter().map(|name| (name.as_str(), pattern(name))).collect();
        compile(&self.expression, &patterns)
    }

    /// Whether a text is what the parameter at a position takes.
    pub(super) fn takes(&self, position: usize, text: &str) -> bool {
        let values = self.values.get_or_init(|| {
            self.parameters.iter().map(|parameter| whole(self.phrase.kind(parameter))).collect()
        });
        values.get(position).is_some_and(|value| value.is_match(text))
    }
}

/// Whether a text is a value of a kind, as one says it.
pub(super) fn matches(kind: Kind, text: &str) -> bool {
    whole(kind).is_match(text)
}

fn whole(kind: Kind) -> Regex {
    let pattern = Regex::new(&format!("^(?:{})$", spoken::pattern(kind)));
    pattern.expect("the pattern of a kind is a regular expression")
}

fn spans(regex: &Regex, step: &str) -> Option<Vec<Range<usize>>> {
    let captures = regex.captures(step)?;
    Some(captures.iter().skip(1).flatten().map(|capture| capture.range()).collect())
}

fn compile(expression: &str, patterns: &HashMap<&str, String>) -> Regex {
    Expression::regex_with_parameters(expression, patterns).unwrap_or_else(|error| {
        unreachable!("the vocabulary holds an expression that is none: {expression}: {error}")
    })
}

/// All ways to leave out what stands in brackets, the fullest first.
fn expand(says: &str) -> Vec<String> {
    let Some((before, rest)) = says.split_once('[') else { return vec![says.to_owned()] };
    let (optional, after) = rest.split_once(']').unwrap_or((rest, ""));
    let tails = expand(after);
    let with = tails.iter().map(|tail| format!("{before}{optional}{tail}"));
    let without = tails.iter().map(|tail| format!("{before}{tail}"));
    with.chain(without).collect()
}

fn parameters(expression: &str) -> Vec<String> {
    expression.split('{').skip(1).filter_map(|part| Some(part.split_once('}')?.0.to_owned())).collect()
}

/// The table of keys at a path of [`Does::Set`].
pub(super) fn section_at(at: &str) -> Option<&'static Section> {
    let mut section: &'static Section = &SCENARIO;
    let mut parts = at.split('.').filter(|part| !part.is_empty() && *part != "+");
    while let Some(part) = parts.next() {
        let key = section.key(part)?;
        section = inner(key)?;
        if let Kind::Named(_) = key.kind {
            // The name that stands next leads to the same table, whatever it is.
            parts.next();
        }
    }
    Some(section)
}

/// The key at a dotted path below a table.
pub(super) fn descend(mut section: &'static Section, path: &str) -> Option<&'static Key> {
    let mut parts = path.split('.').peekable();
    loop {
        let key = section.key(parts.next()?)?;
        if parts.peek().is_none() {
            return Some(key);
        }
        section = inner(key)?;
    }
}

pub(super) fn inner(key: &Key) -> Option<&'static Section> {
    match key.kind {
        Kind::Table(inner)
        | Kind::Named(inner)
        | Kind::List(inner)
        | Kind::OneOrMore(inner)
        | Kind::TimeOr(inner) => Some(inner),
        _ => None,
    }
}

/// All keys below a table, in dotted form; those within lists aside.
pub(super) fn paths(section: &'static Section) -> Vec<String> {
    let mut found = Vec::new();
    for key in section.keys {
        found.push(key.name.to_owned());
        if let Kind::Table(inner) | Kind::TimeOr(inner) = key.kind {
            found.extend(paths(inner).into_iter().map(|path| format!("{}.{path}", key.name)));
        }
    }
    found
}

/// Words of which the first is for one and the second for several.
const BY_NUMBER: [&str; 2] = ["is", "stays"];

/// An expression in words, its parameters filled in: with the plural where the number before is not one.
pub(super) fn render(expression: &str, values: &[String]) -> String {
    use cucumber_expressions::{Alternative, SingleExpression};
    let parsed = Expression::parse(expression).unwrap_or_else(|error| unreachable!("no expression: {error}"));
    let mut values = values.iter();
    let mut out = String::new();
    let mut several = false;
    for part in parsed.iter() {
        match part {
            SingleExpression::Text(text) | SingleExpression::Whitespaces(text) => out.push_str(text),
            SingleExpression::Parameter(_) => {
                let value = values.next().map(String::as_str).unwrap_or_default();
                if value.bytes().all(|b| b.is_ascii_digit()) {
                    several = value != "1";
                } else if value.contains("\" and \"") {
                    several = true;
                }
                out.push_str(value);
            }
            SingleExpression::Optional(text) => {
                // A colon always stands; an `s` stands for several.
                if several || &**text.0 == ":" {
                    out.push_str(&text.0);
                }
            }
            SingleExpression::Alternation(alternation) => {
                let words = alternation.iter().map(|word| {
                    word.iter()
                        .map(|part| match part {
                            Alternative::Text(text) => &***text,
                            Alternative::Optional(_) => "",
                        })
                        .collect::<String>()
                });
                let words: Vec<String> = words.collect();
                let by_number = BY_NUMBER.contains(&words[0].as_str());
                out.push_str(&words[usize::from(by_number && several)]);
            }
        }
    }
    out
}
