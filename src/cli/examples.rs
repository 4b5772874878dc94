//! What stands at the end of each `--help`: how the verb is used. That every example parses is tested.

use super::exit::EXIT_CODES;

/// Of springback as a whole: the three commands to begin with.
pub(super) fn first_commands() -> String {
    with_exit_codes(
        "\
Begin here:
  springback init game-days     write a first scenario into a folder, in words for a newcomer
  springback run game-days      run it on this machine, and judge it
  springback explain CODE       what a code in the verdict means, and what to do

`springback VERB --help` shows examples.",
    )
}

/// Of `run`.
pub(super) fn run() -> String {
    with_exit_codes(
        "\
Each scenario gets a folder below the reports folder, with what happened (history.jsonl), the verdict (verdict.json) and a \
summary for people (summary.md). Beside them lie junit.xml and summary.md of the whole call.

Ctrl-C ends load and faults, heals, and still looks what is left behind; a second Ctrl-C skips looking, never healing.

Examples:
  springback run checkout.toml                  one scenario
  springback run game-days --seed 7             all of a folder, with the victims of that seed
  springback run game-days --list               what there is, and how long it can take
  springback run game-days --tags '@nightly and not @slow'
  springback run game-days --retries 2 --max-time 2h
  springback run game-days --output json        for a script; the exit code tells as much
  springback run checkout.toml --set load.baseline_rate=80/s",
    )
}

/// Of `plan`.
pub(super) const PLAN: &str = "\
Examples:
  springback plan checkout.toml                 before the first run, or after a change
  springback plan game-days --output json       for a review by a script
  springback plan checkout.toml --set load.baseline_rate=80/s";

/// Of `judge`.
pub(super) const JUDGE: &str = "\
Examples:
  springback judge reports/night/checkout        the same verdict again
  springback judge reports/night --output json   all scenarios of that call
  springback judge reports/night/checkout --expect stricter.toml";

/// Of `heal`.
pub(super) const HEAL: &str = "\
What is healed already is left as it is, so it does no harm to call it once too often.

Examples:
  springback heal                          whatever any run below reports/ left behind
  springback heal reports/night/checkout   of one run
  springback heal --context staging --namespace shop   of whoever died there, from any machine";

/// Of `schema`.
pub(super) const SCHEMA: &str = "\
A line `#:schema FILE` at the top of a TOML file tells an editor to complete and check with it.

Examples:
  springback schema > scenario.schema.json          for an editor
  springback schema verdict > verdict.schema.json   for whoever reads verdict.json";

/// Of `explain`.
pub(super) const EXPLAIN: &str = "\
Examples:
  springback explain                       all codes, each in a line
  springback explain hpa-window-too-long   one of them, with what to check and how to repair it";

/// Of `init`.
pub(super) const INIT: &str = "\
It asks nothing, and writes over nothing: if one of its files exists, it writes none and names them. \
Below .springback/ lie the schemas that an editor completes with; after an upgrade \
`springback schema > .springback/scenario.schema.json` renews one.

Examples:
  springback init              into this folder
  springback init game-days    into another one, made where there is none";

/// Of `manifest`.
pub(super) const MANIFEST: &str = "\
Everything is printed as YAML for `kubectl apply -f -`. Look at it first: it says what springback may do.

Examples:
  springback manifest role checkout.toml                       what a run must be permitted
  springback manifest reaper checkout.toml --image IMAGE       heals what a dead run left
  springback manifest cronjob game-days --image IMAGE          every night
  springback manifest job checkout.toml --image IMAGE          a gate of CI
  springback manifest postsync checkout.toml --image IMAGE     after a sync of Argo CD
  springback manifest containerfile > Containerfile            for that image";

/// Of `completions`.
pub(super) const COMPLETIONS: &str = "\
Examples:
  springback completions bash > ~/.local/share/bash-completion/completions/springback
  springback completions fish > ~/.config/fish/completions/springback.fish
  springback completions zsh > ~/.zfunc/_springback
For zsh, ~/.zfunc has to be in $fpath before compinit is called.";

/// Of `man`.
pub(super) const MAN: &str = "\
Examples:
  springback man > ~/.local/share/man/man1/springback.1   then: man springback
  springback man | man -l -                               at once";

fn with_exit_codes(text: &str) -> String {
    format!("{text}\n\n{EXIT_CODES}")
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use crate::cli::{Cli, documents};

    /// Commands in a text, each up to a comment or a redirection.
    fn commands(text: &str) -> Vec<Vec<String>> {
        let line_to_words = |line: &str| {
            // Indented, or after a prompt: elsewhere it is the beginning of a sentence.
            let line = ["      - run: ", "  ", "$ "].iter().find_map(|lead| line.strip_prefix(lead))?;
            if !line.starts_with("springback ") {
                return None;
            }
            let line = line.split("   ").next().unwrap_or(line);
            let mut words = Vec::new();
            let mut word = String::new();
            let mut quoted = false;
            for c in line.chars().chain([' ']) {
                match c {
                    '"' | '\'' => quoted = !quoted,
                    ' ' if !quoted => {
                        words.extend(Some(std::mem::take(&mut word)).filter(|word| !word.is_empty()))
                    }
                    '#' | '|' | '>' | '&' if !quoted && word.is_empty() => break,
                    c => word.push(c),
                }
            }
            Some(words)
        };
        text.lines().filter_map(line_to_words).collect()
    }

    #[test]
    fn every_verb_has_an_example() {
        for verb in Cli::command().get_subcommands() {
            let help = verb.get_after_help().map(ToString::to_string).unwrap_or_default();
            let own = commands(&help)
                .into_iter()
                .filter(|words| words.get(1).is_some_and(|word| word == verb.get_name()));
            assert!(own.count() > 0, "{} has no example of itself", verb.get_name());
        }
    }

    #[test]
    fn every_command_that_is_shown_somewhere_is_one() {
        let readme = include_str!("../../README.md");
        let verdicts = include_str!("../../docs/verdicts.md");
        let starter = include_str!("init/checkout.toml").replace("#   springback", "  springback");
        let pages = documents().into_iter().map(|document| document.text);
        let texts = pages.chain([readme.to_owned(), verdicts.to_owned(), starter]);
        let mut seen = 0;
        for words in texts.flat_map(|text| commands(&text)) {
            seen += 1;
            if let Err(error) = Cli::try_parse_from(&words) {
                panic!("{}: {error}", words.join(" "));
            }
        }
        assert!(seen > 25, "only {seen} commands: are they still found?");
    }
}
