//! Errors over IPv4.

use packet::checksum::{self, Sum};
use packet::ethernet::HEADER_LEN as LINK;
use packet::ipv4::MIN_HEADER_LEN;
use pktio::frame::FrameMut;

use super::super::fib::{Deadend, Fib, PortState};
use super::super::forward::v4::{Header, is_group};
use super::super::outcome::{Drop, Host, Report};
use super::{HOPS, enclose};

/// What every host takes, in bytes: no error is longer (RFC 1812, 4.3.2.3).
const LONGEST: usize = 576;
const ICMP_LEN: usize = 8;
const ROOM: usize = MIN_HEADER_LEN + ICMP_LEN;
const ICMP: u8 = 1;
/// An error is of internetwork control, and else of the packet's type of service (RFC 1812, 4.3.2.5).
const PRECEDENCE: u8 = 0xc0;
const SERVICE: u8 = 0x1e;

/// Type and code.
const fn code(report: Report) -> (u8, u8) {
    match report {
        Report::TimeExceeded => (11, 0),
        // IPv4 addresses have no scope; a source that cannot be answered is on a net that cannot be reached.
        Report::NoRoute | Report::BeyondScope => (3, 0),
        Report::Unreachable | Report::NoNeighbour => (3, 1),
        Report::Prohibited => (3, 13),
        Report::TooBig => (3, 4),
    }
}

/// RFC 1812, 4.3.2.7.
pub(super) fn may_report(fib: &Fib, frame: &[u8]) -> bool {
    let Ok(header) = Header::read(frame) else {
        return false;
    };
    let first = header.position & 0x1fff == 0;
    first && is_one_host(fib, header.src) && !is_group(header.dst) && !is_error(frame, &header)
}

/// Whether an address is a single host's, as far as can be told from here.
fn is_one_host(fib: &Fib, address: u32) -> bool {
    let class_e = address >> 28 == 15;
    let directed = fib.route_v4(0, address) == Err(Deadend::Host(Host::Group));
    !class_e && !directed && !is_group(address)
}

/// Whether the packet is an ICMP error itself, or a message of a kind that is not known: Linux takes those for
/// errors.
fn is_error(frame: &[u8], header: &Header) -> bool {
    if header.protocol != ICMP {
        return false;
    }
    let kind = frame[LINK..][..header.total_len].get(header.len);
    matches!(kind, None | Some(3 | 4 | 5 | 11 | 12 | 19..))
}

pub(super) fn error(
    port: &PortState,
    frame: &mut FrameMut<'_>,
    report: Report,
    mtu: u32,
) -> Result<(), Drop> {
    let header = Header::read(frame.bytes())?;
    let source = port.v4.ok_or(Drop::NoErrorSource)?;
    let quoted = header.total_len.min(LONGEST - ROOM);
    let packet = enclose(port, frame, quoted, ROOM)?;
    let len = (packet.len() as u16).to_be_bytes();
    let (kind, code) = code(report);
    let class = PRECEDENCE | (header.class & SERVICE);
    let mtu = (mtu.min(u16::MAX.into()) as u16).to_be_bytes();
    // Not to be fragmented, so that its identification may be 0 (RFC 6864, 4.1).
    packet[..12].copy_from_slice(&[0x45, class, len[0], len[1], 0, 0, 0x40, 0, HOPS, ICMP, 0, 0]);
    packet[12..16].copy_from_slice(&source.octets());
    packet[16..20].copy_from_slice(&header.src.to_be_bytes());
    packet[20..28].copy_from_slice(&[kind, code, 0, 0, 0, 0, mtu[0], mtu[1]]);
    let sum = checksum::ipv4_header(&packet[..MIN_HEADER_LEN]);
    packet[10..12].copy_from_slice(&sum.to_be_bytes());
    let sum = Sum::new().bytes(&packet[MIN_HEADER_LEN..]).finish();
    packet[22..24].copy_from_slice(&sum.to_be_bytes());
    Ok(())
}
