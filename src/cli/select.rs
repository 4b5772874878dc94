//! `--tags` and `--skip`: which scenarios of a call are meant.

use std::collections::BTreeSet;

use clap::Args;

use crate::report::Selection;
use crate::scenario::{Diagnostic, TagExpression};

use super::load::Loaded;
use super::show;

#[derive(Debug, Clone, Args)]
pub(super) struct SelectArgs {
    /// Keep the scenarios with these tags, like `--tags "@nightly and not (@slow or @flaky)"`. The `@` may be left out.
    #[arg(long, value_name = "EXPR")]
    tags: Option<String>,
    /// Leave out the scenarios with these tags, like `--skip @expected-failure`.
    #[arg(long, value_name = "EXPR")]
    skip: Option<String>,
}

impl SelectArgs {
    /// The same, as they are written on a command line.
    pub(super) fn words(&self) -> Vec<String> {
        let both = [("--tags", &self.tags), ("--skip", &self.skip)].into_iter();
        let given = both.filter_map(|(option, value)| Some([option.to_owned(), value.clone()?]));
        given.flatten().collect()
    }
}

/// The expressions of a call, read.
pub(super) struct Expressions<'a> {
    args: &'a SelectArgs,
    tags: Option<TagExpression>,
    skip: Option<TagExpression>,
}

/// What is left of a call.
pub(super) struct Selected {
    pub(super) scenarios: Vec<Loaded>,
    /// Names of the others.
    pub(super) left_out: Vec<String>,
    /// `None` where everything is meant.
    pub(super) selection: Option<Selection>,
}

impl<'a> Expressions<'a> {
    /// # Errors
    /// Everything that is wrong with either of them.
    pub(super) fn read(args: &'a SelectArgs) -> Result<Self, Vec<Diagnostic>> {
        let mut mistakes = Vec::new();
        let mut read = |option: &str, text: &Option<String>| {
            let text = text.as_ref()?;
            TagExpression::parse(option, text).map_err(|found| mistakes.extend(found)).ok()
        };
        let (tags, skip) = (read("--tags", &args.tags), read("--skip", &args.skip));
        if mistakes.is_empty() { Ok(Self { args, tags, skip }) } else { Err(mistakes) }
    }

    /// Takes the scenarios that are meant; warns of tags that none of them all has.
    ///
    /// # Errors
    /// None is meant, and why.
    pub(super) fn select(&self, loaded: Vec<Loaded>) -> Result<Selected, String> {
        if self.tags.is_none() && self.skip.is_none() {
            return Ok(Selected { scenarios: loaded, left_out: Vec::new(), selection: None });
        }
        let known: BTreeSet<&str> =
            loaded.iter().flat_map(|one| &one.lowered.scenario.tags).map(String::as_str).collect();
        let unknown =
            [&self.tags, &self.skip].into_iter().flatten().flat_map(|tags| tags.unknown_tags(&known));
        show::diagnostics(&unknown.collect::<Vec<_>>());
        let of = loaded.len();
        let (scenarios, others): (Vec<Loaded>, Vec<Loaded>) =
            loaded.into_iter().partition(|one| self.means(&one.lowered.scenario.tags));
        if scenarios.is_empty() {
            return Err(self.why_none(of));
        }
        let left_out = others.into_iter().map(|one| one.lowered.scenario.name).collect();
        let selection = Selection {
            selected: scenarios.len(),
            of,
            tags: self.args.tags.clone(),
            skip: self.args.skip.clone(),
        };
        Ok(Selected { scenarios, left_out, selection: Some(selection) })
    }

    fn means(&self, tags: &[String]) -> bool {
        self.tags.as_ref().is_none_or(|wanted| wanted.selects(tags))
            && !self.skip.as_ref().is_some_and(|skipped| skipped.selects(tags))
    }

    fn why_none(&self, of: usize) -> String {
        let whole = match of {
            1 => "the one scenario of this call".to_owned(),
            of => format!("any of the {of} scenarios of this call"),
        };
        match (&self.args.tags, &self.args.skip) {
            (Some(tags), None) => format!("no scenario is selected: --tags \"{tags}\" does not keep {whole}"),
            (None, Some(skip)) => {
                let whole = whole.replace("any of", "all");
                format!("no scenario is selected: --skip \"{skip}\" leaves out {whole}")
            }
            (tags, skip) => format!(
                "no scenario is selected: --tags \"{}\" and --skip \"{}\" together do not leave {whole}",
                tags.as_deref().unwrap_or_default(),
                skip.as_deref().unwrap_or_default()
            ),
        }
    }
}

/// `3 of 13 scenarios selected`.
pub(super) fn said(selection: &Selection) -> String {
    format!("{} of {} scenarios selected", selection.selected, selection.of)
}
