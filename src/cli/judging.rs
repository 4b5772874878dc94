//! Tracks → verdict and exit code: the same for a run that has just ended and for one that is judged again.

use crate::check;
use crate::diagnose;
use crate::history::Tracks;
use crate::plan::Plan;
use crate::report::Verdict;
use crate::scenario::Scenario;

use super::Exit;

/// Judges a history.
pub(super) fn judge(tracks: &Tracks, scenario: &Scenario, plan: &Plan) -> (Verdict, Exit) {
    let findings = check::judge(tracks, scenario, plan);
    let causes = diagnose::diagnose(tracks, &findings);
    let exit = if !tracks.left_behind().is_empty() {
        Exit::HealIncomplete
    } else if tracks.notes.iter().any(|(_, note)| note.code == crate::run::REFUSED) {
        Exit::Refused
    } else if !tracks.interrupted.is_empty() {
        Exit::Interrupted
    } else {
        Exit::from(check::merge(&findings))
    };
    (Verdict::new(tracks, &findings, &causes, exit.code()), exit)
}
