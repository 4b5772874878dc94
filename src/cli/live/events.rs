//! What happens, in one line each, with a verb that says it.

use crate::history::*;
use crate::run::Signal;
use crate::scenario::Span;

use super::coming::surge;
use super::picture::Scene;
use super::text::{Line, Tone, seconds, wrapped};

/// Something that happened: it stays on the terminal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Happened {
    clock: String,
    mark: Mark,
    text: String,
}

/// The kind of a line, before its words; colour only repeats it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark {
    Phase,
    Up,
    Down,
    Struck,
    Good,
    Warn,
    Other,
}

impl Mark {
    fn sign(self) -> &'static str {
        match self {
            Self::Phase => "\u{25b8}",
            Self::Up => "\u{2191}",
            Self::Down => "\u{2193}",
            Self::Struck => "\u{2717}",
            Self::Good => "\u{2713}",
            Self::Warn => "!",
            Self::Other => "\u{b7}",
        }
    }

    fn tone(self) -> Tone {
        match self {
            Self::Phase => Tone::Strong,
            Self::Up | Self::Down => Tone::Busy,
            Self::Struck => Tone::Bad,
            Self::Good => Tone::Good,
            Self::Warn => Tone::Warn,
            Self::Other => Tone::Dim,
        }
    }
}

/// Columns of the time, and of the sign with its blanks.
const CLOCK: usize = 8;
const SIGN: usize = 4;

impl Happened {
    /// On one line, however long: for a log.
    pub(super) fn plain(&self) -> String {
        format!("{:>CLOCK$}  {} {}", self.clock, self.mark.sign(), self.text)
    }

    /// On lines of less than so many columns, broken between words.
    pub(super) fn lines(&self, columns: usize) -> Vec<Line> {
        let clock = CLOCK.min(columns / 4).max(self.clock.len());
        let indent = (clock + SIGN).min(columns / 2);
        let texts = wrapped(&self.text, columns.saturating_sub(indent + 1));
        let lines = texts.iter().enumerate().map(|(n, text)| {
            let begin = match n {
                0 => Line::new()
                    .with(Tone::Dim, format!("{:>clock$}  ", self.clock))
                    .with(self.mark.tone(), self.mark.sign())
                    .with(Tone::Plain, " "),
                _ => Line::new().padded(indent),
            };
            let tone = if self.mark == Mark::Phase { Tone::Strong } else { Tone::Plain };
            begin.with(tone, text).cut(columns.saturating_sub(1))
        });
        lines.collect()
    }
}

/// Time from the start of the stimulus, or of the run before it begins.
pub(super) fn clock(t_us: u64, tracks: &Tracks) -> String {
    match tracks.phase_us(Phase::Stimulus) {
        Some(zero_us) if t_us >= zero_us => format!("{:+.1}s", (t_us - zero_us) as f64 / 1e6),
        _ => format!("{:.1}s", t_us as f64 / 1e6),
    }
}

/// The line of a record that is worth one. `tracks` have the record already.
pub(super) fn happened(scene: &Scene, record: &Record, tracks: &Tracks) -> Option<Happened> {
    let (mark, text) = describe(scene, record, tracks)?;
    Some(Happened { clock: clock(record.t_us, tracks), mark, text })
}

fn describe(scene: &Scene, record: &Record, tracks: &Tracks) -> Option<(Mark, String)> {
    Some(match &record.event {
        Event::Phase(began) => (Mark::Phase, phase(scene, record.t_us, began, tracks)?),
        Event::Desired(desired) => scaled(scene, desired, tracks)?,
        Event::Instance(change) => instance(record.t_us, change, tracks)?,
        Event::Route(route) => traffic(record.t_us, route, tracks)?,
        Event::TearDown(tear_down) if !tear_down.ok => {
            (Mark::Warn, format!("tear-down of {} failed: {}", tear_down.instance, tear_down.outcome))
        }
        Event::SurgeStart(mark) => (Mark::Up, format!("{} began", surge(scene, &mark.surge))),
        Event::SurgeEnd(mark) => (Mark::Down, format!("{} ended", surge(scene, &mark.surge))),
        Event::Intent(intent) => (Mark::Struck, intended(intent)?),
        Event::InjectFailed(failed) => {
            (Mark::Warn, format!("{} was not confirmed: {}", failed.fault, failed.reason))
        }
        Event::FaultSkipped(skipped) => {
            (Mark::Warn, format!("{} left out: {}", skipped.fault, skipped.reason))
        }
        Event::Effect(effect) => took_effect(record.t_us, effect, tracks)?,
        Event::Healed(healed) if healed.complete => {
            (Mark::Good, format!("healed {}: {}", healed.fault, healed.detail))
        }
        Event::Healed(healed) => (Mark::Warn, format!("NOT healed: {}: {}", healed.fault, healed.detail)),
        Event::Stopped(stopped) => {
            (Mark::Warn, format!("stop condition {} tripped: {}", stopped.condition, stopped.detail))
        }
        Event::Interrupted(interrupted) => (Mark::Warn, what_now(interrupted, tracks)),
        Event::Lost(lost) => (Mark::Warn, format!("{} fell silent: {}", lost.source, lost.reason)),
        Event::Note(note) => (Mark::Other, format!("{}: {}", note.code, note.text)),
        _ => return None,
    })
}

fn phase(scene: &Scene, t_us: u64, began: &PhaseBegan, tracks: &Tracks) -> Option<String> {
    let lasts = began.until_us.map_or_else(String::new, |until_us| {
        // An end that is known to the microsecond is said to the second.
        format!("for {}", seconds(until_us.saturating_sub(t_us) + 500_000))
    });
    Some(match began.phase {
        Phase::Preflight => return None,
        Phase::WarmUp if tracks.phases.iter().any(|(_, earlier)| earlier.phase == Phase::Baseline) => {
            "warm-up again: supply has moved".to_owned()
        }
        Phase::WarmUp => {
            let limit = Span::from_us(scene.plan.warm_up_limit_us);
            format!("warm-up: until supply is steady, at most {limit}")
        }
        Phase::Baseline => format!("steady: the baseline is taken {lasts}"),
        Phase::Stimulus if scene.plan.faults.is_empty() => format!("stimulus: load surges, {lasts}"),
        Phase::Stimulus if scene.plan.surges.is_empty() => format!("stimulus: faults, {lasts}"),
        Phase::Stimulus => format!("stimulus: load surges and faults, {lasts}"),
        Phase::Quiesce => "quiesce: no stimulus any more".to_owned(),
        Phase::Observe => format!("observe: is the capacity given back? {lasts}"),
    })
}

fn scaled(scene: &Scene, desired: &Desired, tracks: &Tracks) -> Option<(Mark, String)> {
    let (group, to) = (&desired.group, desired.replicas);
    let writes = &tracks.groups.get(group)?.writes;
    let Some((_, before)) = writes.iter().rev().nth(1) else {
        // What the scenario itself declares is no news.
        return None;
    };
    let from = before.replicas;
    let mark = match to.cmp(&from) {
        std::cmp::Ordering::Equal => return None,
        std::cmp::Ordering::Greater => Mark::Up,
        std::cmp::Ordering::Less => Mark::Down,
    };
    let is_standby = scene.scenario.groups().get(group).is_some_and(|group| group.takes_over_from.is_some());
    let verb = match (is_standby && desired.by == "failover", mark) {
        (true, Mark::Up) => "promoted",
        (true, _) => "released",
        (false, Mark::Up) => "scaled up",
        (false, _) => "scaled down",
    };
    // A condition's name says it; its message says the numbers once more.
    let reason = desired.reason.split(": ").next().unwrap_or_default();
    let why = match (desired.by.as_str(), reason) {
        ("autoscaler" | "failover", "" | "SucceededRescale") => String::new(),
        ("autoscaler" | "failover", reason) => format!(": {reason}"),
        (by, "") => format!(" by {by}"),
        (by, reason) => format!(" by {by}: {reason}"),
    };
    Some((mark, format!("{group} {verb} {from} \u{2192} {to}{why}")))
}

fn instance(t_us: u64, change: &InstanceChange, tracks: &Tracks) -> Option<(Mark, String)> {
    let group = tracks.groups.get(&change.group)?;
    let life = group.instances.get(&change.instance)?;
    let name = &change.instance;
    match change.state {
        InstanceState::Ready => {
            let ready = group.ready_now().len();
            let wanted = group.desired.last().copied().unwrap_or(0);
            let replaced = replaced(t_us, change, tracks).unwrap_or_default();
            let took = after(t_us - life.born_us);
            Some((Mark::Good, format!("{name} ready {took}: {ready}/{wanted} of {}{replaced}", change.group)))
        }
        InstanceState::Unready => Some((Mark::Warn, format!("{name} is not ready any more"))),
        // What a fault has done is told by its effect.
        InstanceState::Gone if is_victim(name, tracks) => None,
        InstanceState::Gone => match life.terminating {
            Some((asked_us, _)) => all_gone(t_us, asked_us, &change.group, group),
            None => Some((Mark::Warn, format!("{name} died: {}", change.reason))),
        },
        InstanceState::Pending | InstanceState::Starting | InstanceState::Terminating => None,
    }
}

fn is_victim(instance: &str, tracks: &Tracks) -> bool {
    let mut intents = tracks.faults.values().filter_map(|fault| fault.intent.as_ref());
    intents.any(|(_, intent)| intent.action.instances().iter().any(|name| name == instance))
}

/// Of the instances that were asked to end together, the last one is gone.
fn all_gone(t_us: u64, asked_us: u64, name: &str, group: &GroupTrack) -> Option<(Mark, String)> {
    let since_us = group.desired.points().last().map_or(asked_us, |(t_us, _)| *t_us);
    let asked = || {
        let lives = group.instances.values();
        lives.filter(|life| life.terminating.is_some_and(|(asked_us, _)| asked_us >= since_us))
    };
    if asked().any(|life| life.gone.is_none()) {
        return None;
    }
    let (gone, left) = (asked().count().max(1), group.ready_now().len());
    Some((Mark::Down, format!("{name} let {gone} go {}: {left} left", after(t_us - asked_us))))
}

/// What an instance that becomes ready completes the replacement of: as many were started after the kill as it took.
fn replaced(t_us: u64, change: &InstanceChange, tracks: &Tracks) -> Option<String> {
    let group = tracks.groups.get(&change.group)?;
    let born_us = group.instances.get(&change.instance)?.born_us;
    tracks.faults.values().find_map(|fault| {
        let (intent_us, intent) = fault.intent.as_ref()?;
        if intent.group != change.group || !intent.action.ends_some() || born_us < *intent_us {
            return None;
        }
        let started =
            group.instances.values().filter(|life| life.born_us >= *intent_us && !life.ready.is_empty());
        let victims = intent.action.instances();
        let killed_us = fault.acknowledged_us.unwrap_or(*intent_us);
        (started.count() == victims.len())
            .then(|| format!("; {} replaced {}", victims.join(", "), after(t_us.saturating_sub(killed_us))))
    })
}

fn traffic(t_us: u64, route: &Route, tracks: &Tracks) -> Option<(Mark, String)> {
    let routed = &tracks.groups.get(&route.group)?.routed;
    let (changed_us, serves) = routed.points().last()?;
    // More or fewer backends are told by the instances; worth a line is whether there are any.
    if *changed_us != t_us || (routed.points().len() == 1 && !serves) {
        return None;
    }
    let (mark, verb) =
        if *serves { (Mark::Good, "takes traffic") } else { (Mark::Down, "takes no traffic any more") };
    Some((mark, format!("{} {verb}", route.group)))
}

/// A kill is told once it is seen; what takes its time is told before.
fn intended(intent: &Intent) -> Option<String> {
    let names = intent.action.instances().join(", ");
    let Intent { fault, group, .. } = intent;
    match &intent.action {
        IntentAction::Terminate { kill: true, .. } => None,
        IntentAction::Terminate { evict: true, .. } => Some(format!("evicting {names} ({fault})")),
        IntentAction::Terminate { grace_us, .. } => {
            Some(format!("asking {names} to end, within {} ({fault})", Span::from_us(*grace_us)))
        }
        IntentAction::Lose { lasts_us, .. } => {
            Some(format!("taking {group} away for {} ({fault})", Span::from_us(*lasts_us)))
        }
        IntentAction::Scale { to, lasts_us } => {
            Some(format!("scaling {group} to {to} for {} ({fault})", Span::from_us(*lasts_us)))
        }
        IntentAction::Partition { lasts_us, .. } => {
            Some(format!("cutting {group} off for {} ({fault})", Span::from_us(*lasts_us)))
        }
        IntentAction::Nodes { how, nodes, lasts_us, .. } => {
            let (nodes, lasts) = (nodes.join(", "), Span::from_us(*lasts_us));
            Some(match how {
                NodeFault::Drain => format!("draining {nodes} for {lasts} ({fault})"),
                NodeFault::Outage => format!("taking {nodes} away for {lasts} ({fault})"),
                NodeFault::Reclaim { notice_us } => {
                    format!("reclaiming {nodes} with {} notice ({fault})", Span::from_us(*notice_us))
                }
            })
        }
        IntentAction::Manifest { objects, lasts_us } => {
            Some(format!("applying {} for {} ({fault})", objects.join(", "), Span::from_us(*lasts_us)))
        }
    }
}

fn took_effect(t_us: u64, effect: &Effect, tracks: &Tracks) -> Option<(Mark, String)> {
    let fault = &effect.fault;
    let (intent_us, intent) = tracks.faults.get(fault)?.intent.as_ref()?;
    if !effect.remaining.is_empty() {
        let on = if intent.action.ends_instances() { " on" } else { ":" };
        return Some((Mark::Warn, format!("{fault} had no effect{on} {}", effect.remaining.join(", "))));
    }
    let seen = after(t_us - intent_us);
    let (verb, what) = match &intent.action {
        IntentAction::Terminate { evict: true, .. } => ("evicted", effect.gone.join(", ")),
        IntentAction::Terminate { kill: true, .. } => ("killed", effect.gone.join(", ")),
        IntentAction::Terminate { kill: false, .. } => ("ended", effect.gone.join(", ")),
        IntentAction::Lose { .. } => ("lost", intent.group.clone()),
        IntentAction::Nodes { nodes, .. } => ("emptied", nodes.join(", ")),
        // Of these the world has said what it saw.
        IntentAction::Scale { .. } | IntentAction::Partition { .. } | IntentAction::Manifest { .. } => {
            let (_, sighted) = tracks.faults.get(fault)?.sighted.as_ref()?;
            return Some((Mark::Struck, format!("{}, seen {seen} ({fault})", sighted.detail)));
        }
    };
    Some((Mark::Struck, format!("{verb} {what}, seen gone {seen} ({fault})")))
}

/// What follows upon a signal; told at once, before it is done.
fn what_now(interrupted: &Interrupted, tracks: &Tracks) -> String {
    let phase = tracks.phase().map(|began| began.phase);
    let begun = tracks.phase_us(Phase::Stimulus).is_some();
    if interrupted.signal != Signal::Interrupt.name() {
        return match phase {
            Some(Phase::Observe) => format!("{}: observing ends", interrupted.signal),
            _ if begun => {
                format!("{}: stimuli end, healing, then the end; nothing is observed", interrupted.signal)
            }
            _ => format!("{}: no stimulus was begun, so it ends here", interrupted.signal),
        };
    }
    let first = tracks.interrupted.len() == 1;
    match phase {
        _ if !begun => "interrupted: no stimulus was begun, so it ends here",
        Some(Phase::Observe) if first => "interrupted: still observing; Ctrl-C again skips that",
        Some(Phase::Observe) => "interrupted again: observing ends",
        Some(Phase::Quiesce) if first => "interrupted: healing, then observing; Ctrl-C again skips observing",
        _ if first => "interrupted: stimuli end, healing, then observing; Ctrl-C again skips observing",
        _ => "interrupted again: healing is finished, nothing is observed",
    }
    .to_owned()
}

fn after(us: u64) -> String {
    if us < 1_000_000 { format!("after {}ms", us / 1_000) } else { format!("after {:.1}s", us as f64 / 1e6) }
}
