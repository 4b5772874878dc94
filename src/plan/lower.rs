//! Fills in what a scenario leaves open, and says so.

use crate::scenario::local_defaults::{SCALE_DOWN_WINDOW, SCALE_UP_WINDOW};
use crate::scenario::{
    Anchor, Deadline, FaultAction, Group, HpaController, KubernetesTarget, LOST_AT_ONCE, LocalAutoscaler,
    Scenario, Span, StopCondition, Target, Termination,
};

use super::model::*;

/// How long a group without autoscaler must not move to count as steady.
const STEADY_UNSCALED: Span = Span::from_secs(5);
/// Settle time of a group without autoscaler: its supply moves only when it is told to.
const SETTLE_UNSCALED: Span = Span::from_secs(1);
const WARM_UP: Span = Span::from_secs(120);
const HOLD: Span = Span::from_secs(30);
const TIMEOUT: Span = Span::from_secs(5);
const MAX_IN_FLIGHT: u32 = 1_000;
/// Later than this and a request did not come as planned: a quarter of a second still lies in the second it was meant
/// for, mostly, and supply follows seconds. What it does to latencies is judged apart, by a finer measure.
const LATE_AFTER: Span = Span::from_ms(250);
/// So far behind, a request is given up rather than sent into a second that is not its own.
const GIVE_UP_AFTER: Span = Span::from_secs(1);
/// How long a kill may take to show.
const EFFECT_WITHIN: Span = Span::from_secs(2);
/// The same in a cluster, where an agent on the node has to act and the API to tell.
const CLUSTER_EFFECT_WITHIN: Span = Span::from_secs(15);

impl Scenario {
    /// The groups of the system under test, by name.
    pub fn groups(&self) -> &std::collections::BTreeMap<String, Group> {
        self.target.groups()
    }
}

fn down_window(autoscaler: &LocalAutoscaler) -> Span {
    autoscaler.scale_down.stabilization_window.unwrap_or(SCALE_DOWN_WINDOW)
}

/// One scale-down window plus two syncs of the group that needs longest. What scales a group of a cluster is only seen once
/// the run looks at it, and then adds to this.
fn steady(scenario: &Scenario) -> Span {
    let scaled = scenario.groups().values().filter_map(|group| group.autoscaler.as_ref());
    let longest = scaled.map(|a| down_window(a).us + 2 * a.sync_period_or_default().us).max().unwrap_or(0);
    Span::from_us(longest.max(STEADY_UNSCALED.us))
}

/// The same, as long as it can be by what is written: in a cluster, as if every group had an HPA without `behavior`.
fn steady_at_most(scenario: &Scenario) -> Span {
    let cluster_us = match &scenario.target {
        Target::Kubernetes(KubernetesTarget { hpa, .. }) => {
            hpa.downscale_stabilization_or_default().us + 2 * hpa.sync_period_or_default().us
        }
        Target::Local(_) => 0,
    };
    Span::from_us(steady(scenario).us.max(cluster_us))
}

/// Lowers a scenario to the plan of a run. The same scenario and seed give the same plan.
pub fn lower(scenario: &Scenario, seed: u64) -> Plan {
    let mut lowering = Lowering { scenario, defaults: Vec::new() };
    let steady = steady(scenario);
    lowering.groups();
    let warm_up_limit_us = lowering.warm_up_limit(steady_at_most(scenario));
    let surges: Vec<PlannedSurge> = scenario
        .load
        .iter()
        .flat_map(|load| &load.surges)
        .enumerate()
        .map(|(i, surge)| PlannedSurge {
            id: format!("surge-{i}"),
            start_us: surge.at.us,
            end_us: surge.at.us + surge.shape.lasts().us,
        })
        .collect();
    let faults = lowering.faults();
    let load = lowering.load(seed);
    let windows = lowering.windows();
    let lost_at_once = scenario.limits.lost_at_once.unwrap_or_else(|| {
        lowering.take(
            "limits.lost_at_once",
            LOST_AT_ONCE,
            "half of the ready instances of a group, at least one",
        );
        LOST_AT_ONCE
    });
    let surge_end = surges.iter().map(|surge| surge.end_us).max().unwrap_or(0);
    let fault_end = faults.iter().map(PlannedFault::end_us).max().unwrap_or(0);
    Plan {
        seed,
        warm_up_limit_us,
        steady_us: steady.us,
        stimulus_us: surge_end.max(fault_end),
        surges,
        faults,
        load,
        windows,
        objects: objects(scenario),
        lost_at_once,
        defaults: lowering.defaults,
    }
}

/// What has to be watched for what is expected to be gone, and for what costs.
fn objects(scenario: &Scenario) -> Objects {
    let Target::Kubernetes(KubernetesTarget { prices, .. }) = &scenario.target else {
        return Objects::default();
    };
    let left = scenario.expect.nothing_left.as_ref();
    let is_spend_judged = scenario.expect.idle_spend.is_some()
        || scenario.stop.iter().any(|condition| matches!(condition, StopCondition::SpendRate { .. }));
    let has_price = prices.volume_per_gib.is_some() || prices.load_balancer.is_some();
    Objects {
        in_namespaces: left.is_some() || (is_spend_judged && has_price),
        nodes: left.is_some_and(|left| left.nodes) || (is_spend_judged && prices.node.is_some()),
    }
}

impl PlannedFault {
    /// When it is over, from the end of the baseline phase: a termination takes its grace, all others last.
    pub fn end_us(&self) -> u64 {
        self.at_us + self.action.lasts().map_or(self.grace_us, |lasts| lasts.us)
    }
}

/// What a scenario says of a window, and the sync period that counts for it.
struct Written {
    within: Option<Span>,
    from: Option<Anchor>,
    hold: Option<Span>,
    settle: Option<Span>,
    sync: Option<Span>,
}

struct Lowering<'a> {
    scenario: &'a Scenario,
    defaults: Vec<DefaultTaken>,
}

impl Lowering<'_> {
    fn take(&mut self, key: &str, value: impl ToString, why: &str) {
        self.defaults.push(DefaultTaken { key: key.into(), value: value.to_string(), why: why.into() });
    }

    fn or_default(&mut self, written: Option<Span>, key: &str, default: Span, why: &str) -> Span {
        written.unwrap_or_else(|| {
            self.take(key, default, why);
            default
        })
    }

    /// What a group is like where its scenario does not say.
    fn groups(&mut self) {
        if let Target::Kubernetes(KubernetesTarget { hpa, .. }) = &self.scenario.target {
            self.hpa(hpa);
            return;
        }
        for (name, group) in self.scenario.groups() {
            let mut take = |missing: bool, key: &str, value: String, why: &str| {
                if missing {
                    self.take(&format!("target.local.{name}.{key}"), value, why);
                }
            };
            let service = group.service_time_or_default();
            take(
                group.startup.is_none(),
                "startup",
                group.startup_or_default().to_string(),
                "from spawn to ready",
            );
            take(
                group.service_time.is_none(),
                "service_time",
                service.mean.to_string(),
                "of each request, constant",
            );
            let concurrency = group.concurrency_or_default().to_string();
            take(
                group.concurrency.is_none(),
                "concurrency",
                concurrency,
                "twice what the capacity keeps busy",
            );
            take(
                group.queue.is_none(),
                "queue",
                group.queue_or_default().to_string(),
                "requests that may wait",
            );
            take(
                group.grace.is_none(),
                "grace",
                group.grace_or_default().to_string(),
                "time to finish requests",
            );
            let Some(scaler) = &group.autoscaler else { continue };
            let like = "as in Kubernetes";
            let sync = scaler.sync_period_or_default().to_string();
            take(scaler.sync_period.is_none(), "autoscaler.sync_period", sync, like);
            take(scaler.tolerance.is_none(), "autoscaler.tolerance", "10%".into(), like);
            let (up, down) = (&scaler.scale_up, &scaler.scale_down);
            let (up_key, down_key) = ("autoscaler.scale_up", "autoscaler.scale_down");
            let window = |key: &str| format!("{key}.stabilization_window");
            take(up.stabilization_window.is_none(), &window(up_key), SCALE_UP_WINDOW.to_string(), like);
            take(down.stabilization_window.is_none(), &window(down_key), SCALE_DOWN_WINDOW.to_string(), like);
            let policies = |key: &str| format!("{key}.policies");
            let most = "the larger of 100% and 4 pods in 15s".into();
            take(up.policies.is_none(), &policies(up_key), most, like);
            take(down.policies.is_none(), &policies(down_key), "100% in 15s".into(), like);
        }
    }

    /// How the HPA controller of a cluster is taken to be set.
    fn hpa(&mut self, hpa: &HpaController) {
        let like = "the default of kube-controller-manager, whose flags no API tells";
        let mut take = |missing: bool, key: &str, value: String| {
            if missing {
                self.take(&format!("target.kubernetes.hpa.{key}"), value, like);
            }
        };
        take(hpa.sync_period.is_none(), "sync_period", hpa.sync_period_or_default().to_string());
        let window = hpa.downscale_stabilization_or_default().to_string();
        take(hpa.downscale_stabilization.is_none(), "downscale_stabilization", window);
        take(hpa.tolerance.is_none(), "tolerance", "10%".into());
    }

    fn warm_up_limit(&mut self, steady: Span) -> u64 {
        let default = Span::from_us(WARM_UP.us.max(2 * steady.us + HOLD.us));
        let why = format!(
            "long enough for supply to be steady for {steady} (one scale-down window plus two syncs)"
        );
        self.or_default(self.scenario.timing.warm_up, "run.warm_up", default, &why).us
    }

    fn faults(&self) -> Vec<PlannedFault> {
        let scenario = self.scenario;
        let mut planned = Vec::new();
        for (i, fault) in scenario.faults.iter().enumerate() {
            let group = scenario.groups().get(fault.action.group());
            let in_a_cluster = matches!(scenario.target, Target::Kubernetes(_));
            let grace_us = match &fault.action {
                FaultAction::Terminate { how: Termination::Graceful | Termination::Evict, .. }
                | FaultAction::Drain { .. } => group.map_or(0, |group| group.grace_or_default().us),
                _ => 0,
            };
            let shows_within = if in_a_cluster { CLUSTER_EFFECT_WITHIN } else { EFFECT_WITHIN };
            let takes_us = match &fault.action {
                FaultAction::Reclaim { notice, .. } => notice.us,
                // A disruption budget lets go of one after the other, and replicas take their time to start.
                FaultAction::Drain { lasts, .. } | FaultAction::Scale { lasts, .. } => grace_us.max(lasts.us),
                _ => grace_us,
            };
            planned.push(PlannedFault {
                id: format!("fault-{i}"),
                at_us: fault.at.us,
                action: fault.action.clone(),
                grace_us,
                effect_within_us: takes_us + shows_within.us,
            });
        }
        planned
    }

    fn load(&mut self, seed: u64) -> Option<LoadPlan> {
        let load = self.scenario.load.as_ref()?;
        let timeout =
            self.or_default(load.timeout, "load.timeout", TIMEOUT, "an answer later than this helps nobody");
        let max_in_flight = load.max_in_flight.unwrap_or_else(|| {
            self.take(
                "load.max_in_flight",
                MAX_IN_FLIGHT,
                "bounds memory and connections of the load engine",
            );
            MAX_IN_FLIGHT
        });
        let mut thresholds_us: Vec<u64> = self
            .scenario
            .slo
            .values()
            .filter_map(|objective| objective.under)
            .map(|under| under.us)
            .collect();
        thresholds_us.sort_unstable();
        thresholds_us.dedup();
        let surges = load.surges.iter().enumerate().map(|(i, surge)| {
            SurgeLoad::from_shape(&format!("surge-{i}"), surge.at, &surge.shape, load.baseline_rate)
        });
        Some(LoadPlan {
            path: load.path.clone(),
            baseline_per_s: load.baseline_rate.per_s,
            surges: surges.collect(),
            timeout_us: timeout.us,
            max_in_flight,
            late_after_us: LATE_AFTER.us,
            give_up_after_us: GIVE_UP_AFTER.us,
            thresholds_us,
            seed,
        })
    }

    /// The sync period that counts for a group: its own autoscaler's, or of the one it stands in for.
    fn sync_of(&self, group: &Group) -> Option<Span> {
        if let Target::Kubernetes(KubernetesTarget { hpa, .. }) = &self.scenario.target {
            return Some(hpa.sync_period_or_default());
        }
        group.autoscaler.as_ref().map(LocalAutoscaler::sync_period_or_default).or_else(|| {
            let primary = self.scenario.groups().get(group.takes_over_from.as_ref()?)?;
            primary.autoscaler.as_ref().map(LocalAutoscaler::sync_period_or_default)
        })
    }

    fn longest_sync<'g>(&self, groups: impl Iterator<Item = &'g Group>) -> Option<Span> {
        groups.filter_map(|group| self.sync_of(group)).max()
    }

    fn window(&mut self, id: String, key: &str, written: Written) -> PlannedWindow {
        let Written { within, from, hold, settle, sync } = written;
        let anchor = from.unwrap_or_else(|| {
            self.take(&format!("{key}.from"), "quiesce", "the last of: surge end, fault end, heal complete");
            Anchor::Quiesce
        });
        let hold_default = Span::from_us(HOLD.us.max(2 * sync.map_or(0, |sync| sync.us)));
        let hold =
            self.or_default(hold, &format!("{key}.hold"), hold_default, "the longer of 30 s and two syncs");
        let settle = self.or_default(
            settle,
            &format!("{key}.settle"),
            sync.unwrap_or(SETTLE_UNSCALED),
            "one sync period, so that a one-for-one replacement is no alarm",
        );
        PlannedWindow {
            id,
            anchor,
            within_us: within.map(|span| span.us),
            hold_us: hold.us,
            settle_us: settle.us,
        }
    }

    fn windows(&mut self) -> Vec<PlannedWindow> {
        let scenario = self.scenario;
        let expect = &scenario.expect;
        let all_sync = self.longest_sync(scenario.groups().values());
        let mut windows = Vec::new();
        for (i, expansion) in expect.expansion.iter().enumerate() {
            let anchor = expansion.from.unwrap_or_else(|| {
                self.take("expect.expansion.from", "surge-start", "supply has to follow the surge");
                Anchor::SurgeStart
            });
            let within_us = Some(expansion.within.us);
            windows.push(PlannedWindow {
                id: format!("expansion-{i}"),
                anchor,
                within_us,
                hold_us: 0,
                settle_us: 0,
            });
        }
        for (i, c) in expect.contraction.iter().enumerate() {
            let named = c.group.as_ref().and_then(|name| scenario.groups().get(name));
            let sync = match named {
                Some(group) => self.sync_of(group),
                None => all_sync,
            };
            let within = match c.within {
                Deadline::Within(span) => Some(span),
                Deadline::Auto => None,
            };
            if c.tolerance.is_none() {
                self.take("expect.contraction.tolerance", 0, "a leftover instance is a leftover instance");
            }
            let id = format!("contraction-{i}");
            windows.push(self.window(
                id,
                "expect.contraction",
                Written { within, from: c.from, hold: c.hold, settle: c.settle, sync },
            ));
        }
        for (i, s) in expect.standby_released.iter().enumerate() {
            if s.dormant_size.is_none() {
                self.take(
                    "expect.standby_released.dormant_size",
                    "replicas",
                    "the size that the group declares",
                );
            }
            let id = format!("standby-released-{i}");
            let within = Some(s.within);
            windows.push(self.window(
                id,
                "expect.standby_released",
                Written { within, from: s.from, hold: s.hold, settle: None, sync: all_sync },
            ));
        }
        if let Some(s) = &expect.idle_spend {
            let (id, key) = ("idle-spend".into(), "expect.idle_spend");
            windows.push(self.window(
                id,
                key,
                Written { within: Some(s.after), from: s.from, hold: s.hold, settle: None, sync: all_sync },
            ));
        }
        if let Some(left) = &expect.nothing_left {
            let (id, key) = ("nothing-left".into(), "expect.nothing_left");
            windows.push(self.window(
                id,
                key,
                Written {
                    within: Some(left.after),
                    from: left.from,
                    hold: left.hold,
                    settle: None,
                    sync: all_sync,
                },
            ));
        }
        if let Some(r) = &expect.recovery {
            let (id, key) = ("recovery".into(), "expect.recovery");
            let no_excursion = Some(Span::from_us(0));
            windows.push(self.window(
                id,
                key,
                Written {
                    within: Some(r.within),
                    from: r.from,
                    hold: r.hold,
                    settle: no_excursion,
                    sync: all_sync,
                },
            ));
        }
        windows
    }
}

#[cfg(test)]
mod tests;
