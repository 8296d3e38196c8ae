//! The generator's side of AF_XDP: one socket per queue, requests built from scratch.
//!
//! The sender chooses the queue: AF_XDP transmits on exactly the queue that a socket is bound
//! to, and on veth the receiver's queue is the sender's. So the client emulates RSS or Flow
//! Director by picking the [`ClientQueue`] for each request.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;
use std::os::fd::{AsFd, BorrowedFd, RawFd};
use std::sync::Arc;

use libc::xdp_desc;
use packet::Addresses;

use crate::af_xdp::XskProbe;
use crate::af_xdp::kernel_ring::{CompletionRing, FillRing, RxRing, TxRing};
use crate::af_xdp::socket::{BindMode, Obtained, Xsk};
use crate::af_xdp::umem::{HEADROOM, Umem};
use crate::af_xdp::wire::{self, Headers, MOST_HEADERS, Tags};
pub use crate::af_xdp::wire::{Protocol, TTL};

/// Frames posted beyond what a full RX ring holds, at most.
const BEYOND_RING: u32 = 4096;

/// One end of the link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Station {
    /// MAC address.
    pub mac: [u8; 6],
    /// IPv4 address.
    pub v4: Ipv4Addr,
    /// IPv6 address.
    pub v6: Ipv6Addr,
}

/// A client to be opened on one device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientConfig {
    /// The device, in the calling thread's network namespace.
    pub ifindex: u32,
    /// Queues to open, from 0.
    pub queues: u16,
    /// Slots of each RX ring, a power of two.
    pub rx_ring: u32,
    /// Slots of each TX ring, a power of two.
    pub tx_ring: u32,
    /// Bytes per frame: 2048, or 4096 for an MTU above 1702.
    pub chunk: usize,
    /// The device's MTU, which bounds requests.
    pub mtu: u16,
    /// This end.
    pub client: Station,
    /// The server's end.
    pub server: Station,
    /// UDP source ports that replies come from.
    pub server_ports: RangeInclusive<u16>,
    /// Zero-copy where possible, or copy.
    pub bind: BindMode,
}

impl ClientConfig {
    /// A client with the default sizes: RX rings of 4096, TX rings of 2048, MTU 1500.
    #[must_use]
    pub const fn new(
        ifindex: u32,
        queues: u16,
        client: Station,
        server: Station,
        server_ports: RangeInclusive<u16>,
    ) -> Self {
        Self {
            ifindex,
            queues,
            rx_ring: 4096,
            tx_ring: 2048,
            chunk: 2048,
            mtu: 1500,
            client,
            server,
            server_ports,
            bind: BindMode::Best,
        }
    }
}

/// Where a request goes and where its reply comes back to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flow {
    /// The network protocol.
    pub protocol: Protocol,
    /// UDP source port: the flow.
    pub source_port: u16,
    /// UDP destination port at the server.
    pub server_port: u16,
}

/// A received reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reply<'a> {
    /// Receive queue.
    pub queue: u16,
    /// UDP source port: the server's.
    pub server_port: u16,
    /// UDP destination port: the flow that asked.
    pub flow_port: u16,
    /// UDP payload.
    pub payload: &'a [u8],
}

/// What one queue of a client has seen.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct ClientCounters {
    /// Requests that the TX ring accepted.
    pub accepted: u64,
    /// Replies handed to the caller.
    pub received: u64,
    /// Frames that reached the socket and were no UDP datagram from the server's ports.
    pub foreign: u64,
}

/// One socket per queue; one thread may drive all, or each queue goes to a thread of its own.
#[derive(Debug)]
pub struct ClientPort {
    /// The queues, index = queue number.
    pub queues: Vec<ClientQueue>,
    obtained: Obtained,
}

impl ClientPort {
    /// Opens the client in the calling thread's network namespace.
    ///
    /// # Errors
    /// When the sizes are impossible, or the kernel refuses a socket, ring or bind.
    pub fn open(config: &ClientConfig) -> io::Result<Self> {
        if HEADROOM + MOST_HEADERS + usize::from(config.mtu) > config.chunk {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "the chunk is too small for the MTU",
            ));
        }
        let mut obtained = Obtained::Copy;
        let mut queues = Vec::new();
        for queue in 0..config.queues {
            let (opened, mode) = ClientQueue::open(config, queue)?;
            obtained = mode;
            queues.push(opened);
        }
        Ok(Self { queues, obtained })
    }

    /// The mode that the kernel granted.
    #[must_use]
    pub const fn obtained(&self) -> Obtained {
        self.obtained
    }

    /// The socket of a queue, for the receiving program's XSKMAP.
    #[must_use]
    pub fn socket(&self, queue: u16) -> BorrowedFd<'_> {
        self.queues[usize::from(queue)].socket.as_fd()
    }

    /// Descriptors whose readability means that replies arrived.
    #[must_use]
    pub fn readable(&self) -> Vec<RawFd> {
        self.queues.iter().map(ClientQueue::raw).collect()
    }

    /// A reader of the loss counters that outlives this value. It keeps the sockets open.
    #[must_use]
    pub fn probe(&self) -> XskProbe {
        XskProbe::new(
            self.queues
                .iter()
                .map(|queue| queue.socket.clone())
                .collect(),
            1,
        )
    }
}

/// One queue: its socket, its own UMEM, frames to send with and frames to receive into.
#[derive(Debug)]
pub struct ClientQueue {
    queue: u16,
    rx: RxRing,
    tx: TxRing,
    fill: FillRing,
    completion: CompletionRing,
    free: Vec<u64>,
    send_frames: usize,
    umem: Arc<Umem>,
    client: Station,
    server: Station,
    server_ports: RangeInclusive<u16>,
    mtu: usize,
    counters: ClientCounters,
    socket: Xsk,
}

impl ClientQueue {
    fn open(config: &ClientConfig, queue: u16) -> io::Result<(Self, Obtained)> {
        // Frames to receive into: some beyond the RX ring, so that the kernel finds a posted frame
        // while the ring is full. Frames to send with: twice the TX ring, since
        // a sent frame returns only when the far end has consumed it.
        let receive = config.rx_ring + config.rx_ring.min(BEYOND_RING);
        let send = 2 * config.tx_ring;
        let ring = (receive + send).next_power_of_two();
        let umem = Arc::new(Umem::new((receive + send) as usize, config.chunk)?);
        let socket = Xsk::new()?;
        socket.limit_in_flight(1)?;
        socket.register(&umem)?;
        let (mut fill, completion) = socket.umem_rings(ring)?;
        let (rx, tx) = socket.packet_rings(config.rx_ring, config.tx_ring)?;
        let obtained = socket.bind_first(config.ifindex, u32::from(queue), config.bind, false)?;
        let chunk = config.chunk as u64;
        for frame in 0..u64::from(receive) {
            assert!(fill.push(frame * chunk), "the FILL ring holds every frame");
        }
        fill.publish();
        let free = (u64::from(receive)..u64::from(receive + send))
            .map(|f| f * chunk)
            .collect();
        let opened = Self {
            queue,
            rx,
            tx,
            fill,
            completion,
            free,
            send_frames: send as usize,
            umem,
            client: config.client,
            server: config.server,
            server_ports: config.server_ports.clone(),
            mtu: usize::from(config.mtu),
            counters: ClientCounters::default(),
            socket,
        };
        Ok((opened, obtained))
    }

    /// The descriptor's number, for polling.
    #[must_use]
    pub fn raw(&self) -> RawFd {
        self.socket.raw()
    }

    /// What this queue has seen.
    #[must_use]
    pub const fn counters(&self) -> ClientCounters {
        self.counters
    }

    /// Puts a request into the TX ring, to be sent by [`send`](Self::send); false when the
    /// ring is full or no frame is free, and nothing was accepted.
    ///
    /// # Panics
    /// When the payload does not fit the MTU.
    #[must_use]
    pub fn push(&mut self, flow: Flow, payload: &[u8]) -> bool {
        self.push_with(flow, payload.len(), |room| room.copy_from_slice(payload))
    }

    /// As [`push`](Self::push), with the payload of `len` bytes written in place by `write`,
    /// which is not called when nothing can be accepted.
    ///
    /// # Panics
    /// When the payload does not fit the MTU.
    #[must_use]
    pub fn push_with(&mut self, flow: Flow, len: usize, write: impl FnOnce(&mut [u8])) -> bool {
        if self.tx.free(1) == 0 {
            return false;
        }
        if self.free.is_empty() {
            self.reclaim();
        }
        let Some(addr) = self.free.pop() else {
            return false;
        };
        let headers = headers(self.client, self.server, flow);
        let total = headers.len() + len;
        assert!(
            len <= flow.protocol.payload_limit(self.mtu),
            "the request does not fit the MTU"
        );
        let frame = frame_mut(&self.umem, addr, total);
        write(&mut frame[headers.len()..]);
        headers.write(frame);
        let accepted = self.tx.push(xdp_desc {
            addr,
            len: total as u32,
            options: 0,
        });
        assert!(accepted, "a slot was free");
        self.counters.accepted += 1;
        true
    }

    /// Sends what was pushed; returns how many requests still wait in the TX ring, because the
    /// device's queue or the send buffer is full. Call it again for them: copy mode moves
    /// nothing without the kick.
    ///
    /// # Errors
    /// When the device is gone or down.
    pub fn send(&mut self) -> io::Result<u32> {
        self.tx.publish();
        let mut left = self.tx.outstanding();
        while left > 0 {
            self.socket.kick()?;
            let now = self.tx.outstanding();
            if now == left {
                break;
            }
            left = now;
        }
        self.reclaim();
        Ok(left)
    }

    /// Hands at most `batch` replies to `take`; returns how many.
    pub fn receive(&mut self, batch: usize, mut take: impl FnMut(Reply<'_>)) -> usize {
        let mut seen = 0;
        let mut replies = 0;
        while seen < batch
            && let Some(descriptor) = self.rx.pop()
        {
            seen += 1;
            let bytes = frame(&self.umem, descriptor.addr, descriptor.len as usize);
            match wire::parse(bytes) {
                Ok(layout) if self.server_ports.contains(&layout.source_port) => {
                    let at = usize::from(layout.payload_at);
                    take(Reply {
                        queue: self.queue,
                        server_port: layout.source_port,
                        flow_port: layout.destination_port,
                        payload: &bytes[at..at + usize::from(layout.payload_len)],
                    });
                    replies += 1;
                }
                Ok(_) | Err(_) => self.counters.foreign += 1,
            }
            let posted = self.fill.push(self.umem.chunk_of(descriptor.addr));
            assert!(posted, "the FILL ring holds every frame");
        }
        if seen > 0 {
            self.rx.release();
            self.fill.publish();
            if self.fill.needs_wakeup() {
                self.socket.kick_receive();
            }
        }
        self.counters.received += replies as u64;
        replies
    }

    /// Requests accepted whose frames the far end has not yet consumed (copy mode on veth) or
    /// the device not yet sent. 0 says that nothing of this queue is on its way to the far end.
    #[must_use]
    pub fn in_flight(&mut self) -> usize {
        self.reclaim();
        self.send_frames - self.free.len()
    }

    fn reclaim(&mut self) {
        while let Some(addr) = self.completion.pop() {
            self.free.push(self.umem.chunk_of(addr));
        }
        self.completion.release();
    }
}

/// A request as a whole frame, as [`ClientQueue::push`] would send it.
///
/// # Panics
/// When the payload is longer than a datagram may be.
#[must_use]
pub fn request_frame(client: Station, server: Station, flow: Flow, payload: &[u8]) -> Vec<u8> {
    let headers = headers(client, server, flow);
    let mut frame = vec![0; headers.len()];
    frame.extend_from_slice(payload);
    headers.write(&mut frame);
    frame
}

fn headers(client: Station, server: Station, flow: Flow) -> Headers {
    let addresses = match flow.protocol {
        Protocol::V4 => Addresses::V4(client.v4.octets(), server.v4.octets()),
        Protocol::V6 => Addresses::V6(client.v6.octets(), server.v6.octets()),
    };
    Headers {
        destination_mac: server.mac,
        source_mac: client.mac,
        tags: Tags::NONE,
        addresses,
        source_port: flow.source_port,
        destination_port: flow.server_port,
    }
}

#[expect(unsafe_code, reason = "a descriptor owns its chunk")]
fn frame(umem: &Umem, addr: u64, len: usize) -> &[u8] {
    // SAFETY: the descriptor was taken out of the RX ring and is not yet posted again.
    unsafe { umem.slice(addr, len) }
}

#[expect(unsafe_code, reason = "a free frame belongs to its queue")]
#[expect(
    clippy::mut_from_ref,
    reason = "ownership is per chunk, not per memory"
)]
fn frame_mut(umem: &Umem, addr: u64, len: usize) -> &mut [u8] {
    // SAFETY: the frame was taken off the free list and is not yet in the TX ring.
    unsafe { umem.slice_mut(addr, len) }
}
