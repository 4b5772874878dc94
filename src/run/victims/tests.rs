use super::super::testing::{Making, S, scripted, tracks};
use super::*;
use crate::history::InstanceState::{Ready, Starting};
use crate::scenario::{NodeChoice, Span};

#[test]
fn at_least_one_may_be_lost_and_never_more_than_the_share() {
    let half = Share::percent(50);
    assert!(within_limit(half, "g", 1, 1, 0).is_ok());
    assert!(within_limit(half, "g", 2, 4, 0).is_ok());
    assert!(within_limit(half, "g", 2, 3, 0).is_err());
    assert!(within_limit(Share::WHOLE, "g", 3, 3, 0).is_ok());
}

#[test]
fn what_was_ended_before_and_not_replaced_counts_too() {
    let half = Share::percent(50);
    assert!(within_limit(half, "g", 2, 4, 0).is_ok());
    assert!(within_limit(half, "g", 2, 2, 2).is_err());
}

#[test]
fn what_an_earlier_fault_is_about_to_end_is_neither_struck_again_nor_forgotten() {
    let (_, mut plan) = scripted("[expect]\nreplacement = { within = '10s' }\n");
    let fault = plan.faults[0].clone();
    let mut run = tracks(4);
    assert_eq!(choose(&plan, &fault, &run.tracks).unwrap().action.instances(), ["app-1"]);
    // Not acknowledged yet, and still ready.
    run.kills("fault-1", 40 * S, &["app-1"]);
    assert_eq!(choose(&plan, &fault, &run.tracks).unwrap().action.instances(), ["app-2"]);
    run.kills("fault-2", 40 * S, &["app-2"]);
    let refused = choose(&plan, &fault, &run.tracks).unwrap_err();
    assert!(refused.contains("allows 2 of 4"), "{refused}");
    plan.lost_at_once = Share::WHOLE;
    assert_eq!(choose(&plan, &fault, &run.tracks).unwrap().action.instances(), ["app-3"]);
}

/// Four ready instances and one that is starting, on three nodes of two zones.
fn placed() -> Making {
    let mut run = tracks(4);
    let on = |n: u32| match n {
        1 | 2 => ("node-a", "east"),
        3 => ("node-b", "east"),
        _ => ("node-c", "west"),
    };
    for n in 1..=5 {
        let state = if n == 5 { Starting } else { Ready };
        let track = if n % 2 == 0 { "canary" } else { "stable" };
        run.places(S, &format!("app-{n}"), state, on(n), ("track", track));
    }
    run
}

/// What a fault strikes there, or why it does not.
fn struck(run: &Making, limit: u64, action: FaultAction) -> Result<(Vec<String>, Vec<String>), String> {
    let (_, mut plan) = scripted("[expect]\nreplacement = { within = '10s' }\n");
    plan.lost_at_once = Share::percent(limit);
    let fault = PlannedFault { action, ..plan.faults[0].clone() };
    let intent = choose(&plan, &fault, &run.tracks)?;
    let nodes = match &intent.action {
        IntentAction::Nodes { nodes, .. } => nodes.clone(),
        _ => Vec::new(),
    };
    Ok((nodes, intent.action.instances().to_vec()))
}

fn evicts(count: u32, among: Among) -> FaultAction {
    FaultAction::Terminate {
        group: "app".into(),
        victims: Victims::Count { count, pick: Pick::Oldest },
        how: Termination::Evict,
        among,
    }
}

fn drains(nodes: NodeChoice) -> FaultAction {
    FaultAction::Drain { group: "app".into(), nodes, lasts: Span::from_secs(30) }
}

fn count(count: u32, pick: Pick) -> NodeChoice {
    NodeChoice::Count { count, pick }
}

#[test]
fn a_termination_is_narrowed_down_to_a_node_a_zone_or_labels() {
    let run = placed();
    let among = |node: Option<&str>, zone: Option<&str>, labels: Option<&str>| Among {
        node: node.map(str::to_owned),
        zone: zone.map(str::to_owned),
        labels: labels.map(|labels| labels.parse().unwrap()),
    };
    let one = |among: Among| struck(&run, 50, evicts(1, among)).map(|(_, instances)| instances);
    assert_eq!(one(among(Some("node-b"), None, None)).unwrap(), ["app-3"]);
    assert_eq!(one(among(None, Some("west"), None)).unwrap(), ["app-4"]);
    assert_eq!(one(among(None, Some("east"), Some("track=canary"))).unwrap(), ["app-2"]);
    assert_eq!(
        one(among(None, Some("north"), None)).unwrap_err(),
        "1 ready instances of \"app\" in zone north are to be ended, 0 are ready"
    );
    let (_, plan) = scripted("[expect]\nreplacement = { within = '10s' }\n");
    let fault = PlannedFault { action: evicts(1, Among::default()), ..plan.faults[0].clone() };
    let chosen = choose(&plan, &fault, &run.tracks).unwrap().action;
    assert!(matches!(chosen, IntentAction::Terminate { kill: false, evict: true, .. }), "{chosen:?}");
}

#[test]
fn nodes_are_chosen_among_those_that_hold_ready_instances_and_take_all_that_is_on_them() {
    let run = placed();
    let (nodes, instances) = struck(&run, 50, drains(count(1, Pick::Oldest))).unwrap();
    assert_eq!((nodes, instances), (vec!["node-a".into()], vec!["app-1".into(), "app-2".into()]));
    let (nodes, instances) = struck(&run, 50, drains(count(1, Pick::Newest))).unwrap();
    assert_eq!((nodes, instances), (vec!["node-c".into()], vec!["app-4".into(), "app-5".into()]));
    let named = NodeChoice::Named("node-b".into());
    assert_eq!(struck(&run, 50, drains(named)).unwrap().0, ["node-b"]);
    let zone = NodeChoice::Zone("east".into());
    assert_eq!(struck(&run, 100, drains(zone)).unwrap().0, ["node-a", "node-b"]);
    assert!(struck(&run, 100, drains(count(4, Pick::Random))).unwrap_err().contains("there are 3"));
    let elsewhere = NodeChoice::Named("node-d".into());
    assert!(struck(&run, 100, drains(elsewhere)).unwrap_err().contains("is on node node-d"));
    let nowhere = NodeChoice::Zone("north".into());
    assert!(struck(&run, 100, drains(nowhere)).unwrap_err().contains("is in zone north"));
}

#[test]
fn nodes_that_are_left_to_the_seed_are_the_same_for_the_same_seed_only() {
    let run = placed();
    let (_, mut plan) = scripted("[expect]\nreplacement = { within = '10s' }\n");
    let fault = PlannedFault { action: drains(count(1, Pick::Random)), ..plan.faults[0].clone() };
    let mut chosen = |seed: u64| {
        plan.seed = seed;
        match choose(&plan, &fault, &run.tracks).unwrap().action {
            IntentAction::Nodes { nodes, .. } => nodes,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(chosen(7), chosen(7));
    let all: std::collections::BTreeSet<_> = (0..40).map(chosen).collect();
    assert_eq!(all.len(), 3, "any of the three nodes may be drawn");
}

#[test]
fn what_nodes_a_partition_and_a_scale_down_take_counts_against_the_limit() {
    let run = placed();
    let over = |action: FaultAction| struck(&run, 50, action).unwrap_err();
    assert!(over(drains(NodeChoice::Zone("east".into()))).contains("this fault would take 3"));
    let lasts = Span::from_secs(30);
    let cut = FaultAction::Partition { group: "app".into(), lasts };
    assert!(over(cut.clone()).contains("this fault would take 4"));
    assert_eq!(struck(&run, 100, cut).unwrap().1.len(), 5, "one that is starting is cut off, too");
    let scale = |to| FaultAction::Scale { group: "app".into(), to, lasts };
    assert!(over(scale(1)).contains("this fault would take 3"));
    assert!(struck(&run, 50, scale(2)).is_ok());
    assert!(struck(&run, 50, scale(9)).is_ok());
}

#[test]
fn what_is_cut_off_or_scaled_away_is_lost_until_it_is_healed() {
    let mut run = placed();
    let lasts_us = 30 * S;
    let instances = vec!["app-1".into(), "app-2".into()];
    run.strikes("fault-7", 40 * S, IntentAction::Partition { instances, lasts_us });
    let kill = || struck(&run, 50, evicts(1, Among::default()));
    assert!(kill().unwrap_err().contains("allows 2 of 4"), "{:?}", kill());
    run.heals("fault-7", 50 * S);
    assert_eq!(struck(&run, 50, evicts(1, Among::default())).unwrap().1, ["app-1"]);
    run.strikes("fault-8", 60 * S, IntentAction::Scale { to: 2, lasts_us });
    let refused = struck(&run, 50, evicts(2, Among::default())).unwrap_err();
    assert!(refused.contains("2 more that were taken before"), "{refused}");
    run.heals("fault-8", 70 * S);
    assert!(struck(&run, 50, evicts(2, Among::default())).is_ok());
}

#[test]
fn another_engines_objects_are_named_and_nothing_of_them_counts() {
    let object = serde_json::json!({
        "apiVersion": "chaos-mesh.org/v1alpha1", "kind": "NetworkChaos", "metadata": { "name": "slow" },
    });
    let action = FaultAction::Manifest {
        group: "app".into(),
        file: "slow.yaml".into(),
        objects: vec![object],
        wait_for: "condition=AllInjected".parse().unwrap(),
        within: Span::from_secs(30),
        lasts: Span::from_secs(30),
    };
    let (_, plan) = scripted("[expect]\nreplacement = { within = '10s' }\n");
    let fault = PlannedFault { action, ..plan.faults[0].clone() };
    let chosen = choose(&plan, &fault, &placed().tracks).unwrap().action;
    let objects = vec!["NetworkChaos.chaos-mesh.org/slow".to_owned()];
    assert_eq!(chosen, IntentAction::Manifest { objects, lasts_us: 30 * S });
}
