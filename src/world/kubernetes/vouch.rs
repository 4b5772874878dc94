//! Until when a source is known to have told everything.
//!
//! A watch that is connected and silent looks the same as one that hangs. So a lock is renewed every second and watched like
//! everything else: when a renewal comes back through its watch, the API server and the way to it are alive, and every watch
//! that is connected has told what there was until the renewal was sent.

use std::collections::BTreeMap;

use crate::history::{Alive, Event, SourceLost};

/// A watch that was cut off and is back so soon, where it left off, has missed nothing: what happened meanwhile came late by
/// that much at most.
const RESUMES_WITHIN_US: u64 = 1_000_000;

/// One watch.
#[derive(Debug, Default)]
struct Feed {
    connected: bool,
    /// Since when it has been cut off.
    cut_us: Option<u64>,
    /// From where on it can vouch, where that is not where it vouched last.
    anew_us: Option<u64>,
}

/// A source: several watches that tell about one thing.
#[derive(Debug)]
struct Source {
    place: usize,
    feeds: Vec<String>,
    through_us: Option<u64>,
}

/// What every source can vouch for.
#[derive(Debug, Default)]
pub(super) struct Vouchers {
    feeds: BTreeMap<String, Feed>,
    sources: BTreeMap<String, Source>,
}

impl Vouchers {
    /// Adds a source: the place whose heartbeat counts for it, and the watches that it rests on.
    pub(super) fn source(&mut self, name: String, place: usize, feeds: Vec<String>) {
        for feed in &feeds {
            self.feeds.entry(feed.clone()).or_default();
        }
        self.sources.insert(name, Source { place, feeds, through_us: None });
    }

    /// A watch begins anew: what happened since the last word is not known.
    pub(super) fn began_anew(&mut self, feed: &str, now_us: u64) {
        let feed = self.feeds.entry(feed.to_owned()).or_default();
        feed.anew_us = Some(now_us);
        feed.cut_us = None;
    }

    /// A watch tells from here on.
    pub(super) fn connected(&mut self, feed: &str, now_us: u64) {
        let feed = self.feeds.entry(feed.to_owned()).or_default();
        feed.connected = true;
        if let Some(cut_us) = feed.cut_us.take()
            && now_us.saturating_sub(cut_us) > RESUMES_WITHIN_US
        {
            feed.anew_us = Some(now_us);
        }
    }

    /// Whether a watch tells of every change now.
    pub(super) fn is_connected(&self, feed: &str) -> bool {
        self.feeds.get(feed).is_some_and(|feed| feed.connected)
    }

    /// A watch tells nothing any more. Returns what to record, once a cut.
    pub(super) fn cut(&mut self, feed: &str, now_us: u64, why: &str) -> Vec<Event> {
        let name = feed;
        let feed = self.feeds.entry(feed.to_owned()).or_default();
        if !feed.connected {
            return Vec::new();
        }
        feed.connected = false;
        feed.cut_us = Some(now_us);
        let resting = self.sources.iter().filter(|(_, source)| source.feeds.iter().any(|own| own == name));
        resting
            .map(|(source, _)| Event::Lost(SourceLost { source: source.clone(), reason: why.to_owned() }))
            .collect()
    }

    /// A heartbeat of a place has come back that was sent then.
    pub(super) fn beat(&mut self, place: usize, sent_us: u64) -> Vec<Event> {
        let mut events = Vec::new();
        for (name, source) in self.sources.iter_mut().filter(|(_, source)| source.place == place) {
            let feeds: Vec<&Feed> = source.feeds.iter().filter_map(|feed| self.feeds.get(feed)).collect();
            if !feeds.iter().all(|feed| feed.connected) {
                continue;
            }
            let anew_us = feeds.iter().filter_map(|feed| feed.anew_us).max();
            let since_us = match (source.through_us, anew_us) {
                (None, anew_us) => anew_us.unwrap_or(sent_us),
                (Some(through_us), Some(anew_us)) if anew_us > through_us => anew_us,
                (Some(through_us), _) => through_us,
            };
            if since_us > sent_us {
                continue;
            }
            source.through_us = Some(sent_us);
            events.push(Event::Alive(Alive { source: name.clone(), since_us, through_us: sent_us }));
        }
        events
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: u64 = 1_000_000;

    fn vouchers() -> Vouchers {
        let mut vouchers = Vouchers::default();
        vouchers.source("supply/web".into(), 0, vec!["pods/web".into(), "workload/web".into()]);
        for feed in ["pods/web", "workload/web"] {
            vouchers.began_anew(feed, S);
            vouchers.connected(feed, S);
        }
        vouchers
    }

    fn spans(events: &[Event]) -> Vec<(u64, u64)> {
        let alive = |event: &Event| match event {
            Event::Alive(alive) => Some((alive.since_us, alive.through_us)),
            _ => None,
        };
        events.iter().filter_map(alive).collect()
    }

    #[test]
    fn a_heartbeat_vouches_for_what_is_connected_until_it_was_sent() {
        let mut vouchers = vouchers();
        assert_eq!(spans(&vouchers.beat(0, 2 * S)), [(S, 2 * S)]);
        assert_eq!(spans(&vouchers.beat(0, 3 * S)), [(2 * S, 3 * S)]);
        assert!(vouchers.beat(1, 4 * S).is_empty(), "another cluster's heartbeat says nothing");
    }

    #[test]
    fn a_watch_that_is_back_at_once_where_it_left_off_leaves_no_gap() {
        let mut vouchers = vouchers();
        vouchers.beat(0, 2 * S);
        assert_eq!(vouchers.cut("pods/web", 2 * S + 1, "reset").len(), 1);
        assert!(vouchers.cut("pods/web", 2 * S + 2, "refused").is_empty(), "one cut, told once");
        assert!(vouchers.beat(0, 2 * S + 500_000).is_empty(), "nothing is vouched for while it is cut off");
        vouchers.connected("pods/web", 2 * S + 600_000);
        assert_eq!(spans(&vouchers.beat(0, 3 * S)), [(2 * S, 3 * S)]);
    }

    #[test]
    fn a_long_cut_or_a_new_list_is_a_gap() {
        let mut late = vouchers();
        late.beat(0, 2 * S);
        late.cut("pods/web", 2 * S, "reset");
        late.connected("pods/web", 9 * S);
        assert_eq!(spans(&late.beat(0, 10 * S)), [(9 * S, 10 * S)]);

        let mut relisted = vouchers();
        relisted.beat(0, 2 * S);
        relisted.cut("pods/web", 2 * S, "expired");
        relisted.began_anew("pods/web", 2 * S + 300_000);
        relisted.connected("pods/web", 2 * S + 300_000);
        assert_eq!(spans(&relisted.beat(0, 3 * S)), [(2 * S + 300_000, 3 * S)]);
    }
}
