//! The frame header of memcached over UDP (protocol.txt, "UDP protocol"): request id, sequence
//! number, number of datagrams, reserved; 16 bits each, big-endian.

use packet::Packet;

use crate::Drop;

/// Length of the frame header in bytes.
pub const HEADER_LEN: usize = 8;

/// Sequence number and total, in a header read as a little-endian word.
const SEQUENCE_AND_TOTAL: u64 = 0x0000_ffff_ffff_0000;
/// Sequence number 0 of 1 datagram, read the same way.
const ONLY_ONE: u64 = 0x0000_0100_0000_0000;
/// The total alone.
const TOTAL: u64 = 0x0000_ffff_0000_0000;

/// Checks the header at `at`; the payload ends at `end`. Returns where the command starts.
///
/// # Errors
/// [`Drop::Truncated`], [`Drop::MultiDatagram`] or [`Drop::BadFrameHeader`].
#[inline(always)]
pub fn check<P: Packet + ?Sized>(p: &P, at: usize, end: usize) -> Result<usize, Drop> {
    let body = at + HEADER_LEN;
    if body > end {
        return Err(Drop::Truncated);
    }
    let header = u64::from_le_bytes(p.read::<8>(at).ok_or(Drop::Truncated)?);
    if header & SEQUENCE_AND_TOTAL == ONLY_ONE {
        return Ok(body);
    }
    Err(if header & TOTAL == ONLY_ONE {
        Drop::BadFrameHeader
    } else {
        Drop::MultiDatagram
    })
}
