//! springback proves that a system springs back: it survives load and faults, and then gives the capacity back.
//!
//! The rooms stand in the order in which data flows; each knows only those before it. `tests/architecture.rs` holds it.

pub mod autoscaler;

pub mod scenario;

pub mod plan;

pub mod history;

pub mod slo;

pub mod spend;

pub mod load;

pub mod world;

pub mod run;

pub mod check;

pub mod diagnose;

pub mod report;

pub mod cli;
