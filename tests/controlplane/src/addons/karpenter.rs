use crate::manifests::define;
use crate::module::CRDS;
use crate::ports::Port;
use crate::{Component, ControlPlane, Error, Module};

impl ControlPlane {
    /// Starts Karpenter with its KWOK provider, and KWOK unless it runs. A NodePool and a KWOKNodeClass are for the
    /// test to make.
    ///
    /// # Errors
    /// It cannot be built, its custom resources cannot be defined, or it does not become ready.
    pub async fn start_karpenter(&self) -> Result<(), Error> {
        if self.pid(Component::Kwok).is_none() {
            self.start_kwok().await?;
        }
        self.start_karpenter_alone().await
    }

    /// Starts Karpenter without KWOK: somebody else must keep the nodes that it makes, such as
    /// [`crate::nodes::NodesBuilder::adopting`].
    ///
    /// # Errors
    /// It cannot be built, its custom resources cannot be defined, or it does not become ready.
    pub async fn start_karpenter_alone(&self) -> Result<(), Error> {
        let built = self.built(Module::Karpenter).await?;
        define(&self.client(), &built.join(CRDS)).await?;
        let home = self.home(Component::Karpenter)?;
        let env = vec![
            ("KUBECONFIG", home.kubeconfig),
            ("DISABLE_LEADER_ELECTION", "true".to_owned()),
            ("SYSTEM_NAMESPACE", "kube-system".to_owned()),
            ("METRICS_PORT", self.ports.port(Port::KarpenterMetrics).to_string()),
            ("HEALTH_PROBE_PORT", self.ports.port(Port::KarpenterProbe).to_string()),
        ];
        // The provider's program is called kwok as well.
        self.launch(Component::Karpenter, &built.join("kwok"), Vec::new(), env)?;
        self.ready(Component::Karpenter).await
    }
}
