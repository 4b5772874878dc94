//! What processes really use, from `/proc`, over a sliding window.

use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::time::Duration;

use tokio::time::Instant;

/// Time between two samples.
pub(super) const SAMPLE_EVERY: Duration = Duration::from_millis(500);
/// What the rate of CPU time is taken over.
pub(super) const WINDOW: Duration = Duration::from_secs(2);

/// What a process uses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Usage {
    /// CPU time in nanoseconds per second.
    pub(super) nanocores: u64,
    pub(super) memory_bytes: u64,
}

/// CPU time so far, and memory now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Sample {
    cpu_ns: u64,
    memory_bytes: u64,
}

/// The samples of all processes, by pid.
#[derive(Debug, Default)]
pub(super) struct Samples(BTreeMap<i32, VecDeque<(Instant, Sample)>>);

impl Samples {
    /// Takes one of each of these processes, and forgets all others.
    pub(super) fn take(&mut self, pids: &[i32]) {
        self.0.retain(|pid, _| pids.contains(pid));
        for pid in pids {
            if let Some(sample) = sample(*pid) {
                self.push(*pid, Instant::now(), sample);
            }
        }
    }

    fn push(&mut self, pid: i32, at: Instant, sample: Sample) {
        let samples = self.0.entry(pid).or_default();
        samples.push_back((at, sample));
        // The oldest that is kept is the newest that is a whole window old.
        while samples.get(1).is_some_and(|(second, _)| at.duration_since(*second) >= WINDOW) {
            samples.pop_front();
        }
    }

    /// What a process has used over the window; nothing before there are two samples of it.
    pub(super) fn usage(&self, pid: i32) -> Option<Usage> {
        let samples = self.0.get(&pid)?;
        let ((first_at, first), (last_at, last)) = (samples.front()?, samples.back()?);
        let nanoseconds = last_at.duration_since(*first_at).as_nanos();
        if nanoseconds == 0 {
            return None;
        }
        let used = u128::from(last.cpu_ns.saturating_sub(first.cpu_ns));
        let nanocores = u64::try_from(used * 1_000_000_000 / nanoseconds).unwrap_or(u64::MAX);
        Some(Usage { nanocores, memory_bytes: last.memory_bytes })
    }
}

/// Time on the CPU of all threads, to the nanosecond, and resident memory.
fn sample(pid: i32) -> Option<Sample> {
    let mut cpu_ns = 0;
    for thread in fs::read_dir(format!("/proc/{pid}/task")).ok()?.flatten() {
        // A thread that has just ended is not counted.
        let Ok(text) = fs::read_to_string(thread.path().join("schedstat")) else { continue };
        cpu_ns += text.split_ascii_whitespace().next()?.parse::<u64>().ok()?;
    }
    let memory = fs::read_to_string(format!("/proc/{pid}/statm")).ok()?;
    let pages: u64 = memory.split_ascii_whitespace().nth(1)?.parse().ok()?;
    Some(Sample { cpu_ns, memory_bytes: pages * rustix::param::page_size() as u64 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_taken_over_the_window_and_no_longer() {
        let mut samples = Samples::default();
        let begin = Instant::now();
        let mut push = |at_ms: u64, cpu_ms: u64| {
            let sample = Sample { cpu_ns: cpu_ms * 1_000_000, memory_bytes: 1 };
            samples.push(1, begin + Duration::from_millis(at_ms), sample);
            samples.usage(1).map(|usage| usage.nanocores / 1_000_000)
        };
        assert_eq!(push(0, 1_000), None);
        assert_eq!(push(1_000, 1_500), Some(500));
        assert_eq!(push(2_000, 1_500), Some(250));
        assert_eq!(push(3_000, 1_500), Some(0), "the first second has left the window");
    }

    #[test]
    fn this_process_uses_memory() {
        let pid = rustix::process::getpid().as_raw_nonzero().get();
        assert!(sample(pid).unwrap().memory_bytes > 1 << 20);
    }
}
