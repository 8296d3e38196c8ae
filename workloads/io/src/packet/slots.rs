//! The receive ring of TPACKET_V2: slots of one size, each with a status word of its own.

use std::io;
use std::os::fd::RawFd;
use std::sync::Arc;

use libc::{TP_STATUS_KERNEL, TP_STATUS_USER, TPACKET2_HDRLEN, tpacket2_hdr};

use super::arrival::Beside;
use super::mapping::Mapping;
use super::ring::{Arrival, Receiver, RingId};
use super::socket::PacketSocket;

/// Bytes that the kernel leaves free in front of each frame on request (PACKET_RESERVE). It leaves 14 by
/// itself, and a VLAN tag takes 4.
pub(super) const RESERVE: u32 = 64;

const STATUS_AT: usize = std::mem::offset_of!(tpacket2_hdr, tp_status);

/// The user's end.
#[derive(Debug)]
pub struct SlotRing {
    map: Mapping,
    socket: Arc<PacketSocket>,
    id: RingId,
    slots: u32,
    slot_len: u32,
    next: u32,
    /// Slots whose frame is held. Their status word still says that they are ours.
    held: Vec<bool>,
}

impl SlotRing {
    pub(super) fn new(map: Mapping, socket: Arc<PacketSocket>, slots: u32, slot_len: u32) -> Self {
        Self {
            map,
            socket,
            id: RingId::new(),
            slots,
            slot_len,
            next: 0,
            held: vec![false; slots as usize],
        }
    }

    fn at(&self, slot: u32) -> usize {
        slot as usize * self.slot_len as usize
    }
}

impl Receiver for SlotRing {
    fn take(&mut self) -> io::Result<Option<Arrival>> {
        let slot = self.next;
        let start = self.at(slot);
        let ours = self.map.status(start + STATUS_AT) & TP_STATUS_USER != 0;
        if self.held[slot as usize] || !ours {
            return Ok(None);
        }
        let header: tpacket2_hdr = self.map.header(start);
        let (front, frame) = (TPACKET2_HDRLEN as u32, u32::from(header.tp_mac));
        if frame < front || frame + header.tp_snaplen > self.slot_len {
            return Err(io::Error::other("the kernel's frame leaves its slot"));
        }
        self.held[slot as usize] = true;
        self.next = (slot + 1) % self.slots;
        Ok(Some(Arrival {
            home: slot,
            chunk: (start as u32 + front, self.slot_len - front),
            at: frame - front,
            len: header.tp_snaplen,
            whole: header.tp_len,
            beside: Beside {
                status: header.tp_status,
                tci: header.tp_vlan_tci,
                tpid: header.tp_vlan_tpid,
            },
            moved: false,
        }))
    }

    fn give_back(&mut self, slot: u32) {
        let held = std::mem::take(&mut self.held[slot as usize]);
        assert!(held, "slot {slot} was given back twice");
        let at = self.at(slot) + STATUS_AT;
        self.map.set_status(at, TP_STATUS_KERNEL);
    }

    fn map(&self) -> &Mapping {
        &self.map
    }

    fn id(&self) -> RingId {
        self.id
    }

    fn raw(&self) -> RawFd {
        self.socket.raw()
    }
}
