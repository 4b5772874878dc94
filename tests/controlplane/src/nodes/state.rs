//! What is known of a container.

use std::net::SocketAddr;

use jiff::Timestamp;

use super::process::Exit;

/// What a container is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum State {
    Waiting { reason: &'static str, message: String },
    Running { since: Timestamp },
    Terminated(Termination),
}

/// How a container's process ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Termination {
    pub(super) exit: Exit,
    pub(super) reason: &'static str,
    pub(super) message: String,
    pub(super) started: Timestamp,
    pub(super) finished: Timestamp,
}

/// All that is known of a container.
#[derive(Debug, Clone)]
pub(super) struct Status {
    pub(super) state: State,
    /// How it ended the last time, if it was started again since.
    pub(super) last: Option<Termination>,
    pub(super) restarts: u32,
    pub(super) started: bool,
    pub(super) ready: bool,
    /// Its process, while there is one.
    pub(super) process: Option<Running>,
    /// It will not run again.
    pub(super) finished: bool,
}

/// Where a running process is to be found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Running {
    pub(super) pid: i32,
    pub(super) addr: SocketAddr,
}
