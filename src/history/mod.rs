//! The history: what is recorded, how it is written and read, and the tracks over it.

mod clock;
mod coverage;
mod deadline;
mod event;
mod group_track;
mod health;
mod log;
mod object_track;
mod record;
mod steps;
mod tracks;
mod window;

pub use clock::{Clock, Wall};
pub use coverage::Coverage;
pub use deadline::DeadlineTerm;
pub use event::*;
pub use group_track::{GroupTrack, Life};
pub use health::primary_healthy;
pub use log::{Ending, HistoryError, HistoryWriter, read};
pub use object_track::ObjectTrack;
pub use steps::{Steps, Stretch};
pub use tracks::{FaultTrack, Tracks};
pub use window::{ErrorKind, HistogramError, LoadWindow, Unsent, latency_histogram};

#[cfg(test)]
mod tests;
