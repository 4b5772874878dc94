//! Where load may go: loopback, and the hosts on a list that stands outside of scenarios.

use std::net::{IpAddr, SocketAddr};

use super::LoadError;

/// An address that load may go to. There is no other way to one than to have it looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target(SocketAddr);

impl Target {
    /// The address that `host` was resolved to, or that it is. Loopback is always permitted, and told by the address: a name
    /// can point anywhere.
    ///
    /// # Errors
    /// It is neither loopback nor on the list.
    pub fn permitted(host: &str, address: SocketAddr, allowed_hosts: &[String]) -> Result<Self, LoadError> {
        let is_loopback = address.ip().to_canonical().is_loopback();
        if is_loopback || allowed_hosts.iter().any(|allowed| is_same(allowed, host)) {
            return Ok(Self(address));
        }
        Err(LoadError::NotAllowed { host: host.to_owned(), address })
    }

    /// An address that a cluster's Service says is its own. The Service's namespace has to have opted in: whoever calls this has
    /// seen to it.
    pub fn of_service(address: SocketAddr) -> Self {
        Self(address)
    }

    /// The address.
    pub fn address(self) -> SocketAddr {
        self.0
    }
}

/// Whether two texts name one host: the same name, in any case and with or without the root's dot, or the same address.
fn is_same(one: &str, other: &str) -> bool {
    match (one.parse::<IpAddr>(), other.parse::<IpAddr>()) {
        (Ok(one), Ok(other)) => one == other,
        (Err(_), Err(_)) => one.trim_end_matches('.').eq_ignore_ascii_case(other.trim_end_matches('.')),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_permitted(host: &str, address: &str, allowed: &[&str]) -> bool {
        let allowed: Vec<String> = allowed.iter().map(|host| (*host).to_owned()).collect();
        Target::permitted(host, address.parse().unwrap(), &allowed).is_ok()
    }

    #[test]
    fn loopback_is_always_permitted_and_told_by_its_address() {
        for address in ["127.0.0.1:80", "127.9.9.9:80", "[::1]:80", "[::ffff:127.0.0.1]:80"] {
            assert!(is_permitted("localhost", address, &[]), "{address}");
        }
        for address in ["10.0.3.7:80", "0.0.0.0:80", "[::]:80", "[2001:db8::1]:80", "[::ffff:10.0.3.7]:80"] {
            assert!(!is_permitted("localhost", address, &[]), "{address}");
        }
    }

    #[test]
    fn any_other_host_must_be_on_the_list() {
        let allowed = ["shop.staging.example", "10.0.3.7", "2001:db8::1"];
        assert!(is_permitted("shop.staging.example", "10.9.9.9:80", &allowed));
        assert!(is_permitted("Shop.Staging.example.", "10.9.9.9:80", &allowed));
        assert!(is_permitted("10.0.3.7", "10.0.3.7:8080", &allowed));
        assert!(is_permitted("2001:DB8:0::1", "[2001:db8::1]:80", &allowed));
        for host in
            ["shop.example", "evil.shop.staging.example", "shop.staging.example.evil", "10.0.3.70", ""]
        {
            assert!(!is_permitted(host, "10.9.9.9:80", &allowed), "{host}");
        }
        let error = Target::permitted("shop.example", "10.9.9.9:80".parse().unwrap(), &[]).unwrap_err();
        assert!(error.to_string().contains("shop.example (10.9.9.9)"), "{error}");
    }
}
