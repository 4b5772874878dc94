//! Replicas over time: as steps in words, and as a small picture.

use std::fmt::Write;
use std::ops::RangeInclusive;

use crate::diagnose::say::{lasting, relative};
use crate::history::{GroupTrack, Phase, Steps, Tracks};

/// Moves in one direction that follow each other this closely are one step.
const ONE_MOVE_US: u64 = 2_000_000;
/// A group that moved more often is shown by its first and last moves.
const MOVES_SHOWN: usize = 24;
const LEVELS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// What times are counted from: the start of the stimulus, else that of the run.
fn zero_us(tracks: &Tracks) -> u64 {
    tracks.phase_us(Phase::Stimulus).unwrap_or(0)
}

/// One line a group: how its supply moved, with times counted from the start of the stimulus. Moves that belong together
/// are drawn together: `2, +6.1s…9.3s → 5, +31s → 2`.
pub fn replicas_over_time(tracks: &Tracks) -> String {
    let zero_us = zero_us(tracks);
    let width = tracks.groups.keys().map(|name| textwrap::core::display_width(name)).max().unwrap_or(0);
    let mut text = String::new();
    for (name, group) in &tracks.groups {
        let padding = width - textwrap::core::display_width(name);
        let _ = writeln!(text, "{name}{:padding$}  {}", "", moves(group, zero_us, tracks.end_us).join(", "));
    }
    text
}

/// A group's supply when it was first calm, then each of its moves up to the end of what is recorded: an instance that was
/// terminating then has not outlived its grace.
pub(super) fn moves(group: &GroupTrack, zero_us: u64, end_us: u64) -> Vec<String> {
    let supply = group.supply();
    // What it took to get to the start is not of interest; where the stimulus never came, all is.
    let start_us = if zero_us == 0 { supply.points().first().map_or(0, |(t, _)| *t) } else { zero_us };
    let Some(first) = supply.at(start_us).or(supply.points().first().map(|(_, n)| n)) else {
        return vec!["never seen".into()];
    };
    let mut shown = vec![first.to_string()];
    let mut moves = merged_moves(&supply, start_us..=end_us);
    if moves.len() > MOVES_SHOWN {
        let left_out = moves.len() - MOVES_SHOWN;
        let tail = moves.split_off(moves.len() - MOVES_SHOWN / 2);
        moves.truncate(MOVES_SHOWN / 2);
        shown.extend(moves.iter().map(|step| step.words(zero_us)));
        shown.push(format!("… {left_out} more …"));
        moves = tail;
    }
    shown.extend(moves.iter().map(|step| step.words(zero_us)));
    shown
}

struct Move {
    from_us: u64,
    to_us: u64,
    to: u32,
    up: bool,
}

impl Move {
    fn words(&self, zero_us: u64) -> String {
        let began = relative(self.from_us, zero_us);
        if relative(self.to_us, zero_us) == began {
            return format!("{began} → {}", self.to);
        }
        format!("{began}…{} → {}", lasting(self.to_us.abs_diff(zero_us)), self.to)
    }
}

fn merged_moves(supply: &Steps<u32>, shown: RangeInclusive<u64>) -> Vec<Move> {
    let start_us = *shown.start();
    let mut merged: Vec<Move> = Vec::new();
    let mut before = supply.at(start_us).copied();
    for (t, n) in supply.points().iter().filter(|(t, _)| *t > start_us && shown.contains(t)) {
        let up = before.is_none_or(|before| *n > before);
        before = Some(*n);
        match merged.last_mut() {
            Some(last) if last.up == up && t - last.to_us <= ONE_MOVE_US => {
                last.to_us = *t;
                last.to = *n;
            }
            _ => merged.push(Move { from_us: *t, to_us: *t, to: *n, up }),
        }
    }
    merged
}

/// A picture's span of time, cut into columns.
#[derive(Debug, Clone, Copy)]
pub(super) struct Axis {
    from_us: u64,
    to_us: u64,
    columns: usize,
}

impl Axis {
    /// From a little before the stimulus to the end of what is recorded.
    pub(super) fn of(tracks: &Tracks, columns: usize) -> Self {
        let zero_us = zero_us(tracks);
        let to_us = tracks.end_us.max(zero_us + 1);
        let lead_us = (to_us - zero_us) / 12;
        Self { from_us: zero_us.saturating_sub(lead_us), to_us, columns }
    }

    /// The instants of a column, both included.
    fn column(&self, i: usize) -> (u64, u64) {
        let span_us = u128::from(self.to_us - self.from_us);
        let at = |i: usize| self.from_us + (span_us * i as u128 / self.columns as u128) as u64;
        (at(i), at(i + 1).saturating_sub(1).max(at(i)))
    }

    /// The column of an instant.
    fn column_of(&self, t_us: u64) -> usize {
        let into = u128::from(t_us.clamp(self.from_us, self.to_us) - self.from_us);
        let column = into * self.columns as u128 / u128::from(self.to_us - self.from_us);
        (column as usize).min(self.columns - 1)
    }

    /// The largest supply in each column; a blank before the first instance.
    pub(super) fn sparkline(&self, supply: &Steps<u32>) -> String {
        let values: Vec<Option<u32>> = (0..self.columns)
            .map(|i| {
                let (from_us, to_us) = self.column(i);
                supply.max_over(from_us, to_us)
            })
            .collect();
        let peak = values.iter().flatten().copied().max().unwrap_or(0).max(1);
        let level = |n: u32| LEVELS[(n as usize * LEVELS.len()).div_ceil(peak as usize) - 1];
        values
            .into_iter()
            .map(|value| match value {
                None => ' ',
                Some(0) => '·',
                Some(n) => level(n),
            })
            .collect()
    }

    /// When load surged and when faults struck, above the picture: `╌╌━━━━╌╌▾╌╌`.
    pub(super) fn stimuli(&self, tracks: &Tracks) -> String {
        let mut row = vec!['╌'; self.columns];
        for (start_us, end_us) in tracks.surges.values() {
            let end_us = end_us.unwrap_or(self.to_us);
            row[self.column_of(*start_us)..=self.column_of(end_us)].fill('━');
        }
        for fault in tracks.faults.values().filter(|fault| fault.injected()) {
            if let Some((t, _)) = &fault.intent {
                row[self.column_of(*t)] = '▾';
            }
        }
        row.into_iter().collect()
    }

    /// The first and the last instant of the picture, counted from the stimulus.
    pub(super) fn ends(&self, zero_us: u64) -> (String, String) {
        (relative(self.from_us, zero_us), relative(self.to_us, zero_us))
    }
}
