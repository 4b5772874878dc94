//! Parses arguments, picks the verb, and turns the outcome into an exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    // A child of the embedded world is this same program: it is not for people and not in `--help`.
    if let Some(code) = springback::world::local::child_main(std::env::args_os().skip(1)) {
        return code;
    }
    springback::cli::main()
}
