//! What stands beside the groups: volumes, load balancers, Jobs, nodes, and what controllers say of them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::scenario::Price;

/// Whether an object is there, and whether it is for anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ObjectState {
    /// Something uses it: a pod mounts it, endpoints answer for it, pods may be placed on it.
    Used,
    /// It exists and serves nothing.
    Unused,
    /// It does not exist any more.
    Gone,
}

/// An object as it is from now on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ObjectChange {
    /// Its kind, in Kubernetes' words: `PersistentVolumeClaim`, `Service`, `NodeClaim`.
    pub kind: String,
    /// Its namespace, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
    /// What tells it from another of the same name.
    pub uid: String,
    /// Who it belongs to, nearest first: `Pod/web-2`, `StatefulSet/web`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub owners: Vec<String>,
    /// Whether it is there, and for anything.
    pub state: ObjectState,
    /// When it was created, by the server's clock, milliseconds since 1970. Evidence, never order.
    pub created_ms: i64,
    /// What it costs while it exists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Price>,
    /// What else is known of it, by name: evidence for whoever looks why it is there.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub facts: BTreeMap<String, String>,
}

/// What a controller said about an object.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reported {
    /// Kind of the object.
    pub kind: String,
    /// Name of the object.
    pub name: String,
    /// A word for it: `DisruptionBlocked`.
    pub reason: String,
    /// In the controller's words.
    pub text: String,
}
