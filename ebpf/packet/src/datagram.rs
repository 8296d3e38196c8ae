//! From a frame to the UDP datagram in it.

use crate::ethernet::{self, Link};
use crate::ipv4::{Fragment, Ipv4};
use crate::ipv6::{self, Ipv6};
use crate::udp::{self, Udp};
use crate::{Packet, Reason, Refusal};

/// The network header of a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum L3 {
    /// Internet Protocol, version 4.
    V4(Ipv4),
    /// Internet Protocol, version 6.
    V6(Ipv6),
}

/// Source and destination address of a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Addresses {
    /// IPv4 source and destination.
    V4([u8; 4], [u8; 4]),
    /// IPv6 source and destination.
    V6([u8; 16], [u8; 16]),
}

/// A whole UDP datagram inside a frame. All offsets count from the frame's first byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Datagram {
    /// The network header.
    pub l3: L3,
    /// Offset of the UDP header.
    pub udp_at: usize,
    /// Source port, host byte order.
    pub src_port: u16,
    /// Destination port, host byte order.
    pub dst_port: u16,
    /// Offset of the UDP payload.
    pub payload_at: usize,
    /// Length of the UDP payload by the UDP header; it lies inside the frame.
    pub payload_len: usize,
}

impl Datagram {
    /// Offset just behind the payload; the frame may go on with padding.
    #[inline(always)]
    #[must_use]
    pub const fn payload_end(&self) -> usize {
        self.payload_at + self.payload_len
    }

    /// The addresses, read from the same frame.
    #[inline(always)]
    pub fn addresses<P: Packet + ?Sized>(&self, p: &P) -> Option<Addresses> {
        match self.l3 {
            L3::V4(ip) => ip.addresses(p).map(|(src, dst)| Addresses::V4(src, dst)),
            L3::V6(ip) => ip.addresses(p).map(|(src, dst)| Addresses::V6(src, dst)),
        }
    }
}

/// Reads the UDP datagram in an Ethernet frame.
///
/// # Errors
/// A [`Refusal`] that says what the frame is instead, and to which port it goes if that shows.
#[inline(always)]
pub fn datagram<P: Packet + ?Sized>(p: &P) -> Result<Datagram, Refusal> {
    let link = Link::read(p).map_err(Refusal::anonymous)?;
    match link.ethertype {
        ethernet::IPV4 => over_ipv4(p, link.l3_at),
        ethernet::IPV6 => over_ipv6(p, link.l3_at),
        _ => Err(Refusal::anonymous(Reason::NotIp)),
    }
}

#[inline(always)]
fn over_ipv4<P: Packet + ?Sized>(p: &P, at: usize) -> Result<Datagram, Refusal> {
    let ip = Ipv4::read(p, at).map_err(Refusal::anonymous)?;
    if ip.protocol != udp::PROTOCOL {
        return Err(Refusal::anonymous(Reason::NotUdp));
    }
    let udp_at = at + ip.header_len;
    if ip.is_whole() {
        return over_udp(p, L3::V4(ip), udp_at, at + ip.total_len);
    }
    let dst_port = match ip.fragment() {
        Fragment::Whole | Fragment::First => p.be16(udp_at + 2),
        Fragment::Later => None,
    };
    Err(Refusal {
        reason: Reason::Fragment,
        dst_port,
    })
}

#[inline(always)]
fn over_ipv6<P: Packet + ?Sized>(p: &P, at: usize) -> Result<Datagram, Refusal> {
    let ip = Ipv6::read(p, at).map_err(Refusal::anonymous)?;
    let next_at = at + ipv6::HEADER_LEN;
    if ip.next_header == udp::PROTOCOL {
        return over_udp(p, L3::V6(ip), next_at, next_at + ip.payload_len);
    }
    if ip.next_header == ipv6::FRAGMENT {
        return Err(Refusal {
            reason: Reason::Fragment,
            dst_port: port_behind_fragment_header(p, next_at),
        });
    }
    if ipv6::is_extension(ip.next_header) {
        return Err(Refusal {
            reason: Reason::Ipv6Extension,
            dst_port: port_behind_extension(p, next_at, ip.next_header),
        });
    }
    Err(Refusal::anonymous(Reason::NotUdp))
}

/// Destination port of a first fragment (RFC 8200, 4.5); a later one has none.
#[inline(always)]
fn port_behind_fragment_header<P: Packet + ?Sized>(p: &P, at: usize) -> Option<u16> {
    let [next, _, offset_high, offset_low] = p.read::<4>(at)?;
    let first = u16::from_be_bytes([offset_high, offset_low]) & 0xfff8 == 0;
    if next == udp::PROTOCOL && first {
        p.be16(at + 8 + 2)
    } else {
        None
    }
}

/// Destination port where UDP follows exactly one extension header; longer chains are not walked.
#[inline(always)]
fn port_behind_extension<P: Packet + ?Sized>(p: &P, at: usize, kind: u8) -> Option<u16> {
    const AUTHENTICATION: u8 = 51;
    let [next, len] = p.read::<2>(at)?;
    // Lengths count units of 8 bytes beyond the first 8; the authentication header's count
    // units of 4 bytes beyond the first 8 (RFC 4302, 2.2).
    let unit = if kind == AUTHENTICATION { 4 } else { 8 };
    if next == udp::PROTOCOL {
        p.be16(at + 8 + usize::from(len) * unit + 2)
    } else {
        None
    }
}

#[inline(always)]
fn over_udp<P: Packet + ?Sized>(
    p: &P,
    l3: L3,
    udp_at: usize,
    l3_end: usize,
) -> Result<Datagram, Refusal> {
    let Some(header) = Udp::read(p, udp_at) else {
        return Err(Refusal {
            reason: Reason::Truncated,
            dst_port: p.be16(udp_at + 2),
        });
    };
    let refuse = |reason| {
        Err(Refusal {
            reason,
            dst_port: Some(header.dst_port),
        })
    };
    if l3_end > p.len() {
        return refuse(Reason::Truncated);
    }
    let end = udp_at + header.len;
    if header.len < udp::HEADER_LEN || end > l3_end {
        return refuse(Reason::BadUdpLength);
    }
    Ok(Datagram {
        l3,
        udp_at,
        src_port: header.src_port,
        dst_port: header.dst_port,
        payload_at: udp_at + udp::HEADER_LEN,
        payload_len: header.len - udp::HEADER_LEN,
    })
}
