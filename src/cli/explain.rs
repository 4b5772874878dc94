//! `explain`: what a code means and what to do about it.

use std::fmt::Write;

use clap::Args;

use crate::{check, diagnose};

use super::{Exit, show};

#[derive(Debug, Args)]
pub(super) struct ExplainArgs {
    /// A code from a verdict, such as hpa-window-too-long. Without it: all codes.
    code: Option<String>,
}

pub(super) fn explain(args: &ExplainArgs) -> Exit {
    let Some(code) = args.code.as_deref() else {
        show::print(&all());
        return Exit::Pass;
    };
    let finding = check::meaning(code).map(|meaning| format!("{code}: a finding\n\n{meaning}\n"));
    let parts: Vec<String> =
        finding.into_iter().chain(diagnose::explain(code).map(|play| play.to_string())).collect();
    if !parts.is_empty() {
        show::print(&parts.join("\n"));
        return Exit::Pass;
    }
    let nearest =
        diagnose::nearest(code).map_or_else(String::new, |near| format!(", did you mean \"{near}\"?"));
    show::error(format!("no such code: \"{code}\"{nearest}; `springback explain` lists all"));
    Exit::BadInput
}

fn all() -> String {
    let mut text = String::from("Findings (what was judged):\n");
    for (code, meaning) in check::CODES {
        let _ = writeln!(text, "  {code:<26} {}", first_sentence(meaning));
    }
    text.push_str("\nDiagnoses (why):\n");
    for play in diagnose::PLAYBOOK {
        let _ = writeln!(text, "  {:<26} {}", play.code, play.title);
    }
    text
}

fn first_sentence(text: &str) -> &str {
    text.split_inclusive(". ").next().unwrap_or(text).trim_end()
}
