//! Checksums of outgoing packets: NETSLICE_TX_CSUM_SET of the paper, and the flags of single packets.
//!
//! Computed here, in full. The paper's kernel part let the NIC do it where that could; AF_XDP has transmit metadata for
//! that since Linux 6.8, which veth does not have, and no device that can be tested here.

use packet::checksum::{Sum, ipv4_header};
use packet::ethernet::{self, Link};
use packet::ipv4::Ipv4;
use packet::ipv6::{self, Ipv6};

use super::Flags;

const TCP: u8 = 6;
const UDP: u8 = packet::udp::PROTOCOL;

/// Computes the checksums that `flags` ask for. What has none is left alone: a packet of another protocol, the
/// transport checksum of a fragment, and what does not lie in the frame.
pub fn finish(frame: &mut [u8], flags: Flags) {
    let (ip, transport) = (
        flags.has(Flags::IP_CHECKSUM),
        flags.has(Flags::TRANSPORT_CHECKSUM),
    );
    if !ip && !transport {
        return;
    }
    let Ok(link) = Link::read(&*frame) else {
        return;
    };
    match link.ethertype {
        ethernet::IPV4 => over_v4(frame, link.l3_at, ip, transport),
        ethernet::IPV6 if transport => over_v6(frame, link.l3_at),
        _ => {}
    }
}

fn over_v4(frame: &mut [u8], at: usize, ip: bool, transport: bool) {
    let Ok(header) = Ipv4::read(&*frame, at) else {
        return;
    };
    let (begin, end) = (at + header.header_len, at + header.total_len);
    if end > frame.len() {
        return;
    }
    if ip {
        frame[at + 10..at + 12].fill(0);
        let sum = ipv4_header(&frame[at..begin]);
        frame[at + 10..at + 12].copy_from_slice(&sum.to_be_bytes());
    }
    if transport && header.is_whole() {
        let pseudo = Sum::new().bytes(&frame[at + 12..at + 20]);
        segment(&mut frame[begin..end], header.protocol, pseudo);
    }
}

fn over_v6(frame: &mut [u8], at: usize) {
    let Ok(header) = Ipv6::read(&*frame, at) else {
        return;
    };
    let begin = at + ipv6::HEADER_LEN;
    let end = begin + header.payload_len;
    if end > frame.len() {
        return;
    }
    let pseudo = Sum::new().bytes(&frame[at + 8..begin]);
    segment(&mut frame[begin..end], header.next_header, pseudo);
}

/// Writes the checksum of a TCP or UDP segment; `pseudo` is the sum of the addresses.
fn segment(segment: &mut [u8], protocol: u8, pseudo: Sum) {
    let field = match protocol {
        TCP => 16,
        UDP => 6,
        _ => return,
    };
    if segment.len() < field + 2 {
        return;
    }
    segment[field..field + 2].fill(0);
    let sum = pseudo
        .word(u16::from(protocol))
        .word(segment.len() as u16)
        .bytes(segment)
        .finish();
    // A computed zero of UDP is sent as all ones, for zero means "none" (RFC 768).
    let sum = if sum == 0 && protocol == UDP {
        0xffff
    } else {
        sum
    };
    segment[field..field + 2].copy_from_slice(&sum.to_be_bytes());
}

#[cfg(test)]
#[path = "checksum_tests.rs"]
mod tests;
