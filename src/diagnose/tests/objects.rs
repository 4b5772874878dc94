//! What is left beside the groups, and why nodes stay.

use std::collections::BTreeMap;

use super::*;

fn left() -> Finding {
    Finding { groups: Vec::new(), ..finding("nothing-left", Outcome::Fail, "left-behind") }
}

fn object(story: Story, at: f64, called: &str, state: ObjectState, facts: &[(&str, &str)]) -> Story {
    let (kind, name) = called.split_once(' ').unwrap();
    let owners: &[&str] = match kind {
        "PersistentVolumeClaim" => &["Pod/web-3", "StatefulSet/web"],
        "Node" if name != "old" => &["NodeClaim/spot-1", "NodePool/spot"],
        "NodeClaim" => &["NodePool/spot"],
        _ => &[],
    };
    let change = ObjectChange {
        kind: kind.into(),
        namespace: (!kind.starts_with("Node")).then(|| "shop".into()),
        name: name.into(),
        uid: called.into(),
        owners: owners.iter().map(|owner| (*owner).to_owned()).collect(),
        state,
        created_ms: 0,
        price: None,
        facts: facts
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect::<BTreeMap<_, _>>(),
    };
    story.event(at, Event::Object(change))
}

fn says(story: Story, at: f64, called: &str, reason: &str, text: &str) -> Story {
    let (kind, name) = called.split_once(' ').unwrap();
    let (kind, name, reason, text) = (kind.into(), name.into(), reason.into(), text.into());
    story.event(at, Event::Reported(Reported { kind, name, reason, text }))
}

#[test]
fn claims_of_one_owner_are_told_together_and_other_things_apart() {
    use ObjectState::{Unused, Used};
    let mut story = Story::new("orphans");
    for claim in ["PersistentVolumeClaim data-web-2", "PersistentVolumeClaim data-web-3"] {
        story = object(story, 20.0, claim, Used, &[("size", "1Gi")]);
        story = object(
            story,
            45.0,
            claim,
            Unused,
            &[("size", "1Gi"), ("last mounted by", "Pod/web-3 of StatefulSet/web")],
        );
    }
    story =
        object(story, 21.0, "Service extra", Unused, &[("endpoints", "0, none ready"), ("made by", "helm")]);
    story = object(story, 22.0, "Job import", Unused, &[("status", "Complete")]);
    story = object(story, 5.0, "Node old", Used, &[]);
    story = object(story, 30.0, "Node old", Unused, &[("cordoned", "yes")]);
    insta::assert_snapshot!(seen(story, &left()));
}

#[test]
fn what_is_gone_or_in_use_is_no_cause() {
    use ObjectState::{Gone, Unused, Used};
    let story = object(Story::new("calm"), 20.0, "PersistentVolumeClaim data-web-2", Used, &[]);
    let story = object(story, 21.0, "Service extra", Unused, &[]);
    let story = object(story, 50.0, "Service extra", Gone, &[]);
    assert_eq!(codes(story, &left()), ["undiagnosed"]);
}

/// A node of Karpenter's that came with the surge, with its pool and what is known of its claim.
fn stays(disruption: &str, claim: &[(&str, &str)]) -> Story {
    let story =
        object(Story::new("nodes"), 1.0, "NodePool spot", ObjectState::Used, &[("disruption", disruption)]);
    let facts = [&[("pool", "spot"), ("node", "n1")], claim].concat();
    let story = object(story, 20.0, "NodeClaim spot-1", ObjectState::Used, &facts);
    object(story, 22.0, "Node n1", ObjectState::Used, &[("pool", "spot")])
}

const PATIENT: &str = r#"{"consolidateAfter":"5s","budgets":[{"nodes":"10%"}]}"#;

#[test]
fn karpenter_is_asked_why_a_node_stays() {
    let blocked = |text: &str| says(stays(PATIENT, &[]), 50.0, "NodeClaim spot-1", "DisruptionBlocked", text);
    let unconsolidatable = |text: &str| says(stays(PATIENT, &[]), 50.0, "Node n1", "Unconsolidatable", text);
    let stories = [
        stays(r#"{"consolidateAfter":"5s","budgets":[{"nodes":"0"}]}"#, &[]),
        stays(r#"{"consolidateAfter":"Never","budgets":[{"nodes":"10%"}]}"#, &[]),
        blocked("Pdb prevents pod evictions (PodDisruptionBudget=[shop/web])"),
        blocked(r#"Pod has "karpenter.sh/do-not-disrupt" annotation (Pod=shop/web-1)"#),
        unconsolidatable(r#"NodePool "spot" has consolidation policy WhenEmpty, but node is not empty"#),
        unconsolidatable("SpotToSpotConsolidation is disabled, can't replace a spot node with a spot node"),
        stays(
            PATIENT,
            &[("being deleted, waits for", "karpenter.sh/termination"), ("condition Drained", "False")],
        ),
        stays(PATIENT, &[]),
    ];
    let told: Vec<String> = stories.into_iter().map(|story| seen(story, &left())).collect();
    insta::assert_snapshot!(told.concat());
}

#[test]
fn pods_that_come_and_go_keep_a_node_and_ones_that_came_before_do_not() {
    let churned = |from: f64| {
        (0..4).fold(stays(PATIENT, &[]), |story, k| {
            let at = from + f64::from(k) * 4.0;
            let time = format!("2026-11-24T10:00:{:02}Z", 10 + k * 4);
            let facts =
                [("pool", "spot"), ("last pod event", time.as_str()), ("condition Consolidatable", "False")];
            object(story, at, "NodeClaim spot-1", ObjectState::Used, &facts)
        })
    };
    assert_eq!(codes(churned(50.0), &left()), ["karpenter-pod-churn"]);
    assert_eq!(codes(churned(23.0), &left()), ["node-left"]);
}

#[test]
fn two_reasons_to_stay_are_both_told() {
    let story = stays(r#"{"consolidateAfter":"Never","budgets":[{"nodes":"0"}]}"#, &[]);
    assert_eq!(codes(story, &left()), ["karpenter-never-consolidates", "karpenter-budget-zero"]);
}

#[test]
fn what_was_said_before_everything_was_over_counts_only_where_nothing_was_said_since() {
    let story = says(
        stays(PATIENT, &[]),
        30.0,
        "NodeClaim spot-1",
        "DisruptionBlocked",
        "Pdb prevents pod evictions",
    );
    assert_eq!(codes(story.event(31.0, Event::Clock(ClockReading { unix_ms: 0 })), &left()), ["pdb-blocks"]);
    let story = says(
        stays(PATIENT, &[]),
        30.0,
        "NodeClaim spot-1",
        "DisruptionBlocked",
        "Pdb prevents pod evictions",
    );
    let story =
        says(story, 50.0, "NodeClaim spot-1", "Unconsolidatable", "Can't replace with a cheaper node");
    assert_eq!(codes(story, &left()), ["karpenter-fragmented"]);
}

/// Workers that KEDA scales, none of them at rest, and three since 20 s; with what is known of their ScaledObject.
fn workers(facts: &[(&str, &str)], later: &[(&str, &str)]) -> (Story, Finding) {
    use crate::scenario::{Access, Group, KubernetesTarget, Target, Workload};
    let story = Story::new("workers").scenario(|scenario| {
        let group = Group {
            replicas: 0,
            capacity: None,
            startup: None,
            service_time: None,
            concurrency: None,
            queue: None,
            grace: None,
            price: None,
            autoscaler: None,
            takes_over_from: None,
            promoted_replicas: None,
            tear_down: None,
            replacement_price: None,
            defects: Default::default(),
            workload: Some(Workload {
                kind: "Deployment".into(),
                name: "worker".into(),
                namespace: None,
                context: None,
            }),
        };
        scenario.target = Target::Kubernetes(KubernetesTarget {
            access: Access::InCluster,
            namespace: "shop".into(),
            entry: None,
            hpa: Default::default(),
            prices: Default::default(),
            groups: BTreeMap::from([("worker".to_owned(), group)]),
        });
    });
    let story = story.desired(0.0, "worker", 0, "declared", "").desired(20.0, "worker", 1, "autoscaler", "");
    let story = story.starts(20.0, "worker-1");
    let scales = [("scales", "Deployment/worker"), ("cooldownPeriod", "5")];
    let story = object(story, 1.0, "ScaledObject worker", ObjectState::Used, &[&scales, facts].concat());
    let story =
        object(story, 50.0, "ScaledObject worker", ObjectState::Used, &[&scales, facts, later].concat());
    (story, Finding { groups: vec!["worker".into()], ..contraction() })
}

#[test]
fn keda_is_asked_why_workers_do_not_sleep() {
    let idle = ("condition Active", "False (ScalerNotActive)");
    let stories = [
        workers(&[idle], &[("paused by annotation", "autoscaling.keda.sh/paused=true")]),
        workers(&[idle, ("minReplicaCount", "1")], &[]),
        workers(&[idle], &[]),
        workers(&[("condition Active", "True")], &[("lastActiveTime", "2026-11-24T10:01:00Z")]),
        workers(&[("condition Fallback", "True (FallbackExists)"), ("fallback replicas", "3")], &[]),
    ];
    let told: Vec<String> = stories.into_iter().map(|(story, finding)| seen(story, &finding)).collect();
    insta::assert_snapshot!(told.concat());
}

#[test]
fn a_scaled_object_of_another_workload_is_no_cause() {
    let (story, finding) = workers(&[("condition Active", "False")], &[("scales", "Deployment/other")]);
    assert!(!codes(story, &finding).iter().any(|code| code.starts_with("keda-")));
}
