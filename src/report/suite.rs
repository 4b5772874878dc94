//! The verdicts of one call, together: what counts, what was tried again, what is in quarantine.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::check::Outcome;
use crate::history::Origin;

use super::verdict::{VERSION, Verdict};

/// Everything that one call of springback ran.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SuiteVerdict {
    /// Version of this format.
    pub version: String,
    /// The suite.
    pub suite_id: String,
    /// The worst of the scenarios that count; one that was not run makes a pass inconclusive.
    pub outcome: Outcome,
    /// What springback ends with.
    pub exit_code: u8,
    /// What `--tags` and `--skip` left of the call; `null` where neither was given.
    pub selection: Option<Selection>,
    /// The scenarios that were run, in that order.
    pub scenarios: Vec<ScenarioResult>,
    /// The scenarios that were refused or not reached.
    pub not_run: Vec<NotRun>,
    /// What else is worth knowing of the suite.
    pub notes: Vec<SuiteNote>,
}

/// What was selected by tags. What was left out is no result at all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Selection {
    /// So many scenarios were selected.
    pub selected: usize,
    /// Of so many.
    pub of: usize,
    /// The expression that keeps.
    pub tags: Option<String>,
    /// The expression that leaves out.
    pub skip: Option<String>,
}

/// A scenario and all attempts at it: the verdict of the last one, which decides, and with it those before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ScenarioResult {
    /// The verdict that decides.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// Whether it counts for the suite. A fail or an inconclusive run does not while its scenario is in quarantine.
    pub counts: bool,
    /// Attempts that were inconclusive and therefore made again, in that order.
    pub earlier_attempts: Vec<Verdict>,
    /// Its entry in the quarantine.
    pub quarantine: Option<QuarantineEntry>,
}

/// A scenario's entry in the quarantine, on the day on which the suite began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct QuarantineEntry {
    /// Who is mending it.
    pub owner: String,
    /// The last day on which it is put up with, in UTC: `2026-09-01`.
    pub until: String,
    /// Why, or where the work is tracked.
    pub reason: Option<String>,
    /// Where it is written.
    pub origin: Origin,
    /// Whether that day is over: then the scenario counts again.
    pub expired: bool,
}

/// A scenario without a verdict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NotRun {
    /// Its name.
    pub scenario: String,
    /// Why, for machines.
    pub code: WhyNotRun,
    /// Why, in words.
    pub reason: String,
}

/// Why a scenario has no verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum WhyNotRun {
    /// Its world, its folder or its history could not be opened.
    Refused,
    /// Somebody had asked springback to end.
    Interrupted,
    /// The system had not settled from the scenario before: a heal was incomplete.
    NotSettled,
    /// One before it had failed, and `--fail-fast` was given.
    FailFast,
    /// It would have gone past `--max-time`.
    MaxTime,
    /// It was still to come when this was written. If it stays so, springback died.
    Pending,
}

/// A note on the suite.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SuiteNote {
    /// A stable code in kebab-case.
    pub code: String,
    /// In words.
    pub text: String,
}

impl SuiteVerdict {
    /// Puts the results together. A suite without any scenario is inconclusive: nothing was proven.
    pub fn new(suite_id: &str, scenarios: Vec<ScenarioResult>, not_run: Vec<NotRun>, exit_code: u8) -> Self {
        let missing = (scenarios.is_empty() || !not_run.is_empty()).then_some(Outcome::Inconclusive);
        let counted = scenarios.iter().filter(|result| result.counts).map(|result| result.verdict.outcome);
        let outcome = counted.clone().chain(missing).max();
        let mut notes: Vec<SuiteNote> = scenarios.iter().filter_map(quarantine_note).collect();
        if counted.count() == 0 && !scenarios.is_empty() {
            notes.push(SuiteNote::new(
                "nothing-counts",
                "no scenario of this suite counts: all that were run are in quarantine and did not pass",
            ));
        }
        Self {
            version: VERSION.into(),
            suite_id: suite_id.into(),
            // What is in quarantine does not fail its suite, also where nothing else is in it.
            outcome: outcome.unwrap_or(Outcome::Pass),
            exit_code,
            selection: None,
            scenarios,
            not_run,
            notes,
        }
    }

    /// What was selected of the call.
    pub fn with_selection(mut self, selection: Option<Selection>) -> Self {
        self.selection = selection;
        self
    }

    /// Adds notes behind those that follow from the results.
    pub fn with_notes(mut self, notes: impl IntoIterator<Item = SuiteNote>) -> Self {
        self.notes.extend(notes);
        self
    }
}

impl SuiteNote {
    /// A note.
    pub fn new(code: &str, text: impl Into<String>) -> Self {
        Self { code: code.into(), text: text.into() }
    }
}

impl ScenarioResult {
    /// The attempts at one scenario, in their order.
    ///
    /// # Panics
    /// There is none.
    pub fn new(mut attempts: Vec<Verdict>, quarantine: Option<QuarantineEntry>) -> Self {
        let verdict = attempts.pop().expect("a result is that of an attempt");
        // Only what the system under test did can be put up with, never what springback left undone.
        let excused = matches!(verdict.exit_code, 1 | 2)
            && quarantine.as_ref().is_some_and(|quarantine| !quarantine.expired);
        Self { verdict, counts: !excused, earlier_attempts: attempts, quarantine }
    }

    /// The results of runs, the attempts at one scenario taken together.
    pub fn grouped(verdicts: Vec<Verdict>) -> Vec<Self> {
        let mut groups: Vec<Vec<Verdict>> = Vec::new();
        for verdict in verdicts {
            let same = |group: &&mut Vec<Verdict>| {
                group.iter().all(|other| other.tries_again(&verdict) || verdict.tries_again(other))
            };
            match groups.iter_mut().find(same) {
                Some(group) => group.push(verdict),
                None => groups.push(vec![verdict]),
            }
        }
        let result = |mut group: Vec<Verdict>| {
            group.sort_by_key(|verdict| verdict.attempt);
            Self::new(group, None)
        };
        groups.into_iter().map(result).collect()
    }

    /// How often it was tried.
    pub fn attempts(&self) -> usize {
        self.earlier_attempts.len() + 1
    }
}

impl QuarantineEntry {
    /// Date, owner and reason in words.
    pub fn words(&self) -> String {
        let since = if self.expired { "quarantine expired on" } else { "in quarantine until" };
        let reason = self.reason.as_ref().map_or_else(String::new, |reason| format!(": {reason}"));
        format!("{since} {}, owner {}{reason}", self.until, self.owner)
    }
}

impl WhyNotRun {
    /// As recorded and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Interrupted => "interrupted",
            Self::NotSettled => "not-settled",
            Self::FailFast => "fail-fast",
            Self::MaxTime => "max-time",
            Self::Pending => "pending",
        }
    }
}

/// What somebody should do about an entry of the quarantine.
fn quarantine_note(result: &ScenarioResult) -> Option<SuiteNote> {
    let entry = result.quarantine.as_ref()?;
    let (name, passed) = (&result.verdict.scenario, result.verdict.exit_code == 0);
    let at = format!("{}:{}", entry.origin.source, entry.origin.line);
    let note = match (passed, entry.expired) {
        (true, false) => SuiteNote::new(
            "quarantine-not-needed",
            format!("\"{name}\" passes: its entry in the quarantine can go ({at})"),
        ),
        (true, true) => SuiteNote::new(
            "quarantine-expired",
            format!(
                "the quarantine of \"{name}\" expired on {}; it passes: the entry can go ({at})",
                entry.until
            ),
        ),
        (false, true) => SuiteNote::new(
            "quarantine-expired",
            format!(
                "the quarantine of \"{name}\" expired on {}, so it counts again; {} has to mend it, or to give the entry \
                 another date ({at})",
                entry.until, entry.owner
            ),
        ),
        (false, false) => return None,
    };
    Some(note)
}

/// JSON Schema of [`SuiteVerdict`].
pub fn suite_schema() -> serde_json::Value {
    schemars::schema_for!(SuiteVerdict).to_value()
}
