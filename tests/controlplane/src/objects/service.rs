//! Services.

use serde_json::{Value, json};

use super::object::{Build, Object};

/// A Service.
#[derive(Debug, Clone)]
pub struct Service(Object);

/// A Service of type LoadBalancer on a port, for the pods with the label `app: NAME`, in `default`.
pub fn a_service(name: &str, port: u16) -> Service {
    Service(Object::new(json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": { "name": name, "namespace": "default", "labels": { "app": name } },
        "spec": {
            "type": "LoadBalancer",
            "selector": { "app": name },
            "ports": [{ "name": "http", "port": port, "targetPort": "http" }],
        },
    })))
}

impl Service {
    /// Puts it into a namespace.
    #[must_use]
    pub fn in_namespace(self, namespace: &str) -> Self {
        Self(self.0.in_namespace(namespace))
    }

    /// Merges any fields into it (RFC 7386).
    #[must_use]
    pub fn merged_with(self, fields: Value) -> Self {
        Self(self.0.merged_with(fields))
    }
}

impl Build for Service {
    fn build(&self) -> Object {
        self.0.clone()
    }
}
