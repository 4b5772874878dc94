//! A group `app` under way, for the tests of what the runner reads off its tracks.

use crate::history::*;
use crate::plan::{self, Plan};
use crate::scenario::{self, Overrides, Scenario, Source};

/// A second.
pub(super) const S: u64 = 1_000_000;

const BEGIN: &str = "name = 't'\n[target.local.app]\nreplicas = 4\ncapacity = '50/s'\n\
                     [load]\npath = '/'\nbaseline_rate = '10/s'\n\
                     [[fault]]\nat = '10s'\n\
                     terminate = { group = 'app', count = 1, pick = 'oldest', how = 'kill' }\n";

/// A scenario that kills the oldest instance, with this at its end, and its plan.
pub(super) fn scripted(end: &str) -> (Scenario, Plan) {
    let source = Source::new("t.toml", format!("{BEGIN}{end}"));
    let lowered = scenario::read(&source, &Overrides::NONE).unwrap_or_else(|mistakes| {
        panic!("{}", mistakes.iter().map(|mistake| mistake.plain().to_string()).collect::<String>())
    });
    let plan = plan::lower(&lowered.scenario, 1);
    (lowered.scenario, plan)
}

/// Tracks in the making.
pub(super) struct Making {
    pub(super) tracks: Tracks,
}

/// So many ready instances from the start on; baseline from 20 s, stimulus from 30 s.
pub(super) fn tracks(instances: u32) -> Making {
    let mut making = Making { tracks: Tracks::default() };
    for n in 1..=instances {
        let change = InstanceChange::new("app", format!("app-{n}"), InstanceState::Ready);
        making.event(0, Event::Instance(change));
    }
    for (t_us, phase) in [(20 * S, Phase::Baseline), (30 * S, Phase::Stimulus)] {
        making.event(t_us, Event::Phase(PhaseBegan { phase, until_us: None }));
    }
    making
}

impl Making {
    fn event(&mut self, t_us: u64, event: Event) {
        self.tracks.apply(&Record { n: 0, t_us, event });
    }

    pub(super) fn kills(&mut self, fault: &str, t_us: u64, instances: &[&str]) {
        let instances = instances.iter().map(|name| (*name).to_owned()).collect();
        let action = IntentAction::Terminate { instances, kill: true, grace_us: 0, evict: false };
        self.event(t_us, Event::Intent(Intent { fault: fault.into(), group: "app".into(), action }));
    }

    /// A fault that lasts is under way.
    pub(super) fn strikes(&mut self, fault: &str, t_us: u64, action: IntentAction) {
        self.event(t_us, Event::Intent(Intent { fault: fault.into(), group: "app".into(), action }));
        self.acknowledges(fault, t_us);
    }

    pub(super) fn heals(&mut self, fault: &str, t_us: u64) {
        let healed = HealOutcome { fault: fault.into(), complete: true, detail: "put back".into() };
        self.event(t_us, Event::Healed(healed));
    }

    /// An instance is seen on a node, in that state.
    pub(super) fn places(
        &mut self,
        t_us: u64,
        name: &str,
        state: InstanceState,
        (node, zone): (&str, &str),
        label: (&str, &str),
    ) {
        let change = InstanceChange {
            node: Some(node.into()),
            zone: Some(zone.into()),
            labels: [(label.0.to_owned(), label.1.to_owned())].into(),
            ..InstanceChange::new("app", name, state)
        };
        self.event(t_us, Event::Instance(change));
    }

    pub(super) fn acknowledges(&mut self, fault: &str, t_us: u64) {
        self.event(t_us, Event::Acknowledged(Acknowledged { fault: fault.into(), detail: "done".into() }));
    }

    /// A second of ten requests, so many of them answered well.
    pub(super) fn second(&mut self, second: u64, ok: u64) {
        let window = LoadWindow { from_us: second * S, planned: 10, sent: 10, ok, ..Default::default() };
        self.event((second + 1) * S, Event::Load(Box::new(window)));
    }
}
