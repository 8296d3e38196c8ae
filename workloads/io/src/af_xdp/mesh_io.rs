//! One owner's end of the mesh: requests in, replies built in place, frames back.

use std::io;
use std::ops::RangeInclusive;
use std::os::fd::RawFd;
use std::sync::Arc;

use super::lane::Lane;
use super::umem::Umem;
use super::wire::{self, Headers, Layout};
use crate::{DatagramIo, IoCounters, Origin};

/// Datagrams taken from one RX ring per call: enough to pay for the system calls of a flush,
/// few enough that the other queues do not wait long.
const BATCH: usize = 32;

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
    /// A datagram of the reply that is being sent was accepted.
    begun: bool,
    counters: IoCounters,
}

impl MeshIo {
    pub(super) fn new(
        umem: &Arc<Umem>,
        lanes: Vec<Lane>,
        ports: RangeInclusive<u16>,
        mtu: u16,
    ) -> Self {
        Self {
            umem: Arc::clone(umem),
            lanes,
            next: 0,
            ports,
            mtu: usize::from(mtu),
            begun: false,
            counters: IoCounters::default(),
        }
    }

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
