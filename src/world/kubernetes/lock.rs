//! The lock on a namespace: a Lease with a heartbeat. Two game days never meet, and a run that died is seen to have died.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::api::{Api, DeleteParams, Patch, PatchParams, PostParams, Preconditions};
use kube::{Client, ResourceExt};
use serde_json::json;

use super::cluster::{is_missing, said};
use super::names::{LEASE, MANAGER};
use super::undo::{Records, labels};

/// A lock that was not renewed for so long is nobody's any more.
const LASTS_S: i32 = 20;
/// How often it is renewed. It is the heartbeat, too, by which watches are known to be alive.
pub(super) const BEAT: Duration = Duration::from_secs(1);

/// The lock of one namespace, held by a run.
#[derive(Clone)]
pub(super) struct Lock {
    leases: Api<Lease>,
    run: String,
    uid: String,
}

impl Lock {
    /// The Leases of a namespace, for whoever watches the heartbeat.
    pub(super) fn leases(client: &Client, namespace: &str) -> Api<Lease> {
        Api::namespaced(client.clone(), namespace)
    }

    /// Takes the lock.
    ///
    /// # Errors
    /// Who holds it, or what a run that died has left undone.
    pub(super) async fn take(
        client: &Client,
        namespace: &str,
        run: &str,
        who: &str,
        now: Timestamp,
    ) -> Result<Self, String> {
        let leases = Self::leases(client, namespace);
        let params = PostParams { field_manager: Some(MANAGER.to_owned()), ..PostParams::default() };
        let mut lease = Lease::default();
        lease.metadata.name = Some(LEASE.to_owned());
        lease.metadata.labels = Some(labels(run));
        lease.metadata.annotations = Some([(HELD_BY.to_owned(), who.to_owned())].into());
        lease.spec = Some(LeaseSpec {
            holder_identity: Some(run.to_owned()),
            lease_duration_seconds: Some(LASTS_S),
            acquire_time: Some(MicroTime(now)),
            renew_time: Some(MicroTime(now)),
            ..LeaseSpec::default()
        });
        let failed = |error: &kube::Error| format!("cannot lock namespace \"{namespace}\": {}", said(error));
        // A lock that is freed or taken by another while we look is looked at again.
        for _ in 0..3 {
            match leases.create(&params, &lease).await {
                Ok(made) => {
                    return Ok(Self { leases, run: run.to_owned(), uid: made.uid().unwrap_or_default() });
                }
                Err(kube::Error::Api(status)) if status.code == 409 => {}
                Err(error) => return Err(failed(&error)),
            }
            let Some(held) = leases.get_opt(LEASE).await.map_err(|error| failed(&error))? else { continue };
            let holder = holder(&held).to_owned();
            if !is_expired(&held, now) {
                return Err(format!(
                    "namespace \"{namespace}\" is locked by run {holder}, {}",
                    since(&held, now)
                ));
            }
            let unhealed = Records::runs(client, namespace).await?;
            if !unhealed.is_empty() {
                return Err(format!(
                    "namespace \"{namespace}\" still has something of run {}, which ended without healing; \
                     `springback heal` with its context and namespace, or with its folder, undoes it",
                    unhealed.join(", ")
                ));
            }
            let mut replaced = lease.clone();
            replaced.metadata.resource_version = held.resource_version();
            match leases.replace(LEASE, &params, &replaced).await {
                Ok(made) => {
                    return Ok(Self { leases, run: run.to_owned(), uid: made.uid().unwrap_or_default() });
                }
                Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => {}
                Err(error) => return Err(failed(&error)),
            }
        }
        Err(format!("cannot lock namespace \"{namespace}\": others take it all the time"))
    }

    /// Renews it.
    ///
    /// # Errors
    /// What the API server said; somebody else may hold it by now.
    pub(super) async fn renew(&self, now: Timestamp) -> kube::Result<()> {
        let patch = json!([
            { "op": "test", "path": "/spec/holderIdentity", "value": self.run },
            { "op": "add", "path": "/spec/renewTime", "value": MicroTime(now) },
        ]);
        let patch: Patch<()> = Patch::Json(serde_json::from_value(patch).map_err(kube::Error::SerdeError)?);
        let params = PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() };
        self.leases.patch(LEASE, &params, &patch).await.map(drop)
    }

    /// Gives it back.
    ///
    /// # Errors
    /// What the API server said. One that is somebody else's by now is left alone.
    pub(super) async fn release(&self) -> Result<(), String> {
        let own = Preconditions { uid: Some(self.uid.clone()), resource_version: None };
        match self.leases.delete(LEASE, &DeleteParams::default().preconditions(own)).await {
            Ok(_) => Ok(()),
            Err(error) if is_missing(&error) => Ok(()),
            Err(kube::Error::Api(status)) if status.code == 409 => Ok(()),
            Err(error) => Err(format!("the lock stays until it expires: {}", said(&error))),
        }
    }
}

/// Annotation: who holds a lock, for people.
const HELD_BY: &str = "springback.dev/held-by";

/// The run that holds a lock.
pub(super) fn holder(lease: &Lease) -> &str {
    lease.spec.as_ref().and_then(|spec| spec.holder_identity.as_deref()).unwrap_or("")
}

/// When it was renewed.
pub(super) fn renewed(lease: &Lease) -> Option<Timestamp> {
    lease.spec.as_ref().and_then(|spec| spec.renew_time.as_ref()).map(|time| time.0)
}

/// Whether nobody has renewed it for too long.
pub(super) fn is_expired(lease: &Lease, now: Timestamp) -> bool {
    let lasts_s = lease.spec.as_ref().and_then(|spec| spec.lease_duration_seconds).unwrap_or(LASTS_S);
    renewed(lease).is_none_or(|renewed| now.duration_since(renewed).as_secs() > i64::from(lasts_s))
}

fn since(lease: &Lease, now: Timestamp) -> String {
    let who = lease.annotations().get(HELD_BY).map_or_else(String::new, |who| format!("{who}, "));
    let ago = renewed(lease).map_or(0, |renewed| now.duration_since(renewed).as_secs());
    format!("{who}last heard of {ago} s ago")
}
