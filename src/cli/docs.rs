//! The pages of `docs/` that follow from what the code knows. A test holds them to it and renews them.

use std::fmt::Write;

use clap::{Command, CommandFactory};
use serde_json::Value;

use crate::report;
use crate::scenario::{self, Keyword, Sentence, TableReference};
use crate::{check, diagnose};

use super::Cli;

/// A file of `docs/`.
#[derive(Debug)]
pub struct Document {
    /// Below the folder of the project.
    pub path: &'static str,
    /// All of it.
    pub text: String,
}

/// Columns of a `--help` in the documents.
const HELP_COLUMNS: usize = 100;

/// All generated pages.
pub fn documents() -> Vec<Document> {
    let document = |path, text| Document { path, text };
    vec![
        document("docs/scenario.md", scenario_page()),
        document("docs/settings.md", settings_page()),
        document("docs/vocabulary.md", vocabulary_page()),
        document("docs/codes.md", codes_page()),
        document("docs/command-line.md", command_line_page()),
        document("docs/schema/scenario.schema.json", json(&scenario::schema())),
        document("docs/schema/system.schema.json", json(&scenario::system_schema())),
        document("docs/schema/expectations.schema.json", json(&scenario::expectations_schema())),
        document("docs/schema/project.schema.json", json(&scenario::project_schema())),
        document("docs/schema/verdict.schema.json", json(&report::verdict_schema())),
        document("docs/schema/suite.schema.json", json(&report::suite_schema())),
    ]
}

/// A schema as a file.
pub(super) fn json(schema: &Value) -> String {
    let mut text = serde_json::to_string_pretty(schema).expect("a schema is plain data");
    text.push('\n');
    text
}

/// The beginning of a page.
fn page(title: &str, introduction: &str) -> String {
    format!(
        "<!-- Generated from the code; `UPDATE_DOCS=1 cargo test --test docs` renews it. -->\n\n# {title}\n\n{introduction}\n"
    )
}

fn scenario_page() -> String {
    let mut page = page(
        "Keys of a scenario",
        "A scenario is a TOML file. Every quantity is a text with its unit: `\"5s\"`, `\"1m 30s\"`, `\"250ms\"`; `\"40/s\"`, \
         `\"1200/min\"`; `\"99.9%\"`; `\"0.10 USD/h\"`. A text may hold `${NAME}` or `${NAME:-default}`, which is filled in from the \
         environment. `springback plan FILE` shows what holds where a key is not written.\n\n\
         Editors complete and check with [schema/scenario.schema.json](schema/scenario.schema.json), which a line \
         `#:schema PATH` at the top of the file names.",
    );
    reference(&mut page, &scenario::scenario_reference(), "the file itself");
    page
}

fn settings_page() -> String {
    let mut page = page(
        "Keys of springback.toml",
        "springback looks for `springback.toml` in the folder of the scenarios, then upwards as far as the repository goes; \
         `--config FILE` names another one, and `--profile NAME` chooses one of its profiles.\n\n\
         Of several values for the same key the first of these counts: `--set`, `set` of the profile, the scenario, `defaults` of \
         the profile, `defaults`, what is built in. Tables are merged key by key; a list or a value is taken as a whole. A default \
         only adds to what a scenario has: it makes up no load, no group and no expectation. `springback plan PATH` shows where \
         each value comes from.\n\n\
         Editors complete and check with [schema/project.schema.json](schema/project.schema.json).",
    );
    reference(&mut page, &scenario::project_reference(), "the file itself");
    page.push_str("\n## What has no default\n\nThese keys of a scenario may not stand under `defaults`:\n\n");
    for (path, why) in scenario::keys_without_default() {
        let _ = writeln!(page, "- `{path}`: {why}");
    }
    page
}

/// A chapter a table, and a row a key.
fn reference(page: &mut String, tables: &[TableReference], root: &str) {
    for table in tables {
        let path = table.paths.first().map(String::as_str).unwrap_or_default();
        let _ = match path {
            "" => writeln!(page, "\n## {}{}\n", root[..1].to_uppercase(), &root[1..]),
            path => writeln!(page, "\n## `{path}`\n"),
        };
        let _ = writeln!(page, "{}", table.about);
        if table.paths.len() > 1 {
            let others: Vec<String> = table.paths[1..].iter().map(|path| format!("`{path}`")).collect();
            let _ = writeln!(page, "The same keys stand in {}.", others.join(" and "));
        }
        if !table.one_of.is_empty() {
            let names: Vec<String> = table.one_of.iter().map(|name| format!("`{name}`")).collect();
            let _ = writeln!(page, "Exactly one of {} must be there.", names.join(", "));
        }
        page.push_str("\n| key | takes | example | meaning |\n|---|---|---|---|\n");
        for key in &table.keys {
            let required = if key.required { " (required)" } else { "" };
            let takes = match &key.leads_to {
                Some(path) => format!("[{}](#{})", key.takes, anchor(path)),
                None => key.takes.clone(),
            };
            let (example, about) = (cell(key.example), cell(key.about));
            let _ = writeln!(page, "| `{}`{required} | {takes} | `{example}` | {about} |", key.name);
        }
    }
}

/// What a bar would end.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

/// The name under which a heading can be linked to.
fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.flat_map(char::to_lowercase).map(|c| if c == ' ' { '-' } else { c }).collect()
}

fn vocabulary_page() -> String {
    let mut page = page(
        "Sentences of a feature",
        "A sentence stands under the keyword of its section, or under `And` or `But` after it. `{…}` is a value, `[…]` may be \
         left out, `(s)` is the plural, `a/b` is one of both. A table of keys and values below a step sets more keys of what the \
         step speaks of: [scenario.md](scenario.md) has them all. `springback steps WORD` finds a sentence.",
    );
    let sentences = scenario::sentences();
    for (keyword, title) in [
        (Keyword::Given, "Given: what is there before anything happens"),
        (Keyword::When, "When: what is done to the system"),
        (Keyword::Then, "Then: what must hold"),
    ] {
        let _ = writeln!(page, "\n## {title}");
        for sentence in sentences.iter().filter(|sentence| sentence.under.contains(&keyword)) {
            one_sentence(&mut page, sentence, keyword);
        }
    }
    page
}

fn one_sentence(page: &mut String, sentence: &Sentence, keyword: Keyword) {
    page.push('\n');
    for says in &sentence.says {
        let _ = writeln!(page, "- `{says}`");
    }
    let said = sentence.example.split_once(' ').map_or(sentence.example, |(_, said)| said);
    let _ = writeln!(page, "\n  ```gherkin\n  {} {said}", keyword.as_str());
    for line in sentence.below.into_iter().flat_map(str::lines) {
        let _ = writeln!(page, "    {line}");
    }
    page.push_str("  ```\n");
}

fn codes_page() -> String {
    let mut page = page(
        "Codes of a verdict",
        "A *finding* says what was judged; a *diagnosis* says why it is not a pass. Their codes are stable: a script may look for \
         them. `springback explain CODE` prints the same at a terminal. What pass, fail and inconclusive mean: \
         [verdicts.md](verdicts.md).",
    );
    page.push_str("\n## Findings\n\n| code | meaning |\n|---|---|\n");
    for (code, meaning) in check::CODES {
        let _ = writeln!(page, "| `{code}` | {} |", cell(meaning));
    }
    page.push_str("\n## Diagnoses\n");
    for play in diagnose::PLAYBOOK {
        let _ = writeln!(page, "\n### {}\n\n*{}.* {}\n", play.code, capital(play.title), play.meaning);
        let _ = writeln!(page, "**Recognised by.** {}\n\n**Check**\n", play.recognised_by);
        for check in play.check {
            let _ = writeln!(page, "- {check}");
        }
        let _ = writeln!(page, "\n**Fix.** {}", play.fix);
        if !play.kubernetes.is_empty() {
            let _ = writeln!(page, "\n**On Kubernetes.** {}", play.kubernetes);
        }
    }
    page
}

fn capital(text: &str) -> String {
    let mut rest = text.chars();
    rest.next().map_or_else(String::new, |first| first.to_uppercase().chain(rest).collect())
}

fn command_line_page() -> String {
    let mut page = page(
        "The command line",
        "What `--help` prints, of springback and of each verb. `springback man` has it as a manual page, and \
         `springback completions SHELL` for the shell.",
    );
    let mut command = Cli::command().term_width(HELP_COLUMNS);
    command.build();
    let mut help = |title: &str, command: &mut Command| {
        let text = command.render_long_help().to_string();
        let text: Vec<&str> = text.trim_end().lines().map(str::trim_end).collect();
        let _ = writeln!(page, "\n## {title}\n\n```text\n{}\n```", text.join("\n"));
    };
    help("springback", &mut command);
    for verb in command.get_subcommands_mut().filter(|verb| !verb.is_hide_set()) {
        let name = verb.get_name().to_owned();
        help(&name, verb);
        for below in verb.get_subcommands_mut() {
            let name = format!("{name} {}", below.get_name());
            help(&name, below);
        }
    }
    page
}
