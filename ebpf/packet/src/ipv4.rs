//! IPv4 (RFC 791), options included.

use crate::{Packet, Reason};

/// Length of a header without options, in bytes.
pub const MIN_HEADER_LEN: usize = 20;

/// Where this packet stands in a fragmented datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fragment {
    /// The whole datagram.
    Whole,
    /// The first piece: it carries the transport header.
    First,
    /// A later piece: no ports.
    Later,
}

/// The fields of an IPv4 header that steering needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ipv4 {
    /// Offset of the header.
    pub at: usize,
    /// Header length with options, in bytes (20 to 60).
    pub header_len: usize,
    /// Header and payload together, in bytes, as the header says.
    pub total_len: usize,
    /// Protocol number of the payload.
    pub protocol: u8,
    /// "More fragments" and the fragment offset, as on the wire.
    position: [u8; 2],
}

impl Ipv4 {
    /// Reads the header at `at`. Whether `total_len` fits the frame is the caller's question.
    ///
    /// # Errors
    /// [`Reason::Truncated`] or [`Reason::BadIpHeader`].
    #[inline(always)]
    pub fn read<P: Packet + ?Sized>(p: &P, at: usize) -> Result<Self, Reason> {
        // One comparison for all fields; the optimiser drops the bytes that nobody looks at.
        let header = p.read::<MIN_HEADER_LEN>(at).ok_or(Reason::Truncated)?;
        let [
            version_ihl,
            _,
            len_high,
            len_low,
            _,
            _,
            flags_high,
            offset_low,
            _,
            protocol,
            ..,
        ] = header;
        let header_len = usize::from(version_ihl & 0x0f) * 4;
        let total_len = usize::from(u16::from_be_bytes([len_high, len_low]));
        if version_ihl >> 4 != 4 || header_len < MIN_HEADER_LEN || total_len < header_len {
            return Err(Reason::BadIpHeader);
        }
        let position = [flags_high & 0x3f, offset_low];
        Ok(Self {
            at,
            header_len,
            total_len,
            protocol,
            position,
        })
    }

    /// Whether this is a whole datagram: nothing before it, nothing after it.
    #[inline(always)]
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        self.position[0] | self.position[1] == 0
    }

    /// Where this packet stands in a fragmented datagram.
    #[inline(always)]
    #[must_use]
    pub const fn fragment(&self) -> Fragment {
        if self.is_whole() {
            Fragment::Whole
        } else if self.position[0] & 0x1f | self.position[1] == 0 {
            Fragment::First
        } else {
            Fragment::Later
        }
    }

    /// Source and destination address.
    #[inline(always)]
    pub fn addresses<P: Packet + ?Sized>(&self, p: &P) -> Option<([u8; 4], [u8; 4])> {
        Some((p.read(self.at + 12)?, p.read(self.at + 16)?))
    }
}
