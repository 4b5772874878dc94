//! One reader a table of the format. They only read: what contradicts what is for `rules/` to say.

mod expect;
mod kubernetes;
mod stimulus;
mod system;

use std::collections::BTreeMap;

use super::keys::{EXPECTATIONS, SCENARIO};
use super::model::{
    BaselineExpectation, BurnLimit, Contraction, Expansion, Expectations, Fault, Group, IdleSpend,
    KubernetesTarget, Limits, Load, NothingLeft, Objective, Owner, Recovery, Replacement, Scenario,
    StandbyReleased, StopCondition, Surge, Target, Timing,
};
use super::reader::{Context, Names, Read, Reader};
use super::tree::Node;

/// What could be read of a scenario, each part with its place. Parts that are missing here although they are written
/// have been reported on.
#[derive(Debug)]
pub(super) struct Draft<'t> {
    pub(super) root: &'t Node,
    pub(super) name: Option<String>,
    pub(super) owner: Option<Owner>,
    pub(super) runbook: Option<String>,
    pub(super) tags: Vec<String>,
    /// The cluster, without its groups, where that is the target.
    pub(super) cluster: Option<KubernetesTarget>,
    pub(super) groups: BTreeMap<String, Read<'t, Group>>,
    /// Without its surges.
    pub(super) load: Option<Read<'t, Load>>,
    pub(super) surges: Vec<Read<'t, Surge>>,
    pub(super) faults: Vec<Read<'t, Fault>>,
    pub(super) limits: Read<'t, Limits>,
    pub(super) slo: BTreeMap<String, Read<'t, Objective>>,
    pub(super) expect: ExpectDraft<'t>,
    pub(super) stop: Vec<Read<'t, StopCondition>>,
    pub(super) timing: Timing,
}

/// What could be read of the expectations.
#[derive(Debug, Default)]
pub(super) struct ExpectDraft<'t> {
    pub(super) baseline: Option<Read<'t, BaselineExpectation>>,
    pub(super) expansion: Vec<Read<'t, Expansion>>,
    pub(super) replacement: Option<Read<'t, Replacement>>,
    pub(super) contraction: Vec<Read<'t, Contraction>>,
    pub(super) standby_released: Vec<Read<'t, StandbyReleased>>,
    pub(super) idle_spend: Option<Read<'t, IdleSpend>>,
    pub(super) nothing_left: Option<Read<'t, NothingLeft>>,
    pub(super) recovery: Option<Read<'t, Recovery>>,
    pub(super) burn_rate: Vec<Read<'t, BurnLimit>>,
}

/// The names that a tree declares, whether or not what they name can be read.
pub(super) fn names(root: &Node) -> Names {
    let of = |node: &Node| -> Vec<String> { node.entries().iter().map(|entry| entry.key.clone()).collect() };
    let target = root.get("target");
    let mut groups = of(target.get("local"));
    groups.extend(of(target.get("kubernetes").get("group")));
    Names { groups, objectives: of(root.get("slo")), open: false }
}

/// The names that expectations for a recorded scenario may use.
pub(super) fn names_with(root: &Node, recorded: &Scenario) -> Names {
    let objectives = if root.get("slo").is_absent() {
        recorded.slo.keys().cloned().collect()
    } else {
        names(root).objectives
    };
    Names { groups: recorded.target.groups().keys().cloned().collect(), objectives, open: false }
}

/// Reads a whole scenario.
pub(super) fn scenario<'t>(context: Context<'t>, root: &'t Node) -> Option<Draft<'t>> {
    let mut reader = Reader::new(context, &SCENARIO, "scenario", root, root.place.as_ref())?;
    let name = reader.text("name");
    let owner = reader.table("owner").and_then(system::owner);
    let runbook = reader.text("runbook");
    let tags = reader.texts("tags").unwrap_or_default();
    let (cluster, groups) = reader.table("target").map(system::target).unwrap_or_default();
    let (load, surges) = reader.table("load").map(stimulus::load).unwrap_or_default();
    let faults = stimulus::faults(reader.tables("fault"));
    let limits = stimulus::limits(reader.table("limits"), root.get("limits"));
    let slo = expect::objectives(reader.named("slo"));
    let expect = reader.table("expect").map(expect::expectations).unwrap_or_default();
    let stop = reader.table("stop").map(expect::stop).unwrap_or_default();
    let timing = reader.table("run").map(expect::timing).unwrap_or_default();
    reader.finish();
    Some(Draft {
        root,
        name,
        owner,
        runbook,
        tags,
        cluster,
        groups,
        load,
        surges,
        faults,
        limits,
        slo,
        expect,
        stop,
        timing,
    })
}

/// Reads expectations for a recorded scenario, which fills in all that they do not replace.
pub(super) fn expectations<'t>(
    context: Context<'t>,
    root: &'t Node,
    recorded: &Scenario,
) -> Option<Draft<'t>> {
    let mut reader = Reader::new(context, &EXPECTATIONS, "expectations", root, root.place.as_ref())?;
    let slo = reader.named("slo");
    let expect = reader.table("expect");
    let slo = if root.get("slo").is_absent() { recorded_map(&recorded.slo) } else { expect::objectives(slo) };
    let expect = match expect {
        Some(reader) => expect::expectations(reader),
        None if root.get("expect").is_absent() => ExpectDraft::of(&recorded.expect),
        None => ExpectDraft::default(),
    };
    reader.finish();
    Some(Draft {
        root,
        name: Some(recorded.name.clone()),
        owner: recorded.owner.clone(),
        runbook: recorded.runbook.clone(),
        tags: recorded.tags.clone(),
        cluster: match &recorded.target {
            Target::Local(_) => None,
            Target::Kubernetes(cluster) => {
                Some(KubernetesTarget { groups: BTreeMap::new(), ..cluster.clone() })
            }
        },
        groups: recorded_map(recorded.target.groups()),
        load: recorded.load.clone().map(recorded_value),
        surges: recorded.load.iter().flat_map(|load| load.surges.clone()).map(recorded_value).collect(),
        faults: recorded.faults.iter().cloned().map(recorded_value).collect(),
        limits: recorded_value(recorded.limits.clone()),
        slo,
        expect,
        stop: recorded.stop.iter().cloned().map(recorded_value).collect(),
        timing: recorded.timing.clone(),
    })
}

/// What was recorded has no place in the text that is being read.
fn recorded_value<'t, T>(value: T) -> Read<'t, T> {
    Read { value, node: Node::absent() }
}

fn recorded_map<'t, T: Clone>(values: &BTreeMap<String, T>) -> BTreeMap<String, Read<'t, T>> {
    values.iter().map(|(name, value)| (name.clone(), recorded_value(value.clone()))).collect()
}

fn values<T>(read: Vec<Read<'_, T>>) -> Vec<T> {
    read.into_iter().map(|read| read.value).collect()
}

fn value_map<T>(read: BTreeMap<String, Read<'_, T>>) -> BTreeMap<String, T> {
    read.into_iter().map(|(name, read)| (name, read.value)).collect()
}

impl Draft<'_> {
    /// The scenario, once it is known that there is no error in it.
    pub(super) fn into_scenario(self) -> Option<Scenario> {
        let surges = values(self.surges);
        Some(Scenario {
            name: self.name?,
            owner: self.owner,
            runbook: self.runbook,
            tags: self.tags,
            target: match self.cluster {
                Some(cluster) => {
                    Target::Kubernetes(KubernetesTarget { groups: value_map(self.groups), ..cluster })
                }
                None => Target::Local(value_map(self.groups)),
            },
            load: self.load.map(|read| Load { surges, ..read.value }),
            faults: values(self.faults),
            limits: self.limits.value,
            slo: value_map(self.slo),
            expect: self.expect.into_expectations(),
            stop: values(self.stop),
            timing: self.timing,
        })
    }
}

impl ExpectDraft<'_> {
    fn of(recorded: &Expectations) -> Self {
        fn all<'t, T: Clone>(values: &[T]) -> Vec<Read<'t, T>> {
            values.iter().cloned().map(recorded_value).collect()
        }
        Self {
            baseline: recorded.baseline.clone().map(recorded_value),
            expansion: all(&recorded.expansion),
            replacement: recorded.replacement.clone().map(recorded_value),
            contraction: all(&recorded.contraction),
            standby_released: all(&recorded.standby_released),
            idle_spend: recorded.idle_spend.clone().map(recorded_value),
            nothing_left: recorded.nothing_left.clone().map(recorded_value),
            recovery: recorded.recovery.clone().map(recorded_value),
            burn_rate: all(&recorded.burn_rate),
        }
    }

    fn into_expectations(self) -> Expectations {
        Expectations {
            baseline: self.baseline.map(|read| read.value),
            expansion: values(self.expansion),
            replacement: self.replacement.map(|read| read.value),
            contraction: values(self.contraction),
            standby_released: values(self.standby_released),
            idle_spend: self.idle_spend.map(|read| read.value),
            nothing_left: self.nothing_left.map(|read| read.value),
            recovery: self.recovery.map(|read| read.value),
            burn_rate: values(self.burn_rate),
        }
    }
}
