//! The embedded world for real: processes, signals and HTTP. One world at a time, since all of them share the machine.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::{Stream, StreamExt};
use serde_json::{Value, json};
use springback::history::{
    AutoscalerSeen, Clock, Decided, Desired, Event, InstanceChange, InstanceState, Intent, IntentAction,
    ProcessId, TearDown, Wall,
};
use springback::load::LoadControl;
use springback::plan::{LoadPlan, Plan};
use springback::scenario::Group;
use springback::world::local::{Leftover, LocalWorld, end_leftovers};
use springback::world::{Observation, Undo, World};
use tokio::sync::watch;

/// Nothing here takes so long; it only ends a test that waits for what will never come.
const PATIENCE: Duration = Duration::from_secs(40);

static ONE_WORLD: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ONE_WORLD.lock().unwrap_or_else(PoisonError::into_inner)
}

fn program() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_springback"))
}

fn run(test: impl Future<Output = ()>) {
    let _alone = alone();
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test);
}

fn plan() -> Plan {
    serde_json::from_value(json!({
        "seed": 1, "warm_up_limit_us": 0, "steady_us": 0, "surges": [], "faults": [], "load": null,
        "stimulus_us": 0, "windows": [], "lost_at_once": "100%", "defaults": []
    }))
    .unwrap()
}

/// Groups from JSON, quick ones where nothing else is said.
fn groups(groups: Value) -> BTreeMap<String, Group> {
    let Value::Object(groups) = groups else { panic!("groups are an object") };
    let quick = json!({ "startup": "50ms", "grace": "2s", "price": "0.10 USD/h" });
    groups
        .into_iter()
        .map(|(name, group)| {
            let mut all = quick.as_object().unwrap().clone();
            all.extend(group.as_object().unwrap().clone());
            (name, serde_json::from_value(Value::Object(all)).unwrap())
        })
        .collect()
}

async fn open(config: Value) -> LocalWorld {
    let mut world = LocalWorld::new(groups(config), program(), 1);
    world.open(&plan(), Clock::start(Wall::From(0))).await.unwrap();
    world
}

/// Everything seen so far, and the way to see more.
struct Watch<'w> {
    stream: Pin<Box<dyn Stream<Item = Observation> + 'w>>,
    seen: Vec<Observation>,
}

impl<'w> Watch<'w> {
    fn over(world: &'w LocalWorld) -> Self {
        Self { stream: Box::pin(world.observe()), seen: Vec::new() }
    }

    /// Watches until something holds of all that was seen.
    async fn until(&mut self, what: &str, mut holds: impl FnMut(&Self) -> bool) {
        let watched = tokio::time::timeout(PATIENCE, async {
            while !holds(self) {
                let observation = self.stream.next().await.expect("the world goes on");
                self.seen.push(observation);
            }
        });
        if watched.await.is_err() {
            let telling = |event: &Event| !matches!(event, Event::Alive(_) | Event::Decision(_));
            let told = self.seen.iter().filter(|seen| telling(&seen.event));
            let told: String = told.map(|seen| format!("\n{:>9} {:?}", seen.t_us, seen.event)).collect();
            panic!("not seen: {what}; seen:{told}");
        }
    }

    fn events(&self) -> impl DoubleEndedIterator<Item = &Event> {
        self.seen.iter().map(|observation| &observation.event)
    }

    fn changes(&self) -> impl DoubleEndedIterator<Item = &InstanceChange> {
        self.events().filter_map(|event| match event {
            Event::Instance(change) => Some(change),
            _ => None,
        })
    }

    fn desired(&self, group: &str) -> Option<&Desired> {
        self.desires(group).last().copied()
    }

    fn desires(&self, group: &str) -> Vec<&Desired> {
        self.events()
            .filter_map(|event| match event {
                Event::Desired(desired) if desired.group == group => Some(desired),
                _ => None,
            })
            .collect()
    }

    /// Names by latest state.
    fn in_state(&self, group: &str, state: InstanceState) -> BTreeSet<String> {
        let mut latest = BTreeMap::new();
        for change in self.changes().filter(|change| change.group == group) {
            latest.insert(change.instance.clone(), change.state);
        }
        latest.into_iter().filter(|(_, seen)| *seen == state).map(|(name, _)| name).collect()
    }

    fn ready(&self, group: &str) -> usize {
        self.in_state(group, InstanceState::Ready).len()
    }

    /// The last word on an instance.
    fn last(&self, instance: &str, state: InstanceState) -> Option<&InstanceChange> {
        self.changes().rev().find(|change| change.instance == instance && change.state == state)
    }

    /// Whether the balancer sends to a group, and to how many.
    fn route(&self, group: &str) -> Option<(bool, u32)> {
        self.events().rev().find_map(|event| match event {
            Event::Route(route) if route.group == group => Some((route.serving, route.backends)),
            _ => None,
        })
    }

    fn processes(&self) -> Vec<ProcessId> {
        self.events()
            .filter_map(|event| match event {
                Event::Child(child) => Some(child.process),
                _ => None,
            })
            .collect()
    }
}

fn terminate(group: &str, instances: &[&str], kill: bool, grace_us: u64) -> Intent {
    let instances = instances.iter().map(|name| (*name).to_owned()).collect();
    Intent {
        fault: "fault-0".into(),
        group: group.into(),
        action: IntentAction::Terminate { instances, kill, grace_us, evict: false },
    }
}

fn lose(group: &str) -> Intent {
    let action = IntentAction::Lose { instances: Vec::new(), lasts_us: 0 };
    Intent { fault: "fault-1".into(), group: group.into(), action }
}

/// A steady load through the world's balancer, until the sender goes.
fn load(per_s: f64) -> (LoadPlan, watch::Sender<LoadControl>, watch::Receiver<LoadControl>) {
    let plan = serde_json::from_value(json!({
        "path": "/", "baseline_per_s": per_s, "surges": [], "timeout_us": 2_000_000, "max_in_flight": 500,
        "late_after_us": 100_000, "give_up_after_us": 1_000_000, "thresholds_us": [], "seed": 1
    }))
    .unwrap();
    let (control, told) = watch::channel(LoadControl::default());
    (plan, control, told)
}

#[test]
fn opens_with_every_instance_ready_and_leaves_nothing() {
    run(async {
        let standby = json!({ "replicas": 1, "takes_over_from": "primary" });
        let mut world = open(json!({ "primary": { "replicas": 2 }, "standby": standby })).await;
        let mut watch = Watch::over(&world);
        watch
            .until("all ready and sent to", |w| {
                w.ready("primary") == 2 && w.ready("standby") == 1 && w.route("primary") == Some((true, 2))
            })
            .await;
        assert_eq!(watch.route("standby"), Some((false, 0)), "a standby that sleeps is not sent to");
        assert_eq!(
            watch.in_state("primary", InstanceState::Ready),
            BTreeSet::from(["primary-1".to_owned(), "primary-2".to_owned()])
        );
        let pending = watch.last("primary-1", InstanceState::Pending).unwrap();
        assert_eq!(pending.price.as_ref().unwrap().to_string(), "0.10 USD/h");
        assert!(watch.last("primary-1", InstanceState::Starting).unwrap().process.unwrap().pid > 0);
        watch
            .until("every source vouches", |w| {
                let alive: BTreeSet<_> = w
                    .events()
                    .filter_map(|event| match event {
                        Event::Alive(alive) if alive.through_us > alive.since_us => {
                            Some(alive.source.clone())
                        }
                        _ => None,
                    })
                    .collect();
                alive == world.capabilities().sources.iter().map(|source| source.name.clone()).collect()
            })
            .await;
        let processes = watch.processes();
        assert_eq!(processes.len(), 4, "three instances and the balancer");
        drop(watch);
        world.close().await.unwrap();
        let gone: Vec<_> = processes.iter().copied().map(Leftover::Gone).collect();
        assert_eq!(end_leftovers(&processes), gone);
        assert!(world.close().await.is_ok(), "closing again is nothing");
    });
}

#[test]
fn a_killed_instance_is_gone_by_signal_and_replaced_at_its_own_price() {
    run(async {
        let mut world =
            open(json!({ "primary": { "replicas": 2, "replacement_price": "0.50 USD/h" } })).await;
        let mut watch = Watch::over(&world);
        watch.until("ready", |w| w.ready("primary") == 2).await;
        let said = world.inject(&terminate("primary", &["primary-1"], true, 0)).await.unwrap();
        assert!(said.starts_with("SIGKILL to primary-1"), "{said}");
        watch
            .until("gone and replaced", |w| {
                w.last("primary-1", InstanceState::Gone).is_some() && w.ready("primary") == 2
            })
            .await;
        let gone = watch.last("primary-1", InstanceState::Gone).unwrap();
        assert!(gone.reason.contains("fault-0") && gone.reason.contains("signal: 9"), "{}", gone.reason);
        assert_eq!(
            watch.in_state("primary", InstanceState::Ready),
            BTreeSet::from(["primary-2".to_owned(), "primary-3".to_owned()])
        );
        let price = watch.last("primary-3", InstanceState::Pending).unwrap().price.clone();
        assert_eq!(price.unwrap().to_string(), "0.50 USD/h");
        watch.until("sent to", |w| w.route("primary") == Some((true, 2))).await;
        let again = world.inject(&terminate("primary", &["primary-1"], true, 0)).await;
        assert!(again.unwrap_err().0.contains("primary-1"), "it is not there any more");
        drop(watch);
        world.close().await.unwrap();
    });
}

#[test]
fn a_graceful_termination_drains_and_drops_no_request() {
    run(async {
        let mut world = open(json!({ "primary": { "replicas": 2, "capacity": "100/s" } })).await;
        let mut watch = Watch::over(&world);
        watch.until("sent to", |w| w.route("primary") == Some((true, 2))).await;
        let (plan, control, told) = load(40.0);
        let windows = world.load(&plan, told).collect::<Vec<_>>();
        let steps = async {
            world.inject(&terminate("primary", &["primary-1"], false, 2_000_000)).await.unwrap();
            watch
                .until("gone and replaced", |w| {
                    w.last("primary-1", InstanceState::Gone).is_some() && w.ready("primary") == 2
                })
                .await;
            drop(control);
        };
        let (windows, ()) = tokio::join!(windows, steps);
        let (sent, ok) =
            windows.iter().fold((0, 0), |(sent, ok), window| (sent + window.sent, ok + window.ok));
        assert!(sent > 0 && sent == ok, "{ok} of {sent} were answered: {windows:?}");
        let gone = watch.last("primary-1", InstanceState::Gone).unwrap();
        assert!(gone.reason.contains("exit status: 0"), "{}", gone.reason);
        assert_eq!(watch.last("primary-1", InstanceState::Terminating).unwrap().grace_us, Some(2_000_000));
        drop(watch);
        world.close().await.unwrap();
    });
}

#[test]
fn a_program_that_is_no_springback_is_refused_and_nothing_is_left() {
    run(async {
        let mut world =
            LocalWorld::new(groups(json!({ "primary": { "replicas": 1 } })), PathBuf::from("/bin/false"), 1);
        let refusal = world.open(&plan(), Clock::start(Wall::From(0))).await.unwrap_err();
        assert!(
            refusal.reason.contains("/bin/false") && refusal.reason.contains("exit status: 1"),
            "{}",
            refusal.reason
        );
        let mut world = LocalWorld::new(
            groups(json!({ "primary": { "replicas": 1 } })),
            PathBuf::from("/no/such/program"),
            1,
        );
        let refusal = world.open(&plan(), Clock::start(Wall::From(0))).await.unwrap_err();
        assert!(refusal.reason.contains("/no/such/program"), "{}", refusal.reason);
    });
}

#[test]
fn a_child_ends_with_its_pipe_even_while_it_drains() {
    let _alone = alone();
    let config = json!({
        "name": "a-1", "startup_us": 0, "service_us": 20_000_000, "distribution": "constant", "concurrency": 1,
        "queue": 1, "grace_us": 60_000_000, "ignores_sigterm": false, "never_ready": false, "seed": 1
    });
    let mut child = child(&["__instance", &config.to_string()]);
    let addr: SocketAddr = listening(&mut child);
    let mut busy = std::net::TcpStream::connect(addr).unwrap();
    busy.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").unwrap();
    wait_for("the request to be worked on", || {
        get(addr, "/metrics").is_some_and(|page| page.contains("springback_in_flight 1"))
    });
    signal(&child, "TERM");
    wait_for("it to drain", || get(addr, "/healthz").is_none_or(|page| page.contains(" 503 ")));
    assert!(child.try_wait().unwrap().is_none(), "it finishes what it has begun");
    drop(child.stdin.take());
    wait_for("it to end", || child.try_wait().unwrap().is_some());
}

#[test]
fn a_guard_takes_its_program_and_all_that_it_started_with_it() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pids");
    let script = format!("sleep 600 & echo $! $$ > {0}.new; mv {0}.new {0}; wait", file.display());
    let mut guard = child(&["__guard", "--", "sh", "-c", &script]);
    wait_for("the program to start", || file.exists());
    let pids = std::fs::read_to_string(&file).unwrap();
    drop(guard.stdin.take());
    wait_for("the guard to end", || guard.try_wait().unwrap().is_some());
    for pid in pids.split_whitespace() {
        wait_for("the program to end", || is_gone(pid));
    }
}

#[test]
fn a_guard_ends_as_its_program_ended() {
    let _alone = alone();
    let code = |program: &[&str]| {
        let mut guard = child(&[&["__guard", "--"], program].concat());
        // Waiting closes stdin, unless it is held.
        let _stdin = guard.stdin.take();
        guard.wait().unwrap().code()
    };
    for (script, expected) in [("exit 0", 0), ("exit 7", 7), ("kill -9 $$", 137)] {
        assert_eq!(code(&["sh", "-c", script]), Some(expected), "{script}");
    }
    assert_eq!(code(&["/no/such/program"]), Some(127));
}

fn child(args: &[&str]) -> Child {
    Command::new(program())
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

fn listening(child: &mut Child) -> SocketAddr {
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    serde_json::from_str::<Value>(&line).unwrap()["listening"].as_str().unwrap().parse().unwrap()
}

/// The whole response, or `None` if there is no connection.
fn get(addr: SocketAddr, path: &str) -> Option<String> {
    let mut stream = std::net::TcpStream::connect(addr).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").ok()?;
    let mut page = String::new();
    stream.read_to_string(&mut page).ok()?;
    Some(page)
}

fn signal(child: &Child, name: &str) {
    assert!(Command::new("kill").args(["-s", name, &child.id().to_string()]).status().unwrap().success());
}

fn is_gone(pid: &str) -> bool {
    // One that nobody has waited for yet is gone all the same.
    !Command::new("ps").args(["-o", "stat=", "-p", pid]).output().is_ok_and(|output| {
        let state = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        !state.is_empty() && !state.starts_with('Z')
    })
}

fn wait_for(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..400 {
        if holds() {
            return;
        }
        #[expect(clippy::disallowed_methods, reason = "a test may block")]
        std::thread::sleep(Duration::from_millis(25));
    }
    panic!("waited in vain for {what}");
}

/// An autoscaler that decides every half a second and is quick in both directions.
fn quick_autoscaler(min: u32, max: u32) -> Value {
    json!({
        "min_replicas": min, "max_replicas": max, "target_utilization": "60%", "sync_period": "500ms",
        "scale_up": {}, "scale_down": { "stabilization_window": "1s" }
    })
}

#[test]
fn an_autoscaler_follows_the_traffic_up_and_down() {
    run(async {
        let mut world = open(
            json!({ "primary": { "replicas": 1, "capacity": "50/s", "autoscaler": quick_autoscaler(1, 5) } }),
        )
        .await;
        let mut watch = Watch::over(&world);
        watch.until("sent to", |w| w.route("primary") == Some((true, 1))).await;
        let (plan, control, told) = load(100.0);
        let mut windows = Box::pin(world.load(&plan, told));
        let grown = watch.until("grown", |w| {
            w.desired("primary").is_some_and(|d| d.replicas == 4 && d.by == "autoscaler")
                && w.ready("primary") == 4
        });
        tokio::select! {
            () = grown => {}
            () = async { while windows.next().await.is_some() {} } => panic!("the load ended"),
        }
        drop((windows, control));
        watch
            .until("shrunk", |w| {
                w.desired("primary").is_some_and(|d| d.replicas == 1)
                    && w.ready("primary") == 1
                    && w.in_state("primary", InstanceState::Gone).len() >= 3
            })
            .await;
        assert!(watch.last("primary-1", InstanceState::Gone).is_none(), "the newest go first");
        let gone = watch.last("primary-4", InstanceState::Gone).unwrap();
        assert!(gone.reason.contains("scale-down: exit status: 0"), "{}", gone.reason);
        let decided = decisions(&watch);
        let busiest = decided.iter().filter_map(|decided| decided.traffic_per_s).fold(0.0, f64::max);
        assert!((80.0..130.0).contains(&busiest), "{busiest}");
        let declared = autoscalers(&watch)[0];
        assert_eq!((declared.by.as_str(), declared.target_per_instance), ("declared", 30.0));
        let reason = &watch.desired("primary").unwrap().reason;
        assert!(reason.contains("SucceededRescale"), "{reason}");
        drop(watch);
        world.close().await.unwrap();
    });
}

fn autoscalers<'w>(watch: &'w Watch<'_>) -> Vec<&'w AutoscalerSeen> {
    watch
        .events()
        .filter_map(|event| match event {
            Event::Autoscaler(seen) => Some(seen),
            _ => None,
        })
        .collect()
}

fn decisions<'w>(watch: &'w Watch<'_>) -> Vec<&'w Decided> {
    watch
        .events()
        .filter_map(|event| match event {
            Event::Decision(decided) => Some(decided),
            _ => None,
        })
        .collect()
}

fn with_standby(standby: Value) -> Value {
    let mut config = json!({ "replicas": 1, "promoted_replicas": 2, "takes_over_from": "primary" });
    config.as_object_mut().unwrap().extend(standby.as_object().unwrap().clone());
    json!({ "primary": { "replicas": 2 }, "standby": config })
}

#[test]
fn a_standby_takes_over_from_a_lost_primary_and_is_released() {
    run(async {
        let mut world = open(with_standby(json!({}))).await;
        let mut watch = Watch::over(&world);
        watch.until("calm", |w| w.route("primary") == Some((true, 2)) && w.ready("standby") == 1).await;
        let said = world.inject(&lose("primary")).await.unwrap();
        assert!(said.contains("all 2 instances"), "{said}");
        watch
            .until("taken over", |w| {
                w.route("standby") == Some((true, 2)) && w.route("primary") == Some((false, 0))
            })
            .await;
        let promoted = watch.desired("standby").unwrap();
        assert_eq!((promoted.replicas, promoted.by.as_str()), (2, "failover"));
        assert!(watch.last("primary-1", InstanceState::Gone).unwrap().reason.contains("lost by fault-1"));
        assert_eq!(
            watch.in_state("primary", InstanceState::Gone).len(),
            2,
            "nothing is started while it is lost"
        );
        assert_eq!(watch.desired("primary").unwrap().replicas, 2, "what is wanted stays");
        let undo = Undo { intent: lose("primary") };
        assert!(world.heal(&undo).await.unwrap().contains("2 are wanted"));
        watch
            .until("released", |w| {
                w.ready("primary") == 2
                    && w.route("standby") == Some((false, 0))
                    && w.ready("standby") == 1
                    && w.in_state("standby", InstanceState::Gone).len() == 1
            })
            .await;
        assert_eq!(watch.desired("standby").unwrap().replicas, 1);
        assert!(world.heal(&undo).await.unwrap().contains("nothing was left to undo"));
        drop(watch);
        world.close().await.unwrap();
    });
}

#[test]
fn a_standby_s_defects_show() {
    run(async {
        let mut world = open(with_standby(json!({ "defects": { "released_after": "1s" } }))).await;
        let mut watch = Watch::over(&world);
        watch.until("calm", |w| w.route("primary") == Some((true, 2)) && w.ready("standby") == 1).await;
        world.inject(&lose("primary")).await.unwrap();
        watch.until("released early", |w| w.desires("standby").len() == 3).await;
        assert_eq!(watch.ready("primary"), 0, "the primary is not back");
        drop(watch);
        world.close().await.unwrap();

        let mut world = open(with_standby(json!({ "defects": { "never_released": true } }))).await;
        let mut watch = Watch::over(&world);
        watch.until("calm", |w| w.route("primary") == Some((true, 2)) && w.ready("standby") == 1).await;
        world.inject(&lose("primary")).await.unwrap();
        watch.until("promoted", |w| w.route("standby") == Some((true, 2))).await;
        world.heal(&Undo { intent: lose("primary") }).await.unwrap();
        watch.until("healthy", |w| w.route("primary") == Some((true, 2))).await;
        let healthy_us = watch.seen.last().unwrap().t_us;
        watch.until("time enough", |w| w.seen.last().unwrap().t_us > healthy_us + 4_000_000).await;
        assert_eq!(
            (watch.desired("standby").unwrap().replicas, watch.route("standby")),
            (2, Some((true, 2)))
        );
        drop(watch);
        world.close().await.unwrap();
    });
}

#[test]
fn an_instance_stays_while_its_tear_down_fails() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let allowed = folder.path().join("allowed");
        let script = format!(
            "test -e {} || {{ echo no permission for $SPRINGBACK_INSTANCE >&2; exit 3; }}",
            allowed.display()
        );
        let mut standby = with_standby(json!({ "tear_down": ["sh", "-c", script] }));
        standby["primary"] = json!({ "replicas": 1 });
        let mut world = open(standby).await;
        let mut watch = Watch::over(&world);
        watch.until("calm", |w| w.route("primary") == Some((true, 1)) && w.ready("standby") == 1).await;
        world.inject(&lose("primary")).await.unwrap();
        watch.until("promoted", |w| w.ready("standby") == 2).await;
        world.heal(&Undo { intent: lose("primary") }).await.unwrap();
        watch.until("torn down in vain", |w| tear_downs(w).len() == 1).await;
        let first = tear_downs(&watch)[0];
        assert!(
            !first.ok
                && first.outcome.contains("exit status: 3")
                && first.outcome.contains("no permission for standby-2"),
            "{first:?}"
        );
        assert_eq!((watch.ready("standby"), watch.desired("standby").unwrap().replicas), (2, 1));
        std::fs::write(&allowed, "").unwrap();
        watch.until("torn down", |w| w.last("standby-2", InstanceState::Gone).is_some()).await;
        assert_eq!(tear_downs(&watch).iter().map(|run| run.ok).collect::<Vec<_>>(), [false, true]);
        assert_eq!(watch.in_state("standby", InstanceState::Ready), BTreeSet::from(["standby-1".to_owned()]));
        drop(watch);
        world.close().await.unwrap();
    });
}

fn tear_downs<'w>(watch: &'w Watch<'_>) -> Vec<&'w TearDown> {
    watch
        .events()
        .filter_map(|event| match event {
            Event::TearDown(run) => Some(run),
            _ => None,
        })
        .collect()
}

fn now_us(watch: &Watch<'_>) -> u64 {
    watch.seen.last().map_or(0, |observation| observation.t_us)
}

/// Lets the world go on for a while, by its own clock.
async fn pass(watch: &mut Watch<'_>, us: u64) {
    let until_us = now_us(watch) + us;
    watch.until("time enough", |w| now_us(w) >= until_us).await;
}

#[test]
fn defects_of_single_instances_show() {
    run(async {
        let defects = json!({
            "stubborn": { "replicas": 1, "grace": "300ms", "defects": { "ignores_sigterm": true } },
            "asleep": { "replicas": 1, "defects": { "never_ready": true } },
            "mortal": { "replicas": 2, "defects": { "never_replaced": true } }
        });
        let mut world = open(defects).await;
        let mut watch = Watch::over(&world);
        watch.until("calm", |w| w.ready("stubborn") == 1 && w.ready("mortal") == 2).await;
        world.inject(&terminate("stubborn", &["stubborn-1"], false, 300_000)).await.unwrap();
        world.inject(&terminate("mortal", &["mortal-1"], true, 0)).await.unwrap();
        watch.until("struck", |w| w.ready("mortal") == 1 && w.ready("stubborn") == 1).await;
        pass(&mut watch, 2_000_000).await;
        assert!(
            watch.last("stubborn-1", InstanceState::Gone).is_none(),
            "it ignores SIGTERM and is not killed"
        );
        assert!(watch.last("stubborn-1", InstanceState::Terminating).is_some());
        assert!(watch.last("mortal-3", InstanceState::Pending).is_none(), "nobody replaces it");
        assert!(watch.last("mortal-1", InstanceState::Gone).is_some());
        assert!(watch.last("asleep-1", InstanceState::Ready).is_none());
        let processes = watch.processes();
        drop(watch);
        world.close().await.unwrap();
        let gone: Vec<_> = processes.iter().copied().map(Leftover::Gone).collect();
        assert_eq!(end_leftovers(&processes), gone, "not even what ignores SIGTERM outlives the world");
    });
}

#[test]
fn a_blackout_hides_what_happens_and_then_shows_what_is() {
    run(async {
        let blackout = json!({ "at": "100ms", "lasts": "2s" });
        let mut world =
            open(json!({ "primary": { "replicas": 2, "defects": { "blackout": blackout } } })).await;
        let mut watch = Watch::over(&world);
        watch.until("calm", |w| w.route("primary") == Some((true, 2))).await;
        world.stimulus_began(now_us(&watch));
        let is_lost = |event: &Event| matches!(event, Event::Lost(lost) if lost.source == "supply/primary");
        watch.until("silence", |w| w.events().any(is_lost)).await;
        world.inject(&terminate("primary", &["primary-1"], true, 0)).await.unwrap();
        watch
            .until("the end of it", |w| {
                w.last("primary-1", InstanceState::Gone).is_some() && w.ready("primary") == 2
            })
            .await;
        let lost_us = watch.seen.iter().find(|seen| is_lost(&seen.event)).unwrap().t_us;
        let after = watch.seen.iter().filter(|seen| seen.t_us > lost_us);
        let first =
            after.filter(|seen| matches!(&seen.event, Event::Instance(_))).map(|seen| seen.t_us).next();
        assert!(first.unwrap() >= lost_us + 1_800_000, "{lost_us} {first:?}");
        // Born and become ready in the dark, it is still told with its price and its process.
        let shown = watch.last("primary-3", InstanceState::Ready).unwrap();
        assert!(shown.price.is_some() && shown.process.is_some());
        watch
            .until("vouching again", |w| {
                w.events()
                    .rev()
                    .find_map(|event| match event {
                        Event::Alive(alive) if alive.source == "supply/primary" => Some(alive.since_us),
                        _ => None,
                    })
                    .is_some_and(|since_us| since_us > lost_us)
            })
            .await;
        let dark_us = lost_us + 1_000_000;
        let vouched = watch.events().any(|event| match event {
            Event::Alive(alive) if alive.source == "supply/primary" => {
                alive.since_us < dark_us && alive.through_us > dark_us
            }
            _ => false,
        });
        assert!(!vouched, "nobody vouches for the dark");
        drop(watch);
        world.close().await.unwrap();
    });
}

#[test]
fn another_writer_raises_the_floor() {
    run(async {
        let changed = json!({ "at": "100ms", "min_replicas": 3, "by": "deployer" });
        let mut world = open(json!({ "primary": {
            "replicas": 1, "capacity": "50/s", "autoscaler": quick_autoscaler(1, 5),
            "defects": { "floor_changed": changed }
        } }))
        .await;
        let mut watch = Watch::over(&world);
        watch.until("calm", |w| w.ready("primary") == 1 && !decisions(w).is_empty()).await;
        assert_eq!(watch.desired("primary").unwrap().replicas, 1);
        world.stimulus_began(now_us(&watch));
        watch.until("grown", |w| w.desired("primary").unwrap().replicas == 3).await;
        let changed = autoscalers(&watch)[1];
        assert_eq!((changed.by.as_str(), changed.spec.min_replicas), ("deployer", 3));
        assert_eq!(watch.desired("primary").unwrap().by, "autoscaler");
        drop(watch);
        world.close().await.unwrap();
    });
}

#[test]
fn a_frozen_metric_keeps_the_group_large() {
    run(async {
        let mut world = open(json!({ "primary": {
            "replicas": 1, "capacity": "50/s", "autoscaler": quick_autoscaler(1, 3),
            "defects": { "metric_frozen_at": "0s" }
        } }))
        .await;
        let mut watch = Watch::over(&world);
        watch.until("calm", |w| w.route("primary") == Some((true, 1))).await;
        let (plan, control, told) = load(120.0);
        let mut windows = Box::pin(world.load(&plan, told));
        let busy = watch.until("large and busy", |w| {
            let samples = decisions(w)
                .last()
                .map_or(0, |decided| decided.decision.metrics.first().map_or(0, |metric| metric.pods.ready));
            w.ready("primary") == 3 && samples == 3
        });
        tokio::select! {
            () = busy => {}
            () = async { while windows.next().await.is_some() {} } => panic!("the load ended"),
        }
        world.stimulus_began(now_us(&watch));
        drop((windows, control));
        pass(&mut watch, 5_000_000).await;
        assert_eq!(watch.desired("primary").unwrap().replicas, 3);
        let decided = decisions(&watch);
        let samples: BTreeSet<_> =
            decided[decided.len() - 5..].iter().map(|decided| decided.sample_t_us).collect();
        assert_eq!(samples.len(), 1, "the very same sample again and again");
        drop(watch);
        world.close().await.unwrap();
    });
}

#[test]
fn a_group_that_contracted_grows_again_and_one_leaves_instances_behind() {
    run(async {
        let standby = |defects: Value| {
            json!({
                "replicas": 1, "promoted_replicas": 3, "takes_over_from": "primary", "defects": defects
            })
        };
        let mut world = open(json!({
            "primary": { "replicas": 1 },
            "regrown": standby(json!({ "regrowth": { "replicas": 2, "after": "500ms" } })),
            "leaky": standby(json!({ "leaves_behind": 1 }))
        }))
        .await;
        let mut watch = Watch::over(&world);
        watch
            .until("calm", |w| {
                w.route("primary") == Some((true, 1)) && w.ready("leaky") == 1 && w.ready("regrown") == 1
            })
            .await;
        world.inject(&lose("primary")).await.unwrap();
        watch.until("promoted", |w| w.ready("leaky") == 3 && w.ready("regrown") == 3).await;
        world.heal(&Undo { intent: lose("primary") }).await.unwrap();
        watch
            .until("grown again", |w| {
                w.desired("regrown").is_some_and(|desired| desired.by == "scheduled-scaler")
                    && w.ready("regrown") == 2
            })
            .await;
        assert_eq!(watch.desired("regrown").unwrap().replicas, 2);
        watch.until("shrunk", |w| w.in_state("leaky", InstanceState::Gone).len() == 1).await;
        pass(&mut watch, 1_500_000).await;
        assert_eq!(
            (watch.desired("leaky").unwrap().replicas, watch.ready("leaky")),
            (1, 2),
            "one is left behind"
        );
        drop(watch);
        world.close().await.unwrap();
    });
}

#[test]
fn instances_that_cannot_be_started_are_tried_again() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("springback");
        std::os::unix::fs::symlink(program(), &link).unwrap();
        let mut world = LocalWorld::new(groups(json!({ "primary": { "replicas": 1 } })), link.clone(), 1);
        world.open(&plan(), Clock::start(Wall::From(0))).await.unwrap();
        let mut watch = Watch::over(&world);
        watch.until("ready", |w| w.ready("primary") == 1).await;
        std::fs::remove_file(&link).unwrap();
        world.inject(&terminate("primary", &["primary-1"], true, 0)).await.unwrap();
        watch.until("a failed start", |w| w.last("primary-2", InstanceState::Gone).is_some()).await;
        let reason = &watch.last("primary-2", InstanceState::Gone).unwrap().reason;
        assert!(reason.contains("cannot be started"), "{reason}");
        std::os::unix::fs::symlink(program(), &link).unwrap();
        watch.until("ready again", |w| w.ready("primary") == 1).await;
        drop(watch);
        world.close().await.unwrap();
    });
}

#[test]
fn a_balancer_that_dies_is_missed_and_comes_back_to_its_port() {
    run(async {
        let world = open(json!({ "primary": { "replicas": 1 } })).await;
        let addr = world.balancer().unwrap();
        let mut watch = Watch::over(&world);
        watch.until("sent to", |w| w.route("primary") == Some((true, 1))).await;
        let balancer = watch.processes()[0].pid.to_string();
        assert!(Command::new("kill").args(["-s", "KILL", &balancer]).status().unwrap().success());
        watch.until("missed", |w| w.route("primary") == Some((false, 0))).await;
        let lost = watch.events().find_map(|event| match event {
            Event::Lost(lost) => Some(lost),
            _ => None,
        });
        let lost = lost.unwrap();
        assert!(lost.source == "balancer" && lost.reason.contains("signal: 9"), "{lost:?}");
        watch.until("sent to again", |w| w.route("primary") == Some((true, 1))).await;
        assert!(get(addr, "/").unwrap().contains(" 200 "));
        let processes = watch.processes();
        drop(watch);
        drop(world);
        let gone: Vec<_> = processes.iter().copied().map(Leftover::Gone).collect();
        assert_eq!(end_leftovers(&processes), gone, "a world that is dropped leaves nothing either");
    });
}

#[test]
fn a_killed_instance_costs_a_busy_system_no_answer_that_another_could_give() {
    run(async {
        let service_time = json!({ "mean": "1ms", "distribution": "constant" });
        let primary = json!({ "replicas": 3, "capacity": "100/s", "service_time": service_time });
        let mut world = open(json!({ "primary": primary })).await;
        let mut watch = Watch::over(&world);
        watch.until("sent to", |w| w.route("primary") == Some((true, 3))).await;
        let (plan, control, told) = load(150.0);
        let windows = world.load(&plan, told).collect::<Vec<_>>();
        let steps = async {
            pass(&mut watch, 1_000_000).await;
            world.inject(&terminate("primary", &["primary-2"], true, 0)).await.unwrap();
            watch
                .until("replaced", |w| {
                    w.last("primary-2", InstanceState::Gone).is_some()
                        && w.route("primary") == Some((true, 3))
                })
                .await;
            drop(control);
        };
        let (windows, ()) = tokio::join!(windows, steps);
        let (sent, ok) =
            windows.iter().fold((0, 0), |(sent, ok), window| (sent + window.sent, ok + window.ok));
        assert!(sent >= 100 && sent == ok, "{ok} of {sent} were answered: {windows:?}");
        drop(watch);
        world.close().await.unwrap();
    });
}
