//! The verdicts of one call, together.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::check::Outcome;

use super::verdict::{VERSION, Verdict};

/// Everything that one call of springback ran.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SuiteVerdict {
    /// Version of this format.
    pub version: String,
    /// The suite.
    pub suite_id: String,
    /// The worst of its scenarios, quarantined ones aside; one that was not run makes a pass inconclusive.
    pub outcome: Outcome,
    /// What springback ends with.
    pub exit_code: u8,
    /// The scenarios that were run, in that order.
    pub scenarios: Vec<Ran>,
    /// The scenarios that were refused or not reached.
    pub not_run: Vec<NotRun>,
    /// Scenarios that were read and, by their tags, not chosen.
    pub left_out: usize,
    /// What whoever keeps the suite should know.
    pub notes: Vec<String>,
}

/// A scenario that was run, once or more.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Ran {
    /// The verdict that counts: of the last attempt.
    pub verdict: Verdict,
    /// The attempts before it, each of them inconclusive.
    pub earlier_attempts: Vec<Verdict>,
    /// Its failure is known, and put up with for a while.
    pub quarantine: Option<Quarantined>,
}

/// A scenario's quarantine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Quarantined {
    /// Who is mending it.
    pub owner: String,
    /// The last day on which it is put up with, in UTC.
    pub until: String,
    /// Why, or where the work is tracked.
    pub reason: Option<String>,
    /// That day is over: the scenario counts again.
    pub expired: bool,
}

/// A scenario without a history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NotRun {
    /// Its name.
    pub scenario: String,
    /// Why.
    pub reason: String,
}

impl From<Verdict> for Ran {
    /// Run once, and nothing put up with.
    fn from(verdict: Verdict) -> Self {
        Self { verdict, earlier_attempts: Vec::new(), quarantine: None }
    }
}

impl Ran {
    /// Whether its outcome counts for the suite.
    pub fn counts(&self) -> bool {
        self.quarantine.as_ref().is_none_or(|quarantine| quarantine.expired)
    }

    /// All attempts in their order; the last one counts.
    pub fn attempts(&self) -> impl Iterator<Item = &Verdict> {
        self.earlier_attempts.iter().chain([&self.verdict])
    }
}

impl Quarantined {
    /// In words: `quarantined until 2026-12-31 (payments: ticket 7)`.
    pub fn said(&self) -> String {
        let what = if self.expired { "its quarantine ended on" } else { "quarantined until" };
        match &self.reason {
            Some(reason) => format!("{what} {} ({}: {reason})", self.until, self.owner),
            None => format!("{what} {} ({})", self.until, self.owner),
        }
    }
}

impl SuiteVerdict {
    /// Puts the verdicts together. A suite that ran no scenario is inconclusive: nothing was proven.
    pub fn new(suite_id: &str, scenarios: Vec<Ran>, not_run: Vec<NotRun>, exit_code: u8) -> Self {
        let missing = (scenarios.is_empty() || !not_run.is_empty()).then_some(Outcome::Inconclusive);
        let counted = scenarios.iter().filter(|ran| ran.counts()).map(|ran| ran.verdict.outcome);
        let outcome = counted.chain(missing).max().unwrap_or(Outcome::Pass);
        Self {
            version: VERSION.into(),
            suite_id: suite_id.into(),
            outcome,
            exit_code,
            scenarios,
            not_run,
            left_out: 0,
            notes: Vec::new(),
        }
    }

    /// What of it was not judged, or does not count: ` · 1 quarantined · 2 not run`.
    pub(super) fn aside(&self) -> String {
        let quarantined = self.scenarios.iter().filter(|ran| !ran.counts()).count();
        [
            (quarantined, "quarantined"),
            (self.not_run.len(), "not run"),
            (self.left_out, "left out by their tags"),
        ]
        .into_iter()
        .filter(|(n, _)| *n > 0)
        .map(|(n, what)| format!(" · {n} {what}"))
        .collect()
    }
}

/// JSON Schema of [`SuiteVerdict`].
pub fn suite_schema() -> serde_json::Value {
    schemars::schema_for!(SuiteVerdict).to_value()
}
