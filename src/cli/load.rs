//! Paths → scenarios. Every scenario of a call is read, and every mistake shown, before anything starts.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::scenario::{self, Diagnostic, Lowered, Overrides, Source};

use super::{Exit, ScenarioArgs, show};

/// A scenario that is ready to run.
pub(super) struct Loaded {
    /// The file's name without its ending: also the name of its folder in the suite's.
    pub(super) stem: String,
    pub(super) source: Source,
    pub(super) lowered: Lowered,
}

/// Reads all scenarios of a call.
///
/// # Errors
/// Any mistake in any of them; all are shown by then.
pub(super) fn load(args: &ScenarioArgs) -> Result<Vec<Loaded>, Exit> {
    let mut files: Vec<PathBuf> = Vec::new();
    let mut mistakes: Vec<Diagnostic> = Vec::new();
    for path in &args.paths {
        match scenario::scenario_files(path) {
            Ok(found) => files.extend(found),
            Err(found) => mistakes.extend(found),
        }
    }
    // A value that is not UTF-8 was set all the same: it must not turn into the default unnoticed.
    let environment = |name: &str| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned());
    let overrides = Overrides { set: &args.sets, environment: &environment };
    let mut loaded = Vec::new();
    for file in &files {
        match read_one(file, &overrides) {
            Ok(one) => loaded.push(one),
            Err(found) => mistakes.extend(found),
        }
    }
    let warnings: Vec<Diagnostic> =
        loaded.iter_mut().flat_map(|one: &mut Loaded| std::mem::take(&mut one.lowered.warnings)).collect();
    show::diagnostics(&warnings);
    let clashes = duplicates(&loaded);
    if mistakes.is_empty() && clashes.is_empty() {
        return Ok(loaded);
    }
    show::diagnostics(&mistakes);
    clashes.iter().for_each(show::error);
    let count = mistakes.len() + clashes.len();
    show::error(format!("{count} mistake{}; nothing was started", if count == 1 { "" } else { "s" }));
    Err(Exit::BadInput)
}

fn read_one(file: &Path, overrides: &Overrides<'_>) -> Result<Loaded, Vec<Diagnostic>> {
    let source = Source::read(file)?;
    let lowered = scenario::read(&source, overrides)?;
    let stem = file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    Ok(Loaded { stem, source, lowered })
}

/// Two scenarios of one call must not share a folder, nor a name: the last passing run is found by it.
fn duplicates(loaded: &[Loaded]) -> Vec<String> {
    let mut clashes = Vec::new();
    let mut stems: BTreeMap<&str, &str> = BTreeMap::new();
    let mut names: BTreeMap<&str, &str> = BTreeMap::new();
    for one in loaded {
        let (file, name) = (one.source.name.as_str(), one.lowered.scenario.name.as_str());
        if let Some(earlier) = stems.insert(&one.stem, file) {
            clashes
                .push(format!("\"{file}\" and \"{earlier}\" would write to the same folder, {}", one.stem));
        } else if let Some(earlier) = names.insert(name, file) {
            clashes.push(format!("\"{file}\" and \"{earlier}\" have the same name, \"{name}\""));
        }
    }
    clashes
}
