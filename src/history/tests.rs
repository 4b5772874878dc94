//! The log as bytes: what is written reads back, what is torn is left out, what is damaged is refused.

use std::fs;
use std::path::Path;

use proptest::prelude::*;

use crate::autoscaler::{Settings, Spec};
use crate::scenario::{Overrides, Source};

use super::record::KNOWN;
use super::*;

fn header() -> Header {
    let text = include_str!("../../scenarios/surge-and-termination.toml");
    let lowered = crate::scenario::read(&Source::new("a.toml", text), &Overrides::NONE).unwrap();
    Header {
        format: FORMAT.into(),
        tool: "0.0.0".into(),
        suite_id: "suite".into(),
        attempt: 1,
        sources: vec![SourceText { name: "a.toml".into(), text: text.into() }],
        overrides: lowered.overrides,
        plan: crate::plan::lower(&lowered.scenario, 7),
        scenario: lowered.scenario,
        origins: lowered.origins,
        world: "local".into(),
        signal_sources: vec![SourceInfo { name: "supply/primary".into(), resolution_us: 0 }],
        reference: Some(Reference { suite_id: "earlier".into(), supply: [("primary".into(), 2)].into() }),
        started_unix_ms: 1_700_000_000_000,
        cluster_run: None,
    }
}

/// One of each kind, in an order that a run could have.
fn one_of_each() -> Vec<Event> {
    let group = || "primary".to_owned();
    let fault = || "fault-0".to_owned();
    let process = ProcessId { pid: 7, start_ticks: 99 };
    let spec = Spec { min_replicas: 1, max_replicas: 3, metrics: vec![], behavior: None };
    let settings = Settings::default();
    let failed = FaultFailed { fault: fault(), reason: "why".into() };
    let action = IntentAction::Terminate {
        instances: vec!["primary-1".into()],
        kill: true,
        grace_us: 0,
        evict: false,
    };
    let decision = crate::autoscaler::decide(
        &spec,
        &settings,
        &mut crate::autoscaler::State::default(),
        &crate::autoscaler::Input {
            now_us: 5,
            spec_replicas: 2,
            status_replicas: 2,
            pods: vec![],
            readings: Default::default(),
            scale: Default::default(),
            selection: Default::default(),
        },
    );
    vec![
        Event::Header(Box::new(header())),
        Event::Clock(ClockReading { unix_ms: 5 }),
        Event::Phase(PhaseBegan { phase: Phase::WarmUp, until_us: Some(9) }),
        Event::Alive(Alive { source: "supply/primary".into(), since_us: 0, through_us: 5 }),
        Event::Lost(SourceLost { source: "supply/primary".into(), reason: "gone".into() }),
        Event::Desired(Desired { group: group(), replicas: 2, by: "declared".into(), reason: "r".into() }),
        Event::Child(ChildStarted { role: "balancer".into(), process }),
        Event::Instance(InstanceChange {
            price: Some("0.10 USD/h".parse().unwrap()),
            process: Some(process),
            grace_us: Some(3),
            reason: "answers".into(),
            ..InstanceChange::new(group(), "primary-1", InstanceState::Ready)
        }),
        Event::Autoscaler(AutoscalerSeen {
            group: group(),
            spec,
            settings,
            target_per_instance: 30.0,
            by: "declared".into(),
        }),
        Event::Decision(Decided {
            group: group(),
            current: 2,
            ready: 2,
            sample_t_us: Some(3),
            traffic_per_s: Some(39.5),
            decision,
        }),
        Event::Route(Route { group: group(), serving: true, backends: 2 }),
        Event::Rewritten(Rewritten {
            group: "primary".into(),
            fields: vec!["template".into()],
            by: "deployer".into(),
        }),
        Event::TearDown(TearDown {
            group: group(),
            instance: "primary-1".into(),
            command: vec!["sh".into()],
            ok: false,
            outcome: "exit status: 3".into(),
        }),
        Event::Load(Box::new(LoadWindow {
            planned: 3,
            sent: 2,
            ok: 1,
            failed: [(503, 1)].into(),
            unsent: [(Unsent::Stalled, 1)].into(),
            good: vec![1],
            ..Default::default()
        })),
        Event::Harness(HarnessReading { tick_late_us: 1, send_late_us: 2 }),
        Event::SurgeStart(SurgeMark { surge: "surge-0".into() }),
        Event::SurgeEnd(SurgeMark { surge: "surge-0".into() }),
        Event::Intent(Intent { fault: fault(), group: group(), action }),
        Event::UndoRecorded(FaultMark { fault: fault() }),
        Event::Acknowledged(Acknowledged { fault: fault(), detail: "done".into() }),
        Event::InjectFailed(failed.clone()),
        Event::EffectSeen(EffectSeen { fault: "fault-1".into(), seen_by: "s".into(), detail: "d".into() }),
        Event::Effect(Effect {
            fault: fault(),
            gone: vec![],
            remaining: vec![],
            seen_by: "supply/primary".into(),
        }),
        Event::FaultSkipped(failed),
        Event::Healed(HealOutcome { fault: fault(), complete: true, detail: "done".into() }),
        Event::Stopped(Stopped { condition: "burn_rate".into(), value: 2.0, limit: 1.0, detail: "d".into() }),
        Event::Interrupted(Interrupted { signal: "SIGINT".into() }),
        Event::Quiesced(Quiesced { at_us: 4 }),
        Event::Note(Note { code: "note".into(), text: "text".into() }),
    ]
}

fn write_all(path: &Path, sealed: bool) -> Vec<Record> {
    let mut writer = HistoryWriter::create(path).unwrap();
    let mut records: Vec<Record> = one_of_each()
        .into_iter()
        .enumerate()
        .map(|(i, event)| writer.append(i as u64 * 10, event).unwrap())
        .collect();
    if sealed {
        records.push(writer.seal().unwrap());
    }
    records
}

fn read_all(path: &Path) -> Result<(Vec<Record>, Ending), HistoryError> {
    let mut records = Vec::new();
    let ending = read(path, |record| records.push(record))?;
    Ok((records, ending))
}

#[test]
fn every_event_reads_back_as_it_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("h");
    let written = write_all(&path, true);
    let (read, ending) = read_all(&path).unwrap();
    assert_eq!(ending, Ending::Sealed);
    assert_eq!(read, written);
    let names: Vec<String> = written
        .iter()
        .map(|record| {
            let value = serde_json::to_value(record).unwrap();
            value.as_object().unwrap().keys().find(|key| *key != "n" && *key != "t_us").unwrap().clone()
        })
        .collect();
    assert_eq!(names.len(), KNOWN.len(), "one of each kind");
    assert!(names.iter().all(|name| KNOWN.contains(&name.as_str())), "{names:?}");
}

#[test]
fn events_and_fields_of_a_newer_minor_version_are_passed_over() {
    let line = r#"{"n":3,"t_us":5,"teleported":{"whom":"primary-1"}}"#;
    let record: Record = serde_json::from_str(line).unwrap();
    assert_eq!(record.event, Event::Unknown("teleported".into()));
    let line = r#"{"n":3,"t_us":5,"clock":{"unix_ms":7,"leap":true}}"#;
    let record: Record = serde_json::from_str(line).unwrap();
    assert_eq!(record.event, Event::Clock(ClockReading { unix_ms: 7 }));
}

#[test]
fn another_major_version_is_named_and_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("h");
    fs::write(&path, "{\"n\":0,\"t_us\":0,\"header\":{\"format\":\"2.3\"}}\n").unwrap();
    assert!(matches!(read_all(&path), Err(HistoryError::Format { found, .. }) if found == "2.3"));
}

#[test]
fn times_never_go_back_in_what_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = HistoryWriter::create(&folder.path().join("h")).unwrap();
    writer.append(0, Event::Header(Box::new(header()))).unwrap();
    assert_eq!(writer.append(50, Event::Clock(ClockReading { unix_ms: 1 })).unwrap().t_us, 50);
    assert_eq!(writer.append(20, Event::Clock(ClockReading { unix_ms: 1 })).unwrap().t_us, 50);
}

#[test]
fn a_file_that_exists_is_not_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("h");
    write_all(&path, true);
    let error = HistoryWriter::create(&path).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::AlreadyExists);
}

#[test]
fn what_is_no_history_is_refused_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("h");
    let whole = {
        write_all(&path, true);
        fs::read_to_string(&path).unwrap()
    };
    let lines: Vec<&str> = whole.lines().collect();
    let joined = |lines: &[&str]| lines.iter().map(|line| format!("{line}\n")).collect::<String>();
    let mut missing = lines.clone();
    missing.remove(5);
    let mut twice = lines.clone();
    twice.push(lines[lines.len() - 1]);
    let mut no_header = lines.clone();
    no_header.remove(0);
    for (what, text) in [
        ("empty", String::new()),
        ("not a history", "hello\n".to_owned()),
        ("a line is missing", joined(&missing)),
        ("something after the seal", joined(&twice)),
        ("no header", joined(&no_header)),
        ("an unfinished header", lines[0].to_owned()),
    ] {
        fs::write(&path, text).unwrap();
        assert!(matches!(read_all(&path), Err(HistoryError::Damaged { .. })), "{what} was read");
    }
    assert!(matches!(read_all(&folder.path().join("none")), Err(HistoryError::Unreadable { .. })));
    assert!(matches!(read_all(folder.path()), Err(HistoryError::Unreadable { .. })));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Cut a sealed history anywhere after its header: a prefix of it comes back, and it is not sealed.
    #[test]
    fn a_torn_tail_recovers_a_prefix(at in 0.0_f64..1.0) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("h");
        let written = write_all(&path, true);
        let bytes = fs::read(&path).unwrap();
        let header_end = bytes.iter().position(|b| *b == b'\n').unwrap() + 1;
        let cut = header_end + ((bytes.len() - 1 - header_end) as f64 * at) as usize;
        fs::write(&path, &bytes[..cut]).unwrap();
        let (read, ending) = read_all(&path).unwrap();
        let is_unsealed = matches!(ending, Ending::Unsealed { .. });
        prop_assert!(is_unsealed);
        prop_assert_eq!(&read[..], &written[..read.len()]);
    }

    /// Change any byte of a sealed history: it is refused. In the seal itself a change may also make it no seal at
    /// all; then the history is unsealed, which never passes either.
    #[test]
    fn a_changed_byte_is_damage(at in 0.0_f64..1.0, flip in 1_u8..=255) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("h");
        write_all(&path, true);
        let mut bytes = fs::read(&path).unwrap();
        // The newline at the very end is the one byte whose loss looks like a torn tail.
        let position = ((bytes.len() - 2) as f64 * at) as usize;
        bytes[position] ^= flip;
        fs::write(&path, &bytes).unwrap();
        let in_seal = !bytes[position..bytes.len() - 1].contains(&b'\n');
        let caught = match read_all(&path) {
            Err(_) => true,
            Ok((_, ending)) => in_seal && ending != Ending::Sealed,
        };
        prop_assert!(caught, "byte {} was changed and it was read", position);
    }
}

#[test]
fn a_seal_of_another_time_is_damage() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("h");
    write_all(&path, true);
    let text = fs::read_to_string(&path).unwrap();
    let (before, seal) = text.trim_end().rsplit_once('\n').unwrap();
    let later = seal.replacen("\"t_us\":", "\"t_us\":1", 1);
    assert_ne!(later, seal, "{seal}");
    fs::write(&path, format!("{before}\n{later}\n")).unwrap();
    assert!(matches!(read_all(&path), Err(HistoryError::Damaged { .. })));
}
