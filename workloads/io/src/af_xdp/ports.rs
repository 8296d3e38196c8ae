//! One queue of each of several devices, driven by one thread: the channel of a slice (NetSlices, section 3).
//!
//! Slice i owns queue i of every device, so it forwards between them alone: its sockets share no ring, no lock and
//! no counter with another slice. Within it the sockets share one UMEM, and a frame that came by one port
//! leaves by another in the chunk that it came in. What the kernel demands for that (net/xdp/xsk.c, Linux 5.10 and
//! later): FILL and COMPLETION rings for each (device, queue), and XDP_SHARED_UMEM alone among the flags of all
//! binds but the first, whose mode all others inherit. An outgoing frame cannot end on another slice's queue,
//! for AF_XDP transmits on the queue that its socket is bound to.

use std::io;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::sync::Arc;

use super::kernel_ring::{KernelRing, RxRing};
use super::outlet::Outlet;
use super::probe::XskProbe;
use super::socket::{BindMode, Obtained, Xsk};
use super::supply::Supply;
use super::umem::{HEADROOM, Umem};
use crate::IoCounters;
use crate::frame::{Port, TAILROOM};

/// Bytes of the longest link header: Ethernet with two VLAN tags.
pub(super) const LINK_HEADERS: usize =
    packet::ethernet::HEADER_LEN + 2 * packet::ethernet::VLAN_TAG_LEN;

/// Chunks posted beyond what a full RX ring holds, so that a frame that finds it full is counted as that and not as
/// one without a chunk.
const BEYOND_RING: u32 = 64;

/// A device whose queue becomes a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PortDevice {
    /// The device, in the calling thread's network namespace.
    pub ifindex: u32,
    /// Its MTU in bytes: a longer packet is not sent by it.
    pub mtu: u16,
}

/// Ports to be opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortsConfig {
    /// The devices, index = port number.
    pub devices: Vec<PortDevice>,
    /// The queue of each device that is opened: the slice's number.
    pub queue: u16,
    /// Slots of each RX ring, a power of two.
    pub rx_ring: u32,
    /// Slots of each TX ring, a power of two.
    pub tx_ring: u32,
    /// Frames that the thread may hold, received or allocated, before receiving suffers.
    pub held: u32,
    /// Most frames handed out at once by [`BatchIo::receive`](crate::BatchIo::receive).
    pub batch: usize,
    /// Bytes per chunk: 2048 or 4096.
    pub chunk: usize,
    /// Bytes that a frame of the longest packet can grow by at its end, at least [`TAILROOM`].
    pub tailroom: usize,
    /// Zero-copy where every device has it, or copy.
    pub bind: BindMode,
    /// Whether the devices' programs note next links in front of frames ([`FrameIo::next_link`](crate::FrameIo::next_link)).
    /// Then nobody may put bytes of a sender's choice there: they could be taken for a note.
    pub next_links: bool,
}

impl PortsConfig {
    /// Ports with the default sizes: rings of 2048 slots, 1024 frames held, batches of 64, 64 bytes of tailroom, the smallest
    /// chunks that the devices' MTU allows, and no next links.
    #[must_use]
    pub fn new(devices: Vec<PortDevice>, queue: u16) -> Self {
        let mut config = Self {
            devices,
            queue,
            rx_ring: 2048,
            tx_ring: 2048,
            held: 1024,
            batch: 64,
            chunk: 2048,
            tailroom: 64,
            bind: BindMode::Best,
            next_links: false,
        };
        if config.chunk_needed() > config.chunk {
            config.chunk = 4096;
        }
        config
    }

    /// Bytes of a chunk that the longest packet of any device needs.
    fn chunk_needed(&self) -> usize {
        let longest = self
            .devices
            .iter()
            .map(|device| usize::from(device.mtu))
            .max();
        HEADROOM + LINK_HEADERS + longest.unwrap_or_default() + self.tailroom
    }

    fn check(&self) -> io::Result<()> {
        let wrong = |what: String| Err(io::Error::new(io::ErrorKind::InvalidInput, what));
        if self.devices.is_empty() {
            return wrong("a slice needs at least one port".to_owned());
        }
        if self.chunk != 2048 && self.chunk != 4096 {
            return wrong("the kernel takes chunks of 2048 or 4096 bytes".to_owned());
        }
        if !self.rx_ring.is_power_of_two() || !self.tx_ring.is_power_of_two() {
            return wrong("ring sizes are powers of two".to_owned());
        }
        if self.batch == 0 {
            return wrong("a batch holds at least one frame".to_owned());
        }
        if self.tailroom < TAILROOM {
            return wrong(format!(
                "{} bytes of tailroom, where {TAILROOM} are promised to every packet processor",
                self.tailroom
            ));
        }
        let needed = self.chunk_needed();
        if needed > self.chunk {
            return wrong(format!(
                "the longest packet needs {needed} bytes of a chunk with its headroom and tailroom, which has {}: use \
                 larger chunks (4096 bytes at most), less tailroom or a smaller MTU",
                self.chunk
            ));
        }
        Ok(())
    }

    /// Chunks that each port is to have posted.
    fn posted(&self) -> u32 {
        self.rx_ring + BEYOND_RING.min(self.rx_ring)
    }

    /// Chunks of the slice. What is queued or on its way out comes on top of what each port receives into: twice the TX
    /// ring, for a sent frame is back only when the device or the far end is done with it.
    fn chunks(&self) -> u32 {
        self.devices.len() as u32 * (self.posted() + 2 * self.tx_ring) + self.held
    }

    /// Bytes of packet memory that the slice takes.
    #[must_use]
    pub fn packet_bytes(&self) -> u64 {
        u64::from(self.chunks()) * self.chunk as u64
    }
}

/// One port: its socket's rings and its share of the chunks.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) rx: RxRing,
    pub(super) outlet: Outlet,
    pub(super) supply: Supply<KernelRing<u64>, KernelRing<u64>>,
    /// Bytes of the longest frame that may be sent.
    pub(super) longest: u32,
}

/// Open ports: the whole-frame I/O of one thread ([`FrameIo`](crate::FrameIo)).
///
/// Nothing is received before the sockets are in the map of an XDP program on each device.
#[derive(Debug)]
pub struct Ports {
    pub(super) umem: Arc<Umem>,
    pub(super) lanes: Vec<Lane>,
    pub(super) stock: Vec<u64>,
    /// Frames in the thread's hands.
    pub(super) held: u32,
    pub(super) next: usize,
    pub(super) batch: usize,
    pub(super) next_links: bool,
    pub(super) counters: IoCounters,
    chunks: u32,
    obtained: Obtained,
}

/// Where one port's chunks are, as its rings show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PortChunks {
    /// Posted in the FILL ring.
    pub fill: u32,
    /// Received, in the RX ring.
    pub received: u32,
    /// Queued in the TX ring.
    pub transmit: u32,
    /// Sent, in the COMPLETION ring.
    pub completed: u32,
}

/// Where a slice's chunks are. Rings and lists are read one after the other, so it is exact when nothing
/// moves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChunkLedger {
    /// Chunks that the slice owns for ever.
    pub chunks: u32,
    /// In its stock.
    pub free: u32,
    /// Received or allocated, and neither sent nor released.
    pub held: u32,
    /// In the ports' rings.
    pub ports: Vec<PortChunks>,
}

impl ChunkLedger {
    /// Chunks that were found somewhere. The others are with the kernel: taken out of a FILL or TX ring, and not yet in an
    /// RX or COMPLETION ring. When nothing is on its way, there are none.
    #[must_use]
    pub fn found(&self) -> u32 {
        let in_rings =
            |port: &PortChunks| port.fill + port.received + port.transmit + port.completed;
        self.free + self.held + self.ports.iter().map(in_rings).sum::<u32>()
    }

    /// Whether every chunk was found.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.found() == self.chunks
    }
}

impl Ports {
    /// Opens the ports in the calling thread's network namespace, and touches their memory: it lies on the NUMA node that
    /// the calling thread runs on.
    ///
    /// # Errors
    /// When the sizes are impossible, or the kernel refuses a socket, ring or bind.
    pub fn open(config: &PortsConfig) -> io::Result<Self> {
        config.check()?;
        match (Self::bound(config, config.bind), config.bind) {
            // All ports have the first one's mode: zero-copy is for devices that all have it.
            (Err(_), BindMode::Best) => Self::bound(config, BindMode::Copy),
            (opened, BindMode::Best | BindMode::Copy) => opened,
        }
    }

    fn bound(config: &PortsConfig, mode: BindMode) -> io::Result<Self> {
        let chunks = config.chunks();
        let umem = Arc::new(Umem::new(chunks as usize, config.chunk)?);
        let mut obtained = Obtained::Copy;
        let mut lanes: Vec<Lane> = Vec::with_capacity(config.devices.len());
        for device in &config.devices {
            let socket = Xsk::new()?;
            socket.limit_in_flight(1)?;
            if lanes.is_empty() {
                socket.register(&umem)?;
            }
            // Room for every chunk, so that neither ring is ever full.
            let (fill, completion) = socket.umem_rings(chunks.next_power_of_two())?;
            let (rx, tx) = socket.packet_rings(config.rx_ring, config.tx_ring)?;
            let queue = u32::from(config.queue);
            match lanes.first() {
                None => obtained = socket.bind_first(device.ifindex, queue, mode, false)?,
                Some(first) => socket.bind_shared(device.ifindex, queue, first.outlet.socket())?,
            }
            lanes.push(Lane {
                rx,
                outlet: Outlet::new(socket, tx, obtained),
                supply: Supply::new(fill, completion, config.chunk, config.posted()),
                longest: u32::from(device.mtu) + LINK_HEADERS as u32,
            });
        }
        let chunk = config.chunk as u64;
        let mut ports = Self {
            umem,
            lanes,
            stock: (0..u64::from(chunks)).rev().map(|at| at * chunk).collect(),
            held: 0,
            next: 0,
            batch: config.batch,
            next_links: config.next_links,
            counters: IoCounters::default(),
            chunks,
            obtained,
        };
        ports.feed();
        Ok(ports)
    }

    /// The mode that the kernel granted, to all ports alike.
    #[must_use]
    pub const fn obtained(&self) -> Obtained {
        self.obtained
    }

    /// The socket of a port, for the map of its device's XDP program, at the slice's queue.
    ///
    /// # Panics
    /// When there is no such port.
    #[must_use]
    pub fn socket(&self, port: Port) -> BorrowedFd<'_> {
        self.lanes[usize::from(port.0)].outlet.socket().as_fd()
    }

    /// A reader of the loss counters that outlives this value; its sockets count from 0 as the ports do. It keeps the
    /// sockets open.
    #[must_use]
    pub fn probe(&self) -> XskProbe {
        let sockets = self.lanes.iter().map(|lane| lane.outlet.socket().clone());
        XskProbe::new(sockets.collect(), 1)
    }

    /// Where the chunks are.
    #[must_use]
    pub fn ledger(&mut self) -> ChunkLedger {
        let port = |lane: &mut Lane| {
            let (fill, completed) = lane.supply.in_rings();
            PortChunks {
                fill,
                received: lane.rx.waiting(),
                transmit: lane.outlet.waiting(),
                completed,
            }
        };
        ChunkLedger {
            chunks: self.chunks,
            free: self.stock.len() as u32,
            held: self.held,
            ports: self.lanes.iter_mut().map(port).collect(),
        }
    }

    /// Tops every port up with chunks to receive into.
    pub(super) fn feed(&mut self) {
        for lane in &mut self.lanes {
            let posted = lane.supply.post(&mut self.stock);
            if posted > 0 && self.obtained == Obtained::ZeroCopy && lane.supply.needs_wakeup() {
                lane.outlet.socket().kick_receive();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(mtu: u16) -> PortsConfig {
        let device = |ifindex| PortDevice { ifindex, mtu };
        PortsConfig::new(vec![device(1), device(2)], 0)
    }

    #[test]
    fn sizes_that_cannot_work_are_refused_with_the_remedy() {
        let refused = |change: fn(&mut PortsConfig)| {
            let mut changed = config(1500);
            change(&mut changed);
            changed.check().unwrap_err().to_string()
        };
        assert!(config(1500).check().is_ok());
        assert!(refused(|config| config.devices.clear()).contains("at least one port"));
        assert!(refused(|config| config.chunk = 1024).contains("2048 or 4096"));
        assert!(refused(|config| config.rx_ring = 1000).contains("powers of two"));
        assert!(refused(|config| config.batch = 0).contains("at least one frame"));
        assert!(refused(|config| config.tailroom = TAILROOM - 1).contains("48 are promised"));
        let long = refused(|config| config.tailroom = 400);
        assert!(
            long.contains("needs 2178 bytes") && long.contains("less tailroom"),
            "{long}"
        );
    }

    #[test]
    fn chunks_are_as_large_as_the_mtu_needs() {
        assert_eq!(config(1706).chunk, 2048);
        assert_eq!(config(1707).chunk, 4096);
        assert!(config(9000).check().is_err());
    }

    #[test]
    fn every_port_can_be_fed_while_all_tx_rings_are_full_and_all_that_may_be_is_held() {
        let config = config(1500);
        let out = 2 * config.tx_ring * 2 + config.held;
        assert!(config.chunks() - out >= 2 * config.posted());
    }
}
