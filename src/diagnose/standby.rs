//! Standbys: not released, released too early, never needed.

use crate::history::GroupTrack;

use super::Diagnosis;
use super::case::{Case, Excess, because, instances};
use super::say::lasting;

/// Why a standby is larger than asleep although its primary is healthy.
pub(super) fn not_released(case: &Case, name: &str, group: &GroupTrack, excess: Excess) -> Option<Diagnosis> {
    let (promoted_us, promotion) =
        group.writes.iter().rev().find(|(t, write)| *t <= excess.to_us && write.replicas > excess.bound)?;
    if promotion.by != "failover"
        || group.desired.at(excess.from_us).is_none_or(|wanted| *wanted <= excess.bound)
    {
        return None;
    }
    let healthy = match healthy_since(case, excess.to_us) {
        Some(since_us) => format!("the primary has been healthy since {}", case.at(since_us)),
        None => "the primary is not known to be healthy".to_owned(),
    };
    let released = group.writes.iter().find(|(t, write)| *t > *promoted_us && write.replicas <= excess.bound);
    let release = match released {
        Some((t, write)) => format!("\"{}\" released it at {}", write.by, case.at(*t)),
        None => format!("nobody has lowered it in {}", lasting(excess.to_us - promoted_us)),
    };
    let seen = format!(
        "promoted to {} at {} (\"{}\"); {healthy}; {release}",
        instances(promotion.replicas),
        case.at(*promoted_us),
        promotion.reason
    );
    let next = "let what promotes the standby release it too, once the primary has been healthy for a while";
    Some(because("standby-not-released", format!("group {name}"), seen, next))
}

fn healthy_since(case: &Case, by_us: u64) -> Option<u64> {
    lost(case)
        .filter_map(|(primary, lost_us)| {
            let baseline = case.tracks.baseline(primary)?;
            let healthy = case.tracks.groups.get(primary)?.healthy(baseline);
            let last = healthy.points().iter().rev().find(|(t, _)| *t <= by_us)?;
            (last.1 && last.0 >= lost_us).then_some(last.0)
        })
        .max()
}

/// The groups that were taken down, and when.
fn lost<'a>(case: &Case<'a>) -> impl Iterator<Item = (&'a str, u64)> {
    case.tracks.faults.values().filter_map(|fault| {
        let (t, intent) = fault.intent.as_ref().filter(|_| fault.injected())?;
        intent.action.can_take_down().then_some((intent.group.as_str(), *t))
    })
}

/// Releases that came while a primary was down.
fn early<'a>(case: &Case<'a>) -> Vec<(&'a str, u64, &'a str, u32)> {
    let mut releases = Vec::new();
    for (name, group) in &case.tracks.groups {
        for pair in group.writes.windows(2) {
            let (t, write) = &pair[1];
            if write.by != "failover" || write.replicas >= pair[0].1.replicas {
                continue;
            }
            for (primary, lost_us) in lost(case).filter(|(primary, lost_us)| primary != name && lost_us < t) {
                let Some((track, baseline)) =
                    case.tracks.groups.get(primary).zip(case.tracks.baseline(primary))
                else {
                    continue;
                };
                let healthy = track.healthy(baseline);
                let ready = track.ready().at(*t).copied().unwrap_or(0);
                if healthy.at(*t) == Some(&false) && lost_us < *t {
                    releases.push((name.as_str(), *t, primary, ready));
                }
            }
        }
    }
    releases
}

/// A standby that was sent to sleep while its primary was down.
pub(super) fn released_early(case: &Case) -> Vec<Diagnosis> {
    early(case).into_iter().map(|release| told(case, release, String::new())).collect()
}

/// The same, where it left an outage behind.
pub(super) fn released_during(case: &Case, from_us: u64, to_us: u64, share: &str) -> Option<Diagnosis> {
    let release = early(case).into_iter().find(|(_, t, ..)| *t < to_us && *t + 5_000_000 >= from_us)?;
    let outage = format!("; {share} from {}, when no instance was sent to", case.during(from_us, to_us));
    Some(told(case, release, outage))
}

fn told(case: &Case, (name, t, primary, ready): (&str, u64, &str, u32), outage: String) -> Diagnosis {
    let baseline = case.tracks.baseline(primary).unwrap_or(0);
    let seen = format!(
        "released at {} while \"{primary}\" had {ready} of {baseline} ready and was not healthy{outage}",
        case.at(t)
    );
    let next = "release the standby on the primary's health, not after a time; and only once the balancer sends to it again";
    because("standby-released-early", format!("group {name}"), seen, next)
}

/// Why a standby never had to stand in.
pub(super) fn never_activated(case: &Case) -> Diagnosis {
    let mut losses = lost(case).peekable();
    let why = if losses.peek().is_none() {
        "no fault lost a whole group".to_owned()
    } else {
        let tries: Vec<String> = losses
            .map(|(primary, t)| {
                let group = case.tracks.groups.get(primary);
                let left =
                    group.and_then(|group| group.ready().over(t, case.to_us).iter().map(|s| s.value).min());
                format!("\"{primary}\" was lost at {}, down to {} ready", case.at(t), left.unwrap_or(0))
            })
            .collect();
        format!("{}; still nothing promoted the standby", tries.join(", "))
    };
    let names: Vec<&str> = case.groups().iter().map(|(name, _)| *name).collect();
    let next =
        "lose the primary for longer than the failover takes to notice, or see why the failover does not act";
    because("standby-never-activated", format!("group {}", names.join(", ")), why, next)
}
