//! The failover of a standby: when it is promoted and when it is released. Pure.

/// How long a primary must be unhealthy before its standby is promoted.
const UNHEALTHY_US: u64 = 500_000;
/// How long it must be healthy again before the standby is released.
const HEALTHY_US: u64 = 2_000_000;

/// How a standby is released.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Release {
    /// When the primary has been healthy for a while.
    WhenHealthy,
    /// So long after the promotion, whatever the primary does.
    After(u64),
    /// Never.
    Never,
}

/// What is to be done now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Switch {
    /// Send to the standby too, and give it its full size.
    Promote,
    /// Send to it no more, and let it go back to sleep.
    Release,
}

/// Where a failover stands.
#[derive(Debug)]
pub(super) struct Failover {
    release: Release,
    stage: Stage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The primary has not been healthy since the start, or since a release that did not wait for it.
    Unarmed,
    Asleep {
        unhealthy_since_us: Option<u64>,
    },
    Promoted {
        at_us: u64,
        healthy_since_us: Option<u64>,
    },
}

impl Failover {
    pub(super) fn new(release: Release) -> Self {
        Self { release, stage: Stage::Unarmed }
    }

    /// One look at the primary.
    pub(super) fn look(&mut self, now_us: u64, healthy: bool) -> Option<Switch> {
        match &mut self.stage {
            Stage::Unarmed => {
                if healthy {
                    self.stage = Stage::Asleep { unhealthy_since_us: None };
                }
                None
            }
            Stage::Asleep { unhealthy_since_us } => {
                if healthy {
                    *unhealthy_since_us = None;
                    return None;
                }
                let since_us = *unhealthy_since_us.get_or_insert(now_us);
                if now_us - since_us < UNHEALTHY_US {
                    return None;
                }
                self.stage = Stage::Promoted { at_us: now_us, healthy_since_us: None };
                Some(Switch::Promote)
            }
            Stage::Promoted { at_us, healthy_since_us } => {
                if healthy {
                    healthy_since_us.get_or_insert(now_us);
                } else {
                    *healthy_since_us = None;
                }
                let released = match self.release {
                    Release::WhenHealthy => {
                        healthy_since_us.is_some_and(|since_us| now_us - since_us >= HEALTHY_US)
                    }
                    Release::After(after_us) => now_us - *at_us >= after_us,
                    Release::Never => false,
                };
                if !released {
                    return None;
                }
                self.stage =
                    if healthy { Stage::Asleep { unhealthy_since_us: None } } else { Stage::Unarmed };
                Some(Switch::Release)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOOK_EVERY_US: u64 = 250_000;

    /// The switches over looks that are 250 ms apart.
    fn switches(release: Release, looks: &[(bool, usize)]) -> Vec<(u64, Switch)> {
        let mut failover = Failover::new(release);
        let healthy = looks.iter().flat_map(|(healthy, count)| std::iter::repeat_n(*healthy, *count));
        healthy
            .enumerate()
            .filter_map(|(n, healthy)| {
                let now_us = n as u64 * LOOK_EVERY_US;
                failover.look(now_us, healthy).map(|switch| (now_us, switch))
            })
            .collect()
    }

    #[test]
    fn a_primary_that_never_was_healthy_has_not_failed() {
        assert_eq!(switches(Release::WhenHealthy, &[(false, 100)]), []);
    }

    #[test]
    fn a_short_dip_does_not_promote() {
        assert_eq!(switches(Release::WhenHealthy, &[(true, 4), (false, 2), (true, 4), (false, 2)]), []);
    }

    #[test]
    fn it_is_promoted_after_half_a_second_and_released_after_two_healthy_ones() {
        let looks = [(true, 4), (false, 10), (true, 4), (false, 1), (true, 20)];
        // Unhealthy from 1.0 s; healthy for good from 4.75 s.
        let expected = [(1_500_000, Switch::Promote), (6_750_000, Switch::Release)];
        assert_eq!(switches(Release::WhenHealthy, &looks), expected);
    }

    #[test]
    fn a_defect_releases_it_early_and_does_not_promote_it_again_at_once() {
        let looks = [(true, 1), (false, 40)];
        let expected = [(750_000, Switch::Promote), (1_750_000, Switch::Release)];
        assert_eq!(switches(Release::After(1_000_000), &looks), expected);
    }

    #[test]
    fn a_defect_never_releases_it() {
        assert_eq!(
            switches(Release::Never, &[(true, 1), (false, 4), (true, 100)]),
            [(750_000, Switch::Promote)]
        );
    }
}
