use std::fs;
use std::os::unix::fs::symlink;

use k8s_openapi::api::core::v1::Namespace;
use kube::api::{Api, Patch, PatchParams};
use serde_json::json;

use crate::manifests::{FIELD_MANAGER, define};
use crate::module::CRDS;
use crate::ports::Port;
use crate::{Component, ControlPlane, Error, Module};

/// Where KEDA would live.
const NAMESPACE: &str = "keda";

impl ControlPlane {
    /// Starts KEDA: its operator, which makes an HPA for each ScaledObject, and its adapter, from which the HPA
    /// controller reads `external.metrics.k8s.io`.
    ///
    /// # Errors
    /// It cannot be built, its custom resources cannot be defined, or one of the two does not become ready.
    pub async fn start_keda(&self) -> Result<(), Error> {
        let built = self.built(Module::Keda).await?;
        let client = self.client();
        define(&client, &built.join(CRDS)).await?;
        let namespace = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": NAMESPACE } });
        let applied = PatchParams::apply(FIELD_MANAGER);
        Api::<Namespace>::all(client.clone()).patch(NAMESPACE, &applied, &Patch::Apply(namespace)).await?;

        let operator = self.home(Component::KedaOperator)?;
        for (from, to) in [("server.crt", "tls.crt"), ("server.key", "tls.key"), ("ca.crt", "ca.crt")] {
            let to = operator.data.join(to);
            fs::copy(self.certificates.path(from), &to).map_err(Error::file(&to))?;
        }
        let certificates = operator.data.display();
        let env = |kubeconfig: String| {
            vec![
                ("KUBECONFIG", kubeconfig),
                ("POD_NAMESPACE", NAMESPACE.to_owned()),
                ("WATCH_NAMESPACE", String::new()),
                ("KEDA_CLUSTER_OBJECT_NAMESPACE", NAMESPACE.to_owned()),
            ]
        };
        let args = vec![
            format!("--cert-dir={certificates}"),
            "--enable-cert-rotation=false".to_owned(),
            "--enable-webhook-patching=false".to_owned(),
            "--enable-apiservice-patching=false".to_owned(),
            format!("--metrics-bind-address={}", self.ports.address(Port::KedaOperatorMetrics)),
            format!("--health-probe-bind-address={}", self.ports.address(Port::KedaOperatorProbe)),
            format!("--metrics-service-bind-address={}", self.ports.address(Port::KedaOperatorService)),
        ];
        // In its image the program is called keda, and by that name its writes are known.
        let path = operator.data.join("keda");
        if !path.exists() {
            symlink(built.join("operator"), &path).map_err(Error::file(&path))?;
        }
        self.launch(Component::KedaOperator, &path, args, env(operator.kubeconfig.clone()))?;
        self.ready(Component::KedaOperator).await?;

        let adapter = self.home(Component::KedaAdapter)?;
        let kubeconfig = &adapter.kubeconfig;
        let mut args = vec![
            format!("--kubeconfig={kubeconfig}"),
            format!("--lister-kubeconfig={kubeconfig}"),
            format!("--authentication-kubeconfig={kubeconfig}"),
            format!("--authorization-kubeconfig={kubeconfig}"),
            "--bind-address=127.0.0.1".to_owned(),
            format!("--secure-port={}", self.ports.port(Port::KedaAdapter)),
            format!("--port={}", self.ports.port(Port::KedaAdapterMetrics)),
            format!("--cert-dir={certificates}"),
            format!("--tls-cert-file={certificates}/tls.crt"),
            format!("--tls-private-key-file={certificates}/tls.key"),
            format!("--client-ca-file={certificates}/ca.crt"),
            format!("--metrics-service-address=localhost:{}", self.ports.port(Port::KedaOperatorService)),
        ];
        args.extend([
            format!("--requestheader-client-ca-file={}", self.certificates.path("front-proxy-ca.crt")),
            "--requestheader-allowed-names=front-proxy-client".to_owned(),
        ]);
        self.launch(Component::KedaAdapter, &built.join("adapter"), args, env(kubeconfig.clone()))?;
        self.ready(Component::KedaAdapter).await?;
        self.aggregate("external.metrics.k8s.io", "v1beta1", self.ports.port(Port::KedaAdapter)).await
    }
}
