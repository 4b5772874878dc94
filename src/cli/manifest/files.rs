//! The files of scenarios in a pod: a ConfigMap that holds them, and where they lie then.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use serde_json::{Value, json};

use crate::scenario::Source;

use super::super::load::Call;

/// Where they are mounted.
pub(super) const SCENARIOS: &str = "/scenarios";
/// Where reports go.
pub(super) const REPORTS: &str = "/reports";
/// The most that a ConfigMap holds, its names and the rest of it left aside. In bytes.
const BYTES_MAX: usize = 1_000_000;

/// Every file that a call reads, with paths such that those between them still hold.
pub(super) struct Files {
    /// Key in the ConfigMap, path below the mount, text.
    files: Vec<(String, String, String)>,
    /// Those that are scenarios.
    scenarios: Vec<String>,
    settings: Option<String>,
    /// Variables of the environment that were filled in.
    environment: BTreeMap<String, String>,
}

impl Files {
    /// # Errors
    /// They are too large for a ConfigMap, or a path cannot be made sense of.
    pub(super) fn of(call: &Call) -> Result<Self, String> {
        let settings = call.project.settings();
        let all = call.scenarios.iter().flat_map(|one| std::iter::once(&one.source).chain(&one.imports));
        let mut texts: BTreeMap<PathBuf, &Source> = BTreeMap::new();
        for source in all.chain(settings) {
            texts.insert(absolute(&source.name)?, source);
        }
        let bytes: usize = texts.values().map(|source| source.text.len()).sum();
        if bytes > BYTES_MAX {
            return Err(format!(
                "the scenarios and their files are {bytes} bytes, more than a ConfigMap can hold"
            ));
        }
        let root = common(texts.keys());
        let below = |path: &Path| path.strip_prefix(&root).unwrap_or(path).to_string_lossy().into_owned();
        let files = texts.iter().enumerate().map(|(n, (path, source))| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let plain = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' };
            (format!("{n}-{}", name.chars().map(plain).collect::<String>()), below(path), source.text.clone())
        });
        let mut scenarios = Vec::new();
        for one in &call.scenarios {
            let path = below(&absolute(&one.source.name)?);
            // A feature has several of them.
            if !scenarios.contains(&path) {
                scenarios.push(path);
            }
        }
        let settings = settings.map(|source| absolute(&source.name)).transpose()?.map(|path| below(&path));
        Ok(Self { files: files.collect(), scenarios, settings, environment: environment(call) })
    }

    /// What holds them.
    pub(super) fn config_map(&self, name: &str, namespace: &str) -> Value {
        let data: BTreeMap<&str, &str> =
            self.files.iter().map(|(key, _, text)| (key.as_str(), text.as_str())).collect();
        json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": { "name": name, "namespace": namespace },
            "data": data,
        })
    }

    /// A volume of a pod with them.
    pub(super) fn volume(&self, config_map: &str) -> Value {
        let items: Vec<Value> =
            self.files.iter().map(|(key, path, _)| json!({ "key": key, "path": path })).collect();
        json!({ "name": "scenarios", "configMap": { "name": config_map, "items": items } })
    }

    /// Variables that their texts refer to, as they were here.
    pub(super) fn environment(&self) -> impl Iterator<Item = (&str, &str)> {
        self.environment.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// What springback is called with, the given options among it.
    pub(super) fn run_args(&self, options: Vec<String>) -> Vec<String> {
        let mounted = |path: &String| format!("{SCENARIOS}/{path}");
        let mut words = ["run", "--in-cluster", "--quiet", "--reports", REPORTS].map(str::to_owned).to_vec();
        if let Some(settings) = &self.settings {
            words.extend(["--config".to_owned(), mounted(settings)]);
        }
        words.extend(options);
        words.extend(self.scenarios.iter().map(mounted));
        words
    }
}

/// The variables that were filled into scenarios, with their values.
fn environment(call: &Call) -> BTreeMap<String, String> {
    let overrides = call.scenarios.iter().flat_map(|one| &one.lowered.overrides);
    let names = overrides.flat_map(|one| {
        one.from.split("environment (").skip(1).filter_map(|rest| rest.split_once(')').map(|(name, _)| name))
    });
    names.filter_map(|name| Some((name.to_owned(), super::super::settings::environment(name)?))).collect()
}

/// A path from the root, without detours. Links are taken as they are named: what follows from a path follows from its name.
fn absolute(path: &str) -> Result<PathBuf, String> {
    let path = std::path::absolute(path).map_err(|error| format!("\"{path}\" is no path: {error}"))?;
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => {
                plain.pop();
            }
            Component::CurDir => {}
            other => plain.push(other),
        }
    }
    Ok(plain)
}

/// The folder that all of these lie in, the nearest such.
fn common<'a>(mut paths: impl Iterator<Item = &'a PathBuf>) -> PathBuf {
    let first = paths.next().and_then(|path| path.parent()).unwrap_or(Path::new("/")).to_owned();
    paths.fold(first, |root, path| {
        root.ancestors().find(|folder| path.starts_with(folder)).unwrap_or(Path::new("/")).to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_between_files_hold_below_their_common_folder() {
        let scenario = absolute("/srv/features/checkout.feature").unwrap();
        let system = absolute("/srv/features/../scenarios/systems/./checkout.toml").unwrap();
        assert_eq!(system, Path::new("/srv/scenarios/systems/checkout.toml"));
        assert_eq!(common([scenario.clone(), system].iter()), Path::new("/srv"));
        assert_eq!(common([scenario].iter()), Path::new("/srv/features"));
    }
}
