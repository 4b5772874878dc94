//! Each format for a verdict that passes, one that fails with causes, and one that is inconclusive.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;

use crate::check::{AnchorAt, Evidence, Finding, Outcome};
use crate::diagnose::Diagnosis;
use crate::diagnose::story::{Story, us};
use crate::history::*;

use super::*;

mod rendering;

/// A scene and everything that a report is made of.
struct Scene {
    tracks: Tracks,
    verdict: Verdict,
}

fn scene(story: Story, findings: &[Finding], causes: &BTreeMap<String, Vec<Diagnosis>>, exit: u8) -> Scene {
    let tracks = story.tracks();
    let verdict = Verdict::new(&tracks, findings, causes, exit);
    Scene { tracks, verdict }
}

/// Two instances grow to five under a surge; one is killed and replaced; a standby sleeps.
fn surge() -> Story {
    let mut story = Story::new("checkout gives its capacity back")
        .desired(0.0, "primary", 2, "declared", "")
        .desired(0.0, "standby", 1, "declared", "")
        .starts(0.2, "primary-1")
        .starts(0.2, "primary-2")
        .starts(0.3, "standby-1")
        .surge(15.0, 35.0)
        .desired(19.0, "primary", 4, "autoscaler", "")
        .starts(19.1, "primary-3")
        .starts(19.1, "primary-4")
        .desired(22.0, "primary", 5, "autoscaler", "")
        .starts(22.1, "primary-5")
        .fault(
            28.0,
            "primary",
            IntentAction::Terminate {
                instances: vec!["primary-2".into()],
                kill: true,
                grace_us: 0,
                evict: false,
            },
        )
        .instance(28.1, "primary-2", InstanceState::Gone, "signal 9")
        .starts(28.4, "primary-6")
        .healed(29.0, true, "nothing to undo");
    for second in 0..79 {
        let per_s = if (15..35).contains(&second) { 180 } else { 40 };
        let refused = if second == 28 { 12 } else { 0 };
        let times: Vec<u64> =
            (0..per_s - refused).map(|i| 18_000 + i * i % 997 * 40 + (second % 7) * 900).collect();
        let mut window = LoadWindow {
            from_us: second * 1_000_000,
            planned: per_s,
            sent: per_s,
            late: u64::from(second == 30),
            ok: per_s - refused,
            errors: BTreeMap::from_iter((refused > 0).then_some((ErrorKind::Refused, refused))),
            ..LoadWindow::default()
        };
        window.set_histograms(&recorded(&times), &recorded(&times));
        story = story.event(second as f64 + 1.2, Event::Load(Box::new(window)));
    }
    story
}

fn recorded(times_us: &[u64]) -> Histogram<u64> {
    let mut histogram = latency_histogram();
    times_us.iter().for_each(|t| histogram.record(*t).unwrap());
    histogram
}

fn judged(id: &str, expectation: &str, outcome: Outcome, code: &str, text: &str) -> Finding {
    Finding {
        id: id.into(),
        expectation: expectation.into(),
        outcome,
        code: code.into(),
        text: text.into(),
        groups: vec!["primary".into()],
        anchor: Some(AnchorAt { anchor: "quiesce".into(), t_us: us(40.0) }),
        window_us: Some((us(60.0), us(70.0))),
        margin_us: None,
        resolution_us: Some(0),
        evidence: Vec::new(),
        origin: Some(Origin { source: "scenarios/checkout.toml".into(), line: 36 }),
    }
}

fn evidence(name: &str, value: &str) -> Evidence {
    Evidence { name: name.into(), value: value.into() }
}

fn expansion() -> Finding {
    Finding {
        margin_us: Some(us(6.9) as i64),
        ..judged(
            "expansion-0",
            "within 15s of the surge beginning \"primary\" has at least 4 instances",
            Outcome::Pass,
            "expanded",
            "4 instances were ready 8.1s after the surge began",
        )
    }
}

fn availability() -> Finding {
    judged(
        "objective-availability",
        "at least 90% of requests succeed",
        Outcome::Pass,
        "objective-met",
        "99.7% of 4,760 requests were answered well",
    )
}

/// It gives everything back.
fn passing() -> Scene {
    let story = surge()
        .desired(44.0, "primary", 2, "autoscaler", "")
        .ends(44.1, "primary-3")
        .ends(44.2, "primary-4")
        .ends(44.2, "primary-5");
    let contraction = Finding {
        margin_us: Some(us(15.8) as i64),
        ..judged(
            "contraction-0",
            "within 20s \"primary\" is back to its baseline and stays there for 10s",
            Outcome::Pass,
            "contracted",
            "2 instances from +34.2s on; the bound is 2",
        )
    };
    scene(story, &[availability(), expansion(), contraction], &BTreeMap::new(), 0)
}

/// Nothing scales it down, it costs, and one expectation cannot be judged.
fn failing() -> Scene {
    let contraction = Finding {
        margin_us: None,
        evidence: vec![
            evidence("supply at the deadline", "5 instances"),
            evidence("bound", "2 instances (baseline 2, demand 2, tolerance 0)"),
            evidence("deadline", "20s after quiesce"),
        ],
        ..judged(
            "contraction-0",
            "within 20s \"primary\" is back to its baseline and stays there for 10s",
            Outcome::Fail,
            "above-bound",
            "5 instances exist at the deadline, 3 above the bound of 2: primary-1, primary-3, primary-4, primary-5, \
             primary-6",
        )
    };
    let spend = judged(
        "idle-spend",
        "after 20s idle spend is at most 0.00 USD/h for 10s",
        Outcome::Fail,
        "residual-spend",
        "0.30 USD/h above the baseline go on being spent: 219.00 USD a month",
    );
    let standby = judged(
        "standby-released-0",
        "within 20s of the primary being healthy \"standby\" is released and stays so for 10s",
        Outcome::Inconclusive,
        "standby-never-activated",
        "\"standby\" never stood in, so there is nothing to release",
    );
    let stabilized = Diagnosis {
        code: "hpa-window-too-long".into(),
        object: "autoscaler primary".into(),
        seen: "AbleToScale=True, ScaleDownStabilized in every decision from +31s to +69s: the metric asks for 2, a \
               recommendation of 5 at +24s still counts"
            .into(),
        next_step: "shorten scale_down.stabilization_window to less than 20s, or give the contraction more time".into(),
    };
    let unused = Diagnosis {
        code: "no-outage".into(),
        object: "group standby".into(),
        seen: "the balancer sent to \"primary\" all the time".into(),
        next_step: "add a fault that loses \"primary\"".into(),
    };
    let causes = BTreeMap::from([
        ("contraction-0".to_owned(), vec![stabilized.clone()]),
        ("idle-spend".to_owned(), vec![stabilized]),
        ("standby-released-0".to_owned(), vec![unused]),
    ]);
    let stopped = Stopped {
        condition: "error_ratio".into(),
        value: 0.31,
        limit: 0.3,
        detail: "31% of the requests of the last 30s failed; the limit is 30%".into(),
    };
    let note =
        Note { code: "baseline-unanchored".into(), text: "no earlier passing run of this scenario".into() };
    let story = surge().event(33.0, Event::Stopped(stopped)).event(10.0, Event::Note(note));
    scene(story, &[availability(), contraction, expansion(), spend, standby], &causes, 1)
}

/// Interrupted before anything could be known.
fn inconclusive() -> Scene {
    let never = judged(
        "contraction-0",
        "within 20s \"primary\" is back to its baseline and stays there for 10s",
        Outcome::Inconclusive,
        "history-too-short",
        "the history ends at +25s, before the end of the hold",
    );
    let cause = Diagnosis {
        code: "interrupted".into(),
        object: "springback".into(),
        seen: "SIGTERM at +24s".into(),
        next_step: "run it again and let it end".into(),
    };
    let interrupted = Interrupted { signal: "SIGTERM".into() };
    let story = surge().event(34.0, Event::Interrupted(interrupted)).unsealed();
    scene(story, &[expansion(), never], &BTreeMap::from([("contraction-0".into(), vec![cause])]), 3)
}
