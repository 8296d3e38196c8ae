//! `xdp_steered`: the paper's system. XDP reads the key and delivers to the owner's own socket.
//!
//! Enberg, Rao and Tarkoma, ENCP'19, section 3.3 and figure 3(b): a thread per core, the key
//! space partitioned between threads, and a program at the NIC that "parses L7 packet headers to
//! determine request keys and uses the same partitioning function p(k) to steer packets to the
//! target CPU core". No client knows the partitioning, no request changes threads.
//!
//! A frame that arrived on queue q can only go to a socket bound to q, so K owners over Q queues
//! need Q x K sockets, and each owner polls the Q rings that are its own. The reply is built in
//! the received frame. The paper treats requests of a single key only (section 4); here a
//! multi-get goes to the owner of its first key, and what becomes of the keys of other owners is
//! [`MultiKey`](super::MultiKey)'s: counted handoffs unless told otherwise. Section 3.2 spreads the hottest keys over all cores:
//! [`crate::server::ServerConfig::hot_keys`].

use super::{Addressing, Design, IoKind, Refusal, Steering, SystemChoice};
use crate::handoff::mesh::SpinPerMessage;
use crate::server::dispatch::Here;
use crate::server::stores::OneEach;

/// See the [module](self).
#[derive(Debug, Clone, Copy)]
pub struct XdpSteered;

impl Design for XdpSteered {
    type Polling = SpinPerMessage;
    type Dispatch = Here;
    type Stores = OneEach;
    const UDP: bool = false;
    const OTHER_WIRES: bool = true;
    const ADDRESSING: Addressing = Addressing::Key;
    const STEERING: Steering = Steering::Key;
    const SPREADS_HOT_KEYS: bool = true;
    const BALANCES_SCANS: bool = true;
    const NAME: &str = "xdp_steered";

    fn check(choice: &SystemChoice) -> Result<(), Refusal> {
        match choice.io {
            IoKind::Udp | IoKind::Memory => Err(Refusal::SteeringNeedsAfXdp(choice.system)),
            IoKind::AfXdp => Ok(()),
        }
    }
}
