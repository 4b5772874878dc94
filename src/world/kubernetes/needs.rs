//! Permissions: what a scenario needs, asked for before anything starts, and printed as the least roles that suffice.

use std::collections::{BTreeMap, BTreeSet};

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

/// The least roles that permit these needs, as YAML: one Role a namespace, and a ClusterRole for what belongs to the cluster.
pub fn roles(name: &str, needs: impl IntoIterator<Item = Need>) -> String {
    // Verbs by API group and resource, by namespace.
    type Rules = BTreeMap<(String, String), BTreeSet<&'static str>>;
    let mut by_namespace: BTreeMap<Option<String>, Rules> = BTreeMap::new();
    for need in needs {
        let rules = by_namespace.entry(need.namespace).or_default();
        rules.entry((need.group, need.resource)).or_default().insert(need.verb);
    }
    let mut documents = Vec::new();
    for (namespace, rules) in by_namespace {
        // Resources of one API group with the same verbs share a rule.
        let mut merged: BTreeMap<(String, Vec<&str>), Vec<String>> = BTreeMap::new();
        for ((group, resource), verbs) in rules {
            merged.entry((group, verbs.into_iter().collect())).or_default().push(resource);
        }
        let kind = if namespace.is_some() { "Role" } else { "ClusterRole" };
        let place = namespace.map_or_else(String::new, |namespace| format!("\n  namespace: {namespace}"));
        let mut text = format!(
            "apiVersion: rbac.authorization.k8s.io/v1\nkind: {kind}\nmetadata:\n  name: {name}{place}\nrules:\n"
        );
        for ((group, verbs), resources) in merged {
            let listed = |words: &[String]| {
                words.iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(", ")
            };
            let verbs: Vec<String> = verbs.iter().map(|verb| (*verb).to_owned()).collect();
            text += &format!(
                "- apiGroups: [\"{group}\"]\n  resources: [{}]\n  verbs: [{}]\n",
                listed(&resources),
                listed(&verbs)
            );
        }
        documents.push(text);
    }
    documents.join("---\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_role_has_every_need_and_nothing_else() {
        let needs = [
            Need::in_namespace("shop", "", "pods", "delete"),
            Need::in_namespace("shop", "", "pods", "watch"),
            Need::in_namespace("shop", "apps", "deployments/scale", "get"),
            Need::in_namespace("shop", "apps", "deployments", "get"),
            Need { namespace: None, group: String::new(), resource: "nodes".into(), verb: "list" },
        ];
        insta::assert_snapshot!(roles("springback", needs));
    }
}
