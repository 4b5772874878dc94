//! Services of type LoadBalancer: their addresses, and which pods each of them sends to.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

use futures_util::StreamExt;
use k8s_openapi::api::core::v1::{Pod, Service, ServicePort};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::ResourceExt;
use kube::api::{Api, Patch, PatchParams};
use kube::runtime::{WatchStreamExt, watcher};
use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::sleep;

use super::address::Addresses;
use super::balancer::{FrontId, Order, Target};
use super::context::Context;
use super::mirror::Mirror;
use super::network_policy::admits;
use super::pod::RunningPod;

/// What keeps a Service until its load balancer is gone, as cloud providers do it.
pub(super) const FINALIZER: &str = "service.kubernetes.io/load-balancer-cleanup";
/// Changes that come together are worked on together.
const GATHER: Duration = Duration::from_millis(5);
/// Time until something that failed is tried again.
const RETRY: Duration = Duration::from_millis(500);

/// Looks after all Services, for ever.
pub(super) async fn run(ctx: Rc<Context>, orders: mpsc::UnboundedSender<Order>) {
    let services: Api<Service> = Api::all(ctx.client.clone());
    let policies: Api<NetworkPolicy> = Api::all(ctx.client.clone());
    let mut services = watcher(services, watcher::Config::default()).default_backoff().boxed_local();
    let mut policies = watcher(policies, watcher::Config::default()).default_backoff().boxed_local();
    let mut seen_services = Mirror::default();
    let mut seen_policies = Mirror::default();
    let seed = std::process::id();
    let mut balancers =
        Balancers { ctx: Rc::clone(&ctx), orders, addresses: Addresses::new(seed), fronts: BTreeMap::new() };
    let mut failed = false;
    loop {
        tokio::select! {
            biased;
            Some(event) = services.next() => seen_services.take(event),
            Some(event) = policies.next() => seen_policies.take(event),
            () = ctx.routes.notified() => sleep(GATHER).await,
            () = sleep(RETRY), if failed => {}
        }
        failed = false;
        for service in seen_services.objects.values() {
            if let Err(error) = balancers.look_after(service).await {
                ctx.complain(format!("service {}: {error}", service.name_any()));
                failed = true;
            }
        }
        balancers.close_others(&seen_services.objects);
        balancers.route(&seen_services.objects, &seen_policies.objects);
    }
}

/// One Service's balancer.
struct Front {
    address: IpAddr,
    ports: Vec<u16>,
    /// What was last said about each port.
    routes: BTreeMap<u16, (Vec<Target>, Vec<Target>)>,
}

struct Balancers {
    ctx: Rc<Context>,
    orders: mpsc::UnboundedSender<Order>,
    addresses: Addresses,
    /// By the Service's UID.
    fronts: BTreeMap<String, Front>,
}

impl Balancers {
    /// Gives a Service what it lacks, or takes away what it should not have any more.
    async fn look_after(&mut self, service: &Service) -> Result<(), String> {
        let uid = service.uid().unwrap_or_default();
        let balanced = is_balanced(service);
        let finalized = service.finalizers().iter().any(|finalizer| finalizer == FINALIZER);
        if balanced && service.metadata.deletion_timestamp.is_none() {
            if !finalized {
                self.patch_finalizers(service, true).await?;
            }
            let ports = ports(service);
            if self.fronts.get(&uid).is_none_or(|front| front.ports != ports) {
                self.close(&uid);
                self.open(service, uid.clone(), ports)?;
            }
            let address = self.fronts.get(&uid).map(|front| front.address);
            if address.is_some() && address_of(service) != address {
                self.patch_address(service, address).await?;
            }
        } else if finalized && !self.ctx.knobs().leak_load_balancers {
            self.close(&uid);
            if address_of(service).is_some() {
                self.patch_address(service, None).await?;
            }
            self.patch_finalizers(service, false).await?;
        }
        Ok(())
    }

    fn open(&mut self, service: &Service, uid: String, ports: Vec<u16>) -> Result<(), String> {
        let (address, listeners) = self
            .addresses
            .listen(address_of(service), &ports)
            .map_err(|error| format!("no address to listen on: {error}"))?;
        for (port, listener) in ports.iter().zip(listeners) {
            let _ = self.orders.send(Order::Open((uid.clone(), *port), listener));
        }
        self.fronts.insert(uid, Front { address, ports, routes: BTreeMap::new() });
        Ok(())
    }

    fn close(&mut self, uid: &str) {
        if let Some(front) = self.fronts.remove(uid) {
            for port in front.ports {
                let _ = self.orders.send(Order::Close((uid.to_owned(), port)));
            }
        }
    }

    /// Closes what belongs to Services that are gone.
    fn close_others(&mut self, services: &BTreeMap<String, Service>) {
        let gone: Vec<_> = self.fronts.keys().filter(|uid| !services.contains_key(*uid)).cloned().collect();
        for uid in gone {
            self.close(&uid);
        }
    }

    async fn patch_finalizers(&self, service: &Service, with: bool) -> Result<(), String> {
        let mut finalizers = service.finalizers().to_vec();
        finalizers.retain(|finalizer| finalizer != FINALIZER);
        if with {
            finalizers.push(FINALIZER.to_owned());
        }
        // With the version that it was seen at, so that nobody else's finalizer is lost.
        let patch = json!({ "metadata": {
            "finalizers": finalizers,
            "resourceVersion": service.resource_version(),
        } });
        let (api, name) = (self.api(service), service.name_any());
        expected(api.patch(&name, &PatchParams::default(), &Patch::Merge(patch)).await)
    }

    async fn patch_address(&self, service: &Service, address: Option<IpAddr>) -> Result<(), String> {
        let ingress: Vec<_> = address.iter().map(|address| json!({ "ip": address })).collect();
        let patch = json!({ "status": { "loadBalancer": { "ingress": ingress } } });
        let (api, name) = (self.api(service), service.name_any());
        expected(api.patch_status(&name, &PatchParams::default(), &Patch::Merge(patch)).await)
    }

    fn api(&self, service: &Service) -> Api<Service> {
        Api::namespaced(self.ctx.client.clone(), &service.namespace().unwrap_or_default())
    }

    /// Tells the balancer where requests go now, as far as that has changed.
    fn route(&mut self, services: &BTreeMap<String, Service>, policies: &BTreeMap<String, NetworkPolicy>) {
        let pods = self.ctx.pods();
        for (uid, front) in &mut self.fronts {
            let Some(service) = services.get(uid) else { continue };
            for port in service.spec.iter().flat_map(|spec| spec.ports.iter().flatten()) {
                let Ok(number) = u16::try_from(port.port) else { continue };
                let (mut targets, mut cut) = (Vec::new(), Vec::new());
                for pod in pods.iter().filter(|pod| selects(service, &pod.seen.borrow())) {
                    let seen = pod.seen.borrow();
                    let Some(target) = target(pod, &seen, port) else { continue };
                    if pod.partitions.any() || !admits(policies.values(), &seen, target_port(&seen, port)) {
                        cut.push(target);
                    } else if takes_requests(&seen) {
                        targets.push(target);
                    }
                }
                let routes = (targets, cut);
                if front.routes.get(&number) != Some(&routes) {
                    let (targets, cut) = routes.clone();
                    let id: FrontId = (uid.clone(), number);
                    let _ = self.orders.send(Order::Route { front: id, targets, cut });
                    front.routes.insert(number, routes);
                }
            }
        }
    }
}

/// What is gone, or has been changed by someone else meanwhile, comes again by the watch.
fn expected(patched: kube::Result<Service>) -> Result<(), String> {
    match patched {
        Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => Ok(()),
        patched => patched.map(drop).map_err(|error| error.to_string()),
    }
}

fn is_balanced(service: &Service) -> bool {
    service.spec.as_ref().is_some_and(|spec| {
        spec.type_.as_deref() == Some("LoadBalancer") && spec.load_balancer_class.is_none()
    })
}

fn ports(service: &Service) -> Vec<u16> {
    let ports = service.spec.iter().flat_map(|spec| spec.ports.iter().flatten());
    ports.filter_map(|port| u16::try_from(port.port).ok()).collect()
}

fn address_of(service: &Service) -> Option<IpAddr> {
    let ingress = service.status.as_ref()?.load_balancer.as_ref()?.ingress.as_ref()?;
    ingress.first()?.ip.as_ref()?.parse().ok()
}

fn selects(service: &Service, pod: &Pod) -> bool {
    let selector = service.spec.as_ref().and_then(|spec| spec.selector.as_ref());
    service.namespace() == pod.namespace()
        && selector.is_some_and(|selector| {
            !selector.is_empty() && selector.iter().all(|(key, value)| pod.labels().get(key) == Some(value))
        })
}

/// Ready in the API's eyes, and not on its way out: what an EndpointSlice would call ready.
fn takes_requests(pod: &Pod) -> bool {
    let conditions = pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
    pod.metadata.deletion_timestamp.is_none()
        && conditions.into_iter().any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

/// The port of a pod that a Service's port means, and the container that has it.
fn container_port<'a>(pod: &'a Pod, port: &ServicePort) -> Option<(&'a str, i32)> {
    let containers = &pod.spec.as_ref()?.containers;
    let mut all = containers
        .iter()
        .flat_map(|container| container.ports.iter().flatten().map(|port| (container.name.as_str(), port)));
    match port.target_port.as_ref() {
        Some(IntOrString::String(name)) => all
            .find(|(_, port)| port.name.as_ref() == Some(name))
            .map(|(container, port)| (container, port.container_port)),
        other => {
            let number = if let Some(IntOrString::Int(number)) = other { *number } else { port.port };
            let named = all.find(|(_, port)| port.container_port == number).map(|(name, _)| name);
            // A container need not name the ports that it listens on.
            Some((named.or(containers.first().map(|first| first.name.as_str()))?, number))
        }
    }
}

fn target_port(pod: &Pod, port: &ServicePort) -> i32 {
    container_port(pod, port).map_or(port.port, |(_, number)| number)
}

fn target(running: &RunningPod, pod: &Pod, port: &ServicePort) -> Option<Target> {
    let (name, _) = container_port(pod, port)?;
    let container = running.containers.iter().find(|container| container.name == name)?;
    let process = container.status.borrow().process?;
    Some(Target { pod: running.uid.clone(), addr: process.addr })
}
