//! Volumes: PersistentVolumeClaims of our classes get a PersistentVolume, which goes when it is released.
//!
//! Nothing is stored. What matters is what is left: a claim that nobody mounts keeps its volume, and costs.

use std::rc::Rc;
use std::time::Duration;

use futures_util::StreamExt;
use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim};
use k8s_openapi::api::storage::v1::StorageClass;
use kube::api::{Api, DeleteParams, Patch, PatchParams};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Client, ResourceExt};
use serde_json::json;
use tokio::time::sleep;

use super::context::Context;
use super::mirror::Mirror;

/// The StorageClass that the stand-in brings along: bound at once, deleted with its claim.
pub const CLASS: &str = "standin";
/// What any other class names to have its claims bound by us.
pub const PROVISIONER: &str = "standin.springback.test/volumes";
const FIELD_MANAGER: &str = "standin";
/// Whom the controller manager waits for.
const ASKED: &str = "volume.kubernetes.io/storage-provisioner";
const RETRY: Duration = Duration::from_millis(500);

/// Makes the class.
pub(super) async fn install(client: &Client) -> kube::Result<()> {
    let class = json!({
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": { "name": CLASS },
        "provisioner": PROVISIONER,
        "reclaimPolicy": "Delete",
        "volumeBindingMode": "Immediate",
    });
    let api: Api<StorageClass> = Api::all(client.clone());
    api.patch(CLASS, &PatchParams::apply(FIELD_MANAGER).force(), &Patch::Apply(&class)).await.map(drop)
}

/// Provisions and deletes, for ever.
pub(super) async fn run(ctx: Rc<Context>) {
    let claims: Api<PersistentVolumeClaim> = Api::all(ctx.client.clone());
    let volumes: Api<PersistentVolume> = Api::all(ctx.client.clone());
    let mut claim_events = watcher(claims, watcher::Config::default()).default_backoff().boxed_local();
    let mut volume_events = watcher(volumes, watcher::Config::default()).default_backoff().boxed_local();
    let (mut claims, mut volumes) = (Mirror::default(), Mirror::default());
    let mut failed = false;
    loop {
        tokio::select! {
            biased;
            Some(event) = claim_events.next() => claims.take(event),
            Some(event) = volume_events.next() => volumes.take(event),
            () = sleep(RETRY), if failed => {}
        }
        failed = false;
        for claim in claims.objects.values().filter(|claim| is_ours_to_bind(claim)) {
            let name = volume_of(claim);
            if volumes.objects.values().all(|volume| volume.name_any() != name)
                && let Err(error) = provision(&ctx.client, claim, &name).await
            {
                ctx.complain(format!("claim {}: {error}", claim.name_any()));
                failed = true;
            }
        }
        for volume in volumes.objects.values().filter(|volume| is_ours_to_delete(volume)) {
            if let Err(error) = delete(&ctx.client, &volume.name_any()).await {
                ctx.complain(format!("volume {}: {error}", volume.name_any()));
                failed = true;
            }
        }
    }
}

fn volume_of(claim: &PersistentVolumeClaim) -> String {
    format!("pvc-{}", claim.uid().unwrap_or_default())
}

/// The controller manager asks by annotation, and with a class that waits for its first consumer only once there is
/// one.
fn is_ours_to_bind(claim: &PersistentVolumeClaim) -> bool {
    claim.annotations().get(ASKED).is_some_and(|asked| asked == PROVISIONER)
        && claim.metadata.deletion_timestamp.is_none()
        && claim.spec.as_ref().is_some_and(|spec| spec.volume_name.is_none())
}

fn is_ours_to_delete(volume: &PersistentVolume) -> bool {
    let phase = volume.status.as_ref().and_then(|status| status.phase.as_deref());
    let policy = volume.spec.as_ref().and_then(|spec| spec.persistent_volume_reclaim_policy.as_deref());
    let by_us =
        volume.annotations().get("pv.kubernetes.io/provisioned-by").is_some_and(|by| by == PROVISIONER);
    by_us
        && phase == Some("Released")
        && policy == Some("Delete")
        && volume.metadata.deletion_timestamp.is_none()
}

async fn provision(client: &Client, claim: &PersistentVolumeClaim, name: &str) -> kube::Result<()> {
    let spec = claim.spec.clone().unwrap_or_default();
    let class = spec.storage_class_name.unwrap_or_default();
    let classes: Api<StorageClass> = Api::all(client.clone());
    let policy = classes.get(&class).await?.reclaim_policy.unwrap_or_else(|| "Delete".to_owned());
    let requested = spec.resources.and_then(|resources| resources.requests?.get("storage").cloned());
    let volume = json!({
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": { "name": name, "annotations": { "pv.kubernetes.io/provisioned-by": PROVISIONER } },
        "spec": {
            "capacity": { "storage": requested },
            "accessModes": spec.access_modes,
            "volumeMode": spec.volume_mode,
            "storageClassName": class,
            "persistentVolumeReclaimPolicy": policy,
            // A kind that every node can mount, and that nothing has to be attached for.
            "nfs": { "server": "standin.invalid", "path": format!("/{name}") },
            "claimRef": {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "namespace": claim.namespace(),
                "name": claim.name_any(),
                "uid": claim.uid(),
            },
        },
    });
    let api: Api<PersistentVolume> = Api::all(client.clone());
    api.patch(name, &PatchParams::apply(FIELD_MANAGER).force(), &Patch::Apply(&volume)).await.map(drop)
}

async fn delete(client: &Client, name: &str) -> kube::Result<()> {
    let api: Api<PersistentVolume> = Api::all(client.clone());
    match api.delete(name, &DeleteParams::default()).await {
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
        deleted => deleted.map(drop),
    }
}
