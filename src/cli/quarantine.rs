//! The quarantine: scenarios whose failure is known, owned, and put up with until a date.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::report::{QuarantineEntry, SuiteNote};
use crate::scenario::{Quarantine, nearest};

/// The day in UTC at a wall-clock time. A suite that runs past midnight keeps the day on which it began.
pub(super) fn day(unix_ms: i64) -> Date {
    Timestamp::from_millisecond(unix_ms).unwrap_or_default().to_zoned(TimeZone::UTC).date()
}

/// A scenario's entry, as it stands on a day.
pub(super) fn entry(quarantine: &[Quarantine], scenario: &str, today: Date) -> Option<QuarantineEntry> {
    let entry = quarantine.iter().find(|entry| entry.scenario == scenario)?;
    Some(QuarantineEntry {
        owner: entry.owner.clone(),
        until: entry.until.to_string(),
        reason: entry.reason.clone(),
        origin: entry.origin.clone(),
        expired: today > entry.until,
    })
}

/// A note for each entry that no scenario of the call is meant by. `known` are the names of all of them, those that were
/// left out by their tags as well. A call of one scenario says nothing of the entries of all others.
pub(super) fn unmatched(quarantine: &[Quarantine], known: &[&str]) -> Vec<SuiteNote> {
    let unknown =
        quarantine.iter().filter(|entry| known.len() > 1 && !known.contains(&entry.scenario.as_str()));
    let note = |entry: &Quarantine| {
        let near = nearest(&entry.scenario, known.iter().copied());
        let help = near.map_or_else(String::new, |near| format!("; did you mean \"{near}\"?"));
        let (name, Quarantine { origin, .. }) = (&entry.scenario, entry);
        let at = format!("{}:{}", origin.source, origin.line);
        SuiteNote::new(
            "quarantine-unmatched",
            format!("no scenario of this call is named \"{name}\", which is in quarantine ({at}){help}"),
        )
    };
    unknown.map(note).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::Origin;

    fn quarantined(name: &str, until: &str) -> Quarantine {
        Quarantine {
            scenario: name.into(),
            owner: "payments".into(),
            until: until.parse().unwrap(),
            reason: Some("OPS-17".into()),
            origin: Origin { source: "springback.toml".into(), line: 3 },
        }
    }

    #[test]
    fn an_entry_holds_through_its_last_day() {
        let quarantine = [quarantined("a surge", "2026-09-01")];
        let expired = |ms: i64| entry(&quarantine, "a surge", day(ms)).unwrap().expired;
        let last_ms = 1_788_307_199_999;
        assert_eq!(day(last_ms).to_string(), "2026-09-01");
        assert!(!expired(last_ms));
        assert!(expired(last_ms + 1), "midnight in UTC");
        assert_eq!(entry(&quarantine, "another", day(last_ms)), None);
    }

    #[test]
    fn an_entry_that_nothing_matches_is_noted_and_the_nearest_named() {
        let quarantine = [quarantined("a surge", "2026-09-01"), quarantined("a spike", "2026-09-01")];
        assert_eq!(unmatched(&quarantine, &["a surge", "a spike"]), []);
        let notes = unmatched(&quarantine, &["a surge", "a spke"]);
        assert_eq!(notes.len(), 1);
        assert_eq!(unmatched(&quarantine, &["a surge"]), []);
        assert!(notes[0].text.ends_with("did you mean \"a spke\"?"), "{}", notes[0].text);
    }
}
