//! Reads what stands behind a key as the kind that the key takes, within its limits.

use super::diagnostic::Diagnostic;
use super::keys::{CLUSTER_REPLICAS_MAX, Kind, REPLICAS_MAX};
use super::model::{LabelSelector, WaitFor};
use super::problems::Part;
use super::reader::{Context, Reader, unexpected, wrong_kind};
use super::spelling::suggestion;
use super::tree::{Node, Place, Value, quoted};
use super::units::{Price, Rate, Share, Span, UnitError};

impl<'t> Reader<'t> {
    pub(super) fn text(&mut self, name: &'static str) -> Option<String> {
        let (key, node) = self.take(name);
        let node = node?;
        let text = self.text_of(name, node)?;
        let complaint = match key.kind {
            kind if !kind.is_text() => unexpected(key),
            Kind::Link if !is_link(text) => Some("must be a link that begins with https:// or http://".into()),
            Kind::RequestPath if !text.starts_with('/') => Some("must begin with a `/`".into()),
            Kind::Workload if !is_workload(text) => Some(
                "must be kind and name, `Deployment/checkout`; where several API groups have the kind, with its group: `Rollout.argoproj.io/checkout`".into(),
            ),
            Kind::RequestPath if !text.bytes().all(|b| b.is_ascii_graphic() && b != b'#') => {
                Some("may hold neither spaces, `#` nor letters outside of ASCII; percent-encode them".into())
            }
            _ if text.trim().is_empty() => Some("must not be empty".into()),
            _ if text.len() > 2_000 => Some("is longer than 2000 bytes".into()),
            _ if text.chars().any(char::is_control) => {
                Some("must be one line without control characters".into())
            }
            Kind::Labels => text.parse::<LabelSelector>().err().map(|error| error.to_string()),
            Kind::WaitFor => text.parse::<WaitFor>().err().map(|error| error.to_string()),
            _ => None,
        };
        match complaint {
            Some(complaint) => {
                self.bad_value(name, node, &complaint);
                None
            }
            None => Some(text.to_owned()),
        }
    }

    /// A text in a notation of its own.
    pub(super) fn parsed<T: std::str::FromStr>(&mut self, name: &'static str) -> Option<T> {
        self.text(name)?.parse().ok()
    }

    pub(super) fn texts(&mut self, name: &'static str) -> Option<Vec<String>> {
        let (key, node) = self.take(name);
        let Kind::Texts { distinct } = key.kind else { unexpected(key) };
        let node = node?;
        if matches!(&node.value, Value::List(items) if items.is_empty()) {
            self.bad_value(name, node, "must not be an empty list");
            return None;
        }
        self.texts_of(name, node, distinct)
    }

    pub(super) fn texts_of(&self, name: &str, node: &'t Node, distinct: bool) -> Option<Vec<String>> {
        let Value::List(items) = &node.value else {
            wrong_kind(self.context, name, "a list of texts", node);
            return None;
        };
        if self.is_too_long(name, items.len(), node.place.as_ref()) {
            return None;
        }
        let mut texts: Vec<String> = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let Some(text) = self.text_of(name, item) else { continue };
            let same =
                |earlier: &&Node| matches!(&earlier.value, Value::Text { text: other, .. } if other == text);
            if text.trim().is_empty() {
                self.bad_value(name, item, "must not hold an empty text");
            } else if let Some(first) = items[..index].iter().find(same).filter(|_| distinct) {
                self.context.problems.add_both(
                    Diagnostic::error("duplicate-name", format!("{} is in `{name}` twice", quoted(text)))
                        .help("keep one"),
                    (item.place.as_ref(), "again here".to_owned()),
                    (first.place.as_ref(), "first here".to_owned()),
                );
            }
            texts.push(text.to_owned());
        }
        (texts.len() == items.len()).then_some(texts)
    }

    pub(super) fn count(&mut self, name: &'static str) -> Option<u32> {
        let (key, node) = self.take(name);
        let Kind::Count { min, max } = key.kind else { unexpected(key) };
        count_of(self.context, name, node?, min, max)
    }

    /// Numbers by the names of groups.
    pub(super) fn counts_by_group(&mut self, name: &'static str) -> Option<Vec<(String, u32)>> {
        let (key, node) = self.take(name);
        let Kind::CountByGroup = key.kind else { unexpected(key) };
        let node = node?;
        if !matches!(node.value, Value::Table(_)) {
            wrong_kind(self.context, name, "a table with a number for each group", node);
            return None;
        }
        if node.entries().is_empty() {
            self.bad_value(name, node, "names no group");
            return None;
        }
        let mut counts = Vec::new();
        for entry in node.entries() {
            self.check_group(&entry.key, Some(&entry.key_place));
            let count = count_of(self.context, &entry.key, &entry.node, 0, CLUSTER_REPLICAS_MAX);
            counts.extend(count.map(|count| (entry.key.clone(), count)));
        }
        Some(counts)
    }

    pub(super) fn factor(&mut self, name: &'static str) -> Option<f64> {
        let (key, node) = self.take(name);
        let Kind::Factor = key.kind else { unexpected(key) };
        let node = node?;
        let number = match &node.value {
            Value::Integer(number) => *number as f64,
            Value::Float(number) => *number,
            Value::Text { text, substituted: true } if text.trim().parse::<f64>().is_ok() => {
                text.trim().parse().unwrap_or(f64::NAN)
            }
            _ => {
                wrong_kind(self.context, name, "a number", node);
                return None;
            }
        };
        if number.is_finite() && number > 0.0 {
            return Some(number);
        }
        self.bad_value(name, node, "must be a finite number above 0");
        None
    }

    pub(super) fn flag(&mut self, name: &'static str) -> Option<bool> {
        let (key, node) = self.take(name);
        let Kind::Flag = key.kind else { unexpected(key) };
        let node = node?;
        match &node.value {
            Value::Flag(flag) => Some(*flag),
            Value::Text { text, substituted: true } if text == "true" || text == "false" => {
                Some(text == "true")
            }
            _ => {
                wrong_kind(self.context, name, "true or false", node);
                None
            }
        }
    }

    pub(super) fn time(&mut self, name: &'static str) -> Option<Span> {
        let (key, node) = self.take(name);
        let zero = match key.kind {
            Kind::Time { zero } => zero,
            Kind::TimeOr(_) => false,
            _ => unexpected(key),
        };
        self.time_of(name, node?, zero)
    }

    /// A length of time, or `None` inside for the word `auto`.
    pub(super) fn time_or_auto(&mut self, name: &'static str) -> Option<Option<Span>> {
        let (key, node) = self.take(name);
        let Kind::TimeOrAuto = key.kind else { unexpected(key) };
        let node = node?;
        match &node.value {
            Value::Text { text, .. } if text == "auto" => Some(None),
            _ => self.time_of(name, node, false).map(Some),
        }
    }

    fn time_of(&self, name: &str, node: &'t Node, zero: bool) -> Option<Span> {
        let span: Span = self.quantity(name, node, "a duration", "\"5s\"")?;
        if span.us == 0 && !zero {
            self.bad_value(name, node, "must be longer than 0s");
            return None;
        }
        Some(span)
    }

    pub(super) fn rate(&mut self, name: &'static str) -> Option<Rate> {
        let (key, node) = self.take(name);
        let Kind::Rate { zero } = key.kind else { unexpected(key) };
        let node = node?;
        let rate: Rate = self.quantity(name, node, "a rate", "\"40/s\"")?;
        if rate.per_s == 0.0 && !zero {
            self.bad_value(name, node, "must be above 0/s");
            return None;
        }
        Some(rate)
    }

    pub(super) fn share(&mut self, name: &'static str) -> Option<Share> {
        let (key, node) = self.take(name);
        let Kind::Share { zero, max_percent } = key.kind else { unexpected(key) };
        let node = node?;
        let share: Share = self.quantity(name, node, "a percentage", "\"50%\"")?;
        if (share.ppb == 0 && !zero) || share > Share::percent(u64::from(max_percent)) {
            let least = if zero { "at least 0%" } else { "above 0%" };
            self.bad_value(name, node, &format!("must be {least} and at most {max_percent}%"));
            return None;
        }
        Some(share)
    }

    pub(super) fn price(&mut self, name: &'static str) -> Option<Price> {
        let (key, node) = self.take(name);
        let Kind::Price = key.kind else { unexpected(key) };
        self.quantity(name, node?, "a price", "\"0.10 USD/h\"")
    }

    /// One of the words that the key knows.
    pub(super) fn word(&mut self, name: &'static str) -> Option<&'static str> {
        let (key, node) = self.take(name);
        let Kind::Word(words) = key.kind else { unexpected(key) };
        let node = node?;
        let text = self.text_of(name, node)?;
        if let Some(word) = words.iter().copied().find(|word| *word == text) {
            return Some(word);
        }
        let message = format!("`{name}` cannot be {}", quoted(text));
        self.unknown(
            "bad-value",
            &message,
            "not one of the words known here",
            text,
            words,
            node.place.as_ref(),
        );
        None
    }

    /// The name of a group that exists.
    pub(super) fn group(&mut self, name: &'static str) -> Option<String> {
        let (key, node) = self.take(name);
        let Kind::Group = key.kind else { unexpected(key) };
        let node = node?;
        let text = self.text_of(name, node)?;
        self.check_group(text, node.place.as_ref()).then(|| text.to_owned())
    }

    fn check_group(&self, text: &str, place: Option<&Place>) -> bool {
        let groups = &self.context.names.groups;
        if self.context.names.open || groups.iter().any(|group| group == text) {
            return true;
        }
        let known: Vec<&str> = groups.iter().map(String::as_str).collect();
        let message = format!("there is no group {}", quoted(text));
        self.unknown("unknown-group", &message, "no such group", text, &known, place);
        false
    }

    /// The name of an objective that exists.
    pub(super) fn objective(&mut self, name: &'static str) -> Option<String> {
        let (key, node) = self.take(name);
        let Kind::Objective = key.kind else { unexpected(key) };
        let node = node?;
        let text = self.text_of(name, node)?;
        let objectives = &self.context.names.objectives;
        if self.context.names.open || objectives.iter().any(|objective| objective == text) {
            return Some(text.to_owned());
        }
        let known: Vec<&str> = objectives.iter().map(String::as_str).collect();
        let message = format!("there is no objective {}", quoted(text));
        self.unknown(
            "unknown-objective",
            &message,
            "not declared under [slo]",
            text,
            &known,
            node.place.as_ref(),
        );
        None
    }

    fn unknown(
        &self,
        code: &'static str,
        message: &str,
        label: &str,
        text: &str,
        known: &[&str],
        place: Option<&Place>,
    ) {
        self.context.problems.add(
            Diagnostic::error(code, message).help(suggestion(text, known)),
            place,
            label,
        );
    }

    fn text_of(&self, name: &str, node: &'t Node) -> Option<&'t str> {
        match &node.value {
            Value::Text { text, .. } => Some(text),
            _ => {
                wrong_kind(self.context, name, "text in quotation marks", node);
                None
            }
        }
    }

    pub(super) fn quantity<T: std::str::FromStr<Err = UnitError>>(
        &self,
        name: &str,
        node: &'t Node,
        what: &str,
        example: &str,
    ) -> Option<T> {
        let Value::Text { text, .. } = &node.value else {
            wrong_kind(self.context, name, &format!("{what} such as {example}"), node);
            return None;
        };
        if text.len() > 200 {
            self.bad_value(name, node, &format!("is too long to be {what}"));
            return None;
        }
        text.parse().map_err(|error: UnitError| self.bad_value(name, node, &error.to_string())).ok()
    }

    /// `complaint` follows the name of the key; what stands after a semicolon is what to do about it.
    pub(super) fn bad_value(&self, name: &str, node: &Node, complaint: &str) {
        let (complaint, help) = match complaint.split_once("; ") {
            Some((complaint, help)) => (complaint, Some(help)),
            None => (complaint, None),
        };
        let mut diagnostic = Diagnostic::error("bad-value", format!("`{name}` {complaint}"));
        if let Some(help) = help {
            diagnostic = diagnostic.help(help);
        }
        // What is given on the command line is shown as it was given.
        let problems = self.context.problems;
        let in_file = node.place.as_ref().is_some_and(|place| problems.part(place.source) != Part::Argument);
        if let Value::Text { text, substituted: true } = &node.value
            && in_file
        {
            diagnostic = diagnostic.help(format!("with what was filled in it reads {}", quoted(text)));
        }
        self.context.problems.add(diagnostic, node.place.as_ref(), "this value");
    }
}

fn count_of(context: Context<'_>, name: &str, node: &Node, min: u32, max: u32) -> Option<u32> {
    let number = match &node.value {
        Value::Integer(number) => Some(*number),
        Value::Text { text, substituted: true } => text.trim().parse().ok(),
        _ => None,
    };
    let Some(number) = number else {
        wrong_kind(context, name, "a whole number", node);
        return None;
    };
    match u32::try_from(number) {
        Ok(number) if (min..=max).contains(&number) => Some(number),
        _ => {
            let mut diagnostic = Diagnostic::error(
                "out-of-range",
                format!("`{name}` must be a whole number from {min} to {max}"),
            );
            if max == REPLICAS_MAX && number > i128::from(max) {
                diagnostic = diagnostic.help(format!(
                    "a group on loopback has {max} processes at most; larger fleets need another world"
                ));
            }
            context.problems.add(diagnostic, node.place.as_ref(), "out of range");
            None
        }
    }
}

/// Whether it is `Kind/name`, as kubectl takes it; the name a DNS subdomain.
fn is_workload(text: &str) -> bool {
    let Some((kind, name)) = text.split_once('/') else { return false };
    let in_name = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'-');
    let in_kind = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-');
    kind.starts_with(|c: char| c.is_ascii_alphabetic())
        && kind.bytes().all(in_kind)
        && (1..=253).contains(&name.len())
        && name.bytes().all(in_name)
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
}

fn is_link(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/') && !text.contains(char::is_whitespace))
}
