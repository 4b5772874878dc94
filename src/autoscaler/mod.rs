//! Kubernetes' HorizontalPodAutoscaler (`autoscaling/v2`) as a pure function.
//!
//! [`decide`] is one sync of the controller: what it is told ([`Spec`], [`Settings`]), what it remembers
//! ([`State`]) and what it sees ([`Input`]) become what it wants ([`Decision`]), with the conditions that an
//! HPA would then show. There is no clock and no input or output in here, so the same function drives the
//! local and the simulated world and explains what a real controller did.
//!
//! A sync goes through three rooms: `recommend` (metrics → how many replicas they ask for), `behavior` (that,
//! stabilized over time, limited in speed, and kept within the bounds) and `decide` (the order of it all, and
//! what is remembered). The behaviour is that of the controller of Kubernetes 1.36
//! (`pkg/controller/podautoscaler`) and of its public API documentation. It differs where the original
//! depends on the processor or has no use here:
//!
//! - Times are whole microseconds, also where the API has whole seconds.
//! - A replica count too large for 32 bits becomes the largest one; the original's conversion then depends on
//!   the processor.
//! - Messages of conditions are springback's own. Their reasons are Kubernetes' own.
//!
//! Amounts of metrics are thousandths (`milli`), as in Kubernetes: 250 is a quarter of a core, or 0.25
//! requests per second.

mod behavior;
mod contraction;
mod decide;
mod decision;
mod demand;
mod input;
mod pods;
mod recommend;
mod spec;
mod state;
mod validate;

#[cfg(test)]
mod tests;

pub use contraction::{ContractionTime, earliest_contraction};
pub use decide::decide;
pub use decision::{
    Condition, ConditionStatus, Conditions, Decision, MetricDecision, MetricOutcome, PodCounts, Reason, Usage,
};
pub use demand::demand_replicas;
pub use input::{Input, Phase, Pod, Reading, Ready, Sample, ScaleAccess, Selection};
pub use spec::{
    Behavior, MetricKind, MetricSpec, Policy, PolicyKind, ResourceTarget, ScalingRules, SelectPolicy,
    Settings, Spec, ValueTarget,
};
pub use state::{Recommendation, ScaleEvent, State};
pub use validate::{Problem, validate};

/// A replica count as the controller computes with it: 32 bits, signed.
fn to_signed(replicas: u32) -> i32 {
    i32::try_from(replicas).unwrap_or(i32::MAX)
}

/// A replica count as it is told to others. Below zero only nonsense metrics can lead, and the controller
/// treats that as zero.
fn to_unsigned(replicas: i32) -> u32 {
    u32::try_from(replicas).unwrap_or(0)
}
