//! `raw_parallel`: several raw sockets on each device, one a thread (NetSlices, section 2).
//!
//! With filters each frame is delivered to one of them, by its source port, or the SPI of a tunnel's packet, and every filter is run for it. Without, every
//! socket gets a copy of every frame, and its thread throws away what is not its own; how many frames were lost where copies were
//! is in `copies`.

use std::io;

use pktio::packet::raw_parallel::{self, Division};
use pktio::packet::{Group, PlainIo};

use super::SystemConfig;
use super::raw_socket::{calls, plain};
use super::sockets::Opening;

/// The sockets of several threads.
pub(super) struct RawParallel {
    pub(super) filters: bool,
}

impl Opening for RawParallel {
    type Io = PlainIo;

    fn open(&self, config: &SystemConfig, ports: [u32; 2]) -> io::Result<Group<PlainIo>> {
        let division = if self.filters {
            Division::SourcePort
        } else {
            Division::Copies
        };
        raw_parallel::open(&plain(config, ports), config.workers, division)
    }

    fn tell(&self, config: &SystemConfig) -> Vec<(&'static str, String)> {
        let division = if self.filters {
            "disjoint filters on the source port, or ESP's SPI"
        } else {
            "a copy of every frame for every thread"
        };
        let mut told = calls(config);
        told.push(("division", division.to_owned()));
        told
    }

    fn copies(&self) -> bool {
        !self.filters
    }
}
