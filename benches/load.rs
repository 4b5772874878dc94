//! How much the load engine can send, and how punctually, beside a plain closed loop over the same HTTP library.
//!
//! Both ask the same small server on loopback, one after the other, so that their ratio says more than either number.
//! `cargo bench --bench load`, some eight seconds.

#![expect(clippy::print_stdout, reason = "a bench prints what it measured")]

use std::convert::Infallible;
use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::future::join_all;
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use springback::history::{Clock, LoadWindow};
use springback::load::{self, LoadControl};
use springback::plan::LoadPlan;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;
use tokio::time::Instant;

const CONNECTIONS: usize = 32;
const LASTS: Duration = Duration::from_millis(1_500);

fn main() {
    let target = serve();
    let runtime = runtime();
    let peer_per_s = runtime.block_on(closed_loop(target));
    println!("closed loop, {CONNECTIONS} connections      {peer_per_s:>8.0} requests/s");
    for per_s in [500.0, 5_000.0] {
        let windows = runtime.block_on(offered(target, per_s));
        let sum = |of: fn(&LoadWindow) -> u64| windows.iter().map(of).sum::<u64>();
        let latest_us = windows.iter().map(|window| window.send_late_max_us).max().unwrap_or(0);
        let late = 100.0 * sum(|window| window.late) as f64 / sum(|window| window.sent).max(1) as f64;
        println!(
            "open model, {per_s:>6} requests/s offered {:>6.2} % answered, {late:.2} % later than {} µs, at most {latest_us} µs",
            100.0 * sum(|window| window.ok) as f64 / sum(|window| window.planned).max(1) as f64,
            LATE_AFTER.as_micros(),
        );
    }
    let windows = runtime.block_on(offered(target, peer_per_s * 1.5));
    let achieved_per_s = windows.iter().map(|window| window.ok).sum::<u64>() as f64 / LASTS.as_secs_f64();
    println!("open model, more than it can send      {achieved_per_s:>8.0} requests/s");
    println!("ratio to the closed loop               {:>8.2}", achieved_per_s / peer_per_s);
}

const LATE_AFTER: Duration = Duration::from_micros(200);

/// What the engine made of a constant rate.
async fn offered(target: SocketAddr, per_s: f64) -> Vec<LoadWindow> {
    let plan = LoadPlan {
        path: "/".into(),
        baseline_per_s: per_s,
        surges: vec![],
        timeout_us: 1_000_000,
        max_in_flight: 256,
        late_after_us: LATE_AFTER.as_micros() as u64,
        give_up_after_us: 50_000,
        thresholds_us: vec![],
        seed: 0,
    };
    let end_us = Some(LASTS.as_micros() as u64);
    let (_sender, control) = watch::channel(LoadControl { end_us, ..LoadControl::default() });
    let target = load::Target::permitted("127.0.0.1", target, &[]).expect("loopback");
    let windows = load::run(&plan, target, Clock::start(springback::history::Wall::From(0)), control)
        .expect("the engine starts");
    windows.collect().await
}

/// Requests a second when each connection asks again as soon as it is answered.
async fn closed_loop(target: SocketAddr) -> f64 {
    let until = Instant::now() + LASTS;
    let counts = join_all((0..CONNECTIONS).map(|_| tokio::spawn(ask_until(target, until)))).await;
    let total: u64 = counts.into_iter().map(|count| count.expect("a connection lasts")).sum();
    total as f64 / LASTS.as_secs_f64()
}

async fn ask_until(target: SocketAddr, until: Instant) -> u64 {
    let stream = TcpStream::connect(target).await.expect("the server listens");
    stream.set_nodelay(true).expect("a fresh socket takes options");
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.expect("HTTP");
    tokio::spawn(connection);
    let mut count = 0;
    while Instant::now() < until {
        let request = Request::get("/").header("host", "127.0.0.1").body(Empty::<Bytes>::new());
        sender.ready().await.expect("the connection is kept");
        let response = sender.send_request(request.expect("it is well formed")).await.expect("an answer");
        response.into_body().collect().await.expect("a body");
        count += 1;
    }
    count
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// A server that answers at once, on a thread of its own for as long as the process lasts.
fn serve() -> SocketAddr {
    let (sender, receiver) = std::sync::mpsc::channel();
    thread::spawn(move || {
        runtime().block_on(async {
            let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
            sender.send(listener.local_addr().expect("an address")).expect("somebody waits for it");
            let answer = |_: Request<Incoming>| async {
                Ok::<_, Infallible>(Response::new(Full::new(Bytes::from_static(b"ok"))))
            };
            while let Ok((stream, _)) = listener.accept().await {
                stream.set_nodelay(true).expect("a fresh socket takes options");
                let connection = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service_fn(answer));
                tokio::spawn(connection);
            }
        });
    });
    receiver.recv().expect("the server starts")
}
