//! Processes by pid and start time, so that a pid that is used again is not mistaken for the one that was meant.

use crate::history::ProcessId;

/// What became of a process that an earlier run may have left behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Leftover {
    /// It was still there, and was killed.
    Ended(ProcessId),
    /// It does not exist any more.
    Gone(ProcessId),
    /// Its start time was never known, so that it cannot be told from another process: left alone.
    Unknown(ProcessId),
    /// It is still there, and could not be killed: why.
    Failed(ProcessId, String),
}

/// Kills (SIGKILL) each of these processes that still exists: same pid *and* same start time. Waits up to two
/// seconds for each to be gone. Blocks; meant for `heal`, long after the run.
pub fn end_leftovers(children: &[ProcessId]) -> Vec<Leftover> {
    children.iter().map(|child| end_leftover(*child)).collect()
}

/// When a process started, in clock ticks since boot; 0 where that cannot be read.
pub(super) fn start_ticks(pid: i32) -> u64 {
    stat(pid).map_or(0, |stat| stat.start_ticks)
}

struct Stat {
    state: char,
    start_ticks: u64,
}

fn stat(pid: i32) -> Option<Stat> {
    parse_stat(&std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// Fields 3 (state) and 22 (start time) of `/proc/PID/stat`. The second field, the name, may hold anything, also
/// spaces and brackets: the fields are counted from its *last* bracket.
fn parse_stat(text: &str) -> Option<Stat> {
    let (_, after_name) = text.rsplit_once(')')?;
    let mut fields = after_name.split_ascii_whitespace();
    let state = fields.next()?.chars().next()?;
    Some(Stat { state, start_ticks: fields.nth(18)?.parse().ok()? })
}

/// This very process.
pub fn this_process() -> ProcessId {
    let pid = rustix::process::getpid().as_raw_nonzero().get();
    ProcessId { pid, start_ticks: start_ticks(pid) }
}

/// Whether exactly this process exists. One that has ended and was only not waited for does not.
pub fn exists(child: ProcessId) -> bool {
    stat(child.pid)
        .is_some_and(|stat| stat.start_ticks == child.start_ticks && !matches!(stat.state, 'Z' | 'X'))
}

#[cfg(target_os = "linux")]
fn kill(child: ProcessId) -> Result<(), String> {
    use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
    let Some(pid) = Pid::from_raw(child.pid) else { return Ok(()) };
    let process = match pidfd_open(pid, PidfdFlags::empty()) {
        Ok(process) => process,
        Err(rustix::io::Errno::SRCH) => return Ok(()),
        Err(error) => return Err(error.to_string()),
    };
    // The descriptor holds whatever process has the pid now; only now is it sure which one that is.
    if exists(child) {
        match pidfd_send_signal(&process, Signal::KILL) {
            Ok(()) | Err(rustix::io::Errno::SRCH) => {}
            Err(error) => return Err(error.to_string()),
        }
    }
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn kill(_child: ProcessId) -> Result<(), String> {
    Err("its start time cannot be checked on this system".to_owned())
}

fn end_leftover(child: ProcessId) -> Leftover {
    if child.start_ticks == 0 {
        return Leftover::Unknown(child);
    }
    if !exists(child) {
        return Leftover::Gone(child);
    }
    if let Err(why) = kill(child) {
        return Leftover::Failed(child, why);
    }
    for _ in 0..200 {
        if !exists(child) {
            return Leftover::Ended(child);
        }
        #[expect(clippy::disallowed_methods, reason = "`heal` has nothing else to do while a process ends")]
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    Leftover::Failed(child, "it is still there 2 s after SIGKILL".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_and_spaces_does_not_move_the_fields() {
        let text = "42 (a) b (c) S 1 42 42 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 987654 10 20";
        let stat = parse_stat(text).unwrap();
        assert_eq!((stat.state, stat.start_ticks), ('S', 987_654));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn only_the_very_process_is_ended() {
        let mut sleeper = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let pid = i32::try_from(sleeper.id()).unwrap();
        let ticks = start_ticks(pid);
        let other = ProcessId { pid, start_ticks: ticks + 1 };
        let unknown = ProcessId { pid, start_ticks: 0 };
        assert_eq!(end_leftovers(&[other, unknown]), [Leftover::Gone(other), Leftover::Unknown(unknown)]);
        assert!(sleeper.try_wait().unwrap().is_none(), "it was killed under another's name");
        let same = ProcessId { pid, start_ticks: ticks };
        assert_eq!(end_leftovers(&[same]), [Leftover::Ended(same)]);
        sleeper.wait().unwrap();
        assert_eq!(end_leftovers(&[same]), [Leftover::Gone(same)]);
    }
}
