//! How a value is said in a sentence, and how it is written in a file: each kind of the format's keys, both ways.
//!
//! Only the form changes here. Whether a number is within its limits, or a group exists, is for the readers that TOML goes
//! through, too.

use std::borrow::Cow;
use std::ops::Range;

use crate::scenario::keys::{Key, Kind};
use crate::scenario::syntax;
use crate::scenario::tree::{Entry, Node, Place, Value};
use crate::scenario::units::Span;

/// Words for what a file says with a keyword: the first is the one that is written, the others are understood.
const SPOKEN_WORDS: [(&str, &[&str]); 8] = [
    ("surge-start", &["the surge beginning", "the surge starting"]),
    ("surge-end", &["the surge ending"]),
    ("healed", &["the faults being healed", "the system being healed"]),
    ("primary-healthy", &["the primary being healthy"]),
    ("quiesce", &["the stimuli ending", "quiesce"]),
    ("kill", &["killed"]),
    ("graceful", &["terminated gracefully", "gracefully terminated"]),
    ("evict", &["evicted"]),
];

/// The autoscaler's own deadline.
const AUTO: &str = "the autoscaler's own time";

const NUMBER: &str = r"(?:[0-9]+(?:\.[0-9]+)?|\$\{[^}]*\})";
const COUNT: &str = r"(?:[0-9]+|\$\{[^}]*\})";
const VARIABLE: &str = r"\$\{[^}]*\}";
const TEXT: &str = r#"(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')"#;
const TIME_UNIT: &str =
    "(?:milliseconds?|ms|microseconds?|us|seconds?|secs?|s|minutes?|mins?|m|hours?|hrs?|h)";

/// Units as they are said, with how a file writes them.
const UNITS: [(&str, &str); 21] = [
    ("milliseconds", "ms"),
    ("millisecond", "ms"),
    ("microseconds", "us"),
    ("microsecond", "us"),
    ("seconds", "s"),
    ("second", "s"),
    ("minutes", "m"),
    ("minute", "m"),
    ("hours", "h"),
    ("hour", "h"),
    ("secs", "s"),
    ("sec", "s"),
    ("mins", "m"),
    ("min", "m"),
    ("hrs", "h"),
    ("hr", "h"),
    ("ms", "ms"),
    ("us", "us"),
    ("s", "s"),
    ("m", "m"),
    ("h", "h"),
];

/// The regular expression of all ways to say a value of this kind. It has no capturing groups.
pub(super) fn pattern(kind: Kind) -> String {
    match kind {
        Kind::Time { .. } | Kind::TimeOr(_) => time_pattern(),
        Kind::TimeOrAuto => format!("{}|{AUTO}", time_pattern()),
        Kind::Rate { .. } => {
            format!(
                "{NUMBER}(?: requests?)?(?: ?/ ?| per | a )(?:seconds?|sec|s|minutes?|min|m|hours?|h)|{VARIABLE}"
            )
        }
        Kind::Share { .. } => format!("{NUMBER}(?: ?%| percent)|{VARIABLE}"),
        Kind::Price => format!("{NUMBER} [A-Z]{{3}}(?: ?/ ?| per | an )(?:hour|h)|{VARIABLE}"),
        Kind::Count { .. } => COUNT.to_owned(),
        Kind::Factor => NUMBER.to_owned(),
        Kind::Flag => "true|false".to_owned(),
        kind if kind.is_text() => TEXT.to_owned(),
        Kind::Group | Kind::Objective => TEXT.to_owned(),
        Kind::Texts { .. } => format!("{TEXT}(?:(?:, and |, | and ){TEXT})*"),
        Kind::Word(words) => words.iter().flat_map(|word| spoken_words(word)).collect::<Vec<_>>().join("|"),
        Kind::CountByGroup => {
            let one = format!("(?:{TEXT} (?:has )?at most {COUNT}(?: instances?)?)");
            format!("{one}(?:(?:, and |, | and ){one})*")
        }
        Kind::Table(_) | Kind::Named(_) | Kind::List(_) | Kind::OneOrMore(_) => {
            unreachable!("a table is not said in one value")
        }
        _ => unreachable!("no scenario has this"),
    }
}

fn time_pattern() -> String {
    let one = format!("{NUMBER} ?{TIME_UNIT}");
    format!("(?:{one}(?:(?:, | and | ){one})*|{VARIABLE})")
}

fn spoken_words(word: &'static str) -> Vec<&'static str> {
    SPOKEN_WORDS.iter().find(|(known, _)| *known == word).map_or(vec![word], |(_, spoken)| spoken.to_vec())
}

/// What one would say for an example of this kind, to complete "must be …".
pub(super) fn wanted(kind: Kind) -> String {
    match kind {
        Kind::Time { .. } | Kind::TimeOr(_) => {
            r#"a length of time such as "30 seconds" or "1 minute 30 seconds", in hours, minutes, seconds, ms or us"#.to_owned()
        }
        Kind::TimeOrAuto => format!(r#"a length of time such as "30 seconds", or "{AUTO}""#),
        Kind::Rate { .. } => r#"a rate such as "40 requests per second""#.to_owned(),
        Kind::Share { .. } => r#"a percentage such as "99.9%""#.to_owned(),
        Kind::Price => r#"a price such as "0.10 USD per hour""#.to_owned(),
        Kind::Count { .. } => "a whole number in digits".to_owned(),
        Kind::Factor => "a number in digits".to_owned(),
        Kind::Flag => "`true` or `false`".to_owned(),
        Kind::Texts { .. } => r#"names in quotation marks such as "primary-1" and "primary-2""#.to_owned(),
        Kind::Word(words) => {
            let known: Vec<String> =
                words.iter().flat_map(|word| spoken_words(word)).map(|word| format!("\"{word}\"")).collect();
            format!("one of {}", known.join(", "))
        }
        Kind::CountByGroup => r#"like "primary" has at most 2 instances and "standby" at most 1"#.to_owned(),
        _ => "a name in quotation marks".to_owned(),
    }
}

/// A spoken value as the file format has it. The text is known to match the kind's pattern; `place` maps a part of it to
/// where it is written.
pub(super) fn value(kind: Kind, text: &str, place: &dyn Fn(Range<usize>) -> Place) -> Value {
    let plain = |text: String| Value::Text { text, substituted: false };
    match kind {
        Kind::TimeOrAuto if text == AUTO => plain("auto".to_owned()),
        Kind::Time { .. } | Kind::TimeOr(_) | Kind::TimeOrAuto => plain(written_time(text)),
        Kind::Rate { .. } => plain(written_rate(text)),
        Kind::Share { .. } => plain(text.replace(" percent", "%").replace(" %", "%")),
        Kind::Price => plain(written_price(text)),
        // What comes from outside is a text in which a number is expected.
        Kind::Count { .. } => match text.parse() {
            Ok(number) => Value::Integer(number),
            Err(_) => plain(text.to_owned()),
        },
        Kind::Factor => match text.parse() {
            Ok(number) => Value::Float(number),
            Err(_) => plain(text.to_owned()),
        },
        Kind::Flag => Value::Flag(text == "true"),
        Kind::Word(words) => {
            let word = words.iter().find(|word| spoken_words(word).contains(&text));
            plain(word.copied().unwrap_or(text).to_owned())
        }
        Kind::Texts { .. } => Value::List(
            texts(text)
                .map(|span| {
                    let text = plain(unquoted(&text[span.clone()]).into_owned());
                    Node { place: Some(place(span)), value: text }
                })
                .collect(),
        ),
        Kind::CountByGroup => Value::Table(counts(text, place)),
        _ => plain(unquoted(text).into_owned()),
    }
}

/// A cell of a table: said as in a sentence, or written as in a file, with or without quotation marks.
pub(super) fn cell_value(key: &Key, text: &str, matches: bool, place: &Place) -> Value {
    if matches {
        let whole = |_: Range<usize>| place.clone();
        return value(key.kind, text, &whole);
    }
    match key.kind {
        kind if kind.is_text() || matches!(kind, Kind::Group | Kind::Objective) => {
            Value::Text { text: text.to_owned(), substituted: false }
        }
        _ => {
            let mut node = syntax::parse_value(text, place.source, 0);
            settle(&mut node, place);
            node.value
        }
    }
}

/// All of a cell's value is written in the cell.
fn settle(node: &mut Node, place: &Place) {
    node.place = Some(place.clone());
    match &mut node.value {
        Value::List(items) => items.iter_mut().for_each(|item| settle(item, place)),
        Value::Table(entries) => entries.iter_mut().for_each(|entry| {
            entry.key_place = place.clone();
            settle(&mut entry.node, place);
        }),
        Value::Text { substituted, .. } => *substituted = false,
        _ => {}
    }
}

fn written_time(text: &str) -> String {
    let words = text.replace(',', " ").replace(" and ", " ");
    let mut parts: Vec<String> = Vec::new();
    for word in words.split_whitespace() {
        match (written_unit(word), parts.last_mut()) {
            (Some(unit), Some(number)) => number.push_str(unit),
            _ => parts.push(glued_unit(word)),
        }
    }
    parts.join(" ")
}

/// `30seconds` is `30s`; `30s` and `30` stay.
fn glued_unit(word: &str) -> String {
    let digits = word.rfind(|c: char| !c.is_ascii_alphabetic()).map_or(0, |at| at + 1);
    let unit = &word[digits..];
    format!("{}{}", &word[..digits], written_unit(unit).unwrap_or(unit))
}

fn written_unit(said: &str) -> Option<&'static str> {
    UNITS.iter().find(|(known, _)| *known == said).map(|(_, unit)| *unit)
}

fn written_rate(text: &str) -> String {
    let without = text.replace(" requests", "").replace(" request", "");
    let Some((number, unit)) = [" per ", " a ", "/"].iter().find_map(|by| without.split_once(by)) else {
        return text.to_owned();
    };
    format!("{}/{}", number.trim(), short_unit(unit.trim()))
}

fn short_unit(unit: &str) -> &str {
    match unit.chars().next() {
        Some('s') => "s",
        Some('m') => "min",
        _ => "h",
    }
}

fn written_price(text: &str) -> String {
    let Some((amount, _)) = [" per ", " an ", "/"].iter().find_map(|by| text.split_once(by)) else {
        return text.to_owned();
    };
    format!("{}/h", amount.trim())
}

/// Where the quoted texts in a list of them stand.
fn texts(text: &str) -> impl Iterator<Item = Range<usize>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at + text[at..].find(['"', '\''])?;
        let quote = text[start..].chars().next()?;
        let mut escaped = false;
        let inside = text[start + 1..].char_indices().find(|(_, c)| {
            let ends = *c == quote && !escaped;
            escaped = *c == '\\' && !escaped;
            ends
        });
        let end = start + 1 + inside?.0 + 1;
        at = end;
        Some(start..end)
    })
}

fn counts(text: &str, place: &dyn Fn(Range<usize>) -> Place) -> Vec<Entry> {
    let names: Vec<Range<usize>> = texts(text).collect();
    let mut entries = Vec::new();
    for (index, name) in names.iter().enumerate() {
        let until = names.get(index + 1).map_or(text.len(), |next| next.start);
        let said = &text[name.end..until];
        let start = name.end + said.find("at most ").map_or(0, |at| at + "at most ".len());
        let length = text[start..until].find([' ', ',']).unwrap_or(until - start);
        let span = start..start + length;
        entries.push(Entry {
            key: unquoted(&text[name.clone()]).into_owned(),
            key_place: place(name.clone()),
            node: Node {
                value: value(Kind::Count { min: 0, max: u32::MAX }, &text[span.clone()], place),
                place: Some(place(span)),
            },
        });
    }
    entries
}

/// What stands between quotation marks.
pub(super) fn unquoted(text: &str) -> Cow<'_, str> {
    let Some(inner) = ['"', '\''].iter().find_map(|quote| text.strip_prefix(*quote)?.strip_suffix(*quote))
    else {
        return Cow::Borrowed(text);
    };
    if !inner.contains('\\') {
        return Cow::Borrowed(inner);
    }
    let mut out = String::new();
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        out.push(if c == '\\' { chars.next().unwrap_or('\\') } else { c });
    }
    Cow::Owned(out)
}

/// A text as a sentence takes it.
pub(super) fn quoted_text(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// A value as one says it; `None` where it has no such form.
pub(super) fn said(kind: Kind, node: &Node) -> Option<String> {
    let text = match &node.value {
        Value::Text { text, .. } => Some(text.as_str()),
        _ => None,
    };
    match kind {
        Kind::TimeOrAuto if text == Some("auto") => Some(AUTO.to_owned()),
        Kind::Time { .. } | Kind::TimeOr(_) | Kind::TimeOrAuto => Some(said_time(text?)),
        Kind::Rate { .. } => Some(said_rate(text?)),
        Kind::Share { .. } => text.map(|text| text.trim().to_owned()),
        Kind::Price => text.map(|text| text.replace("/h", " per hour").replace(" / h", " per hour")),
        Kind::Word(_) => text.map(|text| {
            let spoken = SPOKEN_WORDS.iter().find(|(known, _)| *known == text);
            spoken.map_or(text, |(_, spoken)| spoken[0]).to_owned()
        }),
        kind if kind.is_text() || matches!(kind, Kind::Group | Kind::Objective) => text.map(quoted_text),
        Kind::Count { .. } | Kind::Factor | Kind::Flag => match &node.value {
            Value::Integer(number) => Some(number.to_string()),
            Value::Float(number) => Some(number.to_string()),
            Value::Flag(flag) => Some(flag.to_string()),
            _ => text.map(str::to_owned),
        },
        Kind::Texts { .. } => {
            let items = node.items().iter().map(|item| said(Kind::Text, item)).collect::<Option<Vec<_>>>()?;
            Some(joined(&items))
        }
        Kind::CountByGroup => {
            let counts = node
                .entries()
                .iter()
                .map(|entry| Some((quoted_text(&entry.key), said(Kind::Factor, &entry.node)?)))
                .collect::<Option<Vec<_>>>()?;
            let parts: Vec<String> = counts
                .iter()
                .enumerate()
                .map(|(index, (group, count))| match (index, count.as_str()) {
                    (0, "1") => format!("{group} has at most 1 instance"),
                    (0, _) => format!("{group} has at most {count} instances"),
                    _ => format!("{group} at most {count}"),
                })
                .collect();
            Some(joined(&parts))
        }
        _ => None,
    }
}

fn joined(parts: &[String]) -> String {
    match parts {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

fn said_time(text: &str) -> String {
    let Ok(span) = text.parse::<Span>() else { return text.to_owned() };
    let parts: Vec<String> = span
        .to_string()
        .split(' ')
        .map(|part| {
            let unit_at = part.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(part.len());
            let (number, unit) = part.split_at(unit_at);
            let word = match unit {
                "h" => "hour",
                "m" => "minute",
                "s" => "second",
                "ms" => return format!("{number} ms"),
                _ => return format!("{number} us"),
            };
            if number == "1" { format!("1 {word}") } else { format!("{number} {word}s") }
        })
        .collect();
    parts.join(" ")
}

fn said_rate(text: &str) -> String {
    let Some((number, unit)) = text.split_once('/') else { return text.to_owned() };
    let unit = match unit.trim().chars().next() {
        Some('s') => "second",
        Some('m') => "minute",
        _ => "hour",
    };
    let number = number.trim();
    let requests = if number == "1" { "request" } else { "requests" };
    format!("{number} {requests} per {unit}")
}
