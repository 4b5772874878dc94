//! One container of a pod: its process is started, probed, restarted and ended as a kubelet would.

use std::cell::RefCell;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1;
use rustix::process::Signal;
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::behavior::Behavior;
use super::clock::now;
use super::probe::{Kind, Probe, Verdict};
use super::process::{Exit, Log, Process};
use super::state::{Running, State, Status, Termination};

/// The longest wait between two restarts, as a multiple of the first.
const BACKOFF_CAP: u32 = 30;

/// What a container is told.
#[derive(Debug)]
enum Order {
    /// SIGTERM, SIGKILL after the grace, and no restart.
    Stop(Duration),
    Signal(Signal),
}

/// A container, seen from its pod.
pub(super) struct Container {
    pub(super) name: String,
    pub(super) status: Rc<RefCell<Status>>,
    pub(super) log: Log,
    orders: mpsc::UnboundedSender<Order>,
}

impl Container {
    /// Ends it for good within the grace. May be told again with a shorter one.
    pub(super) fn stop(&self, grace: Duration) {
        let _ = self.orders.send(Order::Stop(grace));
    }

    /// Sends its process a signal, if it has one.
    pub(super) fn signal(&self, signal: Signal) {
        let _ = self.orders.send(Order::Signal(signal));
    }
}

/// What a container needs to run.
pub(super) struct Setup {
    pub(super) program: PathBuf,
    pub(super) pod: String,
    pub(super) restart_policy: String,
    pub(super) grace: Duration,
    /// The first wait before a restart; it doubles.
    pub(super) backoff: Duration,
    /// Whether its node is lost: then nothing of it runs.
    pub(super) lost: watch::Receiver<bool>,
    /// Told on every change of its status.
    pub(super) changed: Rc<Notify>,
}

/// Starts looking after a container.
pub(super) fn start(spec: v1::Container, setup: Setup) -> Container {
    let status = Rc::new(RefCell::new(Status {
        state: State::Waiting { reason: "ContainerCreating", message: String::new() },
        last: None,
        restarts: 0,
        started: false,
        ready: false,
        process: None,
        finished: false,
    }));
    let (orders, inbox) = mpsc::unbounded_channel();
    let log = Log::default();
    let name = spec.name.clone();
    let supervisor = Supervisor { spec, setup, status: Rc::clone(&status), inbox, log: log.clone() };
    tokio::task::spawn_local(supervisor.run());
    Container { name, status, log, orders }
}

struct Supervisor {
    spec: v1::Container,
    setup: Setup,
    status: Rc<RefCell<Status>>,
    inbox: mpsc::UnboundedReceiver<Order>,
    log: Log,
}

/// Why a process does not run any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why {
    /// By itself, by a signal from outside, or because it did not answer.
    Ended,
    Stopped,
    NodeLost,
}

impl Supervisor {
    async fn run(mut self) {
        let mut crashes = 0_u32;
        loop {
            if !self.node_is_there().await {
                return self.finish();
            }
            let began = Instant::now();
            let why = match self.launch().await {
                Ok(process) => self.look_after(process).await,
                Err(message) => {
                    self.waits("CreateContainerError", message);
                    Why::Ended
                }
            };
            match why {
                Why::Stopped => return self.finish(),
                Why::NodeLost => crashes = 0,
                Why::Ended if !self.is_restarted() => return self.finish(),
                Why::Ended => {
                    let cap = self.setup.backoff * BACKOFF_CAP;
                    crashes = if began.elapsed() > cap { 1 } else { crashes + 1 };
                    let wait = self.setup.backoff * 2_u32.saturating_pow(crashes.saturating_sub(2));
                    // The first restart is at once, as a kubelet's.
                    let wait = if crashes == 1 { Duration::ZERO } else { wait.min(cap) };
                    if self.backs_off(wait).await == Why::Stopped {
                        return self.finish();
                    }
                }
            }
            self.status.borrow_mut().restarts += 1;
        }
    }

    /// Waits while the node is lost. False if it is to stop meanwhile.
    async fn node_is_there(&mut self) -> bool {
        loop {
            if !*self.setup.lost.borrow_and_update() {
                return true;
            }
            tokio::select! {
                biased;
                order = self.inbox.recv() => if matches!(order, Some(Order::Stop(_)) | None) { return false },
                _ = self.setup.lost.changed() => {}
            }
        }
    }

    async fn launch(&self) -> Result<Process, String> {
        let behavior = Behavior::of(&self.spec)?;
        let name = format!("{}/{}", self.setup.pod, self.spec.name);
        let config = behavior.instance_config(&name, self.setup.grace);
        Process::start(&self.setup.program, &config, &self.log).await
    }

    /// Probes a process and obeys orders until it has ended.
    async fn look_after(&mut self, mut process: Process) -> Why {
        let since = now();
        let probes = Probes::of(&self.spec);
        let (verdicts, mut judged) = mpsc::unbounded_channel();
        let mut looking = JoinSet::new();
        let addr = process.addr;
        {
            let mut status = self.status.borrow_mut();
            if let State::Terminated(termination) = &status.state {
                status.last = Some(termination.clone());
            }
            status.state = State::Running { since };
            status.process = Some(Running { pid: process.pid, addr });
            status.started = probes.startup.is_none();
            status.ready = status.started && probes.readiness.is_none();
        }
        self.setup.changed.notify_one();
        match &probes.startup {
            Some(probe) => drop(looking.spawn_local(probe.clone().run(addr, verdicts.clone()))),
            None => probes.look(&mut looking, addr, &verdicts),
        }
        let mut why = Why::Ended;
        let mut message = String::new();
        let mut deadline: Option<Instant> = None;
        let exit = loop {
            tokio::select! {
                biased;
                exit = process.ended() => break exit,
                order = self.inbox.recv() => match order {
                    Some(Order::Signal(signal)) => process.signal(signal),
                    Some(Order::Stop(grace)) => {
                        why = Why::Stopped;
                        end(&process, grace, &mut deadline);
                    }
                    None => {
                        why = Why::Stopped;
                        process.signal(Signal::KILL);
                    }
                },
                () = lost(&mut self.setup.lost), if why == Why::Ended => {
                    why = Why::NodeLost;
                    process.signal(Signal::KILL);
                }
                Some(verdict) = judged.recv() => match verdict {
                    Verdict { kind: Kind::Startup, outcome: Ok(()) } => {
                        if !self.status.borrow().started {
                            let mut status = self.status.borrow_mut();
                            status.started = true;
                            status.ready = probes.readiness.is_none();
                            probes.look(&mut looking, addr, &verdicts);
                            self.setup.changed.notify_one();
                        }
                    }
                    Verdict { kind: Kind::Readiness, outcome } => self.ready(outcome.is_ok()),
                    Verdict { kind: Kind::Liveness | Kind::Startup, outcome: Err(met) } if deadline.is_none() => {
                        message = format!("{:?} probe failed: {met}", verdict.kind);
                        end(&process, self.setup.grace, &mut deadline);
                    }
                    Verdict { .. } => {}
                },
                () = sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => {
                    process.signal(Signal::KILL);
                    deadline = Some(Instant::now() + Duration::from_secs(1));
                }
            }
        };
        self.terminated(exit, message, since);
        why
    }

    fn ready(&self, ready: bool) {
        let mut status = self.status.borrow_mut();
        if status.ready != ready {
            status.ready = ready;
            self.setup.changed.notify_one();
        }
    }

    fn terminated(&self, exit: Exit, message: String, started: Timestamp) {
        let reason = if exit.code == 0 { "Completed" } else { "Error" };
        let mut status = self.status.borrow_mut();
        status.state = State::Terminated(Termination { exit, reason, message, started, finished: now() });
        status.process = None;
        status.ready = false;
        status.started = false;
        self.setup.changed.notify_one();
    }

    fn waits(&self, reason: &'static str, message: String) {
        let mut status = self.status.borrow_mut();
        if let State::Terminated(termination) = &status.state {
            status.last = Some(termination.clone());
        }
        status.state = State::Waiting { reason, message };
        self.setup.changed.notify_one();
    }

    fn is_restarted(&self) -> bool {
        let succeeded =
            matches!(&self.status.borrow().state, State::Terminated(ended) if ended.exit.code == 0);
        match self.setup.restart_policy.as_str() {
            "Never" => false,
            "OnFailure" => !succeeded,
            _ => true,
        }
    }

    async fn backs_off(&mut self, wait: Duration) -> Why {
        if !wait.is_zero() && matches!(self.status.borrow().state, State::Terminated(_)) {
            let message = format!("back-off {} ms restarting failed container", wait.as_millis());
            self.waits("CrashLoopBackOff", message);
        }
        let until = Instant::now() + wait;
        loop {
            tokio::select! {
                biased;
                order = self.inbox.recv() => if matches!(order, Some(Order::Stop(_)) | None) { return Why::Stopped },
                () = sleep_until(until) => return Why::Ended,
            }
        }
    }

    fn finish(&self) {
        let mut status = self.status.borrow_mut();
        // One that waited for its restart ended the way it did before.
        if matches!(status.state, State::Waiting { .. })
            && let Some(last) = status.last.take()
        {
            status.state = State::Terminated(last);
        }
        status.finished = true;
        self.setup.changed.notify_one();
    }
}

/// Ready when the node is lost.
async fn lost(lost: &mut watch::Receiver<bool>) {
    // A node whose sender is gone ends with all that runs on it.
    let _ = lost.wait_for(|lost| *lost).await;
}

/// Tells a process to end, and shortens how long it may take.
fn end(process: &Process, grace: Duration, deadline: &mut Option<Instant>) {
    if deadline.is_none() {
        process.signal(Signal::TERM);
    }
    let until = Instant::now() + grace;
    *deadline = Some(deadline.map_or(until, |deadline| deadline.min(until)));
}

struct Probes {
    startup: Option<Probe>,
    readiness: Option<Probe>,
    liveness: Option<Probe>,
}

impl Probes {
    fn of(spec: &v1::Container) -> Self {
        let probe = |kind, probe: &Option<v1::Probe>| probe.as_ref().map(|probe| Probe::of(kind, probe));
        Self {
            startup: probe(Kind::Startup, &spec.startup_probe),
            readiness: probe(Kind::Readiness, &spec.readiness_probe),
            liveness: probe(Kind::Liveness, &spec.liveness_probe),
        }
    }

    fn look(
        &self,
        looking: &mut JoinSet<()>,
        addr: std::net::SocketAddr,
        verdicts: &mpsc::UnboundedSender<Verdict>,
    ) {
        for probe in [&self.readiness, &self.liveness].into_iter().flatten() {
            looking.spawn_local(probe.clone().run(addr, verdicts.clone()));
        }
    }
}
