//! `packet_mmap_v3`: rings of TPACKET_V3 in both directions, one socket a thread and device, and PACKET_FANOUT,
//! which gives each frame to exactly one of the threads: what one would pick today among packet sockets.
//!
//! Transmission on a ring of this version needs Linux 4.11. NetSlices left it out for its kernels had none
//! (section 4). A frame is copied once in the process: out of its block into a transmit ring. A block reaches
//! the thread when it is full or its time is up, so that a lone frame waits for as long.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use libc::{c_int, tpacket_req3, tpacket_versions};

use super::blocks::{BlockRing, RESERVE};
use super::group::{Group, Opened, invalid};
use super::mapping::Mapping;
use super::ring::RingIo;
use super::socket::{PacketSocket, doing};
use super::transmit_ring::{self, TransmitRing};

/// Bytes of a transmit slot; a frame may have up to 1990.
const SLOT: u32 = 2048;
/// Pieces in which the kernel allocates a transmit ring, in bytes.
const TRANSMIT_BLOCK: u32 = 64 << 10;

/// By what the kernel chooses the thread of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fanout {
    /// By a hash of the flow.
    Hash,
    /// By the receive queue: `queue % threads`, as the kernel counts queues
    /// ([`Sharding::RxQueue`](crate::udp::Sharding::RxQueue)).
    Queue,
    /// By the CPU that received it: `CPU % threads`.
    Cpu,
}

impl Fanout {
    const ALL: [Self; 3] = [Self::Hash, Self::Queue, Self::Cpu];

    /// The rule with this number (`PACKET_FANOUT_*`), as [`Obtained::fanout`](super::Obtained::fanout) tells it; none of those
    /// that are not used here.
    #[must_use]
    pub fn of_number(number: u8) -> Option<Self> {
        let numbered = |fanout: &Self| fanout.number() == u32::from(number);
        Self::ALL.into_iter().find(numbered)
    }

    /// Its name in results.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hash => "hash",
            Self::Queue => "queue",
            Self::Cpu => "cpu",
        }
    }

    const fn number(self) -> u32 {
        match self {
            Self::Hash => libc::PACKET_FANOUT_HASH,
            Self::Queue => libc::PACKET_FANOUT_QM,
            Self::Cpu => libc::PACKET_FANOUT_CPU,
        }
    }
}

/// Sockets with rings in both directions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PacketMmapV3 {
    /// The devices, by their numbers in the calling thread's network namespace; index = port.
    pub ports: Vec<u32>,
    /// Threads, each with a socket on every device; more than one form a fanout group.
    pub threads: u16,
    /// By what the kernel chooses among them.
    pub fanout: Fanout,
    /// Blocks of a receive ring.
    pub blocks: u32,
    /// Bytes of a block: a multiple of the page size.
    pub block_len: u32,
    /// After this time a block with frames is given away although it is not full. The kernel counts whole
    /// milliseconds, at least 1.
    pub retire: Duration,
    /// Slots of a transmit ring: a multiple of 32.
    pub transmit_slots: u32,
    /// What may be on its way out, per socket, in bytes as the kernel counts.
    pub send_buffer: usize,
    /// Whether frames go to the driver without a queueing discipline.
    pub qdisc_bypass: bool,
}

/// One thread's rings of blocks and transmit rings.
pub type PacketMmapV3Io = RingIo<BlockRing, TransmitRing>;

impl PacketMmapV3 {
    /// Rings of 64 blocks of 256 KiB and of 1024 transmit slots, blocks given away after 1 ms, a thread by
    /// receive queue, no queueing discipline.
    #[must_use]
    pub const fn new(ports: Vec<u32>, threads: u16) -> Self {
        Self {
            ports,
            threads,
            fanout: Fanout::Queue,
            blocks: 64,
            block_len: 256 << 10,
            retire: Duration::from_millis(1),
            transmit_slots: 1024,
            send_buffer: 4 << 20,
            qdisc_bypass: true,
        }
    }

    fn receive_bytes(&self) -> usize {
        self.blocks as usize * self.block_len as usize
    }

    fn transmit_bytes(&self) -> usize {
        self.transmit_slots as usize * SLOT as usize
    }

    fn check(&self) -> io::Result<()> {
        if self.ports.is_empty() || self.threads == 0 {
            return Err(invalid(
                "packet sockets need at least one device and one thread",
            ));
        }
        let pages = self.block_len.is_multiple_of(4096) && self.block_len > 0;
        if !pages || self.blocks < 2 || u32::try_from(self.receive_bytes()).is_err() {
            return Err(invalid(
                "a receive ring needs two blocks of whole pages or more, and less than 4 GiB",
            ));
        }
        let whole = self
            .transmit_bytes()
            .is_multiple_of(TRANSMIT_BLOCK as usize);
        if self.transmit_slots == 0 || !whole {
            return Err(invalid("a transmit ring's slots must be a multiple of 32"));
        }
        if self.retire < Duration::from_millis(1) || self.retire > Duration::from_secs(60) {
            return Err(invalid("a block must be given away after 1 ms to 60 s"));
        }
        Ok(())
    }

    /// Opens the sockets of all threads with their rings.
    ///
    /// # Errors
    /// Sizes that no ring can have; when the kernel has not so much memory in one piece, a device is not
    /// there, or the process may not open packet sockets.
    pub fn open(&self) -> io::Result<Group<PacketMmapV3Io>> {
        self.check()?;
        let (mut ios, mut opened) = (Vec::new(), Vec::new());
        // The number of each device's group, which the kernel chooses when its first member joins.
        let mut groups: Vec<Option<u32>> = vec![None; self.ports.len()];
        for _ in 0..self.threads {
            let (mut receivers, mut transmitters) = (Vec::new(), Vec::new());
            for (port, group) in self.ports.iter().zip(&mut groups) {
                let (socket, receiver, transmitter) = self.open_port(*port)?;
                if self.threads > 1 {
                    *group = Some(self.join(&socket, *group)?);
                }
                receivers.push(receiver);
                transmitters.push(transmitter);
                opened.push(Opened {
                    socket,
                    receive_buffer: None,
                    rings: Some((self.receive_bytes(), self.transmit_bytes())),
                    fanout: self.threads > 1,
                    filter: None,
                });
            }
            ios.push(RingIo::new(receivers, transmitters, SLOT as usize));
        }
        Group::let_in(ios, opened)
    }

    fn open_port(&self, port: u32) -> io::Result<(Arc<PacketSocket>, BlockRing, TransmitRing)> {
        let socket = PacketSocket::new(self.qdisc_bypass)?;
        socket.send_buffer(self.send_buffer)?;
        self.give_rings(&socket)?;
        let socket = Arc::new(socket);
        let (received, sent) = (self.receive_bytes(), self.transmit_bytes());
        let map = Arc::new(Mapping::new(&socket, received + sent)?);
        socket.bind(port, true)?;
        let receiver = BlockRing::new(
            Arc::clone(&map),
            Arc::clone(&socket),
            self.blocks,
            self.block_len,
        );
        let slots = (self.transmit_slots, SLOT);
        let transmitter = TransmitRing::new(map, Arc::clone(&socket), port, received, slots)?;
        Ok((socket, receiver, transmitter))
    }

    fn give_rings(&self, socket: &PacketSocket) -> io::Result<()> {
        let version = tpacket_versions::TPACKET_V3 as c_int;
        socket.set(libc::PACKET_VERSION, &version)?;
        socket.set(libc::PACKET_RESERVE, &RESERVE)?;
        transmit_ring::have_frames_copied(socket)?;
        let receive = tpacket_req3 {
            tp_block_size: self.block_len,
            tp_block_nr: self.blocks,
            // The kernel packs frames of any length; these two only have to agree with the blocks.
            tp_frame_size: 2048,
            tp_frame_nr: self.block_len / 2048 * self.blocks,
            tp_retire_blk_tov: self.retire.as_millis() as u32,
            tp_sizeof_priv: 0,
            tp_feature_req_word: 0,
        };
        let ring =
            |what, bytes, error| doing(&format!("make a {what} ring of {bytes} bytes"), error);
        socket
            .set(libc::PACKET_RX_RING, &receive)
            .map_err(|error| ring("receive", self.receive_bytes(), error))?;
        let transmit = tpacket_req3 {
            tp_block_size: TRANSMIT_BLOCK,
            tp_block_nr: (self.transmit_bytes() / TRANSMIT_BLOCK as usize) as u32,
            tp_frame_size: SLOT,
            tp_frame_nr: self.transmit_slots,
            // The kernel takes no others with a transmit ring.
            tp_retire_blk_tov: 0,
            tp_sizeof_priv: 0,
            tp_feature_req_word: 0,
        };
        socket
            .set(libc::PACKET_TX_RING, &transmit)
            .map_err(|error| ring("transmit", self.transmit_bytes(), error))
    }

    /// Joins the device's group, or begins one; returns its number.
    fn join(&self, socket: &PacketSocket, group: Option<u32>) -> io::Result<u32> {
        // The group has a hook of its own, to which the members' option does not apply.
        let mode = self.fanout.number() | libc::PACKET_FANOUT_FLAG_IGNORE_OUTGOING;
        let (number, flags) = match group {
            Some(number) => (number, 0),
            None => (0, libc::PACKET_FANOUT_FLAG_UNIQUEID),
        };
        let wanted = number | (mode | flags) << 16;
        socket
            .set(libc::PACKET_FANOUT, &wanted)
            .map_err(|error| doing("join a fanout group", error))?;
        Ok(socket.get(libc::PACKET_FANOUT)? & 0xffff)
    }
}
