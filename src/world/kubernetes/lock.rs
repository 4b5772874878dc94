//! The lock on a namespace: a Lease with a heartbeat. Two game days never meet, and a run that died is seen to have died.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::api::{Api, DeleteParams, Patch, PatchParams, PostParams, Preconditions};
use kube::{Client, ResourceExt};
use serde_json::json;

use super::Place;
use super::cluster::{is_missing, said};
use super::heal::heal_command;
use super::names::{LEASE, MANAGER};
use super::undo::{Records, labels};

/// A lock that was not renewed for so long is nobody's any more.
pub(super) const LASTS_S: i32 = 20;
/// How often it is renewed. It is the heartbeat, too, by which watches are known to be alive.
pub(super) const BEAT: Duration = Duration::from_secs(1);

/// The lock of one namespace, held by a run.
#[derive(Clone)]
pub(super) struct Lock {
    leases: Api<Lease>,
    run: String,
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
        place: &Place,
        run: &str,
        who: &str,
        now: Timestamp,
    ) -> Result<Self, String> {
        let namespace = place.namespace.as_str();
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
        let lock = Self { leases, run: run.to_owned() };
        // A lock that is freed or taken by another while we look is looked at again.
        for _ in 0..3 {
            match lock.leases.create(&params, &lease).await {
                Ok(_) => return lock.unless_unhealed(client, place).await,
                Err(kube::Error::Api(status)) if status.code == 409 => {}
                Err(error) => return Err(failed(&error)),
            }
            let Some(held) = lock.leases.get_opt(LEASE).await.map_err(|error| failed(&error))? else {
                continue;
            };
            if !is_expired(&held, now) {
                return Err(format!(
                    "namespace \"{namespace}\" is locked by run {}, {}",
                    holder(&held),
                    since(&held, now)
                ));
            }
            // Before it is overwritten: it says whose the records are.
            unhealed(client, place).await?;
            let mut replaced = lease.clone();
            replaced.metadata.resource_version = held.resource_version();
            match lock.leases.replace(LEASE, &params, &replaced).await {
                Ok(_) => return Ok(lock),
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

    /// Keeps it, unless an earlier run has left something undone whose lock somebody took away.
    async fn unless_unhealed(self, client: &Client, place: &Place) -> Result<Self, String> {
        match unhealed(client, place).await {
            Ok(()) => Ok(self),
            Err(why) => match self.release().await {
                Ok(()) => Err(why),
                Err(left) => Err(format!("{why}; {left}")),
            },
        }
    }

    /// Gives it back.
    ///
    /// # Errors
    /// What the API server said. One that is somebody else's by now is left alone.
    pub(super) async fn release(&self) -> Result<(), String> {
        let stays = |error: &kube::Error| format!("the lock stays until it expires: {}", said(error));
        // As often as its own heartbeat comes between the look and the deletion.
        for _ in 0..10 {
            let Some(held) = self.leases.get_opt(LEASE).await.map_err(|error| stays(&error))? else {
                return Ok(());
            };
            if holder(&held) != self.run {
                return Ok(());
            }
            match delete(&self.leases, &held).await {
                Err(kube::Error::Api(status)) if status.code == 409 => {}
                deleted => return deleted.map_err(|error| stays(&error)),
            }
        }
        Err("the lock stays until it expires: it changes all the time".to_owned())
    }
}

/// Deletes a lock as it was seen, and no later state of it: whoever takes over an expired one keeps the object.
pub(super) async fn delete(leases: &Api<Lease>, seen: &Lease) -> kube::Result<()> {
    let as_seen = Preconditions { uid: seen.uid(), resource_version: seen.resource_version() };
    match leases.delete(LEASE, &DeleteParams::default().preconditions(as_seen)).await {
        Ok(_) => Ok(()),
        Err(error) if is_missing(&error) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Refuses where a run has left something undone: what it changed would be taken for what was there before.
async fn unhealed(client: &Client, place: &Place) -> Result<(), String> {
    let runs = Records::runs(client, &place.namespace).await?;
    if runs.is_empty() {
        return Ok(());
    }
    Err(format!(
        "namespace \"{}\" still has something of run {}, which ended without healing; undo it with `{}`",
        place.namespace,
        runs.join(", "),
        heal_command(place)
    ))
}

/// Annotation: who holds a lock, for people.
pub(super) const HELD_BY: &str = "springback.dev/held-by";

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

/// Who holds it, for people: user, machine and process.
pub(super) fn held_by(lease: &Lease) -> &str {
    lease.annotations().get(HELD_BY).map_or("", String::as_str)
}

/// Who holds it, and when that was heard of last.
pub(super) fn since(lease: &Lease, now: Timestamp) -> String {
    let who = Some(held_by(lease)).filter(|who| !who.is_empty());
    let who = who.map_or_else(String::new, |who| format!("{who}, "));
    let ago = renewed(lease).map_or(0, |renewed| now.duration_since(renewed).as_secs());
    format!("{who}last heard of {ago} s ago")
}
