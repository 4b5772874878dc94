//! What to say to somebody whose step no sentence of the vocabulary matches.

use crate::scenario::diagnostic::Diagnostic;
use crate::scenario::problems::Problems;
use crate::scenario::tree::quoted;

use super::outline::Step;
use super::phrase::Form;
use super::{spoken, vocabulary};

/// Sentences less alike than this are not worth a suggestion.
const ALIKE_MIN: f64 = 0.55;

/// Reports a step that nothing matches: the parameter that is of another kind, or the nearest sentence.
pub(super) fn report(step: &Step, problems: &Problems) {
    let said = step.text.text.as_str();
    if report_parameter(step, problems) {
        return;
    }
    let mut help = match nearest(said, step) {
        Some(form) => {
            let keyword = form.phrase.under[0].as_str();
            format!("did you mean `{keyword} {}`?\nfor example: {}", form.expression, form.phrase.example)
        }
        None => "`springback steps` lists the sentences that are known".to_owned(),
    };
    if said.contains(" #") {
        help.push_str("\na comment needs a line of its own");
    }
    problems.add(
        Diagnostic::error("unknown-step", format!("no sentence of the vocabulary says {}", quoted(said)))
            .help(help),
        Some(&step.text.place),
        "not understood",
    );
}

/// Where the words fit and only a value does not, it is the value that is wrong.
fn report_parameter(step: &Step, problems: &Problems) -> bool {
    let said = step.text.text.as_str();
    let candidates = vocabulary::forms().iter().filter_map(|form| {
        let captures = form.loose_captures(said)?;
        let wrong: Vec<_> = form
            .parameters
            .iter()
            .zip(captures)
            .filter(|(parameter, span)| !form.takes(parameter, &said[span.clone()]))
            .collect();
        Some((form, wrong))
    });
    let Some((form, wrong)) = candidates.min_by_key(|(_, wrong)| wrong.len()) else { return false };
    let mut any = false;
    for (parameter, span) in wrong {
        any = true;
        let kind = form.phrase.kind(parameter);
        let text = &said[span.clone()];
        let name = parameter.rsplit('.').next().unwrap_or(parameter);
        problems.add(
            Diagnostic::error(
                "bad-value",
                format!("`{name}` must be {}, not {}", spoken::wanted(kind), quoted(text)),
            )
            .help(format!("for example: {}", form.phrase.example)),
            Some(&step.text.place_of(span)),
            "this value",
        );
    }
    any
}

/// Two sentences that match the same step are a mistake of the vocabulary, and the user's only way out is to see both.
pub(super) fn report_ambiguous(step: &Step, first: &Form, second: &Form, problems: &Problems) {
    problems.add(
        Diagnostic::error("ambiguous-step", "this step can be understood in two ways").help(format!(
            "as `{}`, or as `{}`; say it in the words of one of their examples:\n{}\n{}",
            first.expression, second.expression, first.phrase.example, second.phrase.example
        )),
        Some(&step.text.place),
        "which one is meant?",
    );
}

/// The sentence most like a step, by its words: names and numbers do not count.
fn nearest(said: &str, step: &Step) -> Option<&'static Form> {
    let said = skeleton(said);
    let scored = vocabulary::forms().iter().map(|form| {
        let mut score = strsim::sorensen_dice(&said, &skeleton_of(form));
        // Of two sentences as near, the one that may stand here.
        if form.phrase.under.contains(&step.keyword) {
            score += 0.02;
        }
        (score, form)
    });
    let (score, form) = scored.max_by(|(a, _), (b, _)| a.total_cmp(b))?;
    (score >= ALIKE_MIN).then_some(form)
}

/// A step without what differs from one to the next.
fn skeleton(said: &str) -> String {
    let mut out = String::new();
    let mut quote = None;
    for c in said.chars() {
        match quote {
            Some(open) if c == open => {
                quote = None;
                out.push('_');
            }
            Some(_) => {}
            None if c == '"' => quote = Some(c),
            None if c.is_ascii_digit() || c == '.' => {
                if !out.ends_with('_') {
                    out.push('_');
                }
            }
            None => out.extend(c.to_lowercase()),
        }
    }
    out
}

fn skeleton_of(form: &Form) -> String {
    let mut out = String::new();
    let mut inside = false;
    for c in form.expression.chars() {
        match c {
            '{' => inside = true,
            '}' => {
                inside = false;
                out.push('_');
            }
            '(' | ')' => {}
            c if !inside => out.push(c),
            _ => {}
        }
    }
    out
}
