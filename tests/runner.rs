//! The runner, in virtual time, on a world that does what it is told.

mod support;

use springback::history::*;
use springback::plan;
use springback::run::{Ended, Finished, Signal, Watch};
use springback::scenario::{self, Overrides, Source};
use support::{Script, ScriptedWorld};
use tokio::sync::mpsc;

const CALM: &str = r#"
name = "a scripted run"
[target.local.app]
replicas = 2
price = "0.10 USD/h"
[load]
path = "/"
baseline_rate = "50/s"
[slo]
availability = { target = "90%" }
[expect]
baseline = { at_most = { app = 2 } }
recovery = { within = "5s", hold = "10s" }
"#;

const KILL: &str = "
[[fault]]
at = '2s'
terminate = { group = 'app', count = 1, how = 'kill' }
";

const LOSE: &str = "
[[fault]]
at = '2s'
lose = { group = 'app', lasts = '4s' }
[limits]
lost_at_once = '100%'
";

/// The same in a cluster, where other faults are to be had.
const CLUSTER: &str = r#"
name = "a scripted run in a cluster"
[target.kubernetes]
context = "staging"
namespace = "shop"
service = "app"
hpa = { sync_period = "1s", downscale_stabilization = "5s" }
group = { app = { workload = "Deployment/app", replicas = 2, price = "0.10 USD/h" } }
[load]
path = "/"
baseline_rate = "50/s"
[slo]
availability = { target = "90%" }
[expect]
baseline = { at_most = { app = 2 } }
recovery = { within = "5s", hold = "10s" }
"#;

const SCALE: &str = "
[[fault]]
at = '2s'
scale = { group = 'app', to = 3, lasts = '20s' }
";

const DRAIN: &str = "
[[fault]]
at = '2s'
drain = { group = 'app', nodes = 1, lasts = '20s' }
";

struct Run {
    finished: Finished,
    records: Vec<Record>,
    calls: Vec<String>,
    _folder: tempfile::TempDir,
    path: std::path::PathBuf,
}

/// Sends signals when it sees certain records.
struct Trigger {
    records: Vec<Record>,
    signals: mpsc::UnboundedSender<Signal>,
    plan: Vec<(&'static str, Signal)>,
}

impl Watch for Trigger {
    fn record(&mut self, record: &Record, _: &Tracks) {
        let text = serde_json::to_string(record).unwrap();
        self.records.push(record.clone());
        if self.plan.first().is_some_and(|(when, _)| text.contains(when)) {
            let (_, signal) = self.plan.remove(0);
            let _ = self.signals.send(signal);
        }
    }
    fn tick(&mut self, _: u64, _: &Tracks) {}
}

fn run(text: &str, script: Script, signals: &[(&'static str, Signal)]) -> Run {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let source = Source::new("test.toml", text);
        let lowered = scenario::read(&source, &Overrides::NONE).unwrap_or_else(|mistakes| {
            panic!("{}", mistakes.iter().map(|m| m.plain().to_string()).collect::<String>())
        });
        let plan = plan::lower(&lowered.scenario, 7);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history.jsonl");
        let mut writer = HistoryWriter::create(&path).unwrap();
        let clock = Clock::start(Wall::From(1_700_000_000_000));
        let mut world = ScriptedWorld::new(script);
        let header = Header {
            format: FORMAT.into(),
            tool: "test".into(),
            suite_id: "test".into(),
            attempt: 1,
            sources: vec![],
            overrides: vec![],
            scenario: lowered.scenario.clone(),
            origins: lowered.origins.clone(),
            plan: plan.clone(),
            world: "scripted".into(),
            signal_sources: vec![],
            reference: None,
            started_unix_ms: clock.origin_unix_ms(),
            cluster_run: None,
        };
        let records = vec![writer.append(0, Event::Header(Box::new(header))).unwrap()];
        let (sender, receiver) = mpsc::unbounded_channel();
        let mut trigger = Trigger { records: Vec::new(), signals: sender, plan: signals.to_vec() };
        let calls = world.calls.clone();
        let finished = springback::run::run(
            &lowered.scenario,
            &plan,
            &mut world,
            clock,
            (writer, records),
            receiver,
            &mut trigger,
        )
        .await;
        let calls = calls.borrow().clone();
        Run { finished, records: trigger.records, calls, _folder: folder, path }
    })
}

impl Run {
    /// Positions of records that contain a text.
    fn at(&self, text: &str) -> usize {
        self.records
            .iter()
            .position(|record| serde_json::to_string(record).unwrap().contains(text))
            .unwrap_or_else(|| panic!("no record has {text}"))
    }

    fn has(&self, text: &str) -> bool {
        self.records.iter().any(|record| serde_json::to_string(record).unwrap().contains(text))
    }
}

#[test]
fn a_run_goes_through_its_phases_and_is_sealed() {
    let run = run(&format!("{CALM}{KILL}"), Script::default(), &[]);
    assert!(matches!(run.finished.ended, Ended::Completed), "{:?}", run.finished.ended);
    let phases: Vec<Phase> = run.finished.tracks.phases.iter().map(|(_, began)| began.phase).collect();
    assert_eq!(
        phases,
        [Phase::Preflight, Phase::WarmUp, Phase::Baseline, Phase::Stimulus, Phase::Quiesce, Phase::Observe]
    );
    assert!(run.finished.tracks.sealed);
    let mut again = Tracks::default();
    assert_eq!(read(&run.path, |record| again.apply(&record)).unwrap(), Ending::Sealed);
    assert_eq!(again, run.finished.tracks, "what was recorded is what was seen");
    assert_eq!(run.calls.last().unwrap(), "close");
}

#[test]
fn nothing_is_injected_before_its_intent_and_its_undo_are_recorded() {
    let run = run(&format!("{CALM}{LOSE}"), Script::default(), &[]);
    let order =
        ["\"intent\"", "\"undo_recorded\"", "\"acknowledged\"", "\"effect\"", "\"healed\"", "\"quiesced\""];
    let positions: Vec<usize> = order.iter().map(|text| run.at(text)).collect();
    assert!(positions.is_sorted(), "{order:?} stand at {positions:?}");
    assert_eq!(run.calls, ["open", "undo fault-0", "inject fault-0", "heal fault-0", "close"]);
}

#[test]
fn without_an_undo_record_nothing_is_injected() {
    let run = run(&format!("{CALM}{KILL}"), Script { undo_fails: true, ..Default::default() }, &[]);
    assert_eq!(run.calls, ["open", "undo fault-0", "close"]);
    assert!(run.has("undo record could not be stored"));
}

#[test]
fn an_unanswered_injection_counts_as_injected_and_is_healed() {
    let run = run(&format!("{CALM}{LOSE}"), Script { inject_errs: true, ..Default::default() }, &[]);
    assert!(run.at("\"inject_failed\"") < run.at("\"healed\""));
    assert!(run.finished.tracks.faults["fault-0"].injected());
}

#[test]
fn a_termination_that_ends_nothing_is_seen_to_have_had_no_effect() {
    let run = run(&format!("{CALM}{KILL}"), Script { immortal: true, ..Default::default() }, &[]);
    let (_, effect) = run.finished.tracks.faults["fault-0"].effect.clone().unwrap();
    assert!(effect.gone.is_empty());
    assert_eq!(effect.remaining.len(), 1);
}

#[test]
fn a_fault_that_ends_no_instance_is_proven_by_what_its_world_saw() {
    let run = run(&format!("{CLUSTER}{SCALE}"), Script::default(), &[]);
    let order =
        ["\"intent\"", "\"undo_recorded\"", "\"acknowledged\"", "\"effect\"", "\"healed\"", "\"quiesced\""];
    let positions: Vec<usize> = order.iter().map(|text| run.at(text)).collect();
    assert!(positions.is_sorted(), "{order:?} stand at {positions:?}");
    assert!(run.at("\"effect_seen\"") < run.at("\"effect\""));
    let fault = &run.finished.tracks.faults["fault-0"];
    let (seen_us, effect) = fault.effect.clone().unwrap();
    assert_eq!((effect.gone.len(), effect.remaining.len()), (0, 0));
    assert_eq!(effect.seen_by, "the workload's status");
    let (healed_us, _) = fault.healed.clone().unwrap();
    assert!(healed_us - seen_us > 19_000_000, "it lasts, and the effect is not waited for with the heal");
}

#[test]
fn a_fault_of_which_its_world_sees_nothing_is_known_to_have_had_no_effect_by_its_heal() {
    let run = run(&format!("{CLUSTER}{SCALE}"), Script { blind: true, ..Default::default() }, &[]);
    let fault = &run.finished.tracks.faults["fault-0"];
    let (_, effect) = fault.effect.clone().unwrap();
    assert_eq!(effect.remaining, ["scale to 3 not seen"]);
    assert!(run.at("\"effect\"") < run.at("\"healed\""), "what a heal ends cannot be seen after it");
    assert!(run.finished.unhealed.is_empty());
}

#[test]
fn nodes_are_struck_and_given_back() {
    let run = run(&format!("{CLUSTER}{DRAIN}"), Script::default(), &[]);
    let fault = &run.finished.tracks.faults["fault-0"];
    let (_, intent) = fault.intent.clone().unwrap();
    let IntentAction::Nodes { how: NodeFault::Drain, nodes, instances, .. } = intent.action else {
        panic!("a drain")
    };
    assert_eq!((nodes.len(), instances.len()), (1, 1));
    assert_eq!(nodes[0].replace("node", "app"), instances[0], "the one on that node");
    assert_eq!(fault.effect.clone().unwrap().1.gone, instances);
    assert!(fault.healed.clone().unwrap().1.complete);
}

#[test]
fn an_early_heal_does_not_say_that_a_fault_had_no_effect() {
    let signals = [("\"acknowledged\"", Signal::Interrupt)];
    let run = run(&format!("{CLUSTER}{SCALE}"), Script { blind: true, ..Default::default() }, &signals);
    let fault = &run.finished.tracks.faults["fault-0"];
    assert!(fault.healed.clone().unwrap().1.complete);
    assert_eq!(fault.effect, None);
}

#[test]
fn a_heal_is_tried_again_and_given_up_loudly() {
    let once = run(&format!("{CALM}{LOSE}"), Script { heals_fail: 2, ..Default::default() }, &[]);
    assert!(once.finished.unhealed.is_empty(), "{:?}", once.finished.unhealed);
    let never = run(&format!("{CALM}{LOSE}"), Script { heals_fail: 99, ..Default::default() }, &[]);
    assert_eq!(never.finished.unhealed, ["fault-0: not now"]);
    assert!(never.finished.tracks.sealed, "an incomplete heal is judged too");
}

#[test]
fn a_world_that_cannot_be_closed_leaves_word_of_it_in_a_sealed_history() {
    let run = run(&format!("{CALM}{KILL}"), Script { close_fails: true, ..Default::default() }, &[]);
    assert_eq!(run.finished.unhealed, ["app-1 does not end"]);
    assert!(run.finished.tracks.sealed);
    assert_eq!(run.finished.tracks.left_behind(), ["app-1 does not end"]);
}

#[test]
fn ctrl_c_heals_and_observes_and_a_second_one_skips_observing() {
    let signals = [("\"acknowledged\"", Signal::Interrupt)];
    let once = run(&format!("{CALM}{LOSE}"), Script::default(), &signals);
    assert!(matches!(once.finished.ended, Ended::Interrupted));
    assert!(once.at("\"interrupted\"") < once.at("\"healed\""));
    assert!(once.has("\"observe\""));
    let observed = |run: &Run| run.finished.tracks.end_us - run.finished.tracks.quiesced_us.unwrap();
    assert!(observed(&once) >= 15_000_000, "observed for {} us", observed(&once));
    let signals = [("\"acknowledged\"", Signal::Interrupt), ("\"observe\"", Signal::Interrupt)];
    let twice = run(&format!("{CALM}{LOSE}"), Script::default(), &signals);
    assert!(twice.has("\"healed\""), "never skips healing");
    assert!(observed(&twice) < 5_000_000, "observed for {} us", observed(&twice));
}

#[test]
fn sigterm_heals_and_ends() {
    let run = run(&format!("{CALM}{LOSE}"), Script::default(), &[("\"acknowledged\"", Signal::Terminate)]);
    assert!(matches!(run.finished.ended, Ended::Interrupted));
    assert!(run.has("\"healed\"") && !run.has("\"observe\""));
    assert!(run.finished.tracks.sealed);
}

#[test]
fn faults_that_are_due_after_an_interrupt_are_left_out() {
    let run = run(&format!("{CALM}{KILL}"), Script::default(), &[("\"stimulus\"", Signal::Interrupt)]);
    assert!(run.has("\"fault_skipped\""));
    assert!(!run.calls.iter().any(|call| call.starts_with("inject")));
}

#[test]
fn ctrl_c_before_the_stimulus_ends_the_run_without_one() {
    let run = run(&format!("{CALM}{KILL}"), Script::default(), &[("\"baseline\"", Signal::Interrupt)]);
    assert!(matches!(run.finished.ended, Ended::Interrupted));
    assert!(!run.has("\"stimulus\"") && run.finished.tracks.sealed);
}

#[test]
fn a_stop_condition_ends_the_stimuli_and_goes_on_watching() {
    let text =
        CALM.replace("\n[expect]", "\n[stop]\nerror_ratio = { above = '20%', over = '30s' }\n[expect]");
    let late = "\n[[fault]]\nat = '100s'\nterminate = { group = 'app', count = 1, how = 'kill' }\n";
    let failing = Script { failing_percent: 50, ..Default::default() };
    let run = run(&format!("{text}{late}"), failing, &[]);
    assert!(matches!(run.finished.ended, Ended::Completed));
    let (t, stopped) = run.finished.tracks.stopped[0].clone();
    assert_eq!(stopped.condition, "error_ratio");
    let zero = run.finished.tracks.phase_us(Phase::Stimulus).unwrap();
    assert!(t > zero + 10_000_000, "half of the window has to be bad first");
    assert!(run.has("\"fault_skipped\"") && run.has("\"observe\""));
}

#[test]
fn without_calm_there_is_no_stimulus() {
    let text = format!("{CALM}{KILL}\n[run]\nwarm_up = '20s'\n");
    let run = run(&text, Script { never_settles: true, ..Default::default() }, &[]);
    assert!(run.has("never-steady") && !run.has("\"stimulus\""));
    assert!(matches!(run.finished.ended, Ended::Completed));
}

#[test]
fn a_world_that_refuses_is_closed_and_nothing_is_started() {
    let run = run(&format!("{CALM}{KILL}"), Script { refuses: true, ..Default::default() }, &[]);
    assert!(matches!(&run.finished.ended, Ended::Refused(reason) if reason == "the port is taken"));
    assert_eq!(run.calls, ["open", "close"]);
}

#[test]
fn two_runs_of_one_seed_are_the_same_byte_for_byte() {
    let text = format!("{CALM}{KILL}");
    let bytes = |run: &Run| std::fs::read(&run.path).unwrap();
    let (one, two) = (run(&text, Script::default(), &[]), run(&text, Script::default(), &[]));
    assert_eq!(bytes(&one), bytes(&two));
}
