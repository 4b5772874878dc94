//! Text of a known width, and the small pictures that fit into a line.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// What a stretch of text is about. Colour repeats what the words say, it never says it alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    Plain,
    Dim,
    Strong,
    Busy,
    Good,
    Warn,
    Bad,
}

impl Tone {
    fn style(self) -> Style {
        let colour = |colour: AnsiColor| Style::new().fg_color(Some(colour.into()));
        match self {
            Self::Plain => Style::new(),
            Self::Dim => Style::new().dimmed(),
            Self::Strong => Style::new().bold(),
            Self::Busy => colour(AnsiColor::Cyan),
            Self::Good => colour(AnsiColor::Green),
            Self::Warn => colour(AnsiColor::Yellow),
            Self::Bad => colour(AnsiColor::Red).bold(),
        }
    }
}

/// One line of text, in stretches.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Line {
    spans: Vec<(Tone, String)>,
}

impl Line {
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// The line with more text at its end.
    pub(super) fn with(mut self, tone: Tone, text: impl AsRef<str>) -> Self {
        self.push(tone, text.as_ref());
        self
    }

    pub(super) fn push(&mut self, tone: Tone, text: &str) {
        let text = harmless(text);
        if !text.is_empty() {
            self.spans.push((tone, text));
        }
    }

    pub(super) fn append(&mut self, other: Self) {
        self.spans.extend(other.spans);
    }

    /// Columns that it takes.
    pub(super) fn width(&self) -> usize {
        self.spans.iter().map(|(_, text)| text.width()).sum()
    }

    /// The line with blanks up to that column.
    pub(super) fn padded(mut self, columns: usize) -> Self {
        let missing = columns.saturating_sub(self.width());
        self.push(Tone::Plain, &" ".repeat(missing));
        self
    }

    /// The line in at most so many columns; what was left out shows as an ellipsis.
    pub(super) fn cut(self, columns: usize) -> Self {
        if self.width() <= columns {
            return self;
        }
        let mut left = columns.saturating_sub(1);
        let mut cut = Self::new();
        for (tone, text) in self.spans {
            let mut kept = String::new();
            let mut full = false;
            for c in text.chars() {
                let wide = c.width().unwrap_or(0);
                if wide > left {
                    full = true;
                    break;
                }
                left -= wide;
                kept.push(c);
            }
            cut.push(tone, &kept);
            if full {
                break;
            }
        }
        if columns > 0 {
            cut.push(Tone::Dim, "\u{2026}");
        }
        cut
    }

    /// Its text, in colour or without.
    pub(super) fn paint(&self, colour: bool) -> String {
        let mut painted = String::new();
        for (tone, text) in &self.spans {
            let style = tone.style();
            if colour && style != Style::new() {
                let _ = write!(painted, "{style}{text}{style:#}");
            } else {
                painted.push_str(text);
            }
        }
        painted
    }
}

/// A name or a reason may hold anything: what would move the cursor becomes a blank.
fn harmless(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// A text in lines of at most so many columns, broken between words where that is possible.
pub(super) fn wrapped(text: &str, columns: usize) -> Vec<String> {
    let text = harmless(text);
    // A name with a hyphen in it is one word.
    let options = textwrap::Options::new(columns.max(1)).word_splitter(textwrap::WordSplitter::NoHyphenation);
    textwrap::wrap(&text, options).into_iter().map(|line| line.into_owned()).collect()
}

/// A share of a bar of so many columns: filled, a tip, empty.
pub(super) fn bar(done: u64, whole: u64, columns: usize) -> Line {
    let done = u128::from(done.min(whole));
    let halves = (done * columns as u128 * 2).checked_div(u128::from(whole)).unwrap_or(0);
    let halves = usize::try_from(halves).expect("no more than twice the columns");
    let (filled, tip) = (halves / 2, halves % 2);
    Line::new()
        .with(Tone::Busy, "\u{2501}".repeat(filled) + &"\u{2578}".repeat(tip))
        .with(Tone::Dim, "\u{2500}".repeat(columns - filled - tip))
}

/// Values as small columns, the highest one as tall as a line; 0 is a dot, and what is not known a blank. More values
/// than columns share them, and the highest of those that share one is shown.
pub(super) fn sparkline(values: &[Option<u32>], columns: usize) -> String {
    const HEIGHTS: [char; 8] =
        ['\u{2581}', '\u{2582}', '\u{2583}', '\u{2584}', '\u{2585}', '\u{2586}', '\u{2587}', '\u{2588}'];
    let Some(highest) = values.iter().copied().max().filter(|_| columns > 0) else { return String::new() };
    let shared = values.len().div_ceil(columns);
    let height = |value: Option<u32>| match value {
        None => ' ',
        Some(0) => '\u{b7}',
        Some(value) => HEIGHTS[(value as usize * HEIGHTS.len()).div_ceil(highest.unwrap_or(1) as usize) - 1],
    };
    let line: String =
        values.chunks(shared).filter_map(|chunk| chunk.iter().copied().max()).map(height).collect();
    line.trim_end().to_owned()
}

/// Whole seconds in words: `9s`, `1m 05s`, `2h 03m`.
pub(super) fn seconds(us: u64) -> String {
    let s = us / 1_000_000;
    match (s / 3_600, s / 60 % 60, s % 60) {
        (0, 0, s) => format!("{s}s"),
        (0, m, s) => format!("{m}m {s:02}s"),
        (h, m, _) => format!("{h}h {m:02}m"),
    }
}

/// Time that is left, in seconds begun: it ends with `1s`, not with `0s`.
pub(super) fn seconds_left(us: u64) -> String {
    seconds(us.div_ceil(1_000_000) * 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_cut_by_columns_and_not_by_characters() {
        let line = Line::new().with(Tone::Plain, "\u{7d50}\u{679c} ").with(Tone::Good, "pass");
        assert_eq!(line.width(), 9);
        assert_eq!(line.clone().cut(9).paint(false), "\u{7d50}\u{679c} pass");
        assert_eq!(line.clone().cut(7).paint(false), "\u{7d50}\u{679c} p\u{2026}");
        // The second wide character would reach one column too far.
        assert_eq!(line.clone().cut(4).paint(false), "\u{7d50}\u{2026}");
        assert_eq!(line.cut(0).paint(false), "");
    }

    #[test]
    fn what_moves_the_cursor_is_not_passed_on() {
        let line = Line::new().with(Tone::Plain, "a\x1b[2Jb\nc\td");
        assert_eq!(line.paint(false), "a [2Jb c d");
        assert_eq!(wrapped("a\nb", 10), ["a b"]);
    }

    #[test]
    fn colour_is_switched_off_and_on_again_around_each_stretch() {
        let line = Line::new().with(Tone::Good, "yes").with(Tone::Plain, " no");
        assert_eq!(line.paint(true), "\x1b[32myes\x1b[0m no");
        assert_eq!(line.paint(false), "yes no");
    }

    #[test]
    fn a_bar_fills_its_columns_whatever_the_share() {
        for (done, whole) in [(0, 0), (0, 7), (3, 7), (7, 7), (9, 7), (u64::MAX, u64::MAX)] {
            assert_eq!(bar(done, whole, 11).width(), 11, "{done} of {whole}");
        }
        assert_eq!(bar(1, 4, 6).paint(false), "\u{2501}\u{2578}\u{2500}\u{2500}\u{2500}\u{2500}");
    }

    #[test]
    fn of_values_that_share_a_column_the_highest_shows() {
        let some = |values: &[u32]| values.iter().copied().map(Some).collect::<Vec<_>>();
        assert_eq!(sparkline(&some(&[0, 1, 2, 4, 8]), 5), "\u{b7}\u{2581}\u{2582}\u{2584}\u{2588}");
        assert_eq!(sparkline(&some(&[1, 8, 1, 1, 0, 0]), 3), "\u{2588}\u{2581}\u{b7}");
        assert_eq!(sparkline(&[None, Some(2), Some(0), None], 4), " \u{2588}\u{b7}");
        assert_eq!(sparkline(&[None, None], 4), "");
        assert_eq!(sparkline(&some(&[1, 1]), 0), "");
        assert_eq!(sparkline(&[], 5), "");
    }

    #[test]
    fn time_left_is_never_nought_while_there_is_some() {
        assert_eq!(seconds(65_900_000), "1m 05s");
        assert_eq!(seconds_left(1), "1s");
        assert_eq!(seconds_left(59_000_001), "1m 00s");
        assert_eq!(seconds(7_380_000_000), "2h 03m");
    }
}
