//! What is done to pods: deletions, with and without grace, and evictions.

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::policy::v1::Eviction;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{DeleteOptions, Preconditions as Exactly};
use kube::Client;
use kube::api::{Api, DeleteParams, PostParams, Preconditions};
use kube::core::Status;

use crate::world::WorldError;
use crate::world::kubernetes::cluster::{is_missing, said};
use crate::world::kubernetes::names::MANAGER;

use super::Hand;

/// What became of an eviction.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Evicted {
    /// It ends, or is gone already.
    Yes,
    /// A disruption budget forbids it for now: in the API server's words, with the budget's name and what it needs and has.
    Refused(String),
    /// It did not come through.
    Failed(String),
}

impl Hand<'_> {
    /// Deletes the pods of instances, and no others of their names.
    pub(super) async fn delete(
        &self,
        group: &str,
        instances: &[String],
        grace_s: Option<u32>,
    ) -> Result<(), WorldError> {
        let mut failed = Vec::new();
        for (pod, uid) in self.known(group, instances) {
            if let Err(why) = delete(self.client(), &self.found.namespace, &pod, &uid, grace_s).await {
                failed.push(format!("{pod}: {why}"));
            }
        }
        if failed.is_empty() {
            Ok(())
        } else {
            Err(WorldError(format!("cannot delete {}", failed.join("; "))))
        }
    }

    /// Evicts the pods of instances, each asked for once.
    pub(super) async fn evict(&self, group: &str, instances: &[String]) -> Result<(), WorldError> {
        let mut failed = Vec::new();
        for (pod, uid) in self.known(group, instances) {
            match evict(&self.reach.once, &self.found.namespace, &pod, &uid).await {
                Evicted::Yes => {}
                Evicted::Refused(why) => failed.push(format!("the eviction of {pod} is refused: {why}")),
                Evicted::Failed(why) => failed.push(format!("cannot evict {pod}: {why}")),
            }
        }
        if failed.is_empty() { Ok(()) } else { Err(WorldError(failed.join("; "))) }
    }

    /// Name and UID of the pods of instances. One that is gone already needs no end.
    fn known(&self, group: &str, instances: &[String]) -> Vec<(String, String)> {
        let pods = self.pods.lock().expect("nobody panics with the pods in hand");
        let Some(own) = pods.get(group) else { return Vec::new() };
        let known = instances.iter().filter_map(|instance| own.pod(instance));
        known.map(|(pod, uid)| (pod.to_owned(), uid.to_owned())).collect()
    }
}

/// Deletes a pod, and no other of its name.
///
/// # Errors
/// What the API server said.
pub(super) async fn delete(
    client: &Client,
    namespace: &str,
    pod: &str,
    uid: &str,
    grace_s: Option<u32>,
) -> Result<(), String> {
    let api: Api<Pod> = Api::namespaced(client.clone(), namespace);
    let own = Preconditions { uid: Some(uid.to_owned()), resource_version: None };
    let params = DeleteParams { grace_period_seconds: grace_s, ..DeleteParams::default() }.preconditions(own);
    match api.delete(pod, &params).await {
        Ok(_) => Ok(()),
        Err(error) if is_other_or_missing(&error) => Ok(()),
        Err(error) => Err(said(&error)),
    }
}

/// Evicts a pod, and no other of its name. `once` is a client that does not ask again by itself: the refusal of a budget is
/// the same answer as that of a busy server, and waiting minutes for it to change would hide it.
pub(super) async fn evict(once: &Client, namespace: &str, pod: &str, uid: &str) -> Evicted {
    let api: Api<Pod> = Api::namespaced(once.clone(), namespace);
    let mut eviction = Eviction::default();
    eviction.metadata.name = Some(pod.to_owned());
    eviction.metadata.namespace = Some(namespace.to_owned());
    eviction.delete_options = Some(DeleteOptions {
        preconditions: Some(Exactly { uid: Some(uid.to_owned()), resource_version: None }),
        ..DeleteOptions::default()
    });
    let params = PostParams { field_manager: Some(MANAGER.to_owned()), ..PostParams::default() };
    match api.create_subresource::<_, Status>("eviction", pod, &params, &eviction).await {
        Ok(_) => Evicted::Yes,
        Err(error) if is_other_or_missing(&error) => Evicted::Yes,
        Err(error) => match by_budget(&error) {
            Some(why) => Evicted::Refused(why),
            None => Evicted::Failed(said(&error)),
        },
    }
}

/// Why a budget forbids an eviction, if one does.
fn by_budget(error: &kube::Error) -> Option<String> {
    let kube::Error::Api(status) = error else { return None };
    let causes = &status.details.as_ref()?.causes;
    causes.iter().find(|cause| cause.reason == "DisruptionBudget").map(|cause| cause.message.clone())
}

/// Whether that very pod is gone: nothing has its name, or another does.
fn is_other_or_missing(error: &kube::Error) -> bool {
    let is_other = |error: &kube::Error| matches!(error, kube::Error::Api(status) if status.message.contains("Precondition"));
    is_missing(error) || is_other(error)
}
