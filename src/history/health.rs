//! When a primary counts as healthy: one definition, for the world that fails over and for the check that judges it.

/// Whether a primary is healthy: its ready instances are at least min(desired, baseline), it has one at all, and the
/// balancer sends to it.
pub fn primary_healthy(ready: u32, desired: u32, baseline: u32, routed: bool) -> bool {
    routed && ready >= 1 && ready >= desired.min(baseline)
}
