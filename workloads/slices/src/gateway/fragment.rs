//! Fragments of a packet that the tunnel is too narrow for (RFC 791, section 3.2), made before it is encapsulated, so that
//! the far gateway reassembles nothing (RFC 4301, section 7.4).

use std::ops::Range;

use packet::checksum;
use packet::ethernet::HEADER_LEN as LINK;
use packet::ipv4::MIN_HEADER_LEN;

/// Bytes of the headers in front of a fragment's payload: link and IPv4.
pub(super) const HEADERS: usize = LINK + MIN_HEADER_LEN;
/// "More fragments" in the field of flags and offset, and the offset, which counts 8 bytes each.
const MORE: u16 = 0x2000;
const OFFSET: u16 = 0x1fff;
const UNIT: usize = 8;

/// A fragment: its headers, and where its payload stands in the frame that is cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fragment {
    pub(super) headers: [u8; HEADERS],
    pub(super) payload: Range<usize>,
}

/// Cuts the IPv4 packet in a frame, which has a sound header without options, into packets of at most `mtu` bytes, at least
/// 68 (RFC 791 again). Nothing where the packet is shorter than it says.
pub(super) fn fragments(frame: &[u8], mtu: u16) -> Vec<Fragment> {
    let Some(whole) = frame.first_chunk::<HEADERS>() else {
        return Vec::new();
    };
    let word = |at: usize| u16::from_be_bytes([whole[LINK + at], whole[LINK + at + 1]]);
    let (end, position) = (LINK + usize::from(word(2)), word(6));
    if end > frame.len() {
        return Vec::new();
    }
    let step = (usize::from(mtu) - MIN_HEADER_LEN) / UNIT * UNIT;
    let first = position & OFFSET;
    (HEADERS..end)
        .step_by(step)
        .map(|start| {
            let payload = start..end.min(start + step);
            // What is cut may be a fragment itself, and not the last one.
            let more = if payload.end < end {
                MORE
            } else {
                position & MORE
            };
            let offset = first + ((start - HEADERS) / UNIT) as u16;
            Fragment {
                headers: headers(whole, payload.len(), more | offset & OFFSET),
                payload,
            }
        })
        .collect()
}

fn headers(whole: &[u8; HEADERS], payload: usize, position: u16) -> [u8; HEADERS] {
    let mut headers = *whole;
    let ip = &mut headers[LINK..];
    ip[2..4].copy_from_slice(&((MIN_HEADER_LEN + payload) as u16).to_be_bytes());
    ip[6..8].copy_from_slice(&position.to_be_bytes());
    ip[10..12].fill(0);
    let sum = checksum::ipv4_header(ip);
    ip[10..12].copy_from_slice(&sum.to_be_bytes());
    headers
}

#[cfg(test)]
mod tests {
    use etherparse::{IpFragOffset, Ipv4HeaderSlice};
    use proptest::prelude::*;

    use super::*;
    use crate::router::fixture;

    fn packet(payload: &[u8], position: u16) -> Vec<u8> {
        fixture::v4("192.0.2.9", 17, payload, |header| {
            header[6..8].copy_from_slice(&position.to_be_bytes());
        })
    }

    /// Puts fragments together by a parser that is not ours: the payload, where it begins and whether more follows.
    fn together(frame: &[u8], mtu: u16) -> (Vec<u8>, u16, bool) {
        let (mut payload, mut begins, mut more) = (Vec::new(), None, true);
        for fragment in fragments(frame, mtu) {
            assert!(more, "nothing follows the last one");
            assert_eq!(fragment.headers[..LINK], frame[..LINK]);
            let ip = Ipv4HeaderSlice::from_slice(&fragment.headers[LINK..]).unwrap();
            assert_eq!(ip.header_checksum(), ip.to_header().calc_header_checksum());
            assert_eq!(
                usize::from(ip.total_len()),
                MIN_HEADER_LEN + fragment.payload.len()
            );
            assert!(ip.total_len() <= mtu);
            let at: IpFragOffset = ip.fragments_offset();
            let begin = *begins.get_or_insert(at.value());
            assert_eq!(usize::from(at.value() - begin) * UNIT, payload.len());
            more = ip.more_fragments();
            payload.extend_from_slice(&frame[fragment.payload]);
        }
        (payload, begins.unwrap_or_default(), more)
    }

    proptest! {
        #[test]
        fn fragments_make_up_the_packet(
            len in 1_usize..3000, excess in 0_usize..9, mtu in 68_u16..1600, offset in 0_u16..4000, more: bool,
        ) {
            let payload: Vec<u8> = (0..len).map(|at| at as u8).collect();
            let position = if more { MORE | offset } else { offset };
            let mut frame = packet(&payload, position);
            frame.resize(frame.len() + excess, 0xee);
            prop_assert_eq!(together(&frame, mtu), (payload, offset, more));
        }
    }

    #[test]
    fn what_is_shorter_than_it_says_is_not_cut() {
        let frame = packet(&[7; 100], 0);
        assert_eq!(fragments(&frame[..frame.len() - 1], 68), []);
        assert_eq!(fragments(&frame[..20], 68), []);
    }
}
