//! What contradicts what: rules over several keys, each with the reason why.
//!
//! A part that could not be read has been reported on and is missing from the draft; so a rule about something that is
//! *absent* asks the tree, and a rule about values asks the draft. That way no mistake is said twice.
//!
//! Doubts are computed from many values at once, so they are raised only where none of these is wrong.

mod capacity;
mod cluster;
mod doubts;
mod expect;
mod faults;
mod load;
mod money;
mod objectives;
mod system;
mod timeline;

use super::diagnostic::Diagnostic;
use super::model::{FaultAction, Group, Scenario};
use super::problems::Problems;
use super::reader::Read;
use super::sections::Draft;
use super::tree::{Node, Place};

/// Checks a whole scenario.
pub(super) fn check(draft: &Draft<'_>, problems: &Problems) {
    let rules = Rules { draft, problems };
    rules.system();
    rules.cluster();
    rules.money();
    rules.load();
    rules.faults();
    rules.objectives();
    rules.stop();
    rules.anything_expected();
    rules.expectations();
    rules.length();
    rules.doubts();
}

/// Checks what replaces parts of a recorded scenario; what stays as it was recorded was checked then.
pub(super) fn check_expectations(draft: &Draft<'_>, recorded: &Scenario, problems: &Problems) {
    let rules = Rules { draft, problems };
    if draft.root.entries().is_empty() {
        rules
            .error("nothing-expected", "neither `[expect]` nor `[slo]` is in this file")
            .at(draft.root, "nothing to judge by")
            .help("write what the run is to be judged by; what is not written stays as it was recorded")
            .report();
        return;
    }
    if !draft.root.get("slo").is_absent() {
        rules.objectives();
        rules.countable(recorded);
        rules.burn_limits_keep_their_objectives();
    }
    if !draft.root.get("expect").is_absent() {
        rules.anything_expected();
        rules.expected_money();
        rules.expectations();
        if !problems.has_error() {
            rules.expectation_doubts();
        }
    }
}

/// The draft under examination.
struct Rules<'a, 't> {
    draft: &'a Draft<'t>,
    problems: &'a Problems,
}

impl<'a, 't> Rules<'a, 't> {
    fn doubts(&self) {
        if self.problems.has_error() {
            return;
        }
        self.anything_done();
        self.left_to_chance();
        self.baseline_settles();
        self.expectation_doubts();
        self.unwatched_faults();
    }

    fn error(&self, code: &'static str, message: impl Into<String>) -> Complaint<'a> {
        self.complain(Diagnostic::error(code, message))
    }

    fn warning(&self, code: &'static str, message: impl Into<String>) -> Complaint<'a> {
        self.complain(Diagnostic::warning(code, message))
    }

    fn complain(&self, diagnostic: Diagnostic) -> Complaint<'a> {
        Complaint {
            problems: self.problems,
            diagnostic,
            first: (None, String::new()),
            second: (None, String::new()),
        }
    }

    fn group(&self, name: &str) -> Option<&Read<'t, Group>> {
        self.draft.groups.get(name)
    }

    /// The groups that take the load from the start.
    fn primaries(&self) -> impl Iterator<Item = (&String, &Read<'t, Group>)> {
        self.draft.groups.iter().filter(|(_, group)| !is_standby(group))
    }

    fn has_load(&self) -> bool {
        self.draft.load.is_some() || !self.draft.root.get("load").is_absent()
    }

    fn has_surge(&self) -> bool {
        !self.draft.surges.is_empty() || !self.draft.root.get("load").get("surge").items().is_empty()
    }

    /// Whether there is a fault of this kind; one that could not be read may be of any.
    fn has_fault(&self, is_meant: impl Fn(&FaultAction) -> bool) -> bool {
        let all_read = self.draft.faults.len() >= self.draft.root.get("fault").items().len();
        !all_read || self.draft.faults.iter().any(|fault| is_meant(&fault.value.action))
    }
}

fn is_standby(group: &Read<'_, Group>) -> bool {
    group.value.takes_over_from.is_some() || !group.node.get("takes_over_from").is_absent()
}

/// A diagnostic in the making.
#[must_use]
struct Complaint<'p> {
    problems: &'p Problems,
    diagnostic: Diagnostic,
    first: (Option<Place>, String),
    second: (Option<Place>, String),
}

impl Complaint<'_> {
    fn at(mut self, node: &Node, label: impl Into<String>) -> Self {
        self.first = (node.place.clone(), label.into());
        self
    }

    fn and(mut self, node: &Node, label: impl Into<String>) -> Self {
        self.second = (node.place.clone(), label.into());
        self
    }

    fn help(mut self, help: impl Into<String>) -> Self {
        self.diagnostic = self.diagnostic.help(help);
        self
    }

    fn report(self) {
        let (first, first_label) = self.first;
        let (second, second_label) = self.second;
        self.problems.add_both(
            self.diagnostic,
            (first.as_ref(), first_label),
            (second.as_ref(), second_label),
        );
    }
}

/// `1 instance`, `2 instances`.
fn instances(count: u32) -> String {
    if count == 1 { "1 instance".to_owned() } else { format!("{count} instances") }
}
