//! The one loop: everything that happens passes through here, in the order in which it is recorded.

use std::io;
use std::pin::pin;
use std::rc::Rc;

use futures_util::stream::FuturesUnordered;
use futures_util::{Stream, StreamExt};
use tokio::sync::{Notify, mpsc::UnboundedReceiver, watch};

use crate::history::*;
use crate::load::LoadControl;
use crate::plan::{LoadPlan, Plan};
use crate::scenario::Scenario;
use crate::world::{Observation, World};

use super::inject::{FaultRun, Step, StepFuture};
use super::stop::StopWatch;
use super::{Ended, Signal};

/// Whoever looks on while a run goes on.
pub trait Watch {
    /// A record was appended; `tracks` has it already.
    fn record(&mut self, record: &Record, tracks: &Tracks);
    /// Some time has passed. Called several times a second.
    fn tick(&mut self, now_us: u64, tracks: &Tracks);
}

/// The history while it is written, with its tracks and whoever looks on.
pub(super) struct Log<'w, L: Watch> {
    writer: Option<HistoryWriter>,
    lost: Option<io::Error>,
    pub(super) tracks: Tracks,
    watch: &'w mut L,
    pub(super) clock: Clock,
}

impl<'w, L: Watch> Log<'w, L> {
    pub(super) fn new(writer: HistoryWriter, watch: &'w mut L, clock: Clock) -> Self {
        Self { writer: Some(writer), lost: None, tracks: Tracks::default(), watch, clock }
    }

    /// Takes in a record that is in the file already.
    pub(super) fn replay(&mut self, record: &Record) {
        self.tracks.apply(record);
        self.watch.record(record, &self.tracks);
    }

    /// Appends an event at its time. Once an append has failed, nothing is written any more.
    pub(super) fn append_at(&mut self, t_us: u64, event: Event) {
        let Some(writer) = &mut self.writer else { return };
        match writer.append(t_us, event) {
            Ok(record) => self.replay(&record),
            Err(error) => self.lose(error),
        }
    }

    /// Appends an event that happens now.
    pub(super) fn append(&mut self, event: Event) {
        self.append_at(self.clock.now_us(), event);
    }

    /// Appends an event and returns whether it is on the disk.
    pub(super) fn append_synced(&mut self, event: Event) -> bool {
        self.append(event);
        if let Some(Err(error)) = self.writer.as_mut().map(HistoryWriter::sync) {
            self.lose(error);
        }
        self.lost.is_none()
    }

    pub(super) fn note(&mut self, code: &str, text: &str) {
        self.append(Event::Note(Note { code: code.into(), text: text.into() }));
    }

    pub(super) fn interrupted(&mut self, signal: Signal) {
        self.append(Event::Interrupted(Interrupted { signal: signal.name().into() }));
    }

    fn lose(&mut self, error: io::Error) {
        self.writer = None;
        self.lost = Some(error);
    }

    pub(super) fn is_lost(&self) -> bool {
        self.lost.is_some()
    }

    pub(super) fn seal(&mut self) {
        let Some(writer) = self.writer.take() else { return };
        match writer.seal() {
            Ok(record) => self.replay(&record),
            Err(error) => self.lose(error),
        }
    }

    pub(super) fn into_parts(self) -> (Tracks, Option<io::Error>) {
        (self.tracks, self.lost)
    }
}

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Waiting for supply to settle.
    WarmUp,
    /// Supply is steady since then.
    Baseline { since_us: u64 },
    /// Steady for long enough: surges and faults count from there.
    Armed { zero_us: u64 },
    /// Surges and faults.
    Stimulus,
    /// No stimulus begins any more; those under way end and are healed.
    Quiesce,
    /// Watching.
    Observe,
    /// The last windows are on their way.
    Drain { until_us: u64 },
}

/// The state of the loop.
pub(super) struct Dispatch<'a, 'w, W: World, L: Watch> {
    pub(super) scenario: &'a Scenario,
    pub(super) plan: &'a Plan,
    pub(super) world: &'a W,
    pub(super) log: &'a mut Log<'w, L>,
    signals: UnboundedReceiver<Signal>,
    stage: Stage,
    control: watch::Sender<LoadControl>,
    pub(super) steps: FuturesUnordered<StepFuture<'a>>,
    pub(super) faults: Vec<FaultRun>,
    /// The end of the baseline phase.
    pub(super) zero_us: Option<u64>,
    stop: StopWatch,
    load_begun: bool,
    interrupts: u32,
    terminated: bool,
    next_tick_us: u64,
    tick_late_us: u64,
    harness_since_us: u64,
    next_clock_us: u64,
}

/// Ten looks a second: fine enough for the live display, cheap on two cores.
const TICK_US: u64 = 100_000;
/// How often the runner vouches for itself.
const HARNESS_US: u64 = 1_000_000;
/// Evidence of drift and suspend.
const CLOCK_US: u64 = 60_000_000;
/// Between "steady for long enough" and the stimulus: time for the load engine to hear of it.
const ARM_US: u64 = 30_000;
/// After the end: how long windows and heartbeats that reach to it may take, beyond the request timeout.
const DRAIN_US: u64 = 3_000_000;

impl<'a, 'w, W: World, L: Watch> Dispatch<'a, 'w, W, L> {
    pub(super) fn new(
        scenario: &'a Scenario,
        plan: &'a Plan,
        world: &'a W,
        log: &'a mut Log<'w, L>,
        signals: UnboundedReceiver<Signal>,
    ) -> Self {
        let now_us = log.clock.now_us();
        Self {
            scenario,
            plan,
            world,
            log,
            signals,
            stage: Stage::WarmUp,
            control: watch::Sender::new(LoadControl::default()),
            steps: FuturesUnordered::new(),
            faults: plan.faults.iter().map(FaultRun::new).collect(),
            zero_us: None,
            stop: StopWatch::new(scenario, plan),
            load_begun: false,
            interrupts: 0,
            terminated: false,
            next_tick_us: now_us + TICK_US,
            tick_late_us: 0,
            harness_since_us: now_us,
            next_clock_us: now_us + CLOCK_US,
        }
    }

    /// Runs to the end. Whatever happens, every fault that may have been injected has been healed or is in `unhealed`.
    pub(super) async fn drive(mut self, unhealed: &mut Vec<String>) -> Ended {
        let world = self.world;
        let mut observations = pin!(world.observe().fuse());
        let begin_load = Rc::new(Notify::new());
        let mut load =
            pin!(load_when(begin_load.clone(), world, self.plan.load.as_ref(), self.control.subscribe()));
        let mut load_over = self.plan.load.is_none();
        self.begin_phase(Phase::WarmUp, Some(self.log.clock.now_us() + self.plan.warm_up_limit_us));
        loop {
            if self.log.is_lost() && !matches!(self.stage, Stage::Quiesce | Stage::Drain { .. }) {
                self.end_stimuli("the history cannot be written any more");
            }
            if !self.load_begun && self.supply_settled() {
                self.load_begun = true;
                begin_load.notify_one();
            }
            if self.advance(load_over || !self.load_begun) {
                break;
            }
            let (clock, wake_us) = (self.log.clock, self.next_wake_us());
            tokio::select! {
                biased;
                Some(signal) = self.signals.recv() => self.on_signal(signal),
                Some(step) = self.steps.next(), if !self.steps.is_empty() => self.on_step(step),
                Some(seen) = observations.next() => self.on_observation(seen),
                window = load.next(), if !load_over => match window {
                    Some(window) => self.on_window(window),
                    None => load_over = true,
                },
                () = clock.sleep_until(wake_us) => self.on_time(),
            }
        }
        unhealed.extend(self.faults.iter().filter_map(FaultRun::unhealed));
        if self.interrupts > 0 || self.terminated { Ended::Interrupted } else { Ended::Completed }
    }

    fn begin_phase(&mut self, phase: Phase, until_us: Option<u64>) {
        self.log.append(Event::Phase(PhaseBegan { phase, until_us }));
    }

    fn on_signal(&mut self, signal: Signal) {
        self.log.interrupted(signal);
        match signal {
            Signal::Interrupt => self.interrupts += 1,
            Signal::Terminate | Signal::HangUp => self.terminated = true,
        }
        self.end_stimuli(&format!("{} was received", signal.name()));
    }

    fn on_observation(&mut self, seen: Observation) {
        self.log.append_at(seen.t_us, seen.event);
        if let Stage::Baseline { .. } = self.stage
            && !self.settled()
        {
            self.stage = Stage::WarmUp;
            self.begin_phase(Phase::WarmUp, None);
        }
    }

    fn on_window(&mut self, window: LoadWindow) {
        self.log.append(Event::Load(Box::new(window)));
        self.check_stop();
    }

    fn check_stop(&mut self) {
        if self.stage != Stage::Stimulus {
            return;
        }
        if let Some(stopped) = self.stop.tripped(&self.log.tracks) {
            let why = format!("stop condition {} tripped: {}", stopped.condition, stopped.detail);
            self.log.append(Event::Stopped(stopped));
            self.end_stimuli(&why);
        }
    }

    fn next_wake_us(&self) -> u64 {
        let mut wake_us = self.next_tick_us;
        if let Stage::Armed { zero_us } = self.stage {
            wake_us = wake_us.min(zero_us);
        }
        self.next_due_us().map_or(wake_us, |due_us| wake_us.min(due_us))
    }

    fn on_time(&mut self) {
        let now_us = self.log.clock.now_us();
        if now_us < self.next_tick_us {
            return;
        }
        self.tick_late_us = self.tick_late_us.max(now_us - self.next_tick_us);
        self.next_tick_us = now_us + TICK_US;
        if now_us - self.harness_since_us >= HARNESS_US {
            self.vouch_for_self(now_us);
        }
        if now_us >= self.next_clock_us {
            self.next_clock_us = now_us + CLOCK_US;
            let unix_ms = self.log.clock.unix_ms();
            self.log.append_at(now_us, Event::Clock(ClockReading { unix_ms }));
        }
        self.check_stop();
        self.log.watch.tick(now_us, &self.log.tracks);
    }

    fn vouch_for_self(&mut self, now_us: u64) {
        let tick_late_us = std::mem::take(&mut self.tick_late_us);
        let since_us = std::mem::replace(&mut self.harness_since_us, now_us);
        let recent =
            self.log.tracks.load.iter().rev().take_while(|window| window.from_us + 2_000_000 >= since_us);
        let send_late_us = recent.map(|window| window.send_late_max_us).max().unwrap_or(0);
        self.log.append_at(now_us, Event::Harness(HarnessReading { tick_late_us, send_late_us }));
        let source = "harness".to_owned();
        self.log.append_at(now_us, Event::Alive(Alive { source, since_us, through_us: now_us }));
    }

    /// Moves on to the next stage where it is time. Returns whether the run is over.
    fn advance(&mut self, load_over: bool) -> bool {
        let now_us = self.log.clock.now_us();
        match self.stage {
            Stage::WarmUp => self.advance_warm_up(now_us),
            Stage::Baseline { since_us } => {
                if now_us >= since_us + self.log.tracks.steady_us(self.plan.steady_us, now_us) {
                    let zero_us = now_us + ARM_US;
                    self.control.send_modify(|control| control.surges_from_us = Some(zero_us));
                    self.stage = Stage::Armed { zero_us };
                }
            }
            Stage::Armed { zero_us } if now_us >= zero_us => self.begin_stimulus(zero_us),
            Stage::Armed { .. } => {}
            Stage::Stimulus => {
                self.run_timeline(now_us);
                if self.stage == Stage::Stimulus && self.stimuli_ended() {
                    self.stage = Stage::Quiesce;
                    self.begin_phase(Phase::Quiesce, None);
                }
            }
            Stage::Quiesce => {
                self.run_timeline(now_us);
                if self.faults_over() {
                    self.quiesced();
                }
            }
            Stage::Observe => {
                if now_us >= self.horizon_us() {
                    self.drain();
                }
            }
            Stage::Drain { until_us } => {
                let complete = load_over && self.covered_through(until_us);
                let patience_us = DRAIN_US + self.plan.load.as_ref().map_or(0, |load| load.timeout_us);
                return self.log.is_lost() || complete || now_us >= until_us + patience_us;
            }
        }
        false
    }

    fn advance_warm_up(&mut self, now_us: u64) {
        if self.settled() {
            self.stage = Stage::Baseline { since_us: now_us };
            let steady_us = self.log.tracks.steady_us(self.plan.steady_us, now_us);
            self.begin_phase(Phase::Baseline, Some(now_us + steady_us));
        } else if now_us >= self.plan.warm_up_limit_us {
            let text =
                "supply was not steady for long enough before run.warm_up ended: no stimulus was begun";
            self.log.note("never-steady", text);
            self.end_stimuli(text);
        }
    }

    fn begin_stimulus(&mut self, zero_us: u64) {
        self.zero_us = Some(zero_us);
        self.world.stimulus_began(zero_us);
        self.stage = Stage::Stimulus;
        let until_us = Some(zero_us + self.plan.stimulus_us);
        self.log.append_at(zero_us, Event::Phase(PhaseBegan { phase: Phase::Stimulus, until_us }));
    }

    /// Ends every stimulus now: surges are cut off, faults that are due later are left out, the others are healed.
    fn end_stimuli(&mut self, why: &str) {
        let now_us = self.log.clock.now_us();
        match self.stage {
            Stage::Drain { .. } => {}
            Stage::Observe if self.interrupts > 1 || self.terminated || self.log.is_lost() => self.drain(),
            Stage::Observe => {}
            _ => {
                self.control.send_modify(|control| control.surges_until_us = Some(now_us));
                self.cut_timeline(why);
                if self.stage != Stage::Quiesce {
                    self.stage = Stage::Quiesce;
                    self.begin_phase(Phase::Quiesce, None);
                }
            }
        }
    }

    fn quiesced(&mut self) {
        let at_us = self.quiesced_at_us();
        if self.zero_us.is_some() {
            self.log.append(Event::Quiesced(Quiesced { at_us }));
        }
        // Without a stimulus there is nothing to watch; after a second Ctrl-C, a SIGTERM or the loss of the history
        // nobody wants to.
        if self.zero_us.is_none() || self.interrupts > 1 || self.terminated || self.log.is_lost() {
            self.drain();
            return;
        }
        self.stage = Stage::Observe;
        let until_us = self.horizon_us();
        self.begin_phase(Phase::Observe, Some(until_us));
    }

    fn drain(&mut self) {
        let now_us = self.log.clock.now_us();
        self.control.send_modify(|control| control.end_us = Some(now_us));
        self.stage = Stage::Drain { until_us: now_us };
    }

    /// Whether each supply source vouches for everything up to that time.
    fn covered_through(&self, t_us: u64) -> bool {
        let sources = &self.log.tracks.sources;
        let mut supply = sources.iter().filter(|(name, _)| name.starts_with("supply/"));
        supply.all(|(_, coverage)| coverage.through().is_some_and(|through| through >= t_us))
    }

    pub(super) fn push_step(&mut self, step: impl Future<Output = Step> + 'a) {
        self.steps.push(Box::pin(step));
    }
}

/// The windows of the load, which begins when it is told to: traffic for a system that is not there yet tells nothing.
fn load_when<'a, W: World>(
    begin: Rc<Notify>,
    world: &'a W,
    plan: Option<&'a LoadPlan>,
    control: watch::Receiver<LoadControl>,
) -> impl Stream<Item = LoadWindow> + 'a {
    let begun = async move {
        begin.notified().await;
        futures_util::stream::iter(plan.map(|plan| world.load(plan, control))).flatten()
    };
    futures_util::stream::once(begun).flatten()
}
