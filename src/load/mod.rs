//! Arrivals → requests → windows. Open model: requests leave on schedule whether or not earlier ones were answered.
//!
//! The engine has a thread of its own, so that nothing else of the process delays a request, and a pacer of its own,
//! because the runtime's timers are a millisecond coarse.

mod client;
mod engine;
mod ledger;
mod pacer;
mod target;

use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::{io, thread};

use futures_util::Stream;
use tokio::sync::{mpsc, watch};

use crate::history::{Clock, LoadWindow};
use crate::plan::LoadPlan;

use client::Client;
use engine::Engine;
use pacer::{Pacer, Timeline};
pub use target::Target;

/// What the runner tells a running load: when the surges count from, and when to end. Times on the run's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LoadControl {
    /// The end of the baseline phase, once it is known. Always told before that time comes.
    pub surges_from_us: Option<u64>,
    /// Surges are cut off here.
    pub surges_until_us: Option<u64>,
    /// No request is meant to be sent from here on; the stream ends when the last window is closed.
    pub end_us: Option<u64>,
}

/// A load that could not begin. Nothing was sent.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The plan's path cannot be asked for.
    #[error("the path \"{path}\" is not one of HTTP: {why}")]
    Path {
        /// The path.
        path: String,
        /// What is wrong with it.
        why: String,
    },
    /// The address is neither loopback nor one that the project allows.
    #[error(
        "load may not go to {host} ({}): it is not on loopback, and `allow.hosts` of springback.toml does not name it",
        address.ip()
    )]
    NotAllowed {
        /// As it was asked for.
        host: String,
        /// What that is.
        address: SocketAddr,
    },
    /// The operating system gave no thread, or its runtime no file.
    #[error("the load engine did not start: {0}")]
    Start(#[from] io::Error),
}

/// The windows of a running load, by the second and in order. Dropping it ends the load at once.
///
/// It ends when the last window is closed. One that ends before it was told to has failed: the windows that are
/// missing show it.
#[derive(Debug)]
pub struct Windows {
    windows: mpsc::UnboundedReceiver<LoadWindow>,
}

impl Stream for Windows {
    type Item = LoadWindow;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<LoadWindow>> {
        self.windows.poll_recv(context)
    }
}

/// Begins to send the baseline now, and tells of every second of it once all its requests are answered, timed out or
/// given up. Surges begin and all ends as `control` says; when its sender goes away without an end, it ends then.
///
/// Windows wait for whoever reads them: a few kilobytes a second.
///
/// # Errors
/// The path is not one of HTTP, or the operating system gave no thread.
pub fn run(
    plan: &LoadPlan,
    target: Target,
    clock: Clock,
    control: watch::Receiver<LoadControl>,
) -> Result<Windows, LoadError> {
    let client = Client::new(target.address(), &plan.path, plan.max_in_flight)?;
    let plan = plan.clone();
    let timeline = Timeline::of(&clock);
    let (sender, windows) = mpsc::unbounded_channel();
    let (started, start) = std::sync::mpsc::sync_channel(1);
    thread::Builder::new().name("springback-load".into()).spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            // Look at the sockets and the pacer after a few tasks, not after the default of 61.
            .event_interval(16)
            .build();
        let ready = runtime.and_then(|runtime| Ok((runtime, Pacer::start(timeline)?)));
        match ready {
            Ok((runtime, pacer)) => {
                // Nobody waits any more when the caller is gone; then the engine sees its stream closed.
                let _ = started.send(Ok(()));
                runtime.block_on(Engine::new(&plan, client, timeline, pacer, control, sender).drive());
            }
            Err(error) => {
                let _ = started.send(Err(error));
            }
        }
    })?;
    start.recv().unwrap_or_else(|_| Err(io::Error::other("its thread ended at once")))?;
    Ok(Windows { windows })
}

#[cfg(test)]
mod tests;
