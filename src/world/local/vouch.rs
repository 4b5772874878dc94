//! What a source can vouch for: intervals without a hole, unless there was one.

use crate::history::Alive;

/// How often a source vouches.
pub(super) const EVERY_US: u64 = 1_000_000;
/// A source that was not heard for longer does not vouch for that time.
const SILENT_US: u64 = 3_000_000;

/// A source that vouches for one interval after the other.
#[derive(Debug)]
pub(super) struct Vouch {
    source: String,
    through_us: u64,
}

impl Vouch {
    /// Vouches from now on.
    pub(super) fn new(source: String, now_us: u64) -> Self {
        Self { source, through_us: now_us }
    }

    /// Whether it is time again.
    pub(super) fn due(&self, now_us: u64) -> bool {
        now_us >= self.through_us + EVERY_US
    }

    /// The interval up to now, which joins the one before. After a silence of more than `silent_us` it does not:
    /// what happened in between was not seen.
    pub(super) fn through(&mut self, now_us: u64, silent_us: u64) -> Alive {
        let unbroken = now_us.saturating_sub(self.through_us) <= silent_us;
        let since_us = if unbroken { self.through_us } else { now_us };
        self.through_us = now_us;
        Alive { source: self.source.clone(), since_us, through_us: now_us }
    }

    /// [`Self::through`], for a source that is heard every second.
    pub(super) fn heard(&mut self, now_us: u64) -> Alive {
        self.through(now_us, SILENT_US)
    }

    /// Does not vouch for the time until now.
    pub(super) fn skip_to(&mut self, now_us: u64) {
        self.through_us = now_us;
    }

    pub(super) fn source(&self) -> &str {
        &self.source
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_join_unless_the_source_was_silent() {
        let mut vouch = Vouch::new("supply/a".into(), 500);
        assert!(!vouch.due(1_000_499));
        assert!(vouch.due(1_000_500));
        let alive = vouch.heard(1_000_600);
        assert_eq!((alive.since_us, alive.through_us), (500, 1_000_600));
        let alive = vouch.heard(4_000_600);
        assert_eq!((alive.since_us, alive.through_us), (1_000_600, 4_000_600));
        let alive = vouch.heard(7_000_601);
        assert_eq!((alive.since_us, alive.through_us), (7_000_601, 7_000_601), "a gap");
        vouch.skip_to(9_000_000);
        assert_eq!(vouch.heard(9_500_000).since_us, 9_000_000);
    }
}
