//! What all parts of the stand-in share. They live on one thread.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kube::Client;
use tokio::sync::Notify;

use super::knobs::Knobs;
use super::node::Node;
use super::pod::RunningPod;

/// What the stand-in was started with.
#[derive(Debug, Clone)]
pub(super) struct Options {
    pub(super) program: PathBuf,
    pub(super) crash_backoff: Duration,
    pub(super) heartbeat: Duration,
    /// Nodes with these labels are others' to make, and ours to run.
    pub(super) adopts: Option<String>,
    pub(super) kubelet_port: u16,
}

/// What all parts share.
pub(super) struct Context {
    pub(super) client: Client,
    pub(super) options: Options,
    pub(super) knobs: Arc<Mutex<Knobs>>,
    pub(super) complaints: Arc<Mutex<Vec<String>>>,
    pub(super) nodes: RefCell<Vec<Rc<Node>>>,
    /// By UID.
    pub(super) pods: RefCell<BTreeMap<String, Rc<RunningPod>>>,
    /// Told whenever requests may have to go elsewhere.
    pub(super) routes: Notify,
}

impl Context {
    /// How it was told to misbehave.
    pub(super) fn knobs(&self) -> Knobs {
        self.knobs.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Keeps what went wrong, for whoever wonders why a test waits in vain.
    pub(super) fn complain(&self, what: String) {
        const KEPT: usize = 100;
        let mut complaints = self.complaints.lock().unwrap_or_else(PoisonError::into_inner);
        if complaints.len() < KEPT {
            complaints.push(what);
        }
    }

    /// The nodes that are there now.
    pub(super) fn nodes(&self) -> Vec<Rc<Node>> {
        self.nodes.borrow().clone()
    }

    /// The pods that are there now.
    pub(super) fn pods(&self) -> Vec<Rc<RunningPod>> {
        self.pods.borrow().values().cloned().collect()
    }
}
