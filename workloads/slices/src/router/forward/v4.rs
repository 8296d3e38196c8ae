//! IPv4: the checks of RFC 1812, 5.2.2 and 5.3, and what is rewritten.

use std::net::{IpAddr, Ipv4Addr};

use packet::{checksum, ethernet::HEADER_LEN as LINK, hop, ipv4::MIN_HEADER_LEN};

use super::super::fib::Fib;
use super::super::outcome::{Drop, Host, Verdict};
use super::{Cut, Exit, Narrowed, Onward, options};

/// The header of an IPv4 packet in a frame, found sound.
#[derive(Debug, Clone, Copy)]
pub(in crate::router) struct Header {
    /// Type of service.
    pub(in crate::router) class: u8,
    /// Bytes of the header, 20 to 60.
    pub(in crate::router) len: usize,
    /// Bytes of header and payload together; they lie inside the frame.
    pub(in crate::router) total_len: usize,
    /// "Don't fragment", "more fragments" and the fragment offset.
    pub(in crate::router) position: u16,
    pub(in crate::router) ttl: u8,
    pub(in crate::router) protocol: u8,
    pub(in crate::router) src: u32,
    pub(in crate::router) dst: u32,
}

impl Header {
    /// Reads the header behind the link header (RFC 1812, 5.2.2).
    #[inline(always)]
    pub(in crate::router) fn read(frame: &[u8]) -> Result<Self, Drop> {
        let packet = &frame[LINK.min(frame.len())..];
        let fixed = packet
            .first_chunk::<MIN_HEADER_LEN>()
            .ok_or(Drop::Truncated)?;
        let [
            version_len,
            class,
            t1,
            t0,
            _,
            _,
            p1,
            p0,
            ttl,
            protocol,
            _,
            _,
            s3,
            s2,
            s1,
            s0,
            d3,
            d2,
            d1,
            d0,
        ] = *fixed;
        if version_len >> 4 != 4 {
            return Err(Drop::Version);
        }
        let header = Self {
            class,
            len: usize::from(version_len & 0x0f) * 4,
            total_len: usize::from(u16::from_be_bytes([t1, t0])),
            position: u16::from_be_bytes([p1, p0]),
            ttl,
            protocol,
            src: u32::from_be_bytes([s3, s2, s1, s0]),
            dst: u32::from_be_bytes([d3, d2, d1, d0]),
        };
        if header.len < MIN_HEADER_LEN
            || header.total_len < header.len
            || header.total_len > packet.len()
        {
            return Err(Drop::Length);
        }
        // Its length is known to the compiler in the common case.
        let sum = match header.len {
            MIN_HEADER_LEN => checksum::ipv4_header(fixed),
            len => checksum::ipv4_header(&packet[..len]),
        };
        if sum == 0 {
            Ok(header)
        } else {
            Err(Drop::Checksum)
        }
    }

    const fn may_fragment(&self) -> bool {
        self.position & 0x4000 == 0
    }
}

/// What no packet is to have as an address (RFC 1812, 5.3.7). As Linux does it: the rest of net 0 is forwarded
/// (since 5.3), and so is what is reserved from 240/4 on, but for the limited broadcast.
#[inline(always)]
fn checked(fib: &Fib, header: &Header) -> Result<(), Verdict> {
    let (src, dst) = (header.src, header.dst);
    if is_group(src) || is_broadcast(src) {
        return Err(Verdict::Drop(Drop::MartianSource));
    }
    if is_broadcast(dst) {
        return Err(Verdict::Host(Host::Group));
    }
    if is_this(src) || is_loopback(src) {
        return Err(Verdict::Drop(Drop::MartianSource));
    }
    if is_this(dst) || is_loopback(dst) {
        return Err(Verdict::Drop(Drop::MartianDestination));
    }
    if is_group(dst) {
        return Err(Verdict::Host(Host::Group));
    }
    if fib.is_own(src) {
        return Err(Verdict::Drop(Drop::MartianSource));
    }
    Ok(())
}

const fn is_this(address: u32) -> bool {
    address == 0
}

const fn is_loopback(address: u32) -> bool {
    address >> 24 == 127
}

pub(in crate::router) const fn is_group(address: u32) -> bool {
    address >> 28 == 14
}

const fn is_broadcast(address: u32) -> bool {
    address == u32::MAX
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
    checked(fib, &header)?;
    let onward = Onward {
        fib,
        narrowed,
        destination: IpAddr::V4(Ipv4Addr::from_bits(header.dst)),
        len: header.total_len,
        hops: header.ttl,
        bound: None,
        may_fragment: header.may_fragment(),
    };
    let (exit, cut) = match told {
        Some(exit) => onward.told(exit, 0),
        None => onward.exit(fib.route_v4(header.src, header.dst), to_group, 0),
    }?;
    if header.len > MIN_HEADER_LEN {
        let options = &frame[LINK + MIN_HEADER_LEN..LINK + header.len];
        options::check(options).map_err(Verdict::Drop)?;
    }
    let written = hop::take_v4(frame, LINK);
    debug_assert!(written);
    exit.address(frame);
    Ok((exit, cut))
}
