//! HorizontalPodAutoscalers.

use std::time::Duration;

use serde_json::{Value, json};

use super::object::{Build, Object};

/// A HorizontalPodAutoscaler (`autoscaling/v2`) of a workload.
#[derive(Debug, Clone)]
pub struct Autoscaler(Object);

/// An HPA for the Deployment of the same name in `default`, on the CPU that its pods use of what they request.
pub fn an_hpa(name: &str, min: u32, max: u32, cpu_percent: u32) -> Autoscaler {
    Autoscaler(Object::new(json!({
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": { "name": name, "namespace": "default", "labels": { "app": name } },
        "spec": {
            "scaleTargetRef": { "apiVersion": "apps/v1", "kind": "Deployment", "name": name },
            "minReplicas": min,
            "maxReplicas": max,
            "metrics": [{
                "type": "Resource",
                "resource": { "name": "cpu", "target": { "type": "Utilization", "averageUtilization": cpu_percent } },
            }],
        },
    })))
}

impl Autoscaler {
    /// Puts it into a namespace.
    #[must_use]
    pub fn in_namespace(self, namespace: &str) -> Self {
        Self(self.0.in_namespace(namespace))
    }

    /// Scales something else, such as `("apps/v1", "StatefulSet", "orders")`.
    #[must_use]
    pub fn of(self, api_version: &str, kind: &str, name: &str) -> Self {
        self.merged_with(json!({
            "spec": { "scaleTargetRef": { "apiVersion": api_version, "kind": kind, "name": name } },
        }))
    }

    /// How long the largest recommendation holds before replicas go down.
    #[must_use]
    pub fn scaling_down_after(self, window: Duration) -> Self {
        self.merged_with(json!({
            "spec": { "behavior": { "scaleDown": { "stabilizationWindowSeconds": window.as_secs() } } },
        }))
    }

    /// Merges any fields into it (RFC 7386).
    #[must_use]
    pub fn merged_with(self, fields: Value) -> Self {
        Self(self.0.merged_with(fields))
    }
}

impl Build for Autoscaler {
    fn build(&self) -> Object {
        self.0.clone()
    }
}
