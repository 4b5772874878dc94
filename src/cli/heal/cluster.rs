//! What runs left in clusters.

use std::path::Path;

use crate::history::{Clock, Header, NOT_CLOSED, Tracks, Wall};
use crate::scenario::{Access, Target};
use crate::world::kubernetes::{self, Healed, Healer, Place, Which};

use super::super::{Exit, show, suite};

/// Whether a run may have left something in a cluster: it acted on one, and did not say at its end that all is as before.
pub(super) fn may_have_left(tracks: &Tracks) -> bool {
    let closed = tracks.sealed && !tracks.notes.iter().any(|(_, note)| note.code == NOT_CLOSED);
    header(tracks).is_some() && !closed
}

fn header(tracks: &Tracks) -> Option<&Header> {
    tracks.header.as_deref().filter(|header| matches!(header.scenario.target, Target::Kubernetes(_)))
}

/// Undoes what one run left in each of its places; says what became of each object. Returns in how many there was something.
pub(super) fn heal_run(path: &Path, tracks: &Tracks, named: bool) -> Result<usize, Exit> {
    let Some(header) = header(tracks) else { return Ok(0) };
    let (Target::Kubernetes(target), Some(run)) = (&header.scenario.target, &header.cluster_run) else {
        return Ok(0);
    };
    let ended = suite::runner(tracks).map(suite::on_this_machine);
    let which = Which::Run { run: run.clone(), ended };
    let mut exit = Exit::Pass;
    let mut count = 0;
    let lead = format!("{}: ", path.display());
    let finish = format!("springback heal {}", path.parent().unwrap_or(path).display());
    for place in kubernetes::places(target) {
        match heal_place(&place, &which, &lead, &finish) {
            Ok(healed) => {
                count += healed.runs;
                if healed.alive && named {
                    exit = exit.worse(Exit::Refused);
                }
            }
            Err(one) => exit = exit.worse(one),
        }
    }
    if exit == Exit::Pass { Ok(count) } else { Err(exit) }
}

/// Undoes whatever runs left in a namespace.
pub(super) fn heal_namespace(access: Access, namespace: String) -> Exit {
    let place = Place { access, namespace };
    match heal_place(&place, &Which::Every, "", &kubernetes::heal_command(&place)) {
        Ok(Count { alive: true, .. }) => Exit::Pass,
        Ok(Count { runs, .. }) => {
            show::print(&match runs {
                0 => format!("nothing of springback is left in {}", place.called()),
                1 => format!("healed 1 run; nothing is left in {}", place.called()),
                n => format!("healed {n} runs; nothing is left in {}", place.called()),
            });
            Exit::Pass
        }
        Err(exit) => exit,
    }
}

/// What was done in a place.
struct Count {
    runs: usize,
    /// A run there goes on.
    alive: bool,
}

fn heal_place(place: &Place, which: &Which, lead: &str, finish: &str) -> Result<Count, Exit> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| {
        show::error(format!("cannot start the runtime: {error}"));
        Exit::Internal
    })?;
    let healed = runtime.block_on(async {
        let healer = Healer::connect(place.clone(), Clock::start(Wall::Machine)).await.map_err(|why| {
            show::error(format!("{lead}{why}; nothing was healed"));
            // Whoever names a context that is not there has mistyped it; a run cannot have.
            if *which == Which::Every { Exit::BadInput } else { Exit::HealIncomplete }
        })?;
        healer.heal(which).await.map_err(|why| {
            show::error(format!("{lead}{why}; finish it with `{finish}`"));
            Exit::HealIncomplete
        })
    });
    runtime.shutdown_background();
    let mut count = Count { runs: 0, alive: false };
    let mut complete = true;
    for one in healed? {
        complete &= tell(place, &one, lead, finish);
        match one {
            Healed::Alive(_) => count.alive = true,
            Healed::Run { .. } => count.runs += 1,
        }
    }
    if complete { Ok(count) } else { Err(Exit::HealIncomplete) }
}

/// Says what became of a run; returns whether nothing of it is left, as far as that was to be seen to.
fn tell(place: &Place, healed: &Healed, lead: &str, finish: &str) -> bool {
    let (run, faults, left) = match healed {
        Healed::Alive(who) => {
            show::say(format_args!("{lead}{} is locked by {who}; it was left alone", place.called()));
            return true;
        }
        Healed::Run { run, faults, left } => (run, faults, left),
    };
    show::say(format_args!("{lead}run {run} in {}", place.called()));
    for (fault, undone) in faults {
        if undone.done.is_empty() && undone.left.is_empty() {
            show::say(format_args!("  {fault}: nothing had to be undone"));
        }
        for done in &undone.done {
            show::say(format_args!("  {fault}: {done}"));
        }
        for why in &undone.left {
            show::error(format!("{fault} is not undone: {why}"));
        }
    }
    for why in left {
        show::error(why);
    }
    if healed.is_complete() {
        show::say(format_args!("  its records and its lock are removed"));
        return true;
    }
    show::error(format!("something of run {run} is left; finish it with `{finish}`"));
    false
}
