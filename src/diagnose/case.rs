//! One finding and the history around it: what every family of causes looks at.

use crate::check::{Finding, Outcome};
use crate::history::{Decided, GroupTrack, LoadWindow, Phase, Steps, Tracks};

use super::Diagnosis;
use super::say::relative;

/// What a finding is about, by its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Baseline,
    Expansion,
    Replacement,
    Contraction,
    StandbyReleased,
    IdleSpend,
    /// What stands beside the groups.
    Left,
    /// Objectives, burn rates and recovery.
    Service,
    Stop,
    /// The run as a whole: its history.
    History,
    /// The run as a whole: its load.
    Load,
    /// The run as a whole: one of its faults.
    Fault,
    Other,
}

impl Kind {
    fn of(id: &str) -> Self {
        const PREFIXES: [(&str, Kind); 14] = [
            ("baseline", Kind::Baseline),
            ("expansion", Kind::Expansion),
            ("replacement", Kind::Replacement),
            ("contraction", Kind::Contraction),
            ("standby", Kind::StandbyReleased),
            ("idle-spend", Kind::IdleSpend),
            ("nothing-left", Kind::Left),
            ("objective", Kind::Service),
            ("burn", Kind::Service),
            ("recovery", Kind::Service),
            ("stop", Kind::Stop),
            ("history", Kind::History),
            ("load", Kind::Load),
            ("fault", Kind::Fault),
        ];
        let known = PREFIXES.iter().find(|(prefix, _)| id.starts_with(prefix));
        known.map_or(Kind::Other, |(_, kind)| *kind)
    }
}

/// A finding that did not pass, and where to look.
pub(super) struct Case<'a> {
    pub(super) tracks: &'a Tracks,
    pub(super) finding: &'a Finding,
    pub(super) kind: Kind,
    /// The time that was judged.
    pub(super) from_us: u64,
    pub(super) to_us: u64,
    /// What shown times are counted from.
    pub(super) zero_us: u64,
}

/// A stretch in which a group was larger than it was to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Excess {
    /// As many as there were to be.
    pub(super) bound: u32,
    pub(super) from_us: u64,
    pub(super) to_us: u64,
}

impl<'a> Case<'a> {
    pub(super) fn new(tracks: &'a Tracks, finding: &'a Finding) -> Self {
        let kind = Kind::of(&finding.id);
        let stimulus_us = tracks.phase_us(Phase::Stimulus);
        let zero_us = stimulus_us.unwrap_or(0);
        let whole = match kind {
            Kind::Baseline => tracks.baseline_window().unwrap_or((0, zero_us)),
            _ => (finding.anchor.as_ref().map_or(zero_us, |anchor| anchor.t_us), tracks.end_us),
        };
        let (from_us, to_us) = finding.window_us.unwrap_or(whole);
        let to_us = to_us.min(tracks.end_us);
        Self { tracks, finding, kind, from_us: from_us.min(to_us), to_us, zero_us }
    }

    pub(super) fn failed(&self) -> bool {
        self.finding.outcome == Outcome::Fail
    }

    /// The groups that the finding names; where it names none, all.
    pub(super) fn groups(&self) -> Vec<(&'a str, &'a GroupTrack)> {
        let named = &self.finding.groups;
        let wanted = |name: &&'a String| named.is_empty() || named.contains(name);
        let names = self.tracks.groups.keys().filter(wanted);
        names.filter_map(|name| Some((name.as_str(), self.tracks.groups.get(name)?))).collect()
    }

    /// Whether a group sleeps until it has to stand in for another.
    pub(super) fn is_standby(&self, name: &str) -> bool {
        let header = self.tracks.header.as_deref();
        let group = header.and_then(|header| header.scenario.groups().get(name));
        group.is_some_and(|group| group.takes_over_from.is_some())
    }

    /// How many instances a group was to have at the most.
    pub(super) fn bound(&self, name: &str) -> Option<u32> {
        let header = self.tracks.header.as_deref();
        if self.kind == Kind::Baseline {
            let expected = header.and_then(|header| header.scenario.expect.baseline.as_ref());
            let reference = header.and_then(|header| header.reference.as_ref());
            let at_most = expected.and_then(|expected| expected.at_most.get(name));
            return at_most.or(reference.and_then(|reference| reference.supply.get(name))).copied();
        }
        let first = || self.tracks.groups.get(name)?.desired.points().first().map(|(_, wanted)| *wanted);
        self.tracks.baseline(name).or_else(first)
    }

    /// The longest stretch of the time judged in which a group, or what was wanted of it, was above its bound.
    pub(super) fn excess(&self, name: &str, group: &GroupTrack) -> Option<Excess> {
        let bound = self.bound(name)?;
        let supply = group.supply();
        let above = |steps: &Steps<u32>, t: u64| steps.at(t).is_some_and(|n| *n > bound);
        let mut times: Vec<u64> = [&supply, &group.desired]
            .iter()
            .flat_map(|steps| steps.points())
            .map(|(t, _)| *t)
            .filter(|t| (self.from_us..=self.to_us).contains(t))
            .chain([self.from_us, self.to_us])
            .collect();
        times.sort_unstable();
        let mut stretches: Vec<Excess> = Vec::new();
        let mut open: Option<u64> = None;
        for t in times {
            let is_above = above(&supply, t) || above(&group.desired, t);
            match (is_above, open) {
                (true, None) => open = Some(t),
                (false, Some(from_us)) => {
                    stretches.push(Excess { bound, from_us, to_us: t });
                    open = None;
                }
                _ => {}
            }
        }
        stretches.extend(open.map(|from_us| Excess { bound, from_us, to_us: self.to_us }));
        stretches.into_iter().max_by_key(|excess| excess.to_us - excess.from_us)
    }

    /// The decisions that were in force in `[from_us, to_us]`: the last one before it too.
    pub(super) fn in_force(group: &GroupTrack, from_us: u64, to_us: u64) -> &[(u64, Decided)] {
        let decisions = &group.decisions;
        let first = decisions.partition_point(|(t, _)| *t <= from_us).saturating_sub(1);
        let end = decisions.partition_point(|(t, _)| *t <= to_us);
        &decisions[first.min(end)..end]
    }

    /// Windows of traffic that was meant for `[from_us, to_us)`.
    pub(super) fn windows(&self, from_us: u64, to_us: u64) -> &'a [LoadWindow] {
        let load = &self.tracks.load;
        let first = load.partition_point(|window| window.from_us < from_us);
        let end = load.partition_point(|window| window.from_us < to_us);
        &load[first.min(end)..end]
    }

    /// Planned requests a second in `[from_us, to_us)`.
    pub(super) fn offered(&self, from_us: u64, to_us: u64) -> Option<f64> {
        let windows = self.windows(from_us, to_us);
        let planned: u64 = windows.iter().map(|window| window.planned).sum();
        (!windows.is_empty()).then(|| planned as f64 / windows.len() as f64)
    }

    /// An instant as it is shown.
    pub(super) fn at(&self, t_us: u64) -> String {
        relative(t_us, self.zero_us)
    }

    /// A stretch as it is shown.
    pub(super) fn during(&self, from_us: u64, to_us: u64) -> String {
        format!("{} to {}", self.at(from_us), self.at(to_us))
    }
}

/// A diagnosis in one call.
pub(super) fn because(
    code: &str,
    object: impl Into<String>,
    seen: impl Into<String>,
    next_step: impl Into<String>,
) -> Diagnosis {
    Diagnosis { code: code.into(), object: object.into(), seen: seen.into(), next_step: next_step.into() }
}

/// `1 instance`, `3 instances`.
pub(super) fn instances(n: u32) -> String {
    if n == 1 { "1 instance".into() } else { format!("{n} instances") }
}

/// A rate as it is shown.
pub(super) fn per_second(rate: f64) -> String {
    if rate < 10.0 { format!("{rate:.1}/s") } else { format!("{rate:.0}/s") }
}
