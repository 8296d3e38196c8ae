//! What owners and a dispatcher have in common: a datagram is opened, a job is answered.

use pktio::DatagramIo;

use super::Waiting;
use crate::protocol::Parsed;
use crate::protocol::frame::HEADER_LEN;
use crate::reply::{Envelope, Spill, deliver_bytes};
use crate::server::counters::LiveCounts;
use crate::server::desk::Job;
use crate::server::message::Arrival;
use crate::server::reuse::Reuse;
use crate::server::sealing::Sealing;
use crate::server::shared::Shared;
use crate::server::wire::{self, Unread};

/// Counts a request datagram whose execution is complete.
pub(in crate::server) fn finished(shared: &Shared, counts: &LiveCounts, from: Arrival, cpu: u32) {
    counts.requests_executed.one();
    shared.dealt_with(from.clock);
    if shared.napi.hopped(from.queue, cpu) {
        counts.cross_core_hops.one();
    }
}

/// Sends what a job came to, from thread `me` on `cpu`; an incomplete request without any is dropped.
pub(in crate::server) fn answer_job<I: DatagramIo>(
    io: &mut I,
    job: Job<Waiting<I::Frame>>,
    shared: &Shared,
    (me, cpu): (usize, u32),
    spill: &mut Spill,
    sealing: Option<&mut Sealing>,
) {
    let Waiting { frame, from } = job.origin;
    let counts = &shared.states[me].counts;
    if job.incomplete && job.output.is_empty() {
        counts.drop_incomplete.one();
        shared.dealt_with(from.clock);
        io.release(frame);
        return;
    }
    finished(shared, counts, from, cpu);
    let envelope = Envelope::new(from, sealing);
    deliver_bytes(io, frame, envelope, &job.output, spill, counts);
}

/// Takes a received datagram in; gives it back with its first request and whether that is all of it.
/// What is no request is counted and dropped. `own_queue` is the receive queue where the I/O cannot tell;
/// `reuse` takes the kernel's note of the key, where there may be one; `sealing` opens what is sealed.
#[inline]
pub(in crate::server) fn open<I: DatagramIo>(
    io: &mut I,
    mut frame: I::Frame,
    shared: &Shared,
    counts: &LiveCounts,
    own_queue: Option<u16>,
    reuse: &mut Option<Reuse>,
    sealing: Option<&Sealing>,
) -> Option<(I::Frame, Arrival, Parsed, bool)> {
    counts.requests_received.one();
    let mut sealed = None;
    if let Some(sealing) = sealing {
        sealed = sealing.open(io, &mut frame);
        if sealed.is_none() {
            counts.drop_bad_seal.one();
            io.release(frame);
            return None;
        }
    }
    let payload = io.payload(&frame);
    let clock = shared.clock_of(payload);
    let read = match reuse {
        None => wire::read(shared.rpc, payload),
        Some(reuse) => wire::read_with(payload, |body| {
            reuse.parse(body, io.key_note(&frame), counts)
        }),
    };
    let (head, command) = match read {
        Ok(read) => read,
        Err(unread) => {
            match unread {
                Unread::BadFrame => counts.drop_bad_frame.one(),
                Unread::Incomplete => counts.drop_incomplete.one(),
            }
            shared.dealt_with(clock);
            io.release(frame);
            return None;
        }
    };
    let from = Arrival {
        head,
        queue: io.origin(&frame).queue.or(own_queue),
        clock,
        sealed,
    };
    let body = &io.payload(&frame)[HEADER_LEN..];
    if let (Some(sealing), Some(sealed)) = (sealing, sealed)
        && let Some(refusal) = sealing.refusal(body, &command.parsed, sealed.token)
    {
        counts.wrong_tokens.one();
        return Some((frame, from, Parsed::Immediate(refusal), true));
    }
    let all = command.consumed + command.swallow >= body.len();
    Some((frame, from, command.parsed, all))
}
