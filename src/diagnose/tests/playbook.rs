use std::collections::BTreeSet;

use crate::diagnose::{PLAYBOOK, explain, nearest};

#[test]
fn the_list_of_codes() {
    let listed: Vec<String> = PLAYBOOK.iter().map(|play| format!("{}: {}", play.code, play.title)).collect();
    insta::assert_snapshot!(listed.join("\n"));
}

#[test]
fn each_play_says_all_that_it_should() {
    let mut codes = BTreeSet::new();
    for play in PLAYBOOK {
        assert!(codes.insert(play.code), "{} stands twice", play.code);
        assert!(play.code.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'), "{}", play.code);
        for text in [play.title, play.meaning, play.recognised_by, play.fix] {
            assert!(!text.is_empty() && !text.contains("  "), "{}: \"{text}\"", play.code);
        }
        assert!(!play.check.is_empty() && play.check.iter().all(|check| !check.is_empty()), "{}", play.code);
    }
}

/// Whatever the room can say, `explain` must know.
#[test]
fn every_code_that_is_given_has_a_play() {
    let sources = [
        include_str!("../held.rs"),
        include_str!("../writers.rs"),
        include_str!("../leftover.rs"),
        include_str!("../growth.rs"),
        include_str!("../starting.rs"),
        include_str!("../service.rs"),
        include_str!("../standby.rs"),
        include_str!("../keda.rs"),
        include_str!("../money.rs"),
        include_str!("../nodes.rs"),
        include_str!("../orphans.rs"),
        include_str!("../premise.rs"),
        include_str!("../facts.rs"),
        include_str!("../mod.rs"),
    ];
    let known: BTreeSet<&str> = PLAYBOOK.iter().map(|play| play.code).collect();
    let mut given = BTreeSet::new();
    for source in sources {
        for call in ["because(", ".cause("] {
            for (_, after) in source.match_indices(call).map(|(at, call)| source.split_at(at + call.len())) {
                if let Some(code) = after.trim_start().strip_prefix('"') {
                    given.insert(code.split('"').next().unwrap());
                }
            }
        }
    }
    assert!(given.len() > 40, "the sources are read: {given:?}");
    for code in given {
        assert!(known.contains(code), "{code} has no play");
    }
}

#[test]
fn a_code_is_explained_and_a_misspelt_one_finds_its_neighbour() {
    insta::assert_snapshot!(explain("hpa-floor-raised").unwrap());
    assert_eq!(explain("hpa-window-to-long"), None);
    assert_eq!(nearest("hpa-window-to-long"), Some("hpa-window-too-long"));
    assert_eq!(nearest("not-contractd"), Some("not-contracted"), "codes of findings too");
    assert_eq!(nearest("zzzzzz"), None);
}
