use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::Component;

/// Why there is no control plane. Reads after "failed to start the control plane: ".
#[derive(Debug, Error)]
pub enum Error {
    /// There is no `go` on the path.
    #[error("Go is needed to build it, 1.26 or later, and there is no `go` on the path: https://go.dev/dl")]
    NoGo,
    /// There is no home folder to keep what is built in.
    #[error("there is no home folder to keep what is built in; set HOME")]
    NoHome,
    /// Go refused to build a module.
    #[error("Go does not build {module}:\n{why}")]
    Build {
        /// The module's folder below `go/`.
        module: &'static str,
        /// What Go says.
        why: String,
    },
    /// `KUBEBUILDER_ASSETS` names a folder that lacks a program.
    #[error("{} lacks {missing}; KUBEBUILDER_ASSETS names it, unset that and all is built here", folder.display())]
    Assets {
        /// The programs that are not there, separated by commas.
        missing: String,
        /// The folder.
        folder: PathBuf,
    },
    /// A program cannot be started.
    #[error("{} does not start: {why}", program.display())]
    Start {
        /// Its path.
        program: PathBuf,
        /// What the system says, or the program.
        why: String,
    },
    /// A component ended by itself.
    #[error("{component} ended ({status}). Its last words, from {}:\n{words}", log.display())]
    Ended {
        /// The component.
        component: Component,
        /// Its exit status.
        status: String,
        /// Its log.
        log: PathBuf,
        /// The end of the log.
        words: String,
    },
    /// A component runs, but does not become ready.
    #[error("{component} was not ready within {} s ({why}). Its last words, from {}:\n{words}", within.as_secs(), log.display())]
    NotReady {
        /// The component.
        component: Component,
        /// How long it had.
        within: std::time::Duration,
        /// The last answer to the question.
        why: String,
        /// Its log.
        log: PathBuf,
        /// The end of the log.
        words: String,
    },
    /// Every block of ports is in use.
    #[error("there are no free ports between 20000 and 29599 on 127.0.0.1")]
    NoPorts,
    /// A file cannot be read or written.
    #[error("{}: {why}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        why: std::io::Error,
    },
    /// A key or a certificate cannot be made.
    #[error("no certificate: {0}")]
    Certificate(#[from] rcgen::Error),
    /// The API server refuses, or cannot be reached.
    #[error("the API server: {0}")]
    Api(#[from] kube::Error),
    /// An object cannot be applied, or what it stands for does not come about.
    #[error("{0}")]
    Manifest(String),
    /// The stand-in for nodes.
    #[error(transparent)]
    Nodes(#[from] crate::nodes::NodesError),
    /// A kubeconfig of ours cannot be read.
    #[error("the kubeconfig: {0}")]
    Kubeconfig(#[from] kube::config::KubeconfigError),
}

impl Error {
    pub(crate) fn file(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |why| Self::File { path, why }
    }

    pub(crate) fn starting(program: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let program = program.to_owned();
        move |why| Self::Start { program, why: why.to_string() }
    }
}
