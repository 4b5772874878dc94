//! `__instance`: one instance of a group. It answers HTTP on a port of its own; a request takes time, not CPU.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use prometheus::{Counter, Encoder, Gauge, IntCounterVec, IntGauge, Opts, Registry, TextEncoder};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Semaphore, watch};
use tokio::task::LocalSet;
use tokio::time::{Instant, sleep, sleep_until};

use crate::scenario::Distribution;

use super::wire::{InstanceConfig, Said, config, end_with_parent, raise_file_limit};

/// For so long after SIGTERM it still takes new connections, so that the balancer can notice that it is not ready
/// any more before it finds the door closed.
const LINGER: Duration = Duration::from_millis(300);
/// How often a draining instance looks whether it is done.
const DRAIN_POLL: Duration = Duration::from_millis(10);

/// Runs until it is told to end.
pub(super) fn run(args: &[OsString]) -> ExitCode {
    let config = config::<InstanceConfig>(args);
    #[cfg(target_os = "linux")]
    if config.as_ref().is_ok_and(|config| config.container.dies_with_parent) {
        // Set before stdin is read: a parent that ended in between is seen there.
        let _ = rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL));
    }
    end_with_parent(|_| {}, || {});
    raise_file_limit();
    let served = config.and_then(|config| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| format!("cannot start its runtime: {error}"))?;
        LocalSet::new().block_on(&runtime, serve(config)).map_err(|error| error.to_string())
    });
    match served {
        Ok(code) => code,
        Err(why) => {
            let _ = writeln!(io::stderr(), "{why}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(config: InstanceConfig) -> io::Result<ExitCode> {
    // Written to, or it would be memory in name only.
    let _held = vec![1_u8; config.container.memory_bytes];
    let runs_for = config.container.runs_for_us.map(Duration::from_micros);
    let finished = ExitCode::from(config.container.exit_code);
    let mut sigterm = signal(SignalKind::terminate())?;
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let (ending, ended) = watch::channel(false);
    let instance = Rc::new(Instance::new(config).map_err(io::Error::other)?);
    Said::Listening(listener.local_addr()?).say();
    let finishes = sleep(runs_for.unwrap_or_default());
    tokio::pin!(finishes);
    loop {
        tokio::select! {
            biased;
            () = &mut finishes, if runs_for.is_some() => return Ok(finished),
            _ = sigterm.recv() => if !instance.config.ignores_sigterm { break },
            accepted = listener.accept() => instance.accept(accepted, &ended).await,
        }
    }
    let grace = instance.drain_limit();
    let until = Instant::now() + grace;
    instance.draining.set(true);
    let closes = sleep(LINGER.min(grace / 2));
    tokio::pin!(closes);
    loop {
        tokio::select! {
            biased;
            () = &mut closes => break,
            accepted = listener.accept() => instance.accept(accepted, &ended).await,
        }
    }
    drop(listener);
    let _ = ending.send(true);
    while instance.connections.get() > 0 && Instant::now() < until {
        sleep(DRAIN_POLL).await;
    }
    Ok(ExitCode::SUCCESS)
}

/// The state of an instance. All of it lives on one thread.
struct Instance {
    config: InstanceConfig,
    started: Instant,
    draining: Cell<bool>,
    connections: Cell<u32>,
    workers: Semaphore,
    waiting: Cell<u32>,
    random: RefCell<ChaCha8Rng>,
    metrics: Metrics,
}

impl Instance {
    fn new(config: InstanceConfig) -> prometheus::Result<Self> {
        Ok(Self {
            started: Instant::now(),
            draining: Cell::new(false),
            connections: Cell::new(0),
            workers: Semaphore::new(config.concurrency as usize),
            waiting: Cell::new(0),
            random: RefCell::new(ChaCha8Rng::seed_from_u64(config.seed)),
            metrics: Metrics::new()?,
            config,
        })
    }

    /// A little less than the grace, so that a drain that takes too long still ends within it.
    fn drain_limit(&self) -> Duration {
        let grace = Duration::from_micros(self.config.grace_us);
        grace - (grace / 10).min(Duration::from_millis(200))
    }

    fn ready(&self) -> bool {
        !self.draining.get()
            && !self.config.never_ready
            && self.started.elapsed() >= Duration::from_micros(self.config.startup_us)
    }

    async fn accept(
        self: &Rc<Self>,
        accepted: io::Result<(TcpStream, std::net::SocketAddr)>,
        ended: &watch::Receiver<bool>,
    ) {
        let Ok((stream, _)) = accepted else {
            // Out of file descriptors, most likely: some will come back.
            sleep(Duration::from_millis(20)).await;
            return;
        };
        let _ = stream.set_nodelay(true);
        let (instance, mut ended) = (Rc::clone(self), ended.clone());
        tokio::task::spawn_local(async move {
            let _open = Counted::new(&instance.connections);
            let service = service_fn(|request| instance.answer(request));
            let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            tokio::pin!(connection);
            // How a connection ends is the other side's business.
            tokio::select! {
                _ = connection.as_mut() => return,
                _ = ended.wait_for(|ended| *ended) => connection.as_mut().graceful_shutdown(),
            }
            let _ = connection.await;
        });
    }

    async fn answer(&self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
        Ok(match request.uri().path() {
            "/healthz" if self.ready() => text(StatusCode::OK, "ready\n"),
            "/healthz" => text(StatusCode::SERVICE_UNAVAILABLE, "not ready\n"),
            "/metrics" => match self.metrics.exposition(self) {
                Ok(body) => text(StatusCode::OK, body),
                Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
            },
            _ => self.work().await,
        })
    }

    /// Waits for a worker, unless too many wait already, and then for as long as the work takes. A caller that goes
    /// away takes its place in the queue with it.
    async fn work(&self) -> Response<Full<Bytes>> {
        let metrics = &self.metrics;
        let permit = match self.workers.try_acquire() {
            Ok(permit) => permit,
            Err(_) if self.waiting.get() >= self.config.queue => {
                metrics.requests.with_label_values(&["503"]).inc();
                return text(StatusCode::SERVICE_UNAVAILABLE, "the queue is full\n");
            }
            Err(_) => {
                let _waiting = Counted::new(&self.waiting);
                match self.workers.acquire().await {
                    Ok(permit) => permit,
                    Err(_) => return text(StatusCode::SERVICE_UNAVAILABLE, "closing\n"),
                }
            }
        };
        let began = Instant::now();
        let in_flight = InFlight::new(&metrics.in_flight);
        burn(Duration::from_micros(self.config.container.cpu_us)).await;
        sleep_until(began + self.service_time()).await;
        drop((in_flight, permit));
        metrics.busy.inc_by(began.elapsed().as_secs_f64());
        metrics.requests.with_label_values(&["200"]).inc();
        text(StatusCode::OK, "done\n")
    }

    fn service_time(&self) -> Duration {
        let drawn = self.random.borrow_mut().random::<f64>();
        let mean_us = self.config.service_us as f64;
        Duration::from_micros(spread(self.config.distribution, mean_us, drawn) as u64)
    }
}

/// Uses so much CPU time, measured on this thread's own clock: on a busy machine it takes longer, and is as much. The
/// thread is given back often, as a scheduler would, so that the health check is not kept waiting.
async fn burn(cpu: Duration) {
    const SLICE: Duration = Duration::from_millis(1);
    let mut left = cpu;
    while !left.is_zero() {
        let (slice, began) = (left.min(SLICE), thread_cpu());
        while thread_cpu().saturating_sub(began) < slice {
            std::hint::spin_loop();
        }
        left -= slice;
        tokio::task::yield_now().await;
    }
}

/// CPU time that this thread has used.
fn thread_cpu() -> Duration {
    let used = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::try_from(used).unwrap_or_default()
}

/// A service time around a mean, from a number drawn from `[0, 1)`.
fn spread(distribution: Distribution, mean_us: f64, drawn: f64) -> f64 {
    match distribution {
        Distribution::Constant => mean_us,
        Distribution::Exponential => -(1.0 - drawn).ln() * mean_us,
        Distribution::Uniform => (0.5 + drawn) * mean_us,
    }
}

/// One more in a count, for as long as this exists.
struct Counted<'a>(&'a Cell<u32>);

impl<'a> Counted<'a> {
    fn new(count: &'a Cell<u32>) -> Self {
        count.set(count.get() + 1);
        Self(count)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

/// One more request that is worked on, for as long as this exists.
struct InFlight<'a>(&'a IntGauge);

impl<'a> InFlight<'a> {
    fn new(gauge: &'a IntGauge) -> Self {
        gauge.inc();
        Self(gauge)
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.dec();
    }
}

fn text(status: StatusCode, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response
}

/// What an instance tells about itself at `/metrics`.
struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    in_flight: IntGauge,
    busy: Counter,
    uptime: Gauge,
    ready: IntGauge,
}

impl Metrics {
    fn new() -> prometheus::Result<Self> {
        let metrics = Self {
            registry: Registry::new(),
            requests: IntCounterVec::new(
                Opts::new("springback_requests_total", "Finished requests, by status."),
                &["code"],
            )?,
            in_flight: IntGauge::new("springback_in_flight", "Requests that are worked on.")?,
            busy: Counter::new("springback_busy_seconds_total", "Time spent on finished requests, summed.")?,
            uptime: Gauge::new("springback_uptime_seconds", "Time since the start of the process.")?,
            ready: IntGauge::new("springback_ready", "1 while /healthz answers 200.")?,
        };
        let start = Gauge::new("process_start_time_seconds", "Start of the process, since 1970.")?;
        start.set(unix_seconds());
        metrics.registry.register(Box::new(metrics.requests.clone()))?;
        metrics.registry.register(Box::new(metrics.in_flight.clone()))?;
        metrics.registry.register(Box::new(metrics.busy.clone()))?;
        metrics.registry.register(Box::new(metrics.uptime.clone()))?;
        metrics.registry.register(Box::new(metrics.ready.clone()))?;
        metrics.registry.register(Box::new(start))?;
        // Shown from the start: a counter that is not there yet cannot be told from one that was lost.
        metrics.requests.with_label_values(&["200"]);
        Ok(metrics)
    }

    fn exposition(&self, instance: &Instance) -> prometheus::Result<Vec<u8>> {
        self.uptime.set(instance.started.elapsed().as_secs_f64());
        self.ready.set(i64::from(instance.ready()));
        let mut body = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut body)?;
        Ok(body)
    }
}

fn unix_seconds() -> f64 {
    #[expect(clippy::disallowed_methods, reason = "a process of its own, without the run's clock")]
    let now = std::time::SystemTime::now();
    now.duration_since(std::time::UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn service_times_spread_around_their_mean() {
        for distribution in [Distribution::Constant, Distribution::Exponential, Distribution::Uniform] {
            let mut random = ChaCha8Rng::seed_from_u64(7);
            let sum: f64 = (0..10_000).map(|_| spread(distribution, 20_000.0, random.random())).sum();
            assert!((sum / 10_000.0 - 20_000.0).abs() < 600.0, "{distribution:?}: {}", sum / 10_000.0);
        }
        assert_eq!(spread(Distribution::Uniform, 100.0, 0.0), 50.0);
    }
}
