//! `run`: scenarios, one after another, each judged when it is over.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::Args;
use tokio::sync::mpsc;

use crate::history::{self, Clock, Event, Header, HistoryWriter, Wall};
use crate::plan::{self, Plan};
use crate::report::{self, NotRun, SuiteVerdict, Verdict};
use crate::run::{Ended, Finished, Signal};
use crate::scenario::Project;
use crate::world::World;
use crate::world::local::{self, LocalWorld};

use super::cucumber::{Files, Reporter, Went};
use super::live::Live;
use super::load::{Call, Loaded, load};
use super::{Exit, Output, ScenarioArgs, judge, judging, show, suite};

#[derive(Debug, Args)]
pub(super) struct RunArgs {
    #[command(flatten)]
    scenarios: ScenarioArgs,
    /// Name of the suite, and of its folder. Default: the time, and four digits.
    #[arg(long, value_name = "ID")]
    suite_id: Option<String>,
    /// Show the plan instead; start nothing. The same as `springback plan`.
    #[arg(long)]
    dry_run: bool,
    /// Write what cucumber reports of the features as JSON.
    #[arg(long, value_name = "FILE")]
    cucumber_json: Option<PathBuf>,
    /// Write what cucumber reports of the features as JUnit XML.
    #[arg(long, value_name = "FILE")]
    cucumber_junit: Option<PathBuf>,
    /// No progress: the verdict only.
    #[arg(long, short)]
    quiet: bool,
    /// How to print the verdict.
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

impl RunArgs {
    fn cucumber(&self) -> Files {
        Files { json: self.cucumber_json.clone(), junit: self.cucumber_junit.clone() }
    }
}

/// What all scenarios of a call share.
struct Suite<'a> {
    args: &'a RunArgs,
    id: String,
    project: Project,
    reports: PathBuf,
    folder: PathBuf,
    seed: u64,
    program: PathBuf,
}

pub(super) fn run(args: &RunArgs) -> Exit {
    let call = match load(&args.scenarios) {
        Ok(call) => call,
        Err(exit) => return exit,
    };
    if args.dry_run {
        return super::plan::show_plans(args.scenarios.seed, &call, args.output);
    }
    let Call { scenarios, project, reports } = call;
    if let Some(id) = args.suite_id.as_ref().filter(|id| !suite::is_valid_id(id)) {
        show::error(format!(
            "--suite-id \"{id}\" cannot be the name of a folder: use letters, digits, `.`, `_` and `-`, and do not begin \
             with a dot"
        ));
        return Exit::BadInput;
    }
    if let Err(reason) = args.cucumber().check() {
        show::error(format!("{reason}; nothing was started"));
        return Exit::BadInput;
    }
    let started_ms = Clock::start(Wall::Machine).unix_ms();
    #[expect(clippy::disallowed_methods, reason = "the seed itself has to come from somewhere")]
    let drawn = rand::random::<u64>();
    // A drawn seed is short enough to be typed again.
    let seed = args.scenarios.seed.unwrap_or(drawn >> 40);
    let id = args.suite_id.clone().unwrap_or_else(|| suite::new_id(started_ms, drawn));
    let folder = reports.join(&id);
    let program = match std::env::current_exe() {
        Ok(program) => program,
        Err(error) => {
            show::error(format!("cannot find springback's own program, which the instances run: {error}"));
            return Exit::Refused;
        }
    };
    if !args.quiet {
        show::say(format_args!("suite {id}, seed {seed}, writing to {}", folder.display()));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            show::error(format!("cannot start the runtime: {error}"));
            return Exit::Internal;
        }
    };
    let suite = Suite { args, id, project, reports, folder, seed, program };
    let local = tokio::task::LocalSet::new();
    let exit = local.block_on(&runtime, suite.run(scenarios));
    // Whatever a world may still wait for must not hold the process.
    runtime.shutdown_background();
    exit
}

impl Suite<'_> {
    async fn run(&self, loaded: Vec<Loaded>) -> Exit {
        let signals = match Signals::listen() {
            Ok(signals) => signals,
            Err(error) => {
                show::error(format!("cannot listen for signals: {error}"));
                return Exit::Refused;
            }
        };
        let mut exit = Exit::Pass;
        let mut verdicts: Vec<Verdict> = Vec::new();
        let mut not_run: Vec<NotRun> = Vec::new();
        let mut cucumber = Reporter::new(show::colour(&io::stdout()));
        for one in loaded {
            let name = one.lowered.scenario.name.clone();
            let steps = one.steps.clone();
            if signals.interrupted() {
                // The signal may have come when the scenario before was over: then nothing else says so.
                let reason = "the suite was interrupted before it".to_owned();
                if let Some(steps) = &steps {
                    self.show(&cucumber.scenario(steps, &Went::NotRun(&reason)));
                }
                not_run.push(NotRun { scenario: name, reason });
                // The signal may have come when a run was over, and no run then has it on record.
                exit = exit.worse(Exit::Interrupted);
                continue;
            }
            match self.run_one(one, &signals).await {
                Ok((verdict, page, one)) => {
                    exit = exit.worse(one);
                    if let Some(steps) = &steps {
                        self.show(&cucumber.scenario(steps, &Went::Judged(&verdict)));
                    }
                    self.show(&page);
                    verdicts.push(verdict);
                }
                Err((reason, one)) => {
                    if let Some(steps) = &steps {
                        self.show(&cucumber.scenario(steps, &Went::NotRun(&reason)));
                    }
                    show::error(format!("\"{name}\" was not run: {reason}"));
                    exit = exit.worse(one);
                    not_run.push(NotRun { scenario: name, reason });
                }
            }
        }
        let (tally, written) = cucumber.finish(&self.args.cucumber());
        exit = exit.worse(written);
        let several = verdicts.len() + not_run.len() > 1;
        let suite = SuiteVerdict::new(&self.id, verdicts, not_run, exit.code());
        match self.args.output {
            Output::Json => {
                show::print(&serde_json::to_string_pretty(&suite).expect("a verdict is plain data"))
            }
            Output::Text if several => show::print(&report::suite_terminal(&suite, judge::look())),
            Output::Text => {}
        }
        if let Some(tally) = tally {
            self.show(&tally);
        }
        exit.worse(self.write_suite(&suite))
    }

    /// For people, unless the output is for machines.
    fn show(&self, text: &str) {
        if self.args.output == Output::Text {
            show::print(text);
        }
    }

    /// Writes what belongs to the suite as a whole.
    fn write_suite(&self, suite: &SuiteVerdict) -> Exit {
        if !self.folder.is_dir() {
            // Every scenario was refused: there is nothing to report from.
            return Exit::Pass;
        }
        let junit = suite::write(&self.folder.join("junit.xml"), &report::junit(suite));
        let summary = suite::write(&self.folder.join("summary.md"), &report::suite_summary_md(suite));
        let written = report_written(&self.folder, junit.and(summary));
        // Where nothing ran no history is lost: what refused the scenarios refuses their reports, too.
        if suite.scenarios.is_empty() { Exit::Pass } else { written }
    }

    async fn run_one(
        &self,
        one: Loaded,
        signals: &Signals,
    ) -> Result<(Verdict, String, Exit), (String, Exit)> {
        let refuse = |reason: String| (reason, Exit::Refused);
        let scenario = one.lowered.scenario.clone();
        let plan = plan::lower(&scenario, self.seed);
        let folder = self.folder.join(&one.stem);
        let clock = Clock::start(Wall::Machine);
        let mut world = LocalWorld::new(scenario.groups().clone(), self.program.clone(), self.seed)
            .allowing(self.project.allowed_hosts.clone());
        let header = self.header(&one, &plan, &world, clock);
        let history = open_history(&folder, header).map_err(refuse)?;
        let mut live = Live::new(&scenario, &plan, self.args.quiet);
        let finished =
            crate::run::run(&scenario, &plan, &mut world, clock, history, signals.subscribe(), &mut live)
                .await;
        live.finish();
        self.judge_one(finished, &scenario, &plan, &folder)
    }

    fn header(&self, one: &Loaded, plan: &Plan, world: &LocalWorld, clock: Clock) -> Header {
        let capabilities = world.capabilities();
        let scenario = one.lowered.scenario.clone();
        Header {
            format: history::FORMAT.into(),
            tool: env!("CARGO_PKG_VERSION").into(),
            suite_id: self.id.clone(),
            sources: std::iter::once(&one.source)
                .chain(&one.imports)
                .map(|source| history::SourceText { name: source.name.clone(), text: source.text.clone() })
                .collect(),
            overrides: one.lowered.overrides.clone(),
            origins: one.lowered.origins.clone(),
            reference: suite::last_passing(&self.reports, &scenario.name),
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
            let exit = if unhealed.is_empty() { Exit::Refused } else { Exit::HealIncomplete };
            return Err(([vec![reason], unhealed].concat().join("; "), exit));
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
            .and_then(|()| suite::write(&folder.join("summary.md"), &report::summary_md(&verdict, &tracks)));
        // Before the verdict is shown: it names the exit code, and that has to be the one that follows.
        exit = exit.worse(report_written(folder, written));
        verdict.exit_code = exit.code();
        let page = report::terminal(&verdict, &tracks, judge::look());
        Ok((verdict, page, exit))
    }
}

fn report_written(folder: &Path, written: io::Result<()>) -> Exit {
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
    let mut writer = HistoryWriter::create(&path).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => {
            format!(
                "{} exists already: another run writes, or wrote, there; choose another --suite-id",
                path.display()
            )
        }
        _ => failed(&path, &error),
    })?;
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

/// Whether this process was started with a signal ignored; `None` where the system does not tell.
fn ignores(kind: tokio::signal::unix::SignalKind) -> Option<bool> {
    ignored_in(&fs::read_to_string("/proc/self/status").ok()?, kind.as_raw_value())
}

/// Reads the mask of ignored signals in `/proc/PID/status`: hexadecimal, the lowest bit for signal 1.
fn ignored_in(status: &str, signal: i32) -> Option<bool> {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"))?;
    let mask = u64::from_str_radix(mask.trim(), 16).ok()?;
    let bit = u32::try_from(signal).ok()?.checked_sub(1)?;
    Some(mask.checked_shr(bit)? & 1 == 1)
}

/// Ctrl-C, SIGTERM and SIGHUP, handed to whichever scenario is running.
struct Signals {
    sender: tokio::sync::broadcast::Sender<Signal>,
    count: std::rc::Rc<std::cell::Cell<u32>>,
}

impl Signals {
    fn listen() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let (sender, _) = tokio::sync::broadcast::channel(16);
        let count = std::rc::Rc::new(std::cell::Cell::new(0));
        let mut kinds =
            vec![(SignalKind::interrupt(), Signal::Interrupt), (SignalKind::terminate(), Signal::Terminate)];
        // Under nohup the run is meant to outlive its terminal.
        if ignores(SignalKind::hangup()) == Some(false) {
            kinds.push((SignalKind::hangup(), Signal::HangUp));
        }
        for (kind, meaning) in kinds {
            let mut stream = signal(kind)?;
            let (sender, count) = (sender.clone(), count.clone());
            tokio::task::spawn_local(async move {
                while stream.recv().await.is_some() {
                    count.set(count.get() + 1);
                    // Between two scenarios nobody listens; the count tells the suite.
                    let _ = sender.send(meaning);
                }
            });
        }
        // At a file-size limit the kernel sends SIGXFSZ, which kills by default; handled, the write fails instead,
        // and a lost history can heal.
        let mut file_size = signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw()))?;
        tokio::task::spawn_local(async move { while file_size.recv().await.is_some() {} });
        Ok(Self { sender, count })
    }

    fn interrupted(&self) -> bool {
        self.count.get() > 0
    }

    fn subscribe(&self) -> mpsc::UnboundedReceiver<Signal> {
        let (forward, receiver) = mpsc::unbounded_channel();
        let mut incoming = self.sender.subscribe();
        tokio::task::spawn_local(async move {
            while let Ok(signal) = incoming.recv().await {
                if forward.send(signal).is_err() {
                    break;
                }
            }
        });
        receiver
    }
}

#[cfg(test)]
mod tests {
    use super::ignored_in;

    #[test]
    fn what_nohup_ignores_is_read_from_the_mask() {
        let status = "Name:\tspringback\nSigBlk:\t0000000000000002\nSigIgn:\t0000000000001001\n";
        assert_eq!(ignored_in(status, 1), Some(true), "SIGHUP");
        assert_eq!(ignored_in(status, 2), Some(false), "SIGINT");
        assert_eq!(ignored_in("Name:\tspringback\n", 1), None);
    }
}
