//! `pcap_mmap`: libpcap over a receive ring (TPACKET_V2) and `send`, as the libpcap-mmap of NetSlices' comparison (section
//! 4), by one thread.
//!
//! The paper gave its ring all the memory that it could have, 1.93 GB, for the best result. Here it has 16 MiB a device, 8192
//! frames: it is pinned memory, and more of it only makes the queue of an overloaded thread longer.

use std::io;

use pktio::packet::Group;
use pktio::packet::pcap_mmap::{self, PcapMmapIo};

use super::SystemConfig;
use super::pcap::SNAP_LEN;
use super::sockets::Opening;

/// One thread's rings.
pub(super) struct PcapMmap;

impl Opening for PcapMmap {
    type Io = PcapMmapIo;

    fn open(&self, config: &SystemConfig, ports: [u32; 2]) -> io::Result<Group<PcapMmapIo>> {
        rings(config, ports).open()
    }

    fn tell(&self, _: &SystemConfig) -> Vec<(&'static str, String)> {
        let io = "packet_socket, a ring to receive and a system call to send a frame";
        vec![("io", io.to_owned()), ("snap_len", format!("{SNAP_LEN} B"))]
    }
}

/// The rings of both devices.
pub(super) fn rings(config: &SystemConfig, ports: [u32; 2]) -> pcap_mmap::PcapMmap {
    pcap_mmap::PcapMmap {
        snap_len: SNAP_LEN,
        qdisc_bypass: config.qdisc_bypass,
        ..pcap_mmap::PcapMmap::new(ports.to_vec())
    }
}
