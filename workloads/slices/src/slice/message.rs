//! A packet's buffer as the caller owns it: `struct netslice_iov` of the paper's Figure 2.

use pktio::frame::Port;
use steering::forward::NextLink;

/// Operations on one packet, and what was found of it: `flags` of the paper's `netslice_iov`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Flags(u8);

impl Flags {
    /// None.
    pub const NONE: Self = Self(0);
    /// When written: the IPv4 header's checksum is computed.
    pub const IP_CHECKSUM: Self = Self(1);
    /// When written: the TCP or UDP checksum is computed.
    pub const TRANSPORT_CHECKSUM: Self = Self(2);
    /// When read: the packet was longer than the buffer, and its end is missing.
    pub const TRUNCATED: Self = Self(4);
    /// When written in [routed mode](super::Routed): the packet is this host's own, and no hop on its way.
    pub const OWN: Self = Self(8);

    /// Both sets together.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all of `other` are set.
    #[must_use]
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// A whole frame, from the link header on, in a buffer that is used again and again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    buffer: Box<[u8]>,
    len: usize,
    /// When read: the port by which the packet came. When written: where routing begins, which with
    /// [`Chosen`](super::Chosen) is the port by which it leaves.
    pub port: Port,
    /// Operations on this packet alone.
    pub flags: Flags,
    /// When read: where the kernel's tables sent the packet when it came, if they were asked
    /// ([`SlicesConfig::next_links`](super::SlicesConfig::next_links)) and would. When written: where routed mode sends it, without
    /// asking again. Who readdresses a packet takes it out.
    pub next_link: Option<NextLink>,
}

impl Message {
    /// An empty message with room for so many bytes.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self {
            buffer: vec![0; capacity].into_boxed_slice(),
            len: 0,
            port: Port(0),
            flags: Flags::NONE,
            next_link: None,
        }
    }

    /// A message with these bytes, for a port.
    #[must_use]
    pub fn new(bytes: &[u8], port: Port) -> Self {
        Self {
            buffer: bytes.into(),
            len: bytes.len(),
            port,
            flags: Flags::NONE,
            next_link: None,
        }
    }

    /// Bytes that it has room for (`iov_len`).
    #[must_use]
    pub const fn capacity(&self) -> usize {
        self.buffer.len()
    }

    /// The packet (`iov_base`, as far as `iov_rlen`).
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.buffer[..self.len]
    }

    /// The packet, to be changed in place.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.buffer[..self.len]
    }

    /// The packet is the first `len` bytes of the buffer now (`iov_rlen`).
    ///
    /// # Panics
    /// When the buffer is shorter.
    pub fn set_len(&mut self, len: usize) {
        let capacity = self.capacity();
        assert!(len <= capacity, "{len} bytes in a buffer of {capacity}");
        self.len = len;
    }

    /// Takes a packet that was received over, as much of it as there is room for.
    pub(super) fn fill(&mut self, bytes: &[u8], port: Port, next_link: Option<NextLink>) {
        self.len = bytes.len().min(self.capacity());
        self.buffer[..self.len].copy_from_slice(&bytes[..self.len]);
        self.port = port;
        self.next_link = next_link;
        self.flags = if self.len < bytes.len() {
            Flags::TRUNCATED
        } else {
            Flags::NONE
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_that_does_not_fit_is_cut_and_says_so() {
        let mut message = Message::with_capacity(4);
        message.fill(b"packet", Port(1), None);
        assert_eq!((message.bytes(), message.port), (&b"pack"[..], Port(1)));
        assert!(message.flags.has(Flags::TRUNCATED));
        message.next_link = Some(NextLink {
            device: 2,
            to: [2; 6],
            from: [4; 6],
        });
        message.fill(b"ok", Port(0), None);
        assert_eq!((message.bytes(), message.flags), (&b"ok"[..], Flags::NONE));
        assert_eq!(message.next_link, None, "it was another packet's");
        message.set_len(3);
        assert_eq!(message.bytes(), b"okc");
    }

    #[test]
    fn flags_are_sets() {
        let both = Flags::IP_CHECKSUM.and(Flags::TRANSPORT_CHECKSUM);
        assert!(both.has(Flags::IP_CHECKSUM) && both.has(Flags::TRANSPORT_CHECKSUM));
        assert!(!Flags::IP_CHECKSUM.has(both) && both.has(Flags::NONE));
    }
}
