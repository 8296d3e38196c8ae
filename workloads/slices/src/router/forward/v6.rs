//! IPv6: the checks of RFC 8200 and RFC 4291, and what is rewritten.
//!
//! Extension headers are not looked at: a router may leave hop-by-hop options alone (RFC 8200, 4).

use std::net::{IpAddr, Ipv6Addr};

use packet::{ethernet::HEADER_LEN as LINK, hop, ipv6::HEADER_LEN};

use super::super::fib::Fib;
use super::super::outcome::{Drop, Host, Report, Verdict};
use super::{Cut, Exit, Narrowed, Onward, told};

/// What every IPv6 link takes, in bytes (RFC 8200, 5).
pub(in crate::router) const LEAST_MTU: u32 = 1280;

/// The fixed header of an IPv6 packet in a frame, found sound.
#[derive(Debug, Clone, Copy)]
pub(in crate::router) struct Header {
    /// Bytes of header and payload together; they lie inside the frame.
    pub(in crate::router) total_len: usize,
    pub(in crate::router) next_header: u8,
    pub(in crate::router) hop_limit: u8,
    pub(in crate::router) src: Ipv6Addr,
    pub(in crate::router) dst: Ipv6Addr,
}

impl Header {
    /// Reads the header behind the link header.
    #[inline(always)]
    pub(in crate::router) fn read(frame: &[u8]) -> Result<Self, Drop> {
        let packet = &frame[LINK.min(frame.len())..];
        let fixed = packet.first_chunk::<HEADER_LEN>().ok_or(Drop::Truncated)?;
        let [version, _, _, _, l1, l0, next_header, hop_limit, ..] = *fixed;
        if version >> 4 != 6 {
            return Err(Drop::Version);
        }
        let header = Self {
            total_len: HEADER_LEN + usize::from(u16::from_be_bytes([l1, l0])),
            next_header,
            hop_limit,
            src: address_at::<8>(fixed),
            dst: address_at::<24>(fixed),
        };
        if header.total_len > packet.len() {
            return Err(Drop::Length);
        }
        Ok(header)
    }
}

#[inline(always)]
fn address_at<const AT: usize>(header: &[u8; HEADER_LEN]) -> Ipv6Addr {
    let bytes: [u8; 16] = std::array::from_fn(|i| header[AT + i]);
    Ipv6Addr::from(bytes)
}

/// What no packet is to have as an address.
#[inline(always)]
fn checked(header: &Header) -> Result<(), Verdict> {
    let (src, dst) = (header.src, header.dst);
    if src.is_multicast() || src.is_loopback() {
        return Err(Verdict::Drop(Drop::MartianSource));
    }
    if dst.is_multicast() {
        return Err(Verdict::Host(Host::Group));
    }
    if dst.is_loopback() || dst.is_unspecified() {
        return Err(Verdict::Drop(Drop::MartianDestination));
    }
    Ok(())
}

/// What addresses keep a packet from that is for another host (RFC 4291, 2.5.2 and 2.5.6).
#[inline(always)]
fn bound(header: &Header) -> Option<Verdict> {
    if header.src.is_unspecified() {
        Some(Verdict::Drop(Drop::MartianSource))
    } else if header.dst.is_unicast_link_local() {
        Some(Verdict::Drop(Drop::MartianDestination))
    } else if header.src.is_unicast_link_local() {
        Some(told(Report::BeyondScope))
    } else {
        None
    }
}

#[inline(always)]
pub(super) fn decide(
    fib: &Fib,
    narrowed: Option<Narrowed>,
    told: Option<Exit>,
    to_group: bool,
    frame: &mut [u8],
) -> Result<(Exit, Cut), Verdict> {
    let header = Header::read(frame).map_err(Verdict::Drop)?;
    checked(&header)?;
    let onward = Onward {
        fib,
        narrowed,
        destination: IpAddr::V6(header.dst),
        len: header.total_len,
        hops: header.hop_limit,
        bound: bound(&header),
        may_fragment: false,
    };
    let (exit, cut) = match told {
        Some(exit) => onward.told(exit, LEAST_MTU),
        None => {
            let way = fib.route_v6(header.src.to_bits(), header.dst.to_bits());
            onward.exit(way, to_group, LEAST_MTU)
        }
    }?;
    let written = hop::take_v6(frame, LINK);
    debug_assert!(written);
    exit.address(frame);
    Ok((exit, cut))
}
