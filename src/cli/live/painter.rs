//! The status rows at the end of the terminal's text, as the bytes that bring them up to date.
//!
//! Everything is relative to the cursor, which rests on a line of its own below the rows: whatever comes next — the
//! shell's prompt after a SIGKILL, the `^C` that the terminal echoes — finds a clean line. The cursor is never hidden,
//! no mode of the terminal is changed, and nothing is asked of it. So there is nothing to put back.

use super::text::Line;

/// What is on the terminal below the lines that stay.
#[derive(Debug, Default)]
pub(super) struct Painter {
    /// Rows as they were written, with the columns that each takes.
    drawn: Vec<(usize, String)>,
    /// Columns of the terminal at that time.
    columns: usize,
}

/// Erases the cursor's line, all of it: of one whose end alone is erased, tmux remembers how long it once was, and breaks
/// it into as many when it becomes narrower.
const ERASE_LINE: &str = "\x1b[2K";
/// Erases from the cursor to the end of the screen.
const ERASE_BELOW: &str = "\x1b[J";

impl Painter {
    /// The bytes that write `above` where the status is and the status `rows` below it. No line may be as wide as the
    /// terminal: at its very edge terminals differ in where the cursor goes.
    pub(super) fn frame(&mut self, columns: usize, above: &[Line], rows: &[Line], colour: bool) -> String {
        let rows: Vec<_> = rows.iter().map(|row| (row.width(), row.paint(colour))).collect();
        let resized = columns != self.columns;
        if above.is_empty() && rows == self.drawn && !resized {
            return String::new();
        }
        let mut bytes = "\r".to_owned();
        let up = self.height(columns);
        if up > 0 {
            bytes += &format!("\x1b[{up}A");
        }
        if resized {
            // Rows that the terminal has broken anew are taken away whole, with the marks by which it would join them.
            bytes += ERASE_BELOW;
        }
        let above = above.iter().map(|line| line.paint(colour));
        for text in above.chain(rows.iter().map(|(_, text)| text.clone())) {
            bytes += ERASE_LINE;
            bytes += &text;
            bytes += "\n";
        }
        bytes += ERASE_BELOW;
        self.drawn = rows;
        self.columns = columns;
        bytes
    }

    /// The status is left where it is: somebody else has written below it.
    pub(super) fn forget(&mut self) {
        self.drawn.clear();
    }

    /// Screen lines that the rows take now. A terminal that became narrower breaks them anew, as nearly all do that can
    /// be resized; one that cuts them off instead loses some of the lines above.
    fn height(&self, columns: usize) -> usize {
        self.drawn.iter().map(|(width, _)| width.div_ceil(columns.max(1)).max(1)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::super::text::Tone;
    use super::*;

    fn lines(texts: &[&str]) -> Vec<Line> {
        texts.iter().map(|text| Line::new().with(Tone::Good, text)).collect()
    }

    /// What a terminal shows and what has scrolled away, without the empty lines at the end.
    fn screen(terminal: &avt::Terminal) -> String {
        terminal.screen().text().join("\n").trim_end().to_owned()
    }

    /// A painter on an emulated terminal.
    struct Screen {
        terminal: avt::Terminal,
        painter: Painter,
    }

    impl Screen {
        fn new(columns: usize, rows: usize) -> Self {
            let mut terminal = avt::Terminal::with_scrollback(columns, rows, None).unwrap();
            terminal.feed("$ springback run\r\n");
            Self { terminal, painter: Painter::default() }
        }

        fn paint(&mut self, above: &[&str], rows: &[&str]) {
            let columns = self.terminal.size().0;
            let frame = self.painter.frame(columns, &lines(above), &lines(rows), true);
            // The line discipline of a terminal returns the carriage.
            self.terminal.feed(frame.replace('\n', "\r\n"));
        }
    }

    #[test]
    fn events_stay_and_the_status_is_replaced() {
        let mut at = Screen::new(40, 10);
        at.paint(&["first"], &["status one", "more of it"]);
        at.paint(&["second"], &["status two"]);
        assert_eq!(screen(&at.terminal), "$ springback run\nfirst\nsecond\nstatus two");
        assert_eq!(at.terminal.cursor().position(), Some((0, 4)));
        at.paint(&[], &[]);
        assert_eq!(screen(&at.terminal), "$ springback run\nfirst\nsecond");
        assert_eq!(at.terminal.cursor().position(), Some((0, 3)));
    }

    #[test]
    fn at_the_end_of_the_screen_it_scrolls() {
        let mut at = Screen::new(40, 5);
        for n in 0..20 {
            at.paint(&[&format!("event {n}")], &["status", "more"]);
        }
        let text = screen(&at.terminal);
        assert!(text.ends_with("event 18\nevent 19\nstatus\nmore"), "{text}");
        assert_eq!(text.matches("status").count(), 1, "nothing of an earlier one has scrolled away: {text}");
    }

    #[test]
    fn nothing_is_written_while_nothing_changes() {
        let mut painter = Painter::default();
        assert_ne!(painter.frame(40, &[], &lines(&["a"]), false), "");
        assert_eq!(painter.frame(40, &[], &lines(&["a"]), false), "");
        assert_ne!(painter.frame(39, &[], &lines(&["a"]), false), "", "the width has changed");
    }

    #[test]
    fn what_the_terminal_echoes_is_taken_away_by_the_next_frame() {
        let mut at = Screen::new(40, 10);
        at.paint(&[], &["status"]);
        at.terminal.feed("^C");
        at.paint(&["interrupted"], &["status"]);
        assert_eq!(screen(&at.terminal), "$ springback run\ninterrupted\nstatus");
    }

    #[test]
    fn a_terminal_that_becomes_narrower_or_wider_keeps_no_stale_rows() {
        let long = "a status row that is longer than forty columns are wide";
        let mut at = Screen::new(80, 12);
        let events: Vec<_> = (0..20).map(|n| format!("event {n}")).collect();
        at.paint(&events.iter().map(String::as_str).collect::<Vec<_>>(), &[long, "short", long]);
        for (columns, row) in [(30, "narrow"), (17, "narrower"), (80, long), (41, "between"), (160, long)] {
            at.terminal.resize(columns, 12);
            at.paint(&[], &[row, "short"]);
            let expected = format!("$ springback run\n{}\n{row}\nshort", events.join("\n"));
            assert_eq!(screen(&at.terminal), expected, "at {columns} columns");
        }
    }

    #[test]
    fn a_status_that_was_left_behind_is_not_touched() {
        let mut at = Screen::new(40, 10);
        at.paint(&[], &["status"]);
        at.terminal.feed("stopped\r\n$ fg\r\n");
        at.painter.forget();
        at.paint(&[], &["status again"]);
        assert_eq!(screen(&at.terminal), "$ springback run\nstatus\nstopped\n$ fg\nstatus again");
    }
}
