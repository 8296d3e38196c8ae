//! Errors over IPv6.

use packet::checksum::Sum;
use packet::ethernet::HEADER_LEN as LINK;
use packet::ipv6::{FRAGMENT, HEADER_LEN, is_extension};
use pktio::frame::FrameMut;

use super::super::fib::PortState;
use super::super::forward::v6::{Header, LEAST_MTU};
use super::super::outcome::{Drop, Report};
use super::{HOPS, enclose};

const ICMP_LEN: usize = 8;
const ROOM: usize = HEADER_LEN + ICMP_LEN;
const ICMP: u8 = 58;
/// A redirect: no error, but none is sent in reply to it (RFC 4443, 2.4 e.2).
const REDIRECT: u8 = 137;
/// Extension headers that are looked behind for an ICMP message.
const EXTENSIONS: usize = 8;

/// Type and code (RFC 4443). For a route of type "unreachable" the code is that of a missing route, as Linux has it.
const fn code(report: Report) -> (u8, u8) {
    match report {
        Report::TimeExceeded => (3, 0),
        Report::NoRoute | Report::Unreachable => (1, 0),
        Report::Prohibited => (1, 1),
        Report::BeyondScope => (1, 2),
        Report::NoNeighbour => (1, 3),
        Report::TooBig => (2, 0),
    }
}

/// RFC 4443, 2.4 e; and never in reply to a fragment that is not the first.
pub(super) fn may_report(frame: &[u8]) -> bool {
    let Ok(header) = Header::read(frame) else {
        return false;
    };
    let one_host = !header.src.is_unspecified() && !header.src.is_multicast();
    one_host && !header.dst.is_multicast() && !is_excluded(frame, &header)
}

/// Whether the packet is an ICMP error, a redirect or a later fragment; also where that cannot be told, for it
/// ends before it should or has too many extension headers.
fn is_excluded(frame: &[u8], header: &Header) -> bool {
    let packet = &frame[LINK..][..header.total_len];
    let (mut kind, mut at) = (header.next_header, HEADER_LEN);
    for _ in 0..EXTENSIONS {
        if kind == ICMP {
            return packet
                .get(at)
                .is_none_or(|kind| *kind < 128 || *kind == REDIRECT);
        }
        if kind != FRAGMENT && !is_extension(kind) {
            return false;
        }
        let Some([next, len, high, low]) = packet.get(at..).and_then(<[u8]>::first_chunk) else {
            return true;
        };
        if kind == FRAGMENT && u16::from_be_bytes([*high, *low]) & 0xfff8 != 0 {
            return true;
        }
        at += extension_len(kind, *len);
        kind = *next;
    }
    true
}

/// Bytes of an extension header by its length field, which counts units of 8 bytes beyond the first 8; the
/// authentication header's counts units of 4 (RFC 4302, 2.2), and a fragment header has none.
fn extension_len(kind: u8, len: u8) -> usize {
    const AUTHENTICATION: u8 = 51;
    match kind {
        FRAGMENT => 8,
        AUTHENTICATION => 8 + usize::from(len) * 4,
        _ => 8 + usize::from(len) * 8,
    }
}

pub(super) fn error(
    port: &PortState,
    frame: &mut FrameMut<'_>,
    report: Report,
    mtu: u32,
) -> Result<(), Drop> {
    let header = Header::read(frame.bytes())?;
    let near = header.src.is_unicast_link_local();
    let source = port.link_local.filter(|_| near).or(port.v6);
    let source = source.ok_or(Drop::NoErrorSource)?;
    let quoted = header.total_len.min(LEAST_MTU as usize - ROOM);
    let packet = enclose(port, frame, quoted, ROOM)?;
    let payload_len = packet.len() - HEADER_LEN;
    let (kind, code) = code(report);
    packet[..4].copy_from_slice(&[0x60, 0, 0, 0]);
    packet[4..6].copy_from_slice(&(payload_len as u16).to_be_bytes());
    packet[6..8].copy_from_slice(&[ICMP, HOPS]);
    packet[8..24].copy_from_slice(&source.octets());
    packet[24..40].copy_from_slice(&header.src.octets());
    packet[40..44].copy_from_slice(&[kind, code, 0, 0]);
    packet[44..48].copy_from_slice(&mtu.to_be_bytes());
    // The pseudo header (RFC 8200, 8.1) is both addresses, the length and the protocol.
    let sum = Sum::new()
        .bytes(&packet[8..HEADER_LEN])
        .word(payload_len as u16)
        .word(ICMP.into())
        .bytes(&packet[HEADER_LEN..])
        .finish();
    packet[42..44].copy_from_slice(&sum.to_be_bytes());
    Ok(())
}
