//! The stand-in's one HTTPS server: the metrics API, and the kubelets' logs.

use std::future::ready;
use std::rc::Rc;

use hyper::StatusCode;
use kube::ResourceExt;
use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind, Patch, PatchParams};
use serde_json::json;

use super::context::Context;
use super::metrics::{self, Meter};
use crate::https::{self, Answer, Question, respond};

/// The name of the Service that leads the API server to us.
const SERVICE: &str = "standin-metrics";
const NAMESPACE: &str = "kube-system";

/// The server, before it serves.
pub(super) struct Https {
    server: https::Https,
    pub(super) port: u16,
}

impl Https {
    pub(super) async fn bind() -> Result<Self, String> {
        let server = https::Https::bind().await?;
        Ok(Self { port: server.port(), server })
    }

    /// Tells the API server where `metrics.k8s.io` is served. It does not check who we are, which only a test may do.
    pub(super) async fn announce(&self, client: &kube::Client) -> kube::Result<()> {
        let service = json!({
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": { "name": SERVICE, "namespace": NAMESPACE },
            "spec": { "type": "ExternalName", "externalName": "localhost", "ports": [{ "port": self.port }] },
        });
        let api_service = json!({
            "apiVersion": "apiregistration.k8s.io/v1",
            "kind": "APIService",
            "metadata": { "name": "v1beta1.metrics.k8s.io" },
            "spec": {
                "group": "metrics.k8s.io",
                "version": "v1beta1",
                "groupPriorityMinimum": 100,
                "versionPriority": 100,
                "insecureSkipTLSVerify": true,
                "service": { "name": SERVICE, "namespace": NAMESPACE, "port": self.port },
            },
        });
        let params = PatchParams::apply("standin").force();
        let kind = ApiResource::from_gvk(&GroupVersionKind::gvk("", "v1", "Service"));
        let services: Api<DynamicObject> = Api::namespaced_with(client.clone(), NAMESPACE, &kind);
        services.patch(SERVICE, &params, &Patch::Apply(&service)).await?;
        let kind =
            ApiResource::from_gvk(&GroupVersionKind::gvk("apiregistration.k8s.io", "v1", "APIService"));
        let api_services: Api<DynamicObject> = Api::all_with(client.clone(), &kind);
        api_services.patch("v1beta1.metrics.k8s.io", &params, &Patch::Apply(&api_service)).await?;
        Ok(())
    }

    /// Serves, for ever.
    pub(super) async fn serve(self, ctx: Rc<Context>, meter: Rc<Meter>) {
        self.server.serve(move |question| ready(answer(&ctx, &meter, &question))).await;
    }
}

fn answer(ctx: &Context, meter: &Meter, question: &Question) -> Answer {
    let path = question.path();
    if let Some(path) = path.strip_prefix(metrics::ROOT) {
        meter.answer(ctx, path, &question.parameter("labelSelector").unwrap_or_default())
    } else if let Some(path) = path.strip_prefix("/containerLogs/") {
        logs(ctx, path, question)
    } else {
        respond(StatusCode::NOT_FOUND, "text/plain", "there is no such page\n".to_owned())
    }
}

/// `NAMESPACE/POD/CONTAINER`, as the API server asks a kubelet.
fn logs(ctx: &Context, path: &str, question: &Question) -> Answer {
    let lines = question.parameter("tailLines").and_then(|lines| lines.parse().ok()).unwrap_or(usize::MAX);
    let parts: Vec<_> = path.split('/').collect();
    let log = match parts.as_slice() {
        [namespace, name, container] => ctx.pods().into_iter().find_map(|pod| {
            let seen = pod.seen.borrow();
            let same = seen.namespace().as_deref() == Some(*namespace) && seen.name_any() == *name;
            let container = pod.containers.iter().find(|one| same && one.name == *container)?;
            Some(container.log.tail(lines))
        }),
        _ => None,
    };
    match log {
        Some(log) => respond(StatusCode::OK, "text/plain", log),
        None => respond(StatusCode::NOT_FOUND, "text/plain", "there is no such container\n".to_owned()),
    }
}
