//! What the tests of the nodes share: one control plane with nodes a test program, and a client for its Services.
#![allow(dead_code, reason = "each test program uses its part")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use controlplane::nodes::{Nodes, springback_program};
use controlplane::objects::{Build, a_namespace};
use controlplane::{ControlPlane, eventually};
use http_body_util::{BodyExt, Empty};
use hyper::Request;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Pod, Service};
use kube::api::{Api, ListParams};
use kube::{Client, ResourceExt};
use tokio::net::TcpStream;
use tokio::sync::OnceCell;
use tokio::time::{interval, sleep, timeout};

/// A control plane with nodes.
pub(crate) struct Cluster {
    pub(crate) plane: ControlPlane,
    pub(crate) nodes: Nodes,
}

static CLUSTER: OnceCell<Cluster> = OnceCell::const_new();

/// The cluster that all tests of a program share. It ends with the program.
pub(crate) async fn cluster() -> &'static Cluster {
    CLUSTER
        .get_or_init(async || {
            let program = tokio::task::spawn_blocking(springback_program).await.unwrap().unwrap();
            let plane = ControlPlane::builder().start().await.unwrap();
            let nodes = Nodes::builder(plane.config(), &program).start().await.unwrap();
            Cluster { plane, nodes }
        })
        .await
}

/// A namespace of a test's own.
pub(crate) async fn namespace(client: &Client, name: &str) {
    a_namespace(name).apply(client).await.unwrap();
}

/// The pods with the label `app: NAME` that are not on their way out.
pub(crate) async fn pods(client: &Client, namespace: &str, app: &str) -> Vec<Pod> {
    let api: Api<Pod> = Api::namespaced(client.clone(), namespace);
    // An API server that does not answer at once is asked again by whoever waits.
    let listed = api.list(&ListParams::default().labels(&format!("app={app}"))).await;
    let there = |pod: &Pod| pod.metadata.deletion_timestamp.is_none();
    listed.map(|list| list.items.into_iter().filter(there).collect()).unwrap_or_default()
}

/// Waits until a Deployment has exactly so many pods, all of them ready; their names.
pub(crate) async fn ready(client: &Client, namespace: &str, name: &str, replicas: i32) -> Vec<String> {
    let api: Api<Deployment> = Api::namespaced(client.clone(), namespace);
    eventually(&format!("{replicas} ready pods of {name}"), async || {
        let status = api.get(name).await.ok()?.status?;
        let all = status.replicas == Some(replicas) && status.ready_replicas == Some(replicas);
        let names: Vec<_> = pods(client, namespace, name).await.iter().map(ResourceExt::name_any).collect();
        (all && names.len() == replicas as usize).then_some(names)
    })
    .await
}

/// Waits until a Service has an address.
pub(crate) async fn address(client: &Client, namespace: &str, name: &str) -> SocketAddr {
    let api: Api<Service> = Api::namespaced(client.clone(), namespace);
    eventually(&format!("an address of service {name}"), async || {
        let service = api.get(name).await.ok()?;
        let port = u16::try_from(service.spec?.ports?.first()?.port).ok()?;
        let ip = service.status?.load_balancer?.ingress?.first()?.ip.clone()?;
        Some(SocketAddr::new(ip.parse().ok()?, port))
    })
    .await
}

/// The status of a GET on a connection of its own, or why there is none.
pub(crate) async fn get(addr: SocketAddr) -> Result<u16, String> {
    let mut connection = connect(addr).await?;
    request(&mut connection).await
}

async fn connect(addr: SocketAddr) -> Result<SendRequest<Empty<Bytes>>, String> {
    let stream = TcpStream::connect(addr).await.map_err(|error| error.to_string())?;
    let (sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
    tokio::spawn(connection);
    Ok(sender)
}

async fn request(connection: &mut SendRequest<Empty<Bytes>>) -> Result<u16, String> {
    let request = Request::get("/work").header("host", "test").body(Empty::new()).unwrap();
    let answer = async {
        connection.ready().await.map_err(|error| error.to_string())?;
        let response = connection.send_request(request).await.map_err(|error| error.to_string())?;
        let status = response.status().as_u16();
        response.into_body().collect().await.map_err(|error| error.to_string())?;
        Ok(status)
    };
    timeout(Duration::from_secs(5), answer).await.unwrap_or_else(|_| Err("no answer within 5 s".to_owned()))
}

/// Waits until a Service answers with this status.
pub(crate) async fn answers(addr: SocketAddr, status: u16) {
    eventually(&format!("status {status} from {addr}"), async || {
        (get(addr).await == Ok(status)).then_some(())
    })
    .await;
}

/// Requests that are sent until this is dropped, over connections that last.
pub(crate) struct Load {
    counts: Arc<Counts>,
    ends: Arc<AtomicBool>,
}

#[derive(Default)]
struct Counts {
    answered: AtomicUsize,
    failed: AtomicUsize,
}

impl Load {
    /// So many requests per second, spread over ten connections.
    pub(crate) fn start(addr: SocketAddr, per_second: u32) -> Self {
        const CONNECTIONS: u32 = 10;
        let load = Self { counts: Arc::default(), ends: Arc::default() };
        for _ in 0..CONNECTIONS {
            let (counts, ends) = (Arc::clone(&load.counts), Arc::clone(&load.ends));
            let period = Duration::from_secs(1) * CONNECTIONS / per_second;
            tokio::spawn(async move {
                let mut ticks = interval(period);
                while !ends.load(Ordering::Relaxed) {
                    let Ok(mut connection) = connect(addr).await else {
                        counts.failed.fetch_add(1, Ordering::Relaxed);
                        sleep(period).await;
                        continue;
                    };
                    while !ends.load(Ordering::Relaxed) {
                        ticks.tick().await;
                        match request(&mut connection).await {
                            Ok(200) => counts.answered.fetch_add(1, Ordering::Relaxed),
                            Ok(_) => counts.failed.fetch_add(1, Ordering::Relaxed),
                            Err(_) => {
                                counts.failed.fetch_add(1, Ordering::Relaxed);
                                break;
                            }
                        };
                    }
                }
            });
        }
        load
    }

    /// Requests that were answered with 200.
    pub(crate) fn answered(&self) -> usize {
        self.counts.answered.load(Ordering::Relaxed)
    }

    /// Requests that were not.
    pub(crate) fn failed(&self) -> usize {
        self.counts.failed.load(Ordering::Relaxed)
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
    }
}
