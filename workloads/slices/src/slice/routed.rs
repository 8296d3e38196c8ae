//! Routed mode: what the paper's kernel part does by default (NetSlices, section 3.1).

use pktio::frame::FrameMut;
use sys::clock::now_ns;

use super::{Decision, Flags, Message, Route};
use crate::router::{Drop, ErrorLimit, Mirror, Outcome, Router, RouterCounters};

/// Packets leave by the kernel's tables, as by a regular router: with a hop less to live and the link addresses of the next hop, and
/// an ICMP error goes back in place of one that cannot. What is this host's own ([`Flags::OWN`]) gets link addresses alone.
///
/// A packet that came with its [next link](Message::next_link) leaves by it; all others are looked up in a mirror of the tables.
/// Others than IP, what is the kernel's ([`Host`](crate::router::Host)) and what would have to be fragmented are refused: a write sends one
/// frame.
///
/// ```no_run
/// use std::io::ErrorKind;
///
/// use slices::router::{Mirror, TableLimits};
/// use slices::slice::{Message, Routed, Slices, SlicesConfig};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let config = SlicesConfig {
///     // Asked for in XDP, where `net.ipv4.ip_forward` is on.
///     next_links: true,
///     ..SlicesConfig::new(vec!["left0".to_owned(), "right0".to_owned()], 1)
/// };
/// let mut slices = Slices::attach(&config, None)?;
/// let ports = ["left0", "right0"].map(sys::link::ifindex);
/// let [left, right] = ports;
/// let mirror = Mirror::start(&[left?, right?], TableLimits::default())?;
/// let mut slice = slices.open(0, Routed::new(&mirror))?;
/// let mut messages = vec![Message::with_capacity(2048); 64];
/// loop {
///     let count = slice.read_batch(&mut messages)?;
///     let mut written = 0;
///     while written < count {
///         written += match slice.write_batch(&messages[written..count]) {
///             // The first has no way, for now at least: it is lost, as in any router.
///             Err(error) if error.kind() == ErrorKind::HostUnreachable => 1,
///             result => result?,
///         };
///     }
/// }
/// # }
/// ```
#[derive(Debug)]
pub struct Routed {
    router: Router,
}

impl Routed {
    /// By the tables that this mirror follows, whose ports must be the slice's. Errors are sent as often as Linux sends them.
    #[must_use]
    pub fn new(mirror: &Mirror) -> Self {
        let errors = ErrorLimit::default();
        Self {
            router: Router::new(mirror.reader(), mirror.asker(), errors, now_ns()),
        }
    }

    /// What was done with packets that are not this host's own. One that finds no room to be sent, and is tried again, is counted
    /// at every attempt.
    #[must_use]
    pub const fn counters(&self) -> &RouterCounters {
        self.router.counters()
    }
}

impl Route for Routed {
    fn route(&mut self, frame: &mut FrameMut<'_>, message: &Message) -> Decision {
        self.router.advance(now_ns());
        if message.flags.has(Flags::OWN) {
            return match self.router.address(frame.bytes_mut()) {
                Ok(port) => Decision::Leave(port),
                Err(no_way) => Decision::Refuse(no_way.name()),
            };
        }
        let next = message.next_link;
        match self.router.process_told(message.port, next, frame) {
            Outcome::Forwarded(port) | Outcome::Reported(_, port) => Decision::Leave(port),
            Outcome::Fragmented { .. } => {
                self.router.not_cut();
                Decision::Refuse(Drop::NotCut.name())
            }
            Outcome::Host(host) => Decision::Refuse(host.name()),
            Outcome::Dropped(drop) => Decision::Refuse(drop.name()),
        }
    }
}
