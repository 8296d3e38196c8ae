//! Fragments of a packet that the next link is too narrow for (RFC 791, section 3.2): a link, or a tunnel, whose far end so
//! reassembles nothing (RFC 4301, section 7.4).

use std::ops::Range;

use packet::checksum;
use packet::ethernet::HEADER_LEN as LINK;
use packet::ipv4::MIN_HEADER_LEN;
use pktio::FrameIo;

use super::forward::options;
use super::forward::v4::Header;

/// "More fragments" in the field of flags and offset, and the offset, which counts 8 bytes each.
const MORE: u16 = 0x2000;
const OFFSET: u16 = 0x1fff;
const UNIT: usize = 8;
/// What every link takes, in bytes: the longest header and a unit.
const LEAST_MTU: usize = 68;

/// A fragment: its headers, and where its payload stands in the frame that is cut.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Fragment {
    headers: Vec<u8>,
    payload: Range<usize>,
}

/// Cuts the IPv4 packet in a frame into packets of at most `mtu` bytes, in frames of their own; the frame is given back.
/// Nothing where the packet is not sound, or there is no memory for all of them.
pub(super) fn cut<I: FrameIo>(io: &mut I, mut frame: I::Frame, mtu: u32) -> Vec<I::Frame> {
    let ingress = io.port(&frame);
    let whole = io.view(&mut frame).bytes().to_vec();
    io.release(frame);
    let mut pieces = Vec::new();
    for fragment in fragments(&whole, mtu) {
        let payload = &whole[fragment.payload];
        let piece = io.allocate(ingress).and_then(|mut piece| {
            let mut view = io.view(&mut piece);
            if view
                .grow_back(fragment.headers.len() + payload.len())
                .is_err()
            {
                io.release(piece);
                return None;
            }
            let (headers, room) = view.bytes_mut().split_at_mut(fragment.headers.len());
            headers.copy_from_slice(&fragment.headers);
            room.copy_from_slice(payload);
            Some(piece)
        });
        let Some(piece) = piece else {
            pieces.into_iter().for_each(|piece| io.release(piece));
            return Vec::new();
        };
        pieces.push(piece);
    }
    pieces
}

fn fragments(frame: &[u8], mtu: u32) -> Vec<Fragment> {
    let Ok(header) = Header::read(frame) else {
        return Vec::new();
    };
    let (begin, end) = (LINK + header.len, LINK + header.total_len);
    let room = (mtu as usize).max(LEAST_MTU) - header.len;
    let first = header.position & OFFSET;
    let (mut fragments, mut start) = (Vec::new(), begin);
    while start < end {
        let is_last = end - start <= room;
        let len = if is_last {
            end - start
        } else {
            room / UNIT * UNIT
        };
        // What is cut may be a fragment itself, and not the last one.
        let more = if is_last {
            header.position & MORE
        } else {
            MORE
        };
        let offset = first + ((start - begin) / UNIT) as u16;
        fragments.push(Fragment {
            headers: headers(&frame[..begin], len, more | offset & OFFSET, start == begin),
            payload: start..start + len,
        });
        start += len;
    }
    fragments
}

fn headers(whole: &[u8], payload: usize, position: u16, is_first: bool) -> Vec<u8> {
    let mut headers = whole.to_vec();
    let ip = &mut headers[LINK..];
    if !is_first {
        options::keep_copied(&mut ip[MIN_HEADER_LEN..]);
    }
    let len = (ip.len() + payload) as u16;
    ip[2..4].copy_from_slice(&len.to_be_bytes());
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
        for fragment in fragments(frame, mtu.into()) {
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

    /// A remainder that fits is not cut again, though it is no multiple of the unit (RFC 791, 3.2: "if TL =< MTU").
    #[test]
    fn there_are_no_more_fragments_than_are_needed() {
        let lengths = |payload| {
            let fragments = fragments(&packet(&vec![7; payload], 0), 102);
            let lengths = fragments.iter().map(|fragment| fragment.payload.len());
            lengths.collect::<Vec<_>>()
        };
        assert_eq!(lengths(83), [80, 3]);
        assert_eq!(lengths(80 + 82), [80, 82]);
        assert_eq!(lengths(80 + 83), [80, 80, 3]);
    }

    #[test]
    fn what_is_shorter_than_it_says_is_not_cut() {
        let frame = packet(&[7; 100], 0);
        assert_eq!(fragments(&frame[..frame.len() - 1], 68), []);
        assert_eq!(fragments(&frame[..20], 68), []);
    }
}
