//! The verdict: what is written to `verdict.json`, and what every other format is made of.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::check::{Finding, Outcome, merge};
use crate::diagnose::Diagnosis;
use crate::history::{Phase, Tracks};
use crate::scenario::Override;

use super::numbers;

/// Version of the verdict's format; the part before the dot changes when old readers would misread.
pub(super) const VERSION: &str = "1.0";

/// What became of one scenario. Instants (`…_us`) are microseconds since the start of the run; money is in decimals as
/// text, so that no reader rounds it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Verdict {
    /// Version of this format.
    pub version: String,
    /// The scenario's name.
    pub scenario: String,
    /// The suite that the run belongs to.
    pub suite_id: String,
    /// Which attempt at the scenario it is within the suite, from 1.
    #[serde(default = "first_attempt")]
    pub attempt: u32,
    /// The seed of everything that was drawn.
    pub seed: u64,
    /// Version of springback that recorded the run.
    pub tool: String,
    /// The world that it ran in.
    pub world: String,
    /// When it began, RFC 3339.
    pub started: String,
    /// How long it took.
    pub duration_us: u64,
    /// All findings merged: fail over inconclusive over pass.
    pub outcome: Outcome,
    /// What springback ends with because of this run alone.
    pub exit_code: u8,
    /// The signal that ended it early.
    pub interrupted: Option<String>,
    /// Whether the history is whole. One that is not never passes.
    pub sealed: bool,
    /// When the stimulus began: what other times are best counted from.
    pub stimulus_us: Option<u64>,
    /// Who is told.
    pub owner: Option<OwnerSummary>,
    /// Where it says what to do.
    pub runbook: Option<String>,
    /// Values that came neither from the scenario's file nor from one that it names: what is judged may differ from what is
    /// written there.
    #[serde(default)]
    pub overrides: Vec<Override>,
    /// The surges that began, by id: `surge-0` and so on.
    #[serde(default)]
    pub surges: Vec<String>,
    /// Every expectation, judged, with the causes where it did not pass.
    pub findings: Vec<Judged>,
    /// Supply, by group.
    pub groups: BTreeMap<String, GroupSummary>,
    /// Traffic.
    pub load: Option<LoadSummary>,
    /// The phases that were reached, in order.
    pub phases: Vec<PhaseSummary>,
    /// Faults, in the order of their ids.
    pub faults: Vec<FaultSummary>,
    /// Money; without any price, none.
    pub spend: Option<SpendSummary>,
    /// Stop conditions that tripped.
    pub stops: Vec<StopSummary>,
    /// What else is worth knowing.
    pub notes: Vec<NoteSummary>,
}

/// A finding and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Judged {
    /// The finding.
    #[serde(flatten)]
    pub finding: Finding,
    /// Its causes; of a pass, none.
    pub causes: Vec<Diagnosis>,
}

/// Who owns the system under test.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OwnerSummary {
    /// The team.
    pub team: String,
    /// Where the spend is booked.
    pub cost_center: Option<String>,
}

/// The supply of a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GroupSummary {
    /// Its largest supply while the system was calm.
    pub baseline: Option<u32>,
    /// Its largest supply from the start of the stimulus on.
    pub peak: u32,
    /// The most instances that were ready from the start of the stimulus on.
    pub peak_ready: u32,
    /// Its supply when observation ended.
    pub end: u32,
    /// The largest count that was wanted from the start of the stimulus on.
    pub desired_peak: Option<u32>,
    /// The count that was wanted when observation ended.
    pub desired_end: Option<u32>,
}

/// The traffic of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LoadSummary {
    /// Requests that the plan had.
    pub planned: u64,
    /// Requests that left.
    pub sent: u64,
    /// Of the sent ones: those that left late.
    pub late: u64,
    /// Requests that did not leave, by cause.
    pub unsent: BTreeMap<String, u64>,
    /// Answered 2xx or 3xx.
    pub ok: u64,
    /// Answered otherwise, by status.
    pub failed: BTreeMap<String, u64>,
    /// Not answered, by kind: `timed-out`, `refused`, ….
    pub errors: BTreeMap<String, u64>,
    /// From the intended send time to the answer; `null` where nothing was answered well.
    pub response: Option<Percentiles>,
    /// From the actual send time to the answer; `null` where nothing was answered well.
    pub service: Option<Percentiles>,
}

/// Times of the requests that were answered well, over the whole run.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Percentiles {
    /// Half were at least as fast.
    pub p50_ms: f64,
    /// Nine of ten were.
    pub p90_ms: f64,
    /// 99 of 100 were.
    pub p99_ms: f64,
    /// 999 of 1,000 were.
    pub p999_ms: f64,
    /// The slowest.
    pub max_ms: f64,
}

/// A phase.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PhaseSummary {
    /// Its name.
    pub phase: String,
    /// Its start.
    pub from_us: u64,
    /// Its end.
    pub to_us: u64,
}

/// A fault and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FaultSummary {
    /// `fault-0` and so on.
    pub fault: String,
    /// The group that it struck.
    pub group: Option<String>,
    /// `kill`, `terminate`, `evict`, `lose`, `scale`, `partition`, `drain`, `reclaim`, `outage` or `manifest`.
    pub action: Option<String>,
    /// What it acted on where that is not instances: nodes, a count, objects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// When it was injected.
    pub at_us: Option<u64>,
    /// The instances that it was meant for.
    pub victims: Vec<String>,
    /// Whether it was, or must be taken as, injected.
    pub injected: bool,
    /// Why it was not, or why the world did not confirm it.
    pub problem: Option<String>,
    /// What was seen of its effect.
    pub effect: Option<EffectSeen>,
    /// From the injection until as many instances started after it were ready as were struck.
    pub replaced_after_us: Option<u64>,
    /// Its heal.
    pub healed: Option<HealSummary>,
}

/// What was seen of a fault's effect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EffectSeen {
    /// Instances seen gone.
    pub gone: Vec<String>,
    /// Instances that were still there; of a fault that ends none, what was not seen.
    pub remaining: Vec<String>,
    /// By what it was seen.
    pub seen_by: String,
    /// Of a fault that ends no instance: what was seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// A heal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HealSummary {
    /// When.
    pub t_us: u64,
    /// Whether all of it is undone.
    pub complete: bool,
    /// What was done, or what stands in the way.
    pub detail: String,
}

/// What the groups cost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SpendSummary {
    /// ISO 4217 code.
    pub currency: String,
    /// The whole run.
    pub total: String,
    /// The largest rate while the system was calm, an hour.
    pub baseline_per_hour: Option<String>,
    /// The rate when observation ended, an hour.
    pub end_per_hour: String,
    /// What the end costs above the baseline, an hour.
    pub residual_per_hour: Option<String>,
    /// The same for a month of 730 hours.
    pub residual_per_month: Option<String>,
}

/// A stop condition that tripped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StopSummary {
    /// When.
    pub t_us: u64,
    /// Which: `burn_rate`, `error_ratio`, `spend_rate`.
    pub condition: String,
    /// Its value and its limit, in words.
    pub detail: String,
}

/// A note.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NoteSummary {
    /// When.
    pub t_us: u64,
    /// A stable code in kebab-case.
    pub code: String,
    /// In words.
    pub text: String,
}

impl Verdict {
    /// Puts a verdict together. `causes` are by the id of the finding, `exit_code` is that of this run alone.
    pub fn new(
        tracks: &Tracks,
        findings: &[Finding],
        causes: &BTreeMap<String, Vec<Diagnosis>>,
        exit_code: u8,
    ) -> Self {
        let header = tracks.header.as_deref();
        let outcome = merge(findings);
        let outcome = if tracks.sealed { outcome } else { outcome.max(Outcome::Inconclusive) };
        let ended_us = numbers::observed_until(tracks, findings);
        Self {
            version: VERSION.into(),
            scenario: header.map_or_else(String::new, |header| header.scenario.name.clone()),
            suite_id: header.map_or_else(String::new, |header| header.suite_id.clone()),
            attempt: header.map_or(1, |header| header.attempt),
            seed: header.map_or(0, |header| header.plan.seed),
            tool: header.map_or_else(String::new, |header| header.tool.clone()),
            world: header.map_or_else(String::new, |header| header.world.clone()),
            started: header.map_or_else(String::new, |header| rfc_3339(header.started_unix_ms)),
            duration_us: tracks.end_us,
            outcome,
            exit_code,
            interrupted: tracks.interrupted.first().map(|(_, interrupted)| interrupted.signal.clone()),
            sealed: tracks.sealed,
            stimulus_us: tracks.phase_us(Phase::Stimulus),
            owner: header.and_then(|header| header.scenario.owner.as_ref()).map(|owner| OwnerSummary {
                team: owner.team.clone(),
                cost_center: owner.cost_center.clone(),
            }),
            runbook: header.and_then(|header| header.scenario.runbook.clone()),
            findings: findings
                .iter()
                .map(|finding| Judged {
                    finding: finding.clone(),
                    causes: causes.get(&finding.id).cloned().unwrap_or_default(),
                })
                .collect(),
            groups: numbers::groups(tracks, ended_us),
            load: numbers::load(tracks),
            phases: numbers::phases(tracks),
            overrides: header
                .into_iter()
                .flat_map(|header| &header.overrides)
                .filter(|one| !one.imported)
                .cloned()
                .collect(),
            surges: tracks.surges.keys().cloned().collect(),
            faults: numbers::faults(tracks),
            spend: numbers::spend(tracks, ended_us),
            stops: tracks
                .stopped
                .iter()
                .map(|(t, stopped)| StopSummary {
                    t_us: *t,
                    condition: stopped.condition.clone(),
                    detail: stopped.detail.clone(),
                })
                .collect(),
            notes: tracks
                .notes
                .iter()
                .map(|(t, note)| NoteSummary { t_us: *t, code: note.code.clone(), text: note.text.clone() })
                .collect(),
        }
    }

    /// Whether it is of a later attempt at what an earlier verdict is of.
    pub fn tries_again(&self, earlier: &Self) -> bool {
        (&self.suite_id, &self.scenario) == (&earlier.suite_id, &earlier.scenario)
            && self.attempt > earlier.attempt
    }

    /// What times are counted from when they are shown: the start of the stimulus, else that of the run.
    pub(super) fn zero_us(&self) -> u64 {
        self.stimulus_us.unwrap_or(0)
    }

    /// Findings by how much they matter: fail, inconclusive, pass; in the scenario's order within each.
    pub(super) fn worst_first(&self) -> Vec<&Judged> {
        let mut findings: Vec<&Judged> = self.findings.iter().collect();
        findings.sort_by_key(|judged| std::cmp::Reverse(judged.finding.outcome));
        findings
    }
}

/// The JSON Schema of a verdict.
pub fn verdict_schema() -> serde_json::Value {
    schemars::schema_for!(Verdict).to_value()
}

fn first_attempt() -> u32 {
    1
}

fn rfc_3339(unix_ms: i64) -> String {
    jiff::Timestamp::from_millisecond(unix_ms).map(|started| started.to_string()).unwrap_or_default()
}
