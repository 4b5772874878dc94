//! What a diagnosis says.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Why an expectation did not pass: which object, what was seen of it, and what to do next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Diagnosis {
    /// A stable code in kebab-case; `springback explain CODE` tells more.
    pub code: String,
    /// The object to look at: `autoscaler primary`, `instance primary-7`, ….
    pub object: String,
    /// The condition or behaviour that was seen, with its numbers.
    pub seen: String,
    /// What to do next.
    pub next_step: String,
}
