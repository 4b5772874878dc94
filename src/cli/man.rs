//! `man`: one page with all verbs, so that everything can be searched in one place.

use std::io;

use clap::{Command, CommandFactory};
use clap_mangen::Man;
use roff::{Roff, bold, roman};

use super::{Cli, Exit, show};

pub(super) fn man() -> Exit {
    show::print(&page());
    Exit::Pass
}

fn page() -> String {
    let mut command = Cli::command();
    command.build();
    let mut page = Vec::new();
    render(&command, &mut page).expect("memory takes every byte");
    String::from_utf8_lossy(&page).into_owned()
}

fn render(command: &Command, page: &mut Vec<u8>) -> io::Result<()> {
    let man = Man::new(command.clone()).manual("springback").section("1");
    man.render_title(page)?;
    man.render_name_section(page)?;
    man.render_synopsis_section(page)?;
    man.render_description_section(page)?;
    let mut roff = Roff::new();
    roff.control("SH", ["COMMANDS"]);
    roff.to_writer(page)?;
    for verb in command.get_subcommands().filter(|verb| !verb.is_hide_set()) {
        render_verb(verb, page)?;
        for below in verb.get_subcommands() {
            render_verb(below, page)?;
        }
    }
    let after_help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let mut roff = Roff::new();
    for part in after_help.split("\n\n") {
        // `Begin here:` and `Exit codes:` are sections of their own.
        let (title, text) = match part.split_once(":\n") {
            Some((title, text)) => (title, text),
            None => ("NOTES", part),
        };
        roff.control("SH", [title.to_uppercase().as_str()]);
        as_written(&mut roff, text);
    }
    roff.to_writer(page)
}

fn render_verb(verb: &Command, page: &mut Vec<u8>) -> io::Result<()> {
    // That each verb has a `--help` need not be said at each.
    let mut verb = verb.clone().mut_arg("help", |help| help.hide(true));
    let usage = verb.render_usage().to_string();
    let mut roff = Roff::new();
    roff.control("SS", [usage.trim_start_matches("Usage: ")]);
    let about = verb.get_long_about().or_else(|| verb.get_about()).map(ToString::to_string);
    as_written(&mut roff, &about.unwrap_or_default());
    roff.to_writer(page)?;
    let mut options = Vec::new();
    Man::new(verb.clone()).render_options_section(&mut options)?;
    let options = String::from_utf8_lossy(&options);
    // Its heading is that of a page which has but one command. What else it begins with are the definitions of strings.
    page.extend(options.split_inclusive('\n').filter(|line| !line.starts_with(".SH")).flat_map(str::bytes));
    if let Some(text) = verb.get_after_help().map(ToString::to_string) {
        let mut roff = Roff::new();
        // The exit codes are the same everywhere, and have a section.
        let own = text.split("\n\nExit codes:").next().unwrap_or_default();
        roff.control("PP", []);
        as_written(&mut roff, own);
        roff.to_writer(page)?;
    }
    Ok(())
}

/// A text in which lines that begin with a space are kept as they are: examples and tables.
fn as_written(roff: &mut Roff, text: &str) {
    let mut kept = false;
    for line in text.lines() {
        let keep = line.starts_with(' ');
        if keep != kept {
            roff.control(if keep { "nf" } else { "fi" }, []);
            kept = keep;
        }
        match line {
            "" => roff.control("PP", []),
            line if line.ends_with(':') && !keep => roff.text([bold(line)]),
            line => roff.text([roman(line)]),
        };
    }
    if kept {
        roff.control("fi", []);
    }
}
