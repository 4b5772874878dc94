//! A group over time: the lives of its instances, what was wanted, and by whom.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use crate::scenario::Price;

use super::event::*;
use super::steps::Steps;

/// A group over time.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct GroupTrack {
    /// Instances by name.
    pub instances: BTreeMap<String, Life>,
    /// What was wanted.
    pub desired: Steps<u32>,
    /// Every write of what was wanted.
    pub writes: Vec<(u64, Desired)>,
    /// Every other change of its specification.
    pub rewritten: Vec<(u64, Rewritten)>,
    /// Whether the balancer sent to it.
    pub routed: Steps<bool>,
    /// Its autoscaler as it was seen, each time that it changed.
    pub autoscalers: Vec<(u64, AutoscalerSeen)>,
    /// What its autoscaler decided.
    pub decisions: Vec<(u64, Decided)>,
    /// Tear-down programs.
    pub tear_downs: Vec<(u64, TearDown)>,
}

/// The life of one instance.
#[derive(Debug, Clone, PartialEq)]
pub struct Life {
    /// First seen.
    pub born_us: u64,
    /// When it was ready: `[from, to)`.
    pub ready: Vec<(u64, Option<u64>)>,
    /// When it was first asked to end, and how long it may take.
    pub terminating: Option<(u64, u64)>,
    /// Who has to let go of it before it can be gone, as last told.
    pub finalizers: Vec<String>,
    /// When it was seen gone, and why.
    pub gone: Option<(u64, String)>,
    /// The latest state.
    pub state: InstanceState,
    /// What it costs, each change.
    pub prices: Vec<(u64, Price)>,
    /// Its process.
    pub process: Option<ProcessId>,
    /// The node that it runs on.
    pub node: Option<String>,
    /// That node's zone.
    pub zone: Option<String>,
    /// Its labels, where they are recorded.
    pub labels: BTreeMap<String, String>,
}

impl Life {
    /// When it ceased to count as supply: once asked to end, unless it outlived its grace; then it counts again until
    /// it is gone.
    fn counted(&self) -> Vec<(u64, Option<u64>)> {
        let gone = self.gone.as_ref().map(|(t, _)| *t);
        let Some((asked, grace)) = self.terminating else {
            return vec![(self.born_us, gone)];
        };
        let overdue = asked.saturating_add(grace);
        if gone.is_some_and(|gone| gone <= overdue) {
            return vec![(self.born_us, Some(asked))];
        }
        vec![(self.born_us, Some(asked)), (overdue, gone)]
    }

    /// Whether it was asked to end, outlived its grace, and still existed at that time.
    pub fn overdue_at(&self, t_us: u64) -> bool {
        let Some((asked, grace)) = self.terminating else { return false };
        asked.saturating_add(grace) <= t_us && self.gone.as_ref().is_none_or(|(gone, _)| *gone > t_us)
    }

    /// Whether it counts as supply at that time.
    pub fn counts_at(&self, t_us: u64) -> bool {
        self.counted().iter().any(|(from, to)| *from <= t_us && to.is_none_or(|to| to > t_us))
    }
}

impl GroupTrack {
    pub(super) fn desire(&mut self, t_us: u64, desired: &Desired) {
        self.desired.push(t_us, desired.replicas);
        self.writes.push((t_us, desired.clone()));
    }

    pub(super) fn change(&mut self, t_us: u64, change: &InstanceChange) {
        let life = self.instances.entry(change.instance.clone()).or_insert_with(|| Life {
            born_us: t_us,
            ready: Vec::new(),
            terminating: None,
            finalizers: Vec::new(),
            gone: None,
            state: change.state,
            prices: Vec::new(),
            process: None,
            node: None,
            zone: None,
            labels: BTreeMap::new(),
        });
        let open_ready = life.ready.last_mut().filter(|(_, to)| to.is_none());
        match (change.state, open_ready) {
            (InstanceState::Ready, None) => life.ready.push((t_us, None)),
            (InstanceState::Ready, Some(_)) => {}
            (_, Some(open)) => open.1 = Some(t_us),
            (_, None) => {}
        }
        if change.state == InstanceState::Terminating && life.terminating.is_none() {
            life.terminating = Some((t_us, change.grace_us.unwrap_or(0)));
        }
        if change.state == InstanceState::Terminating {
            life.finalizers.clone_from(&change.finalizers);
        }
        if change.state == InstanceState::Gone && life.gone.is_none() {
            life.gone = Some((t_us, change.reason.clone()));
        }
        if let Some(price) = &change.price {
            life.prices.push((t_us, price.clone()));
        }
        life.process = change.process.or(life.process);
        // What is not said again has not changed.
        if change.node.is_some() {
            life.node.clone_from(&change.node);
        }
        if change.zone.is_some() {
            life.zone.clone_from(&change.zone);
        }
        if !change.labels.is_empty() {
            life.labels.clone_from(&change.labels);
        }
        life.state = change.state;
    }

    /// Every instance that exists: pending and starting too; terminating ones only once they outlive their grace.
    pub fn supply(&self) -> Steps<u32> {
        Steps::counting(self.instances.values().flat_map(Life::counted))
    }

    /// Instances that are ready.
    pub fn ready(&self) -> Steps<u32> {
        Steps::counting(self.instances.values().flat_map(|life| life.ready.iter().copied()))
    }

    /// Names of the instances that are ready at the end of what is recorded, by age, oldest first.
    pub fn ready_now(&self) -> Vec<&str> {
        let mut ready: Vec<_> =
            self.instances.iter().filter(|(_, life)| life.state == InstanceState::Ready).collect();
        ready.sort_by_key(|(name, life)| (life.born_us, name.len(), name.as_str()));
        ready.into_iter().map(|(name, _)| name.as_str()).collect()
    }

    /// Names of the instances that count as supply at that time, by age.
    pub fn supply_names_at(&self, t_us: u64) -> Vec<&str> {
        let mut names: Vec<_> = self.instances.iter().filter(|(_, life)| life.counts_at(t_us)).collect();
        names.sort_by_key(|(name, life)| (life.born_us, name.len(), name.as_str()));
        names.into_iter().map(|(name, _)| name.as_str()).collect()
    }

    /// What the group costs an hour, while its instances exist, terminating ones included. Without any price: empty.
    pub fn spend_per_hour(&self) -> Steps<Decimal> {
        let mut deltas = BTreeMap::<u64, Decimal>::new();
        for life in self.instances.values() {
            let mut before = Decimal::ZERO;
            for (t, price) in &life.prices {
                *deltas.entry(*t).or_default() += price.per_hour - before;
                before = price.per_hour;
            }
            if let Some((gone, _)) = &life.gone {
                *deltas.entry(*gone).or_default() -= before;
            }
        }
        let mut rate = Decimal::ZERO;
        let mut steps = Steps::new();
        for (t, delta) in deltas {
            rate += delta;
            steps.push(t, rate);
        }
        steps
    }

    /// The autoscaler as it stood at that time.
    pub fn autoscaler_at(&self, t_us: u64) -> Option<&AutoscalerSeen> {
        self.autoscalers.iter().rev().find(|(t, _)| *t <= t_us).map(|(_, seen)| seen)
    }
}
