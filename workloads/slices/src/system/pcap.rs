//! `pcap`: a raw socket as libpcap drives it where it has no ring: a compiled filter, and the sender's address with every
//! frame. It takes IPv4 and IPv6 alone; what the filter refuses is in none of its counters.

use std::io;

use pktio::packet::{Group, PlainIo, pcap};

use super::SystemConfig;
use super::raw_socket::{calls, plain};
use super::sockets::Opening;

/// Bytes of a frame that the filter lets in: all of them, for what is cut cannot be forwarded.
pub(super) const SNAP_LEN: u32 = 65_535;

/// One thread's sockets.
pub(super) struct Pcap;

impl Opening for Pcap {
    type Io = PlainIo;

    fn open(&self, config: &SystemConfig, ports: [u32; 2]) -> io::Result<Group<PlainIo>> {
        pcap::open(&plain(config, ports), SNAP_LEN)
    }

    fn tell(&self, config: &SystemConfig) -> Vec<(&'static str, String)> {
        let mut told = calls(config);
        told.push(("snap_len", format!("{SNAP_LEN} B")));
        told
    }
}
