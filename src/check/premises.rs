//! What an expectation rests on. Where a premise is broken, that expectation is inconclusive, and no other.
//!
//! | expectation | load delivered | faults effective | sources alive | harness healthy | undisturbed |
//! |---|---|---|---|---|---|
//! | `baseline` | – | – | `supply/<group>` over the baseline window | – | – |
//! | `expansion-…` | yes | – | `supply/<group>` from the anchor until it was reached, else to the deadline | margins | the group |
//! | `replacement` | – | that fault | `supply/<group>`, likewise | margins | the group |
//! | `contraction-…` | yes | – | `supply/<group>` over baseline and window; `load` where supply is above its baseline | margins | the group |
//! | `standby-released-…` | – | those of its primary | `supply/<standby>` over the window; `supply/<primary>` and `balancer` from the heal to the anchor | margins | both |
//! | `idle-spend` | – | – | `supply/<group>` of every group over baseline and window | margins | every group |
//! | `nothing-left` | – | – | `objects/<place>` of every place over baseline and window | margins | – |
//! | `objective-…` | yes | all | `load` over its time | latency only | every group |
//! | `burn-rate-…` | yes | all | `load` over its time | latency only | every group |
//! | `recovery` | yes | all | `load` over its window | latency only | every group |
//!
//! Why these: load that was not sent cannot show that supply follows it, nor that requests succeed; a contraction means
//! nothing where the surge was not real. Ended instances are replaced whatever the traffic. Where a fault struck nothing,
//! objectives were not put to the test, but supply that rose with the surge and is still up has not come down. Money and
//! instances are counted from events, so a slow harness does not touch them; it can only make a moment late, which
//! matters where a margin is as small as that. Whoever left an object: it is there, and nobody uses it.
//!
//! A **fail** stands where no missing data could reverse it: supply above its bound that was seen for longer than
//! `settle` after the deadline; bad requests above what all planned requests together allow. Load that we did not send
//! and sources that were silent are missing data. A change by somebody else, a fault without effect and a starved
//! harness are not: they say that something else was tested than what was meant, so they void a fail too.

use crate::history::{FaultTrack, GroupTrack, IntentAction, Tracks};
use crate::plan::PlannedFault;
use crate::scenario::Share;
use crate::slo::{Slices, WINDOW_US, within};

use super::case::{Case, LOAD};
use super::codes::Code;
use super::words::{instant, list, percent, relative, span};

/// Of all planned requests, so many must have been sent as planned.
pub(super) const DELIVERED_OVERALL: Share = Share::percent(99);
/// Of the requests planned in every [`SLICE`] seconds of a surge, so many.
pub(super) const DELIVERED_IN_SURGE: Share = Share::percent(95);
/// Seconds of one look at a surge or a recovery.
pub(super) const SLICE: usize = 5;
/// Delay of a request's sending, in µs, that is much for any objective; for one with a tight threshold, half of that.
pub(super) const SEND_LATE_LIMIT_US: u64 = 100_000;
/// So many seconds may hold a longer delay: one hiccup of the machine touches two.
const HICCUP: usize = 2;
/// Longest delay of a timer in the runner, in µs, at which the moments that it records are exact. Beyond it, a margin
/// smaller than the delay proves nothing.
pub(super) const TICK_LATE_LIMIT_US: u64 = 250_000;
/// Who may write a desired count or an autoscaler without being somebody else: the scenario and what it does, and the group's
/// own controllers.
pub(super) const OWN_WRITERS: [&str; 6] =
    ["declared", "autoscaler", "failover", "fault", "heal", "scheduled-scaler"];
/// Who raises so often what the autoscaler has lowered is a controller of the system too: a defect of it, and no disturbance.
const FIGHTS: usize = 2;

/// A premise that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Broken {
    /// Why.
    pub(super) code: Code,
    /// In words.
    pub(super) text: String,
    /// Whether even a fail proves nothing.
    pub(super) voids_fail: bool,
}

impl Case<'_> {
    /// Load delivered: what was planned was sent.
    pub(super) fn load_delivered(&self) -> Option<Broken> {
        self.scenario.load.as_ref()?;
        let broken = |code, text| Some(Broken { code, text, voids_fail: false });
        let from_us = self.tracks.baseline_window().map_or(0, |(from, _)| from);
        let windows = &self.tracks.load;
        let judged = &windows[windows.partition_point(|window| window.from_us < from_us)..];
        let (planned, delivered) = self.sent_as_planned(judged);
        if !DELIVERED_OVERALL.met_by(delivered, planned) {
            let text = format!(
                "Springback sent {} of the {planned} planned requests in time, and needs {DELIVERED_OVERALL}: the load \
                 generator was the limit.",
                percent(delivered, planned)
            );
            return broken(Code::SurgeNotDelivered, text);
        }
        for (id, (start_us, end_us)) in &self.tracks.surges {
            let end_us = end_us.unwrap_or(self.tracks.end_us);
            let first_us = start_us / WINDOW_US * WINDOW_US;
            if let Some(gap) = self.gap(LOAD, first_us, end_us) {
                let said = self.blind(LOAD, gap, end_us).into_broken();
                return Some(Broken { voids_fail: false, ..said });
            }
            let first = windows.partition_point(|window| window.from_us < first_us);
            let last = windows.partition_point(|window| window.from_us < end_us);
            for slice in Slices::of(windows.get(first..last).unwrap_or_default(), SLICE) {
                let (planned, delivered) = self.sent_as_planned(slice);
                if !DELIVERED_IN_SURGE.met_by(delivered, planned) {
                    let text = format!(
                        "Of the {planned} requests planned in the {} s from {} on, springback sent {} in time, and \
                         needs {DELIVERED_IN_SURGE}: the load generator was the limit of {id}.",
                        slice.len(),
                        instant(slice[0].from_us, *start_us, "its start"),
                        percent(delivered, planned)
                    );
                    return broken(Code::SurgeNotDelivered, text);
                }
            }
        }
        None
    }

    /// Planned requests, and those that were sent in time or not sent because of the target.
    fn sent_as_planned(&self, windows: &[crate::history::LoadWindow]) -> (u64, u64) {
        let planned = windows.iter().map(|window| window.planned).sum::<u64>();
        let by_us = windows.iter().map(|window| window.unsent_by_us() + window.late).sum::<u64>();
        (planned, planned.saturating_sub(by_us))
    }

    /// Faults effective: the very instances are gone, seen by another way than the call that ended them.
    pub(super) fn faults_effective(&self, which: impl Fn(&PlannedFault) -> bool) -> Vec<Broken> {
        self.plan
            .faults
            .iter()
            .filter(|fault| which(fault))
            .filter_map(|fault| self.fault_effective(fault))
            .collect()
    }

    /// Whether one fault did what it was to do.
    pub(super) fn fault_effective(&self, fault: &PlannedFault) -> Option<Broken> {
        let broken = |code, text| Some(Broken { code, text, voids_fail: true });
        let (id, group) = (&fault.id, fault.action.group());
        let Some(track) = self.tracks.faults.get(id) else {
            return broken(Code::FaultSkipped, format!("{id} on \"{group}\" was never injected."));
        };
        if let Some((_, reason)) = &track.skipped {
            let reason = reason.trim_end_matches('.');
            return broken(Code::FaultSkipped, format!("{id} on \"{group}\" was not injected: {reason}."));
        }
        let action = track.intent.as_ref().map(|(_, intent)| &intent.action);
        let struck = action.map_or(&[][..], IntentAction::instances);
        let remaining = remaining(self.tracks, track, group);
        if action.is_some_and(|action| !action.ends_instances()) {
            let text =
                format!("{id} on \"{group}\" had no effect: {}: nothing was tested.", list(&remaining));
            return if remaining.is_empty() { None } else { broken(Code::FaultHadNoEffect, text) };
        }
        if struck.is_empty() {
            return broken(Code::FaultHadNoEffect, format!("{id} on \"{group}\" struck no instance."));
        }
        if !remaining.is_empty() {
            let text = format!(
                "{id} on \"{group}\" was to end {}; {} not seen gone: nothing was tested.",
                list(struck),
                if remaining.len() == 1 {
                    format!("{} was", remaining[0])
                } else {
                    format!("{} were", list(&remaining))
                }
            );
            return broken(Code::FaultHadNoEffect, text);
        }
        None
    }

    /// Undisturbed: nobody else changed those groups, from the baseline on until that time.
    pub(super) fn undisturbed<'g>(
        &self,
        groups: impl IntoIterator<Item = &'g str>,
        until_us: u64,
    ) -> Option<Broken> {
        let since_us = self.tracks.baseline_window().map_or(0, |(from, _)| from);
        let (zero_us, zero) = self.zero();
        let other = |t: u64, by: &str| (since_us..=until_us).contains(&t) && !OWN_WRITERS.contains(&by);
        let mut changes = Vec::new();
        for name in groups {
            let Some(group) = self.tracks.groups.get(name) else { continue };
            let autoscalers = group.autoscalers.iter().filter(|(t, seen)| other(*t, &seen.by));
            changes
                .extend(autoscalers.map(|(t, seen)| (*t, &seen.by, format!("the autoscaler of \"{name}\""))));
            let writes =
                group.writes.iter().filter(|(t, write)| other(*t, &write.by) && !fights(group, &write.by));
            changes.extend(writes.map(|(t, write)| {
                (*t, &write.by, format!("the desired count of \"{name}\", to {}", write.replicas))
            }));
            let rewritten = group.rewritten.iter().filter(|(t, rewritten)| other(*t, &rewritten.by));
            changes.extend(rewritten.map(|(t, rewritten)| {
                (*t, &rewritten.by, format!("the {} of \"{name}\"", list(&rewritten.fields)))
            }));
        }
        let (t, by, what) = changes.into_iter().min_by_key(|(t, ..)| *t)?;
        let text = format!("Somebody else, {by}, changed {what}, {}.", relative(t, zero_us, zero));
        Some(Broken { code: Code::Confounded, text, voids_fail: true })
    }

    /// Harness healthy, for latencies measured in `[from_us, to_us]`.
    ///
    /// Response times count from the intended sending, so our own delays are in them and only ever make them worse. They
    /// are no longer about the target where the requests that left late are more than a tenth of what an objective
    /// allows to be bad, or where the delay was a sizeable part of its threshold for longer than a hiccup.
    pub(super) fn latencies_exact(&self, from_us: u64, to_us: u64) -> Option<Broken> {
        let windows = within(&self.tracks.load, from_us, to_us);
        let late = windows.iter().map(|window| window.late).sum::<u64>();
        let planned = windows.iter().map(|window| window.planned).sum::<u64>();
        let objectives = self.scenario.slo.values();
        objectives.filter_map(|objective| Some((objective.target, objective.under?))).find_map(|(target, under)| {
            let budget = u128::from(target.complement().ppb) * u128::from(planned);
            let many = u128::from(late) * 10 * u128::from(Share::WHOLE.ppb) > budget;
            let limit_us = SEND_LATE_LIMIT_US.min(under.us / 2);
            let touched = windows.iter().filter(|window| window.send_late_max_us > limit_us).count();
            let long = touched > (windows.len() / 10).max(HICCUP);
            (many || long).then(|| Broken {
                code: Code::HarnessStarved,
                text: format!(
                    "Springback itself was late: {late} of {planned} requests were not sent in time, and in {touched} of \
                     {} seconds one left more than {} late. Response times say too little about the target.",
                    windows.len(),
                    span(limit_us)
                ),
                voids_fail: true,
            })
        })
    }

    /// Harness healthy, for something that came `off_us` before or after its deadline, around that time.
    pub(super) fn moment_exact(&self, from_us: u64, to_us: u64, off_us: u64) -> Option<Broken> {
        let readings = self.tracks.harness.iter().filter(|(t, _)| (from_us..=to_us + WINDOW_US).contains(t));
        let worst = readings.map(|(_, reading)| reading.tick_late_us).max()?;
        (worst > TICK_LATE_LIMIT_US && off_us < worst).then(|| Broken {
            code: Code::HarnessStarved,
            text: format!(
                "Springback itself was up to {} late, and a margin of {} is smaller than that.",
                span(worst),
                span(off_us)
            ),
            voids_fail: true,
        })
    }

    /// When a stop condition or somebody ended the stimuli early.
    pub(super) fn cut_us(&self) -> Option<u64> {
        let stopped = self.tracks.stopped.first().map(|(t, _)| *t);
        let interrupted = self.tracks.interrupted.first().map(|(t, _)| *t);
        stopped.into_iter().chain(interrupted).min()
    }
}

/// Whether a writer of a group's count is at odds with its autoscaler, again and again.
fn fights(group: &GroupTrack, by: &str) -> bool {
    let pairs = group.writes.windows(2);
    let raises = pairs.filter(|pair| {
        pair[0].1.by == "autoscaler" && pair[1].1.by == by && pair[1].1.replicas > pair[0].1.replicas
    });
    raises.count() >= FIGHTS
}

/// Struck instances that were not seen gone, or what else was not seen: by the recorded proof, else by the tracks
/// themselves.
fn remaining(tracks: &Tracks, fault: &FaultTrack, group: &str) -> Vec<String> {
    if let Some((_, effect)) = &fault.effect {
        return effect.remaining.clone();
    }
    let Some((_, intent)) = &fault.intent else { return Vec::new() };
    if !intent.action.ends_instances() {
        return Vec::from_iter(fault.sighted.is_none().then(|| intent.action.unseen()));
    }
    let lives = tracks.groups.get(group).map(|group| &group.instances);
    let is_gone =
        |name: &String| lives.and_then(|lives| lives.get(name)).is_some_and(|life| life.gone.is_some());
    intent.action.instances().iter().filter(|name| !is_gone(name)).cloned().collect()
}

/// Whether a fault ends single instances, which are then replaced.
pub(super) fn terminates(fault: &PlannedFault) -> bool {
    fault.action.ends_some()
}
