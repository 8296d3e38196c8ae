//! Headers of requests and replies, written in place.
//!
//! A reply is the received frame turned round: addresses and ports are swapped, lengths set, and
//! both checksums computed in full. Incremental updates (RFC 1624) would be wrong: a kernel
//! sender on veth hands over CHECKSUM_PARTIAL frames whose checksum field holds only the
//! pseudo-header sum. The UDP checksum is mandatory over IPv6 (RFC 8200, 8.1). IPv4 options of
//! the request are not echoed: the reply starts later in the frame, so that the payload stays
//! where it is. An 802.1Q tag is kept.

use std::net::{Ipv4Addr, Ipv6Addr};

const ETHERNET: usize = 14;
const VLAN: usize = 4;
const IPV4: usize = 20;
const IPV6: usize = 40;
const UDP: usize = 8;
const TTL: u8 = 64;

/// Why a frame is not a UDP datagram that can be served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Foreign {
    /// Shorter than its headers say.
    Truncated,
    /// Neither IPv4 nor IPv6.
    NotIp,
    /// A fragment.
    Fragment,
    /// Not UDP (IPv6 extension headers count here).
    NotUdp,
}

/// The family of a datagram, and what its reply needs of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

/// Where things lie in a received frame. All positions count from the start of the frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// The family of the network header.
    pub family: Family,
    /// Start of the network header: 14, or 18 with an 802.1Q tag.
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

fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

/// Finds the UDP datagram in a frame.
///
/// # Errors
/// The reason why it is none.
pub fn parse(frame: &[u8]) -> Result<Layout, Foreign> {
    let mut kind = be16(frame, 12).ok_or(Foreign::Truncated)?;
    let mut network_at = ETHERNET;
    if kind == 0x8100 {
        kind = be16(frame, 16).ok_or(Foreign::Truncated)?;
        network_at += VLAN;
    }
    let network = &frame[network_at..];
    let (family, header, end) = match kind {
        0x0800 => ipv4(network)?,
        0x86dd => ipv6(network)?,
        _ => return Err(Foreign::NotIp),
    };
    let datagram = network.get(header..end).ok_or(Foreign::Truncated)?;
    let length = usize::from(be16(datagram, 4).ok_or(Foreign::Truncated)?);
    if length < UDP || length > datagram.len() {
        return Err(Foreign::Truncated);
    }
    Ok(Layout {
        family,
        network_at: network_at as u16,
        payload_at: (network_at + header + UDP) as u16,
        payload_len: (length - UDP) as u16,
        source_port: be16(datagram, 0).ok_or(Foreign::Truncated)?,
        destination_port: be16(datagram, 2).ok_or(Foreign::Truncated)?,
    })
}

fn ipv4(network: &[u8]) -> Result<(Family, usize, usize), Foreign> {
    let fixed = network.get(..IPV4).ok_or(Foreign::Truncated)?;
    let header = usize::from(fixed[0] & 0x0f) * 4;
    if fixed[0] >> 4 != 4 || header < IPV4 {
        return Err(Foreign::NotIp);
    }
    let total = usize::from(u16::from_be_bytes([fixed[2], fixed[3]]));
    if total < header || total > network.len() {
        return Err(Foreign::Truncated);
    }
    // More-fragments, or an offset.
    if u16::from_be_bytes([fixed[6], fixed[7]]) & 0x3fff != 0 {
        return Err(Foreign::Fragment);
    }
    if i32::from(fixed[9]) != libc::IPPROTO_UDP {
        return Err(Foreign::NotUdp);
    }
    Ok((Family::V4, header, total))
}

fn ipv6(network: &[u8]) -> Result<(Family, usize, usize), Foreign> {
    let fixed = network.get(..IPV6).ok_or(Foreign::Truncated)?;
    if fixed[0] >> 4 != 6 {
        return Err(Foreign::NotIp);
    }
    let total = IPV6 + usize::from(u16::from_be_bytes([fixed[4], fixed[5]]));
    if total > network.len() {
        return Err(Foreign::Truncated);
    }
    match i32::from(fixed[6]) {
        libc::IPPROTO_UDP => Ok((Family::V6, IPV6, total)),
        libc::IPPROTO_FRAGMENT => Err(Foreign::Fragment),
        _ => Err(Foreign::NotUdp),
    }
}

/// Addresses of a datagram to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Addresses {
    /// IPv4 source and destination.
    V4(Ipv4Addr, Ipv4Addr),
    /// IPv6 source and destination.
    V6(Ipv6Addr, Ipv6Addr),
}

/// Everything that the headers of one frame say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Headers {
    /// Destination MAC.
    pub destination_mac: [u8; 6],
    /// Source MAC.
    pub source_mac: [u8; 6],
    /// The 802.1Q tag control information, where the frame is tagged.
    pub vlan: Option<u16>,
    /// Network addresses.
    pub addresses: Addresses,
    /// UDP source port.
    pub source_port: u16,
    /// UDP destination port.
    pub destination_port: u16,
}

impl Headers {
    /// The headers that answer the frame with this `layout`.
    #[must_use]
    pub fn answering(frame: &[u8], layout: &Layout) -> Self {
        let mac = |at: usize| -> [u8; 6] { frame[at..at + 6].try_into().expect("6 bytes") };
        let network = usize::from(layout.network_at);
        let addresses = match layout.family {
            Family::V4 => {
                let ip = |at: usize| {
                    let bytes: [u8; 4] = frame[at..at + 4].try_into().expect("4 bytes");
                    Ipv4Addr::from(bytes)
                };
                Addresses::V4(ip(network + 16), ip(network + 12))
            }
            Family::V6 => {
                let ip = |at: usize| {
                    let bytes: [u8; 16] = frame[at..at + 16].try_into().expect("16 bytes");
                    Ipv6Addr::from(bytes)
                };
                Addresses::V6(ip(network + 24), ip(network + 8))
            }
        };
        Self {
            destination_mac: mac(6),
            source_mac: mac(0),
            vlan: (network > ETHERNET).then(|| u16::from_be_bytes([frame[14], frame[15]])),
            addresses,
            source_port: layout.destination_port,
            destination_port: layout.source_port,
        }
    }

    /// Bytes that these headers take.
    #[must_use]
    pub const fn len(&self) -> usize {
        let network = match self.addresses {
            Addresses::V4(..) => IPV4,
            Addresses::V6(..) => IPV6,
        };
        let tag = if self.vlan.is_some() { VLAN } else { 0 };
        ETHERNET + tag + network + UDP
    }

    /// Never true: there is always an Ethernet header.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        false
    }

    /// Writes the headers in front of the payload: `frame` is headers and payload exactly.
    ///
    /// # Panics
    /// When `frame` is shorter than the headers or longer than a datagram may be.
    pub fn write(&self, frame: &mut [u8]) {
        frame[..6].copy_from_slice(&self.destination_mac);
        frame[6..12].copy_from_slice(&self.source_mac);
        let mut at = 12;
        if let Some(tag) = self.vlan {
            frame[12..14].copy_from_slice(&[0x81, 0x00]);
            frame[14..16].copy_from_slice(&tag.to_be_bytes());
            at = 16;
        }
        let kind: [u8; 2] = match self.addresses {
            Addresses::V4(..) => [0x08, 0x00],
            Addresses::V6(..) => [0x86, 0xdd],
        };
        frame[at..at + 2].copy_from_slice(&kind);
        let network = &mut frame[at + 2..];
        let pseudo = match self.addresses {
            Addresses::V4(source, destination) => write_ipv4(network, source, destination),
            Addresses::V6(source, destination) => write_ipv6(network, source, destination),
        };
        let header = self.len() - UDP - (at + 2);
        self.write_udp(&mut network[header..], pseudo);
    }

    fn write_udp(&self, datagram: &mut [u8], pseudo: u64) {
        let length = u16::try_from(datagram.len()).expect("a datagram fits its length field");
        datagram[..2].copy_from_slice(&self.source_port.to_be_bytes());
        datagram[2..4].copy_from_slice(&self.destination_port.to_be_bytes());
        datagram[4..6].copy_from_slice(&length.to_be_bytes());
        datagram[6..8].fill(0);
        let sum = pseudo + u64::from(length) + libc::IPPROTO_UDP as u64 + sum(datagram);
        // A sum of 0 would say "no checksum" (RFC 768).
        let checksum = match fold(sum) {
            0 => 0xffff,
            checksum => checksum,
        };
        datagram[6..8].copy_from_slice(&checksum.to_be_bytes());
    }
}

/// Writes the header over `packet` (header and datagram); returns the sum of the addresses.
fn write_ipv4(packet: &mut [u8], source: Ipv4Addr, destination: Ipv4Addr) -> u64 {
    let total = u16::try_from(packet.len()).expect("a packet fits its length field");
    let header = &mut packet[..IPV4];
    header[..2].copy_from_slice(&[0x45, 0]);
    header[2..4].copy_from_slice(&total.to_be_bytes());
    // No identification: the packet is atomic, since DF is set (RFC 6864).
    header[4..8].copy_from_slice(&[0, 0, 0x40, 0]);
    header[8..12].copy_from_slice(&[TTL, libc::IPPROTO_UDP as u8, 0, 0]);
    header[12..16].copy_from_slice(&source.octets());
    header[16..20].copy_from_slice(&destination.octets());
    let checksum = fold(sum(header));
    header[10..12].copy_from_slice(&checksum.to_be_bytes());
    sum(&header[12..20])
}

/// Writes the header over `packet` (header and datagram); returns the sum of the addresses.
fn write_ipv6(packet: &mut [u8], source: Ipv6Addr, destination: Ipv6Addr) -> u64 {
    let length = u16::try_from(packet.len() - IPV6).expect("a packet fits its length field");
    let header = &mut packet[..IPV6];
    header[..4].copy_from_slice(&[0x60, 0, 0, 0]);
    header[4..6].copy_from_slice(&length.to_be_bytes());
    header[6..8].copy_from_slice(&[libc::IPPROTO_UDP as u8, TTL]);
    header[8..24].copy_from_slice(&source.octets());
    header[24..40].copy_from_slice(&destination.octets());
    sum(&header[8..40])
}

/// The Internet checksum's sum, unfolded (RFC 1071): 32-bit words summed into 64 bits, which
/// folds to the same value as 16-bit words do.
fn sum(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<4>();
    let mut sum: u64 = words.iter().map(|word| u64::from(u32::from_be_bytes(*word))).sum();
    let mut last = [0_u8; 4];
    last[..rest.len()].copy_from_slice(rest);
    sum += u64::from(u32::from_be_bytes(last));
    sum
}

fn fold(mut sum: u64) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

#[cfg(test)]
#[path = "wire_tests.rs"]
mod tests;
