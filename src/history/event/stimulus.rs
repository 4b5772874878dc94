//! What is done to a system, and what became of it.

use serde::{Deserialize, Serialize};

/// A surge begins or ends.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SurgeMark {
    /// `surge-0` and so on, in the order written.
    pub surge: String,
}

/// A fault that is about to be injected.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Intent {
    /// `fault-0` and so on, in the order written.
    pub fault: String,
    /// Which group it strikes.
    pub group: String,
    /// What is done.
    pub action: IntentAction,
}

/// What is done, down to the instance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IntentAction {
    /// These instances are ended.
    Terminate {
        /// Their names.
        instances: Vec<String>,
        /// SIGKILL rather than SIGTERM.
        kill: bool,
        /// With SIGTERM: until SIGKILL.
        grace_us: u64,
    },
    /// All instances are ended and none may start.
    Lose {
        /// The instances at that time.
        instances: Vec<String>,
        /// For how long.
        lasts_us: u64,
    },
}

impl IntentAction {
    /// The instances that it strikes.
    pub fn instances(&self) -> &[String] {
        match self {
            Self::Terminate { instances, .. } | Self::Lose { instances, .. } => instances,
        }
    }

    /// Whether it takes a whole group away for a while, which has to be undone.
    pub fn is_loss(&self) -> bool {
        matches!(self, Self::Lose { .. })
    }
}

/// Names a fault.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FaultMark {
    /// Which.
    pub fault: String,
}

/// The world says that it is done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Acknowledged {
    /// Which fault.
    pub fault: String,
    /// What the world said.
    pub detail: String,
}

/// A fault that was not, or not surely, injected.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FaultFailed {
    /// Which.
    pub fault: String,
    /// Why.
    pub reason: String,
}

/// Whether a fault's effect was seen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Effect {
    /// Which fault.
    pub fault: String,
    /// Instances seen gone.
    pub gone: Vec<String>,
    /// Instances that are still there.
    pub remaining: Vec<String>,
    /// By what it was seen.
    pub seen_by: String,
}

/// A fault is undone, or not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HealOutcome {
    /// Which fault.
    pub fault: String,
    /// Whether the system is as before, as far as springback changed it.
    pub complete: bool,
    /// What was done, or what stands in the way.
    pub detail: String,
}
