//! What a check is given, and how it looks things up.

use std::collections::BTreeMap;

use crate::history::{Coverage, Origin, Phase, Tracks};
use crate::plan::{Plan, PlannedWindow};
use crate::scenario::{Anchor, Group, Scenario};
use crate::slo::WINDOW_US;

use super::codes::Code;
use super::draft::Said;
use super::finding::Finding;
use super::hold::Timed;
use super::truth::silences;
use super::words::{event, instant, span};

/// A run, and what is expected of it. The expectations may be others than the ones that it was recorded with.
pub(super) struct Case<'a> {
    /// What happened.
    pub(super) tracks: &'a Tracks,
    /// What is expected.
    pub(super) scenario: &'a Scenario,
    /// From when to when.
    pub(super) plan: &'a Plan,
    /// The seconds of traffic that are on record. A recorded second is complete, so it vouches for itself.
    load: Coverage,
}

/// The source of load windows.
pub(super) const LOAD: &str = "load";

impl<'a> Case<'a> {
    pub(super) fn new(tracks: &'a Tracks, scenario: &'a Scenario, plan: &'a Plan) -> Self {
        let mut load = Coverage::default();
        for window in &tracks.load {
            load.add(window.from_us, window.from_us + WINDOW_US);
        }
        Self { tracks, scenario, plan, load }
    }

    /// The groups of the system under test.
    pub(super) fn groups(&self) -> &'a BTreeMap<String, Group> {
        self.scenario.groups()
    }

    /// Whether a group is a standby.
    pub(super) fn is_standby(&self, group: &str) -> bool {
        self.groups().get(group).is_some_and(|group| group.takes_over_from.is_some())
    }

    /// Where an expectation was written. The part after a `/` tells apart the subjects of one expectation.
    pub(super) fn origin(&self, id: &str) -> Option<Origin> {
        let expectation = id.split('/').next().unwrap_or(id);
        self.tracks.header.as_ref()?.origins.get(expectation).cloned()
    }

    /// The window of an expectation.
    ///
    /// # Panics
    /// The plan was not made for this scenario.
    pub(super) fn window(&self, id: &str) -> &'a PlannedWindow {
        let mut windows = self.plan.windows.iter();
        windows.find(|window| window.id == id).unwrap_or_else(|| panic!("the plan has no window {id}"))
    }

    /// The instants of an expectation whose deadline is so long after its anchor.
    pub(super) fn timed(&self, window: &PlannedWindow, within_us: u64) -> Result<Timed, Said> {
        let anchor_us = self.anchor_us(window.anchor)?;
        let deadline_us = anchor_us + within_us;
        Ok(Timed {
            anchor: window.anchor,
            anchor_us,
            deadline_us,
            hold_end_us: deadline_us + window.hold_us,
            settle_us: window.settle_us,
        })
    }

    /// The instant of an anchor.
    pub(super) fn anchor_us(&self, anchor: Anchor) -> Result<u64, Said> {
        self.tracks.anchor_us(anchor).ok_or_else(|| {
            let text = format!("The deadline counts from {}, which is not on record.", event(anchor));
            Said::inconclusive(Code::AnchorNotReached, text)
        })
    }

    /// When the stimulus began; the end of the baseline phase.
    pub(super) fn stimulus_us(&self) -> Option<u64> {
        self.tracks.phase_us(Phase::Stimulus)
    }

    /// The baseline of a group, where there is one that can be relied on.
    pub(super) fn baseline(&self, group: &str) -> Result<u32, Said> {
        let window = self.steady_window(group)?;
        let source = supply(group);
        if let Some(gap) = self.gap(&source, window.0, window.1) {
            return Err(self.blind(&source, gap, window.1));
        }
        // Nothing on record, and somebody looked: there was none.
        Ok(self.tracks.baseline(group).unwrap_or(0))
    }

    /// The baseline window, if supply did not move in it, nor before it for as long as the plan asks. The largest supply
    /// of a window that saw a move would be a bound that a calm system never had.
    fn steady_window(&self, group: &str) -> Result<(u64, u64), Said> {
        let planned = self.plan.steady_us;
        let Some(window) = self.tracks.baseline_window() else {
            let in_baseline = self.tracks.phase().is_some_and(|began| began.phase == Phase::Baseline);
            let text = match in_baseline {
                false => {
                    let needed = self.tracks.steady_us(planned, self.tracks.end_us);
                    format!("Supply was never steady for {}, so there is no baseline.", span(needed))
                }
                true => "The history ends in the baseline phase.".into(),
            };
            return Err(Said::inconclusive(Code::NeverSteady, text));
        };
        let supply = self.tracks.groups.get(group).map(|group| group.supply()).unwrap_or_default();
        // Before its first event a group has no instance.
        let moves = supply.points().iter().map(|(t, _)| *t).filter(|t| *t < window.1);
        let unmoved_us = window.1 - moves.max().unwrap_or(0);
        let needed = self.tracks.steady_us(planned, window.1).max(window.1 - window.0);
        if unmoved_us < needed {
            let text = format!(
                "The supply of \"{group}\" did not stay the same for {} before the stimulus, but only for {}: there is no \
                 baseline.",
                span(needed),
                span(unmoved_us)
            );
            return Err(Said::inconclusive(Code::NeverSteady, text));
        }
        Ok(window)
    }

    /// What a source vouches for.
    pub(super) fn coverage(&self, source: &str) -> Option<&Coverage> {
        if source == LOAD { Some(&self.load) } else { self.tracks.sources.get(source) }
    }

    /// The first part of `[from_us, to_us]` that a source does not vouch for.
    pub(super) fn gap(&self, source: &str, from_us: u64, to_us: u64) -> Option<(u64, u64)> {
        silences(self.coverage(source), from_us, to_us).first().copied()
    }

    /// The sources that tell of objects beside the groups.
    pub(super) fn object_sources(&self) -> Vec<String> {
        let header = self.tracks.header.as_ref().filter(|header| !header.plan.objects.is_none());
        let sources = header.into_iter().flat_map(|header| &header.signal_sources);
        sources.map(|info| info.name.clone()).filter(|name| name.starts_with("objects/")).collect()
    }

    /// How late a change may be seen by a source; 0 where events are pushed.
    pub(super) fn resolution_us(&self, source: &str) -> u64 {
        let header = self.tracks.header.as_ref();
        let mut sources = header.into_iter().flat_map(|header| &header.signal_sources);
        sources.find(|info| info.name == source).map_or(0, |info| info.resolution_us)
    }

    /// Why nothing can be said: a source was silent, or the history ends before `needed_us`.
    pub(super) fn blind(&self, source: &str, (from_us, to_us): (u64, u64), needed_us: u64) -> Said {
        let end_us = self.tracks.end_us;
        if to_us > end_us && end_us < needed_us {
            let text = format!(
                "The history ends {} before everything that decides this was over.",
                span(needed_us - end_us)
            );
            return Said::inconclusive(Code::HistoryTooShort, text);
        }
        let (zero_us, zero) = self.zero();
        let mut text = format!(
            "The source \"{source}\" was silent from {} on, for {}: no data is never zero.",
            instant(from_us, zero_us, zero),
            span(to_us.saturating_sub(from_us))
        );
        let lost = self.tracks.lost.iter().rfind(|(t, lost)| lost.source == source && *t < to_us);
        if let Some((_, lost)) = lost {
            text.push_str(&format!(" It said: {}.", lost.reason.trim_end_matches('.')));
        }
        Said::inconclusive(Code::SignalGap, text)
    }

    /// Like [`Self::blind`], for the first of several sources that was silent in `[from_us, to_us]`.
    pub(super) fn blind_any(&self, sources: &[String], (from_us, to_us): (u64, u64)) -> Said {
        let silent = sources.iter().find_map(|source| Some((source, self.gap(source, from_us, to_us)?)));
        match silent {
            Some((source, gap)) => self.blind(source, gap, to_us),
            None => self.blind(sources.first().map_or("", String::as_str), (from_us, to_us), to_us),
        }
    }

    /// What times of the run are told from where there is no anchor: the stimulus' start, else the run's.
    pub(super) fn zero(&self) -> (u64, &'static str) {
        self.stimulus_us().map_or((0, "the run's start"), |t| (t, "the stimulus' start"))
    }

    /// Runs a check of one expectation. One that panics says nothing about the system, and takes no other with it.
    pub(super) fn guard(&self, id: &str, check: impl FnOnce() -> Vec<Finding>) -> Vec<Finding> {
        use std::panic::{AssertUnwindSafe, catch_unwind};
        // A check only reads; nothing that it leaves half done is seen again.
        catch_unwind(AssertUnwindSafe(check)).unwrap_or_else(|panic| {
            let said = panic.downcast_ref::<String>().map(String::as_str);
            let said = said.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
            let text = format!("The check itself failed, which is a bug in springback: {said}.");
            let draft = self.draft(id, format!("What \"{id}\" expects holds."));
            vec![draft.conclude(Said::inconclusive(Code::CheckPanicked, text), &[])]
        })
    }
}

/// The source that vouches for a group's instances and desired count.
pub(super) fn supply(group: &str) -> String {
    format!("supply/{group}")
}
