//! What a user sees of a feature that is wrong: the words, the place, the way out. Gherkin alone would take half of these for
//! descriptions, and run what is left.

#[path = "support/shown.rs"]
mod shown;

use std::path::{Path, PathBuf};

use springback::scenario::{Diagnostic, Overrides, Source, read_feature};

use shown::graphical;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/broken_features")
}

/// What the file imports is read from beside it, under a name without the machine's path.
fn import(path: &Path) -> Result<Source, Vec<Diagnostic>> {
    let found = Source::read(&folder().join(path))?;
    Ok(Source::new(path.display().to_string(), found.text))
}

fn files() -> Vec<(String, String)> {
    let mut files: Vec<(String, String)> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "feature"))
        .map(|path| {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, std::fs::read_to_string(&path).unwrap())
        })
        .collect();
    files.sort();
    files
}

#[test]
fn every_broken_feature_says_what_is_wrong() {
    let files = files();
    assert!(files.len() >= 30);
    for (name, text) in files {
        let found = read_feature(&Source::new(name.as_str(), text), &Overrides::NONE, &import);
        let diagnostics = found.map(|_| ()).expect_err(&format!("nothing is wrong with {name}"));
        assert!(diagnostics.iter().any(Diagnostic::is_error), "{name}");
        let shown = graphical(&diagnostics).replace(&folder().display().to_string(), "FOLDER");
        insta::assert_snapshot!(name.trim_end_matches(".feature"), shown);
    }
}
