//! Where the traffic to Services passes through: a small HTTP balancer on a thread of its own, so that no storm in
//! the API keeps a request waiting.
//!
//! Each *request* is sent to the backend with the fewest outstanding ones, so that clients with lasting connections
//! reach new pods too. Nothing is tried twice: when a pod dies, its clients see it, as 502.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self as client, SendRequest};
use hyper::header::{CONNECTION, HeaderMap, HeaderName, TRANSFER_ENCODING, UPGRADE};
use hyper::server::conn::http1 as server;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::task::{AbortHandle, LocalSet, spawn_local};
use tokio::time::{sleep, timeout};

const BODY_LIMIT: usize = 4 << 20;
const CONNECT_WITHIN: Duration = Duration::from_secs(1);
/// Connections to a backend that are kept for later.
const IDLE_KEPT: usize = 64;

/// A port of a Service: its UID and the port.
pub(super) type FrontId = (String, u16);

/// A pod's process that requests may be sent to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Target {
    pub(super) pod: String,
    pub(super) addr: SocketAddr,
}

/// What the balancer is told.
#[derive(Debug)]
pub(super) enum Order {
    Open(FrontId, TcpListener),
    Close(FrontId),
    /// All that a front may send to from now on, and all whose requests break off at once.
    Route {
        front: FrontId,
        targets: Vec<Target>,
        cut: Vec<Target>,
    },
}

/// Serves until nobody can give orders any more. Blocks.
pub(super) fn run(orders: mpsc::UnboundedReceiver<Order>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a thread can have a runtime");
    LocalSet::new().block_on(&runtime, obey(orders));
}

async fn obey(mut orders: mpsc::UnboundedReceiver<Order>) {
    let mut fronts: BTreeMap<FrontId, (Rc<Front>, AbortHandle)> = BTreeMap::new();
    while let Some(order) = orders.recv().await {
        match order {
            Order::Open(id, listener) => {
                let front = Rc::new(Front::default());
                let accepting = spawn_local(accept(listener, Rc::clone(&front))).abort_handle();
                if let Some((old, accepting)) = fronts.insert(id, (front, accepting)) {
                    accepting.abort();
                    let _ = old.closed.send(true);
                }
            }
            Order::Close(id) => {
                if let Some((front, accepting)) = fronts.remove(&id) {
                    accepting.abort();
                    let _ = front.closed.send(true);
                }
            }
            Order::Route { front, targets, cut } => {
                if let Some((front, _)) = fronts.get(&front) {
                    front.route(targets, &cut);
                }
            }
        }
    }
}

async fn accept(listener: TcpListener, front: Rc<Front>) {
    let listener = tokio::net::TcpListener::from_std(listener).expect("the listener does not block");
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Out of file descriptors, most likely: some will come back.
            sleep(Duration::from_millis(20)).await;
            continue;
        };
        let _ = stream.set_nodelay(true);
        let front = Rc::clone(&front);
        spawn_local(async move {
            let mut closed = front.closed.subscribe();
            let service = service_fn(|request| front.answer(request));
            let serving = server::Builder::new().serve_connection(TokioIo::new(stream), service);
            // How a connection ends is the client's business, unless the Service is gone.
            tokio::select! {
                _ = serving => {}
                _ = closed.wait_for(|closed| *closed) => {}
            }
        });
    }
}

/// A port that is listened on.
struct Front {
    backends: RefCell<Vec<Rc<Backend>>>,
    turn: Cell<u64>,
    closed: watch::Sender<bool>,
}

impl Default for Front {
    fn default() -> Self {
        Self { backends: RefCell::default(), turn: Cell::new(0), closed: watch::channel(false).0 }
    }
}

impl Front {
    /// Takes a new list of targets; those that stay keep their connections, those that go finish their requests
    /// unless they are cut off.
    fn route(&self, targets: Vec<Target>, cut: &[Target]) {
        let mut backends = self.backends.borrow_mut();
        backends.retain(|backend| {
            if cut.contains(&backend.target) {
                let _ = backend.cut.send(true);
            }
            targets.contains(&backend.target)
        });
        for target in targets {
            if !backends.iter().any(|backend| backend.target == target) {
                backends.push(Rc::new(Backend::new(target)));
            }
        }
    }

    async fn answer(&self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
        let Some(backend) = self.next() else {
            return Ok(refuse(StatusCode::SERVICE_UNAVAILABLE, "no pod is ready\n"));
        };
        let (mut parts, body) = request.into_parts();
        strip(&mut parts.headers);
        let Ok(body) = Limited::new(body, BODY_LIMIT).collect().await else {
            return Ok(refuse(StatusCode::PAYLOAD_TOO_LARGE, "the request's body is too large\n"));
        };
        let request = Request::from_parts(parts, Full::new(body.to_bytes()));
        let mut cut = backend.cut.subscribe();
        let answered = tokio::select! {
            answered = backend.send(request) => answered,
            _ = cut.wait_for(|cut| *cut) => Err("it was cut off".to_owned()),
        };
        Ok(match answered {
            Ok(response) => response,
            Err(_) => refuse(StatusCode::BAD_GATEWAY, "the pod gave no answer\n"),
        })
    }

    /// The backend with the fewest outstanding requests; among equals, the one whose turn is longest ago.
    fn next(&self) -> Option<Rc<Backend>> {
        let backends = self.backends.borrow();
        let next = backends.iter().min_by_key(|backend| (backend.outstanding.get(), backend.turn.get()))?;
        self.turn.set(self.turn.get() + 1);
        next.turn.set(self.turn.get());
        Some(Rc::clone(next))
    }
}

struct Backend {
    target: Target,
    outstanding: Cell<u32>,
    turn: Cell<u64>,
    idle: RefCell<Vec<SendRequest<Full<Bytes>>>>,
    cut: watch::Sender<bool>,
}

impl Backend {
    fn new(target: Target) -> Self {
        Self {
            target,
            outstanding: Cell::new(0),
            turn: Cell::new(0),
            idle: RefCell::default(),
            cut: watch::channel(false).0,
        }
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> Result<Response<Full<Bytes>>, String> {
        let _outstanding = Outstanding::new(&self.outstanding);
        let mut connection = match self.kept().await {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        let response = connection.send_request(request).await.map_err(|error| error.to_string())?;
        let (mut parts, body) = response.into_parts();
        let body = Limited::new(body, BODY_LIMIT).collect().await.map_err(|error| error.to_string())?;
        let mut idle = self.idle.borrow_mut();
        if idle.len() < IDLE_KEPT {
            idle.push(connection);
        }
        strip(&mut parts.headers);
        Ok(Response::from_parts(parts, Full::new(body.to_bytes())))
    }

    async fn kept(&self) -> Option<SendRequest<Full<Bytes>>> {
        loop {
            let mut connection = self.idle.borrow_mut().pop()?;
            if !connection.is_closed() && connection.ready().await.is_ok() {
                return Some(connection);
            }
        }
    }

    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>, String> {
        let connected = timeout(CONNECT_WITHIN, TcpStream::connect(self.target.addr)).await;
        let stream = connected.map_err(|_| "it takes no connection")?.map_err(|error| error.to_string())?;
        let _ = stream.set_nodelay(true);
        let (sender, connection) =
            client::handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
        spawn_local(async move {
            // How it ends is seen by the request that it carries.
            let _ = connection.await;
        });
        Ok(sender)
    }
}

/// One more outstanding request, for as long as this exists.
struct Outstanding<'a>(&'a Cell<u32>);

impl<'a> Outstanding<'a> {
    fn new(count: &'a Cell<u32>) -> Self {
        count.set(count.get() + 1);
        Self(count)
    }
}

impl Drop for Outstanding<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

/// Takes away what concerns one connection only.
fn strip(headers: &mut HeaderMap) {
    for name in [CONNECTION, HeaderName::from_static("keep-alive"), TRANSFER_ENCODING, UPGRADE] {
        headers.remove(name);
    }
}

fn refuse(status: StatusCode, why: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from_static(why.as_bytes())));
    *response.status_mut() = status;
    response
}
