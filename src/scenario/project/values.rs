//! Reads the kinds of values that only settings have.

use jiff::civil::Date;

use crate::scenario::diagnostic::Diagnostic;
use crate::scenario::keys::Kind;
use crate::scenario::reader::{Reader, unexpected, wrong_kind};
use crate::scenario::tree::{Value, quoted};
use crate::scenario::units::Price;

impl Reader<'_> {
    /// Prices by the names of groups that need not exist here. They are read again where they are merged in.
    pub(super) fn prices_by_group(&mut self, name: &'static str) {
        let (key, node) = self.take(name);
        let Kind::PriceByGroup = key.kind else { unexpected(key) };
        let Some(node) = node else { return };
        if !matches!(node.value, Value::Table(_)) {
            wrong_kind(self.context, name, "a table with a price for each group", node);
            return;
        }
        for entry in node.entries() {
            let _: Option<Price> = self.quantity(&entry.key, &entry.node, "a price", "\"0.10 USD/h\"");
        }
    }

    /// A day.
    pub(super) fn date(&mut self, name: &'static str) -> Option<Date> {
        let (key, node) = self.take(name);
        let Kind::Date = key.kind else { unexpected(key) };
        let node = node?;
        let Value::Text { text, .. } = &node.value else {
            wrong_kind(self.context, name, "a day in quotation marks such as \"2026-12-31\"", node);
            return None;
        };
        // Only the one form that cannot be read as another day.
        let is_written_out = text.len() == "2026-12-31".len() && text.as_bytes()[4] == b'-';
        match text.parse() {
            Ok(date) if is_written_out => Some(date),
            _ => {
                self.bad_value(name, node, "must be a day of the calendar; write it as \"2026-12-31\"");
                None
            }
        }
    }

    /// Hosts; there may be none, which takes back what is allowed elsewhere.
    pub(super) fn hosts(&mut self, name: &'static str) -> Option<Vec<String>> {
        let (key, node) = self.take(name);
        let Kind::Hosts = key.kind else { unexpected(key) };
        let node = node?;
        for item in node.items() {
            if let Value::Text { text, .. } = &item.value
                && let Some(complaint) = host_complaint(text)
            {
                self.context.problems.add(
                    Diagnostic::error("bad-host", format!("{} is not a host: {complaint}", quoted(text)))
                        .help("write a name such as \"shop.staging.example\", or an address such as \"10.0.3.7\""),
                    item.place.as_ref(),
                    "not a host alone",
                );
            }
        }
        self.texts_of(name, node, true)
    }
}

/// Why a text names no host, if it does not. Names and addresses are told apart where load is sent.
fn host_complaint(text: &str) -> Option<&'static str> {
    let is_address_of_six = text.matches(':').count() > 1
        && text.bytes().all(|b| b.is_ascii_hexdigit() || b == b':' || b == b'.');
    match text {
        _ if text.contains("://") => Some("leave the scheme away"),
        _ if text.contains('/') => Some("leave the path away"),
        _ if text.contains('*') => Some("each host is allowed by itself"),
        _ if is_address_of_six => None,
        _ if text.contains(':') => Some("leave the port away"),
        _ if text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.') => None,
        _ => Some("letters, digits, `-` and `.` make a name"),
    }
}
