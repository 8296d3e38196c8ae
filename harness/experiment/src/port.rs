//! Which port the server gets: memcached's, unless another program of this host has it.

use std::net::{Ipv4Addr, TcpListener, UdpSocket};

use anyhow::{Result, bail};
use spec::{TopologyKind, Trial};

use crate::plan::PORT;

/// Where the search on loopback begins when memcached's port is taken.
const OTHERS: std::ops::Range<u16> = 20_000..30_000;

/// The first port of as many free ones as the trial's system may use. Namespaces of their own have
/// all ports free.
pub(crate) fn first_free(trial: &Trial) -> Result<u16> {
    match trial.topology.kind {
        TopologyKind::Veth
        | TopologyKind::Memory
        | TopologyKind::Nic
        | TopologyKind::Chain
        | TopologyKind::Pair => Ok(PORT),
        TopologyKind::Loopback => {
            let count = trial.system.owners;
            let candidates = std::iter::once(PORT).chain(OTHERS.step_by(64));
            for first in candidates {
                if (first..first + count).all(is_free) {
                    return Ok(first);
                }
            }
            bail!("no {count} free ports in a row on 127.0.0.1 between 20000 and 30000")
        }
    }
}

fn is_free(port: u16) -> bool {
    let at = (Ipv4Addr::LOCALHOST, port);
    UdpSocket::bind(at).is_ok() && TcpListener::bind(at).is_ok()
}
