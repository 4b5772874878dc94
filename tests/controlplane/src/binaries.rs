//! The programs of the control plane, built from Go modules once and kept outside the clone.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::time::Instant;

use crate::{Component, Error, Progress, process};

/// As in envtest: a folder with programs to use instead of ours.
const ASSETS: &str = "KUBEBUILDER_ASSETS";
/// Beside the programs: KWOK's stages.
pub(crate) const STAGES: &str = "stages";
/// Beside the programs: definitions of custom resources.
pub(crate) const CRDS: &str = "crds";
/// At most so many packages are compiled at once.
const AT_ONCE: &str = "2";

/// A Go module of ours, below `go/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Module {
    /// Ends programs together with their test.
    Leash,
    /// etcd, the API server, the controller manager and the scheduler, in one program.
    Kubernetes,
    /// KWOK.
    Kwok,
    /// Karpenter, with the provider that has KWOK stand in for its nodes.
    Karpenter,
    /// KEDA's operator and its adapter.
    Keda,
}

impl Module {
    /// All of them, those that every control plane needs first.
    pub const ALL: [Self; 5] = [Self::Leash, Self::Kubernetes, Self::Kwok, Self::Karpenter, Self::Keda];

    /// The name of its folder.
    pub fn name(self) -> &'static str {
        match self {
            Self::Leash => "leash",
            Self::Kubernetes => "kubernetes",
            Self::Kwok => "kwok",
            Self::Karpenter => "karpenter",
            Self::Keda => "keda",
        }
    }

    /// What is built in it: its own program, or the tools that its `go.mod` names.
    fn packages(self) -> &'static str {
        match self {
            Self::Leash | Self::Kubernetes => ".",
            Self::Kwok | Self::Karpenter | Self::Keda => "tool",
        }
    }

    /// What its programs need besides themselves: folders of YAML files, each with the module that brings it and the
    /// name that it gets beside the programs.
    fn manifests(self) -> &'static [(&'static str, &'static str, &'static str)] {
        match self {
            Self::Leash | Self::Kubernetes => &[],
            Self::Kwok => &[
                ("sigs.k8s.io/kwok", "kustomize/stage/pod/fast", STAGES),
                ("sigs.k8s.io/kwok", "kustomize/stage/node/fast", STAGES),
                ("sigs.k8s.io/kwok", "kustomize/stage/node/heartbeat-with-lease", STAGES),
            ],
            Self::Karpenter => &[
                ("sigs.k8s.io/karpenter", "pkg/apis/crds", CRDS),
                ("sigs.k8s.io/karpenter", "kwok/apis/crds", CRDS),
            ],
            Self::Keda => &[("github.com/kedacore/keda/v2", "config/crd/bases", CRDS)],
        }
    }

    /// Without a version of its own in it, a program says that it has none, and clients stumble over that.
    fn link_flags(self) -> String {
        match self {
            Self::Kubernetes => {
                let at = "k8s.io/component-base/version";
                format!("-s -w -X {at}.gitVersion=v1.36.3 -X {at}.gitMajor=1 -X {at}.gitMinor=36")
            }
            _ => "-s -w".to_owned(),
        }
    }

    pub(crate) fn folder(self) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("go").join(self.name())
    }
}

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

/// Where everything that is built, and the locks on ports, are kept.
pub(crate) fn cache() -> Result<PathBuf, Error> {
    let home = std::env::home_dir().ok_or(Error::NoHome)?;
    Ok(home.join(".cache/springback/controlplane"))
}

/// Builds a module, unless just this has been built before. Returns the folder with its programs.
///
/// Blocks: minutes the first time.
///
/// # Errors
/// There is no Go, it cannot build the module, or the folder cannot be written.
pub fn build(module: Module, progress: &dyn Fn(Progress)) -> Result<PathBuf, Error> {
    build_into(&cache()?, module, progress)
}

fn build_into(cache: &Path, module: Module, progress: &dyn Fn(Progress)) -> Result<PathBuf, Error> {
    let began = Instant::now();
    fs::create_dir_all(cache).map_err(Error::file(cache))?;
    let name = format!("{}-{}", module.name(), fingerprint(module)?);
    let built = cache.join(&name);
    if built.is_dir() {
        return Ok(built);
    }
    let lock = cache.join(format!("{}.lock", module.name()));
    let lock = File::create(&lock).and_then(|file| file.lock().map(|()| file)).map_err(Error::file(&lock))?;
    if !built.is_dir() {
        let half = cache.join(format!("{name}.half"));
        let _ = fs::remove_dir_all(&half);
        fs::create_dir_all(&half).map_err(Error::file(&half))?;
        compile(module, &half, progress)?;
        for (of, folder, name) in module.manifests() {
            let source =
                PathBuf::from(go(module, &["list", "-m", "-f", "{{.Dir}}", of])?.trim()).join(folder);
            copy_manifests(&source, &half.join(name))?;
        }
        fs::rename(&half, &built).map_err(Error::file(&built))?;
        progress(Progress::Built { module, took: began.elapsed() });
    }
    drop(lock);
    Ok(built)
}

/// Of all that decides what comes out: the sources, the flags, and Go itself.
fn fingerprint(module: Module) -> Result<String, Error> {
    let mut hash = Sha256::new();
    hash.update(go(module, &["env", "GOVERSION", "GOOS", "GOARCH", "CGO_ENABLED"])?);
    hash.update(module.link_flags());
    hash.update(format!("{:?}", (module.packages(), module.manifests())));
    for source in files(&module.folder())? {
        hash.update(source.file_name().unwrap_or_default().as_encoded_bytes());
        hash.update(fs::read(&source).map_err(Error::file(&source))?);
    }
    Ok(hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect())
}

/// What `go` prints. The module's own `go.mod` and `go.sum` stay as they are.
pub(crate) fn go(module: Module, args: &[&str]) -> Result<String, Error> {
    let output = Command::new("go").current_dir(module.folder()).args(args).stdin(Stdio::null()).output();
    let output = output.map_err(no_go)?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let why = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(Error::Build { module: module.name(), why })
}

fn no_go(error: std::io::Error) -> Error {
    match error.kind() {
        std::io::ErrorKind::NotFound => Error::NoGo,
        _ => Error::Start { program: "go".into(), why: error.to_string() },
    }
}

fn compile(module: Module, into: &Path, progress: &dyn Fn(Progress)) -> Result<(), Error> {
    let began = Instant::now();
    let packages = go(module, &["list", "-deps", "-mod=readonly", module.packages()])?;
    let packages: Vec<&str> = packages.lines().collect();
    let told = |done| {
        let took = began.elapsed();
        progress(Progress::Building { module, done, of: packages.len(), took });
    };
    told(0);
    let mut command = match module {
        Module::Leash => Command::new("go"),
        // A build of minutes goes on when its test is killed, unless it is on a leash too.
        _ => {
            let mut command = process::command(&build(Module::Leash, progress)?.join("leash"));
            command.arg("go");
            command
        }
    };
    command.current_dir(module.folder()).args(["build", "-v", "-trimpath", "-mod=readonly", "-p", AT_ONCE]);
    command.args(["-ldflags", &module.link_flags(), "-o"]).arg(into.join("")).arg(module.packages());
    let mut go = command.stderr(Stdio::piped()).spawn().map_err(no_go)?;
    let held = go.stdin.take();
    // Go names each package as it compiles it. What it takes from its own cache it does not name.
    let mut done = 0;
    let mut why = Vec::new();
    for line in BufReader::new(go.stderr.take().expect("it is piped")).lines().map_while(Result::ok) {
        if packages.contains(&line.as_str()) {
            done += 1;
            told(done);
        } else if !line.starts_with("go: downloading ") {
            why.push(line);
        }
    }
    let ended = go.wait();
    drop(held);
    match ended {
        Ok(status) if status.success() => Ok(()),
        Ok(_) => Err(Error::Build { module: module.name(), why: why.join("\n") }),
        Err(error) => Err(Error::Start { program: "go".into(), why: error.to_string() }),
    }
}

/// Copies the YAML files of a folder, but for those that speak to kustomize.
fn copy_manifests(from: &Path, to: &Path) -> Result<(), Error> {
    fs::create_dir_all(to).map_err(Error::file(to))?;
    for file in files(from)? {
        let name = file.file_name().unwrap_or_default();
        if file.extension().is_some_and(|extension| extension == "yaml") && name != "kustomization.yaml" {
            fs::copy(&file, to.join(name)).map_err(Error::file(&file))?;
        }
    }
    Ok(())
}

/// What is in a folder, in the order of names.
pub(crate) fn files(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let entries = fs::read_dir(folder).and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect());
    let mut files: Vec<PathBuf> = entries.map_err(Error::file(folder))?;
    files.sort();
    Ok(files)
}

/// A length of time as a person reads it.
pub fn shown(time: Duration) -> String {
    match time.as_secs() {
        0..60 => format!("{:.1} s", time.as_secs_f64()),
        seconds => format!("{} min {} s", seconds / 60, seconds % 60),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[test]
    #[ignore = "needs Go"]
    fn of_two_at_once_one_builds_and_both_have_it() {
        let cache = tempfile::tempdir().unwrap();
        let builds = AtomicU32::new(0);
        let build = || {
            let count = |progress| {
                if matches!(progress, Progress::Built { .. }) {
                    builds.fetch_add(1, Ordering::Relaxed);
                }
            };
            build_into(cache.path(), Module::Leash, &count).unwrap()
        };
        let (one, other) = std::thread::scope(|scope| {
            let other = scope.spawn(build);
            (build(), other.join().unwrap())
        });
        assert_eq!(one, other);
        assert!(one.join("leash").is_file());
        assert_eq!(builds.load(Ordering::Relaxed), 1);
    }

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
