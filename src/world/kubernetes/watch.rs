//! One watch: a list, then every change in order, for as long as the run lasts.
//!
//! The runtime's own watcher keeps to itself whether it is connected and swallows bookmarks. A verdict rests on exactly that:
//! a silence is only evidence while somebody would have spoken. So this loop is our own, and says when it is cut off and when
//! it is back.

use std::fmt::Debug;
use std::time::Duration;

use futures_util::{StreamExt, pin_mut};
use kube::api::{Api, ListParams, WatchEvent, WatchParams};
use kube::core::metadata::ListMeta;
use kube::{Resource, ResourceExt};
use serde::de::DeserializeOwned;

use super::cluster::said;

/// Objects of a page of the first list.
const PAGE: u32 = 500;
const FIRST_RETRY: Duration = Duration::from_millis(20);
const LAST_RETRY: Duration = Duration::from_secs(5);

/// What a watch has to say.
#[derive(Debug)]
pub(super) enum Watched<K> {
    /// These objects there are, and no others. What happened before, since the last word, nobody saw.
    All(Vec<K>),
    /// An object is new or has changed.
    Applied(K),
    /// An object is gone.
    Gone(K),
    /// From here on every change is told. After a cut: all that happened meanwhile has been or will be told, in order.
    Connected,
    /// Nothing is told any more, and why.
    Cut(String),
}

/// Watches until it is dropped.
pub(super) async fn watch<K>(
    api: Api<K>,
    labels: Option<&str>,
    fields: Option<&str>,
    mut tell: impl FnMut(Watched<K>),
) where
    K: Resource + Clone + DeserializeOwned + Debug,
{
    let mut list = ListParams::default().limit(PAGE);
    let mut params = WatchParams::default();
    if let Some(labels) = labels {
        (list, params) = (list.labels(labels), params.labels(labels));
    }
    if let Some(fields) = fields {
        (list, params) = (list.fields(fields), params.fields(fields));
    }
    let mut retry = FIRST_RETRY;
    let mut version: Option<String> = None;
    loop {
        let from = match version.take() {
            Some(version) => version,
            None => match all(&api, &list).await {
                Ok((objects, from)) => {
                    tell(Watched::All(objects));
                    from
                }
                Err(error) => {
                    tell(Watched::Cut(said(&error)));
                    wait(&mut retry, &error).await;
                    continue;
                }
            },
        };
        match api.watch(&params, &from).await {
            Ok(changes) => {
                tell(Watched::Connected);
                retry = FIRST_RETRY;
                version = follow(changes, from, &mut tell).await;
            }
            Err(error) if is_expired(&error) => tell(Watched::Cut(said(&error))),
            Err(error) => {
                tell(Watched::Cut(said(&error)));
                version = Some(from);
                wait(&mut retry, &error).await;
            }
        }
    }
}

/// Tells the changes of one connection until it ends. Returns where to take up again; `None` to begin anew.
async fn follow<K>(
    changes: impl futures_util::Stream<Item = kube::Result<WatchEvent<K>>>,
    from: String,
    tell: &mut impl FnMut(Watched<K>),
) -> Option<String>
where
    K: Resource + Clone + DeserializeOwned + Debug,
{
    let mut version = from;
    pin_mut!(changes);
    let why = loop {
        match changes.next().await {
            Some(Ok(WatchEvent::Added(object) | WatchEvent::Modified(object))) => {
                version = object.resource_version().unwrap_or(version);
                tell(Watched::Applied(object));
            }
            Some(Ok(WatchEvent::Deleted(object))) => {
                version = object.resource_version().unwrap_or(version);
                tell(Watched::Gone(object));
            }
            Some(Ok(WatchEvent::Bookmark(mark))) => version = mark.metadata.resource_version,
            Some(Ok(WatchEvent::Error(status))) => {
                tell(Watched::Cut(status.message.clone()));
                return (status.code != 410).then_some(version);
            }
            Some(Err(error)) => break said(&error),
            None => break "the API server ended the watch".to_owned(),
        }
    };
    tell(Watched::Cut(why));
    Some(version)
}

/// Every object, and the version of the list.
async fn all<K>(api: &Api<K>, params: &ListParams) -> kube::Result<(Vec<K>, String)>
where
    K: Clone + DeserializeOwned + Debug,
{
    let mut objects = Vec::new();
    let mut page = params.clone();
    loop {
        let list = api.list(&page).await?;
        objects.extend(list.items);
        let ListMeta { continue_, resource_version, .. } = list.metadata;
        match continue_.filter(|token| !token.is_empty()) {
            Some(token) => page = params.clone().continue_token(&token),
            None => return Ok((objects, resource_version.unwrap_or_default())),
        }
    }
}

fn is_expired(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 410)
}

/// Waits longer each time, or for as long as the server asks for.
async fn wait(retry: &mut Duration, error: &kube::Error) {
    let asked = match error {
        kube::Error::Api(status) => status.details.as_ref().map_or(0, |details| details.retry_after_seconds),
        _ => 0,
    };
    tokio::time::sleep((*retry).max(Duration::from_secs(u64::from(asked)))).await;
    *retry = (*retry * 2).min(LAST_RETRY);
}
