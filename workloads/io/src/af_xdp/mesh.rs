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
use super::lane::Lane;
use super::socket::{BindMode, KernelRing, Obtained, Xsk};
use super::umem::{HEADROOM, Umem};
use super::wire::{self, Headers, Layout, MOST_HEADERS};
use crate::drops::{Drop, Drops};
use crate::{DatagramIo, IoCounters, Origin};

/// One queue's FILL and COMPLETION in the kernel's memory.
pub type QueueFeeder = Feeder<KernelRing<u64>, KernelRing<u64>>;

/// Datagrams taken from one RX ring per call: enough to pay for the system calls of a flush,
/// few enough that the other queues do not wait long.
const BATCH: usize = 32;

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
    /// Bytes per frame: 2048, or 4096 for an MTU above 1702.
    pub chunk: usize,
    /// The device's MTU, which bounds replies.
    pub mtu: u16,
    /// UDP destination ports that are served.
    pub ports: RangeInclusive<u16>,
    /// Zero-copy where possible, or copy.
    pub bind: BindMode,
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
            chunk: 2048,
            mtu: 1500,
            ports,
            bind: BindMode::Best,
        }
    }

    fn check(&self) -> io::Result<()> {
        let wrong = |what: &str| Err(io::Error::new(io::ErrorKind::InvalidInput, what));
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
        )
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
            let rings = first.packet_rings(config.rx_ring, config.tx_ring)?;
            match sockets.first() {
                None => obtained = first.bind_first(config.ifindex, queue, config.bind)?,
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
                let rings = sibling.packet_rings(config.rx_ring, config.tx_ring)?;
                sibling.bind_shared(config.ifindex, queue, &first)?;
                lanes[usize::from(owner)].push(lane(owner, &sibling, rings));
                sockets.push(sibling);
            }
            feeders.push(feeder);
        }
        let ios = lanes
            .into_iter()
            .map(|lanes| MeshIo {
                umem: Arc::clone(&umem),
                lanes,
                next: 0,
                ports: config.ports.clone(),
                mtu: usize::from(config.mtu),
                counters: IoCounters::default(),
            })
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
        XskProbe {
            sockets: self.sockets.clone(),
            per_queue: usize::from(self.owners),
        }
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

/// Reads the kernel's statistics of a set of sockets from any thread.
#[derive(Debug, Clone)]
pub struct XskProbe {
    sockets: Vec<Xsk>,
    per_queue: usize,
}

impl XskProbe {
    pub(crate) const fn new(sockets: Vec<Xsk>, per_queue: usize) -> Self {
        Self { sockets, per_queue }
    }

    /// What all sockets lost so far.
    ///
    /// # Errors
    /// When the statistics cannot be read.
    pub fn drops(&self) -> io::Result<Drops> {
        let mut drops = Drops::default();
        for index in 0..self.sockets.len() {
            drops.merge(&self.socket_drops(index)?);
        }
        Ok(drops)
    }

    /// What socket number `index` (`queue * owners + owner`) lost so far. The queue's shared
    /// counters appear with its first socket.
    ///
    /// # Errors
    /// When the statistics cannot be read.
    pub fn socket_drops(&self, index: usize) -> io::Result<Drops> {
        let statistics = self.sockets[index].statistics()?;
        let mut drops = Drops::default();
        drops.add(Drop::XskNoFrame, statistics.rx_dropped);
        drops.add(Drop::XskRxRingFull, statistics.rx_ring_full);
        drops.related.tx_invalid = statistics.tx_invalid_descs;
        if index.is_multiple_of(self.per_queue) {
            drops.related.fill_ring_empty = statistics.rx_fill_ring_empty_descs;
            drops.related.rx_invalid = statistics.rx_invalid_descs;
        }
        Ok(drops)
    }
}

/// A received frame, as a token: it can be sent to another owner of the same mesh.
///
/// It must come back through [`DatagramIo::reply`] or [`DatagramIo::release`]: a token that is
/// merely dropped takes its frame out of circulation.
#[derive(Debug)]
#[must_use = "a frame that is neither answered nor released is lost to its queue"]
pub struct MeshFrame {
    addr: u64,
    umem: u32,
    queue: u16,
    len: u16,
    layout: Layout,
}

/// One owner's end of the mesh.
#[derive(Debug)]
pub struct MeshIo {
    umem: Arc<Umem>,
    lanes: Vec<Lane>,
    next: usize,
    ports: RangeInclusive<u16>,
    mtu: usize,
    counters: IoCounters,
}

impl MeshIo {
    fn receive_from(&mut self, queue: usize, out: &mut Vec<MeshFrame>) -> usize {
        let lane = &mut self.lanes[queue];
        let mut received = 0;
        lane.receive(BATCH, |lane, addr, len| {
            let bytes = frame_bytes(&self.umem, addr, len);
            match wire::parse(bytes) {
                Ok(layout) if self.ports.contains(&layout.destination_port) => {
                    out.push(MeshFrame {
                        addr,
                        umem: self.umem.id(),
                        queue: queue as u16,
                        len: len as u16,
                        layout,
                    });
                    received += 1;
                }
                Ok(_) | Err(_) => {
                    self.counters.foreign += 1;
                    lane.give_back(addr);
                }
            }
        });
        received
    }

    /// Room for a payload: up to the MTU, and never beyond the chunk, which the configuration's
    /// check makes large enough.
    fn room_len(&self, layout: &Layout) -> usize {
        layout.protocol.payload_limit(self.mtu)
    }

    fn check(&self, frame: &MeshFrame) {
        assert_eq!(
            frame.umem,
            self.umem.id(),
            "the frame belongs to another mesh"
        );
    }
}

impl DatagramIo for MeshIo {
    type Frame = MeshFrame;

    fn receive(&mut self, out: &mut Vec<MeshFrame>) -> io::Result<usize> {
        let mut received = 0;
        for turn in 0..self.lanes.len() {
            let queue = (self.next + turn) % self.lanes.len();
            received += self.receive_from(queue, out);
        }
        self.next = (self.next + 1) % self.lanes.len();
        self.counters.received += received as u64;
        Ok(received)
    }

    fn origin(&self, frame: &MeshFrame) -> Origin {
        Origin {
            queue: Some(frame.queue),
            port: frame.layout.destination_port,
        }
    }

    fn payload<'a>(&'a self, frame: &'a MeshFrame) -> &'a [u8] {
        self.check(frame);
        let bytes = frame_bytes(&self.umem, frame.addr, u32::from(frame.len));
        let at = usize::from(frame.layout.payload_at);
        &bytes[at..at + usize::from(frame.layout.payload_len)]
    }

    fn room<'a>(&'a mut self, frame: &'a mut MeshFrame) -> &'a mut [u8] {
        self.check(frame);
        let at = frame.addr + u64::from(frame.layout.payload_at);
        frame_bytes_mut(&self.umem, at, self.room_len(&frame.layout))
    }

    fn send_copy(&mut self, frame: &MeshFrame, payload: &[u8]) -> bool {
        self.check(frame);
        assert!(
            payload.len() <= self.room_len(&frame.layout),
            "longer than the MTU allows"
        );
        let lane = &mut self.lanes[usize::from(frame.queue)];
        let Some(addr) = lane.free_frame() else {
            self.counters.no_frame += 1;
            return false;
        };
        let request = frame_bytes(&self.umem, frame.addr, u32::from(frame.len));
        let headers = Headers::answering(request, &frame.layout);
        let len = headers.len() + payload.len();
        let bytes = frame_bytes_mut(&self.umem, addr, len);
        bytes[headers.len()..].copy_from_slice(payload);
        headers.write(bytes);
        let sent = lane.transmit(addr, len as u32);
        count_transmit(&mut self.counters, sent);
        sent
    }

    fn reply(&mut self, frame: MeshFrame, len: usize) {
        self.check(&frame);
        assert!(len <= self.room_len(&frame.layout), "longer than the room");
        let request = frame_bytes(&self.umem, frame.addr, u32::from(frame.len));
        let headers = Headers::answering(request, &frame.layout);
        let start = usize::from(frame.layout.payload_at) - headers.len();
        let addr = frame.addr + start as u64;
        let total = headers.len() + len;
        headers.write(frame_bytes_mut(&self.umem, addr, total));
        let sent = self.lanes[usize::from(frame.queue)].transmit(addr, total as u32);
        count_transmit(&mut self.counters, sent);
    }

    fn release(&mut self, frame: MeshFrame) {
        self.check(&frame);
        self.lanes[usize::from(frame.queue)].give_back(frame.addr);
    }

    fn flush(&mut self) -> io::Result<()> {
        for lane in &mut self.lanes {
            self.counters.frame_returns += lane.flush()?;
        }
        Ok(())
    }

    fn settle(&mut self) -> io::Result<bool> {
        let mut settled = true;
        for lane in &mut self.lanes {
            let (done, returned) = lane.settle()?;
            settled &= done;
            self.counters.frame_returns += returned;
        }
        Ok(settled)
    }

    fn woken_by_packet(&mut self) {
        self.counters.wakeups_kernel += 1;
    }

    fn readable(&self) -> Vec<std::os::fd::RawFd> {
        self.lanes.iter().map(Lane::raw).collect()
    }

    fn counters(&self) -> IoCounters {
        self.counters.clone()
    }
}

fn count_transmit(counters: &mut IoCounters, sent: bool) {
    if sent {
        counters.transmitted += 1;
    } else {
        counters.transmit_refused += 1;
    }
}

/// The bytes of a frame that the caller has taken out of a ring.
#[expect(unsafe_code, reason = "a token owns its chunk")]
fn frame_bytes(umem: &Umem, addr: u64, len: u32) -> &[u8] {
    // SAFETY: a token or descriptor is unique and owns its chunk until it is given back; the
    // slice is used before that.
    unsafe { umem.slice(addr, len as usize) }
}

/// The bytes of a frame that the caller alone holds.
#[expect(unsafe_code, reason = "a token owns its chunk")]
#[expect(
    clippy::mut_from_ref,
    reason = "ownership is per chunk, not per memory"
)]
fn frame_bytes_mut(umem: &Umem, addr: u64, len: usize) -> &mut [u8] {
    // SAFETY: as for `frame_bytes`; the callers hold no other slice of this chunk.
    unsafe { umem.slice_mut(addr, len) }
}
