//! The lines of a feature file, looked at before any parser sees them.
//!
//! Gherkin takes every line that is no keyword for a description: a misspelt `Whn`, `Scenaro:` or a table row too many would
//! vanish without a word. Here free text may stand under `Feature:` and `Rule:` only, and every line that could be a slip
//! is one. What comes out also knows where each step, cell and text stands, which the parser's positions do not tell
//! reliably.

use std::ops::Range;

use crate::scenario::diagnostic::Diagnostic;
use crate::scenario::problems::{Problems, SourceId};
use crate::scenario::spelling::nearest;
use crate::scenario::tree::{Place, quoted};

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

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Header {
    Feature,
    Rule,
    Background,
    Scenario,
    Outline,
    Examples,
}

const HEADERS: [(&str, Header); 8] = [
    ("Feature", Header::Feature),
    ("Rule", Header::Rule),
    ("Background", Header::Background),
    ("Scenario", Header::Scenario),
    ("Example", Header::Scenario),
    ("Scenario Outline", Header::Outline),
    ("Scenario Template", Header::Outline),
    ("Examples", Header::Examples),
];

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
        let is_odd = |c: char| c == '\u{feff}' || c.is_whitespace() && !matches!(c, ' ' | '\t');
        if let Some((at, odd)) = content.char_indices().find(|(_, c)| is_odd(*c)) {
            self.complain(
                "odd-space",
                format!("this is no space that Gherkin knows: U+{:04X}", u32::from(odd)),
                "write a plain space instead; it may have come along with text from a web page or a chat",
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

    fn tag_line(&mut self, trimmed: &str, at: usize) {
        self.leads_to = LeadsTo::Nothing;
        let mut offset = 0;
        for word in trimmed.split_whitespace() {
            let found = trimmed[offset..].find(word).map_or(offset, |found| offset + found);
            offset = found + word.len();
            let span = at + found..at + offset;
            let is_tag = word.len() > 1 && word.starts_with('@') && !word[1..].contains('@');
            if is_tag {
                self.tags.push(span);
            } else {
                self.complain(
                    "bad-tag",
                    format!("{} is not a tag", quoted(word)),
                    "a tag is an `@` and a word: `@nightly @payments`; a comment needs a line of its own",
                    span,
                    "on a line of tags",
                );
            }
        }
    }

    fn open_text(&mut self, mark: &'static str, span: Range<usize>, at: usize) {
        let tags = std::mem::take(&mut self.tags);
        self.no_tags(&tags, "a text");
        if self.leads_to != LeadsTo::Step {
            self.complain(
                "stray-text",
                "this text belongs to no step",
                "put it directly under the step that takes it",
                span.clone(),
                "nothing takes it here",
            );
        }
        let inside = &self.text[at + mark.len()..span.end];
        match inside.find(mark) {
            // Opened and closed on one line.
            Some(end) => {
                let content = at + mark.len()..at + mark.len() + end;
                self.close_text(content, &inside[end + mark.len()..], span);
            }
            None => self.fence = Some((mark, at + mark.len())),
        }
    }

    fn close_text(&mut self, content: Range<usize>, after: &str, span: Range<usize>) {
        self.fence = None;
        if !after.trim().is_empty() {
            self.complain(
                "stray-text",
                "there is more on the line that ends the text",
                "the marks that end a text stand alone on their line",
                span.clone(),
                "more than the marks",
            );
        }
        let leads_to = std::mem::replace(&mut self.leads_to, LeadsTo::Nothing);
        let Some(step) = self.last_step().filter(|_| leads_to == LeadsTo::Step) else { return };
        if step.rows.is_empty() {
            step.doc_string = Some(content);
            self.leads_to = LeadsTo::Step;
        } else {
            self.complain(
                "stray-text",
                "a step takes a table or a text, not both",
                "keep one of them",
                span,
                "after a table",
            );
        }
    }

    fn row(&mut self, trimmed: &str, span: Range<usize>) {
        let tags = std::mem::take(&mut self.tags);
        self.no_tags(&tags, "a table");
        if let Some(at) = unknown_escape(trimmed) {
            let at = span.start + at;
            self.complain(
                "bad-table",
                "after a backslash in a cell stands `|`, `n` or another backslash",
                "write `\\\\` for a backslash",
                at..at + 1,
                "this one escapes nothing",
            );
            return;
        }
        let Some(cells) = cells(trimmed, span.start) else {
            self.complain(
                "bad-table",
                "this row of a table is not closed",
                "a row begins and ends with `|`; within a cell write `\\|` for one",
                span,
                "no `|` at its end",
            );
            return;
        };
        let leads_to = self.leads_to;
        let rows = match leads_to {
            LeadsTo::Nothing => None,
            LeadsTo::Step => self.last_step().map(|step| &mut step.rows),
            LeadsTo::Examples => self.last_examples().map(|examples| &mut examples.rows),
        };
        let Some(rows) = rows else {
            self.complain(
                "stray-table",
                "this row belongs to no table",
                "a table stands directly under its step, or under `Examples:`",
                span,
                "nothing takes it here",
            );
            return;
        };
        let width = rows.first().map(Vec::len);
        let found = cells.len();
        rows.push(cells);
        if let Some(width) = width.filter(|width| *width != found) {
            self.complain(
                "bad-table",
                format!("this row has {found} cells, the first one has {width}"),
                "all rows of a table have as many cells as its first one",
                span,
                "another width",
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

    fn header(&mut self, header: Header, number: usize, span: Range<usize>, after: usize) {
        self.leads_to = LeadsTo::Nothing;
        self.steps_outside = false;
        let tags = std::mem::take(&mut self.tags);
        self.check_order(header, &span);
        if !matches!(header, Header::Examples) {
            self.finish_scenario();
        }
        let rest = self.text.get(after..span.end).unwrap_or_default();
        let name_start = after + (rest.len() - rest.trim_start().len());
        let name = name_start.min(span.end)..span.end;
        let header_span = span.start..after.min(span.end);
        let raw = RawScenario {
            line: number,
            header: header_span.clone(),
            name: name.clone(),
            steps: Vec::new(),
            examples: Vec::new(),
        };
        match header {
            Header::Feature => {
                self.feature = self.feature.or(Some(number));
                self.inside = Inside::Feature;
            }
            Header::Rule => {
                self.inside = Inside::Rule;
                self.in_rule = true;
            }
            Header::Background => {
                self.no_tags(&tags, "`Background:`");
                self.lines.backgrounds.push(raw);
                self.inside = Inside::Background;
            }
            Header::Scenario | Header::Outline => {
                if name.is_empty() {
                    self.complain(
                        "no-name",
                        "this scenario has no name",
                        "say in words what is proven: the last passing run of a scenario is found by its name",
                        header_span,
                        "nothing after the colon",
                    );
                }
                self.is_outline = header == Header::Outline;
                self.lines.scenarios.push(raw);
                self.inside = Inside::Scenario;
            }
            Header::Examples => {
                if let Some(scenario) = self.lines.scenarios.last_mut() {
                    scenario.examples.push(RawExamples { header: header_span, rows: Vec::new() });
                }
                self.inside = Inside::Examples;
                self.leads_to = LeadsTo::Examples;
            }
        }
    }

    fn check_order(&mut self, header: Header, span: &Range<usize>) {
        let has_scenario = match self.in_rule {
            true => self.inside != Inside::Rule && self.inside != Inside::Background,
            false => !self.lines.scenarios.is_empty(),
        };
        let (message, help) = match header {
            Header::Feature if self.feature.is_some() => (
                "a file holds one feature, and this is a second `Feature:`",
                "put it into a file of its own, or make it a `Rule:`",
            ),
            _ if self.feature.is_none() && header != Header::Feature => {
                ("this stands before `Feature:`", "begin the file with `Feature:` and its name")
            }
            Header::Background if self.inside == Inside::Background => {
                ("this is a second `Background:`", "put its steps into the first one")
            }
            Header::Background if has_scenario => (
                "`Background:` stands after a scenario",
                "put it before the first scenario: it is read for all of them",
            ),
            Header::Examples if !matches!(self.inside, Inside::Scenario | Inside::Examples) => {
                ("`Examples:` belong to no scenario", "put them under the steps of a `Scenario Outline:`")
            }
            _ => return,
        };
        let message = message.to_owned();
        self.complain("out-of-order", message, help, span.clone(), "not here");
        // What would follow from that is not worth a message of its own.
        self.feature = self.feature.or(Some(0));
    }

    fn no_tags(&mut self, tags: &[Range<usize>], what: &str) {
        if let Some(first) = tags.first() {
            self.complain(
                "stray-tag",
                format!("{what} takes no tags"),
                "tags stand above `Feature:`, `Rule:`, a scenario or `Examples:`",
                first.clone(),
                "nothing is tagged by this",
            );
        }
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

    /// Looks at the background or scenario that has just ended as a whole.
    fn finish_scenario(&mut self) {
        let (inside, is_outline) = (self.inside, self.is_outline);
        let Some(scenario) = self.current() else { return };
        let (header, empty) = (scenario.header.clone(), scenario.steps.is_empty());
        let without_rows: Vec<Range<usize>> = scenario
            .examples
            .iter()
            .filter(|examples| examples.rows.len() < 2)
            .map(|examples| examples.header.clone())
            .collect();
        let without_examples = is_outline && scenario.examples.is_empty();
        if empty {
            let what = if inside == Inside::Background { "this background" } else { "this scenario" };
            self.complain(
                "no-steps",
                format!("{what} has no steps"),
                "write at least one line that begins with Given, When or Then",
                header.clone(),
                "nothing under it",
            );
        }
        if inside == Inside::Background {
            return;
        }
        if without_examples {
            self.complain(
                "no-examples",
                "this outline has no `Examples:`",
                "add `Examples:` with a table, or write `Scenario:`",
                header,
                "would run not even once",
            );
        }
        for header in without_rows {
            self.complain(
                "no-examples",
                "these examples have no rows",
                "write a row with the names of the placeholders, and below it one row for each run",
                header,
                "would run not even once",
            );
        }
        self.is_outline = false;
    }

    fn finish(&mut self) {
        let end = self.text.trim_end().len();
        if let Some((mark, content)) = self.fence {
            self.complain(
                "stray-text",
                "this text is never closed",
                &format!("end it with a line of `{mark}`"),
                content - mark.len()..content,
                "opened here",
            );
        }
        self.finish_scenario();
        let tags = std::mem::take(&mut self.tags);
        self.no_tags(&tags, "the end of the file");
        if self.feature.is_none() {
            if self.sound {
                let message = "this file holds no feature";
                self.complain(
                    "no-scenario",
                    message,
                    "begin it with `Feature:` and its name",
                    0..end.min(1),
                    "no `Feature:`",
                );
            }
        } else if self.lines.scenarios.is_empty() {
            self.complain(
                "no-scenario",
                "this feature holds no scenario",
                "write `Scenario:`, its name, and the steps below it; a suite without scenarios would pass by having proven nothing",
                end.saturating_sub(1)..end,
                "ends here without one",
            );
        }
    }
}

/// The header that a line begins with, and where its colon stands.
fn header(trimmed: &str) -> Option<(Header, usize)> {
    let colon = trimmed.find(':')?;
    let name = &trimmed[..colon];
    HEADERS.iter().find(|(known, _)| *known == name).map(|(_, header)| (*header, colon))
}

/// Headers that no sentence of a description begins with.
const NEVER_PROSE: [&str; 4] = ["Scenario", "Scenario Outline", "Scenario Template", "Background"];

/// What of a line would be its header: up to the colon, or its first words.
fn header_text(trimmed: &str) -> &str {
    match trimmed.find(':') {
        Some(colon) => trimmed[..colon].trim_end(),
        None => {
            let known = HEADERS.iter().filter(|(name, _)| starts_with_word(trimmed, name));
            known.map(|(name, _)| *name).max_by_key(|name| name.len()).unwrap_or_default()
        }
    }
}

/// A header with a slip in it. Where free text may stand, a colon has to be there, since prose may begin with nearly any
/// word.
fn misspelt_header(trimmed: &str, prose: bool) -> Option<(&'static str, Header)> {
    let found = header_text(trimmed);
    if found.is_empty() || prose && !trimmed.contains(':') && !NEVER_PROSE.contains(&found) {
        return None;
    }
    let near = nearest(found, HEADERS.iter().map(|(name, _)| *name))?;
    HEADERS.iter().find(|(name, _)| *name == near).copied()
}

/// Keywords are short: two letters off, a word is another word.
fn is_slip(word: &str, keyword: &str) -> bool {
    let word = word.trim_end_matches([':', ',']).to_lowercase();
    keyword.len() > 1 && strsim::damerau_levenshtein(&word, &keyword.to_lowercase()) <= 1
}

fn starts_with_word(trimmed: &str, word: &str) -> bool {
    trimmed.strip_prefix(word).is_some_and(|rest| rest.is_empty() || rest.starts_with(char::is_whitespace))
}

/// A backslash in a row that Gherkin gives no meaning to.
fn unknown_escape(row: &str) -> Option<usize> {
    let mut characters = row.char_indices();
    while let Some((at, c)) = characters.next() {
        if c == '\\' && !matches!(characters.next(), Some((_, '|' | 'n' | '\\'))) {
            return Some(at);
        }
    }
    None
}

/// Where the cells of a row stand, without the space around them. `None` if the row is not closed.
fn cells(row: &str, at: usize) -> Option<Vec<Range<usize>>> {
    let mut cells = Vec::new();
    let mut start = 1;
    let mut escaped = false;
    for (index, c) in row.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '|' => {
                let cell = &row[start..index];
                let from = start + (cell.len() - cell.trim_start().len());
                let trimmed = cell.trim().len();
                cells.push(at + from.min(index)..at + from.min(index) + trimmed);
                start = index + 1;
            }
            _ => {}
        }
    }
    (start == row.len() && !cells.is_empty()).then_some(cells)
}
