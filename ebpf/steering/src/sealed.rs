//! Sealed datagrams: everything that memcached says is encrypted, and what steers stands before it.
//!
//! ENCP'19, section 4 ("Packet encryption"), asks how a request can be steered whose key the NIC cannot
//! read. Here client and server share a pseudo-random function that the NIC does not have; its value for
//! the key, the **token**, stands in the clear. Equal keys have equal tokens, so a table of the tokens'
//! slots steers as one of the keys' does. The header, all numbers big-endian:
//!
//! | at | bytes | field |
//! |---|---|---|
//! | 0 | 1 | [`MAGIC`] |
//! | 1 | 1 | [`VERSION`] |
//! | 2 | 1 | [`Kind`]: 0 request, 1 reply |
//! | 3 | 1 | reserved, 0 |
//! | 4 | 4 | sender: of a request its flow, of a reply the thread that answers |
//! | 8 | 8 | number: this sender's datagrams of this kind, from 0 on |
//! | 16 | 8 | subject: of a request the key's token, of a reply the number of the request |
//! | 24 | n | memcached's frame header and body, encrypted |
//! | 24 + n | 16 | the cipher's tag over header and ciphertext |
//!
//! Sender and number together are the cipher's nonce. docs/encryption.md says what is kept secret, and
//! what is not.

use packet::Packet;

use crate::{Drop, frame};

/// First byte of a sealed datagram.
pub const MAGIC: u8 = 0xe5;
/// The only version of the format so far.
pub const VERSION: u8 = 1;
/// Bytes in the clear.
pub const HEADER_LEN: usize = 24;
/// Bytes of the tag at the end.
pub const TAG_LEN: usize = 16;
/// Bytes that sealing adds to a datagram.
pub const OVERHEAD: usize = HEADER_LEN + TAG_LEN;
/// Bytes of the shortest sealed datagram: memcached's frame header alone.
const LEAST: usize = OVERHEAD + frame::HEADER_LEN;
/// Where the subject stands.
const SUBJECT_AT: usize = 16;

/// What a sealed datagram is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// From client to server.
    Request = 0,
    /// From server to client.
    Reply = 1,
}

/// The clear part of a sealed datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// What the datagram is.
    pub kind: Kind,
    /// Who sends: the flow of a request, the thread that answers.
    pub sender: u32,
    /// How many datagrams of this kind this sender has sent before.
    pub number: u64,
    /// The token of the request's key, or the number of the request that is answered.
    pub subject: u64,
}

/// The first four bytes of a datagram of this kind.
#[inline(always)]
const fn start(kind: Kind) -> [u8; 4] {
    [MAGIC, VERSION, kind as u8, 0]
}

impl Header {
    /// The header's bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; HEADER_LEN] {
        let mut bytes = [0; HEADER_LEN];
        bytes[..4].copy_from_slice(&start(self.kind));
        bytes[4..8].copy_from_slice(&self.sender.to_be_bytes());
        bytes[8..SUBJECT_AT].copy_from_slice(&self.number.to_be_bytes());
        bytes[SUBJECT_AT..].copy_from_slice(&self.subject.to_be_bytes());
        bytes
    }

    /// Reads the header of a datagram of this kind; `None` where it is none.
    #[must_use]
    pub fn decode(kind: Kind, datagram: &[u8]) -> Option<Self> {
        let bytes = datagram.first_chunk::<HEADER_LEN>()?;
        if bytes[..4] != start(kind) {
            return None;
        }
        let long = |at: usize| bytes[at..].first_chunk().copied().map(u64::from_be_bytes);
        Some(Self {
            kind,
            sender: u32::from_be_bytes(*bytes[4..].first_chunk()?),
            number: long(8)?,
            subject: long(SUBJECT_AT)?,
        })
    }

    /// What is the same in no two datagrams of one kind: sender and number as they stand on the wire.
    #[must_use]
    pub fn nonce(&self) -> [u8; 12] {
        let mut nonce = [0; 12];
        nonce[..4].copy_from_slice(&self.sender.to_be_bytes());
        nonce[4..].copy_from_slice(&self.number.to_be_bytes());
        nonce
    }
}

/// The token of the sealed request whose UDP payload lies from `at` to `end`.
///
/// # Errors
/// [`Drop::Truncated`] for what is too short to be sealed, [`Drop::BadSealedHeader`] for what is not a
/// request of this version.
#[inline(always)]
pub fn token<P: Packet + ?Sized>(p: &P, at: usize, end: usize) -> Result<u64, Drop> {
    if at + LEAST > end {
        return Err(Drop::Truncated);
    }
    let begins = p.read::<4>(at).ok_or(Drop::Truncated)?;
    if u32::from_le_bytes(begins) != const { u32::from_le_bytes(start(Kind::Request)) } {
        return Err(Drop::BadSealedHeader);
    }
    p.read::<8>(at + SUBJECT_AT)
        .map(u64::from_be_bytes)
        .ok_or(Drop::Truncated)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: Header = Header {
        kind: Kind::Request,
        sender: 0x0102_0304,
        number: 0x0506_0708_090a_0b0c,
        subject: 0x1112_1314_1516_1718,
    };

    #[test]
    fn the_header_is_as_documented_and_comes_back() {
        let bytes = HEADER.encode();
        let wire = [
            0xe5, 1, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0x11, 0x12, 0x13, 0x14, 0x15,
            0x16, 0x17, 0x18,
        ];
        assert_eq!(bytes, wire);
        assert_eq!(HEADER.nonce(), wire[4..16]);
        assert_eq!(Header::decode(Kind::Request, &bytes), Some(HEADER));
        assert_eq!(Header::decode(Kind::Reply, &bytes), None);
        assert_eq!(Header::decode(Kind::Request, &bytes[..23]), None);
    }

    #[test]
    fn each_byte_of_the_start_counts_and_none_behind_it() {
        let mut datagram = [0; LEAST];
        datagram[..HEADER_LEN].copy_from_slice(&HEADER.encode());
        let read = |datagram: &[u8; LEAST]| token(datagram.as_slice(), 0, LEAST);
        assert_eq!(read(&datagram), Ok(HEADER.subject));
        for at in 0..LEAST {
            let mut changed = datagram;
            changed[at] ^= 0x40;
            match at {
                0..4 => assert_eq!(read(&changed), Err(Drop::BadSealedHeader)),
                16..24 => assert!(read(&changed).is_ok_and(|it| it != HEADER.subject)),
                _ => assert_eq!(read(&changed), Ok(HEADER.subject)),
            }
        }
    }

    #[test]
    fn what_is_too_short_is_truncated() {
        let mut datagram = [0; LEAST];
        datagram[..HEADER_LEN].copy_from_slice(&HEADER.encode());
        for end in 0..LEAST {
            let cut = token(datagram.as_slice(), 0, end);
            assert_eq!(cut, Err(Drop::Truncated));
            assert_eq!(token(&datagram[..end], 0, LEAST.min(end)), cut);
        }
    }
}
