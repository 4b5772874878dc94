//! `[target.kubernetes]`: a system in a cluster.

use crate::scenario::model::{
    Access, Defects, Entry, Group, HpaController, KubernetesTarget, ObjectPrices, Workload,
};
use crate::scenario::reader::Reader;

use super::system::{Groups, named};

pub(super) fn target(mut reader: Reader<'_>) -> (Option<KubernetesTarget>, Groups<'_>) {
    let which = reader.exactly_one();
    let context = reader.text("context");
    let in_cluster = reader.flag("in_cluster");
    let namespace = reader.text("namespace");
    let service = reader.text("service");
    let port = reader.count("port");
    let address = reader.text("address");
    let hpa = reader.table("hpa").map(hpa).unwrap_or_default();
    let prices = reader.table("prices").map(prices).unwrap_or_default();
    let groups = named(reader.named("group"), group);
    reader.finish();
    let access = match which {
        Some("context") => context.map(Access::Context),
        Some(_) => in_cluster.map(|_| Access::InCluster),
        None => None,
    };
    let entry = match (service, address) {
        (Some(name), _) => Some(Entry::Service { name, port }),
        (None, address) => address.map(Entry::Address),
    };
    let cluster = access.zip(namespace).map(|(access, namespace)| KubernetesTarget {
        access,
        namespace,
        entry,
        hpa,
        prices,
        groups: Default::default(),
    });
    (cluster, groups)
}

fn hpa(mut reader: Reader<'_>) -> HpaController {
    let hpa = HpaController {
        sync_period: reader.time("sync_period"),
        downscale_stabilization: reader.time("downscale_stabilization"),
        tolerance: reader.share("tolerance"),
        cpu_initialization_period: reader.time("cpu_initialization_period"),
        initial_readiness_delay: reader.time("initial_readiness_delay"),
    };
    reader.finish();
    hpa
}

fn prices(mut reader: Reader<'_>) -> ObjectPrices {
    let prices = ObjectPrices {
        node: reader.price("node"),
        volume_per_gib: reader.price("volume_per_gib"),
        load_balancer: reader.price("load_balancer"),
    };
    reader.finish();
    prices
}

fn group(mut reader: Reader<'_>) -> Option<Group> {
    let workload = reader.text("workload");
    let namespace = reader.text("namespace");
    let context = reader.text("context");
    let replicas = reader.count("replicas");
    let capacity = reader.rate("capacity");
    let startup = reader.time("startup");
    let grace = reader.time("grace");
    let price = reader.price("price");
    let takes_over_from = reader.group("takes_over_from");
    let promoted_replicas = reader.count("promoted_replicas");
    reader.finish();
    let workload = workload?;
    let (kind, name) = workload.split_once('/')?;
    Some(Group {
        replicas: replicas.unwrap_or(1),
        capacity,
        startup,
        service_time: None,
        concurrency: None,
        queue: None,
        grace,
        price,
        autoscaler: None,
        takes_over_from,
        promoted_replicas,
        tear_down: None,
        replacement_price: None,
        defects: Defects::default(),
        workload: Some(Workload { kind: kind.to_owned(), name: name.to_owned(), namespace, context }),
    })
}
