//! A history as tracks over time, built in one streaming pass: the one view that the runner, the live display and every
//! check share, so that what was acted on and what is judged are the same.

use std::collections::BTreeMap;

use crate::scenario::Anchor;

use super::coverage::Coverage;
use super::event::*;
use super::group_track::GroupTrack;
use super::health::primary_healthy;
use super::object_track::ObjectTrack;
use super::steps::Steps;
use super::window::LoadWindow;

/// Everything that a history says, by what it is about.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Tracks {
    /// The first line.
    pub header: Option<Box<Header>>,
    /// Time of the last record.
    pub end_us: u64,
    /// Whether the seal was read.
    pub sealed: bool,
    /// Phases in order of their beginning.
    pub phases: Vec<(u64, PhaseBegan)>,
    /// Groups by name.
    pub groups: BTreeMap<String, GroupTrack>,
    /// Objects beside the groups, by their UID.
    pub objects: BTreeMap<String, ObjectTrack>,
    /// What controllers said about objects.
    pub reported: Vec<(u64, Reported)>,
    /// What each source vouches for.
    pub sources: BTreeMap<String, Coverage>,
    /// Sources that said they were lost.
    pub lost: Vec<(u64, SourceLost)>,
    /// Traffic by the second, in order.
    pub load: Vec<LoadWindow>,
    /// Springback's own health.
    pub harness: Vec<(u64, HarnessReading)>,
    /// Both clocks.
    pub clocks: Vec<(u64, ClockReading)>,
    /// Surges by id: start, and end where it was reached.
    pub surges: BTreeMap<String, (u64, Option<u64>)>,
    /// Faults by id.
    pub faults: BTreeMap<String, FaultTrack>,
    /// Stop conditions that tripped.
    pub stopped: Vec<(u64, Stopped)>,
    /// Requests to end.
    pub interrupted: Vec<(u64, Interrupted)>,
    /// When all stimuli had ended and all faults were healed.
    pub quiesced_us: Option<u64>,
    /// Notes.
    pub notes: Vec<(u64, Note)>,
    /// Processes that were started.
    pub children: Vec<ChildStarted>,
}

/// What became of a fault.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FaultTrack {
    /// When it was decided, and what.
    pub intent: Option<(u64, Intent)>,
    /// When the world said that it was done.
    pub acknowledged_us: Option<u64>,
    /// What the world said instead.
    pub failed: Option<(u64, String)>,
    /// Why it was not injected.
    pub skipped: Option<(u64, String)>,
    /// What a world saw of it, where it ends no instance.
    pub sighted: Option<(u64, EffectSeen)>,
    /// Its effect.
    pub effect: Option<(u64, Effect)>,
    /// Its heal; the latest one counts.
    pub healed: Option<(u64, HealOutcome)>,
}

impl FaultTrack {
    /// Whether it was, or must be taken as, injected.
    pub fn injected(&self) -> bool {
        self.acknowledged_us.is_some() || self.failed.is_some()
    }
}

impl Tracks {
    /// Takes the next record in.
    pub fn apply(&mut self, record: &Record) {
        let t = record.t_us;
        self.end_us = self.end_us.max(t);
        match &record.event {
            Event::Header(header) => self.header = Some(header.clone()),
            Event::Clock(reading) => self.clocks.push((t, reading.clone())),
            Event::Phase(phase) => self.phases.push((t, phase.clone())),
            Event::Alive(alive) => {
                self.sources.entry(alive.source.clone()).or_default().add(alive.since_us, alive.through_us);
            }
            Event::Lost(lost) => self.lost.push((t, lost.clone())),
            Event::Desired(desired) => self.group(&desired.group).desire(t, desired),
            Event::Rewritten(rewritten) => {
                self.group(&rewritten.group).rewritten.push((t, rewritten.clone()));
            }
            Event::Child(child) => self.children.push(child.clone()),
            Event::Instance(change) => self.group(&change.group).change(t, change),
            Event::Autoscaler(seen) => self.group(&seen.group).autoscalers.push((t, seen.clone())),
            Event::Decision(decided) => self.group(&decided.group).decisions.push((t, decided.clone())),
            Event::Route(route) => {
                self.group(&route.group).routed.push(t, route.serving && route.backends > 0)
            }
            Event::TearDown(tear_down) => {
                self.group(&tear_down.group).tear_downs.push((t, tear_down.clone()));
            }
            Event::Object(change) => match self.objects.get_mut(&change.uid) {
                Some(object) => object.change(t, change),
                None => drop(self.objects.insert(change.uid.clone(), ObjectTrack::new(t, change))),
            },
            Event::Reported(reported) => self.reported.push((t, reported.clone())),
            Event::Load(window) => self.load.push((**window).clone()),
            Event::Harness(reading) => self.harness.push((t, reading.clone())),
            Event::SurgeStart(mark) => {
                self.surges.insert(mark.surge.clone(), (t, None));
            }
            Event::SurgeEnd(mark) => {
                self.surges.entry(mark.surge.clone()).or_insert((t, None)).1 = Some(t);
            }
            Event::Intent(intent) => self.fault(&intent.fault).intent = Some((t, intent.clone())),
            Event::UndoRecorded(_) | Event::Unknown(_) => {}
            Event::Acknowledged(ack) => self.fault(&ack.fault).acknowledged_us = Some(t),
            Event::InjectFailed(failed) => {
                self.fault(&failed.fault).failed = Some((t, failed.reason.clone()));
            }
            Event::EffectSeen(seen) => self.fault(&seen.fault).sighted = Some((t, seen.clone())),
            Event::Effect(effect) => self.fault(&effect.fault).effect = Some((t, effect.clone())),
            Event::FaultSkipped(skipped) => {
                self.fault(&skipped.fault).skipped = Some((t, skipped.reason.clone()));
            }
            Event::Healed(healed) => self.fault(&healed.fault).healed = Some((t, healed.clone())),
            Event::Stopped(stopped) => self.stopped.push((t, stopped.clone())),
            Event::Interrupted(interrupted) => self.interrupted.push((t, interrupted.clone())),
            Event::Quiesced(quiesced) => self.quiesced_us = Some(quiesced.at_us),
            Event::Note(note) => self.notes.push((t, note.clone())),
            Event::Seal(_) => self.sealed = true,
        }
    }

    fn group(&mut self, name: &str) -> &mut GroupTrack {
        self.groups.entry(name.to_owned()).or_default()
    }

    fn fault(&mut self, id: &str) -> &mut FaultTrack {
        self.faults.entry(id.to_owned()).or_default()
    }

    /// When a phase began for the last time.
    pub fn phase_us(&self, phase: Phase) -> Option<u64> {
        self.phases.iter().rev().find(|(_, began)| began.phase == phase).map(|(t, _)| *t)
    }

    /// The phase at the end of what is recorded.
    pub fn phase(&self) -> Option<&PhaseBegan> {
        self.phases.last().map(|(_, began)| began)
    }

    /// The time that the baseline is taken from; `None` where supply was never steady before the stimulus began.
    pub fn baseline_window(&self) -> Option<(u64, u64)> {
        let from = self.phase_us(Phase::Baseline)?;
        let to = self.phase_us(Phase::Stimulus)?;
        (from < to).then_some((from, to))
    }

    /// The baseline of a group: its largest supply in the baseline window.
    pub fn baseline(&self, group: &str) -> Option<u32> {
        let (from, to) = self.baseline_window()?;
        self.groups.get(group)?.supply().max_over(from, to)
    }

    /// What springback left behind, in words: heals that never succeeded, and a world that could not be closed.
    pub fn left_behind(&self) -> Vec<String> {
        let heals = self.faults.iter().filter_map(|(id, fault)| {
            let (_, outcome) = fault.healed.as_ref().filter(|(_, outcome)| !outcome.complete)?;
            Some(format!("{id}: {}", outcome.detail))
        });
        let notes = self.notes.iter().filter(|(_, note)| note.code == NOT_CLOSED);
        heals.chain(notes.map(|(_, note)| note.text.clone())).collect()
    }

    /// The instant of an anchor; `None` where it was not reached.
    pub fn anchor_us(&self, anchor: Anchor) -> Option<u64> {
        match anchor {
            Anchor::SurgeStart => self.surges.values().map(|(start, _)| *start).min(),
            Anchor::SurgeEnd => {
                // The last one: not known before all have ended, those that have not begun included.
                let surges = self.header.iter().flat_map(|header| &header.plan.surges);
                if self.goes_on() && surges.into_iter().any(|surge| !self.surges.contains_key(&surge.id)) {
                    return None;
                }
                let ends: Option<Vec<u64>> = self.surges.values().map(|(_, end)| *end).collect();
                ends?.into_iter().max()
            }
            Anchor::Healed => self.heals()?.into_iter().map(|(_, t)| t).max(),
            Anchor::PrimaryHealthy => self.primary_healthy_us(),
            Anchor::Quiesce => self.quiesced_us,
        }
    }

    /// Whether stimuli may still be to come: where the history says neither that all have ended nor that they were cut
    /// short, one that it does not show may have been cut off with its end.
    fn goes_on(&self) -> bool {
        self.quiesced_us.is_none() && self.stopped.is_empty() && self.interrupted.is_empty()
    }

    /// The faults that were undone, and when. `None` where one still has to be: then the last heal is not known, and an
    /// earlier one is no anchor.
    fn heals(&self) -> Option<Vec<(&Intent, u64)>> {
        let planned = self.header.iter().flat_map(|header| &header.plan.faults);
        let mut lasting = planned.filter(|fault| fault.action.lasts().is_some());
        if self.goes_on() && lasting.any(|fault| !self.faults.contains_key(&fault.id)) {
            return None;
        }
        let mut heals = Vec::new();
        for fault in self.faults.values().filter(|fault| fault.skipped.is_none()) {
            let Some((_, intent)) = &fault.intent else { continue };
            match &fault.healed {
                Some((t, outcome)) if outcome.complete => heals.push((intent, *t)),
                None if intent.action.lasts_us().is_none() => {}
                _ => return None,
            }
        }
        Some(heals)
    }

    /// When the primaries that were taken down were all healthy again, after their heal.
    fn primary_healthy_us(&self) -> Option<u64> {
        let mut latest = None;
        for (intent, healed_us) in self.heals()? {
            if !intent.action.can_take_down() {
                continue;
            }
            let baseline = self.baseline(&intent.group)?;
            let healthy = self.groups.get(&intent.group)?.healthy(baseline);
            latest = latest.max(Some(healthy.first_from(healed_us, |healthy| *healthy)?));
        }
        latest
    }
}

impl GroupTrack {
    /// Over time: whether this group, as a primary, is healthy.
    pub fn healthy(&self, baseline: u32) -> Steps<bool> {
        let ready = self.ready();
        let mut times: Vec<u64> = ready.points().iter().map(|(t, _)| *t).collect();
        times.extend(self.desired.points().iter().map(|(t, _)| *t));
        times.extend(self.routed.points().iter().map(|(t, _)| *t));
        times.sort_unstable();
        let mut healthy = Steps::new();
        for t in times {
            let ready = ready.at(t).copied().unwrap_or(0);
            let desired = self.desired.at(t).copied().unwrap_or(0);
            let routed = self.routed.at(t).copied().unwrap_or(false);
            healthy.push(t, primary_healthy(ready, desired, baseline, routed));
        }
        healthy
    }
}
