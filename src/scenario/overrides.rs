//! Values from outside of the scenario: settings of the project, `--set path=value`, and `${NAME}` from the environment.

mod origins;
mod paths;

use std::fmt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::diagnostic::Diagnostic;
use super::keys::Section;
use super::manifest::Open;
use super::problems::Problems;
use super::project::Project;
use super::source::Source;
use super::tree::Node;

pub(super) use origins::{Environment, resolve, resolve_quietly};
pub(super) use paths::put;

/// What a scenario may take from outside of its own text. Values may come from several places, the strongest first.
#[derive(Clone, Copy)]
pub struct Overrides<'a> {
    /// `path=value` pairs, in the order given; the last one for a path counts.
    pub set: &'a [String],
    /// The settings of the project: its profile wins over the scenario, its defaults do not.
    pub project: Option<&'a Project>,
    /// Looks a variable up.
    pub environment: &'a dyn Fn(&str) -> Option<String>,
    /// Opens a file that the scenario names; the path begins with the folder of the file that names it.
    pub files: &'a Open<'a>,
}

impl Overrides<'_> {
    /// Nothing from outside: no `--set`, no settings, an environment without variables, and no files.
    pub const NONE: Overrides<'static> =
        Overrides { set: &[], project: None, environment: &|_| None, files: &no_file };
}

fn no_file(path: &Path) -> Result<Source, Vec<Diagnostic>> {
    Err(vec![Diagnostic::error("no-such-file", format!("there is no file \"{}\"", path.display()))])
}

impl fmt::Debug for Overrides<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the environment: it holds secrets.
        f.debug_struct("Overrides")
            .field("set", &self.set)
            .field("project", &self.project)
            .finish_non_exhaustive()
    }
}

/// A value that does not come from the scenario itself, to be recorded.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Override {
    /// Its path, as for `--set`.
    pub key: String,
    /// What it resolved to.
    pub value: String,
    /// `--set`, or the line of the settings or of an imported file, or the variables of the environment.
    pub from: String,
    /// It stands in a file that the scenario itself names: whoever reads the scenario finds it.
    #[serde(default)]
    pub imported: bool,
}

/// Brings in all of them, and says what was brought in.
pub(super) fn apply(
    root: &mut Node,
    section: &'static Section,
    overrides: &Overrides<'_>,
    problems: &Problems,
) -> Vec<Override> {
    if let Some(project) = overrides.project {
        project.layers.apply(root, section, problems);
    }
    let mut found: Vec<Override> = Vec::new();
    for argument in overrides.set {
        found.extend(paths::argument(root, section, argument, problems));
    }
    found.extend(resolve(root, overrides.environment, problems));
    found
}
