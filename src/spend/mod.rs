//! Prices and the ledger: what a run costs, what it costs more than at baseline, and for how long.
//!
//! Money is price × time, kept undivided (price an hour times microseconds), so that parts sum to the whole exactly;
//! it is divided once, where it is shown. A month is 730 hours.

mod amount;
mod ledger;

pub use amount::{Amount, money, month};
pub use ledger::{Ledger, MixedCurrencies};
