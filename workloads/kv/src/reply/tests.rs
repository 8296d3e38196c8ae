//! Replies over I/O that refuses, against what must be sent and counted.

use std::io;
use std::os::fd::RawFd;

use pktio::{BatchIo, IoCounters, Origin};

use super::*;
use crate::protocol::frame::{FrameHeader, PAYLOAD_LIMIT};

/// I/O into vectors; refuses the n-th datagram where told.
#[derive(Default)]
struct Fake {
    sent: Vec<Vec<u8>>,
    released: usize,
    refuse_copy: Option<usize>,
}

impl BatchIo for Fake {
    type Frame = Vec<u8>;

    fn receive(&mut self, _out: &mut Vec<Vec<u8>>) -> io::Result<usize> {
        Ok(0)
    }

    fn release(&mut self, _frame: Vec<u8>) {
        self.released += 1;
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn settle(&mut self) -> io::Result<bool> {
        Ok(true)
    }

    fn has_backlog(&self) -> bool {
        false
    }

    fn woken_by_packet(&mut self) {}

    fn readable(&self) -> Vec<RawFd> {
        Vec::new()
    }

    fn counters(&self) -> IoCounters {
        IoCounters::default()
    }
}

impl DatagramIo for Fake {
    fn origin(&self, _frame: &Vec<u8>) -> Origin {
        Origin {
            queue: None,
            port: 0,
        }
    }

    fn payload<'a>(&'a self, frame: &'a Vec<u8>) -> &'a [u8] {
        frame
    }

    fn room<'a>(&'a mut self, frame: &'a mut Vec<u8>) -> &'a mut [u8] {
        frame
    }

    fn shorten(&self, frame: &mut Vec<u8>, len: usize) {
        frame.truncate(len);
    }

    fn send_copy(&mut self, _frame: &Vec<u8>, payload: &[u8]) -> bool {
        if self.refuse_copy == Some(self.sent.len()) {
            return false;
        }
        self.sent.push(payload.to_vec());
        true
    }

    fn reply(&mut self, frame: Vec<u8>, len: usize) {
        self.sent.push(frame[..len].to_vec());
    }
}

const FROM: Arrival = Arrival {
    head: Head::Memcached(7),
    queue: None,
    clock: None,
    sealed: None,
};

fn send(io: &mut Fake, pieces: &[&[u8]], counts: &LiveCounts) {
    let mut frame = vec![0xee; 1500];
    let mut spill = Spill::default();
    let envelope = Envelope::new(FROM, None);
    let mut writer = FrameWriter::new(&mut frame, &envelope, &mut spill.rest);
    for piece in pieces {
        writer.put(piece);
    }
    let in_frame = writer.in_frame();
    deliver(io, frame, envelope, in_frame, &mut spill, counts);
}

#[test]
fn a_short_reply_is_the_received_frame_with_a_header() {
    let (mut io, counts) = (Fake::default(), LiveCounts::default());
    send(&mut io, &[b"STORED", b"\r\n"], &counts);
    assert_eq!(io.sent, [b"\0\x07\0\0\0\x01\0\0STORED\r\n".to_vec()]);
    assert_eq!(
        (counts.replies_sent.get(), counts.reply_datagrams.get()),
        (1, 1)
    );
}

#[test]
fn a_long_reply_arrives_whole_and_in_order_whatever_the_pieces() {
    for length in [
        DATA_LIMIT - 1,
        DATA_LIMIT,
        DATA_LIMIT + 1,
        2 * DATA_LIMIT,
        5 * DATA_LIMIT + 3,
    ] {
        let reply: Vec<u8> = (0..length).map(|n| (n * 7) as u8).collect();
        for piece in [1, 100, length] {
            let (mut io, counts) = (Fake::default(), LiveCounts::default());
            send(&mut io, &reply.chunks(piece).collect::<Vec<_>>(), &counts);
            let mut whole = Vec::new();
            for (sequence, datagram) in io.sent.iter().enumerate() {
                let header = FrameHeader::decode(datagram).unwrap();
                assert_eq!(usize::from(header.sequence), sequence);
                assert_eq!(usize::from(header.total), io.sent.len());
                assert_eq!(header.request_id, 7);
                assert!(datagram.len() <= PAYLOAD_LIMIT);
                whole.extend_from_slice(&datagram[HEADER_LEN..]);
            }
            assert_eq!(whole, reply);
            assert_eq!(counts.replies_sent.get(), 1);
            assert_eq!(
                counts.reply_datagrams.get() as usize,
                length.div_ceil(DATA_LIMIT)
            );
        }
    }
}

#[test]
fn no_reply_gives_the_frame_back() {
    let (mut io, counts) = (Fake::default(), LiveCounts::default());
    send(&mut io, &[], &counts);
    assert_eq!((io.sent.len(), io.released), (0, 1));
    assert_eq!(
        (counts.noreply_executed.get(), counts.replies_sent.get()),
        (1, 0)
    );
}

#[test]
fn a_refused_reply_is_the_servers_loss_only_when_nothing_went_out() {
    let long = vec![1; 3 * DATA_LIMIT];
    for (refused, server_counts) in [(0, 1), (1, 0)] {
        let mut io = Fake {
            refuse_copy: Some(refused),
            ..Fake::default()
        };
        let counts = LiveCounts::default();
        send(&mut io, &[&long], &counts);
        assert_eq!((io.sent.len(), io.released), (refused, 1));
        assert_eq!(counts.drop_no_frame.get(), server_counts);
        assert_eq!(counts.replies_sent.get(), 0);
    }
}

#[test]
fn a_reply_beyond_the_format_is_named() {
    let (mut io, counts) = (Fake::default(), LiveCounts::default());
    let huge = vec![0; (usize::from(u16::MAX) + 1) * DATA_LIMIT];
    deliver_bytes(
        &mut io,
        vec![0; 1500],
        Envelope::new(FROM, None),
        &huge,
        &mut Spill::default(),
        &counts,
    );
    assert_eq!((counts.drop_reply_too_long.get(), io.released), (1, 1));
}
