//! The fleet: every child of the world, and the one task that everything that happens to them goes through.
//!
//! It never waits for anything but its next message or tick, so no group can hold up another. Whatever takes time
//! (a look at an instance, a scrape, a tear-down) happens elsewhere and comes back as a message.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{MissedTickBehavior, interval};

use crate::history::{Intent, IntentAction, primary_healthy};
use crate::scenario;
use crate::world::{Refusal, Undo, WorldError};

use super::child::ChildEvent;
use super::group::{Group, PORT_WITHIN_US};
use super::seat::Seat;
use super::shared::{Message, Shared, Who};
use super::standby::{Failover, Release, Switch};

/// How finely time passes for what is due at some time.
const TICK: Duration = Duration::from_millis(50);
/// How long the instances may take to end when the world is closed.
const CLOSE_US: u64 = 5_000_000;
/// How long after that until a child that does not even end by SIGKILL is given up.
const GIVE_UP_US: u64 = 5_000_000;

type Opened = oneshot::Sender<Result<SocketAddr, Refusal>>;
type Closed = oneshot::Sender<Result<(), WorldError>>;

/// All children.
pub(super) struct Fleet {
    shared: Shared,
    seat: Seat,
    groups: BTreeMap<Arc<str>, Group>,
    standbys: Vec<Standby>,
    stage: Stage,
}

/// A standby and the primary that it looks at.
struct Standby {
    group: Arc<str>,
    primary: Arc<str>,
    failover: Failover,
}

enum Stage {
    /// The balancer is starting.
    Balancer { opened: Opened, until_us: u64 },
    /// The first instances are starting.
    Groups { opened: Opened, until_us: u64 },
    /// All is well.
    Open,
    /// Everything is ending.
    Closing { refused: Option<(Opened, Refusal)>, closed: Vec<Closed>, give_up_us: u64 },
}

impl Fleet {
    /// A fleet that has not begun yet.
    pub(super) fn new(shared: Shared, configs: &BTreeMap<String, scenario::Group>, opened: Opened) -> Self {
        let now_us = shared.clock.now_us();
        let groups: BTreeMap<Arc<str>, _> = configs
            .iter()
            .map(|(name, config)| Group::new(name, config.clone(), now_us))
            .map(|group| (Arc::clone(&group.name), group))
            .collect();
        let standbys = groups.values().filter_map(Standby::of).collect();
        let stage = Stage::Balancer { opened, until_us: now_us + PORT_WITHIN_US };
        Self { seat: Seat::new(now_us), shared, groups, standbys, stage }
    }

    /// Runs until everything has ended.
    pub(super) async fn run(mut self, mut inbox: mpsc::UnboundedReceiver<Message>) {
        if let Err(error) = self.seat.start(&mut self.shared) {
            self.refuse(format!("cannot start {}: {error}", self.shared.program.display()));
        }
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while !self.over() {
            tokio::select! {
                biased;
                _ = tick.tick() => {
                    // What has happened by now is handled before anybody vouches for it.
                    while let Ok(message) = inbox.try_recv() {
                        self.handle(message);
                    }
                    self.tick();
                }
                Some(message) = inbox.recv() => self.handle(message),
            }
            self.settle();
        }
        self.finish();
    }

    fn handle(&mut self, message: Message) {
        match message {
            Message::Child(who, event) => self.heard(who, event),
            Message::Polled(group, number, ready, why) => {
                if let Some(group) = self.groups.get_mut(&group) {
                    group.polled(&self.shared, number, ready, why);
                }
            }
            Message::Scraped(group, round) => {
                if let Some(group) = self.groups.get_mut(&group) {
                    group.finish_sync(&self.shared, &round);
                }
            }
            Message::StimulusBegan(t_us) => {
                self.groups.values_mut().for_each(|group| group.upsets.stimulus_began(t_us));
            }
            Message::Inject(intent, reply) => {
                let _ = reply.send(self.inject(&intent));
            }
            Message::Heal(undo, reply) => {
                let _ = reply.send(self.heal(&undo));
            }
            Message::Close(reply) => self.close(Some(reply)),
        }
    }

    fn heard(&mut self, who: Who, event: ChildEvent) {
        if let ChildEvent::Ended(ending) = &event {
            self.shared.live -= 1;
            if matches!(self.stage, Stage::Balancer { .. } | Stage::Groups { .. }) {
                let what = match &who {
                    Who::Balancer => "the balancer".to_owned(),
                    Who::Instance(group, number) | Who::TearDown(group, number) => {
                        format!("{group}-{number}")
                    }
                };
                let program = self.shared.program.display();
                self.refuse(format!("{what} ({program}) ended at once: {}", ending.describe()));
            }
        }
        match (who, event) {
            (Who::Balancer, event) => self.seat.heard(&self.shared, &event),
            (Who::Instance(group, number), event) => {
                if let Some(group) = self.groups.get_mut(&group) {
                    group.heard(&mut self.shared, number, event);
                }
            }
            (Who::TearDown(group, number), ChildEvent::Ended(ending)) => {
                if let Some(group) = self.groups.get_mut(&group) {
                    group.torn_down(&self.shared, number, &ending);
                }
            }
            (Who::TearDown(..), ChildEvent::Said(_)) => {}
        }
    }

    fn tick(&mut self) {
        let opening = matches!(self.stage, Stage::Balancer { .. });
        self.seat.tick(&mut self.shared);
        for group in self.groups.values_mut().filter(|_| !opening) {
            group.tick(&mut self.shared);
            if !self.shared.closing {
                group.begin_sync(&self.shared);
            }
        }
    }

    /// Whatever was handled, brings everything in line with it.
    fn settle(&mut self) {
        self.open_further();
        if !matches!(self.stage, Stage::Balancer { .. }) {
            self.groups.values_mut().for_each(|group| group.reconcile(&mut self.shared));
            self.seat.direct(&self.shared, &self.groups);
            if self.look_at_primaries() {
                self.groups.values_mut().for_each(|group| group.reconcile(&mut self.shared));
                self.seat.direct(&self.shared, &self.groups);
            }
        }
    }

    fn open_further(&mut self) {
        let now_us = self.shared.clock.now_us();
        let listening = match &self.stage {
            Stage::Balancer { .. } => self.seat.addr.is_some(),
            Stage::Groups { .. } => self.groups.values().all(Group::listens),
            Stage::Open | Stage::Closing { .. } => return,
        };
        let stage = std::mem::replace(&mut self.stage, Stage::Open);
        self.stage = match (stage, self.seat.addr) {
            (Stage::Balancer { opened, .. }, Some(_)) => {
                self.groups.values_mut().for_each(|group| group.begin(&mut self.shared));
                Stage::Groups { opened, until_us: now_us + PORT_WITHIN_US }
            }
            (Stage::Groups { opened, .. }, Some(addr)) if listening => {
                let _ = opened.send(Ok(addr));
                Stage::Open
            }
            (stage @ (Stage::Balancer { until_us, .. } | Stage::Groups { until_us, .. }), _) => {
                self.stage = stage;
                if now_us > until_us {
                    let what = self.silent();
                    let program = self.shared.program.display();
                    self.refuse(format!("{what} ({program}) did not say where it listens within 10 s"));
                }
                return;
            }
            (stage, _) => stage,
        };
    }

    /// Who has not said yet where it listens.
    fn silent(&self) -> String {
        let mut members = self.groups.values().flat_map(|group| group.members.values());
        match members.find(|member| member.addr.is_none()) {
            Some(member) if self.seat.addr.is_some() => member.name.clone(),
            _ => "the balancer".to_owned(),
        }
    }

    fn inject(&mut self, intent: &Intent) -> Result<String, WorldError> {
        let unknown = || WorldError(format!("there is no group \"{}\"", intent.group));
        let group = self.groups.get_mut(&*intent.group).ok_or_else(unknown)?;
        match &intent.action {
            IntentAction::Terminate { evict: true, .. }
            | IntentAction::Scale { .. }
            | IntentAction::Partition { .. }
            | IntentAction::Nodes { .. }
            | IntentAction::Manifest { .. } => Err(WorldError("only a cluster can do that".into())),
            IntentAction::Lose { .. } => {
                let count = group.lose(&intent.fault);
                Ok(format!("SIGKILL to all {count} instances of {}; none may start", intent.group))
            }
            IntentAction::Terminate { instances, kill, grace_us, .. } => {
                let (mut done, mut gone) = (Vec::new(), Vec::new());
                for name in instances {
                    match group.strike(&self.shared, name, *kill, *grace_us, &intent.fault) {
                        Some(signal) => done.push(signal),
                        None => gone.push(name.as_str()),
                    }
                }
                if gone.is_empty() {
                    return Ok(done.join(", "));
                }
                done.push(format!("not there any more: {}", gone.join(", ")));
                Err(WorldError(done.join(", ")))
            }
        }
    }

    fn heal(&mut self, undo: &Undo) -> Result<String, WorldError> {
        let Intent { fault, group: name, action } = &undo.intent;
        let unknown = || WorldError(format!("there is no group \"{name}\""));
        let group = self.groups.get_mut(&**name).ok_or_else(unknown)?;
        Ok(match action {
            IntentAction::Lose { .. } if group.regain(fault) => {
                format!("{name} may start instances again; {} are wanted", group.desired)
            }
            IntentAction::Lose { .. } => format!("{name} may start instances; nothing was left to undo"),
            IntentAction::Terminate { .. } => format!("nothing to undo: {name} replaces what it has lost"),
            _ => "nothing to undo: it was not done".to_owned(),
        })
    }

    /// Promotes and releases standbys. Whether anything was switched.
    fn look_at_primaries(&mut self) -> bool {
        if self.shared.closing {
            return false;
        }
        let mut switched = false;
        let now_us = self.shared.clock.now_us();
        for standby in &mut self.standbys {
            let Some(primary) = self.groups.get(&standby.primary) else { continue };
            let (ready, desired, declared) = (primary.ready(), primary.desired, primary.config.replicas);
            let sent_to = self.seat.sends_to(&standby.primary);
            let healthy = primary_healthy(ready, desired, declared, sent_to);
            let Some(switch) = standby.failover.look(now_us, healthy) else { continue };
            let Some(group) = self.groups.get_mut(&standby.group) else { continue };
            let name = &standby.primary;
            let seen = format!("{name} has {ready} of {} ready", desired.min(declared));
            group.routed = switch == Switch::Promote;
            switched = true;
            match switch {
                Switch::Promote => {
                    let replicas = group.config.promoted_replicas_or_default();
                    group.want(&self.shared, replicas, "failover", format!("{name} is unhealthy: {seen}"));
                }
                Switch::Release => {
                    let words = if healthy { "is healthy again" } else { "is not healthy" };
                    let replicas = group.config.replicas;
                    group.want(&self.shared, replicas, "failover", format!("{name} {words}: {seen}"));
                }
            }
        }
        switched
    }

    /// Will not open. Everything that was started ends first.
    fn refuse(&mut self, reason: String) {
        let stage = std::mem::replace(&mut self.stage, Stage::Open);
        if let Stage::Balancer { opened, .. } | Stage::Groups { opened, .. } = stage {
            self.begin_to_close(Some((opened, Refusal { reason })));
        } else {
            self.stage = stage;
        }
    }

    fn close(&mut self, reply: Option<Closed>) {
        if !matches!(self.stage, Stage::Closing { .. }) {
            self.begin_to_close(None);
        }
        if let Stage::Closing { closed, .. } = &mut self.stage {
            closed.extend(reply);
        }
    }

    fn begin_to_close(&mut self, refused: Option<(Opened, Refusal)>) {
        self.shared.closing = true;
        self.groups.values_mut().for_each(|group| group.end(&self.shared, CLOSE_US));
        self.seat.end();
        let give_up_us = self.shared.clock.now_us() + CLOSE_US + GIVE_UP_US;
        self.stage = Stage::Closing { refused, closed: Vec::new(), give_up_us };
    }

    fn over(&self) -> bool {
        match &self.stage {
            Stage::Closing { give_up_us, .. } => {
                self.shared.live == 0 || self.shared.clock.now_us() > *give_up_us
            }
            _ => false,
        }
    }

    fn finish(self) {
        let Stage::Closing { refused, closed, .. } = self.stage else { return };
        let live = self.shared.live;
        if let Some((opened, refusal)) = refused {
            let _ = opened.send(Err(refusal));
        }
        for reply in closed {
            let outcome = match live {
                0 => Ok(()),
                _ => Err(WorldError(format!("{live} child processes did not end, not even by SIGKILL"))),
            };
            let _ = reply.send(outcome);
        }
    }
}

impl Standby {
    fn of(group: &Group) -> Option<Self> {
        let defects = &group.config.defects;
        let release = match (defects.never_released.unwrap_or(false), defects.released_after) {
            (true, _) => Release::Never,
            (false, Some(after)) => Release::After(after.us),
            (false, None) => Release::WhenHealthy,
        };
        Some(Self {
            group: Arc::clone(&group.name),
            primary: Arc::from(group.config.takes_over_from.as_deref()?),
            failover: Failover::new(release),
        })
    }
}
