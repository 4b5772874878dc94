use std::fmt;

use crate::ports::Port;

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
    /// KWOK: see [`crate::ControlPlane::start_kwok`].
    Kwok,
    /// Karpenter: see [`crate::ControlPlane::start_karpenter`].
    Karpenter,
    /// KEDA's operator: see [`crate::ControlPlane::start_keda`].
    KedaOperator,
    /// KEDA's adapter, through which the HPA controller reads external metrics.
    KedaAdapter,
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
            Self::Kwok => "kwok",
            Self::Karpenter => "karpenter",
            Self::KedaOperator => "keda-operator",
            Self::KedaAdapter => "keda-adapter",
        }
    }

    /// Where it says that it is ready: scheme, port and path.
    pub(crate) fn probe(self) -> (&'static str, Port, &'static str) {
        match self {
            Self::Etcd => ("http", Port::EtcdClient, "/health"),
            Self::ApiServer => ("https", Port::ApiServer, "/readyz"),
            Self::ControllerManager => ("https", Port::ControllerManager, "/healthz"),
            Self::Scheduler => ("https", Port::Scheduler, "/readyz"),
            Self::Kwok => ("http", Port::Kwok, "/readyz"),
            Self::Karpenter => ("http", Port::KarpenterProbe, "/readyz"),
            Self::KedaOperator => ("http", Port::KedaOperatorProbe, "/readyz"),
            Self::KedaAdapter => ("https", Port::KedaAdapter, "/readyz"),
        }
    }
}

impl fmt::Display for Component {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}
