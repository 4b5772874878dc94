//! A recorded run, shown on emulated terminals of several sizes.

use super::events::happened;
use super::layout;
use super::painter::Painter;
use super::picture::{Place, Scene};
use super::text::Line;
use crate::history::*;
use crate::scenario::{Overrides, Source, StopCondition};

/// A run of the flagship scenario, without what the view does not look at.
const RECORDED: &str = include_str!("testdata/surge-and-termination.jsonl");
const S: u64 = 1_000_000;

fn records() -> Vec<Record> {
    RECORDED.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The stimulus of the recorded run begins then.
fn zero_us() -> u64 {
    let began =
        |record: &Record| matches!(&record.event, Event::Phase(began) if began.phase == Phase::Stimulus);
    records().iter().find(|record| began(record)).unwrap().t_us
}

/// A recorded run on its way to a screen.
struct Showing {
    scene: Scene,
    tracks: Tracks,
    painter: Painter,
    screen: avt::Terminal,
    colour: bool,
}

impl Showing {
    fn new(columns: usize, rows: usize) -> Self {
        let records = records();
        let Event::Header(header) = &records[0].event else { panic!("a history begins with its header") };
        Self {
            scene: Scene {
                scenario: header.scenario.clone(),
                plan: header.plan.clone(),
                place: Place { nth: 3, of: 10, attempt: 1 },
            },
            tracks: Tracks::default(),
            painter: Painter::default(),
            screen: avt::Terminal::with_scrollback(columns, rows, None).unwrap(),
            colour: false,
        }
    }

    fn feed(&mut self, record: &Record) {
        self.tracks.apply(record);
        let columns = self.screen.size().0;
        let above =
            happened(&self.scene, record, &self.tracks).map_or_else(Vec::new, |event| event.lines(columns));
        self.frame(&above, record.t_us);
    }

    fn frame(&mut self, above: &[Line], now_us: u64) {
        let (columns, rows) = self.screen.size();
        let status = layout::rows(&self.scene.at(now_us, &self.tracks), columns, rows);
        let bytes = self.painter.frame(columns, above, &status, self.colour);
        self.screen.feed(bytes.replace('\n', "\r\n"));
    }

    /// Everything recorded until then, and the status at that time.
    fn until(mut self, now_us: u64) -> Self {
        records().iter().filter(|record| record.t_us <= now_us).for_each(|record| self.feed(record));
        self.frame(&[], now_us);
        self
    }

    fn text(&self) -> String {
        let lines: Vec<_> = self.screen.screen().visible_lines().map(|line| line.text()).collect();
        lines.iter().map(|line| line.trim_end()).collect::<Vec<_>>().join("\n").trim_end().to_owned()
    }
}

fn shown(columns: usize, rows: usize, now_us: u64) -> String {
    Showing::new(columns, rows).until(now_us).text()
}

#[test]
fn each_phase_at_80_by_24() {
    let zero_us = zero_us();
    insta::assert_snapshot!("80x24-warm-up", shown(80, 24, S / 2));
    insta::assert_snapshot!("80x24-baseline", shown(80, 24, zero_us - 3 * S));
    insta::assert_snapshot!("80x24-before-the-kill", shown(80, 24, zero_us + 15 * S));
    insta::assert_snapshot!("80x24-primary-lost", shown(80, 24, zero_us + 37 * S));
    insta::assert_snapshot!("80x24-observe", shown(80, 24, zero_us + 50 * S));
}

#[test]
fn a_large_terminal_uses_its_room_and_a_small_one_shows_less() {
    let zero_us = zero_us();
    insta::assert_snapshot!("160x50-stimulus", shown(160, 50, zero_us + 37 * S));
    insta::assert_snapshot!("40x10-stimulus", shown(40, 10, zero_us + 37 * S));
    insta::assert_snapshot!("30x6-stimulus", shown(30, 6, zero_us + 37 * S));
}

#[test]
fn what_stays_of_a_run_at_80_and_at_40_columns() {
    for columns in [80, 40] {
        let mut showing = Showing::new(columns, 24).until(u64::MAX / 2);
        let bytes = showing.painter.frame(columns, &[], &[], false);
        showing.screen.feed(bytes.replace('\n', "\r\n"));
        let lines: Vec<_> = showing.screen.screen().all_lines().map(|line| line.text()).collect();
        let text = lines.iter().map(|line| line.trim_end()).collect::<Vec<_>>().join("\n");
        insta::assert_snapshot!(format!("events-at-{columns}"), text.trim_end());
    }
}

/// At every size the status fits and nothing of an earlier one stays, also where the size changes on the way.
#[test]
fn no_size_garbles_it() {
    let zero_us = zero_us();
    let sizes = [(80, 24), (33, 9), (160, 50), (20, 5), (9, 3), (120, 4), (5, 2), (1, 1), (80, 24)];
    let mut showing = Showing::new(80, 24);
    for record in records().iter().filter(|record| record.t_us < zero_us + 20 * S) {
        showing.feed(record);
    }
    for (columns, rows) in sizes {
        showing.screen.resize(columns, rows);
        showing.frame(&[], zero_us + 20 * S);
        let status = layout::rows(&showing.scene.at(zero_us + 20 * S, &showing.tracks), columns, rows);
        let lines: Vec<_> = showing.screen.screen().visible_lines().map(|line| line.text()).collect();
        let (_, cursor) = showing.screen.cursor().position().expect("the cursor is never hidden");
        assert!(status.len() < rows && status.iter().all(|row| row.width() < columns), "{columns}×{rows}");
        for (row, line) in status.iter().zip(&lines[cursor - status.len()..cursor]) {
            assert_eq!(line.trim_end(), row.paint(false).trim_end(), "{columns}×{rows}");
        }
        assert!(
            lines[cursor..].iter().all(|line| line.trim().is_empty()),
            "{columns}×{rows}: below the status"
        );
    }
}

#[test]
fn colour_says_nothing_of_its_own() {
    let now_us = zero_us() + 37 * S;
    let mut coloured = Showing::new(80, 24);
    coloured.colour = true;
    assert_eq!(coloured.until(now_us).text(), shown(80, 24, now_us));
}

#[test]
fn a_limit_that_is_exceeded_is_marked_with_more_than_colour() {
    let mut showing = Showing::new(100, 30).until(zero_us() + 20 * S);
    let over = "30s".parse().unwrap();
    showing.scene.scenario.stop = vec![
        StopCondition::SpendRate { above: "0.10 USD/h".parse().unwrap() },
        StopCondition::ErrorRatio { above: "5%".parse().unwrap(), over },
    ];
    let rows = layout::rows(&showing.scene.at(zero_us() + 20 * S, &showing.tracks), 100, 30);
    let slo = rows.iter().map(|row| row.paint(false)).find(|row| row.starts_with("slo")).unwrap();
    assert_eq!(slo, "slo       availability burn 0.0  latency burn 0.0  spend 0.7! (stops above 0.10 USD/h)");
}

#[test]
fn groups_that_find_no_room_are_summed_up() {
    let showing = Showing::new(80, 10).until(zero_us() + 15 * S);
    let mut picture = showing.scene.at(zero_us() + 15 * S, &showing.tracks);
    let group = picture.groups[0].clone();
    picture.groups =
        (0..20).map(|n| super::picture::Group { name: format!("zone-{n}"), ..group.clone() }).collect();
    let text: Vec<_> = layout::rows(&picture, 60, 10).iter().map(|row| row.paint(false)).collect();
    insta::assert_snapshot!("60x10-many-groups", text.join("\n"));
}

#[test]
fn a_retry_says_so() {
    let place = |nth, of, attempt| Place { nth, of, attempt }.words("scenario ");
    assert_eq!(place(1, 1, 1), "");
    assert_eq!(place(1, 1, 2), "attempt 2");
    assert_eq!(place(3, 10, 1), "scenario 3 of 10");
    assert_eq!(place(3, 10, 2), "scenario 3 of 10, attempt 2");
}

/// What a signal leads to is said at once, for the phase in which it comes.
#[test]
fn what_a_signal_leads_to() {
    let mut told = String::new();
    for (phase, at_us) in [("warm-up", S), ("stimulus", zero_us() + 10 * S), ("observe", zero_us() + 50 * S)]
    {
        for signals in [&["SIGINT", "SIGINT"][..], &["SIGTERM"]] {
            let mut showing = Showing::new(80, 24).until(at_us);
            for signal in signals {
                let event = Event::Interrupted(Interrupted { signal: (*signal).into() });
                let record = Record { n: 0, t_us: at_us, event };
                showing.tracks.apply(&record);
                let line = happened(&showing.scene, &record, &showing.tracks).unwrap().plain();
                told += &format!("{phase}: {line}\n");
            }
        }
    }
    insta::assert_snapshot!("signals", told);
}

/// A fault is told when it begins, when its effect is seen or is not, and when it is over.
#[test]
fn what_the_faults_of_a_cluster_look_like() {
    let at_us = zero_us() + 10 * S;
    let lasts_us = 20 * S;
    let instances = vec!["primary-1".to_owned()];
    let nodes = |how| IntentAction::Nodes {
        how,
        nodes: vec!["node-a".into()],
        instances: instances.clone(),
        lasts_us,
    };
    let faults = [
        IntentAction::Terminate { instances: instances.clone(), kill: false, grace_us: 5 * S, evict: true },
        IntentAction::Scale { to: 5, lasts_us },
        IntentAction::Partition { instances: instances.clone(), lasts_us },
        nodes(NodeFault::Drain),
        nodes(NodeFault::Reclaim { notice_us: 30 * S }),
        nodes(NodeFault::Outage),
        IntentAction::Manifest { objects: vec!["NetworkChaos.chaos-mesh.org/slow".into()], lasts_us },
    ];
    let mut told = String::new();
    for (n, action) in faults.into_iter().enumerate() {
        let fault = format!("fault-{n}");
        let gone = if action.ends_instances() { instances.clone() } else { Vec::new() };
        let unseen = if action.ends_instances() { instances.clone() } else { vec![action.unseen()] };
        let effect = |gone, remaining| Effect { fault: fault.clone(), gone, remaining, seen_by: "s".into() };
        let seen = EffectSeen { fault: fault.clone(), seen_by: "s".into(), detail: "what was seen".into() };
        let mut showing = Showing::new(80, 24).until(at_us);
        let events = [
            Event::Intent(Intent { fault: fault.clone(), group: "primary".into(), action }),
            Event::EffectSeen(seen),
            Event::Effect(effect(gone, Vec::new())),
            Event::Effect(effect(Vec::new(), unseen)),
        ];
        for (t, event) in events.into_iter().enumerate() {
            let record = Record { n: 0, t_us: at_us + t as u64 * S, event };
            showing.tracks.apply(&record);
            if let Some(line) = happened(&showing.scene, &record, &showing.tracks) {
                told += &format!("{}\n", line.plain());
            }
        }
    }
    insta::assert_snapshot!("faults-of-a-cluster", told);
}

/// What is to come of them, before they are due and while they last.
#[test]
fn what_is_to_come_of_the_faults_of_a_cluster() {
    let text = include_str!("../../scenario/complete-cluster.toml");
    let beside = |_: &std::path::Path| {
        Ok(Source::new("complete-cluster.yaml", include_str!("../../scenario/complete-cluster.yaml")))
    };
    let overrides = Overrides { files: &beside, ..Overrides::NONE };
    let scenario = crate::scenario::read(&Source::new("a.toml", text), &overrides).unwrap().scenario;
    let plan = crate::plan::lower(&scenario, 1);
    let mut tracks = Tracks::default();
    let begun = PhaseBegan { phase: Phase::Stimulus, until_us: None };
    tracks.apply(&Record { n: 0, t_us: 0, event: Event::Phase(begun) });
    let faults = plan.faults.clone();
    let scene = Scene { scenario, plan, place: Place { nth: 1, of: 1, attempt: 1 } };
    let all = |tracks: &Tracks| {
        let coming = super::coming::coming(&scene, 0, tracks);
        coming.iter().map(|one| format!("{:>4} s {}\n", one.in_us / S, one.what)).collect::<String>()
    };
    let before = all(&tracks);
    for fault in faults {
        let done = Acknowledged { fault: fault.id, detail: String::new() };
        tracks.apply(&Record { n: 0, t_us: fault.at_us, event: Event::Acknowledged(done) });
    }
    insta::assert_snapshot!("coming-in-a-cluster", format!("{before}\n{}", all(&tracks)));
}
