//! What is seen while a run goes on: a status in place on a terminal, plain lines elsewhere.
//!
//! Pure: the run as a picture (`picture`, `coming`), what happens as lines (`events`), the picture as rows for a size
//! (`layout`), rows as bytes (`painter`). Not pure: the thread that writes them (`terminal`).

mod coming;
mod events;
mod layout;
mod painter;
mod picture;
mod terminal;
#[cfg(test)]
mod tests;
mod text;

use std::io::{self, IsTerminal};

use futures_util::FutureExt;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::history::{Event, Record, Tracks};
use crate::plan::Plan;
use crate::run::Watch;
use crate::scenario::Scenario;

use super::show;
pub(super) use picture::Place;
use picture::{Picture, Scene};
use terminal::{Entry, Mode, Terminal};

/// Elsewhere than on a terminal, a status line this often.
const PLAIN_STATUS_US: u64 = 10_000_000;
/// On a terminal, a status this often: countdowns are in seconds.
const STATUS_US: u64 = 200_000;

/// The live view.
pub(super) struct Live {
    scene: Scene,
    /// `None`: nothing is shown.
    terminal: Option<Terminal>,
    in_place: bool,
    next_status_us: u64,
    /// Tells that this process was stopped and continues.
    resumed: Option<Signal>,
}

impl Live {
    /// A view for one run.
    pub(super) fn new(scenario: &Scenario, plan: &Plan, place: Place, quiet: bool) -> Self {
        let mode =
            if is_drawn_on() { Mode::InPlace { colour: show::colour(&io::stderr()) } } else { Mode::Lines };
        let in_place = matches!(mode, Mode::InPlace { .. });
        // Without a thread to spare the run goes on unseen.
        let terminal = (!quiet).then(|| Terminal::open(io::stderr(), mode).ok()).flatten();
        let live = Self {
            scene: Scene { scenario: scenario.clone(), plan: plan.clone(), place },
            terminal,
            in_place,
            next_status_us: if in_place { 0 } else { PLAIN_STATUS_US },
            resumed: in_place
                .then(|| signal(SignalKind::from_raw(rustix::process::Signal::CONT.as_raw())).ok())
                .flatten(),
        };
        if let Some(terminal) = &live.terminal {
            let mut place = place.words("");
            if !place.is_empty() {
                place = format!(" ({place})");
            }
            terminal.line(Entry::Text(format!("\u{25b8} {}{place}", scenario.name)));
        }
        live
    }

    /// Takes the status off the terminal.
    pub(super) fn finish(&mut self) {
        if let Some(terminal) = self.terminal.take() {
            terminal.close();
        }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.finish();
    }
}

/// Whether standard error is a terminal on which the cursor can be moved.
fn is_drawn_on() -> bool {
    let able = std::env::var_os("TERM").is_some_and(|term| !term.is_empty() && term != "dumb");
    able && io::stderr().is_terminal()
}

impl Watch for Live {
    fn record(&mut self, record: &Record, tracks: &Tracks) {
        let Some(terminal) = &self.terminal else { return };
        let happened = events::happened(&self.scene, record, tracks);
        let news = happened.is_some() || matches!(record.event, Event::Phase(_));
        if let Some(happened) = happened {
            terminal.line(Entry::Event(happened));
        }
        // With the event comes the status that it leads to.
        if news && self.in_place {
            terminal.status(self.scene.at(record.t_us, tracks));
        }
    }

    fn tick(&mut self, now_us: u64, tracks: &Tracks) {
        let Some(terminal) = &self.terminal else { return };
        let resumed = |signal: &mut Signal| signal.recv().now_or_never().is_some();
        if self.resumed.as_mut().is_some_and(resumed) {
            terminal.resumed();
        }
        if now_us < self.next_status_us {
            return;
        }
        let picture = self.scene.at(now_us, tracks);
        if self.in_place {
            self.next_status_us = now_us + STATUS_US;
            terminal.status(picture);
        } else {
            self.next_status_us = now_us + PLAIN_STATUS_US;
            terminal.line(Entry::Text(format!(
                "{:>8}  {}",
                events::clock(now_us, tracks),
                in_one_line(&picture)
            )));
        }
    }
}

/// A status for a log.
fn in_one_line(picture: &Picture) -> String {
    let mut parts = vec![format!("{}: {}", picture.phase.name, picture.phase.time)];
    if let Some(traffic) = &picture.traffic {
        let mut text = format!(
            "{:.0}/s wanted, {:.0}/s sent, {:.0}/s good, errors {:.1}%",
            traffic.wanted, traffic.sent, traffic.good, traffic.errors_percent
        );
        if let Some((p50, p99)) = &traffic.percentiles {
            text += &format!(", p50 {p50} p99 {p99}");
        }
        parts.push(text);
    }
    let groups = picture.groups.iter().map(|group| {
        let state = group.state.words();
        let state = if state.is_empty() { String::new() } else { format!(" {state}") };
        format!("{} {}/{}{state}", group.name, group.ready, group.desired)
    });
    parts.push(groups.collect::<Vec<_>>().join(", "));
    parts.extend(picture.spend.clone());
    parts.extend(picture.gauges.iter().map(|gauge| format!("{} {}", gauge.name, gauge.value)));
    parts.join(" | ")
}
