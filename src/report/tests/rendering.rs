use super::*;

const PLAIN: Look = Look { width: 100, colour: false };

fn suite() -> SuiteVerdict {
    let refused = NotRun {
        scenario: "orders survive a zone".into(),
        reason: "refused: port 8080 of the balancer is in use".into(),
    };
    SuiteVerdict::new(
        "nightly-7",
        vec![passing().verdict.into(), failing().verdict.into(), inconclusive().verdict.into()],
        vec![refused],
        5,
    )
}

#[test]
fn terminal_of_a_pass() {
    let scene = passing();
    insta::assert_snapshot!(terminal(&scene.verdict, &scene.tracks, PLAIN));
}

#[test]
fn terminal_of_a_fail() {
    let scene = failing();
    insta::assert_snapshot!(terminal(&scene.verdict, &scene.tracks, PLAIN));
}

#[test]
fn terminal_of_an_inconclusive_run() {
    let scene = inconclusive();
    insta::assert_snapshot!(terminal(&scene.verdict, &scene.tracks, PLAIN));
}

#[test]
fn a_narrow_terminal_is_never_written_beyond() {
    let scene = failing();
    let text = terminal(&scene.verdict, &scene.tracks, Look { width: 80, colour: false });
    for line in text.lines() {
        assert!(textwrap::core::display_width(line) <= 80, "too long: {line}");
    }
    insta::assert_snapshot!(text);
}

#[test]
fn colour_is_only_colour() {
    let scene = failing();
    let colored = terminal(&scene.verdict, &scene.tracks, Look { colour: true, ..PLAIN });
    assert!(colored.contains("\u{1b}["));
    let mut bare = String::new();
    let mut rest = colored.as_str();
    while let Some((before, after)) = rest.split_once('\u{1b}') {
        bare.push_str(before);
        rest = after.split_once('m').unwrap().1;
    }
    bare.push_str(rest);
    assert_eq!(bare, terminal(&scene.verdict, &scene.tracks, PLAIN));
}

#[test]
fn a_terminal_obeys_nothing_that_a_scenario_says() {
    let mut scene = passing();
    scene.verdict.scenario = "evil \u{1b}[2J\u{7}name".into();
    let text = terminal(&scene.verdict, &scene.tracks, PLAIN);
    assert!(text.chars().all(|c| c == '\n' || !c.is_control()));
}

#[test]
fn markdown_of_a_pass() {
    let scene = passing();
    insta::assert_snapshot!(summary_md(&scene.verdict, &scene.tracks));
}

#[test]
fn markdown_of_a_fail() {
    let scene = failing();
    insta::assert_snapshot!(summary_md(&scene.verdict, &scene.tracks));
}

#[test]
fn markdown_of_an_inconclusive_run() {
    let scene = inconclusive();
    insta::assert_snapshot!(summary_md(&scene.verdict, &scene.tracks));
}

#[test]
fn markdown_of_a_suite() {
    insta::assert_snapshot!(suite_summary_md(&suite()));
}

#[test]
fn markdown_keeps_a_cell_a_cell() {
    let mut scene = failing();
    scene.verdict.findings[1].finding.text = "a | b\n| c <b> `d`".into();
    let text = summary_md(&scene.verdict, &scene.tracks);
    assert!(text.contains("a \\| b \\| c &lt;b> \\`d\\`"), "{text}");
}

#[test]
fn junit_of_a_suite() {
    let xml = junit(&suite());
    assert!(
        xml.contains(r#"<testsuites name="springback" tests="12" skipped="0" failures="2" errors="4""#),
        "{xml}"
    );
    insta::assert_snapshot!(xml);
}

#[test]
fn junit_never_shows_a_run_that_went_wrong_as_green() {
    let scene = passing();
    let verdict = Verdict { exit_code: 4, ..scene.verdict };
    let xml = junit(&SuiteVerdict::new("s", vec![verdict.into()], Vec::new(), 4));
    assert!(xml.contains(r#"failures="0" errors="1""#), "{xml}");
}

#[test]
fn a_verdict_as_json_has_what_its_schema_requires() {
    let schema = verdict_schema();
    for scene in [passing(), failing(), inconclusive()] {
        let json = serde_json::to_value(&scene.verdict).unwrap();
        requires(&schema, &schema, &json, "verdict");
        let back: Verdict = serde_json::from_value(json).unwrap();
        assert_eq!(back, scene.verdict);
    }
    insta::assert_snapshot!(serde_json::to_string_pretty(&failing().verdict).unwrap());
}

/// Every key that the schema requires is there, at every depth.
fn requires(schema: &serde_json::Value, root: &serde_json::Value, json: &serde_json::Value, at: &str) {
    if let Some(reference) = schema["$ref"].as_str() {
        let target = root.pointer(reference.trim_start_matches('#')).expect("the reference leads somewhere");
        return requires(target, root, json, at);
    }
    for option in schema["anyOf"].as_array().into_iter().flatten().filter(|_| !json.is_null()) {
        requires(option, root, json, at);
    }
    for key in schema["required"].as_array().into_iter().flatten().filter(|_| json.is_object()) {
        assert!(json.get(key.as_str().unwrap()).is_some(), "{at} lacks {key}");
    }
    for (key, property) in schema["properties"].as_object().into_iter().flatten() {
        if let Some(value) = json.get(key) {
            requires(property, root, value, &format!("{at}.{key}"));
        }
    }
    for value in json.as_array().into_iter().flatten() {
        requires(&schema["items"], root, value, &format!("{at}[]"));
    }
    if schema["additionalProperties"].is_object() {
        for value in json.as_object().into_iter().flat_map(|map| map.values()) {
            requires(&schema["additionalProperties"], root, value, &format!("{at}.*"));
        }
    }
}

#[test]
fn an_unsealed_history_never_passes() {
    let scene = scene(surge().unsealed(), &[availability()], &BTreeMap::new(), 2);
    assert_eq!(scene.verdict.outcome, Outcome::Inconclusive);
    let nothing = self::scene(surge(), &[], &BTreeMap::new(), 2);
    assert_eq!(nothing.verdict.outcome, Outcome::Inconclusive, "nothing judged is nothing proven");
}

#[test]
fn a_suite_is_as_bad_as_its_worst_part() {
    assert_eq!(suite().outcome, Outcome::Fail);
    assert_eq!(SuiteVerdict::new("s", Vec::new(), Vec::new(), 0).outcome, Outcome::Inconclusive);
    assert_eq!(SuiteVerdict::new("s", vec![passing().verdict.into()], Vec::new(), 0).outcome, Outcome::Pass);
}

#[test]
fn many_moves_are_shown_by_their_ends() {
    let mut story = surge();
    for i in 0..60 {
        let at = 41.0 + f64::from(i) * 0.6;
        let name = format!("primary-{}", 100 + i);
        story = story.instance(at, &name, InstanceState::Starting, "").instance(
            at + 0.3,
            &name,
            InstanceState::Gone,
            "exit status 1",
        );
    }
    let text = replicas_over_time(&story.tracks());
    assert!(text.contains("more …"), "{text}");
    assert!(text.len() < 700, "{text}");
}

#[test]
fn a_histogram_that_cannot_be_read_gives_no_percentiles() {
    let mut tracks = passing().tracks;
    tracks.load[3].response = "damaged".into();
    let verdict = Verdict::new(&tracks, &[availability()], &BTreeMap::new(), 0);
    let load = verdict.load.unwrap();
    assert_eq!(load.response, None);
    assert!(load.service.is_some());
}

/// Every way in which a scenario of a suite may stand apart.
fn mixed_suite() -> SuiteVerdict {
    let quarantined = |verdict: Verdict, expired: bool| Ran {
        quarantine: Some(Quarantined {
            owner: "payments".into(),
            until: "2026-12-31".into(),
            reason: (!expired).then(|| "ticket 4711".into()),
            expired,
        }),
        ..verdict.into()
    };
    let named = |verdict: Verdict, name: &str| Verdict { scenario: name.into(), ..verdict };
    let retried = Ran {
        earlier_attempts: vec![named(inconclusive().verdict, "retried")],
        ..named(passing().verdict, "retried").into()
    };
    let scenarios = vec![
        retried,
        quarantined(named(failing().verdict, "known to leak"), false),
        quarantined(named(failing().verdict, "known for too long"), true),
    ];
    let not_run = vec![NotRun {
        scenario: "the last".into(),
        reason: "--fail-fast: an earlier scenario failed".into(),
    }];
    let mut suite = SuiteVerdict::new("nightly-8", scenarios, not_run, 1);
    suite.left_out = 3;
    suite.notes.push("the quarantine of \"gone\" fits no scenario of this call: springback.toml:9".into());
    suite
}

#[test]
fn terminal_of_a_suite_at_80_columns() {
    let text = suite_terminal(&mixed_suite(), Look { width: 80, colour: false });
    for line in text.lines() {
        assert!(textwrap::core::display_width(line) <= 80, "too long: {line}");
    }
    insta::assert_snapshot!(text);
}

#[test]
fn markdown_of_a_suite_with_everything() {
    insta::assert_snapshot!(suite_summary_md(&mixed_suite()));
}

#[test]
fn junit_of_a_suite_with_everything() {
    let xml = junit(&mixed_suite());
    assert!(xml.contains("flakyError"), "{xml}");
    assert!(xml.contains("<skipped"), "{xml}");
    insta::assert_snapshot!(xml);
}

#[test]
fn what_is_quarantined_does_not_count_until_its_day_is_over() {
    let with = |expired| {
        let quarantine = Quarantined { owner: "o".into(), until: "2026-01-01".into(), reason: None, expired };
        let ran = Ran { quarantine: Some(quarantine), ..failing().verdict.into() };
        SuiteVerdict::new("s", vec![passing().verdict.into(), ran], Vec::new(), 0).outcome
    };
    assert_eq!((with(false), with(true)), (Outcome::Pass, Outcome::Fail));
}
