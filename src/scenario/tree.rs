//! A scenario's text as a tree of values that all know where they were written.

use std::ops::Range;

use super::problems::SourceId;

/// Where something is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) source: SourceId,
    pub(super) span: Range<usize>,
}

/// A value and its place.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node {
    /// `None` for what is not written at all.
    pub(super) place: Option<Place>,
    pub(super) value: Value,
}

/// What a value is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    /// Not written.
    Absent,
    /// Written, but a mistake in it is reported already.
    Broken,
    Text {
        text: String,
        /// Something from outside was put into it, so that numbers may be written as text.
        substituted: bool,
    },
    Integer(i128),
    Float(f64),
    Flag(bool),
    Date,
    List(Vec<Node>),
    Table(Vec<Entry>),
}

/// A key of a table with its value. Entries stand in the order in which they are written.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) key_place: Place,
    pub(super) node: Node,
}

/// What every lookup that finds nothing returns, so that lookups can be chained.
static ABSENT: Node = Node { place: None, value: Value::Absent };

impl Node {
    /// What is not written.
    pub(super) fn absent() -> &'static Self {
        &ABSENT
    }

    pub(super) fn is_absent(&self) -> bool {
        self.value == Value::Absent
    }

    /// The value of a key, absent if there is none.
    pub(super) fn get(&self, key: &str) -> &Self {
        self.entry(key).map_or(&ABSENT, |entry| &entry.node)
    }

    pub(super) fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| entry.key == key)
    }

    /// The entries of a table, none for all else.
    pub(super) fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Table(entries) => entries,
            _ => &[],
        }
    }

    /// The elements of a list; anything else counts as a list of one, and what is absent as an empty one.
    pub(super) fn items(&self) -> &[Self] {
        match &self.value {
            Value::List(items) => items,
            Value::Absent => &[],
            _ => std::slice::from_ref(self),
        }
    }

    /// As one names it to somebody who wrote it.
    pub(super) fn described(&self) -> String {
        match &self.value {
            Value::Absent => "nothing".to_owned(),
            Value::Broken => "something unreadable".to_owned(),
            Value::Text { text, .. } => format!("the text {}", quoted(text)),
            Value::Integer(number) => format!("the number {number}"),
            Value::Float(number) if number.is_nan() => "NaN".to_owned(),
            Value::Float(number) => format!("the number {number:?}"),
            Value::Flag(flag) => format!("{flag}"),
            Value::Date => "a date or time of day".to_owned(),
            Value::List(_) => "a list".to_owned(),
            Value::Table(_) => "a table".to_owned(),
        }
    }
}

/// Text from a file in quotation marks, cut where nobody would read on.
pub(super) fn quoted(text: &str) -> String {
    const SHOWN: usize = 60;
    match text.char_indices().nth(SHOWN) {
        Some((at, _)) => format!("\"{}…\"", &text[..at]),
        None => format!("\"{text}\""),
    }
}
