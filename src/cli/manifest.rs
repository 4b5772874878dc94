//! `manifest`: what springback needs in a cluster, as YAML: roles, jobs that run scenarios, and a reaper for runs that died.

mod files;
mod objects;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::Value;

use crate::plan;
use crate::scenario::{Access, KubernetesTarget, Target};
use crate::world::kubernetes::{self, Need, Place, Plurals};

use super::load::{Call, load};
use super::select::SelectArgs;
use super::{Exit, ScenarioArgs, show};
use files::Files;
use objects::{Job, Trigger};

#[derive(Debug, Args)]
pub(super) struct ManifestArgs {
    #[command(subcommand)]
    kind: Kind,
}

#[derive(Debug, Subcommand)]
enum Kind {
    /// The least roles that suffice for a run, with a service account that has them.
    Role(RoleArgs),
    /// A CronJob that heals runs whose process died, as far as these scenarios can leave something behind.
    Reaper(ReaperArgs),
    /// A CronJob that runs scenarios, every night by default.
    Cronjob(CronjobArgs),
    /// A Job that runs scenarios once and fails as they do, for a gate of CI.
    Job(JobArgs),
    /// The same as a PostSync hook of Argo CD: a sync succeeds when they pass.
    Postsync(JobArgs),
    /// The Containerfile of the image that the others need.
    Containerfile,
}

#[derive(Debug, Args)]
struct RoleArgs {
    /// Scenario files (*.toml, *.feature), or folders: those directly in them.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    select: SelectArgs,
    /// Set a value of every scenario, like `--set load.baseline_rate=80/s`. May be given more than once.
    #[arg(long = "set", value_name = "PATH=VALUE")]
    sets: Vec<String>,
    /// Settings. Default: the springback.toml nearest to the scenarios, in their folder or above it.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Profile of the settings, for the environment that is tested.
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// Name of everything that is printed.
    #[arg(long, default_value = "springback")]
    name: String,
}

#[derive(Debug, Args)]
struct ReaperArgs {
    #[command(flatten)]
    role: RoleArgs,
    /// The image of springback: see `manifest containerfile`.
    #[arg(long)]
    image: String,
    /// When, as Kubernetes takes it.
    #[arg(long, default_value = "*/5 * * * *")]
    schedule: String,
}

#[derive(Debug, Args)]
struct JobArgs {
    #[command(flatten)]
    role: RoleArgs,
    /// The image of springback: see `manifest containerfile`.
    #[arg(long)]
    image: String,
    /// A PersistentVolumeClaim for the reports that is there already. Without it one of 1 GiB is printed.
    #[arg(long, value_name = "NAME")]
    reports_claim: Option<String>,
}

#[derive(Debug, Args)]
struct CronjobArgs {
    #[command(flatten)]
    job: JobArgs,
    /// When, as Kubernetes takes it.
    #[arg(long, default_value = "0 3 * * *")]
    schedule: String,
}

impl RoleArgs {
    fn load(&self) -> Result<Call, Exit> {
        load(&ScenarioArgs {
            paths: self.paths.clone(),
            select: self.select.clone(),
            sets: self.sets.clone(),
            seed: None,
            reports: None,
            config: self.config.clone(),
            profile: self.profile.clone(),
            in_cluster: false,
        })
    }

    /// The options that springback is called with in a pod.
    fn words(&self) -> Vec<String> {
        let profile = self.profile.iter().flat_map(|profile| ["--profile".to_owned(), profile.clone()]);
        let sets = self.sets.iter().flat_map(|set| ["--set".to_owned(), set.clone()]);
        profile.chain(self.select.words()).chain(sets).collect()
    }
}

pub(super) fn manifest(args: &ManifestArgs) -> Exit {
    let printed = match &args.kind {
        Kind::Role(args) => role(args),
        Kind::Reaper(args) => reaper(args),
        Kind::Cronjob(args) => job(&args.job, Trigger::Schedule(&args.schedule)),
        Kind::Job(args) => job(args, Trigger::Once),
        Kind::Postsync(args) => job(args, Trigger::PostSync),
        Kind::Containerfile => Ok(include_str!("manifest/Containerfile").to_owned()),
    };
    match printed {
        Ok(text) => {
            show::print(&text);
            Exit::Pass
        }
        Err(exit) => exit,
    }
}

/// What is not printed, and why.
fn refuse(why: impl std::fmt::Display) -> Exit {
    show::error(format_args!("{why}; nothing was printed"));
    Exit::BadInput
}

fn role(args: &RoleArgs) -> Result<String, Exit> {
    let call = args.load()?;
    let mut clusters: BTreeMap<Access, (String, BTreeSet<Need>)> = BTreeMap::new();
    for (place, needs) in needs(&call, Within::Named)? {
        // One account a cluster has them all; it lives in one of the namespaces.
        let (_, all) = clusters.entry(place.access).or_insert_with(|| (place.namespace, BTreeSet::new()));
        all.extend(needs);
    }
    let granted = |(access, (namespace, needs)): (Access, (String, BTreeSet<Need>))| {
        (access, kubernetes::granted(&args.name, &namespace, needs))
    };
    Ok(text(clusters.into_iter().map(granted).collect()))
}

fn reaper(args: &ReaperArgs) -> Result<String, Exit> {
    let call = args.role.load()?;
    let name = format!("{}-reaper", args.role.name);
    let mut clusters: BTreeMap<Access, Vec<Value>> = BTreeMap::new();
    // Each namespace has its own lock and its own records, and so its own reaper.
    for (place, needs) in needs(&call, Within::Named)? {
        let objects = clusters.entry(place.access).or_default();
        objects.extend(kubernetes::granted(&name, &place.namespace, kubernetes::undoing(&needs)));
        objects.push(objects::reaper(&name, &place.namespace, &args.image, &args.schedule));
    }
    Ok(text(clusters))
}

fn job(args: &JobArgs, trigger: Trigger<'_>) -> Result<String, Exit> {
    let call = args.role.load()?;
    let needs = needs(&call, Within::Pod)?;
    // With several namespaces: where the first one looks first.
    let home = targets(&call).next().map(|(target, _)| target.namespace.clone()).unwrap_or_default();
    let name = &args.role.name;
    let files = Files::of(&call).map_err(refuse)?;
    let mut objects = kubernetes::granted(name, &home, needs.into_values().flatten());
    objects.push(files.config_map(&format!("{name}-scenarios"), &home));
    let claim = args.reports_claim.clone().unwrap_or_else(|| {
        let claim = format!("{name}-reports");
        objects.push(objects::claim(&claim, &home));
        claim
    });
    let job = Job {
        name,
        namespace: &home,
        image: &args.image,
        claim: &claim,
        files: &files,
        args: files.run_args(args.role.words()),
        deadline_s: deadline_s(&call),
    };
    objects.push(job.object(trigger));
    Ok(kubernetes::yaml(&objects))
}

/// Where the one who needs it will be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Within {
    /// Where the scenarios say.
    Named,
    /// In a pod of their cluster.
    Pod,
}

fn targets(call: &Call) -> impl Iterator<Item = (&KubernetesTarget, plan::Plan)> {
    call.scenarios.iter().filter_map(|one| match &one.lowered.scenario.target {
        Target::Kubernetes(target) => Some((target, plan::lower(&one.lowered.scenario, 0))),
        Target::Local(_) => None,
    })
}

/// What the scenarios of a call need, by place.
fn needs(call: &Call, within: Within) -> Result<BTreeMap<Place, BTreeSet<Need>>, Exit> {
    if let Some(local) =
        call.scenarios.iter().find(|one| matches!(one.lowered.scenario.target, Target::Local(_)))
    {
        return Err(refuse(format!(
            "\"{}\" runs on one machine, and needs nothing of a cluster",
            local.name()
        )));
    }
    let mut all: BTreeMap<Place, BTreeSet<Need>> = BTreeMap::new();
    for (target, plan) in targets(call) {
        let plurals = plurals(target, &plan)?;
        let mut target = target.clone();
        if within == Within::Pod {
            target.access = Access::InCluster;
            if let Some(other) =
                kubernetes::places(&target).iter().find(|place| place.access != Access::InCluster)
            {
                return Err(refuse(format!(
                    "a pod has no kubeconfig, and so cannot reach {}",
                    other.called()
                )));
            }
        }
        for (place, needs) in kubernetes::needs(&target, &plan, &plurals) {
            all.entry(place).or_default().extend(needs);
        }
    }
    Ok(all)
}

fn plurals(target: &KubernetesTarget, plan: &plan::Plan) -> Result<Plurals, Exit> {
    if let Some(known) = kubernetes::known_plurals(target, plan) {
        return Ok(known);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| {
        show::error(format!("cannot start the runtime: {error}"));
        Exit::Internal
    })?;
    let asked = runtime.block_on(kubernetes::ask_plurals(target, plan));
    runtime.shutdown_background();
    asked.map_err(|why| {
        show::error(format!("only the cluster knows what some kinds are called in its API: {why}"));
        Exit::Refused
    })
}

/// One text; where it is for several clusters, it says which part is for which.
fn text(clusters: BTreeMap<Access, Vec<Value>>) -> String {
    let several = clusters.len() > 1;
    let part = |(access, objects): (Access, Vec<Value>)| {
        let yaml = kubernetes::yaml(&objects);
        match access {
            Access::Context(context) if several => format!("# For context \"{context}\".\n{yaml}"),
            Access::InCluster if several => format!("# For the cluster that springback runs in.\n{yaml}"),
            _ => yaml,
        }
    };
    clusters.into_iter().map(part).collect::<Vec<_>>().join("---\n")
}

/// Longer than the plans take at the most, by a quarter and five minutes for what no plan can know. In seconds.
fn deadline_s(call: &Call) -> u64 {
    let planned_us: u64 = call.scenarios.iter().map(super::load::Loaded::planned_us).sum();
    (planned_us + planned_us / 4).div_ceil(1_000_000) + 300
}
