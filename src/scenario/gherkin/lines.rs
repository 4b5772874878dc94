//! The lines of a feature file, looked at before any parser sees them.
//!
//! Gherkin takes every line that is no keyword for a description: a misspelt `Whn`, `Scenaro:` or a table row too many would
//! vanish without a word. Here free text may stand under `Feature:` and `Rule:` only, and every line that could be a slip
//! is one. What comes out also knows where each step, cell and text stands, which the parser's positions do not tell
//! reliably.

mod below;
mod headers;

use std::ops::Range;

use crate::scenario::diagnostic::Diagnostic;
use crate::scenario::problems::{Problems, SourceId};
use crate::scenario::tree::{Place, quoted};

use headers::{header, header_text, misspelt_header};

/// A file with more lines than that is no feature that somebody wrote.
const LINES_MAX: usize = 10_000;

/// A step as it is written.
#[derive(Debug)]
pub(super) struct RawStep {
    pub(super) line: usize,
    pub(super) keyword: Range<usize>,
    /// The keyword that was meant, where it is misspelt.
    pub(super) meant: &'static str,
    pub(super) text: Range<usize>,
    /// Cells of the table below it.
    pub(super) rows: Vec<Vec<Range<usize>>>,
    /// What stands between the marks of the text below it.
    pub(super) doc_string: Option<Range<usize>>,
}

/// A scenario's header, and what stands under it.
#[derive(Debug)]
pub(super) struct RawScenario {
    pub(super) line: usize,
    pub(super) header: Range<usize>,
    pub(super) name: Range<usize>,
    pub(super) steps: Vec<RawStep>,
    pub(super) examples: Vec<RawExamples>,
}

/// A table of examples.
#[derive(Debug)]
pub(super) struct RawExamples {
    pub(super) header: Range<usize>,
    pub(super) rows: Vec<Vec<Range<usize>>>,
}

/// All of a file, in its order. Backgrounds come with their steps; they have no name that matters.
#[derive(Debug, Default)]
pub(super) struct Lines {
    pub(super) backgrounds: Vec<RawScenario>,
    pub(super) scenarios: Vec<RawScenario>,
}

/// What the lines belong to at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Inside {
    Nothing,
    Feature,
    Rule,
    Background,
    Scenario,
    Examples,
}

const STEPS: [&str; 6] = ["Given", "When", "Then", "And", "But", "*"];

/// Looks at all lines, and reports every mistake. `false` if a parser would misread the rest because of them.
pub(super) fn scan(text: &str, problems: &Problems) -> (Lines, bool) {
    let mut scan = Scan {
        text,
        problems,
        inside: Inside::Nothing,
        lines: Lines::default(),
        tags: Vec::new(),
        fence: None,
        leads_to: LeadsTo::Nothing,
        feature: None,
        in_rule: false,
        is_outline: false,
        steps_outside: false,
        sound: true,
    };
    let mut start = 0;
    for (index, line) in text.split_inclusive('\n').enumerate() {
        if index == LINES_MAX {
            scan.complain(
                "too-long",
                format!("this file has more than {LINES_MAX} lines"),
                "",
                start..start + 1,
                "here at the latest it should have ended",
            );
            break;
        }
        scan.line(index + 1, start, line);
        start += line.len();
    }
    scan.finish();
    (scan.lines, scan.sound)
}

struct Scan<'a> {
    text: &'a str,
    problems: &'a Problems,
    inside: Inside,
    lines: Lines,
    tags: Vec<Range<usize>>,
    /// The mark that ends the text that is open, and where its content began.
    fence: Option<(&'static str, usize)>,
    leads_to: LeadsTo,
    feature: Option<usize>,
    in_rule: bool,
    is_outline: bool,
    /// Steps outside of a scenario are said once, up to the next header.
    steps_outside: bool,
    sound: bool,
}

/// What a table or a text on the next line would belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LeadsTo {
    Nothing,
    Step,
    Examples,
}

impl Scan<'_> {
    fn complain(
        &mut self,
        code: &'static str,
        message: impl Into<String>,
        help: &str,
        span: Range<usize>,
        label: &str,
    ) {
        self.sound = false;
        let diagnostic = Diagnostic::error(code, message);
        let diagnostic = if help.is_empty() { diagnostic } else { diagnostic.help(help) };
        self.problems.add(diagnostic, Some(&Place { source: SourceId::FILE, span }), label);
    }

    fn line(&mut self, number: usize, start: usize, whole: &str) {
        let content = whole.strip_suffix('\n').map_or(whole, |line| line.strip_suffix('\r').unwrap_or(line));
        let is_odd =
            |c: char| c == '\u{feff}' || (c.is_whitespace() || c.is_control()) && !matches!(c, ' ' | '\t');
        if let Some((at, odd)) = content.char_indices().find(|(_, c)| is_odd(*c)) {
            self.complain(
                "odd-space",
                format!("a character that Gherkin does not know stands here: U+{:04X}", u32::from(odd)),
                "write a plain space instead, or nothing; it may have come along with text from a web page or a chat",
                start + at..start + at + odd.len_utf8(),
                "looks like one",
            );
        }
        let trimmed = whole.trim();
        let at = start + (whole.len() - whole.trim_start().len());
        let span = at..at + trimmed.len();
        if let Some((mark, content)) = self.fence {
            let before_comment = whole.split('#').next().unwrap_or_default();
            if let Some(after) = trimmed.strip_prefix(mark) {
                self.close_text(content..at, after, span);
            } else if let Some(inside) = before_comment.find(mark) {
                self.complain(
                    "stray-text",
                    format!("`{mark}` stands within a text that it would end"),
                    "put it on a line of its own to end the text, or use the other marks (\"\"\" and ```) around it",
                    start + inside..start + inside + mark.len(),
                    "in the middle of a line",
                );
            }
            return;
        }
        if trimmed.is_empty() {
            return;
        }
        match trimmed.as_bytes()[0] {
            b'#' => self.comment(trimmed, span),
            b'@' => self.tag_line(trimmed, at),
            b'|' => self.row(trimmed, span),
            b'"' if trimmed.starts_with("\"\"\"") => self.open_text("\"\"\"", span, at),
            b'`' if trimmed.starts_with("```") => self.open_text("```", span, at),
            _ => self.words(number, trimmed, span),
        }
    }

    fn comment(&mut self, trimmed: &str, span: Range<usize>) {
        let rest = trimmed.trim_start_matches('#').trim();
        let Some(language) = rest.strip_prefix("language:").map(str::trim) else { return };
        if language != "en" {
            self.complain(
                "unknown-language",
                format!("features are read in English, not in {}", quoted(language)),
                "leave this line out: the sentences of the vocabulary are English, so its keywords are, too",
                span,
                "asks for another language",
            );
        }
    }

    fn words(&mut self, number: usize, trimmed: &str, span: Range<usize>) {
        if let Some((header, colon)) = header(trimmed) {
            self.header(header, number, span.clone(), span.start + colon + 1);
            return;
        }
        if let Some(keyword) = STEPS.iter().find(|word| starts_with_word(trimmed, word)) {
            self.step(keyword, keyword.len(), number, trimmed, span);
            return;
        }
        if let Some((name, header)) = misspelt_header(trimmed, self.takes_free_text()) {
            let found = header_text(trimmed);
            let help = if found == name {
                format!("write `{name}:` with the colon directly after it")
            } else {
                format!("did you mean `{name}:`?")
            };
            let end = span.start + found.len();
            self.complain(
                "misspelt-keyword",
                format!("{} is not a keyword of Gherkin", quoted(found)),
                &help,
                span.start..end,
                "not known",
            );
            // Read as what was meant, so that what follows is not blamed for it.
            self.header(header, number, span.clone(), end.min(span.end));
            return;
        }
        if self.takes_free_text() {
            let tags = std::mem::take(&mut self.tags);
            self.no_tags(&tags, "a description");
            return;
        }
        let first = trimmed.split_whitespace().next().unwrap_or_default();
        let near = STEPS.into_iter().find(|word| is_slip(first, word));
        let first_span = span.start..span.start + first.len();
        match near {
            Some(near) if self.inside != Inside::Nothing => {
                self.complain(
                    "misspelt-keyword",
                    format!("{} is not a keyword of Gherkin", quoted(first)),
                    &format!("did you mean `{near}`?"),
                    first_span,
                    "not known: Gherkin would take the line for a description, and no step",
                );
                self.step(near, first.len(), number, trimmed, span);
            }
            _ => self.stray_words(span),
        }
    }

    fn stray_words(&mut self, span: Range<usize>) {
        let (message, help) = match self.inside {
            Inside::Nothing => (
                "a feature file begins with `Feature:`",
                "write `Feature:` and its name first; only tags and comments may stand above it",
            ),
            _ => (
                "this line is no step",
                "begin it with Given, When, Then, And or But; a comment begins with `#`, and descriptions stand under `Feature:` \
                 or `Rule:`",
            ),
        };
        self.complain("text-not-read", message, help, span, "nothing would read this line");
        self.leads_to = LeadsTo::Nothing;
    }

    /// Free text may stand between `Feature:` or `Rule:` and the first thing in it.
    fn takes_free_text(&self) -> bool {
        matches!(self.inside, Inside::Feature | Inside::Rule)
    }

    /// A step; its keyword is as many bytes long as it is written, rightly or not.
    fn step(
        &mut self,
        keyword: &'static str,
        written: usize,
        number: usize,
        trimmed: &str,
        span: Range<usize>,
    ) {
        let tags = std::mem::take(&mut self.tags);
        self.no_tags(&tags, "a step");
        self.leads_to = LeadsTo::Step;
        let keyword_span = span.start..span.start + written;
        if trimmed[written..].starts_with('\t') {
            self.complain(
                "odd-space",
                format!("a tabulator stands after `{keyword}`"),
                "write a space: Gherkin takes nothing else after a keyword",
                keyword_span.end..keyword_span.end + 1,
                "not a space",
            );
        }
        let rest = &trimmed[written..];
        let text_start = span.start + written + (rest.len() - rest.trim_start().len());
        let step = RawStep {
            line: number,
            keyword: keyword_span.clone(),
            meant: keyword,
            text: text_start..span.end,
            rows: Vec::new(),
            doc_string: None,
        };
        if rest.trim().is_empty() {
            self.complain(
                "empty-step",
                format!("nothing stands after `{keyword}`"),
                "`springback steps` lists what can be said",
                keyword_span.clone(),
                "an empty step",
            );
        }
        let leads = ["And", "But", "*"].contains(&keyword);
        match self.inside {
            Inside::Background | Inside::Scenario => {
                let first = self.current().is_some_and(|scenario| scenario.steps.is_empty());
                if first && leads {
                    self.complain(
                        "leading-and",
                        format!("the first step cannot begin with `{keyword}`"),
                        "begin it with Given, When or Then: there is no step before it in this scenario to go on from",
                        keyword_span,
                        "goes on from nothing",
                    );
                }
                if let Some(scenario) = self.current() {
                    scenario.steps.push(step);
                }
            }
            _ if std::mem::replace(&mut self.steps_outside, true) => {}
            Inside::Examples => self.complain(
                "step-outside",
                "this step stands after the examples",
                "put it above `Examples:`, with the other steps of its scenario",
                span,
                "belongs to no scenario",
            ),
            _ => self.complain(
                "step-outside",
                "this step belongs to no scenario",
                "put it under `Background:` or `Scenario:`; if it is a description, begin the line with another word",
                span,
                "read by nothing",
            ),
        }
    }

    fn current(&mut self) -> Option<&mut RawScenario> {
        match self.inside {
            Inside::Background => self.lines.backgrounds.last_mut(),
            Inside::Scenario | Inside::Examples => self.lines.scenarios.last_mut(),
            _ => None,
        }
    }

    fn last_step(&mut self) -> Option<&mut RawStep> {
        self.current()?.steps.last_mut()
    }

    fn last_examples(&mut self) -> Option<&mut RawExamples> {
        self.current()?.examples.last_mut()
    }
}

/// Keywords are short: two letters off, a word is another word.
fn is_slip(word: &str, keyword: &str) -> bool {
    let word = word.trim_end_matches([':', ',']).to_lowercase();
    keyword.len() > 1 && strsim::damerau_levenshtein(&word, &keyword.to_lowercase()) <= 1
}

fn starts_with_word(trimmed: &str, word: &str) -> bool {
    trimmed.strip_prefix(word).is_some_and(|rest| rest.is_empty() || rest.starts_with(char::is_whitespace))
}
