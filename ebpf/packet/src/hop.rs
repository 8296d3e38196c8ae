//! What a router changes in a packet: one hop less to live, and the addresses of the next link.
//!
//! The same functions write in XDP and in user space, so that a frame leaves either with the same bytes.

use crate::{PacketMut, checksum};

/// Takes a hop from the life of the IPv4 packet whose header is at `l3_at`, and updates the header's
/// checksum by the difference (RFC 1624, equation 3). False, and nothing written, where the frame ends first.
///
/// The TTL must not be 0: what has none left is not forwarded (RFC 1812, 5.3.1).
#[inline(always)]
pub fn take_v4<P: PacketMut + ?Sized>(p: &mut P, l3_at: usize) -> bool {
    let at = l3_at + 8;
    let Some([ttl, protocol, high, low]) = p.read::<4>(at) else {
        return false;
    };
    let left = ttl.wrapping_sub(1);
    let sum = checksum::changed(
        u16::from_be_bytes([high, low]),
        u16::from_be_bytes([ttl, protocol]),
        u16::from_be_bytes([left, protocol]),
    );
    let [high, low] = sum.to_be_bytes();
    p.write(at, [left, protocol, high, low])
}

/// Takes a hop from the life of the IPv6 packet whose header is at `l3_at`; see [`take_v4`].
#[inline(always)]
pub fn take_v6<P: PacketMut + ?Sized>(p: &mut P, l3_at: usize) -> bool {
    let Some(limit) = p.u8(l3_at + 7) else {
        return false;
    };
    p.write(l3_at + 7, [limit.wrapping_sub(1)])
}

/// Writes the addresses of the next link. False, and nothing written, where the frame ends first.
#[inline(always)]
pub fn onto_link<P: PacketMut + ?Sized>(p: &mut P, to: [u8; 6], from: [u8; 6]) -> bool {
    let ([a, b, c, d, e, f], [g, h, i, j, k, l]) = (to, from);
    p.write(0, [a, b, c, d, e, f, g, h, i, j, k, l])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A header with its checksum, its TTL as told.
    fn header(ttl: u8, protocol: u8, rest: [u8; 8]) -> [u8; 20] {
        let mut header = [0; 20];
        header[..4].copy_from_slice(&[0x45, 0, 0, 60]);
        header[8..10].copy_from_slice(&[ttl, protocol]);
        header[12..].copy_from_slice(&rest);
        let sum = checksum::ipv4_header(&header);
        header[10..12].copy_from_slice(&sum.to_be_bytes());
        header
    }

    #[test]
    fn the_checksum_stays_that_of_the_header() {
        for ttl in 1..=255 {
            for protocol in [0, 1, 6, 17, 255] {
                for rest in [[0; 8], [255; 8], [10, 0, 0, 1, 198, 18, 0, 1]] {
                    let mut bytes = header(ttl, protocol, rest);
                    assert!(take_v4(bytes.as_mut_slice(), 0));
                    assert_eq!(bytes, header(ttl - 1, protocol, rest), "{ttl} {protocol}");
                }
            }
        }
    }

    #[test]
    fn what_is_not_inside_is_not_written() {
        let mut bytes = [7; 11];
        assert!(!take_v4(bytes.as_mut_slice(), 0));
        assert!(!take_v6(bytes.as_mut_slice(), 4));
        assert!(!onto_link(bytes.as_mut_slice(), [1; 6], [2; 6]));
        assert_eq!(bytes, [7; 11]);
        assert!(take_v6(bytes.as_mut_slice(), 3));
        assert_eq!(bytes[10], 6);
    }
}
