//! Why an autoscaler keeps a group larger than it was to be.

use crate::autoscaler::{ConditionStatus, MetricDecision, MetricOutcome, Reason};
use crate::history::{AutoscalerSeen, Decided, GroupTrack};

use super::Diagnosis;
use super::case::{Case, Excess, Kind, because, instances, per_second};
use super::say::lasting;

/// As many syncs without a new sample or a new decision are no accident.
const SYNCS_MISSED: u64 = 3;

/// Everything that the decisions in force during the excess say about it.
pub(super) fn causes(case: &Case, name: &str, group: &GroupTrack, excess: Excess) -> Vec<Diagnosis> {
    let decisions = Case::in_force(group, excess.from_us, excess.to_us);
    let above: Vec<&(u64, Decided)> = decisions
        .iter()
        .filter(|(_, decided)| decided.current > excess.bound || decided.decision.desired > excess.bound)
        .collect();
    let held = Held { case, name, group, excess, above };
    let mut causes = Vec::new();
    causes.extend(held.silent());
    match held.stale() {
        // New instances have no sample in a series that stands still: a consequence, not a second cause.
        Some(stale) => causes.push(stale),
        None => causes.extend(held.without_samples()),
    }
    causes.extend(held.inactive());
    causes.extend(held.plateau());
    causes.extend(held.floor());
    causes.extend(held.demand());
    match held.flapping() {
        // The windows and limits that follow each rise of it explain nothing more.
        Some(flapping) => causes.push(flapping),
        None => {
            causes.extend(held.stabilized());
            causes.extend(held.limited());
        }
    }
    causes
}

/// The usual time between two decisions.
pub(super) fn sync_us(group: &GroupTrack) -> Option<u64> {
    let mut gaps: Vec<u64> = group.decisions.windows(2).map(|pair| pair[1].0 - pair[0].0).collect();
    gaps.sort_unstable();
    gaps.get(gaps.len() / 2).copied()
}

/// Whether the metric stood still: the newest sample is old, or its value never moves although the traffic did.
pub(super) fn stale(
    case: &Case,
    name: &str,
    group: &GroupTrack,
    from_us: u64,
    to_us: u64,
) -> Option<Diagnosis> {
    let decisions = Case::in_force(group, from_us, to_us);
    let (last_us, last) = decisions.last()?;
    let patience_us = SYNCS_MISSED * sync_us(group)?;
    let frozen = last.sample_t_us.filter(|sample_us| last_us.saturating_sub(*sample_us) > patience_us);
    let offered = case.offered(last_us.saturating_sub(patience_us), *last_us);
    let traffic =
        last.traffic_per_s.map_or_else(String::new, |traffic| format!(", that says {}", per_second(traffic)));
    let really =
        offered.map_or_else(String::new, |offered| format!(", while {} were sent", per_second(offered)));
    let seen = if let Some(sample_us) = frozen {
        format!(
            "the decision at {} still goes by a sample of {}, {} old{traffic}{really}",
            case.at(*last_us),
            case.at(sample_us),
            lasting(last_us - sample_us)
        )
    } else {
        let traffic = last.traffic_per_s?;
        let offered = offered?;
        let first = group
            .decisions
            .iter()
            .rev()
            .take_while(|(_, decided)| decided.traffic_per_s == Some(traffic))
            .last()?;
        let stood_us = last_us.saturating_sub(first.0);
        let is_off = (offered - traffic).abs() > traffic.max(offered) / 4.0;
        if stood_us < patience_us || !is_off {
            return None;
        }
        format!(
            "every decision from {} on goes by exactly {}, while {} were sent",
            case.during(first.0, *last_us),
            per_second(traffic),
            per_second(offered)
        )
    };
    Some(because(
        "hpa-stale-metric",
        autoscaler(name),
        seen,
        "find out why the metric stands still: the series, the adapter in between, and when each was last updated",
    ))
}

/// The autoscaler of a group, as an object to look at.
pub(super) fn autoscaler(name: &str) -> String {
    format!("autoscaler {name}")
}

struct Held<'a> {
    case: &'a Case<'a>,
    name: &'a str,
    group: &'a GroupTrack,
    excess: Excess,
    /// The decisions in force that left the group above its bound.
    above: Vec<&'a (u64, Decided)>,
}

impl Held<'_> {
    fn cause(&self, code: &str, seen: String, next_step: impl Into<String>) -> Diagnosis {
        because(code, autoscaler(self.name), seen, next_step)
    }

    /// The decisions of which something holds, if it is most of them: a single odd sync is no cause.
    fn mostly(&self, holds: impl Fn(&Decided) -> bool) -> Option<Vec<&(u64, Decided)>> {
        let such: Vec<_> = self.above.iter().copied().filter(|(_, decided)| holds(decided)).collect();
        (!such.is_empty() && such.len() * 2 >= self.above.len()).then_some(such)
    }

    /// The decisions of which something holds, if there are any.
    fn any(&self, holds: impl Fn(&Decided) -> bool) -> Option<Vec<&(u64, Decided)>> {
        let such: Vec<_> = self.above.iter().copied().filter(|(_, decided)| holds(decided)).collect();
        (!such.is_empty()).then_some(such)
    }

    fn span(&self, such: &[&(u64, Decided)]) -> String {
        match such {
            [(t, _)] => format!("at {}", self.case.at(*t)),
            [(first, _), .., (last, _)] => format!("from {}", self.case.during(*first, *last)),
            [] => String::new(),
        }
    }

    fn silent(&self) -> Option<Diagnosis> {
        let (last_us, last) = self.group.decisions.iter().rev().find(|(t, _)| *t <= self.excess.to_us)?;
        let silent_us = self.excess.to_us - last_us;
        if last.decision.desired <= self.excess.bound
            || silent_us <= (SYNCS_MISSED + 1) * sync_us(self.group)?
        {
            return None;
        }
        let seen =
            format!("no decision for {} after the one at {}", lasting(silent_us), self.case.at(*last_us));
        Some(self.cause(
            "autoscaler-silent",
            seen,
            "see whether the autoscaler's controller is running, and its log",
        ))
    }

    fn stale(&self) -> Option<Diagnosis> {
        self.mostly(asks_for_as_many)?;
        stale(self.case, self.name, self.group, self.excess.from_us, self.excess.to_us)
    }

    fn without_samples(&self) -> Option<Diagnosis> {
        let lacks = |decided: &Decided| {
            let missing = metrics(decided).any(|metric| metric.pods.missing > 0);
            (missing && asks_for_as_many(decided)) || (decided.sample_t_us.is_none() && is_inactive(decided))
        };
        let such = self.mostly(lacks)?;
        let (_, last) = such.last()?;
        let missing = metrics(last).map(|metric| metric.pods.missing).max().unwrap_or(0);
        let what = match last.sample_t_us {
            None => "there was no sample of any instance".to_owned(),
            Some(_) => {
                format!("{missing} of {} had no sample and were taken to be busy", instances(last.current))
            }
        };
        let next = "make every instance report its metric, from its first second to its last; scrape failures and new \
                    instances without a series are the usual reasons";
        Some(self.cause(
            "hpa-missing-samples",
            format!("{what} in {} decisions {}", such.len(), self.span(&such)),
            next,
        ))
    }

    /// ScalingActive=False for a reason other than samples.
    fn inactive(&self) -> Option<Diagnosis> {
        let such = self.mostly(is_inactive)?;
        let (_, last) = such.last()?;
        let condition = &last.decision.conditions.scaling_active;
        let shown =
            format!("ScalingActive=False, {} {}: {}", condition.reason, self.span(&such), condition.message);
        if condition.reason == Reason::AmbiguousSelector {
            let next =
                "give each workload labels of its own, so that no two autoscalers select the same instances";
            return Some(self.cause("hpa-selector-overlap", shown, next));
        }
        if let Some(cause) = without_request(self.name, last, &shown) {
            return Some(cause);
        }
        let broken = metrics(last).find(|metric| matches!(metric.outcome, MetricOutcome::Invalid { .. }))?;
        if last.decision.metrics.len() < 2 {
            return None;
        }
        let seen = format!(
            "{shown}; metric \"{}\" is broken, and one broken metric forbids every scale-down",
            broken.name
        );
        let next = format!("repair or remove the metric \"{}\"", broken.name);
        Some(self.cause("hpa-one-metric-broken", seen, next))
    }

    /// A ratio below 1 that the tolerance takes for 1.
    fn plateau(&self) -> Option<Diagnosis> {
        let tolerated = |decided: &Decided| {
            decided.decision.recommended == Some(decided.current)
                && metrics(decided).all(|metric| metric.pods.missing == 0)
                && ratio(decided).is_some_and(|ratio| ratio < 1.0 && needed(decided, ratio) < decided.current)
        };
        let such = self.mostly(tolerated)?;
        let (_, last) = such.last()?;
        let ratio = ratio(last)?;
        if stale(self.case, self.name, self.group, self.excess.from_us, self.excess.to_us).is_some() {
            return None;
        }
        let seen = format!(
            "usage is {:.0}% of the target {}, within the tolerance: {} stay, {} would do",
            ratio * 100.0,
            self.span(&such),
            instances(last.current),
            needed(last, ratio)
        );
        Some(self.cause("hpa-tolerance-plateau", seen, "narrow the tolerance for scaling down"))
    }

    /// The minimum is above what the metrics ask for.
    fn floor(&self) -> Option<Diagnosis> {
        let at_floor = |decided: &Decided| {
            let decision = &decided.decision;
            let limited = decision.conditions.scaling_limited.reason == Reason::TooFewReplicas
                && decision.recommended.is_some_and(|recommended| recommended < decision.desired);
            // A count below the minimum goes to it at once, before any metric is asked.
            let raised = decision.recommended.is_none()
                && decision.desired > decided.current
                && decision.conditions.able_to_scale.reason == Reason::SucceededRescale;
            (limited || raised) && decision.desired > self.excess.bound
        };
        let such = self.any(at_floor)?;
        let (_, last) = such.iter().rev().find(|(_, d)| d.decision.recommended.is_some()).or(such.last())?;
        let floor = last.decision.desired;
        let asked = match last.decision.recommended {
            Some(recommended) => format!("the metrics ask for {recommended}"),
            None => "the count was raised to it at once".to_owned(),
        };
        let raised = self.floor_raised().map_or_else(String::new, |(t, seen, before)| {
            format!(
                "; \"{}\" raised it from {before} to {} at {}",
                seen.by,
                seen.spec.min_replicas,
                self.case.at(*t)
            )
        });
        let seen = format!(
            "ScalingLimited, TooFewReplicas {}: the minimum is {floor}, {asked}{raised}",
            self.span(&such)
        );
        let next =
            format!("lower minReplicas to at most {}, or find out who wants {floor}", self.excess.bound);
        Some(self.cause("hpa-floor-raised", seen, next))
    }

    /// The last time that the minimum was seen to rise.
    fn floor_raised(&self) -> Option<(&u64, &AutoscalerSeen, u32)> {
        self.group.autoscalers.windows(2).rev().find_map(|pair| {
            let before = pair[0].1.spec.min_replicas;
            (pair[1].1.spec.min_replicas > before).then_some((&pair[1].0, &pair[1].1, before))
        })
    }

    /// The traffic that asks for so many is really there.
    fn demand(&self) -> Option<Diagnosis> {
        self.mostly(|decided| asks_for_as_many(decided) && ratio(decided).is_none_or(|ratio| ratio >= 1.0))?;
        let (calm_from, calm_to) = self.case.tracks.baseline_window()?;
        let calm = self.case.offered(calm_from, calm_to)?;
        let now = self.case.offered(self.excess.from_us, self.excess.to_us)?;
        if now <= calm * 1.1 {
            return None;
        }
        let seen = format!(
            "{} were still sent from {}; at baseline it was {}",
            per_second(now),
            self.case.during(self.excess.from_us, self.excess.to_us),
            per_second(calm)
        );
        Some(self.cause(
            "demand-shifted",
            seen,
            "end all other traffic, or declare the capacity of one instance",
        ))
    }

    /// Up and down by turns since the load ended.
    fn flapping(&self) -> Option<Diagnosis> {
        let since_us = self.case.tracks.quiesced_us.unwrap_or(self.case.zero_us);
        let mut before = self.group.desired.at(since_us).copied()?;
        let mut turns: Vec<(u64, u32, bool)> = Vec::new();
        for (t, write) in self
            .group
            .writes
            .iter()
            .filter(|(t, write)| *t > since_us && *t <= self.excess.to_us && write.by == "autoscaler")
        {
            let up = write.replicas > before;
            if write.replicas != before && turns.last().is_none_or(|(_, _, last)| *last != up) {
                turns.push((*t, write.replicas, up));
            }
            before = write.replicas;
        }
        // Down, up and down again is one spurious rise; from the second rise on it is a habit.
        let rises = turns.iter().filter(|(_, _, up)| *up).count();
        if rises < 2 {
            return None;
        }
        let path: Vec<String> =
            turns.iter().map(|(t, replicas, _)| format!("{replicas} at {}", self.case.at(*t))).collect();
        let seen = format!("{rises} rises after the load had ended: {}", path.join(", "));
        let next = "look at what new instances do to the metric (start-up work, cold caches), and give scale-up a \
                    stabilization window";
        Some(self.cause("hpa-flapping", seen, next))
    }

    /// An old, higher recommendation still counted.
    fn stabilized(&self) -> Option<Diagnosis> {
        let is_held = |decided: &Decided| {
            let decision = &decided.decision;
            decision.conditions.able_to_scale.reason == Reason::ScaleDownStabilized
                && decision.recommended.is_some_and(|recommended| recommended < decided.current)
                && decision.desired > self.excess.bound
        };
        // When the excess began it must have held already: a window that follows a rise explains not the rise. And what
        // is only over before the baseline is explains no baseline.
        let held_at = |entry: Option<&&(u64, Decided)>| entry.is_some_and(|(_, decided)| is_held(decided));
        let first = self.above.first().filter(|(t, _)| *t <= self.excess.from_us);
        if !held_at(first) || (self.case.kind == Kind::Baseline && !held_at(self.above.last())) {
            return None;
        }
        let such = self.any(is_held)?;
        let (last_us, last) = such.last()?;
        // How long it had been asking for less by then.
        let asking = self.group.decisions.iter().rev().filter(|(t, _)| t <= last_us);
        let since_us = asking
            .take_while(|(_, d)| d.decision.recommended.is_some_and(|recommended| recommended < d.current))
            .last()
            .map_or(*last_us, |(t, _)| *t);
        let seen = format!(
            "AbleToScale, ScaleDownStabilized {}: the metrics had been asking for {} since {} ({}), {} stayed",
            self.span(&such),
            last.decision.recommended.unwrap_or_default(),
            self.case.at(since_us),
            lasting(last_us - since_us),
            instances(last.current)
        );
        let next = "shorten the stabilization window for scaling down, or give the contraction more time than it takes";
        Some(self.cause("hpa-window-too-long", seen, next))
    }

    /// The policies for scaling down allow nothing, or too little.
    fn limited(&self) -> Option<Diagnosis> {
        let is_limited = |decided: &Decided| {
            decided.decision.conditions.scaling_limited.reason == Reason::ScaleDownLimit
                && decided.decision.conditions.scaling_limited.status == ConditionStatus::True
        };
        let such = self.any(|decided| is_limited(decided) && decided.decision.desired > self.excess.bound)?;
        if super::writers::overridden(self.group, self.excess).is_some() {
            return None;
        }
        let (_, last) = such.last()?;
        let wanted = last.decision.stabilized.or(last.decision.recommended).unwrap_or_default();
        // The whole way down, which began before the time judged.
        let way: Vec<&(u64, Decided)> = self
            .group
            .decisions
            .iter()
            .rev()
            .skip_while(|(t, decided)| *t > self.excess.to_us || !is_limited(decided))
            .take_while(|(_, decided)| is_limited(decided))
            .collect();
        let steps: Vec<&&(u64, Decided)> =
            way.iter().rev().filter(|(_, decided)| decided.decision.desired < decided.current).collect();
        let (Some((first_us, first)), Some((end_us, end))) = (steps.first(), steps.last()) else {
            let seen = format!(
                "ScalingLimited, ScaleDownLimit {}: the metrics ask for {wanted}, {} stay, and not one was ever given up",
                self.span(&such),
                instances(last.current)
            );
            let next = "allow scale-down: selectPolicy must not be Disabled, and a policy must allow at least one instance";
            return Some(self.cause("hpa-scale-down-disabled", seen, next));
        };
        let seen = format!(
            "ScalingLimited, ScaleDownLimit {}: {} steps from {} at {} to {} at {}, {wanted} wanted",
            self.span(&such),
            steps.len(),
            first.current,
            self.case.at(*first_us),
            end.decision.desired,
            self.case.at(*end_us)
        );
        let next = "let the policies for scaling down allow more instances a period, or a shorter period";
        Some(self.cause("hpa-rate-too-slow", seen, next))
    }
}

fn metrics(decided: &Decided) -> impl Iterator<Item = &MetricDecision> {
    decided.decision.metrics.iter()
}

fn is_inactive(decided: &Decided) -> bool {
    decided.decision.conditions.scaling_active.status == ConditionStatus::False
}

/// A container without a request: a share of nothing cannot be computed, and Kubernetes says so in these words.
pub(super) fn without_request(name: &str, decided: &Decided, shown: &str) -> Option<Diagnosis> {
    let message = &decided.decision.conditions.scaling_active.message;
    let is_it = is_inactive(decided) && message.contains("missing request for");
    let next = "give every container of the pods a request for that resource, or measure one container only \
                (ContainerResource)";
    is_it.then(|| because("hpa-no-request", autoscaler(name), shown.to_owned(), next))
}

/// Whether the metrics ask for no fewer than there are.
fn asks_for_as_many(decided: &Decided) -> bool {
    decided.decision.recommended.is_some_and(|recommended| recommended >= decided.current)
}

/// The largest usage-to-target ratio of the metrics, as measured.
fn ratio(decided: &Decided) -> Option<f64> {
    let ratios = metrics(decided).filter_map(|metric| match metric.outcome {
        MetricOutcome::Valid { ratio, .. } => ratio,
        MetricOutcome::Invalid { .. } => None,
    });
    ratios.reduce(f64::max)
}

/// How many instances would meet the target at that ratio.
fn needed(decided: &Decided, ratio: f64) -> u32 {
    (ratio * f64::from(decided.current) - 1e-9).ceil().max(0.0) as u32
}
