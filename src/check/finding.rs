//! What a check says.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::history::Origin;

/// How an expectation fared. Merging takes the largest: fail over inconclusive over pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It held, and the data to know so are there.
    Pass,
    /// Not to be known: data are missing or a premise is broken.
    Inconclusive,
    /// It did not hold, and no missing data could change that.
    Fail,
}

impl Outcome {
    /// As recorded and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Inconclusive => "inconclusive",
            Self::Fail => "fail",
        }
    }
}

/// One expectation, judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// Which expectation: `contraction-0`, `objective-availability`, `stop-burn_rate`, …. Where one expectation covers
    /// several subjects, each has a finding of its own: `contraction-0/cache`, `replacement/fault-1`.
    pub id: String,
    /// The expectation in words.
    pub expectation: String,
    /// How it fared.
    pub outcome: Outcome,
    /// Why, as a stable code in kebab-case.
    pub code: String,
    /// Why, in words, with the numbers that decided it.
    pub text: String,
    /// The groups that it is about.
    #[serde(default)]
    pub groups: Vec<String>,
    /// Where its time counts from.
    #[serde(default)]
    pub anchor: Option<AnchorAt>,
    /// The time in which it was judged, on the run's clock: from its deadline to the end of its hold, or, of what had to
    /// come about by a deadline, from its anchor to that.
    #[serde(default)]
    pub window_us: Option<(u64, u64)>,
    /// How long before its deadline it held; negative where it came too late.
    #[serde(default)]
    pub margin_us: Option<i64>,
    /// How exact the margin is: 0 where events are pushed.
    #[serde(default)]
    pub resolution_us: Option<u64>,
    /// The numbers, each with its unit.
    #[serde(default)]
    pub evidence: Vec<Evidence>,
    /// The line that set the bound.
    #[serde(default)]
    pub origin: Option<Origin>,
}

/// An anchor and its instant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AnchorAt {
    /// As in a scenario: `quiesce`, `surge-start`, ….
    pub anchor: String,
    /// On the run's clock.
    pub t_us: u64,
}

/// One number that went into a finding.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Evidence {
    /// What it is.
    pub name: String,
    /// Its value and unit.
    pub value: String,
}
