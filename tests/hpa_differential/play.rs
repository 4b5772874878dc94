//! Plays a case to both.

use std::fmt::Write;

use serde::Serialize;
use springback::autoscaler::{Decision, Input, State, decide};

use crate::case::{Case, Change, S};
use crate::compare::{CONDITIONS, differences, shown};
use crate::controller::{Answer, Controller};
use crate::coverage::Coverage;
use crate::scene::{Scene, Scenes};
use crate::{documents, input};

/// How a case went.
pub(crate) struct Play {
    /// The decisions that were compared. None is after the first that differs: from then on the two are not in the
    /// same situation.
    pub(crate) compared: u64,
    /// The case as far as the first difference, for people.
    pub(crate) difference: Option<String>,
}

pub(crate) fn play(case: &Case, controller: &mut Controller, coverage: &mut Coverage) -> Play {
    controller.open(&documents::opening(&case.spec, &case.settings));
    let mut scenes = Scenes::of(case);
    let mut state = State::default();
    let (mut replicas, mut desired) = (case.replicas, 0);
    let mut compared = 0;
    let mut story = String::new();
    for step in &case.steps {
        let scene = scenes.next(step, replicas);
        if scene.change == Change::Restart {
            // The conditions are the autoscaler's; all else is the controller's, and goes with it.
            state = State {
                conditions: state.conditions,
                scaled_to_zero: state.scaled_to_zero,
                ..State::default()
            };
        }
        let seen = input::of(&scene);
        let answer = controller.sync(&documents::sync(&scene));
        let decision = decide(&scene.spec, &case.settings, &mut state, &seen);
        let found = differences(&decision, &state, &seen, &answer, desired);
        compared += 1;
        coverage.add(&answer.status);
        tell(&mut story, &scene, &seen, &answer);
        if !found.is_empty() {
            let difference = report(case, &story, &found, &seen, &decision);
            return Play { compared, difference: Some(difference) };
        }
        replicas = answer.wrote.unwrap_or(scene.replicas);
        desired = answer.status.desired_replicas;
    }
    Play { compared, difference: None }
}

/// One line for a sync.
pub(crate) fn tell(story: &mut String, scene: &Scene, seen: &Input, answer: &Answer) {
    let Scene { now_us, change, trouble, replicas, spec, .. } = scene;
    let wrote = answer.wrote.map_or_else(|| "writes nothing".to_owned(), |wrote| format!("writes {wrote}"));
    let conditions = CONDITIONS.map(|name| format!("{name} {}", shown(&answer.status, name))).join(", ");
    let _ = writeln!(
        story,
        "at {}.{:06} s, {replicas} replicas ({} in its status, {} pods), bounds {} to {}, {change:?}, {trouble:?}\n\
         \x20   Kubernetes {wrote}; {conditions}",
        now_us / S,
        now_us % S,
        scene.status_replicas,
        seen.pods.len(),
        spec.min_replicas,
        spec.max_replicas,
    );
}

/// Everything about the sync at which the two first differ.
pub(crate) fn report(
    case: &Case,
    story: &str,
    found: &[String],
    seen: &Input,
    decision: &Decision,
) -> String {
    let mut text = format!("specification {}\nsettings {}\n\n", json(&case.spec), json(&case.settings));
    text += story;
    let _ = writeln!(text, "\nAt the last of these:\n  {}\n\nWhat the model saw then:", found.join("\n  "));
    for pod in &seen.pods {
        let _ = writeln!(text, "  {}", json(pod));
    }
    for metric in &case.spec.with_defaults().metrics {
        let reading = seen.readings.get(&metric.key()).map_or_else(|| "nothing".to_owned(), json);
        let _ = writeln!(text, "  {}: {reading}", metric.key());
    }
    let _ = writeln!(text, "\nWhat it made of it:");
    for metric in &decision.metrics {
        let _ = writeln!(text, "  {}", json(metric));
    }
    let Decision { recommended, stabilized, limited, desired, .. } = decision;
    let _ = writeln!(
        text,
        "  recommended {recommended:?}, stabilized {stabilized:?}, limited {limited:?}: {desired}"
    );
    text
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("it can be written")
}
