//! A group's account of itself, which can be made to fall silent.

use std::collections::BTreeMap;

use crate::history::{Desired, Event, InstanceChange, SourceLost};

use super::shared::Shared;
use super::vouch::Vouch;

/// What is told about a group's supply.
#[derive(Debug)]
pub(super) struct Voice {
    vouch: Vouch,
    silent: bool,
    /// The state of what changed meanwhile.
    held: BTreeMap<String, InstanceChange>,
    held_desired: Option<Desired>,
}

impl Voice {
    pub(super) fn new(group: &str, now_us: u64) -> Self {
        Self {
            vouch: Vouch::new(format!("supply/{group}"), now_us),
            silent: false,
            held: BTreeMap::new(),
            held_desired: None,
        }
    }

    /// An instance changed.
    pub(super) fn instance(&mut self, shared: &Shared, change: InstanceChange) {
        if self.silent {
            let change = match self.held.remove(&change.instance) {
                Some(earlier) => both(earlier, change),
                None => change,
            };
            self.held.insert(change.instance.clone(), change);
        } else {
            shared.emit(Event::Instance(change));
        }
    }

    /// The wanted size changed.
    pub(super) fn desired(&mut self, shared: &Shared, desired: Desired) {
        if self.silent {
            self.held_desired = Some(desired);
        } else {
            shared.emit(Event::Desired(desired));
        }
    }

    /// Vouches, if it is time to.
    pub(super) fn heartbeat(&mut self, shared: &Shared, now_us: u64) {
        if !self.silent && self.vouch.due(now_us) {
            shared.emit(Event::Alive(self.vouch.heard(now_us)));
        }
    }

    /// Says nothing from now on.
    pub(super) fn fall_silent(&mut self, shared: &Shared) {
        self.silent = true;
        let reason = "the account of this group has fallen silent".to_owned();
        shared.emit(Event::Lost(SourceLost { source: self.vouch.source().to_owned(), reason }));
    }

    /// Speaks again: what is different now, not what happened meanwhile.
    pub(super) fn speak_again(&mut self, shared: &Shared, now_us: u64) {
        self.silent = false;
        self.vouch.skip_to(now_us);
        if let Some(desired) = self.held_desired.take() {
            shared.emit(Event::Desired(desired));
        }
        for change in std::mem::take(&mut self.held).into_values() {
            shared.emit(Event::Instance(change));
        }
    }
}

/// The later change, with what only the earlier one told.
fn both(earlier: InstanceChange, later: InstanceChange) -> InstanceChange {
    InstanceChange {
        price: later.price.or(earlier.price),
        process: later.process.or(earlier.process),
        grace_us: later.grace_us.or(earlier.grace_us),
        ..later
    }
}
