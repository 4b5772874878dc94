//! Objects that are applied to a cluster.

use std::fs;
use std::path::Path;

use k8s_openapi::api::core::v1::Service;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use k8s_openapi::kube_aggregator::pkg::apis::apiregistration::v1::APIService;
use kube::api::{Api, DynamicObject, GroupVersionKind, Patch, PatchParams};
use kube::{Client, discovery};
use serde_json::json;

use crate::build::files;
use crate::waiting::answer;
use crate::{ControlPlane, Error};

/// In whose name the test support owns fields.
pub(crate) const FIELD_MANAGER: &str = "springback-test";

/// Applies each object of a YAML text, in its order, on the server's side. An object without a namespace goes into
/// `default` where its kind has namespaces.
///
/// # Errors
/// The text is no YAML, an object has no kind or name, its kind is not known to the API server, or that refuses it.
pub async fn apply(client: &Client, yaml: &str) -> Result<(), Error> {
    let objects: Vec<DynamicObject> =
        serde_saphyr::from_multiple(yaml).map_err(|why| Error::Manifest(why.to_string()))?;
    for object in objects {
        let missing = |what: &str| Error::Manifest(format!("an object without {what}"));
        let types = object.types.as_ref().ok_or_else(|| missing("apiVersion and kind"))?;
        let name = object.metadata.name.as_deref().ok_or_else(|| missing("a name"))?;
        let kind = GroupVersionKind::try_from(types).map_err(|why| Error::Manifest(why.to_string()))?;
        let (resource, capabilities) = discovery::pinned_kind(client, &kind).await?;
        let api: Api<DynamicObject> = match capabilities.scope {
            discovery::Scope::Cluster => Api::all_with(client.clone(), &resource),
            discovery::Scope::Namespaced => {
                let namespace = object.metadata.namespace.as_deref().unwrap_or("default");
                Api::namespaced_with(client.clone(), namespace, &resource)
            }
        };
        api.patch(name, &PatchParams::apply(FIELD_MANAGER).force(), &Patch::Apply(&object)).await?;
    }
    Ok(())
}

/// Applies a folder of definitions of custom resources, and waits until the API server serves them.
pub(crate) async fn define(client: &Client, folder: &Path) -> Result<(), Error> {
    let api = Api::<CustomResourceDefinition>::all(client.clone());
    for file in files(folder)? {
        let yaml = fs::read_to_string(&file).map_err(Error::file(&file))?;
        apply(client, &yaml).await?;
    }
    let established = async || {
        let all = api.list(&Default::default()).await.ok()?;
        let served = |definition: &CustomResourceDefinition| {
            let conditions = definition.status.iter().flat_map(|status| status.conditions.iter().flatten());
            conditions
                .into_iter()
                .any(|condition| condition.type_ == "Established" && condition.status == "True")
        };
        all.items.iter().all(served).then_some(())
    };
    answer(established).await.ok_or(Error::Manifest(format!("{} is not established", folder.display())))
}

impl ControlPlane {
    /// Has the API server pass an API group on to a server of the test's own on `https://localhost:PORT`, whose
    /// certificate it does not check, and waits until it finds that available.
    ///
    /// # Errors
    /// The API server refuses, or does not reach the server.
    pub async fn aggregate(&self, group: &str, version: &str, port: u16) -> Result<(), Error> {
        let service = group.replace('.', "-");
        let name = format!("{version}.{group}");
        let applied = PatchParams::apply(FIELD_MANAGER);
        let object = json!({
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": { "name": service, "namespace": "kube-system" },
            "spec": { "type": "ExternalName", "externalName": "localhost", "ports": [{ "port": port }] },
        });
        let services = Api::<Service>::namespaced(self.client(), "kube-system");
        services.patch(&service, &applied, &Patch::Apply(object)).await?;
        let object = json!({
            "apiVersion": "apiregistration.k8s.io/v1",
            "kind": "APIService",
            "metadata": { "name": name },
            "spec": {
                "group": group,
                "version": version,
                "service": { "name": service, "namespace": "kube-system", "port": port },
                "insecureSkipTLSVerify": true,
                "groupPriorityMinimum": 100,
                "versionPriority": 100,
            },
        });
        let groups = Api::<APIService>::all(self.client());
        groups.patch(&name, &applied, &Patch::Apply(object)).await?;
        let available = async || {
            let group = groups.get(&name).await.ok()?;
            let conditions = group.status?.conditions?;
            conditions.iter().any(|c| c.type_ == "Available" && c.status == "True").then_some(())
        };
        answer(available).await.ok_or_else(|| Error::Manifest(format!("{name} is not available")))
    }
}
