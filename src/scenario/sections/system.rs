//! `[owner]` and `[target]`: whose system it is, and what it is made of.

use std::collections::BTreeMap;

use crate::scenario::model::{
    Blackout, Defects, Distribution, FloorChanged, Group, KubernetesTarget, LocalAutoscaler, Owner,
    PolicyAmount, Regrowth, ScalingPolicy, ScalingRules, SelectPolicy, ServiceTime,
};
use crate::scenario::reader::{Read, Reader};
use crate::scenario::tree::Value;

use super::kubernetes;

pub(super) fn owner(mut reader: Reader<'_>) -> Option<Owner> {
    let team = reader.text("team");
    let cost_center = reader.text("cost_center");
    reader.finish();
    Some(Owner { team: team?, cost_center })
}

pub(super) type Groups<'t> = BTreeMap<String, Read<'t, Group>>;

/// The cluster without its groups, where the target is one, and the groups.
pub(super) fn target(mut reader: Reader<'_>) -> (Option<KubernetesTarget>, Groups<'_>) {
    let which = reader.exactly_one();
    let local = named(reader.named("local"), group);
    let (cluster, groups) = reader.table("kubernetes").map(kubernetes::target).unwrap_or_default();
    reader.finish();
    match which {
        Some("kubernetes") => (cluster, groups),
        _ => (None, local),
    }
}

/// Each group that can be read, with its place.
pub(super) fn named<'t>(
    readers: Vec<(String, Reader<'t>)>,
    read: impl Fn(Reader<'t>) -> Option<Group>,
) -> Groups<'t> {
    let mut groups = BTreeMap::new();
    for (name, reader) in readers {
        let node = reader.whole();
        groups.extend(read(reader).map(|value| (name, Read { value, node })));
    }
    groups
}

fn group(mut reader: Reader<'_>) -> Option<Group> {
    let replicas = reader.count("replicas");
    let capacity = reader.rate("capacity");
    let startup = reader.time("startup");
    let service_time = service_time(&mut reader);
    let concurrency = reader.count("concurrency");
    let queue = reader.count("queue");
    let grace = reader.time("grace");
    let price = reader.price("price");
    let (autoscaler_written, autoscaler) = match reader.table("autoscaler") {
        Some(inner) => (true, autoscaler(inner)),
        None => (false, None),
    };
    let takes_over_from = reader.group("takes_over_from");
    let promoted_replicas = reader.count("promoted_replicas");
    let tear_down = reader.texts("tear_down");
    let replacement_price = reader.price("replacement_price");
    let defects = reader.table("defects").map(defects);
    reader.finish();
    if autoscaler_written && autoscaler.is_none() {
        // A group whose autoscaler is unreadable must not be judged as one that has none.
        return None;
    }
    Some(Group {
        replicas: replicas?,
        capacity,
        startup,
        service_time,
        concurrency,
        queue,
        grace,
        price,
        autoscaler,
        takes_over_from,
        promoted_replicas,
        tear_down,
        replacement_price,
        defects: defects.unwrap_or_default(),
        workload: None,
    })
}

/// A duration alone is the mean of a constant.
fn service_time(group: &mut Reader<'_>) -> Option<ServiceTime> {
    if !matches!(group.whole().get("service_time").value, Value::Table(_)) {
        let mean = group.time("service_time")?;
        return Some(ServiceTime { mean, distribution: Distribution::Constant });
    }
    let mut reader = group.table("service_time")?;
    let mean = reader.time("mean");
    let distribution = reader.word("distribution").map_or(Distribution::Constant, |word| match word {
        "exponential" => Distribution::Exponential,
        "uniform" => Distribution::Uniform,
        _ => Distribution::Constant,
    });
    reader.finish();
    Some(ServiceTime { mean: mean?, distribution })
}

fn autoscaler(mut reader: Reader<'_>) -> Option<LocalAutoscaler> {
    let min_replicas = reader.count("min_replicas");
    let max_replicas = reader.count("max_replicas");
    let target_utilization = reader.share("target_utilization");
    let sync_period = reader.time("sync_period");
    let tolerance = reader.share("tolerance");
    let scale_up = reader.table("scale_up").map(scaling).unwrap_or_default();
    let scale_down = reader.table("scale_down").map(scaling).unwrap_or_default();
    reader.finish();
    Some(LocalAutoscaler {
        min_replicas: min_replicas?,
        max_replicas: max_replicas?,
        target_utilization: target_utilization?,
        sync_period,
        tolerance,
        scale_up,
        scale_down,
    })
}

fn scaling(mut reader: Reader<'_>) -> ScalingRules {
    let stabilization_window = reader.time("stabilization_window");
    let select_policy = reader.word("select_policy").map(|word| match word {
        "Min" => SelectPolicy::Min,
        "Disabled" => SelectPolicy::Disabled,
        _ => SelectPolicy::Max,
    });
    let written = !reader.whole().get("policies").is_absent();
    let policies: Vec<ScalingPolicy> = reader.tables("policies").into_iter().filter_map(policy).collect();
    let tolerance = reader.share("tolerance");
    reader.finish();
    ScalingRules { stabilization_window, select_policy, policies: written.then_some(policies), tolerance }
}

fn policy(mut reader: Reader<'_>) -> Option<ScalingPolicy> {
    let which = reader.exactly_one();
    let percent = reader.count("percent");
    let pods = reader.count("pods");
    let period = reader.time("period");
    reader.finish();
    let amount = match which? {
        "pods" => PolicyAmount::Pods(pods?),
        _ => PolicyAmount::Percent(percent?),
    };
    Some(ScalingPolicy { amount, period: period? })
}

fn defects(mut reader: Reader<'_>) -> Defects {
    let metric_frozen_at = reader.time("metric_frozen_at");
    let leaves_behind = reader.count("leaves_behind");
    let regrowth = reader.table("regrowth").and_then(regrowth);
    let never_released = reader.flag("never_released");
    let released_after = reader.time("released_after");
    let ignores_sigterm = reader.flag("ignores_sigterm");
    let never_replaced = reader.flag("never_replaced");
    let floor_changed = reader.table("floor_changed").and_then(floor_changed);
    let blackout = reader.table("blackout").and_then(blackout);
    let never_ready = reader.flag("never_ready");
    reader.finish();
    Defects {
        metric_frozen_at,
        leaves_behind,
        regrowth,
        never_released,
        released_after,
        ignores_sigterm,
        never_replaced,
        floor_changed,
        blackout,
        never_ready,
    }
}

fn regrowth(mut reader: Reader<'_>) -> Option<Regrowth> {
    let replicas = reader.count("replicas");
    let after = reader.time("after");
    reader.finish();
    Some(Regrowth { replicas: replicas?, after: after? })
}

fn floor_changed(mut reader: Reader<'_>) -> Option<FloorChanged> {
    let at = reader.time("at");
    let min_replicas = reader.count("min_replicas");
    let by = reader.text("by");
    reader.finish();
    Some(FloorChanged { at: at?, min_replicas: min_replicas?, by: by? })
}

fn blackout(mut reader: Reader<'_>) -> Option<Blackout> {
    let at = reader.time("at");
    let lasts = reader.time("lasts");
    reader.finish();
    Some(Blackout { at: at?, lasts: lasts? })
}
