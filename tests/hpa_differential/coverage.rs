//! Which conditions and reasons were reached.

use std::collections::BTreeMap;
use std::fmt;

use springback::autoscaler::Reason;

use crate::compare::{CONDITIONS, shown};
use crate::controller::Status;

/// The list of all reasons, which no longer compiles when the model learns another one.
macro_rules! reasons {
    ($($reason:ident),+) => {
        const REASONS: &[Reason] = &[$(Reason::$reason),+];

        const _: fn(Reason) = |reason| match reason { $(Reason::$reason => ()),+ };
    };
}

reasons!(
    SucceededGetScale,
    ReadyForNewScale,
    ScaleDownStabilized,
    ScaleUpStabilized,
    SucceededRescale,
    FailedGetScale,
    FailedUpdateScale,
    DesiredWithinRange,
    ScaleDownLimit,
    ScaleUpLimit,
    TooFewReplicas,
    TooManyReplicas,
    ValidMetricFound,
    FailedGetResourceMetric,
    FailedGetContainerResourceMetric,
    FailedGetPodsMetric,
    FailedGetObjectMetric,
    FailedGetExternalMetric,
    AmbiguousSelector,
    InvalidSelector,
    ScalingDisabled,
    NeverSet
);

/// After how many syncs Kubernetes showed each condition in each way.
#[derive(Debug, Default)]
pub(crate) struct Coverage(BTreeMap<(&'static str, String), u64>);

impl Coverage {
    pub(crate) fn add(&mut self, status: &Status) {
        for name in CONDITIONS {
            *self.0.entry((name, shown(status, name))).or_default() += 1;
        }
    }

    /// The reasons that the model knows and Kubernetes never showed.
    pub(crate) fn never_reached(&self) -> Vec<Reason> {
        let reached = |reason: &Reason| {
            let name = match reason {
                Reason::NeverSet => "not shown".to_owned(),
                reason => format!("/{reason}"),
            };
            self.0.keys().any(|(_, shown)| shown.ends_with(&name))
        };
        REASONS.iter().copied().filter(|reason| !reached(reason)).collect()
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for ((name, shown), times) in &self.0 {
            writeln!(f, "{times:>9}  {name:<15} {shown}")?;
        }
        Ok(())
    }
}
