//! What a group is in its cluster: an object with a `scale` subresource, whatever its kind.

use k8s_openapi::api::autoscaling::v1::Scale;
use kube::api::{Api, ApiResource, DynamicObject};
use kube::core::discovery::ApiCapabilities;
use kube::{Client, Discovery};

use crate::scenario::{Access, KubernetesTarget, Workload, nearest};

use super::cluster::{called, is_missing, said};

/// A workload as it was found.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) namespace: String,
    pub(super) resource: ApiResource,
    pub(super) name: String,
    pub(super) uid: String,
    /// Label selector of its pods.
    pub(super) selector: String,
}

impl Found {
    /// Its API, for the object itself and its scale.
    pub(super) fn api(&self, client: &Client) -> Api<DynamicObject> {
        Api::namespaced_with(client.clone(), &self.namespace, &self.resource)
    }

    /// `Deployment/checkout`, as kubectl calls it.
    pub(super) fn called(&self) -> String {
        format!("{}/{}", self.resource.kind, self.name)
    }
}

/// How the cluster of a workload is reached, and its namespace.
pub(super) fn placed(target: &KubernetesTarget, workload: &Workload) -> (Access, String) {
    let access = workload.context.clone().map_or_else(|| target.access.clone(), Access::Context);
    (access, workload.namespace.clone().unwrap_or_else(|| target.namespace.clone()))
}

/// What an API server has, asked for once.
pub(super) async fn discover(client: &Client, access: &Access) -> Result<Discovery, String> {
    let found = Discovery::new(client.clone()).run_aggregated().await;
    found.map_err(|error| format!("cannot ask {} what it has: {}", called(access), said(&error)))
}

/// The resource of a kind that has a `scale` subresource.
///
/// # Errors
/// There is none, it cannot be scaled, or several API groups have one.
pub(super) fn resource(discovery: &Discovery, kind: &str) -> Result<ApiResource, String> {
    let (kind_alone, group) = kind.split_once('.').map_or((kind, None), |(kind, group)| (kind, Some(group)));
    let mut kinds = Vec::new();
    let mut found: Vec<(ApiResource, ApiCapabilities)> = Vec::new();
    for api in discovery.groups_alphabetical() {
        for (resource, capabilities) in api.recommended_resources() {
            let in_group = group.is_none_or(|group| group == resource.group);
            if in_group && resource.kind.eq_ignore_ascii_case(kind_alone) {
                found.push((resource, capabilities));
            } else if is_scalable(&capabilities) {
                kinds.push(resource.kind);
            }
        }
    }
    let (scalable, fixed): (Vec<_>, Vec<_>) =
        found.into_iter().partition(|(_, capabilities)| is_scalable(capabilities));
    match (scalable.as_slice(), fixed.is_empty()) {
        ([(resource, _)], _) => Ok(resource.clone()),
        ([], true) => {
            kinds.sort();
            kinds.dedup();
            let near = nearest(kind_alone, kinds.iter().map(String::as_str));
            let help = near.map_or_else(
                || format!("those that can be scaled are {}", kinds.join(", ")),
                |near| format!("did you mean {near}?"),
            );
            Err(format!("the cluster has no kind \"{kind}\"; {help}"))
        }
        ([], false) => Err(format!("a \"{kind}\" cannot be scaled: it has no `scale` subresource")),
        (several, _) => {
            let named: Vec<String> =
                several.iter().map(|(resource, _)| format!("{}.{}", resource.kind, resource.group)).collect();
            Err(format!("several API groups have a \"{kind}\"; write one of {}", named.join(", ")))
        }
    }
}

fn is_scalable(capabilities: &ApiCapabilities) -> bool {
    capabilities.subresources.iter().any(|(subresource, _)| {
        let plural = subresource.plural.as_str();
        plural == "scale" || plural.ends_with("/scale")
    })
}

/// Finds a workload.
///
/// # Errors
/// It is not there, or does not say which pods are its own.
pub(super) async fn find(
    client: &Client,
    discovery: &Discovery,
    target: &KubernetesTarget,
    workload: &Workload,
) -> Result<Found, String> {
    let (access, namespace) = placed(target, workload);
    let resource = resource(discovery, &workload.kind)?;
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), &namespace, &resource);
    let scale: Scale = api.get_scale(&workload.name).await.map_err(|error| {
        let whose = format!(
            "{}/{} in namespace \"{namespace}\" of {}",
            resource.kind,
            workload.name,
            called(&access)
        );
        if is_missing(&error) {
            format!("there is no {whose}")
        } else {
            format!("cannot read the scale of {whose}: {}", said(&error))
        }
    })?;
    let selector = scale.status.and_then(|status| status.selector).unwrap_or_default();
    let uid = scale.metadata.uid.unwrap_or_default();
    if selector.is_empty() {
        return Err(format!(
            "{}/{} does not say which pods are its own: its scale has no selector",
            resource.kind, workload.name
        ));
    }
    Ok(Found { namespace, resource, name: workload.name.clone(), uid, selector })
}
