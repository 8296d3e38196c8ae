//! Why a datagram that is ours is discarded. Each reason is a counter in the kernel.

use packet::Reason;

/// A named reason for which the steering program drops a datagram.
///
/// The number is the reason's place in the counter map (see [`crate::layout`]). It is as wide as an
/// owner's, so that a verdict is two plain numbers: otherwise BPF packs and unpacks it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u16)]
pub enum Drop {
    /// A header, the command or its key ends before it should.
    Truncated = 0,
    /// The UDP length field contradicts the IP header.
    BadUdpLength = 1,
    /// The first piece of a fragmented datagram.
    Fragment = 2,
    /// An IPv6 extension header stands before UDP.
    Ipv6Extension = 3,
    /// A memcached request spread over several datagrams.
    MultiDatagram = 4,
    /// The memcached frame header's sequence number is not 0.
    BadFrameHeader = 5,
    /// A text command's key cannot be found for certain: a blank stands before the command, or an
    /// expiry time is longer than any number.
    BadCommandLine = 6,
    /// A command that needs a key has none.
    EmptyKey = 7,
    /// The key is longer than [`crate::MAX_KEY_LEN`].
    KeyTooLong = 8,
    /// A text key contains a control character.
    BadKeyByte = 9,
    /// A binary header's lengths contradict one another.
    BadBinaryHeader = 10,
    /// The table or the port names an owner that does not exist.
    NoOwner = 11,
    /// Where requests are to be sealed: not a sealed request, or of another version.
    BadSealedHeader = 12,
    /// Where requests are to be calls: not a call, or of another version, or its lengths are impossible.
    BadRpcHeader = 13,
}

impl Drop {
    /// Every reason, in the order of their numbers.
    pub const ALL: [Self; 14] = [
        Self::Truncated,
        Self::BadUdpLength,
        Self::Fragment,
        Self::Ipv6Extension,
        Self::MultiDatagram,
        Self::BadFrameHeader,
        Self::BadCommandLine,
        Self::EmptyKey,
        Self::KeyTooLong,
        Self::BadKeyByte,
        Self::BadBinaryHeader,
        Self::NoOwner,
        Self::BadSealedHeader,
        Self::BadRpcHeader,
    ];

    /// The name in results: `drop_<name>` is a column.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Truncated => "truncated",
            Self::BadUdpLength => "bad_udp_length",
            Self::Fragment => "fragment",
            Self::Ipv6Extension => "ipv6_extension",
            Self::MultiDatagram => "multi_datagram",
            Self::BadFrameHeader => "bad_frame_header",
            Self::BadCommandLine => "bad_command_line",
            Self::EmptyKey => "empty_key",
            Self::KeyTooLong => "key_too_long",
            Self::BadKeyByte => "bad_key_byte",
            Self::BadBinaryHeader => "bad_binary_header",
            Self::NoOwner => "no_owner",
            Self::BadSealedHeader => "bad_sealed_header",
            Self::BadRpcHeader => "bad_rpc_header",
        }
    }

    /// The counter's number.
    #[inline(always)]
    #[must_use]
    pub const fn index(self) -> u32 {
        self as u32
    }

    /// The reason for dropping what could not be read as a datagram, although it goes to a port
    /// of ours; `None` for what never shows a port.
    #[inline(always)]
    #[must_use]
    pub const fn of_refusal(reason: Reason) -> Option<Self> {
        match reason {
            Reason::Truncated => Some(Self::Truncated),
            Reason::BadUdpLength => Some(Self::BadUdpLength),
            Reason::Fragment => Some(Self::Fragment),
            Reason::Ipv6Extension => Some(Self::Ipv6Extension),
            Reason::NotIp | Reason::NotUdp | Reason::VlanStacked | Reason::BadIpHeader => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_positions() {
        for (position, reason) in Drop::ALL.iter().enumerate() {
            assert_eq!(reason.index() as usize, position);
        }
    }

    #[test]
    fn names_are_distinct() {
        for (i, a) in Drop::ALL.iter().enumerate() {
            assert!(Drop::ALL[..i].iter().all(|b| a.name() != b.name()));
        }
    }
}
