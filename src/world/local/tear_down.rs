//! The tear-down program of an instance that a scale-down removes: run under guard, and again while it fails.

use std::ffi::OsString;
use std::sync::Arc;

use crate::history::{Event, TearDown};

use super::child::{ChildHandle, Ending};
use super::shared::{Shared, Who};
use super::wire::GUARD_VERB;

/// After a failure it is tried again this much later.
const RETRY_US: u64 = 5_000_000;
/// It may take so long.
const LIMIT_US: u64 = 60_000_000;

/// Where the tear-down of one instance stands.
#[derive(Debug)]
pub(super) struct TearDownRun {
    command: Vec<String>,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    Running { guard: Option<ChildHandle>, until_us: u64 },
    Waiting { again_us: u64 },
}

impl TearDownRun {
    /// Starts the program for an instance.
    pub(super) fn start(
        shared: &mut Shared,
        command: &[String],
        group: &Arc<str>,
        number: u32,
        instance: &str,
    ) -> Self {
        let mut run = Self { command: command.to_vec(), stage: Stage::Waiting { again_us: 0 } };
        run.attempt(shared, group, number, instance);
        run
    }

    fn attempt(&mut self, shared: &mut Shared, group: &Arc<str>, number: u32, instance: &str) {
        let now_us = shared.clock.now_us();
        let mut args: Vec<OsString> = vec![GUARD_VERB.into(), "--".into()];
        args.extend(self.command.iter().map(Into::into));
        let environment = [("SPRINGBACK_GROUP", &**group), ("SPRINGBACK_INSTANCE", instance)];
        let who = Who::TearDown(Arc::clone(group), number);
        self.stage = match shared.start(who, format!("tear-down {instance}"), &args, &environment) {
            Ok(guard) => Stage::Running { guard: Some(guard), until_us: now_us + LIMIT_US },
            Err(error) => {
                self.report(shared, group, instance, false, format!("cannot be started: {error}"));
                Stage::Waiting { again_us: now_us + RETRY_US }
            }
        };
    }

    /// Lets time pass: tries again when it is time to, and cuts off a program that takes too long.
    pub(super) fn tick(&mut self, shared: &mut Shared, group: &Arc<str>, number: u32, instance: &str) {
        let now_us = shared.clock.now_us();
        match &mut self.stage {
            Stage::Waiting { again_us } if now_us >= *again_us => {
                self.attempt(shared, group, number, instance)
            }
            // Without its handle the guard ends, and takes the program with it.
            Stage::Running { guard, until_us } if now_us >= *until_us => *guard = None,
            _ => {}
        }
    }

    /// The program has ended. Whether the instance may be removed now.
    pub(super) fn ended(&mut self, shared: &Shared, group: &str, instance: &str, ending: &Ending) -> bool {
        let cut_off = matches!(self.stage, Stage::Running { guard: None, .. });
        let ok = ending.ok() && !cut_off;
        let outcome = match cut_off {
            true => format!("did not end within {} s, and was cut off", LIMIT_US / 1_000_000),
            false => ending.describe(),
        };
        self.report(shared, group, instance, ok, outcome);
        self.stage = Stage::Waiting { again_us: shared.clock.now_us() + RETRY_US };
        ok
    }

    fn report(&self, shared: &Shared, group: &str, instance: &str, ok: bool, outcome: String) {
        shared.emit(Event::TearDown(TearDown {
            group: group.to_owned(),
            instance: instance.to_owned(),
            command: self.command.clone(),
            ok,
            outcome,
        }));
    }
}
