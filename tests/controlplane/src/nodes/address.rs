//! Loopback addresses for load balancers: each Service has one of its own.

use std::io;
use std::net::{IpAddr, Ipv4Addr, TcpListener};

/// How many addresses are tried before it is given up.
const TRIES: u32 = 64;

/// Hands out addresses of 127.0.0.0/8. Where it begins differs between processes, so that two of them seldom meet;
/// what settles it is who can listen.
#[derive(Debug)]
pub(super) struct Addresses {
    next: u32,
}

impl Addresses {
    pub(super) fn new(seed: u32) -> Self {
        Self { next: seed }
    }

    /// Listens on all these ports at an address that was `preferred`, or is free.
    ///
    /// # Errors
    /// That of the last address that was tried.
    pub(super) fn listen(
        &mut self,
        preferred: Option<IpAddr>,
        ports: &[u16],
    ) -> io::Result<(IpAddr, Vec<TcpListener>)> {
        if let Some(address) = preferred.filter(IpAddr::is_loopback)
            && let Ok(listeners) = listen(address, ports)
        {
            return Ok((address, listeners));
        }
        let mut last = io::Error::other("no address was tried");
        for _ in 0..TRIES {
            let address = self.next();
            match listen(address, ports) {
                Ok(listeners) => return Ok((address, listeners)),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    fn next(&mut self) -> IpAddr {
        self.next = self.next.wrapping_add(1);
        // Multiplying by an odd number visits each once, far from its neighbours.
        let [_, a, b, c] = self.next.wrapping_mul(0x9e37_79b1).to_be_bytes();
        // 127.0.x.y is left to others, and the last number is neither 0 nor 255.
        IpAddr::V4(Ipv4Addr::new(127, a.max(1), b, c.clamp(1, 254)))
    }
}

fn listen(address: IpAddr, ports: &[u16]) -> io::Result<Vec<TcpListener>> {
    let listener = |port: &u16| {
        let listener = TcpListener::bind((address, *port))?;
        listener.set_nonblocking(true)?;
        Ok(listener)
    };
    ports.iter().map(listener).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_its_own_and_a_taken_one_is_passed_over() {
        let mut addresses = Addresses::new(7);
        let (first, held) = addresses.listen(None, &[0]).unwrap();
        let port = held[0].local_addr().unwrap().port();
        let (second, _) = addresses.listen(Some(first), &[port]).unwrap();
        assert!(first.is_loopback() && second.is_loopback());
        assert_ne!(first, second);
        drop(held);
        let (third, _) = addresses.listen(Some(first), &[port]).unwrap();
        assert_eq!(third, first);
    }
}
