//! What springback and its children say to each other: their configuration, and JSON lines on stdin and stdout.

use std::io::{BufRead, Write};
use std::net::SocketAddr;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::scenario::{Distribution, Group};

/// The hidden verb of an instance.
pub(super) const INSTANCE_VERB: &str = "__instance";
/// The hidden verb of the balancer.
pub(super) const BALANCER_VERB: &str = "__balancer";
/// The hidden verb that runs a foreign program.
pub(super) const GUARD_VERB: &str = "__guard";

/// What an instance is told at its start.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct InstanceConfig {
    pub(super) name: String,
    pub(super) startup_us: u64,
    pub(super) service_us: u64,
    pub(super) distribution: Distribution,
    pub(super) concurrency: u32,
    pub(super) queue: u32,
    pub(super) grace_us: u64,
    pub(super) ignores_sigterm: bool,
    pub(super) never_ready: bool,
    pub(super) seed: u64,
    /// Only where an instance stands in for a container of a Kubernetes pod.
    #[serde(default)]
    pub(super) container: ContainerConfig,
}

/// What an instance does besides when it stands in for a container (`tests/controlplane`, which writes this as JSON:
/// the keys are a contract with it).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct ContainerConfig {
    /// CPU time that is burnt for each request.
    pub(super) cpu_us: u64,
    /// Memory that is held from the start.
    pub(super) memory_bytes: usize,
    /// It ends by itself so long after its start.
    pub(super) runs_for_us: Option<u64>,
    /// Exit status when it ends by itself.
    pub(super) exit_code: u8,
    /// The kernel kills it with its parent. The pipe on stdin is not enough for one that is stopped (SIGSTOP).
    pub(super) dies_with_parent: bool,
}

impl InstanceConfig {
    /// The configuration of one instance of a group, every default filled in.
    pub(super) fn of(group: &Group, name: &str, seed: u64) -> Self {
        let service = group.service_time_or_default();
        Self {
            name: name.to_owned(),
            startup_us: group.startup_or_default().us,
            service_us: service.mean.us,
            distribution: service.distribution,
            concurrency: group.concurrency_or_default().max(1),
            queue: group.queue_or_default(),
            grace_us: group.grace_or_default().us,
            ignores_sigterm: group.defects.ignores_sigterm.unwrap_or(false),
            never_ready: group.defects.never_ready.unwrap_or(false),
            seed: seed_for(seed, name),
            container: ContainerConfig::default(),
        }
    }
}

/// A seed of its own for each instance (FNV-1a over its name), so that one instance's draws do not move another's.
fn seed_for(seed: u64, name: &str) -> u64 {
    name.bytes().fold(seed ^ 0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// What the balancer is told at its start.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct BalancerConfig {
    /// 0 for any free one; a balancer that is started again takes the port that the load is sent to.
    pub(super) port: u16,
}

/// A line on the balancer's stdin.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct BalancerOrder {
    /// All that it may send to from now on.
    pub(super) backends: Vec<BackendAddress>,
}

/// An instance that the balancer may send to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct BackendAddress {
    pub(super) name: String,
    pub(super) group: String,
    pub(super) addr: SocketAddr,
}

/// A line on a child's stdout.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Said {
    /// It accepts connections.
    Listening(SocketAddr),
    /// Balancer only, on each change and once a second: whom it sends to.
    Routing {
        /// Names of the backends that it sends to.
        healthy: Vec<String>,
        /// What has changed, in words; empty for the heartbeat.
        change: String,
    },
}

impl Said {
    /// Says it to the parent. A parent that is gone hears nothing, and this process is about to end.
    pub(super) fn say(&self) {
        let Ok(mut line) = serde_json::to_vec(self) else { return };
        line.push(b'\n');
        let mut stdout = std::io::stdout().lock();
        let _ = stdout.write_all(&line).and_then(|()| stdout.flush());
    }
}

/// Ends this process, whatever else it is doing, when the parent's end of stdin is closed: on a *thread*, so that
/// neither a busy runtime nor a graceful drain can delay it. Each line until then is handed to `on_line`.
pub(super) fn end_with_parent(
    on_line: impl Fn(&str) + Send + 'static,
    on_end: impl FnOnce() + Send + 'static,
) {
    let spawned = std::thread::Builder::new().name("stdin".to_owned()).spawn(move || {
        let mut stdin = std::io::stdin().lock();
        let mut line = String::new();
        loop {
            line.clear();
            match stdin.read_line(&mut line) {
                Ok(read) if read > 0 => on_line(line.trim_end()),
                _ => break,
            }
        }
        on_end();
        std::process::exit(0);
    });
    if spawned.is_err() {
        // Without the thread it could outlive its parent, so it does not live at all.
        std::process::exit(70);
    }
}

/// Reads a child's configuration from its only argument.
pub(super) fn config<T: DeserializeOwned>(args: &[std::ffi::OsString]) -> Result<T, String> {
    let [text] = args else { return Err("takes one argument, its configuration".to_owned()) };
    let text = text.to_str().ok_or("has a configuration that is not UTF-8")?;
    serde_json::from_str(text).map_err(|error| format!("cannot read its configuration: {error}"))
}

/// Raises the soft limit of open files as far as it may go: every request holds two sockets.
pub(super) fn raise_file_limit() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    const ENOUGH: u64 = 65_536;
    let mut limit = getrlimit(Resource::Nofile);
    let wanted = limit.maximum.map_or(ENOUGH, |maximum| maximum.min(ENOUGH));
    if limit.current.is_some_and(|current| current < wanted) {
        limit.current = Some(wanted);
        // Refused: then it goes on with what it has.
        let _ = setrlimit(Resource::Nofile, limit);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_read_back() {
        let listening = Said::Listening("127.0.0.1:4000".parse().unwrap());
        let text = serde_json::to_string(&listening).unwrap();
        assert_eq!(text, r#"{"listening":"127.0.0.1:4000"}"#);
        assert_eq!(serde_json::from_str::<Said>(&text).unwrap(), listening);
    }

    #[test]
    fn instances_draw_from_streams_of_their_own() {
        assert_ne!(seed_for(1, "primary-1"), seed_for(1, "primary-2"));
        assert_ne!(seed_for(1, "primary-1"), seed_for(2, "primary-1"));
        assert_eq!(seed_for(1, "primary-1"), seed_for(1, "primary-1"));
    }
}
