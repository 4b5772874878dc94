//! The parts of large objects that a run looks at. What is not named here is never held in memory.

use std::borrow::Cow;

use k8s_openapi::api::core::v1::{Node, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::{Resource, ResourceExt};
use serde::Deserialize;

/// A pod, as far as supply is concerned.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct PodView {
    pub(super) metadata: ObjectMeta,
    #[serde(default)]
    pub(super) spec: PodSpecView,
    #[serde(default)]
    pub(super) status: PodStatusView,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PodSpecView {
    #[serde(default)]
    pub(super) node_name: Option<String>,
    /// The API server always sets it.
    #[serde(default)]
    pub(super) termination_grace_period_seconds: u32,
    #[serde(default)]
    volumes: Vec<VolumeView>,
}

impl PodSpecView {
    /// Names of the claims that it mounts.
    pub(super) fn claims(&self) -> impl Iterator<Item = &str> {
        let claims = self.volumes.iter().filter_map(|volume| volume.persistent_volume_claim.as_ref());
        claims.map(|claim| claim.claim_name.as_str())
    }
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct VolumeView {
    #[serde(default)]
    persistent_volume_claim: Option<ClaimView>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ClaimView {
    claim_name: String,
}

#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct PodStatusView {
    #[serde(default)]
    pub(super) phase: Option<String>,
    #[serde(default)]
    pub(super) reason: Option<String>,
    #[serde(default)]
    pub(super) conditions: Vec<ConditionView>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct ConditionView {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) status: String,
    #[serde(default)]
    pub(super) reason: Option<String>,
}

impl PodView {
    /// Whether it has ended by itself.
    pub(super) fn is_finished(&self) -> bool {
        matches!(self.status.phase.as_deref(), Some("Failed" | "Succeeded"))
    }

    /// Whether it belongs to the node that it is on rather than to what runs there: a DaemonSet's, or a static pod's mirror.
    pub(super) fn is_of_node(&self) -> bool {
        let owners = self.metadata.owner_references.iter().flatten();
        let of_daemon =
            owners.filter(|owner| owner.controller == Some(true)).any(|owner| owner.kind == "DaemonSet");
        of_daemon || self.annotations().contains_key("kubernetes.io/config.mirror")
    }

    /// Whether a condition is true.
    pub(super) fn is(&self, condition: &str) -> bool {
        self.status.conditions.iter().any(|one| one.kind == condition && one.status == "True")
    }
}

/// A node, as far as placement is concerned.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct NodeView {
    pub(super) metadata: ObjectMeta,
    #[serde(default)]
    pub(super) spec: NodeSpecView,
}

#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct NodeSpecView {
    #[serde(default)]
    pub(super) unschedulable: bool,
}

/// A view is of the resource that it is a part of.
macro_rules! view_of {
    ($view:ty, $whole:ty) => {
        impl Resource for $view {
            type DynamicType = ();
            type Scope = <$whole as Resource>::Scope;

            fn kind(dt: &()) -> Cow<'_, str> {
                <$whole>::kind(dt)
            }

            fn group(dt: &()) -> Cow<'_, str> {
                <$whole>::group(dt)
            }

            fn version(dt: &()) -> Cow<'_, str> {
                <$whole>::version(dt)
            }

            fn plural(dt: &()) -> Cow<'_, str> {
                <$whole>::plural(dt)
            }

            fn meta(&self) -> &ObjectMeta {
                &self.metadata
            }

            fn meta_mut(&mut self) -> &mut ObjectMeta {
                &mut self.metadata
            }
        }
    };
}

view_of!(PodView, Pod);
view_of!(NodeView, Node);
