//! TOML text → tree. What toml calls an error is said again in words of our own, once for each mistake.

use std::collections::BTreeSet;

use toml::de::{DeArray, DeTable, DeValue, Error as TomlError};

use super::diagnostic::Diagnostic;
use super::problems::{Problems, SourceId};
use super::spelling::nearest;
use super::tree::{Entry, Node, Place, Value, quoted};

/// Deepest nesting of brackets that is read. The format itself needs less than ten.
const DEPTH_MAX: usize = 32;
/// A file with more mistakes than that is no TOML at all.
const MISTAKES_MAX: usize = 500;

/// Reads the file's text. `None` if its brackets or quotes are so broken that nothing in it can be trusted.
pub(super) fn parse(text: &str, problems: &Problems) -> Option<Node> {
    parse_at(text, SourceId::FILE, 0, problems)
}

/// Reads a text that begins at an offset of a source: another file's, or a part of one that is no TOML as a whole.
pub(super) fn parse_at(text: &str, source: SourceId, offset: usize, problems: &Problems) -> Option<Node> {
    let written =
        |span: std::ops::Range<usize>| Place { source, span: span.start + offset..span.end + offset };
    match brackets(text) {
        Brackets::Balanced => {}
        Brackets::TooDeep(at) => {
            problems.add(
                Diagnostic::error(
                    "nested-too-deeply",
                    format!("brackets are nested more than {DEPTH_MAX} deep here"),
                )
                .help("no scenario nests that deep; is a closing bracket missing before?"),
                Some(&written(at..at + 1)),
                "this one is too deep",
            );
            return None;
        }
        Brackets::Unclosed(at, bracket) => {
            let closing = if bracket == '[' { ']' } else { '}' };
            problems.add(
                Diagnostic::error("syntax", format!("this `{bracket}` is never closed"))
                    .help(format!("add the missing `{closing}`; all that follows was read as a part of it")),
                Some(&written(at..at + 1)),
                "opened here",
            );
            return None;
        }
        Brackets::UnclosedText(at) => {
            problems.add(
                Diagnostic::error("syntax", "this text is never closed").help(
                    "add the missing closing quotation marks; all that follows was read as a part of it",
                ),
                Some(&written(at..at + 3)),
                "opened here",
            );
            return None;
        }
    }
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut root = table_node(Some(file_place(0..0)), table.get_ref());
    if errors.is_empty() {
        relocate(&mut root, source, offset);
        return Some(root);
    }
    let line_starts: Vec<usize> =
        std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
    let mut broken = Vec::new();
    let mut lines_said = BTreeSet::new();
    for error in errors.iter().take(MISTAKES_MAX) {
        let span = error.span().unwrap_or(0..0);
        broken.push(span.clone());
        // The first mistake of a line is the one that was made; what follows on it mostly comes from that.
        let is_first = lines_said.insert(line_starts.partition_point(|start| *start <= span.start));
        let mistake = Mistake::of(text, error, span);
        if !mistake.value_only {
            problems.mark_incomplete();
        }
        if is_first {
            mistake.report(text, &root, problems, &written);
        }
    }
    if errors.len() > MISTAKES_MAX {
        return None;
    }
    mark_broken(&mut root, &broken);
    relocate(&mut root, source, offset);
    Some(root)
}

/// A single value, as given with `--set`; anything that is not TOML is meant as text.
pub(super) fn parse_value(text: &str, source: SourceId, offset: usize) -> Node {
    let balanced = matches!(brackets(text), Brackets::Balanced);
    let mut node = match DeValue::parse(text) {
        Ok(value) if balanced => value_node(value.span(), value.get_ref()),
        _ => Node {
            place: Some(file_place(0..text.len())),
            value: Value::Text { text: text.to_owned(), substituted: true },
        },
    };
    relocate(&mut node, source, offset);
    node
}

/// A dotted key as TOML writes it, with the span of each part.
pub(super) fn parse_path(text: &str) -> Option<Vec<(String, std::ops::Range<usize>)>> {
    // Only a key: with a comment or a line break in it, more would be read than a path.
    if text.contains(['\n', '\r', '#', '=']) || text.len() > 1_000 {
        return None;
    }
    let whole = format!("{text}=0");
    let table = DeTable::parse(&whole).ok()?;
    let mut parts = Vec::new();
    let mut table = table.get_ref();
    loop {
        let (key, value) = table.iter().next()?;
        parts.push((key.get_ref().to_string(), key.span()));
        match value.get_ref() {
            DeValue::Table(inner) => table = inner,
            _ => return Some(parts),
        }
    }
}

/// Says that all of a tree stands in another source, `offset` further on.
pub(super) fn relocate(node: &mut Node, source: SourceId, offset: usize) {
    let shift = |place: &mut Place| {
        place.source = source;
        place.span = place.span.start + offset..place.span.end + offset;
    };
    if let Some(place) = &mut node.place {
        shift(place);
    }
    match &mut node.value {
        Value::List(items) => items.iter_mut().for_each(|item| relocate(item, source, offset)),
        Value::Table(entries) => {
            for entry in entries {
                shift(&mut entry.key_place);
                relocate(&mut entry.node, source, offset);
            }
        }
        _ => {}
    }
}

fn file_place(span: std::ops::Range<usize>) -> Place {
    Place { source: SourceId::FILE, span }
}

fn value_node(span: std::ops::Range<usize>, value: &DeValue<'_>) -> Node {
    let place = Some(file_place(span));
    let value = match value {
        DeValue::String(text) => Value::Text { text: text.to_string(), substituted: false },
        DeValue::Integer(number) => match i128::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => Value::Integer(number),
            Err(_) => Value::Integer(i128::MAX),
        },
        DeValue::Float(number) => number.as_str().parse().map_or(Value::Broken, Value::Float),
        DeValue::Boolean(flag) => Value::Flag(*flag),
        DeValue::Datetime(_) => Value::Date,
        DeValue::Array(items) => Value::List(list_items(items)),
        DeValue::Table(table) => return table_node(place, table),
    };
    Node { place, value }
}

fn list_items(items: &DeArray<'_>) -> Vec<Node> {
    items.iter().map(|item| value_node(item.span(), item.get_ref())).collect()
}

fn table_node(place: Option<Place>, table: &DeTable<'_>) -> Node {
    let mut entries: Vec<Entry> = table
        .iter()
        .map(|(key, value)| Entry {
            key: key.get_ref().to_string(),
            key_place: file_place(key.span()),
            node: value_node(value.span(), value.get_ref()),
        })
        .collect();
    entries.sort_by_key(|entry| entry.key_place.span.start);
    Node { place, value: Value::Table(entries) }
}

/// Values that overlap a reported mistake are not reported on again.
fn mark_broken(node: &mut Node, broken: &[std::ops::Range<usize>]) {
    match &mut node.value {
        Value::List(items) => items.iter_mut().for_each(|item| mark_broken(item, broken)),
        Value::Table(entries) => entries.iter_mut().for_each(|entry| mark_broken(&mut entry.node, broken)),
        value => {
            let Some(place) = &node.place else { return };
            if broken.iter().any(|at| at.start <= place.span.end && place.span.start <= at.end.max(at.start))
            {
                *value = Value::Broken;
            }
        }
    }
}

const DUPLICATE: &str = "duplicate-key";

struct Mistake {
    diagnostic: Diagnostic,
    span: std::ops::Range<usize>,
    label: String,
    /// Nothing else in the file is misread because of it.
    value_only: bool,
}

impl Mistake {
    fn of(text: &str, error: &TomlError, span: std::ops::Range<usize>) -> Self {
        let said = error.message();
        let seen = text.get(span.clone()).unwrap_or_default();
        let (what, expected) = said.split_once(", expected ").unwrap_or((said, ""));
        let of = |code, message: &str, label: &str, help: &str, value_only| {
            let diagnostic = Diagnostic::error(code, message);
            Self {
                diagnostic: if help.is_empty() { diagnostic } else { diagnostic.help(help) },
                span: span.clone(),
                label: label.to_owned(),
                value_only,
            }
        };
        match what {
            "duplicate key" => of(
                DUPLICATE,
                &format!("`{}` is written twice", seen.trim_matches(['"', '\''])),
                "written again here",
                "keep one of them",
                true,
            ),
            "string values must be quoted" if seen.is_empty() => {
                of("syntax", "a value is missing here", "nothing follows the `=`", "", true)
            }
            "string values must be quoted" | "invalid boolean" => {
                let help = match nearest(seen, ["true", "false"]) {
                    Some(near) => format!("did you mean {near}?"),
                    None if seen.contains(|c: char| c.is_ascii_digit()) => {
                        format!("write \"{}\"", seen.trim())
                    }
                    None => format!("write \"{}\", or a number in digits", seen.trim()),
                };
                let message = format!("{} is not a value; text needs quotation marks", quoted(seen));
                of("syntax", &message, "not in quotation marks", &help, true)
            }
            "invalid basic string" | "invalid literal string"
                if expected.contains('"') || expected.contains('\'') =>
            {
                of("syntax", "this text has no end", "the closing quotation mark is missing", "", true)
            }
            "missing escaped value" | "too few unicode value digits" | "invalid value" => of(
                "syntax",
                "this is no escape sequence that TOML knows",
                "after the backslash",
                "write `\\\\` for a backslash, or put the text in single quotation marks",
                true,
            ),
            "unexpected leading zero" => {
                of("syntax", "a number may not begin with 0", "this zero is too much", "leave it away", true)
            }
            "key with no value" => of(
                "syntax",
                "a key stands here without a value",
                "an `=` is missing before this",
                "write `key = value`",
                false,
            ),
            "unexpected key or value" | "unexpected content" => of(
                "syntax",
                "something follows that belongs on a line of its own",
                "the value ends before this",
                "one `key = value` a line; text needs quotation marks",
                false,
            ),
            "unclosed table" | "unclosed array table" => {
                of("syntax", "the name of a table is never closed", "a `]` is missing here", "", false)
            }
            "missing comma between array elements" | "missing comma between key-value pairs" => {
                of("syntax", "a comma is missing", "before this", "", false)
            }
            "extra comma in array" | "extra comma in inline table" => {
                of("syntax", "there is a comma too many", "this one", "", false)
            }
            "recursion limit" | "cannot recurse further; max recursion depth met" => {
                of("nested-too-deeply", "this is nested too deeply", "too deep", "", false)
            }
            _ if what.starts_with("cannot extend value of type") => of(
                "duplicate-key",
                &format!(
                    "`{}` has a value already, and cannot become a table too",
                    seen.trim_matches(['"', '\''])
                ),
                "used as a table here",
                "write all of it in one place",
                false,
            ),
            _ if expected.is_empty() || expected == "nothing" => of("syntax", what, "here", "", false),
            _ => of("syntax", what, &format!("{expected} is expected here"), "", false),
        }
    }
}

impl Mistake {
    fn report(
        self,
        text: &str,
        root: &Node,
        problems: &Problems,
        written: &dyn Fn(std::ops::Range<usize>) -> Place,
    ) {
        let first =
            (self.diagnostic.code() == DUPLICATE).then(|| first_written(text, root, &self.span)).flatten();
        problems.add_both(
            self.diagnostic,
            (Some(&written(self.span)), self.label),
            (first.map(written).as_ref(), "first written here".to_owned()),
        );
    }
}

/// Where the key at `again` was written for the first time: an entry of the tree, or for a table its header.
fn first_written(text: &str, root: &Node, again: &std::ops::Range<usize>) -> Option<std::ops::Range<usize>> {
    let line_start = text[..again.start].rfind('\n').map_or(0, |at| at + 1);
    let line = text[line_start..].lines().next()?.trim();
    if line.starts_with('[') {
        let mut offset = 0;
        for earlier in text[..line_start].split_inclusive('\n') {
            if earlier.trim() == line {
                let start = offset + earlier.find('[')?;
                return Some(start..start + line.len());
            }
            offset += earlier.len();
        }
        return None;
    }
    let key = text.get(again.clone())?.trim_matches(['"', '\'']);
    let mut best = None;
    nearest_before(text, root, key, again.start, &mut best);
    best
}

fn nearest_before(
    text: &str,
    node: &Node,
    key: &str,
    before: usize,
    best: &mut Option<std::ops::Range<usize>>,
) {
    let inline_and_over = node
        .place
        .as_ref()
        .is_some_and(|place| text[place.span.start..].starts_with('{') && place.span.end < before);
    for entry in node.entries() {
        let span = &entry.key_place.span;
        let nearer = best.as_ref().is_none_or(|best| best.start < span.start);
        if entry.key == key && span.start < before && nearer && !inline_and_over {
            *best = Some(span.clone());
        }
        nearest_before(text, &entry.node, key, before, best);
    }
    if let Value::List(items) = &node.value {
        for item in items {
            nearest_before(text, item, key, before, best);
        }
    }
}

enum Brackets {
    Balanced,
    TooDeep(usize),
    Unclosed(usize, char),
    /// A text over several lines without an end.
    UnclosedText(usize),
}

/// Looks at brackets only, past texts and comments: a bracket that is never closed makes toml misread all that
/// follows, and no nesting may reach its recursion.
fn brackets(text: &str) -> Brackets {
    let bytes = text.as_bytes();
    let mut open: Vec<(usize, char)> = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'#' => at = end_of_line(bytes, at),
            quote @ (b'"' | b'\'') => match end_of_text(bytes, at, quote) {
                Some(end) => {
                    at = end;
                    continue;
                }
                None => return Brackets::UnclosedText(at),
            },
            b'[' => open.push((at, '[')),
            b'{' => open.push((at, '{')),
            b']' | b'}' => {
                open.pop();
            }
            // A line that opens with a bracket after one that never closed is a new table, not an element.
            b'\n' if open.len() == 1 && next_line_is_header(&text[at + 1..]) => break,
            _ => {}
        }
        if open.len() > DEPTH_MAX {
            return Brackets::TooDeep(at);
        }
        at += 1;
    }
    match open.last() {
        None => Brackets::Balanced,
        // The name of a table that is not closed on its line spoils only that line: toml says so well enough.
        Some((opened, '[')) if is_line_start(bytes, *opened) && open.len() == 1 => Brackets::Balanced,
        Some((opened, bracket)) => Brackets::Unclosed(*opened, *bracket),
    }
}

fn next_line_is_header(rest: &str) -> bool {
    let line = rest.lines().next().unwrap_or_default().trim();
    let name = line.trim_start_matches('[').trim_end_matches(']');
    line.starts_with('[')
        && line.ends_with(']')
        && !name.is_empty()
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "._-\"".contains(c))
        && !name.starts_with(|c: char| c.is_ascii_digit() || c == '"')
}

fn is_line_start(bytes: &[u8], at: usize) -> bool {
    bytes[..at].iter().rev().take_while(|b| **b != b'\n').all(|b| b.is_ascii_whitespace())
}

fn end_of_line(bytes: &[u8], at: usize) -> usize {
    bytes[at..].iter().position(|b| *b == b'\n').map_or(bytes.len(), |end| at + end - 1).max(at)
}

/// The offset after a text that begins at `at`. A text of one line that is not closed ends with its line.
fn end_of_text(bytes: &[u8], at: usize, quote: u8) -> Option<usize> {
    let long = bytes[at..].starts_with(&[quote; 3]);
    let mut next = at + if long { 3 } else { 1 };
    while next < bytes.len() {
        match bytes[next] {
            b'\\' if quote == b'"' && (long || bytes.get(next + 1) != Some(&b'\n')) => next += 1,
            b'\n' if !long => return Some(next),
            byte if byte == quote && !long => return Some(next + 1),
            byte if byte == quote && bytes[next..].starts_with(&[quote; 3]) => {
                // Up to two more quotation marks may belong to the text itself.
                let marks = bytes[next..].iter().take_while(|b| **b == quote).count().min(5);
                return Some(next + marks);
            }
            _ => {}
        }
        next += 1;
    }
    if long { None } else { Some(bytes.len()) }
}
