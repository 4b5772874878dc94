//! Every key of the file format, once: the reader takes its kinds and suggestions from here, and so does the schema.
//!
//! The readers of `sections/` ask for exactly these keys; in builds with debug assertions each of them checks it.

mod expect;
mod kubernetes;
mod project;
mod stimulus;
mod system;

use expect::{EXPECT, OBJECTIVE, RUN, STOP};
use kubernetes::KUBERNETES;
pub(super) use project::{PROJECT, is_whole, no_default};
use stimulus::{FAULT, LIMITS, LOAD};
use system::{OWNER, TARGET};

/// A table of the format: a fixed set of keys.
#[derive(Debug)]
pub(super) struct Section {
    /// Name in the schema, unique.
    pub(super) name: &'static str,
    /// What it is for.
    pub(super) about: &'static str,
    pub(super) keys: &'static [Key],
    /// Of these keys exactly one must be written.
    pub(super) one_of: &'static [&'static str],
}

/// A key of a section.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) required: bool,
    pub(super) about: &'static str,
    /// A value, as TOML.
    pub(super) example: &'static str,
}

/// What may stand behind a key.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Text,
    /// A link for the browser.
    Link,
    /// Path of a request.
    RequestPath,
    /// Kind and name of an object in a cluster.
    Workload,
    /// A label selector.
    Labels,
    /// What to wait for on an object.
    WaitFor,
    /// Path of a file of objects, relative to the file that names it.
    Manifest,
    /// A list of texts, each once, at least one; or a command, in which a text may come again.
    Texts {
        distinct: bool,
    },
    /// A whole number within limits.
    Count {
        min: u32,
        max: u32,
    },
    /// A number above 0.
    Factor,
    Flag,
    /// A length of time; zero only where `zero` says so.
    Time {
        zero: bool,
    },
    /// A length of time, or `auto`.
    TimeOrAuto,
    Rate {
        zero: bool,
    },
    /// A percentage above 0 and up to `max_percent`; `zero` takes 0 too.
    Share {
        zero: bool,
        max_percent: u32,
    },
    Price,
    /// One of these words.
    Word(&'static [&'static str]),
    /// Name of a group under `[target]`.
    Group,
    /// Name of an objective under `[slo]`.
    Objective,
    /// Groups with a number each.
    CountByGroup,
    /// Names of groups, whether or not they exist, with a price each.
    PriceByGroup,
    /// A list of names or addresses of hosts, each once.
    Hosts,
    /// A day, as text.
    Date,
    /// Paths of a scenario, each with a value.
    ByPath,
    /// A table of which any key may be missing, and some may not be written: see [`no_default`].
    Partial(&'static Section),
    /// A table.
    Table(&'static Section),
    /// Tables by names that the user chooses.
    Named(&'static Section),
    /// A list of tables.
    List(&'static Section),
    /// A table or a list of tables.
    OneOrMore(&'static Section),
    /// A length of time or a table.
    TimeOr(&'static Section),
}

impl Kind {
    /// Whether it is one line of text, whatever it means.
    pub(super) fn is_text(self) -> bool {
        matches!(
            self,
            Self::Text
                | Self::Link
                | Self::RequestPath
                | Self::Workload
                | Self::Labels
                | Self::WaitFor
                | Self::Manifest
        )
    }
}

impl Section {
    pub(super) fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name)
    }
}

const fn required(name: &'static str, kind: Kind, example: &'static str, about: &'static str) -> Key {
    Key { name, kind, required: true, about, example }
}

const fn optional(name: &'static str, kind: Kind, example: &'static str, about: &'static str) -> Key {
    Key { name, kind, required: false, about, example }
}

const fn section(name: &'static str, about: &'static str, keys: &'static [Key]) -> Section {
    Section { name, about, keys, one_of: &[] }
}

const fn choice(
    name: &'static str,
    about: &'static str,
    keys: &'static [Key],
    one_of: &'static [&'static str],
) -> Section {
    Section { name, about, keys, one_of }
}

/// Instances that a group on loopback may have at most.
pub(super) const REPLICAS_MAX: u32 = 64;
/// Instances that a group of a cluster may be expected to have at most.
pub(super) const CLUSTER_REPLICAS_MAX: u32 = 100_000;

const TIME: Kind = Kind::Time { zero: false };
const TIME_OR_ZERO: Kind = Kind::Time { zero: true };
const RATE: Kind = Kind::Rate { zero: false };
const REPLICAS: Kind = Kind::Count { min: 0, max: REPLICAS_MAX };
const SOME_REPLICAS: Kind = Kind::Count { min: 1, max: REPLICAS_MAX };
/// Instances of any world.
const INSTANCES: Kind = Kind::Count { min: 0, max: CLUSTER_REPLICAS_MAX };
const SOME_INSTANCES: Kind = Kind::Count { min: 1, max: CLUSTER_REPLICAS_MAX };
const TOLERANCE: Kind = Kind::Share { zero: true, max_percent: 99 };
const ANCHOR: Kind = Kind::Word(&ANCHORS);

/// The events that a deadline may count from.
pub(super) const ANCHORS: [&str; 5] = ["surge-start", "surge-end", "healed", "primary-healthy", "quiesce"];

pub(super) static SCENARIO: Section = section(
    "scenario",
    "What is done to a system, and what must hold.",
    &[
        required(
            "name",
            Kind::Text,
            r#""checkout gives its capacity back""#,
            "What is proven, in words. The last passing run is found by it.",
        ),
        optional(
            "owner",
            Kind::Table(&OWNER),
            r#"{ team = "payments", cost_center = "cc-4711" }"#,
            "Who is told, and who pays.",
        ),
        optional(
            "runbook",
            Kind::Link,
            r#""https://runbooks.example/checkout""#,
            "A link for whoever reads the verdict at night.",
        ),
        optional(
            "tags",
            Kind::Texts { distinct: true },
            r#"["nightly", "payments"]"#,
            "Free labels, for selecting scenarios of a suite.",
        ),
        required(
            "target",
            Kind::Table(&TARGET),
            "{ local = { primary = { replicas = 2 } } }",
            "The system under test.",
        ),
        optional(
            "load",
            Kind::Table(&LOAD),
            r#"{ path = "/checkout", baseline_rate = "40/s" }"#,
            "The traffic; without it only faults are injected.",
        ),
        optional(
            "fault",
            Kind::List(&FAULT),
            r#"[{ at = "20s", terminate = { group = "primary", count = 1, how = "kill" } }]"#,
            "Faults.",
        ),
        optional("limits", Kind::Table(&LIMITS), r#"{ lost_at_once = "50%" }"#, "What may be lost."),
        optional(
            "slo",
            Kind::Named(&OBJECTIVE),
            r#"{ availability = { target = "99%" } }"#,
            "Service level objectives, by names of your choice.",
        ),
        optional(
            "expect",
            Kind::Table(&EXPECT),
            r#"{ contraction = { within = "20s" } }"#,
            "What must hold. Each entry becomes a finding of its own.",
        ),
        optional(
            "stop",
            Kind::Table(&STOP),
            r#"{ error_ratio = { above = "50%", over = "30s" } }"#,
            "When to end all stimuli early, which is a fail.",
        ),
        optional("run", Kind::Table(&RUN), r#"{ warm_up = "2m" }"#, "How long the phases may take."),
    ],
);

pub(super) static EXPECTATIONS: Section = section(
    "expectations",
    "Other expectations, for a recorded run.",
    &[
        optional(
            "slo",
            Kind::Named(&OBJECTIVE),
            r#"{ availability = { target = "99%" } }"#,
            "Replaces the recorded objectives.",
        ),
        optional(
            "expect",
            Kind::Table(&EXPECT),
            r#"{ contraction = { within = "20s" } }"#,
            "Replaces the recorded expectations.",
        ),
    ],
);
