//! An object beside the groups over time, and which of them are left.

use std::collections::BTreeMap;

use super::event::{ObjectChange, ObjectState, Phase};
use super::steps::Steps;
use super::tracks::Tracks;

/// Kinds of which there are to be as many as before, whichever they are: one may take another's place.
const COUNTED: [&str; 2] = ["Node", "NodeClaim"];
/// Kinds that are left where they appeared and serve nothing.
const SERVING: [&str; 4] = ["PersistentVolumeClaim", "PersistentVolume", "Service", "Job"];

/// An object over time.
#[derive(Debug, Clone, PartialEq)]
pub struct ObjectTrack {
    /// First seen.
    pub appeared_us: u64,
    /// As it was last told.
    pub last: ObjectChange,
    /// Whether it was there, and for anything.
    pub state: Steps<ObjectState>,
    /// What else was known of it, each time that it changed.
    pub facts: Vec<(u64, BTreeMap<String, String>)>,
}

impl ObjectTrack {
    pub(super) fn new(t_us: u64, change: &ObjectChange) -> Self {
        let facts = vec![(t_us, change.facts.clone())];
        let mut track = Self { appeared_us: t_us, last: change.clone(), state: Steps::new(), facts };
        track.state.push(t_us, change.state);
        track
    }

    pub(super) fn change(&mut self, t_us: u64, change: &ObjectChange) {
        self.state.push(t_us, change.state);
        // What it was like before it went is what is worth knowing.
        if change.state == ObjectState::Gone {
            self.last.state = ObjectState::Gone;
        } else {
            self.last = change.clone();
            self.facts.push((t_us, change.facts.clone()));
        }
    }

    /// Whether it exists at that time.
    pub fn exists_at(&self, t_us: u64) -> bool {
        self.state.at(t_us).is_some_and(|state| *state != ObjectState::Gone)
    }

    /// Whether it exists at that time and serves nothing.
    pub fn is_unused_at(&self, t_us: u64) -> bool {
        self.state.at(t_us) == Some(&ObjectState::Unused)
    }

    /// `PersistentVolumeClaim shop/data-web-2`, `Node surge-1`.
    pub fn called(&self) -> String {
        let ObjectChange { kind, namespace, name, .. } = &self.last;
        match namespace {
            Some(namespace) => format!("{kind} {namespace}/{name}"),
            None => format!("{kind} {name}"),
        }
    }

    /// Whether it is a node, or what makes one.
    pub fn is_of_nodes(&self) -> bool {
        COUNTED.contains(&self.last.kind.as_str())
    }

    /// Who it belongs to: `Pod/web-2 of StatefulSet/web`.
    pub fn belongs_to(&self) -> Option<String> {
        let owners = &self.last.owners;
        (!owners.is_empty()).then(|| owners.join(" of "))
    }
}

impl Tracks {
    /// The objects that are left at a time, as they are not to be after a run: those that appeared after the baseline and
    /// serve nothing; nodes and their claims above as many as there were at baseline, the newest; and nodes that take no pods
    /// any more.
    pub fn left_at(&self, t_us: u64) -> Vec<&ObjectTrack> {
        let Some((from_us, to_us)) = self.baseline_window() else { return Vec::new() };
        let mut left: Vec<&ObjectTrack> = self
            .objects
            .values()
            .filter(|object| {
                let appeared = object.appeared_us > to_us;
                let was_used = object.state.at(to_us) == Some(&ObjectState::Used);
                match object.last.kind.as_str() {
                    kind if SERVING.contains(&kind) => appeared && object.is_unused_at(t_us),
                    "Node" => was_used && object.is_unused_at(t_us),
                    _ => false,
                }
            })
            .collect();
        for kind in COUNTED {
            let all: Vec<&ObjectTrack> =
                self.objects.values().filter(|object| object.last.kind == kind).collect();
            let now = all.iter().filter(|object| object.exists_at(t_us)).count();
            let more = now.saturating_sub(most(&all, from_us, to_us));
            let mut new: Vec<&ObjectTrack> = all
                .into_iter()
                .filter(|object| object.appeared_us > to_us && object.exists_at(t_us))
                .collect();
            new.sort_by_key(|object| std::cmp::Reverse((object.appeared_us, object.last.name.clone())));
            new.truncate(more);
            left.extend(new);
        }
        left.sort_by_key(|object| (object.appeared_us, object.called()));
        left
    }

    /// The instants at which what is left may change.
    pub fn object_changes(&self) -> impl Iterator<Item = u64> {
        self.objects.values().flat_map(|object| object.state.points()).map(|(t, _)| *t)
    }

    /// The objects that appeared after the baseline.
    pub fn appeared(&self) -> impl Iterator<Item = &ObjectTrack> {
        let since_us = self.phase_us(Phase::Stimulus);
        self.objects
            .values()
            .filter(move |object| since_us.is_some_and(|since_us| object.appeared_us > since_us))
    }
}

/// The most of some objects that existed at once in that time.
fn most(objects: &[&ObjectTrack], from_us: u64, to_us: u64) -> usize {
    let changes = objects.iter().flat_map(|object| object.state.points()).map(|(t, _)| *t);
    let times = changes.filter(|t| (from_us..=to_us).contains(t)).chain([from_us]);
    times.map(|t| objects.iter().filter(|object| object.exists_at(t)).count()).max().unwrap_or(0)
}
