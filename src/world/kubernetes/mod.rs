//! The Kubernetes world: groups are workloads of a cluster, seen through watches and struck through the API.
//!
//! ```text
//! watches ──► observer ──► observations        what the cluster says, in the order in which it says it
//! intent ──► record in the cluster ──► change  undo.rs, act/: nothing is done that could not be put back
//! lock ──► heartbeat ──► vouch                 lock.rs, vouch.rs: a silence is evidence only while somebody would speak
//! ```

mod act;
mod change;
mod cluster;
mod entry;
mod heal;
mod lock;
mod names;
mod needs;
mod node_lock;
mod nodes;
mod objects;
mod observer;
mod plurals;
mod preflight;
mod quantity;
mod roles;
mod scaler;
mod sightings;
mod supply;
mod task;
mod undo;
mod views;
mod vouch;
mod watch;
mod workload;
mod writers;

use std::cell::RefCell;
use std::collections::BTreeMap;

use futures_util::{Stream, StreamExt, stream};
use jiff::Timestamp;
use kube::Client;
use tokio::sync::{mpsc, watch as channel};

use crate::history::{Clock, Event, Intent, LoadWindow, Note, SourceInfo};
use crate::load::{self, LoadControl};
use crate::plan::{LoadPlan, Plan};
use crate::scenario::{Access, KubernetesTarget};

use super::{Capabilities, Observation, Refusal, Undo, World, WorldError};
use act::{Hand, Planned};
use change::Change;
use cluster::Reach;
pub use heal::{Healed, Healer, Which, heal_command};
use lock::Lock;
pub use names::{OPT_IN, is_system, run_name};
pub use needs::Need;
use observer::{BALANCER, Observer, Pods, Told};
pub use plurals::{ask_plurals, known_plurals};
pub use preflight::{Plurals, needs, places};
pub use roles::{granted, roles, undoing, yaml};
use sightings::Answers;
use task::Task;
use undo::Record;
pub use undo::{Records, SUPERSEDED, Undone};
use workload::Found;

/// A place: a cluster and a namespace of it. Each has its own lock and its own undo records.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// How the cluster is reached.
    pub access: Access,
    /// The namespace.
    pub namespace: String,
}

impl Place {
    /// In words, for messages.
    pub fn called(&self) -> String {
        format!("namespace \"{}\" of {}", self.namespace, cluster::called(&self.access))
    }
}

/// A system in one cluster or several.
pub struct KubernetesWorld {
    target: KubernetesTarget,
    allowed_hosts: Vec<String>,
    /// Name of the run, as the cluster sees it.
    run: String,
    /// Who runs it, for people.
    who: String,
    capabilities: Capabilities,
    out: mpsc::UnboundedSender<Observation>,
    observations: RefCell<Option<mpsc::UnboundedReceiver<Observation>>>,
    open: Option<Opened>,
}

/// What is open.
struct Opened {
    run: String,
    clock: Clock,
    places: Vec<Held>,
    groups: BTreeMap<String, (usize, Found)>,
    pods: Pods,
    entry: Option<load::Target>,
    /// How faults reach the cluster of each place.
    reaches: Vec<Reach>,
    planned: BTreeMap<String, Planned>,
    told: mpsc::UnboundedSender<Told>,
    /// What was recorded for each fault.
    recorded: RefCell<BTreeMap<String, Record>>,
    /// What goes on being done for a fault.
    going_on: RefCell<BTreeMap<String, Task>>,
    /// Watches and heartbeats, for as long as it is open.
    _tasks: Vec<Task>,
}

/// A place that is locked.
struct Held {
    lock: Lock,
    records: Records,
    /// Whether it holds the lock on the nodes of its cluster.
    has_nodes: bool,
}

impl KubernetesWorld {
    /// A world that is not open yet. `run` is what the cluster calls the run, see [`run_name`]; `who` tells people who it is.
    pub fn new(target: KubernetesTarget, run: String, who: String) -> Self {
        let (out, observations) = mpsc::unbounded_channel();
        let capabilities = Capabilities { world: "kubernetes", sources: sources(&target) };
        Self {
            target,
            allowed_hosts: Vec::new(),
            run,
            who,
            capabilities,
            out,
            observations: RefCell::new(Some(observations)),
            open: None,
        }
    }

    /// The same, with hosts that load may go to beyond loopback and the target's own Service.
    #[must_use]
    pub fn allowing(mut self, hosts: Vec<String>) -> Self {
        self.allowed_hosts = hosts;
        self
    }

    fn opened(&self) -> Result<&Opened, WorldError> {
        self.open.as_ref().ok_or_else(|| WorldError("the cluster is not open".to_owned()))
    }

    fn note(&self, clock: Clock, code: &str, text: String) {
        let event = Event::Note(Note { code: code.to_owned(), text });
        let _ = self.out.send(Observation { t_us: clock.now_us(), event });
    }
}

impl World for KubernetesWorld {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    async fn open(&mut self, plan: &Plan, clock: Clock) -> Result<(), Refusal> {
        let reason = |reason: String| Refusal { reason };
        let checked = preflight::check(&self.target, plan, &self.allowed_hosts).await.map_err(reason)?;
        let mut places: Vec<Held> = Vec::new();
        for (place, client) in &checked.places {
            let held = self.hold(place, client, clock).await;
            match held {
                Ok(held) => places.push(held),
                Err(why) => {
                    let left = let_go(&places).await;
                    return Err(reason([vec![why], left].concat().join("; ")));
                }
            }
        }
        for place in &checked.striking {
            let (of, client) = &checked.places[*place];
            if let Err(why) = self.hold_nodes(&mut places[*place], of, client, clock).await {
                let left = let_go(&places).await;
                return Err(reason([vec![why], left].concat().join("; ")));
            }
        }
        let mut observer = Observer::new(clock, self.out.clone(), &self.target, plan, &checked);
        let pods = observer.pods();
        let (told, mut tell) = mpsc::unbounded_channel();
        let mut tasks = preflight::watches(&checked, &told);
        for (i, held) in places.iter().enumerate() {
            tasks.push(Task::start(beat(held.lock.clone(), i, clock, told.clone())));
            if held.has_nodes {
                let client = checked.places[i].1.clone();
                tasks.push(Task::start(node_lock::keep(client, self.run.clone(), clock, told.clone())));
            }
        }
        for (code, text) in checked.notes {
            self.note(clock, code, text);
        }
        tasks.push(Task::start(async move {
            while let Some(told) = tell.recv().await {
                observer.take(told);
            }
        }));
        self.open = Some(Opened {
            run: self.run.clone(),
            clock,
            places,
            groups: checked.groups,
            pods,
            entry: checked.entry.map(|entry| entry.target),
            reaches: checked.reaches,
            planned: checked.planned,
            told,
            recorded: RefCell::default(),
            going_on: RefCell::default(),
            _tasks: tasks,
        });
        Ok(())
    }

    fn observe(&self) -> impl Stream<Item = Observation> {
        let mut observations = self.observations.take().expect("observe is called once");
        stream::poll_fn(move |context| observations.poll_recv(context))
    }

    fn load(
        &self,
        plan: &LoadPlan,
        control: channel::Receiver<LoadControl>,
    ) -> impl Stream<Item = LoadWindow> {
        let windows = self.open.as_ref().and_then(|open| {
            let target = open.entry?;
            let started = load::run(plan, target, open.clock, control);
            if let Err(error) = &started {
                self.note(open.clock, "load-not-started", error.to_string());
            }
            let told = open.told.clone();
            // Whether anything behind the Service answers is evidence of a partition.
            let tell = move |window: &LoadWindow| drop(told.send(Told::Answers(Answers::of(window))));
            Some(started.ok()?.inspect(tell))
        });
        stream::iter(windows).flatten()
    }

    fn stimulus_began(&self, _t_us: u64) {}

    async fn record_undo(&self, undo: &Undo) -> Result<(), WorldError> {
        let open = self.opened()?;
        let (held, hand) = open.hand(&undo.intent)?;
        let record = hand.record(&undo.intent).await?;
        held.records.store(&undo.intent.fault, &record).await.map_err(WorldError)?;
        open.recorded.borrow_mut().insert(undo.intent.fault.clone(), record);
        Ok(())
    }

    async fn inject(&self, intent: &Intent) -> Result<String, WorldError> {
        let open = self.opened()?;
        let (_, hand) = open.hand(intent)?;
        let record = open.recorded.borrow().get(&intent.fault).cloned();
        let record = record.ok_or_else(|| WorldError("its undo was never recorded".to_owned()))?;
        open.tell_counts(&intent.group, &record, "fault", |_, written| written);
        let done = hand.inject(intent, &record).await?;
        if let Some(task) = done.goes_on {
            open.going_on.borrow_mut().insert(intent.fault.clone(), task);
        }
        Ok(done.said)
    }

    async fn heal(&self, undo: &Undo) -> Result<String, WorldError> {
        let open = self.opened()?;
        let (held, _) = open.hand(&undo.intent)?;
        // First it ceases, or it would undo the undoing.
        let going_on = open.going_on.borrow_mut().remove(&undo.intent.fault);
        if let Some(task) = going_on {
            task.end().await;
        }
        let record = open.recorded.borrow().get(&undo.intent.fault).cloned();
        let record = record.ok_or_else(|| WorldError("its undo was never recorded".to_owned()))?;
        open.tell_counts(&undo.intent.group, &record, "heal", |before, _| before);
        let healed = held.records.heal(&undo.intent.fault, &record).await.map_err(WorldError)?;
        if healed.contains(SUPERSEDED) {
            self.note(open.clock, SUPERSEDED, format!("{}: {healed}", undo.intent.fault));
        }
        Ok(healed)
    }

    async fn close(&mut self) -> Result<(), WorldError> {
        let Some(open) = self.open.take() else { return Ok(()) };
        for (_, task) in open.going_on.take() {
            task.end().await;
        }
        let left = let_go(&open.places).await;
        // Only now: until the lock is given back, its heartbeat keeps others away.
        drop(open);
        if left.is_empty() { Ok(()) } else { Err(WorldError(left.join("; "))) }
    }
}

impl KubernetesWorld {
    /// Locks a place and makes room for undo records there.
    async fn hold(&self, place: &Place, client: &Client, clock: Clock) -> Result<Held, String> {
        let now = timestamp(clock);
        let lock = Lock::take(client, place, &self.run, &self.who, now).await?;
        let records = Records::of(client, &place.namespace, &self.run);
        let about = BTreeMap::from([("springback.dev/held-by".to_owned(), self.who.clone())]);
        if let Err(why) = records.create(&about).await {
            let mut text = format!("cannot store undo records in namespace \"{}\": {why}", place.namespace);
            if let Err(left) = lock.release().await {
                text = format!("{text}; {left}");
            }
            return Err(text);
        }
        Ok(Held { lock, records, has_nodes: false })
    }

    /// Locks the nodes of a place's cluster.
    async fn hold_nodes(
        &self,
        held: &mut Held,
        place: &Place,
        client: &Client,
        clock: Clock,
    ) -> Result<(), String> {
        held.records.store(node_lock::RECORDED_AS, &node_lock::record()).await?;
        node_lock::take(client, &self.run, &self.who, &place.namespace, timestamp(clock)).await?;
        held.has_nodes = true;
        Ok(())
    }
}

impl Opened {
    /// Tells the observer of the counts that are about to be written: of some writes the API server keeps no account.
    fn tell_counts(
        &self,
        group: &str,
        record: &Record,
        by: &'static str,
        which: impl Fn(Option<u32>, Option<u32>) -> Option<u32>,
    ) {
        for (before, written) in record.changes.iter().filter_map(Change::counts) {
            if let Some(count) = which(before, written) {
                let _ = self.told.send(Told::Writes(group.to_owned(), count, by));
            }
        }
    }

    /// The place of a fault, and what acts on its group.
    fn hand(&self, intent: &Intent) -> Result<(&Held, Hand<'_>), WorldError> {
        let (place, found) = self
            .groups
            .get(&intent.group)
            .ok_or_else(|| WorldError(format!("the cluster has no group \"{}\"", intent.group)))?;
        let held = &self.places[*place];
        let planned = self
            .planned
            .get(&intent.fault)
            .ok_or_else(|| WorldError(format!("the plan has no fault {}", intent.fault)))?;
        let hand = Hand {
            run: &self.run,
            reach: &self.reaches[*place],
            found,
            pods: &self.pods,
            planned,
            told: &self.told,
        };
        Ok((held, hand))
    }
}

/// Takes away what is ours in every place: the records, if nothing in them is still to undo, and the lock. Returns what is
/// left.
async fn let_go(places: &[Held]) -> Vec<String> {
    let mut left = Vec::new();
    for held in places {
        left.extend(held.let_go().await.err());
        left.extend(held.lock.release().await.err());
    }
    left
}

impl Held {
    /// Takes the records away, and gives the nodes back, if nothing is still to undo.
    async fn let_go(&self) -> Result<(), String> {
        let records = self.records.all().await?.unwrap_or_default();
        let open: Vec<&str> = records
            .iter()
            .filter(|(fault, record)| !record.changes.is_empty() && fault != node_lock::RECORDED_AS)
            .map(|(fault, _)| fault.as_str())
            .collect();
        if !open.is_empty() {
            return Err(format!("undo records stay in the cluster for {}", open.join(", ")));
        }
        if let Some((_, record)) = records.iter().find(|(fault, _)| fault == node_lock::RECORDED_AS) {
            self.records.heal(node_lock::RECORDED_AS, record).await?;
        }
        self.records.remove().await
    }
}

/// Renews a lock for as long as it runs.
async fn beat(lock: Lock, place: usize, clock: Clock, told: mpsc::UnboundedSender<Told>) {
    loop {
        let (now, sent_us) = (timestamp(clock), clock.now_us());
        let _ = told.send(Told::Beat(place, now, sent_us));
        if let Err(error) = lock.renew(now).await
            && matches!(&error, kube::Error::Api(status) if matches!(status.code, 404 | 422))
        {
            let text = format!("the lock of this run was taken away: {}", cluster::said(&error));
            let _ = told.send(Told::Note("lock-lost", text));
            return;
        }
        tokio::time::sleep(lock::BEAT).await;
    }
}

/// Wall-clock time for what the cluster is told.
fn timestamp(clock: Clock) -> Timestamp {
    Timestamp::from_millisecond(clock.unix_ms()).unwrap_or_default()
}

fn sources(target: &KubernetesTarget) -> Vec<SourceInfo> {
    let pushed = |name: String| SourceInfo { name, resolution_us: 0 };
    let mut sources = vec![pushed(BALANCER.to_owned())];
    for name in target.groups.keys() {
        sources.push(pushed(format!("supply/{name}")));
        let resolution_us = target.hpa.sync_period_or_default().us;
        sources.push(SourceInfo { name: format!("autoscaler/{name}"), resolution_us });
    }
    sources.extend(preflight::object_sources(target).into_iter().map(pushed));
    sources
}
