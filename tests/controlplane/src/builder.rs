use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::{Component, ControlPlane, Error, Module};

/// How a control plane is set up. Its defaults are quick ones, so that a test's HPA contracts within seconds.
#[derive(Debug)]
pub struct Builder {
    pub(crate) context: String,
    pub(crate) hpa_sync_period: Duration,
    pub(crate) downscale_stabilization: Duration,
    pub(crate) cpu_initialization_period: Duration,
    pub(crate) initial_readiness_delay: Duration,
    pub(crate) node_monitor_grace_period: Duration,
    pub(crate) eviction_delay: Duration,
    pub(crate) flags: BTreeMap<Component, BTreeMap<String, String>>,
    pub(crate) progress: Report,
}

/// Where progress goes.
#[derive(Clone)]
pub(crate) struct Report(pub(crate) Arc<dyn Fn(Progress) + Send + Sync>);

impl fmt::Debug for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Report")
    }
}

/// What happens while a control plane is built and started.
#[derive(Debug, Clone, Copy)]
pub enum Progress {
    /// Go compiles a module's packages, which takes minutes the first time.
    Building {
        /// The module.
        module: Module,
        /// Packages compiled.
        done: usize,
        /// Packages in all, those that Go has in its cache included.
        of: usize,
        /// Since the start of this module's build.
        took: Duration,
    },
    /// A module is built.
    Built {
        /// The module.
        module: Module,
        /// How long it took, waiting for another process's build included.
        took: Duration,
    },
    /// A component answers that it is ready.
    Ready {
        /// The component.
        component: Component,
        /// Since its start.
        took: Duration,
    },
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            context: "springback-test".to_owned(),
            hpa_sync_period: Duration::from_secs(1),
            downscale_stabilization: Duration::from_secs(5),
            cpu_initialization_period: Duration::from_secs(2),
            initial_readiness_delay: Duration::from_secs(1),
            node_monitor_grace_period: Duration::from_secs(10),
            eviction_delay: Duration::from_secs(5),
            flags: BTreeMap::new(),
            progress: Report(Arc::new(|_| {})),
        }
    }
}

impl Builder {
    /// The name of the context in the kubeconfig, and of its cluster and user. `springback-test` unless told.
    pub fn context(mut self, name: impl Into<String>) -> Self {
        self.context = name.into();
        self
    }

    /// How often the HPA controller looks. 1 s unless told; Kubernetes' own default is 15 s.
    pub fn hpa_sync_period(mut self, period: Duration) -> Self {
        self.hpa_sync_period = period;
        self
    }

    /// For how long the HPA controller remembers a higher recommendation, where an HPA has no window of its own. 5 s
    /// unless told; Kubernetes' own default is 5 min.
    pub fn downscale_stabilization(mut self, window: Duration) -> Self {
        self.downscale_stabilization = window;
        self
    }

    /// For how long after a pod's start the HPA controller takes its CPU samples only when it is ready. 2 s unless
    /// told; Kubernetes' own default is 5 min.
    pub fn cpu_initialization_period(mut self, period: Duration) -> Self {
        self.cpu_initialization_period = period;
        self
    }

    /// Within which time of a pod's start a change of its readiness counts as its first. 1 s unless told; Kubernetes'
    /// own default is 30 s.
    pub fn initial_readiness_delay(mut self, delay: Duration) -> Self {
        self.initial_readiness_delay = delay;
        self
    }

    /// For how long a node may be silent before it is not ready. 10 s unless told; Kubernetes' own default is 50 s.
    /// A node's heartbeats must come a few times as often, or it flaps.
    pub fn node_monitor_grace_period(mut self, period: Duration) -> Self {
        self.node_monitor_grace_period = period;
        self
    }

    /// How long pods stay on a node that is not ready, unless they say themselves. 5 s unless told; Kubernetes' own
    /// default is 5 min. In whole seconds.
    pub fn eviction_delay(mut self, delay: Duration) -> Self {
        self.eviction_delay = delay;
        self
    }

    /// Any other flag of a component, without its dashes. It wins over what is set here.
    pub fn flag(mut self, component: Component, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.flags.entry(component).or_default().insert(name.into(), value.into());
        self
    }

    /// Is told what happens, from any thread.
    pub fn on_progress(mut self, report: impl Fn(Progress) + Send + Sync + 'static) -> Self {
        self.progress = Report(Arc::new(report));
        self
    }

    /// Builds what is missing, starts all, and waits until everything is ready: minutes the first time, then seconds.
    ///
    /// # Errors
    /// Go is missing or cannot build, `KUBEBUILDER_ASSETS` is incomplete, or a component does not become ready.
    pub async fn start(self) -> Result<ControlPlane, Error> {
        ControlPlane::start(self).await
    }
}
