//! The defects of a group that happen at a time of their own, seen from the start of the stimulus.

use crate::scenario;

use super::group::Group;
use super::shared::Shared;

/// So long a scheduled scaler insists on its number.
const PINNED_US: u64 = 90_000_000;
/// The name of the writer that scales a group up again.
const SCHEDULED: &str = "scheduled-scaler";

/// What is going to happen to a group.
#[derive(Debug, Default)]
pub(super) struct Upsets {
    stimulus_us: Option<u64>,
    floor_was_changed: bool,
    blackout: Blackout,
    /// Whether the group was ever wanted larger than at the start.
    rose: bool,
    regrow_at_us: Option<u64>,
    regrowth_after_us: Option<u64>,
    /// So many and no others, until then.
    pin: Option<(u32, u64)>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Blackout {
    #[default]
    Ahead,
    Now,
    Over,
}

impl Upsets {
    pub(super) fn of(config: &scenario::Group) -> Self {
        let regrowth_after_us = config.defects.regrowth.as_ref().map(|regrowth| regrowth.after.us);
        Self { regrowth_after_us, ..Self::default() }
    }

    pub(super) fn stimulus_began(&mut self, t_us: u64) {
        self.stimulus_us = Some(t_us);
    }

    /// Whether something that was set for so long after the start of the stimulus is due.
    fn due(&self, after_us: u64, now_us: u64) -> bool {
        self.stimulus_us.is_some_and(|stimulus_us| now_us >= stimulus_us + after_us)
    }

    /// Notices that the group was large and is back at its first size: once.
    pub(super) fn desired_is(&mut self, desired: u32, initial: u32, now_us: u64) {
        self.rose |= desired > initial;
        if self.rose
            && desired <= initial
            && let Some(after_us) = self.regrowth_after_us.take()
        {
            self.regrow_at_us = Some(now_us + after_us);
        }
    }

    /// Whether a scheduled scaler refuses changes by anybody else, and what it says to them.
    pub(super) fn refusal(&self, now_us: u64) -> Option<String> {
        let (replicas, until_us) = self.pin?;
        (now_us < until_us).then(|| format!("{SCHEDULED} holds it at {replicas}"))
    }
}

impl Group {
    /// Whether the autoscaler's metric has stopped moving by now.
    pub(super) fn metric_frozen(&self, now_us: u64) -> bool {
        self.config.defects.metric_frozen_at.is_some_and(|at| self.upsets.due(at.us, now_us))
    }

    /// Does what is due.
    pub(super) fn upset(&mut self, shared: &Shared, now_us: u64) {
        if let Some(change) = &self.config.defects.floor_changed
            && !self.upsets.floor_was_changed
            && self.upsets.due(change.at.us, now_us)
        {
            self.upsets.floor_was_changed = true;
            if let Some(autoscale) = &mut self.autoscale {
                autoscale.set_floor(change.min_replicas);
                autoscale.report(shared, &self.name, &change.by);
            }
        }
        if let Some(blackout) = &self.config.defects.blackout {
            let begun = self.upsets.due(blackout.at.us, now_us);
            let over = self.upsets.due(blackout.at.us + blackout.lasts.us, now_us);
            match self.upsets.blackout {
                Blackout::Ahead if begun => {
                    self.upsets.blackout = Blackout::Now;
                    self.voice.fall_silent(shared);
                }
                Blackout::Now if over => {
                    self.upsets.blackout = Blackout::Over;
                    self.voice.speak_again(shared, now_us);
                }
                _ => {}
            }
        }
        if let Some(regrowth) = &self.config.defects.regrowth
            && self.upsets.regrow_at_us.is_some_and(|at_us| now_us >= at_us)
        {
            let replicas = regrowth.replicas.max(self.desired);
            self.upsets.regrow_at_us = None;
            self.upsets.pin = Some((replicas, now_us + PINNED_US));
            self.want(shared, replicas, SCHEDULED, "its schedule says so".to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_grows_again_only_after_it_was_large() {
        let mut upsets = Upsets { regrowth_after_us: Some(1_000), ..Upsets::default() };
        upsets.desired_is(2, 2, 10);
        assert_eq!(upsets.regrow_at_us, None);
        upsets.desired_is(6, 2, 20);
        upsets.desired_is(3, 2, 30);
        assert_eq!(upsets.regrow_at_us, None);
        upsets.desired_is(2, 2, 40);
        assert_eq!(upsets.regrow_at_us, Some(1_040));
        upsets.regrow_at_us = None;
        upsets.desired_is(6, 2, 50);
        upsets.desired_is(2, 2, 60);
        assert_eq!(upsets.regrow_at_us, None, "once");
    }

    #[test]
    fn a_scheduled_scaler_refuses_others_for_its_time() {
        let upsets = Upsets { pin: Some((5, 100)), ..Upsets::default() };
        assert_eq!(upsets.refusal(99).unwrap(), "scheduled-scaler holds it at 5");
        assert_eq!(upsets.refusal(100), None);
        assert_eq!(Upsets::default().refusal(0), None);
    }

    #[test]
    fn nothing_is_due_before_the_stimulus_has_begun() {
        let mut upsets = Upsets::default();
        assert!(!upsets.due(0, u64::MAX));
        upsets.stimulus_began(100);
        assert!(!upsets.due(50, 149));
        assert!(upsets.due(50, 150));
    }
}
