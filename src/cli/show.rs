//! Printing: diagnostics, errors, and whether to use colour.

use std::io::{self, IsTerminal, Write};

use miette::{GraphicalReportHandler, GraphicalTheme};

use crate::scenario::Diagnostic;

/// Whether a stream takes colour: a terminal, and `NO_COLOR` unset or empty (no-color.org).
pub(super) fn colour(stream: &impl IsTerminal) -> bool {
    stream.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Columns of the terminal; 100 where there is none.
pub(super) fn width() -> usize {
    if !io::stderr().is_terminal() && !io::stdout().is_terminal() {
        return 100;
    }
    rustix::termios::tcgetwinsize(io::stderr())
        .or_else(|_| rustix::termios::tcgetwinsize(io::stdout()))
        .map_or(100, |size| usize::from(size.ws_col))
        .max(40)
}

/// Prints diagnostics to standard error, each with its source line.
pub(super) fn diagnostics(diagnostics: &[Diagnostic]) {
    let theme =
        if colour(&io::stderr()) { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
    let handler = GraphicalReportHandler::new_themed(theme).with_width(width().clamp(60, 120));
    for diagnostic in diagnostics {
        let mut text = String::new();
        if handler.render_report(&mut text, diagnostic).is_err() {
            text = diagnostic.plain().to_string();
        }
        say(format_args!("{}\n", text.trim_end()));
    }
}

/// Prints one error line to standard error.
pub(super) fn error(message: impl std::fmt::Display) {
    say(format_args!("error: {message}"));
}

/// Prints a line to standard error. Nobody may be reading any more (`springback … 2>&1 | head`, a terminal that was
/// closed): `eprintln!` would panic then, in the middle of a run.
pub(super) fn say(message: impl std::fmt::Display) {
    let mut line = message.to_string();
    line.push('\n');
    let _ = io::stderr().lock().write_all(line.as_bytes());
}

/// Writes to standard output. A reader that went away (`springback … | head`) is no error; a full disk is said.
pub(super) fn print(text: &str) {
    let mut stdout = io::stdout().lock();
    let written = stdout
        .write_all(text.as_bytes())
        .and_then(|()| if text.ends_with('\n') { Ok(()) } else { stdout.write_all(b"\n") })
        .and_then(|()| stdout.flush());
    if let Err(failed) = written
        && failed.kind() != io::ErrorKind::BrokenPipe
    {
        error(format_args!("cannot write to standard output: {failed}"));
    }
}
