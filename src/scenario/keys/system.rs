//! Keys of `[owner]` and `[target]`.

use super::*;

pub(super) static OWNER: Section = section(
    "owner",
    "Who owns the system.",
    &[
        required("team", Kind::Text, r#""payments""#, "The team that is told."),
        optional("cost_center", Kind::Text, r#""cc-4711""#, "Where the spend is booked."),
    ],
);

pub(super) static TARGET: Section = choice(
    "target",
    "The system under test.",
    &[
        optional(
            "local",
            Kind::Named(&GROUP),
            "{ primary = { replicas = 2 } }",
            "The embedded world: groups of child processes on loopback, by names of your choice.",
        ),
        optional(
            "kubernetes",
            Kind::Table(&KUBERNETES),
            r#"{ context = "staging", namespace = "shop", service = "checkout", group = { primary = { workload = "Deployment/checkout" } } }"#,
            "A Kubernetes cluster.",
        ),
    ],
    &["local", "kubernetes"],
);

pub(super) static GROUP: Section = section(
    "group",
    "A group of instances in the embedded world.",
    &[
        required("replicas", REPLICAS, "2", "Instances at the start; of a standby, its dormant size."),
        optional(
            "capacity",
            RATE,
            r#""50/s""#,
            "Requests a second that one instance serves within the objectives.",
        ),
        optional("startup", TIME_OR_ZERO, r#""1s""#, "From spawn to ready."),
        optional(
            "service_time",
            Kind::TimeOr(&SERVICE_TIME),
            r#""20ms""#,
            "How long one request takes in an instance that is not queueing; alone, always the same.",
        ),
        optional(
            "concurrency",
            Kind::Count { min: 1, max: 10_000 },
            "4",
            "Requests that one instance works on at once.",
        ),
        optional(
            "queue",
            Kind::Count { min: 0, max: 100_000 },
            "100",
            "Requests that may wait in one instance before it answers 503.",
        ),
        optional(
            "grace",
            TIME_OR_ZERO,
            r#""5s""#,
            "How long a terminating instance may take to finish what it has begun.",
        ),
        optional("price", Kind::Price, r#""0.10 USD/h""#, "What one instance costs while it exists."),
        optional(
            "autoscaler",
            Kind::Table(&AUTOSCALER),
            r#"{ min_replicas = 2, max_replicas = 12, target_utilization = "60%" }"#,
            "Scales the group with its utilization.",
        ),
        optional("takes_over_from", Kind::Group, r#""primary""#, "Makes this group a standby of that group."),
        optional("promoted_replicas", SOME_REPLICAS, "3", "Instances of a standby while it stands in."),
        optional(
            "tear_down",
            Kind::Texts { distinct: false },
            r#"["./tear-down.sh", "--now"]"#,
            "A program and its arguments, run before an instance is removed by a scale-down; where it fails, the instance stays.",
        ),
        optional(
            "replacement_price",
            Kind::Price,
            r#""0.25 USD/h""#,
            "What an instance costs that replaces one that died.",
        ),
        optional(
            "defects",
            Kind::Table(&DEFECTS),
            "{ leaves_behind = 1 }",
            "Built-in defects, to see them caught.",
        ),
    ],
);

pub(super) static SERVICE_TIME: Section = section(
    "service_time",
    "The time that one request takes.",
    &[
        required("mean", TIME, r#""20ms""#, "The mean."),
        optional(
            "distribution",
            Kind::Word(&["constant", "exponential", "uniform"]),
            r#""exponential""#,
            "How single requests spread around it: always the mean (the default), memoryless with a long tail, or between half and one and a half of it.",
        ),
    ],
);

pub(super) static AUTOSCALER: Section = section(
    "autoscaler",
    "An autoscaler, in the words of Kubernetes' autoscaling/v2.",
    &[
        required("min_replicas", SOME_REPLICAS, "2", "Never fewer."),
        required("max_replicas", SOME_REPLICAS, "12", "Never more."),
        required(
            "target_utilization",
            Kind::Share { zero: false, max_percent: 200 },
            r#""60%""#,
            "Share of an instance's capacity that it aims at.",
        ),
        optional("sync_period", TIME, r#""1s""#, "Time between two decisions; default 15s."),
        optional(
            "tolerance",
            TOLERANCE,
            r#""10%""#,
            "How far usage may be off the target before anything changes; default 10%.",
        ),
        optional(
            "scale_up",
            Kind::Table(&SCALING),
            r#"{ policies = [{ percent = 100, period = "3s" }] }"#,
            "Growth.",
        ),
        optional("scale_down", Kind::Table(&SCALING), r#"{ stabilization_window = "5s" }"#, "Shrinking."),
    ],
);

pub(super) static SCALING: Section = section(
    "scaling",
    "One direction of an autoscaler.",
    &[
        optional(
            "stabilization_window",
            TIME_OR_ZERO,
            r#""5s""#,
            "How far back recommendations count; default 0s up, 300s down.",
        ),
        optional(
            "select_policy",
            Kind::Word(&["Max", "Min", "Disabled"]),
            r#""Max""#,
            "Which policy wins: the one that allows the largest change (the default), the smallest, or no change at all.",
        ),
        optional(
            "policies",
            Kind::List(&POLICY),
            r#"[{ pods = 4, period = "15s" }]"#,
            "Limits on the speed; without them those of Kubernetes.",
        ),
        optional(
            "tolerance",
            TOLERANCE,
            r#""5%""#,
            "Overrides the autoscaler's tolerance in this direction.",
        ),
    ],
);

pub(super) static POLICY: Section = choice(
    "policy",
    "A limit on the speed of scaling.",
    &[
        optional(
            "percent",
            Kind::Count { min: 1, max: 100_000 },
            "100",
            "So many percent of the instances at the period's start.",
        ),
        optional("pods", Kind::Count { min: 1, max: 100_000 }, "4", "So many instances."),
        required("period", TIME, r#""15s""#, "In how long."),
    ],
    &["percent", "pods"],
);

pub(super) static DEFECTS: Section = section(
    "defects",
    "Built-in defects, to see them caught. Checks and diagnosis never read them.",
    &[
        optional(
            "metric_frozen_at",
            TIME_OR_ZERO,
            r#""10s""#,
            "From this long after the start of the stimulus on, the autoscaler reads the same old sample again and again.",
        ),
        optional(
            "leaves_behind",
            SOME_REPLICAS,
            "1",
            "Scale-downs leave so many instances running that nobody wants any more.",
        ),
        optional(
            "regrowth",
            Kind::Table(&REGROWTH),
            r#"{ replicas = 4, after = "5s" }"#,
            "After the group has contracted, something scales it up again.",
        ),
        optional("never_released", Kind::Flag, "true", "The standby stays promoted."),
        optional(
            "released_after",
            TIME,
            r#""2s""#,
            "The standby goes back to sleep so long after its promotion, whether or not the primary is healthy.",
        ),
        optional(
            "ignores_sigterm",
            Kind::Flag,
            "true",
            "Instances ignore SIGTERM, and nobody kills them after their grace.",
        ),
        optional("never_replaced", Kind::Flag, "true", "Killed instances are not replaced."),
        optional(
            "floor_changed",
            Kind::Table(&FLOOR_CHANGED),
            r#"{ at = "10s", min_replicas = 4, by = "night-shift" }"#,
            "Somebody else changes the autoscaler's floor during the run.",
        ),
        optional(
            "blackout",
            Kind::Table(&BLACKOUT),
            r#"{ at = "30s", lasts = "10s" }"#,
            "The world's account of this group falls silent for a while.",
        ),
        optional(
            "never_ready",
            Kind::Flag,
            "true",
            "Instances that start during the run never become ready.",
        ),
    ],
);

pub(super) static REGROWTH: Section = section(
    "regrowth",
    "A group that grows again after it has contracted.",
    &[
        required("replicas", SOME_REPLICAS, "4", "To how many instances."),
        required("after", TIME_OR_ZERO, r#""5s""#, "How long after the contraction."),
    ],
);

pub(super) static FLOOR_CHANGED: Section = section(
    "floor_changed",
    "Another writer's change of `min_replicas`.",
    &[
        required("at", TIME_OR_ZERO, r#""10s""#, "When, from the start of the stimulus."),
        required("min_replicas", SOME_REPLICAS, "4", "The new floor."),
        required("by", Kind::Text, r#""night-shift""#, "Who writes it."),
    ],
);

pub(super) static BLACKOUT: Section = section(
    "blackout",
    "A time without data.",
    &[
        required("at", TIME_OR_ZERO, r#""30s""#, "When, from the start of the stimulus."),
        required("lasts", TIME, r#""10s""#, "How long."),
    ],
);
