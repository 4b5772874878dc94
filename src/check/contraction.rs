//! Contraction: supply and desired count come back within their bound, eventually, and then stay there.

use crate::history::{GroupTrack, Steps};
use crate::plan::PlannedWindow;
use crate::scenario::{Contraction, Deadline};

use super::case::{Case, LOAD, supply};
use super::codes::Code;
use super::demand::{Bound, TRAILING_US};
use super::draft::{Draft, Said};
use super::finding::Finding;
use super::hold::{Excursion, Held, Timed, excursions, held};
use super::premises::Broken;
use super::truth::{Truth, truth};
use super::words::{event, instances, instant, list, relative, span};

/// One finding for each contraction and group.
pub(super) fn check(case: &Case<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (i, expected) in case.scenario.expect.contraction.iter().enumerate() {
        let id = format!("contraction-{i}");
        findings.extend(case.guard(&id, || one(case, &id, expected)));
    }
    findings
}

/// A contraction without group covers every group that rose above its baseline, and every one that is expected to
/// expand; standbys excepted. Where several groups could be meant, each has its own finding. One of which it is not
/// known whether it rose is covered, too: without a baseline, or unseen in the window itself.
fn one(case: &Case<'_>, id: &str, expected: &Contraction) -> Vec<Finding> {
    if let Some(group) = &expected.group {
        return of_group(case, id, expected, group);
    }
    let candidates: Vec<&String> = case.groups().keys().filter(|name| !case.is_standby(name)).collect();
    let window = case.window(id);
    let expands = |name: &str| case.scenario.expect.expansion.iter().any(|e| e.group == name);
    let is_covered = |name: &str| match case.baseline(name) {
        Ok(baseline) => {
            expands(name)
                || rose(case, name, baseline, window.settle_us)
                || is_unseen(case, name, expected, window)
        }
        Err(_) => true,
    };
    let covered: Vec<&String> = candidates.iter().copied().filter(|name| is_covered(name)).collect();
    if covered.is_empty() {
        let text = "No group rose above its baseline, so nothing was given back.";
        let broken: Vec<Broken> = case.load_delivered().into_iter().collect();
        let draft = case.draft(id, expectation(case, id, expected, None));
        return vec![draft.conclude(Said::inconclusive(Code::NeverExpanded, text), &broken)];
    }
    let own_id = |group: &str| if candidates.len() > 1 { format!("{id}/{group}") } else { id.to_owned() };
    covered.into_iter().flat_map(|group| of_group(case, &own_id(group), expected, group)).collect()
}

/// Whether a group was out of sight in the window in which it must be back.
fn is_unseen(case: &Case<'_>, group: &str, expected: &Contraction, window: &PlannedWindow) -> bool {
    let within_us = match expected.within {
        Deadline::Within(within) => within.us,
        // Without a deadline of its own it is looked at from the anchor on.
        Deadline::Auto => {
            case.tracks.derived_deadline(group).map_or(0, |terms| terms.iter().map(|term| term.us).sum())
        }
    };
    let timed = case.timed(window, within_us);
    timed.is_ok_and(|timed| case.gap(&supply(group), timed.deadline_us, timed.hold_end_us).is_some())
}

/// Whether more was wanted than at baseline, or was there for longer than a one-for-one replacement takes.
fn rose(case: &Case<'_>, group: &str, baseline: u32, settle_us: u64) -> bool {
    let Some(track) = case.tracks.groups.get(group) else { return false };
    let from_us = case.stimulus_us().unwrap_or(0);
    let end_us = case.tracks.end_us.max(from_us);
    let wanted = track.desired.max_over(from_us, end_us).is_some_and(|most| most > baseline);
    let supply = track.supply();
    let times = supply.points().iter().map(|(t, _)| *t);
    let above = truth(&[], times, (from_us, end_us), |t| {
        if supply.at(t).is_some_and(|n| *n > baseline) { Truth::Amiss } else { Truth::Fine }
    });
    wanted || excursions(&above, end_us).iter().any(|excursion| excursion.length_us() > settle_us)
}

fn expectation(case: &Case<'_>, id: &str, expected: &Contraction, group: Option<&str>) -> String {
    let window = case.window(id.split('/').next().unwrap_or(id));
    let who = match group.or(expected.group.as_deref()) {
        Some(group) => format!("\"{group}\" is back within its bound"),
        None => "Every group that rose is back within its bound".into(),
    };
    let within = match expected.within {
        Deadline::Within(within) => format!("within {} of {}", span(within.us), event(window.anchor)),
        Deadline::Auto => {
            format!("as soon after {} as its autoscaler's settings allow", event(window.anchor))
        }
    };
    format!("{who} {within}, and stays there for {}.", span(window.hold_us))
}

fn of_group(case: &Case<'_>, id: &str, expected: &Contraction, group: &str) -> Vec<Finding> {
    let draft = case.draft(id, expectation(case, id, expected, Some(group))).about([group]);
    let window = case.window(id.split('/').next().unwrap_or(id));
    let baseline = case.baseline(group);
    let anchor = case.anchor_us(window.anchor);
    let (baseline, anchor_us) = match (baseline, anchor) {
        (Ok(baseline), Ok(anchor_us)) => (baseline, anchor_us),
        (Err(said), _) | (_, Err(said)) => return vec![draft.conclude(said, &[])],
    };
    let mut draft = draft.evidence("baseline", instances(baseline));
    let within_us = match expected.within {
        Deadline::Within(within) => Some(within.us),
        Deadline::Auto => {
            let terms = case.tracks.derived_deadline(group);
            for term in terms.iter().flatten() {
                draft = draft.evidence(&format!("deadline: {}", term.what), span(term.us));
            }
            terms.map(|terms| terms.iter().map(|term| term.us).sum())
        }
    };
    // Without a deadline supply is looked at from the anchor on: what is up all the time has not come down.
    let timed = match case.timed(window, within_us.unwrap_or(0)) {
        Ok(timed) => timed,
        Err(said) => return vec![draft.conclude(said, &[])],
    };
    let bound = Bound::of(case, group, baseline, expected.tolerance.unwrap_or(0), anchor_us);
    let judge = Judge::new(case, id, group, bound, timed);
    judge.findings(draft, within_us.is_some())
}

/// One group and one window.
struct Judge<'a> {
    case: &'a Case<'a>,
    id: &'a str,
    group: &'a str,
    timed: Timed,
    bound: Bound<'a>,
    track: Option<&'a GroupTrack>,
    supply: Steps<u32>,
    /// Whether supply and desired count were within the bound, to the end of what is recorded.
    within: Steps<Truth>,
}

impl<'a> Judge<'a> {
    fn new(case: &'a Case<'a>, id: &'a str, group: &'a str, bound: Bound<'a>, timed: Timed) -> Self {
        let track = case.tracks.groups.get(group);
        let supply_steps = track.map(GroupTrack::supply).unwrap_or_default();
        let from_us = case.stimulus_us().unwrap_or(0).min(timed.anchor_us);
        let to_us = timed.limit_us().max(case.tracks.end_us);
        let source = supply(group);
        let coverage = [case.coverage(&source)];
        let mut times = bound.times(from_us, to_us);
        times.extend(supply_steps.points().iter().map(|(t, _)| *t));
        times.extend(track.into_iter().flat_map(|track| track.desired.points()).map(|(t, _)| *t));
        let within = truth(&coverage, times, (from_us, to_us), |t| {
            let counted = occupied(track, &supply_steps, t);
            if counted <= bound.floor() {
                return Truth::Fine;
            }
            match bound.at(t) {
                Some(allowed) if counted <= allowed && bound.is_shared_at(t) => Truth::Unknown,
                Some(allowed) if counted <= allowed => Truth::Fine,
                Some(_) => Truth::Amiss,
                None => Truth::Unknown,
            }
        });
        Self { case, id, group, timed, bound, track, supply: supply_steps, within }
    }

    fn findings(&self, draft: Draft, has_deadline: bool) -> Vec<Finding> {
        let (case, timed) = (self.case, &self.timed);
        let resolution_us = case.resolution_us(&supply(self.group));
        let mut broken: Vec<Broken> = Vec::new();
        broken.extend(case.undisturbed([self.group], timed.limit_us()));
        broken.extend(case.demand_shifted(&self.bound, timed));
        broken.extend(case.load_delivered());
        let held = held(&self.within, timed, resolution_us, case.tracks.end_us);
        let mut draft = self.evidence(draft.timed(timed));
        let said = match held {
            Held::No(excursion) if has_deadline || excursion.until_us > timed.limit_us() => {
                if has_deadline && excursion.is_over() && excursion.from_us < timed.deadline_us {
                    let off_us = excursion.until_us - timed.deadline_us;
                    broken.extend(case.moment_exact(timed.anchor_us, timed.hold_end_us, off_us));
                    draft = draft.margin(excursion.until_us, timed.deadline_us, resolution_us);
                }
                self.failed(excursion, has_deadline)
            }
            Held::No(_) => self.without_deadline(),
            _ if !has_deadline => self.without_deadline(),
            Held::Unknown { from_us, to_us } => {
                let source = supply(self.group);
                match case.gap(&source, from_us, to_us) {
                    Some(_) => case.blind_any(&[source], (from_us, to_us)),
                    // Supply is known; what it may be is not.
                    None if self.bound.is_shared_at(from_us) && self.bound.at(from_us).is_some() => {
                        self.shared(from_us)
                    }
                    None => case.blind_any(&[LOAD.to_owned()], (from_us.saturating_sub(TRAILING_US), to_us)),
                }
            }
            Held::TooClose { by_us } => too_close(&supply(self.group), by_us, resolution_us),
            Held::Yes { since_us } => {
                let off_us = timed.deadline_us - since_us;
                broken.extend(case.moment_exact(timed.anchor_us, timed.hold_end_us, off_us));
                draft = draft.margin(since_us, timed.deadline_us, resolution_us);
                self.came_back(since_us)
            }
        };
        let mut findings = vec![draft.conclude(said, &broken)];
        findings.extend(self.later());
        findings
    }

    fn evidence(&self, draft: Draft) -> Draft {
        let timed = &self.timed;
        let from_us = self.case.stimulus_us().unwrap_or(0);
        let most = |steps: &Steps<u32>, from: u64, to: u64| {
            steps.max_over(from, to).map_or_else(|| "unknown".into(), instances)
        };
        let mut draft = draft
            .evidence("largest supply before the deadline", most(&self.supply, from_us, timed.deadline_us))
            .evidence("largest supply in the hold", most(&self.supply, timed.deadline_us, timed.hold_end_us));
        if let Some(track) = self.track {
            draft = draft.evidence(
                "largest desired count in the hold",
                most(&track.desired, timed.deadline_us, timed.hold_end_us),
            );
        }
        let known = |n: Option<u32>| n.map_or_else(|| "unknown".into(), instances);
        draft
            .evidence("demand at the deadline", known(self.bound.demand_at(timed.deadline_us)))
            .evidence("tolerance", instances(self.bound.tolerance))
            .evidence("bound at the deadline", known(self.bound.at(timed.deadline_us)))
            .evidence("settle", span(timed.settle_us))
    }

    fn shared(&self, t_us: u64) -> Said {
        let text = format!(
            "\"{}\" had {}, {}, {} more than at baseline, and the balancer sent to another group as well: nothing says \
             how much of the traffic it had to take.",
            self.group,
            instances(occupied(self.track, &self.supply, t_us)),
            relative(t_us, self.timed.anchor_us, event(self.timed.anchor)),
            occupied(self.track, &self.supply, t_us).saturating_sub(self.bound.baseline),
        );
        Said::inconclusive(Code::DemandShifted, text)
    }

    fn without_deadline(&self) -> Said {
        let text = format!(
            "No deadline can be derived for \"{}\": no autoscaler that ever scales it down is on record.",
            self.group
        );
        Said::inconclusive(Code::DeadlineUnknown, text)
    }

    /// It is within its bound, and stayed there: was that a contraction?
    fn came_back(&self, since_us: u64) -> Said {
        let (case, timed, group) = (self.case, &self.timed, self.group);
        let baseline = self.bound.baseline;
        let from_us = case.stimulus_us().unwrap_or(0);
        let peak = self.supply.max_over(from_us, timed.deadline_us).unwrap_or(0);
        if peak <= baseline {
            let text = format!(
                "\"{group}\" never rose above its baseline of {}, so nothing was given back.",
                instances(baseline)
            );
            return Said::inconclusive(Code::NeverExpanded, text);
        }
        let bound = self.bound.at(timed.deadline_us).unwrap_or(self.bound.floor());
        let drop = self.drop_to(bound);
        let Some((_, by, to)) =
            drop.clone().filter(|(_, by, _)| by != "heal" && by != "fault" && by != "declared")
        else {
            let why = match drop {
                Some((t, by, to)) => format!(
                    "its desired count went back to {to} by {by}, {}, and that is no contraction",
                    relative(t, timed.anchor_us, event(timed.anchor))
                ),
                None => "no drop of its desired count is on record".into(),
            };
            let text = format!("\"{group}\" is back at {} or fewer, but {why}.", instances(bound));
            return Said::inconclusive(Code::ContractionNotProven, text);
        };
        let when = instant(since_us, timed.anchor_us, event(timed.anchor));
        let text = format!(
            "\"{group}\" had {} at most and was back within its bound of {} by {when}, {} before its deadline, and \
             stayed there for {}. Its desired count was lowered to {to} by {by}.",
            instances(peak),
            bound,
            span(timed.deadline_us - since_us),
            span(timed.hold_us()),
        );
        Said::pass(Code::Contracted, text)
    }

    /// The last write that brought the desired count from above a bound to within it: when, by whom, to what.
    fn drop_to(&self, bound: u32) -> Option<(u64, String, u32)> {
        let from_us = self.case.stimulus_us().unwrap_or(0);
        let mut before = None;
        let mut drop = None;
        for (t, write) in self.track.map_or(&[][..], |track| &track.writes) {
            let lowers = before.is_some_and(|before| before > bound) && write.replicas <= bound;
            if lowers && (from_us..=self.timed.hold_end_us).contains(t) {
                drop = Some((*t, write.by.clone(), write.replicas));
            }
            before = Some(write.replicas);
        }
        drop
    }

    fn failed(&self, excursion: Excursion, has_deadline: bool) -> Said {
        let (timed, group) = (&self.timed, self.group);
        let at_us = excursion.from_us.max(timed.deadline_us);
        let bound = self.bound.at(at_us).unwrap_or(self.bound.floor());
        let supply = self.supply.at(at_us).copied().unwrap_or(0);
        let desired = self.track.and_then(|track| track.desired.at(at_us)).copied();
        let names = self.track.map(|track| track.supply_names_at(at_us)).unwrap_or_default();
        let overdue: Vec<&str> = names.iter().copied().filter(|name| self.is_overdue(name, at_us)).collect();
        let others: Vec<&str> = names.iter().copied().filter(|name| !overdue.contains(name)).collect();
        let code = if desired.is_none_or(|desired| desired <= bound) && others.len() as u32 <= bound {
            Code::TerminatingOverdue
        } else if self.is_regrowth(&excursion) {
            Code::Regrowth
        } else {
            Code::NotContracted
        };
        let anchor = event(timed.anchor);
        let has = format!(
            "{}{}",
            instances(supply),
            desired.map_or_else(String::new, |desired| format!(" and a desired count of {desired}"))
        );
        let allowed = format!(
            "{bound} {} allowed (baseline {}, demand {}, tolerance {})",
            if bound == 1 { "is" } else { "are" },
            self.bound.baseline,
            self.bound.demand_at(at_us).map_or_else(|| "unknown".into(), |demand| demand.to_string()),
            self.bound.tolerance,
        );
        let when = relative(at_us, timed.anchor_us, anchor);
        let mut text = if !has_deadline {
            format!(
                "\"{group}\" had {has} from {anchor} on, where {allowed}: its autoscaler, as it was seen, never scales it \
                 down."
            )
        } else if code == Code::Regrowth {
            let rose = relative(excursion.from_us, timed.anchor_us, anchor);
            let before = span(timed.hold_end_us.saturating_sub(excursion.from_us));
            format!(
                "\"{group}\" was back, and rose again {rose}, {before} before the end of its hold: it had {has}, where \
                 {allowed}."
            )
        } else if at_us == timed.deadline_us {
            format!("\"{group}\" had {has} at its deadline, {when}, where {allowed}.")
        } else {
            format!("\"{group}\" had {has} {when}, where {allowed}.")
        };
        let extra = others.get(bound as usize..).unwrap_or_default();
        if !extra.is_empty() {
            text.push_str(&format!(" Above the bound: {}.", list(extra)));
        }
        if !overdue.is_empty() {
            text.push_str(&format!(" Asked to end and still there beyond their grace: {}.", list(&overdue)));
        }
        text.push(' ');
        text.push_str(&excursion.ending(timed));
        Said::fail(code, text)
    }

    fn is_overdue(&self, name: &str, t_us: u64) -> bool {
        self.track.and_then(|track| track.instances.get(name)).is_some_and(|life| life.overdue_at(t_us))
    }

    /// It had come back before, and rose: after the deadline, or after the anchor and an earlier excursion. A bound that
    /// falls below what is there is no growth.
    fn is_regrowth(&self, excursion: &Excursion) -> bool {
        let from_us = excursion.from_us;
        let counted = |t: u64| occupied(self.track, &self.supply, t);
        let grew = from_us > 0 && counted(from_us) > counted(from_us - 1);
        let all = excursions(&self.within, self.timed.limit_us());
        let earlier = all.iter().any(|earlier| earlier.until_us <= from_us);
        grew && (from_us >= self.timed.deadline_us || (from_us > self.timed.anchor_us && earlier))
    }

    /// What happens after the hold is no part of it, and is said apart.
    fn later(&self) -> Option<Finding> {
        let (case, timed) = (self.case, &self.timed);
        let after_us = timed.hold_end_us.max(case.tracks.quiesced_us.unwrap_or(u64::MAX));
        let later = excursions(&self.within, case.tracks.end_us)
            .into_iter()
            .find(|excursion| excursion.from_us > after_us && excursion.length_us() > timed.settle_us)?;
        let most = self.supply.max_over(later.from_us, later.until_us - 1).unwrap_or(0);
        let text = format!(
            "\"{}\" rose to {} again, {}, {} after the end of its hold. No expectation covers that time; a longer hold \
             would.",
            self.group,
            instances(most),
            relative(later.from_us, timed.anchor_us, event(timed.anchor)),
            span(later.from_us - timed.hold_end_us),
        );
        let expectation = format!("\"{}\" stays within its bound after its hold, too (a note).", self.group);
        let id = format!("{}/later", self.id);
        let draft = case.draft(&id, expectation).about([self.group]);
        let draft =
            draft.from(timed.anchor.as_str(), timed.anchor_us).over(later.from_us, later.until_us - 1);
        Some(draft.conclude(Said::pass(Code::LaterExcursion, text), &[]))
    }
}

/// What counts against the bound: instances that exist, and the desired count.
fn occupied(track: Option<&GroupTrack>, supply: &Steps<u32>, t_us: u64) -> u32 {
    let desired = track.and_then(|track| track.desired.at(t_us)).copied().unwrap_or(0);
    supply.at(t_us).copied().unwrap_or(0).max(desired)
}

/// What was seen differs from its limit by less than the source resolves.
pub(super) fn too_close(source: &str, by_us: u64, resolution_us: u64) -> Said {
    let text = format!(
        "It was decided by {}, and \"{source}\" resolves {}: it could as well have been the other way round.",
        span(by_us),
        span(resolution_us)
    );
    Said::inconclusive(Code::TooClose, text)
}
