//! The balancer as the world sees it: starts it, tells it whom it may send to, and hears whom it does send to.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use crate::history::{Event, Note, Route, SourceLost};

use super::child::{ChildEvent, ChildHandle, Ending};
use super::group::Group;
use super::shared::{Shared, Who, arguments};
use super::vouch::Vouch;
use super::wire::{BALANCER_VERB, BackendAddress, BalancerConfig, BalancerOrder, Said};

/// The name of the source.
pub(super) const SOURCE: &str = "balancer";
/// A balancer that ended is started again after this time.
const RESTART_US: u64 = 500_000;

/// The balancer's place, whether or not somebody sits in it.
pub(super) struct Seat {
    handle: Option<ChildHandle>,
    /// Where it listens; also where it listens again.
    pub(super) addr: Option<SocketAddr>,
    told: Vec<BackendAddress>,
    healthy: BTreeSet<String>,
    routes: BTreeMap<Arc<str>, (bool, u32)>,
    restart_at_us: Option<u64>,
    vouch: Vouch,
}

impl Seat {
    pub(super) fn new(now_us: u64) -> Self {
        Self {
            handle: None,
            addr: None,
            told: Vec::new(),
            healthy: BTreeSet::new(),
            routes: BTreeMap::new(),
            restart_at_us: None,
            vouch: Vouch::new(SOURCE.to_owned(), now_us),
        }
    }

    /// Starts a balancer, on the port that the last one had.
    pub(super) fn start(&mut self, shared: &mut Shared) -> io::Result<()> {
        let config = BalancerConfig { port: self.addr.map_or(0, |addr| addr.port()) };
        let args = arguments(BALANCER_VERB, &config)?;
        self.handle = Some(shared.start(Who::Balancer, SOURCE.to_owned(), &args, &[])?);
        self.told.clear();
        Ok(())
    }

    /// Starts it again, if it has ended and it is time to.
    pub(super) fn tick(&mut self, shared: &mut Shared) {
        let now_us = shared.clock.now_us();
        if shared.closing || self.restart_at_us.is_none_or(|at_us| now_us < at_us) {
            return;
        }
        self.restart_at_us = None;
        if let Err(error) = self.start(shared) {
            self.gone(shared, &format!("cannot be started: {error}"));
        }
    }

    /// It said something or ended.
    pub(super) fn heard(&mut self, shared: &Shared, event: &ChildEvent) {
        match event {
            ChildEvent::Said(line) => match serde_json::from_str(line) {
                Ok(Said::Listening(addr)) => self.addr = Some(addr),
                Ok(Said::Routing { healthy, change }) => {
                    self.healthy = healthy.into_iter().collect();
                    if change.is_empty() {
                        shared.emit(Event::Alive(self.vouch.heard(shared.clock.now_us())));
                    }
                }
                Err(_) => {}
            },
            ChildEvent::Ended(ending) => self.ended(shared, ending),
        }
    }

    fn ended(&mut self, shared: &Shared, ending: &Ending) {
        self.handle = None;
        if !shared.closing {
            self.gone(shared, &ending.describe());
        }
    }

    fn gone(&mut self, shared: &Shared, why: &str) {
        self.healthy.clear();
        let now_us = shared.clock.now_us();
        self.vouch.skip_to(now_us);
        self.restart_at_us = Some(now_us + RESTART_US);
        let reason = format!("the balancer has ended: {why}");
        shared.emit(Event::Lost(SourceLost { source: SOURCE.to_owned(), reason: reason.clone() }));
        shared.emit(Event::Note(Note { code: "balancer-ended".to_owned(), text: reason }));
    }

    /// Tells it whom it may send to now, if that is different, and reports whom it does send to, likewise.
    pub(super) fn direct(&mut self, shared: &Shared, groups: &BTreeMap<Arc<str>, Group>) {
        if shared.closing {
            return;
        }
        let backends: Vec<_> = groups.values().filter(|group| group.routed).flat_map(backends).collect();
        if let Some(handle) = self.handle.as_ref().filter(|_| self.told != backends) {
            let order = BalancerOrder { backends };
            if let Ok(line) = serde_json::to_string(&order) {
                handle.tell(line);
            }
            self.told = order.backends;
        }
        for (name, group) in groups {
            let sent_to = self.sent_to(group);
            let route = (group.routed && sent_to > 0, sent_to);
            if self.routes.insert(Arc::clone(name), route) != Some(route) {
                let (serving, backends) = route;
                shared.emit(Event::Route(Route { group: name.to_string(), serving, backends }));
            }
        }
    }

    /// Whether it sends to a group.
    pub(super) fn sends_to(&self, group: &str) -> bool {
        self.routes.get(group).is_some_and(|(serving, _)| *serving)
    }

    fn sent_to(&self, group: &Group) -> u32 {
        let group = &*group.name;
        let sent_to = self.told.iter().filter(|backend| backend.group == group);
        sent_to.filter(|backend| self.healthy.contains(&backend.name)).count() as u32
    }

    /// Lets it end.
    pub(super) fn end(&mut self) {
        self.handle = None;
    }
}

fn backends(group: &Group) -> impl Iterator<Item = BackendAddress> {
    group.members.values().filter_map(|member| {
        let addr = member.backend()?;
        Some(BackendAddress { name: member.name.clone(), group: group.name.to_string(), addr })
    })
}
