//! The Q x K mesh of sockets through which XDP steers packets to owners.
//!
//! Socket (q, o) receives what the program redirected to owner o out of receive queue q, and
//! sends what owner o answers to frames of queue q. A frame that was handed to another owner
//! is answered through that owner's socket of the *same* queue, so the queue's COMPLETION ring
//! is always the way back to the queue's FILL ring, and no frame ever changes queue.

use std::io;
use std::ops::RangeInclusive;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

use super::feeder::{Feeder, QueueSize};
use super::kernel_ring::KernelRing;
use super::lane::Lane;
use super::mesh_io::MeshIo;
use super::probe::XskProbe;
use super::socket::{BindMode, Obtained, Xsk};
use super::umem::{HEADROOM, Umem};
use super::wire::MOST_HEADERS;

/// One queue's FILL and COMPLETION in the kernel's memory.
pub type QueueFeeder = Feeder<KernelRing<u64>, KernelRing<u64>>;

/// A mesh to be opened on one device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MeshConfig {
    /// The device, in the calling thread's network namespace.
    pub ifindex: u32,
    /// Receive queues of the device.
    pub queues: u16,
    /// Owner threads.
    pub owners: u16,
    /// Slots of each RX ring, a power of two.
    pub rx_ring: u32,
    /// Slots of each TX ring, a power of two.
    pub tx_ring: u32,
    /// Frames that one owner may hold received but not answered, per queue: its batch and what
    /// waits for it in other owners' inboxes.
    pub held_per_owner: u32,
    /// Requests that must find room while no owner receives, whatever their spread.
    pub backlog: u32,
    /// Bytes per frame: 2048, or 4096 for an MTU above 1702.
    pub chunk: usize,
    /// The device's MTU, which bounds replies.
    pub mtu: u16,
    /// UDP destination ports that are served.
    pub ports: RangeInclusive<u16>,
    /// Zero-copy where possible, or copy.
    pub bind: BindMode,
    /// Look for notes of keys in front of received frames.
    pub notes: bool,
    /// Take packets that are longer than a chunk in several; else they are dropped and counted.
    pub multi_buffer: bool,
}

impl MeshConfig {
    /// A mesh with the default sizes: rings of 2048, MTU 1500.
    #[must_use]
    pub const fn new(ifindex: u32, queues: u16, owners: u16, ports: RangeInclusive<u16>) -> Self {
        Self {
            ifindex,
            queues,
            owners,
            rx_ring: 2048,
            tx_ring: 2048,
            held_per_owner: 2048,
            backlog: 0,
            chunk: 2048,
            mtu: 1500,
            ports,
            bind: BindMode::Best,
            notes: false,
            multi_buffer: false,
        }
    }

    fn check(&self) -> io::Result<()> {
        let wrong = |what: &str| Err(io::Error::new(io::ErrorKind::InvalidInput, what));
        if self.chunk != 2048 && self.chunk != 4096 {
            return wrong("the kernel takes chunks of 2048 or 4096 bytes");
        }
        if self.queues == 0 || self.owners == 0 {
            return wrong("a mesh needs at least one queue and one owner");
        }
        if !self.rx_ring.is_power_of_two() || !self.tx_ring.is_power_of_two() {
            return wrong("ring sizes are powers of two");
        }
        if HEADROOM + MOST_HEADERS + usize::from(self.mtu) > self.chunk {
            return wrong("the chunk is too small for the MTU");
        }
        Ok(())
    }

    fn size(&self) -> QueueSize {
        QueueSize::new(
            u32::from(self.owners),
            self.rx_ring,
            self.tx_ring,
            self.held_per_owner,
            self.backlog,
        )
    }

    /// Slots of each RX ring: all of the backlog may be for one owner.
    fn rx_slots(&self) -> u32 {
        self.rx_ring.max(self.backlog.next_power_of_two())
    }

    /// Bytes of packet memory that the mesh takes.
    #[must_use]
    pub fn packet_bytes(&self) -> u64 {
        u64::from(self.size().frames) * u64::from(self.queues) * self.chunk as u64
    }
}

/// An open mesh: its sockets, to be registered in the XSKMAP, and one I/O per owner.
#[derive(Debug)]
pub struct Mesh {
    obtained: Obtained,
    owners: u16,
    size: QueueSize,
    sockets: Vec<Xsk>,
    feeders: Vec<Arc<QueueFeeder>>,
    ios: Vec<MeshIo>,
}

impl Mesh {
    /// Opens all sockets of the mesh in the calling thread's network namespace.
    ///
    /// # Errors
    /// When the sizes are impossible, or the kernel refuses a socket, ring or bind.
    pub fn open(config: &MeshConfig) -> io::Result<Self> {
        config.check()?;
        let size = config.size();
        let frames = size.frames as usize * usize::from(config.queues);
        let umem = Arc::new(Umem::new(frames, config.chunk)?);
        let mut lanes: Vec<Vec<Lane>> = (0..config.owners).map(|_| Vec::new()).collect();
        let mut sockets: Vec<Xsk> = Vec::new();
        let mut feeders = Vec::new();
        let mut obtained = Obtained::Copy;
        for queue in 0..u32::from(config.queues) {
            let first = Xsk::new()?;
            first.limit_in_flight(config.owners)?;
            if queue == 0 {
                first.register(&umem)?;
            }
            let (fill, completion) = first.umem_rings(size.ring)?;
            let rings = first.packet_rings(config.rx_slots(), config.tx_ring)?;
            match sockets.first() {
                None => {
                    let (index, several) = (config.ifindex, config.multi_buffer);
                    obtained = first.bind_first(index, queue, config.bind, several)?;
                }
                Some(registered) => first.bind_shared(config.ifindex, queue, registered)?,
            }
            let feeder = Arc::new(Feeder::new(fill, completion, &umem, queue, size));
            let home = queue % u32::from(config.owners);
            let lane = |owner: u16, socket: &Xsk, rings| {
                let at_home = u32::from(owner) == home;
                Lane::new(
                    socket.clone(),
                    rings,
                    Arc::clone(&feeder),
                    obtained,
                    at_home,
                )
            };
            lanes[0].push(lane(0, &first, rings));
            sockets.push(first.clone());
            for owner in 1..config.owners {
                let sibling = Xsk::new()?;
                sibling.limit_in_flight(config.owners)?;
                let rings = sibling.packet_rings(config.rx_slots(), config.tx_ring)?;
                sibling.bind_shared(config.ifindex, queue, &first)?;
                lanes[usize::from(owner)].push(lane(owner, &sibling, rings));
                sockets.push(sibling);
            }
            feeders.push(feeder);
        }
        let ios = lanes
            .into_iter()
            .map(|lanes| MeshIo::new(&umem, lanes, config))
            .collect();
        Ok(Self {
            obtained,
            size,
            owners: config.owners,
            sockets,
            feeders,
            ios,
        })
    }

    /// The mode that the kernel granted.
    #[must_use]
    pub const fn obtained(&self) -> Obtained {
        self.obtained
    }

    /// The socket of (queue, owner), for the XSKMAP's entry `queue * owners + owner`.
    #[must_use]
    pub fn socket(&self, queue: u16, owner: u16) -> BorrowedFd<'_> {
        self.sockets[usize::from(queue) * usize::from(self.owners) + usize::from(owner)].as_fd()
    }

    /// Every (queue, owner) with its socket.
    pub fn sockets(&self) -> impl Iterator<Item = (u16, u16, BorrowedFd<'_>)> {
        self.sockets.iter().enumerate().map(|(index, socket)| {
            let owners = usize::from(self.owners);
            (
                (index / owners) as u16,
                (index % owners) as u16,
                socket.as_fd(),
            )
        })
    }

    /// Hands out the owners' I/O, index = owner. Empty the second time.
    pub fn take_ios(&mut self) -> Vec<MeshIo> {
        std::mem::take(&mut self.ios)
    }

    /// A reader of the loss counters that outlives this value. It keeps the sockets open.
    #[must_use]
    pub fn probe(&self) -> XskProbe {
        XskProbe::new(self.sockets.clone(), usize::from(self.owners))
    }

    /// Frames of each queue that are at rest: posted and not yet taken by the kernel, in
    /// reserve, or sent and complete. When every owner has settled and holds no frame, and
    /// nothing is on its way, this is [`frames_per_queue`](Self::frames_per_queue).
    #[must_use]
    pub fn frames_at_rest(&self) -> Vec<u32> {
        let at_rest = |feeder: &Arc<QueueFeeder>| {
            let mut feed = feeder.lock();
            feed.recycle(&mut Vec::new());
            feed.posted() + feed.reserved() as u32
        };
        self.feeders.iter().map(at_rest).collect()
    }

    /// Frames that each queue owns for ever.
    #[must_use]
    pub const fn frames_per_queue(&self) -> u32 {
        self.size.frames
    }
}
