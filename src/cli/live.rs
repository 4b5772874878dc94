//! What is seen while a run goes on: a status in place on a terminal, plain lines elsewhere.

use std::io::{self, IsTerminal};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use rust_decimal::Decimal;

use crate::history::*;
use crate::plan::Plan;
use crate::run::{Signal, Watch};
use crate::scenario::Scenario;
use crate::slo;

use super::show;

/// Elsewhere than on a terminal, a status line this often.
const PLAIN_STATUS_US: u64 = 10_000_000;
/// Rates and percentiles are of the last so many seconds.
const RECENT_S: usize = 5;

/// The live view.
pub(super) struct Live {
    objectives: Vec<(String, crate::scenario::Objective)>,
    thresholds_us: Vec<u64>,
    priced: Option<String>,
    show: Show,
    next_status_us: u64,
}

enum Show {
    Nothing,
    Lines,
    InPlace { all: MultiProgress, phase: ProgressBar, traffic: ProgressBar, groups: ProgressBar },
}

impl Live {
    /// A view for one run.
    pub(super) fn new(scenario: &Scenario, plan: &Plan, quiet: bool) -> Self {
        let show = if quiet {
            Show::Nothing
        } else if io::stderr().is_terminal() {
            in_place(show::colour(&io::stderr()))
        } else {
            Show::Lines
        };
        let prices = scenario.groups().values().filter_map(|group| group.price.as_ref());
        let live = Self {
            objectives: scenario.slo.iter().map(|(name, slo)| (name.clone(), slo.clone())).collect(),
            thresholds_us: plan.load.as_ref().map(|load| load.thresholds_us.clone()).unwrap_or_default(),
            priced: prices.map(|price| price.currency.clone()).next(),
            show,
            next_status_us: PLAIN_STATUS_US,
        };
        live.line(&format!("\u{25b8} {}", scenario.name));
        live
    }

    /// Takes the status off the terminal.
    pub(super) fn finish(&self) {
        if let Show::InPlace { all, .. } = &self.show {
            let _ = all.clear();
        }
    }

    fn line(&self, text: &str) {
        match &self.show {
            Show::Nothing => {}
            Show::Lines => show::say(text),
            Show::InPlace { all, .. } => {
                let _ = all.println(text);
            }
        }
    }
}

fn in_place(colour: bool) -> Show {
    let all = MultiProgress::new();
    let bar = if colour { "{bar:24.cyan/dim}" } else { "{bar:24}" };
    let phase_style = ProgressStyle::with_template(&format!("{{prefix:10}} {bar} {{wide_msg}}"))
        .expect("the template is well formed")
        .progress_chars("\u{2501}\u{2578}\u{2500}");
    let text_style =
        ProgressStyle::with_template("{prefix:10} {wide_msg}").expect("the template is well formed");
    let phase = all.add(ProgressBar::new(1).with_style(phase_style));
    let line = |prefix: &'static str| {
        all.add(ProgressBar::new(1).with_style(text_style.clone()).with_prefix(prefix))
    };
    let (traffic, groups) = (line("traffic"), line("groups"));
    Show::InPlace { all, phase, traffic, groups }
}

impl Watch for Live {
    fn record(&mut self, record: &Record, tracks: &Tracks) {
        if matches!(self.show, Show::Nothing) {
            return;
        }
        if let Some(text) = describe(record, tracks) {
            self.line(&format!("{:>8}  {text}", clock_text(record.t_us, tracks)));
        }
    }

    fn tick(&mut self, now_us: u64, tracks: &Tracks) {
        match &self.show {
            Show::Nothing => {}
            Show::Lines => {
                if now_us >= self.next_status_us {
                    self.next_status_us = now_us + PLAIN_STATUS_US;
                    let (phase, traffic, groups) = (
                        phase_text(now_us, tracks),
                        self.traffic_text(tracks),
                        self.groups_text(now_us, tracks),
                    );
                    let name = tracks.phase().map_or("preflight", |began| began.phase.as_str());
                    self.line(&format!(
                        "{:>8}  {name} {phase} | {traffic} | {groups}",
                        clock_text(now_us, tracks)
                    ));
                }
            }
            Show::InPlace { phase, traffic, groups, .. } => {
                let (done, whole) = progress(now_us, tracks);
                let name = tracks.phase().map_or("preflight", |began| began.phase.as_str());
                phase.set_prefix(name);
                phase.set_length(whole.max(1));
                phase.set_position(done);
                phase.set_message(phase_text(now_us, tracks));
                traffic.set_message(self.traffic_text(tracks));
                groups.set_message(self.groups_text(now_us, tracks));
            }
        }
    }
}

impl Live {
    /// Target and achieved rate, percentiles, errors, burn.
    fn traffic_text(&self, tracks: &Tracks) -> String {
        let recent = &tracks.load[tracks.load.len().saturating_sub(RECENT_S)..];
        if recent.is_empty() {
            return "no traffic yet".into();
        }
        let seconds = recent.len() as f64;
        let sum = |count: fn(&LoadWindow) -> u64| recent.iter().map(count).sum::<u64>();
        let mut text = format!(
            "{:.0}/s of {:.0}/s",
            sum(|window| window.sent) as f64 / seconds,
            sum(|window| window.planned) as f64 / seconds
        );
        if let Some((p50, p99)) = percentiles(recent) {
            text.push_str(&format!("  p50 {p50}  p99 {p99}"));
        }
        let (bad, planned) = (sum(LoadWindow::bad), sum(|window| window.planned).max(1));
        text.push_str(&format!("  errors {:.1}%", 100.0 * bad as f64 / planned as f64));
        for (name, objective) in &self.objectives {
            if let Ok(counts) = slo::count(recent, &self.thresholds_us, objective) {
                let burn = slo::Burn::of(counts, objective.target).rate;
                text.push_str(&format!("  burn {name} {burn:.1}"));
            }
        }
        text
    }

    /// Replicas ready and desired, and spend against the baseline's.
    fn groups_text(&self, now_us: u64, tracks: &Tracks) -> String {
        let mut parts: Vec<String> = tracks
            .groups
            .iter()
            .map(|(name, group)| {
                let desired = group.desired.last().copied().unwrap_or(0);
                format!("{name} {}/{desired}", group.ready_now().len())
            })
            .collect();
        if let Some(currency) = &self.priced {
            let spend_at = |t_us: u64| -> Decimal {
                tracks.groups.values().filter_map(|group| group.spend_per_hour().at(t_us).copied()).sum()
            };
            let mut spend = format!("{} {currency}/h", spend_at(now_us).normalize());
            if let Some((_, calm_us)) = tracks.baseline_window() {
                spend.push_str(&format!(" (calm {})", spend_at(calm_us).normalize()));
            }
            parts.push(spend);
        }
        parts.join("  ")
    }
}

/// p50 and p99 of the response times of some windows.
fn percentiles(windows: &[LoadWindow]) -> Option<(String, String)> {
    let mut merged = windows.first()?.response_histogram().ok()?;
    for window in &windows[1..] {
        merged.add(window.response_histogram().ok()?).ok()?;
    }
    if merged.is_empty() {
        return None;
    }
    let ms = |quantile: f64| format!("{:.0}ms", merged.value_at_quantile(quantile) as f64 / 1_000.0);
    Some((ms(0.5), ms(0.99)))
}

/// How far the phase has come: microseconds, and of how many.
fn progress(now_us: u64, tracks: &Tracks) -> (u64, u64) {
    let Some((began_us, phase)) = tracks.phases.last() else { return (0, 1) };
    let until_us = phase.until_us.unwrap_or(now_us).max(*began_us);
    (now_us.saturating_sub(*began_us).min(until_us - began_us), until_us - began_us)
}

fn phase_text(now_us: u64, tracks: &Tracks) -> String {
    let Some((began_us, phase)) = tracks.phases.last() else { return "preflight".into() };
    let seconds = |us: u64| format!("{}s", us / 1_000_000);
    let elapsed = seconds(now_us.saturating_sub(*began_us));
    match phase.until_us {
        Some(until_us) => format!("{elapsed} of {}", seconds(until_us - began_us)),
        None => elapsed,
    }
}

/// Time from the start of the stimulus, or of the run before it begins.
fn clock_text(t_us: u64, tracks: &Tracks) -> String {
    match tracks.phase_us(Phase::Stimulus) {
        Some(zero_us) if t_us >= zero_us => format!("{:+.1}s", (t_us - zero_us) as f64 / 1e6),
        _ => format!("{:.1}s", t_us as f64 / 1e6),
    }
}

/// What is worth a line of its own.
fn describe(record: &Record, tracks: &Tracks) -> Option<String> {
    Some(match &record.event {
        Event::Phase(began) => match began.phase {
            Phase::Preflight => return None,
            phase => format!("\u{2014} {} \u{2014}", phase.as_str()),
        },
        Event::Desired(desired) => {
            let before = tracks
                .groups
                .get(&desired.group)
                .and_then(|group| group.desired.points().iter().rev().nth(1));
            let from = before.map_or_else(String::new, |(_, before)| format!("{before} "));
            // A condition's name says it; its message says the numbers once more.
            let reason = desired.reason.split(": ").next().unwrap_or_default();
            format!(
                "{}: {from}\u{2192} {} wanted by {} ({reason})",
                desired.group, desired.replicas, desired.by
            )
        }
        Event::Instance(change) => match change.state {
            InstanceState::Ready => format!("{} is ready", change.instance),
            InstanceState::Unready => format!("{} is not ready any more", change.instance),
            InstanceState::Gone => format!("{} is gone: {}", change.instance, change.reason),
            _ => return None,
        },
        Event::Route(route) => {
            let routed = &tracks.groups.get(&route.group)?.routed;
            let (changed_us, serves) = routed.points().last()?;
            // More or fewer backends are told by the instances; worth a line is whether there are any.
            if *changed_us != record.t_us || (routed.points().len() == 1 && !serves) {
                return None;
            }
            format!("{} {}", route.group, if *serves { "takes traffic" } else { "takes no traffic any more" })
        }
        Event::TearDown(tear_down) if !tear_down.ok => {
            format!("tear-down of {} failed: {}", tear_down.instance, tear_down.outcome)
        }
        Event::SurgeStart(mark) => format!("{} begins", mark.surge),
        Event::SurgeEnd(mark) => format!("{} ends", mark.surge),
        Event::Intent(intent) => {
            let verb = match intent.action {
                IntentAction::Terminate { kill: true, .. } => "kills",
                IntentAction::Terminate { kill: false, .. } => "ends",
                IntentAction::Lose { .. } => "takes away",
            };
            format!("{} {verb} {}", intent.fault, intent.action.instances().join(", "))
        }
        Event::InjectFailed(failed) => format!("{} was not confirmed: {}", failed.fault, failed.reason),
        Event::FaultSkipped(skipped) => format!("{} is left out: {}", skipped.fault, skipped.reason),
        Event::Effect(effect) if !effect.remaining.is_empty() => {
            format!("{} had no effect on {}", effect.fault, effect.remaining.join(", "))
        }
        Event::Healed(healed) => {
            let how = if healed.complete { "is healed" } else { "is NOT healed" };
            format!("{} {how}: {}", healed.fault, healed.detail)
        }
        Event::Stopped(stopped) => format!("STOP {}: {}", stopped.condition, stopped.detail),
        Event::Interrupted(interrupted) => {
            let first = tracks.interrupted.len() == 1;
            let what = match (first, interrupted.signal == Signal::Interrupt.name()) {
                (true, true) => "ending the stimuli and healing; once more skips observing",
                (true, false) => "ending the stimuli, healing and ending",
                (false, _) => "not observing any longer",
            };
            format!("{}: {what}", interrupted.signal)
        }
        Event::Lost(lost) => format!("{} fell silent: {}", lost.source, lost.reason),
        Event::Note(note) => format!("{}: {}", note.code, note.text),
        _ => return None,
    })
}
