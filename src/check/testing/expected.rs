//! What is expected.

use crate::plan::{Objects, PlannedWindow};
use crate::scenario::*;

use super::{Run, S};

impl Run {
    /// Changes what is expected.
    pub(in crate::check) fn expecting(mut self, change: impl FnOnce(&mut Expectations)) -> Self {
        change(&mut self.scenario.expect);
        self
    }

    pub(in crate::check) fn with_objective(
        mut self,
        name: &str,
        target: &str,
        under_ms: Option<u64>,
    ) -> Self {
        let objective = Objective { target: target.parse().unwrap(), under: under_ms.map(Span::from_ms) };
        self.scenario.slo.insert(name.into(), objective);
        self
    }

    /// A window of the plan: so long after the anchor, held so long, with a settle of 1 s.
    pub(in crate::check) fn window(
        mut self,
        id: &str,
        anchor: Anchor,
        within_us: Option<u64>,
        hold_us: u64,
    ) -> Self {
        self.plan.windows.push(PlannedWindow { id: id.into(), anchor, within_us, hold_us, settle_us: S });
        self
    }

    /// The primary must be back 20 s after quiesce, at 60 s, and stay so for 10 s, to 70 s.
    pub(in crate::check) fn expects_contraction(self) -> Self {
        let contraction = Contraction {
            group: Some("primary".into()),
            within: Deadline::Within(Span::from_secs(20)),
            hold: None,
            from: None,
            tolerance: None,
            settle: None,
        };
        self.expecting(|expect| expect.contraction.push(contraction)).window(
            "contraction-0",
            Anchor::Quiesce,
            Some(20 * S),
            10 * S,
        )
    }

    /// Four instances of the primary must be ready 15 s after the surge's start, at 35 s.
    pub(in crate::check) fn expects_expansion(self) -> Self {
        let expansion =
            Expansion { group: "primary".into(), to_at_least: 4, within: Span::from_secs(15), from: None };
        self.expecting(|expect| expect.expansion.push(expansion)).window(
            "expansion-0",
            Anchor::SurgeStart,
            Some(15 * S),
            0,
        )
    }

    /// The standby must be asleep 20 s after the primary is healthy again, for 10 s.
    pub(in crate::check) fn expects_release(self) -> Self {
        let released = StandbyReleased {
            group: None,
            within: Span::from_secs(20),
            hold: None,
            from: Some(Anchor::PrimaryHealthy),
            dormant_size: None,
        };
        self.expecting(|expect| expect.standby_released.push(released)).window(
            "standby-released-0",
            Anchor::PrimaryHealthy,
            Some(20 * S),
            10 * S,
        )
    }

    /// Spend must be back 20 s after quiesce, at 60 s, for 10 s.
    pub(in crate::check) fn expects_idle_spend(self, at_most: &str) -> Self {
        let idle = IdleSpend {
            at_most: at_most.parse().unwrap(),
            after: Span::from_secs(20),
            hold: None,
            from: None,
        };
        self.expecting(|expect| expect.idle_spend = Some(idle)).window(
            "idle-spend",
            Anchor::Quiesce,
            Some(20 * S),
            10 * S,
        )
    }

    /// Nothing may be left 20 s after quiesce, at 60 s, for 10 s; objects were watched, and nodes if asked for.
    pub(in crate::check) fn expects_nothing_left(mut self, nodes: bool) -> Self {
        self.plan.objects = Objects { in_namespaces: true, nodes };
        self.sources.insert("objects/shop".into());
        let left = NothingLeft { after: Span::from_secs(20), hold: None, from: None, nodes };
        self.expecting(|expect| expect.nothing_left = Some(left)).window(
            "nothing-left",
            Anchor::Quiesce,
            Some(20 * S),
            10 * S,
        )
    }
}
