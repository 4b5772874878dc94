//! Tag expressions, as cucumber has them: `@nightly and not (@slow or @flaky)`.
//!
//! The grammar and its precedence are those of the crate `gherkin`. It takes no blank at either end, wants an `@` before
//! every tag, recurses as deep as it is told to, and says little of what is wrong; so the words are looked at here first,
//! and the crate gets them in a form that it always takes.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use gherkin::tagexpr::TagOperation;

use super::diagnostic::{Diagnostic, Listing};
use super::spelling::nearest;

/// Longest expression in bytes. Deeper nesting than fits into it is no matter for the parser's stack.
const LONGEST: usize = 1_000;

/// What people write for a word, and the word.
const SIGNS: [(&str, &str); 7] =
    [("&&", "and"), ("||", "or"), ("&", "and"), ("|", "or"), ("!", "not"), ("~", "not"), (",", "or")];

/// Which scenarios are meant, by their tags.
#[derive(Debug, Clone)]
pub struct TagExpression {
    listing: Arc<Listing>,
    operation: TagOperation,
    /// The tags that it names, with their places.
    named: Vec<(String, Range<usize>)>,
}

/// What a piece of an expression is.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Open,
    Close,
    And,
    Or,
    Not,
    /// A tag, unescaped.
    Tag(String),
}

impl TagExpression {
    /// Reads an expression. `option` is what it was given with, like `--tags`.
    ///
    /// # Errors
    /// Everything that is wrong with it, in the order in which it is written.
    pub fn parse(option: &str, text: &str) -> Result<Self, Vec<Diagnostic>> {
        let listing = Listing::new(option, text);
        let mut scan = Scan { listing: &listing, text, mistakes: Vec::new() };
        let pieces = scan.pieces();
        scan.check_order(&pieces);
        if !scan.mistakes.is_empty() {
            return Err(scan.mistakes);
        }
        let canonical: Vec<String> = pieces.iter().map(|(piece, _)| piece.canonical()).collect();
        let operation = canonical.join(" ").parse().expect("what was looked at is an expression");
        let named = pieces.into_iter().filter_map(|(piece, span)| match piece {
            Piece::Tag(tag) => Some((tag, span)),
            _ => None,
        });
        Ok(Self { named: named.collect(), listing, operation })
    }

    /// Whether a scenario with these tags is meant.
    pub fn selects(&self, tags: &[String]) -> bool {
        let tags: BTreeSet<&str> = tags.iter().map(|tag| bare(tag)).collect();
        holds(&self.operation, &tags)
    }

    /// A warning for each tag of the expression that is none of `known`: it selects nothing, which is hardly meant.
    pub fn unknown_tags(&self, known: &BTreeSet<&str>) -> Vec<Diagnostic> {
        let known: BTreeSet<&str> = known.iter().map(|tag| bare(tag)).collect();
        let unknown = self.named.iter().filter(|(tag, _)| !known.contains(tag.as_str()));
        let warnings = unknown.map(|(tag, span)| {
            let help = match nearest(tag, known.iter().copied()) {
                Some(near) => format!("did you mean `@{near}`?"),
                None if known.is_empty() => "no scenario of this call has a tag".to_owned(),
                None => {
                    let listed: Vec<String> = known.iter().map(|tag| format!("`@{tag}`")).collect();
                    format!("their tags are {}", listed.join(", "))
                }
            };
            Diagnostic::warning("unknown-tag", format!("no scenario of this call has the tag `@{tag}`"))
                .at(&self.listing, span.clone(), "on none of them")
                .help(help)
        });
        warnings.collect()
    }
}

/// A tag without the `@` that some people write.
fn bare(tag: &str) -> &str {
    tag.strip_prefix('@').unwrap_or(tag)
}

fn holds(operation: &TagOperation, tags: &BTreeSet<&str>) -> bool {
    match operation {
        TagOperation::And(a, b) => holds(a, tags) && holds(b, tags),
        TagOperation::Or(a, b) => holds(a, tags) || holds(b, tags),
        TagOperation::Not(a) => !holds(a, tags),
        TagOperation::Tag(tag) => tags.contains(tag.as_str()),
    }
}

impl Piece {
    fn of(word: &str, tag: String) -> Self {
        match word {
            "and" => Self::And,
            "or" => Self::Or,
            "not" => Self::Not,
            _ => Self::Tag(tag),
        }
    }

    /// As the crate wants it.
    fn canonical(&self) -> String {
        match self {
            Self::Open => "(".to_owned(),
            Self::Close => ")".to_owned(),
            Self::And => "and".to_owned(),
            Self::Or => "or".to_owned(),
            Self::Not => "not".to_owned(),
            Self::Tag(tag) => {
                let escape = |c| match c {
                    '\\' | '(' | ')' | ' ' => vec!['\\', c],
                    c => vec![c],
                };
                std::iter::once('@').chain(tag.chars().flat_map(escape)).collect()
            }
        }
    }
}

struct Scan<'a> {
    listing: &'a Arc<Listing>,
    text: &'a str,
    mistakes: Vec<Diagnostic>,
}

impl Scan<'_> {
    fn wrong(&mut self, span: Range<usize>, message: impl Into<String>, here: &str, help: &str) {
        let mistake = Diagnostic::error("bad-tag-expression", message).at(self.listing, span, here);
        self.mistakes.push(mistake.help(help));
    }

    /// Cuts the text into words and parentheses.
    fn pieces(&mut self) -> Vec<(Piece, Range<usize>)> {
        if self.text.len() > LONGEST {
            let message = format!("the expression is longer than {LONGEST} characters");
            self.wrong(0..1, message, "this one", "give what belongs together a tag of its own");
            return Vec::new();
        }
        let mut pieces = Vec::new();
        let mut chars = self.text.char_indices().peekable();
        while let Some((at, c)) = chars.next() {
            match c {
                c if c.is_whitespace() => {}
                '(' => pieces.push((Piece::Open, at..at + 1)),
                ')' => pieces.push((Piece::Close, at..at + 1)),
                first => {
                    let mut tag = String::new();
                    let mut end = at;
                    let mut next = Some((at, first));
                    while let Some((i, c)) = next {
                        end = i + c.len_utf8();
                        match c {
                            '\\' => match chars.next_if(|(_, c)| "\\() ".contains(*c)) {
                                Some((i, escaped)) => {
                                    end = i + 1;
                                    tag.push(escaped);
                                }
                                None => self.wrong(
                                    i..end,
                                    "a backslash stands before nothing that needs one",
                                    "this one",
                                    "it may stand before a blank, a parenthesis or another backslash",
                                ),
                            },
                            c => tag.push(c),
                        }
                        next = chars.next_if(|(_, c)| !c.is_whitespace() && !"()".contains(*c));
                    }
                    let word = &self.text[at..end];
                    let name = bare(&tag).to_owned();
                    self.check_name(&name, at..end);
                    pieces.push((Piece::of(word, name), at..end));
                }
            }
        }
        pieces
    }

    fn check_name(&mut self, name: &str, span: Range<usize>) {
        let word = &self.text[span.clone()];
        let nearly = ["and", "or", "not"].into_iter().find(|known| word.eq_ignore_ascii_case(known));
        let sign = SIGNS.into_iter().find(|(sign, _)| word.starts_with(sign));
        if name.is_empty() {
            self.wrong(span, "a tag has a name after its `@`", "no name", "for example `@nightly`");
        } else if name.contains('@') {
            let help = "write `and` or `or` between two tags, like `@nightly and @slow`";
            self.wrong(span, "a tag holds no further `@`", "one tag, or two?", help);
        } else if let Some(known) = nearly.filter(|known| word != *known) {
            let message = format!("`{word}` is no word of tag expressions");
            self.wrong(span, message, "in capitals", &format!("write `{known}`"));
        } else if let Some((sign, instead)) = sign {
            let message = format!("`{sign}` is no word of tag expressions");
            self.wrong(span, message, "here", &format!("write `{instead}`"));
        } else if word.ends_with(',') {
            let at = span.end - 1..span.end;
            self.wrong(at, "a comma is no word of tag expressions", "here", "write `or`, or `and`");
        }
    }

    /// Tags and words in an order that means something, and every parenthesis closed.
    fn check_order(&mut self, pieces: &[(Piece, Range<usize>)]) {
        if !self.mistakes.is_empty() {
            return;
        }
        let end = self.text.len();
        let mut open: Vec<Range<usize>> = Vec::new();
        // Whether a tag, `not` or `(` has to come next.
        let mut wants_tag = true;
        for (piece, span) in pieces {
            let word = &self.text[span.clone()];
            match (piece, wants_tag) {
                (Piece::Tag(_), true) => wants_tag = false,
                (Piece::Not, true) => {}
                (Piece::Open, true) => open.push(span.clone()),
                (Piece::And | Piece::Or, false) => wants_tag = true,
                (Piece::Close, false) if !open.is_empty() => {
                    open.pop();
                }
                (Piece::Close, false) => {
                    self.wrong(span.clone(), "this `)` closes nothing", "no `(` before it", "take it away");
                }
                (Piece::And | Piece::Or | Piece::Close, true) => {
                    let message = format!("a tag has to stand before `{word}`");
                    self.wrong(span.clone(), message, "no tag before it", "for example `@nightly and @slow`");
                    wants_tag = *piece != Piece::Close;
                    if *piece == Piece::Close {
                        open.pop();
                    }
                }
                (Piece::Tag(_) | Piece::Not | Piece::Open, false) => {
                    let message = format!("`and` or `or` has to stand before `{word}`");
                    self.wrong(
                        span.clone(),
                        message,
                        "follows a tag",
                        "for example `@nightly and not @slow`",
                    );
                    wants_tag = !matches!(piece, Piece::Tag(_));
                    if *piece == Piece::Open {
                        open.push(span.clone());
                    }
                }
            }
        }
        for span in open {
            self.wrong(span, "this `(` is never closed", "opened here", "add a `)`");
        }
        if pieces.is_empty() {
            self.wrong(0..end, "a tag expression names a tag", "names none", "for example `@nightly`");
        } else if wants_tag {
            let last = pieces.last().map_or(0..end, |(_, span)| span.clone());
            let message = format!("a tag has to follow `{}`", &self.text[last.clone()]);
            self.wrong(last, message, "nothing after it", "for example `@nightly and @slow`");
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn selects(expression: &str, tags: &[&str]) -> bool {
        let tags: Vec<String> = tags.iter().map(|tag| (*tag).to_owned()).collect();
        TagExpression::parse("--tags", expression).unwrap().selects(&tags)
    }

    #[test]
    fn an_expression_selects_by_tags_with_or_without_their_sign() {
        for (expression, tags, selected) in [
            ("@nightly", &["nightly"][..], true),
            ("nightly", &["nightly"], true),
            ("nightly", &["@nightly"], true),
            ("  nightly  ", &["nightly"], true),
            ("@nightly", &["slow"], false),
            ("@nightly and not @slow", &["nightly"], true),
            ("@nightly and not @slow", &["nightly", "slow"], false),
            ("a or b and c", &["a"], true),
            ("a or b and c", &["b"], false),
            ("(a or b) and c", &["a"], false),
            ("not (a or b)", &[], true),
            ("not not a", &["a"], true),
            ("not(a)and(b)", &["b"], true),
            ("@not and @and", &["not", "and"], true),
            ("@AND and @!x", &["AND", "!x"], true),
            (r"a\ b and \(c\)", &["a b", "(c)"], true),
        ] {
            assert_eq!(selects(expression, tags), selected, "{expression} on {tags:?}");
        }
    }

    #[test]
    fn what_is_no_expression_is_shown_with_its_column() {
        let wrong = [
            "",
            "   ",
            "@nightly @slow",
            "@nightly and",
            "and @slow",
            "not",
            "(@a or @b",
            "@a or @b)",
            "()",
            "@",
            "@a@b",
            "@a AND @b",
            "@a && @b",
            "!slow",
            "a, b",
            r"a\b",
            "(a or ) and or b",
        ];
        let mut lines = Vec::new();
        for text in wrong {
            lines.push(format!("[{text}]"));
            let mistakes = TagExpression::parse("--tags", text).unwrap_err();
            lines.extend(mistakes.iter().map(|mistake| mistake.plain().to_string()));
        }
        insta::assert_snapshot!(lines.join("\n"));
        let deep = format!("{}a{}", "(".repeat(10_000), ")".repeat(10_000));
        assert_eq!(TagExpression::parse("--tags", &deep).unwrap_err()[0].code(), "bad-tag-expression");
    }

    #[test]
    fn a_tag_that_nothing_has_is_pointed_at_and_the_nearest_named() {
        let expression = TagExpression::parse("--skip", "@nigthly or @weekly or @slow").unwrap();
        let warned = expression.unknown_tags(&BTreeSet::from(["nightly", "slow"]));
        let lines: Vec<String> = warned.iter().map(|warning| warning.plain().to_string()).collect();
        insta::assert_snapshot!(lines.join("\n"));
        assert!(expression.unknown_tags(&BTreeSet::from(["nigthly", "weekly", "slow"])).is_empty());
    }

    proptest! {
        #[test]
        fn whatever_is_typed_is_an_expression_or_a_mistake(text in r"[@a()\\ &notrd\t]{0,40}") {
            let _ = TagExpression::parse("--tags", &text);
        }

        #[test]
        fn whatever_is_typed_in_words_is_an_expression_or_a_mistake(
            words in proptest::collection::vec(prop_oneof![
                Just("and"), Just("or"), Just("not"), Just("("), Just(")"), Just("@a"), Just("b"), Just(r"\ c")
            ], 0..60)
        ) {
            let _ = TagExpression::parse("--tags", &words.join(" "));
        }
    }

    #[test]
    fn the_deepest_that_is_taken_leaves_the_stack_room() {
        let deep = format!("{}a{}", "(".repeat(499), ")".repeat(499));
        assert!(selects(&deep, &["a"]));
        let long = "not ".repeat(249) + "a";
        assert!(selects(&long, &[]));
    }
}
