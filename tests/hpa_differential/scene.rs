//! From a case to what there is at each sync. Kubernetes' controller gets a scene as `documents`, the model as `input`.

use std::collections::BTreeMap;

use springback::autoscaler::{ConditionStatus, MetricSpec, Phase, ResourceTarget, Spec, ValueTarget};

use crate::case::{Case, Change, PodMetrics, PodPlan, S, SamplePlan, Source, Step, Trouble};

/// The first container of every pod, and the one that it may have beside it.
pub(crate) const APP: &str = "app";
const SIDECAR: &str = "sidecar";
/// What pods use and request.
pub(crate) const RESOURCES: [&str; 2] = ["cpu", "memory"];
/// The window of a sample that says nothing of one.
pub(crate) const DEFAULT_WINDOW_S: u64 = 60;

/// When the controller starts. Pods may have started before.
pub(crate) const START_US: u64 = 3_000 * S;
/// So many pods are enough.
const PODS_MAX: usize = 40;
/// A pod that has a sample and is not there.
const GONE: &str = "gone";

/// One sync.
#[derive(Debug)]
pub(crate) struct Scene {
    pub(crate) now_us: u64,
    pub(crate) spec: Spec,
    pub(crate) change: Change,
    pub(crate) trouble: Trouble,
    pub(crate) replicas: u32,
    pub(crate) status_replicas: u32,
    pub(crate) pods: Vec<ScenePod>,
    /// What metrics.k8s.io says of pods; `None` when it fails.
    pub(crate) usage: Option<Vec<PodUsage>>,
    /// What the other APIs say of Pods, Object and External metrics, by the metric's name. One that is not there
    /// fails.
    pub(crate) figures: BTreeMap<String, Figures>,
}

#[derive(Debug)]
pub(crate) struct ScenePod {
    pub(crate) name: String,
    pub(crate) phase: Phase,
    pub(crate) deleting: bool,
    /// Its Ready condition, and since when, in seconds.
    pub(crate) ready: Option<(ConditionStatus, u64)>,
    pub(crate) start_s: Option<u64>,
    /// Its containers with what they request of each resource, in thousandths.
    pub(crate) containers: Vec<(&'static str, Option<i64>)>,
}

/// One pod's entry in metrics.k8s.io.
#[derive(Debug)]
pub(crate) struct PodUsage {
    pub(crate) pod: String,
    pub(crate) at_s: u64,
    pub(crate) window_s: u64,
    /// Its containers with what they use, in thousandths and by resource; empty where that is not known.
    pub(crate) containers: Vec<(&'static str, BTreeMap<&'static str, i64>)>,
}

/// What a metrics API says, in thousandths.
#[derive(Debug)]
pub(crate) enum Figures {
    /// Of each pod, and when.
    Pods(Vec<(String, i64)>, u64),
    /// Of an object.
    Object(i64),
    /// From outside.
    External(Vec<i64>),
}

/// Goes through a case, sync by sync.
pub(crate) struct Scenes<'a> {
    case: &'a Case,
    spec: Spec,
    now_us: u64,
    level: i64,
    /// The controller has not read the scale since it started.
    fresh: bool,
}

impl<'a> Scenes<'a> {
    pub(crate) fn of(case: &'a Case) -> Self {
        Scenes { case, spec: case.spec.clone(), now_us: START_US, level: 100, fresh: true }
    }

    /// The next sync. `replicas` is what the target's scale asks for after the sync before.
    pub(crate) fn next(&mut self, step: &Step, replicas: u32) -> Scene {
        self.now_us += step.wait_us;
        self.level = step.level.unwrap_or(self.level);
        let mut replicas = replicas;
        match step.change {
            Change::Nothing => {}
            Change::Restart => self.fresh = true,
            Change::Replicas(set) => replicas = set,
            Change::Raise { min_to, max_by } => {
                self.spec.min_replicas = self.spec.min_replicas.max(min_to);
                self.spec.max_replicas = self.spec.max_replicas.max(min_to) + max_by;
            }
            Change::Lower => self.spec = self.case.spec.clone(),
        }
        let scene =
            Load { case: self.case, level: self.level, replicas }.scene(step, &self.spec, self.now_us);
        if self.fresh && step.trouble != Trouble::ScaleNotReadable {
            // What a new controller finds it notes a moment before it weighs it; the model takes both for one
            // moment. The difference would show if a window ended on that very moment, so none does.
            self.now_us += S / 2_000;
            self.fresh = false;
        }
        scene
    }
}

/// What load there is, and what replicas there are to take it.
#[derive(Clone, Copy)]
struct Load<'a> {
    case: &'a Case,
    level: i64,
    replicas: u32,
}

impl Load<'_> {
    fn scene(self, step: &Step, spec: &Spec, now_us: u64) -> Scene {
        let now_s = now_us / S;
        let count = self.replicas.saturating_add_signed(step.more_pods);
        let count = usize::try_from(count).expect("a count").min(PODS_MAX);
        let plans: Vec<(String, &PodPlan)> =
            (0..count).map(|i| (format!("pod-{i}"), &step.pods[i % step.pods.len()])).collect();
        let others = spec.metrics.iter().zip(step.sources.iter().cycle());
        Scene {
            now_us,
            spec: spec.clone(),
            change: step.change,
            trouble: step.trouble,
            replicas: self.replicas,
            status_replicas: self.replicas.saturating_add_signed(step.more_in_status),
            pods: plans.iter().map(|(name, plan)| self.pod(name, plan, now_s)).collect(),
            usage: self.usage(step.pod_metrics, &plans, spec, now_s),
            figures: others
                .filter_map(|(metric, source)| {
                    Some((metric.label(), self.figures(metric, *source, step, &plans, now_s)?))
                })
                .collect(),
        }
    }

    fn pod(self, name: &str, plan: &PodPlan, now_s: u64) -> ScenePod {
        let start_s = plan.age_s.map(|age_s| now_s - age_s);
        let ready = plan.ready.map(|(status, after_s)| (status, start_s.unwrap_or(now_s) + after_s));
        let requests = plan.request_milli.map(|milli| self.split(milli));
        let request = |index: usize| requests.map(|parts| parts[index]);
        let mut containers = vec![(APP, request(0))];
        if self.case.sidecar {
            containers.push((SIDECAR, request(1)));
        }
        ScenePod {
            name: name.to_owned(),
            phase: plan.phase,
            deleting: plan.deleting,
            ready,
            start_s,
            containers,
        }
    }

    /// What the first container has of a pod's amount, and what the sidecar has.
    fn split(self, milli: i64) -> [i64; 2] {
        let second = if self.case.sidecar { milli / 4 } else { 0 };
        [milli - second, second]
    }

    fn usage(
        self,
        answer: PodMetrics,
        plans: &[(String, &PodPlan)],
        spec: &Spec,
        now_s: u64,
    ) -> Option<Vec<PodUsage>> {
        let of = |(name, plan): &(String, &PodPlan)| self.usage_of(name, plan, spec, now_s);
        match answer {
            PodMetrics::Works => Some(plans.iter().filter_map(of).collect()),
            PodMetrics::WithGone => {
                let gone = plans.first().map(|(_, plan)| (GONE.to_owned(), *plan));
                Some(plans.iter().chain(&gone).filter_map(of).collect())
            }
            PodMetrics::Empty => Some(Vec::new()),
            PodMetrics::Fails => None,
        }
    }

    fn usage_of(self, name: &str, plan: &PodPlan, spec: &Spec, now_s: u64) -> Option<PodUsage> {
        let (age_s, window_s, whole) = match plan.sample {
            SamplePlan::Taken { age_s, window_s } => (age_s, window_s, true),
            SamplePlan::Partly => (15, 30, false),
            SamplePlan::None => return None,
        };
        let used = |index: usize| {
            let of = |resource| {
                let wanted = on_target(spec, resource, plan.request_milli.unwrap_or(1_000));
                (resource, self.split(with_more(self.each(wanted), plan.more_percent))[index])
            };
            RESOURCES.map(of).into()
        };
        let mut containers = vec![(APP, used(0))];
        if self.case.sidecar {
            containers.push((SIDECAR, used(1)));
        }
        if !whole {
            containers.last_mut().expect("it has a container").1 = BTreeMap::new();
        }
        Some(PodUsage { pod: name.to_owned(), at_s: now_s - age_s, window_s, containers })
    }

    fn figures(
        self,
        metric: &MetricSpec,
        source: Source,
        step: &Step,
        plans: &[(String, &PodPlan)],
        now_s: u64,
    ) -> Option<Figures> {
        let sign = if source == Source::Negative { -1 } else { 1 };
        let value = |target: &ValueTarget| match target {
            _ if self.replicas == 0 => sign * step.at_zero_milli,
            ValueTarget::ValueMilli(milli) => sign * self.each(*milli),
            ValueTarget::AverageMilli(milli) => sign * self.all(*milli),
        };
        match metric {
            _ if source == Source::Fails => None,
            MetricSpec::Pods { average_milli, .. } => {
                let of = |name: &str, plan: &PodPlan| {
                    let milli = sign * with_more(self.each(*average_milli), plan.more_percent);
                    (plan.sample != SamplePlan::None).then(|| (name.to_owned(), milli))
                };
                let mut each: Vec<_> = plans.iter().filter_map(|(name, plan)| of(name, plan)).collect();
                match source {
                    Source::Empty => each.clear(),
                    Source::WithOthers => each.push((GONE.to_owned(), *average_milli)),
                    _ => {}
                }
                Some(Figures::Pods(each, now_s))
            }
            MetricSpec::Object { .. } if source == Source::Empty => None,
            MetricSpec::Object { target, .. } => Some(Figures::Object(value(target))),
            MetricSpec::External { target, .. } => Some(Figures::External(match source {
                Source::Empty => Vec::new(),
                Source::WithOthers => vec![value(target) / 2, value(target) - value(target) / 2, 7],
                _ => vec![value(target)],
            })),
            MetricSpec::Resource { .. } | MetricSpec::ContainerResource { .. } => None,
        }
    }

    /// What each pod has of something of which it should have `target_milli`.
    fn each(self, target_milli: i64) -> i64 {
        match self.case.shared {
            true => target_milli * self.level * self.meant_for() / (100 * i64::from(self.replicas.max(1))),
            false => target_milli * self.level / 100,
        }
    }

    /// What there is of something of which every replica should have `target_milli`.
    fn all(self, target_milli: i64) -> i64 {
        let replicas = if self.case.shared { self.meant_for() } else { i64::from(self.replicas) };
        target_milli * self.level * replicas / 100
    }

    /// For how many replicas a shared load is right at 100 %.
    fn meant_for(self) -> i64 {
        i64::from(self.case.replicas.max(1))
    }
}

fn with_more(milli: i64, percent: i64) -> i64 {
    milli * (100 + percent) / 100
}

/// What a pod that requests so much of a resource uses of it when the first metric over it is on target.
fn on_target(spec: &Spec, resource: &str, request_milli: i64) -> i64 {
    let target = spec.metrics.iter().find_map(|metric| match metric {
        MetricSpec::Resource { name, target } | MetricSpec::ContainerResource { name, target, .. } => {
            (name == resource).then_some(*target)
        }
        _ => None,
    });
    match target {
        Some(ResourceTarget::UtilizationPercent(percent)) => request_milli * i64::from(percent) / 100,
        Some(ResourceTarget::AverageMilli(milli)) => milli,
        None => request_milli,
    }
}
