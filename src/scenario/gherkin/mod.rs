//! Feature files → scenarios. Every sentence is lowered to the tree that TOML gives, before anything runs: the readers, the
//! rules and the diagnostics are the same.

mod lines;
mod lower;
mod outline;
mod phrase;
mod spoken;
mod unknown;
mod vocabulary;
mod write;

use serde::Serialize;

use super::diagnostic::Diagnostic;
use super::overrides::Overrides;
use super::problems::Problems;
use super::read::{Lowered, lower_tree};
use super::source::Source;
use super::syntax;
use super::write::scenario_as_toml;

pub use lower::Import;
pub(super) use lower::OF_A_SYSTEM;
pub use phrase::Keyword;

/// A feature, with its outlines expanded and its scenarios lowered.
#[derive(Debug)]
pub struct Feature {
    /// As Gherkin has it, for reporters: one scenario a run.
    pub gherkin: gherkin::Feature,
    /// Its scenarios in the order of the file.
    pub scenarios: Vec<FeatureScenario>,
}

/// A scenario of a feature.
#[derive(Debug)]
pub struct FeatureScenario {
    /// Position of its rule, if it stands in one.
    pub rule: Option<usize>,
    /// Its position in the feature, or in its rule.
    pub index: usize,
    /// What is run.
    pub lowered: Lowered,
    /// The files that it takes its system from.
    pub imports: Vec<Source>,
}

/// Reads a feature. On failure everything that is wrong with it comes back, in the order in which it is written.
///
/// # Errors
/// Every mistake of every scenario in it.
pub fn read_feature(
    source: &Source,
    overrides: &Overrides<'_>,
    import: &Import<'_>,
) -> Result<Feature, Vec<Diagnostic>> {
    let problems = Problems::of(source);
    let (lines, sound) = lines::scan(&source.text, &problems);
    if !sound {
        return Err(mistakes_within(source, &lines, overrides, import, problems));
    }
    let expanded = outline::expand(&source.name, &source.text, &lines, &problems);
    let (mut found, has_error) = problems.take_diagnostics();
    let Some((feature, expanded)) = expanded.filter(|_| !has_error) else { return Err(found) };
    let mut scenarios = Vec::new();
    let mut failed = false;
    for scenario in &expanded {
        let problems = Problems::of(source);
        let tree = lower::tree(scenario, import, &problems);
        match lower_tree(tree.root, overrides, &problems) {
            Ok(lowered) => scenarios.push(FeatureScenario {
                rule: scenario.rule,
                index: scenario.index,
                lowered,
                imports: tree.imports,
            }),
            Err(diagnostics) => {
                failed = true;
                found.extend(diagnostics);
            }
        }
    }
    if failed {
        return Err(once(found));
    }
    if let Some(first) = scenarios.first_mut() {
        found.append(&mut first.lowered.warnings);
        first.lowered.warnings = found;
    }
    Ok(Feature { gherkin: feature, scenarios })
}

/// Mistakes whose way out is a sentence: the words that it begins with.
const WAYS_OUT: [(&str, &str); 9] = [
    ("nothing-expected", "within {within}[ of {from}] {group} is back"),
    ("missing-target", "a group {new} of {replicas}"),
    ("over-limit", "up to {lost_at_once}"),
    ("no-load", "a steady load"),
    ("no-capacity", "a group {new} of {replicas}"),
    ("no-objective", "at least {target} of requests succeed"),
    ("no-standby", "a standby {new} of {replicas}"),
    ("no-stimulus", "load steps"),
    ("missing-price", "a group {new} of {replicas}"),
];

/// The example of a sentence that mends a mistake.
fn way_out(diagnostic: &Diagnostic) -> Option<&'static str> {
    let code = match diagnostic.code() {
        "missing-key" if diagnostic.message().contains("`target`") => "missing-target",
        code => code,
    };
    let (_, start) = WAYS_OUT.iter().find(|(known, _)| *known == code)?;
    let phrase = vocabulary::VOCABULARY.iter().find(|phrase| phrase.says[0].starts_with(start))?;
    Some(phrase.example)
}

/// A background's mistake is every scenario's; it is said once.
fn once(found: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let mut once: Vec<Diagnostic> = Vec::new();
    for diagnostic in found {
        let diagnostic = match way_out(&diagnostic) {
            Some(example) => diagnostic.help_instead(format!("for example: {example}")),
            None => diagnostic,
        };
        if !once.contains(&diagnostic) {
            once.push(diagnostic);
        }
    }
    once.sort_by(Diagnostic::by_place);
    once
}

/// All that is wrong with a file whose lines are: also what is wrong within the steps that can be read all the same.
fn mistakes_within(
    source: &Source,
    lines: &lines::Lines,
    overrides: &Overrides<'_>,
    import: &Import<'_>,
    problems: Problems,
) -> Vec<Diagnostic> {
    let mut found = problems.take_diagnostics().0;
    for scenario in outline::as_scanned(&source.text, lines) {
        let problems = Problems::of(source);
        // What seems to be missing may stand on a line that could not be read.
        problems.mark_incomplete();
        let tree = lower::tree(&scenario, import, &problems);
        if let Err(diagnostics) = lower_tree(tree.root, overrides, &problems) {
            found.extend(diagnostics);
        }
    }
    found.retain(Diagnostic::is_error);
    once(found)
}

/// The scenarios of a feature as TOML files: name and text of each. What a sentence took from elsewhere is written out, and
/// what is filled in from the environment still is.
///
/// # Errors
/// As [`read_feature`].
pub fn feature_as_toml(
    source: &Source,
    overrides: &Overrides<'_>,
    import: &Import<'_>,
) -> Result<Vec<(String, String)>, Vec<Diagnostic>> {
    read_feature(source, overrides, import)?;
    let problems = Problems::of(source);
    let (lines, _) = lines::scan(&source.text, &problems);
    let expanded = outline::expand(&source.name, &source.text, &lines, &problems);
    let (_, expanded) = expanded.expect("it was read just now");
    let written = expanded.iter().map(|scenario| {
        let tree = lower::tree(scenario, import, &problems);
        (scenario.name.clone(), scenario_as_toml(&tree.root))
    });
    Ok(written.collect())
}

/// A scenario in TOML as a feature.
///
/// # Errors
/// Every mistake in it.
pub fn toml_as_feature(source: &Source, overrides: &Overrides<'_>) -> Result<String, Vec<Diagnostic>> {
    let meant = super::read(source, overrides)?.scenario;
    let problems = Problems::of(source);
    let root = syntax::parse(&source.text, &problems).expect("it was read just now");
    let (feature, unsaid) = write::feature(&root);
    // What was written is read again: nothing of a scenario may be lost on the way, and nothing turn into something else.
    let again = Source::new(source.name.as_str(), feature.as_str());
    // It names no file.
    let said = read_feature(&again, overrides, &|_| Err(Vec::new())).ok().map(|found| found.scenarios);
    let same = match said.as_deref() {
        Some([one]) => one.lowered.scenario == meant,
        _ => false,
    };
    if same {
        return Ok(feature);
    }
    let message = "this scenario says something that no feature can";
    let help = match unsaid.as_slice() {
        [] => "a name or a tag that Gherkin does not take, perhaps: tags are single words, and names have no space at their ends"
            .to_owned(),
        paths => format!(
            "write these as `springback steps` shows them, with plain numbers and units: {}",
            paths.join(", ")
        ),
    };
    problems.add(Diagnostic::error("not-sayable", message).help(help), root.place.as_ref(), "in this file");
    Err(problems.take_diagnostics().0)
}

/// A sentence of the vocabulary, for who wants to read it.
#[derive(Debug, Clone, Serialize)]
pub struct Sentence {
    /// Under which keywords it stands.
    pub under: Vec<Keyword>,
    /// Cucumber expressions, with `[…]` around what may be left out.
    pub says: Vec<&'static str>,
    /// The key of a TOML scenario that it sets: `expect.contraction`.
    pub sets: Option<String>,
    /// A whole step.
    pub example: &'static str,
    /// What stands below the example, if something does.
    pub below: Option<&'static str>,
}

/// The whole vocabulary, in the order of a scenario.
pub fn sentences() -> Vec<Sentence> {
    let of = |phrase: &phrase::Phrase| Sentence {
        under: phrase.under.to_vec(),
        says: phrase.says.to_vec(),
        sets: phrase.sets(),
        example: phrase.example,
        below: (!phrase.table.is_empty()).then_some(phrase.table),
    };
    vocabulary::VOCABULARY.iter().map(of).collect()
}

#[cfg(test)]
mod tests;
