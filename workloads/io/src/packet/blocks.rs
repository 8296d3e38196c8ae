//! The receive ring of TPACKET_V3: blocks that the kernel packs with frames and gives away when they are
//! full, or when their time is up.
//!
//! Frames lie behind one another in a block, each with its header and, in front of it, the bytes that were
//! reserved. A header is read before the frame in front of it is handed out; from then on nobody needs it, so
//! that its memory is that frame's room behind. The last frame of a full block has no such neighbour and is
//! moved forward where it needs to be. A block is given back when all its frames are.

use std::io;
use std::mem::offset_of;
use std::os::fd::RawFd;
use std::sync::Arc;

use libc::{TP_STATUS_KERNEL, TP_STATUS_USER, tpacket_block_desc, tpacket_hdr_v1, tpacket3_hdr};

use super::arrival::Beside;
use super::mapping::Mapping;
use super::ring::{Arrival, Receiver, RingId};
use super::socket::PacketSocket;
use crate::frame::{HEADROOM, TAILROOM};

/// Bytes that the kernel leaves free in front of each frame on request (PACKET_RESERVE), beside the 82 of
/// its header, an address and alignment.
pub(super) const RESERVE: u32 = 96;

/// Room behind every frame, which the last one of a block makes by moving forward.
const BEHIND: u32 = TAILROOM as u32;
/// What a frame owns in front of it: what is promised, a VLAN tag's, and what it may be moved by.
const FRONT: u32 = HEADROOM as u32 + 4 + BEHIND;

const HEAD: usize = offset_of!(tpacket_block_desc, hdr);
const STATUS_AT: usize = HEAD + offset_of!(tpacket_hdr_v1, block_status);
const COUNT_AT: usize = HEAD + offset_of!(tpacket_hdr_v1, num_pkts);
const FIRST_AT: usize = HEAD + offset_of!(tpacket_hdr_v1, offset_to_first_pkt);

/// The user's end.
#[derive(Debug)]
pub struct BlockRing {
    map: Arc<Mapping>,
    socket: Arc<PacketSocket>,
    id: RingId,
    blocks: u32,
    block_len: u32,
    next: u32,
    open: Option<Reading>,
    /// Frames of each block that were not given back yet, those not read yet included.
    held: Vec<u32>,
}

/// A block of which frames are still to be read.
#[derive(Debug, Clone, Copy)]
struct Reading {
    block: u32,
    /// Frames to be read; at least one.
    left: u32,
    frame: Place,
}

/// A frame's header, and where it stands.
#[derive(Debug, Clone, Copy)]
struct Place {
    at: u32,
    header: tpacket3_hdr,
}

impl Place {
    /// Where the frame itself begins.
    fn frame(&self) -> u32 {
        self.at + u32::from(self.header.tp_mac)
    }

    fn end(&self) -> u32 {
        self.frame() + self.header.tp_snaplen
    }
}

impl BlockRing {
    pub(super) fn new(
        map: Arc<Mapping>,
        socket: Arc<PacketSocket>,
        blocks: u32,
        block_len: u32,
    ) -> Self {
        Self {
            map,
            socket,
            id: RingId::new(),
            blocks,
            block_len,
            next: 0,
            open: None,
            held: vec![0; blocks as usize],
        }
    }

    fn start(&self, block: u32) -> u32 {
        block * self.block_len
    }

    /// The header at `at`, which must lie in `block` with its frame.
    fn place(&self, block: u32, at: u32) -> io::Result<Place> {
        let (start, end) = (self.start(block), self.start(block) + self.block_len);
        let outside = || io::Error::other("the kernel's frame leaves its block");
        let header_end = at.checked_add(size_of::<tpacket3_hdr>() as u32);
        if at < start || header_end.is_none_or(|header| header > end) {
            return Err(outside());
        }
        let header = self.map.header(at as usize);
        let place = Place { at, header };
        if place.frame() < start + FRONT || place.end() > end {
            return Err(outside());
        }
        Ok(place)
    }

    /// The next block that has frames, if the kernel has given one away.
    fn open(&mut self) -> io::Result<Option<Reading>> {
        loop {
            let block = self.next;
            let start = self.start(block) as usize;
            let ours = self.map.status(start + STATUS_AT) & TP_STATUS_USER != 0;
            if self.held[block as usize] > 0 || !ours {
                return Ok(None);
            }
            self.next = (block + 1) % self.blocks;
            let left = self.map.u32(start + COUNT_AT);
            self.held[block as usize] = left;
            if left == 0 {
                self.map.set_status(start + STATUS_AT, TP_STATUS_KERNEL);
                continue;
            }
            let first = start as u32 + self.map.u32(start + FIRST_AT);
            let frame = self.place(block, first)?;
            return Ok(Some(Reading { block, left, frame }));
        }
    }
}

impl Receiver for BlockRing {
    fn take(&mut self) -> io::Result<Option<Arrival>> {
        let reading = match self.open.take() {
            Some(reading) => reading,
            None => match self.open()? {
                Some(reading) => reading,
                None => return Ok(None),
            },
        };
        let Reading { block, left, frame } = reading;
        let end = if left > 1 {
            let next = self.place(block, frame.at + frame.header.tp_next_offset)?;
            self.open = Some(Reading {
                block,
                left: left - 1,
                frame: next,
            });
            next.frame() - FRONT
        } else {
            self.start(block) + self.block_len
        };
        if end < frame.end() {
            return Err(io::Error::other("the kernel's frames overlap"));
        }
        let start = frame.frame() - FRONT;
        let mut arrival = Arrival {
            home: block,
            chunk: (start, end - start),
            at: FRONT,
            len: frame.header.tp_snaplen,
            whole: frame.header.tp_len,
            beside: Beside {
                status: frame.header.tp_status,
                tci: frame.header.hv1.tp_vlan_tci as u16,
                tpid: frame.header.hv1.tp_vlan_tpid,
            },
            moved: false,
        };
        if end - frame.end() < BEHIND {
            make_room(&self.map, &mut arrival);
        }
        Ok(Some(arrival))
    }

    fn give_back(&mut self, block: u32) {
        let held = &mut self.held[block as usize];
        assert!(
            *held > 0,
            "more frames of block {block} given back than it had"
        );
        *held -= 1;
        if *held == 0 {
            let at = self.start(block) as usize + STATUS_AT;
            self.map.set_status(at, TP_STATUS_KERNEL);
        }
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

/// Moves a frame forward, so that there is room behind it.
#[expect(unsafe_code, reason = "the frame was just taken out of its block")]
fn make_room(map: &Mapping, arrival: &mut Arrival) {
    let (start, len) = arrival.chunk;
    // SAFETY: the block is ours, the chunk is this frame's alone, and no token of it exists yet.
    let chunk = unsafe { map.bytes(start as usize, len as usize) };
    let (at, to) = (arrival.at as usize, (arrival.at - BEHIND) as usize);
    chunk.copy_within(at..at + arrival.len as usize, to);
    arrival.at = to as u32;
    arrival.moved = true;
}
