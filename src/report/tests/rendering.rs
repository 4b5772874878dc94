use super::*;

const PLAIN: Look = Look { width: 100, colour: false };

/// A scenario that was tried once.
fn once(verdict: Verdict) -> ScenarioResult {
    ScenarioResult::new(vec![verdict], None)
}

fn suite() -> SuiteVerdict {
    let refused = NotRun {
        scenario: "orders survive a zone".into(),
        code: WhyNotRun::Refused,
        reason: "refused: port 8080 of the balancer is in use".into(),
    };
    SuiteVerdict::new(
        "nightly-7",
        [passing(), failing(), inconclusive()].map(|scene| once(scene.verdict)).to_vec(),
        vec![refused],
        5,
    )
}

/// A night: one that passes at its second attempt, one in quarantine that fails, one whose quarantine has expired, one in
/// quarantine that passes, one that was left out.
fn night() -> SuiteVerdict {
    let named = |scene: Scene, name: &str| Verdict { scenario: name.into(), ..scene.verdict };
    let entry = |until: &str, expired: bool| {
        Some(QuarantineEntry {
            owner: "payments".into(),
            until: until.into(),
            reason: Some("OPS-17".into()),
            origin: Origin { source: "springback.toml".into(), line: 12 },
            expired,
        })
    };
    let starved = judged(
        "contraction-0",
        "within 20s \"primary\" is back to its baseline and stays there for 10s",
        Outcome::Inconclusive,
        "harness-starved",
        "springback itself was 2.1s late",
    );
    let unknown = judged(
        "unplanned/primary",
        "no instance ends by itself",
        Outcome::Inconclusive,
        "signal-gap",
        "nobody looked from +3s to +9s",
    );
    let first = scene(surge(), &[availability(), starved, unknown], &BTreeMap::new(), 2);
    let again = "a surge is served, and the capacity it needed is given back within twenty seconds";
    let flaky = vec![named(first, again), Verdict { attempt: 2, ..named(passing(), again) }];
    let spend = SpendSummary {
        currency: "USD".into(),
        total: "0.01".into(),
        baseline_per_hour: Some("0.20".into()),
        end_per_hour: "0.50".into(),
        residual_per_hour: Some("0.30".into()),
        residual_per_month: Some("219.00".into()),
    };
    let dear = Verdict { spend: Some(spend), ..named(failing(), "checkout leaks") };
    let scenarios = vec![
        ScenarioResult::new(flaky, None),
        ScenarioResult::new(vec![dear], entry("2026-02-01", false)),
        ScenarioResult::new(vec![named(failing(), "orders leak")], entry("2025-12-01", true)),
        ScenarioResult::new(vec![named(passing(), "mail is delivered")], entry("2026-02-01", false)),
    ];
    let not_run = NotRun {
        scenario: "a zone is lost".into(),
        code: WhyNotRun::MaxTime,
        reason: "it may take 20m, and 12m 05s of --max-time 30m were over before it".into(),
    };
    let selection = Selection { selected: 5, of: 13, tags: Some("@nightly".into()), skip: None };
    SuiteVerdict::new("nightly-8", scenarios, vec![not_run], 1).with_selection(Some(selection))
}

#[test]
fn terminal_of_a_suite() {
    for (width, suite) in [(80, night()), (120, night()), (80, suite())] {
        let text = suite_terminal(&suite, Look { width, colour: false });
        for line in text.lines() {
            assert!(textwrap::core::display_width(line) <= width, "too long for {width}: {line}");
        }
        insta::assert_snapshot!(format!("table-of-{}-at-{width}", suite.suite_id), text);
    }
}

#[test]
fn markdown_of_a_suite_with_attempts_and_quarantine() {
    insta::assert_snapshot!(suite_summary_md(&night()));
}

#[test]
fn junit_of_a_suite_with_attempts_and_quarantine() {
    let xml = junit(&night());
    assert!(xml.contains(r#"skipped="3" failures="2" errors="2""#), "{xml}");
    assert!(xml.contains("<flakyError"), "{xml}");
    insta::assert_snapshot!(xml);
}

#[test]
fn an_attempt_before_one_that_fails_is_a_rerun_and_what_follows_a_fail_is_skipped() {
    let inconclusive = Verdict { exit_code: 2, ..inconclusive().verdict };
    let last = Verdict { attempt: 2, ..failing().verdict };
    let result = ScenarioResult::new(vec![inconclusive, last], None);
    let left =
        NotRun { scenario: "later".into(), code: WhyNotRun::FailFast, reason: "one failed before it".into() };
    let xml = junit(&SuiteVerdict::new("s", vec![result], vec![left], 1));
    assert!(xml.contains("<rerunError") && !xml.contains("<flakyError"), "{xml}");
    assert!(xml.contains(r#"skipped="1" failures="2" errors="1""#), "{xml}");
}

#[test]
fn only_what_the_system_did_is_put_up_with() {
    let entry = |expired| {
        let origin = Origin { source: "springback.toml".into(), line: 1 };
        Some(QuarantineEntry { owner: "a".into(), until: "2026-02-01".into(), reason: None, origin, expired })
    };
    let counts = |exit_code, expired| {
        let verdict = Verdict { exit_code, ..failing().verdict };
        ScenarioResult::new(vec![verdict], entry(expired)).counts
    };
    for excused in [1, 2] {
        assert!(!counts(excused, false), "{excused}");
        assert!(counts(excused, true), "{excused} after its date");
    }
    for never in [0, 3, 4, 5, 6, 70] {
        assert!(counts(never, false), "{never}");
    }
    let verdict =
        SuiteVerdict::new("s", vec![ScenarioResult::new(vec![failing().verdict], entry(false))], vec![], 0);
    assert_eq!(verdict.outcome, Outcome::Pass);
    assert_eq!(verdict.notes.iter().map(|note| note.code.as_str()).collect::<Vec<_>>(), ["nothing-counts"]);
    let xml = junit(&verdict);
    assert!(xml.contains(r#"skipped="3" failures="0" errors="0""#), "neither red nor green: {xml}");
}

#[test]
fn attempts_are_put_together_again_whatever_their_order() {
    let attempt = |attempt| Verdict { attempt, ..passing().verdict };
    let other = Verdict { scenario: "other".into(), ..passing().verdict };
    let grouped = ScenarioResult::grouped(vec![attempt(2), other, attempt(1)]);
    let shape: Vec<_> = grouped.iter().map(|one| (one.verdict.attempt, one.attempts())).collect();
    assert_eq!(shape, [(2, 2), (1, 1)]);
    let twice = ScenarioResult::grouped(vec![attempt(1), attempt(1)]);
    assert_eq!(twice.len(), 2, "two runs of one attempt are two");
}

#[test]
fn a_suite_as_json_has_what_its_schema_requires() {
    let schema = suite_schema();
    for suite in [suite(), night()] {
        let json = serde_json::to_value(&suite).unwrap();
        requires(&schema, &schema, &json, "suite");
        let back: SuiteVerdict = serde_json::from_value(json).unwrap();
        assert_eq!(back, suite);
    }
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
    let xml = junit(&SuiteVerdict::new("s", vec![once(verdict)], Vec::new(), 4));
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
    assert_eq!(SuiteVerdict::new("s", vec![once(passing().verdict)], Vec::new(), 0).outcome, Outcome::Pass);
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

#[test]
fn no_move_is_told_beyond_the_end_of_what_is_recorded() {
    let end_s = surge().tracks().end_us as f64 / 1e6;
    // Its grace is not over when the record ends: whether it outlives it is not known.
    let story = surge().instance(end_s - 0.5, "primary-1", InstanceState::Terminating, "");
    let before = replicas_over_time(&surge().tracks());
    let after = replicas_over_time(&story.tracks());
    let primary =
        |text: &str| text.lines().find(|line| line.starts_with("primary")).unwrap().matches('→').count();
    assert_eq!(primary(&after), primary(&before) + 1, "{before}{after}");
}

#[test]
fn what_stands_in_a_file_that_the_scenario_names_is_not_set_from_outside() {
    let mut tracks = passing().tracks;
    let one = |key: &str, imported| crate::scenario::Override {
        key: key.into(),
        value: "2".into(),
        from: "somewhere".into(),
        imported,
    };
    let header = tracks.header.as_mut().unwrap();
    header.overrides = vec![one("target.local.primary.replicas", true), one("load.baseline_rate", false)];
    let verdict = Verdict::new(&tracks, &[availability()], &BTreeMap::new(), 0);
    assert_eq!(verdict.overrides, [one("load.baseline_rate", false)]);
    let page = terminal(&verdict, &tracks, PLAIN);
    assert!(page.contains("not from the scenario's own file: load.baseline_rate = 2 (somewhere)"), "{page}");
}

#[test]
fn each_fault_of_a_cluster_has_its_line() {
    let lasts_us = us(5.0);
    let instances = vec!["primary-1".to_owned()];
    let nodes = |how| IntentAction::Nodes {
        how,
        nodes: vec!["node-a".into()],
        instances: instances.clone(),
        lasts_us,
    };
    let faults = [
        IntentAction::Terminate { instances: instances.clone(), kill: false, grace_us: us(5.0), evict: true },
        IntentAction::Scale { to: 5, lasts_us },
        IntentAction::Partition { instances: instances.clone(), lasts_us },
        nodes(NodeFault::Drain),
        nodes(NodeFault::Reclaim { notice_us: us(2.0) }),
        nodes(NodeFault::Outage),
        IntentAction::Manifest { objects: vec!["NetworkChaos.chaos-mesh.org/slow".into()], lasts_us },
    ];
    let mut told = String::new();
    for action in faults {
        for is_seen in [true, false] {
            let fault = || "fault-0".to_owned();
            let intent = Intent { fault: fault(), group: "primary".into(), action: action.clone() };
            let struck = if action.ends_instances() { instances.clone() } else { Vec::new() };
            let unseen = if action.ends_instances() { instances.clone() } else { vec![action.unseen()] };
            let (gone, remaining) = if is_seen { (struck, Vec::new()) } else { (Vec::new(), unseen) };
            let mut story = Story::new("faults")
                .event(28.0, Event::Intent(intent))
                .event(28.1, Event::Acknowledged(Acknowledged { fault: fault(), detail: String::new() }));
            if is_seen {
                let seen = crate::history::EffectSeen {
                    fault: fault(),
                    seen_by: "probes".into(),
                    detail: "as meant".into(),
                };
                story = story.event(28.5, Event::EffectSeen(seen));
            }
            let effect = Effect { fault: fault(), gone, remaining, seen_by: "probes".into() };
            let story = story.event(29.0, Event::Effect(effect));
            let scene = scene(story, &[], &BTreeMap::new(), 0);
            told += &format!("{}\n", sentences::fault(&scene.verdict.faults[0], 0));
        }
    }
    insta::assert_snapshot!(told);
}
