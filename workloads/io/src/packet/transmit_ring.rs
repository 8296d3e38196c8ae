//! The transmit ring of TPACKET_V3: slots of one size that the process fills and the kernel sends.
//!
//! A slot goes from *available* to *requested* (filled), then to *sending* (the kernel has taken it) and back
//! when its packet is gone. The kernel links the slot's pages into the packet instead of copying them; over
//! veth it copies them after all before it hands the packet to the other end, for that end must not see
//! pages that we write again. A device that drops a packet at once (veth's queue is full) makes the kernel
//! put its slot back to *requested*: the frame is not lost and is tried again, although the device has counted
//! the attempt in `tx_dropped`.

use std::io;
use std::mem::offset_of;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use libc::{
    TP_STATUS_AVAILABLE, TP_STATUS_SEND_REQUEST, TP_STATUS_WRONG_FORMAT, TPACKET3_HDRLEN,
    sockaddr_ll, tpacket3_hdr,
};
use rustix::io::Errno;

use super::mapping::Mapping;
use super::socket::PacketSocket;
use super::transmit::Transmitter;
use crate::IoCounters;

/// How often a full ring is waited for before a frame is discarded and counted, and for how long each time.
const FULL_WAITS: u32 = 200;
const FULL_WAIT: Duration = Duration::from_micros(100);

const STATUS_AT: usize = offset_of!(tpacket3_hdr, tp_status);
const LEN_AT: usize = offset_of!(tpacket3_hdr, tp_len);
/// The frame follows the header directly: the room for an address is for receiving only.
const DATA_AT: usize = TPACKET3_HDRLEN - size_of::<sockaddr_ll>();

/// The user's end.
#[derive(Debug)]
pub struct TransmitRing {
    map: Arc<Mapping>,
    socket: Arc<PacketSocket>,
    /// Where the ring begins in the mapping.
    base: usize,
    slots: u32,
    slot_len: u32,
    /// The slot to be filled next.
    tail: u32,
    /// Filled slots, up to `tail`, that the kernel has not taken.
    waiting: u32,
}

impl TransmitRing {
    pub(super) const fn new(
        map: Arc<Mapping>,
        socket: Arc<PacketSocket>,
        base: usize,
        slots: u32,
        slot_len: u32,
    ) -> Self {
        Self {
            map,
            socket,
            base,
            slots,
            slot_len,
            tail: 0,
            waiting: 0,
        }
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
            let kicked = self.socket.kick();
            let stopped = self.count_taken(counters);
            if stopped & TP_STATUS_WRONG_FORMAT != 0 {
                counters.transmit_refused += 1;
                self.remove_refused();
                continue;
            }
            return match kicked {
                Ok(()) | Err(Errno::AGAIN | Errno::INTR) => Ok(()),
                // The device dropped the first frame that waits: its slot stays, and the kernel stopped there.
                Err(Errno::NOBUFS) => {
                    counters.transmit_retried += 1;
                    Ok(())
                }
                Err(error) => Err(error.into()),
            };
        }
        Ok(())
    }

    /// Takes the first waiting frame, which the device refuses for its length, out of the ring: the kernel
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
        let fits = frame.len() <= self.slot_len as usize - DATA_AT;
        if !fits || !(self.has_room() || self.await_room(counters)) {
            counters.transmit_refused += 1;
            return;
        }
        let at = self.at(self.tail);
        // SAFETY: the slot is available, so the kernel neither reads nor writes it; `frame` lies elsewhere,
        // for it is memory of a receive ring or of the process' own.
        let data = unsafe { self.map.bytes(at + DATA_AT, frame.len()) };
        data.copy_from_slice(frame);
        counters.copies += 1;
        self.map.set_u32(at + LEN_AT, frame.len() as u32);
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
