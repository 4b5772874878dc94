//! What a pod's status says: the kubelet's half of it, as a patch.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::clock::{now, seconds};
use super::state::{State, Status, Termination};

/// What of a pod's status does not come from its containers.
pub(super) struct Fixed<'a> {
    pub(super) uid: &'a str,
    pub(super) node_ip: &'a str,
    pub(super) pod_ip: &'a str,
    pub(super) started: Timestamp,
}

/// Since when each condition has been as it is.
#[derive(Debug, Default)]
pub(super) struct Transitions(BTreeMap<&'static str, (bool, String)>);

impl Transitions {
    fn condition(
        &mut self,
        kind: &'static str,
        is: bool,
        reason: Option<&str>,
        message: Option<&str>,
    ) -> Value {
        let (was, since) = self.0.entry(kind).or_insert_with(|| (is, seconds(now())));
        if *was != is {
            (*was, *since) = (is, seconds(now()));
        }
        json!({
            "type": kind,
            "status": if is { "True" } else { "False" },
            "reason": reason,
            "message": message,
            "lastTransitionTime": since,
        })
    }
}

/// The patch (strategic merge) that brings a pod's status to what its containers do.
pub(super) fn patch(fixed: &Fixed<'_>, containers: &[(&str, Status)], since: &mut Transitions) -> Value {
    let phase = phase(containers);
    let running = containers.iter().any(|(_, status)| status.process.is_some() || status.restarts > 0);
    let unready: Vec<_> =
        containers.iter().filter(|(_, status)| !status.ready).map(|(name, _)| *name).collect();
    let ready = unready.is_empty();
    let message = format!("containers with unready status: [{}]", unready.join(" "));
    let (reason, message) = match phase {
        _ if ready => (None, None),
        "Succeeded" => (Some("PodCompleted"), None),
        "Failed" => (Some("PodFailed"), None),
        _ => (Some("ContainersNotReady"), Some(message.as_str())),
    };
    let statuses: Vec<_> =
        containers.iter().map(|(name, status)| container(fixed.uid, name, status)).collect();
    let mut status = json!({
        "phase": phase,
        "hostIP": fixed.node_ip,
        "hostIPs": [{ "ip": fixed.node_ip }],
        "startTime": seconds(fixed.started),
        "conditions": [
            since.condition("PodReadyToStartContainers", running, None, None),
            since.condition("Initialized", true, None, None),
            since.condition("ContainersReady", ready, reason, message),
            since.condition("Ready", ready, reason, message),
        ],
        "containerStatuses": statuses,
    });
    if running {
        status["podIP"] = json!(fixed.pod_ip);
        status["podIPs"] = json!([{ "ip": fixed.pod_ip }]);
    }
    json!({ "metadata": { "uid": fixed.uid }, "status": status })
}

/// Where a pod is in its life.
fn phase(containers: &[(&str, Status)]) -> &'static str {
    let finished = containers.iter().all(|(_, status)| status.finished);
    let failed = containers.iter().any(|(_, status)| match &status.state {
        State::Terminated(ended) => ended.exit.code != 0,
        // It never ran.
        _ => true,
    });
    let never_ran = |status: &Status| {
        status.restarts == 0 && status.last.is_none() && matches!(status.state, State::Waiting { .. })
    };
    if finished {
        if failed { "Failed" } else { "Succeeded" }
    } else if containers.iter().any(|(_, status)| never_ran(status)) {
        "Pending"
    } else {
        "Running"
    }
}

fn container(uid: &str, name: &str, status: &Status) -> Value {
    let id = |run: u32| format!("standin://{uid}/{name}/{run}");
    // The fields that do not hold are taken away by name, or the old state would stay beside the new one.
    let state = match &status.state {
        State::Waiting { reason, message } => json!({
            "waiting": { "reason": reason, "message": message }, "running": null, "terminated": null,
        }),
        State::Running { since } => json!({
            "waiting": null, "running": { "startedAt": seconds(*since) }, "terminated": null,
        }),
        State::Terminated(ended) => json!({
            "waiting": null, "running": null, "terminated": terminated(ended, &id(status.restarts)),
        }),
    };
    let mut value = json!({
        "name": name,
        "state": state,
        "ready": status.ready,
        "started": status.started,
        "restartCount": status.restarts,
        "image": "standin",
        "imageID": "standin",
    });
    if let Some(last) = &status.last {
        value["lastState"] =
            json!({ "terminated": terminated(last, &id(status.restarts.saturating_sub(1))) });
    }
    if !matches!(status.state, State::Waiting { .. }) {
        value["containerID"] = json!(id(status.restarts));
    }
    value
}

fn terminated(ended: &Termination, id: &str) -> Value {
    json!({
        "exitCode": ended.exit.code,
        "signal": ended.exit.signal,
        "reason": ended.reason,
        "message": ended.message,
        "startedAt": seconds(ended.started),
        "finishedAt": seconds(ended.finished),
        "containerID": id,
    })
}

/// What is left of a grace that began when the pod was told to go.
pub(super) fn grace_left(deletion: Timestamp) -> Duration {
    // The deletion's timestamp is when the grace is over.
    Duration::try_from(deletion.duration_since(now())).unwrap_or_default()
}
