//! What is watched beside the groups, and what has to be permitted for it.

use std::collections::BTreeSet;

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{Event, Node, PersistentVolume, PersistentVolumeClaim, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::Discovery;
use kube::api::ApiResource;

use crate::plan;

use super::super::needs::Need;

/// A kind that is watched beside the groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Claim,
    Volume,
    Service,
    Slice,
    Job,
    Node,
    NodeClaim,
    NodePool,
    /// What Karpenter says of nodes that it does not take away.
    Event,
    ScaledObject,
}

/// Namespace into which events about what belongs to the whole cluster are written.
const OF_THE_CLUSTER: &str = "default";

/// A kind to be watched in a cluster.
#[derive(Debug, Clone)]
pub(crate) struct ToWatch {
    pub(crate) kind: Kind,
    pub(crate) resource: ApiResource,
    /// `None` for what belongs to the whole cluster.
    pub(crate) namespace: Option<String>,
    /// Field selector.
    pub(crate) fields: Option<&'static str>,
    /// Whether a run goes on without it, where it is not permitted.
    pub(crate) is_optional: bool,
}

impl ToWatch {
    fn new(kind: Kind, resource: ApiResource, namespace: Option<&str>) -> Self {
        Self { kind, resource, namespace: namespace.map(str::to_owned), fields: None, is_optional: false }
    }

    /// What has to be permitted for it.
    pub(crate) fn needs(&self) -> BTreeSet<Need> {
        let need = |verb| Need {
            namespace: self.namespace.clone(),
            group: self.resource.group.clone(),
            resource: self.resource.plural.clone(),
            verb,
        };
        BTreeSet::from([need("list"), need("watch")])
    }

    /// Whether what it tells is about what is left, and not only about why.
    pub(crate) fn counts(&self) -> bool {
        !matches!(self.kind, Kind::NodePool | Kind::Event | Kind::ScaledObject)
    }
}

/// What every cluster has of what a plan asks for, in one namespace, and, `with_nodes`, beyond it.
pub(crate) fn of_every_cluster(objects: plan::Objects, namespace: &str, with_nodes: bool) -> Vec<ToWatch> {
    let mut all = Vec::new();
    if objects.in_namespaces {
        let own = Some(namespace);
        all.extend([
            ToWatch::new(Kind::Claim, ApiResource::erase::<PersistentVolumeClaim>(&()), own),
            ToWatch::new(Kind::Service, ApiResource::erase::<Service>(&()), own),
            ToWatch::new(Kind::Slice, ApiResource::erase::<EndpointSlice>(&()), own),
            ToWatch::new(Kind::Job, ApiResource::erase::<Job>(&()), own),
        ]);
        let volumes = ToWatch::new(Kind::Volume, ApiResource::erase::<PersistentVolume>(&()), None);
        // They belong to the whole cluster, which not everybody may look at; their claims tell most.
        all.push(ToWatch { is_optional: true, ..volumes });
    }
    if objects.nodes && with_nodes {
        all.push(ToWatch::new(Kind::Node, ApiResource::erase::<Node>(&()), None));
    }
    all
}

/// What only some clusters have: Karpenter's and KEDA's objects.
pub(crate) fn of_this_cluster(
    objects: plan::Objects,
    discovery: &Discovery,
    namespace: &str,
    with_nodes: bool,
) -> Vec<ToWatch> {
    let mut all = Vec::new();
    let find = |group: &str, kind: &str| {
        let (resource, _) = discovery.get(group)?.recommended_kind(kind)?;
        Some(resource)
    };
    if objects.nodes && with_nodes {
        let claims =
            find("karpenter.sh", "NodeClaim").map(|found| ToWatch::new(Kind::NodeClaim, found, None));
        let pools = find("karpenter.sh", "NodePool").map(|found| ToWatch::new(Kind::NodePool, found, None));
        if claims.is_some() {
            let events = ToWatch::new(Kind::Event, ApiResource::erase::<Event>(&()), Some(OF_THE_CLUSTER));
            all.push(ToWatch { fields: Some("source=karpenter"), is_optional: true, ..events });
        }
        all.extend(claims.into_iter().chain(pools));
    }
    let scaled = find("keda.sh", "ScaledObject");
    all.extend(scaled.map(|found| ToWatch::new(Kind::ScaledObject, found, Some(namespace))));
    all
}
