//! Where load goes: the address of a Service, or one that the project allows.

use std::net::SocketAddr;

use k8s_openapi::api::core::v1::{Service, ServicePort};
use kube::Client;
use kube::api::Api;

use crate::load::Target;
use crate::scenario::{Access, Entry, KubernetesTarget};

use super::cluster::{called, is_missing, said};

/// Where load goes.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) target: Target,
    /// The Service, if it is one.
    pub(super) service: Option<String>,
}

/// Finds where load goes; `None` where the scenario sends none.
///
/// # Errors
/// There is no such Service, it has no address, or the address is not permitted.
pub(super) async fn find(
    client: &Client,
    target: &KubernetesTarget,
    allowed_hosts: &[String],
) -> Result<Option<Found>, String> {
    match &target.entry {
        None => Ok(None),
        Some(Entry::Address(address)) => {
            let (host, resolved) = resolve(address).await?;
            let target =
                Target::permitted(&host, resolved, allowed_hosts).map_err(|error| error.to_string())?;
            Ok(Some(Found { target, service: None }))
        }
        Some(Entry::Service { name, port }) => {
            let host = service(client, target, name, *port).await?;
            let (_, resolved) = resolve(&host).await?;
            // Its namespace has opted in; that is what permits it.
            Ok(Some(Found { target: Target::of_service(resolved), service: Some(name.clone()) }))
        }
    }
}

async fn resolve(address: &str) -> Result<(String, SocketAddr), String> {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host).trim_matches(['[', ']']).to_owned();
    let mut found = tokio::net::lookup_host(address)
        .await
        .map_err(|error| format!("load cannot go to {address}: {error}; write it as host:port"))?;
    let first =
        found.next().ok_or_else(|| format!("load cannot go to {address}: the name has no address"))?;
    Ok((host, first))
}

/// The address of a Service as `host:port`: from within the cluster its own, from outside its load balancer's.
async fn service(
    client: &Client,
    target: &KubernetesTarget,
    name: &str,
    port: Option<u32>,
) -> Result<String, String> {
    let whose =
        format!("Service \"{name}\" in namespace \"{}\" of {}", target.namespace, called(&target.access));
    let api: Api<Service> = Api::namespaced(client.clone(), &target.namespace);
    let service = api.get(name).await.map_err(|error| {
        if is_missing(&error) {
            format!("there is no {whose}")
        } else {
            format!("cannot read {whose}: {}", said(&error))
        }
    })?;
    let spec = service.spec.unwrap_or_default();
    let port = port_of(&whose, spec.ports.as_deref().unwrap_or_default(), port)?;
    if target.access == Access::InCluster {
        let own = spec.cluster_ip.filter(|ip| !ip.is_empty() && ip != "None");
        let ip = own.ok_or_else(|| format!("{whose} has no cluster address"))?;
        return Ok(joined(&ip, port));
    }
    let ingress =
        service.status.and_then(|status| status.load_balancer).and_then(|balancer| balancer.ingress);
    let first = ingress.unwrap_or_default().into_iter().find_map(|one| one.ip.or(one.hostname));
    let host = first.ok_or_else(|| {
        let kind = spec.type_.as_deref().unwrap_or("ClusterIP");
        if kind == "LoadBalancer" {
            format!("{whose} has no address yet: its load balancer is not ready")
        } else {
            format!(
                "{whose} is a {kind}, which cannot be reached from outside of the cluster; run within it (`in_cluster = true`), \
                 or name an `address` that leads there"
            )
        }
    })?;
    Ok(joined(&host, port))
}

fn port_of(whose: &str, ports: &[ServicePort], asked: Option<u32>) -> Result<u16, String> {
    let numbers: Vec<u16> = ports.iter().filter_map(|port| u16::try_from(port.port).ok()).collect();
    match (asked, numbers.as_slice()) {
        (Some(asked), _) => numbers.iter().copied().find(|port| u32::from(*port) == asked).ok_or_else(|| {
            let has: Vec<String> = numbers.iter().map(u16::to_string).collect();
            format!("{whose} has no port {asked}; it has {}", has.join(", "))
        }),
        (None, [only]) => Ok(*only),
        (None, []) => Err(format!("{whose} has no port")),
        (None, several) => {
            let has: Vec<String> = several.iter().map(u16::to_string).collect();
            Err(format!("{whose} has several ports, {}: say which, `port = {}`", has.join(", "), several[0]))
        }
    }
}

fn joined(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port(port: i32) -> ServicePort {
        ServicePort { port, ..ServicePort::default() }
    }

    #[test]
    fn the_only_port_needs_no_name_and_one_of_several_does() {
        assert_eq!(port_of("it", &[port(80)], None), Ok(80));
        assert_eq!(port_of("it", &[port(80), port(443)], Some(443)), Ok(443));
        assert!(port_of("it", &[port(80), port(443)], None).unwrap_err().contains("`port = 80`"));
        assert!(port_of("it", &[port(80)], Some(81)).unwrap_err().contains("no port 81"));
    }
}
