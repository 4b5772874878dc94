//! The vocabulary: every sentence that a feature may say. What is parsed, what `springback steps` lists and what
//! `convert` writes all come from this table.

use std::sync::LazyLock;

use super::phrase::Keyword::{self, Given, Then, When};
use super::phrase::{Does, Form, Phrase};

const fn phrase(
    under: &'static [Keyword],
    at: &'static str,
    says: &'static [&'static str],
    example: &'static str,
) -> Phrase {
    Phrase { under, says, does: Does::Set { at, fixed: &[] }, example, table: "" }
}

impl Phrase {
    const fn fixed(mut self, fixed: &'static [(&'static str, &'static str)]) -> Self {
        if let Does::Set { at, .. } = self.does {
            self.does = Does::Set { at, fixed };
        }
        self
    }

    const fn does(mut self, does: Does) -> Self {
        self.does = does;
        self
    }

    const fn with_table(mut self, table: &'static str) -> Self {
        self.table = table;
        self
    }
}

const GIVEN: &[Keyword] = &[Given];
const WHEN: &[Keyword] = &[When];
const THEN: &[Keyword] = &[Then];
const GUARD: &[Keyword] = &[Given, Then];

/// All phrases, in the order of a scenario.
pub(super) static VOCABULARY: &[Phrase] = &[
    // The system.
    phrase(
        GIVEN,
        "",
        &["the system described in {file}"],
        r#"Given the system described in "systems/checkout.toml""#,
    )
    .does(Does::Import { whole: false }),
    phrase(
        GIVEN,
        "",
        &["the system described in {file} with its load, faults and expectations"],
        r#"Given the system described in "checkout.toml" with its load, faults and expectations"#,
    )
    .does(Does::Import { whole: true }),
    phrase(GIVEN, "", &["the system(:)"], "Given the system:")
        .does(Does::Inline)
        .with_table("\"\"\"\n[target.local.primary]\nreplicas = 2\n\"\"\""),
    phrase(
        GIVEN,
        "target.kubernetes",
        &[
            "the system runs in namespace {namespace} of the cluster {context}[, taking load at the service {service}]",
            "the system runs in namespace {namespace} of the cluster {context}, taking load at the address {address}",
        ],
        r#"Given the system runs in namespace "shop" of the cluster "staging", taking load at the service "checkout""#,
    ),
    phrase(
        GIVEN,
        "target.kubernetes",
        &[
            "the system runs in namespace {namespace} of this cluster[, taking load at the service {service}]",
            "the system runs in namespace {namespace} of this cluster, taking load at the address {address}",
        ],
        r#"Given the system runs in namespace "shop" of this cluster, taking load at the service "checkout""#,
    )
    .fixed(&[("in_cluster", "true")]),
    phrase(
        GIVEN,
        "target.kubernetes.group.*",
        &[
            "a group {new} of the workload {workload}[, with {replicas} instance(s)][, ready after {startup}][, each serving {capacity}][, at {price} each]",
        ],
        r#"Given a group "primary" of the workload "Deployment/checkout", each serving 50 requests per second, at 0.10 USD per hour each"#,
    ),
    phrase(
        GIVEN,
        "target.kubernetes.group.*",
        &[
            "a standby {new} of the workload {workload}[, with {replicas} instance(s)] takes over from {takes_over_from}[ with {promoted_replicas} instance(s)][, ready after {startup}][, each serving {capacity}][, at {price} each]",
        ],
        r#"Given a standby "standby" of the workload "Deployment/checkout-standby", with 1 instance takes over from "primary" with 3 instances"#,
    ),
    phrase(GIVEN, "", &["these groups of instances(:)"], "Given these groups of instances:")
        .does(Does::Groups)
        .with_table(
            "| group   | replicas | capacity | price      |\n| primary | 2        | 50/s     | 0.10 USD/h |",
        ),
    phrase(
        GIVEN,
        "target.local.*",
        &[
            "a group {new} of {replicas} instance(s)[, ready after {startup}][, each serving {capacity}][, at {price} each]",
        ],
        r#"Given a group "primary" of 2 instances, each serving 50 requests per second, at 0.10 USD per hour each"#,
    ),
    phrase(
        GIVEN,
        "target.local.*",
        &[
            "a standby {new} of {replicas} instance(s) takes over from {takes_over_from}[ with {promoted_replicas} instance(s)][, ready after {startup}][, each serving {capacity}][, at {price} each]",
        ],
        r#"Given a standby "standby" of 1 instance takes over from "primary" with 3 instances"#,
    ),
    phrase(GIVEN, "target.local.*", &["{group} has(:)"], r#"Given "primary" has:"#)
        .with_table("| grace | 4 seconds |\n| queue | 200       |"),
    phrase(
        GIVEN,
        "target.local.*.autoscaler",
        &[
            "{group} is autoscaled between {min_replicas} and {max_replicas} instances at {target_utilization} utilization[, deciding every {sync_period}][, tolerating deviations of {tolerance}]",
        ],
        r#"Given "primary" is autoscaled between 2 and 12 instances at 60% utilization, deciding every 1 second"#,
    ),
    phrase(
        GIVEN,
        "target.local.*.autoscaler.scale_up.policies.+",
        &["{group} scales up by at most {percent}% every {period}"],
        r#"Given "primary" scales up by at most 100% every 3 seconds"#,
    ),
    phrase(
        GIVEN,
        "target.local.*.autoscaler.scale_up.policies.+",
        &["{group} scales up by at most {pods} instance(s) every {period}"],
        r#"Given "primary" scales up by at most 4 instances every 15 seconds"#,
    ),
    phrase(
        GIVEN,
        "target.local.*.autoscaler.scale_down.policies.+",
        &["{group} scales down by at most {percent}% every {period}"],
        r#"Given "primary" scales down by at most 50% every 10 seconds"#,
    ),
    phrase(
        GIVEN,
        "target.local.*.autoscaler.scale_down.policies.+",
        &["{group} scales down by at most {pods} instance(s) every {period}"],
        r#"Given "primary" scales down by at most 1 instance every 5 seconds"#,
    ),
    phrase(
        GIVEN,
        "target.local.*.autoscaler.scale_up",
        &["{group} waits {stabilization_window} before it scales up"],
        r#"Given "primary" waits 0 seconds before it scales up"#,
    ),
    phrase(
        GIVEN,
        "target.local.*.autoscaler.scale_down",
        &["{group} waits {stabilization_window} before it scales down"],
        r#"Given "primary" waits 5 seconds before it scales down"#,
    ),
    phrase(
        GIVEN,
        "target.local.*.autoscaler.scale_up",
        &["{group} never scales up"],
        r#"Given "primary" never scales up"#,
    )
    .fixed(&[("select_policy", "Disabled")]),
    phrase(
        GIVEN,
        "target.local.*.autoscaler.scale_down",
        &["{group} never scales down"],
        r#"Given "primary" never scales down"#,
    )
    .fixed(&[("select_policy", "Disabled")]),
    // Who is told, and the frame of the run.
    phrase(
        GIVEN,
        "owner",
        &["the system is owned by {team}[, cost center {cost_center}]"],
        r#"Given the system is owned by "payments", cost center "cc-4711""#,
    ),
    phrase(
        GIVEN,
        "",
        &["the runbook is {runbook}"],
        r#"Given the runbook is "https://runbooks.example/checkout""#,
    ),
    phrase(
        GIVEN,
        "run",
        &["a steady state is reached within {warm_up}"],
        "Given a steady state is reached within 1 minute",
    ),
    phrase(
        GIVEN,
        "load",
        &[
            "a steady load of {baseline_rate}[ on {path}][, timing out after {timeout}][, with at most {max_in_flight} request(s) under way]",
        ],
        r#"Given a steady load of 40 requests per second on "/checkout""#,
    ),
    phrase(
        GIVEN,
        "limits",
        &["up to {lost_at_once} of a group may be lost at once"],
        "Given up to 100% of a group may be lost at once",
    ),
    // What is done to it.
    phrase(
        WHEN,
        "load.surge.+",
        &[
            "load ramps to {ramp.to_rate} over {ramp.over} and lasts {ramp.lasts}, starting at {at}",
            "at {at} load ramps to {ramp.to_rate} over {ramp.over} and lasts {ramp.lasts}",
        ],
        "When load ramps to 200 requests per second over 12 seconds and lasts 20 seconds, starting at 5 seconds",
    ),
    phrase(
        WHEN,
        "load.surge.+",
        &[
            "load steps to {step.to_rate} for {step.lasts}, starting at {at}",
            "at {at} load steps to {step.to_rate} for {step.lasts}",
        ],
        "When load steps to 200 requests per second for 20 seconds, starting at 5 seconds",
    ),
    phrase(
        WHEN,
        "load.surge.+",
        &[
            "load spikes to {spike.to_rate} and falls back over {spike.lasts}, starting at {at}",
            "at {at} load spikes to {spike.to_rate} and falls back over {spike.lasts}",
        ],
        "When load spikes to 400 requests per second and falls back over 10 seconds, starting at 5 seconds",
    ),
    phrase(
        WHEN,
        "load.surge.+",
        &[
            "load arrives at random at {poisson.to_rate} for {poisson.lasts}, starting at {at}",
            "at {at} load arrives at random at {poisson.to_rate} for {poisson.lasts}",
        ],
        "When load arrives at random at 200 requests per second for 20 seconds, starting at 5 seconds",
    ),
    phrase(
        WHEN,
        "fault.+",
        &["at {at} {terminate.count} instance(s) of {terminate.group}[ on node {terminate.node}][ in zone {terminate.zone}][ with labels {terminate.labels}] is/are {terminate.how}"],
        r#"When at 20 seconds 2 instances of "primary" are killed"#,
    ),
    phrase(
        WHEN,
        "fault.+",
        &[
            "at {at} the {terminate.count} {terminate.pick} instance(s) of {terminate.group}[ on node {terminate.node}][ in zone {terminate.zone}][ with labels {terminate.labels}] is/are {terminate.how}",
        ],
        r#"When at 20 seconds the 2 oldest instances of "primary" are terminated gracefully"#,
    ),
    phrase(
        WHEN,
        "fault.+",
        &["at {at} {terminate.share} of {terminate.group}[ on node {terminate.node}][ in zone {terminate.zone}][ with labels {terminate.labels}] is/are {terminate.how}"],
        r#"When at 20 seconds 50% of "primary" is killed"#,
    ),
    phrase(
        WHEN,
        "fault.+",
        &["at {at} the {terminate.pick} {terminate.share} of {terminate.group}[ on node {terminate.node}][ in zone {terminate.zone}][ with labels {terminate.labels}] is/are {terminate.how}"],
        r#"When at 20 seconds the newest 50% of "primary" is killed"#,
    ),
    phrase(
        WHEN,
        "fault.+",
        &["at {at} the instance(s) {terminate.instances} of {terminate.group} is/are {terminate.how}"],
        r#"When at 20 seconds the instances "primary-1" and "primary-2" of "primary" are killed"#,
    ),
    phrase(
        WHEN,
        "fault.+",
        &["at {at} {lose.group} is lost for {lose.lasts}"],
        r#"When at 34 seconds "primary" is lost for 6 seconds"#,
    ),
    phrase(
        WHEN,
        "fault.+",
        &["at {at} {scale.group} is scaled to {scale.to} instance(s) for {scale.lasts}"],
        r#"When at 20 seconds "primary" is scaled to 1 instance for 30 seconds"#,
    ),
    phrase(
        WHEN,
        "fault.+",
        &["at {at} {partition.group} is cut off for {partition.lasts}"],
        r#"When at 20 seconds "primary" is cut off for 10 seconds"#,
    ),
    phrase(
        WHEN,
        "fault.+",
        &["at {at} {drain.nodes} node(s) of {drain.group} is/are drained for {drain.lasts}"],
        r#"When at 20 seconds 1 node of "primary" is drained for 30 seconds"#,
    ),
    phrase(
        WHEN,
        "fault.+",
        &["at {at} the {drain.nodes} {drain.pick} node(s) of {drain.group} is/are drained for {drain.lasts}"],
        r#"When at 20 seconds the 2 oldest nodes of "primary" are drained for 30 seconds"#,
    ),
    phrase(
        WHEN,
        "fault.+",
        &["at {at} the node {drain.node} of {drain.group} is drained for {drain.lasts}"],
        r#"When at 20 seconds the node "node-7" of "primary" is drained for 30 seconds"#,
    ),
    phrase(
        WHEN,
        "fault.+",
        &["at {at} the nodes of {drain.group} in zone {drain.zone} are drained for {drain.lasts}"],
        r#"When at 20 seconds the nodes of "primary" in zone "eu-1a" are drained for 30 seconds"#,
    ),
    phrase(
        WHEN,
        "fault.+",
        &["at {at} {reclaim.nodes} node(s) of {reclaim.group} is/are reclaimed with {reclaim.notice} of notice for {reclaim.lasts}"],
        r#"When at 20 seconds 1 node of "primary" is reclaimed with 30 seconds of notice for 2 minutes"#,
    ),
    phrase(
        WHEN,
        "fault.+",
        &["at {at} the {reclaim.nodes} {reclaim.pick} node(s) of {reclaim.group} is/are reclaimed with {reclaim.notice} of notice for {reclaim.lasts}"],
        r#"When at 20 seconds the 2 oldest nodes of "primary" are reclaimed with 30 seconds of notice for 2 minutes"#,
    ),
    phrase(
        WHEN,
        "fault.+",
        &["at {at} the node {reclaim.node} of {reclaim.group} is reclaimed with {reclaim.notice} of notice for {reclaim.lasts}"],
        r#"When at 20 seconds the node "node-7" of "primary" is reclaimed with 30 seconds of notice for 2 minutes"#,
    ),
    phrase(
        WHEN,
        "fault.+",
        &["at {at} the nodes of {reclaim.group} in zone {reclaim.zone} are reclaimed with {reclaim.notice} of notice for {reclaim.lasts}"],
        r#"When at 20 seconds the nodes of "primary" in zone "eu-1a" are reclaimed with 30 seconds of notice for 2 minutes"#,
    ),
    phrase(
        WHEN,
        "fault.+",
        &["at {at} {outage.nodes} node(s) of {outage.group} is/are out for {outage.lasts}"],
        r#"When at 20 seconds 1 node of "primary" is out for 1 minute"#,
    ),
    phrase(
        WHEN,
        "fault.+",
        &["at {at} the {outage.nodes} {outage.pick} node(s) of {outage.group} is/are out for {outage.lasts}"],
        r#"When at 20 seconds the 2 oldest nodes of "primary" are out for 1 minute"#,
    ),
    phrase(
        WHEN,
        "fault.+",
        &["at {at} the node {outage.node} of {outage.group} is out for {outage.lasts}"],
        r#"When at 20 seconds the node "node-7" of "primary" is out for 1 minute"#,
    ),
    phrase(
        WHEN,
        "fault.+",
        &["at {at} the nodes of {outage.group} in zone {outage.zone} are out for {outage.lasts}"],
        r#"When at 20 seconds the nodes of "primary" in zone "eu-1a" are out for 1 minute"#,
    ),
    phrase(
        WHEN,
        "fault.+",
        &[
            "at {at} {manifest.file} is applied to {manifest.group} for {manifest.lasts}, reporting {manifest.wait_for} within {manifest.within}",
        ],
        r#"When at 20 seconds "slow-network.yaml" is applied to "primary" for 20 seconds, reporting "condition=AllInjected" within 30 seconds"#,
    ),
    // What must hold.
    phrase(
        THEN,
        "slo.availability",
        &["at least {target} of requests succeed"],
        "Then at least 90% of requests succeed",
    ),
    phrase(
        THEN,
        "slo.latency",
        &["at least {target} of requests are answered within {under}"],
        "Then at least 90% of requests are answered within 200 ms",
    ),
    phrase(
        THEN,
        "slo.*",
        &[
            "by {objective} at least {target} of requests are answered within {under}",
            "by {objective} at least {target} of requests succeed",
        ],
        r#"Then by "fast-enough" at least 99% of requests are answered within 1 second"#,
    ),
    phrase(
        THEN,
        "expect.baseline",
        &["at baseline {at_most}"],
        r#"Then at baseline "primary" has at most 2 instances and "standby" at most 1"#,
    ),
    phrase(
        THEN,
        "expect.expansion.+",
        &["within {within}[ of {from}] {group} has at least {to_at_least} instance(s)"],
        r#"Then within 15 seconds of the surge beginning "primary" has at least 4 instances"#,
    ),
    phrase(
        THEN,
        "expect.replacement",
        &["each killed/terminated instance is replaced within {within}"],
        "Then each killed instance is replaced within 10 seconds",
    ),
    phrase(
        THEN,
        "expect.contraction.+",
        &[
            "within {within}[ of {from}] {group} is back to its baseline[ and stays there for {hold}][, tolerating {tolerance} more instance(s)][, ignoring excursions up to {settle}]",
        ],
        r#"Then within 20 seconds "primary" is back to its baseline and stays there for 10 seconds"#,
    ),
    phrase(
        THEN,
        "expect.contraction.+",
        &[
            "within {within}[ of {from}] every group is back to its baseline[ and stays there for {hold}][, tolerating {tolerance} more instance(s)][, ignoring excursions up to {settle}]",
        ],
        "Then within the autoscaler's own time every group is back to its baseline and stays there for 30 seconds",
    ),
    phrase(
        THEN,
        "expect.standby_released.+",
        &[
            "within {within}[ of {from}] the standby(s) is/are released[ and stays/stay so for {hold}][, asleep at {dormant_size.at_least} to {dormant_size.at_most} instances]",
        ],
        "Then within 20 seconds of the primary being healthy the standby is released and stays so for 10 seconds",
    ),
    phrase(
        THEN,
        "expect.standby_released.+",
        &[
            "within {within}[ of {from}] the standby {group} is released[ and stays so for {hold}][, asleep at {dormant_size.at_least} to {dormant_size.at_most} instances]",
        ],
        r#"Then within 20 seconds of the primary being healthy the standby "standby" is released and stays so for 10 seconds"#,
    ),
    phrase(
        THEN,
        "expect.idle_spend",
        &[
            "after {after} idle spend is at most {at_most}[ for {hold}]",
            "{after} after {from} idle spend is at most {at_most}[ for {hold}]",
        ],
        "Then after 20 seconds idle spend is at most 0.00 USD per hour for 10 seconds",
    ),
    phrase(
        THEN,
        "expect.nothing_left",
        &[
            "after {after} nothing unused is left[ for {hold}]",
            "{after} after {from} nothing unused is left[ for {hold}]",
        ],
        "Then after 20 seconds nothing unused is left for 10 seconds",
    ),
    phrase(
        THEN,
        "expect.recovery",
        &["within {within}[ of {from}] every objective is met again[ and stays so for {hold}]"],
        "Then within 15 seconds every objective is met again and stays so for 30 seconds",
    ),
    phrase(
        THEN,
        "expect.burn_rate.+",
        &["{objective} burns no faster than {at_most} over {over}"],
        r#"Then "availability" burns no faster than 5 over 1 minute"#,
    ),
    phrase(
        GUARD,
        "stop.burn_rate",
        &["the run stops if {objective} burns faster than {above} over {over}"],
        r#"Then the run stops if "availability" burns faster than 5 over 30 seconds"#,
    ),
    phrase(
        GUARD,
        "stop.error_ratio",
        &["the run stops if more than {above} of requests fail over {over}"],
        "Then the run stops if more than 50% of requests fail over 30 seconds",
    ),
    phrase(
        GUARD,
        "stop.spend_rate",
        &["the run stops if spend is above {above}"],
        "Then the run stops if spend is above 2.00 USD per hour",
    ),
];

/// All forms of all phrases.
pub(super) fn forms() -> &'static [Form] {
    static FORMS: LazyLock<Vec<Form>> = LazyLock::new(|| VOCABULARY.iter().flat_map(Phrase::forms).collect());
    &FORMS
}
