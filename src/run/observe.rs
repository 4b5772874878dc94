//! What the runner reads off the tracks: whether supply is settled, and until when to watch.

use crate::history::{GroupTrack, Tracks};
use crate::plan::Plan;
use crate::scenario::{Anchor, Scenario};
use crate::world::World;

use super::dispatch::{Dispatch, Watch};

impl<W: World, L: Watch> Dispatch<'_, '_, W, L> {
    /// Whether supply is what is wanted and the traffic, if there is any, is served.
    pub(super) fn settled(&self) -> bool {
        let served = self.plan.load.is_none() || self.log.tracks.load.iter().any(|window| window.ok > 0);
        served && self.supply_settled()
    }

    /// Whether supply is what is wanted, in every group, and everything is ready.
    pub(super) fn supply_settled(&self) -> bool {
        let tracks = &self.log.tracks;
        let mut groups = self.scenario.groups().keys();
        groups.all(|name| tracks.groups.get(name).is_some_and(is_settled))
    }

    /// Until when the history must reach.
    pub(super) fn horizon_us(&self) -> u64 {
        horizon_us(self.plan, self.scenario, &self.log.tracks)
    }
}

fn is_settled(group: &GroupTrack) -> bool {
    let living = group.instances.values().filter(|life| life.gone.is_none()).count();
    let wanted = group.desired.last().copied();
    wanted.is_some_and(|wanted| wanted as usize == living && group.ready_now().len() == living)
}

/// Until when a run has to be watched, as far as is known by now, in µs on its clock: the last deadline, its hold, and
/// one settle more. An anchor that comes later than was assumed moves it.
pub fn horizon_us(plan: &Plan, scenario: &Scenario, tracks: &Tracks) -> u64 {
    let quiesced_us = tracks.quiesced_us.unwrap_or(tracks.end_us);
    let mut horizon_us = quiesced_us;
    for window in &plan.windows {
        let anchor_us = match (tracks.anchor_us(window.anchor), window.anchor) {
            (Some(anchor_us), _) => anchor_us,
            // One that has not come yet is waited for as long as if it came with the quiesce.
            (None, Anchor::PrimaryHealthy | Anchor::Healed) => quiesced_us,
            (None, _) => continue,
        };
        let within_us = window.within_us.unwrap_or_else(|| {
            tracks.longest_derived_deadline_us(scenario.groups().keys().map(String::as_str))
        });
        horizon_us = horizon_us.max(anchor_us + within_us + window.hold_us + window.settle_us);
    }
    if let Some(replacement) = &scenario.expect.replacement {
        for fault in tracks.faults.values() {
            let Some((intent_us, _)) = fault.intent.as_ref().filter(|(_, intent)| intent.action.ends_some())
            else {
                continue;
            };
            // The deadline counts from the kill itself, which is no later than its effect or the world's answer.
            let answered_us = fault.acknowledged_us.or(fault.failed.as_ref().map(|(t, _)| *t));
            let killed_us = fault.effect.as_ref().map(|(t, _)| *t).or(answered_us);
            horizon_us = horizon_us.max(killed_us.unwrap_or(*intent_us) + replacement.within.us);
        }
    }
    horizon_us
}

#[cfg(test)]
mod tests {
    use super::super::testing::{S, scripted, tracks};
    use super::*;

    #[test]
    fn a_replacement_is_watched_for_until_its_deadline_which_counts_from_the_kill() {
        let (scenario, plan) = scripted("[expect]\nreplacement = { within = '10s' }\n");
        let mut run = tracks(4);
        run.kills("fault-0", 40 * S, &["app-1"]);
        assert_eq!(horizon_us(&plan, &scenario, &run.tracks), 50 * S);
        run.acknowledges("fault-0", 40 * S + 70_000);
        assert_eq!(horizon_us(&plan, &scenario, &run.tracks), 50 * S + 70_000);
    }
}
