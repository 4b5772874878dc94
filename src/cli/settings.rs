//! The settings of the project that a call is about.

use std::path::{Path, PathBuf};

use crate::scenario::{self, Diagnostic, Project};

/// A variable of the environment. One that is not UTF-8 was set all the same: it must not turn into the default unnoticed.
pub(super) fn environment(name: &str) -> Option<String> {
    std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
}

/// The settings in a file, or else those that are found from some paths.
///
/// # Errors
/// Every mistake in them.
pub(super) fn read(
    file: Option<&Path>,
    paths: &[PathBuf],
    profile: Option<&str>,
) -> Result<Project, Vec<Diagnostic>> {
    let found = match file {
        Some(file) => Some(file.to_owned()),
        None => scenario::find_settings(paths)?,
    };
    scenario::read_settings(found.as_deref(), profile, &environment)
}
