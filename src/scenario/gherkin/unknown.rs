//! What to say to somebody whose step no sentence of the vocabulary matches.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use crate::scenario::diagnostic::Diagnostic;
use crate::scenario::keys::Kind;
use crate::scenario::problems::Problems;
use crate::scenario::tree::quoted;

use super::outline::Step;
use super::phrase::Form;
use super::{spoken, vocabulary};

/// Sentences less alike than this are not worth a suggestion.
const ALIKE_MIN: f64 = 0.5;

/// A step that says a sentence but for some of its values: where each of them stands, and whether it is understood.
pub(super) struct Nearly {
    pub(super) form: &'static Form,
    pub(super) captures: Vec<Range<usize>>,
    pub(super) understood: Vec<bool>,
}

/// Reports a step that nothing matches: the values that are of another kind, or the nearest sentence. Where the words fit,
/// what they say is still of use.
pub(super) fn report(step: &Step, problems: &Problems) -> Option<Nearly> {
    let said = step.text.text.as_str();
    if let Some(nearly) = nearly(said) {
        report_values(step, &nearly, problems);
        return Some(nearly);
    }
    // What the step would have said is not missing; it is not understood.
    problems.mark_incomplete();
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
    None
}

/// The sentence whose words a step has, with the fewest values that are not understood.
fn nearly(said: &str) -> Option<Nearly> {
    let candidates = vocabulary::forms().iter().filter(|form| form.loose_captures(said).is_some());
    let read = candidates.filter_map(|form| {
        let captures = form.nearly(said)?;
        let understood =
            captures.iter().enumerate().map(|(at, span)| form.takes(at, &said[span.clone()])).collect();
        Some(Nearly { form, captures, understood })
    });
    read.min_by_key(|nearly| nearly.understood.iter().filter(|understood| !**understood).count())
}

fn report_values(step: &Step, nearly: &Nearly, problems: &Problems) {
    let form = nearly.form;
    let values = form.parameters.iter().zip(&nearly.captures).zip(&nearly.understood);
    for ((parameter, span), _) in values.filter(|(_, understood)| !**understood) {
        let text = &step.text.text[span.clone()];
        let name = parameter.rsplit('.').next().unwrap_or(parameter);
        let wanted = spoken::wanted(form.phrase.kind(parameter));
        problems.add(
            Diagnostic::error("bad-value", format!("`{name}` must be {wanted}, not {}", quoted(text)))
                .help(format!("for example: {}", form.phrase.example)),
            Some(&step.text.place_of(span.clone())),
            "this value",
        );
    }
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
        // Of two sentences as near, the one that may stand here, and the one of fewer words.
        if form.phrase.under.contains(&step.keyword) {
            score += 0.02;
        }
        score -= 0.0005 * form.parameters.len() as f64;
        (score, form)
    });
    let (score, form) = scored.max_by(|(a, _), (b, _)| a.total_cmp(b))?;
    (score >= ALIKE_MIN).then_some(form)
}

/// A step without what differs from one to the next: names and quantities.
fn skeleton(said: &str) -> String {
    static VALUES: LazyLock<Regex> = LazyLock::new(|| {
        let kinds = [
            Kind::Rate { zero: true },
            Kind::Price,
            Kind::Time { zero: true },
            Kind::Share { zero: true, max_percent: 100 },
            Kind::Text,
            Kind::Factor,
        ];
        let patterns: Vec<String> =
            kinds.into_iter().map(|kind| format!("(?:{})", spoken::pattern(kind))).collect();
        Regex::new(&patterns.join("|")).expect("the patterns of kinds are regular expressions")
    });
    VALUES.replace_all(said, "_").to_lowercase()
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
