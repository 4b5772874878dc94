use super::*;
use crate::scenario::{Overrides, Source, read};

fn planned(target: &str, fault: &str) -> PlannedFault {
    let text = format!(
        "name = 'a'\n{target}\n[limits]\nlost_at_once = '100%'\n[[fault]]\nat = '10s'\n{fault}\n\
         [expect]\nbaseline = {{ at_most = {{ app = 4 }} }}\n"
    );
    let read = read(&Source::new("a.toml", text.clone()), &Overrides::NONE);
    let scenario = read.unwrap_or_else(|found| panic!("{}\n{text}", found[0].plain())).scenario;
    lower(&scenario, 1).faults.remove(0)
}

fn in_a_cluster(fault: &str) -> PlannedFault {
    planned(
        "[target.kubernetes]\ncontext = 'c'\nnamespace = 'n'\ngroup = { app = { workload = 'Deployment/app', grace = '7s' } }",
        fault,
    )
}

#[test]
fn a_fault_is_over_when_it_is_healed_and_a_termination_with_its_grace() {
    let ends_s = |fault: &str| in_a_cluster(fault).end_us() / 1_000_000;
    assert_eq!(ends_s("terminate = { group = 'app', count = 1, how = 'kill' }"), 10);
    assert_eq!(ends_s("terminate = { group = 'app', count = 1, how = 'evict' }"), 17);
    assert_eq!(ends_s("scale = { group = 'app', to = 1, lasts = '20s' }"), 30);
    assert_eq!(ends_s("partition = { group = 'app', lasts = '20s' }"), 30);
    assert_eq!(ends_s("reclaim = { group = 'app', nodes = 1, notice = '5s', lasts = '20s' }"), 30);
}

#[test]
fn an_effect_may_take_what_its_fault_takes_and_longer_in_a_cluster() {
    let local =
        planned("[target.local.app]\nreplicas = 4", "terminate = { group = 'app', count = 1, how = 'kill' }");
    assert_eq!(local.effect_within_us, EFFECT_WITHIN.us);
    let takes_s = |fault: &str| (in_a_cluster(fault).effect_within_us - CLUSTER_EFFECT_WITHIN.us) / 1_000_000;
    assert_eq!(takes_s("terminate = { group = 'app', count = 1, how = 'kill' }"), 0);
    assert_eq!(takes_s("terminate = { group = 'app', count = 1, how = 'evict' }"), 7);
    assert_eq!(takes_s("outage = { group = 'app', nodes = 1, lasts = '20s' }"), 0);
    assert_eq!(takes_s("reclaim = { group = 'app', nodes = 1, notice = '9s', lasts = '20s' }"), 9);
    // As disruption budgets let go of one after the other, at the most while it lasts; never less than the grace.
    assert_eq!(takes_s("drain = { group = 'app', nodes = 1, lasts = '20s' }"), 20);
    assert_eq!(takes_s("drain = { group = 'app', nodes = 1, lasts = '2s' }"), 7);
    assert_eq!(takes_s("scale = { group = 'app', to = 5, lasts = '20s' }"), 20);
}
