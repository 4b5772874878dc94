//! "By then": whether something came about before a deadline.

use super::case::Case;
use super::codes::Code;
use super::contraction::too_close;
use super::draft::{Draft, Said};
use super::premises::Broken;
use super::words::span;

/// Something that was to come about in `[from_us, deadline_us]`, as seen by a source.
pub(super) struct Arrival<'a> {
    /// By which source.
    pub(super) source: &'a str,
    /// From when on it counts.
    pub(super) from_us: u64,
    /// The last instant that is in time.
    pub(super) deadline_us: u64,
    /// When it came about, in time or later; `None` where it never did.
    pub(super) at_us: Option<u64>,
}

impl Arrival<'_> {
    /// Whether it was in time: `in_time` or `late` says so in words, unless the source was silent while it could have
    /// come, or is too coarse to tell.
    pub(super) fn judge(
        &self,
        case: &Case<'_>,
        draft: Draft,
        broken: &mut Vec<Broken>,
        in_time: impl FnOnce(u64) -> Said,
        late: impl FnOnce(Option<u64>) -> Said,
    ) -> (Draft, Said) {
        let resolution_us = case.resolution_us(self.source);
        let seen_until_us = self.at_us.unwrap_or(self.deadline_us).min(self.deadline_us);
        let draft = match self.at_us {
            Some(at_us) => draft.margin(at_us, self.deadline_us, resolution_us),
            None => draft,
        };
        if let Some(gap) = case.gap(self.source, self.from_us, seen_until_us) {
            return (draft, case.blind(self.source, gap, seen_until_us));
        }
        if let Some(off_us) = self.at_us.map(|at_us| at_us.abs_diff(self.deadline_us)) {
            // What was so from the start has no margin that a coarse source could have got wrong.
            let was_so = self.at_us == Some(self.from_us);
            if off_us < resolution_us && !was_so {
                return (draft, too_close(self.source, off_us, resolution_us));
            }
            broken.extend(case.moment_exact(self.from_us, self.deadline_us, off_us));
        }
        match self.at_us.filter(|at_us| *at_us <= self.deadline_us) {
            Some(at_us) => (draft, in_time(at_us)),
            None => (draft, late(self.at_us)),
        }
    }
}

/// A stimulus that was ended before the deadline proves nothing of what came too late.
pub(super) fn cut_short(case: &Case<'_>, deadline_us: u64) -> Option<Said> {
    let cut_us = case.cut_us().filter(|cut_us| *cut_us < deadline_us)?;
    let text = format!("The stimulus was ended early, {} before the deadline.", span(deadline_us - cut_us));
    Some(Said::inconclusive(Code::StimulusCutShort, text))
}
