//! `springback.toml`: what holds for all scenarios beside it, and for the place where they are run.

use std::path::PathBuf;

use super::read::Origin;

/// The settings of a project, with one of its profiles chosen.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Project {
    /// Where reports go, unless `--reports` says otherwise.
    pub reports: Option<PathBuf>,
    /// Hosts, besides loopback, that load may go to. It stands outside of the scenarios, so that none can grant itself a
    /// target.
    pub allowed_hosts: Vec<String>,
    /// Scenarios that run and are reported, and do not fail their suite until a date.
    pub quarantine: Vec<Quarantine>,
}

/// A scenario whose failure is known, owned, and put up with until a date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quarantine {
    /// Its name.
    pub scenario: String,
    /// Who is mending it.
    pub owner: String,
    /// The last day on which it is put up with, in UTC.
    pub until: jiff::civil::Date,
    /// Why, or where the work is tracked.
    pub reason: Option<String>,
    /// Where it is written.
    pub origin: Origin,
}
