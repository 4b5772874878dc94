//! The command line: one file a verb. The only room that prints.

mod attempt;
mod completions;
mod convert;
mod course;
mod cucumber;
mod docs;
mod examples;
mod exit;
mod explain;
mod heal;
mod init;
mod judge;
mod judging;
mod list;
mod live;
mod load;
mod man;
mod manifest;
mod plan;
mod quarantine;
mod run;
mod schema;
mod select;
mod settings;
mod show;
mod signals;
mod steps;
mod suite;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub use docs::{Document, documents};
pub use exit::Exit;

/// Proves that a system springs back: surges load, ends instances, and then asks whether the capacity was given back
/// and what it costs if it was not.
#[derive(Debug, Parser)]
#[command(version, about, after_help = examples::first_commands(), disable_help_subcommand = true, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Write a first scenario, a first feature and their settings into a folder.
    #[command(after_help = examples::INIT)]
    Init(init::InitArgs),
    /// Run scenarios, one after another, and judge them.
    #[command(after_help = examples::run())]
    Run(run::RunArgs),
    /// Show what a run would do and what it could cost. Starts nothing.
    #[command(after_help = examples::PLAN)]
    Plan(plan::PlanArgs),
    /// Judge a recorded run again, optionally with other expectations.
    #[command(after_help = examples::JUDGE)]
    Judge(judge::JudgeArgs),
    /// End what an interrupted run left behind.
    #[command(after_help = examples::HEAL)]
    Heal(heal::HealArgs),
    /// List the sentences that features are written in, with an example each.
    Steps(steps::StepsArgs),
    /// Print a TOML scenario as a feature, or a feature's scenario as TOML.
    Convert(convert::ConvertArgs),
    /// Print the JSON Schema of scenarios, of settings or of verdicts.
    #[command(after_help = examples::SCHEMA)]
    Schema(schema::SchemaArgs),
    /// Explain a finding's or a diagnosis' code.
    #[command(after_help = examples::EXPLAIN)]
    Explain(explain::ExplainArgs),
    /// Print what springback needs in a cluster: roles, jobs, a reaper, an image.
    #[command(after_help = examples::MANIFEST, disable_help_subcommand = true)]
    Manifest(manifest::ManifestArgs),
    /// Print the completion script of a shell.
    #[command(after_help = examples::COMPLETIONS)]
    Completions(completions::CompletionsArgs),
    /// Print the manual page, in roff.
    #[command(after_help = examples::MAN)]
    Man,
}

/// Options of the verbs that read scenarios.
#[derive(Debug, Args)]
struct ScenarioArgs {
    /// Scenario files (*.toml, *.feature), or folders: those directly in them, in the order of their names.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    select: select::SelectArgs,
    /// Set a value of every scenario, like `--set load.baseline_rate=80/s`. May be given more than once.
    #[arg(long = "set", value_name = "PATH=VALUE")]
    sets: Vec<String>,
    /// Seed of everything drawn at random. Drawn, and printed, where it is not given.
    #[arg(long)]
    seed: Option<u64>,
    /// Folder for what runs write. Default: as the settings say, else `reports`.
    #[arg(long, value_name = "DIR")]
    reports: Option<PathBuf>,
    /// Settings. Default: the springback.toml nearest to the scenarios, in their folder or above it.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Profile of the settings, for the environment that is tested.
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// Reach the scenarios' cluster from within, as the pod that this runs in, whatever context they name.
    #[arg(long)]
    in_cluster: bool,
}

/// How to print.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    /// For people.
    Text,
    /// For machines: one JSON document on standard output.
    Json,
}

/// Parses the arguments of this process, does what they say, and tells how it went.
pub fn main() -> ExitCode {
    let exit = match Cli::try_parse() {
        Ok(cli) => dispatch(cli.verb),
        Err(error) => {
            // Where standard output is gone there is nobody left to tell.
            let _ = error.print();
            if error.use_stderr() { Exit::BadInput } else { Exit::Pass }
        }
    };
    ExitCode::from(exit.code())
}

fn dispatch(verb: Verb) -> Exit {
    match verb {
        Verb::Init(args) => init::init(&args),
        Verb::Run(args) => run::run(&args),
        Verb::Plan(args) => plan::plan(&args),
        Verb::Judge(args) => judge::judge(&args),
        Verb::Heal(args) => heal::heal(&args),
        Verb::Steps(args) => steps::steps(&args),
        Verb::Convert(args) => convert::convert(&args),
        Verb::Schema(args) => schema::schema(&args),
        Verb::Explain(args) => explain::explain(&args),
        Verb::Manifest(args) => manifest::manifest(&args),
        Verb::Completions(args) => completions::completions(&args),
        Verb::Man => man::man(),
    }
}
