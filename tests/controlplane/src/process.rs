//! A program on a leash: it ends when this process does, however this process ends.

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::Error;

/// What is needed to start a program, and to start it once more.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    pub(crate) path: PathBuf,
    pub(crate) args: Vec<String>,
    pub(crate) env: Vec<(String, String)>,
    /// Its output is added to this file.
    pub(crate) log: PathBuf,
}

/// A program that runs. Dropping it kills it.
#[derive(Debug)]
pub(crate) struct Process {
    leash: Child,
    pid: u32,
}

impl Process {
    /// Starts a program.
    pub(crate) fn start(leash: &Path, program: &Program) -> Result<Self, Error> {
        let log = log_file(&program.log)?;
        let mut command = command(leash);
        command.arg(&program.path).args(&program.args).envs(program.env.iter().map(|(k, v)| (k, v)));
        let mut leash = command.stderr(log).spawn().map_err(Error::starting(&program.path))?;
        let mut line = String::new();
        let said = BufReader::new(leash.stdout.take().expect("it is piped")).read_line(&mut line);
        match line.trim().parse() {
            Ok(pid) => Ok(Self { leash, pid }),
            Err(_) => {
                let _ = leash.wait();
                let why = said.err().map_or_else(|| tail(&program.log, 3), |error| error.to_string());
                Err(Error::Start { program: program.path.clone(), why })
            }
        }
    }

    /// The program's own process id.
    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// How it ended, when it has.
    pub(crate) fn ended(&mut self) -> Option<String> {
        self.leash.try_wait().ok().flatten().map(|status| status.to_string())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.leash.stdin.take());
        let _ = self.leash.wait();
    }
}

/// A folder that is removed when this process ends, however it ends.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    sweeper: Child,
}

impl Folder {
    /// Makes a folder below the system's temporary one.
    pub(crate) fn create(leash: &Path) -> Result<Self, Error> {
        let temp = std::env::temp_dir();
        let folder = tempfile::Builder::new().prefix("springback-controlplane-").tempdir_in(&temp);
        let folder = folder.map_err(Error::file(&temp))?;
        let mut sweeper = command(leash);
        sweeper.arg("-remove").arg(folder.path()).stderr(Stdio::null());
        let sweeper = sweeper.spawn().map_err(Error::starting(leash))?;
        Ok(Self { path: folder.keep(), sweeper })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(self.sweeper.stdin.take());
        let _ = self.sweeper.wait();
    }
}

/// In a process group of its own: the terminal's Ctrl-C is for the one who started the test, who then ends all in order.
///
/// The program's process id comes on standard output, and standard input holds it: who lets go of that ends it.
pub(crate) fn command(leash: &Path) -> Command {
    use std::os::unix::process::CommandExt;
    let mut command = Command::new(leash);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).process_group(0);
    command
}

fn log_file(path: &Path) -> Result<File, Error> {
    OpenOptions::new().create(true).append(true).open(path).map_err(Error::file(path))
}

/// The last lines of a log, to show why a component does not come up.
pub(crate) fn tail(log: &Path, lines: usize) -> String {
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}
