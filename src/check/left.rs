//! Nothing left: what appeared beside the groups and serves nothing is gone.

use crate::history::ObjectTrack;
use crate::scenario::NothingLeft;

use super::case::Case;
use super::codes::Code;
use super::contraction::too_close;
use super::draft::{Draft, Said};
use super::finding::Finding;
use super::hold::{Excursion, Held, Timed, held};
use super::truth::{Truth, truth};
use super::words::{event, instant, list, relative, span};

const ID: &str = "nothing-left";

/// The finding about what is left, where that is expected.
pub(super) fn check(case: &Case<'_>) -> Vec<Finding> {
    let Some(expected) = &case.scenario.expect.nothing_left else { return Vec::new() };
    case.guard(ID, || vec![one(case, expected)])
}

fn one(case: &Case<'_>, expected: &NothingLeft) -> Finding {
    let window = case.window(ID);
    let expectation = format!(
        "No unused volume, load balancer{} that appeared since the baseline is left from {} after {} on, for {}.",
        if expected.nodes { ", Job or node" } else { " or Job" },
        span(expected.after.us),
        event(window.anchor),
        span(window.hold_us)
    );
    let draft = case.draft(ID, expectation);
    match watched(case, expected).and_then(|sources| Ok((sources, case.timed(window, expected.after.us)?))) {
        Ok((sources, timed)) => Left { case, sources, timed, nodes: expected.nodes }.judge(draft),
        Err(said) => draft.conclude(said, &[]),
    }
}

/// The sources that tell of objects, where the run watched all that is asked for, the baseline included.
fn watched(case: &Case<'_>, expected: &NothingLeft) -> Result<Vec<String>, Said> {
    let recorded = case.tracks.header.as_ref().map(|header| header.plan.objects).unwrap_or_default();
    if !recorded.in_namespaces || (expected.nodes && !recorded.nodes) {
        let what =
            if recorded.in_namespaces { "Nodes were" } else { "Volumes, load balancers and Jobs were" };
        let text = format!("{what} not watched in this run, because nothing asked for it.");
        return Err(Said::inconclusive(Code::NotWatched, text));
    }
    let Some((from_us, to_us)) = case.tracks.baseline_window() else {
        let text = "There is no baseline, so nobody knows what appeared since.";
        return Err(Said::inconclusive(Code::NeverSteady, text));
    };
    let sources = case.object_sources();
    match sources.iter().any(|source| case.gap(source, from_us, to_us).is_some()) {
        true => Err(case.blind_any(&sources, (from_us, to_us))),
        false => Ok(sources),
    }
}

struct Left<'a> {
    case: &'a Case<'a>,
    sources: Vec<String>,
    timed: Timed,
    nodes: bool,
}

impl<'a> Left<'a> {
    fn at(&self, t_us: u64) -> Vec<&'a ObjectTrack> {
        let left = self.case.tracks.left_at(t_us).into_iter();
        left.filter(|object| self.nodes || !object.is_of_nodes()).collect()
    }

    fn judge(&self, draft: Draft) -> Finding {
        let (case, timed) = (self.case, &self.timed);
        let from_us = case.stimulus_us().unwrap_or(0).min(timed.anchor_us);
        let end_us = timed.limit_us().max(case.tracks.end_us);
        let sources: Vec<_> = self.sources.iter().map(|source| case.coverage(source)).collect();
        let nothing = truth(&sources, case.tracks.object_changes(), (from_us, end_us), |t| {
            if self.at(t).is_empty() { Truth::Fine } else { Truth::Amiss }
        });
        let resolution_us = self.sources.iter().map(|source| case.resolution_us(source)).max().unwrap_or(0);
        let mut draft = draft.timed(timed).evidence("settle", span(timed.settle_us));
        let appeared = case.tracks.appeared().filter(|object| self.nodes || !object.is_of_nodes());
        draft = draft.evidence("objects that appeared", appeared.count());
        let mut broken = Vec::new();
        let said = match held(&nothing, timed, resolution_us, end_us) {
            Held::No(excursion) => {
                if excursion.is_over() && excursion.from_us < timed.deadline_us {
                    let off_us = excursion.until_us - timed.deadline_us;
                    broken.extend(case.moment_exact(timed.anchor_us, timed.hold_end_us, off_us));
                    draft = draft.margin(excursion.until_us, timed.deadline_us, resolution_us);
                }
                let at_us = excursion.from_us.max(timed.deadline_us);
                for object in self.at(at_us) {
                    draft = draft.evidence("left", described(object, at_us));
                }
                self.failed(excursion, at_us)
            }
            Held::Unknown { from_us, to_us } => case.blind_any(&self.sources, (from_us, to_us)),
            Held::TooClose { by_us } => {
                too_close(self.sources.first().map_or("", String::as_str), by_us, resolution_us)
            }
            Held::Yes { since_us } => {
                let off_us = timed.deadline_us - since_us;
                broken.extend(case.moment_exact(timed.anchor_us, timed.hold_end_us, off_us));
                draft = draft.margin(since_us, timed.deadline_us, resolution_us);
                let text = format!(
                    "Nothing unused was left from {} on, {} before its deadline, and nothing was for {}.",
                    instant(since_us, timed.anchor_us, event(timed.anchor)),
                    span(off_us),
                    span(timed.hold_us())
                );
                Said::pass(Code::NothingLeft, text)
            }
        };
        draft.conclude(said, &broken)
    }

    fn failed(&self, excursion: Excursion, at_us: u64) -> Said {
        let timed = &self.timed;
        let left: Vec<String> = self.at(at_us).into_iter().map(|object| described(object, at_us)).collect();
        let text = format!(
            "Still there {}: {}. {}",
            relative(at_us, timed.anchor_us, event(timed.anchor)),
            list(&left),
            excursion.ending(timed)
        );
        Said::fail(Code::LeftBehind, text)
    }
}

/// `PersistentVolumeClaim shop/data-web-2 (of Pod/web-2 of StatefulSet/web, 45 s old, 0.001 USD/h)`.
fn described(object: &ObjectTrack, at_us: u64) -> String {
    let owners = object.belongs_to().map(|owners| format!("of {owners}"));
    let age = format!("{} old", span(at_us.saturating_sub(object.appeared_us)));
    let price = object.last.price.as_ref().map(ToString::to_string);
    let known: Vec<String> = owners.into_iter().chain([age]).chain(price).collect();
    format!("{} ({})", object.called(), known.join(", "))
}
