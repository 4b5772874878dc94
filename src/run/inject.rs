//! The timeline of surges and faults: each fault goes intent → undo record → injection → acknowledgement → effect → heal.

use std::pin::Pin;
use std::time::Duration;

use crate::history::*;
use crate::plan::PlannedFault;
use crate::scenario::FaultAction;
use crate::world::{Undo, World, WorldError};

use super::dispatch::{Dispatch, Watch};
use super::victims;

/// A call on the world that has returned.
pub(super) enum Step {
    UndoRecorded(usize, Result<(), WorldError>),
    Injected(usize, Result<String, WorldError>),
    Healed(usize, Result<String, WorldError>),
}

pub(super) type StepFuture<'a> = Pin<Box<dyn Future<Output = Step> + 'a>>;

/// An unanswered call counts as done after this long.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// Between two attempts at a heal.
const HEAL_AGAIN_AFTER: Duration = Duration::from_secs(1);
const HEAL_ATTEMPTS: u32 = 5;

/// How long it takes at most until everything is healed or given up, once a run is asked to end: an injection that is under way
/// is answered first, and then each attempt may go without an answer.
pub fn heal_at_most() -> Duration {
    ANSWER_WITHIN + (ANSWER_WITHIN + HEAL_AGAIN_AFTER) * HEAL_ATTEMPTS
}

/// Where a fault stands.
#[derive(Debug, Clone, PartialEq)]
enum FaultStage {
    /// Not due yet.
    Waiting,
    /// Intent and undo are being recorded, or it is being injected.
    Injecting,
    /// Injected: its effect shows, or will not. One that lasts goes on until it is healed.
    Active { effect_by_us: u64, effect_seen: bool, heal_at_us: Option<u64> },
    /// Being undone.
    Healing { attempt: u32 },
    /// Over: at that time, if it was injected at all.
    Over { at_us: Option<u64> },
    /// It could not be undone.
    Unhealed { reason: String },
}

/// One fault of the plan.
pub(super) struct FaultRun {
    planned: PlannedFault,
    intent: Option<Intent>,
    stage: FaultStage,
}

impl FaultRun {
    pub(super) fn new(planned: &PlannedFault) -> Self {
        Self { planned: planned.clone(), intent: None, stage: FaultStage::Waiting }
    }

    pub(super) fn unhealed(&self) -> Option<String> {
        match &self.stage {
            FaultStage::Unhealed { reason } => Some(format!("{}: {reason}", self.planned.id)),
            _ => None,
        }
    }

    /// How long its injection waits for something, beyond the time that an answer takes.
    fn waits(&self) -> Duration {
        match &self.planned.action {
            FaultAction::Manifest { within, .. } => Duration::from_micros(within.us),
            _ => Duration::ZERO,
        }
    }

    /// Nothing of it is still to come but its effect or its heal.
    fn is_ending(&self) -> bool {
        match self.stage {
            FaultStage::Waiting | FaultStage::Injecting => false,
            FaultStage::Active { heal_at_us, .. } => heal_at_us.is_none(),
            FaultStage::Healing { .. } | FaultStage::Over { .. } | FaultStage::Unhealed { .. } => true,
        }
    }

    fn is_over(&self) -> bool {
        matches!(self.stage, FaultStage::Over { .. } | FaultStage::Unhealed { .. })
    }
}

impl<'a, W: World, L: Watch> Dispatch<'a, '_, W, L> {
    /// When the next thing of the timeline is due.
    pub(super) fn next_due_us(&self) -> Option<u64> {
        let zero_us = self.zero_us?;
        let tracks = &self.log.tracks;
        let surges = self.plan.surges.iter().filter_map(|surge| match tracks.surges.get(&surge.id) {
            None => Some(zero_us + surge.start_us),
            Some((_, None)) => Some(zero_us + surge.end_us),
            Some(_) => None,
        });
        let faults = self.faults.iter().filter_map(|fault| match fault.stage {
            FaultStage::Waiting => Some(zero_us + fault.planned.at_us),
            FaultStage::Active { effect_by_us, effect_seen, heal_at_us } => {
                let effect = (!effect_seen).then_some(effect_by_us);
                heal_at_us.into_iter().chain(effect).min()
            }
            _ => None,
        });
        surges.chain(faults).min().filter(|_| !self.faults_over() || !self.surges_over())
    }

    /// Does what is due.
    pub(super) fn run_timeline(&mut self, now_us: u64) {
        let Some(zero_us) = self.zero_us else { return };
        for surge in &self.plan.surges {
            let mark = || SurgeMark { surge: surge.id.clone() };
            let known = self.log.tracks.surges.get(&surge.id).copied();
            if known.is_none() && now_us >= zero_us + surge.start_us && !self.is_cut() {
                self.log.append_at(zero_us + surge.start_us, Event::SurgeStart(mark()));
            } else if known.is_some_and(|(_, end)| end.is_none()) && now_us >= zero_us + surge.end_us {
                self.log.append_at(zero_us + surge.end_us, Event::SurgeEnd(mark()));
            }
        }
        for i in 0..self.faults.len() {
            let due_us = zero_us + self.faults[i].planned.at_us;
            match self.faults[i].stage {
                FaultStage::Waiting if now_us >= due_us => self.intend(i),
                FaultStage::Active { .. } => self.watch_effect(i, now_us),
                _ => {}
            }
        }
    }

    /// Leaves out what has not begun, and ends what has.
    pub(super) fn cut_timeline(&mut self, why: &str) {
        let now_us = self.log.clock.now_us();
        for surge in &self.plan.surges {
            if self.log.tracks.surges.get(&surge.id).is_some_and(|(_, end)| end.is_none()) {
                self.log.append(Event::SurgeEnd(SurgeMark { surge: surge.id.clone() }));
            }
        }
        for i in 0..self.faults.len() {
            match &mut self.faults[i].stage {
                FaultStage::Waiting => self.skip(i, why),
                FaultStage::Active { heal_at_us: Some(at_us), .. } => *at_us = now_us.min(*at_us),
                _ => {}
            }
        }
    }

    fn is_cut(&self) -> bool {
        !self.log.tracks.stopped.is_empty() || !self.log.tracks.interrupted.is_empty() || self.log.is_lost()
    }

    fn skip(&mut self, i: usize, reason: &str) {
        let fault = self.faults[i].planned.id.clone();
        self.faults[i].stage = FaultStage::Over { at_us: None };
        self.log.append(Event::FaultSkipped(FaultFailed { fault, reason: reason.into() }));
    }

    fn intend(&mut self, i: usize) {
        let intent = match victims::choose(self.plan, &self.faults[i].planned, &self.log.tracks) {
            Ok(intent) => intent,
            Err(reason) => return self.skip(i, &reason),
        };
        if !self.log.append_synced(Event::Intent(intent.clone())) {
            // Not on record, so not done.
            self.faults[i].stage = FaultStage::Over { at_us: None };
            return;
        }
        self.faults[i].intent = Some(intent.clone());
        self.faults[i].stage = FaultStage::Injecting;
        let world = self.world;
        self.push_step(async move {
            let undo = Undo { intent };
            Step::UndoRecorded(i, answered(world.record_undo(&undo)).await)
        });
    }

    /// A call on the world has returned.
    pub(super) fn on_step(&mut self, step: Step) {
        match step {
            Step::UndoRecorded(i, Ok(())) => {
                let fault = self.faults[i].planned.id.clone();
                if !self.log.append_synced(Event::UndoRecorded(FaultMark { fault })) {
                    self.faults[i].stage = FaultStage::Over { at_us: None };
                    return;
                }
                let world = self.world;
                let intent = self.faults[i].intent.clone().expect("an undo is recorded for an intent");
                let patience = ANSWER_WITHIN + self.faults[i].waits();
                self.push_step(async move {
                    Step::Injected(i, answered_within(patience, world.inject(&intent)).await)
                });
            }
            Step::UndoRecorded(i, Err(error)) => {
                self.skip(i, &format!("its undo record could not be stored: {error}"));
            }
            Step::Injected(i, answer) => self.injected(i, answer),
            Step::Healed(i, answer) => self.healed(i, answer),
        }
    }

    fn injected(&mut self, i: usize, answer: Result<String, WorldError>) {
        let now_us = self.log.clock.now_us();
        let fault = self.faults[i].planned.id.clone();
        self.log.append(match answer {
            Ok(detail) => Event::Acknowledged(Acknowledged { fault, detail }),
            Err(error) => Event::InjectFailed(FaultFailed { fault, reason: error.to_string() }),
        });
        let lasts = self.faults[i].intent.as_ref().and_then(|intent| intent.action.lasts_us());
        let cut = self.is_cut();
        let run = &mut self.faults[i];
        let heal_at_us = lasts.map(|lasts_us| if cut { now_us } else { now_us + lasts_us });
        run.stage = FaultStage::Active {
            effect_by_us: now_us + run.planned.effect_within_us,
            effect_seen: false,
            heal_at_us,
        };
    }

    fn watch_effect(&mut self, i: usize, now_us: u64) {
        let run = &self.faults[i];
        let FaultStage::Active { effect_by_us, effect_seen, heal_at_us } = run.stage else { return };
        let Some(intent) = run.intent.clone() else { return };
        let mut seen = effect_seen;
        if !seen {
            let effect = self.effect(&intent);
            // What a heal ends cannot be seen after it; a heal that comes early says nothing about the fault.
            let by_us = match heal_at_us {
                Some(at_us) if !self.is_cut() => effect_by_us.min(at_us),
                _ => effect_by_us,
            };
            // A lost history sees nothing any more; the effect is then not waited for.
            seen = effect.remaining.is_empty() || now_us >= by_us || self.log.is_lost();
            if seen {
                self.log.append(Event::Effect(effect));
            }
        }
        let stage = match heal_at_us {
            Some(at_us) if now_us >= at_us => return self.heal(i, 1),
            None if seen => FaultStage::Over { at_us: Some(now_us) },
            _ => FaultStage::Active { effect_by_us, effect_seen: seen, heal_at_us },
        };
        self.faults[i].stage = stage;
    }

    /// What there is to see of a fault's effect by now: of one that ends instances, that they are gone; of another, what
    /// the world says that it saw.
    fn effect(&self, intent: &Intent) -> Effect {
        let tracks = &self.log.tracks;
        let fault = intent.fault.clone();
        if !intent.action.ends_instances() {
            let sighted = tracks.faults.get(&fault).and_then(|track| track.sighted.as_ref());
            let remaining = Vec::from_iter(sighted.is_none().then(|| intent.action.unseen()));
            let seen_by = sighted.map(|(_, seen)| seen.seen_by.clone()).unwrap_or_default();
            return Effect { fault, gone: Vec::new(), remaining, seen_by };
        }
        let lives = tracks.groups.get(&intent.group).map(|group| &group.instances);
        let is_gone =
            |name: &String| lives.and_then(|lives| lives.get(name)).is_some_and(|life| life.gone.is_some());
        let (gone, remaining) = intent.action.instances().iter().cloned().partition(is_gone);
        Effect { fault, gone, remaining, seen_by: format!("supply/{}", intent.group) }
    }

    fn heal(&mut self, i: usize, attempt: u32) {
        self.faults[i].stage = FaultStage::Healing { attempt };
        let intent = self.faults[i].intent.clone().expect("only what was injected is healed");
        let world = self.world;
        self.push_step(async move {
            if attempt > 1 {
                tokio::time::sleep(HEAL_AGAIN_AFTER).await;
            }
            Step::Healed(i, answered(world.heal(&Undo { intent })).await)
        });
    }

    fn healed(&mut self, i: usize, answer: Result<String, WorldError>) {
        let now_us = self.log.clock.now_us();
        let FaultStage::Healing { attempt } = self.faults[i].stage else { return };
        let fault = self.faults[i].planned.id.clone();
        let (complete, detail) = match answer {
            Ok(detail) => (true, detail),
            Err(error) => (false, error.to_string()),
        };
        self.log.append(Event::Healed(HealOutcome { fault, complete, detail: detail.clone() }));
        if complete {
            self.faults[i].stage = FaultStage::Over { at_us: Some(now_us) };
        } else if attempt < HEAL_ATTEMPTS {
            self.heal(i, attempt + 1);
        } else {
            self.faults[i].stage = FaultStage::Unhealed { reason: detail };
        }
    }

    pub(super) fn surges_over(&self) -> bool {
        let known = &self.log.tracks.surges;
        let ended = |id: &str| known.get(id).is_some_and(|(_, end)| end.is_some());
        let begun = |id: &str| known.contains_key(id);
        self.plan.surges.iter().all(|surge| ended(&surge.id) || (self.is_cut() && !begun(&surge.id)))
    }

    pub(super) fn faults_over(&self) -> bool {
        self.faults.iter().all(FaultRun::is_over)
    }

    /// Whether no stimulus goes on or is still to come; what remains is to see effects and to heal.
    pub(super) fn stimuli_ended(&self) -> bool {
        self.surges_over() && self.faults.iter().all(FaultRun::is_ending)
    }

    /// The last of: surge end, fault end, heal complete. Where there was none, the end of the baseline phase.
    pub(super) fn quiesced_at_us(&self) -> u64 {
        let surges = self.log.tracks.surges.values().filter_map(|(_, end)| *end);
        let faults = self.faults.iter().filter_map(|fault| match fault.stage {
            FaultStage::Over { at_us } => at_us,
            FaultStage::Unhealed { .. } => Some(self.log.clock.now_us()),
            _ => None,
        });
        let zero_us = self.zero_us.unwrap_or_else(|| self.log.clock.now_us());
        surges.chain(faults).max().unwrap_or(zero_us).max(zero_us)
    }
}

/// The answer of a call, or that there was none.
async fn answered<T>(call: impl Future<Output = Result<T, WorldError>>) -> Result<T, WorldError> {
    answered_within(ANSWER_WITHIN, call).await
}

async fn answered_within<T>(
    patience: Duration,
    call: impl Future<Output = Result<T, WorldError>>,
) -> Result<T, WorldError> {
    match tokio::time::timeout(patience, call).await {
        Ok(answer) => answer,
        Err(_) => Err(WorldError(format!("no answer within {} s", patience.as_secs()))),
    }
}
