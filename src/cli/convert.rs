//! `convert`: a scenario in TOML as a feature, and the other way round.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::scenario::{self, Diagnostic, Overrides, Source};

use super::{Exit, settings, show, suite};

#[derive(Debug, Args)]
#[command(after_help = "\
Both say the same: what comes out lowers to an equal scenario. Comments are not carried over, and what a feature takes from \
another file is written out.

Examples:
  springback convert scenarios/spike.toml > features/spike.feature
  springback convert features/leak.feature --to leak.toml
  springback convert features/elasticity.feature --scenario \"NAME OF ONE\"")]
pub(super) struct ConvertArgs {
    /// A scenario (*.toml) or a feature (*.feature).
    file: PathBuf,
    /// Which scenario of a feature that holds several.
    #[arg(long, value_name = "NAME")]
    scenario: Option<String>,
    /// Write into this file, which must not exist yet, instead of standard output.
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
}

pub(super) fn convert(args: &ConvertArgs) -> Exit {
    let text = match converted(args) {
        Ok(text) => text,
        Err(exit) => return exit,
    };
    let Some(to) = &args.to else {
        show::print(&text);
        return Exit::Pass;
    };
    if to.exists() {
        show::error(format!("\"{}\" exists already, and is not written over", to.display()));
        return Exit::BadInput;
    }
    match suite::write(to, &text) {
        Ok(()) => Exit::Pass,
        Err(error) => {
            show::error(format!("cannot write \"{}\": {error}", to.display()));
            Exit::Refused
        }
    }
}

fn converted(args: &ConvertArgs) -> Result<String, Exit> {
    let bad = |diagnostics: Vec<Diagnostic>| {
        show::diagnostics(&diagnostics);
        Exit::BadInput
    };
    // A scenario may lean on defaults; what is written is only what it says itself.
    let project = settings::read(None, std::slice::from_ref(&args.file), None).map_err(bad)?;
    let overrides = Overrides {
        set: &[],
        project: Some(&project),
        environment: &settings::environment,
        files: &Source::read,
    };
    let source = Source::read(&args.file).map_err(bad)?;
    if args.file.extension().is_none_or(|extension| extension != scenario::FEATURE) {
        return scenario::toml_as_feature(&source, &overrides).map_err(bad);
    }
    let folder = args.file.parent().unwrap_or(Path::new(""));
    let import = |path: &Path| Source::read(&folder.join(path));
    let mut found = scenario::feature_as_toml(&source, &overrides, &import).map_err(bad)?;
    if let Some(name) = &args.scenario {
        found.retain(|(known, _)| known == name);
    }
    match <[_; 1]>::try_from(found) {
        Ok([(_, text)]) => Ok(text),
        Err(found) => {
            let names: Vec<String> = found.iter().map(|(name, _)| format!("\n  {name}")).collect();
            show::error(match &args.scenario {
                Some(name) => format!("\"{}\" holds no scenario \"{name}\"", args.file.display()),
                None => format!(
                    "\"{}\" holds {} scenarios, and a TOML file one; choose with --scenario:{}",
                    args.file.display(),
                    found.len(),
                    names.concat()
                ),
            });
            Err(Exit::BadInput)
        }
    }
}
