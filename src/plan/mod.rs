//! Scenario + seed → plan. Pure.

mod arrivals;
mod lower;
mod model;
mod predict;
mod stream;

pub use arrivals::Arrivals;
pub use lower::lower;
pub use model::*;
pub use predict::{Prediction, longest_us, predict, spend_per_hour_at_most, whole_us};
pub use stream::stream;
