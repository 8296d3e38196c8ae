//! The commonest request, an ASCII `get` behind untagged Ethernet, IPv4 without options and UDP,
//! read at fixed offsets behind one comparison with the frame's end.
//!
//! A shorter way to what [`packet::datagram`] and [`crate::request`] find, never another answer:
//! whatever is not exactly this shape, malformed requests included, is left to them, and only they
//! give reasons. Without it the general parsers cost a fifth of the whole program.

use packet::{Head as _, Packet};

use crate::hash::{Hashed, hash_text};

/// Ethernet 14, IPv4 20, UDP 8, memcached's frame header 8, `get ` 4: where the key begins.
pub(crate) const HEADERS_LEN: usize = 54;
const L3_AT: usize = 14;
const UDP_AT: usize = 34;

/// EtherType 0x0800, version 4, header of 5 words; the type of service is masked out.
const IPV4: (u32, u32) = wanted([0x08, 0x00, 0x45, 0], [0xff, 0xff, 0xff, 0]);
/// No fragment, UDP; "don't fragment" and time to live are masked out.
const WHOLE_UDP: (u32, u32) = wanted([0, 0, 0, 17], [0x3f, 0xff, 0, 0xff]);
/// Sequence number 0 of 1 datagram.
const ONLY_ONE: u32 = u32::from_le_bytes([0, 0, 0, 1]);
const GET: u32 = u32::from_le_bytes(*b"get ");

const fn wanted(bytes: [u8; 4], mask: [u8; 4]) -> (u32, u32) {
    (u32::from_le_bytes(bytes), u32::from_le_bytes(mask))
}

/// The request's first key, if the frame is such a `get` to a port of ours.
#[inline(always)]
pub(crate) fn key_of_get<P: Packet + ?Sized>(
    p: &P,
    is_ours: impl FnOnce(u16) -> bool,
) -> Option<Hashed> {
    let head = p.head::<HEADERS_LEN>()?;
    let at_12 = u32::from_le_bytes(head.bytes::<12, 4>());
    let at_20 = u32::from_le_bytes(head.bytes::<20, 4>());
    let plain = at_12 & IPV4.1 == IPV4.0
        && at_20 & WHOLE_UDP.1 == WHOLE_UDP.0
        && u32::from_le_bytes(head.bytes::<50, 4>()) == GET
        && u32::from_le_bytes(head.bytes::<44, 4>()) == ONLY_ONE
        && is_ours(u16::from_be_bytes(head.bytes::<36, 2>()));
    if !plain {
        return None;
    }
    let l3_end = L3_AT + usize::from(u16::from_be_bytes(head.bytes::<16, 2>()));
    let end = UDP_AT + usize::from(u16::from_be_bytes(head.bytes::<38, 2>()));
    if end > l3_end || l3_end > p.len() {
        return None;
    }
    hash_text(p, HEADERS_LEN, end).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash_bytes;
    use crate::request::{KeyHash, hash_first_key};
    use packet::datagram;

    const KEY: &[u8] = b"some-key-of-more-than-sixteen-bytes";
    const LEN: usize = HEADERS_LEN + KEY.len() + 2;

    fn frame() -> [u8; LEN] {
        let mut frame = [0; LEN];
        frame[12..16].copy_from_slice(&[0x08, 0x00, 0x45, 0]);
        frame[16..18].copy_from_slice(&((LEN - L3_AT) as u16).to_be_bytes());
        frame[20..24].copy_from_slice(&[0x40, 0, 64, 17]);
        frame[36..38].copy_from_slice(&11211_u16.to_be_bytes());
        frame[38..40].copy_from_slice(&((LEN - UDP_AT) as u16).to_be_bytes());
        frame[42..50].copy_from_slice(&[1, 2, 0, 0, 0, 1, 0, 0]);
        frame[50..54].copy_from_slice(b"get ");
        frame[54..LEN - 2].copy_from_slice(KEY);
        frame[LEN - 2..].copy_from_slice(b"\r\n");
        frame
    }

    fn is_ours(port: u16) -> bool {
        port == 11211
    }

    #[test]
    fn a_plain_get_is_recognised() {
        let frame = frame();
        let key = Hashed {
            hash: hash_bytes(KEY),
            len: KEY.len(),
            ends_line: true,
        };
        assert_eq!(key_of_get(frame.as_slice(), is_ours), Some(key));
        assert_eq!(key_of_get(frame.as_slice(), |_| false), None);
        assert_eq!(key_of_get(&frame[..LEN - 1], is_ours), None);
    }

    #[test]
    fn a_get_of_two_keys_does_not_end_with_the_first() {
        let mut frame = frame();
        frame[HEADERS_LEN + 4] = b' ';
        let key = key_of_get(frame.as_slice(), is_ours).expect("a get");
        assert_eq!((key.len, key.ends_line), (4, false));
    }

    #[test]
    fn no_change_of_a_byte_leads_to_another_answer() {
        let mut answers = 0;
        for at in 0..LEN {
            for value in 0..=255 {
                let mut frame = frame();
                frame[at] = value;
                let Some(key) = key_of_get(frame.as_slice(), is_ours) else {
                    continue;
                };
                let datagram = datagram(frame.as_slice()).expect("a datagram");
                assert!(is_ours(datagram.dst_port));
                let end = datagram.payload_end();
                let general = hash_first_key(frame.as_slice(), datagram.payload_at, end);
                let Ok(KeyHash::Key(general)) = general else {
                    panic!("byte {at} = {value}: {general:?}");
                };
                assert_eq!(general.hash, key.hash, "byte {at} = {value}");
                answers += 1;
            }
        }
        // Every byte as it was, the addresses, the key's visible letters and more.
        assert!(answers > 5_000, "{answers}");
    }
}
