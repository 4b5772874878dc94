//! Source text → [`Scenario`].

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::diagnostic::Diagnostic;
use super::keys::{EXPECTATIONS, SCENARIO};
use super::manifest::Files;
use super::model::{Scenario, StopCondition};
use super::overrides::{self, Override, Overrides};
use super::problems::Problems;
use super::reader::{Context, Read};
use super::sections::{self, Draft};
use super::source::Source;
use super::tree::{Node, Place, Value};
use super::{rules, syntax};

/// A place in a source text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Origin {
    /// Name of the source.
    pub source: String,
    /// Line, from 1.
    pub line: u32,
}

/// A scenario that may be run, and what is worth knowing about how it was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Lowered {
    /// The scenario.
    pub scenario: Scenario,
    /// Doubts about it.
    pub warnings: Vec<Diagnostic>,
    /// Values from outside of the file, as they were filled in.
    pub overrides: Vec<Override>,
    /// Where each expectation, objective and stop condition is written, by the id of its finding.
    pub origins: BTreeMap<String, Origin>,
    /// Where its name is written; other expectations have none.
    pub name_at: Option<Origin>,
    /// Files that it names and that were read along with it, such as those of objects.
    pub files: Vec<Source>,
}

/// Reads a scenario. On failure everything that is wrong with it comes back, in the order in which it is written.
pub fn read(source: &Source, overrides: &Overrides<'_>) -> Result<Lowered, Vec<Diagnostic>> {
    let problems = Problems::of(source);
    let Some(root) = syntax::parse(&source.text, &problems) else {
        return Err(problems.take_diagnostics().0);
    };
    lower_tree(root, overrides, &problems)
}

/// The way from a tree to a scenario, whatever text the tree was read from.
pub(super) fn lower_tree(
    mut root: Node,
    overrides: &Overrides<'_>,
    problems: &Problems,
) -> Result<Lowered, Vec<Diagnostic>> {
    let files = Files::opened_by(overrides.files);
    let overrides = overrides::apply(&mut root, &SCENARIO, overrides, problems);
    let names = sections::names(&root);
    let context = Context { problems, names: &names, files: &files };
    let draft = sections::scenario(context, &root);
    if let Some(draft) = &draft
        && !problems.is_incomplete()
    {
        rules::check(draft, problems);
    }
    let lowered = finish(problems, draft, overrides, &root, BTreeMap::new())?;
    Ok(Lowered { files: files.into_sources(), ..lowered })
}

/// Reads other expectations (`[expect]`, `[slo]` or both) for a scenario that was run already, to judge it again.
///
/// Each of the two that is written replaces the recorded one as a whole; `recorded_origins` of what stays are kept.
pub fn read_expectations(
    source: &Source,
    overrides: &Overrides<'_>,
    recorded: &Scenario,
    recorded_origins: &BTreeMap<String, Origin>,
) -> Result<Lowered, Vec<Diagnostic>> {
    let problems = Problems::of(source);
    let Some(mut root) = syntax::parse(&source.text, &problems) else {
        return Err(problems.take_diagnostics().0);
    };
    let overrides = overrides::apply(&mut root, &EXPECTATIONS, overrides, &problems);
    let names = sections::names_with(&root, recorded);
    let files = Files::unopened();
    let context = Context { problems: &problems, names: &names, files: &files };
    let draft = sections::expectations(context, &root, recorded);
    if let Some(draft) = &draft
        && !problems.is_incomplete()
    {
        rules::check_expectations(draft, recorded, &problems);
    }
    let replaced = |id: &str| match id {
        id if id.starts_with("objective-") => !root.get("slo").is_absent(),
        id if id.starts_with("stop-") => false,
        _ => !root.get("expect").is_absent(),
    };
    let kept = recorded_origins
        .iter()
        .filter(|(id, _)| !replaced(id))
        .map(|(id, origin)| (id.clone(), origin.clone()))
        .collect();
    finish(&problems, draft, overrides, &root, kept)
}

fn finish(
    problems: &Problems,
    draft: Option<Draft<'_>>,
    overrides: Vec<Override>,
    root: &Node,
    mut origins: BTreeMap<String, Origin>,
) -> Result<Lowered, Vec<Diagnostic>> {
    let origin = |place: &Place| {
        let (source, line) = problems.name_and_line(place);
        Origin { source, line }
    };
    if let Some(draft) = &draft {
        origins.extend(places(draft, root).into_iter().map(|(id, place)| (id, origin(&place))));
    }
    let name_at = root.get("name").place.as_ref().map(origin);
    let (diagnostics, has_error) = problems.take_diagnostics();
    match draft.and_then(Draft::into_scenario) {
        Some(scenario) if !has_error => {
            Ok(Lowered { scenario, warnings: diagnostics, overrides, origins, name_at, files: Vec::new() })
        }
        _ => Err(diagnostics),
    }
}

/// Where each finding's bound is written.
fn places(draft: &Draft<'_>, root: &Node) -> Vec<(String, Place)> {
    let mut places = Vec::new();
    let mut add = |id: String, place: Option<&Place>| {
        places.extend(place.map(|place| (id, place.clone())));
    };
    let expect = root.get("expect");
    for (key, id) in [
        ("baseline", "baseline"),
        ("replacement", "replacement"),
        ("idle_spend", "idle-spend"),
        ("nothing_left", "nothing-left"),
        ("recovery", "recovery"),
    ] {
        add(id.to_owned(), expect.entry(key).map(|entry| &entry.key_place));
    }
    for (key, id) in [
        ("expansion", "expansion"),
        ("contraction", "contraction"),
        ("standby_released", "standby-released"),
        ("burn_rate", "burn-rate"),
    ] {
        let Some(entry) = expect.entry(key) else { continue };
        if let Value::List(items) = &entry.node.value {
            for (index, item) in items.iter().enumerate() {
                add(format!("{id}-{index}"), item.place.as_ref());
            }
        } else {
            add(format!("{id}-0"), Some(&entry.key_place));
        }
    }
    for (node, id) in [(root.get("fault"), "fault"), (root.get("load").get("surge"), "surge")] {
        for (index, item) in node.items().iter().enumerate() {
            add(format!("{id}-{index}"), item.place.as_ref());
        }
    }
    for entry in root.get("slo").entries() {
        add(format!("objective-{}", entry.key), Some(&entry.key_place));
    }
    for Read { value, .. } in &draft.stop {
        let key = match value {
            StopCondition::BurnRate { .. } => "burn_rate",
            StopCondition::ErrorRatio { .. } => "error_ratio",
            StopCondition::SpendRate { .. } => "spend_rate",
        };
        add(format!("stop-{key}"), root.get("stop").entry(key).map(|entry| &entry.key_place));
    }
    places
}

#[cfg(test)]
mod tests;
