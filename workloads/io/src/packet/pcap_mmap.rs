//! `pcap_mmap`: a receive ring of TPACKET_V2 in place of system calls, and `send` to transmit, as the
//! libpcap-mmap of NetSlices' comparison had it (section 4): no transmit ring and no fanout.
//!
//! The kernel copies each frame into its slot, where it is processed, and out of the slot when it is sent;
//! the process itself copies nothing. The filter is that of `pcap`.

use std::io;
use std::sync::Arc;

use libc::{c_int, tpacket_req, tpacket_versions};

use super::group::{Group, Opened, invalid};
use super::mapping::Mapping;
use super::pcap;
use super::ring::RingIo;
use super::slots::{RESERVE, SlotRing};
use super::socket::{PacketSocket, doing};
use super::transmit::Calls;

/// Pieces in which the kernel allocates a ring, in bytes.
const BLOCK: u32 = 64 << 10;

/// Sockets with receive rings of equal slots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PcapMmap {
    /// The devices, by their numbers in the calling thread's network namespace; index = port.
    pub ports: Vec<u32>,
    /// Slots of a port's ring; together they fill blocks of 64 KiB.
    pub slots: u32,
    /// Bytes of a slot, of which some 130 lie in front of the frame; a power of two.
    pub slot_len: u32,
    /// Bytes of a frame that are let in.
    pub snap_len: u32,
    /// What may be on its way out, per socket, in bytes as the kernel counts.
    pub send_buffer: usize,
    /// Whether frames go to the driver without a queueing discipline.
    pub qdisc_bypass: bool,
}

/// One thread's rings of slots.
pub type PcapMmapIo = RingIo<SlotRing, Calls>;

impl PcapMmap {
    /// Rings of 16 MiB, frames of up to 1870 bytes.
    #[must_use]
    pub const fn new(ports: Vec<u32>) -> Self {
        Self {
            ports,
            slots: 8192,
            slot_len: 2048,
            snap_len: 65_535,
            send_buffer: 1 << 20,
            qdisc_bypass: true,
        }
    }

    fn bytes(&self) -> usize {
        self.slots as usize * self.slot_len as usize
    }

    fn check(&self) -> io::Result<()> {
        if self.ports.is_empty() {
            return Err(invalid("packet sockets need at least one device"));
        }
        if !self.slot_len.is_power_of_two() || !(256..=BLOCK).contains(&self.slot_len) {
            return Err(invalid(
                "a slot must have 256 bytes to 64 KiB, a power of two",
            ));
        }
        let blocks = self.bytes().is_multiple_of(BLOCK as usize);
        if self.slots == 0 || !blocks || u32::try_from(self.bytes()).is_err() {
            return Err(invalid(
                "a ring's slots must fill blocks of 64 KiB, and less than 4 GiB",
            ));
        }
        Ok(())
    }

    /// Opens one thread's sockets with their rings, which receive the IPv4 and IPv6 frames of all queues.
    ///
    /// # Errors
    /// Sizes that no ring can have; when the kernel has not so much memory in one piece, a device is not
    /// there, or the process may not open packet sockets.
    pub fn open(&self) -> io::Result<Group<PcapMmapIo>> {
        self.check()?;
        let (mut receivers, mut transmitters, mut opened) = (Vec::new(), Vec::new(), Vec::new());
        for port in &self.ports {
            let socket = PacketSocket::new(self.qdisc_bypass)?;
            socket.send_buffer(self.send_buffer)?;
            self.give_ring(&socket)?;
            let socket = Arc::new(socket);
            let map = Mapping::new(&socket, self.bytes())?;
            socket.bind(*port, true)?;
            receivers.push(SlotRing::new(
                map,
                Arc::clone(&socket),
                self.slots,
                self.slot_len,
            ));
            transmitters.push(Calls(Arc::clone(&socket)));
            opened.push(Opened {
                socket,
                receive_buffer: None,
                rings: Some((self.bytes(), 0)),
                fanout: false,
                filter: Some(pcap::internet(self.snap_len).to_vec()),
            });
        }
        let io = RingIo::new(receivers, transmitters, self.slot_len as usize);
        Group::let_in(vec![io], opened)
    }

    fn give_ring(&self, socket: &PacketSocket) -> io::Result<()> {
        let version = tpacket_versions::TPACKET_V2 as c_int;
        socket.set(libc::PACKET_VERSION, &version)?;
        socket.set(libc::PACKET_RESERVE, &RESERVE)?;
        let request = tpacket_req {
            tp_block_size: BLOCK,
            tp_block_nr: (self.bytes() / BLOCK as usize) as u32,
            tp_frame_size: self.slot_len,
            tp_frame_nr: self.slots,
        };
        socket.set(libc::PACKET_RX_RING, &request).map_err(|error| {
            doing(
                &format!("make a receive ring of {} bytes", self.bytes()),
                error,
            )
        })
    }
}
