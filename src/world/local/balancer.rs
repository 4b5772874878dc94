//! `__balancer`: sends each request to the backend with the fewest outstanding ones, and looks after who is healthy.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Body, Incoming};
use hyper::header::{self, HeaderMap, HeaderName};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode, Version};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::{LocalSet, spawn_local};
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::backend::{Backend, Failure};
use super::wire::{
    BackendAddress, BalancerConfig, BalancerOrder, Said, config, end_with_parent, raise_file_limit,
};

/// The largest request body that is passed on.
const BODY_LIMIT: usize = 1 << 20;
/// How many backends are tried for one request.
const ATTEMPTS: usize = 4;
/// How often it says whom it sends to, even if nothing has changed.
const HEARTBEAT: Duration = Duration::from_secs(1);

/// Runs until it is told to end.
pub(super) fn run(args: &[OsString]) -> ExitCode {
    let (orders, inbox) = mpsc::unbounded_channel();
    end_with_parent(
        move |line| {
            if let Ok(order) = serde_json::from_str::<BalancerOrder>(line) {
                let _ = orders.send(order);
            }
        },
        || {},
    );
    raise_file_limit();
    let served = config::<BalancerConfig>(args).and_then(|config| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| format!("cannot start its runtime: {error}"))?;
        LocalSet::new().block_on(&runtime, serve(&config, inbox)).map_err(|error| error.to_string())
    });
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            let _ = writeln!(io::stderr(), "{why}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(
    config: &BalancerConfig,
    mut orders: mpsc::UnboundedReceiver<BalancerOrder>,
) -> io::Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", config.port)).await?;
    Said::Listening(listener.local_addr()?).say();
    let balancer = Rc::new(Balancer::default());
    let (changes, mut changed) = mpsc::unbounded_channel();
    let mut heartbeat = interval(HEARTBEAT);
    heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            Some(order) = orders.recv() => balancer.take(order.backends, &changes),
            Some(change) = changed.recv() => balancer.say(change),
            _ = heartbeat.tick() => balancer.say(String::new()),
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else {
                    // Out of file descriptors, most likely: some will come back.
                    sleep(Duration::from_millis(20)).await;
                    continue;
                };
                let _ = stream.set_nodelay(true);
                let balancer = Rc::clone(&balancer);
                spawn_local(async move {
                    let service = service_fn(|request| balancer.answer(request));
                    // How a connection ends is the client's business.
                    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
                });
            }
        }
    }
}

#[derive(Default)]
struct Balancer {
    backends: RefCell<Vec<Rc<Backend>>>,
    /// Counts the requests, to tell who has waited longest for one.
    turn: Cell<u64>,
}

impl Balancer {
    /// Takes a new list of backends; those that stay keep their state.
    fn take(&self, wanted: Vec<BackendAddress>, changes: &mpsc::UnboundedSender<String>) {
        let mut backends = self.backends.borrow_mut();
        backends.retain(|backend| {
            let stays = wanted.iter().any(|address| *address == backend.address);
            if !stays {
                backend.remove();
            }
            stays
        });
        for address in wanted {
            if !backends.iter().any(|backend| backend.address == address) {
                let backend = Backend::new(address, changes.clone());
                spawn_local(Rc::clone(&backend).watch());
                backends.push(backend);
            }
        }
        let _ = changes.send("the list of backends was changed".to_owned());
    }

    fn say(&self, change: String) {
        let backends = self.backends.borrow();
        let healthy = backends.iter().filter(|backend| backend.healthy());
        let healthy = healthy.map(|backend| backend.address.name.clone()).collect();
        Said::Routing { healthy, change }.say();
    }

    async fn answer(&self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
        Ok(match whole(request).await {
            Ok(request) => self.pass_on(&request).await,
            Err(refusal) => refusal,
        })
    }

    /// Sends a request to one backend after the other until one answers. A request that may have been acted on is
    /// repeated only if its method is safe.
    async fn pass_on(&self, request: &Request<Full<Bytes>>) -> Response<Full<Bytes>> {
        let repeatable = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
        let mut tried = Vec::new();
        while tried.len() < ATTEMPTS {
            let Some(backend) = self.next(&tried) else { break };
            match backend.send(request.clone()).await {
                Ok(response) => return response,
                Err(Failure::NotReached(why)) => backend.eject(&why),
                Err(Failure::NoResponse(why)) => {
                    backend.eject(&why);
                    if !repeatable {
                        return refuse(StatusCode::BAD_GATEWAY, "the backend ended the connection\n");
                    }
                }
                Err(Failure::Torn(why)) => {
                    backend.eject(&why);
                    return refuse(StatusCode::BAD_GATEWAY, "the backend's response was cut off\n");
                }
            }
            tried.push(backend);
        }
        refuse(StatusCode::SERVICE_UNAVAILABLE, "no backend is healthy\n")
    }

    fn next(&self, tried: &[Rc<Backend>]) -> Option<Rc<Backend>> {
        let backends = self.backends.borrow();
        let candidates: Vec<_> = backends
            .iter()
            .filter(|backend| backend.healthy() && !tried.iter().any(|tried| Rc::ptr_eq(tried, backend)))
            .collect();
        let chosen = choose(candidates.iter().map(|backend| (backend.outstanding(), backend.last_turn())))?;
        let backend = Rc::clone(candidates[chosen]);
        self.turn.set(self.turn.get() + 1);
        backend.take_turn(self.turn.get());
        Some(backend)
    }
}

/// The fewest outstanding requests; among equals, whoever had a request least recently.
fn choose(candidates: impl Iterator<Item = (u32, u64)>) -> Option<usize> {
    candidates.enumerate().min_by_key(|(_, load)| *load).map(|(index, _)| index)
}

/// The request as it goes to a backend: with its whole body, so that it can be sent again.
async fn whole(request: Request<Incoming>) -> Result<Request<Full<Bytes>>, Response<Full<Bytes>>> {
    let (mut parts, body) = request.into_parts();
    let body = if body.is_end_stream() {
        Bytes::new()
    } else {
        match Limited::new(body, BODY_LIMIT).collect().await {
            Ok(body) => body.to_bytes(),
            Err(_) => return Err(refuse(StatusCode::PAYLOAD_TOO_LARGE, "the request's body is too large\n")),
        }
    };
    strip_hop_by_hop(&mut parts.headers);
    parts.version = Version::HTTP_11;
    Ok(Request::from_parts(parts, Full::new(body)))
}

/// Removes what concerns one connection only.
pub(super) fn strip_hop_by_hop(headers: &mut HeaderMap) {
    const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
    for name in [
        header::CONNECTION,
        KEEP_ALIVE,
        header::TE,
        header::TRAILER,
        header::TRANSFER_ENCODING,
        header::UPGRADE,
    ] {
        headers.remove(name);
    }
}

fn refuse(status: StatusCode, why: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from_static(why.as_bytes())));
    *response.status_mut() = status;
    response
}

#[cfg(test)]
mod tests {
    use super::choose;

    #[test]
    fn the_least_busy_backend_is_chosen_and_equals_take_turns() {
        assert_eq!(choose([(2, 1), (1, 9), (3, 0)].into_iter()), Some(1));
        assert_eq!(choose([(1, 7), (1, 5), (1, 6)].into_iter()), Some(1));
        assert_eq!(choose(std::iter::empty()), None);
    }
}
