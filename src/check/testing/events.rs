//! What happens.

use std::collections::BTreeMap;

use crate::history::*;
use crate::plan::PlannedFault;
use crate::scenario::*;

use super::{Run, S, ZERO};

impl Run {
    /// Anything at all.
    pub(in crate::check) fn event(mut self, t_us: u64, event: Event) -> Self {
        self.events.push((t_us, event));
        self
    }

    /// Somebody writes a desired count.
    pub(in crate::check) fn wants(self, t_us: u64, group: &str, replicas: u32, by: &str) -> Self {
        let (group, by) = (group.to_owned(), by.to_owned());
        self.event(t_us, Event::Desired(Desired { group, replicas, by, reason: String::new() }))
    }

    /// The balancer sends to a group, or ceases to.
    pub(in crate::check) fn routed(self, t_us: u64, group: &str, serving: bool) -> Self {
        let group = group.to_owned();
        self.event(t_us, Event::Route(Route { group, serving, backends: u32::from(serving) * 2 }))
    }

    /// An object beside the groups is in that state from now on. Its price is 0.03 USD/h.
    pub(in crate::check) fn object(self, t_us: u64, called: &str, state: ObjectState) -> Self {
        let (kind, name) = called.split_once(' ').expect("kind and name");
        let change = ObjectChange {
            kind: kind.into(),
            namespace: (!kind.starts_with("Node")).then(|| "shop".into()),
            name: name.into(),
            uid: called.into(),
            owners: vec!["Pod/web-2".into(), "StatefulSet/web".into()],
            state,
            created_ms: 0,
            price: Some("0.03 USD/h".parse().unwrap()),
            facts: BTreeMap::new(),
        };
        self.event(t_us, Event::Object(change))
    }

    /// One more instance, pending at one time and ready at another.
    pub(in crate::check) fn starts(mut self, group: &str, t_us: u64, ready_us: u64) -> Self {
        self.born += 1;
        let name = format!("{group}-{}", self.born);
        self.living.entry(group.into()).or_default().push(name.clone());
        let groups = self.scenario.target.groups();
        let price = groups.get(group).and_then(|group| group.price.clone());
        self = self.changes(t_us, group, &name, InstanceState::Pending, price);
        self.changes(ready_us, group, &name, InstanceState::Ready, None)
    }

    fn changes(self, t_us: u64, group: &str, name: &str, state: InstanceState, price: Option<Price>) -> Self {
        let grace_us = (state == InstanceState::Terminating).then_some(5 * S);
        let change = InstanceChange { price, grace_us, ..InstanceChange::new(group, name, state) };
        self.event(t_us, Event::Instance(change))
    }

    /// The newest instance is asked to end, and is gone at that time.
    pub(in crate::check) fn ends_newest(mut self, group: &str, t_us: u64, gone_us: Option<u64>) -> Self {
        let name = self.living.get_mut(group).and_then(Vec::pop).expect("one is there");
        self = self.changes(t_us, group, &name, InstanceState::Terminating, None);
        match gone_us {
            Some(gone_us) => self.changes(gone_us, group, &name, InstanceState::Gone, None),
            None => self,
        }
    }

    /// The oldest instance is gone without a word.
    pub(in crate::check) fn dies(mut self, group: &str, t_us: u64) -> Self {
        let name = self.living.get_mut(group).expect("it has instances").remove(0);
        self = self.changes(t_us, group, &name, InstanceState::Gone, None);
        self
    }

    /// The autoscaler raises a group; its instances are there at once and ready a second later.
    pub(in crate::check) fn grows(mut self, group: &str, t_us: u64, to: u32) -> Self {
        let by = if group == "standby" { "failover" } else { "autoscaler" };
        self = self.wants(t_us, group, to, by);
        for _ in self.living[group].len()..to as usize {
            self = self.starts(group, t_us, t_us + S);
        }
        self
    }

    /// The autoscaler lowers a group; its newest instances end at once and are gone half a second later.
    pub(in crate::check) fn shrinks(mut self, group: &str, t_us: u64, to: u32) -> Self {
        let by = if group == "standby" { "failover" } else { "autoscaler" };
        self = self.wants(t_us, group, to, by);
        for _ in to as usize..self.living[group].len() {
            self = self.ends_newest(group, t_us, Some(t_us + S / 2));
        }
        self
    }

    /// The primary rises to six instances in the surge.
    pub(in crate::check) fn expands(self) -> Self {
        self.grows("primary", 25 * S, 6)
    }

    /// The primary comes back to two instances.
    pub(in crate::check) fn contracts(self, t_us: u64) -> Self {
        self.shrinks("primary", t_us, 2)
    }

    /// A fault ends the oldest instances of a group; they are gone 100 ms later.
    pub(in crate::check) fn kills(mut self, group: &str, t_us: u64, count: usize) -> Self {
        let id = format!("fault-{}", self.plan.faults.len());
        let victims = self.living[group][..count].to_vec();
        let which = Victims::Count { count: count as u32, pick: Pick::Oldest };
        let action = FaultAction::Terminate {
            group: group.into(),
            victims: which,
            how: Termination::Kill,
            among: Among::default(),
        };
        self = self.fault(&id, t_us, action);
        let action =
            IntentAction::Terminate { instances: victims.clone(), kill: true, grace_us: 0, evict: false };
        self = self.injects(&id, group, t_us, action);
        for _ in 0..count {
            self = self.dies(group, t_us + S / 10);
        }
        self.has_effect(&id, t_us + S / 5, victims, Vec::new())
    }

    /// A fault takes the whole primary away until that time; the standby stands in.
    pub(in crate::check) fn loses_primary(mut self, t_us: u64, until_us: u64) -> Self {
        let id = format!("fault-{}", self.plan.faults.len());
        let lasts = Span::from_us(until_us - t_us);
        self = self.fault(&id, t_us, FaultAction::Lose { group: "primary".into(), lasts });
        let victims = self.living["primary"].clone();
        let action = IntentAction::Lose { instances: victims.clone(), lasts_us: lasts.us };
        self = self.injects(&id, "primary", t_us, action);
        for _ in &victims {
            self = self.dies("primary", t_us + S / 10);
        }
        self = self.has_effect(&id, t_us + S / 5, victims, Vec::new());
        self = self.routed(t_us + S / 10, "primary", false);
        self = self.grows("standby", t_us + S / 2, 3).routed(t_us + S / 2, "standby", true);
        let healed = HealOutcome { fault: id, complete: true, detail: "may start again".into() };
        self = self.event(until_us, Event::Healed(healed)).quiesces(Some(until_us));
        self = self.starts("primary", until_us, until_us + S).starts("primary", until_us, until_us + S);
        self.routed(until_us + S, "primary", true)
    }

    /// The standby goes back to sleep.
    pub(in crate::check) fn releases_standby(self, t_us: u64) -> Self {
        self.shrinks("standby", t_us, 1).routed(t_us, "standby", false)
    }

    /// A fault of the plan.
    pub(in crate::check) fn fault(mut self, id: &str, t_us: u64, action: FaultAction) -> Self {
        let planned =
            PlannedFault { id: id.into(), at_us: t_us - ZERO, action, grace_us: 0, effect_within_us: 2 * S };
        self.plan.faults.push(planned);
        self
    }

    /// It is injected.
    pub(in crate::check) fn injects(self, fault: &str, group: &str, t_us: u64, action: IntentAction) -> Self {
        let (fault, group) = (fault.to_owned(), group.to_owned());
        let intent = Intent { fault: fault.clone(), group, action };
        let acknowledged = Acknowledged { fault, detail: "done".into() };
        self.event(t_us, Event::Intent(intent)).event(t_us + S / 10, Event::Acknowledged(acknowledged))
    }

    /// Its effect is seen, or not.
    pub(in crate::check) fn has_effect(
        self,
        fault: &str,
        t_us: u64,
        gone: Vec<String>,
        remaining: Vec<String>,
    ) -> Self {
        let seen_by = "supply/primary".to_owned();
        self.event(t_us, Event::Effect(Effect { fault: fault.into(), gone, remaining, seen_by }))
    }
}
