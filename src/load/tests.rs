//! The engine against real servers on loopback. Nothing here depends on how fast the machine is.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::*;
use crate::history::{ErrorKind, Unsent};
use crate::plan::{Arrivals, SurgeLoad};
use crate::scenario::{Rate, Shape, Span};

const MS: u64 = 1_000;
const S: u64 = 1_000_000;

/// A plan that never blames the machine under the tests.
fn plan(baseline_per_s: f64) -> LoadPlan {
    LoadPlan {
        path: "/checkout?item=1".into(),
        baseline_per_s,
        surges: vec![],
        timeout_us: 30 * S,
        max_in_flight: 10_000,
        late_after_us: 30 * S,
        give_up_after_us: 30 * S,
        thresholds_us: vec![MS, 60 * S],
        seed: 3,
    }
}

fn until(end_us: u64) -> LoadControl {
    LoadControl { end_us: Some(end_us), ..LoadControl::default() }
}

/// Everything that a load tells which is controlled like that from the start. The run's clock starts with it.
fn here(address: SocketAddr) -> Target {
    Target::permitted("127.0.0.1", address, &[]).unwrap()
}

async fn windows_of(plan: &LoadPlan, target: SocketAddr, control: LoadControl) -> Vec<LoadWindow> {
    let (_sender, receiver) = watch::channel(control);
    let windows = run(plan, here(target), Clock::start(crate::history::Wall::From(0)), receiver).unwrap();
    let windows: Vec<LoadWindow> = in_time(windows.collect()).await;
    let seconds = control.end_us.unwrap().div_ceil(S);
    let from: Vec<u64> = windows.iter().map(|window| window.from_us).collect();
    assert_eq!(
        from,
        (0..seconds).map(|second| second * S).collect::<Vec<_>>(),
        "every second has its window"
    );
    for window in &windows {
        let unanswered = window.failed.values().sum::<u64>() + window.errors.values().sum::<u64>();
        assert_eq!(window.planned, window.sent + window.unsent.values().sum::<u64>(), "{window:?}");
        assert_eq!(window.sent, window.ok + unanswered, "{window:?}");
        let (response, service) = (window.response_histogram().unwrap(), window.service_histogram().unwrap());
        assert_eq!((response.len(), service.len()), (window.ok, window.ok));
        assert!(response.min() >= service.min() && response.max() >= service.max());
        assert!(response.mean() >= service.mean());
    }
    windows
}

/// So that a test which would hang fails instead.
async fn in_time<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), future).await.expect("it ends")
}

/// All windows as one.
fn total(windows: &[LoadWindow]) -> LoadWindow {
    let mut total = LoadWindow::default();
    for window in windows {
        total.planned += window.planned;
        total.sent += window.sent;
        total.ok += window.ok;
        window.failed.iter().for_each(|(status, n)| *total.failed.entry(*status).or_default() += n);
        window.errors.iter().for_each(|(kind, n)| *total.errors.entry(*kind).or_default() += n);
        window.unsent.iter().for_each(|(cause, n)| *total.unsent.entry(*cause).or_default() += n);
    }
    total
}

#[derive(Debug, Default)]
struct Seen {
    connections: AtomicUsize,
    requests: AtomicUsize,
}

impl Seen {
    fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

/// A server that takes a while and then answers so. It lives as long as the test.
async fn answering(status: u16, body: &'static [u8], after: Duration) -> (SocketAddr, Arc<Seen>) {
    let seen = Arc::new(Seen::default());
    let counted = Arc::clone(&seen);
    let target = accepting(move |stream| {
        counted.connections.fetch_add(1, Ordering::SeqCst);
        let counted = Arc::clone(&counted);
        let service = service_fn(move |request: Request<Incoming>| {
            counted.requests.fetch_add(1, Ordering::SeqCst);
            assert_eq!(request.uri(), "/checkout?item=1");
            assert_eq!(request.headers()["host"].to_str().unwrap().split(':').next(), Some("127.0.0.1"));
            assert!(request.headers()["user-agent"].to_str().unwrap().starts_with("springback/"));
            async move {
                tokio::time::sleep(after).await;
                let response = Response::builder().status(status).body(Full::new(Bytes::from_static(body)));
                Ok::<_, Infallible>(response.unwrap())
            }
        });
        async move {
            // A client that goes away is no concern of the server.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        }
    })
    .await;
    (target, seen)
}

/// A server that does so with every connection.
async fn accepting<F>(mut with: impl FnMut(TcpStream) -> F + Send + 'static) -> SocketAddr
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let target = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(with(stream));
        }
    });
    target
}

/// A server that reads a request, writes so many bytes and closes.
async fn writing(bytes: &'static [u8]) -> SocketAddr {
    accepting(move |mut stream| async move {
        let _ = stream.read(&mut [0; 1_024]).await;
        let _ = stream.write_all(bytes).await;
    })
    .await
}

#[tokio::test]
async fn a_healthy_server_gets_what_was_planned_over_few_connections() {
    let (target, seen) = answering(200, b"ok", Duration::ZERO).await;
    let windows = windows_of(&plan(200.0), target, until(1_200 * MS)).await;
    let total = total(&windows);
    assert!((200..=241).contains(&total.planned), "{}", total.planned);
    assert_eq!((total.ok, seen.requests() as u64), (total.planned, total.planned));
    assert!(seen.connections() < seen.requests(), "connections are used again");
    assert!(windows.iter().all(|window| window.good[1] == window.ok && window.good[0] <= window.ok));
}

#[tokio::test]
async fn a_redirect_is_good_and_a_503_is_not() {
    for (status, failed) in [(302, false), (503, true)] {
        let (target, _) = answering(status, b"", Duration::ZERO).await;
        let total = total(&windows_of(&plan(100.0), target, until(500 * MS)).await);
        assert!(total.planned > 0);
        let counted = if failed { total.failed.get(&status).copied() } else { Some(total.ok) };
        assert_eq!(counted, Some(total.planned));
    }
}

#[tokio::test]
async fn a_body_is_read_to_its_end() {
    static BODY: [u8; 300_000] = [b'x'; 300_000];
    let (target, seen) = answering(200, &BODY, Duration::ZERO).await;
    let total = total(&windows_of(&plan(40.0), target, until(700 * MS)).await);
    assert_eq!(total.ok, total.planned);
    assert!(seen.connections() < seen.requests(), "a connection with a rest in it cannot be used again");
}

#[tokio::test]
async fn refused_and_broken_answers_are_told_apart() {
    let refusing = TcpListener::bind(("127.0.0.1", 0)).await.unwrap().local_addr().unwrap();
    let cases = [
        (refusing, ErrorKind::Refused),
        (writing(b"").await, ErrorKind::Reset),
        (writing(b"HTTP/1.1 200 OK\r\ncontent-le").await, ErrorKind::Reset),
        (writing(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf").await, ErrorKind::Reset),
        (writing(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nha").await, ErrorKind::Reset),
        (writing(b"nonsense\r\n\r\n").await, ErrorKind::Other),
    ];
    for (i, (target, kind)) in cases.into_iter().enumerate() {
        let total = total(&windows_of(&plan(100.0), target, until(250 * MS)).await);
        assert!(total.planned > 0);
        assert_eq!(total.errors, [(kind, total.planned)].into(), "case {i}");
    }
}

#[tokio::test]
async fn a_server_that_keeps_silent_times_out() {
    let silent = accepting(|stream| async move {
        let _stream = stream;
        std::future::pending::<()>().await;
    })
    .await;
    // One that begins and never ends is no better.
    let endless = accepting(|mut stream| async move {
        let _ = stream.read(&mut [0; 1_024]).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n").await;
        std::future::pending::<()>().await;
    })
    .await;
    for target in [silent, endless] {
        let plan = LoadPlan { timeout_us: 200 * MS, ..plan(50.0) };
        let total = total(&windows_of(&plan, target, until(500 * MS)).await);
        assert!(total.planned > 0);
        assert_eq!(total.errors, [(ErrorKind::TimedOut, total.planned)].into());
    }
}

#[tokio::test]
async fn at_the_limit_a_silent_target_is_to_blame() {
    let silent = accepting(|stream| async move {
        let _stream = stream;
        std::future::pending::<()>().await;
    })
    .await;
    let plan = LoadPlan { timeout_us: 1_100 * MS, max_in_flight: 2, ..plan(50.0) };
    let total = total(&windows_of(&plan, silent, until(1_400 * MS)).await);
    assert!(total.errors[&ErrorKind::TimedOut] >= 2);
    assert!(total.unsent[&Unsent::Stalled] > 0);
}

#[tokio::test]
async fn at_the_limit_of_an_answering_target_the_limit_is_to_blame() {
    let (target, _) = answering(200, b"ok", Duration::from_millis(50)).await;
    let plan = LoadPlan { max_in_flight: 1, ..plan(200.0) };
    let total = total(&windows_of(&plan, target, until(500 * MS)).await);
    assert!(total.ok > 0);
    assert_eq!(total.unsent.keys().collect::<Vec<_>>(), [&Unsent::InFlightLimit]);
}

#[tokio::test]
async fn an_engine_that_is_too_far_behind_gives_up() {
    let (target, _) = answering(200, b"ok", Duration::ZERO).await;
    let mut plan = plan(100_000.0);
    // Late from the first microsecond on, given up right after: whatever the machine, some of these cannot be in time.
    (plan.late_after_us, plan.give_up_after_us) = (0, 1);
    let windows = windows_of(&plan, target, until(150 * MS)).await;
    assert!(total(&windows).unsent[&Unsent::Starved] > 0);
}

#[tokio::test]
async fn a_surge_comes_when_told_and_ends_when_cut_off() {
    let (target, seen) = answering(200, b"ok", Duration::ZERO).await;
    let shape = Shape::Step { to_rate: Rate::per_second(300.0), lasts: Span::from_secs(10) };
    let random = Shape::Poisson { to_rate: Rate::per_second(60.0), lasts: Span::from_secs(10) };
    let baseline = Rate::per_second(20.0);
    let surges = vec![
        SurgeLoad::from_shape("surge-0", Span::default(), &shape, baseline),
        SurgeLoad::from_shape("surge-1", Span::from_ms(100), &random, baseline),
    ];
    let plan = LoadPlan { surges, ..plan(20.0) };
    let (sender, receiver) = watch::channel(LoadControl::default());
    let windows = run(&plan, here(target), Clock::start(crate::history::Wall::From(0)), receiver).unwrap();
    while seen.requests() == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    sender.send_modify(|control| control.surges_from_us = Some(S));
    sender.send_modify(|control| control.surges_until_us = Some(S + 400 * MS));
    sender.send_modify(|control| control.end_us = Some(2 * S));
    let windows: Vec<LoadWindow> = in_time(windows.collect()).await;
    assert_eq!(windows.len(), 2);
    let mut arrivals = Arrivals::new(&plan, 0);
    arrivals.surges_from(S);
    arrivals.surges_until(S + 400 * MS);
    assert!(windows[0].planned <= 20);
    assert_eq!(windows[1].planned, arrivals.planned_between(S, 2 * S));
    assert!(windows[1].planned > 100);
}

#[tokio::test]
async fn a_second_without_requests_has_a_window_too() {
    let (target, seen) = answering(200, b"ok", Duration::ZERO).await;
    let windows = windows_of(&plan(0.0), target, until(2 * S)).await;
    assert_eq!(total(&windows), LoadWindow::default());
    assert_eq!(seen.connections(), 0);
}

#[tokio::test]
async fn dropping_the_stream_ends_the_thread_and_the_load() {
    let (target, seen) = answering(200, b"ok", Duration::ZERO).await;
    let (sender, receiver) = watch::channel(LoadControl::default());
    let windows =
        run(&plan(500.0), here(target), Clock::start(crate::history::Wall::From(0)), receiver).unwrap();
    while seen.requests() == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    drop(windows);
    // The engine holds the only receiver.
    in_time(sender.closed()).await;
}

#[tokio::test]
async fn a_load_that_nobody_can_end_any_more_ends() {
    let (target, _) = answering(200, b"ok", Duration::ZERO).await;
    let (sender, receiver) = watch::channel(LoadControl::default());
    let windows =
        run(&plan(50.0), here(target), Clock::start(crate::history::Wall::From(0)), receiver).unwrap();
    drop(sender);
    in_time(windows.collect::<Vec<_>>()).await;
}
