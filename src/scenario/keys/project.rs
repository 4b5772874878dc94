//! Keys of `springback.toml`, and which keys of a scenario may have no default there.

use super::expect::OBJECTIVE;
use super::system::OWNER;
use super::*;

pub(in crate::scenario) static PROJECT: Section = section(
    "project",
    "What holds for all scenarios beside this file, and for the place where they are run.",
    &[
        REPORTS,
        optional(
            "allow",
            Kind::Table(&ALLOW),
            r#"{ hosts = ["shop.staging.example"] }"#,
            "Where load may go.",
        ),
        PRICES,
        DEFAULTS,
        optional(
            "profile",
            Kind::Named(&PROFILE),
            r#"{ staging = { reports = "reports/staging" } }"#,
            "Settings for one environment, chosen with `--profile NAME`; they win over those above.",
        ),
        optional(
            "quarantine",
            Kind::List(&QUARANTINE),
            r#"[{ scenario = "checkout gives its capacity back", owner = "payments", until = "2026-12-31" }]"#,
            "Scenarios that run and are reported, and do not fail their suite until a date.",
        ),
    ],
);

const REPORTS: Key = optional(
    "reports",
    Kind::Text,
    r#""reports""#,
    "Folder that runs write to, relative to this file; `--reports` wins over it.",
);

const PRICES: Key = optional(
    "prices",
    Kind::PriceByGroup,
    r#"{ primary = "0.10 USD/h" }"#,
    "Price of an instance, by the name of its group, where the scenario gives none.",
);

const DEFAULTS: Key = optional(
    "defaults",
    Kind::Partial(&SCENARIO),
    r#"{ run = { warm_up = "1m" } }"#,
    "Parts of a scenario that hold where a scenario does not say otherwise.",
);

static ALLOW: Section = section(
    "allow",
    "Where load may go.",
    &[optional(
        "hosts",
        Kind::Hosts,
        r#"["shop.staging.example"]"#,
        "Hosts that load may go to besides loopback: names or addresses, without scheme, port or path.",
    )],
);

static PROFILE: Section = section(
    "profile",
    "Settings for one environment.",
    &[
        REPORTS,
        optional(
            "allow",
            Kind::Table(&ALLOW),
            r#"{ hosts = ["shop.staging.example"] }"#,
            "Where load may go, instead of what is allowed above.",
        ),
        PRICES,
        DEFAULTS,
        optional(
            "set",
            Kind::ByPath,
            r#"{ "load.baseline_rate" = "10/s" }"#,
            "Values by their paths in quotation marks, which win over the scenario, as with `--set`.",
        ),
    ],
);

static QUARANTINE: Section = section(
    "quarantine",
    "A scenario whose failure is known, owned, and put up with until a date.",
    &[
        required("scenario", Kind::Text, r#""checkout gives its capacity back""#, "Its name."),
        required("owner", Kind::Text, r#""payments""#, "Who is mending it."),
        required("until", Kind::Date, r#""2026-12-31""#, "The last day on which it is put up with, in UTC."),
        optional(
            "reason",
            Kind::Text,
            r#""https://issues.example/4711""#,
            "Why, or where the work is tracked.",
        ),
    ],
);

const SEEN: &str = "what is done to a system must be seen in its scenario";
const WHICH_GROUP: &str = "which group is meant must be seen in its scenario";

/// Keys of a scenario that may have no default, by the section that they stand in, each with the reason.
const WITHOUT_DEFAULT: [(&str, &str, &str); 8] = [
    ("scenario", "name", "runs of a scenario are found by its name: each has its own"),
    ("scenario", "fault", SEEN),
    ("load", "surge", SEEN),
    ("group", "defects", SEEN),
    ("group", "price", "write it under `[prices]`, by the name of the group"),
    ("expansion", "group", WHICH_GROUP),
    ("contraction", "group", WHICH_GROUP),
    ("standby_released", "group", WHICH_GROUP),
];

/// Why a key may have no default, if it may not.
pub(in crate::scenario) fn no_default(section: &Section, key: &str) -> Option<&'static str> {
    let of = |(in_section, name, _): &&(&str, &str, &str)| *in_section == section.name && *name == key;
    WITHOUT_DEFAULT.iter().find(of).map(|(_, _, why)| *why)
}

/// Tables that are taken as a whole or not at all, because what is left out of one means something, too: a cost center
/// belongs to its team, and an objective without `under` is not about latency.
pub(in crate::scenario) fn is_whole(section: &Section) -> bool {
    std::ptr::eq(section, &OWNER) || std::ptr::eq(section, &OBJECTIVE)
}
