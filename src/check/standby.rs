//! Standby released: whoever stood in goes back to sleep, and not before the primary is healthy.

use crate::history::{GroupTrack, Steps};
use crate::scenario::{Anchor, StandbyReleased};

use super::case::{Case, supply};
use super::codes::Code;
use super::contraction::too_close;
use super::draft::{Draft, Said};
use super::finding::Finding;
use super::hold::{Excursion, Held, Timed, held};
use super::premises::Broken;
use super::truth::{Truth, truth};
use super::words::{event, instances, instant, relative, span};

const BALANCER: &str = "balancer";

/// One finding for each expectation and standby.
pub(super) fn check(case: &Case<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (i, expected) in case.scenario.expect.standby_released.iter().enumerate() {
        let id = format!("standby-released-{i}");
        let all: Vec<&str> = match &expected.group {
            Some(group) => vec![group.as_str()],
            None => case.groups().keys().map(String::as_str).filter(|name| case.is_standby(name)).collect(),
        };
        for group in &all {
            let own_id = if all.len() > 1 { format!("{id}/{group}") } else { id.clone() };
            findings.extend(case.guard(&own_id, || vec![one(case, (&id, &own_id), expected, group)]));
        }
    }
    findings
}

fn expectation(case: &Case<'_>, id: &str, expected: &StandbyReleased, group: &str) -> String {
    let window = case.window(id);
    format!(
        "\"{group}\" is back at its dormant size within {} of {}, and stays there for {}.",
        span(expected.within.us),
        event(window.anchor),
        span(window.hold_us)
    )
}

/// A standby, the sizes that count as asleep, and whom it stands in for.
struct Standby<'a> {
    name: &'a str,
    primary: &'a str,
    at_least: u32,
    at_most: u32,
    track: Option<&'a GroupTrack>,
    supply: Steps<u32>,
}

fn one(case: &Case<'_>, (id, own_id): (&str, &str), expected: &StandbyReleased, name: &str) -> Finding {
    let declared = case.groups().get(name);
    let size = declared.map_or(0, |group| group.replicas);
    let (at_least, at_most) =
        expected.dormant_size.map_or((size, size), |range| (range.at_least, range.at_most));
    let primary = declared.and_then(|group| group.takes_over_from.as_deref()).unwrap_or_default();
    let track = case.tracks.groups.get(name);
    let supply_steps = track.map(GroupTrack::supply).unwrap_or_default();
    let standby = Standby { name, primary, at_least, at_most, track, supply: supply_steps };
    let draft = case.draft(own_id, expectation(case, id, expected, name)).about([name, primary]);
    let draft = draft.evidence("dormant size", standby.dormant());
    let mut broken = case.faults_effective(|fault| fault.action.group() == primary);
    let window = case.window(id);
    // Released early is early whenever it was, and whether or not the anchor came.
    let early = standby.released_early(case);
    let timed = match case.timed(window, expected.within.us) {
        Ok(timed) => timed,
        Err(said) => {
            broken.extend(case.undisturbed([name, primary], case.tracks.end_us));
            return draft.conclude(early.unwrap_or(said), &broken);
        }
    };
    broken.extend(case.undisturbed([name, primary], timed.limit_us()));
    let draft = draft.timed(&timed).evidence("settle", span(timed.settle_us));
    if let Some(early) = early {
        return draft.conclude(early, &broken);
    }
    if timed.anchor == Anchor::PrimaryHealthy {
        broken.extend(anchor_seen(case, primary, timed.anchor_us));
    }
    let (draft, said) = standby.judge(case, draft, &mut broken, &timed);
    draft.conclude(said, &broken)
}

/// The moment at which a primary is healthy again rests on its supply and on the balancer.
fn anchor_seen(case: &Case<'_>, primary: &str, anchor_us: u64) -> Option<Broken> {
    let healed = case.tracks.faults.values().filter(|fault| {
        let intent = fault.intent.as_ref().map(|(_, intent)| intent);
        intent.is_some_and(|intent| intent.group == primary && intent.action.can_take_down())
    });
    let healed_us = healed.filter_map(|fault| fault.healed.as_ref().map(|(t, _)| *t)).max()?;
    let sources = [supply(primary), BALANCER.to_owned()];
    let silent = sources.iter().any(|source| case.gap(source, healed_us, anchor_us).is_some());
    silent.then(|| case.blind_any(&sources, (healed_us, anchor_us)).into_broken())
}

impl Standby<'_> {
    fn dormant(&self) -> String {
        if self.at_least == self.at_most {
            instances(self.at_most)
        } else {
            format!("{} to {}", self.at_least, instances(self.at_most))
        }
    }

    /// When it first was ready above its dormant size and was sent to.
    fn activated_us(&self, case: &Case<'_>) -> Option<u64> {
        let track = self.track?;
        let from_us = case.stimulus_us()?;
        let ready = track.ready();
        let mut times: Vec<u64> = ready.points().iter().map(|(t, _)| *t).collect();
        times.extend(track.routed.points().iter().map(|(t, _)| *t));
        times.push(from_us);
        times.sort_unstable();
        times.into_iter().filter(|t| *t >= from_us).find(|t| {
            ready.at(*t).is_some_and(|n| *n > self.at_most) && track.routed.at(*t).copied().unwrap_or(false)
        })
    }

    /// Drops of its desired count to its dormant size: when, by whom.
    fn releases(&self, from_us: u64) -> Vec<(u64, &str)> {
        let mut before = None;
        let mut releases = Vec::new();
        for (t, write) in self.track.map_or(&[][..], |track| &track.writes) {
            let lowers = before.is_some_and(|before| before > self.at_most) && write.replicas <= self.at_most;
            if lowers && *t >= from_us {
                releases.push((*t, write.by.as_str()));
            }
            before = Some(write.replicas);
        }
        releases
    }

    fn released_early(&self, case: &Case<'_>) -> Option<Said> {
        let activated_us = self.activated_us(case)?;
        let baseline = case.baseline(self.primary).ok()?;
        let primary = case.tracks.groups.get(self.primary)?;
        let healthy = primary.healthy(baseline);
        let seen = |t: u64| {
            [supply(self.primary), BALANCER.to_owned()].iter().all(|source| case.gap(source, t, t).is_none())
        };
        let (early_us, by) = self
            .releases(activated_us)
            .into_iter()
            .find(|(t, _)| seen(*t) && healthy.at(*t) == Some(&false))?;
        let ready = primary.ready().at(early_us).copied().unwrap_or(0);
        let desired = primary.desired.at(early_us).copied().unwrap_or(0);
        let text = format!(
            "\"{}\" was released by {by} {}, when \"{}\" had {} of {} ready{}: not healthy.{}",
            self.name,
            relative(early_us, activated_us, "its takeover"),
            self.primary,
            ready,
            desired.min(baseline),
            if primary.routed.at(early_us) == Some(&true) { "" } else { " and was not sent to" },
            match healthy.first_from(early_us, |healthy| *healthy) {
                Some(t) => format!(" It was healthy {} later.", span(t - early_us)),
                None => " It was not healthy again as long as it was watched.".into(),
            }
        );
        Some(Said::fail(Code::StandbyReleasedEarly, text))
    }

    fn judge(
        &self,
        case: &Case<'_>,
        mut draft: Draft,
        broken: &mut Vec<Broken>,
        timed: &Timed,
    ) -> (Draft, Said) {
        let source = supply(self.name);
        let resolution_us = case.resolution_us(&source);
        let desired = |t: u64| self.track.and_then(|track| track.desired.at(t)).copied();
        let exists = |t: u64| self.supply.at(t).copied().unwrap_or(0);
        let mut times: Vec<u64> = self.supply.points().iter().map(|(t, _)| *t).collect();
        times.extend(self.track.into_iter().flat_map(|track| track.desired.points()).map(|(t, _)| *t));
        let from_us = case.stimulus_us().unwrap_or(0).min(timed.anchor_us);
        let end_us = timed.limit_us().max(case.tracks.end_us);
        let asleep = truth(&[case.coverage(&source)], times, (from_us, end_us), |t| {
            let most = exists(t).max(desired(t).unwrap_or(0));
            if most <= self.at_most && exists(t) >= self.at_least { Truth::Fine } else { Truth::Amiss }
        });
        let most = self.supply.max_over(from_us, timed.deadline_us);
        draft = draft
            .evidence("largest supply before the deadline", most.map_or_else(|| "unknown".into(), instances));
        let said = match held(&asleep, timed, resolution_us, end_us) {
            Held::No(excursion) => {
                if excursion.is_over() && excursion.from_us < timed.deadline_us {
                    let off_us = excursion.until_us - timed.deadline_us;
                    broken.extend(case.moment_exact(timed.anchor_us, timed.hold_end_us, off_us));
                    draft = draft.margin(excursion.until_us, timed.deadline_us, resolution_us);
                }
                self.failed(timed, excursion, desired(excursion.from_us.max(timed.deadline_us)))
            }
            Held::Unknown { from_us, to_us } => case.blind_any(&[source], (from_us, to_us)),
            Held::TooClose { by_us } => too_close(&source, by_us, resolution_us),
            Held::Yes { since_us } => {
                let off_us = timed.deadline_us - since_us;
                broken.extend(case.moment_exact(timed.anchor_us, timed.hold_end_us, off_us));
                draft = draft.margin(since_us, timed.deadline_us, resolution_us);
                self.asleep(case, timed, since_us)
            }
        };
        (draft, said)
    }

    fn asleep(&self, case: &Case<'_>, timed: &Timed, since_us: u64) -> Said {
        let name = self.name;
        let Some(activated_us) = self.activated_us(case) else {
            let text = format!(
                "\"{name}\" was never ready above its dormant size of {} and sent to, so it was not released either.",
                self.dormant()
            );
            return Said::inconclusive(Code::StandbyNeverActivated, text);
        };
        let release = self.releases(activated_us).into_iter().rfind(|(t, _)| *t <= timed.hold_end_us);
        let Some((_, by)) = release.filter(|(_, by)| *by != "heal" && *by != "fault" && *by != "declared")
        else {
            let text = format!(
                "\"{name}\" is back at its dormant size, but no drop of its desired count by its own controller is on \
                 record."
            );
            return Said::inconclusive(Code::ContractionNotProven, text);
        };
        let text = format!(
            "\"{name}\" had taken over, was released by {by} and back at its dormant size of {} by {}, {} before its \
             deadline, and stayed there for {}.",
            self.dormant(),
            instant(since_us, timed.anchor_us, event(timed.anchor)),
            span(timed.deadline_us - since_us),
            span(timed.hold_us())
        );
        Said::pass(Code::StandbyReleased, text)
    }

    fn failed(&self, timed: &Timed, excursion: Excursion, desired: Option<u32>) -> Said {
        let at_us = excursion.from_us.max(timed.deadline_us);
        let supply = self.supply.at(at_us).copied().unwrap_or(0);
        let below = supply.max(desired.unwrap_or(0)) <= self.at_most;
        let code = match () {
            () if below => Code::StandbyBelowDormant,
            () if excursion.from_us >= timed.deadline_us => Code::Regrowth,
            () => Code::StandbyNotReleased,
        };
        let text = format!(
            "\"{}\" had {}{}, {}; its dormant size is {}. {}",
            self.name,
            instances(supply),
            desired.map_or_else(String::new, |desired| format!(" and a desired count of {desired}")),
            relative(at_us, timed.anchor_us, event(timed.anchor)),
            self.dormant(),
            excursion.ending(timed)
        );
        Said::fail(code, text)
    }
}
