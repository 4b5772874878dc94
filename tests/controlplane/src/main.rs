//! The control plane by hand: `cargo run -p controlplane -- up`.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "this is the program that a developer talks to"
)]

use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::Duration;

use clap::{Parser, Subcommand};
use controlplane::nodes::{Nodes, springback_program};
use controlplane::{ControlPlane, Error, Module, Progress, build, kwok_node, shown};
use k8s_openapi::api::core::v1::Node;
use kube::api::{Api, PostParams};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::Instant;

/// Where nobody watches, a build says so often how far it is.
const SAY_EVERY: Duration = Duration::from_secs(15);

/// A real Kubernetes control plane on loopback, to try springback on.
///
/// etcd, API server, controller manager and scheduler are built from their Go modules: once, which takes minutes, into
/// ~/.cache/springback/controlplane. After that they start within seconds. KUBEBUILDER_ASSETS, as in envtest, names a
/// folder with programs to use instead of Kubernetes' own.
#[derive(Debug, Parser)]
#[command(name = "controlplane", max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

/// What runs besides Kubernetes' own.
#[derive(Debug, clap::Args)]
struct Addons {
    /// Starts KWOK and makes so many nodes that it keeps, in three zones: pods are said to run there, and do not.
    #[arg(long, value_name = "N")]
    kwok_nodes: Option<usize>,
    /// Starts Karpenter. It wants a NodePool and a KWOKNodeClass. Pods run on the nodes that it makes, unless KWOK keeps
    /// those, as it does where it runs.
    #[arg(long)]
    karpenter: bool,
    /// Starts KEDA.
    #[arg(long)]
    keda: bool,
}

impl Addons {
    /// KWOK keeps all nodes that carry its annotation, and those of Karpenter's provider do.
    fn runs_karpenters_nodes(&self) -> bool {
        self.karpenter && self.kwok_nodes.is_none()
    }
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Builds and starts a control plane, says how to reach it, and ends it with Ctrl-C.
    ///
    /// Its HPA controller looks every second and its windows are short: it is meant to be watched. Four nodes in two
    /// zones run pods as real processes on this machine. Everything is removed in the end, also when this program is
    /// killed.
    Up {
        /// The name of the context in the kubeconfig.
        #[arg(long, value_name = "NAME", default_value = "springback-test")]
        context: String,
        #[command(flatten)]
        addons: Addons,
    },
    /// Builds all programs that the tests need, and starts nothing.
    Build,
}

fn main() -> ExitCode {
    let done = match Arguments::parse().verb {
        Verb::Up { context, addons } => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.expect("a runtime can be made");
            let done = runtime.block_on(up(context, &addons));
            // A build that was interrupted is on a leash, and not waited for.
            runtime.shutdown_background();
            done
        }
        Verb::Build => build_all(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn build_all() -> Result<(), Error> {
    let say = teller();
    for module in Module::ALL {
        println!("{}", build(module, &say)?.display());
    }
    Ok(())
}

async fn up(context: String, addons: &Addons) -> Result<(), Error> {
    // Before the first program starts: a signal during the start ends this program, and its leashes the others.
    let mut interrupted = signal(SignalKind::interrupt()).expect("a handler can be installed");
    let mut terminated = signal(SignalKind::terminate()).expect("a handler can be installed");
    let starting = async {
        let plane = ControlPlane::builder().context(&context).on_progress(teller()).start().await?;
        start_addons(&plane, addons).await?;
        let nodes = start_nodes(&plane, addons).await?;
        Ok::<_, Error>((plane, nodes))
    };
    let (plane, nodes) = tokio::select! {
        started = starting => started?,
        _ = interrupted.recv() => return Ok(()),
        _ = terminated.recv() => return Ok(()),
    };
    say_how_to_use(&plane, &context);
    let failed = tokio::select! {
        failed = plane.failure() => Err(failed),
        _ = interrupted.recv() => Ok(()),
        _ = terminated.recv() => Ok(()),
    };
    nodes.stop();
    failed.and_then(|()| plane.stop())
}

async fn start_nodes(plane: &ControlPlane, addons: &Addons) -> Result<Nodes, Error> {
    eprintln!("building springback, which the nodes' pods run");
    let program = tokio::task::spawn_blocking(springback_program).await.expect("building does not panic")?;
    let mut nodes = Nodes::builder(plane.config(), &program);
    if addons.runs_karpenters_nodes() {
        nodes = nodes.adopting("karpenter.sh/nodepool");
    }
    let nodes = nodes.start().await?;
    eprintln!("nodes ready");
    Ok(nodes)
}

async fn start_addons(plane: &ControlPlane, addons: &Addons) -> Result<(), Error> {
    if let Some(count) = addons.kwok_nodes {
        plane.start_kwok().await?;
        let nodes: Api<Node> = Api::all(plane.client());
        for (number, zone) in (0..count).zip(["zone-a", "zone-b", "zone-c"].into_iter().cycle()) {
            nodes.create(&PostParams::default(), &kwok_node(&format!("node-{number}"), zone)).await?;
        }
    }
    if addons.runs_karpenters_nodes() {
        plane.start_karpenter_alone().await?;
    } else if addons.karpenter {
        plane.start_karpenter().await?;
    }
    if addons.keda {
        plane.start_keda().await?;
    }
    Ok(())
}

fn say_how_to_use(plane: &ControlPlane, context: &str) {
    let memory = plane.memory();
    let each: Vec<String> = memory
        .iter()
        .map(|(component, memory)| format!("{component} {}", megabytes(memory.resident_bytes)))
        .collect();
    let sum = memory.values().map(|memory| memory.resident_bytes).sum();
    let kubeconfig = plane.kubeconfig().display();
    let text = format!(
        "
The control plane runs. In another terminal:

  export KUBECONFIG={kubeconfig}
  kubectl get nodes

Its nodes run pods as real processes, whatever image they name: their environment tells what they do, see
tests/controlplane/src/nodes/behavior.rs. Services of type LoadBalancer get an address on loopback.

  context  {context}
  server   {server}
  logs     {logs}
  memory   {sum} ({each})

Ctrl-C ends it and removes its data.
",
        server = plane.server(),
        logs = plane.kubeconfig().with_file_name("*.log").display(),
        sum = megabytes(sum),
        each = each.join(", "),
    );
    // Who has read enough may go.
    let _ = std::io::stdout().write_all(text.as_bytes());
}

fn megabytes(bytes: u64) -> String {
    format!("{} MB", bytes / 1_000_000)
}

/// Says on standard error what happens: on a terminal in place, elsewhere a line now and then.
fn teller() -> impl Fn(Progress) + Send + Sync {
    let terminal = std::io::stderr().is_terminal();
    let said = Mutex::new(None::<Instant>);
    move |progress| match progress {
        Progress::Building { module, done, of, took } => {
            let text =
                format!("building {}: {done} of at most {of} packages, {}", module.name(), shown(took));
            if terminal {
                eprint!("\r{text}\x1b[K");
                let _ = std::io::stderr().flush();
                return;
            }
            let mut said = said.lock().expect("nothing panics while it is held");
            if done == 0 || said.is_none_or(|at| at.elapsed() > SAY_EVERY) {
                *said = Some(Instant::now());
                eprintln!("{text}");
            }
        }
        Progress::Built { module, took } => {
            let clear = if terminal { "\r\x1b[K" } else { "" };
            eprintln!("{clear}{} built in {}", module.name(), shown(took));
        }
        Progress::Ready { component, took } => eprintln!("{component} ready after {}", shown(took)),
    }
}
