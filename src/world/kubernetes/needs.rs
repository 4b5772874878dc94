//! Permissions: what a scenario needs, asked for before anything starts, and granted by the roles of `roles.rs`.

use std::collections::BTreeSet;

use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec,
};
use kube::Client;
use kube::api::{Api, PostParams};

use super::cluster::said;

/// One thing that has to be permitted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Need {
    /// `None` for what belongs to the whole cluster.
    pub namespace: Option<String>,
    /// API group; empty for the core.
    pub group: String,
    /// `pods`, or with its subresource, `deployments/scale`.
    pub resource: String,
    /// `delete`.
    pub verb: &'static str,
}

impl Need {
    /// In a namespace.
    pub fn in_namespace(namespace: &str, group: &str, resource: &str, verb: &'static str) -> Self {
        Self {
            namespace: Some(namespace.to_owned()),
            group: group.to_owned(),
            resource: resource.to_owned(),
            verb,
        }
    }

    fn review(&self) -> SelfSubjectAccessReview {
        let (resource, subresource) = match self.resource.split_once('/') {
            Some((resource, subresource)) => (resource, Some(subresource.to_owned())),
            None => (self.resource.as_str(), None),
        };
        SelfSubjectAccessReview {
            spec: SelfSubjectAccessReviewSpec {
                resource_attributes: Some(ResourceAttributes {
                    group: Some(self.group.clone()),
                    resource: Some(resource.to_owned()),
                    subresource,
                    verb: Some(self.verb.to_owned()),
                    namespace: self.namespace.clone(),
                    ..ResourceAttributes::default()
                }),
                non_resource_attributes: None,
            },
            ..SelfSubjectAccessReview::default()
        }
    }
}

/// Which of these are not permitted.
///
/// # Errors
/// The cluster could not be asked.
pub(super) async fn missing(client: &Client, needs: &BTreeSet<Need>) -> Result<Vec<Need>, String> {
    let reviews: Api<SelfSubjectAccessReview> = Api::all(client.clone());
    let mut missing = Vec::new();
    for need in needs {
        let answer = reviews.create(&PostParams::default(), &need.review()).await;
        let answer = answer.map_err(|error| format!("cannot ask what is permitted: {}", said(&error)))?;
        if !answer.status.is_some_and(|status| status.allowed) {
            missing.push(need.clone());
        }
    }
    Ok(missing)
}
