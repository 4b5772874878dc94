//! `schema`: for editors and for readers of results.

use clap::{Args, ValueEnum};

use super::{Exit, show};

#[derive(Debug, Args)]
pub(super) struct SchemaArgs {
    /// Of what.
    #[arg(value_enum, default_value_t = Kind::Scenario)]
    of: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// Scenario files.
    Scenario,
    /// springback.toml: the settings of a project.
    Project,
    /// Files that describe a system, for features to import.
    System,
    /// Files with other expectations, for `judge --expect`.
    Expectations,
    /// verdict.json, of one scenario.
    Verdict,
    /// What `--output json` prints: the verdicts of all scenarios of a call.
    Suite,
}

pub(super) fn schema(args: &SchemaArgs) -> Exit {
    let schema = match args.of {
        Kind::Scenario => crate::scenario::schema(),
        Kind::Project => crate::scenario::project_schema(),
        Kind::System => crate::scenario::system_schema(),
        Kind::Expectations => crate::scenario::expectations_schema(),
        Kind::Verdict => crate::report::verdict_schema(),
        Kind::Suite => crate::report::suite_schema(),
    };
    show::print(&serde_json::to_string_pretty(&schema).expect("a schema is plain data"));
    Exit::Pass
}
