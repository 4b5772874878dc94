//! The lock on the nodes of a cluster. Runs in different namespaces, each with its own lock, could otherwise strike the same
//! ones.
//!
//! It is a Lease outside of the namespace, so it is in a record of its run, as a fault is: whoever heals that run gives it
//! back. It is never taken over from a run that died, because then nodes may still be as that run left them.

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::api::{Api, Patch, PatchParams, PostParams};
use kube::{Client, ResourceExt};
use serde_json::json;
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::sleep;

use crate::history::Clock;

use super::change::{Change, Edit};
use super::cluster::said;
use super::lock::{BEAT, HELD_BY, LASTS_S, holder, is_expired, since};
use super::names::{MANAGER, NODES_LEASE, NODES_NAMESPACE};
use super::observer::Told;
use super::timestamp;
use super::undo::{Record, labels};

/// Under which name it is recorded.
pub(super) const RECORDED_AS: &str = "nodes-lock";
/// Annotation: the namespace whose run holds it.
const HELD_IN: &str = "springback.dev/held-in";

/// What is recorded before it is taken.
pub(super) fn record() -> Record {
    let lease = Change {
        api_version: "coordination.k8s.io/v1".to_owned(),
        kind: "Lease".to_owned(),
        plural: "leases".to_owned(),
        namespace: Some(NODES_NAMESPACE.to_owned()),
        name: NODES_LEASE.to_owned(),
        edit: Edit::Create,
    };
    Record { changes: vec![lease] }
}

/// Takes it for a run of a namespace.
///
/// # Errors
/// Who holds it, or held it and ended without healing.
pub(super) async fn take(
    client: &Client,
    run: &str,
    who: &str,
    namespace: &str,
    now: Timestamp,
) -> Result<(), String> {
    let leases: Api<Lease> = Api::namespaced(client.clone(), NODES_NAMESPACE);
    let params = PostParams { field_manager: Some(MANAGER.to_owned()), ..PostParams::default() };
    let mut lease = Lease::default();
    lease.metadata.name = Some(NODES_LEASE.to_owned());
    lease.metadata.labels = Some(labels(run));
    let about = [(HELD_BY.to_owned(), who.to_owned()), (HELD_IN.to_owned(), namespace.to_owned())];
    lease.metadata.annotations = Some(about.into());
    lease.spec = Some(LeaseSpec {
        holder_identity: Some(run.to_owned()),
        lease_duration_seconds: Some(LASTS_S),
        acquire_time: Some(MicroTime(now)),
        renew_time: Some(MicroTime(now)),
        ..LeaseSpec::default()
    });
    let failed = |error: &kube::Error| format!("cannot lock the nodes of the cluster: {}", said(error));
    let held = match leases.create(&params, &lease).await {
        Ok(_) => return Ok(()),
        Err(kube::Error::Api(status)) if status.code == 409 => leases.get_opt(NODES_LEASE).await,
        Err(error) => return Err(failed(&error)),
    };
    let Some(held) = held.map_err(|error| failed(&error))? else {
        return Err("cannot lock the nodes of the cluster: another run had them just now".to_owned());
    };
    let whose = held.annotations().get(HELD_IN).map_or("unknown", String::as_str);
    let holder = holder(&held);
    Err(if is_expired(&held, now) {
        format!(
            "the nodes of the cluster are still locked by run {holder}, which ended without healing; `springback heal` with \
             its context and namespace {whose} undoes it"
        )
    } else {
        let since = since(&held, now);
        format!("the nodes of the cluster are locked by run {holder} of namespace {whose}, {since}")
    })
}

/// Renews it for as long as it runs.
pub(super) async fn keep(client: Client, run: String, clock: Clock, told: UnboundedSender<Told>) {
    let leases: Api<Lease> = Api::namespaced(client, NODES_NAMESPACE);
    let params = PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() };
    loop {
        let patch = json!([
            { "op": "test", "path": "/spec/holderIdentity", "value": run },
            { "op": "add", "path": "/spec/renewTime", "value": MicroTime(timestamp(clock)) },
        ]);
        let patch: Patch<()> = Patch::Json(serde_json::from_value(patch).expect("it is a patch"));
        if let Err(error) = leases.patch(NODES_LEASE, &params, &patch).await
            && matches!(&error, kube::Error::Api(status) if matches!(status.code, 404 | 422))
        {
            let text = format!("the lock on nodes was taken away: {}", said(&error));
            let _ = told.send(Told::Note("lock-lost", text));
            return;
        }
        sleep(BEAT).await;
    }
}
