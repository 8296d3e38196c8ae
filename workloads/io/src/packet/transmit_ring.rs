//! The transmit ring of TPACKET_V3: slots of one size that the process fills and the kernel sends.
//!
//! A slot goes from *available* to *requested* (filled), then to *sending* (the kernel has taken it) and back
//! when its packet is gone. A device that drops a packet at once (veth's queue is full) makes the kernel
//! put its slot back to *requested*: the frame is not lost and is tried again, although the device has counted
//! the attempt in `tx_dropped`. What it drops for a whole second is discarded: it may be a frame that the other end
//! of a veth does not take, and nothing behind it would ever go out.
//!
//! By itself the kernel links the slot's pages into the packet instead of copying them, all but the link header.
//! Small frames gain nothing by that, and over veth no frame does: there the pages are copied after all, into one
//! that is allocated for it, for the other end must not see what we write again. So each frame has a header in
//! front (PACKET_VNET_HDR), of which one field is used, the bytes of the frame that are to be copied at once: all of them.
//! On Linux 6.18 the second copy was a tenth of what a forwarded frame of 60 bytes costs over veth; beside DPDK's af_packet
//! port, which has it, forwarding went from 0.9 to 1.4 times the rate on one core.
//!
//! With such a header the kernel leaves it to the device what is too long (it may be a frame to be segmented), so
//! that this is decided here, by the socket's own rule.

use std::io;
use std::mem::offset_of;
use std::ops::Range;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use libc::{
    TP_STATUS_AVAILABLE, TP_STATUS_SEND_REQUEST, TP_STATUS_WRONG_FORMAT, TPACKET3_HDRLEN, c_int,
    sockaddr_ll, tpacket3_hdr,
};
use packet::ethernet;
use rustix::io::Errno;

use super::mapping::Mapping;
use super::socket::PacketSocket;
use super::transmit::Transmitter;
use crate::IoCounters;

/// How often a full ring is waited for before a frame is discarded and counted, and for how long each time.
const FULL_WAITS: u32 = 200;
const FULL_WAIT: Duration = Duration::from_micros(100);
/// How long a device may drop a frame over and over before the frame is discarded and counted.
const DROPPED_LIMIT: Duration = Duration::from_secs(1);

/// Bytes of `struct virtio_net_hdr`: flags, kind of segmentation, bytes to be copied at once (16 bits in the CPU's order),
/// and three more words that are zero.
const COPY_HEADER: usize = 10;
/// Where it tells what is to be copied.
const COPY_LEN: Range<usize> = 2..4;

const STATUS_AT: usize = offset_of!(tpacket3_hdr, tp_status);
const LEN_AT: usize = offset_of!(tpacket3_hdr, tp_len);
/// What is sent follows the slot's header directly: the room for an address is for receiving only.
const DATA_AT: usize = TPACKET3_HDRLEN - size_of::<sockaddr_ll>();
const FRAME_AT: usize = DATA_AT + COPY_HEADER;

/// PACKET_VNET_HDR of `linux/if_packet.h`, which the libc crate lacks.
const PACKET_VNET_HDR: c_int = 15;

/// Has the kernel read a header in front of each frame that is sent, and write one in front of each that is received. To be
/// asked before the socket has rings.
pub(super) fn have_frames_copied(socket: &PacketSocket) -> io::Result<()> {
    let on: c_int = 1;
    socket.set(PACKET_VNET_HDR, &on)
}

/// The user's end.
#[derive(Debug)]
pub struct TransmitRing {
    map: Arc<Mapping>,
    socket: Arc<PacketSocket>,
    /// The device, by its number.
    port: u32,
    /// Its MTU when it was last asked.
    mtu: u32,
    /// Where the ring begins in the mapping.
    base: usize,
    slots: u32,
    slot_len: u32,
    /// The slot to be filled next.
    tail: u32,
    /// Filled slots, up to `tail`, that the kernel has not taken.
    waiting: u32,
    /// When the device dropped the first of them for the first time.
    dropped_since: Option<Instant>,
}

impl TransmitRing {
    /// The ring at `base` of the mapping, of a socket that was told [`have_frames_copied`].
    pub(super) fn new(
        map: Arc<Mapping>,
        socket: Arc<PacketSocket>,
        port: u32,
        base: usize,
        (slots, slot_len): (u32, u32),
    ) -> io::Result<Self> {
        let mtu = socket.mtu(port)?;
        Ok(Self {
            map,
            socket,
            port,
            mtu,
            base,
            slots,
            slot_len,
            tail: 0,
            waiting: 0,
            dropped_since: None,
        })
    }

    /// The slot `back` places before the one to be filled next.
    fn before(&self, back: u32) -> u32 {
        (self.tail + self.slots - back) % self.slots
    }

    fn at(&self, slot: u32) -> usize {
        self.base + slot as usize * self.slot_len as usize
    }

    fn status(&self, slot: u32) -> u32 {
        self.map.status(self.at(slot) + STATUS_AT)
    }

    fn set_status(&self, slot: u32, status: u32) {
        self.map.set_status(self.at(slot) + STATUS_AT, status);
    }

    fn has_room(&self) -> bool {
        self.status(self.tail) == TP_STATUS_AVAILABLE
    }

    /// Counts what the kernel has taken since, and tells the status of the slot where it stopped.
    fn count_taken(&mut self, counters: &mut IoCounters) -> u32 {
        while self.waiting > 0 {
            let status = self.status(self.before(self.waiting));
            if status & (TP_STATUS_SEND_REQUEST | TP_STATUS_WRONG_FORMAT) != 0 {
                return status;
            }
            self.waiting -= 1;
            counters.transmitted += 1;
        }
        TP_STATUS_AVAILABLE
    }

    /// Makes the kernel take what waits, as far as it does.
    fn push(&mut self, counters: &mut IoCounters) -> io::Result<()> {
        while self.waiting > 0 {
            let waited = self.waiting;
            let kicked = self.socket.kick();
            let stopped = self.count_taken(counters);
            if self.waiting < waited {
                self.dropped_since = None;
            }
            // The device dropped the first frame that waits: its slot stays, and the kernel stopped there.
            let dropped = kicked == Err(Errno::NOBUFS);
            counters.transmit_retried += u64::from(dropped);
            if stopped & TP_STATUS_WRONG_FORMAT != 0 || dropped && self.is_hopeless() {
                counters.transmit_refused += 1;
                self.remove_refused();
                continue;
            }
            return match kicked {
                Ok(()) | Err(Errno::AGAIN | Errno::INTR | Errno::NOBUFS) => Ok(()),
                Err(error) => Err(error.into()),
            };
        }
        Ok(())
    }

    /// Whether the device, which just dropped the first waiting frame, has done so for long.
    fn is_hopeless(&mut self) -> bool {
        let since = *self.dropped_since.get_or_insert_with(Instant::now);
        since.elapsed() >= DROPPED_LIMIT
    }

    /// Whether a frame is longer than the socket lets out (packet(7)): the device's MTU and a link header, with a tag if it
    /// has one. Asks for the MTU again before it says so; a device whose MTU became less is left to say so itself.
    fn is_too_long(&mut self, frame: &[u8]) -> bool {
        let is_tagged = frame.get(12..14) == Some(&ethernet::VLAN.to_be_bytes());
        let tag = if is_tagged { ethernet::VLAN_TAG_LEN } else { 0 };
        let longest = |mtu: u32| mtu as usize + ethernet::HEADER_LEN + tag;
        if frame.len() <= longest(self.mtu) {
            return false;
        }
        // Without an answer the device is gone, and sending tells.
        self.mtu = self.socket.mtu(self.port).unwrap_or(self.mtu);
        frame.len() > longest(self.mtu)
    }

    /// Takes the first waiting frame, which is refused for its length, out of the ring: the kernel
    /// would stop at its slot for ever. Those behind it move up; the kernel looks at none of them before it
    /// is kicked again.
    fn remove_refused(&mut self) {
        for back in (2..=self.waiting).rev() {
            self.copy_slot(self.before(back - 1), self.before(back));
        }
        if self.waiting > 1 {
            self.set_status(self.before(self.waiting), TP_STATUS_SEND_REQUEST);
        }
        self.waiting -= 1;
        self.dropped_since = None;
        self.tail = self.before(1);
        self.set_status(self.tail, TP_STATUS_AVAILABLE);
    }

    #[expect(unsafe_code, reason = "slots that the kernel does not look at")]
    fn copy_slot(&self, from: u32, to: u32) {
        let (from, to) = (self.at(from), self.at(to));
        let len = self.map.u32(from + LEN_AT);
        self.map.set_u32(to + LEN_AT, len);
        // SAFETY: both slots wait and are looked at by the kernel only while it is kicked, and two slots do
        // not overlap.
        let (source, target) = unsafe {
            (
                self.map.bytes(from + DATA_AT, len as usize),
                self.map.bytes(to + DATA_AT, len as usize),
            )
        };
        target.copy_from_slice(source);
    }

    /// Waits a while for a free slot.
    fn await_room(&mut self, counters: &mut IoCounters) -> bool {
        for _ in 0..FULL_WAITS {
            if self.push(counters).is_err() {
                return false;
            }
            if self.has_room() {
                return true;
            }
            thread::sleep(FULL_WAIT);
        }
        false
    }
}

impl Transmitter for TransmitRing {
    #[expect(unsafe_code, reason = "a slot that is available is ours")]
    fn send(&mut self, frame: &[u8], counters: &mut IoCounters) {
        let fits = frame.len() <= self.slot_len as usize - FRAME_AT;
        if !fits || self.is_too_long(frame) || !(self.has_room() || self.await_room(counters)) {
            counters.transmit_refused += 1;
            return;
        }
        let at = self.at(self.tail);
        // SAFETY: the slot is available, so the kernel neither reads nor writes it; `frame` lies elsewhere,
        // for it is memory of a receive ring or of the process' own.
        let data = unsafe { self.map.bytes(at + DATA_AT, COPY_HEADER + frame.len()) };
        let (header, place) = data.split_at_mut(COPY_HEADER);
        header.fill(0);
        header[COPY_LEN].copy_from_slice(&(frame.len() as u16).to_ne_bytes());
        place.copy_from_slice(frame);
        counters.copies += 1;
        self.map.set_u32(at + LEN_AT, data.len() as u32);
        self.set_status(self.tail, TP_STATUS_SEND_REQUEST);
        self.tail = (self.tail + 1) % self.slots;
        self.waiting += 1;
    }

    fn flush(&mut self, counters: &mut IoCounters) -> io::Result<()> {
        self.push(counters)
    }

    fn has_backlog(&self) -> bool {
        self.waiting > 0
    }
}
