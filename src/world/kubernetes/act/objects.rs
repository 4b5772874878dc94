//! What is created: a policy that cuts a group off, and the objects of a manifest.

use std::collections::BTreeSet;
use std::time::Duration;

use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{
    LabelSelector as PodSelector, LabelSelectorRequirement,
};
use kube::api::{Api, DynamicObject, ListParams, PostParams};
use kube::core::{Selector, SelectorExt};
use kube::{Client, ResourceExt};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use crate::history::EffectSeen;
use crate::scenario::{FaultAction, LabelSelector, LabelTest, WaitFor, object_name};
use crate::world::WorldError;
use crate::world::kubernetes::change::{Change, Edit};
use crate::world::kubernetes::cluster::said;
use crate::world::kubernetes::names::MANAGER;
use crate::world::kubernetes::observer::Told;
use crate::world::kubernetes::supply::Owners;
use crate::world::kubernetes::undo::{Record, labels};
use crate::world::kubernetes::views::PodView;

use super::{Done, Hand};

/// Between two looks at a status that is waited for.
const LOOK_EVERY: Duration = Duration::from_millis(200);

impl Hand<'_> {
    /// The policy that cuts a group off.
    ///
    /// # Errors
    /// It would cut off others too, or would not cut off anything because another policy lets traffic in.
    pub(super) async fn cut_off(&self, fault: &str) -> Result<Change, WorldError> {
        self.only_own_pods().await?;
        self.nothing_lets_in().await?;
        Ok(Change {
            api_version: "networking.k8s.io/v1".to_owned(),
            kind: "NetworkPolicy".to_owned(),
            plural: "networkpolicies".to_owned(),
            namespace: Some(self.found.namespace.clone()),
            name: format!("springback-{}-{fault}", self.run),
            edit: Edit::Create,
        })
    }

    /// A policy goes by labels. Other workloads' pods may have the same ones.
    async fn only_own_pods(&self) -> Result<(), WorldError> {
        let api: Api<PodView> = Api::namespaced(self.client().clone(), &self.found.namespace);
        let pods = api.list(&ListParams::default().labels(&self.found.selector)).await.map_err(|error| {
            WorldError(format!("cannot list the pods of {}: {}", self.found.called(), said(&error)))
        })?;
        let mut owners = Owners::of(self.found, self.client());
        let mut others = Vec::new();
        for pod in pods.items.iter().filter(|pod| !pod.is_finished()) {
            if !owners.own(pod).await {
                others.push(pod.name_any());
            }
        }
        if others.is_empty() {
            return Ok(());
        }
        Err(WorldError(format!(
            "a policy for \"{}\" would cut off pods that are not of {}: {}",
            self.found.selector,
            self.found.called(),
            others.join(", ")
        )))
    }

    /// Policies add up: what one lets in, no other keeps out.
    async fn nothing_lets_in(&self) -> Result<(), WorldError> {
        let api: Api<NetworkPolicy> = Api::namespaced(self.client().clone(), &self.found.namespace);
        let policies = api
            .list(&ListParams::default())
            .await
            .map_err(|error| WorldError(format!("cannot list the network policies: {}", said(&error))))?;
        let own: Api<PodView> = Api::namespaced(self.client().clone(), &self.found.namespace);
        let pods = own.list(&ListParams::default().labels(&self.found.selector)).await.map_err(|error| {
            WorldError(format!("cannot list the pods of {}: {}", self.found.called(), said(&error)))
        })?;
        let lets_in = |policy: &&NetworkPolicy| {
            let Some(spec) = &policy.spec else { return false };
            let selector = Selector::try_from(spec.pod_selector.clone().unwrap_or_default());
            // One that cannot be read is taken for the worse.
            let selects =
                selector.map_or(true, |selector| pods.items.iter().any(|pod| selector.matches(pod.labels())));
            selects && spec.ingress.as_ref().is_some_and(|rules| !rules.is_empty())
        };
        let letting: BTreeSet<String> = policies.iter().filter(lets_in).map(ResourceExt::name_any).collect();
        if letting.is_empty() {
            return Ok(());
        }
        Err(WorldError(format!(
            "a deny-all policy would cut nothing off: {} lets traffic in to {}, and what one policy lets in no other keeps out",
            letting.into_iter().map(|name| format!("NetworkPolicy/{name}")).collect::<Vec<_>>().join(", "),
            self.found.called()
        )))
    }

    /// Creates the policy.
    pub(super) async fn isolate(&self, record: &Record) -> Result<Done, WorldError> {
        let selector: LabelSelector = self.found.selector.parse().map_err(|error| {
            WorldError(format!("the selector \"{}\" of {} {error}", self.found.selector, self.found.called()))
        })?;
        for change in &record.changes {
            let policy = json!({
                "apiVersion": change.api_version,
                "kind": change.kind,
                "metadata": { "name": change.name },
                "spec": { "podSelector": pod_selector(&selector), "policyTypes": ["Ingress"] },
            });
            create(self.client(), self.run, change, policy).await?;
        }
        let made: Vec<String> = record.changes.iter().map(Change::called).collect();
        Ok(Done::at_once(format!("{} lets nothing in to {}", made.join(", "), self.found.called())))
    }

    /// What a manifest creates.
    ///
    /// # Errors
    /// One of its objects is there already: it is not ours to delete.
    pub(super) async fn creates(&self) -> Result<Vec<Change>, WorldError> {
        for change in &self.planned.creates {
            let there = change.api(self.client()).get_opt(&change.name).await.map_err(|error| {
                WorldError(format!("cannot look for {}: {}", change.called(), said(&error)))
            })?;
            if there.is_some() {
                return Err(WorldError(format!("{} is there already", change.called())));
            }
        }
        Ok(self.planned.creates.clone())
    }

    /// Creates the objects of a manifest, and waits until each reports what it is to report.
    pub(super) async fn create(&self, fault: &str, record: &Record) -> Result<Done, WorldError> {
        let FaultAction::Manifest { objects, wait_for, within, .. } = &self.planned.action else {
            return Err(WorldError("the plan has no objects for it".to_owned()));
        };
        for (change, object) in record.changes.iter().zip(objects) {
            create(self.client(), self.run, change, object.clone()).await?;
        }
        let reported = async {
            for change in &record.changes {
                until(self.client(), change, wait_for).await?;
            }
            Ok(())
        };
        let named: Vec<String> = objects.iter().map(object_name).collect();
        let named = named.join(", ");
        match timeout(Duration::from_micros(within.us), reported).await {
            Ok(done) => done?,
            Err(_) => {
                let mut seen = Vec::new();
                for change in &record.changes {
                    let object = change.api(self.client()).get_opt(&change.name).await.ok().flatten();
                    let status = object.and_then(|object| object.data.get("status").cloned());
                    let status = status.map_or_else(|| "no status".to_owned(), |status| status.to_string());
                    seen.push(format!("{} has {status}", change.called()));
                }
                return Err(WorldError(format!(
                    "{named} did not report {wait_for} within {within}; {}",
                    seen.join("; ")
                )));
            }
        }
        // Whoever acts on the objects says so in their status: that is another way than the call that created them.
        let _ = self.told.send(Told::Effect(EffectSeen {
            fault: fault.to_owned(),
            seen_by: named.clone(),
            detail: format!("its status reports {wait_for}"),
        }));
        Ok(Done::at_once(format!("created {named}; reports {wait_for}")))
    }
}

/// Creates an object with the labels of the run.
async fn create(client: &Client, run: &str, change: &Change, object: Value) -> Result<(), WorldError> {
    let failed = |why: String| WorldError(format!("cannot create {}: {why}", change.called()));
    let mut object: DynamicObject =
        serde_json::from_value(object).map_err(|error| failed(error.to_string()))?;
    object.metadata.namespace.clone_from(&change.namespace);
    object.labels_mut().extend(labels(run));
    let params = PostParams { field_manager: Some(MANAGER.to_owned()), ..PostParams::default() };
    change.api(client).create(&params, &object).await.map(drop).map_err(|error| failed(said(&error)))
}

/// Waits until an object reports something.
async fn until(client: &Client, change: &Change, wait_for: &WaitFor) -> Result<(), WorldError> {
    loop {
        match change.api(client).get_opt(&change.name).await {
            Ok(Some(object)) if wait_for.holds(&json!(object)) => return Ok(()),
            Ok(Some(_)) => {}
            Ok(None) => return Err(WorldError(format!("{} was deleted by somebody else", change.called()))),
            Err(error) => {
                return Err(WorldError(format!("cannot read {}: {}", change.called(), said(&error))));
            }
        }
        sleep(LOOK_EVERY).await;
    }
}

/// A selector as a policy has it.
fn pod_selector(selector: &LabelSelector) -> PodSelector {
    let term = |key: &str, operator: &str, values: Option<&Vec<String>>| LabelSelectorRequirement {
        key: key.to_owned(),
        operator: operator.to_owned(),
        values: values.cloned(),
    };
    let terms = selector.terms.iter().map(|one| match &one.is {
        LabelTest::In(values) => term(&one.key, "In", Some(values)),
        LabelTest::NotIn(values) => term(&one.key, "NotIn", Some(values)),
        LabelTest::Exists => term(&one.key, "Exists", None),
        LabelTest::Absent => term(&one.key, "DoesNotExist", None),
    });
    PodSelector { match_expressions: Some(terms.collect()), ..PodSelector::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selector_of_a_scale_becomes_one_of_a_policy() {
        let selector = pod_selector(&"app=checkout,tier!=cache,zone in (a,b),!canary,live".parse().unwrap());
        let terms: Vec<String> = selector
            .match_expressions
            .unwrap()
            .iter()
            .map(|term| {
                format!("{} {} {:?}", term.key, term.operator, term.values.clone().unwrap_or_default())
            })
            .collect();
        insta::assert_snapshot!(terms.join("\n"), @r#"
        app In ["checkout"]
        tier NotIn ["cache"]
        zone In ["a", "b"]
        canary DoesNotExist []
        live Exists []
        "#);
    }
}
