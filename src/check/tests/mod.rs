//! Hand-written histories: for each check some that pass, fail and are inconclusive, and the boundaries between them.

mod baseline;
mod contraction;
mod expansion;
mod laws;
mod left;
mod replacement;
mod requests;
mod spend;
mod standby;
mod whole;
