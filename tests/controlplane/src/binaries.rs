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
/// At most so many packages are compiled at once.
const AT_ONCE: &str = "2";

/// A Go module of ours, below `go/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Module {
    /// Ends programs together with their test.
    Leash,
    /// etcd, the API server, the controller manager and the scheduler, in one program.
    Kubernetes,
}

impl Module {
    /// All of them, those that every control plane needs first.
    pub const ALL: [Self; 2] = [Self::Leash, Self::Kubernetes];

    /// The name of its folder.
    pub fn name(self) -> &'static str {
        match self {
            Self::Leash => "leash",
            Self::Kubernetes => "kubernetes",
        }
    }

    /// What is built in it.
    fn packages(self) -> &'static [&'static str] {
        match self {
            Self::Leash | Self::Kubernetes => &["."],
        }
    }

    /// Without a version of its own in it, a program says that it has none, and clients stumble over that.
    fn link_flags(self) -> String {
        match self {
            Self::Leash => "-s -w".to_owned(),
            Self::Kubernetes => {
                let at = "k8s.io/component-base/version";
                format!("-s -w -X {at}.gitVersion=v1.36.3 -X {at}.gitMajor=1 -X {at}.gitMinor=36")
            }
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
pub fn build(module: Module, progress: &dyn Fn(Progress)) -> Result<PathBuf, Error> {
    let began = Instant::now();
    let cache = cache()?;
    fs::create_dir_all(&cache).map_err(Error::file(&cache))?;
    let name = format!("{}-{}", module.name(), fingerprint(module)?);
    let built = cache.join(&name);
    if built.is_dir() {
        return Ok(built);
    }
    let lock = cache.join(format!("{}.lock", module.name()));
    let lock = File::create(&lock).and_then(|file| file.lock().map(|()| file)).map_err(Error::file(&lock))?;
    if !built.is_dir() {
        let half = cache.join(format!("{name}.half"));
        fs::create_dir_all(&half).map_err(Error::file(&half))?;
        compile(module, &half, progress)?;
        fs::rename(&half, &built).map_err(Error::file(&built))?;
        progress(Progress::Built { module, took: began.elapsed() });
    }
    drop(lock);
    Ok(built)
}

/// Of all that decides what comes out: the sources, the flags, and Go itself.
fn fingerprint(module: Module) -> Result<String, Error> {
    let folder = module.folder();
    let mut sources: Vec<PathBuf> = fs::read_dir(&folder)
        .and_then(|entries| entries.map(|entry| entry.map(|entry| entry.path())).collect())
        .map_err(Error::file(&folder))?;
    sources.sort();
    let mut hash = Sha256::new();
    hash.update(go(module, &["env", "GOVERSION", "GOOS", "GOARCH", "CGO_ENABLED"])?);
    hash.update(module.link_flags());
    hash.update(module.packages().join(" "));
    for source in sources {
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
    let mut list = vec!["list", "-deps", "-mod=readonly"];
    list.extend(module.packages());
    let packages = go(module, &list)?;
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
    command.args(["-ldflags", &module.link_flags(), "-o"]).arg(into.join("")).args(module.packages());
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

/// A length of time as a person reads it.
pub fn shown(time: Duration) -> String {
    match time.as_secs() {
        0..60 => format!("{:.1} s", time.as_secs_f64()),
        seconds => format!("{} min {} s", seconds / 60, seconds % 60),
    }
}

#[cfg(test)]
mod tests {
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
