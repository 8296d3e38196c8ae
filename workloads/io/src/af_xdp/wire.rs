//! Headers of requests and replies, written in place.
//!
//! A reply is the received frame turned round: addresses and ports are swapped, lengths set, and
//! both checksums computed in full, never by an incremental update (see [`packet::checksum`]).
//! IPv4 options of the request are not echoed: the reply starts later in the frame, so that the
//! payload stays where it is. VLAN tags are kept.

use std::net::IpAddr;

use packet::{Addresses, L3, Reason, checksum, ethernet, udp};

/// Length of an IPv4 header as written here, without options.
pub const IPV4_HEADER: usize = 20;
/// Length of an IPv6 header.
pub const IPV6_HEADER: usize = packet::ipv6::HEADER_LEN;

const MACS: usize = 12;
const MOST_TAGS: usize = 2 * ethernet::VLAN_TAG_LEN;
/// Hops that a packet may take (TTL, hop limit), as written here.
pub const TTL: u8 = 64;

/// Bytes that headers may take at most: two VLAN tags, the longest IPv4 header.
pub const MOST_HEADERS: usize = ethernet::HEADER_LEN + MOST_TAGS + 60 + udp::HEADER_LEN;

/// The network protocol of a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Protocol {
    /// The protocol of an address.
    #[must_use]
    pub const fn of(address: IpAddr) -> Self {
        if address.is_ipv4() {
            Self::V4
        } else {
            Self::V6
        }
    }

    /// Bytes of UDP payload that a datagram without IP options may carry under `mtu`.
    #[must_use]
    pub const fn payload_limit(self, mtu: usize) -> usize {
        let network = match self {
            Self::V4 => IPV4_HEADER,
            Self::V6 => IPV6_HEADER,
        };
        mtu - network - udp::HEADER_LEN
    }
}

/// Where things lie in a received frame, as a token carries it. Positions count from the start
/// of the frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// The network protocol.
    pub protocol: Protocol,
    /// Start of the network header, behind any VLAN tags.
    pub network_at: u16,
    /// Start of the UDP payload.
    pub payload_at: u16,
    /// Length of the UDP payload.
    pub payload_len: u16,
    /// UDP source port, host order.
    pub source_port: u16,
    /// UDP destination port, host order.
    pub destination_port: u16,
}

/// Finds the UDP datagram in a frame, which is shorter than 64 KiB.
///
/// # Errors
/// The reason why it is none.
pub fn parse(frame: &[u8]) -> Result<Layout, Reason> {
    let datagram = packet::datagram(frame).map_err(|refusal| refusal.reason)?;
    let (protocol, network_at) = match datagram.l3 {
        L3::V4(ip) => (Protocol::V4, ip.at),
        L3::V6(ip) => (Protocol::V6, ip.at),
    };
    Ok(Layout {
        protocol,
        network_at: network_at as u16,
        payload_at: datagram.payload_at as u16,
        payload_len: datagram.payload_len as u16,
        source_port: datagram.src_port,
        destination_port: datagram.dst_port,
    })
}

/// VLAN tags as they stand between the MAC addresses and the EtherType.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tags {
    bytes: [u8; MOST_TAGS],
    len: u8,
}

impl Tags {
    /// No tag.
    pub const NONE: Self = Self {
        bytes: [0; MOST_TAGS],
        len: 0,
    };

    fn of(frame: &[u8], network_at: usize) -> Self {
        let len = network_at - ethernet::HEADER_LEN;
        let mut bytes = [0; MOST_TAGS];
        bytes[..len].copy_from_slice(&frame[MACS..MACS + len]);
        Self {
            bytes,
            len: len as u8,
        }
    }

    fn as_slice(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

/// Everything that the headers of one frame say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Headers {
    /// Destination MAC.
    pub destination_mac: [u8; 6],
    /// Source MAC.
    pub source_mac: [u8; 6],
    /// VLAN tags.
    pub tags: Tags,
    /// Network addresses.
    pub addresses: Addresses,
    /// UDP source port.
    pub source_port: u16,
    /// UDP destination port.
    pub destination_port: u16,
}

impl Headers {
    /// The headers that answer `frame`, which has this `layout`.
    ///
    /// # Panics
    /// When the layout is not the frame's.
    #[must_use]
    pub fn answering(frame: &[u8], layout: &Layout) -> Self {
        let network = usize::from(layout.network_at);
        let addresses = match layout.protocol {
            Protocol::V4 => Addresses::V4(bytes(frame, network + 16), bytes(frame, network + 12)),
            Protocol::V6 => Addresses::V6(bytes(frame, network + 24), bytes(frame, network + 8)),
        };
        Self {
            destination_mac: bytes(frame, 6),
            source_mac: bytes(frame, 0),
            tags: Tags::of(frame, network),
            addresses,
            source_port: layout.destination_port,
            destination_port: layout.source_port,
        }
    }

    const fn network_len(&self) -> usize {
        match self.addresses {
            Addresses::V4(..) => IPV4_HEADER,
            Addresses::V6(..) => IPV6_HEADER,
        }
    }

    /// Bytes that these headers take, always at least those of Ethernet, IPv4 and UDP.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "headers are never empty")]
    pub const fn len(&self) -> usize {
        ethernet::HEADER_LEN + self.tags.len as usize + self.network_len() + udp::HEADER_LEN
    }

    /// Writes the headers in front of the payload: `frame` is headers and payload exactly.
    ///
    /// # Panics
    /// When `frame` is shorter than the headers or longer than a datagram may be.
    pub fn write(&self, frame: &mut [u8]) {
        let (link, packet) = frame.split_at_mut(ethernet::HEADER_LEN + usize::from(self.tags.len));
        self.write_link(link);
        let (network, segment) = packet.split_at_mut(self.network_len());
        self.write_udp(segment);
        let len = u16::try_from(segment.len()).expect("a datagram fits its length field");
        let checksum = match self.addresses {
            Addresses::V4(source, destination) => {
                write_ipv4(network, len, source, destination);
                checksum::udp_v4(source, destination, segment)
            }
            Addresses::V6(source, destination) => {
                write_ipv6(network, len, source, destination);
                checksum::udp_v6(source, destination, segment)
            }
        };
        segment[6..8].copy_from_slice(&checksum.to_be_bytes());
    }

    fn write_link(&self, link: &mut [u8]) {
        let kind = match self.addresses {
            Addresses::V4(..) => ethernet::IPV4,
            Addresses::V6(..) => ethernet::IPV6,
        };
        let (macs, rest) = link.split_at_mut(MACS);
        macs[..6].copy_from_slice(&self.destination_mac);
        macs[6..].copy_from_slice(&self.source_mac);
        let (tags, ethertype) = rest.split_at_mut(usize::from(self.tags.len));
        tags.copy_from_slice(self.tags.as_slice());
        ethertype.copy_from_slice(&kind.to_be_bytes());
    }

    fn write_udp(&self, segment: &mut [u8]) {
        let len = u16::try_from(segment.len()).expect("a datagram fits its length field");
        segment[..2].copy_from_slice(&self.source_port.to_be_bytes());
        segment[2..4].copy_from_slice(&self.destination_port.to_be_bytes());
        segment[4..6].copy_from_slice(&len.to_be_bytes());
        segment[6..8].fill(0);
    }
}

fn bytes<const N: usize>(frame: &[u8], at: usize) -> [u8; N] {
    *frame[at..]
        .first_chunk()
        .expect("the layout lies inside the frame")
}

fn write_ipv4(header: &mut [u8], segment: u16, source: [u8; 4], destination: [u8; 4]) {
    let total = segment + IPV4_HEADER as u16;
    header[..2].copy_from_slice(&[0x45, 0]);
    header[2..4].copy_from_slice(&total.to_be_bytes());
    // No identification is needed: with DF set the packet is atomic (RFC 6864, section 4).
    header[4..8].copy_from_slice(&[0, 0, 0x40, 0]);
    header[8..12].copy_from_slice(&[TTL, udp::PROTOCOL, 0, 0]);
    header[12..16].copy_from_slice(&source);
    header[16..20].copy_from_slice(&destination);
    let checksum = checksum::ipv4_header(header);
    header[10..12].copy_from_slice(&checksum.to_be_bytes());
}

fn write_ipv6(header: &mut [u8], segment: u16, source: [u8; 16], destination: [u8; 16]) {
    header[..4].copy_from_slice(&[0x60, 0, 0, 0]);
    header[4..6].copy_from_slice(&segment.to_be_bytes());
    header[6..8].copy_from_slice(&[udp::PROTOCOL, TTL]);
    header[8..24].copy_from_slice(&source);
    header[24..40].copy_from_slice(&destination);
}

#[cfg(test)]
#[path = "wire_tests.rs"]
mod tests;
