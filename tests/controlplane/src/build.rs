//! Builds the Go modules, each once, and keeps the programs outside the clone.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::time::Instant;

use crate::{Error, Module, Progress, process};

/// So many builds of a module are kept: other branches have theirs.
const KEPT: usize = 4;
/// At most so many packages are compiled at once.
const AT_ONCE: &str = "2";

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
        forget_old(cache, module)?;
        progress(Progress::Built { module, took: began.elapsed() });
    }
    drop(lock);
    Ok(built)
}

/// Removes all but the last builds of a module, so that the cache does not grow with every change.
fn forget_old(cache: &Path, module: Module) -> Result<(), Error> {
    let of_module = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        path.is_dir() && name.strip_prefix(module.name()).is_some_and(|rest| rest.starts_with('-'))
    };
    let mut builds: Vec<PathBuf> = files(cache)?.into_iter().filter(of_module).collect();
    builds.sort_by_key(|path| path.metadata().and_then(|metadata| metadata.modified()).ok());
    for old in builds.iter().rev().skip(KEPT) {
        fs::remove_dir_all(old).map_err(Error::file(old))?;
    }
    Ok(())
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
fn go(module: Module, args: &[&str]) -> Result<String, Error> {
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
    fn old_builds_are_forgotten_and_those_of_other_modules_are_not() {
        let cache = tempfile::tempdir().unwrap();
        for name in ["leash-1", "leash-2", "leash-3", "leash-4", "leash-5", "kwok-1"] {
            fs::create_dir(cache.path().join(name)).unwrap();
        }
        // The one that was made last is the newest, whatever the clock's grain.
        let newest = fs::File::open(cache.path().join("leash-1")).unwrap();
        newest.set_modified(std::time::UNIX_EPOCH + Duration::from_secs(4_000_000_000)).unwrap();
        forget_old(cache.path(), Module::Leash).unwrap();
        let left = files(cache.path()).unwrap();
        assert_eq!(left.len(), KEPT + 1, "{left:?}");
        assert!(left.contains(&cache.path().join("leash-1")) && left.contains(&cache.path().join("kwok-1")));
    }
}
