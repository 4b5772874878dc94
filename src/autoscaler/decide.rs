//! One sync of the controller, from what it sees to what it wants.

use super::behavior::{Wanted, normalize, record_rescale};
use super::recommend::{Answer, Recommended, recommend};
use super::{
    Condition, Decision, Input, Reason, Recommendation, ScaleAccess, Selection, Settings, Spec, State,
    to_signed, to_unsigned,
};

/// One sync of the HorizontalPodAutoscaler's controller.
///
/// In this order: a scale that cannot be read ends it. A target at zero is left alone, unless the autoscaler
/// took it there. A number outside of the bounds goes to the bound at once, past metrics, stabilization and
/// rate limits. Otherwise the metrics recommend, the recommendation is stabilized, its speed is limited, and
/// it is kept within the bounds.
///
/// `spec` may lack its defaults; a specification with [problems](super::validate) leads to some decision,
/// never to a panic. A change counts as made, and is remembered as such, unless [`Input::scale`] says that it
/// will be refused: whoever calls this has to carry it out.
pub fn decide(spec: &Spec, settings: &Settings, state: &mut State, input: &Input) -> Decision {
    let sync = Sync { spec: &spec.with_defaults(), settings, input, current: to_signed(input.spec_replicas) };
    if let ScaleAccess::FailedGet(message) = &input.scale {
        state.conditions.able_to_scale = Condition::fails(Reason::FailedGetScale, message.clone());
        return sync.unchanged(state);
    }
    state.conditions.able_to_scale =
        Condition::holds(Reason::SucceededGetScale, "the target's scale was read");
    if state.recommendations.is_empty() {
        // A controller that just started takes what it finds for its own last recommendation.
        state.recommendations.push(Recommendation { replicas: sync.current, at_us: input.now_us });
    }
    match sync.course(state) {
        Course::LeftAtZero => {
            let message = "the target has no replicas, and not because the autoscaler took them";
            state.conditions.scaling_active = Condition::fails(Reason::ScalingDisabled, message);
            state.scaled_to_zero &= settings.scale_to_zero;
            sync.unchanged(state)
        }
        Course::ToBound(bound) => {
            let desired = sync.rescale(state, bound);
            Decision { desired, ..sync.unchanged(state) }
        }
        Course::ByMetrics => sync.by_metrics(state),
    }
}

/// What a sync goes by.
enum Course {
    LeftAtZero,
    ToBound(i32),
    ByMetrics,
}

struct Sync<'a> {
    spec: &'a Spec,
    settings: &'a Settings,
    input: &'a Input,
    current: i32,
}

impl Sync<'_> {
    fn course(&self, state: &State) -> Course {
        let (min, max) = (to_signed(self.spec.min_replicas), to_signed(self.spec.max_replicas));
        if self.current == 0 {
            let may_return = self.took_to_zero(state) && (min != 0 || self.spec.sees_load_at_zero());
            if may_return { Course::ByMetrics } else { Course::LeftAtZero }
        } else if self.current > max {
            Course::ToBound(max)
        } else if self.current < min {
            Course::ToBound(min)
        } else {
            Course::ByMetrics
        }
    }

    fn took_to_zero(&self, state: &State) -> bool {
        self.settings.scale_to_zero && state.scaled_to_zero
    }

    fn by_metrics(&self, state: &mut State) -> Decision {
        if let Some(condition) = self.unusable_selector() {
            state.conditions.scaling_active = condition;
            return self.unchanged(state);
        }
        let Recommended { metrics, answer } = recommend(self.spec, self.settings, self.input);
        let recommended = match answer {
            Answer::None { reason, message } => {
                state.conditions.scaling_active = Condition::fails(reason, message);
                return Decision { metrics, ..self.unchanged(state) };
            }
            Answer::Replicas { replicas, because_of } => {
                let message = format!("{because_of} asks for the most replicas");
                state.conditions.scaling_active = Condition::holds(Reason::ValidMetricFound, message);
                replicas.max(0)
            }
        };
        let wanted = Wanted { now_us: self.input.now_us, current: self.current, recommended };
        let normalized = normalize(self.spec, self.settings, state, wanted);
        state.conditions.able_to_scale = normalized.able_to_scale;
        state.conditions.scaling_limited = normalized.scaling_limited;
        let mut desired = normalized.limited;
        if self.current == 0 && self.took_to_zero(state) {
            // The minimum was raised while the target was at zero.
            desired = desired.max(to_signed(self.spec.min_replicas));
        }
        let desired = self.rescale(state, desired);
        Decision {
            desired,
            recommended: Some(to_unsigned(recommended)),
            stabilized: Some(to_unsigned(normalized.stabilized)),
            limited: Some(to_unsigned(normalized.limited)),
            metrics,
            conditions: state.conditions.clone(),
        }
    }

    fn unusable_selector(&self) -> Option<Condition> {
        match &self.input.selection {
            Selection::Works => None,
            Selection::Invalid(message) => Some(Condition::fails(Reason::InvalidSelector, message.clone())),
            Selection::Ambiguous(message) => {
                Some(Condition::fails(Reason::AmbiguousSelector, message.clone()))
            }
        }
    }

    /// Changes the scale and returns what it is afterwards.
    fn rescale(&self, state: &mut State, desired: i32) -> u32 {
        if desired == self.current {
            return self.input.spec_replicas;
        }
        if let ScaleAccess::FailedUpdate(message) = &self.input.scale {
            state.conditions.able_to_scale = Condition::fails(Reason::FailedUpdateScale, message.clone());
            return self.input.spec_replicas;
        }
        let message = format!("the target's scale was changed from {} to {desired}", self.current);
        state.conditions.able_to_scale = Condition::holds(Reason::SucceededRescale, message);
        if let Some(behavior) = &self.spec.behavior {
            record_rescale(behavior, state, self.current, desired, self.input.now_us);
        }
        state.scaled_to_zero = self.settings.scale_to_zero && desired == 0 && self.spec.sees_load_at_zero();
        to_unsigned(desired)
    }

    fn unchanged(&self, state: &State) -> Decision {
        Decision {
            desired: self.input.spec_replicas,
            recommended: None,
            stabilized: None,
            limited: None,
            metrics: Vec::new(),
            conditions: state.conditions.clone(),
        }
    }
}
