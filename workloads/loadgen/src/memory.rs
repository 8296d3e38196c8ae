//! Requests written into shared memory, and replies read there: no packets ([`pktio::region`]).

use std::io;
use std::path::Path;

use pktio::region::{ROOM, RegionClient, Regions};

use crate::transport::{Destination, Transport, headers_len};
use crate::{ClientError, Losses, NamedCount};

/// How long a client that has nothing to send sleeps before it looks for replies again, ns.
const LOOK_EVERY_NS: u64 = 20_000;
/// Requests are those that would fit a frame of this MTU, so that they are comparable.
const MTU: usize = 1500;

/// The regions of the one client thread.
pub(crate) struct MemoryTransport {
    regions: RegionClient,
    base_port: u16,
}

impl MemoryTransport {
    /// Maps the regions at `path`; the owner of port `base_port + i` has the i-th.
    ///
    /// # Errors
    /// When they are not there, or there are not `owners`.
    pub(crate) fn open(path: &Path, base_port: u16, owners: u16) -> Result<Self, ClientError> {
        let regions =
            Regions::open(path).map_err(ClientError::io("opening the request regions"))?;
        if regions.owners() != owners {
            return Err(ClientError::Config(format!(
                "transport: regions of {} owners, and requests go to {owners}",
                regions.owners()
            )));
        }
        // A thread's sleeps last 50 us longer otherwise.
        sys::clock::set_timerslack(1).map_err(ClientError::io("setting the timer slack"))?;
        Ok(Self {
            regions: RegionClient::new(regions),
            base_port,
        })
    }
}

impl Transport for MemoryTransport {
    fn max_payload(&self) -> usize {
        ROOM.min(MTU - headers_len(true))
    }

    fn send(&mut self, to: Destination, payload: &[u8]) -> io::Result<bool> {
        let owner = to.port - self.base_port;
        Ok(self.regions.send(owner, u32::from(to.flow), payload))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn is_flushed(&self) -> bool {
        true
    }

    fn is_under_way(&mut self) -> bool {
        false
    }

    fn receive(&mut self, budget: usize, take: &mut impl FnMut(u16, &[u8])) -> io::Result<usize> {
        Ok((self.regions).receive(budget, |tag, reply| take(tag as u16, reply)))
    }

    /// Nobody notifies of a reply.
    fn wait(&mut self, timeout_ns: u64) -> io::Result<()> {
        let until_ns = sys::clock::now_ns() + timeout_ns.min(LOOK_EVERY_NS);
        sys::clock::sleep_until_ns(until_ns);
        Ok(())
    }

    fn losses(&self) -> io::Result<Losses> {
        let (full, garbage) = (self.regions.full(), self.regions.garbage());
        Ok(Losses {
            drops: vec![NamedCount::new(
                "reply_garbage",
                "replies of an impossible length in the client's regions",
                garbage,
            )],
            evidence: vec![NamedCount::new(
                "region_full_retried",
                "requests that found their region full",
                full,
            )],
        })
    }

    fn describe(&self) -> String {
        "memory".into()
    }
}
