//! The embedded world: real child processes on loopback, behind a small balancer, with an autoscaler for each group
//! that asks for one and a failover for each standby. Real HTTP, real signals, wall-clock time.
//!
//! Every instance, and the balancer, is this very program under a hidden verb; see [`child_main`]. All of them hold
//! the read end of a pipe whose other end is in this process, and end when it closes: no child outlives springback,
//! not even after SIGKILL. The world runs on a thread and a runtime of its own, so that neither the disk nor the
//! terminal delays it.

mod autoscale;
mod backend;
mod balancer;
mod child;
mod defects;
mod fleet;
mod group;
mod guard;
mod http;
mod instance;
mod member;
mod process;
mod scrape;
mod seat;
mod shared;
mod standby;
mod tear_down;
mod voice;
mod vouch;
mod wire;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread::JoinHandle;

use futures_util::Stream;
use futures_util::stream::{self, StreamExt};
use tokio::sync::{mpsc, oneshot, watch};

use crate::history::{Clock, Event, Intent, LoadWindow, Note, SourceInfo};
use crate::load::{self, LoadControl};
use crate::plan::{LoadPlan, Plan};
use crate::scenario::Group;

use super::{Capabilities, Observation, Refusal, Undo, World, WorldError};
use fleet::Fleet;
use shared::{Message, Shared};

pub use process::{Leftover, end_leftovers, exists, this_process};

/// Runs a child, if the arguments (without the program's name) begin with a hidden verb. `main` calls it first.
pub fn child_main(mut args: impl Iterator<Item = OsString>) -> Option<ExitCode> {
    let verb = args.next()?;
    let run = match verb.to_str()? {
        wire::INSTANCE_VERB => instance::run,
        wire::BALANCER_VERB => balancer::run,
        wire::GUARD_VERB => guard::run,
        _ => return None,
    };
    Some(run(&args.collect::<Vec<_>>()))
}

/// The embedded world.
///
/// Dropping it ends its children too, and waits for that; [`World::close`] also says whether they did end.
#[derive(Debug)]
pub struct LocalWorld {
    groups: BTreeMap<String, Group>,
    program: PathBuf,
    seed: u64,
    allowed_hosts: Vec<String>,
    capabilities: Capabilities,
    out: mpsc::UnboundedSender<Observation>,
    observations: RefCell<Option<mpsc::UnboundedReceiver<Observation>>>,
    fleet: Option<Running>,
}

/// The thread that the fleet runs on, and the way to it.
#[derive(Debug)]
struct Running {
    inbox: mpsc::UnboundedSender<Message>,
    thread: JoinHandle<()>,
    balancer: SocketAddr,
    clock: Clock,
}

impl LocalWorld {
    /// A world of these groups. `program` is springback's own executable; the seed is for service times.
    pub fn new(groups: BTreeMap<String, Group>, program: PathBuf, seed: u64) -> Self {
        let (out, observations) = mpsc::unbounded_channel();
        let capabilities = Capabilities { world: "local", sources: sources(&groups) };
        let observations = RefCell::new(Some(observations));
        let allowed_hosts = Vec::new();
        Self { groups, program, seed, allowed_hosts, capabilities, out, observations, fleet: None }
    }

    /// Lets load go to these hosts, too, besides loopback.
    pub fn allowing(mut self, hosts: Vec<String>) -> Self {
        self.allowed_hosts = hosts;
        self
    }

    /// Where the balancer listens, while the world is open.
    pub fn balancer(&self) -> Option<SocketAddr> {
        self.fleet.as_ref().map(|running| running.balancer)
    }

    fn tell(&self, message: Message) -> Result<(), WorldError> {
        let running = self.fleet.as_ref().ok_or_else(|| WorldError("the world is not open".to_owned()))?;
        running.inbox.send(message).map_err(|_| lost())
    }

    /// Everything that can be checked without starting anything.
    fn check(&self) -> Result<(), Refusal> {
        let refuse = |reason: String| Err(Refusal { reason });
        if !self.program.is_file() {
            return refuse(format!("there is no program at {}", self.program.display()));
        }
        for (name, group) in &self.groups {
            if let Some(primary) =
                group.takes_over_from.as_ref().filter(|name| !self.groups.contains_key(*name))
            {
                return refuse(format!("{name} takes over from {primary}, and there is no such group"));
            }
            if group.autoscaler.is_some() && group.capacity.is_none() {
                return refuse(format!(
                    "{name} has an autoscaler and no capacity: its utilization cannot be told; add a capacity"
                ));
            }
            let program = group.tear_down.iter().flatten().next();
            if let Some(program) = program.filter(|program| !can_be_run(program)) {
                return refuse(format!("the tear-down program of {name}, {program}, cannot be found or run"));
            }
        }
        Ok(())
    }
}

impl Drop for LocalWorld {
    fn drop(&mut self) {
        if let Some(running) = self.fleet.take() {
            let (reply, _) = oneshot::channel();
            let _ = running.inbox.send(Message::Close(reply));
            let _ = running.thread.join();
        }
    }
}

impl World for LocalWorld {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    async fn open(&mut self, _plan: &Plan, clock: Clock) -> Result<(), Refusal> {
        if self.fleet.is_some() {
            return Err(Refusal { reason: "the world is open already".to_owned() });
        }
        self.check()?;
        wire::raise_file_limit();
        let (inbox, messages) = mpsc::unbounded_channel();
        let (opened, outcome) = oneshot::channel();
        let shared = Shared {
            clock,
            program: self.program.clone(),
            seed: self.seed,
            inbox: inbox.clone(),
            out: self.out.clone(),
            live: 0,
            closing: false,
        };
        let groups = self.groups.clone();
        let failed = |error: std::io::Error| Refusal { reason: format!("cannot start a thread: {error}") };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let thread = std::thread::Builder::new()
            .name("local-world".to_owned())
            .spawn(move || {
                runtime.block_on(async { Fleet::new(shared, &groups, opened).run(messages).await })
            })
            .map_err(failed)?;
        match outcome.await {
            Ok(Ok(balancer)) => {
                self.fleet = Some(Running { inbox, thread, balancer, clock });
                Ok(())
            }
            Ok(Err(refusal)) => {
                let _ = thread.join();
                Err(refusal)
            }
            Err(_) => Err(Refusal { reason: lost().0 }),
        }
    }

    fn observe(&self) -> impl Stream<Item = Observation> {
        // A second call finds nothing left to see.
        let observations = self.observations.borrow_mut().take();
        stream::iter(observations)
            .flat_map(|mut observations| stream::poll_fn(move |context| observations.poll_recv(context)))
    }

    fn load(&self, plan: &LoadPlan, control: watch::Receiver<LoadControl>) -> impl Stream<Item = LoadWindow> {
        // A world that is not open has nothing to send to.
        let windows = self.fleet.as_ref().and_then(|running| {
            let balancer = running.balancer;
            let started = load::Target::permitted(&balancer.ip().to_string(), balancer, &self.allowed_hosts)
                .and_then(|target| load::run(plan, target, running.clock, control));
            if let Err(error) = &started {
                let note = Note { code: "load-not-started".to_owned(), text: error.to_string() };
                let event = Event::Note(note);
                let _ = self.out.send(Observation { t_us: running.clock.now_us(), event });
            }
            started.ok()
        });
        stream::iter(windows).flatten()
    }

    fn stimulus_began(&self, t_us: u64) {
        // A world that is gone has no stimulus; whatever is asked of it next says so.
        let _ = self.tell(Message::StimulusBegan(t_us));
    }

    /// Nothing of the local world outlives springback but its processes, whose ids are in the history already.
    async fn record_undo(&self, _undo: &Undo) -> Result<(), WorldError> {
        Ok(())
    }

    async fn inject(&self, intent: &Intent) -> Result<String, WorldError> {
        let (reply, answer) = oneshot::channel();
        self.tell(Message::Inject(intent.clone(), reply))?;
        answer.await.map_err(|_| lost())?
    }

    async fn heal(&self, undo: &Undo) -> Result<String, WorldError> {
        if self.fleet.is_none() {
            return Ok("the local world has ended; nothing of it is left".to_owned());
        }
        let (reply, answer) = oneshot::channel();
        self.tell(Message::Heal(undo.clone(), reply))?;
        answer.await.map_err(|_| lost())?
    }

    async fn close(&mut self) -> Result<(), WorldError> {
        let Some(running) = self.fleet.take() else { return Ok(()) };
        let (reply, answer) = oneshot::channel();
        let asked = running.inbox.send(Message::Close(reply));
        let outcome = match asked {
            Ok(()) => answer.await.map_err(|_| lost()).flatten(),
            Err(_) => Err(lost()),
        };
        let _ = running.thread.join();
        outcome
    }
}

fn lost() -> WorldError {
    WorldError("the local world has ended unexpectedly".to_owned())
}

fn sources(groups: &BTreeMap<String, Group>) -> Vec<SourceInfo> {
    let pushed = |name: String| SourceInfo { name, resolution_us: 0 };
    let mut sources = vec![pushed(seat::SOURCE.to_owned())];
    for (name, group) in groups {
        sources.push(pushed(format!("supply/{name}")));
        if let Some(scaler) = &group.autoscaler {
            let resolution_us = scaler.sync_period_or_default().us;
            sources.push(SourceInfo { name: format!("autoscaler/{name}"), resolution_us });
        }
    }
    sources
}

/// Whether a program can be run: a path to an executable file, or a name that is found in `PATH`.
fn can_be_run(program: &str) -> bool {
    let is_executable = |path: &Path| {
        use std::os::unix::fs::PermissionsExt;
        path.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
    };
    if program.contains('/') {
        return is_executable(Path::new(program));
    }
    std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|folder| is_executable(&folder.join(program))))
}
