//! Who is struck: chosen at run time among the ready ones, from the seed, within what may be lost at once.

use rand::seq::SliceRandom;

use crate::history::{GroupTrack, Intent, IntentAction, Tracks};
use crate::plan::{Plan, PlannedFault, stream};
use crate::scenario::{FaultAction, Pick, Share, Termination, Victims};

/// Chooses the victims of a fault.
///
/// # Errors
/// Fewer are ready than the fault wants, a named one is not, or more would be lost at once than the limit allows. The
/// fault is then left out altogether: half a fault proves nothing.
pub(super) fn choose(plan: &Plan, fault: &PlannedFault, tracks: &Tracks) -> Result<Intent, String> {
    let name = fault.action.group();
    let group = tracks.groups.get(name).ok_or_else(|| format!("nothing is known of group \"{name}\""))?;
    // One that an earlier fault struck and that is not seen gone yet is lost already: struck again, it would prove two
    // faults at once and count once against the limit.
    let struck: Vec<&str> = struck(tracks, name).map(|(_, instance)| instance).collect();
    let ready: Vec<&str> = group.ready_now().into_iter().filter(|name| !struck.contains(name)).collect();
    let action = match &fault.action {
        FaultAction::Lose { lasts, .. } => {
            let instances = living(group);
            if ready.is_empty() {
                return Err(format!("\"{name}\" has no ready instance to lose"));
            }
            IntentAction::Lose { instances, lasts_us: lasts.us }
        }
        FaultAction::Terminate { victims, how, .. } => IntentAction::Terminate {
            instances: pick(plan, fault, victims, &ready, name)?,
            kill: *how == Termination::Kill,
            grace_us: fault.grace_us,
        },
    };
    let losing = match &action {
        IntentAction::Lose { .. } => ready.len(),
        IntentAction::Terminate { instances, .. } => instances.len(),
    };
    within_limit(plan.lost_at_once, name, losing, ready.len(), outstanding(tracks, name))?;
    Ok(Intent { fault: fault.id.clone(), group: name.to_owned(), action })
}

/// Every instance that is not gone: a loss spares none.
fn living(group: &GroupTrack) -> Vec<String> {
    group.instances.iter().filter(|(_, life)| life.gone.is_none()).map(|(name, _)| name.clone()).collect()
}

fn pick(
    plan: &Plan,
    fault: &PlannedFault,
    victims: &Victims,
    ready: &[&str],
    group: &str,
) -> Result<Vec<String>, String> {
    let (count, pick) = match victims {
        Victims::Named(names) => {
            let missing: Vec<&str> =
                names.iter().map(String::as_str).filter(|name| !ready.contains(name)).collect();
            if !missing.is_empty() {
                return Err(format!("not ready in \"{group}\": {}", missing.join(", ")));
            }
            return Ok(names.clone());
        }
        Victims::Count { count, pick } => (*count as usize, *pick),
        Victims::Share { share, pick } => {
            let count = (share.ppb as u128 * ready.len() as u128).div_ceil(u128::from(Share::WHOLE.ppb));
            (count as usize, *pick)
        }
    };
    if ready.len() < count || count == 0 {
        return Err(format!(
            "{count} ready instances of \"{group}\" are to be ended, {} are ready",
            ready.len()
        ));
    }
    // Oldest first, as they come.
    let mut candidates = ready.to_vec();
    match pick {
        Pick::Oldest => {}
        Pick::Newest => candidates.reverse(),
        Pick::Random => candidates.shuffle(&mut stream(plan.seed, &format!("victims/{}", fault.id))),
    }
    candidates.truncate(count);
    let mut chosen: Vec<String> = candidates.into_iter().map(str::to_owned).collect();
    chosen.sort();
    Ok(chosen)
}

/// What earlier terminations struck in this group, and when: from the intent on, because what is about to end is as good
/// as ended.
fn struck<'t>(tracks: &'t Tracks, group: &str) -> impl Iterator<Item = (u64, &'t str)> {
    let faults = tracks.faults.values().filter(|fault| fault.skipped.is_none());
    let intents = faults.filter_map(|fault| fault.intent.as_ref());
    let own = intents.filter(move |(_, intent)| intent.group == group && !intent.action.is_loss());
    own.flat_map(|(t, intent)| intent.action.instances().iter().map(|instance| (*t, instance.as_str())))
}

/// Instances that earlier faults ended in this group and that nothing has replaced yet.
fn outstanding(tracks: &Tracks, group: &str) -> usize {
    let Some(track) = tracks.groups.get(group) else { return 0 };
    let ended = struck(tracks, group).count();
    let first_us = struck(tracks, group).map(|(t, _)| t).min();
    let replaced = track
        .instances
        .values()
        .filter(|life| first_us.is_some_and(|first| life.born_us >= first) && !life.ready.is_empty());
    ended.saturating_sub(replaced.count())
}

fn within_limit(
    limit: Share,
    group: &str,
    losing: usize,
    ready: usize,
    outstanding: usize,
) -> Result<(), String> {
    let of = ready + outstanding;
    let allowed = (u128::from(limit.ppb) * of as u128 / u128::from(Share::WHOLE.ppb)).max(1) as usize;
    if losing + outstanding <= allowed {
        return Ok(());
    }
    let before = match outstanding {
        0 => String::new(),
        n => format!(", {n} more that were ended before and not replaced yet"),
    };
    Err(format!(
        "limits.lost_at_once = {limit} allows {allowed} of {of} instances of \"{group}\" to be lost at once; this fault \
         would end {losing}{before}"
    ))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{S, scripted, tracks};
    use super::*;

    #[test]
    fn at_least_one_may_be_lost_and_never_more_than_the_share() {
        let half = Share::percent(50);
        assert!(within_limit(half, "g", 1, 1, 0).is_ok());
        assert!(within_limit(half, "g", 2, 4, 0).is_ok());
        assert!(within_limit(half, "g", 2, 3, 0).is_err());
        assert!(within_limit(Share::WHOLE, "g", 3, 3, 0).is_ok());
    }

    #[test]
    fn what_was_ended_before_and_not_replaced_counts_too() {
        let half = Share::percent(50);
        assert!(within_limit(half, "g", 2, 4, 0).is_ok());
        assert!(within_limit(half, "g", 2, 2, 2).is_err());
    }

    #[test]
    fn what_an_earlier_fault_is_about_to_end_is_neither_struck_again_nor_forgotten() {
        let (_, mut plan) = scripted("[expect]\nreplacement = { within = '10s' }\n");
        let fault = plan.faults[0].clone();
        let mut run = tracks(4);
        assert_eq!(choose(&plan, &fault, &run.tracks).unwrap().action.instances(), ["app-1"]);
        // Not acknowledged yet, and still ready.
        run.kills("fault-1", 40 * S, &["app-1"]);
        assert_eq!(choose(&plan, &fault, &run.tracks).unwrap().action.instances(), ["app-2"]);
        run.kills("fault-2", 40 * S, &["app-2"]);
        let refused = choose(&plan, &fault, &run.tracks).unwrap_err();
        assert!(refused.contains("allows 2 of 4"), "{refused}");
        plan.lost_at_once = Share::WHOLE;
        assert_eq!(choose(&plan, &fault, &run.tracks).unwrap().action.instances(), ["app-3"]);
    }
}
