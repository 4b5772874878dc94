//! One container's process: `springback __instance CONFIG`, its pipes, and the signals that it gets.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::rc::Rc;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::oneshot;
use tokio::task::spawn_local;
use tokio::time::timeout;

/// How long a process may take until it listens.
const LISTENS_WITHIN: Duration = Duration::from_secs(20);
/// How many lines of a container's log are kept.
const LOG_LINES: usize = 1_000;

/// The last lines that a container's processes wrote.
#[derive(Debug, Clone, Default)]
pub(super) struct Log(Rc<RefCell<VecDeque<String>>>);

impl Log {
    fn push(&self, line: String) {
        let mut lines = self.0.borrow_mut();
        if lines.len() == LOG_LINES {
            lines.pop_front();
        }
        lines.push_back(line);
    }

    /// The last so many lines, each ended.
    pub(super) fn tail(&self, lines: usize) -> String {
        let kept = self.0.borrow();
        let skipped = kept.len().saturating_sub(lines);
        kept.iter().skip(skipped).flat_map(|line| [line.as_str(), "\n"]).collect()
    }
}

/// What a process says on its stdout: see `Said` in `src/world/local/wire.rs`.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Said {
    Listening(SocketAddr),
}

/// A running process. Dropping it ends it: by its pipe, and by SIGKILL.
pub(super) struct Process {
    child: Child,
    /// Its end tells the process to end.
    _stdin: Option<ChildStdin>,
    pub(super) pid: i32,
    pub(super) addr: SocketAddr,
}

impl Process {
    /// Starts a process and waits until it listens.
    pub(super) async fn start(program: &Path, config: &str, log: &Log) -> Result<Self, String> {
        let mut child = Command::new(program)
            .args(["__instance", config])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| format!("cannot run {}: {error}", program.display()))?;
        let stdin = child.stdin.take();
        let (listening, listens) = oneshot::channel();
        if let Some(stdout) = child.stdout.take() {
            spawn_local(read(stdout, log.clone(), Some(listening)));
        }
        if let Some(stderr) = child.stderr.take() {
            spawn_local(read(stderr, log.clone(), None));
        }
        let addr = match timeout(LISTENS_WITHIN, listens).await {
            Ok(Ok(addr)) => addr,
            Ok(Err(_)) => return Err(format!("ended before it listened: {}", log.tail(3).trim_end())),
            Err(_) => return Err("did not listen in time".to_owned()),
        };
        let pid = child.id().and_then(|pid| i32::try_from(pid).ok()).ok_or("ended at once")?;
        Ok(Self { child, _stdin: stdin, pid, addr })
    }

    /// Waits until it has ended.
    pub(super) async fn ended(&mut self) -> Exit {
        Exit::of(self.child.wait().await)
    }

    /// Sends a signal. Whoever owns this has not waited for its end yet, so the pid is still its own.
    pub(super) fn signal(&self, signal: Signal) {
        let pid = self.child.id().and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw);
        if let Some(pid) = pid {
            // One that has just ended does not mind.
            let _ = kill_process(pid, signal);
        }
    }
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Exit {
    /// As a shell would put it: 128 and the signal if one ended it.
    pub(super) code: i32,
    pub(super) signal: Option<i32>,
}

impl Exit {
    fn of(status: io::Result<ExitStatus>) -> Self {
        // A child that cannot be waited for was lost; the number is the container runtimes' own for that.
        let Ok(status) = status else { return Self { code: 137, signal: None } };
        let signal = status.signal();
        Self { code: status.code().or(signal.map(|signal| 128 + signal)).unwrap_or(137), signal }
    }
}

async fn read(pipe: impl AsyncRead + Unpin, log: Log, mut listening: Option<oneshot::Sender<SocketAddr>>) {
    let mut lines = BufReader::new(pipe).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        if let Ok(Said::Listening(addr)) = serde_json::from_str(&line)
            && let Some(listening) = listening.take()
        {
            let _ = listening.send(addr);
        }
        log.push(line);
    }
}
