//! What the status says at one moment, read off the tracks: numbers and words, no columns yet.

use rust_decimal::Decimal;

use crate::history::{GroupTrack, LoadWindow, Phase, Tracks};
use crate::plan::Plan;
use crate::run;
use crate::scenario::{Objective, Scenario, StopCondition};
use crate::slo;

use super::coming::{self, Coming};
use super::text::{seconds, seconds_left};

/// Rates and percentiles are of the last so many seconds.
const RECENT_S: usize = 5;
/// A series over time has at most so many values; more than any terminal shows in its room for one.
const SERIES_MAX: u64 = 120;
/// The phases that are passed through, in their order; the verdict comes after the last one.
const STRIP: [Phase; 5] = [Phase::WarmUp, Phase::Baseline, Phase::Stimulus, Phase::Quiesce, Phase::Observe];

/// A run, as far as it is known before it begins.
pub(super) struct Scene {
    pub(super) scenario: Scenario,
    pub(super) plan: Plan,
    pub(super) place: Place,
}

/// Where a run stands in its suite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) struct Place {
    /// Which scenario, from 1.
    pub(in crate::cli) nth: usize,
    /// Of how many.
    pub(in crate::cli) of: usize,
    /// Which attempt at it, from 1.
    pub(in crate::cli) attempt: u32,
}

impl Place {
    /// What there is to say: nothing of a scenario that is alone and run for the first time.
    pub(super) fn words(self, what: &str) -> String {
        let Self { nth, of, attempt } = self;
        match (of > 1, attempt > 1) {
            (false, false) => String::new(),
            (true, false) => format!("{what}{nth} of {of}"),
            (false, true) => format!("attempt {attempt}"),
            (true, true) => format!("{what}{nth} of {of}, attempt {attempt}"),
        }
    }
}

/// What the status says.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Picture {
    pub(super) name: String,
    pub(super) place: Place,
    /// Each phase of a run, and how it stands to the present one.
    pub(super) strip: Vec<(&'static str, Stand)>,
    pub(super) phase: PhaseNow,
    /// `None` before its first second is over.
    pub(super) traffic: Option<Traffic>,
    pub(super) groups: Vec<Group>,
    /// What all groups cost, and what they cost while calm.
    pub(super) spend: Option<String>,
    pub(super) gauges: Vec<Gauge>,
    pub(super) coming: Vec<Coming>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stand {
    Over,
    Now,
    ToCome,
}

/// The present phase.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct PhaseNow {
    pub(super) name: &'static str,
    /// How far it has come, of how much, in µs; `None` where its end is not known.
    pub(super) progress: Option<(u64, u64)>,
    pub(super) time: String,
}

/// Requests a second, and how they fare, of the last few seconds.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Traffic {
    pub(super) wanted: f64,
    pub(super) sent: f64,
    pub(super) good: f64,
    /// p50 and p99.
    pub(super) percentiles: Option<(String, String)>,
    pub(super) errors_percent: f64,
    /// Requests sent a second, over the whole run.
    pub(super) series: Vec<Option<u32>>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Group {
    pub(super) name: String,
    pub(super) ready: usize,
    pub(super) desired: u32,
    pub(super) state: State,
    pub(super) spend: Option<String>,
    /// Ready instances, over the whole run.
    pub(super) series: Vec<Option<u32>>,
}

/// What is worth saying of a group beside its numbers.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum State {
    Usual,
    Dormant,
    Promoted,
    NoTraffic,
    Lost,
}

impl State {
    pub(super) fn words(&self) -> &'static str {
        match self {
            Self::Usual => "",
            Self::Dormant => "dormant",
            Self::Promoted => "promoted",
            Self::NoTraffic => "no traffic",
            Self::Lost => "lost",
        }
    }
}

/// A value, and the limit at which the run stops.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Gauge {
    pub(super) name: String,
    pub(super) value: String,
    pub(super) limit: Option<GaugeLimit>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct GaugeLimit {
    pub(super) words: String,
    /// Over which time, where it is not that of the present moment.
    pub(super) over: Option<String>,
    /// The value as a share of the limit.
    pub(super) reached: f64,
}

impl Scene {
    /// The status at that time.
    pub(super) fn at(&self, now_us: u64, tracks: &Tracks) -> Picture {
        let ticks = Ticks::until(now_us);
        Picture {
            name: self.scenario.name.clone(),
            place: self.place,
            strip: strip(tracks),
            phase: self.phase(now_us, tracks),
            traffic: traffic(tracks, ticks),
            groups: self.groups(now_us, tracks, ticks),
            spend: self.spend(now_us, tracks),
            gauges: self.gauges(now_us, tracks),
            coming: coming::coming(self, now_us, tracks),
        }
    }

    fn phase(&self, now_us: u64, tracks: &Tracks) -> PhaseNow {
        let Some((began_us, began)) = tracks.phases.last() else {
            return PhaseNow { name: Phase::Preflight.as_str(), progress: None, time: String::new() };
        };
        let until_us = match began.phase {
            // A phase that is begun again has no end of its own.
            Phase::WarmUp => Some(self.plan.warm_up_limit_us),
            // An anchor that comes late moves the end of what has to be watched.
            Phase::Observe => Some(run::horizon_us(&self.plan, &self.scenario, tracks)),
            _ => began.until_us,
        };
        let elapsed_us = now_us.saturating_sub(*began_us);
        let time = match (began.phase, until_us.map(|until_us| until_us.saturating_sub(now_us))) {
            (Phase::Preflight, _) => "starting the system".to_owned(),
            (Phase::Observe, Some(0)) => "over; the last answers are on their way".to_owned(),
            (_, Some(0)) => "ends".to_owned(),
            (Phase::WarmUp, Some(left_us)) => format!("at most {} left", seconds_left(left_us)),
            (_, Some(left_us)) => format!("{} left", seconds_left(left_us)),
            (Phase::Quiesce, None) => format!("healing, for {} now", seconds(elapsed_us)),
            (_, None) => format!("for {} now", seconds(elapsed_us)),
        };
        let progress = until_us.map(|until_us| {
            let whole_us = until_us.saturating_sub(*began_us);
            (elapsed_us.min(whole_us), whole_us)
        });
        PhaseNow { name: began.phase.as_str(), progress, time }
    }

    fn thresholds_us(&self) -> &[u64] {
        self.plan.load.as_ref().map_or(&[], |load| &load.thresholds_us)
    }

    fn groups(&self, now_us: u64, tracks: &Tracks, ticks: Ticks) -> Vec<Group> {
        let unknown = GroupTrack::default();
        let groups = self.scenario.groups().iter().map(|(name, written)| {
            let group = tracks.groups.get(name).unwrap_or(&unknown);
            let desired = group.desired.last().copied().unwrap_or(written.replicas);
            // One that has never been sent to is only about to begin.
            let cut_off = group.routed.points().len() > 1 && group.routed.last() == Some(&false);
            let state = if is_lost(name, tracks) {
                State::Lost
            } else if written.takes_over_from.is_some() {
                if desired > written.replicas { State::Promoted } else { State::Dormant }
            } else if cut_off {
                State::NoTraffic
            } else {
                State::Usual
            };
            let spend = written.price.as_ref().map(|price| {
                let rate = group.spend_per_hour().at(now_us).copied().unwrap_or_default();
                format!("{} {}/h", rate.normalize(), price.currency)
            });
            let ready = group.ready().over(0, now_us).into_iter();
            Group {
                name: name.clone(),
                ready: group.ready_now().len(),
                desired,
                state,
                spend,
                series: ticks.highest(ready.map(|stretch| (stretch.from_us, stretch.to_us, stretch.value))),
            }
        });
        groups.collect()
    }

    fn currency(&self) -> Option<&str> {
        self.scenario.groups().values().find_map(|group| Some(group.price.as_ref()?.currency.as_str()))
    }

    fn spend(&self, now_us: u64, tracks: &Tracks) -> Option<String> {
        let currency = self.currency()?;
        let mut words = format!("{} {currency}/h", spend_per_hour(now_us, tracks));
        if let Some((_, calm_us)) = tracks.baseline_window() {
            words += &format!(", while calm {}", spend_per_hour(calm_us, tracks));
        }
        Some(words)
    }

    /// The burn of each objective, and whatever else has a limit at which the run stops.
    fn gauges(&self, now_us: u64, tracks: &Tracks) -> Vec<Gauge> {
        // The warm-up counts for nothing, here as where it is judged.
        let since_us = tracks.baseline_window().map_or(0, |(from_us, _)| from_us);
        let load = &tracks.load[tracks.load.partition_point(|window| window.from_us < since_us)..];
        let burns = self.scenario.slo.iter().map(|(name, objective)| self.burn(name, objective, load));
        let others = self.scenario.stop.iter().filter_map(|stop| match stop {
            StopCondition::BurnRate { .. } => None,
            StopCondition::ErrorRatio { above, over } => {
                let counts: slo::Counts = last(load, over.us).iter().map(slo::answered).sum();
                let limit = GaugeLimit {
                    words: above.to_string(),
                    over: Some(over.to_string()),
                    reached: counts.error_ratio() / above.ratio(),
                };
                let value = format!("{:.1}%", 100.0 * counts.error_ratio());
                Some(Gauge { name: "errors".into(), value, limit: Some(limit) })
            }
            StopCondition::SpendRate { above } => {
                let rate = spend_per_hour(now_us, tracks);
                let reached = f64::try_from(rate / above.per_hour).unwrap_or(f64::INFINITY);
                let limit = GaugeLimit { words: above.to_string(), over: None, reached };
                Some(Gauge { name: "spend".into(), value: rate.to_string(), limit: Some(limit) })
            }
        });
        burns.chain(others).collect()
    }

    fn burn(&self, name: &str, objective: &Objective, load: &[LoadWindow]) -> Gauge {
        let limit = self.scenario.stop.iter().find_map(|stop| match stop {
            StopCondition::BurnRate { objective, above, over } if objective == name => Some((*above, *over)),
            _ => None,
        });
        let windows = limit.map_or_else(|| recent(load), |(_, over)| last(load, over.us));
        let counts = slo::count(windows, self.thresholds_us(), objective).ok();
        let burn = counts
            .filter(|counts| counts.total > 0)
            .map(|counts| slo::Burn::of(counts, objective.target).rate);
        Gauge {
            name: format!("{name} burn"),
            value: burn.map_or_else(|| "\u{2013}".to_owned(), |burn| format!("{burn:.1}")),
            limit: limit.map(|(above, over)| GaugeLimit {
                words: above.to_string(),
                over: Some(over.to_string()),
                reached: burn.unwrap_or(0.0) / above,
            }),
        }
    }
}

fn traffic(tracks: &Tracks, ticks: Ticks) -> Option<Traffic> {
    let recent = recent(&tracks.load);
    if recent.is_empty() {
        return None;
    }
    let seconds = recent.len() as f64;
    let sum = |count: fn(&LoadWindow) -> u64| recent.iter().map(count).sum::<u64>() as f64;
    let planned = sum(|window| window.planned);
    Some(Traffic {
        wanted: planned / seconds,
        sent: sum(|window| window.sent) / seconds,
        good: sum(|window| window.ok) / seconds,
        percentiles: percentiles(recent),
        errors_percent: 100.0 * sum(LoadWindow::bad) / planned.max(1.0),
        series: ticks.highest(tracks.load.iter().map(|window| {
            (window.from_us, window.from_us + slo::WINDOW_US, u32::try_from(window.sent).unwrap_or(u32::MAX))
        })),
    })
}

fn strip(tracks: &Tracks) -> Vec<(&'static str, Stand)> {
    let now = tracks.phase().map(|began| began.phase);
    let phases = STRIP.into_iter().map(|phase| {
        let stand = match now {
            Some(now) if now == phase => Stand::Now,
            // A run that was cut short has not been through what it left out.
            Some(now) if now > phase && tracks.phase_us(phase).is_some() => Stand::Over,
            _ => Stand::ToCome,
        };
        (phase.as_str(), stand)
    });
    phases.chain([("verdict", Stand::ToCome)]).collect()
}

/// Whether a loss of the whole group goes on.
fn is_lost(group: &str, tracks: &Tracks) -> bool {
    tracks.faults.values().any(|fault| {
        let struck =
            fault.intent.as_ref().is_some_and(|(_, intent)| intent.group == group && intent.action.is_loss());
        struck && fault.skipped.is_none() && !fault.healed.as_ref().is_some_and(|(_, healed)| healed.complete)
    })
}

fn spend_per_hour(t_us: u64, tracks: &Tracks) -> Decimal {
    let groups = tracks.groups.values();
    groups.filter_map(|group| group.spend_per_hour().at(t_us).copied()).sum::<Decimal>().normalize()
}

fn recent(load: &[LoadWindow]) -> &[LoadWindow] {
    &load[load.len().saturating_sub(RECENT_S)..]
}

/// The windows of the last so much time.
fn last(load: &[LoadWindow], over_us: u64) -> &[LoadWindow] {
    let Some(newest) = load.last() else { return load };
    let from_us = (newest.from_us + slo::WINDOW_US).saturating_sub(over_us);
    &load[load.partition_point(|window| window.from_us < from_us)..]
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

/// The run until now in equal parts, the same for every series, so that they can be read one above the other.
#[derive(Debug, Clone, Copy)]
struct Ticks {
    now_us: u64,
    each_us: u64,
}

impl Ticks {
    /// Parts of a whole number of seconds: they stay where they are while time goes on.
    fn until(now_us: u64) -> Self {
        let each_us = now_us.div_ceil(SERIES_MAX * 1_000_000).max(1) * 1_000_000;
        Self { now_us, each_us }
    }

    /// The highest value in each part; of stretches `(from, to, value)`.
    fn highest(self, stretches: impl Iterator<Item = (u64, u64, u32)>) -> Vec<Option<u32>> {
        let part = |t_us: u64| usize::try_from(t_us / self.each_us).expect("there are few parts");
        let mut highest = vec![None; part(self.now_us) + 1];
        for (from_us, to_us, value) in stretches {
            let (from, to) = (part(from_us), part(to_us.saturating_sub(1).max(from_us)));
            for slot in highest.iter_mut().take(to + 1).skip(from) {
                *slot = Some(value).max(*slot);
            }
        }
        highest
    }
}
