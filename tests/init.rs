//! `init`: what a newcomer gets, and that nothing of his is lost. That what it writes passes is tested in shipped.rs.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn springback(arguments: &[&str], folder: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_springback"))
        .args(arguments)
        .current_dir(folder)
        .env("NO_COLOR", "1")
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Every file and folder below a folder.
fn listing(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(listing(&path));
        }
        found.push(path);
    }
    found.sort();
    found
}

#[test]
fn what_it_writes_is_right_and_says_what_to_do_next() {
    let folder = tempfile::tempdir().unwrap();
    let output = springback(&["init"], folder.path());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    insta::assert_snapshot!(
        "init",
        text(&output.stdout).replace(env!("CARGO_BIN_EXE_springback"), "springback")
    );
    let before = listing(folder.path());
    let plan = springback(&["plan", "."], folder.path());
    assert_eq!(plan.status.code(), Some(0));
    assert_eq!(text(&plan.stderr), "", "the first thing that a newcomer sees is no warning");
    assert_eq!(listing(folder.path()), before);
}

#[test]
fn an_editor_takes_what_it_writes() {
    let folder = tempfile::tempdir().unwrap();
    springback(&["init"], folder.path());
    for name in ["checkout.toml", "springback.toml"] {
        let text = std::fs::read_to_string(folder.path().join(name)).unwrap();
        let schema = text.lines().next().unwrap().strip_prefix("#:schema ").unwrap();
        let schema = std::fs::read_to_string(folder.path().join(schema)).unwrap();
        let schema: serde_json::Value = serde_json::from_str(&schema).unwrap();
        let mut schemas = boon::Schemas::new();
        let mut compiler = boon::Compiler::new();
        compiler.add_resource("schema.json", schema).unwrap();
        let index = compiler.compile("schema.json", &mut schemas).unwrap();
        for text in [text.clone(), switched_on(&text)] {
            let value: serde_json::Value = toml::from_str(&text).unwrap();
            let marked = schemas.validate(&value, index).err().map(|error| format!("{error:#}"));
            assert_eq!(marked, None, "{name}");
        }
    }
}

/// The settings with all of their examples.
fn switched_on(text: &str) -> String {
    let lines = text.lines().map(|line| match line.strip_prefix('#') {
        Some(rest) if rest.starts_with(|c: char| c.is_ascii_lowercase() || c == '[') => rest,
        _ => line,
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_settings_hold_with_all_of_their_examples_switched_on() {
    let folder = tempfile::tempdir().unwrap();
    springback(&["init"], folder.path());
    let settings = folder.path().join("springback.toml");
    let text_in = std::fs::read_to_string(&settings).unwrap();
    let examples = switched_on(&text_in);
    assert!(examples.contains("\n[[quarantine]]\n"), "{examples}");
    std::fs::write(settings, examples).unwrap();
    let plan = springback(&["plan", ".", "--profile", "nightly"], folder.path());
    assert_eq!(plan.status.code(), Some(0), "{}", text(&plan.stderr));
    for part in ["60/s", "profile nightly"] {
        assert!(text(&plan.stdout).contains(part), "no {part} in:\n{}", text(&plan.stdout));
    }
}

#[test]
fn nothing_is_written_over_and_what_is_in_the_way_is_named() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("checkout.toml"), "mine").unwrap();
    std::os::unix::fs::symlink("nowhere", folder.path().join("springback.toml")).unwrap();
    let before = listing(folder.path());
    let output = springback(&["init"], folder.path());
    assert_eq!(output.status.code(), Some(64));
    let errors = text(&output.stderr);
    assert!(errors.contains("checkout.toml") && errors.contains("springback.toml"), "{errors}");
    assert!(!errors.contains("checkout.feature"), "{errors}");
    assert_eq!(listing(folder.path()), before);
    assert_eq!(std::fs::read_to_string(folder.path().join("checkout.toml")).unwrap(), "mine");
}

#[test]
fn another_folder_is_made_and_other_things_in_it_stay() {
    let folder = tempfile::tempdir().unwrap();
    let output = springback(&["init", "a/game days"], folder.path());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("run 'a/game days'"), "{}", text(&output.stdout));
    std::fs::create_dir(folder.path().join("b")).unwrap();
    std::fs::write(folder.path().join("b/notes.txt"), "mine").unwrap();
    assert_eq!(springback(&["init", "b"], folder.path()).status.code(), Some(0));
    assert_eq!(std::fs::read_to_string(folder.path().join("b/notes.txt")).unwrap(), "mine");
}

#[test]
fn what_cannot_be_written_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("file"), "").unwrap();
    let output = springback(&["init", "file/deep"], folder.path());
    assert_eq!(output.status.code(), Some(5), "{}", text(&output.stderr));
    // The schemas' folder cannot be made: what was written by then is taken away again.
    std::fs::create_dir(folder.path().join("half")).unwrap();
    std::fs::write(folder.path().join("half/.springback"), "").unwrap();
    let before = listing(folder.path());
    let output = springback(&["init", "half"], folder.path());
    assert_eq!(output.status.code(), Some(5), "{}", text(&output.stderr));
    assert_eq!(listing(folder.path()), before);
}
