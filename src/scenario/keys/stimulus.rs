//! Keys of `[load]`, `[[fault]]` and `[limits]`.

use super::*;

pub(super) static LOAD: Section = section(
    "load",
    "The traffic.",
    &[
        required("path", Kind::RequestPath, r#""/checkout""#, "Path of each request."),
        required("baseline_rate", RATE, r#""40/s""#, "All through the run."),
        optional("timeout", TIME, r#""5s""#, "A request without an answer by then has timed out."),
        optional(
            "max_in_flight",
            Kind::Count { min: 1, max: 100_000 },
            "1000",
            "Requests under way at once, at most.",
        ),
        optional(
            "surge",
            Kind::List(&SURGE),
            r#"[{ at = "5s", step = { to_rate = "200/s", lasts = "20s" } }]"#,
            "Surges on top of it. Overlapping ones add what each puts above the baseline.",
        ),
    ],
);

pub(super) static SURGE: Section = choice(
    "surge",
    "More traffic for a while.",
    &[
        required("at", TIME_OR_ZERO, r#""5s""#, "When it begins, from the end of the baseline phase."),
        optional(
            "ramp",
            Kind::Table(&RAMP),
            r#"{ to_rate = "200/s", over = "12s", lasts = "20s" }"#,
            "A linear rise, then held.",
        ),
        optional(
            "step",
            Kind::Table(&HELD),
            r#"{ to_rate = "200/s", lasts = "20s" }"#,
            "At once to the full rate, held.",
        ),
        optional(
            "spike",
            Kind::Table(&HELD),
            r#"{ to_rate = "400/s", lasts = "10s" }"#,
            "At once to the full rate, then a linear fall back to the baseline.",
        ),
        optional(
            "poisson",
            Kind::Table(&HELD),
            r#"{ to_rate = "200/s", lasts = "20s" }"#,
            "Poisson arrivals at a constant mean.",
        ),
    ],
    &["ramp", "step", "spike", "poisson"],
);

pub(super) static RAMP: Section = section(
    "ramp",
    "A linear rise, then held.",
    &[
        required("to_rate", RATE, r#""200/s""#, "Total rate at its height."),
        required("over", TIME, r#""12s""#, "Length of the rise."),
        required("lasts", TIME, r#""20s""#, "Length of the whole, the rise included."),
    ],
);

pub(super) static HELD: Section = section(
    "held",
    "A rate and how long it lasts.",
    &[
        required("to_rate", RATE, r#""200/s""#, "Total rate at its height."),
        required("lasts", TIME, r#""20s""#, "Length of the whole."),
    ],
);

pub(super) static FAULT: Section = choice(
    "fault",
    "A fault and when it happens.",
    &[
        required("at", TIME_OR_ZERO, r#""20s""#, "When, from the end of the baseline phase."),
        optional(
            "terminate",
            Kind::Table(&TERMINATE),
            r#"{ group = "primary", count = 2, how = "kill" }"#,
            "Ends instances.",
        ),
        optional(
            "lose",
            Kind::Table(&LOSE),
            r#"{ group = "primary", lasts = "6s" }"#,
            "Ends all instances of a group and lets none start for a while.",
        ),
        optional(
            "scale",
            Kind::Table(&SCALE),
            r#"{ group = "primary", to = 1, lasts = "30s" }"#,
            "Sets how many instances a group has, and puts the count back. In a cluster only.",
        ),
        optional(
            "partition",
            Kind::Table(&PARTITION),
            r#"{ group = "primary", lasts = "10s" }"#,
            "Lets no traffic reach a group for a while, by a NetworkPolicy that denies all. In a cluster only.",
        ),
        optional(
            "drain",
            Kind::Table(&DRAIN),
            r#"{ group = "primary", nodes = 1, lasts = "1m" }"#,
            "Cordons nodes and evicts every pod there that may be evicted. In a cluster only.",
        ),
        optional(
            "reclaim",
            Kind::Table(&RECLAIM),
            r#"{ group = "primary", nodes = 1, notice = "30s", lasts = "2m" }"#,
            "Takes nodes back as a provider does with spot capacity: a notice, then the end. In a cluster only.",
        ),
        optional(
            "outage",
            Kind::Table(&OUTAGE),
            r#"{ group = "primary", zone = "eu-1a", lasts = "1m" }"#,
            "Kills every pod on nodes at once and again, and lets nothing new onto them: what the API of a plain cluster can do of a node's or a zone's loss. In a cluster only; for a kernel or a network that really fails, apply an experiment of a chaos engine with `manifest`.",
        ),
        optional(
            "manifest",
            Kind::Table(&MANIFEST),
            r#"{ group = "primary", file = "slow-network.yaml", wait_for = "condition=AllInjected", within = "30s", lasts = "20s" }"#,
            "Applies the objects of a file, such as an experiment of Chaos Mesh or Litmus, and deletes them when it is over. In a cluster only.",
        ),
    ],
    &["terminate", "lose", "scale", "partition", "drain", "reclaim", "outage", "manifest"],
);

pub(super) static TERMINATE: Section = choice(
    "terminate",
    "Ends instances. Which ones is chosen at run time, from the ready ones, and recorded.",
    &[
        required("group", Kind::Group, r#""primary""#, "Of which group."),
        optional("count", SOME_INSTANCES, "2", "So many."),
        optional(
            "share",
            Kind::Share { zero: false, max_percent: 100 },
            r#""50%""#,
            "A share of the ready ones, rounded up.",
        ),
        optional(
            "instances",
            Kind::Texts { distinct: true },
            r#"["primary-1", "primary-2"]"#,
            "Exactly these.",
        ),
        required(
            "how",
            Kind::Word(&["kill", "graceful", "evict"]),
            r#""kill""#,
            "SIGKILL without warning; SIGTERM, and SIGKILL only after the group's grace; or the same by the Eviction API of a cluster, which a disruption budget may refuse.",
        ),
        optional(
            "pick",
            Kind::Word(&["random", "oldest", "newest"]),
            r#""random""#,
            "In which order they are picked: from the seed (the default), the longest running first, or the latest started first.",
        ),
        optional("node", Kind::Text, r#""node-7""#, "Only instances on this node. In a cluster only."),
        optional("zone", Kind::Text, r#""eu-1a""#, "Only instances in this zone. In a cluster only."),
        optional(
            "labels",
            Kind::Labels,
            r#""track=canary""#,
            "Only instances whose labels match, as `kubectl --selector` takes it. In a cluster only.",
        ),
    ],
    &["count", "share", "instances"],
);

pub(super) static LOSE: Section = section(
    "lose",
    "Ends all instances of a group and lets none start for a while.",
    &[
        required("group", Kind::Group, r#""primary""#, "Which group."),
        required("lasts", TIME, r#""6s""#, "How long."),
    ],
);

pub(super) static SCALE: Section = section(
    "scale",
    "Sets how many instances a group has, and puts the count back.",
    &[
        required("group", Kind::Group, r#""primary""#, "Which group."),
        required("to", INSTANCES, "1", "So many instances meanwhile."),
        required("lasts", TIME, r#""30s""#, "How long, before the count is put back."),
    ],
);

pub(super) static PARTITION: Section = section(
    "partition",
    "Lets no traffic reach a group for a while.",
    &[
        required("group", Kind::Group, r#""primary""#, "Which group."),
        required("lasts", TIME, r#""10s""#, "How long."),
    ],
);

const OF_GROUP: Key =
    required("group", Kind::Group, r#""primary""#, "Whose nodes: those that hold ready instances of it.");
const NODES: Key = optional("nodes", Kind::Count { min: 1, max: 5_000 }, "1", "So many of them.");
const NODE: Key = optional("node", Kind::Text, r#""node-7""#, "The one of this name.");
const ZONE: Key = optional("zone", Kind::Text, r#""eu-1a""#, "All of them that are in this zone.");
const PICK: Key = optional(
    "pick",
    Kind::Word(&["random", "oldest", "newest"]),
    r#""random""#,
    "With `nodes`, in which order they are picked: from the seed (the default), or by the longest running or the latest started instance on them.",
);
const NODES_LAST: Key = required("lasts", TIME, r#""1m""#, "How long, before the nodes take pods again.");

pub(super) static DRAIN: Section = choice(
    "drain",
    "Cordons nodes and evicts every pod there that may be evicted, as disruption budgets allow.",
    &[OF_GROUP, NODES, NODE, ZONE, PICK, NODES_LAST],
    &["nodes", "node", "zone"],
);

pub(super) static RECLAIM: Section = choice(
    "reclaim",
    "Takes nodes back with a notice: a taint; pods are ended gracefully within it, and what is left is killed.",
    &[
        OF_GROUP,
        NODES,
        NODE,
        ZONE,
        PICK,
        required("notice", TIME, r#""30s""#, "From the notice until what is left is killed."),
        NODES_LAST,
    ],
    &["nodes", "node", "zone"],
);

pub(super) static OUTAGE: Section = choice(
    "outage",
    "Kills every pod on nodes at once and again, and lets nothing new onto them.",
    &[OF_GROUP, NODES, NODE, ZONE, PICK, NODES_LAST],
    &["nodes", "node", "zone"],
);

pub(super) static MANIFEST: Section = section(
    "manifest",
    "Applies the objects of a file, and deletes them when it is over.",
    &[
        required(
            "group",
            Kind::Group,
            r#""primary""#,
            "The group that it is meant for: findings about it rest on it.",
        ),
        required(
            "file",
            Kind::Manifest,
            r#""slow-network.yaml""#,
            "YAML or JSON, several documents if need be; each object has a name.",
        ),
        required(
            "wait_for",
            Kind::WaitFor,
            r#""condition=AllInjected""#,
            "What every object of it has to report, as `kubectl wait --for` takes it: `condition=TYPE`, `condition=TYPE=STATUS`, `jsonpath={.status.phase}=VALUE`.",
        ),
        required("within", TIME, r#""30s""#, "How long that may take."),
        required("lasts", TIME, r#""20s""#, "How long from then on, before the objects are deleted."),
    ],
);

pub(super) static LIMITS: Section = section(
    "limits",
    "What may be lost.",
    &[optional(
        "lost_at_once",
        Kind::Share { zero: false, max_percent: 100 },
        r#""50%""#,
        "Of the ready instances of a group; default half of them, at least one.",
    )],
);
