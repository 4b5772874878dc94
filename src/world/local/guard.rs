//! `__guard`: runs a program that knows nothing of springback, and sees to it that neither the program nor anything
//! that it started outlives this process or the one above it.

use std::ffi::OsString;
use std::io::{self, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, ExitCode, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use super::wire::end_with_parent;

/// The program's process group, until the program was waited for.
type Group = Arc<Mutex<Option<Pid>>>;

/// Runs `-- PROGRAM ARGS…` and ends as it ended.
pub(super) fn run(args: &[OsString]) -> ExitCode {
    let args = match args.split_first() {
        Some((dashes, rest)) if dashes == "--" => rest,
        _ => args,
    };
    let Some((program, args)) = args.split_first() else {
        return fail("takes a program and its arguments");
    };
    let group: Group = Arc::default();
    let watched = Arc::clone(&group);
    end_with_parent(
        |_| {},
        move || {
            end_group(&watched);
            // Not 0: a program that was cut off has not ended well.
            std::process::exit(130);
        },
    );
    // The lock is held over the start, so that the parent's end cannot come between start and record.
    let mut current = group.lock().unwrap_or_else(PoisonError::into_inner);
    let mut child = match Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .process_group(0)
        .spawn()
    {
        Ok(child) => child,
        Err(error) => return fail(&format!("cannot start {}: {error}", program.to_string_lossy())),
    };
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    *current = pid;
    drop(current);
    if let Some(pid) = pid {
        // Wait without reaping: as long as the leader is a zombie, the group's number cannot belong to anyone else.
        while let Err(rustix::io::Errno::INTR) =
            waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT)
        {}
    }
    end_group(&group);
    match child.wait() {
        Ok(status) => {
            let signalled = || status.signal().map(|signal| 128 + signal);
            let code = status.code().or_else(signalled).and_then(|code| u8::try_from(code).ok());
            if let Some(signal) = status.signal() {
                let _ = writeln!(io::stderr(), "ended by signal {signal}");
            }
            ExitCode::from(code.unwrap_or(1))
        }
        Err(error) => fail(&format!("cannot wait for {}: {error}", program.to_string_lossy())),
    }
}

fn end_group(group: &Group) {
    let mut group = group.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(pid) = group.take() {
        // Nobody left in the group is just as well.
        let _ = kill_process_group(pid, Signal::KILL);
    }
}

fn fail(why: &str) -> ExitCode {
    let _ = writeln!(io::stderr(), "{why}");
    ExitCode::from(127)
}
