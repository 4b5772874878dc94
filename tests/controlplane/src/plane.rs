use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kube::config::{KubeConfigOptions, Kubeconfig};
use tokio::time::{Instant, sleep};

use crate::arguments::{Places, SCHEDULER_FILE, arguments, scheduler_configuration};
use crate::binaries::Binaries;
use crate::build::{build, cache};
use crate::builder::{Builder, Progress};
use crate::certificates::{ADMIN, Certificates, User};
use crate::memory::Memory;
use crate::ports::{Port, Ports};
use crate::process::{Folder, Process, Program, tail};
use crate::{Component, Error, Module};

/// How long a component may take to become ready: seconds, and on a busy machine many.
const READY_WITHIN: Duration = Duration::from_secs(120);
/// How often a component is asked whether it is ready.
const ASK_EVERY: Duration = Duration::from_millis(50);
/// How much of a log goes into an error.
const WORDS: usize = 12;

/// A Kubernetes control plane of its own: etcd, API server, controller manager and scheduler as processes on loopback.
///
/// Everything ends, and its data is removed, when this is dropped and when the process that holds it dies, even by
/// SIGKILL. Any number of them can run at once.
#[derive(Debug)]
pub struct ControlPlane {
    // Dropped in this order: first the programs, then the folder in which they write, then their ports.
    running: Mutex<BTreeMap<Component, Running>>,
    folder: Folder,
    pub(crate) ports: Ports,
    pub(crate) certificates: Certificates,
    kubeconfig: PathBuf,
    config: kube::Config,
    pub(crate) builder: Builder,
    binaries: Binaries,
}

/// What a component has for itself.
#[derive(Debug)]
pub(crate) struct Home {
    pub(crate) data: PathBuf,
    /// A path, as programs take it.
    pub(crate) kubeconfig: String,
}

/// A component that has been started.
#[derive(Debug)]
struct Running {
    program: Program,
    /// None while it is killed.
    process: Option<Process>,
}

impl ControlPlane {
    /// A control plane with quick settings.
    pub fn builder() -> Builder {
        Builder::default()
    }

    pub(crate) async fn start(builder: Builder) -> Result<Self, Error> {
        let progress = builder.progress.clone();
        let building = tokio::task::spawn_blocking(move || Binaries::ensure(&*progress.0));
        let binaries = building.await.expect("building does not panic")?;
        let ports = Ports::reserve(&cache()?.join("ports"))?;
        let folder = Folder::create(&binaries.leash)?;
        let certificates = Certificates::create(folder.path().join("certificates"))?;
        let server = format!("https://{}", ports.address(Port::ApiServer));
        let kubeconfig = folder.path().join("kubeconfig");
        certificates.kubeconfig(&kubeconfig, &builder.context, &server, ADMIN)?;
        let config = config(&kubeconfig).await?;
        let plane = Self {
            running: Mutex::default(),
            folder,
            ports,
            certificates,
            kubeconfig,
            config,
            builder,
            binaries,
        };
        plane.run(Component::Etcd)?;
        plane.ready(Component::Etcd).await?;
        plane.run(Component::ApiServer)?;
        plane.ready(Component::ApiServer).await?;
        plane.run(Component::ControllerManager)?;
        plane.run(Component::Scheduler)?;
        plane.ready(Component::ControllerManager).await?;
        plane.ready(Component::Scheduler).await?;
        Ok(plane)
    }

    /// The kubeconfig of one who may do everything. It has one context and needs no other file.
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// A kubeconfig for a user who may do what roles bound to that name allow, and nothing else. The context has the
    /// same name as in [`Self::kubeconfig`].
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn kubeconfig_of(&self, user: &str) -> Result<PathBuf, Error> {
        let path = self.folder.path().join(format!("kubeconfig-{user}"));
        let user = User { name: user, group: None };
        self.certificates.kubeconfig(&path, &self.builder.context, &self.server(), user)?;
        Ok(path)
    }

    /// A client of one who may do everything. It belongs to the runtime in which this is called.
    ///
    /// # Panics
    /// Outside of a runtime.
    pub fn client(&self) -> kube::Client {
        kube::Client::try_from(self.config.clone()).expect("the certificates are our own")
    }

    /// What a client of one who may do everything is made from, for runtimes of their own.
    pub fn config(&self) -> kube::Config {
        self.config.clone()
    }

    /// Where the API server is, `https://127.0.0.1:PORT`.
    pub fn server(&self) -> String {
        format!("https://{}", self.ports.address(Port::ApiServer))
    }

    /// Kills a component with SIGKILL. Its data stays.
    ///
    /// # Panics
    /// The component has never been started.
    pub fn kill(&self, component: Component) {
        let process = self.running().get_mut(&component).expect("it has been started").process.take();
        drop(process);
    }

    /// Starts a component again on the same port and data, and waits until it is ready. Kills it first where it runs.
    ///
    /// # Errors
    /// It does not become ready.
    ///
    /// # Panics
    /// The component has never been started.
    pub async fn restart(&self, component: Component) -> Result<(), Error> {
        self.kill(component);
        let program = self.running()[&component].program.clone();
        self.relaunch(component, program)?;
        self.ready(component).await
    }

    /// The file with a component's output, of all its starts.
    pub fn log(&self, component: Component) -> PathBuf {
        self.folder.path().join(format!("{component}.log"))
    }

    /// The process id of a component, while it runs.
    pub fn pid(&self, component: Component) -> Option<u32> {
        self.running().get(&component)?.process.as_ref().map(Process::pid)
    }

    /// What each component takes, where the system tells (on Linux).
    pub fn memory(&self) -> BTreeMap<Component, Memory> {
        let running = self.running();
        let pids = running.iter().filter_map(|(c, running)| Some((*c, running.process.as_ref()?.pid())));
        pids.filter_map(|(component, pid)| Some((component, Memory::of(pid)?))).collect()
    }

    /// The first component that is not there any more although nobody killed it. One that runs waits for ever.
    pub async fn failure(&self) -> Error {
        loop {
            if let Some(error) = self.ended() {
                return error;
            }
            sleep(ASK_EVERY).await;
        }
    }

    /// Ends everything and removes the data, as dropping it does.
    ///
    /// # Errors
    /// A component had ended by itself, so what was tested against it means little.
    pub fn stop(self) -> Result<(), Error> {
        self.ended().map_or(Ok(()), Err)
    }

    fn ended(&self) -> Option<Error> {
        let mut running = self.running();
        running.iter_mut().find_map(|(component, running)| {
            let status = running.process.as_mut()?.ended()?;
            let log = running.program.log.clone();
            Some(Error::Ended { component: *component, status, words: tail(&log, WORDS), log })
        })
    }

    fn running(&self) -> MutexGuard<'_, BTreeMap<Component, Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts one of the four for the first time.
    fn run(&self, component: Component) -> Result<(), Error> {
        let home = self.home(component)?;
        if component == Component::Scheduler {
            let file = home.data.join(SCHEDULER_FILE);
            fs::write(&file, scheduler_configuration(&home.kubeconfig)).map_err(Error::file(&file))?;
        }
        let places = Places { certificates: &self.certificates, ports: &self.ports, home: &home };
        let executable = self.binaries.executable(component);
        let mut args = executable.args.clone();
        args.extend(arguments(component, &self.builder, &places));
        self.launch(component, &executable.path, args, Vec::new())
    }

    /// Makes a component's own folder, and the kubeconfig of the user that it speaks as.
    pub(crate) fn home(&self, component: Component) -> Result<Home, Error> {
        let data = self.folder.path().join(component.name());
        fs::create_dir_all(&data).map_err(Error::file(&data))?;
        let kubeconfig = data.join("kubeconfig");
        let user = match component {
            Component::ControllerManager => User { name: "system:kube-controller-manager", group: None },
            Component::Scheduler => User { name: "system:kube-scheduler", group: None },
            _ => User { name: component.name(), ..ADMIN },
        };
        self.certificates.kubeconfig(&kubeconfig, &self.builder.context, &self.server(), user)?;
        Ok(Home { kubeconfig: kubeconfig.to_string_lossy().into_owned(), data })
    }

    /// Starts a component. It does not have to be ready.
    pub(crate) fn launch(
        &self,
        component: Component,
        path: &Path,
        args: Vec<String>,
        env: Vec<(&str, String)>,
    ) -> Result<(), Error> {
        let env = env.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let program = Program { path: path.to_owned(), args, env, log: self.log(component) };
        self.relaunch(component, program)
    }

    fn relaunch(&self, component: Component, program: Program) -> Result<(), Error> {
        let process = Some(Process::start(&self.binaries.leash, &program)?);
        self.running().insert(component, Running { program, process });
        Ok(())
    }

    /// The folder with a module's programs, which is built first where that has to be.
    pub(crate) async fn built(&self, module: Module) -> Result<PathBuf, Error> {
        let progress = self.builder.progress.clone();
        let building = tokio::task::spawn_blocking(move || build(module, &*progress.0));
        building.await.expect("building does not panic")
    }

    /// Waits until a component says that it is ready.
    pub(crate) async fn ready(&self, component: Component) -> Result<(), Error> {
        let began = Instant::now();
        let (scheme, port, path) = component.probe();
        let url = format!("{scheme}://{}", self.ports.address(port));
        let mut config = self.config.clone();
        config.cluster_url = url.parse().expect("it is made of a scheme and an address");
        let client = kube::Client::try_from(config)?;
        loop {
            if let Some(error) = self.ended() {
                return Err(error);
            }
            let request = http::Request::get(path).body(Vec::new()).expect("a path makes a request");
            let Err(why) = client.request_text(request).await else {
                let took = began.elapsed();
                (self.builder.progress.0)(Progress::Ready { component, took });
                return Ok(());
            };
            if began.elapsed() > READY_WITHIN {
                let log = self.log(component);
                let words = tail(&log, WORDS);
                let why = why.to_string();
                return Err(Error::NotReady { component, within: READY_WITHIN, why, log, words });
            }
            sleep(ASK_EVERY).await;
        }
    }
}

/// What a kubeconfig says. A proxy that the environment names is none of our business: all is on loopback.
async fn config(kubeconfig: &Path) -> Result<kube::Config, Error> {
    let text = Kubeconfig::read_from(kubeconfig)?;
    let mut config = kube::Config::from_custom_kubeconfig(text, &KubeConfigOptions::default()).await?;
    config.proxy_url = None;
    Ok(config)
}
