//! One scenario, run once: its folder, its history, its verdict.

use std::fs;
use std::io;
use std::path::Path;

use crate::history::{self, Clock, Event, Header, HistoryWriter, Wall};
use crate::plan::{self, Plan};
use crate::report::{self, Verdict};
use crate::run::{Ended, Finished};
use crate::scenario::Target;
use crate::world::World;
use crate::world::kubernetes::{self, Bulletin, KubernetesWorld};
use crate::world::local::{self, LocalWorld};

use super::live::{Live, Place};
use super::load::Loaded;
use super::run::Suite;
use super::signals::Signals;
use super::{Exit, judge, judging, show, suite};

/// Name of the verdict for people in a scenario's folder.
const SUMMARY: &str = "summary.md";

impl Suite<'_> {
    /// Runs a scenario, for the time that its place says, and judges it: its verdict, the page that shows it, and what it would end
    /// springback with. When it returns the world is closed: every child is gone, and the history is sealed.
    ///
    /// # Errors
    /// Why it was not run.
    pub(super) async fn run_one(
        &self,
        one: &Loaded,
        place: Place,
        signals: &Signals,
    ) -> Result<(Verdict, String, Exit), (String, Exit)> {
        let refuse = |reason: String| (reason, Exit::Refused);
        let scenario = one.lowered.scenario.clone();
        let plan = plan::lower(&scenario, self.seed);
        let folder = self.folder.join(suite::attempt_folder(&one.stem, place.attempt));
        let clock = Clock::start(Wall::Machine);
        let hosts = self.project.allowed_hosts.clone();
        let course = Course { suite: self, one, place, plan: &plan, folder: &folder, clock };
        let mut bulletin = None;
        let finished = match &scenario.target {
            Target::Local(groups) => {
                let world = LocalWorld::new(groups.clone(), self.program.clone(), self.seed).allowing(hosts);
                course.run(world, signals).await
            }
            Target::Kubernetes(target) => {
                let run = self.cluster_run(one, place.attempt);
                let world = KubernetesWorld::new(target.clone(), run, suite::whoami()).allowing(hosts);
                bulletin = Some(world.bulletin());
                course.run(world, signals).await
            }
        };
        let judged = self.judge_one(finished.map_err(refuse)?, &scenario, &plan, &folder)?;
        if let Some(bulletin) = bulletin {
            put_into_cluster(&bulletin, &judged.0, &folder, clock).await;
        }
        Ok(judged)
    }

    /// What a cluster calls a run.
    fn cluster_run(&self, one: &Loaded, attempt: u32) -> String {
        kubernetes::run_name(&self.id, &suite::attempt_folder(&one.stem, attempt))
    }

    fn header(&self, one: &Loaded, attempt: u32, plan: &Plan, world: &impl World, clock: Clock) -> Header {
        let capabilities = world.capabilities();
        let scenario = one.lowered.scenario.clone();
        Header {
            format: history::FORMAT.into(),
            tool: env!("CARGO_PKG_VERSION").into(),
            suite_id: self.id.clone(),
            attempt,
            sources: std::iter::once(&one.source)
                .chain(&one.imports)
                .map(|source| history::SourceText { name: source.name.clone(), text: source.text.clone() })
                .collect(),
            overrides: one.lowered.overrides.clone(),
            origins: one.lowered.origins.clone(),
            reference: suite::last_passing(&self.reports, &scenario.name, &one.lowered.overrides),
            cluster_run: matches!(scenario.target, Target::Kubernetes(_))
                .then(|| self.cluster_run(one, attempt)),
            scenario,
            plan: plan.clone(),
            world: capabilities.world.into(),
            signal_sources: capabilities.sources.clone(),
            started_unix_ms: clock.origin_unix_ms(),
        }
    }

    fn judge_one(
        &self,
        finished: Finished,
        scenario: &crate::scenario::Scenario,
        plan: &Plan,
        folder: &Path,
    ) -> Result<(Verdict, String, Exit), (String, Exit)> {
        let Finished { tracks, ended, unhealed } = finished;
        if let Ended::Refused(reason) = ended {
            // What an attempt to open a world has left behind weighs more than that it was refused.
            if unhealed.is_empty() {
                return Err((reason, Exit::Refused));
            }
            let left = unhealed.join("; ");
            let reason = format!("{reason}; {left}; finish it with `springback heal {}`", folder.display());
            return Err((reason, Exit::HealIncomplete));
        }
        let (mut verdict, mut exit) = judging::judge(&tracks, scenario, plan);
        if let Ended::HistoryLost(error) = &ended {
            show::error(format!(
                "the history could not be written any more ({error}); no fault was injected after that, and everything is \
                 healed; what was recorded is in {}",
                folder.display()
            ));
            exit = exit.worse(Exit::HistoryLost);
        }
        for left in &unhealed {
            show::error(format!("not healed: {left}; finish it with `springback heal {}`", folder.display()));
            exit = exit.worse(Exit::HealIncomplete);
        }
        verdict.exit_code = exit.code();
        let json = serde_json::to_string_pretty(&verdict).expect("a verdict is plain data");
        let written = suite::write(&folder.join(suite::VERDICT), &json)
            .and_then(|()| suite::write(&folder.join(SUMMARY), &report::summary_md(&verdict, &tracks)));
        // Before the verdict is shown: it names the exit code, and that has to be the one that follows.
        exit = exit.worse(report_written(folder, written));
        verdict.exit_code = exit.code();
        let page = report::terminal(&verdict, &tracks, judge::look());
        Ok((verdict, page, exit))
    }
}

/// Shows a verdict in the cluster, too, with the files that were written. It is none the worse where that fails.
async fn put_into_cluster(bulletin: &Bulletin, verdict: &Verdict, folder: &Path, clock: Clock) {
    let files = [suite::VERDICT, SUMMARY].into_iter();
    let files = files.filter_map(|name| Some((name.to_owned(), fs::read_to_string(folder.join(name)).ok()?)));
    let shown = kubernetes::Verdict {
        scenario: &verdict.scenario,
        outcome: verdict.outcome.as_str(),
        exit_code: verdict.exit_code,
        files: files.collect(),
    };
    if let Err(why) = bulletin.put(&shown, clock.unix_ms()).await {
        show::say(format_args!("the verdict could not be put into the cluster: {why}"));
    }
}

/// One run of one scenario, whatever its world.
struct Course<'a> {
    suite: &'a Suite<'a>,
    one: &'a Loaded,
    place: Place,
    plan: &'a Plan,
    folder: &'a Path,
    clock: Clock,
}

impl Course<'_> {
    /// Opens the history, and runs.
    async fn run(self, mut world: impl World, signals: &Signals) -> Result<Finished, String> {
        let Self { suite, one, place, plan, folder, clock } = self;
        let scenario = &one.lowered.scenario;
        let header = suite.header(one, place.attempt, plan, &world, clock);
        let history = open_history(folder, header)?;
        let mut live = Live::new(scenario, plan, place, suite.args.quiet);
        let signals = signals.subscribe();
        let finished = crate::run::run(scenario, plan, &mut world, clock, history, signals, &mut live).await;
        live.finish();
        Ok(finished)
    }
}

/// Says that reports could not be written, if so.
pub(super) fn report_written(folder: &Path, written: io::Result<()>) -> Exit {
    match written {
        Ok(()) => Exit::Pass,
        Err(error) => {
            show::error(format!("cannot write the reports into {}: {error}", folder.display()));
            Exit::HistoryLost
        }
    }
}

/// Creates the folder of a scenario and its history, with the header and springback itself in it.
fn open_history(folder: &Path, header: Header) -> Result<(HistoryWriter, Vec<history::Record>), String> {
    let failed = |what: &Path, error: &io::Error| format!("cannot write to {}: {error}", what.display());
    fs::create_dir_all(folder).map_err(|error| failed(folder, &error))?;
    let path = folder.join(suite::HISTORY);
    let mut writer = HistoryWriter::create(&path).map_err(|error| failed(&path, &error))?;
    let runner = history::ChildStarted { role: suite::RUNNER.into(), process: local::this_process() };
    let records = [Event::Header(Box::new(header)), Event::Child(runner)]
        .into_iter()
        .map(|event| writer.append(0, event))
        .collect::<Result<Vec<_>, _>>();
    match records {
        Ok(records) => Ok((writer, records)),
        Err(error) => {
            // Nothing was started: half a header would only be a damaged history to everybody who comes after.
            let _ = fs::remove_file(&path);
            Err(failed(&path, &error))
        }
    }
}
