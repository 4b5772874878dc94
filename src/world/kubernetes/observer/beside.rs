//! What stands beside the groups.

use kube::api::DynamicObject;

use crate::scenario::KubernetesTarget;
use crate::world::kubernetes::objects::{Beside, Kind};
use crate::world::kubernetes::preflight::Watching;
use crate::world::kubernetes::views::PodView;
use crate::world::kubernetes::vouch::Vouchers;

use super::{Observer, Watched};

fn objects_feed(place: usize, kind: Kind) -> String {
    format!("{kind:?}/{place}")
}

fn users_feed(place: usize) -> String {
    format!("users/{place}")
}

/// Whatever stands beside the groups of each place, and, where it is asked for, a source that vouches for it.
pub(super) fn of_places(
    target: &KubernetesTarget,
    places: &[Watching],
    vouchers: &mut Vouchers,
) -> Vec<Beside> {
    for (place, watching) in places.iter().enumerate() {
        let Some(source) = watching.source.clone() else { continue };
        let counting = watching.kinds.iter().filter(|to_watch| to_watch.counts());
        let mut feeds: Vec<String> = counting.map(|to_watch| objects_feed(place, to_watch.kind)).collect();
        feeds.extend(watching.users().then(|| users_feed(place)));
        vouchers.source(source, place, feeds);
    }
    let beside = |watching: &Watching| Beside::new(target.prices.clone(), watching.namespace.clone());
    places.iter().map(beside).collect()
}

impl Observer {
    pub(super) fn on_object(&mut self, place: usize, kind: Kind, watched: Watched<DynamicObject>) {
        let Some(objects) = self.feed(&objects_feed(place, kind), watched) else { return };
        let events = self.beside[place].take(kind, objects);
        events.into_iter().for_each(|event| self.say(event));
    }

    pub(super) fn on_users(&mut self, place: usize, watched: Watched<PodView>) {
        let Some(objects) = self.feed(&users_feed(place), watched) else { return };
        let events = self.beside[place].take_pods(objects);
        events.into_iter().for_each(|event| self.say(event));
    }
}
