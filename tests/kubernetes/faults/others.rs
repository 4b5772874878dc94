//! Somebody else changes the system between a fault and its heal.

use controlplane::eventually;
use k8s_openapi::api::autoscaling::v1::Scale;
use kube::api::{Patch, PatchParams};
use serde_json::json;

use super::{Said, a_system, as_before, deployment, meanwhile, scenario};
use crate::snapshot::snapshot;
use crate::support::{cluster, run};

#[tokio::test]
#[ignore = "needs a control plane: Go, and minutes to build it"]
async fn what_somebody_else_scales_and_deploys_meanwhile_stays() {
    let (cluster, _turn) = cluster().await;
    let client = cluster.plane.client();
    let name = "superseded";
    a_system(&client, name, 2).await;
    let api = deployment(&client, name);
    let text = scenario(
        "[load]\npath = '/'\nbaseline_rate = '10/s'\n\
         [[fault]]\nat = '1s'\nlose = { group = 'primary', lasts = '6s' }\n\
         [limits]\nlost_at_once = '100%'\n\
         [slo]\navailability = { target = '10%' }\n\
         [expect]\nrecovery = { within = '10s', hold = '5s' }\n",
    );
    let meddling = async {
        eventually("the loss", async || {
            let scale: Scale = api.get_scale("checkout").await.ok()?;
            (scale.spec?.replicas.unwrap_or(0) == 0).then_some(())
        })
        .await;
        let by = PatchParams { field_manager: Some("deployer".to_owned()), ..PatchParams::default() };
        let deployed = json!({ "spec": {
            "replicas": 3,
            "template": { "metadata": { "annotations": { "version": "2" } } },
        } });
        api.patch("checkout", &by, &Patch::Merge(&deployed)).await.unwrap();
        eventually("the new version to be rolled out", async || {
            let found = api.get("checkout").await.ok()?;
            (found.data.pointer("/status/readyReplicas")?.as_u64() == Some(3)).then_some(())
        })
        .await;
        snapshot(&client, name).await
    };
    let (ran, mut theirs) = meanwhile(run(cluster, name, &text), meddling).await;
    let said = Said::of(&ran);
    assert!(said.healed().complete, "{:?}", said.healed());
    assert!(said.healed().detail.contains("heal-superseded"), "{:?}", said.healed());
    assert_eq!(said.notes("heal-superseded").len(), 1);
    assert_eq!(ran.code(), 2, "{}", ran.said());
    let verdict = ran.verdict().to_string();
    assert!(verdict.contains("confounded") && verdict.contains("deployer"), "{verdict}");
    // Both of their changes stay; of ours nothing does.
    theirs.retain(|object, _| !object.contains("springback"));
    as_before(&client, name, &theirs).await;
}

#[tokio::test]
#[ignore = "needs a control plane: Go, and minutes to build it"]
async fn a_deployment_by_somebody_else_makes_another_system_of_it() {
    let (cluster, _turn) = cluster().await;
    let client = cluster.plane.client();
    let name = "deployed";
    a_system(&client, name, 2).await;
    let api = deployment(&client, name);
    let text = scenario(
        "[load]\npath = '/'\nbaseline_rate = '10/s'\n\
         [[fault]]\nat = '1s'\nscale = { group = 'primary', to = 3, lasts = '5s' }\n\
         [slo]\navailability = { target = '10%' }\n\
         [expect]\nrecovery = { within = '10s', hold = '5s' }\n",
    );
    let meddling = async {
        eventually("the fault", async || {
            let scale: Scale = api.get_scale("checkout").await.ok()?;
            (scale.spec?.replicas == Some(3)).then_some(())
        })
        .await;
        let by = PatchParams { field_manager: Some("deployer".to_owned()), ..PatchParams::default() };
        let template =
            json!({ "spec": { "template": { "metadata": { "annotations": { "version": "2" } } } } });
        api.patch("checkout", &by, &Patch::Merge(&template)).await.unwrap();
        eventually("the controller to count a new version", async || {
            let found = api.get("checkout").await.ok()?;
            let revision = found.metadata.annotations?.remove("deployment.kubernetes.io/revision")?;
            (revision == "2").then_some(())
        })
        .await;
        let mut theirs = snapshot(&client, name).await;
        // The count is ours, and goes back.
        let count = theirs
            .get_mut("Deployment/checkout")
            .and_then(|object| object.pointer_mut("/fields/spec/replicas"));
        *count.unwrap() = json!(2);
        theirs
    };
    let (ran, mut theirs) = meanwhile(run(cluster, name, &text), meddling).await;
    assert_eq!(ran.code(), 2, "{}", ran.said());
    let verdict = ran.verdict().to_string();
    assert!(verdict.contains("Somebody else, deployer, changed the template of"), "{verdict}");
    assert_eq!(Said::of(&ran).healed().detail, "Deployment/checkout is as before");
    theirs.retain(|object, _| !object.contains("springback"));
    as_before(&client, name, &theirs).await;
}
