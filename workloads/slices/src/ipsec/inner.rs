//! What the tunnel needs to know of the packet that it carries.

use packet::checksum::Sum;
use packet::ipv4::{self, Ipv4};
use packet::ipv6::{self, Ipv6};
use packet::{Packet as _, Reason};

/// Protocol number of IPv4 in something (RFC 2003).
const OVER_IPV4: u8 = 4;
/// Protocol number of IPv6 in something (RFC 2473).
const OVER_IPV6: u8 = 41;

/// Version of a packet inside the tunnel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    V4,
    V6,
}

impl Version {
    pub(crate) const fn of_ethertype(ethertype: u16) -> Option<Self> {
        match ethertype {
            packet::ethernet::IPV4 => Some(Self::V4),
            packet::ethernet::IPV6 => Some(Self::V6),
            _ => None,
        }
    }

    pub(crate) const fn ethertype(self) -> u16 {
        match self {
            Self::V4 => packet::ethernet::IPV4,
            Self::V6 => packet::ethernet::IPV6,
        }
    }

    pub(crate) const fn of_next_header(number: u8) -> Option<Self> {
        match number {
            OVER_IPV4 => Some(Self::V4),
            OVER_IPV6 => Some(Self::V6),
            _ => None,
        }
    }

    pub(crate) const fn next_header(self) -> u8 {
        match self {
            Self::V4 => OVER_IPV4,
            Self::V6 => OVER_IPV6,
        }
    }
}

/// A packet's properties.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Inner {
    /// Bytes by its header; they are all there.
    pub(crate) len: usize,
    /// DSCP and ECN.
    pub(crate) traffic_class: u8,
    /// Whether nobody may fragment it on the way: always, with IPv6.
    pub(crate) whole: bool,
}

impl Inner {
    /// Reads the packet at the start of `bytes`, which may go on behind it.
    pub(crate) fn read(version: Version, bytes: &[u8]) -> Result<Self, Reason> {
        let (len, traffic_class, whole) = match version {
            Version::V4 => {
                let ip = Ipv4::read(bytes, 0)?;
                let [_, class, _, _, _, _, flags, _] =
                    bytes.read::<8>(0).ok_or(Reason::Truncated)?;
                (ip.total_len, class, flags & 0x40 != 0)
            }
            Version::V6 => {
                let ip = Ipv6::read(bytes, 0)?;
                let [high, low] = bytes.read::<2>(0).ok_or(Reason::Truncated)?;
                (
                    ipv6::HEADER_LEN + ip.payload_len,
                    high << 4 | low >> 4,
                    true,
                )
            }
        };
        if len > bytes.len() {
            return Err(Reason::Truncated);
        }
        Ok(Self {
            len,
            traffic_class,
            whole,
        })
    }
}

/// Writes DSCP and ECN into the packet at the start of `bytes`, which was read with success.
pub(crate) fn set_traffic_class(version: Version, bytes: &mut [u8], class: u8) {
    match version {
        Version::V4 => {
            let word = |bytes: &[u8], at: usize| u16::from_be_bytes([bytes[at], bytes[at + 1]]);
            let (sum, before) = (word(bytes, 10), word(bytes, 0));
            bytes[1] = class;
            let after = word(bytes, 0);
            // RFC 1624, equation 3.
            let sum = Sum::new().word(!sum).word(!before).word(after).finish();
            bytes[10..12].copy_from_slice(&sum.to_be_bytes());
        }
        Version::V6 => {
            bytes[0] = bytes[0] & 0xf0 | class >> 4;
            bytes[1] = bytes[1] & 0x0f | class << 4;
        }
    }
}

/// Whether the header checksum of the IPv4 packet at the start of `bytes`, which was read with success, is right.
pub(crate) fn intact(bytes: &[u8]) -> bool {
    let header_len = usize::from(bytes[0] & 0x0f) * 4;
    debug_assert!(header_len >= ipv4::MIN_HEADER_LEN, "read before");
    packet::checksum::ipv4_header(&bytes[..header_len]) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_class_leaves_an_intact_header() {
        let mut header = [
            0x45, 0, 0, 20, 0x1c, 0x46, 0x40, 0, 64, 17, 0, 0, 198, 18, 0, 1, 198, 18, 0, 2,
        ];
        let sum = packet::checksum::ipv4_header(&header);
        header[10..12].copy_from_slice(&sum.to_be_bytes());
        for class in 0..=255 {
            set_traffic_class(Version::V4, &mut header, class);
            assert!(intact(&header), "{class}");
            let inner = Inner::read(Version::V4, &header).unwrap();
            assert_eq!(inner.traffic_class, class);
        }
        let mut header = [0x6f; ipv6::HEADER_LEN];
        header[4..6].fill(0);
        for class in 0..=255 {
            set_traffic_class(Version::V6, &mut header, class);
            let inner = Inner::read(Version::V6, &header).unwrap();
            assert_eq!(inner.traffic_class, class);
            assert_eq!((header[0] >> 4, header[1] & 0x0f), (6, 0x0f));
        }
    }

    #[test]
    fn a_packet_longer_than_its_frame_is_truncated() {
        let mut header = [0; ipv6::HEADER_LEN];
        header[0] = 0x60;
        header[5] = 1;
        assert_eq!(Inner::read(Version::V6, &header), Err(Reason::Truncated));
        assert_eq!(Inner::read(Version::V4, &header), Err(Reason::BadIpHeader));
        assert_eq!(Inner::read(Version::V6, &[]), Err(Reason::Truncated));
    }
}
