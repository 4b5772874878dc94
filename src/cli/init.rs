//! `init`: a first scenario, a first feature and their settings, in words for somebody who has never seen any.

use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::Value;
use textwrap::core::display_width;

use crate::scenario;

use super::{Exit, docs, show};

#[derive(Debug, Args)]
pub(super) struct InitArgs {
    /// Folder to write into; made where there is none. What lies in it already is left as it is.
    #[arg(value_name = "DIR", default_value = ".")]
    folder: PathBuf,
}

/// What a newcomer is given.
struct Starter {
    path: &'static str,
    what: &'static str,
    text: Text,
}

enum Text {
    /// A file beside this one.
    Template(&'static str),
    /// What an editor completes and checks with: here, so that it needs no network for it.
    Schema(fn() -> Value),
}

impl Text {
    fn text(&self) -> String {
        match self {
            Self::Template(text) => (*text).to_owned(),
            Self::Schema(schema) => docs::json(&schema()),
        }
    }
}

const STARTERS: [Starter; 5] = [
    Starter {
        path: "checkout.toml",
        what: "a scenario: a surge, a kill, and what must hold afterwards",
        text: Text::Template(include_str!("init/checkout.toml")),
    },
    Starter {
        path: "checkout.feature",
        what: "a smaller one in sentences",
        text: Text::Template(include_str!("init/checkout.feature")),
    },
    Starter {
        path: "springback.toml",
        what: "settings for all scenarios in the folder",
        text: Text::Template(include_str!("init/springback.toml")),
    },
    Starter {
        path: ".springback/scenario.schema.json",
        what: "for editors: completes and checks scenarios",
        text: Text::Schema(scenario::schema),
    },
    Starter {
        path: ".springback/project.schema.json",
        what: "for editors: completes and checks springback.toml",
        text: Text::Schema(scenario::project_schema),
    },
];

pub(super) fn init(args: &InitArgs) -> Exit {
    let folder = &args.folder;
    let taken: Vec<String> = STARTERS
        .iter()
        .map(|starter| folder.join(starter.path))
        // A link that leads nowhere is in the way, too.
        .filter(|path| path.symlink_metadata().is_ok())
        .map(|path| format!("\n  {}", path.display()))
        .collect();
    if !taken.is_empty() {
        show::error(format!(
            "nothing was written, because these exist already:{}\nmove them away, or name another folder: \
             `springback init DIR`",
            taken.concat()
        ));
        return Exit::BadInput;
    }
    if let Err((path, error)) = write_all(folder) {
        show::error(format!("cannot write \"{}\": {error}; nothing was left behind", path.display()));
        return Exit::Refused;
    }
    show::print(&next_steps(folder));
    Exit::Pass
}

/// Writes all files or none.
fn write_all(folder: &Path) -> Result<(), (PathBuf, io::Error)> {
    let mut made = Made::default();
    for starter in &STARTERS {
        let path = folder.join(starter.path);
        if let Err(error) = made.write(&path, &starter.text.text()) {
            made.take_away();
            return Err((path, error));
        }
    }
    Ok(())
}

/// What was made so far, in that order.
#[derive(Default)]
struct Made {
    folders: Vec<PathBuf>,
    files: Vec<PathBuf>,
}

impl Made {
    fn write(&mut self, path: &Path, text: &str) -> io::Result<()> {
        let missing: Vec<&Path> = path
            .ancestors()
            .skip(1)
            .take_while(|folder| !folder.as_os_str().is_empty() && !folder.exists())
            .collect();
        for folder in missing.into_iter().rev() {
            fs::create_dir(folder)?;
            self.folders.push(folder.to_owned());
        }
        // Somebody else may have made it since it was looked for.
        let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
        self.files.push(path.to_owned());
        io::Write::write_all(&mut file, text.as_bytes())
    }

    fn take_away(self) {
        for file in &self.files {
            let _ = fs::remove_file(file);
        }
        for folder in self.folders.iter().rev() {
            let _ = fs::remove_dir(folder);
        }
    }
}

fn next_steps(folder: &Path) -> String {
    let mut page = format!("Wrote into {}:\n", folder.display());
    rows(&mut page, STARTERS.iter().map(|starter| (starter.path.to_owned(), starter.what)).collect());
    page.push_str("\nNext:\n");
    let (program, folder) = (program(), quoted(&folder.display().to_string()));
    let next = vec![
        (format!("{program} plan {folder}"), "what a run would do; starts nothing"),
        (format!("{program} run {folder}"), "runs both, half a minute in all, on this machine alone"),
        (format!("{program} explain"), "what the codes of a verdict mean, and what to do"),
    ];
    rows(&mut page, next);
    page
}

/// Two columns.
fn rows(page: &mut String, rows: Vec<(String, &str)>) {
    let width = rows.iter().map(|(left, _)| display_width(left)).max().unwrap_or_default();
    for (left, right) in rows {
        let padding = width - display_width(&left);
        let _ = writeln!(page, "  {left}{:padding$}  {right}", "");
    }
}

/// This program as it was called, so that the next command can be copied whether or not it is on the path.
fn program() -> String {
    let called = std::env::args().next().unwrap_or_default();
    if called.is_empty() { "springback".to_owned() } else { quoted(&called) }
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "./_-+:@%".contains(c);
    if word.chars().all(plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}
