//! Idle spend: what the system costs after the surge is no more than what it cost before.

use rust_decimal::Decimal;

use crate::history::Steps;
use crate::scenario::IdleSpend;
use crate::slo::within;
use crate::spend::{Ledger, money, month};

use super::case::{Case, supply};
use super::codes::Code;
use super::contraction::too_close;
use super::demand::TRAILING_US;
use super::draft::{Draft, Said};
use super::finding::Finding;
use super::hold::{Excursion, Held, Timed, excursions, held};
use super::truth::{Truth, truth};
use super::words::{event, instant, relative, span};

const ID: &str = "idle-spend";

/// The finding about idle spend, where that is expected.
pub(super) fn check(case: &Case<'_>) -> Vec<Finding> {
    let Some(expected) = &case.scenario.expect.idle_spend else { return Vec::new() };
    case.guard(ID, || vec![one(case, expected)])
}

fn expectation(case: &Case<'_>, expected: &IdleSpend) -> String {
    let window = case.window(ID);
    format!(
        "Idle spend is at most {} from {} after {} on, for {}.",
        expected.at_most,
        span(expected.after.us),
        event(window.anchor),
        span(window.hold_us)
    )
}

fn one(case: &Case<'_>, expected: &IdleSpend) -> Finding {
    let draft = case.draft(ID, expectation(case, expected)).about(case.groups().keys());
    let ledger = match ledger(case, expected) {
        Ok(ledger) => ledger,
        Err(said) => return draft.conclude(said, &[]),
    };
    let timed = match case.timed(case.window(ID), expected.after.us) {
        Ok(timed) => timed,
        Err(said) => return draft.conclude(said, &[]),
    };
    let draft = draft.timed(&timed);
    // One that was never seen to have an instance counts as well: only somebody who looked can say that it had none.
    let priced: Vec<&str> = case
        .groups()
        .iter()
        .filter(|(name, group)| group.price.is_some() || ledger.groups.contains_key(*name))
        .map(|(name, _)| name.as_str())
        .collect();
    // Every priced group's baseline counts, so each must be one.
    if let Some(said) = priced.iter().find_map(|name| case.baseline(name).err()) {
        return draft.conclude(said, &[]);
    }
    let Some(window) = case.tracks.baseline_window() else {
        let text = "There is no baseline to compare spend with.";
        return draft.conclude(Said::inconclusive(Code::NeverSteady, text), &[]);
    };
    let baseline = ledger.baseline_per_hour(window);
    Spend { case, ledger, priced, baseline, at_most: expected.at_most.per_hour, timed }.judge(draft)
}

fn ledger(case: &Case<'_>, expected: &IdleSpend) -> Result<Ledger, Said> {
    let ledger = Ledger::of(case.tracks, case.groups().keys())
        .map_err(|error| Said::inconclusive(Code::MixedCurrencies, format!("It cannot be told: {error}.")))?;
    match &ledger.currency {
        None => {
            let text = "No instance of this run had a price.";
            Err(Said::inconclusive(Code::NoPrice, text))
        }
        Some(currency) if *currency != expected.at_most.currency => {
            let text =
                format!("Prices are in {currency}, and the limit is in {}.", expected.at_most.currency);
            Err(Said::inconclusive(Code::MixedCurrencies, text))
        }
        Some(_) => Ok(ledger),
    }
}

struct Spend<'a> {
    case: &'a Case<'a>,
    ledger: Ledger,
    /// The groups that cost something.
    priced: Vec<&'a str>,
    /// Spend rate at baseline, an hour.
    baseline: Decimal,
    /// So much more is allowed.
    at_most: Decimal,
    timed: Timed,
}

impl Spend<'_> {
    fn currency(&self) -> &str {
        self.ledger.currency.as_deref().unwrap_or_default()
    }

    fn per_hour(&self, amount: Decimal) -> String {
        format!("{} {}/h", money(amount), self.currency())
    }

    fn sum(&self, amount: Decimal) -> String {
        format!("{} {}", money(amount), self.currency())
    }

    /// Who tells what is paid for.
    fn sources(&self) -> Vec<String> {
        let groups = self.priced.iter().map(|name| supply(name));
        groups.chain(self.case.object_sources()).collect()
    }

    /// Whether the spend rate is at most so much above the baseline's.
    fn at_most(&self, residual: Decimal) -> Steps<Truth> {
        let sources = self.sources();
        let sources: Vec<_> = sources.iter().map(|source| self.case.coverage(source)).collect();
        let from_us = self.case.stimulus_us().unwrap_or(0).min(self.timed.anchor_us);
        let times = self.ledger.total.points().iter().map(|(t, _)| *t);
        let end_us = self.timed.limit_us().max(self.case.tracks.end_us);
        truth(&sources, times, (from_us, end_us), |t| {
            if self.ledger.per_hour_at(t) - self.baseline <= residual { Truth::Fine } else { Truth::Amiss }
        })
    }

    /// The largest amount above the baseline that lasted longer than `settle` and touches the window.
    fn residual(&self) -> Decimal {
        let timed = &self.timed;
        let window = self.ledger.total.over(timed.deadline_us, timed.hold_end_us);
        let mut rates: Vec<Decimal> =
            window.into_iter().map(|stretch| stretch.value - self.baseline).collect();
        rates.sort_unstable();
        rates.dedup();
        let lasting = |below: Decimal| {
            let above = excursions(&self.at_most(below), timed.limit_us());
            above.iter().any(|excursion| {
                let touches =
                    excursion.from_us <= timed.hold_end_us && excursion.until_us > timed.deadline_us;
                touches && excursion.length_us() > timed.settle_us
            })
        };
        // A rate lasts if the rate below it is exceeded for long enough; the lowest one needs no such proof.
        let steps = rates.windows(2).rev().find(|pair| lasting(pair[0])).map(|pair| pair[1]);
        steps.or(rates.first().copied()).unwrap_or_default()
    }

    fn judge(&self, draft: Draft) -> Finding {
        let (case, timed) = (self.case, &self.timed);
        let sources = self.sources();
        let resolution_us = sources.iter().map(|source| case.resolution_us(source)).max().unwrap_or(0);
        let mut broken =
            Vec::from_iter(case.undisturbed(case.groups().keys().map(String::as_str), timed.limit_us()));
        let residual = self.residual();
        let mut draft = self.evidence(draft, residual);
        let said = match held(&self.at_most(self.at_most), timed, resolution_us, case.tracks.end_us) {
            Held::No(excursion) => {
                if excursion.is_over() && excursion.from_us < timed.deadline_us {
                    let off_us = excursion.until_us - timed.deadline_us;
                    broken.extend(case.moment_exact(timed.anchor_us, timed.hold_end_us, off_us));
                    draft = draft.margin(excursion.until_us, timed.deadline_us, resolution_us);
                }
                self.failed(excursion, residual)
            }
            Held::Unknown { from_us, to_us } => case.blind_any(&sources, (from_us, to_us)),
            Held::TooClose { by_us } => {
                let coarsest = sources.iter().max_by_key(|source| case.resolution_us(source));
                too_close(coarsest.map_or("", String::as_str), by_us, resolution_us)
            }
            Held::Yes { since_us } => {
                let off_us = timed.deadline_us - since_us;
                broken.extend(case.moment_exact(timed.anchor_us, timed.hold_end_us, off_us));
                draft = draft.margin(since_us, timed.deadline_us, resolution_us);
                let text = format!(
                    "Residual spend was {} (baseline {}) from {} on, {} before its deadline, and stayed so for {}.",
                    self.per_hour(residual),
                    self.per_hour(self.baseline),
                    instant(since_us, timed.anchor_us, event(timed.anchor)),
                    span(off_us),
                    span(timed.hold_us())
                );
                Said::pass(Code::NoIdleSpend, text)
            }
        };
        draft.conclude(said, &broken)
    }

    fn failed(&self, excursion: Excursion, residual: Decimal) -> Said {
        let timed = &self.timed;
        // Told at the moment at which it was as much as that.
        let first_us = excursion.from_us.max(timed.deadline_us);
        let is_peak = |rate: &Decimal| *rate - self.baseline >= residual;
        let peak_us = self.ledger.total.first_from(first_us, is_peak);
        let at_us = peak_us.filter(|peak_us| *peak_us < excursion.until_us).unwrap_or(first_us);
        let anchor = event(timed.anchor);
        let wasted = self.ledger.spent_above(self.baseline, timed.deadline_us, self.case.tracks.end_us);
        let text = format!(
            "The system cost {} more than its baseline of {} {}, and {} is allowed: left alone, {} a month. {} were \
             wasted from the deadline to the end of the run.{} {}",
            self.per_hour(residual),
            self.per_hour(self.baseline),
            relative(at_us, timed.anchor_us, anchor),
            self.per_hour(self.at_most),
            self.sum(month(residual)),
            self.sum(wasted.value()),
            self.by_group(at_us),
            excursion.ending(timed)
        );
        Said::fail(Code::ResidualSpend, text)
    }

    /// What each group costs more than at baseline.
    fn by_group(&self, t_us: u64) -> String {
        let Some((from_us, to_us)) = self.case.tracks.baseline_window() else { return String::new() };
        let more_of = |spend: &Steps<Decimal>| {
            let before = spend.max_over(from_us, to_us).unwrap_or_default();
            spend.at(t_us).copied().unwrap_or_default() - before
        };
        let groups = self.ledger.groups.iter().map(|(name, spend)| (format!("\"{name}\""), more_of(spend)));
        let objects = self.ledger.objects.iter().map(|(what, spend)| ((*what).to_owned(), more_of(spend)));
        let more = groups.chain(objects).filter(|(_, more)| *more > Decimal::ZERO);
        let more = more.map(|(name, more)| format!("{name} {} more", self.per_hour(more)));
        let more: Vec<String> = more.collect();
        if more.is_empty() { String::new() } else { format!(" By group: {}.", more.join(", ")) }
    }

    /// What is paid for and not used at that time, an hour: each group's spend rate, less the share that the traffic of
    /// the last seconds takes of its capacity (workload = usage, idle = asset − workload). `None` where a group that is
    /// sent to has no known capacity, or where several share the traffic in parts that nobody knows.
    fn unused_capacity(&self, t_us: u64) -> Option<Decimal> {
        let tracks = self.case.tracks;
        let windows = within(&tracks.load, t_us.saturating_sub(TRAILING_US), t_us);
        let planned: u64 = windows.iter().map(|window| window.planned).sum();
        let traffic_per_s = if windows.is_empty() { 0.0 } else { planned as f64 / windows.len() as f64 };
        let routed = |name: &str| {
            tracks.groups.get(name).and_then(|group| group.routed.at(t_us)).copied().unwrap_or(false)
        };
        if self.ledger.groups.keys().filter(|name| routed(name)).count() > 1 {
            return None;
        }
        let mut unused = Decimal::ZERO;
        for (name, spend) in &self.ledger.groups {
            let rate = spend.at(t_us).copied().unwrap_or_default();
            let used = if routed(name) {
                let capacity = self.case.groups().get(name)?.capacity?;
                let supply = tracks.groups.get(name)?.ready().at(t_us).copied().unwrap_or(0);
                (traffic_per_s / (f64::from(supply) * capacity.per_s)).min(1.0)
            } else {
                0.0
            };
            unused += rate - rate * Decimal::try_from(used).ok()?.round_dp(4);
        }
        Some(unused)
    }

    fn evidence(&self, draft: Draft, residual: Decimal) -> Draft {
        let (timed, end_us) = (&self.timed, self.case.tracks.end_us);
        let above = |from_us: u64| self.sum(self.ledger.spent_above(self.baseline, from_us, end_us).value());
        let mut draft = draft
            .evidence("baseline spend", self.per_hour(self.baseline))
            .evidence("residual spend", self.per_hour(residual))
            .evidence("allowed", self.per_hour(self.at_most))
            .evidence("projected month of 730 h", self.sum(month(residual)))
            .evidence("above baseline from the deadline to the end", above(timed.deadline_us))
            .evidence("above baseline since quiesce", above(self.case.tracks.quiesced_us.unwrap_or(end_us)))
            .evidence("cost of the whole run", self.sum(self.ledger.spent(0, end_us).value()));
        if let Some(unused) = self.unused_capacity(timed.hold_end_us.min(end_us)) {
            draft = draft.evidence("unused capacity", self.per_hour(unused));
        }
        for (name, spent) in self.ledger.spent_by_group(0, end_us) {
            let named = match self.ledger.groups.contains_key(name) {
                true => format!("cost of \"{name}\""),
                false => format!("cost of {name}"),
            };
            draft = draft.evidence(&named, self.sum(spent.value()));
        }
        for (name, more) in unattributed(self.case) {
            draft = draft.evidence(&format!("unattributed growth of \"{name}\""), more);
        }
        draft
    }
}

/// Growth in groups that the scenario does not know.
fn unattributed(case: &Case<'_>) -> Vec<(String, String)> {
    let Some((from_us, to_us)) = case.tracks.baseline_window() else { return Vec::new() };
    let end_us = case.tracks.end_us;
    let strangers = case.tracks.groups.iter().filter(|(name, _)| !case.groups().contains_key(*name));
    let grown = strangers.filter_map(|(name, group)| {
        let (supply, spend) = (group.supply(), group.spend_per_hour());
        let before = supply.max_over(from_us, to_us).unwrap_or(0);
        let now = supply.at(end_us).copied().unwrap_or(0);
        let more = spend.at(end_us).copied().unwrap_or_default()
            - spend.max_over(from_us, to_us).unwrap_or_default();
        let said = format!("{before} → {now} instances, {} an hour more", money(more.max(Decimal::ZERO)));
        (now > before || more > Decimal::ZERO).then(|| (name.clone(), said))
    });
    grown.collect()
}
