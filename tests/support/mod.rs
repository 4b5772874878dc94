//! A world without processes, for the runner's own tests: it does at once what it is told, and reports it.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use futures_util::{Stream, StreamExt, stream};
use springback::history::*;
use springback::load::LoadControl;
use springback::plan::{LoadPlan, Plan};
use springback::world::{Capabilities, Observation, Refusal, Undo, World, WorldError};
use tokio::sync::{mpsc, watch};

/// What a scripted world is to do wrong.
#[derive(Debug, Clone, Default)]
pub(crate) struct Script {
    /// `open` refuses.
    pub(crate) refuses: bool,
    /// `record_undo` fails.
    pub(crate) undo_fails: bool,
    /// `inject` acts, and reports an error all the same.
    pub(crate) inject_errs: bool,
    /// Terminations do nothing.
    pub(crate) immortal: bool,
    /// So many heals fail first.
    pub(crate) heals_fail: u32,
    /// Share of requests that fail from the stimulus on, in percent.
    pub(crate) failing_percent: u64,
    /// `close` leaves something behind.
    pub(crate) close_fails: bool,
    /// Of a fault that ends no instance it sees nothing.
    pub(crate) blind: bool,
    /// Supply never settles.
    pub(crate) never_settles: bool,
}

/// A group `app` of two instances, replaced one second after they are gone.
pub(crate) struct ScriptedWorld {
    script: Script,
    capabilities: Capabilities,
    clock: Cell<Option<Clock>>,
    sender: mpsc::UnboundedSender<Observation>,
    receiver: RefCell<Option<mpsc::UnboundedReceiver<Observation>>>,
    /// Calls in their order.
    pub(crate) calls: Rc<RefCell<Vec<String>>>,
    stimulus_us: Rc<Cell<Option<u64>>>,
    heals: Cell<u32>,
    born: Cell<u32>,
}

impl ScriptedWorld {
    pub(crate) fn new(script: Script) -> Self {
        let (sender, receiver) = mpsc::unbounded_channel();
        let sources = vec![SourceInfo { name: "supply/app".into(), resolution_us: 0 }];
        Self {
            script,
            capabilities: Capabilities { world: "scripted", sources },
            clock: Cell::new(None),
            sender,
            receiver: RefCell::new(Some(receiver)),
            calls: Rc::default(),
            stimulus_us: Rc::default(),
            heals: Cell::new(0),
            born: Cell::new(0),
        }
    }

    fn now_us(&self) -> u64 {
        self.clock.get().unwrap().now_us()
    }

    fn emit(&self, event: Event) {
        let _ = self.sender.send(Observation { t_us: self.now_us(), event });
    }

    fn called(&self, what: &str) {
        self.calls.borrow_mut().push(what.to_owned());
    }

    fn instance(&self, name: &str, state: InstanceState) {
        self.emit(Event::Instance(InstanceChange::new("app", name, state)));
    }

    fn start_one(&self) {
        let n = self.born.get() + 1;
        self.born.set(n);
        let name = format!("app-{n}");
        self.emit(Event::Instance(InstanceChange {
            node: Some(format!("node-{n}")),
            ..InstanceChange::new("app", name.as_str(), InstanceState::Pending)
        }));
        if !self.script.never_settles {
            self.instance(&name, InstanceState::Ready);
        }
    }
}

impl World for ScriptedWorld {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    async fn open(&mut self, _plan: &Plan, clock: Clock) -> Result<(), Refusal> {
        self.called("open");
        self.clock.set(Some(clock));
        if self.script.refuses {
            return Err(Refusal { reason: "the port is taken".into() });
        }
        self.emit(Event::Desired(Desired {
            group: "app".into(),
            replicas: 2,
            by: "declared".into(),
            reason: String::new(),
        }));
        self.start_one();
        self.start_one();
        Ok(())
    }

    fn observe(&self) -> impl Stream<Item = Observation> {
        let clock = self.clock.get().unwrap();
        let alive = stream::unfold(clock.now_us(), move |since_us| async move {
            clock.sleep_until(since_us + 1_000_000).await;
            let through_us = clock.now_us();
            let alive = Alive { source: "supply/app".into(), since_us, through_us };
            Some((Observation { t_us: through_us, event: Event::Alive(alive) }, through_us))
        });
        let mut receiver = self.receiver.borrow_mut().take().expect("observed once");
        let events = stream::poll_fn(move |context| receiver.poll_recv(context));
        stream::select(events, Box::pin(alive))
    }

    fn load(&self, plan: &LoadPlan, control: watch::Receiver<LoadControl>) -> impl Stream<Item = LoadWindow> {
        let clock = self.clock.get().unwrap();
        let planned = plan.baseline_per_s as u64;
        let failing = self.script.failing_percent;
        let stimulus = self.stimulus_us.clone();
        let thresholds = plan.thresholds_us.len();
        let windows = stream::unfold((0_u64, control), move |(second, control)| {
            let stimulus = stimulus.clone();
            async move {
                let from_us = second * 1_000_000;
                if control.borrow().end_us.is_some_and(|end_us| from_us >= end_us) {
                    return None;
                }
                clock.sleep_until(from_us + 1_000_000).await;
                let fails = stimulus.get().is_some_and(|t| from_us >= t);
                let bad = if fails { planned * failing / 100 } else { 0 };
                let window = LoadWindow {
                    from_us,
                    planned,
                    sent: planned,
                    ok: planned - bad,
                    failed: [(503, bad)].into_iter().filter(|(_, n)| *n > 0).collect(),
                    good: vec![planned - bad; thresholds],
                    ..Default::default()
                };
                Some((window, (second + 1, control)))
            }
        });
        windows.boxed_local()
    }

    fn stimulus_began(&self, t_us: u64) {
        self.stimulus_us.set(Some(t_us));
    }

    async fn record_undo(&self, undo: &Undo) -> Result<(), WorldError> {
        self.called(&format!("undo {}", undo.intent.fault));
        if self.script.undo_fails {
            return Err(WorldError("the record could not be written".into()));
        }
        Ok(())
    }

    async fn inject(&self, intent: &Intent) -> Result<String, WorldError> {
        self.called(&format!("inject {}", intent.fault));
        if !self.script.immortal {
            for name in intent.action.instances().iter().filter(|_| intent.action.ends_instances()) {
                self.instance(name, InstanceState::Gone);
            }
            if intent.action.ends_some() {
                intent.action.instances().iter().for_each(|_| self.start_one());
            }
        }
        if !intent.action.ends_instances() && !self.script.blind {
            self.emit(Event::EffectSeen(EffectSeen {
                fault: intent.fault.clone(),
                seen_by: "the workload's status".into(),
                detail: "as it was to be".into(),
            }));
        }
        if self.script.inject_errs {
            return Err(WorldError("the connection broke".into()));
        }
        Ok("done".into())
    }

    async fn heal(&self, undo: &Undo) -> Result<String, WorldError> {
        self.called(&format!("heal {}", undo.intent.fault));
        if self.heals.get() < self.script.heals_fail {
            self.heals.set(self.heals.get() + 1);
            return Err(WorldError("not now".into()));
        }
        if undo.intent.action.is_loss() {
            self.start_one();
            self.start_one();
        }
        Ok("put back".into())
    }

    async fn close(&mut self) -> Result<(), WorldError> {
        self.called("close");
        match self.script.close_fails {
            true => Err(WorldError("app-1 does not end".into())),
            false => Ok(()),
        }
    }
}
