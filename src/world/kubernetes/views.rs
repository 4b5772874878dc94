//! The parts of large objects that a run looks at. What is not named here is never held in memory.

use std::borrow::Cow;

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
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
    /// Whether a condition is true.
    pub(super) fn is(&self, condition: &str) -> bool {
        self.status.conditions.iter().any(|one| one.kind == condition && one.status == "True")
    }
}

impl Resource for PodView {
    type DynamicType = ();
    type Scope = <Pod as Resource>::Scope;

    fn kind(dt: &()) -> Cow<'_, str> {
        Pod::kind(dt)
    }

    fn group(dt: &()) -> Cow<'_, str> {
        Pod::group(dt)
    }

    fn version(dt: &()) -> Cow<'_, str> {
        Pod::version(dt)
    }

    fn plural(dt: &()) -> Cow<'_, str> {
        Pod::plural(dt)
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}
