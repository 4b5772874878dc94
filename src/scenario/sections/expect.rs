//! `[slo]`, `[expect]`, `[stop]` and `[run]`: what must hold, and for how long it is watched.

use std::collections::BTreeMap;

use super::ExpectDraft;
use crate::scenario::model::{
    Anchor, BaselineExpectation, BurnLimit, Contraction, Deadline, DormantSize, Expansion, IdleSpend,
    NothingLeft, Objective, Recovery, Replacement, StandbyReleased, StopCondition, Timing,
};
use crate::scenario::reader::{Read, Reader};

pub(super) fn objectives<'t>(readers: Vec<(String, Reader<'t>)>) -> BTreeMap<String, Read<'t, Objective>> {
    let mut objectives = BTreeMap::new();
    for (name, mut reader) in readers {
        let node = reader.whole();
        let target = reader.share("target");
        let under = reader.time("under");
        reader.finish();
        objectives.extend(target.map(|target| (name, Read { value: Objective { target, under }, node })));
    }
    objectives
}

pub(super) fn expectations(mut reader: Reader<'_>) -> ExpectDraft<'_> {
    let draft = ExpectDraft {
        baseline: one(reader.table("baseline"), baseline),
        expansion: each(reader.tables("expansion"), expansion),
        replacement: one(reader.table("replacement"), replacement),
        contraction: each(reader.tables("contraction"), contraction),
        standby_released: each(reader.tables("standby_released"), standby_released),
        idle_spend: one(reader.table("idle_spend"), idle_spend),
        nothing_left: one(reader.table("nothing_left"), nothing_left),
        recovery: one(reader.table("recovery"), recovery),
        burn_rate: each(reader.tables("burn_rate"), burn_limit),
    };
    reader.finish();
    draft
}

fn one<'t, T>(reader: Option<Reader<'t>>, read: impl Fn(Reader<'t>) -> Option<T>) -> Option<Read<'t, T>> {
    let reader = reader?;
    let node = reader.whole();
    read(reader).map(|value| Read { value, node })
}

fn each<'t, T>(readers: Vec<Reader<'t>>, read: impl Fn(Reader<'t>) -> Option<T>) -> Vec<Read<'t, T>> {
    readers.into_iter().filter_map(|reader| one(Some(reader), &read)).collect()
}

fn baseline(mut reader: Reader<'_>) -> Option<BaselineExpectation> {
    let at_most = reader.counts_by_group("at_most");
    reader.finish();
    Some(BaselineExpectation { at_most: at_most?.into_iter().collect() })
}

fn anchor(reader: &mut Reader<'_>) -> Option<Anchor> {
    reader.word("from").map(|word| match word {
        "surge-start" => Anchor::SurgeStart,
        "surge-end" => Anchor::SurgeEnd,
        "healed" => Anchor::Healed,
        "primary-healthy" => Anchor::PrimaryHealthy,
        _ => Anchor::Quiesce,
    })
}

fn expansion(mut reader: Reader<'_>) -> Option<Expansion> {
    let group = reader.group("group");
    let to_at_least = reader.count("to_at_least");
    let within = reader.time("within");
    let from = anchor(&mut reader);
    reader.finish();
    Some(Expansion { group: group?, to_at_least: to_at_least?, within: within?, from })
}

fn replacement(mut reader: Reader<'_>) -> Option<Replacement> {
    let within = reader.time("within");
    reader.finish();
    Some(Replacement { within: within? })
}

fn contraction(mut reader: Reader<'_>) -> Option<Contraction> {
    let group_written = !reader.whole().get("group").is_absent();
    let group = reader.group("group");
    let within = reader.time_or_auto("within");
    let hold = reader.time("hold");
    let from = anchor(&mut reader);
    let tolerance = reader.count("tolerance");
    let settle = reader.time("settle");
    reader.finish();
    if group_written && group.is_none() {
        return None;
    }
    let within = within?.map_or(Deadline::Auto, Deadline::Within);
    Some(Contraction { group, within, hold, from, tolerance, settle })
}

fn standby_released(mut reader: Reader<'_>) -> Option<StandbyReleased> {
    let group_written = !reader.whole().get("group").is_absent();
    let group = reader.group("group");
    let within = reader.time("within");
    let hold = reader.time("hold");
    let from = anchor(&mut reader);
    let dormant_size = reader.table("dormant_size").and_then(dormant_size);
    reader.finish();
    if group_written && group.is_none() {
        return None;
    }
    Some(StandbyReleased { group, within: within?, hold, from, dormant_size })
}

fn dormant_size(mut reader: Reader<'_>) -> Option<DormantSize> {
    let at_least = reader.count("at_least");
    let at_most = reader.count("at_most");
    reader.finish();
    Some(DormantSize { at_least: at_least?, at_most: at_most? })
}

fn idle_spend(mut reader: Reader<'_>) -> Option<IdleSpend> {
    let at_most = reader.price("at_most");
    let after = reader.time("after");
    let hold = reader.time("hold");
    let from = anchor(&mut reader);
    reader.finish();
    Some(IdleSpend { at_most: at_most?, after: after?, hold, from })
}

fn nothing_left(mut reader: Reader<'_>) -> Option<NothingLeft> {
    let after = reader.time("after");
    let hold = reader.time("hold");
    let from = anchor(&mut reader);
    let nodes = reader.flag("nodes");
    reader.finish();
    Some(NothingLeft { after: after?, hold, from, nodes: nodes.unwrap_or(false) })
}

fn recovery(mut reader: Reader<'_>) -> Option<Recovery> {
    let within = reader.time("within");
    let hold = reader.time("hold");
    let from = anchor(&mut reader);
    reader.finish();
    Some(Recovery { within: within?, hold, from })
}

fn burn_limit(mut reader: Reader<'_>) -> Option<BurnLimit> {
    let objective = reader.objective("objective");
    let at_most = reader.factor("at_most");
    let over = reader.time("over");
    reader.finish();
    Some(BurnLimit { objective: objective?, at_most: at_most?, over: over? })
}

pub(super) fn stop(mut reader: Reader<'_>) -> Vec<Read<'_, StopCondition>> {
    let conditions = [
        one(reader.table("burn_rate"), stop_burn),
        one(reader.table("error_ratio"), stop_errors),
        one(reader.table("spend_rate"), stop_spend),
    ];
    reader.finish();
    conditions.into_iter().flatten().collect()
}

fn stop_burn(mut reader: Reader<'_>) -> Option<StopCondition> {
    let objective = reader.objective("objective");
    let above = reader.factor("above");
    let over = reader.time("over");
    reader.finish();
    Some(StopCondition::BurnRate { objective: objective?, above: above?, over: over? })
}

fn stop_errors(mut reader: Reader<'_>) -> Option<StopCondition> {
    let above = reader.share("above");
    let over = reader.time("over");
    reader.finish();
    Some(StopCondition::ErrorRatio { above: above?, over: over? })
}

fn stop_spend(mut reader: Reader<'_>) -> Option<StopCondition> {
    let above = reader.price("above");
    reader.finish();
    Some(StopCondition::SpendRate { above: above? })
}

pub(super) fn timing(mut reader: Reader<'_>) -> Timing {
    let warm_up = reader.time("warm_up");
    reader.finish();
    Timing { warm_up }
}
