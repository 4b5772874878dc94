//! What each group costs over time, and what stands beside the groups.

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::Decimal;

use crate::history::{GroupTrack, ObjectState, ObjectTrack, Steps, Tracks};

use super::amount::Amount;

/// The spend rate of some groups over time.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Ledger {
    /// The currency of all prices; `None` where there is no price.
    pub currency: Option<String>,
    /// An hour's price over time, by group. Groups without any price are left out.
    pub groups: BTreeMap<String, Steps<Decimal>>,
    /// An hour's price over time of what stands beside the groups, by what it is: volumes and load balancers that appeared
    /// after the baseline, while they serve nothing; nodes, whatever is on them.
    pub objects: BTreeMap<&'static str, Steps<Decimal>>,
    /// An hour's price of all of them over time.
    pub total: Steps<Decimal>,
}

/// Prices in more than one currency cannot be added.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("prices are in more than one currency: {}", currencies.join(", "))]
pub struct MixedCurrencies {
    /// Which.
    pub currencies: Vec<String>,
}

impl Ledger {
    /// The ledger of those groups; ones that the tracks do not know cost nothing.
    ///
    /// # Errors
    /// Their prices are in more than one currency.
    pub fn of<'a>(
        tracks: &Tracks,
        names: impl IntoIterator<Item = &'a String>,
    ) -> Result<Self, MixedCurrencies> {
        let mut currencies = BTreeSet::new();
        let mut groups = BTreeMap::new();
        for name in names {
            let Some(group) = tracks.groups.get(name) else { continue };
            currencies.extend(currencies_of(group));
            let spend = group.spend_per_hour();
            if !spend.points().is_empty() {
                groups.insert(name.clone(), spend);
            }
        }
        let mut objects: BTreeMap<&'static str, Vec<Steps<Decimal>>> = BTreeMap::new();
        let baseline_end_us = tracks.baseline_window().map(|(_, to_us)| to_us);
        for object in tracks.objects.values() {
            let Some((what, spend)) = of_object(object, baseline_end_us) else { continue };
            currencies.extend(object.last.price.iter().map(|price| price.currency.clone()));
            objects.entry(what).or_default().push(spend);
        }
        let objects: BTreeMap<&'static str, Steps<Decimal>> =
            objects.into_iter().map(|(what, parts)| (what, sum(parts.iter()))).collect();
        if currencies.len() > 1 {
            return Err(MixedCurrencies { currencies: currencies.into_iter().collect() });
        }
        let total = sum(groups.values().chain(objects.values()));
        Ok(Self { currency: currencies.pop_first(), groups, objects, total })
    }

    /// The spend rate at an instant, an hour.
    pub fn per_hour_at(&self, t_us: u64) -> Decimal {
        self.total.at(t_us).copied().unwrap_or_default()
    }

    /// The baseline's spend rate, an hour: the largest in that window.
    pub fn baseline_per_hour(&self, window: (u64, u64)) -> Decimal {
        self.total.max_over(window.0, window.1).unwrap_or_default()
    }

    /// What was spent in `[from_us, to_us]`.
    pub fn spent(&self, from_us: u64, to_us: u64) -> Amount {
        integral(&self.total, from_us, to_us, |per_hour| per_hour)
    }

    /// What was spent in `[from_us, to_us]`, by group, and by what stands beside them.
    pub fn spent_by_group(&self, from_us: u64, to_us: u64) -> BTreeMap<&str, Amount> {
        let groups = self.groups.iter().map(|(name, spend)| (name.as_str(), spend));
        let objects = self.objects.iter().map(|(what, spend)| (*what, spend));
        let spent = |spend| integral(spend, from_us, to_us, |per_hour| per_hour);
        groups.chain(objects).map(|(name, spend)| (name, spent(spend))).collect()
    }

    /// What was spent in `[from_us, to_us]` above a spend rate. Time below it does not make up for time above.
    pub fn spent_above(&self, per_hour: Decimal, from_us: u64, to_us: u64) -> Amount {
        integral(&self.total, from_us, to_us, |now| (now - per_hour).max(Decimal::ZERO))
    }
}

/// What an object costs over time, and what it is; `None` where it costs nothing.
fn of_object(object: &ObjectTrack, baseline_end_us: Option<u64>) -> Option<(&'static str, Steps<Decimal>)> {
    let price = object.last.price.as_ref()?;
    let (what, is_new) = match object.last.kind.as_str() {
        "Node" => ("nodes", true),
        kind => {
            let what = if kind == "Service" { "load balancers" } else { "volumes" };
            (what, baseline_end_us.is_some_and(|end_us| object.appeared_us > end_us))
        }
    };
    let mut spend = Steps::new();
    for (t, state) in object.state.points().iter().filter(|_| is_new) {
        let costs = *state == ObjectState::Unused || (what == "nodes" && *state == ObjectState::Used);
        spend.push(*t, if costs { price.per_hour } else { Decimal::ZERO });
    }
    (!spend.points().is_empty()).then_some((what, spend))
}

fn currencies_of(group: &GroupTrack) -> impl Iterator<Item = String> {
    let prices = group.instances.values().flat_map(|life| &life.prices);
    prices.map(|(_, price)| price.currency.clone())
}

fn integral(
    spend: &Steps<Decimal>,
    from_us: u64,
    to_us: u64,
    per_hour: impl Fn(Decimal) -> Decimal,
) -> Amount {
    let stretches = spend.over(from_us, to_us).into_iter();
    stretches.map(|stretch| Amount::of(per_hour(stretch.value), stretch.to_us - stretch.from_us)).sum()
}

fn sum<'a>(parts: impl Iterator<Item = &'a Steps<Decimal>>) -> Steps<Decimal> {
    let mut changes = BTreeMap::<u64, Decimal>::new();
    for part in parts {
        let mut before = Decimal::ZERO;
        for (t, value) in part.points() {
            *changes.entry(*t).or_default() += *value - before;
            before = *value;
        }
    }
    let mut total = Steps::new();
    let mut rate = Decimal::ZERO;
    for (t, change) in changes {
        rate += change;
        total.push(t, rate);
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::{Event, InstanceChange, InstanceState, Record};

    const HOUR_US: u64 = 3_600_000_000;

    fn tracks(changes: &[(u64, &str, &str, InstanceState, Option<&str>)]) -> Tracks {
        let mut tracks = Tracks::default();
        for (n, (t_us, group, instance, state, price)) in changes.iter().enumerate() {
            let change = InstanceChange {
                price: price.map(|price| price.parse().unwrap()),
                ..InstanceChange::new(*group, *instance, *state)
            };
            tracks.apply(&Record { n: n as u64, t_us: *t_us, event: Event::Instance(change) });
        }
        tracks
    }

    fn names() -> Vec<String> {
        vec!["a".into(), "b".into(), "unpriced".into()]
    }

    #[test]
    fn groups_add_up_and_a_dearer_replacement_shows() {
        use InstanceState::{Gone, Ready};
        let tracks = tracks(&[
            (0, "a", "a-1", Ready, Some("0.10 USD/h")),
            (0, "b", "b-1", Ready, Some("0.20 USD/h")),
            (0, "unpriced", "u-1", Ready, None),
            (HOUR_US, "a", "a-1", Gone, None),
            (HOUR_US, "a", "a-2", Ready, Some("0.15 USD/h")),
        ]);
        let ledger = Ledger::of(&tracks, &names()).unwrap();
        assert_eq!(ledger.currency.as_deref(), Some("USD"));
        assert_eq!(ledger.total.points(), &[(0, Decimal::new(30, 2)), (HOUR_US, Decimal::new(35, 2))]);
        assert_eq!(ledger.spent(0, 2 * HOUR_US).value(), Decimal::new(65, 2));
        let by_group = ledger.spent_by_group(0, 2 * HOUR_US);
        assert_eq!(by_group.values().copied().sum::<Amount>(), ledger.spent(0, 2 * HOUR_US));
        assert_eq!(by_group["a"].value(), Decimal::new(25, 2));
        let baseline = ledger.baseline_per_hour((0, HOUR_US - 1));
        assert_eq!(ledger.spent_above(baseline, 0, 3 * HOUR_US).value(), Decimal::new(10, 2));
    }

    #[test]
    fn two_currencies_are_not_added() {
        use InstanceState::Ready;
        let tracks =
            tracks(&[(0, "a", "a-1", Ready, Some("0.10 USD/h")), (0, "b", "b-1", Ready, Some("0.10 EUR/h"))]);
        let error = Ledger::of(&tracks, &names()).unwrap_err();
        assert_eq!(error.to_string(), "prices are in more than one currency: EUR, USD");
        assert_eq!(Ledger::of(&tracks, [&"a".to_owned()]).unwrap().currency.as_deref(), Some("USD"));
    }
}
