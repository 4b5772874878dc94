//! The thread that writes: whoever runs a scenario never waits for a terminal.
//!
//! A terminal may be slow, stopped with Ctrl-S, or gone. What is to be shown goes into a mailbox; of several statuses
//! only the newest one counts, and of events only so many are kept.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::events::Happened;
use super::layout;
use super::painter::Painter;
use super::picture::Picture;
use super::text::{Line, Tone, wrapped};

/// At most ten frames a second.
const BETWEEN_FRAMES: Duration = Duration::from_millis(100);
/// After a change of size, so many frames go by without another one before anything is drawn. A terminal is narrower
/// before it says so, a multiplexer by a quarter of a second: a row drawn in between would be broken where nobody knows.
const STEADY_FRAMES: u32 = 3;
/// How long the end of a run waits for the last frame.
const LAST_FRAME_WITHIN: Duration = Duration::from_secs(1);
/// Lines kept for a terminal that does not take them.
const LINES_MAX: usize = 10_000;

/// How a line is to be shown.
pub(super) enum Entry {
    /// As it is.
    Text(String),
    Event(Happened),
}

#[derive(Default)]
struct Mailbox {
    lines: VecDeque<Entry>,
    left_out: usize,
    status: Option<Picture>,
    /// Whoever was stopped and continues finds other text below its status.
    resumed: bool,
    closing: bool,
    /// Nothing is written any more.
    closed: bool,
}

/// How to write.
#[derive(Debug, Clone, Copy)]
pub(super) enum Mode {
    /// One line after another.
    Lines,
    /// The status in place at the end.
    InPlace { colour: bool },
}

/// A terminal, or a file or pipe in its stead, written to by a thread of its own.
pub(super) struct Terminal {
    shared: Arc<(Mutex<Mailbox>, Condvar)>,
}

impl Terminal {
    /// # Errors
    /// The system gives no thread.
    pub(super) fn open(out: impl Write + AsFd + Send + 'static, mode: Mode) -> io::Result<Self> {
        let shared = Arc::<(Mutex<Mailbox>, Condvar)>::default();
        let size = (size(&out), STEADY_FRAMES);
        let (lines, painter) = (VecDeque::new(), Painter::default());
        let writer = Writer { shared: shared.clone(), out, mode, painter, size, lines, status: None };
        std::thread::Builder::new().name("live-view".into()).spawn(move || writer.run())?;
        Ok(Self { shared })
    }

    pub(super) fn line(&self, entry: Entry) {
        self.post(|mailbox| {
            if mailbox.lines.len() == LINES_MAX {
                mailbox.lines.pop_front();
                mailbox.left_out += 1;
            }
            mailbox.lines.push_back(entry);
        });
    }

    pub(super) fn status(&self, picture: Picture) {
        self.post(|mailbox| mailbox.status = Some(picture));
    }

    pub(super) fn resumed(&self) {
        self.post(|mailbox| mailbox.resumed = true);
    }

    /// Takes the status off and returns once everything is written, or after a while where nobody takes it.
    pub(super) fn close(&self) {
        self.post(|mailbox| {
            mailbox.status = None;
            mailbox.closing = true;
        });
        let (mailbox, changed) = &*self.shared;
        let open = lock(mailbox);
        let _ = changed.wait_timeout_while(open, LAST_FRAME_WITHIN, |mailbox| !mailbox.closed);
    }

    fn post(&self, change: impl FnOnce(&mut Mailbox)) {
        let (mailbox, changed) = &*self.shared;
        let mut mailbox = lock(mailbox);
        if !mailbox.closed {
            change(&mut mailbox);
            changed.notify_all();
        }
    }
}

/// A panic elsewhere leaves the mailbox as good as it was.
fn lock(mailbox: &Mutex<Mailbox>) -> MutexGuard<'_, Mailbox> {
    mailbox.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Writer<O> {
    shared: Arc<(Mutex<Mailbox>, Condvar)>,
    out: O,
    mode: Mode,
    painter: Painter,
    /// Columns and rows as they were last seen, and how many frames in a row.
    size: ((usize, usize), u32),
    /// What is still to be written.
    lines: VecDeque<Entry>,
    status: Option<Picture>,
}

/// What goes into one frame.
struct Post {
    lines: VecDeque<Entry>,
    status: Option<Picture>,
    resumed: bool,
    closing: bool,
}

impl<O: Write + AsFd> Writer<O> {
    fn run(mut self) {
        loop {
            let post = self.next();
            self.lines.extend(post.lines);
            if post.closing {
                self.status = None;
            } else if post.status.is_some() {
                self.status = post.status;
            }
            if post.resumed {
                self.painter.forget();
            }
            let bytes = match self.mode {
                Mode::Lines => plain(self.lines.drain(..)),
                Mode::InPlace { colour } => {
                    if !self.is_steady() && !post.closing {
                        continue;
                    }
                    self.frame(colour)
                }
            };
            // One that went away is no reason to end a run: it goes on without a view.
            let failed = self.out.write_all(bytes.as_bytes()).and_then(|()| self.out.flush()).is_err();
            if failed || post.closing {
                break;
            }
        }
        let (mailbox, changed) = &*self.shared;
        let mut mailbox = lock(mailbox);
        *mailbox = Mailbox { closed: true, ..Mailbox::default() };
        changed.notify_all();
    }

    /// Waits for something to show, but not for less than the time between two frames.
    fn next(&self) -> Post {
        let (mailbox, changed) = &*self.shared;
        let pause = changed.wait_timeout_while(lock(mailbox), BETWEEN_FRAMES, |mailbox| !mailbox.closing);
        let mailbox = pause.map_or_else(|poisoned| poisoned.into_inner().0, |(mailbox, _)| mailbox);
        let quiet =
            |mailbox: &mut Mailbox| mailbox.lines.is_empty() && mailbox.status.is_none() && !mailbox.closing;
        let mut mailbox = changed.wait_while(mailbox, quiet).unwrap_or_else(PoisonError::into_inner);
        let mut lines = std::mem::take(&mut mailbox.lines);
        let left_out = std::mem::take(&mut mailbox.left_out);
        if left_out > 0 {
            lines.push_front(Entry::Text(format!(
                "({left_out} earlier lines are left out: nobody took them)"
            )));
        }
        Post {
            lines,
            status: mailbox.status.take(),
            resumed: std::mem::take(&mut mailbox.resumed),
            closing: mailbox.closing,
        }
    }

    fn is_steady(&mut self) -> bool {
        let (now, (before, frames)) = (size(&self.out), self.size);
        self.size = (now, if now == before { frames.saturating_add(1) } else { 0 });
        self.size.1 >= STEADY_FRAMES
    }

    fn frame(&mut self, colour: bool) -> String {
        let (columns, rows) = size(&self.out);
        let above = self.lines.drain(..).flat_map(|entry| match entry {
            Entry::Event(event) => event.lines(columns),
            Entry::Text(text) => {
                let lines = wrapped(&text, columns.saturating_sub(1)).into_iter();
                lines.map(|text| Line::new().with(Tone::Strong, text)).collect()
            }
        });
        let above: Vec<Line> = above.collect();
        let status = self.status.as_ref().filter(|_| is_foreground(&self.out));
        let rows = status.map_or_else(Vec::new, |picture| layout::rows(picture, columns, rows));
        self.painter.frame(columns, &above, &rows, colour)
    }
}

fn plain(lines: impl Iterator<Item = Entry>) -> String {
    let texts = lines.map(|entry| match entry {
        Entry::Text(text) => text,
        Entry::Event(event) => event.plain(),
    });
    texts.map(|text| text + "\n").collect()
}

/// Columns and rows; what a terminal that does not know them is usually like.
fn size(out: &impl AsFd) -> (usize, usize) {
    match rustix::termios::tcgetwinsize(out) {
        Ok(size) if size.ws_col > 0 && size.ws_row > 0 => (size.ws_col.into(), size.ws_row.into()),
        _ => (80, 24),
    }
}

/// Whether the terminal is ours to draw on: in the background it is the shell's.
fn is_foreground(out: &impl AsFd) -> bool {
    rustix::termios::tcgetpgrp(out).map_or(true, |group| group == rustix::process::getpgrp())
}
