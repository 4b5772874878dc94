//! One backend of the balancer: its connections, its outstanding requests, and whether it is healthy.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::{Notify, mpsc};
use tokio::task::spawn_local;
use tokio::time::{sleep, timeout};

use super::balancer::strip_hop_by_hop;
use super::http::{GetError, Getter};
use super::wire::BackendAddress;

/// Time between two looks at `/healthz`.
const CHECK_EVERY: Duration = Duration::from_millis(200);
/// How long one look may take.
const CHECK_WITHIN: Duration = Duration::from_secs(1);
/// So many looks in a row without an answer are taken for an answer: on a busy machine one is not enough.
const CHECKS_MISSED: u32 = 2;
/// How long a connection may take to come about.
const CONNECT_WITHIN: Duration = Duration::from_secs(1);
/// Connections that are kept for later.
const IDLE_KEPT: usize = 64;
/// The largest response body that is passed on.
const BODY_LIMIT: usize = 4 << 20;

/// Why a backend gave no whole response.
pub(super) enum Failure {
    /// The request did not reach it.
    NotReached(String),
    /// The request may have reached it, and nothing came back.
    NoResponse(String),
    /// The response broke off.
    Torn(String),
}

/// One backend.
pub(super) struct Backend {
    pub(super) address: BackendAddress,
    healthy: Cell<bool>,
    removed: Cell<bool>,
    outstanding: Cell<u32>,
    last_turn: Cell<u64>,
    idle: RefCell<Vec<SendRequest<Full<Bytes>>>>,
    look_now: Notify,
    changes: mpsc::UnboundedSender<String>,
}

impl Backend {
    /// Not healthy until it was looked at.
    pub(super) fn new(address: BackendAddress, changes: mpsc::UnboundedSender<String>) -> Rc<Self> {
        Rc::new(Self {
            address,
            healthy: Cell::new(false),
            removed: Cell::new(false),
            outstanding: Cell::new(0),
            last_turn: Cell::new(0),
            idle: RefCell::default(),
            look_now: Notify::new(),
            changes,
        })
    }

    pub(super) fn healthy(&self) -> bool {
        self.healthy.get()
    }

    pub(super) fn outstanding(&self) -> u32 {
        self.outstanding.get()
    }

    pub(super) fn last_turn(&self) -> u64 {
        self.last_turn.get()
    }

    pub(super) fn take_turn(&self, turn: u64) {
        self.last_turn.set(turn);
    }

    /// No request is sent from now on; those under way go on.
    pub(super) fn remove(&self) {
        self.removed.set(true);
        self.healthy.set(false);
        self.idle.borrow_mut().clear();
        self.look_now.notify_one();
    }

    /// Sends nothing more to it until it was seen healthy again, which is looked at at once.
    pub(super) fn eject(&self, why: &str) {
        self.set_healthy(false, why);
        self.idle.borrow_mut().clear();
        self.look_now.notify_one();
    }

    /// Looks at its health until it is removed.
    pub(super) async fn watch(self: Rc<Self>) {
        let mut getter = Getter::new(self.address.addr);
        let mut missed = 0;
        while !self.removed.get() {
            let answer = getter.get("/healthz", CHECK_WITHIN).await;
            if matches!(answer, Err(GetError::TimedOut)) {
                missed += 1;
            } else {
                missed = 0;
            }
            match answer {
                Ok((200, _)) => self.set_healthy(true, "answers 200 at /healthz"),
                Ok((status, _)) => self.set_healthy(false, &format!("answers {status} at /healthz")),
                Err(GetError::Broken(why)) => self.set_healthy(false, &why),
                Err(GetError::TimedOut) if missed >= CHECKS_MISSED => {
                    self.set_healthy(false, "does not answer at /healthz");
                }
                Err(GetError::TimedOut) => {}
            }
            // A look that is asked for meanwhile is not forgotten, but many do not make a tight loop.
            sleep(CHECK_EVERY / 10).await;
            let _ = timeout(CHECK_EVERY, self.look_now.notified()).await;
        }
    }

    fn set_healthy(&self, healthy: bool, why: &str) {
        let healthy = healthy && !self.removed.get();
        if self.healthy.replace(healthy) != healthy {
            let does = if healthy { "is sent to" } else { "is ejected" };
            let _ = self.changes.send(format!("{} {does}: {why}", self.address.name));
        }
    }

    /// Sends a request and reads the whole response.
    pub(super) async fn send(
        self: &Rc<Self>,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Full<Bytes>>, Failure> {
        let _outstanding = Outstanding::new(&self.outstanding);
        let mut connection = match self.pooled().await {
            Some(connection) => connection,
            None => self.connect().await.map_err(Failure::NotReached)?,
        };
        let response = connection.try_send_request(request).await.map_err(|mut error| {
            // A request that comes back was never written.
            let unsent = error.take_message().is_some();
            let why = error.into_error().to_string();
            if unsent { Failure::NotReached(why) } else { Failure::NoResponse(why) }
        })?;
        let (mut parts, body) = response.into_parts();
        let body = Limited::new(body, BODY_LIMIT).collect().await;
        let body = body.map_err(|error| Failure::Torn(error.to_string()))?.to_bytes();
        let mut idle = self.idle.borrow_mut();
        if !self.removed.get() && idle.len() < IDLE_KEPT {
            idle.push(connection);
        }
        strip_hop_by_hop(&mut parts.headers);
        Ok(Response::from_parts(parts, Full::new(body)))
    }

    /// A kept connection that is still good.
    async fn pooled(&self) -> Option<SendRequest<Full<Bytes>>> {
        loop {
            let mut connection = self.idle.borrow_mut().pop()?;
            if !connection.is_closed() && connection.ready().await.is_ok() {
                return Some(connection);
            }
        }
    }

    async fn connect(self: &Rc<Self>) -> Result<SendRequest<Full<Bytes>>, String> {
        let stream = match timeout(CONNECT_WITHIN, TcpStream::connect(self.address.addr)).await {
            Ok(stream) => stream.map_err(|error| error.to_string())?,
            Err(_) => return Err("takes no connection".to_owned()),
        };
        let _ = stream.set_nodelay(true);
        let handshake = http1::handshake(TokioIo::new(stream)).await;
        let (sender, connection) = handshake.map_err(|error| error.to_string())?;
        let backend = Rc::downgrade(self);
        spawn_local(async move {
            let _ = connection.await;
            // A connection that ends by itself is often the first sign of an instance that has ended.
            if let Some(backend) = backend.upgrade() {
                backend.look_now.notify_one();
            }
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
