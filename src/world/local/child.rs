//! A child process and the one task that owns it: whoever signals a child also waits for it, so that no signal can
//! reach a process that was given the same pid later.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};

use crate::history::ProcessId;

use super::process::start_ticks;

/// How long a child may take to end once its stdin was closed.
const CLOSING: Duration = Duration::from_secs(2);
/// How much of the end of a child's stderr is kept.
const STDERR_BYTES: usize = 2_048;
const STDERR_LINES: usize = 3;

/// Something that a child did.
#[derive(Debug)]
pub(super) enum ChildEvent {
    /// A line on its stdout.
    Said(String),
    /// It was waited for: it does not exist any more.
    Ended(Ending),
}

/// How a child ended.
#[derive(Debug)]
pub(super) struct Ending {
    status: io::Result<ExitStatus>,
    /// The last lines that it wrote to stderr, joined.
    pub(super) stderr: String,
}

impl Ending {
    /// Whether it ended well.
    pub(super) fn ok(&self) -> bool {
        self.status.as_ref().is_ok_and(ExitStatus::success)
    }

    /// Exit status or signal, such as `signal: 9 (SIGKILL)`.
    pub(super) fn status(&self) -> String {
        match &self.status {
            Ok(status) => status.to_string(),
            Err(error) => format!("could not be waited for: {error}"),
        }
    }

    /// Status, and what it said to stderr.
    pub(super) fn describe(&self) -> String {
        if self.stderr.is_empty() { self.status() } else { format!("{}: {}", self.status(), self.stderr) }
    }
}

enum Order {
    Signal(Signal),
    Line(String),
}

/// A started child. Dropping it closes the child's stdin, which ends it.
#[derive(Debug)]
pub(super) struct ChildHandle {
    orders: mpsc::UnboundedSender<Order>,
    /// Which process it is.
    pub(super) process: ProcessId,
}

impl ChildHandle {
    /// Sends a signal, unless the child has ended already.
    pub(super) fn signal(&self, signal: Signal) {
        let _ = self.orders.send(Order::Signal(signal));
    }

    /// Writes a line to its stdin.
    pub(super) fn tell(&self, line: String) {
        let _ = self.orders.send(Order::Line(line));
    }
}

/// Starts a program as a child in a process group of its own, so that the terminal's Ctrl-C does not reach it, with
/// pipes for all that it reads and writes. Must run inside a runtime, and always on the same thread.
pub(super) fn start(
    program: &Path,
    args: &[OsString],
    environment: &[(&str, &str)],
    report: impl Fn(ChildEvent) + Send + 'static,
) -> io::Result<ChildHandle> {
    let mut child = Command::new(program)
        .args(args)
        .envs(environment.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()?;
    let pid = child.id().and_then(|pid| i32::try_from(pid).ok()).unwrap_or(0);
    let process = ProcessId { pid, start_ticks: start_ticks(pid) };
    let (orders, inbox) = mpsc::unbounded_channel();
    let stdin = child.stdin.take();
    let stdout = child.stdout.take().map(|pipe| BufReader::new(pipe).lines());
    let stderr = child.stderr.take();
    let owner = Owner { child, stdin, stdout, inbox, report };
    tokio::spawn(owner.run(stderr));
    Ok(ChildHandle { orders, process })
}

struct Owner<R> {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: Option<Lines<BufReader<ChildStdout>>>,
    inbox: mpsc::UnboundedReceiver<Order>,
    report: R,
}

impl<R: Fn(ChildEvent)> Owner<R> {
    async fn run(mut self, stderr: Option<ChildStderr>) {
        let mut tail = tokio::spawn(read_tail(stderr));
        let mut deadline = None;
        let status = loop {
            tokio::select! {
                biased;
                order = self.inbox.recv(), if deadline.is_none() => match order {
                    Some(Order::Signal(signal)) => self.signal(signal),
                    Some(Order::Line(line)) => self.write(line).await,
                    None => {
                        self.stdin = None;
                        deadline = Some(Instant::now() + CLOSING);
                    }
                },
                line = next_line(&mut self.stdout), if self.stdout.is_some() => match line {
                    Some(line) => (self.report)(ChildEvent::Said(line)),
                    None => self.stdout = None,
                },
                status = self.child.wait() => break status,
                () = sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => {
                    self.signal(Signal::KILL);
                    deadline = Some(Instant::now() + CLOSING);
                }
            }
        };
        // A grandchild may hold the pipe open: what was said until now has to do.
        let stderr = match timeout(Duration::from_millis(200), &mut tail).await {
            Ok(Ok(stderr)) => stderr,
            _ => String::new(),
        };
        tail.abort();
        (self.report)(ChildEvent::Ended(Ending { status, stderr }));
    }

    /// The child was not waited for yet, so the pid is still its own.
    fn signal(&self, signal: Signal) {
        let pid = self.child.id().and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw);
        if let Some(pid) = pid {
            // It cannot be refused; a child that has just ended does not mind.
            let _ = kill_process(pid, signal);
        }
    }

    async fn write(&mut self, mut line: String) {
        line.push('\n');
        if let Some(stdin) = &mut self.stdin {
            // A child that does not read is broken, and is found out by its silence.
            let _ = timeout(Duration::from_secs(1), stdin.write_all(line.as_bytes())).await;
        }
    }
}

async fn next_line(stdout: &mut Option<Lines<BufReader<ChildStdout>>>) -> Option<String> {
    stdout.as_mut()?.next_line().await.ok().flatten()
}

async fn read_tail(stderr: Option<ChildStderr>) -> String {
    let Some(mut pipe) = stderr else { return String::new() };
    let mut kept = VecDeque::new();
    let mut chunk = [0; 1_024];
    while let Ok(read @ 1..) = pipe.read(&mut chunk).await {
        kept.extend(&chunk[..read]);
        kept.drain(..kept.len().saturating_sub(STDERR_BYTES));
    }
    last_lines(&String::from_utf8_lossy(kept.make_contiguous()))
}

fn last_lines(text: &str) -> String {
    let lines: Vec<_> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    lines[lines.len().saturating_sub(STDERR_LINES)..].join(" | ")
}

#[cfg(test)]
mod tests {
    use super::last_lines;

    #[test]
    fn the_last_lines_tell_what_happened() {
        assert_eq!(last_lines("a\n\nb\n  c \nd\n"), "b | c | d");
        assert_eq!(last_lines(""), "");
    }
}
