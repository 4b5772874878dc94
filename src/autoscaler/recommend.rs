//! From metrics to how many replicas they ask for.

use std::collections::BTreeMap;

use super::pods::{Groups, group, running_and_ready};
use super::spec::Tolerances;
use super::{
    Input, MetricDecision, MetricKind, MetricOutcome, MetricSpec, PodCounts, Reading, Reason, ResourceTarget,
    Sample, Settings, Spec, Usage, ValueTarget, to_signed, to_unsigned,
};

/// What all metrics say.
pub(super) struct Recommended {
    pub(super) metrics: Vec<MetricDecision>,
    pub(super) answer: Answer,
}

/// What the metrics come to together.
pub(super) enum Answer {
    /// So many replicas, because of this metric.
    Replicas { replicas: i32, because_of: String },
    /// No answer that may be acted on, because of the first invalid metric.
    None { reason: Reason, message: String },
}

/// Asks every metric. The largest proposal wins, but an invalid metric might have asked for more: it blocks a
/// proposal below the present number, and does not block growth.
pub(super) fn recommend(spec: &Spec, settings: &Settings, input: &Input) -> Recommended {
    let view = View {
        settings,
        input,
        tolerances: Tolerances::of(spec, settings),
        current: to_signed(input.spec_replicas),
    };
    let mut metrics = Vec::with_capacity(spec.metrics.len());
    let mut first_invalid = None;
    let mut invalid_count = 0;
    let mut replicas = 0;
    let mut because_of = String::new();
    for metric in &spec.metrics {
        let mut pods = PodCounts::default();
        let label = metric.label();
        let outcome = match view.propose(metric, &mut pods) {
            Ok(proposal) => {
                if replicas == 0 || proposal.replicas > replicas {
                    replicas = proposal.replicas;
                    because_of.clone_from(&label);
                }
                proposal.into_outcome()
            }
            Err(message) => {
                let reason = Reason::invalid_metric(metric.kind());
                invalid_count += 1;
                first_invalid.get_or_insert_with(|| (reason, format!("{label}: {message}")));
                MetricOutcome::Invalid { reason, message }
            }
        };
        metrics.push(MetricDecision { kind: metric.kind(), name: label, pods, outcome });
    }
    let answer = match first_invalid {
        Some((reason, message)) if invalid_count == metrics.len() || replicas < view.current => {
            Answer::None { reason, message }
        }
        _ => Answer::Replicas { replicas, because_of },
    };
    Recommended { metrics, answer }
}

/// What one valid metric says.
struct Proposal {
    usage: Usage,
    ratio: f64,
    assumed_ratio: Option<f64>,
    replicas: i32,
}

impl Proposal {
    fn into_outcome(self) -> MetricOutcome {
        MetricOutcome::Valid {
            usage: self.usage,
            ratio: Some(self.ratio).filter(|ratio| ratio.is_finite()),
            assumed_ratio: self.assumed_ratio.filter(|ratio| ratio.is_finite()),
            proposal: to_unsigned(self.replicas),
        }
    }
}

/// What every metric is evaluated against.
struct View<'a> {
    settings: &'a Settings,
    input: &'a Input,
    tolerances: Tolerances,
    current: i32,
}

impl<'a> View<'a> {
    fn propose(&self, metric: &MetricSpec, pods: &mut PodCounts) -> Result<Proposal, String> {
        let key = metric.key();
        match metric {
            MetricSpec::Resource { name, target } | MetricSpec::ContainerResource { name, target, .. } => {
                self.propose_per_pod(&key, name == "cpu", *target, pods)
            }
            MetricSpec::Pods { average_milli, .. } => {
                self.propose_per_pod(&key, false, ResourceTarget::AverageMilli(*average_milli), pods)
            }
            MetricSpec::Object { target, .. } | MetricSpec::External { target, .. } => match *target {
                ValueTarget::ValueMilli(target_milli) => self.propose_for_value(&key, target_milli, pods),
                ValueTarget::AverageMilli(target_milli) => {
                    self.propose_for_share(&key, target_milli, metric.kind())
                }
            },
        }
    }

    /// Resource, ContainerResource and Pods metrics. Scales the pods that count by the ratio of usage to
    /// target, unless pods had to be left out: then they are assumed to use whatever makes the change
    /// smaller, and a change that this turns around is not made.
    fn propose_per_pod(
        &self,
        key: &str,
        is_cpu: bool,
        target: ResourceTarget,
        pods: &mut PodCounts,
    ) -> Result<Proposal, String> {
        let samples = self.samples(key)?;
        let groups = group(&self.input.pods, samples, is_cpu, self.settings, self.input.now_us);
        *pods = groups.counts();
        let left_out = |name: &str| groups.ignored.contains(name) || groups.unready.contains(name);
        let mut values: BTreeMap<&str, i64> = samples
            .iter()
            .filter(|(name, _)| !left_out(name))
            .map(|(name, sample)| (name.as_str(), sample.value_milli))
            .collect();
        if values.is_empty() {
            return Err("no pod that counts has a sample".to_owned());
        }
        let measure = self.measure(key, target)?;
        let (usage, ratio) = measure.usage(&values)?;

        let slows_growth = !groups.unready.is_empty() && ratio > 1.0;
        if !slows_growth && groups.missing.is_empty() {
            let replicas = if self.tolerances.hold(ratio) {
                self.current
            } else {
                ceil(ratio * f64::from(groups.ready))
            };
            return Ok(Proposal { usage, ratio, assumed_ratio: None, replicas });
        }
        assume(&mut values, &groups, &measure, ratio);
        let (_, assumed) = measure.usage(&values)?;
        let replicas = self.careful(ratio, assumed, values.len());
        Ok(Proposal { usage, ratio, assumed_ratio: Some(assumed), replicas })
    }

    /// The number for a ratio that rests on assumptions. They may make a change smaller, never turn it
    /// around.
    fn careful(&self, ratio: f64, assumed: f64, measured: usize) -> i32 {
        let turned = (ratio < 1.0 && assumed > 1.0) || (ratio > 1.0 && assumed < 1.0);
        if self.tolerances.hold(assumed) || turned {
            return self.current;
        }
        #[expect(clippy::cast_precision_loss, reason = "there are fewer pods than a float counts exactly")]
        let replicas = ceil(assumed * measured as f64);
        let against =
            (assumed < 1.0 && replicas > self.current) || (assumed > 1.0 && replicas < self.current);
        if against { self.current } else { replicas }
    }

    /// Object and External metrics with a target for the value itself. At zero replicas there is nothing to
    /// scale by, so the ratio is the number, whatever the tolerance.
    fn propose_for_value(
        &self,
        key: &str,
        target_milli: i64,
        pods: &mut PodCounts,
    ) -> Result<Proposal, String> {
        let value_milli = self.value(key)?;
        let ratio = float(value_milli) / float(target_milli);
        let replicas = if self.current == 0 {
            ceil(ratio)
        } else if self.tolerances.hold(ratio) {
            self.current
        } else if self.input.pods.is_empty() {
            return Err("the selector selects no pods".to_owned());
        } else {
            pods.ready = running_and_ready(&self.input.pods);
            ceil(ratio * f64::from(pods.ready))
        };
        Ok(Proposal { usage: Usage::ValueMilli(value_milli), ratio, assumed_ratio: None, replicas })
    }

    /// Object and External metrics with a target for every replica's share. Shares are of the replicas that
    /// there are, not of those asked for, and within the tolerance it is these that are proposed.
    fn propose_for_share(&self, key: &str, target_milli: i64, kind: MetricKind) -> Result<Proposal, String> {
        // The controller takes a negative sum of External values for one that has overflowed.
        let value_milli = match self.value(key)? {
            negative if negative < 0 && kind == MetricKind::External => i64::MAX,
            value_milli => value_milli,
        };
        let there = to_signed(self.input.status_replicas);
        let ratio = float(value_milli) / (float(target_milli) * f64::from(there));
        let replicas =
            if self.tolerances.hold(ratio) { there } else { ceil(float(value_milli) / float(target_milli)) };
        // Such a sum is shown as it is, not as a share.
        let share_milli = if kind == MetricKind::External && float(value_milli) >= float(i64::MAX) {
            value_milli
        } else {
            ceil_milli(float(value_milli) / f64::from(there))
        };
        Ok(Proposal { usage: Usage::AverageMilli(share_milli), ratio, assumed_ratio: None, replicas })
    }

    fn samples(&self, key: &str) -> Result<&'a BTreeMap<String, Sample>, String> {
        match self.input.readings.get(key) {
            Some(Reading::Pods(samples)) if samples.is_empty() => Err("no pod has a sample".to_owned()),
            Some(Reading::Pods(_)) if self.input.pods.is_empty() => {
                Err("the selector selects no pods".to_owned())
            }
            Some(Reading::Pods(samples)) => Ok(samples),
            Some(Reading::ValueMilli(_)) => {
                Err("there is one value where every pod should have its own".to_owned())
            }
            Some(Reading::Error(message)) => Err(message.clone()),
            None => Err("there is no reading".to_owned()),
        }
    }

    fn value(&self, key: &str) -> Result<i64, String> {
        match self.input.readings.get(key) {
            Some(Reading::ValueMilli(value_milli)) => Ok(*value_milli),
            Some(Reading::Pods(_)) => {
                Err("there are values of pods where there should be one value".to_owned())
            }
            Some(Reading::Error(message)) => Err(message.clone()),
            None => Err("there is no reading".to_owned()),
        }
    }

    fn measure(&self, key: &str, target: ResourceTarget) -> Result<Measure<'a>, String> {
        match target {
            ResourceTarget::AverageMilli(target_milli) => Ok(Measure::Average { target_milli }),
            ResourceTarget::UtilizationPercent(percent) => {
                let requests = self.input.pods.iter().map(|pod| {
                    let request = pod.requests_milli.get(key).copied();
                    let missing = || format!("pod {} has no request for it", pod.name);
                    request.map(|request| (pod.name.as_str(), request)).ok_or_else(missing)
                });
                Ok(Measure::Utilization {
                    percent: to_signed(percent),
                    requests: requests.collect::<Result<_, _>>()?,
                })
            }
        }
    }
}

/// Gives the pods without a usable sample the value that makes the change smaller.
fn assume<'a>(values: &mut BTreeMap<&'a str, i64>, groups: &Groups<'a>, measure: &Measure<'_>, ratio: f64) {
    if ratio < 1.0 {
        values.extend(groups.missing.iter().map(|name| (*name, measure.cautious_milli(name))));
    } else if ratio > 1.0 {
        values.extend(groups.missing.iter().chain(&groups.unready).map(|name| (*name, 0)));
    }
}

/// How usage is compared with the target. Sums wrap around at 64 bits, as they do in the original.
enum Measure<'a> {
    /// As a percentage of the sum of requests.
    Utilization { percent: i32, requests: BTreeMap<&'a str, i64> },
    /// As an average.
    Average { target_milli: i64 },
}

impl Measure<'_> {
    fn usage(&self, values: &BTreeMap<&str, i64>) -> Result<(Usage, f64), String> {
        match self {
            Measure::Average { target_milli } => {
                let average_milli = average(values.values().copied());
                Ok((Usage::AverageMilli(average_milli), float(average_milli) / float(*target_milli)))
            }
            Measure::Utilization { percent: target, requests } => {
                let known = || values.iter().filter_map(|(name, used)| Some((*used, *requests.get(name)?)));
                let requested = sum(known().map(|(_, request)| request));
                if requested == 0 {
                    return Err("the pods with samples request nothing".to_owned());
                }
                let used = sum(known().map(|(used, _)| used));
                #[expect(clippy::cast_possible_truncation, reason = "the original keeps the lower half too")]
                let percent = used.wrapping_mul(100).wrapping_div(requested) as i32;
                let average_milli = average(known().map(|(used, _)| used));
                Ok((Usage::Utilization { percent, average_milli }, f64::from(percent) / f64::from(*target)))
            }
        }
    }

    /// What a pod without a sample is assumed to use when the others ask for fewer replicas: all that it may,
    /// which is its request, or the target where that is more.
    fn cautious_milli(&self, pod: &str) -> i64 {
        match self {
            Measure::Average { target_milli } => *target_milli,
            Measure::Utilization { percent, requests } => {
                let request = requests.get(pod).copied().unwrap_or(0);
                request.wrapping_mul(i64::from((*percent).max(100))) / 100
            }
        }
    }
}

fn sum(values: impl Iterator<Item = i64>) -> i64 {
    values.fold(0, i64::wrapping_add)
}

/// The average, rounded towards zero; 0 of nothing.
fn average(values: impl Iterator<Item = i64>) -> i64 {
    let (total, count) =
        values.fold((0_i64, 0_i64), |(total, count), value| (total.wrapping_add(value), count + 1));
    total.checked_div(count).unwrap_or(0)
}

#[expect(clippy::cast_precision_loss, reason = "the original divides as floats")]
fn float(milli: i64) -> f64 {
    milli as f64
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a conversion from a float stops at the ends of the range"
)]
fn ceil(replicas: f64) -> i32 {
    replicas.ceil() as i32
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a conversion from a float stops at the ends of the range"
)]
fn ceil_milli(milli: f64) -> i64 {
    milli.ceil() as i64
}
