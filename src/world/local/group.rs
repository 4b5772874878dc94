//! A group: keeps as many instances as are wanted, replaces those that die, and removes those that are too many.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use crate::history::{Desired, InstanceState};
use crate::scenario;

use super::autoscale::Autoscale;
use super::child::{ChildEvent, Ending};
use super::defects::Upsets;
use super::member::{Member, Part};
use super::shared::{Shared, arguments};
use super::tear_down::TearDownRun;
use super::voice::Voice;
use super::wire::{INSTANCE_VERB, InstanceConfig, Said};

/// An instance that has not said by then where it listens will not.
pub(super) const PORT_WITHIN_US: u64 = 10_000_000;
/// An instance may outlive its grace by so much before it is killed.
const KILL_MARGIN_US: u64 = 250_000;
/// After a start that failed the next one waits, each time longer.
const BACKOFF_FIRST_US: u64 = 500_000;
const BACKOFF_MOST_US: u64 = 10_000_000;

/// A group.
pub(super) struct Group {
    pub(super) name: Arc<str>,
    pub(super) config: scenario::Group,
    /// Instances wanted.
    pub(super) desired: u32,
    /// Every instance that exists, by number.
    pub(super) members: BTreeMap<u32, Member>,
    /// Whether the balancer is to send to it.
    pub(super) routed: bool,
    /// The fault that lost it: nothing is started until that is healed.
    pub(super) lost_by: Option<String>,
    pub(super) autoscale: Option<Autoscale>,
    pub(super) upsets: Upsets,
    pub(super) voice: Voice,
    last_number: u32,
    /// Wanted instances that died and have no successor yet.
    to_replace: u32,
    /// With the defect: deaths that leave the group smaller.
    never_replaced: u32,
    left_behind: u32,
    failures: u32,
    start_after_us: u64,
}

impl Group {
    pub(super) fn new(name: &str, config: scenario::Group, now_us: u64) -> Self {
        Self {
            name: Arc::from(name),
            desired: config.replicas,
            members: BTreeMap::new(),
            routed: config.takes_over_from.is_none(),
            lost_by: None,
            autoscale: Autoscale::of(&config, name, now_us),
            upsets: Upsets::of(&config),
            voice: Voice::new(name, now_us),
            last_number: 0,
            to_replace: 0,
            never_replaced: 0,
            left_behind: 0,
            failures: 0,
            start_after_us: 0,
            config,
        }
    }

    /// Reports what was declared, and starts the first instances.
    pub(super) fn begin(&mut self, shared: &mut Shared) {
        let desired = self.report_of_desired("declared", "as the scenario has it".to_owned());
        self.voice.desired(shared, desired);
        if let Some(autoscale) = &self.autoscale {
            autoscale.report(shared, &self.name, "declared");
        }
        self.reconcile(shared);
    }

    /// Wants so many instances from now on. The same number again is no news.
    pub(super) fn want(&mut self, shared: &Shared, replicas: u32, by: &str, reason: String) {
        if replicas == self.desired {
            return;
        }
        self.never_replaced = self.never_replaced.saturating_sub(self.desired.saturating_sub(replicas));
        self.desired = replicas;
        let desired = self.report_of_desired(by, reason);
        self.voice.desired(shared, desired);
        self.upsets.desired_is(replicas, self.config.replicas, shared.clock.now_us());
    }

    fn report_of_desired(&self, by: &str, reason: String) -> Desired {
        Desired { group: self.name.to_string(), replicas: self.desired, by: by.to_owned(), reason }
    }

    pub(super) fn ready(&self) -> u32 {
        self.members.values().filter(|member| member.ready()).count() as u32
    }

    /// Whether it has as many instances as are wanted, and each has said where it listens.
    pub(super) fn listens(&self) -> bool {
        self.wanted() >= self.desired && self.members.values().all(|member| member.addr.is_some())
    }

    fn wanted(&self) -> u32 {
        self.members.values().filter(|member| member.wanted()).count() as u32
    }

    /// Moves what exists towards what is wanted.
    pub(super) fn reconcile(&mut self, shared: &mut Shared) {
        if shared.closing {
            return;
        }
        let wanted = self.wanted();
        if wanted >= self.desired {
            self.to_replace = 0;
            let candidates = self.members.values().filter(|member| member.wanted());
            let candidates = candidates.map(|member| (member.number, member.ready()));
            for number in surplus(candidates, wanted - self.desired) {
                self.remove(shared, number);
            }
            return;
        }
        let missing = (self.desired - wanted).saturating_sub(self.never_replaced);
        for _ in 0..missing {
            if self.lost_by.is_some() || shared.clock.now_us() < self.start_after_us {
                return;
            }
            self.start(shared);
        }
    }

    fn start(&mut self, shared: &mut Shared) {
        self.last_number += 1;
        let number = self.last_number;
        let name = format!("{}-{number}", self.name);
        let replaces = self.to_replace > 0;
        self.to_replace = self.to_replace.saturating_sub(1);
        let mut change = crate::history::InstanceChange {
            price: self.config.price.clone(),
            ..crate::history::InstanceChange::new(&*self.name, name.clone(), InstanceState::Pending)
        };
        if replaces {
            change.price = self.config.replacement_price.clone().or(change.price);
            change.reason = "replaces one that died".to_owned();
        }
        self.voice.instance(shared, change.clone());
        match self.spawn(shared, name, number) {
            Ok(member) => {
                self.voice.instance(shared, member.spawned());
                self.members.insert(number, member);
            }
            Err(error) => {
                change.state = InstanceState::Gone;
                change.price = None;
                change.reason = format!("cannot be started: {error}");
                self.voice.instance(shared, change);
                self.to_replace += u32::from(replaces);
                self.back_off(shared);
            }
        }
    }

    fn spawn(&self, shared: &mut Shared, name: String, number: u32) -> io::Result<Member> {
        let config = InstanceConfig::of(&self.config, &name, shared.seed);
        let args = arguments(INSTANCE_VERB, &config)?;
        let who = super::shared::Who::Instance(Arc::clone(&self.name), number);
        let handle = shared.start(who, name.clone(), &args, &[])?;
        Ok(Member::new(Arc::clone(&self.name), name, number, handle, shared.clock.now_us()))
    }

    fn back_off(&mut self, shared: &Shared) {
        let wait_us = BACKOFF_FIRST_US.saturating_mul(1 << self.failures.min(8)).min(BACKOFF_MOST_US);
        self.failures += 1;
        self.start_after_us = shared.clock.now_us() + wait_us;
    }

    /// Removes an instance that is too many: its tear-down first, if there is one.
    fn remove(&mut self, shared: &mut Shared, number: u32) {
        let leave = self.left_behind < self.config.defects.leaves_behind.unwrap_or(0);
        let Some(member) = self.members.get_mut(&number) else { return };
        if leave {
            self.left_behind += 1;
            member.part = Part::LeftBehind;
        } else if let Some(command) = &self.config.tear_down {
            let run = TearDownRun::start(shared, command, &self.name, number, &member.name);
            member.part = Part::Doomed(run);
        } else {
            self.terminate(shared, number, self.config.grace_or_default().us, KILL_MARGIN_US, "scale-down");
        }
    }

    /// SIGTERM, and SIGKILL after the grace plus a margin.
    fn terminate(&mut self, shared: &Shared, number: u32, grace_us: u64, margin_us: u64, cause: &str) {
        let Some(member) = self.members.get_mut(&number) else { return };
        let kills = !self.config.defects.ignores_sigterm.unwrap_or(false);
        member.part = Part::Ending;
        member.cause = Some(cause.to_owned());
        member.kill_at_us = kills.then(|| shared.clock.now_us() + grace_us + margin_us);
        member.state = InstanceState::Terminating;
        member.terminate();
        let mut change = member.change(InstanceState::Terminating, cause);
        change.grace_us = Some(grace_us);
        self.voice.instance(shared, change);
    }

    /// A fault ends an instance, as its author wrote it. `None` if there is no such instance any more.
    pub(super) fn strike(
        &mut self,
        shared: &Shared,
        name: &str,
        kill: bool,
        grace_us: u64,
        fault: &str,
    ) -> Option<String> {
        let member = self.members.values_mut().find(|member| member.name == name)?;
        let (number, pid) = (member.number, member.pid());
        if kill {
            member.kill(format!("killed by {fault}"));
            return Some(format!("SIGKILL to {name} (pid {pid})"));
        }
        if member.wanted() {
            self.one_died();
        }
        self.terminate(shared, number, grace_us, 0, &format!("terminated by {fault}"));
        Some(format!("SIGTERM to {name} (pid {pid})"))
    }

    /// A fault ends all instances, and nothing is started until it is healed.
    pub(super) fn lose(&mut self, fault: &str) -> u32 {
        self.lost_by = Some(fault.to_owned());
        for member in self.members.values_mut() {
            member.kill(format!("lost by {fault}"));
        }
        self.members.len() as u32
    }

    /// Starts are allowed again. Whether they were not.
    pub(super) fn regain(&mut self, fault: &str) -> bool {
        let was_lost = self.lost_by.as_deref() == Some(fault);
        if was_lost {
            self.lost_by = None;
            self.failures = 0;
            self.start_after_us = 0;
        }
        was_lost
    }

    /// A wanted instance died or is about to.
    fn one_died(&mut self) {
        self.to_replace += 1;
        if self.config.defects.never_replaced.unwrap_or(false) {
            self.never_replaced += 1;
        }
    }

    /// An instance said something or ended.
    pub(super) fn heard(&mut self, shared: &mut Shared, number: u32, event: ChildEvent) {
        match event {
            ChildEvent::Said(line) => {
                if let (Some(member), Ok(Said::Listening(addr))) =
                    (self.members.get_mut(&number), serde_json::from_str(&line))
                {
                    member.listens(addr, shared.inbox.clone());
                }
            }
            ChildEvent::Ended(ending) => self.ended(shared, number, &ending),
        }
    }

    fn ended(&mut self, shared: &Shared, number: u32, ending: &Ending) {
        let Some(member) = self.members.remove(&number) else { return };
        let reason = match &member.cause {
            Some(cause) => format!("{cause}: {}", ending.status()),
            None => ending.describe(),
        };
        self.voice.instance(shared, member.change(InstanceState::Gone, reason));
        if !member.wanted() {
            return;
        }
        self.one_died();
        if member.was_ready {
            self.failures = 0;
        } else if member.cause.is_none() {
            self.back_off(shared);
        }
    }

    /// The tear-down program of an instance has ended.
    pub(super) fn torn_down(&mut self, shared: &Shared, number: u32, ending: &Ending) {
        let Some(member) = self.members.get_mut(&number) else { return };
        let Part::Doomed(run) = &mut member.part else { return };
        if run.ended(shared, &self.name, &member.name, ending) {
            self.terminate(shared, number, self.config.grace_or_default().us, KILL_MARGIN_US, "scale-down");
        }
    }

    /// An instance turned ready or unready.
    pub(super) fn polled(&mut self, shared: &Shared, number: u32, ready: bool, why: String) {
        let Some(member) = self.members.get_mut(&number) else { return };
        if member.state == InstanceState::Terminating {
            return;
        }
        member.state = if ready { InstanceState::Ready } else { InstanceState::Unready };
        member.was_ready |= ready;
        member.changed_us = shared.clock.now_us();
        if ready {
            self.failures = 0;
        }
        self.voice.instance(shared, member.change(member.state, why));
    }

    /// Lets time pass.
    pub(super) fn tick(&mut self, shared: &mut Shared) {
        let now_us = shared.clock.now_us();
        for member in self.members.values_mut() {
            if let Part::Doomed(run) = &mut member.part
                && !shared.closing
            {
                run.tick(shared, &self.name, member.number, &member.name);
            }
            if member.kill_at_us.is_some_and(|at_us| now_us >= at_us) {
                member.kill_at_us = None;
                member.kill("did not end within its grace".to_owned());
            }
            if member.addr.is_none() && member.cause.is_none() && now_us > member.spawned_us + PORT_WITHIN_US
            {
                member.kill("did not say where it listens within 10 s".to_owned());
            }
        }
        self.upset(shared, now_us);
        self.voice.heartbeat(shared, now_us);
        self.reconcile(shared);
    }

    /// Ends every instance, whatever it is doing: SIGTERM now, SIGKILL after `within_us`.
    pub(super) fn end(&mut self, shared: &Shared, within_us: u64) {
        let numbers: Vec<_> = self.members.keys().copied().collect();
        for number in numbers {
            self.terminate(shared, number, within_us, 0, "the world is closed");
        }
        // Also those that ignore SIGTERM.
        let kill_at_us = shared.clock.now_us() + within_us;
        for member in self.members.values_mut() {
            member.kill_at_us = Some(kill_at_us);
        }
    }
}

/// Which of the wanted instances are too many: those that are not ready first, then the newest.
fn surplus(candidates: impl Iterator<Item = (u32, bool)>, count: u32) -> Vec<u32> {
    let mut candidates: Vec<_> = candidates.collect();
    candidates.sort_by_key(|(number, ready)| (*ready, std::cmp::Reverse(*number)));
    candidates.into_iter().take(count as usize).map(|(number, _)| number).collect()
}

#[cfg(test)]
mod tests {
    use super::surplus;

    #[test]
    fn instances_that_are_not_ready_go_first_and_then_the_newest() {
        let group = [(1, true), (2, false), (3, true), (4, true), (5, false)];
        assert_eq!(surplus(group.into_iter(), 3), [5, 2, 4]);
        assert_eq!(surplus(group.into_iter(), 0), [0u32; 0]);
        assert_eq!(surplus(group.into_iter(), 9), [5, 2, 4, 3, 1]);
    }
}
