//! With which flags each component runs.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::Component;
use crate::builder::Builder;
use crate::certificates::Certificates;
use crate::plane::Home;
use crate::ports::{Port, Ports};

/// Where a component finds what it reads, and its place on loopback.
pub(crate) struct Places<'a> {
    pub(crate) certificates: &'a Certificates,
    pub(crate) ports: &'a Ports,
    pub(crate) home: &'a Home,
}

type Flags = BTreeMap<String, String>;

/// A component's flags, the builder's own on top.
pub(crate) fn arguments(of: Component, builder: &Builder, places: &Places<'_>) -> Vec<String> {
    let mut flags = match of {
        Component::Etcd => etcd(places),
        Component::ApiServer => api_server(builder, places),
        Component::ControllerManager => controller_manager(builder, places),
        Component::Scheduler => scheduler(places),
        _ => unreachable!("{of} is not one of the four"),
    };
    flags.extend(builder.flags.get(&of).cloned().unwrap_or_default());
    flags.into_iter().map(|(name, value)| format!("--{name}={value}")).collect()
}

fn flags<const N: usize>(pairs: [(&str, String); N]) -> Flags {
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn etcd(places: &Places<'_>) -> Flags {
    let client = format!("http://{}", places.ports.address(Port::EtcdClient));
    let peer = format!("http://{}", places.ports.address(Port::EtcdPeer));
    flags([
        ("name", "etcd".to_owned()),
        ("data-dir", places.home.data.to_string_lossy().into_owned()),
        ("listen-client-urls", client.clone()),
        ("advertise-client-urls", client),
        ("listen-peer-urls", peer.clone()),
        ("initial-advertise-peer-urls", peer.clone()),
        ("initial-cluster", format!("etcd={peer}")),
        // Nobody needs a test's objects after a power cut. A kill of etcd loses nothing: the kernel has it.
        ("unsafe-no-fsync", "true".to_owned()),
    ])
}

fn api_server(builder: &Builder, places: &Places<'_>) -> Flags {
    let file = |name: &str| places.certificates.path(name);
    let eviction = builder.eviction_delay.as_secs().to_string();
    let mut all = serving(places, Port::ApiServer);
    all.extend(flags([
        ("etcd-servers", format!("http://{}", places.ports.address(Port::EtcdClient))),
        // It refuses to advertise loopback; this is an address for documentation, and nothing goes there.
        ("advertise-address", "192.0.2.1".to_owned()),
        ("endpoint-reconciler-type", "none".to_owned()),
        ("service-cluster-ip-range", "10.96.0.0/16".to_owned()),
        ("authorization-mode", "RBAC".to_owned()),
        ("allow-privileged", "true".to_owned()),
        ("client-ca-file", file("ca.crt")),
        ("service-account-issuer", "https://kubernetes.default.svc".to_owned()),
        ("service-account-key-file", file("service-accounts.pub")),
        ("service-account-signing-key-file", file("service-accounts.key")),
        // With it a pod waits for a token that nobody mounts.
        ("disable-admission-plugins", "ServiceAccount".to_owned()),
        // How it speaks to the API servers that it aggregates, and they know it.
        ("requestheader-client-ca-file", file("front-proxy-ca.crt")),
        ("requestheader-allowed-names", "front-proxy-client".to_owned()),
        ("requestheader-username-headers", "X-Remote-User".to_owned()),
        ("requestheader-group-headers", "X-Remote-Group".to_owned()),
        ("requestheader-extra-headers-prefix", "X-Remote-Extra-".to_owned()),
        ("proxy-client-cert-file", file("front-proxy.crt")),
        ("proxy-client-key-file", file("front-proxy.key")),
        ("default-not-ready-toleration-seconds", eviction.clone()),
        ("default-unreachable-toleration-seconds", eviction),
    ]));
    all
}

fn controller_manager(builder: &Builder, places: &Places<'_>) -> Flags {
    let mut all = serving(places, Port::ControllerManager);
    all.extend(flags([
        ("kubeconfig", places.home.kubeconfig.clone()),
        ("leader-elect", "false".to_owned()),
        ("controllers", "*,-nodeipam,-cloud-node-lifecycle".to_owned()),
        ("use-service-account-credentials", "true".to_owned()),
        ("service-account-private-key-file", places.certificates.path("service-accounts.key")),
        ("root-ca-file", places.certificates.path("ca.crt")),
        ("kube-api-qps", "1000".to_owned()),
        ("kube-api-burst", "2000".to_owned()),
        ("horizontal-pod-autoscaler-sync-period", go(builder.hpa_sync_period)),
        ("horizontal-pod-autoscaler-downscale-stabilization", go(builder.downscale_stabilization)),
        ("horizontal-pod-autoscaler-cpu-initialization-period", go(builder.cpu_initialization_period)),
        ("horizontal-pod-autoscaler-initial-readiness-delay", go(builder.initial_readiness_delay)),
        ("node-monitor-period", "1s".to_owned()),
        ("node-monitor-grace-period", go(builder.node_monitor_grace_period)),
    ]));
    all
}

fn scheduler(places: &Places<'_>) -> Flags {
    let mut all = serving(places, Port::Scheduler);
    all.extend(flags([("config", places.home.data.join(SCHEDULER_FILE).to_string_lossy().into_owned())]));
    all
}

/// The scheduler's configuration, in its own folder: there are no flags for what stands there.
pub(crate) const SCHEDULER_FILE: &str = "configuration.yaml";

/// What stands in that file.
pub(crate) fn scheduler_configuration(kubeconfig: &str) -> String {
    let kubeconfig = serde_json::Value::from(kubeconfig);
    format!(
        "\
apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
leaderElection: {{ leaderElect: false }}
clientConnection: {{ kubeconfig: {kubeconfig}, qps: 1000, burst: 2000 }}
"
    )
}

/// How all but etcd serve.
fn serving(places: &Places<'_>, port: Port) -> Flags {
    flags([
        ("bind-address", "127.0.0.1".to_owned()),
        ("secure-port", places.ports.port(port).to_string()),
        ("tls-cert-file", places.certificates.path("server.crt")),
        ("tls-private-key-file", places.certificates.path("server.key")),
    ])
}

/// A length of time as Go's flags take it.
fn go(time: Duration) -> String {
    format!("{}ms", time.as_millis())
}
