//! `[load]`, `[[fault]]` and `[limits]`: what is done to the system.

use crate::scenario::model::{
    Among, Fault, FaultAction, Limits, Load, NodeChoice, Pick, Shape, Surge, Termination, Victims,
};
use crate::scenario::reader::{Read, Reader};
use crate::scenario::tree::Node;
use crate::scenario::units::{Rate, Span};

/// The load without its surges, and the surges.
pub(super) fn load(mut reader: Reader<'_>) -> (Option<Read<'_, Load>>, Vec<Read<'_, Surge>>) {
    let node = reader.whole();
    let path = reader.text("path");
    let baseline_rate = reader.rate("baseline_rate");
    let timeout = reader.time("timeout");
    let max_in_flight = reader.count("max_in_flight");
    let surges = reader
        .tables("surge")
        .into_iter()
        .filter_map(|reader| {
            let node = reader.whole();
            surge(reader).map(|value| Read { value, node })
        })
        .collect();
    reader.finish();
    let load = path.zip(baseline_rate).map(|(path, baseline_rate)| Read {
        value: Load { path, baseline_rate, surges: Vec::new(), timeout, max_in_flight },
        node,
    });
    (load, surges)
}

fn surge(mut reader: Reader<'_>) -> Option<Surge> {
    let which = reader.exactly_one();
    let at = reader.time("at");
    let ramp = reader.table("ramp").and_then(ramp);
    let step = reader.table("step").and_then(held);
    let spike = reader.table("spike").and_then(held);
    let poisson = reader.table("poisson").and_then(held);
    reader.finish();
    let shape = match which? {
        "ramp" => ramp?,
        "step" => step.map(|(to_rate, lasts)| Shape::Step { to_rate, lasts })?,
        "spike" => spike.map(|(to_rate, lasts)| Shape::Spike { to_rate, lasts })?,
        _ => poisson.map(|(to_rate, lasts)| Shape::Poisson { to_rate, lasts })?,
    };
    Some(Surge { at: at?, shape })
}

fn ramp(mut reader: Reader<'_>) -> Option<Shape> {
    let to_rate = reader.rate("to_rate");
    let over = reader.time("over");
    let lasts = reader.time("lasts");
    reader.finish();
    Some(Shape::Ramp { to_rate: to_rate?, over: over?, lasts: lasts? })
}

fn held(mut reader: Reader<'_>) -> Option<(Rate, Span)> {
    let to_rate = reader.rate("to_rate");
    let lasts = reader.time("lasts");
    reader.finish();
    to_rate.zip(lasts)
}

pub(super) fn faults(readers: Vec<Reader<'_>>) -> Vec<Read<'_, Fault>> {
    readers
        .into_iter()
        .filter_map(|reader| {
            let node = reader.whole();
            fault(reader).map(|value| Read { value, node })
        })
        .collect()
}

fn fault(mut reader: Reader<'_>) -> Option<Fault> {
    let which = reader.exactly_one();
    let at = reader.time("at");
    let actions = [
        ("terminate", reader.table("terminate").and_then(terminate)),
        ("lose", reader.table("lose").and_then(lose)),
        ("scale", reader.table("scale").and_then(scale)),
        ("partition", reader.table("partition").and_then(partition)),
        ("drain", reader.table("drain").and_then(drain)),
        ("reclaim", reader.table("reclaim").and_then(reclaim)),
        ("outage", reader.table("outage").and_then(outage)),
        ("manifest", reader.table("manifest").and_then(manifest)),
    ];
    reader.finish();
    let which = which?;
    let (_, action) = actions.into_iter().find(|(key, _)| *key == which)?;
    Some(Fault { at: at?, action: action? })
}

fn terminate(mut reader: Reader<'_>) -> Option<FaultAction> {
    let which = reader.exactly_one();
    let group = reader.group("group");
    let count = reader.count("count");
    let share = reader.share("share");
    let instances = reader.texts("instances");
    let how = reader.word("how");
    let pick = pick(&mut reader);
    let among =
        Among { node: reader.text("node"), zone: reader.text("zone"), labels: reader.parsed("labels") };
    reader.finish();
    let victims = match which? {
        "count" => Victims::Count { count: count?, pick },
        "share" => Victims::Share { share: share?, pick },
        _ => Victims::Named(instances?),
    };
    let how = match how? {
        "kill" => Termination::Kill,
        "evict" => Termination::Evict,
        _ => Termination::Graceful,
    };
    Some(FaultAction::Terminate { group: group?, victims, how, among })
}

fn pick(reader: &mut Reader<'_>) -> Pick {
    reader.word("pick").map_or(Pick::Random, |word| match word {
        "oldest" => Pick::Oldest,
        "newest" => Pick::Newest,
        _ => Pick::Random,
    })
}

fn lose(mut reader: Reader<'_>) -> Option<FaultAction> {
    let group = reader.group("group");
    let lasts = reader.time("lasts");
    reader.finish();
    Some(FaultAction::Lose { group: group?, lasts: lasts? })
}

fn scale(mut reader: Reader<'_>) -> Option<FaultAction> {
    let group = reader.group("group");
    let to = reader.count("to");
    let lasts = reader.time("lasts");
    reader.finish();
    Some(FaultAction::Scale { group: group?, to: to?, lasts: lasts? })
}

fn partition(mut reader: Reader<'_>) -> Option<FaultAction> {
    let group = reader.group("group");
    let lasts = reader.time("lasts");
    reader.finish();
    Some(FaultAction::Partition { group: group?, lasts: lasts? })
}

/// What all faults on nodes say: whose, which, and how long.
fn on_nodes(reader: &mut Reader<'_>) -> Option<(String, NodeChoice, Span)> {
    let which = reader.exactly_one();
    let group = reader.group("group");
    let count = reader.count("nodes");
    let node = reader.text("node");
    let zone = reader.text("zone");
    let pick = pick(reader);
    let lasts = reader.time("lasts");
    let nodes = match which? {
        "nodes" => NodeChoice::Count { count: count?, pick },
        "node" => NodeChoice::Named(node?),
        _ => NodeChoice::Zone(zone?),
    };
    Some((group?, nodes, lasts?))
}

fn drain(mut reader: Reader<'_>) -> Option<FaultAction> {
    let read = on_nodes(&mut reader);
    reader.finish();
    read.map(|(group, nodes, lasts)| FaultAction::Drain { group, nodes, lasts })
}

fn reclaim(mut reader: Reader<'_>) -> Option<FaultAction> {
    let read = on_nodes(&mut reader);
    let notice = reader.time("notice");
    reader.finish();
    let (group, nodes, lasts) = read?;
    Some(FaultAction::Reclaim { group, nodes, notice: notice?, lasts })
}

fn outage(mut reader: Reader<'_>) -> Option<FaultAction> {
    let read = on_nodes(&mut reader);
    reader.finish();
    read.map(|(group, nodes, lasts)| FaultAction::Outage { group, nodes, lasts })
}

fn manifest(mut reader: Reader<'_>) -> Option<FaultAction> {
    let group = reader.group("group");
    let file = reader.text("file");
    let wait_for = reader.parsed("wait_for");
    let within = reader.time("within");
    let lasts = reader.time("lasts");
    let written = reader.whole().get("file");
    let context = reader.context;
    reader.finish();
    let objects = file.as_ref().and_then(|file| context.files.objects(file, written, context.problems));
    Some(FaultAction::Manifest {
        group: group?,
        file: file?,
        objects: objects?,
        wait_for: wait_for?,
        within: within?,
        lasts: lasts?,
    })
}

pub(super) fn limits<'t>(reader: Option<Reader<'t>>, node: &'t Node) -> Read<'t, Limits> {
    let mut limits = Limits::default();
    if let Some(mut reader) = reader {
        limits.lost_at_once = reader.share("lost_at_once");
        reader.finish();
    }
    Read { value: limits, node }
}
