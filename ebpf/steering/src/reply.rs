//! What a reply says, from its first bytes: for counting replies without reading them.
//!
//! Enough for the three protocols of memcached over UDP (protocol.txt): the classic and the meta text
//! commands name the outcome in their first letters, the binary protocol in its header's status.

use packet::Packet;

use crate::frame::HEADER_LEN;

/// The kinds of replies. The number is the kind's place among the counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum ReplyKind {
    /// A get found its key.
    Hit = 0,
    /// A get did not find its key.
    Miss = 1,
    /// A set was stored.
    Stored = 2,
    /// An error.
    Failed = 3,
    /// No reply that can be told by its first bytes, one of several datagrams included.
    Unread = 4,
}

impl ReplyKind {
    /// Every kind, in the order of their numbers.
    pub const ALL: [Self; 5] = [
        Self::Hit,
        Self::Miss,
        Self::Stored,
        Self::Failed,
        Self::Unread,
    ];
}

const RESPONSE: u8 = 0x81;
const GET: u8 = 0x00;
const SET: u8 = 0x01;
const KEY_NOT_FOUND: u16 = 0x0001;
/// Sequence number 0 of 1 datagram.
const ONLY_ONE: [u8; 4] = [0, 0, 0, 1];

/// The kind of the reply whose UDP payload starts at `at`.
#[inline(always)]
pub fn reply_kind<P: Packet + ?Sized>(p: &P, at: usize) -> ReplyKind {
    if p.read::<4>(at + 2) != Some(ONLY_ONE) {
        return ReplyKind::Unread;
    }
    let body = at + HEADER_LEN;
    let Some(first) = p.read::<4>(body) else {
        return ReplyKind::Unread;
    };
    match first {
        [b'V', b'A', ..] => ReplyKind::Hit,
        [b'E', b'N', ..] => ReplyKind::Miss,
        [b'S', b'T', b'O', _] | [b'H', b'D', ..] => ReplyKind::Stored,
        [b'E', b'R', ..] | [b'S', b'E', ..] | [b'C', b'L', ..] | [b'N', ..] => ReplyKind::Failed,
        [RESPONSE, opcode, ..] => match p.be16(body + 6) {
            Some(status) => binary(opcode, status),
            None => ReplyKind::Unread,
        },
        [..] => ReplyKind::Unread,
    }
}

#[inline(always)]
const fn binary(opcode: u8, status: u16) -> ReplyKind {
    match (opcode, status) {
        (GET, 0) => ReplyKind::Hit,
        (GET, KEY_NOT_FOUND) => ReplyKind::Miss,
        (SET, 0) => ReplyKind::Stored,
        (GET | SET, _) => ReplyKind::Failed,
        (_, _) => ReplyKind::Unread,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(sequence: u16, total: u16, body: &[u8]) -> ReplyKind {
        let mut bytes = [0; 64];
        bytes[2..4].copy_from_slice(&sequence.to_be_bytes());
        bytes[4..6].copy_from_slice(&total.to_be_bytes());
        bytes[8..8 + body.len()].copy_from_slice(body);
        reply_kind(&bytes[..8 + body.len()], 0)
    }

    #[test]
    fn each_protocol_says_what_happened() {
        let binary = |opcode, status| [RESPONSE, opcode, 0, 0, 0, 0, 0, status, 0, 0, 0, 0];
        for (body, expected) in [
            (&b"VALUE k 0 1\r\nx\r\nEND\r\n"[..], ReplyKind::Hit),
            (b"END\r\n", ReplyKind::Miss),
            (b"STORED\r\n", ReplyKind::Stored),
            (b"SERVER_ERROR out of memory\r\n", ReplyKind::Failed),
            (b"CLIENT_ERROR bad\r\n", ReplyKind::Failed),
            (b"ERROR\r\n", ReplyKind::Failed),
            (b"NOT_STORED\r\n", ReplyKind::Failed),
            (b"VA 1\r\nx\r\n", ReplyKind::Hit),
            (b"EN\r\n", ReplyKind::Miss),
            (b"HD\r\n", ReplyKind::Stored),
            (&binary(GET, 0), ReplyKind::Hit),
            (&binary(GET, 1), ReplyKind::Miss),
            (&binary(SET, 0), ReplyKind::Stored),
            (&binary(SET, 5), ReplyKind::Failed),
            (b"gets k\r\n", ReplyKind::Unread),
            (b"EN", ReplyKind::Unread),
        ] {
            assert_eq!(kind(0, 1, body), expected, "{body:?}");
        }
    }

    #[test]
    fn a_part_of_a_reply_is_no_reply() {
        assert_eq!(kind(0, 2, b"VALUE k 0 2000\r\n"), ReplyKind::Unread);
        assert_eq!(kind(1, 2, b"VALUE"), ReplyKind::Unread);
        assert_eq!(reply_kind(&[0_u8; 3][..], 0), ReplyKind::Unread);
    }

    #[test]
    fn a_kinds_number_is_its_place() {
        for (place, kind) in (0..).zip(ReplyKind::ALL) {
            assert_eq!(kind as u32, place);
        }
    }
}
