//! Where instances are, and what is to be seen of the faults on them.

use kube::ResourceExt;

use crate::history::Event;
use crate::world::kubernetes::nodes::ZONE;
use crate::world::kubernetes::sightings::{Expected, Now};
use crate::world::kubernetes::views::NodeView;

use super::{Observer, Watched};

impl Observer {
    /// Zones come with the nodes, and nodes are watched only where a fault goes by them.
    pub(super) fn on_nodes(&mut self, cluster: usize, watched: Watched<NodeView>) {
        let nodes = match watched {
            Watched::All(nodes) => nodes,
            Watched::Applied(node) => vec![node],
            Watched::Gone(_) | Watched::Connected | Watched::Cut(_) => return,
        };
        let there = |group: &&String| self.clusters[self.groups[*group].place] == cluster;
        let groups: Vec<String> = self.groups.keys().filter(there).cloned().collect();
        let mut changes = Vec::new();
        {
            let mut pods = self.pods.lock().expect("nobody panics with the pods in hand");
            for node in &nodes {
                let Some(zone) = node.labels().get(ZONE) else { continue };
                for group in &groups {
                    let instances = pods.entry(group.clone()).or_default();
                    changes.extend(instances.zoned(group, &node.name_any(), zone));
                }
            }
        }
        changes.into_iter().for_each(|change| self.say(Event::Instance(change)));
    }

    pub(super) fn expect(&mut self, fault: String, group: String, expected: Expected) {
        let backends = |name: &String| self.groups[name].serving.map_or(0, |(_, backends)| backends);
        let served: Vec<&String> =
            self.groups.keys().filter(|name| self.groups[*name].place == self.entry_place).collect();
        let own = if served.contains(&&group) { backends(&group) } else { 0 };
        let all = served.into_iter().map(backends).sum();
        self.sightings.expect(fault, group.clone(), expected, self.clock.now_us(), (own, all));
        self.look_at(&group);
    }

    /// Looks whether a group shows what is waited for.
    pub(super) fn look_at(&mut self, group: &str) {
        let staying = {
            let pods = self.pods.lock().expect("nobody panics with the pods in hand");
            pods.get(group).map_or(0, super::Instances::staying)
        };
        let now = Now { desired: self.groups[group].desired, staying };
        let seen = self.sightings.on_group(group, now);
        seen.into_iter().for_each(|seen| self.say(Event::EffectSeen(seen)));
    }
}
