//! A scene as the input of the model.

use std::collections::BTreeMap;

use springback::autoscaler::{Input, Pod, Reading, Ready, Sample, ScaleAccess, Selection};

use crate::case::{S, Trouble};
use crate::scene::{APP, DEFAULT_WINDOW_S, Figures, PodUsage, RESOURCES, Scene, ScenePod};

pub(crate) fn of(scene: &Scene) -> Input {
    let mut readings = BTreeMap::new();
    for resource in RESOURCES {
        readings.insert(whole(resource), usage(scene, |pod| whole_usage(pod, resource)));
        readings.insert(container(resource), usage(scene, |pod| container_usage(pod, resource)));
    }
    for (metric, figures) in &scene.figures {
        let (key, reading) = reading(metric, figures);
        readings.insert(key, reading);
    }
    Input {
        now_us: scene.now_us,
        spec_replicas: scene.replicas,
        status_replicas: scene.status_replicas,
        pods: scene.pods.iter().map(pod).collect(),
        readings,
        scale: match scene.trouble {
            Trouble::ScaleNotReadable => ScaleAccess::FailedGet("it cannot be read".into()),
            Trouble::ScaleNotWritable => ScaleAccess::FailedUpdate("it cannot be written".into()),
            _ => ScaleAccess::Works,
        },
        selection: match scene.trouble {
            Trouble::NoSelector | Trouble::BadSelector => Selection::Invalid("it cannot be used".into()),
            // Two selectors that select nothing do not meet.
            Trouble::Rival if !scene.pods.is_empty() => Selection::Ambiguous("there is a rival".into()),
            _ => Selection::Works,
        },
    }
}

fn whole(resource: &str) -> String {
    format!("Resource/{resource}")
}

fn container(resource: &str) -> String {
    format!("ContainerResource/{APP}/{resource}")
}

fn pod(pod: &ScenePod) -> Pod {
    let mut requests_milli = BTreeMap::new();
    let all: Option<i64> = pod.containers.iter().map(|(_, request_milli)| *request_milli).sum();
    let first = pod.containers[0].1;
    for resource in RESOURCES {
        requests_milli.extend(all.map(|milli| (whole(resource), milli)));
        requests_milli.extend(first.map(|milli| (container(resource), milli)));
    }
    Pod {
        name: pod.name.clone(),
        phase: pod.phase,
        deleting: pod.deleting,
        ready: pod.ready.map(|(status, since_s)| Ready { status, since_us: since_s * S }),
        start_us: pod.start_s.map(|start_s| start_s * S),
        requests_milli,
    }
}

fn usage(scene: &Scene, of: impl Fn(&PodUsage) -> Option<i64>) -> Reading {
    let Some(pods) = &scene.usage else { return Reading::Error("the metrics API fails".into()) };
    let sample = |pod: &PodUsage| {
        let sample = Sample { value_milli: of(pod)?, at_us: pod.at_s * S, window_us: pod.window_s * S };
        Some((pod.pod.clone(), sample))
    };
    Reading::Pods(pods.iter().filter_map(sample).collect())
}

/// A pod's usage is known only where that of each container is.
fn whole_usage(pod: &PodUsage, resource: &str) -> Option<i64> {
    pod.containers.iter().map(|(_, used_milli)| used_milli.get(resource).copied()).sum()
}

fn container_usage(pod: &PodUsage, resource: &str) -> Option<i64> {
    pod.containers.iter().find(|(name, _)| *name == APP)?.1.get(resource).copied()
}

fn reading(metric: &str, figures: &Figures) -> (String, Reading) {
    match figures {
        Figures::Pods(each, at_s) => {
            let sample =
                |value_milli| Sample { value_milli, at_us: at_s * S, window_us: DEFAULT_WINDOW_S * S };
            let samples = each.iter().map(|(pod, milli)| (pod.clone(), sample(*milli))).collect();
            (format!("Pods/{metric}"), Reading::Pods(samples))
        }
        Figures::Object(milli) => (format!("Object/{metric}"), Reading::ValueMilli(*milli)),
        Figures::External(values) => {
            let reading = match values.is_empty() {
                true => Reading::Error("there is no value".into()),
                false => Reading::ValueMilli(values.iter().sum()),
            };
            (format!("External/{metric}"), reading)
        }
    }
}
