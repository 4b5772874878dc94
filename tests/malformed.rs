//! What a user sees of a scenario that is wrong or doubtful: the words, the place, the way out.

#[path = "support/shown.rs"]
mod shown;

use std::path::Path;

use springback::scenario::{Diagnostic, Overrides, Project, Source, read};

use shown::graphical;

/// The diagnostics of a text under the name of its file alone, so that no path of a machine is in a snapshot.
fn diagnostics(name: &str, text: &str) -> Vec<Diagnostic> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/malformed");
    let files = |path: &Path| {
        let found = Source::read(&folder.join(path));
        found
            .map(|found| Source::new(path.display().to_string(), found.text))
            .or_else(|_| (Overrides::NONE.files)(path))
    };
    match read(&Source::new(name, text), &Overrides { files: &files, ..Overrides::NONE }) {
        Ok(lowered) => lowered.warnings,
        Err(diagnostics) => diagnostics,
    }
}

fn files(folder: &str) -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut files: Vec<(String, String)> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .map(|path| {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, std::fs::read_to_string(&path).unwrap())
        })
        .collect();
    files.sort();
    files
}

#[test]
fn every_malformed_scenario_says_what_is_wrong() {
    let files = files("tests/malformed");
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
    let (name, text) =
        files("tests/malformed").into_iter().find(|(name, _)| name == "five-mistakes.toml").unwrap();
    let lines: Vec<String> = diagnostics(&name, &text).iter().map(|one| one.plain().to_string()).collect();
    assert_eq!(lines.len(), 5, "{}", lines.join("\n"));
    insta::assert_snapshot!("five-mistakes-plain", lines.join("\n"));
}

#[test]
fn malformed_settings_say_what_is_wrong() {
    let files = files("tests/malformed/project");
    assert!(files.len() >= 15);
    for (name, text) in files {
        let read = Project::read(&Source::new("springback.toml", text), None, &|_| None);
        let found = read.expect_err(&format!("nothing is wrong with {name}"));
        insta::assert_snapshot!(format!("project-{}", name.trim_end_matches(".toml")), graphical(&found));
    }
}

#[test]
fn a_profile_that_does_not_exist_is_an_error_that_lists_those_that_do() {
    let known = "[profile.staging]\n[profile.production]\n";
    let cases = [(known, "stagign"), (known, "test"), ("", "staging"), ("profile = 5\n", "staging")];
    let said = cases.map(|(text, profile)| {
        let read = Project::read(&Source::new("springback.toml", text), Some(profile), &|_| None);
        let lines: Vec<String> = read.unwrap_err().iter().map(|one| one.plain().to_string()).collect();
        lines.join("\n")
    });
    insta::assert_snapshot!("project-unknown-profile", said.join("\n"));
}
