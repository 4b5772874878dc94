//! `--tags` and `--skip`: which of the scenarios that were read are meant.

use std::collections::BTreeSet;

use clap::Args;
use gherkin::tagexpr::TagOperation;

use crate::scenario::nearest;

use super::load::Loaded;
use super::{Exit, show};

/// Which scenarios are meant.
#[derive(Debug, Args)]
pub(super) struct Selection {
    /// Only scenarios with these tags: `nightly`, `@nightly and not @slow`, `(@a or @b) and @c`.
    #[arg(long, value_name = "TAGS")]
    tags: Option<String>,
    /// All scenarios but those with these tags.
    #[arg(long, value_name = "TAGS")]
    skip: Option<String>,
}

/// Chooses scenarios; the number of those that were left out comes back with them.
///
/// # Errors
/// An expression that is none, or nothing that fits; both are said by then.
pub(super) fn select(loaded: Vec<Loaded>, selection: &Selection) -> Result<(Vec<Loaded>, usize), Exit> {
    let (tags, skip) = match (parse("--tags", &selection.tags), parse("--skip", &selection.skip)) {
        (Ok(tags), Ok(skip)) => (tags, skip),
        (tags, skip) => {
            tags.err().into_iter().chain(skip.err()).for_each(show::error);
            return Err(Exit::BadInput);
        }
    };
    let known: BTreeSet<String> = loaded.iter().flat_map(|one| one.lowered.scenario.tags.clone()).collect();
    for wanted in [&tags, &skip].into_iter().flatten().flat_map(mentioned) {
        if !known.contains(wanted) {
            let near = nearest(wanted, known.iter().map(String::as_str));
            let help = near.map_or_else(String::new, |near| format!("; did you mean @{near}?"));
            show::say(format_args!("warning: no scenario of this call has the tag @{wanted}{help}"));
        }
    }
    let all = loaded.len();
    let is_meant = |one: &Loaded| {
        let own = &one.lowered.scenario.tags;
        tags.as_ref().is_none_or(|tags| holds(tags, own))
            && skip.as_ref().is_none_or(|skip| !holds(skip, own))
    };
    let chosen: Vec<Loaded> = loaded.into_iter().filter(is_meant).collect();
    if chosen.is_empty() {
        let tags: Vec<String> = known.iter().map(|tag| format!("@{tag}")).collect();
        let known = if tags.is_empty() {
            "none has a tag".to_owned()
        } else {
            format!("their tags: {}", tags.join(" "))
        };
        show::error(format!(
            "none of {all} scenarios is left by --tags and --skip ({known}); nothing was started"
        ));
        return Err(Exit::BadInput);
    }
    let left_out = all - chosen.len();
    Ok((chosen, left_out))
}

fn parse(option: &str, text: &Option<String>) -> Result<Option<TagOperation>, String> {
    let Some(text) = text else { return Ok(None) };
    let mistake = |column: usize, why: &str| {
        format!(
            "{option} \"{text}\": {why} at column {column}; write tags with `and`, `or`, `not` and brackets between, for \
             example \"@nightly and not @slow\""
        )
    };
    let (marked, columns) = with_marks(text);
    if marked.trim().is_empty() {
        return Err(mistake(1, "a tag is missing"));
    }
    marked.trim().parse().map(Some).map_err(|error: <TagOperation as std::str::FromStr>::Err| {
        let leading = marked.len() - marked.trim_start().len();
        let column =
            columns.get(error.location.offset + leading).copied().unwrap_or(text.chars().count() + 1);
        mistake(column, "this is no tag expression")
    })
}

/// The expression with an `@` before each tag, as the parser has it, and for each of its bytes the column in the text.
fn with_marks(text: &str) -> (String, Vec<usize>) {
    let mut marked = String::new();
    let mut columns = Vec::new();
    let mut push = |marked: &mut String, c: char, column: usize| {
        marked.push(c);
        columns.extend(std::iter::repeat_n(column, c.len_utf8()));
    };
    let mut characters = text.chars().enumerate().peekable();
    while let Some((at, c)) = characters.next() {
        if c.is_whitespace() || c == '(' || c == ')' {
            push(&mut marked, c, at + 1);
            continue;
        }
        let mut word = String::from(c);
        while let Some((_, c)) = characters.next_if(|(_, c)| !c.is_whitespace() && *c != '(' && *c != ')') {
            word.push(c);
        }
        if !word.starts_with('@') && !matches!(word.as_str(), "and" | "or" | "not") {
            push(&mut marked, '@', at + 1);
        }
        for (index, c) in word.chars().enumerate() {
            push(&mut marked, c, at + index + 1);
        }
    }
    (marked, columns)
}

fn holds(expression: &TagOperation, tags: &[String]) -> bool {
    match expression {
        TagOperation::And(a, b) => holds(a, tags) && holds(b, tags),
        TagOperation::Or(a, b) => holds(a, tags) || holds(b, tags),
        TagOperation::Not(one) => !holds(one, tags),
        TagOperation::Tag(tag) => tags.iter().any(|own| own == tag),
    }
}

/// The tags that an expression speaks of.
fn mentioned(expression: &TagOperation) -> Vec<&str> {
    match expression {
        TagOperation::And(a, b) | TagOperation::Or(a, b) => [mentioned(a), mentioned(b)].concat(),
        TagOperation::Not(one) => mentioned(one),
        TagOperation::Tag(tag) => vec![tag],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(expression: &str, tags: &[&str]) -> bool {
        let tags: Vec<String> = tags.iter().map(|tag| (*tag).to_owned()).collect();
        let parsed = parse("--tags", &Some(expression.to_owned())).unwrap().unwrap();
        holds(&parsed, &tags)
    }

    #[test]
    fn expressions_are_cucumbers_with_or_without_their_marks() {
        for (expression, tags, is_chosen) in [
            ("nightly", &["nightly"][..], true),
            ("@nightly", &["nightly"], true),
            ("nightly", &["nightlyish"], false),
            ("@nightly and not @slow", &["nightly", "slow"], false),
            ("nightly and not slow", &["nightly"], true),
            ("(a or b) and c", &["b", "c"], true),
            ("(a or b) and c", &["a", "b"], false),
            (" a or b ", &["b"], true),
            ("not expected-failure", &[], true),
        ] {
            assert_eq!(chosen(expression, tags), is_chosen, "{expression} on {tags:?}");
        }
    }

    #[test]
    fn what_is_no_expression_says_where() {
        for (expression, column) in [
            ("", 1),
            ("a b", 3),
            ("and", 1),
            ("a and", 6),
            ("(a or b", 8),
            ("a or ) b", 6),
            ("é and (", 8),
            ("a and not", 10),
        ] {
            let said = parse("--tags", &Some(expression.to_owned())).unwrap_err();
            assert!(said.contains(&format!("at column {column};")), "{expression}: {said}");
        }
    }
}
