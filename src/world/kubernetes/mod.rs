//! The Kubernetes world: groups are workloads of a cluster, seen through watches and struck through the API.
//!
//! ```text
//! watches ──► observer ──► observations        what the cluster says, in the order in which it says it
//! intent ──► record in the cluster ──► change  undo.rs, act.rs: nothing is done that could not be put back
//! lock ──► heartbeat ──► vouch                 lock.rs, vouch.rs: a silence is evidence only while somebody would speak
//! ```

mod act;
mod cluster;
mod entry;
mod lock;
mod names;
mod needs;
mod observer;
mod preflight;
mod quantity;
mod scaler;
mod supply;
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
use tokio::task::JoinHandle;

use crate::history::{Clock, Event, Intent, LoadWindow, Note, SourceInfo};
use crate::load::{self, LoadControl};
use crate::plan::{LoadPlan, Plan};
use crate::scenario::{Access, KubernetesTarget};

use super::{Capabilities, Observation, Refusal, Undo, World, WorldError};
use act::Hand;
use lock::Lock;
pub use names::{OPT_IN, is_system, run_name};
pub use needs::{Need, roles};
use observer::{BALANCER, Observer, Pods, Told};
pub use preflight::needs;
use undo::Record;
pub use undo::{Records, SUPERSEDED};
use workload::Found;

/// A place: a cluster and a namespace of it. Each has its own lock and its own undo records.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// How the cluster is reached.
    pub access: Access,
    /// The namespace.
    pub namespace: String,
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
    clock: Clock,
    places: Vec<Held>,
    groups: BTreeMap<String, (usize, Found)>,
    pods: Pods,
    entry: Option<load::Target>,
    tasks: Vec<JoinHandle<()>>,
    /// What was recorded for each fault.
    recorded: RefCell<BTreeMap<String, Record>>,
}

/// A place that is locked.
struct Held {
    client: Client,
    lock: Lock,
    records: Records,
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
        let entry_place = checked.entry.as_ref().filter(|entry| entry.service.is_some()).map(|_| 0);
        let mut observer = Observer::new(clock, self.out.clone(), &self.target, &checked.groups, entry_place);
        let pods = observer.pods();
        let (told, mut tell) = mpsc::unbounded_channel();
        let mut tasks = preflight::watches(&checked, &told);
        for (i, held) in places.iter().enumerate() {
            tasks.push(tokio::spawn(beat(held.lock.clone(), i, clock, told.clone())));
        }
        tasks.push(tokio::spawn(async move {
            while let Some(told) = tell.recv().await {
                observer.take(told);
            }
        }));
        self.open = Some(Opened {
            clock,
            places,
            groups: checked.groups,
            pods,
            entry: checked.entry.map(|entry| entry.target),
            tasks,
            recorded: RefCell::default(),
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
            started.ok()
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
        hand.inject(intent, &record).await
    }

    async fn heal(&self, undo: &Undo) -> Result<String, WorldError> {
        let open = self.opened()?;
        let (held, _) = open.hand(&undo.intent)?;
        let record = open.recorded.borrow().get(&undo.intent.fault).cloned();
        let record = record.ok_or_else(|| WorldError("its undo was never recorded".to_owned()))?;
        let healed = held.records.heal(&undo.intent.fault, &record).await.map_err(WorldError)?;
        if healed.contains(SUPERSEDED) {
            self.note(open.clock, SUPERSEDED, format!("{}: {healed}", undo.intent.fault));
        }
        Ok(healed)
    }

    async fn close(&mut self) -> Result<(), WorldError> {
        let Some(open) = self.open.take() else { return Ok(()) };
        let left = let_go(&open.places).await;
        // Only now: until the lock is given back, its heartbeat keeps others away.
        open.tasks.iter().for_each(JoinHandle::abort);
        if left.is_empty() { Ok(()) } else { Err(WorldError(left.join("; "))) }
    }
}

impl KubernetesWorld {
    /// Locks a place and makes room for undo records there.
    async fn hold(&self, place: &Place, client: &Client, clock: Clock) -> Result<Held, String> {
        let now = timestamp(clock);
        let lock = Lock::take(client, &place.namespace, &self.run, &self.who, now).await?;
        let records = Records::of(client, &place.namespace, &self.run);
        let about = BTreeMap::from([("springback.dev/held-by".to_owned(), self.who.clone())]);
        if let Err(why) = records.create(&about).await {
            let mut text = format!("cannot store undo records in namespace \"{}\": {why}", place.namespace);
            if let Err(left) = lock.release().await {
                text = format!("{text}; {left}");
            }
            return Err(text);
        }
        Ok(Held { client: client.clone(), lock, records })
    }
}

impl Opened {
    /// The place of a fault, and what acts on its group.
    fn hand(&self, intent: &Intent) -> Result<(&Held, Hand<'_>), WorldError> {
        let (place, found) = self
            .groups
            .get(&intent.group)
            .ok_or_else(|| WorldError(format!("the cluster has no group \"{}\"", intent.group)))?;
        let held = &self.places[*place];
        Ok((held, Hand { client: &held.client, found, pods: &self.pods }))
    }
}

/// Takes away what is ours in every place: the records, if nothing in them is still to undo, and the lock. Returns what is
/// left.
async fn let_go(places: &[Held]) -> Vec<String> {
    let mut left = Vec::new();
    for held in places {
        match held.records.all().await {
            Ok(Some(records)) if records.values().any(|record| !record.changes.is_empty()) => {
                let open = records.iter().filter(|(_, record)| !record.changes.is_empty());
                let faults: Vec<&str> = open.map(|(fault, _)| fault.as_str()).collect();
                left.push(format!("undo records stay in the cluster for {}", faults.join(", ")));
            }
            Ok(_) => left.extend(held.records.remove().await.err()),
            Err(why) => left.push(why),
        }
        left.extend(held.lock.release().await.err());
    }
    left
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
    sources
}
