//! Hand-written histories, as prose: `a_run().grows("primary", 25 * S, 6).shrinks("primary", 55 * S, 2)`.
//!
//! All instants are on the run's clock, in µs. Every run has the same frame: warm-up from 0, baseline from 10 s, the
//! stimulus from [`ZERO`] (20 s) on, 40 requests a second, a surge to 200 from 20 s to 40 s, quiesce at 40 s, the end at
//! 100 s. The primary has two instances, an autoscaler with a sync period of 1 s, and a price.

use std::collections::{BTreeMap, BTreeSet};

use crate::autoscaler;
use crate::history::*;
use crate::plan::{LoadPlan, Objects, Plan, PlannedSurge, RatePiece, SurgeLoad};
use crate::scenario::*;

mod events;
mod expected;
mod recorded;

pub(in crate::check) use recorded::{finding, says, tracks};

/// A second.
pub(in crate::check) const S: u64 = 1_000_000;
/// When the stimulus begins.
pub(in crate::check) const ZERO: u64 = 20 * S;

/// A history in the making.
#[derive(Debug, Clone)]
pub(in crate::check) struct Run {
    pub(in crate::check) scenario: Scenario,
    pub(in crate::check) plan: Plan,
    pub(in crate::check) reference: Option<Reference>,
    pub(in crate::check) resolutions_us: BTreeMap<String, u64>,
    events: Vec<(u64, Event)>,
    /// Living instances by group, oldest first.
    living: BTreeMap<String, Vec<String>>,
    born: u32,
    sources: BTreeSet<String>,
    silences: Vec<(String, u64, u64)>,
    surges: Vec<(u64, u64)>,
    seconds: BTreeMap<u64, LoadWindow>,
    without_seconds: BTreeSet<u64>,
    quiesced_us: Option<u64>,
    end_us: u64,
    sealed: bool,
}

fn group() -> Group {
    Group {
        replicas: 2,
        capacity: Some(Rate::per_second(50.0)),
        startup: None,
        service_time: None,
        concurrency: None,
        queue: None,
        grace: Some(Span::from_secs(5)),
        price: None,
        autoscaler: None,
        takes_over_from: None,
        promoted_replicas: None,
        tear_down: None,
        replacement_price: None,
        defects: Defects::default(),
        workload: None,
    }
}

/// The autoscaler of the primary: target 30/s an instance, tolerance 10 %, window 5 s.
pub(in crate::check) fn autoscaler_seen(min_replicas: u32, by: &str) -> AutoscalerSeen {
    let scale_down = autoscaler::ScalingRules { stabilization_window_us: Some(5 * S), ..Default::default() };
    AutoscalerSeen {
        group: "primary".into(),
        spec: autoscaler::Spec {
            min_replicas,
            max_replicas: 12,
            metrics: Vec::new(),
            behavior: Some(autoscaler::Behavior { scale_down, ..Default::default() }),
        },
        settings: autoscaler::Settings { sync_period_us: S, ..Default::default() },
        target_per_instance: 30.0,
        by: by.into(),
    }
}

/// A run in which nothing has happened yet.
pub(in crate::check) fn a_run() -> Run {
    let surge = PlannedSurge { id: "surge-0".into(), start_us: 0, end_us: 20 * S };
    let piece = RatePiece { from_us: 0, to_us: 20 * S, from_per_s: 160.0, to_per_s: 160.0 };
    let load = LoadPlan {
        path: "/".into(),
        baseline_per_s: 40.0,
        surges: vec![SurgeLoad { id: "surge-0".into(), pieces: vec![piece], poisson: false }],
        timeout_us: 5 * S,
        max_in_flight: 1_000,
        late_after_us: 100_000,
        give_up_after_us: S,
        thresholds_us: vec![200_000],
        seed: 1,
    };
    let shape = Shape::Step { to_rate: Rate::per_second(200.0), lasts: Span::from_secs(20) };
    let scenario = Scenario {
        name: "a run".into(),
        owner: None,
        runbook: None,
        tags: Vec::new(),
        target: Target::Local(BTreeMap::new()),
        load: Some(Load {
            path: "/".into(),
            baseline_rate: Rate::per_second(40.0),
            surges: vec![Surge { at: Span::from_us(0), shape }],
            timeout: None,
            max_in_flight: None,
        }),
        faults: Vec::new(),
        limits: Limits::default(),
        slo: BTreeMap::new(),
        expect: Expectations::default(),
        stop: Vec::new(),
        timing: Timing::default(),
    };
    let plan = Plan {
        seed: 1,
        warm_up_limit_us: 120 * S,
        steady_us: 7 * S,
        surges: vec![surge],
        faults: Vec::new(),
        load: Some(load),
        windows: Vec::new(),
        objects: Objects::default(),
        stimulus_us: 20 * S,
        lost_at_once: Share::WHOLE,
        defaults: Vec::new(),
    };
    let mut run = Run {
        scenario,
        plan,
        reference: None,
        resolutions_us: BTreeMap::new(),
        events: Vec::new(),
        living: BTreeMap::new(),
        born: 0,
        sources: BTreeSet::from(["balancer".to_owned(), "harness".to_owned()]),
        silences: Vec::new(),
        surges: vec![(20 * S, 40 * S)],
        seconds: BTreeMap::new(),
        without_seconds: BTreeSet::new(),
        quiesced_us: Some(40 * S),
        end_us: 100 * S,
        sealed: true,
    };
    for (t, phase) in [(0, Phase::WarmUp), (10 * S, Phase::Baseline), (ZERO, Phase::Stimulus)] {
        run.events.push((t, Event::Phase(PhaseBegan { phase, until_us: None })));
    }
    run = run.with_group("primary", 2, "0.10 USD/h", group());
    run.event(0, Event::Autoscaler(autoscaler_seen(2, "declared"))).routed(0, "primary", true)
}

impl Run {
    /// Adds a group with so many ready instances.
    pub(in crate::check) fn with_group(
        mut self,
        name: &str,
        replicas: u32,
        price: &str,
        mut group: Group,
    ) -> Self {
        group.replicas = replicas;
        group.price = price.parse().ok();
        let groups = self.scenario.target.groups_mut();
        groups.insert(name.into(), group);
        self.sources.insert(format!("supply/{name}"));
        self = self.wants(0, name, replicas, "declared");
        for _ in 0..replicas {
            self = self.starts(name, 0, 0);
        }
        self
    }

    /// Adds another group that is no standby.
    pub(in crate::check) fn with_another(self, name: &str, replicas: u32) -> Self {
        self.with_group(name, replicas, "0.05 USD/h", group())
    }

    /// Adds a standby of the primary that sleeps with one instance.
    pub(in crate::check) fn with_standby(self) -> Self {
        let standby =
            Group { takes_over_from: Some("primary".into()), promoted_replicas: Some(3), ..group() };
        self.with_group("standby", 1, "0.10 USD/h", standby).routed(0, "standby", false)
    }

    /// A source is silent in that time; its ends are still known.
    pub(in crate::check) fn silent(mut self, source: &str, from_us: u64, to_us: u64) -> Self {
        self.silences.push((source.into(), from_us, to_us));
        self
    }

    /// Seconds of traffic, changed.
    pub(in crate::check) fn seconds(
        mut self,
        seconds: std::ops::Range<u64>,
        change: impl Fn(&mut LoadWindow),
    ) -> Self {
        for second in seconds {
            let mut window = self.second(second);
            change(&mut window);
            self.seconds.insert(second, window);
        }
        self
    }

    /// Seconds in which so many requests in a hundred fail.
    pub(in crate::check) fn failing(self, seconds: std::ops::Range<u64>, percent: u64) -> Self {
        self.seconds(seconds, |window| {
            let bad = window.planned * percent / 100;
            window.ok -= bad;
            window.failed.insert(503, bad);
            window.good = vec![window.ok];
        })
    }

    /// Seconds that are not on record.
    pub(in crate::check) fn without_seconds(mut self, seconds: std::ops::Range<u64>) -> Self {
        self.without_seconds.extend(seconds);
        self
    }

    fn second(&self, second: u64) -> LoadWindow {
        if let Some(window) = self.seconds.get(&second) {
            return window.clone();
        }
        let t = second * S;
        let surging = self.surges.iter().any(|(from, to)| (*from..*to).contains(&t));
        let planned = if surging { 200 } else { 40 };
        LoadWindow {
            from_us: t,
            planned,
            sent: planned,
            ok: planned,
            good: vec![planned],
            ..Default::default()
        }
    }

    /// No surge, and so another quiesce.
    pub(in crate::check) fn without_surge(mut self) -> Self {
        self.surges.clear();
        self.plan.surges.clear();
        self.quiesced_us = Some(ZERO);
        if let Some(load) = &mut self.plan.load {
            load.surges.clear();
        }
        if let Some(load) = &mut self.scenario.load {
            load.surges.clear();
        }
        self
    }

    pub(in crate::check) fn quiesces(mut self, t_us: Option<u64>) -> Self {
        self.quiesced_us = t_us;
        self
    }

    pub(in crate::check) fn ends(mut self, t_us: u64) -> Self {
        self.end_us = t_us;
        self
    }

    pub(in crate::check) fn unsealed(mut self) -> Self {
        self.sealed = false;
        self
    }
}
