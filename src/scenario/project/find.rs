//! Which settings file a call is about.

use std::path::{Component, Path, PathBuf};

use crate::scenario::diagnostic::Diagnostic;
use crate::scenario::source::SETTINGS_FILE;
use crate::scenario::tree::quoted;

/// The settings file that holds for some paths: the nearest one in their folder or above it, up to the folder that holds
/// `.git`. Paths that do not exist are left to who reads them.
///
/// # Errors
/// The paths do not all find the same one.
pub fn find_settings(paths: &[PathBuf]) -> Result<Option<PathBuf>, Vec<Diagnostic>> {
    let mut found: Vec<(&Path, Option<PathBuf>)> = Vec::new();
    for path in paths {
        if let Some(folder) = folder_of(path) {
            let settings = upwards(&folder);
            if found.iter().all(|(_, other)| *other != settings) {
                found.push((path, settings));
            }
        }
    }
    match found.as_slice() {
        [] => Ok(None),
        [(_, one)] => Ok(one.as_deref().map(from_here)),
        several => {
            let parts = several.iter().map(|(path, settings)| match settings {
                Some(settings) => {
                    format!("{} for {}", from_here(settings).display(), quoted(&path.display().to_string()))
                }
                None => format!("none for {}", quoted(&path.display().to_string())),
            });
            Err(vec![
                Diagnostic::error(
                    "several-settings",
                    format!(
                        "the paths of this call have different settings: {}",
                        parts.collect::<Vec<_>>().join(", ")
                    ),
                )
                .help("call springback once for each, or name the settings for all of them with `--config FILE`"),
            ])
        }
    }
}

/// The folder in which scenarios lie; links are followed, so that a folder above is the one that it really lies in.
fn folder_of(path: &Path) -> Option<PathBuf> {
    let folder = match path.parent() {
        _ if path.is_dir() => path,
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => path,
    };
    folder.canonicalize().ok()
}

fn upwards(folder: &Path) -> Option<PathBuf> {
    for folder in folder.ancestors() {
        let settings = folder.join(SETTINGS_FILE);
        if settings.symlink_metadata().is_ok() {
            return Some(settings);
        }
        if folder.join(".git").exists() {
            return None;
        }
    }
    None
}

/// A path as one would write it here: relative to the current folder, unless they have nothing in common.
fn from_here(path: &Path) -> PathBuf {
    let here = std::env::current_dir().and_then(|here| here.canonicalize());
    here.map_or_else(|_| path.to_owned(), |here| relative(path, &here))
}

fn relative(path: &Path, here: &Path) -> PathBuf {
    for (up, folder) in here.ancestors().enumerate() {
        let is_root = !folder.components().any(|part| matches!(part, Component::Normal(_)));
        if let Ok(below) = path.strip_prefix(folder)
            && (!is_root || up == 0)
        {
            return std::iter::repeat_n(Path::new(".."), up).chain([below]).collect();
        }
    }
    path.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_said_as_seen_from_here() {
        let from = |path: &str| relative(Path::new(path), Path::new("/a/b/c")).display().to_string();
        assert_eq!(from("/a/b/c/springback.toml"), "springback.toml");
        assert_eq!(from("/a/b/c/d/springback.toml"), "d/springback.toml");
        assert_eq!(from("/a/b/springback.toml"), "../springback.toml");
        assert_eq!(from("/a/x/springback.toml"), "../../x/springback.toml");
        assert_eq!(from("/y/springback.toml"), "/y/springback.toml");
    }

    #[test]
    fn the_nearest_settings_hold_up_to_the_repository() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().canonicalize().unwrap();
        let write = |name: &str| {
            let path = dir.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, "").unwrap();
            path
        };
        let outermost = write("springback.toml");
        let inner = write("suite/springback.toml");
        let scenario = write("suite/deep/a.toml");
        let other = write("b.toml");
        write("repository/.git");
        let in_repository = write("repository/scenarios/c.toml");
        let seen = |paths: &[&PathBuf]| {
            let paths: Vec<PathBuf> = paths.iter().map(|path| (*path).clone()).collect();
            find_settings(&paths).map(|found| found.map(|path| path.canonicalize().unwrap()))
        };
        assert_eq!(seen(&[&scenario]).unwrap(), Some(inner.clone()));
        assert_eq!(seen(&[&dir.join("suite/deep"), &inner]).unwrap(), Some(inner));
        assert_eq!(seen(&[&other]).unwrap(), Some(outermost));
        assert_eq!(seen(&[&in_repository]).unwrap(), None, "what lies above the repository is not its own");
        assert_eq!(seen(&[&dir.join("missing/x.toml")]).unwrap(), None);
        for both in [[&scenario, &other], [&scenario, &in_repository]] {
            let mistakes = seen(&both).unwrap_err();
            assert_eq!(mistakes[0].code(), "several-settings");
            assert!(mistakes[0].message().contains("springback.toml for"), "{}", mistakes[0].message());
        }
    }
}
