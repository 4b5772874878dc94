//! Histories written by hand, for the tests of this room and of the reports. Times are seconds since the start of the run.

use std::collections::BTreeMap;

use crate::autoscaler::{
    Condition, ConditionStatus, Conditions, Decision, MetricDecision, MetricKind, MetricOutcome, PodCounts,
    Reason, Usage,
};
use crate::check::{Finding, Outcome};
use crate::history::*;
use crate::plan::{LoadPlan, Objects, Plan};
use crate::scenario::{Expectations, Limits, Owner, Price, Scenario, Share, Target, Timing};

pub(crate) fn us(seconds: f64) -> u64 {
    (seconds * 1e6).round() as u64
}

/// A history under construction.
pub(crate) struct Story {
    header: Header,
    events: Vec<(u64, Event)>,
    sealed: bool,
}

impl Story {
    /// A calm system: baseline from 5 s, stimulus from 10 s, quiet from 40 s, over at 80 s.
    pub(crate) fn new(name: &str) -> Self {
        let scenario = Scenario {
            name: name.into(),
            owner: Some(Owner { team: "payments".into(), cost_center: Some("cc-4711".into()) }),
            runbook: Some("https://runbooks.example/checkout".into()),
            tags: Vec::new(),
            target: Target::Local(BTreeMap::new()),
            load: None,
            faults: Vec::new(),
            limits: Limits::default(),
            slo: BTreeMap::new(),
            expect: Expectations::default(),
            stop: Vec::new(),
            timing: Timing::default(),
        };
        let load = LoadPlan {
            path: "/checkout".into(),
            baseline_per_s: 40.0,
            surges: Vec::new(),
            timeout_us: us(2.0),
            max_in_flight: 512,
            late_after_us: us(0.01),
            give_up_after_us: us(1.0),
            thresholds_us: Vec::new(),
            seed: 42,
        };
        let plan = Plan {
            seed: 42,
            warm_up_limit_us: us(120.0),
            steady_us: us(7.0),
            surges: Vec::new(),
            faults: Vec::new(),
            load: Some(load),
            stimulus_us: us(30.0),
            windows: Vec::new(),
            objects: Objects::default(),
            lost_at_once: Share::percent(100),
            defaults: Vec::new(),
        };
        let header = Header {
            format: FORMAT.into(),
            tool: "0.1.0".into(),
            suite_id: "nightly-7".into(),
            attempt: 1,
            sources: Vec::new(),
            overrides: Vec::new(),
            scenario,
            origins: BTreeMap::new(),
            plan,
            world: "local".into(),
            signal_sources: Vec::new(),
            reference: None,
            started_unix_ms: 1_767_225_600_000,
            cluster_run: None,
        };
        let story = Self { header, events: Vec::new(), sealed: true };
        story
            .phase(0.0, Phase::Preflight)
            .phase(0.0, Phase::WarmUp)
            .phase(5.0, Phase::Baseline)
            .phase(10.0, Phase::Stimulus)
            .phase(40.0, Phase::Quiesce)
            .phase(40.0, Phase::Observe)
            .event(40.0, Event::Quiesced(Quiesced { at_us: us(40.0) }))
            .event(80.0, Event::Clock(ClockReading { unix_ms: 1_767_225_680_000 }))
    }

    pub(crate) fn event(mut self, at: f64, event: Event) -> Self {
        self.events.push((us(at), event));
        self
    }

    /// The scenario, to be changed.
    pub(crate) fn scenario(mut self, change: impl FnOnce(&mut Scenario)) -> Self {
        change(&mut self.header.scenario);
        self
    }

    /// A latency threshold that the windows count.
    pub(crate) fn threshold(mut self, us: u64) -> Self {
        let load = self.header.plan.load.as_mut().expect("stories have a load plan");
        load.thresholds_us.push(us);
        self
    }

    pub(crate) fn unsealed(mut self) -> Self {
        self.sealed = false;
        self
    }

    pub(crate) fn phase(self, at: f64, phase: Phase) -> Self {
        self.event(at, Event::Phase(PhaseBegan { phase, until_us: None }))
    }

    pub(crate) fn surge(self, from: f64, to: f64) -> Self {
        let mark = || SurgeMark { surge: "surge-0".into() };
        self.event(from, Event::SurgeStart(mark())).event(to, Event::SurgeEnd(mark()))
    }

    pub(crate) fn desired(self, at: f64, group: &str, replicas: u32, by: &str, reason: &str) -> Self {
        let (group, by, reason) = (group.into(), by.into(), reason.into());
        self.event(at, Event::Desired(Desired { group, replicas, by, reason }))
    }

    pub(crate) fn instance(self, at: f64, name: &str, state: InstanceState, reason: &str) -> Self {
        let group = name.rsplit_once('-').expect("instances are named after their group").0;
        let price = matches!(state, InstanceState::Starting).then(|| price("0.10"));
        let grace_us = (state == InstanceState::Terminating).then(|| us(2.0));
        self.event(
            at,
            Event::Instance(InstanceChange {
                price,
                grace_us,
                reason: reason.into(),
                ..InstanceChange::new(group, name, state)
            }),
        )
    }

    /// An instance that starts and is ready a second later.
    pub(crate) fn starts(self, at: f64, name: &str) -> Self {
        self.instance(at, name, InstanceState::Starting, "").instance(
            at + 1.0,
            name,
            InstanceState::Ready,
            "",
        )
    }

    /// An instance that is asked to end and does so half a second later.
    pub(crate) fn ends(self, at: f64, name: &str) -> Self {
        self.instance(at, name, InstanceState::Terminating, "scaled down").instance(
            at + 0.5,
            name,
            InstanceState::Gone,
            "exit status 0",
        )
    }

    pub(crate) fn fault(self, at: f64, group: &str, action: IntentAction) -> Self {
        let fault = || "fault-0".to_owned();
        let gone = action.instances().to_vec();
        let intent = Intent { fault: fault(), group: group.into(), action };
        self.event(at, Event::Intent(intent))
            .event(at + 0.1, Event::Acknowledged(Acknowledged { fault: fault(), detail: "signalled".into() }))
            .event(
                at + 0.2,
                Event::Effect(Effect {
                    fault: fault(),
                    gone,
                    remaining: Vec::new(),
                    seen_by: "process table".into(),
                }),
            )
    }

    pub(crate) fn healed(self, at: f64, complete: bool, detail: &str) -> Self {
        let outcome = HealOutcome { fault: "fault-0".into(), complete, detail: detail.into() };
        self.event(at, Event::Healed(outcome))
    }

    /// Takes out what does not fit the story.
    pub(crate) fn without(mut self, unfit: impl Fn(&Event) -> bool) -> Self {
        self.events.retain(|(_, event)| !unfit(event));
        self
    }

    pub(crate) fn priced(self, at: f64, name: &str, amount: &str) -> Self {
        let group = name.rsplit_once('-').expect("instances are named after their group").0;
        let change = InstanceChange {
            price: Some(price(amount)),
            ..InstanceChange::new(group, name, InstanceState::Ready)
        };
        self.event(at, Event::Instance(change))
    }

    pub(crate) fn route(self, at: f64, group: &str, backends: u32) -> Self {
        self.event(at, Event::Route(Route { group: group.into(), serving: backends > 0, backends }))
    }

    /// Traffic of so many requests a second that are all answered, except so many with 503 and so many refused.
    pub(crate) fn load(mut self, from: u64, to: u64, per_s: u64, unavailable: u64, refused: u64) -> Self {
        for second in from..to {
            let mut window = LoadWindow {
                from_us: second * 1_000_000,
                planned: per_s,
                sent: per_s,
                ok: per_s - unavailable - refused,
                ..LoadWindow::default()
            };
            if unavailable > 0 {
                window.failed.insert(503, unavailable);
            }
            if refused > 0 {
                window.errors.insert(ErrorKind::Refused, refused);
            }
            self = self.event(second as f64 + 1.5, Event::Load(Box::new(window)));
        }
        self
    }

    pub(crate) fn decide(self, at: f64, decided: Decided) -> Self {
        self.event(at, Event::Decision(decided))
    }

    pub(crate) fn tracks(self) -> Tracks {
        let mut tracks = Tracks::default();
        let mut events = self.events;
        events.sort_by_key(|(t, _)| *t);
        events.insert(0, (0, Event::Header(Box::new(self.header))));
        if self.sealed {
            let last = events.last().map_or(0, |(t, _)| *t);
            events.push((last, Event::Seal(Seal { count: events.len() as u64, sha256: String::new() })));
        }
        for (n, (t_us, event)) in events.into_iter().enumerate() {
            tracks.apply(&Record { n: n as u64, t_us, event });
        }
        tracks
    }
}

pub(crate) fn price(amount: &str) -> Price {
    format!("{amount} USD/h").parse().expect("a price")
}

/// A decision of the autoscaler of `primary` that changes nothing and is held by nothing.
pub(crate) fn decision(at: f64, current: u32, recommended: u32) -> Decided {
    let metric = MetricDecision {
        kind: MetricKind::Pods,
        name: "requests".into(),
        pods: PodCounts { ready: current, ..PodCounts::default() },
        outcome: MetricOutcome::Valid {
            usage: Usage::AverageMilli(20_000),
            ratio: Some(f64::from(recommended) / f64::from(current)),
            assumed_ratio: None,
            proposal: recommended,
        },
    };
    Decided {
        group: "primary".into(),
        current,
        ready: current,
        sample_t_us: Some(us(at - 0.5)),
        traffic_per_s: Some(f64::from(recommended) * 20.0),
        decision: Decision {
            desired: current,
            recommended: Some(recommended),
            stabilized: Some(current),
            limited: Some(current),
            metrics: vec![metric],
            conditions: Conditions {
                able_to_scale: condition(Reason::ReadyForNewScale),
                scaling_limited: condition(Reason::DesiredWithinRange),
                scaling_active: condition(Reason::ValidMetricFound),
            },
        },
    }
}

pub(crate) fn condition(reason: Reason) -> Condition {
    let status = match reason {
        Reason::DesiredWithinRange => ConditionStatus::False,
        _ => ConditionStatus::True,
    };
    Condition { status, reason, message: String::new() }
}

/// A finding of `contraction-0` and its like.
pub(crate) fn finding(id: &str, outcome: Outcome, code: &str) -> Finding {
    Finding {
        id: id.into(),
        expectation: format!("what {id} expects"),
        outcome,
        code: code.into(),
        text: "what was seen".into(),
        groups: vec!["primary".into()],
        anchor: None,
        window_us: Some((us(60.0), us(70.0))),
        margin_us: None,
        resolution_us: Some(0),
        evidence: Vec::new(),
        origin: None,
    }
}
