//! What is wrong with a scenario, or doubtful, and where it is written.
//!
//! A [`Diagnostic`] carries its own source text, so that it can be shown long after the file was read: with the source
//! beneath it through miette's handlers, or as one line with [`Diagnostic::plain`].

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use miette::{LabeledSpan, MietteError, MietteSpanContents, SourceCode, SourceSpan, SpanContents};
use serde::Serialize;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// The scenario cannot be used.
    Error,
    /// It can be used, but probably does not prove what it is meant to.
    Warning,
}

/// One mistake, or one doubt, about a scenario.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    severity: Severity,
    code: &'static str,
    message: String,
    listing: Option<Arc<Listing>>,
    primary: Option<Label>,
    secondary: Option<Label>,
    help: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Label {
    span: Range<usize>,
    text: String,
}

impl Diagnostic {
    pub(super) fn new(severity: Severity, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            severity,
            code,
            message: printable(&message.into()),
            listing: None,
            primary: None,
            secondary: None,
            help: None,
        }
    }

    pub(super) fn error(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, code, message)
    }

    pub(super) fn warning(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, code, message)
    }

    /// Says where: a span of `listing`, and what is to be seen there.
    pub(super) fn at(mut self, listing: &Arc<Listing>, span: Range<usize>, text: impl Into<String>) -> Self {
        self.primary = Some(Label { span: listing.within_one_line(span), text: printable(&text.into()) });
        self.listing = Some(Arc::clone(listing));
        self
    }

    /// Adds a second place that matters. In another text than the first it becomes part of the help.
    pub(super) fn and_at(
        mut self,
        listing: &Arc<Listing>,
        span: Range<usize>,
        text: impl Into<String>,
    ) -> Self {
        let text = printable(&text.into());
        match &self.listing {
            Some(first) if Arc::ptr_eq(first, listing) => {
                self.secondary = Some(Label { span: listing.within_one_line(span), text });
                self
            }
            _ => {
                let (line, column) = listing.position(span.start);
                self.help(format!("{}:{line}:{column}: {text}", listing.name))
            }
        }
    }

    /// Adds what to do about it. Said twice, both are shown.
    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        let help = printable(&help.into());
        self.help = Some(match self.help {
            Some(before) => format!("{before}\n{help}"),
            None => help,
        });
        self
    }

    /// How bad it is.
    pub fn severity(&self) -> Severity {
        self.severity
    }

    /// What kind of mistake: stable, in kebab-case.
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// What is wrong, and why.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Name of the source that it is about, as the user gave it.
    pub fn source_name(&self) -> Option<&str> {
        self.listing.as_deref().map(|listing| listing.name.as_str())
    }

    /// Line and column, both from 1, the column in characters.
    pub fn position(&self) -> Option<(u32, u32)> {
        let (listing, label) = (self.listing.as_deref()?, self.primary.as_ref()?);
        Some(listing.position(label.span.start))
    }

    /// Whether it makes the scenario unusable.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// Says what to do about it in words that fit where it was written.
    pub(super) fn help_instead(mut self, help: impl Into<String>) -> Self {
        self.help = None;
        self.help(help)
    }

    /// What to do about it, if that is known.
    pub(super) fn advice(&self) -> Option<&str> {
        self.help.as_deref()
    }

    /// For logs and editors: `file:line:column: error[code]: message; help`, on one line.
    pub fn plain(&self) -> Plain<'_> {
        Plain(self)
    }

    /// The order in which mistakes of one file are written; those in other texts follow.
    pub(super) fn by_place(&self, other: &Self) -> std::cmp::Ordering {
        (self.source_name(), self.offset()).cmp(&(other.source_name(), other.offset()))
    }

    pub(super) fn offset(&self) -> usize {
        self.primary.as_ref().map_or(0, |label| label.span.start)
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Diagnostic {}

impl miette::Diagnostic for Diagnostic {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(self.code))
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.listing.as_deref().map(|listing| listing as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let primary = self.primary.as_ref()?;
        let first = LabeledSpan::new_primary_with_span(Some(primary.text.clone()), primary.span.clone());
        let second = self
            .secondary
            .as_ref()
            .map(|label| LabeledSpan::new_with_span(Some(label.text.clone()), label.span.clone()));
        Some(Box::new(std::iter::once(first).chain(second)))
    }
}

/// One line of plain text: see [`Diagnostic::plain`].
#[derive(Debug)]
pub struct Plain<'a>(&'a Diagnostic);

impl fmt::Display for Plain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let diagnostic = self.0;
        if let (Some(name), Some((line, column))) = (diagnostic.source_name(), diagnostic.position()) {
            write!(f, "{name}:{line}:{column}: ")?;
        }
        let severity = match diagnostic.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(f, "{severity}[{}]: {}", diagnostic.code, diagnostic.message)?;
        if let Some(help) = &diagnostic.help {
            write!(f, "; {}", help.replace('\n', "; "))?;
        }
        Ok(())
    }
}

/// A source text, made fit for a terminal without moving a byte, with the name under which the user knows it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Listing {
    pub(super) name: String,
    text: String,
    /// Offset of each line, so that no place is far to find in a long text.
    line_starts: Vec<usize>,
}

/// Longest excerpt in bytes that is drawn with its neighbouring lines; beyond it a window around the mistake is.
const EXCERPT_MAX: usize = 1_500;
const WINDOW_BEFORE: usize = 40;
const WINDOW_AFTER: usize = 60;

impl Listing {
    pub(super) fn new(name: &str, text: &str) -> Arc<Self> {
        let text: String = text
            .chars()
            .map(|c| match c {
                '\n' | '\r' | '\t' => c,
                c if c.is_control() && c.len_utf8() == 1 => '?',
                c if c.is_control() => '¿',
                c => c,
            })
            .collect();
        let line_starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Arc::new(Self { name: printable(name), text, line_starts })
    }

    /// Line and column, both from 1.
    pub(super) fn position(&self, offset: usize) -> (u32, u32) {
        let offset = self.boundary_before(offset);
        let line = self.line_index(offset) + 1;
        let column = self.text[self.line_start(offset)..offset].chars().count() + 1;
        (u32::try_from(line).unwrap_or(u32::MAX), u32::try_from(column).unwrap_or(u32::MAX))
    }

    fn within_one_line(&self, span: Range<usize>) -> Range<usize> {
        let start = self.boundary_before(span.start);
        let line_end = self.line_end(start);
        let mut end = self.boundary_before(span.end.clamp(start, line_end));
        if line_end - self.line_start(start) > EXCERPT_MAX {
            end = end.min(self.boundary_before(start + WINDOW_AFTER));
        }
        start..end.max(start)
    }

    fn boundary_before(&self, offset: usize) -> usize {
        let mut offset = offset.min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        offset
    }

    fn line_index(&self, offset: usize) -> usize {
        self.line_starts.partition_point(|start| *start <= offset) - 1
    }

    fn line_start(&self, offset: usize) -> usize {
        self.line_starts[self.line_index(offset)]
    }

    fn line_end(&self, offset: usize) -> usize {
        self.line_starts.get(self.line_index(offset) + 1).map_or(self.text.len(), |next| next - 1)
    }
}

impl SourceCode for Listing {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        lines_before: usize,
        lines_after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let (start, end) = (span.offset(), span.offset() + span.len());
        if end > self.text.len() {
            return Err(MietteError::OutOfBounds);
        }
        let mut from = self.line_start(start);
        for _ in 0..lines_before {
            from = self.line_start(from.saturating_sub(1));
        }
        let mut to = self.line_end(end);
        for _ in 0..lines_after {
            to = self.line_end((to + 1).min(self.text.len()));
        }
        if to - from > EXCERPT_MAX {
            from = self.boundary_before(start.saturating_sub(WINDOW_BEFORE)).max(self.line_start(start));
            to = self.boundary_before(end + WINDOW_AFTER).min(self.line_end(end));
        }
        let line = self.position(from).0 as usize - 1;
        // Without context the caller asks for the position of the span itself, not for that of the excerpt.
        let column = if lines_before == 0 { self.position(start).1 as usize - 1 } else { 0 };
        let data = &self.text.as_bytes()[from..to];
        let line_count = data.iter().filter(|b| **b == b'\n').count() + 1;
        Ok(Box::new(MietteSpanContents::new_named(
            self.name.clone(),
            data,
            SourceSpan::from(from..to),
            line,
            column,
            line_count,
        )))
    }
}

/// Text from a file, made fit for a terminal: control characters (an escape sequence, say) are written out.
fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() && c != '\n' {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_counts_characters() {
        let listing = Listing::new("a.toml", "one\nzwölf = 3\n");
        assert_eq!(listing.position(0), (1, 1));
        assert_eq!(listing.position("one\nzwölf = ".len()), (2, 9));
        assert_eq!(listing.position(10_000), (3, 1));
    }

    #[test]
    fn an_escape_sequence_from_a_file_never_reaches_the_terminal() {
        let text = "name = \"\u{1b}[31m\u{85}\"";
        let listing = Listing::new("\u{1b}.toml", text);
        let shown = Diagnostic::error("bad-value", "is \u{1b}[31m").at(&listing, 7..10, "here\u{7}");
        let plain = shown.plain().to_string();
        assert!(!plain.contains('\u{1b}'), "{plain}");
        assert_eq!(listing.text.len(), text.len());
        assert!(!listing.text.contains(char::is_control));
    }

    #[test]
    fn a_very_long_line_is_shown_in_part() {
        let listing = Listing::new("a.toml", &format!("x = {}é!", "é".repeat(100_000)));
        let diagnostic = Diagnostic::error("bad-value", "long").at(&listing, 4_001..150_000, "here");
        let mut out = String::new();
        miette::GraphicalReportHandler::new_themed(miette::GraphicalTheme::unicode_nocolor())
            .render_report(&mut out, &diagnostic)
            .unwrap();
        assert!(out.len() < 2_000, "{} bytes", out.len());
    }
}
