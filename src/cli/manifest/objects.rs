//! Jobs that run springback, and what they write to.

use serde_json::{Value, json};

use super::files::{Files, REPORTS, SCENARIOS};

/// The user that the image runs as; nobody's, by convention.
const USER: u32 = 65_532;
/// How long a reaper may take. In seconds; its heals are a few requests each.
const REAPER_DEADLINE_S: u64 = 240;
/// What a job may take beyond its heals after it was asked to end. In seconds.
const GRACE_MARGIN_S: u64 = 60;

/// When a job runs.
#[derive(Clone, Copy)]
pub(super) enum Trigger<'a> {
    /// As a CronJob says.
    Schedule(&'a str),
    /// When it is created.
    Once,
    /// After each sync of Argo CD.
    PostSync,
}

/// A job that runs scenarios.
pub(super) struct Job<'a> {
    pub(super) name: &'a str,
    pub(super) namespace: &'a str,
    pub(super) image: &'a str,
    pub(super) claim: &'a str,
    pub(super) files: &'a Files,
    pub(super) args: Vec<String>,
    pub(super) deadline_s: u64,
}

impl Job<'_> {
    pub(super) fn object(&self, trigger: Trigger<'_>) -> Value {
        let mut metadata = metadata(self.name, self.namespace);
        match trigger {
            Trigger::Schedule(schedule) => cron_job(metadata, schedule, &self.spec()),
            Trigger::Once => job(&metadata, &self.spec()),
            Trigger::PostSync => {
                metadata["annotations"] = json!({
                    "argocd.argoproj.io/hook": "PostSync",
                    "argocd.argoproj.io/hook-delete-policy": "BeforeHookCreation",
                });
                job(&metadata, &self.spec())
            }
        }
    }

    fn spec(&self) -> Value {
        let environment =
            self.files.environment().map(|(name, value)| json!({ "name": name, "value": value }));
        let pod = Pod {
            account: self.name,
            image: self.image,
            args: self.args.clone(),
            environment: environment.collect(),
            // Longer than the worst heal: SIGKILL must not come before everything is as it was.
            grace_s: crate::run::heal_at_most().as_secs() + GRACE_MARGIN_S,
            volumes: vec![
                (SCENARIOS, self.files.volume(&format!("{}-scenarios", self.name)), true),
                (
                    REPORTS,
                    json!({ "name": "reports", "persistentVolumeClaim": { "claimName": self.claim } }),
                    false,
                ),
            ],
        };
        job_spec(self.deadline_s, &pod)
    }
}

/// A job that heals what died in a namespace, again and again.
pub(super) fn reaper(name: &str, namespace: &str, image: &str, schedule: &str) -> Value {
    let words = ["heal", "--in-cluster", "--namespace", namespace];
    let pod = Pod {
        account: name,
        image,
        args: words.map(str::to_owned).to_vec(),
        environment: Vec::new(),
        grace_s: GRACE_MARGIN_S,
        volumes: Vec::new(),
    };
    cron_job(metadata(name, namespace), schedule, &job_spec(REAPER_DEADLINE_S, &pod))
}

/// Room for reports that outlive their pod.
pub(super) fn claim(name: &str, namespace: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": metadata(name, namespace),
        "spec": { "accessModes": ["ReadWriteOnce"], "resources": { "requests": { "storage": "1Gi" } } },
    })
}

/// Of everything here.
fn metadata(name: &str, namespace: &str) -> Value {
    json!({ "name": name, "namespace": namespace, "labels": labels() })
}

fn labels() -> Value {
    json!({ "app.kubernetes.io/name": "springback" })
}

fn job(metadata: &Value, spec: &Value) -> Value {
    json!({ "apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec })
}

fn cron_job(metadata: Value, schedule: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": metadata,
        "spec": {
            "schedule": schedule,
            // Two game days at once would only refuse each other.
            "concurrencyPolicy": "Forbid",
            "startingDeadlineSeconds": 3600,
            "successfulJobsHistoryLimit": 3,
            "failedJobsHistoryLimit": 3,
            "jobTemplate": { "spec": spec },
        },
    })
}

/// A verdict is not tried again: a second run would find what the first one left.
fn job_spec(deadline_s: u64, pod: &Pod<'_>) -> Value {
    json!({
        "backoffLimit": 0,
        "activeDeadlineSeconds": deadline_s,
        "template": { "metadata": { "labels": labels() }, "spec": pod.spec() },
    })
}

/// What runs springback.
struct Pod<'a> {
    account: &'a str,
    image: &'a str,
    args: Vec<String>,
    environment: Vec<Value>,
    grace_s: u64,
    /// Where, what, and whether it is only read.
    volumes: Vec<(&'static str, Value, bool)>,
}

impl Pod<'_> {
    fn spec(&self) -> Value {
        // Its own node is never struck: so it has to know which one that is.
        let node =
            json!({ "name": "NODE_NAME", "valueFrom": { "fieldRef": { "fieldPath": "spec.nodeName" } } });
        let environment: Vec<&Value> = std::iter::once(&node).chain(&self.environment).collect();
        let mounts: Vec<Value> = self
            .volumes
            .iter()
            .map(|(path, volume, read_only)| json!({ "name": volume["name"], "mountPath": path, "readOnly": read_only }))
            .collect();
        let volumes: Vec<&Value> = self.volumes.iter().map(|(_, volume, _)| volume).collect();
        json!({
            "serviceAccountName": self.account,
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": self.grace_s,
            "securityContext": {
                "runAsNonRoot": true,
                "runAsUser": USER,
                "runAsGroup": USER,
                "fsGroup": USER,
                "seccompProfile": { "type": "RuntimeDefault" },
            },
            "containers": [{
                "name": "springback",
                "image": self.image,
                "args": self.args,
                "env": environment,
                "resources": {
                    "requests": { "cpu": "500m", "memory": "128Mi" },
                    "limits": { "memory": "512Mi" },
                },
                "securityContext": {
                    "allowPrivilegeEscalation": false,
                    "capabilities": { "drop": ["ALL"] },
                    "readOnlyRootFilesystem": true,
                },
                "terminationMessagePolicy": "FallbackToLogsOnError",
                "volumeMounts": mounts,
            }],
            "volumes": volumes,
        })
    }
}
