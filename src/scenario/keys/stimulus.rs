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
    ],
    &["terminate", "lose"],
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
            Kind::Word(&["kill", "graceful"]),
            r#""kill""#,
            "SIGKILL without warning, or SIGTERM and SIGKILL only after the group's grace.",
        ),
        optional(
            "pick",
            Kind::Word(&["random", "oldest", "newest"]),
            r#""random""#,
            "In which order they are picked: from the seed (the default), the longest running first, or the latest started first.",
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
