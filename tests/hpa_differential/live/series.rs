//! One autoscaler of a live control plane, sync by sync.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::Value;
use springback::autoscaler::{ConditionStatus, MetricSpec, Phase, Settings, Spec, State, decide};
use tokio::time::Instant;

use super::{PERIODS_S, SYNCS, WINDOWS_S};
use crate::case::{Case, Change, PodPlan, SamplePlan, Step, Trouble};
use crate::compare::differences;
use crate::controller::{Answer, Status};
use crate::play::{report, tell};
use crate::scene::{START_US, Scene, Scenes};
use crate::specs::{any_metric, behavior, named, value_metric};
use crate::steps::{sound_pod, step};
use crate::{documents, input};

/// One autoscaler and what became of it.
pub(super) struct Series {
    pub(super) namespace: String,
    pub(super) case: Case,
    state: State,
    began: Instant,
    /// The sync that is under way, or the last one.
    current: Option<Sync>,
    /// What Kubernetes showed after each sync.
    pub(super) shown: Vec<Status>,
    story: String,
    pub(super) difference: Option<String>,
}

/// A sync of which the outcome is not known yet.
struct Sync {
    scene: Scene,
    /// What the metrics APIs answer in it.
    documents: Value,
    desired_before: u32,
}

/// What there is between two syncs.
pub(super) struct Between {
    pub(super) status: Status,
    pub(super) replicas: u32,
    pub(super) status_replicas: u32,
}

/// A case for real time. At most one metric is about resources, since two of one pod are asked for in the same words.
pub(super) fn case(settings: Settings) -> impl Strategy<Value = Case> {
    let metrics = (any_metric(), option::of(value_metric()));
    let bounds = (1..=3_u32, select(vec![10_u32, 3, 30]), 0..=7_u32);
    let behavior = option::weighted(0.7, behavior(WINDOWS_S, PERIODS_S));
    (metrics, bounds, behavior, any::<bool>(), any::<bool>(), vec(step(), SYNCS)).prop_map(
        move |((first, second), (min, max, above), behavior, shared, sidecar, steps)| {
            let metrics = [Some(first), second].into_iter().flatten().enumerate();
            let metrics = metrics.map(|(index, metric)| named(metric, index)).collect();
            let spec = Spec { min_replicas: min, max_replicas: max, metrics, behavior };
            // Within the bounds: outside of them the controller asks for no metric.
            let replicas = (min + above).min(max);
            Case { spec, settings: settings.clone(), replicas, shared, sidecar, steps }
        },
    )
}

/// The pods that every target has, however many replicas it asks for: most are well, one has no sample, one is not
/// ready, one has not started.
fn pods() -> Vec<PodPlan> {
    let sound = sound_pod();
    vec![
        sound.clone(),
        sound.clone(),
        sound.clone(),
        PodPlan { sample: SamplePlan::None, ..sound.clone() },
        PodPlan { ready: Some((ConditionStatus::False, 1_000)), ..sound.clone() },
        PodPlan { phase: Phase::Pending, ready: None, age_s: None, ..sound },
    ]
}

impl Series {
    pub(super) fn new(index: usize, case: Case) -> Self {
        Self {
            namespace: format!("series-{index}"),
            case,
            state: State::default(),
            began: Instant::now(),
            current: None,
            shown: Vec::new(),
            story: String::new(),
            difference: None,
        }
    }

    /// Whether there is nothing left to compare.
    pub(super) fn is_over(&self) -> bool {
        self.shown.len() == SYNCS || self.difference.is_some()
    }

    /// The pods as objects.
    pub(super) fn pods(&self) -> Vec<Value> {
        let scene = Scenes::of(&self.case).next(&self.step(0, self.case.replicas), self.case.replicas);
        scene.pods.iter().map(documents::pod).collect()
    }

    /// The metric that the controller asks for first.
    pub(super) fn first_metric(&self) -> &MetricSpec {
        &self.case.spec.metrics[0]
    }

    /// What the case has for a sync, with the pods that are really there and nothing that only a fake can do.
    fn step(&self, index: usize, replicas: u32) -> Step {
        let pods = pods();
        let more_pods = i32::try_from(pods.len()).expect("they are few") - replicas.cast_signed();
        Step {
            wait_us: 0,
            change: Change::Nothing,
            trouble: Trouble::None,
            more_in_status: 0,
            more_pods,
            pods,
            ..self.case.steps[index].clone()
        }
    }

    /// A sync begins: the one before is over, and this is what came of it.
    pub(super) fn begin(&mut self, between: Between) {
        if let Some(sync) = self.current.take() {
            self.finish(&sync, &between);
        }
        let index = self.shown.len().min(SYNCS - 1);
        // Each scene comes from the case anew; the level is the only thing that one inherits from those before it.
        let mut step = self.step(index, between.replicas);
        step.level = self.case.steps[..=index].iter().rev().find_map(|step| step.level);
        let mut scene = Scenes::of(&self.case).next(&step, between.replicas);
        scene.status_replicas = between.status_replicas;
        let mut message = documents::sync(&scene);
        let documents = message["sync"].take();
        self.current = Some(Sync { scene, documents, desired_before: between.status.desired_replicas });
    }

    fn finish(&mut self, sync: &Sync, between: &Between) {
        if self.is_over() {
            return;
        }
        let scene = &sync.scene;
        let seen = input::of(scene);
        let answer = Answer {
            status: between.status.clone(),
            measured: None,
            wrote: (between.replicas != scene.replicas).then_some(between.replicas),
        };
        let decision = decide(&scene.spec, &self.case.settings, &mut self.state, &seen);
        let found = differences(&decision, &self.state, &seen, &answer, sync.desired_before);
        tell(&mut self.story, scene, &seen, &answer);
        if !found.is_empty() {
            self.difference = Some(report(&self.case, &self.story, &found, &seen, &decision));
        }
        self.shown.push(answer.status);
    }

    /// What an API answers in the sync that is under way, which from now on has seen it.
    pub(super) fn answer(&mut self, api: &str, metric: Option<&str>) -> Value {
        let Some(sync) = &mut self.current else { return Value::Null };
        let elapsed = u64::try_from(self.began.elapsed().as_micros()).expect("a test is short");
        sync.scene.now_us = START_US + elapsed;
        match metric {
            Some(metric) => sync.documents[api][metric].clone(),
            None => sync.documents[api].clone(),
        }
    }
}
