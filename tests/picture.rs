//! The pictures of the README and `reports/sample*/`: from real runs, drawn as a terminal shows them.
//!
//! `UPDATE_PICTURES=1 cargo test --test picture` renews them, in about three minutes.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use springback::history::{self, Tracks};
use springback::report::{self, Look, Verdict};
use textwrap::core::display_width;

/// A run that is shown.
struct Shown {
    scenario: &'static str,
    /// Its exit code.
    exit: i32,
    /// Where its reports are kept.
    reports: &'static str,
    picture: &'static str,
}

const SHOWN: [Shown; 2] = [
    Shown {
        scenario: "scenarios/surge-and-termination.toml",
        exit: 0,
        reports: "reports/sample",
        picture: "docs/pass.svg",
    },
    Shown {
        scenario: "scenarios/broken/window-too-long.toml",
        exit: 1,
        reports: "reports/sample-fail",
        picture: "docs/fail.svg",
    },
];

impl Shown {
    fn stem(&self) -> &str {
        Path::new(self.scenario).file_stem().unwrap().to_str().unwrap()
    }

    /// The page as text.
    fn terminal_txt(&self) -> PathBuf {
        root().join(self.reports).join(self.stem()).join("terminal.txt")
    }

    /// What was typed.
    fn command(&self) -> String {
        format!("$ springback run {}", self.scenario)
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Runs what is shown, and keeps what came out.
fn renew() {
    for shown in &SHOWN {
        let folder = tempfile::tempdir().unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_springback"))
            .args(["run", shown.scenario, "--seed", "7", "--suite-id", "sample", "--quiet", "--reports"])
            .arg(folder.path())
            .current_dir(root())
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(shown.exit), "{}\n{told}", shown.scenario);
        let suite = folder.path().join("sample");
        let run = suite.join(shown.stem());
        let kept = root().join(shown.reports);
        let _ = fs::remove_dir_all(&kept);
        fs::create_dir_all(kept.join(shown.stem())).unwrap();
        for name in ["junit.xml", "summary.md"] {
            fs::copy(suite.join(name), kept.join(name)).unwrap();
        }
        fs::copy(run.join("summary.md"), kept.join(shown.stem()).join("summary.md")).unwrap();
        let verdict: Verdict =
            serde_json::from_str(&fs::read_to_string(run.join("verdict.json")).unwrap()).unwrap();
        let mut tracks = Tracks::default();
        history::read(&run.join("history.jsonl"), |record| tracks.apply(&record)).unwrap();
        let page = |colour| report::terminal(&verdict, &tracks, Look { width: 100, colour });
        fs::write(shown.terminal_txt(), page(false)).unwrap();
        fs::write(root().join(shown.picture), svg(&shown.command(), &page(true))).unwrap();
    }
}

#[test]
fn a_picture_shows_what_its_report_says() {
    if std::env::var_os("UPDATE_PICTURES").is_some() {
        renew();
    }
    for shown in &SHOWN {
        let page = fs::read_to_string(shown.terminal_txt()).unwrap();
        let expected = format!("{}\n\n{page}", shown.command());
        let expected: Vec<&str> = expected.lines().map(str::trim_end).collect();
        let picture = fs::read_to_string(root().join(shown.picture)).unwrap();
        assert_eq!(text_of(&picture), expected, "{}", shown.picture);
    }
}

/// Width of a column and height of a row.
const COLUMN: f64 = 8.4;
const ROW: usize = 18;
const MARGIN: usize = 16;

/// How a piece of text looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Style {
    bold: bool,
    dim: bool,
    /// Number of the colour among the eight of a terminal.
    colour: Option<u8>,
}

impl Style {
    /// Takes the numbers between `ESC [` and `m`.
    fn apply(&mut self, numbers: &str) {
        for number in numbers.split(';') {
            match number.parse::<u8>().unwrap_or(0) {
                0 => *self = Self::default(),
                1 => self.bold = true,
                2 => self.dim = true,
                colour @ 30..=37 => self.colour = Some(colour - 30),
                _ => {}
            }
        }
    }

    fn attributes(self) -> String {
        let mut attributes = match (self.colour, self.dim) {
            (Some(1), _) => " fill=\"#ff7b72\"".to_owned(),
            (Some(2), _) => " fill=\"#56d364\"".to_owned(),
            (Some(3), _) => " fill=\"#e3b341\"".to_owned(),
            (_, true) => " fill=\"#9198a1\"".to_owned(),
            _ => String::new(),
        };
        if self.bold {
            attributes.push_str(" font-weight=\"bold\"");
        }
        attributes
    }
}

/// The pieces of a line, each with its style.
fn pieces(line: &str) -> Vec<(Style, String)> {
    let mut style = Style::default();
    let mut found: Vec<(Style, String)> = Vec::new();
    let mut parts = line.split("\u{1b}[");
    found.extend(parts.next().map(|text| (style, text.to_owned())));
    for part in parts {
        let (numbers, text) = part.split_once('m').unwrap_or(("", part));
        style.apply(numbers);
        found.push((style, text.to_owned()));
    }
    found.retain(|(_, text)| !text.is_empty());
    found
}

/// Draws a terminal. Each word has its place, so that a font with other widths moves nothing.
fn svg(command: &str, page: &str) -> String {
    let page = format!("{command}\n\n{page}");
    let rows = page.lines().count();
    let (width, height) = ((100.0 * COLUMN) as usize + 2 * MARGIN, rows * ROW + 2 * MARGIN);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
         font-family=\"ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace\" font-size=\"14\" \
         fill=\"#e6edf3\">\n<rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"#0d1117\"/>\n"
    );
    for (row, line) in page.lines().enumerate() {
        let y = MARGIN + row * ROW + 13;
        let mut column = 0;
        let _ = write!(svg, "<text xml:space=\"preserve\" y=\"{y}\">");
        for (style, text) in pieces(line) {
            let columns = display_width(&text);
            let x = MARGIN as f64 + column as f64 * COLUMN;
            let length = columns as f64 * COLUMN;
            let _ = write!(
                svg,
                "<tspan x=\"{x:.1}\" textLength=\"{length:.1}\" lengthAdjust=\"spacingAndGlyphs\"{}>{}</tspan>",
                style.attributes(),
                text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
            );
            column += columns;
        }
        svg.push_str("</text>\n");
    }
    svg.push_str("</svg>\n");
    svg
}

/// The lines of text in a picture.
fn text_of(picture: &str) -> Vec<String> {
    let rows = picture.lines().filter(|line| line.starts_with("<text"));
    rows.map(|row| {
        let text: String =
            row.split('<').filter_map(|part| part.split_once('>')).map(|(_, text)| text).collect();
        let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
        text.trim_end().to_owned()
    })
    .collect()
}

#[test]
fn a_terminal_is_drawn_with_its_colours_and_read_back() {
    let page = "\u{1b}[1m\u{1b}[32m✓ \u{1b}[0ma < b\n  \u{1b}[2mdim & done\u{1b}[0m\n";
    let drawn = svg("$ x", page);
    assert!(drawn.contains("fill=\"#56d364\" font-weight=\"bold\">✓ </tspan>"), "{drawn}");
    assert!(drawn.contains("fill=\"#9198a1\">dim &amp; done</tspan>"), "{drawn}");
    assert_eq!(text_of(&drawn), ["$ x", "", "✓ a < b", "  dim & done"]);
}
