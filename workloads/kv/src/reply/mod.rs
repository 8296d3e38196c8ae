//! Replies over datagrams, built in the frame that the request came in.
//!
//! [`FrameWriter`] appends to the frame's own buffer; what exceeds one datagram spills into a
//! buffer of the thread. [`deliver`] puts everything into its [`Envelope`] and sends: a
//! reply of one datagram is sent as the received frame itself, and only longer ones copy.

use pktio::DatagramIo;

use crate::protocol::Sink;
use steering::sealed;

use crate::protocol::frame::{DATA_LIMIT, HEADER_LEN};
use crate::server::counters::LiveCounts;
use crate::server::message::Arrival;
use crate::server::sealing::Sealing;
use crate::server::wire::Head;

/// What the data of a reply are wrapped in: memcached's frame header or a call's, and a seal where the request had
/// one. No datagram is longer for being sealed.
#[derive(Debug)]
pub(crate) struct Envelope<'a> {
    head: Head,
    /// What seals, and the number of the request.
    seal: Option<(&'a mut Sealing, u64)>,
}

impl<'a> Envelope<'a> {
    /// The envelope of a reply to what arrived so.
    pub(crate) fn new(from: Arrival, sealing: Option<&'a mut Sealing>) -> Self {
        Self {
            head: from.head,
            seal: sealing.zip(from.sealed.map(|sealed| sealed.number)),
        }
    }

    /// Bytes before memcached's frame header.
    const fn front(&self) -> usize {
        match self.seal {
            Some(_) => sealed::HEADER_LEN,
            None => 0,
        }
    }

    /// Bytes before the data.
    const fn head(&self) -> usize {
        self.front() + HEADER_LEN
    }

    /// Bytes behind the data.
    const fn tail(&self) -> usize {
        match self.seal {
            Some(_) => sealed::TAG_LEN,
            None => 0,
        }
    }

    /// Most data of one datagram, in bytes.
    const fn data_limit(&self) -> usize {
        DATA_LIMIT - self.front() - self.tail()
    }

    /// How many datagrams so much data takes; `None` where the 16-bit count cannot say it.
    fn datagrams(&self, len: usize) -> Option<u16> {
        u16::try_from(len.div_ceil(self.data_limit())).ok()
    }

    /// Finishes the datagram that has `len` bytes of data in `room`; returns its length.
    fn finish(&mut self, sequence: u16, total: u16, room: &mut [u8], len: usize) -> usize {
        let at = self.front();
        room[at..at + HEADER_LEN].copy_from_slice(&self.head.answer(sequence, total));
        match &mut self.seal {
            None => HEADER_LEN + len,
            Some((sealing, answers)) => sealing.close(*answers, room, HEADER_LEN + len),
        }
    }
}

/// Writes a reply behind the room for its header, and spills what one datagram cannot hold.
#[derive(Debug)]
pub(crate) struct FrameWriter<'a> {
    room: &'a mut [u8],
    len: usize,
    spill: &'a mut Vec<u8>,
}

impl<'a> FrameWriter<'a> {
    /// A writer over a frame's room (from where the UDP payload starts) and an empty spill buffer.
    pub(crate) fn new(room: &'a mut [u8], envelope: &Envelope<'_>, spill: &'a mut Vec<u8>) -> Self {
        let (head, tail) = (envelope.head(), envelope.tail());
        let most = room.len().saturating_sub(head + tail);
        spill.clear();
        Self {
            room: &mut room[head..head + most.min(envelope.data_limit())],
            len: 0,
            spill,
        }
    }

    /// Bytes of the reply that are in the frame.
    pub(crate) fn in_frame(&self) -> usize {
        self.len
    }
}

impl Sink for FrameWriter<'_> {
    #[inline]
    fn put(&mut self, bytes: &[u8]) {
        let fits = bytes.len().min(self.room.len() - self.len);
        self.room[self.len..self.len + fits].copy_from_slice(&bytes[..fits]);
        self.len += fits;
        if fits < bytes.len() {
            self.spill.extend_from_slice(&bytes[fits..]);
        }
    }
}

/// Buffers that a thread keeps for replies of several datagrams.
#[derive(Debug, Default)]
pub(crate) struct Spill {
    /// What did not fit into the frame.
    pub(crate) rest: Vec<u8>,
    datagram: Vec<u8>,
}

/// Sends the reply whose first `in_frame` bytes are in the frame's room and whose rest is in
/// `spill`. An empty reply (noreply, quiet) gives the frame back.
///
/// Datagrams go out in order, the last of them in the frame. When one is refused the reply
/// cannot be completed, so the rest is not sent: the request counts as refused here if nothing
/// went out, and is left to the client's count of partial replies otherwise.
pub(crate) fn deliver<I: DatagramIo>(
    io: &mut I,
    mut frame: I::Frame,
    mut envelope: Envelope<'_>,
    in_frame: usize,
    spill: &mut Spill,
    counts: &LiveCounts,
) {
    let length = in_frame + spill.rest.len();
    if length == 0 {
        counts.noreply_executed.one();
        io.release(frame);
        return;
    }
    if spill.rest.is_empty() {
        let len = envelope.finish(0, 1, io.room(&mut frame), in_frame);
        counts.replies_sent.one();
        counts.reply_datagrams.one();
        io.reply(frame, len);
        return;
    }
    // The frame holds a full datagram's data unless its room is smaller than the format allows.
    let head = envelope.head();
    let mut whole = io.room(&mut frame)[head..head + in_frame].to_vec();
    whole.append(&mut spill.rest);
    deliver_bytes(io, frame, envelope, &whole, spill, counts);
}

/// Sends `reply`, which was built elsewhere, in as many datagrams as it takes.
pub(crate) fn deliver_bytes<I: DatagramIo>(
    io: &mut I,
    mut frame: I::Frame,
    mut envelope: Envelope<'_>,
    reply: &[u8],
    spill: &mut Spill,
    counts: &LiveCounts,
) {
    if reply.is_empty() {
        counts.noreply_executed.one();
        io.release(frame);
        return;
    }
    let Some(total) = envelope.datagrams(reply.len()) else {
        counts.drop_reply_too_long.one();
        io.release(frame);
        return;
    };
    let last = total - 1;
    let (head, limit) = (envelope.head(), envelope.data_limit());
    for (sequence, data) in (0..last).zip(reply.chunks(limit)) {
        spill.datagram.clear();
        spill.datagram.resize(head, 0);
        spill.datagram.extend_from_slice(data);
        spill
            .datagram
            .resize(head + data.len() + envelope.tail(), 0);
        let len = envelope.finish(sequence, total, &mut spill.datagram, data.len());
        if !io.send_copy(&frame, &spill.datagram[..len]) {
            if sequence == 0 {
                counts.drop_no_frame.one();
            }
            io.release(frame);
            return;
        }
        counts.reply_datagrams.one();
    }
    let rest = &reply[usize::from(last) * limit..];
    let room = io.room(&mut frame);
    room[head..head + rest.len()].copy_from_slice(rest);
    let len = envelope.finish(last, total, room, rest.len());
    counts.replies_sent.one();
    counts.reply_datagrams.one();
    io.reply(frame, len);
}

#[cfg(test)]
mod tests;
