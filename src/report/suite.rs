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
    /// The worst of its scenarios; one that was not run makes a pass inconclusive.
    pub outcome: Outcome,
    /// What springback ends with.
    pub exit_code: u8,
    /// The scenarios that were run, in that order.
    pub scenarios: Vec<Verdict>,
    /// The scenarios that were refused or not reached.
    pub not_run: Vec<NotRun>,
}

/// A scenario without a history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NotRun {
    /// Its name.
    pub scenario: String,
    /// Why.
    pub reason: String,
}

impl SuiteVerdict {
    /// Puts the verdicts together. A suite without any scenario is inconclusive: nothing was proven.
    pub fn new(suite_id: &str, scenarios: Vec<Verdict>, not_run: Vec<NotRun>, exit_code: u8) -> Self {
        let missing = (scenarios.is_empty() || !not_run.is_empty()).then_some(Outcome::Inconclusive);
        let outcome = scenarios.iter().map(|verdict| verdict.outcome).chain(missing).max();
        Self {
            version: VERSION.into(),
            suite_id: suite_id.into(),
            outcome: outcome.unwrap_or(Outcome::Inconclusive),
            exit_code,
            scenarios,
            not_run,
        }
    }
}

/// JSON Schema of [`SuiteVerdict`].
pub fn suite_schema() -> serde_json::Value {
    schemars::schema_for!(SuiteVerdict).to_value()
}
