//! Who is struck: chosen at run time among the ready ones, from the seed, within what may be lost at once.

use rand::seq::SliceRandom;

use crate::history::{GroupTrack, Intent, IntentAction, Life, NodeFault, Tracks};
use crate::plan::{Plan, PlannedFault, stream};
use crate::scenario::{Among, FaultAction, Pick, Share, Termination, Victims, object_name};

mod nodes;

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
    let taken = Taken::of(tracks, name);
    let ready: Vec<&str> = group.ready_now().into_iter().filter(|name| !taken.holds(name)).collect();
    let (action, losing) = match &fault.action {
        FaultAction::Lose { lasts, .. } => {
            let instances = living(group);
            if ready.is_empty() {
                return Err(format!("\"{name}\" has no ready instance to lose"));
            }
            (IntentAction::Lose { instances, lasts_us: lasts.us }, ready.len())
        }
        FaultAction::Terminate { victims, how, among, .. } => {
            let candidates = matching(group, &ready, among);
            let instances = pick(plan, fault, victims, &candidates, &format!("\"{name}\"{}", among.words()))?;
            let losing = instances.len();
            let kill = *how == Termination::Kill;
            let evict = *how == Termination::Evict;
            (IntentAction::Terminate { instances, kill, grace_us: fault.grace_us, evict }, losing)
        }
        FaultAction::Scale { to, lasts, .. } => {
            (IntentAction::Scale { to: *to, lasts_us: lasts.us }, ready.len().saturating_sub(*to as usize))
        }
        FaultAction::Partition { lasts, .. } => {
            if ready.is_empty() {
                return Err(format!("\"{name}\" has no ready instance to cut off"));
            }
            (IntentAction::Partition { instances: living(group), lasts_us: lasts.us }, ready.len())
        }
        FaultAction::Drain { nodes, lasts, .. } => {
            nodes::strike(plan, fault, (name, group), &ready, nodes, NodeFault::Drain, *lasts)?
        }
        FaultAction::Reclaim { nodes, notice, lasts, .. } => {
            let how = NodeFault::Reclaim { notice_us: notice.us };
            nodes::strike(plan, fault, (name, group), &ready, nodes, how, *lasts)?
        }
        FaultAction::Outage { nodes, lasts, .. } => {
            nodes::strike(plan, fault, (name, group), &ready, nodes, NodeFault::Outage, *lasts)?
        }
        FaultAction::Manifest { objects, lasts, .. } => {
            let objects = objects.iter().map(object_name).collect();
            // How much another engine takes is its own affair, and for its own limits.
            (IntentAction::Manifest { objects, lasts_us: lasts.us }, 0)
        }
    };
    within_limit(plan.lost_at_once, name, losing, ready.len(), taken.outstanding)?;
    Ok(Intent { fault: fault.id.clone(), group: name.to_owned(), action })
}

/// Every instance that is not gone: a loss spares none.
fn living(group: &GroupTrack) -> Vec<String> {
    group.instances.iter().filter(|(_, life)| life.gone.is_none()).map(|(name, _)| name.clone()).collect()
}

/// Those that a fault is narrowed down to.
fn matching<'t>(group: &GroupTrack, ready: &[&'t str], among: &Among) -> Vec<&'t str> {
    let is_meant = |life: &Life| {
        let on_node = among.node.as_ref().is_none_or(|node| life.node.as_ref() == Some(node));
        let in_zone = among.zone.as_ref().is_none_or(|zone| life.zone.as_ref() == Some(zone));
        on_node && in_zone && among.labels.as_ref().is_none_or(|labels| labels.matches(&life.labels))
    };
    ready.iter().copied().filter(|name| group.instances.get(*name).is_some_and(is_meant)).collect()
}

fn pick(
    plan: &Plan,
    fault: &PlannedFault,
    victims: &Victims,
    ready: &[&str],
    among: &str,
) -> Result<Vec<String>, String> {
    let (count, pick) = match victims {
        Victims::Named(names) => {
            let missing: Vec<&str> =
                names.iter().map(String::as_str).filter(|name| !ready.contains(name)).collect();
            if !missing.is_empty() {
                return Err(format!("not ready in {among}: {}", missing.join(", ")));
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
        return Err(format!("{count} ready instances of {among} are to be ended, {} are ready", ready.len()));
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

/// What earlier faults have taken of a group, from the intent on, because what is about to end is as good as ended.
struct Taken<'t> {
    /// Instances that were to end, or are cut off.
    struck: Vec<&'t str>,
    /// How many are missing because of it, that nothing has replaced yet.
    outstanding: usize,
}

impl<'t> Taken<'t> {
    fn of(tracks: &'t Tracks, group: &str) -> Self {
        let track = tracks.groups.get(group);
        let life = |name: &str| track.and_then(|track| track.instances.get(name));
        let (mut ended, mut first_us) = (Vec::new(), None);
        let (mut cut_off, mut scaled_away) = (Vec::new(), 0);
        for fault in tracks.faults.values().filter(|fault| fault.skipped.is_none()) {
            let Some((t, intent)) = fault.intent.as_ref().filter(|(_, intent)| intent.group == group) else {
                continue;
            };
            let goes_on = fault.healed.as_ref().is_none_or(|(_, healed)| !healed.complete);
            let names = intent.action.instances().iter().map(String::as_str);
            match &intent.action {
                action if action.ends_some() => {
                    ended.extend(names);
                    first_us = Some(first_us.map_or(*t, |first: u64| first.min(*t)));
                }
                // They are there, and serve nobody.
                IntentAction::Partition { .. } if goes_on => {
                    cut_off.extend(names.filter(|name| life(name).is_some_and(|life| life.gone.is_none())));
                }
                IntentAction::Scale { to, .. } if goes_on => {
                    let before = track.and_then(|track| track.ready().at(*t).copied()).unwrap_or(0);
                    scaled_away += before.saturating_sub(*to) as usize;
                }
                _ => {}
            }
        }
        let lives = track.into_iter().flat_map(|track| track.instances.values());
        let replaced = lives
            .filter(|life| first_us.is_some_and(|first| life.born_us >= first) && !life.ready.is_empty())
            .count();
        let outstanding = ended.len().saturating_sub(replaced) + cut_off.len() + scaled_away;
        Self { struck: [ended, cut_off].concat(), outstanding }
    }

    fn holds(&self, instance: &str) -> bool {
        self.struck.contains(&instance)
    }
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
    if losing == 0 || losing + outstanding <= allowed {
        return Ok(());
    }
    let before = match outstanding {
        0 => String::new(),
        n => format!(", {n} more that were taken before and are not back yet"),
    };
    Err(format!(
        "limits.lost_at_once = {limit} allows {allowed} of {of} instances of \"{group}\" to be lost at once; this fault \
         would take {losing}{before}"
    ))
}

#[cfg(test)]
mod tests;
