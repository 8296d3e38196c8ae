//! `raw_parallel`: several raw sockets on each device, one a thread (NetSlices, section 2).
//!
//! Without filters every socket gets a copy of every frame, and its thread throws away what is not its
//! own; with disjoint filters each frame is copied once, and every filter is run for it.
//!
//! A copy that a socket loses does not tell whose frame it was. But each socket counts what it was given
//! ([`Related::given`]), lost copies included, and so each of them knows how many frames there were:
//!
//! ```text
//! given = received + foreign + truncated (its own) + of_others + PacketSocket (lost), of every thread, and the same for all
//! frames whose owner lost its copy = given - the own ones of all threads
//! ```
//!
//! [`Related::given`]: crate::drops::Related::given

use std::io;

use super::group::{Group, invalid};
use super::plain::{Part, PlainConfig, PlainIo};
use super::share::Share;

/// How the sockets of a device divide its frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Division {
    /// Not at all: each thread receives everything and keeps what is its own by source port.
    Copies,
    /// By filters on the transport source port, or ESP's SPI; what has neither is the first thread's.
    SourcePort,
    /// By filters on the receive queue: `queue % threads`, as the kernel counts queues
    /// ([`Sharding::RxQueue`](crate::udp::Sharding::RxQueue)).
    Queue,
}

impl Division {
    fn part(self, share: Share) -> Part {
        let filter = match self {
            Self::Copies => None,
            Self::SourcePort => Some(share.by_source_port().to_vec()),
            Self::Queue => Some(share.by_queue().to_vec()),
        };
        Part {
            share: (self == Self::Copies).then_some(share),
            filter,
            sender: false,
        }
    }
}

/// Opens raw sockets for each of `threads`.
///
/// # Errors
/// No thread at all; when a device is not there, or the process may not open packet sockets.
pub fn open(config: &PlainConfig, threads: u16, division: Division) -> io::Result<Group<PlainIo>> {
    if threads == 0 {
        return Err(invalid("parallel raw sockets need at least one thread"));
    }
    let parts: Vec<Part> = Share::all(threads)
        .map(|share| division.part(share))
        .collect();
    config.open(&parts)
}
