//! Which pods count: the grouping that comes before every per-pod metric.

use std::collections::{BTreeMap, BTreeSet};

use super::{ConditionStatus, Phase, Pod, PodCounts, Ready, Sample, Settings};

/// The pods of one metric, grouped.
#[derive(Debug, Default)]
pub(super) struct Groups<'a> {
    pub(super) ready: u32,
    pub(super) unready: BTreeSet<&'a str>,
    pub(super) missing: BTreeSet<&'a str>,
    pub(super) ignored: BTreeSet<&'a str>,
}

impl Groups<'_> {
    pub(super) fn counts(&self) -> PodCounts {
        let count = |names: &BTreeSet<&str>| u32::try_from(names.len()).unwrap_or(u32::MAX);
        PodCounts {
            ready: self.ready,
            unready: count(&self.unready),
            missing: count(&self.missing),
            ignored: count(&self.ignored),
        }
    }
}

/// Groups the pods for a metric with these samples. A pod belongs to the first group that fits: ignored
/// (going away or failed), unready (pending), missing (no sample), for CPU also [unready](cpu_unready), else
/// ready.
pub(super) fn group<'a>(
    pods: &'a [Pod],
    samples: &BTreeMap<String, Sample>,
    is_cpu: bool,
    settings: &Settings,
    now_us: u64,
) -> Groups<'a> {
    let mut groups = Groups::default();
    for pod in pods {
        let name = pod.name.as_str();
        if pod.deleting || pod.phase == Phase::Failed {
            groups.ignored.insert(name);
        } else if pod.phase == Phase::Pending {
            groups.unready.insert(name);
        } else if let Some(sample) = samples.get(name) {
            if is_cpu && cpu_unready(pod, sample, settings, now_us) {
                groups.unready.insert(name);
            } else {
                groups.ready += 1;
            }
        } else {
            groups.missing.insert(name);
        }
    }
    groups
}

/// Whether a running pod's CPU sample says more about its start than about its load.
fn cpu_unready(pod: &Pod, sample: &Sample, settings: &Settings, now_us: u64) -> bool {
    let (Some(Ready { status, since_us }), Some(start_us)) = (pod.ready, pod.start_us) else { return true };
    let not_ready = status == ConditionStatus::False;
    if start_us.saturating_add(settings.cpu_initialization_period_us) > now_us {
        // While a pod initializes, a sample counts only if all of it was taken since the pod became ready.
        not_ready || sample.at_us < since_us.saturating_add(sample.window_us)
    } else {
        // Later, a pod that turned unready after it had been ready still does its share of the work.
        not_ready && start_us.saturating_add(settings.initial_readiness_delay_us) > since_us
    }
}

/// How many pods are running and Ready. This is what Object and External metrics scale by.
pub(super) fn running_and_ready(pods: &[Pod]) -> u32 {
    let is_ready = |pod: &&Pod| {
        pod.phase == Phase::Running && pod.ready.is_some_and(|ready| ready.status == ConditionStatus::True)
    };
    u32::try_from(pods.iter().filter(is_ready).count()).unwrap_or(u32::MAX)
}
