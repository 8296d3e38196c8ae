//! Making of what a packet socket delivers the frame that was on the wire.
//!
//! Two things stand beside a frame instead of in it. The kernel takes a frame's outer VLAN tag out before
//! any packet socket sees it; it is put back here. And a kernel sender leaves the transport checksum to
//! the device, which over veth is nobody (`CHECKSUM_PARTIAL`): its field holds the sum of the pseudo
//! header alone. It is filled in here, for a packet processor reads, encrypts and forwards bytes, and no
//! note travels with those.

use packet::checksum::Sum;
use packet::ethernet::{self, Link};
use packet::ipv4::Ipv4;
use packet::ipv6::{self, Ipv6};
use packet::udp;

use crate::frame::FrameMut;

/// IP protocol number of TCP, and where its checksum stands in its header (RFC 9293).
const TCP: u8 = 6;
const TCP_CHECKSUM_AT: usize = 16;

/// Bytes of the two addresses, behind which a VLAN tag stands.
const ADDRESSES: usize = 12;

/// What the kernel says beside a frame (linux/if_packet.h).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Beside {
    /// `TP_STATUS_*`.
    pub(super) status: u32,
    /// Tag control information of the VLAN tag that was taken out.
    pub(super) tci: u16,
    /// Its EtherType.
    pub(super) tpid: u16,
}

impl Beside {
    fn has(self, flag: u32) -> bool {
        self.status & flag != 0
    }

    /// The VLAN tag that was taken out.
    fn tag(self) -> Option<[u8; ethernet::VLAN_TAG_LEN]> {
        if !self.has(libc::TP_STATUS_VLAN_VALID) {
            return None;
        }
        let tpid = if self.has(libc::TP_STATUS_VLAN_TPID_VALID) {
            self.tpid
        } else {
            ethernet::VLAN
        };
        let ([a, b], [c, d]) = (tpid.to_be_bytes(), self.tci.to_be_bytes());
        Some([a, b, c, d])
    }
}

/// Makes the frame whole. It needs the room of one VLAN tag in front.
///
/// False when its checksum is open and it is neither UDP nor TCP in a whole IP packet without extension
/// headers: then nobody must see it.
pub(super) fn restore(frame: &mut FrameMut<'_>, beside: Beside) -> bool {
    if beside.has(libc::TP_STATUS_CSUMNOTREADY) && fill_in(frame.bytes_mut()).is_none() {
        return false;
    }
    match beside.tag() {
        None => true,
        Some(tag) => put_back(frame, tag),
    }
}

fn put_back(frame: &mut FrameMut<'_>, tag: [u8; ethernet::VLAN_TAG_LEN]) -> bool {
    if frame.bytes().len() < ADDRESSES || frame.grow_front(tag.len()).is_err() {
        return false;
    }
    let bytes = frame.bytes_mut();
    bytes.copy_within(tag.len()..tag.len() + ADDRESSES, 0);
    bytes[ADDRESSES..][..tag.len()].copy_from_slice(&tag);
    true
}

/// Fills in the transport checksum, whatever its field holds.
fn fill_in(frame: &mut [u8]) -> Option<()> {
    let link = Link::read(&*frame).ok()?;
    let (protocol, addresses, at, len) = match link.ethertype {
        ethernet::IPV4 => {
            let ip = Ipv4::read(&*frame, link.l3_at).ok()?;
            let len = ip.total_len - ip.header_len;
            let whole = ip.is_whole().then_some(link.l3_at + ip.header_len);
            (ip.protocol, link.l3_at + 12..link.l3_at + 20, whole?, len)
        }
        ethernet::IPV6 => {
            let ip = Ipv6::read(&*frame, link.l3_at).ok()?;
            let at = link.l3_at + ipv6::HEADER_LEN;
            (ip.next_header, link.l3_at + 8..at, at, ip.payload_len)
        }
        _ => return None,
    };
    let field = match protocol {
        udp::PROTOCOL => udp::CHECKSUM_AT,
        TCP => TCP_CHECKSUM_AT,
        _ => return None,
    };
    let pseudo = Sum::new()
        .bytes(frame.get(addresses)?)
        .word(u16::from(protocol))
        .word(u16::try_from(len).ok()?);
    let segment = frame.get_mut(at..)?.get_mut(..len)?;
    segment.get_mut(field..field + 2)?.fill(0);
    let sum = match (protocol, pseudo.bytes(segment).finish()) {
        // A computed zero of UDP is sent as 0xffff, for zero means "none" (RFC 768).
        (udp::PROTOCOL, 0) => 0xffff,
        (_, sum) => sum,
    };
    segment[field..field + 2].copy_from_slice(&sum.to_be_bytes());
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use etherparse::{PacketBuilder, PacketHeaders};

    const OPEN: Beside = Beside {
        status: libc::TP_STATUS_CSUMNOTREADY,
        tci: 0,
        tpid: 0,
    };

    fn restored(bytes: &[u8], beside: Beside) -> Option<Vec<u8>> {
        let mut chunk = [vec![0xee; 8], bytes.to_vec(), vec![0xee; 3]].concat();
        let (mut at, mut len) = (8, bytes.len() as u32);
        let mut frame = FrameMut::new(&mut chunk, &mut at, &mut len);
        restore(&mut frame, beside).then(|| frame.bytes().to_vec())
    }

    fn frames(payload: &[u8]) -> Vec<Vec<u8>> {
        let v4 = || PacketBuilder::ethernet2([2; 6], [4; 6]).ipv4([10, 0, 0, 1], [10, 0, 0, 2], 9);
        let v6 = || PacketBuilder::ethernet2([2; 6], [4; 6]).ipv6([0xfd; 16], [0xfe; 16], 9);
        let mut frames = vec![Vec::new(); 4];
        v4().udp(7, 9).write(&mut frames[0], payload).unwrap();
        v6().udp(7, 9).write(&mut frames[1], payload).unwrap();
        v4().tcp(7, 9, 1, 2).write(&mut frames[2], payload).unwrap();
        v6().tcp(7, 9, 1, 2).write(&mut frames[3], payload).unwrap();
        frames
    }

    fn field(frame: &[u8]) -> usize {
        let headers = PacketHeaders::from_ethernet_slice(frame).unwrap();
        let payload_at = frame.len() - headers.payload.slice().len();
        let is_udp = headers.transport.unwrap().udp().is_some();
        payload_at - if is_udp { 2 } else { 4 }
    }

    #[test]
    fn an_open_checksum_is_filled_in_for_udp_and_tcp_over_both_protocols() {
        for len in [0, 1, 30, 1400] {
            let payload: Vec<u8> = (0..len).map(|at| at as u8).collect();
            for whole in frames(&payload) {
                let field = field(&whole);
                let mut open = whole.clone();
                open[field..field + 2].copy_from_slice(&[0x12, 0x34]);
                // What follows the packet is padding and not summed.
                let padded = [open.clone(), vec![0xaa; 5]].concat();
                assert_eq!(restored(&open, OPEN), Some(whole.clone()));
                assert_eq!(restored(&padded, OPEN).unwrap()[..whole.len()], whole);
                assert_eq!(restored(&open, Beside::default()), Some(open));
            }
        }
    }

    #[test]
    fn a_checksum_that_cannot_be_filled_in_hides_the_frame() {
        let whole = frames(b"payload").remove(0);
        let mut fragment = whole.clone();
        fragment[20] = 0x20;
        let mut other = whole.clone();
        other[23] = 132;
        for frame in [&fragment[..], &other, &whole[..whole.len() - 1], &[0; 14]] {
            assert_eq!(restored(frame, OPEN), None);
            assert_eq!(restored(frame, Beside::default()).unwrap(), frame);
        }
    }

    #[test]
    fn a_tag_goes_back_behind_the_addresses() {
        let plain = frames(b"payload").remove(1);
        let tagged = |tpid: [u8; 2]| {
            let tag = [tpid[0], tpid[1], 0xa0, 0x07];
            [&plain[..12], &tag, &plain[12..]].concat()
        };
        let mut beside = Beside {
            status: libc::TP_STATUS_VLAN_VALID,
            tci: 0xa007,
            tpid: 0x88a8,
        };
        assert_eq!(restored(&plain, beside), Some(tagged([0x81, 0])));
        beside.status |= libc::TP_STATUS_VLAN_TPID_VALID;
        assert_eq!(restored(&plain, beside), Some(tagged([0x88, 0xa8])));
    }
}
