//! Where the programs of the four are.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

use crate::build::build;
use crate::{Component, Error, Module, Progress};

/// As in envtest: a folder with programs to use instead of ours.
const ASSETS: &str = "KUBEBUILDER_ASSETS";

/// A program and the arguments that choose the component in it.
#[derive(Debug, Clone)]
pub(crate) struct Executable {
    pub(crate) path: PathBuf,
    pub(crate) args: Vec<String>,
}

/// Where the programs lie.
#[derive(Debug, Clone)]
pub(crate) struct Binaries {
    pub(crate) leash: PathBuf,
    executables: BTreeMap<Component, Executable>,
}

impl Binaries {
    /// What every control plane needs: built here, or taken from `KUBEBUILDER_ASSETS`.
    pub(crate) fn ensure(progress: &dyn Fn(Progress)) -> Result<Self, Error> {
        let leash = build(Module::Leash, progress)?.join("leash");
        let executables = match std::env::var_os(ASSETS) {
            Some(folder) if !folder.is_empty() => assets(folder)?,
            _ => {
                let path = build(Module::Kubernetes, progress)?.join("kubernetes");
                let part = |component: Component| {
                    let args = vec![component.name().to_owned()];
                    (component, Executable { path: path.clone(), args })
                };
                Component::PLANE.map(part).into()
            }
        };
        Ok(Self { leash, executables })
    }

    pub(crate) fn executable(&self, of: Component) -> &Executable {
        self.executables.get(&of).expect("a component is started after its program is built")
    }
}

/// Every program that is missing, at once.
fn assets(folder: OsString) -> Result<BTreeMap<Component, Executable>, Error> {
    let folder = PathBuf::from(folder);
    let path = |component: Component| folder.join(component.name());
    let missing: Vec<&str> = Component::PLANE
        .into_iter()
        .filter(|component| !path(*component).is_file())
        .map(Component::name)
        .collect();
    if !missing.is_empty() {
        return Err(Error::Assets { missing: missing.join(", "), folder });
    }
    Ok(Component::PLANE.map(|c| (c, Executable { path: path(c), args: Vec::new() })).into())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn missing_assets_are_named_all_at_once() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("etcd"), "").unwrap();
        fs::write(folder.path().join("kube-apiserver"), "").unwrap();
        let error = assets(folder.path().into()).unwrap_err().to_string();
        assert!(error.contains("lacks kube-controller-manager, kube-scheduler"), "{error}");
        assert!(error.contains("KUBEBUILDER_ASSETS"), "{error}");
    }

    #[test]
    fn a_folder_with_all_assets_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        for component in Component::PLANE {
            fs::write(folder.path().join(component.name()), "").unwrap();
        }
        assert_eq!(assets(folder.path().into()).unwrap().len(), Component::PLANE.len());
    }
}
