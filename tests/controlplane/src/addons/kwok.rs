use k8s_openapi::api::core::v1::Node;
use serde_json::json;

use crate::build::files;
use crate::module::STAGES;
use crate::ports::Port;
use crate::{Component, ControlPlane, Error, Module};

/// KWOK keeps the nodes that carry this annotation, and the pods on them. Karpenter's provider sets it too.
const ANNOTATION: (&str, &str) = ("kwok.x-k8s.io/node", "fake");

impl ControlPlane {
    /// Starts KWOK. It says of nodes with the annotation `kwok.x-k8s.io/node: fake` that they are alive, and of pods on
    /// them that they run, are ready, and are gone when they are deleted; those of Jobs complete at once. All other
    /// nodes and their pods are left alone.
    ///
    /// # Errors
    /// It cannot be built, or does not become ready.
    pub async fn start_kwok(&self) -> Result<(), Error> {
        let built = self.built(Module::Kwok).await?;
        let home = self.home(Component::Kwok)?;
        let (name, value) = ANNOTATION;
        let mut args = vec![
            format!("--kubeconfig={}", home.kubeconfig),
            format!("--manage-nodes-with-annotation-selector={name}={value}"),
            // A lease is renewed four times in its length, and so in the time for which a node may be silent.
            format!(
                "--node-lease-duration-seconds={}",
                self.builder.node_monitor_grace_period.as_secs().max(1)
            ),
            format!("--server-address={}", self.ports.address(Port::Kwok)),
            "--cidr=10.245.0.0/16".to_owned(),
        ];
        args.extend(files(&built.join(STAGES))?.iter().map(|stage| format!("--config={}", stage.display())));
        self.launch(Component::Kwok, &built.join("kwok"), args, Vec::new())?;
        self.ready(Component::Kwok).await
    }
}

/// A node that KWOK keeps: 32 CPUs, 256 GiB, room for 110 pods.
pub fn kwok_node(name: &str, zone: &str) -> Node {
    let (annotation, value) = ANNOTATION;
    let capacity = json!({ "cpu": "32", "memory": "256Gi", "pods": "110" });
    serde_json::from_value(json!({
        "metadata": {
            "name": name,
            "annotations": { annotation: value },
            "labels": {
                "kubernetes.io/hostname": name,
                "kubernetes.io/os": "linux",
                "kubernetes.io/arch": "amd64",
                "topology.kubernetes.io/zone": zone,
            },
        },
        "status": { "capacity": capacity, "allocatable": capacity },
    }))
    .expect("it is a node")
}
