//! What people see of a run in the cluster itself: Events on the workloads that it touched, and a ConfigMap with its verdict.
//! These alone stay when it is over.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ConfigMap, ObjectReference};
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::Client;
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams, PostParams};
use serde_json::json;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::cluster::{is_missing, said};
use super::names::{MANAGED_BY, MANAGER, RUN, SCENARIO, scenario_label, verdict_map};
use super::workload::Found;

/// Who reports, in Events.
const CONTROLLER: &str = "springback.dev/springback";
/// The longest note that an Event takes, in bytes.
const NOTE_MAX: usize = 1024;
/// The most that is put into a ConfigMap, its names aside. In bytes.
const BYTES_MAX: usize = 900_000;
/// How long a run waits for its words to arrive. They are for people; nothing rests on them.
const PATIENCE: Duration = Duration::from_secs(10);

/// Something worth an Event.
pub(super) struct Word {
    /// `FaultInjected`.
    pub(super) reason: &'static str,
    /// `Inject`.
    pub(super) action: &'static str,
    pub(super) is_warning: bool,
    pub(super) note: String,
}

/// Speaks for a run, in the clusters that it acts on.
pub(super) struct Voice {
    run: String,
    /// The target's own namespace, where the verdict goes.
    home: Api<ConfigMap>,
    groups: BTreeMap<String, (Client, Found)>,
    speaking: RefCell<Vec<JoinHandle<()>>>,
}

impl Voice {
    pub(super) fn new(
        run: &str,
        (client, namespace): (&Client, &str),
        groups: BTreeMap<String, (Client, Found)>,
    ) -> Self {
        let home = Api::namespaced(client.clone(), namespace);
        Self { run: run.to_owned(), home, groups, speaking: RefCell::default() }
    }

    /// Says it on the workload of a group, without being waited for.
    pub(super) fn say(&self, group: &str, now: Timestamp, word: Word) {
        let Some((client, found)) = self.groups.get(group) else { return };
        let events: Api<Event> = Api::namespaced(client.clone(), &found.namespace);
        let event = event(&self.run, found, now, word);
        let params = PostParams { field_manager: Some(MANAGER.to_owned()), ..PostParams::default() };
        self.speaking.borrow_mut().push(tokio::spawn(async move {
            let _ = events.create(&params, &event).await;
        }));
    }

    /// Waits until everything is said, but not for long.
    pub(super) async fn finish(&self) {
        let speaking = self.speaking.take();
        let _ = timeout(PATIENCE, futures_util::future::join_all(speaking)).await;
    }

    async fn publish(&self, verdict: &Verdict<'_>) -> Result<(), String> {
        let (name, scenario) = (verdict_map(&self.run), scenario_label(verdict.scenario));
        let mut data = verdict.files.clone();
        while data.values().map(String::len).sum::<usize>() > BYTES_MAX {
            let largest = data.iter().max_by_key(|(_, text)| text.len()).map(|(name, _)| name.clone());
            data.remove(&largest.expect("what is too long is not empty"));
        }
        data.insert("outcome".to_owned(), verdict.outcome.to_owned());
        data.insert("exit_code".to_owned(), verdict.exit_code.to_string());
        let map = json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {
                "name": name,
                "labels": { MANAGED_BY: MANAGER, SCENARIO: scenario },
                "annotations": { SCENARIO: verdict.scenario, RUN: self.run },
            },
            "data": data,
        });
        let params = PatchParams::apply(MANAGER).force();
        self.home.patch(&name, &params, &Patch::Apply(map)).await.map_err(|error| said(&error))?;
        // Of each scenario the newest only: they would pile up night by night.
        let same = ListParams::default().labels(&format!("{MANAGED_BY}={MANAGER},{SCENARIO}={scenario}"));
        let older = self.home.list(&same).await.map_err(|error| said(&error))?;
        for older in older.into_iter().filter_map(|map| map.metadata.name).filter(|other| *other != name) {
            match self.home.delete(&older, &DeleteParams::default()).await {
                Ok(_) => {}
                Err(error) if is_missing(&error) => {}
                Err(error) => return Err(said(&error)),
            }
        }
        Ok(())
    }
}

fn event(run: &str, found: &Found, now: Timestamp, word: Word) -> Event {
    let mut note = word.note;
    if note.len() > NOTE_MAX {
        let end = (0..=NOTE_MAX - '…'.len_utf8()).rev().find(|end| note.is_char_boundary(*end)).unwrap_or(0);
        note.truncate(end);
        note.push('…');
    }
    let mut event = Event {
        event_time: Some(MicroTime(now)),
        reporting_controller: Some(CONTROLLER.to_owned()),
        reporting_instance: Some(run.to_owned()),
        action: Some(word.action.to_owned()),
        reason: Some(word.reason.to_owned()),
        type_: Some(if word.is_warning { "Warning" } else { "Normal" }.to_owned()),
        note: Some(note),
        regarding: Some(ObjectReference {
            api_version: Some(found.resource.api_version.clone()),
            kind: Some(found.resource.kind.clone()),
            namespace: Some(found.namespace.clone()),
            name: Some(found.name.clone()),
            uid: Some(found.uid.clone()),
            ..ObjectReference::default()
        }),
        ..Event::default()
    };
    event.metadata.generate_name = Some(format!("{}.springback-", found.name));
    event
}

/// A verdict, as a cluster shows it.
#[derive(Debug, Clone)]
pub struct Verdict<'a> {
    /// Name of the scenario.
    pub scenario: &'a str,
    /// `pass`, `fail`, `inconclusive`.
    pub outcome: &'a str,
    /// What springback ends with.
    pub exit_code: u8,
    /// The verdict's files by their names; the largest are left out where they are too large for a ConfigMap.
    pub files: BTreeMap<String, String>,
}

/// Where a run's verdict goes once it is judged, which is when its world is closed.
#[derive(Clone, Default)]
pub struct Bulletin(pub(super) Rc<RefCell<Option<Rc<Voice>>>>);

impl Bulletin {
    /// Puts the verdict into the target's namespace, in place of the last one of the same scenario, and says it on every workload.
    /// A run that never opened its world has touched nothing, and puts nothing.
    ///
    /// # Errors
    /// What the API server said. The verdict is none the worse for it.
    pub async fn put(&self, verdict: &Verdict<'_>, now_unix_ms: i64) -> Result<(), String> {
        let Some(voice) = self.0.borrow().clone() else { return Ok(()) };
        let now = Timestamp::from_millisecond(now_unix_ms).unwrap_or_default();
        for group in voice.groups.keys() {
            let reason = match verdict.outcome {
                "pass" => "VerdictPass",
                "fail" => "VerdictFail",
                _ => "VerdictInconclusive",
            };
            let note = format!("{}: {}, exit code {}", verdict.scenario, verdict.outcome, verdict.exit_code);
            let is_warning = verdict.exit_code != 0;
            voice.say(group, now, Word { reason, action: "Judge", is_warning, note });
        }
        let put = timeout(PATIENCE, voice.publish(verdict)).await;
        voice.finish().await;
        put.unwrap_or_else(|_| Err(format!("no answer within {} s", PATIENCE.as_secs())))
    }
}

#[cfg(test)]
mod tests {
    use kube::api::ApiResource;
    use kube::core::GroupVersionKind;

    use super::*;

    #[test]
    fn a_note_that_is_too_long_is_cut_between_characters() {
        let found = Found {
            namespace: "shop".into(),
            resource: ApiResource::from_gvk(&GroupVersionKind::gvk("apps", "v1", "Deployment")),
            name: "checkout".into(),
            uid: "u".into(),
            selector: "app=checkout".into(),
        };
        let word = |note: String| Word { reason: "FaultInjected", action: "Inject", is_warning: false, note };
        let cut = event("run", &found, Timestamp::UNIX_EPOCH, word("é".repeat(600))).note.unwrap();
        assert!(cut.len() <= NOTE_MAX && cut.ends_with("é…"), "{} bytes", cut.len());
        let short = event("run", &found, Timestamp::UNIX_EPOCH, word("deleted".into()));
        assert_eq!(short.note.as_deref(), Some("deleted"));
        assert_eq!(short.regarding.unwrap().api_version.as_deref(), Some("apps/v1"));
    }
}
