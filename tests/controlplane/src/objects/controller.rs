//! What makes pods: Deployment, StatefulSet and Job.

use serde_json::{Map, Value, json};

use super::container::{Container, a_container};
use super::object::{Build, Object};

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Deployment,
    StatefulSet,
    Job,
}

/// A Deployment, StatefulSet or Job of pods with the label `app: NAME`.
#[derive(Debug, Clone)]
pub struct Controller {
    kind: Kind,
    name: String,
    namespace: String,
    replicas: Option<u32>,
    grace_s: u32,
    containers: Vec<Container>,
    labels: Map<String, Value>,
    annotations: Map<String, Value>,
    merged: Vec<Value>,
}

impl Controller {
    fn new(kind: Kind, name: &str) -> Self {
        Self {
            kind,
            name: name.to_owned(),
            namespace: "default".to_owned(),
            replicas: (kind != Kind::Job).then_some(1),
            grace_s: 5,
            containers: Vec::new(),
            labels: Map::from_iter([("app".to_owned(), json!(name))]),
            annotations: Map::new(),
            merged: Vec::new(),
        }
    }

    /// Puts it into a namespace; `default` unless told.
    #[must_use]
    pub fn in_namespace(mut self, namespace: &str) -> Self {
        namespace.clone_into(&mut self.namespace);
        self
    }

    /// How many pods; one unless told.
    #[must_use]
    pub fn with_replicas(mut self, replicas: u32) -> Self {
        self.replicas = Some(replicas);
        self
    }

    /// Leaves `spec.replicas` to others, such as an autoscaler.
    #[must_use]
    pub fn without_replicas(mut self) -> Self {
        self.replicas = None;
        self
    }

    /// Adds a container; [`a_container`] if there is none at all.
    #[must_use]
    pub fn with_container(mut self, container: Container) -> Self {
        self.containers.push(container);
        self
    }

    /// Adds a label to its pods.
    #[must_use]
    pub fn with_pod_label(mut self, key: &str, value: &str) -> Self {
        self.labels.insert(key.to_owned(), json!(value));
        self
    }

    /// Adds an annotation to its pods.
    #[must_use]
    pub fn with_pod_annotation(mut self, key: &str, value: &str) -> Self {
        self.annotations.insert(key.to_owned(), json!(value));
        self
    }

    /// How long its pods may take to end, in seconds; 5 unless told.
    #[must_use]
    pub fn with_grace(mut self, seconds: u32) -> Self {
        self.grace_s = seconds;
        self
    }

    /// A volume of its own for each pod (StatefulSet), of a class and a size.
    #[must_use]
    pub fn with_volume(self, class: &str, size: &str) -> Self {
        self.merged_with(json!({
            "spec": { "volumeClaimTemplates": [{
                "metadata": { "name": "data" },
                "spec": {
                    "storageClassName": class,
                    "accessModes": ["ReadWriteOnce"],
                    "resources": { "requests": { "storage": size } },
                },
            }] },
        }))
    }

    /// Merges any fields into it, last of all (RFC 7386).
    #[must_use]
    pub fn merged_with(mut self, fields: Value) -> Self {
        self.merged.push(fields);
        self
    }
}

impl Build for Controller {
    fn build(&self) -> Object {
        let containers = match self.containers.as_slice() {
            [] => vec![a_container().value()],
            containers => containers.iter().map(Container::value).collect(),
        };
        let mut spec = json!({
            "template": {
                "metadata": { "labels": self.labels, "annotations": self.annotations },
                "spec": {
                    "terminationGracePeriodSeconds": self.grace_s,
                    // What a default of five minutes would do to a test that loses a node.
                    "tolerations": [
                        { "key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 2 },
                        { "key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 2 },
                    ],
                    "containers": containers,
                },
            },
        });
        if let Some(replicas) = self.replicas.filter(|_| self.kind != Kind::Job) {
            spec["replicas"] = json!(replicas);
        }
        if self.kind == Kind::Job {
            spec["template"]["spec"]["restartPolicy"] = json!("Never");
        } else {
            spec["selector"] = json!({ "matchLabels": { "app": self.name } });
        }
        if self.kind == Kind::StatefulSet {
            spec["serviceName"] = json!(self.name);
        }
        let (version, kind) = match self.kind {
            Kind::Deployment => ("apps/v1", "Deployment"),
            Kind::StatefulSet => ("apps/v1", "StatefulSet"),
            Kind::Job => ("batch/v1", "Job"),
        };
        let object = Object::new(json!({
            "apiVersion": version,
            "kind": kind,
            "metadata": { "name": self.name, "namespace": self.namespace, "labels": { "app": self.name } },
            "spec": spec,
        }));
        self.merged.iter().fold(object, |object, fields| object.merged_with(fields.clone()))
    }
}

/// A Deployment.
pub fn a_deployment(name: &str) -> Controller {
    Controller::new(Kind::Deployment, name)
}

/// A StatefulSet.
pub fn a_stateful_set(name: &str) -> Controller {
    Controller::new(Kind::StatefulSet, name)
}

/// A Job whose pod is not restarted.
pub fn a_job(name: &str) -> Controller {
    Controller::new(Kind::Job, name)
}
