//! The autoscaler of a group: scrapes its instances, measures how busy each is, and asks the autoscaler what to do.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::mpsc;

use crate::autoscaler::{self, ConditionStatus, Input, Pod, Reading, Ready, Sample, ScaleAccess};
use crate::history::{AutoscalerSeen, Decided, Event};
use crate::scenario::{self, autoscaler_settings, autoscaler_spec};

use super::group::Group;
use super::http::Getter;
use super::member::{Member, Part};
use super::scrape::{Scrape, parse};
use super::shared::{Message, Shared};
use super::vouch::Vouch;

/// A scrape may take so long, or half a sync period if that is less.
const SCRAPE_WITHIN: Duration = Duration::from_secs(1);

/// One round of scrapes: what each instance that was asked said, and when the last one had answered.
#[derive(Debug)]
pub(super) struct Round(Vec<(u32, Option<Scraped>)>);

/// A scrape and when it was made.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Scraped {
    t_us: u64,
    scrape: Scrape,
}

/// An autoscaler's controller.
pub(super) struct Autoscale {
    spec: autoscaler::Spec,
    settings: autoscaler::Settings,
    state: autoscaler::State,
    /// What one instance serves, in thousandths of a request per second.
    capacity_milli: i64,
    target_per_instance: f64,
    next_sync_us: u64,
    scraping: bool,
    /// The last scrape of each instance.
    last: BTreeMap<u32, Scraped>,
    samples: BTreeMap<u32, Sample>,
    frozen: bool,
    vouch: Vouch,
}

impl Autoscale {
    /// The autoscaler of a group that has one and whose instances have a capacity.
    pub(super) fn of(config: &scenario::Group, name: &str, now_us: u64) -> Option<Self> {
        let (scaler, capacity) = (config.autoscaler.as_ref()?, config.capacity?);
        let settings = autoscaler_settings(scaler);
        Some(Self {
            spec: autoscaler_spec(scaler),
            state: autoscaler::State::default(),
            capacity_milli: ((capacity.per_s * 1e3).round() as i64).max(1),
            target_per_instance: f64::from(scaler.target_percent()) / 100.0 * capacity.per_s,
            next_sync_us: now_us + settings.sync_period_us,
            scraping: false,
            last: BTreeMap::new(),
            samples: BTreeMap::new(),
            frozen: false,
            vouch: Vouch::new(format!("autoscaler/{name}"), now_us),
            settings,
        })
    }

    /// Reports the specification as it stands.
    pub(super) fn report(&self, shared: &Shared, group: &str, by: &str) {
        shared.emit(Event::Autoscaler(AutoscalerSeen {
            group: group.to_owned(),
            spec: self.spec.clone(),
            settings: self.settings.clone(),
            target_per_instance: self.target_per_instance,
            by: by.to_owned(),
        }));
    }

    pub(super) fn set_floor(&mut self, min_replicas: u32) {
        self.spec.min_replicas = min_replicas;
    }

    /// Begins a round of scrapes, if it is time to and none is under way.
    fn begin_round(
        &mut self,
        group: &Arc<str>,
        members: &BTreeMap<u32, Member>,
        shared: &Shared,
        now_us: u64,
    ) {
        if self.scraping || now_us < self.next_sync_us {
            return;
        }
        // In step with the first sync, unless one was missed altogether.
        let period_us = self.settings.sync_period_us.max(1);
        self.next_sync_us += period_us * (1 + (now_us - self.next_sync_us) / period_us);
        self.scraping = true;
        let asked: Vec<_> = members
            .values()
            .filter(|member| member.wanted())
            .filter_map(|member| Some((member.number, member.addr?)))
            .collect();
        let within = SCRAPE_WITHIN.min(Duration::from_micros(period_us / 2));
        tokio::spawn(round(Arc::clone(group), asked, within, shared.clock, shared.inbox.clone()));
    }

    /// Takes a round in. Whether it was complete: every instance that still exists has answered.
    fn take(&mut self, round: &Round, exists: impl Fn(u32) -> bool, frozen: bool) -> bool {
        self.scraping = false;
        self.last.retain(|number, _| exists(*number));
        self.samples.retain(|number, _| exists(*number));
        let complete = round.0.iter().all(|(number, scraped)| scraped.is_some() || !exists(*number));
        if self.frozen || frozen {
            self.frozen = true;
            return complete;
        }
        for (number, scraped) in round.0.iter().filter(|(number, _)| exists(*number)) {
            let Some(scraped) = *scraped else {
                self.samples.remove(number);
                continue;
            };
            match self.last.insert(*number, scraped).and_then(|before| sample(before, scraped)) {
                Some(sample) => self.samples.insert(*number, sample),
                None => self.samples.remove(number),
            };
        }
        complete
    }

    /// One sync, with the samples as they are.
    fn decide(
        &mut self,
        group: &str,
        desired: u32,
        members: &BTreeMap<u32, Member>,
        scale: ScaleAccess,
        now_us: u64,
    ) -> Decided {
        let key = self.spec.metrics.first().map(autoscaler::MetricSpec::key).unwrap_or_default();
        let of_the_group = || members.values().filter(|member| !matches!(member.part, Part::LeftBehind));
        let used = || of_the_group().filter(|member| member.wanted());
        let samples: BTreeMap<_, _> = used()
            .filter_map(|member| Some((member.name.clone(), *self.samples.get(&member.number)?)))
            .collect();
        let reading = match samples.is_empty() {
            true => Reading::Error("no instance has a sample".to_owned()),
            false => Reading::Pods(samples.clone()),
        };
        let input = Input {
            now_us,
            spec_replicas: desired,
            status_replicas: used().count() as u32,
            pods: of_the_group().map(|member| pod(member, &key, self.capacity_milli)).collect(),
            readings: BTreeMap::from([(key.clone(), reading)]),
            scale,
            selection: autoscaler::Selection::Works,
        };
        let decision = autoscaler::decide(&self.spec, &self.settings, &mut self.state, &input);
        Decided {
            group: group.to_owned(),
            current: desired,
            ready: used().filter(|member| member.ready()).count() as u32,
            sample_t_us: samples.values().map(|sample| sample.at_us).max(),
            traffic_per_s: (!samples.is_empty())
                .then(|| samples.values().map(|sample| sample.value_milli as f64).sum::<f64>() / 1e3),
            decision,
        }
    }
}

impl Group {
    /// Lets its autoscaler begin a sync, if it is time to.
    pub(super) fn begin_sync(&mut self, shared: &Shared) {
        if let Some(autoscale) = &mut self.autoscale {
            autoscale.begin_round(&self.name, &self.members, shared, shared.clock.now_us());
        }
    }

    /// Finishes a sync with what the scrapes gave.
    pub(super) fn finish_sync(&mut self, shared: &Shared, round: &Round) {
        let now_us = shared.clock.now_us();
        let frozen = self.metric_frozen(now_us);
        let Some(autoscale) = &mut self.autoscale else { return };
        let members = &self.members;
        let exists = |number| members.get(&number).is_some_and(Member::wanted);
        let complete = autoscale.take(round, exists, frozen);
        let scale = self.upsets.refusal(now_us).map_or(ScaleAccess::Works, ScaleAccess::FailedUpdate);
        let decided = autoscale.decide(&self.name, self.desired, members, scale, now_us);
        if complete {
            // A sync that came very late vouches for no more than two periods.
            let silent_us = 2 * autoscale.settings.sync_period_us + super::vouch::EVERY_US;
            shared.emit(Event::Alive(autoscale.vouch.through(now_us, silent_us)));
        }
        let (desired, why) = (decided.decision.desired, because(&decided));
        shared.emit(Event::Decision(decided));
        self.want(shared, desired, "autoscaler", why);
    }
}

/// The reason of a rescale, in the autoscaler's words.
fn because(decided: &Decided) -> String {
    let conditions = &decided.decision.conditions;
    let mut words = format!("{}: {}", conditions.able_to_scale.reason, conditions.able_to_scale.message);
    if conditions.scaling_limited.status == ConditionStatus::True {
        words += &format!("; {}: {}", conditions.scaling_limited.reason, conditions.scaling_limited.message);
    }
    words
}

fn pod(member: &Member, key: &str, capacity_milli: i64) -> Pod {
    let status = if member.ready() { ConditionStatus::True } else { ConditionStatus::False };
    Pod {
        name: member.name.clone(),
        phase: if member.addr.is_some() { autoscaler::Phase::Running } else { autoscaler::Phase::Pending },
        deleting: !member.wanted(),
        ready: Some(Ready { status, since_us: member.changed_us }),
        start_us: Some(member.spawned_us),
        requests_milli: BTreeMap::from([(key.to_owned(), capacity_milli)]),
    }
}

/// How busy an instance was between two scrapes, by its own clock. `None` if it is not the same process's count.
fn sample(before: Scraped, now: Scraped) -> Option<Sample> {
    let (served, seconds) =
        (now.scrape.requests - before.scrape.requests, now.scrape.uptime_s - before.scrape.uptime_s);
    (served >= 0.0 && seconds > 0.0).then(|| Sample {
        value_milli: (served / seconds * 1e3).round() as i64,
        at_us: now.t_us,
        window_us: (seconds * 1e6) as u64,
    })
}

async fn round(
    group: Arc<str>,
    asked: Vec<(u32, SocketAddr)>,
    within: Duration,
    clock: crate::history::Clock,
    inbox: mpsc::UnboundedSender<Message>,
) {
    let scrapes = asked.into_iter().map(async |(number, addr)| {
        let answer = Getter::new(addr).get("/metrics", within).await;
        let t_us = clock.now_us();
        let scrape = match answer {
            Ok((200, body)) => std::str::from_utf8(&body).ok().and_then(parse),
            _ => None,
        };
        (number, scrape.map(|scrape| Scraped { t_us, scrape }))
    });
    let round = Round(join_all(scrapes).await);
    let _ = inbox.send(Message::Scraped(group, round));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scraped(t_us: u64, requests: f64, uptime_s: f64) -> Scraped {
        Scraped { t_us, scrape: Scrape { requests, uptime_s } }
    }

    fn autoscale() -> Autoscale {
        let config: scenario::Group = serde_json::from_value(serde_json::json!({
            "replicas": 2, "capacity": "50/s",
            "autoscaler": { "min_replicas": 2, "max_replicas": 12, "target_utilization": "60%" }
        }))
        .unwrap();
        Autoscale::of(&config, "a", 0).unwrap()
    }

    #[test]
    fn a_rate_is_measured_between_two_scrapes_by_the_instance_s_own_clock() {
        let sample = sample(scraped(1_000_000, 100.0, 5.0), scraped(2_300_000, 150.0, 6.0)).unwrap();
        assert_eq!((sample.value_milli, sample.at_us, sample.window_us), (50_000, 2_300_000, 1_000_000));
    }

    #[test]
    fn an_instance_that_was_scraped_once_has_no_sample() {
        let mut autoscale = autoscale();
        let first = Round(vec![(1, Some(scraped(1, 10.0, 1.0))), (2, None)]);
        assert!(!autoscale.take(&first, |_| true, false));
        assert!(autoscale.samples.is_empty());
        let second = Round(vec![(1, Some(scraped(2, 40.0, 2.0))), (2, None)]);
        assert!(autoscale.take(&second, |number| number == 1, false), "2 is gone");
        assert_eq!(autoscale.samples[&1].value_milli, 30_000);
    }

    #[test]
    fn a_frozen_metric_keeps_the_old_samples() {
        let mut autoscale = autoscale();
        for (t_us, requests) in [(1, 0.0), (2, 30.0)] {
            let round = Round(vec![(1, Some(scraped(t_us, requests, t_us as f64)))]);
            autoscale.take(&round, |_| true, false);
        }
        autoscale.take(&Round(vec![(1, Some(scraped(3, 30.0, 3.0)))]), |_| true, true);
        assert_eq!((autoscale.samples[&1].value_milli, autoscale.samples[&1].at_us), (30_000, 2));
    }
}
