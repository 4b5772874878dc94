//! How tests make the stand-in misbehave.

/// What `metrics.k8s.io` answers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Metrics {
    /// What the processes really use.
    #[default]
    Real,
    /// What they used when this was turned on; pods that came later are missing.
    Frozen,
    /// Nothing about the first so many pods of each answer, in name order.
    Missing(usize),
    /// 503 to everything.
    Refused,
}

/// All of it.
#[derive(Debug, Clone, Default)]
pub(super) struct Knobs {
    pub(super) metrics: Metrics,
    /// Deleted Services keep their address and their finalizer.
    pub(super) leak_load_balancers: bool,
}
