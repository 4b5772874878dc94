//! What is done to the system: traffic and faults.

use serde::{Deserialize, Serialize};

use super::super::units::{Rate, Share, Span};
use super::{LabelSelector, WaitFor};

/// The traffic.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Load {
    /// Path of each request.
    pub path: String,
    /// All through the run.
    pub baseline_rate: Rate,
    /// Surges on top of it.
    #[serde(default)]
    pub surges: Vec<Surge>,
    /// A request without an answer by then has timed out.
    pub timeout: Option<Span>,
    /// Requests under way at once, at most.
    pub max_in_flight: Option<u32>,
}

/// More traffic for a while.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Surge {
    /// From the end of the baseline phase.
    pub at: Span,
    /// How it rises and how it ends.
    pub shape: Shape,
}

/// The shape of a surge. `to_rate` is the total rate; overlapping surges add what each puts above the baseline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// A linear rise, then held. `lasts` includes the rise.
    Ramp {
        /// Total rate at its height.
        to_rate: Rate,
        /// Length of the rise.
        over: Span,
        /// Length of the whole.
        lasts: Span,
    },
    /// At once to the full rate, held.
    Step {
        /// Total rate.
        to_rate: Rate,
        /// Length.
        lasts: Span,
    },
    /// At once to the full rate, then a linear fall back to the baseline.
    Spike {
        /// Total rate at the start.
        to_rate: Rate,
        /// Length of the fall.
        lasts: Span,
    },
    /// Poisson arrivals at a constant mean.
    Poisson {
        /// Mean total rate.
        to_rate: Rate,
        /// Length.
        lasts: Span,
    },
}

impl Shape {
    /// Length of the whole surge.
    pub fn lasts(&self) -> Span {
        match self {
            Self::Ramp { lasts, .. }
            | Self::Step { lasts, .. }
            | Self::Spike { lasts, .. }
            | Self::Poisson { lasts, .. } => *lasts,
        }
    }

    /// Total rate at its height.
    pub fn to_rate(&self) -> Rate {
        match self {
            Self::Ramp { to_rate, .. }
            | Self::Step { to_rate, .. }
            | Self::Spike { to_rate, .. }
            | Self::Poisson { to_rate, .. } => *to_rate,
        }
    }
}

/// A fault and when it happens.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fault {
    /// From the end of the baseline phase.
    pub at: Span,
    /// What happens.
    pub action: FaultAction,
}

/// What a fault does. All but killing, terminating gracefully and losing need a cluster.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultAction {
    /// Ends instances.
    Terminate {
        /// Of which group.
        group: String,
        /// Which, and how many.
        victims: Victims,
        /// Gracefully or not.
        how: Termination,
        /// Narrows down who can be struck.
        #[serde(default, skip_serializing_if = "Among::is_anyone")]
        among: Among,
    },
    /// Ends all instances of a group and lets none start for a while.
    Lose {
        /// Which group.
        group: String,
        /// How long.
        lasts: Span,
    },
    /// Sets how many instances a group has, and puts the count back.
    Scale {
        /// Which group.
        group: String,
        /// Instances wanted meanwhile.
        to: u32,
        /// How long.
        lasts: Span,
    },
    /// Lets no traffic reach a group for a while.
    Partition {
        /// Which group.
        group: String,
        /// How long.
        lasts: Span,
    },
    /// Cordons nodes and evicts every pod there that may be evicted; uncordons them when healed.
    Drain {
        /// Whose nodes.
        group: String,
        /// Which of them.
        nodes: NodeChoice,
        /// How long.
        lasts: Span,
    },
    /// Takes nodes back as a provider takes spot capacity back: a notice, then the end of what still runs there.
    Reclaim {
        /// Whose nodes.
        group: String,
        /// Which of them.
        nodes: NodeChoice,
        /// From the notice to the end.
        notice: Span,
        /// How long.
        lasts: Span,
    },
    /// Kills every pod on nodes at once, again and again, and lets nothing new onto them.
    Outage {
        /// Whose nodes.
        group: String,
        /// Which of them.
        nodes: NodeChoice,
        /// How long.
        lasts: Span,
    },
    /// Applies the objects of a file, such as another engine's experiment, and deletes them when healed.
    Manifest {
        /// The group that it is meant for.
        group: String,
        /// The file, as the scenario names it.
        file: String,
        /// Its objects in order, as they are written.
        objects: Vec<serde_json::Value>,
        /// What every object has to report before the fault counts as injected.
        wait_for: WaitFor,
        /// How long that may take.
        within: Span,
        /// How long.
        lasts: Span,
    },
}

impl FaultAction {
    /// The group that it strikes.
    pub fn group(&self) -> &str {
        match self {
            Self::Terminate { group, .. }
            | Self::Lose { group, .. }
            | Self::Scale { group, .. }
            | Self::Partition { group, .. }
            | Self::Drain { group, .. }
            | Self::Reclaim { group, .. }
            | Self::Outage { group, .. }
            | Self::Manifest { group, .. } => group,
        }
    }

    /// Its key in a scenario.
    pub fn key(&self) -> &'static str {
        match self {
            Self::Terminate { .. } => "terminate",
            Self::Lose { .. } => "lose",
            Self::Scale { .. } => "scale",
            Self::Partition { .. } => "partition",
            Self::Drain { .. } => "drain",
            Self::Reclaim { .. } => "reclaim",
            Self::Outage { .. } => "outage",
            Self::Manifest { .. } => "manifest",
        }
    }

    /// How long it lasts until it is healed; `None` of a termination, which needs no heal.
    pub fn lasts(&self) -> Option<Span> {
        match self {
            Self::Terminate { .. } => None,
            Self::Lose { lasts, .. }
            | Self::Scale { lasts, .. }
            | Self::Partition { lasts, .. }
            | Self::Drain { lasts, .. }
            | Self::Reclaim { lasts, .. }
            | Self::Outage { lasts, .. }
            | Self::Manifest { lasts, .. } => Some(*lasts),
        }
    }

    /// The nodes that it strikes.
    pub fn nodes(&self) -> Option<&NodeChoice> {
        match self {
            Self::Drain { nodes, .. } | Self::Reclaim { nodes, .. } | Self::Outage { nodes, .. } => {
                Some(nodes)
            }
            _ => None,
        }
    }

    /// Whether it ends single instances, which others then replace elsewhere or at once.
    pub fn ends_some(&self) -> bool {
        matches!(self, Self::Terminate { .. }) || self.nodes().is_some()
    }

    /// Whether a group that is struck by it may cease to serve until it is healed, so that a standby takes over.
    pub fn can_take_down(&self) -> bool {
        match self {
            Self::Terminate { .. } => false,
            Self::Scale { to, .. } => *to == 0,
            _ => true,
        }
    }
}

/// Which of a group's instances can be struck. Of what is not said, any.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Among {
    /// Those on this node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// Those in this zone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// Those whose labels match.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<LabelSelector>,
}

impl Among {
    /// Whether it narrows nothing down.
    pub fn is_anyone(&self) -> bool {
        self.node.is_none() && self.zone.is_none() && self.labels.is_none()
    }

    /// In words, to stand after whom it narrows down: ` on node a`, or nothing.
    pub fn words(&self) -> String {
        let node = self.node.iter().map(|node| format!(" on node {node}"));
        let zone = self.zone.iter().map(|zone| format!(" in zone {zone}"));
        let labels = self.labels.iter().map(|labels| format!(" with {labels}"));
        node.chain(zone).chain(labels).collect()
    }
}

/// Which of the nodes that hold ready instances of a group are struck.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeChoice {
    /// So many.
    Count {
        /// How many.
        count: u32,
        /// In the order of the instances on them.
        pick: Pick,
    },
    /// This one.
    Named(String),
    /// All that are in this zone.
    Zone(String),
}

impl NodeChoice {
    /// In words: `2 nodes of primary`. The group is named as it is given.
    pub fn words(&self, group: &str) -> String {
        match self {
            Self::Count { count, pick } => {
                let nodes = if *count == 1 { "node" } else { "nodes" };
                format!("{count} {nodes} of {group}{}", pick.words())
            }
            Self::Named(name) => format!("node {name}"),
            Self::Zone(zone) => format!("the nodes of {group} in zone {zone}"),
        }
    }

    /// `is` or `are`, after [`words`](Self::words).
    pub fn is_or_are(&self) -> &'static str {
        match self {
            Self::Count { count: 1, .. } | Self::Named(_) => "is",
            Self::Count { .. } | Self::Zone(_) => "are",
        }
    }
}

/// Which instances a termination strikes. Chosen at run time, from the ready ones, and recorded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Victims {
    /// So many.
    Count {
        /// How many.
        count: u32,
        /// In which order.
        pick: Pick,
    },
    /// A share of the ready ones, rounded up.
    Share {
        /// How much.
        share: Share,
        /// In which order.
        pick: Pick,
    },
    /// Exactly these.
    Named(Vec<String>),
}

/// In which order victims are picked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pick {
    /// From the seed.
    Random,
    /// The longest running first.
    Oldest,
    /// The latest started first.
    Newest,
}

impl Pick {
    /// After what is picked: ` (the oldest)`, or nothing where it is left to the seed.
    fn words(self) -> &'static str {
        match self {
            Self::Random => "",
            Self::Oldest => " (the oldest)",
            Self::Newest => " (the newest)",
        }
    }
}

/// How an instance is ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Termination {
    /// SIGKILL: no warning.
    Kill,
    /// SIGTERM, and SIGKILL after the group's grace.
    Graceful,
    /// As graceful, by the Eviction API: a PodDisruptionBudget may refuse it.
    Evict,
}
