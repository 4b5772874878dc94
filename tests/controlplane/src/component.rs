use std::fmt;

/// A program of the control plane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Component {
    /// What the API server keeps its objects in.
    Etcd,
    /// The API server.
    ApiServer,
    /// Kubernetes' own controllers: HPA, Deployments, garbage collection, node lifecycle and all others.
    ControllerManager,
    /// Binds pods to nodes.
    Scheduler,
}

impl Component {
    /// What every control plane consists of, in the order in which it starts.
    pub(crate) const PLANE: [Self; 4] =
        [Self::Etcd, Self::ApiServer, Self::ControllerManager, Self::Scheduler];

    /// The name of its program.
    pub fn name(self) -> &'static str {
        match self {
            Self::Etcd => "etcd",
            Self::ApiServer => "kube-apiserver",
            Self::ControllerManager => "kube-controller-manager",
            Self::Scheduler => "kube-scheduler",
        }
    }
}

impl fmt::Display for Component {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}
