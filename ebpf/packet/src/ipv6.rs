//! IPv6 (RFC 8200). Extension headers are recognised, not walked.

use crate::{Packet, Reason};

/// Length of the fixed header in bytes.
pub const HEADER_LEN: usize = 40;
/// Next-header number of a fragment header.
pub const FRAGMENT: u8 = 44;

/// The fields of an IPv6 header that steering needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ipv6 {
    /// Offset of the header.
    pub at: usize,
    /// Bytes behind the fixed header, as the header says.
    pub payload_len: usize,
    /// Number of the header that follows.
    pub next_header: u8,
}

impl Ipv6 {
    /// Reads the fixed header at `at`.
    ///
    /// # Errors
    /// [`Reason::Truncated`] or [`Reason::BadIpHeader`].
    #[inline(always)]
    pub fn read<P: Packet + ?Sized>(p: &P, at: usize) -> Result<Self, Reason> {
        let [first, _, _, _, len_high, len_low, next_header, _] =
            p.read::<8>(at).ok_or(Reason::Truncated)?;
        if first >> 4 != 6 {
            return Err(Reason::BadIpHeader);
        }
        let payload_len = usize::from(u16::from_be_bytes([len_high, len_low]));
        Ok(Self {
            at,
            payload_len,
            next_header,
        })
    }

    /// Source and destination address.
    #[inline(always)]
    pub fn addresses<P: Packet + ?Sized>(&self, p: &P) -> Option<([u8; 16], [u8; 16])> {
        Some((p.read(self.at + 8)?, p.read(self.at + 24)?))
    }
}

/// Whether `next_header` names an extension header behind which a transport header can stand in
/// the clear: hop-by-hop, routing, authentication, destination options, mobility, HIP, shim6.
/// The fragment header is [`FRAGMENT`]; ESP (50) hides what follows and is no extension here.
#[inline(always)]
#[must_use]
pub const fn is_extension(next_header: u8) -> bool {
    matches!(next_header, 0 | 43 | 51 | 60 | 135 | 139 | 140)
}
