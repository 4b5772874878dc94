//! What is left beside the groups, and whose it was.

use crate::history::{ObjectState, ObjectTrack, Tracks};

use super::Diagnosis;
use super::case::{Case, because};
use super::nodes;
use super::say::lasting;

/// Every object that is left, what is true of several told once.
pub(super) fn causes(case: &Case) -> Vec<Diagnosis> {
    let left = left(case);
    let mut causes = Vec::new();
    for object in &left {
        let own = match object.last.kind.as_str() {
            "PersistentVolumeClaim" | "PersistentVolume" => vec![volume(case, object)],
            "Service" => vec![load_balancer(case, object)],
            "Job" => vec![job(case, object)],
            "Node" => Vec::from_iter(nodes::of_node(case, object, &left)),
            "NodeClaim" => nodes::of_claim(case, object),
            _ => Vec::new(),
        };
        causes.extend(own.into_iter().map(|cause| (*object, cause)));
    }
    together(causes)
}

/// What was left in the time that was judged, and did not go at once.
fn left<'a>(case: &Case<'a>) -> Vec<&'a ObjectTrack> {
    const UNDER_WAY_US: u64 = 1_000_000;
    let is_left = |object: &ObjectTrack, t_us: u64| {
        let left = case.tracks.left_at(t_us);
        left.iter().any(|other| other.last.uid == object.last.uid)
    };
    let mut all: Vec<&ObjectTrack> = Vec::new();
    for t_us in times(case.tracks, case.from_us, case.to_us) {
        for object in case.tracks.left_at(t_us) {
            let stays = is_left(object, (t_us + UNDER_WAY_US).min(case.to_us));
            if stays && all.iter().all(|known| known.last.uid != object.last.uid) {
                all.push(object);
            }
        }
    }
    all
}

fn times(tracks: &Tracks, from_us: u64, to_us: u64) -> Vec<u64> {
    let within = tracks.object_changes().filter(|t| (from_us..=to_us).contains(t));
    let mut times: Vec<u64> = within.chain([from_us]).collect();
    times.sort_unstable();
    times.dedup();
    times
}

/// One cause for all objects of one code and one owner: the first is named, and so are the others.
fn together(causes: Vec<(&ObjectTrack, Diagnosis)>) -> Vec<Diagnosis> {
    let mut told: Vec<(&ObjectTrack, Diagnosis, Vec<&str>)> = Vec::new();
    for (object, cause) in causes {
        let same = told.iter_mut().find(|(first, known, _)| {
            let belongs = |object: &ObjectTrack| object.last.owners.last().cloned();
            known.code == cause.code && belongs(first).is_some() && belongs(first) == belongs(object)
        });
        match same {
            Some((_, _, others)) => others.push(&object.last.name),
            None => told.push((object, cause, Vec::new())),
        }
    }
    let merged = told.into_iter().map(|(_, mut first, others)| {
        if !others.is_empty() {
            first.seen += &format!("; the same of {}", others.join(", "));
            first.object = format!("{} and {} more", first.object, others.len());
        }
        first
    });
    merged.collect()
}

/// Facts, and since when it has been for nothing.
struct Seen<'a>(Vec<String>, &'a ObjectTrack);

impl<'a> Seen<'a> {
    fn of(case: &Case, object: &'a ObjectTrack) -> Self {
        let unused = object.state.points().iter().rev();
        let unused = unused.take_while(|(_, state)| *state != ObjectState::Used).last();
        let appeared = format!("appeared at {}", case.at(object.appeared_us));
        let mut seen = Self(vec![appeared], object);
        if let Some((t, _)) = unused.filter(|(t, _)| *t > object.appeared_us) {
            seen.0.push(format!("used by nothing since {}", case.at(*t)));
        }
        seen
    }

    fn with(mut self, words: impl Into<Option<String>>) -> Self {
        self.0.extend(words.into());
        self
    }

    fn fact(self, name: &str) -> Self {
        let words = self.1.last.facts.get(name).map(|value| format!("{name} {value}"));
        self.with(words)
    }

    fn told(self) -> String {
        let price = self.1.last.price.as_ref().map(|price| format!("costs {price}"));
        self.with(price).0.join(", ")
    }
}

fn volume(case: &Case, object: &ObjectTrack) -> Diagnosis {
    let last = &object.last;
    let seen = Seen::of(case, object)
        .fact("size")
        .fact("last mounted by")
        .fact("phase")
        .fact("reclaim policy")
        .with(beyond(case, object))
        .fact("being deleted, waits for")
        .told();
    let stateful = last.owners.iter().find(|owner| owner.starts_with("StatefulSet/"));
    let delete = match &last.namespace {
        Some(namespace) => format!("kubectl -n {namespace} delete pvc {}", last.name),
        None => format!("kubectl delete pv {}", last.name),
    };
    let next = match stateful {
        Some(owner) => format!(
            "set spec.persistentVolumeClaimRetentionPolicy.whenScaled to Delete on {owner}, if nobody needs what a pod leaves \
             there; then {delete}"
        ),
        None => format!("see who made it and was to take it away; if nobody needs what is on it: {delete}"),
    };
    because("pvc-orphan", object.called(), seen, next)
}

/// The ordinal of a claim above what its StatefulSet wants.
fn beyond(case: &Case, object: &ObjectTrack) -> Option<String> {
    let stateful = object.last.owners.iter().find_map(|owner| owner.strip_prefix("StatefulSet/"))?;
    let ordinal: u32 = object.last.name.rsplit_once('-')?.1.parse().ok()?;
    let groups = case.tracks.header.as_ref()?.scenario.groups();
    let (group, _) = groups.iter().find(|(_, group)| {
        let workload = group.workload.as_ref();
        workload.is_some_and(|workload| workload.kind.starts_with("StatefulSet") && workload.name == stateful)
    })?;
    let wanted = *case.tracks.groups.get(group)?.desired.at(case.to_us)?;
    (ordinal >= wanted).then(|| format!("ordinal {ordinal} of a StatefulSet that wants {wanted}"))
}

fn load_balancer(case: &Case, object: &ObjectTrack) -> Diagnosis {
    let last = &object.last;
    let seen =
        Seen::of(case, object).fact("address").fact("endpoints").fact("selector").fact("made by").told();
    let namespace = last.namespace.as_deref().unwrap_or_default();
    let next = format!(
        "if what it stood for is gone: kubectl -n {namespace} delete service {}; else see why nothing that its selector \
         matches is ready",
        last.name
    );
    because("lb-orphan", object.called(), seen, next)
}

fn job(case: &Case, object: &ObjectTrack) -> Diagnosis {
    let last = &object.last;
    let status = last.facts.get("status").cloned();
    let is_active = status.as_deref().is_some_and(|status| status.starts_with("not finished"));
    let seen = Seen::of(case, object)
        .with(status)
        .fact("time to live once finished")
        .fact("made by")
        .with(format!("still there {} later", lasting(case.to_us.saturating_sub(object.appeared_us))))
        .told();
    let namespace = last.namespace.as_deref().unwrap_or_default();
    let next = match is_active {
        true => format!(
            "see what keeps it from finishing (kubectl -n {namespace} logs job/{}), and give it an activeDeadlineSeconds",
            last.name
        ),
        false => {
            "give it a ttlSecondsAfterFinished, so that it goes with its pods once it is done".to_owned()
        }
    };
    because("job-left", object.called(), seen, next)
}
