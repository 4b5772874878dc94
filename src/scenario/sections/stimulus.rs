//! `[load]`, `[[fault]]` and `[limits]`: what is done to the system.

use crate::scenario::model::{
    Among, Fault, FaultAction, Limits, Load, Pick, Shape, Surge, Termination, Victims,
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
    let terminate = reader.table("terminate").and_then(terminate);
    let lose = reader.table("lose").and_then(lose);
    reader.finish();
    let action = match which? {
        "terminate" => terminate?,
        _ => lose?,
    };
    Some(Fault { at: at?, action })
}

fn terminate(mut reader: Reader<'_>) -> Option<FaultAction> {
    let which = reader.exactly_one();
    let group = reader.group("group");
    let count = reader.count("count");
    let share = reader.share("share");
    let instances = reader.texts("instances");
    let how = reader.word("how");
    let pick = reader.word("pick").map_or(Pick::Random, |word| match word {
        "oldest" => Pick::Oldest,
        "newest" => Pick::Newest,
        _ => Pick::Random,
    });
    reader.finish();
    let victims = match which? {
        "count" => Victims::Count { count: count?, pick },
        "share" => Victims::Share { share: share?, pick },
        _ => Victims::Named(instances?),
    };
    let how = if how? == "kill" { Termination::Kill } else { Termination::Graceful };
    Some(FaultAction::Terminate { group: group?, victims, how, among: Among::default() })
}

fn lose(mut reader: Reader<'_>) -> Option<FaultAction> {
    let group = reader.group("group");
    let lasts = reader.time("lasts");
    reader.finish();
    Some(FaultAction::Lose { group: group?, lasts: lasts? })
}

pub(super) fn limits<'t>(reader: Option<Reader<'t>>, node: &'t Node) -> Read<'t, Limits> {
    let mut limits = Limits::default();
    if let Some(mut reader) = reader {
        limits.lost_at_once = reader.share("lost_at_once");
        reader.finish();
    }
    Read { value: limits, node }
}
