//! Why the same number of instances costs more.

use rust_decimal::Decimal;

use crate::history::{GroupTrack, Life};
use crate::spend::{money, month};

use super::Diagnosis;
use super::case::{Case, because};

/// Instances that cost more than any did while the system was calm.
pub(super) fn drift(case: &Case, name: &str, group: &GroupTrack) -> Option<Diagnosis> {
    let (calm_from, calm_to) = case.tracks.baseline_window()?;
    let usual = group
        .instances
        .values()
        .filter(|life| life.born_us <= calm_to && life.gone.as_ref().is_none_or(|(t, _)| *t >= calm_from))
        .filter_map(|life| price_at(life, calm_to))
        .max()?;
    let dearer: Vec<(&String, Decimal)> = group
        .instances
        .iter()
        .filter(|(_, life)| {
            life.born_us <= case.to_us && life.gone.as_ref().is_none_or(|(t, _)| *t >= case.to_us)
        })
        .filter_map(|(instance, life)| Some((instance, price_at(life, case.to_us)?)))
        .filter(|(_, price)| *price > usual)
        .collect();
    let (first, _) = dearer.first()?;
    let extra: Decimal = dearer.iter().map(|(_, price)| *price - usual).sum();
    let currency = group.instances[*first].prices.first().map_or("", |(_, price)| price.currency.as_str());
    let listed: Vec<String> = dearer
        .iter()
        .map(|(instance, price)| format!("{instance} at {} {currency}/h", money(*price)))
        .collect();
    let seen = format!(
        "{}; at baseline the dearest cost {} {currency}/h. That is {} {currency}/h more, {} {currency} a month",
        listed.join(", "),
        money(usual),
        money(extra),
        money(month(extra))
    );
    let next = "see why replacements come in a dearer class (spot turned on-demand, a larger node), and move them back";
    let object = if dearer.len() == 1 { format!("instance {first}") } else { format!("group {name}") };
    Some(because("price-class-drift", object, seen, next))
}

fn price_at(life: &Life, t_us: u64) -> Option<Decimal> {
    life.prices.iter().rev().find(|(t, _)| *t <= t_us).map(|(_, price)| price.per_hour)
}
