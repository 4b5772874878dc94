//! Verdict + history → bytes. Pure: nothing here reads, writes or prints.
//!
//! Every format says the same thing in the same order: the verdict, then each expectation with the numbers that
//! decided it and, where it does not hold, the cause and the next step, then what was run.

mod junit;
mod markdown;
mod numbers;
mod page;
mod percentiles;
mod sentences;
mod suite;
mod suite_rows;
mod suite_terminal;
mod terminal;
mod timeline;
mod verdict;
mod words;

#[cfg(test)]
mod tests;

pub use junit::{junit, reason};
pub use markdown::{suite_summary_md, summary_md};
pub use page::Look;
pub use suite::{
    NotRun, QuarantineEntry, ScenarioResult, Selection, SuiteNote, SuiteVerdict, WhyNotRun, suite_schema,
};
pub use suite_terminal::suite_terminal;
pub use terminal::terminal;
pub use timeline::replicas_over_time;
pub use verdict::{
    EffectSeen, FaultSummary, GroupSummary, HealSummary, Judged, LoadSummary, NoteSummary, OwnerSummary,
    Percentiles, PhaseSummary, SpendSummary, StopSummary, Verdict, verdict_schema,
};
