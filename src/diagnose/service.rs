//! Why requests were not answered well: nobody there, too few there, some just killed, or the target itself.

use std::collections::BTreeMap;

use crate::history::{GroupTrack, LoadWindow};
use crate::scenario::{Objective, StopCondition};
use crate::slo;

use super::Diagnosis;
use super::case::{Case, Kind, because, per_second};
use super::say::count;
use super::{growth, standby, starting};

/// A cause must explain at least a tenth of what went wrong to be named.
const WORTH_NAMING: u64 = 10;
/// Connections break and queues drain for so long after a death or a shortage.
const AFTERMATH_US: u64 = 2_000_000;
const SECOND_US: u64 = 1_000_000;

/// What a second's bad requests are put down to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Blame {
    Balancer,
    NoBackend,
    Shortage,
    Deaths,
    Errors,
    Slow,
}

/// The seconds that one thing is to blame for.
#[derive(Debug, Default)]
struct Seconds {
    bad: u64,
    first_us: Option<u64>,
    last_us: u64,
}

impl Seconds {
    fn add(&mut self, window: &LoadWindow, bad: u64) {
        self.bad += bad;
        self.first_us.get_or_insert(window.from_us);
        self.last_us = window.from_us + SECOND_US;
    }

    fn began_us(&self) -> u64 {
        self.first_us.unwrap_or(0)
    }
}

/// Why an objective was missed, or a stop condition over requests tripped.
pub(super) fn causes(case: &Case) -> Vec<Diagnosis> {
    let (from_us, to_us) = period(case);
    let objectives = objectives(case);
    let mut blamed: BTreeMap<Blame, Seconds> = BTreeMap::new();
    let mut shortage = Shortage::default();
    let mut total = 0;
    for window in case.windows(from_us, to_us + 1) {
        let bad = bad(case, window, &objectives);
        let short = shortage.look(case, window);
        if bad == 0 {
            continue;
        }
        total += bad;
        let blame = if balancer_silent(case, window) {
            Blame::Balancer
        } else if sent_to(case, window) == 0 {
            Blame::NoBackend
        } else if short {
            Blame::Shortage
        } else if a_death_before(case, window) {
            Blame::Deaths
        } else if window.bad() * 2 > bad {
            Blame::Errors
        } else {
            Blame::Slow
        };
        blamed.entry(blame).or_default().add(window, bad);
    }
    let mut causes = Vec::new();
    for (blame, seconds) in blamed.iter().filter(|(_, seconds)| seconds.bad * WORTH_NAMING >= total) {
        let share = format!("{} of {} bad requests", count(seconds.bad), count(total));
        match blame {
            Blame::Balancer => causes.push(balancer_down(case, seconds, &share)),
            Blame::NoBackend => causes.push(no_backend(case, seconds, &share)),
            Blame::Shortage => causes.extend(shortage.told(case, seconds, &share)),
            Blame::Deaths => causes.extend(deaths(case, seconds, &share)),
            Blame::Errors => causes.push(errors(case, seconds, &share)),
            Blame::Slow => causes.push(slow(case, seconds, &share)),
        }
    }
    causes
}

/// Whether the balancer, where there is one on record, gave no sign of life in some of that second.
fn balancer_silent(case: &Case, window: &LoadWindow) -> bool {
    let coverage = case.tracks.sources.get("balancer");
    coverage.is_some_and(|coverage| coverage.gap(window.from_us, window.from_us + SECOND_US).is_some())
}

fn balancer_down(case: &Case, seconds: &Seconds, share: &str) -> Diagnosis {
    let during = case.during(seconds.began_us(), seconds.last_us);
    let ended = case.tracks.notes.iter().find(|(_, note)| note.code == "balancer-ended");
    let how = ended.map_or_else(String::new, |(_, note)| format!(" ({})", note.text));
    because(
        "balancer-down",
        "balancer",
        format!("{share} from {during}, when the balancer gave no sign of life{how}"),
        "find out who ended or stopped the balancer; whether the instances behind it would have answered is not known",
    )
}

/// A stop condition ends the stimulus: what led to it lies before.
fn period(case: &Case) -> (u64, u64) {
    match (case.kind, case.tracks.stopped.first()) {
        (Kind::Stop, Some((t, _))) => (case.zero_us, *t),
        _ => (case.from_us, case.to_us),
    }
}

/// The objectives that the finding is about; a recovery is about all.
fn objectives<'a>(case: &Case<'a>) -> Vec<&'a Objective> {
    let Some(header) = case.tracks.header.as_deref() else { return Vec::new() };
    let (slo, id) = (&header.scenario.slo, case.finding.id.as_str());
    let burning =
        || match header.scenario.stop.iter().find(|stop| matches!(stop, StopCondition::BurnRate { .. })) {
            Some(StopCondition::BurnRate { objective, .. }) if id.starts_with("stop-burn") => {
                Some(objective.as_str())
            }
            _ => None,
        };
    let limit = || {
        let index: usize = id.strip_prefix("burn-rate-")?.parse().ok()?;
        header.scenario.expect.burn_rate.get(index).map(|limit| limit.objective.as_str())
    };
    if id.starts_with("recovery") {
        return slo.values().collect();
    }
    let name = id.strip_prefix("objective-").or_else(limit).or_else(burning);
    name.and_then(|name| slo.get(name)).into_iter().collect()
}

/// Requests of a window that an objective counts as bad; without one, all that were not answered well.
fn bad(case: &Case, window: &LoadWindow, objectives: &[&Objective]) -> u64 {
    let load = case.tracks.header.as_deref().and_then(|header| header.plan.load.as_ref());
    let thresholds = load.map_or(&[][..], |load| &load.thresholds_us);
    let counted = objectives.iter().filter_map(|objective| slo::count([window], thresholds, objective).ok());
    counted.map(|counts| counts.bad()).max().unwrap_or_else(|| window.bad())
}

/// How many ready instances the balancer sent to when most of that second had gone.
fn sent_to(case: &Case, window: &LoadWindow) -> u32 {
    let mid_us = window.from_us + SECOND_US / 2;
    let served = |group: &&GroupTrack| group.routed.at(mid_us).copied().unwrap_or(false);
    let known = case.tracks.groups.values().any(|group| !group.routed.points().is_empty());
    let groups = case.tracks.groups.values().filter(|group| !known || served(group));
    groups.map(|group| group.ready().at(mid_us).copied().unwrap_or(0)).sum()
}

fn a_death_before(case: &Case, window: &LoadWindow) -> bool {
    deaths_in(case, window.from_us.saturating_sub(AFTERMATH_US), window.from_us + SECOND_US).next().is_some()
}

/// Instances that ended without having been asked to.
fn deaths_in<'a>(case: &Case<'a>, from_us: u64, to_us: u64) -> impl Iterator<Item = (&'a str, u64)> {
    let lives = case.tracks.groups.values().flat_map(|group| &group.instances);
    lives.filter_map(move |(name, life)| {
        let (t, _) = life.gone.as_ref()?;
        let died = life.terminating.is_none() && (from_us..to_us).contains(t);
        died.then_some((name.as_str(), *t))
    })
}

/// Too few instances for what was sent.
#[derive(Default)]
struct Shortage {
    until_us: u64,
    worst: Option<Worst>,
}

struct Worst {
    offered: f64,
    served: f64,
    ready: u32,
    at_us: u64,
}

impl Shortage {
    /// Whether that second, or one shortly before, had fewer instances than its traffic needs.
    fn look(&mut self, case: &Case, window: &LoadWindow) -> bool {
        let mid_us = window.from_us + SECOND_US / 2;
        let (mut served, mut ready) = (0.0, 0);
        for (name, group) in &case.tracks.groups {
            if !group.routed.at(mid_us).copied().unwrap_or(true) {
                continue;
            }
            let Some(capacity) = capacity(case, name, group) else { return false };
            let here = group.ready().at(mid_us).copied().unwrap_or(0);
            ready += here;
            served += f64::from(here) * capacity;
        }
        let offered = window.planned as f64;
        if offered > served {
            self.until_us = window.from_us + SECOND_US + AFTERMATH_US;
            if self.worst.as_ref().is_none_or(|worst| offered - served > worst.offered - worst.served) {
                self.worst = Some(Worst { offered, served, ready, at_us: window.from_us });
            }
        }
        window.from_us < self.until_us
    }

    fn told(&self, case: &Case, seconds: &Seconds, share: &str) -> Vec<Diagnosis> {
        let Some(worst) = &self.worst else { return Vec::new() };
        let seen = format!(
            "{share} from {}, when supply lagged behind demand: at {} {} were sent to {} ready instances that serve {}, {} \
             too many",
            case.during(seconds.began_us(), seconds.last_us),
            case.at(worst.at_us),
            per_second(worst.offered),
            worst.ready,
            per_second(worst.served),
            per_second(worst.offered - worst.served)
        );
        let next = "scale up earlier (a lower target, faster policies, a shorter start-up), or keep more instances at \
                    baseline";
        let mut causes = vec![because("capacity-shortfall", "service", seen, next)];
        for (name, group) in &case.tracks.groups {
            if group.routed.at(worst.at_us).copied().unwrap_or(true) {
                let from_us = seconds.began_us().saturating_sub(AFTERMATH_US);
                causes.extend(growth::wishes(case, name, group, worst.at_us, worst.at_us));
                causes.extend(starting::causes(case, name, group, from_us, seconds.last_us));
            }
        }
        causes
    }
}

/// What one instance serves: as declared, else what its autoscaler aims at.
fn capacity(case: &Case, name: &str, group: &GroupTrack) -> Option<f64> {
    let declared =
        case.tracks.header.as_deref()?.scenario.groups().get(name).and_then(|group| group.capacity);
    let aimed_at = || group.autoscalers.first().map(|(_, seen)| seen.target_per_instance);
    declared.map(|rate| rate.per_s).or_else(aimed_at)
}

fn no_backend(case: &Case, seconds: &Seconds, share: &str) -> Diagnosis {
    let (from_us, to_us) = (seconds.began_us(), seconds.last_us);
    if let Some(early) = standby::released_during(case, from_us, to_us, share) {
        return early;
    }
    let during = case.during(from_us, to_us);
    let promoted = case.tracks.groups.iter().find_map(|(name, group)| {
        let writes = group.writes.iter();
        let promotion = writes
            .filter(|(_, write)| write.by == "failover")
            .map(|(t, _)| *t)
            .find(|t| *t + AFTERMATH_US >= from_us)?;
        let served_us = group.routed.first_from(from_us, |routed| *routed)?;
        Some((name, promotion, served_us))
    });
    match promoted {
        Some((name, promoted_us, served_us)) => because(
            "failover-slow",
            format!("group {name}"),
            format!(
                "{share} from {during}, when no instance was sent to; \"{name}\" was promoted at {} and sent to from {} on",
                case.at(promoted_us),
                case.at(served_us)
            ),
            "notice a lost primary sooner, and keep the standby warm enough to answer at once",
        ),
        None => because(
            "no-backend",
            "balancer",
            format!("{share} from {during}, when no instance was sent to and nothing took over"),
            "give the primary a standby that takes over, or see why the one that it has did not",
        ),
    }
}

fn deaths(case: &Case, seconds: &Seconds, share: &str) -> Option<Diagnosis> {
    let from_us = seconds.began_us().saturating_sub(AFTERMATH_US);
    let dead: Vec<&str> = deaths_in(case, from_us, seconds.last_us).map(|(name, _)| name).collect();
    let first = dead.first()?;
    let object = if dead.len() == 1 { format!("instance {first}") } else { "service".into() };
    let seen = format!(
        "{share} from {}, within {} s of a death: {}",
        case.during(seconds.began_us(), seconds.last_us),
        AFTERMATH_US / SECOND_US,
        dead.join(", ")
    );
    let next =
        "let clients or the balancer retry what a dying instance did not answer, and notice its death sooner";
    Some(because("instances-lost", object, seen, next))
}

fn errors(case: &Case, seconds: &Seconds, share: &str) -> Diagnosis {
    let mut kinds: BTreeMap<String, u64> = BTreeMap::new();
    for window in case.windows(seconds.began_us(), seconds.last_us) {
        for (status, n) in &window.failed {
            *kinds.entry(format!("status {status}")).or_default() += n;
        }
        for (kind, n) in &window.errors {
            *kinds.entry(format!("{kind:?}").to_lowercase()).or_default() += n;
        }
    }
    let kinds: Vec<String> = kinds.iter().map(|(kind, n)| format!("{} {kind}", count(*n))).collect();
    let seen = format!(
        "{share} from {}, though enough instances were there: {}",
        case.during(seconds.began_us(), seconds.last_us),
        kinds.join(", ")
    );
    because(
        "errors-from-target",
        "service",
        seen,
        "read the target's log of that time; its capacity was not the limit",
    )
}

fn slow(case: &Case, seconds: &Seconds, share: &str) -> Diagnosis {
    let seen = format!(
        "{share} from {}, answered well but too late, though enough instances were there",
        case.during(seconds.began_us(), seconds.last_us)
    );
    let next = "measure what one instance serves within the objective (its declared capacity may be too high), then look \
                at what it waits for";
    because("slow-answers", "service", seen, next)
}
