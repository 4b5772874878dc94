//! Probes: the kubelet's looks at a container, with their period, timeout and thresholds.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Empty;
use hyper::Request;
use hyper::client::conn::http1;
use hyper::header::{CONNECTION, HOST};
use hyper_util::rt::TokioIo;
use k8s_openapi::api::core::v1;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::spawn_local;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

/// Which of a container's probes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Startup,
    Readiness,
    Liveness,
}

/// So many looks in a row came out like this.
#[derive(Debug)]
pub(super) struct Verdict {
    pub(super) kind: Kind,
    /// What the last look met, if it failed.
    pub(super) outcome: Result<(), String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Look {
    Http {
        path: String,
    },
    Tcp,
    /// Nothing that a process without a container could answer.
    Unknown,
}

/// A probe with its defaults filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Probe {
    kind: Kind,
    look: Look,
    delay: Duration,
    period: Duration,
    timeout: Duration,
    successes: u32,
    failures: u32,
}

impl Probe {
    /// A probe of a container's spec. Whatever port it names, it looks at the one that the process has.
    pub(super) fn of(kind: Kind, probe: &v1::Probe) -> Self {
        let seconds = |value: Option<i32>, default: u64| {
            Duration::from_secs(value.and_then(|value| u64::try_from(value).ok()).unwrap_or(default))
        };
        let times = |value: Option<i32>, default: u32| {
            value.and_then(|value| u32::try_from(value).ok()).unwrap_or(default).max(1)
        };
        let look = match (&probe.http_get, &probe.tcp_socket) {
            (Some(get), _) => Look::Http { path: get.path.clone().unwrap_or_else(|| "/".to_owned()) },
            (None, Some(_)) => Look::Tcp,
            (None, None) => Look::Unknown,
        };
        Self {
            kind,
            look,
            delay: seconds(probe.initial_delay_seconds, 0),
            period: seconds(probe.period_seconds, 10).max(Duration::from_secs(1)),
            timeout: seconds(probe.timeout_seconds, 1).max(Duration::from_secs(1)),
            successes: times(probe.success_threshold, 1),
            failures: times(probe.failure_threshold, 3),
        }
    }

    /// Looks until nobody listens any more, and tells each time that enough looks in a row agree.
    pub(super) async fn run(self, addr: SocketAddr, verdicts: mpsc::UnboundedSender<Verdict>) {
        sleep(self.delay).await;
        let mut ticks = interval(self.period);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut successes, mut failures) = (0_u32, 0_u32);
        loop {
            ticks.tick().await;
            let outcome = self.look(addr).await;
            let enough = if outcome.is_ok() {
                (successes, failures) = (successes.saturating_add(1), 0);
                successes >= self.successes
            } else {
                (successes, failures) = (0, failures.saturating_add(1));
                failures >= self.failures
            };
            if enough && verdicts.send(Verdict { kind: self.kind, outcome }).is_err() {
                return;
            }
        }
    }

    async fn look(&self, addr: SocketAddr) -> Result<(), String> {
        let looked = match &self.look {
            Look::Http { path } => timeout(self.timeout, get(addr, path)).await,
            Look::Tcp => timeout(self.timeout, connect(addr)).await.map(|connected| connected.map(drop)),
            Look::Unknown => return Err("only httpGet and tcpSocket are probed here".to_owned()),
        };
        looked.unwrap_or_else(|_| Err(format!("no answer within {} s", self.timeout.as_secs())))
    }
}

async fn connect(addr: SocketAddr) -> Result<TcpStream, String> {
    TcpStream::connect(addr).await.map_err(|error| error.to_string())
}

/// On a connection of its own, as the kubelet does it.
async fn get(addr: SocketAddr, path: &str) -> Result<(), String> {
    let stream = connect(addr).await?;
    let (mut sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
    spawn_local(async move {
        // How it ends is seen by the look itself.
        let _ = connection.await;
    });
    let request = Request::get(path)
        .header(HOST, addr.to_string())
        .header(CONNECTION, "close")
        .body(Empty::<Bytes>::new())
        .map_err(|error| error.to_string())?;
    let response = sender.send_request(request).await.map_err(|error| error.to_string())?;
    let status = response.status().as_u16();
    if (200..400).contains(&status) { Ok(()) } else { Err(format!("it answered {status}")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_probe_leaves_open_is_filled_in_as_kubernetes_does() {
        let probe = Probe::of(Kind::Readiness, &v1::Probe::default());
        let expected = Probe {
            kind: Kind::Readiness,
            look: Look::Unknown,
            delay: Duration::ZERO,
            period: Duration::from_secs(10),
            timeout: Duration::from_secs(1),
            successes: 1,
            failures: 3,
        };
        assert_eq!(probe, expected);
    }
}
