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
        /// By eviction, which a disruption budget may refuse.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        evict: bool,
    },
    /// All instances are ended and none may start.
    Lose {
        /// The instances at that time.
        instances: Vec<String>,
        /// For how long.
        lasts_us: u64,
    },
    /// The group is to have so many instances.
    Scale {
        /// How many.
        to: u32,
        /// For how long.
        lasts_us: u64,
    },
    /// No traffic reaches the group.
    Partition {
        /// The instances at that time.
        instances: Vec<String>,
        /// For how long.
        lasts_us: u64,
    },
    /// Nodes are taken away, with what runs there.
    Nodes {
        /// In which way.
        how: NodeFault,
        /// Their names.
        nodes: Vec<String>,
        /// The group's instances on them.
        instances: Vec<String>,
        /// For how long.
        lasts_us: u64,
    },
    /// Objects are created; the plan's fault of the same id has them.
    Manifest {
        /// `Kind/name`, with the API group behind the kind where it has one: `NetworkChaos.chaos-mesh.org/slow`.
        objects: Vec<String>,
        /// For how long.
        lasts_us: u64,
    },
}

/// In which way nodes are taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeFault {
    /// Cordoned, and every pod evicted that may be.
    Drain,
    /// A notice; then what is left is killed.
    Reclaim {
        /// From the notice to the end.
        notice_us: u64,
    },
    /// Everything on them is killed at once, and again.
    Outage,
}

impl IntentAction {
    /// The instances that it strikes, as far as they are known ahead.
    pub fn instances(&self) -> &[String] {
        match self {
            Self::Terminate { instances, .. }
            | Self::Lose { instances, .. }
            | Self::Partition { instances, .. }
            | Self::Nodes { instances, .. } => instances,
            Self::Scale { .. } | Self::Manifest { .. } => &[],
        }
    }

    /// How long it lasts until it is healed; `None` of a termination, which needs no heal.
    pub fn lasts_us(&self) -> Option<u64> {
        match self {
            Self::Terminate { .. } => None,
            Self::Lose { lasts_us, .. }
            | Self::Scale { lasts_us, .. }
            | Self::Partition { lasts_us, .. }
            | Self::Nodes { lasts_us, .. }
            | Self::Manifest { lasts_us, .. } => Some(*lasts_us),
        }
    }

    /// Whether its effect is that those very instances are gone; of the others a world says what it saw.
    pub fn ends_instances(&self) -> bool {
        match self {
            Self::Terminate { .. } | Self::Lose { .. } | Self::Nodes { .. } => true,
            Self::Scale { .. } | Self::Partition { .. } | Self::Manifest { .. } => false,
        }
    }

    /// What there is to see of one that ends no instances, in words; empty of the others.
    pub fn unseen(&self) -> String {
        match self {
            Self::Scale { to, .. } => format!("scale to {to} not seen"),
            Self::Partition { .. } => "partition not seen".to_owned(),
            Self::Manifest { objects, .. } => format!("effect of {} not seen", objects.join(", ")),
            Self::Terminate { .. } | Self::Lose { .. } | Self::Nodes { .. } => String::new(),
        }
    }

    /// Whether it ends single instances, which others then replace elsewhere or at once.
    pub fn ends_some(&self) -> bool {
        matches!(self, Self::Terminate { .. } | Self::Nodes { .. })
    }

    /// Whether it takes a whole group away for a while.
    pub fn is_loss(&self) -> bool {
        matches!(self, Self::Lose { .. })
    }

    /// Whether a group that is struck by it may cease to serve until it is healed, so that a standby takes over.
    pub fn can_take_down(&self) -> bool {
        match self {
            Self::Terminate { .. } => false,
            Self::Scale { to, .. } => *to == 0,
            Self::Lose { .. } | Self::Partition { .. } | Self::Nodes { .. } | Self::Manifest { .. } => true,
        }
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

/// A world saw the effect of a fault that ends no instance, by another way than the call that caused it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EffectSeen {
    /// Which fault.
    pub fault: String,
    /// By what it was seen: a source, an object.
    pub seen_by: String,
    /// What was seen.
    pub detail: String,
}

/// Whether a fault's effect was seen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Effect {
    /// Which fault.
    pub fault: String,
    /// Instances seen gone.
    pub gone: Vec<String>,
    /// Instances that are still there; of a fault that ends none, what was not seen.
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
