//! `completions`: what a shell needs to complete a command line.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::{Cli, Exit, show};

#[derive(Debug, Args)]
pub(super) struct CompletionsArgs {
    /// Of which shell.
    #[arg(value_enum)]
    shell: Shell,
}

pub(super) fn completions(args: &CompletionsArgs) -> Exit {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "springback", &mut script);
    show::print(&String::from_utf8_lossy(&script));
    Exit::Pass
}
