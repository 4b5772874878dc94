//! Keys of `[slo]`, `[expect]`, `[stop]` and `[run]`.

use super::*;

/// Of what must be so for a while.
const HOLD: Key =
    optional("hold", TIME, r#""10s""#, "How long it must stay so; default the longer of 30s and two syncs.");

/// Of what counts from quiesce.
const FROM: Key = optional("from", ANCHOR, r#""quiesce""#, "The anchor; default quiesce.");

pub(super) static OBJECTIVE: Section = section(
    "objective",
    "A service level objective.",
    &[
        required(
            "target",
            Kind::Share { zero: true, max_percent: 100 },
            r#""99.9%""#,
            "Share of good requests.",
        ),
        optional(
            "under",
            TIME,
            r#""200ms""#,
            "Good is answered well within this time; without it, good is answered well.",
        ),
    ],
);

pub(super) static EXPECT: Section = section(
    "expect",
    "What must hold. Each entry becomes a finding of its own.",
    &[
        optional(
            "baseline",
            Kind::Table(&BASELINE),
            "{ at_most = { primary = 2, standby = 1 } }",
            "What the calm system may have.",
        ),
        optional(
            "expansion",
            Kind::OneOrMore(&EXPANSION),
            r#"{ group = "primary", to_at_least = 4, within = "15s" }"#,
            "Supply rises.",
        ),
        optional(
            "replacement",
            Kind::Table(&REPLACEMENT),
            r#"{ within = "10s" }"#,
            "Terminated instances are replaced.",
        ),
        optional(
            "contraction",
            Kind::OneOrMore(&CONTRACTION),
            r#"{ group = "primary", within = "20s", hold = "10s" }"#,
            "Supply falls back, and stays.",
        ),
        optional(
            "standby_released",
            Kind::OneOrMore(&STANDBY_RELEASED),
            r#"{ within = "20s", hold = "10s", from = "primary-healthy" }"#,
            "Standbys go back to sleep.",
        ),
        optional(
            "idle_spend",
            Kind::Table(&IDLE_SPEND),
            r#"{ at_most = "0.00 USD/h", after = "20s", hold = "10s" }"#,
            "Spend falls back to its baseline.",
        ),
        optional(
            "nothing_left",
            Kind::Table(&NOTHING_LEFT),
            r#"{ after = "20s", hold = "10s" }"#,
            "In a cluster: what appeared beside the groups and serves nothing any more is gone.",
        ),
        optional(
            "recovery",
            Kind::Table(&RECOVERY),
            r#"{ within = "15s", hold = "30s" }"#,
            "Objectives are met again.",
        ),
        optional(
            "burn_rate",
            Kind::OneOrMore(&BURN_LIMIT),
            r#"{ objective = "availability", at_most = 5, over = "1m" }"#,
            "Error budgets do not burn too fast.",
        ),
    ],
);

pub(super) static BASELINE: Section = section(
    "baseline",
    "What the calm system may have.",
    &[required("at_most", Kind::CountByGroup, "{ primary = 2, standby = 1 }", "Instances by group.")],
);

pub(super) static EXPANSION: Section = section(
    "expansion",
    "Supply rises.",
    &[
        required("group", Kind::Group, r#""primary""#, "Of which group."),
        required("to_at_least", SOME_INSTANCES, "4", "Ready instances."),
        required("within", TIME, r#""15s""#, "Deadline after the anchor."),
        optional("from", ANCHOR, r#""surge-start""#, "The anchor; default the first surge's start."),
    ],
);

pub(super) static REPLACEMENT: Section = section(
    "replacement",
    "Terminated instances are replaced.",
    &[required("within", TIME, r#""10s""#, "Deadline after each termination.")],
);

pub(super) static CONTRACTION: Section = section(
    "contraction",
    "Supply falls back, and stays.",
    &[
        optional(
            "group",
            Kind::Group,
            r#""primary""#,
            "Of which group; without it, of every group that rose, standbys excepted.",
        ),
        required(
            "within",
            Kind::TimeOrAuto,
            r#""20s""#,
            "Deadline after the anchor, or \"auto\": what the observed autoscaler settings can meet.",
        ),
        HOLD,
        FROM,
        optional("tolerance", INSTANCES, "1", "Instances above the bound that are tolerated; default 0."),
        optional(
            "settle",
            TIME_OR_ZERO,
            r#""2s""#,
            "Excursions up to this long are no alarm; default one sync period.",
        ),
    ],
);

pub(super) static STANDBY_RELEASED: Section = section(
    "standby_released",
    "Standbys go back to sleep.",
    &[
        optional("group", Kind::Group, r#""standby""#, "Which standby; without it, all."),
        required("within", TIME, r#""20s""#, "Deadline after the anchor."),
        HOLD,
        optional("from", ANCHOR, r#""primary-healthy""#, "The anchor; default quiesce."),
        optional(
            "dormant_size",
            Kind::Table(&DORMANT_SIZE),
            "{ at_least = 0, at_most = 1 }",
            "The sizes that count as asleep; default exactly the group's replicas.",
        ),
    ],
);

pub(super) static DORMANT_SIZE: Section = section(
    "dormant_size",
    "The sizes that count as asleep.",
    &[required("at_least", INSTANCES, "0", "No fewer."), required("at_most", INSTANCES, "1", "No more.")],
);

pub(super) static IDLE_SPEND: Section = section(
    "idle_spend",
    "Spend falls back to its baseline.",
    &[
        required("at_most", Kind::Price, r#""0.00 USD/h""#, "Above the baseline's spend rate."),
        required("after", TIME, r#""20s""#, "Deadline after the anchor."),
        HOLD,
        FROM,
    ],
);

pub(super) static NOTHING_LEFT: Section = section(
    "nothing_left",
    "What appeared since the baseline and serves nothing any more is gone: volumes that nobody mounts, load balancers without \
     endpoints, Jobs.",
    &[
        required("after", TIME, r#""20s""#, "Deadline after the anchor."),
        HOLD,
        FROM,
        optional(
            "nodes",
            Kind::Flag,
            "true",
            "Nodes too: no more of them than at baseline, none newly cordoned or tainted; default false.",
        ),
    ],
);

pub(super) static RECOVERY: Section = section(
    "recovery",
    "Objectives are met again.",
    &[
        required("within", TIME, r#""15s""#, "Deadline after the anchor."),
        optional(
            "hold",
            TIME,
            r#""30s""#,
            "How long they must be met; default the longer of 30s and two syncs.",
        ),
        FROM,
    ],
);

pub(super) static BURN_LIMIT: Section = section(
    "burn_limit",
    "Error budgets do not burn too fast.",
    &[
        required("objective", Kind::Objective, r#""availability""#, "Name of an objective."),
        required("at_most", Kind::Factor, "5", "Burn rate; 1 spends exactly the budget."),
        required("over", TIME, r#""1m""#, "The window."),
    ],
);

pub(super) static STOP: Section = section(
    "stop",
    "When to end all stimuli early, which is a fail.",
    &[
        optional(
            "burn_rate",
            Kind::Table(&STOP_BURN),
            r#"{ objective = "availability", above = 5, over = "30s" }"#,
            "An objective burns too fast.",
        ),
        optional(
            "error_ratio",
            Kind::Table(&STOP_ERRORS),
            r#"{ above = "50%", over = "30s" }"#,
            "Too many requests fail.",
        ),
        optional(
            "spend_rate",
            Kind::Table(&STOP_SPEND),
            r#"{ above = "2.00 USD/h" }"#,
            "The system costs too much.",
        ),
    ],
);

pub(super) static STOP_BURN: Section = section(
    "stop_burn_rate",
    "An objective burns too fast.",
    &[
        required("objective", Kind::Objective, r#""availability""#, "Name of an objective."),
        required("above", Kind::Factor, "5", "Burn rate; 1 spends exactly the budget."),
        required("over", TIME, r#""30s""#, "The window, at least 30s."),
    ],
);

pub(super) static STOP_ERRORS: Section = section(
    "stop_error_ratio",
    "Too many requests fail.",
    &[
        required("above", Kind::Share { zero: false, max_percent: 99 }, r#""50%""#, "Share of requests."),
        required("over", TIME, r#""30s""#, "The window, at least 30s."),
    ],
);

pub(super) static STOP_SPEND: Section = section(
    "stop_spend_rate",
    "The system costs too much.",
    &[required("above", Kind::Price, r#""2.00 USD/h""#, "All groups together.")],
);

pub(super) static RUN: Section = section(
    "run",
    "How long the phases may take.",
    &[optional("warm_up", TIME, r#""2m""#, "Longest wait for a steady baseline; default 2m.")],
);
