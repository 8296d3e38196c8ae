//! Replies over datagrams, built in the frame that the request came in.
//!
//! [`FrameWriter`] appends to the frame's own buffer; what exceeds one datagram spills into a
//! buffer of the thread. [`deliver`] puts the memcached frame headers in front and sends: a
//! reply of one datagram is sent as the received frame itself, and only longer ones copy.

use pktio::DatagramIo;

use crate::protocol::Sink;
use crate::protocol::frame::{DATA_LIMIT, FrameHeader, HEADER_LEN, PAYLOAD_LIMIT, datagrams};
use crate::server::counters::LiveCounts;

/// Writes a reply behind the room for its header, and spills what one datagram cannot hold.
#[derive(Debug)]
pub(crate) struct FrameWriter<'a> {
    room: &'a mut [u8],
    len: usize,
    spill: &'a mut Vec<u8>,
}

impl<'a> FrameWriter<'a> {
    /// A writer over a frame's room (from where the UDP payload starts) and an empty spill buffer.
    pub(crate) fn new(room: &'a mut [u8], spill: &'a mut Vec<u8>) -> Self {
        let end = room.len().clamp(HEADER_LEN, PAYLOAD_LIMIT);
        spill.clear();
        Self {
            room: &mut room[HEADER_LEN..end],
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
    request_id: u16,
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
        let header = FrameHeader {
            request_id,
            sequence: 0,
            total: 1,
        };
        io.room(&mut frame)[..HEADER_LEN].copy_from_slice(&header.encode());
        counts.replies_sent.one();
        counts.reply_datagrams.one();
        io.reply(frame, HEADER_LEN + in_frame);
        return;
    }
    // The frame holds a full datagram's data unless its room is smaller than the format allows.
    let mut whole = io.room(&mut frame)[HEADER_LEN..HEADER_LEN + in_frame].to_vec();
    whole.append(&mut spill.rest);
    deliver_bytes(io, frame, request_id, &whole, spill, counts);
}

/// Sends `reply`, which was built elsewhere, in as many datagrams as it takes.
pub(crate) fn deliver_bytes<I: DatagramIo>(
    io: &mut I,
    mut frame: I::Frame,
    request_id: u16,
    reply: &[u8],
    spill: &mut Spill,
    counts: &LiveCounts,
) {
    if reply.is_empty() {
        counts.noreply_executed.one();
        io.release(frame);
        return;
    }
    let Some(total) = datagrams(reply.len()) else {
        counts.drop_reply_too_long.one();
        io.release(frame);
        return;
    };
    let last = total - 1;
    for (sequence, data) in (0..last).zip(reply.chunks(DATA_LIMIT)) {
        spill.datagram.clear();
        spill.datagram.extend(
            FrameHeader {
                request_id,
                sequence,
                total,
            }
            .encode(),
        );
        spill.datagram.extend_from_slice(data);
        if !io.send_copy(&frame, &spill.datagram) {
            if sequence == 0 {
                counts.drop_no_frame.one();
            }
            io.release(frame);
            return;
        }
        counts.reply_datagrams.one();
    }
    let tail = &reply[usize::from(last) * DATA_LIMIT..];
    let room = io.room(&mut frame);
    room[..HEADER_LEN].copy_from_slice(
        &FrameHeader {
            request_id,
            sequence: last,
            total,
        }
        .encode(),
    );
    room[HEADER_LEN..HEADER_LEN + tail.len()].copy_from_slice(tail);
    counts.replies_sent.one();
    counts.reply_datagrams.one();
    io.reply(frame, HEADER_LEN + tail.len());
}

#[cfg(test)]
mod tests;
