//! What a user sees of a scenario that is wrong or doubtful: the words, the place, the way out.

use std::path::Path;

use springback::scenario::{Diagnostic, Overrides, Source, read};

fn graphical(diagnostics: &[Diagnostic]) -> String {
    let handler =
        miette::GraphicalReportHandler::new_themed(miette::GraphicalTheme::unicode_nocolor()).with_width(100);
    let mut out = String::new();
    for diagnostic in diagnostics {
        handler.render_report(&mut out, diagnostic).unwrap();
        out.push('\n');
    }
    let lines: Vec<&str> = out.lines().map(str::trim_end).collect();
    lines.join("\n")
}

/// The diagnostics of a text under the name of its file alone, so that no path of a machine is in a snapshot.
fn diagnostics(name: &str, text: &str) -> Vec<Diagnostic> {
    match read(&Source::new(name, text), &Overrides::NONE) {
        Ok(lowered) => lowered.warnings,
        Err(diagnostics) => diagnostics,
    }
}

fn files() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/malformed");
    let mut files: Vec<(String, String)> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, std::fs::read_to_string(&path).unwrap())
        })
        .collect();
    files.sort();
    files
}

#[test]
fn every_malformed_scenario_says_what_is_wrong() {
    let files = files();
    assert!(files.len() >= 32);
    for (name, text) in files {
        let found = diagnostics(&name, &text);
        let doubtful = name.starts_with("doubt-");
        assert!(!found.is_empty(), "nothing is wrong with {name}");
        assert_eq!(found.iter().any(Diagnostic::is_error), !doubtful, "{name}");
        insta::assert_snapshot!(name.trim_end_matches(".toml"), graphical(&found));
    }
}

#[test]
fn five_mistakes_show_five() {
    let (name, text) = files().into_iter().find(|(name, _)| name == "five-mistakes.toml").unwrap();
    let lines: Vec<String> = diagnostics(&name, &text).iter().map(|one| one.plain().to_string()).collect();
    assert_eq!(lines.len(), 5, "{}", lines.join("\n"));
    insta::assert_snapshot!("five-mistakes-plain", lines.join("\n"));
}
