//! Lines of text for a terminal: wrapped, indented, coloured where it is wanted.

use anstyle::{AnsiColor, Style};
use textwrap::core::display_width;
use textwrap::{Options, WordSeparator, WordSplitter};

use crate::check::Outcome;

/// How a terminal is written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// Columns; taken into 80 to 120, below which the pictures say nothing and above which lines are hard to read.
    pub width: usize,
    /// Whether to colour.
    pub colour: bool,
}

pub(super) const PLAIN: Style = Style::new();
pub(super) const BOLD: Style = Style::new().bold();
pub(super) const DIM: Style = Style::new().dimmed();

/// The colour of an outcome.
pub(super) fn style_of(outcome: Outcome) -> Style {
    let color = match outcome {
        Outcome::Pass => AnsiColor::Green,
        Outcome::Fail => AnsiColor::Red,
        Outcome::Inconclusive => AnsiColor::Yellow,
    };
    BOLD.fg_color(Some(color.into()))
}

/// Text under construction.
pub(super) struct Page {
    text: String,
    width: usize,
    colour: bool,
}

impl Page {
    pub(super) fn new(look: Look) -> Self {
        Self { text: String::new(), width: look.width.clamp(80, 120), colour: look.colour }
    }

    pub(super) fn width(&self) -> usize {
        self.width
    }

    pub(super) fn finish(self) -> String {
        self.text
    }

    pub(super) fn blank(&mut self) {
        self.text.push('\n');
    }

    /// A paragraph after a label that fills `indent` columns, wrapped under itself.
    pub(super) fn labelled(&mut self, indent: usize, label: (&str, Style), text: (&str, Style)) {
        let (label, label_style) = label;
        let (text, text_style) = text;
        let padding = indent.saturating_sub(display_width(label));
        let room = self.width.saturating_sub(indent.max(display_width(label))).max(20);
        // Only between words: names, paths and codes are copied from here. A dot that divides stays at its end of line.
        let options = Options::new(room)
            .word_separator(WordSeparator::AsciiSpace)
            .word_splitter(WordSplitter::NoHyphenation);
        let text = text.replace(" · ", "\u{a0}· ");
        // Lines of the text itself, a program's standard error for one, stay lines.
        let lines: Vec<_> = text.lines().flat_map(|line| textwrap::wrap(line, &options)).collect();
        self.paint(label, label_style);
        if lines.is_empty() {
            self.text.push('\n');
        }
        for (i, line) in lines.iter().enumerate() {
            let padding = if i == 0 { padding } else { indent };
            self.text.extend(std::iter::repeat_n(' ', padding));
            self.paint(&line.replace('\u{a0}', " "), text_style);
            self.text.push('\n');
        }
    }

    /// Pieces on one line, as they are.
    pub(super) fn line(&mut self, pieces: &[(&str, Style)]) {
        for (text, style) in pieces {
            self.paint(text, *style);
        }
        self.text.push('\n');
    }

    fn paint(&mut self, text: &str, style: Style) {
        if !self.colour || style == PLAIN || text.is_empty() {
            // What a scenario or a program wrote may hold control characters; a terminal must not obey them.
            self.text.extend(text.chars().filter(|c| !c.is_control()));
            return;
        }
        self.text.push_str(&style.render().to_string());
        self.text.extend(text.chars().filter(|c| !c.is_control()));
        self.text.push_str(&style.render_reset().to_string());
    }
}

/// A text cut to so many columns, its end marked where it was cut.
pub(super) fn cut(text: &str, columns: usize) -> String {
    if display_width(text) <= columns {
        return text.to_owned();
    }
    let mut kept = String::new();
    for c in text.chars() {
        if display_width(&kept) + display_width(c.encode_utf8(&mut [0; 4])) >= columns {
            break;
        }
        kept.push(c);
    }
    kept.push('…');
    kept
}
