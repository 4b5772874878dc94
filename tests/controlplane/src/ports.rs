//! Ports that two control planes never share.

use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;

use crate::Error;

/// Below the range from which the kernel takes ports for outgoing connections (32768 and up on Linux): a component
/// that is down for a while finds its port free when it comes back.
const FIRST: u16 = 20_000;
/// Ports in a block. Each control plane has one.
const BLOCK: u16 = 16;
/// How many blocks there are.
const BLOCKS: u16 = 600;

/// A block of ports, ours for as long as this lives.
#[derive(Debug)]
pub(crate) struct Ports {
    first: u16,
    /// Locked. The kernel lets go of it however the process ends.
    _lock: File,
}

impl Ports {
    /// Takes the first block that no other control plane has and whose ports are all free. `folder` holds the locks.
    pub(crate) fn reserve(folder: &Path) -> Result<Self, Error> {
        fs::create_dir_all(folder).map_err(Error::file(folder))?;
        for block in 0..BLOCKS {
            let path = folder.join(block.to_string());
            let lock = File::create(&path).map_err(Error::file(&path))?;
            let first = FIRST + block * BLOCK;
            if lock.try_lock().is_ok() && (first..first + BLOCK).all(is_free) {
                return Ok(Self { first, _lock: lock });
            }
        }
        Err(Error::NoPorts)
    }

    /// One of the block's ports.
    pub(crate) fn port(&self, of: Port) -> u16 {
        self.first + of as u16
    }

    /// `127.0.0.1` and one of the block's ports.
    pub(crate) fn address(&self, of: Port) -> String {
        format!("127.0.0.1:{}", self.port(of))
    }
}

/// What each port of a block is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Port {
    EtcdClient,
    EtcdPeer,
    ApiServer,
    ControllerManager,
    Scheduler,
    Kwok,
    KarpenterMetrics,
    KarpenterProbe,
    KedaOperatorMetrics,
    KedaOperatorProbe,
    /// Where the adapter asks the operator.
    KedaOperatorService,
    KedaAdapter,
    /// The last one, which must still be in the block.
    KedaAdapterMetrics,
}

const _: () = assert!((Port::KedaAdapterMetrics as u16) < BLOCK);

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_planes_have_no_port_in_common() {
        let folder = tempfile::tempdir().unwrap();
        let one = Ports::reserve(folder.path()).unwrap();
        let other = Ports::reserve(folder.path()).unwrap();
        assert!(one.first.abs_diff(other.first) >= BLOCK, "{one:?} and {other:?}");
    }

    #[test]
    fn a_block_with_a_port_in_use_is_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let free = Ports::reserve(folder.path()).unwrap();
        let first = free.first;
        drop(free);
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, first + 3)).unwrap();
        assert_ne!(Ports::reserve(folder.path()).unwrap().first, first);
        drop(taken);
    }
}
