//! The records, and what is judged of them.

use std::collections::BTreeMap;

use crate::check::{Finding, judge};
use crate::history::*;

use super::{Run, S};

impl Run {
    /// Every record, in order.
    pub(in crate::check) fn records(&self) -> Vec<Record> {
        let mut events = self.events.clone();
        for (i, (from, to)) in self.surges.iter().enumerate() {
            let surge = format!("surge-{i}");
            events.push((*from, Event::SurgeStart(SurgeMark { surge: surge.clone() })));
            events.push((*to, Event::SurgeEnd(SurgeMark { surge })));
        }
        if let Some(at_us) = self.quiesced_us {
            events.push((at_us, Event::Quiesced(Quiesced { at_us })));
            events.push((at_us, Event::Phase(PhaseBegan { phase: Phase::Observe, until_us: None })));
        }
        for source in &self.sources {
            for second in 0..self.end_us / S {
                let (since_us, through_us) = (second * S, second * S + S);
                for (since_us, through_us) in self.spoken(source, since_us, through_us) {
                    let source = source.clone();
                    events.push((through_us, Event::Alive(Alive { source, since_us, through_us })));
                }
            }
        }
        for second in (0..self.end_us / S).filter(|second| !self.without_seconds.contains(second)) {
            events.push((second * S + S, Event::Load(Box::new(self.second(second)))));
        }
        events.retain(|(t, _)| *t <= self.end_us);
        events.sort_by_key(|(t, _)| *t);
        events.insert(0, (0, Event::Header(Box::new(self.header()))));
        if self.sealed {
            events.push((self.end_us, Event::Seal(Seal { count: 0, sha256: String::new() })));
        }
        events.into_iter().enumerate().map(|(n, (t_us, event))| Record { n: n as u64, t_us, event }).collect()
    }

    /// What is left of an interval when the silences are taken out.
    fn spoken(&self, source: &str, since_us: u64, through_us: u64) -> Vec<(u64, u64)> {
        let mut parts = vec![(since_us, through_us)];
        for (_, from, to) in self.silences.iter().filter(|(silent, ..)| silent == source) {
            parts = parts
                .into_iter()
                .flat_map(|(since, through)| {
                    if *to <= since || *from >= through {
                        return vec![(since, through)];
                    }
                    let parts = [(since, *from), (*to, through)];
                    parts.into_iter().filter(|(since, through)| since < through).collect()
                })
                .collect();
        }
        parts
    }

    fn header(&self) -> Header {
        let source = |name: &String| SourceInfo {
            name: name.clone(),
            resolution_us: *self.resolutions_us.get(name).unwrap_or(&0),
        };
        Header {
            format: FORMAT.into(),
            tool: "0".into(),
            suite_id: "suite".into(),
            attempt: 1,
            sources: Vec::new(),
            overrides: Vec::new(),
            scenario: self.scenario.clone(),
            origins: BTreeMap::from([(
                "contraction-0".to_owned(),
                Origin { source: "a.toml".into(), line: 7 },
            )]),
            plan: self.plan.clone(),
            world: "local".into(),
            signal_sources: self.sources.iter().map(source).collect(),
            reference: self.reference.clone(),
            started_unix_ms: 0,
            cluster_run: None,
        }
    }

    pub(in crate::check) fn tracks(&self) -> Tracks {
        tracks(&self.records())
    }

    pub(in crate::check) fn findings(&self) -> Vec<Finding> {
        judge(&self.tracks(), &self.scenario, &self.plan)
    }

    /// The one finding with that id.
    pub(in crate::check) fn finding(&self, id: &str) -> Finding {
        finding(&self.findings(), id)
    }

    /// Outcome and code of the finding with that id.
    pub(in crate::check) fn says(&self, id: &str) -> String {
        says(&self.finding(id))
    }
}

pub(in crate::check) fn tracks(records: &[Record]) -> Tracks {
    let mut tracks = Tracks::default();
    records.iter().for_each(|record| tracks.apply(record));
    tracks
}

pub(in crate::check) fn finding(findings: &[Finding], id: &str) -> Finding {
    let mut found = findings.iter().filter(|finding| finding.id == id);
    let finding = found.next().unwrap_or_else(|| panic!("no finding {id} in {findings:#?}"));
    assert!(found.next().is_none(), "one finding {id} only");
    finding.clone()
}

/// `pass contracted`.
pub(in crate::check) fn says(finding: &Finding) -> String {
    format!("{} {}", finding.outcome.as_str(), finding.code)
}
