//! Data flows one way: each room may know only the rooms before it.

use std::fs;
use std::path::{Path, PathBuf};

/// For each room, the rooms that it may see.
const MAY_SEE: [(&str, &[&str]); 14] = [
    ("autoscaler", &[]),
    ("scenario", &["autoscaler"]),
    ("plan", &["autoscaler", "scenario"]),
    ("history", &["autoscaler", "scenario", "plan"]),
    ("slo", &["autoscaler", "scenario", "plan", "history"]),
    ("spend", &["autoscaler", "scenario", "plan", "history"]),
    ("load", &["scenario", "plan", "history"]),
    ("world", &["autoscaler", "scenario", "plan", "history", "load"]),
    ("run", &["scenario", "plan", "history", "slo", "spend", "load", "world"]),
    ("check", &["autoscaler", "scenario", "plan", "history", "slo", "spend"]),
    ("diagnose", &["autoscaler", "scenario", "plan", "history", "slo", "spend", "check"]),
    ("report", &["autoscaler", "scenario", "plan", "history", "slo", "spend", "check", "diagnose"]),
    (
        "cli",
        &[
            "autoscaler",
            "scenario",
            "plan",
            "history",
            "slo",
            "spend",
            "load",
            "world",
            "run",
            "check",
            "diagnose",
            "report",
        ],
    ),
    ("main.rs", &["cli"]),
];

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The rooms that a text reaches into: `crate::room`, also inside `use crate::{a::X, b}`.
fn reaches(text: &str) -> Vec<String> {
    let code: String =
        text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n");
    let mut rooms = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        if let Some(list) = rest.strip_prefix('{') {
            let (mut depth, mut name, mut fresh) = (0, String::new(), true);
            for c in list.chars() {
                match c {
                    '{' => depth += 1,
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    ',' if depth == 0 => {
                        rooms.push(std::mem::take(&mut name));
                        fresh = true;
                        continue;
                    }
                    c if depth == 0 && fresh && (c.is_alphanumeric() || c == '_') => name.push(c),
                    c if depth == 0 && !c.is_whitespace() => fresh = false,
                    _ => {}
                }
            }
            rooms.push(name);
        } else {
            rooms.push(rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect());
        }
    }
    rooms.retain(|room| !room.is_empty());
    rooms
}

fn trespasses(room: &str, may_see: &[&str], text: &str) -> Vec<String> {
    reaches(text)
        .into_iter()
        .filter(|reached| reached != room && !may_see.contains(&reached.as_str()))
        .collect()
}

#[test]
fn every_room_knows_only_the_rooms_before_it() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    for path in sources(&src) {
        let inside = path.strip_prefix(&src).unwrap();
        let room = inside.iter().next().unwrap().to_string_lossy().into_owned();
        if room == "lib.rs" {
            continue;
        }
        let (_, may_see) = MAY_SEE
            .iter()
            .find(|(known, _)| *known == room)
            .unwrap_or_else(|| panic!("{} lies in a room that this test does not know", inside.display()));
        let text = fs::read_to_string(&path).unwrap();
        found.extend(
            trespasses(&room, may_see, &text)
                .into_iter()
                .map(|to| format!("{} reaches {to}", inside.display())),
        );
    }
    assert!(found.is_empty(), "rooms reach where they may not:\n{}", found.join("\n"));
}

#[test]
fn only_worlds_and_what_drives_them_touch_processes_or_sockets() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for room in ["autoscaler", "scenario", "plan", "slo", "spend", "check", "diagnose", "report"] {
        for path in sources(&src.join(room)) {
            let text = fs::read_to_string(&path).unwrap();
            for forbidden in ["tokio::", "std::net", "std::process", "hyper::"] {
                assert!(!text.contains(forbidden), "{} uses {forbidden}", path.display());
            }
        }
    }
}

#[test]
fn a_reach_backwards_is_seen() {
    assert_eq!(trespasses("check", &["history"], "use crate::world::World;"), ["world"]);
    assert_eq!(trespasses("check", &["history"], "use crate::{history::Tracks, run::Signal};"), ["run"]);
    assert!(
        trespasses("check", &["history"], "// crate::world is not for us\nuse crate::check::Finding;")
            .is_empty()
    );
}
