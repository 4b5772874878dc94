//! Where traffic goes: the endpoints of the Service that takes the load.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::ResourceExt;

use crate::history::{Event, Route};

use super::{ENDPOINTS_FEED, Objects, Observer, Watched};

impl Observer {
    pub(super) fn on_endpoints(&mut self, watched: Watched<EndpointSlice>) {
        let Some(objects) = self.feed(ENDPOINTS_FEED, watched) else { return };
        let Some(slices) = &mut self.endpoints else { return };
        match objects {
            Objects::All(all) => {
                *slices = all.iter().map(|slice| (slice.name_any(), ready_pods(slice))).collect()
            }
            Objects::Applied(slice) => {
                slices.insert(slice.name_any(), ready_pods(&slice));
            }
            Objects::Gone(slice) => {
                slices.remove(&slice.name_any());
            }
        }
        let groups: Vec<String> = self.groups.keys().cloned().collect();
        groups.iter().for_each(|group| self.route(group));
    }

    /// Whether traffic goes to a group, and to how many: by the Service's endpoints; where no Service is known, by readiness.
    pub(super) fn route(&mut self, group: &str) {
        let (ready, own) = {
            let pods = self.pods.lock().expect("nobody panics with the pods in hand");
            let instances = &pods[group];
            let own: BTreeSet<&str> = instances.pods().collect();
            let sent_to = |slices: &BTreeMap<String, BTreeSet<String>>| {
                let all: BTreeSet<&String> = slices.values().flatten().collect();
                all.into_iter().filter(|pod| own.contains(pod.as_str())).count()
            };
            (instances.ready(), self.endpoints.as_ref().map(sent_to))
        };
        let is_seen = self.endpoints.is_some() && self.groups[group].place == self.entry_place;
        let backends = match own.filter(|_| is_seen) {
            Some(sent_to) => u32::try_from(sent_to).unwrap_or(u32::MAX),
            None => ready,
        };
        let now = (backends > 0, backends);
        let seen = self.groups.get_mut(group).expect("only known groups are routed to");
        if seen.serving.replace(now) != Some(now) {
            self.say(Event::Route(Route { group: group.to_owned(), serving: now.0, backends: now.1 }));
        }
    }
}

/// The pods that a slice has as ready.
fn ready_pods(slice: &EndpointSlice) -> BTreeSet<String> {
    let ready = slice.endpoints.iter().flatten().filter(|endpoint| {
        endpoint.conditions.as_ref().is_none_or(|conditions| conditions.ready.unwrap_or(true))
    });
    ready.filter_map(|endpoint| endpoint.target_ref.as_ref()?.name.clone()).collect()
}
