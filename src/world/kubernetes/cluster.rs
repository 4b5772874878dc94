//! Connections to clusters: by a context of the kubeconfig, or from within.

use std::collections::BTreeMap;

use kube::config::{KubeConfigOptions, Kubeconfig, KubeconfigError};
use kube::{Client, Config};

use crate::scenario::{Access, KubernetesTarget, nearest};

/// The clusters that a target's groups live in, by how they are reached.
pub(super) struct Clusters {
    clients: BTreeMap<Access, Connection>,
}

/// A cluster that can be asked.
#[derive(Clone)]
pub(super) struct Connection {
    /// For everything: asks again where the API server is too busy to answer.
    pub(super) client: Client,
    /// Asks once.
    pub(super) once: Client,
}

/// A cluster as faults reach it.
#[derive(Clone)]
pub(super) struct Reach {
    pub(super) client: Client,
    /// Asks once: what is refused for now is not asked for again by itself.
    pub(super) once: Client,
    /// The namespaces there that this run has locked.
    pub(super) namespaces: Vec<String>,
}

impl Clusters {
    /// Connects to every cluster that a target names. Nothing is asked of them yet.
    ///
    /// # Errors
    /// A context that the kubeconfig does not have, or a kubeconfig that cannot be read or used.
    pub(super) async fn of(target: &KubernetesTarget) -> Result<Self, String> {
        let mut clients = BTreeMap::new();
        for access in accesses(target) {
            let connection = connection(&access).await?;
            clients.insert(access, connection);
        }
        Ok(Self { clients })
    }

    /// The client of a cluster.
    ///
    /// # Panics
    /// The target does not name it.
    pub(super) fn client(&self, access: &Access) -> &Client {
        &self.clients[access].client
    }

    /// A client of a cluster that asks once.
    ///
    /// # Panics
    /// The target does not name it.
    pub(super) fn once(&self, access: &Access) -> &Client {
        &self.clients[access].once
    }
}

/// How every cluster of a target is reached, each once, the target's own first.
pub(super) fn accesses(target: &KubernetesTarget) -> Vec<Access> {
    let mut accesses = vec![target.access.clone()];
    for group in target.groups.values() {
        let own = group.workload.as_ref().and_then(|workload| workload.context.clone()).map(Access::Context);
        accesses.extend(own.filter(|own| !accesses.contains(own)));
    }
    accesses
}

/// In words, for messages.
pub(super) fn called(access: &Access) -> String {
    match access {
        Access::Context(name) => format!("context \"{name}\""),
        Access::InCluster => "the cluster that this runs in".to_owned(),
    }
}

/// A client for one cluster.
///
/// # Errors
/// As for [`Clusters::of`].
pub(super) async fn connect(access: &Access) -> Result<Client, String> {
    connection(access).await.map(|connection| connection.client)
}

/// Connects to one cluster.
///
/// # Errors
/// As for [`Clusters::of`].
async fn connection(access: &Access) -> Result<Connection, String> {
    let config = match access {
        Access::InCluster => Config::incluster().map_err(|error| {
            format!("cannot reach the cluster from within, as `in_cluster` asks for: {error}")
        })?,
        Access::Context(name) => context(name).await?,
    };
    let client = |config| {
        Client::try_from(config).map_err(|error| format!("cannot connect to {}: {error}", called(access)))
    };
    let mut once = config.clone();
    once.default_retry = false;
    Ok(Connection { client: client(config)?, once: client(once)? })
}

async fn context(name: &str) -> Result<Config, String> {
    let kubeconfig = Kubeconfig::read().map_err(|error| match error {
        KubeconfigError::FindPath => {
            "there is no kubeconfig: set KUBECONFIG, or write ~/.kube/config".to_owned()
        }
        error => format!("cannot read the kubeconfig: {error}"),
    })?;
    let names: Vec<&str> = kubeconfig.contexts.iter().map(|context| context.name.as_str()).collect();
    if !names.contains(&name) {
        let known = match (nearest(name, names.iter().copied()), names.len()) {
            (Some(near), _) => format!("did you mean \"{near}\"?"),
            (None, 0) => "it has none at all".to_owned(),
            (None, _) => format!("it has {}", names.join(", ")),
        };
        return Err(format!("the kubeconfig has no context \"{name}\"; {known}"));
    }
    let options = KubeConfigOptions { context: Some(name.to_owned()), ..KubeConfigOptions::default() };
    let config = Config::from_custom_kubeconfig(kubeconfig, &options).await;
    config.map_err(|error| format!("cannot use context \"{name}\" of the kubeconfig: {error}"))
}

/// What an API server or the way to it answered, without the debugging output of the library.
pub(super) fn said(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) if !status.message.is_empty() => status.message.clone(),
        kube::Error::Api(status) => format!("{} ({})", status.reason, status.code),
        kube::Error::Service(error) => {
            let mut text = error.to_string();
            let mut source = error.source();
            while let Some(cause) = source {
                text = format!("{text}: {cause}");
                source = cause.source();
            }
            text
        }
        other => other.to_string(),
    }
}

/// Whether the API server says that there is no such object.
pub(super) fn is_missing(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 404)
}
