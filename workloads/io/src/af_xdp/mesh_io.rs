//! One owner's end of the mesh: requests in, replies built in place, frames back.

use std::io;
use std::ops::RangeInclusive;
use std::os::fd::RawFd;
use std::sync::Arc;

use steering::KeyNote;

use super::kernel_ring::RxWatch;
use super::lane::{Lane, Part};
use super::mesh::MeshConfig;
use super::umem::{HEADROOM, Umem};
use super::wire::{self, Headers, Layout};
use crate::{BatchIo, DatagramIo, IoCounters, Origin};

/// Datagrams taken from one RX ring per call: enough to pay for the system calls of a flush,
/// few enough that the other queues do not wait long.
const BATCH: usize = 32;

/// A received frame, as a token: it can be sent to another owner of the same mesh.
///
/// It must come back through [`DatagramIo::reply`] or [`BatchIo::release`]: a token that is
/// merely dropped takes its frame out of circulation.
#[derive(Debug)]
#[must_use = "a frame that is neither answered nor released is lost to its queue"]
pub struct MeshFrame {
    addr: u64,
    umem: u32,
    queue: u16,
    len: u16,
    layout: Layout,
    note: Option<KeyNote>,
    gathered: Option<Box<Gathered>>,
}

/// The whole of a frame that came in several chunks. (A box that is one word, for few frames have one.)
#[derive(Debug)]
struct Gathered(Vec<u8>);

/// One owner's end of the mesh.
#[derive(Debug)]
pub struct MeshIo {
    umem: Arc<Umem>,
    lanes: Vec<Lane>,
    next: usize,
    ports: RangeInclusive<u16>,
    mtu: usize,
    notes: bool,
    /// A datagram of the reply that is being sent was accepted.
    begun: bool,
    counters: IoCounters,
}

impl MeshIo {
    pub(super) fn new(umem: &Arc<Umem>, lanes: Vec<Lane>, config: &MeshConfig) -> Self {
        Self {
            umem: Arc::clone(umem),
            lanes,
            next: 0,
            ports: config.ports.clone(),
            mtu: usize::from(config.mtu),
            notes: config.notes,
            begun: false,
            counters: IoCounters::default(),
        }
    }

    /// A look at what waits in this owner's RX rings, for another thread, queue by queue.
    ///
    /// # Errors
    /// When the kernel does not map a ring once more.
    pub fn watch(&self) -> io::Result<Vec<RxWatch>> {
        self.lanes.iter().map(Lane::watch).collect()
    }

    fn receive_from(&mut self, queue: usize, out: &mut Vec<MeshFrame>) -> usize {
        let lane = &mut self.lanes[queue];
        let mut received = 0;
        lane.receive(BATCH, |lane, first, further| {
            let Part { addr, len } = first;
            let note = if self.notes {
                taken_note(&self.umem, addr)
            } else {
                None
            };
            let gathered = (!further.is_empty()).then(|| gather(&self.umem, first, further));
            for part in further {
                lane.give_back(part.addr);
            }
            let bytes = match &gathered {
                None => frame_bytes(&self.umem, addr, len),
                Some(gathered) => gathered.0.as_slice(),
            };
            self.counters.chunks += 1 + further.len() as u64;
            self.counters.frame_bytes += bytes.len() as u64;
            match wire::parse(bytes) {
                Ok(layout) if self.ports.contains(&layout.destination_port) => {
                    out.push(MeshFrame {
                        addr,
                        umem: self.umem.id(),
                        queue: queue as u16,
                        len: len as u16,
                        note: note.and_then(|note| within(note, &layout)),
                        layout,
                        gathered,
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

impl BatchIo for MeshIo {
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

    fn release(&mut self, frame: MeshFrame) {
        self.check(&frame);
        self.begun = false;
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

    fn has_backlog(&self) -> bool {
        self.lanes.iter().any(Lane::has_backlog)
    }

    fn woken_by_packet(&mut self) {
        self.counters.wakeups_kernel += 1;
    }

    fn readable(&self) -> Vec<RawFd> {
        self.lanes.iter().map(Lane::raw).collect()
    }

    fn counters(&self) -> IoCounters {
        self.counters.clone()
    }
}

impl DatagramIo for MeshIo {
    fn origin(&self, frame: &MeshFrame) -> Origin {
        Origin {
            queue: Some(frame.queue),
            port: frame.layout.destination_port,
        }
    }

    fn key_note(&self, frame: &MeshFrame) -> Option<KeyNote> {
        frame.note
    }

    fn payload<'a>(&'a self, frame: &'a MeshFrame) -> &'a [u8] {
        self.check(frame);
        let bytes = match &frame.gathered {
            None => frame_bytes(&self.umem, frame.addr, u32::from(frame.len)),
            Some(gathered) => gathered.0.as_slice(),
        };
        let at = usize::from(frame.layout.payload_at);
        &bytes[at..at + usize::from(frame.layout.payload_len)]
    }

    fn room<'a>(&'a mut self, frame: &'a mut MeshFrame) -> &'a mut [u8] {
        self.check(frame);
        let at = frame.addr + u64::from(frame.layout.payload_at);
        frame_bytes_mut(&self.umem, at, self.room_len(&frame.layout))
    }

    fn shorten(&self, frame: &mut MeshFrame, len: usize) {
        self.check(frame);
        let payload_len = &mut frame.layout.payload_len;
        *payload_len = (*payload_len).min(u16::try_from(len).unwrap_or(u16::MAX));
    }

    fn send_copy(&mut self, frame: &MeshFrame, payload: &[u8]) -> bool {
        self.check(frame);
        assert!(
            payload.len() <= self.room_len(&frame.layout),
            "longer than the MTU allows"
        );
        let lane = &mut self.lanes[usize::from(frame.queue)];
        let Some(chunk) = lane.free_frame() else {
            self.counters.no_frame += 1;
            return false;
        };
        // Where notes lie, nothing but a note is ever written.
        let addr = chunk + HEADROOM as u64;
        let request = frame_bytes(&self.umem, frame.addr, u32::from(frame.len));
        let headers = Headers::answering(request, &frame.layout);
        let len = headers.len() + payload.len();
        let bytes = frame_bytes_mut(&self.umem, addr, len);
        bytes[headers.len()..].copy_from_slice(payload);
        headers.write(bytes);
        let sent = lane.transmit(addr, len as u32);
        if sent {
            self.counters.transmitted += 1;
            self.begun = true;
        } else {
            self.counters.no_frame += 1;
        }
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
        if sent {
            self.counters.transmitted += 1;
        } else if !self.begun {
            self.counters.transmit_refused += 1;
        }
        self.begun = false;
    }
}

/// The whole of a frame, copied: what follows reads one slice. The further chunks are free then.
fn gather(umem: &Umem, first: Part, further: &[Part]) -> Box<Gathered> {
    let parts = std::iter::once(&first).chain(further);
    let bytes = parts.flat_map(|part| frame_bytes(umem, part.addr, part.len));
    Box::new(Gathered(bytes.copied().collect()))
}

/// A note by offset in the payload, if its key lies inside.
fn within(note: KeyNote, layout: &Layout) -> Option<KeyNote> {
    let at = note.at.checked_sub(layout.payload_at)?;
    let inside = usize::from(at) + usize::from(note.len) <= usize::from(layout.payload_len);
    let is_key = (1..=steering::MAX_KEY_LEN).contains(&usize::from(note.len));
    (inside && is_key).then_some(KeyNote { at, ..note })
}

/// Takes the note out of a frame that the caller has taken out of a ring.
#[expect(unsafe_code, reason = "a descriptor owns its chunk")]
fn taken_note(umem: &Umem, addr: u64) -> Option<KeyNote> {
    // SAFETY: as for `frame_bytes`, and nobody holds a slice of this chunk yet.
    unsafe { umem.take_note(addr, KeyNote::of_words) }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::af_xdp::wire::Protocol;

    #[test]
    fn a_note_that_points_outside_the_payload_is_none() {
        let layout = Layout {
            protocol: Protocol::V4,
            network_at: 14,
            payload_at: 42,
            payload_len: 30,
            source_port: 1,
            destination_port: 2,
        };
        let note = |at, len| within(KeyNote::new(9, at, len), &layout);
        assert_eq!(note(54, 16), Some(KeyNote::new(9, 12, 16)));
        assert_eq!(note(42, 30), Some(KeyNote::new(9, 0, 30)));
        for (at, len) in [(41, 4), (54, 19), (54, 0), (54, 251), (65_535, 250)] {
            assert_eq!(note(at, len), None, "{len} bytes at {at}");
        }
    }
}
