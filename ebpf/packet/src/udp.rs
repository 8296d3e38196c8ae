//! UDP (RFC 768).

use crate::Packet;

/// Length of the header in bytes.
pub const HEADER_LEN: usize = 8;
/// Where the checksum stands in the header.
pub const CHECKSUM_AT: usize = 6;
/// Where the destination port stands in the header.
pub const DST_PORT_AT: usize = 2;
/// IP protocol number.
pub const PROTOCOL: u8 = 17;

/// A UDP header's ports and length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Udp {
    /// Source port, host byte order.
    pub src_port: u16,
    /// Destination port, host byte order.
    pub dst_port: u16,
    /// Header and payload together, in bytes, as the header says.
    pub len: usize,
}

impl Udp {
    /// Reads the header at `at`; `None` where the frame ends first.
    #[inline(always)]
    pub fn read<P: Packet + ?Sized>(p: &P, at: usize) -> Option<Self> {
        let [s1, s0, d1, d0, l1, l0, _, _] = p.read::<8>(at)?;
        Some(Self {
            src_port: u16::from_be_bytes([s1, s0]),
            dst_port: u16::from_be_bytes([d1, d0]),
            len: usize::from(u16::from_be_bytes([l1, l0])),
        })
    }
}
