//! A finding in the making.

use super::case::Case;
use super::codes::Code;
use super::finding::{AnchorAt, Evidence, Finding, Outcome};
use super::hold::Timed;
use super::premises::Broken;

/// What a check says of the system, its premises aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Said {
    outcome: Outcome,
    code: Code,
    text: String,
}

impl Said {
    pub(super) fn pass(code: Code, text: impl Into<String>) -> Self {
        Self { outcome: Outcome::Pass, code, text: text.into() }
    }

    pub(super) fn fail(code: Code, text: impl Into<String>) -> Self {
        Self { outcome: Outcome::Fail, code, text: text.into() }
    }

    pub(super) fn inconclusive(code: Code, text: impl Into<String>) -> Self {
        Self { outcome: Outcome::Inconclusive, code, text: text.into() }
    }

    /// As a premise: what is not known here makes everything that rests on it unknown.
    pub(super) fn into_broken(self) -> Broken {
        Broken { code: self.code, text: self.text, voids_fail: true }
    }
}

/// A finding without its outcome.
#[derive(Debug)]
pub(super) struct Draft {
    finding: Finding,
}

impl Case<'_> {
    /// Begins a finding about an expectation.
    pub(super) fn draft(&self, id: &str, expectation: String) -> Draft {
        Draft {
            finding: Finding {
                id: id.to_owned(),
                expectation,
                outcome: Outcome::Inconclusive,
                code: String::new(),
                text: String::new(),
                groups: Vec::new(),
                anchor: None,
                window_us: None,
                margin_us: None,
                resolution_us: None,
                evidence: Vec::new(),
                origin: self.origin(id),
            },
        }
    }
}

impl Draft {
    /// Which groups it is about.
    pub(super) fn about<S: Into<String>>(mut self, groups: impl IntoIterator<Item = S>) -> Self {
        self.finding.groups.extend(groups.into_iter().map(Into::into));
        self
    }

    /// Where its time counts from.
    pub(super) fn from(mut self, anchor: &str, t_us: u64) -> Self {
        self.finding.anchor = Some(AnchorAt { anchor: anchor.to_owned(), t_us });
        self
    }

    /// The time in which it is judged.
    pub(super) fn over(mut self, from_us: u64, to_us: u64) -> Self {
        self.finding.window_us = Some((from_us, to_us));
        self
    }

    /// Anchor and window of an expectation that must hold from a deadline on.
    pub(super) fn timed(self, timed: &Timed) -> Self {
        self.from(timed.anchor.as_str(), timed.anchor_us).over(timed.deadline_us, timed.hold_end_us)
    }

    /// How long before its deadline it held, or after, and how exact that is.
    pub(super) fn margin(mut self, at_us: u64, deadline_us: u64, resolution_us: u64) -> Self {
        let margin = i128::from(deadline_us) - i128::from(at_us);
        self.finding.margin_us = i64::try_from(margin).ok();
        self.finding.resolution_us = Some(resolution_us);
        self
    }

    /// A number, with its unit.
    pub(super) fn evidence(mut self, name: &str, value: impl ToString) -> Self {
        self.finding.evidence.push(Evidence { name: name.to_owned(), value: value.to_string() });
        self
    }

    /// The finding: what was said, unless a premise is broken. See [`super::premises`].
    pub(super) fn conclude(mut self, said: Said, broken: &[Broken]) -> Finding {
        let stands = said.outcome == Outcome::Fail && !broken.iter().any(|premise| premise.voids_fail);
        let decisive = broken.iter().find(|premise| premise.voids_fail).or(broken.first());
        let said = match decisive {
            Some(premise) if !stands => Said::inconclusive(premise.code, premise.text.clone()),
            _ => said,
        };
        for premise in broken.iter().filter(|premise| premise.text != said.text) {
            self = self.evidence("premise broken", format!("{}: {}", premise.code.as_str(), premise.text));
        }
        if said.outcome == Outcome::Inconclusive
            && !matches!(said.code, Code::TooClose | Code::HarnessStarved)
        {
            // Time to spare is worth nothing where it is not known what for.
            self.finding.margin_us = None;
            self.finding.resolution_us = None;
        }
        self.finding.outcome = said.outcome;
        self.finding.code = said.code.as_str().to_owned();
        self.finding.text = said.text;
        self.finding
    }
}
