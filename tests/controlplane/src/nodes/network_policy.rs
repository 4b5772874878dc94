//! Whether NetworkPolicies let traffic from outside the cluster reach a pod: a denial is what a partition is made of.

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::networking::v1::{NetworkPolicy, NetworkPolicyIngressRule};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::ResourceExt;
use kube::core::{Selector, SelectorExt};

/// Whether traffic from outside reaches this port of a pod: unless some policy selects the pod and none of those that
/// do lets it in.
pub(super) fn admits<'a>(policies: impl Iterator<Item = &'a NetworkPolicy>, pod: &Pod, port: i32) -> bool {
    let mut selecting = policies.filter(|policy| isolates(policy, pod)).peekable();
    if selecting.peek().is_none() {
        return true;
    }
    let mut rules =
        selecting.flat_map(|policy| policy.spec.iter().flat_map(|spec| spec.ingress.iter().flatten()));
    rules.any(|rule| from_anywhere(rule) && to_port(rule, port))
}

fn isolates(policy: &NetworkPolicy, pod: &Pod) -> bool {
    let Some(spec) = &policy.spec else { return false };
    let about_ingress =
        spec.policy_types.as_ref().is_none_or(|types| types.iter().any(|kind| kind == "Ingress"));
    let selector = spec.pod_selector.clone().unwrap_or_default();
    policy.namespace() == pod.namespace()
        && about_ingress
        && Selector::try_from(selector).is_ok_and(|selector| selector.matches(pod.labels()))
}

fn from_anywhere(rule: &NetworkPolicyIngressRule) -> bool {
    let peers = rule.from.as_deref().unwrap_or_default();
    peers.is_empty()
        || peers.iter().any(|peer| peer.ip_block.as_ref().is_some_and(|block| block.cidr == "0.0.0.0/0"))
}

fn to_port(rule: &NetworkPolicyIngressRule, number: i32) -> bool {
    let ports = rule.ports.as_deref().unwrap_or_default();
    ports.is_empty()
        || ports.iter().any(|port| match &port.port {
            None => true,
            Some(IntOrString::Int(port)) => *port == number,
            // A name is taken for the right one: nothing here has two ports.
            Some(IntOrString::String(_)) => true,
        })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn policy(spec: Value) -> NetworkPolicy {
        serde_json::from_value(json!({ "metadata": { "namespace": "shop", "name": "p" }, "spec": spec }))
            .unwrap()
    }

    fn admitted(policies: &[NetworkPolicy]) -> bool {
        let pod =
            json!({ "metadata": { "namespace": "shop", "name": "a", "labels": { "app": "checkout" } } });
        admits(policies.iter(), &serde_json::from_value(pod).unwrap(), 8080)
    }

    #[test]
    fn a_policy_that_selects_a_pod_and_lets_nothing_in_cuts_it_off() {
        let of = |selector: Value| json!({ "podSelector": selector, "policyTypes": ["Ingress"] });
        let deny = policy(of(json!({ "matchLabels": { "app": "checkout" } })));
        let deny_all = policy(json!({ "podSelector": {} }));
        let deny_other = policy(of(json!({ "matchLabels": { "app": "cart" } })));
        let egress = policy(json!({ "podSelector": {}, "policyTypes": ["Egress"] }));
        let allow = policy(json!({ "podSelector": {}, "ingress": [{ "ports": [{ "port": 8080 }] }] }));
        let allow_pods =
            policy(json!({ "podSelector": {}, "ingress": [{ "from": [{ "podSelector": {} }] }] }));
        assert!(admitted(&[]));
        assert!(!admitted(std::slice::from_ref(&deny)));
        assert!(!admitted(&[deny_all]));
        assert!(admitted(&[deny_other, egress]));
        assert!(admitted(&[deny.clone(), allow]), "policies add up");
        assert!(!admitted(&[deny, allow_pods]), "what pods may do, the outside may not");
    }
}
