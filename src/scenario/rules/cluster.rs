//! A cluster: where load goes, and that no workload is two groups.

use super::Rules;
use crate::scenario::tree::Value;

impl Rules<'_, '_> {
    pub(super) fn cluster(&self) {
        let node = self.draft.root.get("target").get("kubernetes");
        if !matches!(node.value, Value::Table(_)) {
            return;
        }
        let groups = node.get("group");
        if matches!(groups.value, Value::Table(_)) && groups.entries().is_empty() {
            self.error("no-group", "there is no group under test")
                .at(groups, "empty")
                .help("name one: `[target.kubernetes.group.primary]`, with `workload = \"Deployment/checkout\"`")
                .report();
        }
        if matches!(node.get("in_cluster").value, Value::Flag(false)) {
            self.error("bad-value", "`in_cluster` can only be true")
                .at(node.get("in_cluster"), "says nothing")
                .help("leave it away, and name a `context` of the kubeconfig")
                .report();
        }
        self.entry();
        self.twice();
    }

    /// Load goes to one place.
    fn entry(&self) {
        let node = self.draft.root.get("target").get("kubernetes");
        let (service, address, port) = (node.get("service"), node.get("address"), node.get("port"));
        match (service.is_absent(), address.is_absent()) {
            (false, false) => self
                .error("two-entries", "load can go to a Service or to an address, not to both")
                .at(address, "an address")
                .and(service, "a Service")
                .help("keep one of them")
                .report(),
            (true, true) if self.has_load() => self
                .error("no-entry", "there is load, but nothing says where it goes")
                .at(self.draft.root.get("load"), "goes where?")
                .and(node, "neither `service` nor `address` here")
                .help("name the Service that takes the traffic: `service = \"checkout\"`")
                .report(),
            _ => {}
        }
        if !port.is_absent() && service.is_absent() {
            self.error("port-of-nothing", "`port` is a port of the Service, and none is named")
                .at(port, "whose?")
                .help("an `address` has its port in itself: `address = \"checkout.staging.example:80\"`")
                .report();
        }
    }

    /// What is counted in two groups would be counted twice.
    fn twice(&self) {
        let mut seen: Vec<(&String, _)> = Vec::new();
        let mut groups: Vec<_> = self.draft.groups.iter().collect();
        groups.sort_by_key(|(_, group)| {
            group.node.get("workload").place.as_ref().map(|place| place.span.start)
        });
        for (name, group) in groups {
            let Some(workload) = &group.value.workload else { continue };
            if let Some((other, _)) = seen.iter().find(|(_, same)| *same == workload) {
                self.error("duplicate-workload", format!("`{name}` is the same workload as `{other}`"))
                    .at(group.node.get("workload"), "again here")
                    .and(self.draft.groups[*other].node.get("workload"), "first here")
                    .help("a workload is one group")
                    .report();
            }
            seen.push((name, workload));
        }
    }
}
