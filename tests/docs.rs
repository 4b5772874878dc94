//! The documents: what is generated is current, what is linked is there, what is shown is true.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use springback::cli::documents;
use springback::scenario::{Overrides, Source, read, read_feature};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read_text(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Files below a folder whose names end so, in name order.
fn below(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(below(&path, ending));
        } else if path.to_string_lossy().ends_with(ending) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The pages that people read.
fn pages() -> Vec<PathBuf> {
    let mut pages: Vec<PathBuf> =
        ["README.md", "ARCHITECTURE.md", "CHANGELOG.md"].iter().map(|name| root().join(name)).collect();
    pages.extend(below(&root().join("docs"), ".md"));
    pages
}

#[test]
fn generated_pages_are_current() {
    let update = std::env::var_os("UPDATE_DOCS").is_some();
    let mut old = Vec::new();
    for document in documents() {
        let path = root().join(document.path);
        if fs::read_to_string(&path).is_ok_and(|text| text == document.text) {
            continue;
        }
        old.push(document.path);
        if update {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, document.text).unwrap();
        }
    }
    assert!(
        update || old.is_empty(),
        "out of date: {}; renew with\n  UPDATE_DOCS=1 cargo test --test docs",
        old.join(", ")
    );
}

#[test]
fn nothing_generated_is_left_over() {
    let known: BTreeSet<PathBuf> = documents().iter().map(|document| root().join(document.path)).collect();
    for path in below(&root().join("docs"), ".json") {
        assert!(known.contains(&path), "nothing generates {} any more", path.display());
    }
    for path in below(&root().join("docs"), ".md") {
        let generated = read_text(&path).starts_with("<!-- Generated");
        assert_eq!(generated, known.contains(&path), "{}", path.display());
    }
}

/// A page's lines outside of its code blocks.
fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut in_code = false;
    text.lines().filter(move |line| {
        let fence = line.trim_start().starts_with("```");
        in_code ^= fence;
        !in_code && !fence
    })
}

/// The names of a page's headings, as links name them.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for line in prose(text) {
        let title = line.trim_start_matches('#');
        if title.len() == line.len() || !title.starts_with(' ') {
            continue;
        }
        let kept = title.trim().chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        let name: String =
            kept.flat_map(char::to_lowercase).map(|c| if c == ' ' { '-' } else { c }).collect();
        // A second heading of the same words has a number.
        let numbered = (0..).map(|n| if n == 0 { name.clone() } else { format!("{name}-{n}") });
        let free = numbered.into_iter().find(|name| !found.contains(name)).unwrap();
        found.insert(free);
    }
    found
}

/// The targets of `[text](target)`, `![text](target)` and `src="target"`.
fn links(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in prose(text) {
        for (begin, end) in [("](", ')'), ("src=\"", '"'), ("href=\"", '"')] {
            for (at, _) in line.match_indices(begin) {
                let rest = &line[at + begin.len()..];
                found.extend(rest.split_once(end).map(|(target, _)| target.to_owned()));
            }
        }
    }
    found
}

#[test]
fn every_link_leads_somewhere() {
    let mut seen = 0;
    let mut broken = Vec::new();
    for page in pages() {
        let text = read_text(&page);
        for target in links(&text) {
            if target.starts_with("http://") || target.starts_with("https://") {
                continue;
            }
            seen += 1;
            let (file, anchor) = target.split_once('#').unwrap_or((&target, ""));
            let path = if file.is_empty() { page.clone() } else { page.parent().unwrap().join(file) };
            let leads = path.exists() && (anchor.is_empty() || anchors(&read_text(&path)).contains(anchor));
            if !leads {
                broken.push(format!("{}: {target}", page.display()));
            }
        }
    }
    assert!(seen > 20, "only {seen} links: are they still found?");
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn links_and_anchors_are_found() {
    let text = "# One two\n## `a.b`: c-d!\n## One two\n[x](y.md#z) ![p](q.svg)\n```\n# no [n](m)\n```\n";
    assert_eq!(anchors(text), BTreeSet::from(["one-two".into(), "ab-c-d".into(), "one-two-1".into()]));
    assert_eq!(links(text), ["y.md#z", "q.svg"]);
}

/// Code blocks of a language.
fn blocks(text: &str, language: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut block: Option<String> = None;
    for line in text.lines() {
        match &mut block {
            Some(_) if line.trim_start().starts_with("```") => found.extend(block.take()),
            Some(lines) => {
                lines.push_str(line);
                lines.push('\n');
            }
            None if line.trim() == format!("```{language}") => block = Some(String::new()),
            None => {}
        }
    }
    found
}

#[test]
fn the_feature_and_the_scenario_in_the_readme_mean_the_same() {
    let readme = read_text(&root().join("README.md"));
    let toml = blocks(&readme, "toml").into_iter().find(|text| text.starts_with("name")).unwrap();
    let feature = blocks(&readme, "gherkin").remove(0);
    let toml = read(&Source::new("README.md", toml), &Overrides::NONE).expect("it is right");
    let import = |path: &Path| panic!("{} is imported", path.display());
    let feature = read_feature(&Source::new("README.md", feature), &Overrides::NONE, &import);
    let feature = &feature.expect("it is right").scenarios[0].lowered;
    assert!(toml.warnings.is_empty() && feature.warnings.is_empty(), "{:?}", toml.warnings);
    assert_eq!(feature.scenario, toml.scenario);
}

#[test]
fn the_readme_and_help_agree_on_exit_codes() {
    let readme = read_text(&root().join("README.md"));
    let help = documents().into_iter().find(|document| document.path == "docs/command-line.md").unwrap().text;
    let codes = help.split("Exit codes:\n").nth(1).unwrap().lines().take_while(|line| line.starts_with("  "));
    let mut found = 0;
    for line in codes {
        let Some((code, meaning)) = line.trim().split_once(' ') else { continue };
        if code.parse::<u8>().is_err() {
            continue;
        }
        found += 1;
        let meaning = meaning.trim().split(&[':', ','][..]).next().unwrap();
        let row = readme.lines().find(|row| row.starts_with(&format!("| {code} | ")));
        assert!(row.is_some_and(|row| row.contains(meaning)), "{code} {meaning}: {row:?}");
    }
    assert_eq!(found, 9);
}

/// The schema that the `#:schema` line of a file names, which must be among its first two.
fn schema_of(file: &Path) -> PathBuf {
    let text = read_text(file);
    let line = text.lines().take(2).find_map(|line| line.strip_prefix("#:schema "));
    let named = line.unwrap_or_else(|| panic!("{} names no schema", file.display()));
    file.parent().unwrap().join(named)
}

fn as_json(file: &Path) -> Value {
    toml::from_str(&read_text(file)).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// What an editor would mark in a TOML file; nothing, if it takes it.
fn marked(file: &Path, schema: &Path) -> Option<String> {
    let mut schemas = boon::Schemas::new();
    let mut compiler = boon::Compiler::new();
    let schema: Value = serde_json::from_str(&read_text(schema)).unwrap();
    compiler.add_resource("schema.json", schema).unwrap();
    let index = compiler.compile("schema.json", &mut schemas).unwrap();
    schemas.validate(&as_json(file), index).err().map(|error| format!("{error:#}"))
}

#[test]
fn an_editor_takes_every_shipped_file() {
    let files = below(&root().join("scenarios"), ".toml");
    assert!(files.len() > 30);
    for file in files {
        let schema = schema_of(&file);
        assert!(
            schema.parent().unwrap().canonicalize().unwrap()
                == root().join("docs/schema").canonicalize().unwrap(),
            "{}",
            file.display()
        );
        assert_eq!(marked(&file, &schema), None, "{}", file.display());
    }
    for complete in ["complete", "complete-cluster", "complete-in-cluster"] {
        let complete = root().join(format!("src/scenario/{complete}.toml"));
        assert_eq!(marked(&complete, &root().join("docs/schema/scenario.schema.json")), None);
    }
}

/// What is wrong with a single value or key an editor can see; what is wrong between keys, only springback.
#[test]
fn an_editor_marks_what_a_single_line_gets_wrong() {
    let schema = root().join("docs/schema/scenario.schema.json");
    for name in [
        "both-of-two",
        "dates-and-other-kinds",
        "duplicate-names",
        "escape-sequences",
        "five-mistakes",
        "links-and-paths",
        "missing-keys",
        "names",
        "numbers-out-of-range",
        "policies",
        "unknown-keys",
        "units-missing-or-wrong",
        "words",
        "zero-durations",
    ] {
        let file = root().join(format!("tests/malformed/{name}.toml"));
        assert!(marked(&file, &schema).is_some(), "{name} looks right to an editor");
    }
    for file in below(&root().join("tests/malformed"), ".toml") {
        let doubtful = file.file_name().unwrap().to_string_lossy().starts_with("doubt-");
        if doubtful {
            assert_eq!(marked(&file, &schema), None, "{}", file.display());
        }
    }
}
