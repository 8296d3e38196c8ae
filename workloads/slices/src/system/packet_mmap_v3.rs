//! `packet_mmap_v3`: rings of TPACKET_V3 in both directions, and the frames divided among the threads by fanout: what one
//! would pick today among packet sockets. NetSlices left it out, since its kernels had none (section 4).
//!
//! Fanout is by the flow's hash, which the kernel computes for it; of ESP it takes the SPI where others have their ports, so that
//! the associations of a gateway's workers spread, each as chance has it: two of two workers meet at one thread in every
//! second boot, for the hash has a seed (`io/tests/veth/packet/tunnels.rs`). By receive queue it would be cheaper, but a frame that
//! reaches a veth by XDP (such as a generator's live frames) has lost its queue when it becomes a packet: all would be queue 0's.

use std::io;

use pktio::packet::Group;
use pktio::packet::packet_mmap_v3::{self, Fanout, PacketMmapV3Io};

use super::SystemConfig;
use super::sockets::Opening;

/// The rings of several threads.
pub(super) struct PacketMmapV3;

impl Opening for PacketMmapV3 {
    type Io = PacketMmapV3Io;

    fn open(&self, config: &SystemConfig, ports: [u32; 2]) -> io::Result<Group<PacketMmapV3Io>> {
        rings(config, ports).open()
    }

    fn tell(&self, config: &SystemConfig) -> Vec<(&'static str, String)> {
        let retire = rings(config, [0; 2]).retire;
        vec![
            (
                "io",
                "packet_socket, rings to receive and to send".to_owned(),
            ),
            (
                "blocks",
                format!("given away when full, or after {retire:?}"),
            ),
        ]
    }
}

fn rings(config: &SystemConfig, ports: [u32; 2]) -> packet_mmap_v3::PacketMmapV3 {
    packet_mmap_v3::PacketMmapV3 {
        fanout: Fanout::Hash,
        qdisc_bypass: config.qdisc_bypass,
        ..packet_mmap_v3::PacketMmapV3::new(ports.to_vec(), config.workers)
    }
}
