//! The frame header of memcached over UDP (protocol.txt, "UDP protocol"): request id, sequence
//! number, number of datagrams, reserved; 16 bits each, big-endian.

use packet::Packet;

use crate::Drop;
use crate::words::word;

/// Length of the frame header in bytes.
pub const HEADER_LEN: usize = 8;

/// Sequence number and total, in a header read as a little-endian word.
const SEQUENCE_AND_TOTAL: u64 = 0x0000_ffff_ffff_0000;
/// Sequence number 0 of 1 datagram, read the same way.
const ONLY_ONE: u64 = 0x0000_0100_0000_0000;
/// The total alone.
const TOTAL: u64 = 0x0000_ffff_0000_0000;

/// The start of a memcached datagram, checked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Start {
    /// Where the command starts.
    pub(crate) at: usize,
    /// Its first eight bytes, by the rules of [`word`].
    pub(crate) first: u64,
}

/// Checks the header at `at` and reads the first word behind it; the payload ends at `end`.
#[inline(always)]
pub(crate) fn start<P: Packet + ?Sized>(p: &P, at: usize, end: usize) -> Result<Start, Drop> {
    let body = at + HEADER_LEN;
    if body > end {
        return Err(Drop::Truncated);
    }
    // Nearly always both words are inside the frame, and one comparison does for them.
    let (header, first) = match p.read::<16>(at) {
        Some(bytes) => {
            let both = u128::from_le_bytes(bytes);
            (both as u64, (both >> 64) as u64)
        }
        None => {
            let header = p
                .read::<8>(at)
                .map(u64::from_le_bytes)
                .ok_or(Drop::Truncated)?;
            check(header)?;
            (header, word(p, body, end).ok_or(Drop::Truncated)?)
        }
    };
    check(header)?;
    Ok(Start { at: body, first })
}

#[inline(always)]
const fn check(header: u64) -> Result<(), Drop> {
    if header & SEQUENCE_AND_TOTAL == ONLY_ONE {
        return Ok(());
    }
    Err(if header & TOTAL == ONLY_ONE {
        Drop::BadFrameHeader
    } else {
        Drop::MultiDatagram
    })
}
