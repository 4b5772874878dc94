//! Paths → scenarios. Every scenario of a call is read, and every mistake shown, before anything starts.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use cucumber::event;
use sha2::{Digest, Sha256};

use crate::report::Selection;
use crate::scenario::{self, Access, Diagnostic, Lowered, Override, Overrides, Project, Source, Target};

use super::cucumber::Steps;
use super::select::{Expressions, Selected};
use super::{Exit, ScenarioArgs, settings, show, suite};

/// A scenario that is ready to run.
pub(super) struct Loaded {
    /// Name of its folder in the suite's: the file's name without its ending, and in a feature the scenario's after it.
    pub(super) stem: String,
    pub(super) source: Source,
    /// Other files that went into it, the settings among them.
    pub(super) imports: Vec<Source>,
    pub(super) lowered: Lowered,
    /// Its steps, if it comes from a feature.
    pub(super) steps: Option<Steps>,
}

impl Loaded {
    pub(super) fn name(&self) -> &str {
        &self.lowered.scenario.name
    }
}

/// What a call is about.
pub(super) struct Call {
    /// Those that are meant.
    pub(super) scenarios: Vec<Loaded>,
    /// Names of those that `--tags` and `--skip` left out.
    pub(super) left_out: Vec<String>,
    pub(super) selection: Option<Selection>,
    pub(super) project: Project,
    /// Folder that runs write to.
    pub(super) reports: PathBuf,
}

impl Call {
    /// Names of all scenarios, those that were left out as well.
    pub(super) fn names(&self) -> Vec<&str> {
        let meant = self.scenarios.iter().map(|one| one.lowered.scenario.name.as_str());
        meant.chain(self.left_out.iter().map(String::as_str)).collect()
    }
}

/// Reads the settings and all scenarios of a call, and then leaves out those that are not meant.
///
/// # Errors
/// Any mistake in any of them, or nothing is meant; said by then.
pub(super) fn load(args: &ScenarioArgs) -> Result<Call, Exit> {
    let mut files: Vec<PathBuf> = Vec::new();
    let mut mistakes: Vec<Diagnostic> = Vec::new();
    let project = settings::read(args.config.as_deref(), &args.paths, args.profile.as_deref());
    let project = project.unwrap_or_else(|found| {
        mistakes.extend(found);
        Project::unreadable()
    });
    let expressions = Expressions::read(&args.select).map_err(|found| mistakes.extend(found));
    for path in &args.paths {
        match scenario::scenario_files(path) {
            Ok(found) => files.extend(found),
            Err(found) => mistakes.extend(found),
        }
    }
    let overrides = Overrides {
        set: &args.sets,
        project: Some(&project),
        environment: &settings::environment,
        files: &Source::read,
    };
    let mut loaded = Vec::new();
    for file in &files {
        match read_file(file, &overrides) {
            Ok(found) => loaded.extend(found),
            Err(found) => mistakes.extend(found),
        }
    }
    let warnings =
        loaded.iter_mut().flat_map(|one: &mut Loaded| std::mem::take(&mut one.lowered.warnings)).collect();
    show::diagnostics(&once(warnings));
    let clashes = duplicates(&loaded);
    if let Ok(expressions) = &expressions
        && mistakes.is_empty()
        && clashes.is_empty()
    {
        let reports = args.reports.clone().or_else(|| project.reports.clone());
        let reports = reports.unwrap_or_else(|| PathBuf::from(scenario::REPORTS));
        if args.in_cluster {
            loaded.iter_mut().for_each(reach_from_within);
        }
        for one in &mut loaded {
            one.imports.extend(project.settings().cloned());
        }
        let Selected { scenarios, left_out, selection } = expressions.select(loaded).map_err(|reason| {
            show::error(format_args!("{reason}; nothing was started"));
            Exit::BadInput
        })?;
        return Ok(Call { scenarios, left_out, selection, project, reports });
    }
    let mistakes = once(mistakes);
    show::diagnostics(&mistakes);
    clashes.iter().for_each(show::error);
    let count = mistakes.len() + clashes.len();
    show::error(format!("{count} mistake{}; nothing was started", if count == 1 { "" } else { "s" }));
    Err(Exit::BadInput)
}

/// `--in-cluster`: a file says it for a pod of its own, this for one and the same file.
fn reach_from_within(one: &mut Loaded) {
    if let Target::Kubernetes(target) = &mut one.lowered.scenario.target {
        target.access = Access::InCluster;
        one.lowered.overrides.push(Override {
            key: "target.kubernetes.in_cluster".to_owned(),
            value: "true".to_owned(),
            from: "--in-cluster".to_owned(),
            imported: false,
        });
    }
}

/// A mistake in the settings shows in every scenario that they are merged into; it is said once.
fn once(diagnostics: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let mut once: Vec<Diagnostic> = Vec::new();
    for diagnostic in diagnostics {
        if !once.contains(&diagnostic) {
            once.push(diagnostic);
        }
    }
    once
}

/// The scenarios of a file: one in TOML, one or more in a feature.
fn read_file(file: &Path, overrides: &Overrides<'_>) -> Result<Vec<Loaded>, Vec<Diagnostic>> {
    let source = Source::read(file)?;
    let stem = file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    if file.extension().is_none_or(|extension| extension != scenario::FEATURE) {
        let mut lowered = scenario::read(&source, overrides)?;
        let imports = std::mem::take(&mut lowered.files);
        return Ok(vec![Loaded { stem, source, imports, lowered, steps: None }]);
    }
    let folder = file.parent().unwrap_or(Path::new(""));
    let found = scenario::read_feature(&source, overrides, &|path| Source::read(&folder.join(path)))?;
    let feature = event::Source::new(found.gherkin);
    let loaded = found.scenarios.into_iter().map(|mut one| Loaded {
        stem: format!("{stem}.{}", slug(&one.lowered.scenario.name)),
        source: source.clone(),
        imports: [one.imports, std::mem::take(&mut one.lowered.files)].concat(),
        steps: Some(Steps {
            feature: feature.clone(),
            rule: one.rule,
            index: one.index,
            surges: surges(&one.lowered, &source),
        }),
        lowered: one.lowered,
    });
    Ok(loaded.collect())
}

/// The surges that a feature's own steps say, with the line of each.
fn surges(lowered: &Lowered, feature: &Source) -> Vec<(String, usize)> {
    let own = lowered
        .origins
        .iter()
        .filter(|(id, origin)| id.starts_with("surge-") && origin.source == feature.name);
    own.map(|(id, origin)| (id.clone(), origin.line as usize)).collect()
}

/// A name as a part of a folder's: letters and digits, with hyphens between. What is too long or of another script is told
/// apart by a few digits of its hash.
fn slug(name: &str) -> String {
    const LONGEST: usize = 80;
    let mut slug = String::new();
    for c in name.chars().flat_map(char::to_lowercase) {
        if c.is_ascii_alphanumeric() {
            slug.push(c);
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    let lost = slug.len() > LONGEST || name.chars().any(|c| c.is_alphanumeric() && !c.is_ascii());
    slug.truncate(LONGEST);
    let slug = slug.trim_end_matches('-');
    if !lost && !slug.is_empty() {
        return slug.to_owned();
    }
    let hash = Sha256::digest(name.as_bytes());
    let digits: String = hash.iter().take(3).map(|byte| format!("{byte:02x}")).collect();
    if slug.is_empty() { digits } else { format!("{slug}-{digits}") }
}

fn written_at(one: &Loaded) -> String {
    match &one.lowered.name_at {
        Some(origin) => format!("{}:{}", origin.source, origin.line),
        None => one.source.name.clone(),
    }
}

/// Two scenarios of one call must not share a folder, nor a name: the last passing run is found by it.
fn duplicates(loaded: &[Loaded]) -> Vec<String> {
    let mut clashes = Vec::new();
    let mut stems: BTreeMap<&str, String> = BTreeMap::new();
    let mut names: BTreeMap<&str, String> = BTreeMap::new();
    for one in loaded {
        let (name, file) = (one.lowered.scenario.name.as_str(), written_at(one));
        if one.stem.starts_with('.') || suite::FILES.contains(&one.stem.as_str()) {
            clashes.push(format!(
                "\"{file}\" would write to the folder \"{}\"; give the file another name",
                one.stem
            ));
        } else if let Some(earlier) = names.insert(name, file.clone()) {
            clashes.push(format!(
                "two scenarios have the name \"{name}\": {earlier} and {file}; rename one, since the last passing run is found \
                 by it"
            ));
        } else if let Some(earlier) = stems.insert(&one.stem, file.clone()) {
            clashes.push(format!(
                "{earlier} and {file} would write to the same folder, {}; rename one of them",
                one.stem
            ));
        }
    }
    clashes
}

#[cfg(test)]
mod tests {
    use super::slug;

    #[test]
    fn a_folders_name_is_the_scenarios_and_no_two_scripts_share_one() {
        assert_eq!(slug("A surge, then \"two\" die!"), "a-surge-then-two-die");
        assert_ne!(slug("\u{65e5}\u{672c}"), slug("\u{4e2d}\u{56fd}"));
        assert_ne!(slug(&format!("{}a", "x".repeat(90))), slug(&format!("{}b", "x".repeat(90))));
        assert!(slug("caf\u{e9}").starts_with("caf-"), "{}", slug("caf\u{e9}"));
    }
}
