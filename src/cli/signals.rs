//! Ctrl-C, SIGTERM and SIGHUP: taken once, handed to whichever scenario is running.

use std::fs;
use std::io;

use tokio::sync::mpsc;

use crate::run::Signal;

/// Whether this process was started with a signal ignored; `None` where the system does not tell.
fn ignores(kind: tokio::signal::unix::SignalKind) -> Option<bool> {
    ignored_in(&fs::read_to_string("/proc/self/status").ok()?, kind.as_raw_value())
}

/// Reads the mask of ignored signals in `/proc/PID/status`: hexadecimal, the lowest bit for signal 1.
fn ignored_in(status: &str, signal: i32) -> Option<bool> {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"))?;
    let mask = u64::from_str_radix(mask.trim(), 16).ok()?;
    let bit = u32::try_from(signal).ok()?.checked_sub(1)?;
    Some(mask.checked_shr(bit)? & 1 == 1)
}

/// The signals that end a run.
pub(super) struct Signals {
    sender: tokio::sync::broadcast::Sender<Signal>,
    count: std::rc::Rc<std::cell::Cell<u32>>,
}

impl Signals {
    pub(super) fn listen() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let (sender, _) = tokio::sync::broadcast::channel(16);
        let count = std::rc::Rc::new(std::cell::Cell::new(0));
        let mut kinds =
            vec![(SignalKind::interrupt(), Signal::Interrupt), (SignalKind::terminate(), Signal::Terminate)];
        // Under nohup the run is meant to outlive its terminal.
        if ignores(SignalKind::hangup()) == Some(false) {
            kinds.push((SignalKind::hangup(), Signal::HangUp));
        }
        for (kind, meaning) in kinds {
            let mut stream = signal(kind)?;
            let (sender, count) = (sender.clone(), count.clone());
            tokio::task::spawn_local(async move {
                while stream.recv().await.is_some() {
                    count.set(count.get() + 1);
                    // Between two scenarios nobody listens; the count tells the suite.
                    let _ = sender.send(meaning);
                }
            });
        }
        // At a file-size limit the kernel sends SIGXFSZ, which kills by default; handled, the write fails instead,
        // and a lost history can heal.
        let mut file_size = signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw()))?;
        tokio::task::spawn_local(async move { while file_size.recv().await.is_some() {} });
        Ok(Self { sender, count })
    }

    /// Whether any has come since the start.
    pub(super) fn interrupted(&self) -> bool {
        self.count.get() > 0
    }

    /// Those that come from now on.
    pub(super) fn subscribe(&self) -> mpsc::UnboundedReceiver<Signal> {
        let (forward, receiver) = mpsc::unbounded_channel();
        let mut incoming = self.sender.subscribe();
        tokio::task::spawn_local(async move {
            while let Ok(signal) = incoming.recv().await {
                if forward.send(signal).is_err() {
                    break;
                }
            }
        });
        receiver
    }
}

#[cfg(test)]
mod tests {
    use super::ignored_in;

    #[test]
    fn what_nohup_ignores_is_read_from_the_mask() {
        let status = "Name:\tspringback\nSigBlk:\t0000000000000002\nSigIgn:\t0000000000001001\n";
        assert_eq!(ignored_in(status, 1), Some(true), "SIGHUP");
        assert_eq!(ignored_in(status, 2), Some(false), "SIGINT");
        assert_eq!(ignored_in("Name:\tspringback\n", 1), None);
    }
}
