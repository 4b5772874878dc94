//! The stand-in's one HTTPS server: the metrics API, and the kubelets' logs.

use std::convert::Infallible;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use kube::ResourceExt;
use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind, Patch, PatchParams};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::task::spawn_local;
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use super::context::Context;
use super::metrics::{self, Meter};

/// What it answers with.
pub(super) type Answer = Response<Full<Bytes>>;

/// The name of the Service that leads the API server to us.
const SERVICE: &str = "standin-metrics";
const NAMESPACE: &str = "kube-system";

/// A listener with a certificate of its own for `localhost`.
pub(super) struct Https {
    listener: TcpListener,
    acceptor: TlsAcceptor,
    pub(super) port: u16,
}

impl Https {
    pub(super) async fn bind() -> Result<Self, String> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(|error| error.to_string())?;
        let port = listener.local_addr().map_err(|error| error.to_string())?.port();
        let own = rcgen::generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()])
            .map_err(|error| error.to_string())?;
        let key = PrivateKeyDer::try_from(own.signing_key.serialize_der())?;
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_no_client_auth()
            .with_single_cert(vec![own.cert.der().clone()], key)
            .map_err(|error| error.to_string())?;
        Ok(Self { listener, acceptor: TlsAcceptor::from(Arc::new(config)), port })
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
        loop {
            let Ok((stream, _)) = self.listener.accept().await else {
                sleep(Duration::from_millis(20)).await;
                continue;
            };
            let (acceptor, ctx, meter) = (self.acceptor.clone(), Rc::clone(&ctx), Rc::clone(&meter));
            spawn_local(async move {
                let Ok(stream) = acceptor.accept(stream).await else { return };
                let service = service_fn(|request| {
                    let answer = answer(&ctx, &meter, &request);
                    async move { Ok::<_, Infallible>(answer) }
                });
                // How a connection ends is the other side's business.
                let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
            });
        }
    }
}

fn answer(ctx: &Context, meter: &Meter, request: &Request<Incoming>) -> Answer {
    let query = Query(request.uri().query().unwrap_or_default());
    let path = request.uri().path();
    if let Some(path) = path.strip_prefix(metrics::ROOT) {
        meter.answer(ctx, path, &query.get("labelSelector").unwrap_or_default())
    } else if let Some(path) = path.strip_prefix("/containerLogs/") {
        logs(ctx, path, &query)
    } else {
        respond(StatusCode::NOT_FOUND, "text/plain", "there is no such page\n".to_owned())
    }
}

/// `NAMESPACE/POD/CONTAINER`, as the API server asks a kubelet.
fn logs(ctx: &Context, path: &str, query: &Query<'_>) -> Answer {
    let lines = query.get("tailLines").and_then(|lines| lines.parse().ok()).unwrap_or(usize::MAX);
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

/// An answer with a body.
pub(super) fn respond(status: StatusCode, content_type: &'static str, body: String) -> Answer {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// The query of a URL.
struct Query<'a>(&'a str);

impl Query<'_> {
    fn get(&self, name: &str) -> Option<String> {
        let pairs = self.0.split('&').filter_map(|pair| pair.split_once('='));
        pairs.into_iter().find(|(key, _)| *key == name).map(|(_, value)| decode(value))
    }
}

/// Undoes the percent-encoding of a query.
fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let mut hex = || rest.next().and_then(|digit| char::from(digit).to_digit(16));
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => match (hex(), hex()) {
                (Some(high), Some(low)) => u8::try_from(high * 16 + low).unwrap_or(b'?'),
                _ => b'?',
            },
            byte => byte,
        });
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_decoded() {
        let query = Query("limit=5&labelSelector=app%3Dcheckout%2Ctier+in+%28web%29");
        assert_eq!(query.get("labelSelector").unwrap(), "app=checkout,tier in (web)");
        assert_eq!(query.get("tailLines"), None);
    }
}
