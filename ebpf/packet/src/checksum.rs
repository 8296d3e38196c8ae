//! The Internet checksum (RFC 1071).
//!
//! A reply's is always computed in full, never by an incremental update from the request's: over veth
//! a request of a kernel socket carries an unfinished one, and IPv6 makes the UDP checksum mandatory
//! (RFC 8200, 8.1). [`replaced`] is for a datagram that stays in the packet it came in, and
//! [`completion`] for one that leaves it.

use crate::{Addresses, Datagram, Packet, udp};

/// One's-complement sum of big-endian 16-bit words, folded at the end.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sum(u64);

impl Sum {
    /// An empty sum.
    #[must_use]
    pub const fn new() -> Self {
        Self(0)
    }

    /// Adds bytes; an odd last byte counts as the high half of a word, so only the last call of a
    /// sum may bring an odd number.
    #[must_use]
    pub fn bytes(self, bytes: &[u8]) -> Self {
        let (words, rest) = bytes.as_chunks::<4>();
        let mut sum = self.0;
        for word in words {
            sum += u64::from(u32::from_be_bytes(*word));
        }
        let mut tail = [0; 4];
        for (to, from) in tail.iter_mut().zip(rest) {
            *to = *from;
        }
        Self(sum + u64::from(u32::from_be_bytes(tail)))
    }

    /// Adds one number of 16 bits.
    #[inline(always)]
    #[must_use]
    pub const fn word(self, word: u16) -> Self {
        Self(self.0 + word as u64)
    }

    /// Adds eight bytes, given as a big-endian number.
    #[inline(always)]
    #[must_use]
    const fn long(self, word: u64) -> Self {
        Self(self.0 + (word >> 32) + (word & 0xffff_ffff))
    }

    /// The folded sum. Four steps do for any sum, and a constant count suits the verifier.
    #[inline(always)]
    const fn fold(self) -> u16 {
        let mut sum = (self.0 >> 32) + (self.0 & 0xffff_ffff);
        sum = (sum >> 16) + (sum & 0xffff);
        sum = (sum >> 16) + (sum & 0xffff);
        sum = (sum >> 16) + (sum & 0xffff);
        sum as u16
    }

    /// The complement of the folded sum: what goes into the header.
    #[inline(always)]
    #[must_use]
    pub const fn finish(self) -> u16 {
        !self.fold()
    }
}

/// Checksum of an IPv4 header whose checksum field is zero. Over a header with its checksum in
/// place the result is 0 exactly when the header is intact.
#[must_use]
pub fn ipv4_header(header: &[u8]) -> u16 {
    Sum::new().bytes(header).finish()
}

/// UDP checksum over IPv4. `segment` is the UDP header, checksum field zero, and the payload.
/// A computed zero is sent as 0xffff, for zero means "none" (RFC 768).
#[must_use]
pub fn udp_v4(src: [u8; 4], dst: [u8; 4], segment: &[u8]) -> u16 {
    transport(Sum::new().bytes(&src).bytes(&dst), segment)
}

/// UDP checksum over IPv6; see [`udp_v4`].
#[must_use]
pub fn udp_v6(src: [u8; 16], dst: [u8; 16], segment: &[u8]) -> u16 {
    transport(Sum::new().bytes(&src).bytes(&dst), segment)
}

fn transport(addresses: Sum, segment: &[u8]) -> u16 {
    let sum = addresses
        .word(u16::from(udp::PROTOCOL))
        .word(segment.len() as u16)
        .bytes(segment)
        .finish();
    not_none(sum)
}

/// A computed zero is sent as 0xffff, for zero means "none" (RFC 768).
#[inline(always)]
const fn not_none(sum: u16) -> u16 {
    if sum == 0 { 0xffff } else { sum }
}

/// The UDP checksum `sum` after a word of the datagram changed from `from` to `to` (RFC 1624,
/// equation 3). A checksum that says "none" goes on saying so.
///
/// For a datagram that stays in the packet it came in. There an unfinished checksum (see
/// [`completion`]) becomes a wrong one, but the packet itself says that nobody is to look at it.
#[inline(always)]
#[must_use]
pub const fn replaced(sum: u16, from: u16, to: u16) -> u16 {
    if sum == 0 {
        return 0;
    }
    not_none(changed(sum, from, to))
}

/// The checksum `sum` after a word of what it covers changed from `from` to `to` (RFC 1624, equation 3).
#[inline(always)]
#[must_use]
pub const fn changed(sum: u16, from: u16, to: u16) -> u16 {
    Sum::new().word(!sum).word(!from).word(to).finish()
}

/// What a datagram's checksum needs before it leaves the packet that it came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Completion {
    /// Nothing: it is finished, or says "none".
    Finished,
    /// It is unfinished, and this is to stand in its place.
    Write(u16),
    /// It is unfinished, and the datagram is longer than what is summed here, or is cut short.
    Impossible,
}

/// Longest UDP segment whose checksum [`completion`] computes, in bytes: more than XDP lets into one
/// buffer of a page.
pub const LONGEST_SEGMENT: usize = 3584;

/// Whether the UDP checksum is unfinished, and what finishes it.
///
/// A kernel socket leaves the checksum to the device: the field holds the folded sum of the pseudo
/// header alone, and `CHECKSUM_PARTIAL` beside the packet says so (linux/skbuff.h). veth hands both
/// on. An XDP frame has no such side note; so the field has to be finished before a frame is
/// redirected, where a new packet is made of it. Over IPv4 that is "none" (RFC 768); over IPv6, which
/// has no such value, the sum. A finished checksum that equals the pseudo header's sum by chance
/// (once in 65536) is computed anew too.
#[inline(always)]
pub fn completion<P: Packet + ?Sized>(p: &P, datagram: &Datagram) -> Completion {
    let Some((addresses, sum)) = datagram
        .addresses(p)
        .zip(p.be16(datagram.udp_at + udp::CHECKSUM_AT))
    else {
        return Completion::Impossible;
    };
    let len = datagram.payload_end() - datagram.udp_at;
    let pseudo = pseudo_header(addresses, len);
    if sum == 0 || sum != pseudo.fold() {
        return Completion::Finished;
    }
    match addresses {
        Addresses::V4(..) => Completion::Write(0),
        // The field itself is part of the segment: what it adds is the pseudo header's sum.
        Addresses::V6(..) => match segment(p, datagram.udp_at, len) {
            Some(segment) => Completion::Write(not_none(segment.finish())),
            None => Completion::Impossible,
        },
    }
}

#[inline(always)]
fn pseudo_header(addresses: Addresses, len: usize) -> Sum {
    let sum = Sum::new().word(u16::from(udp::PROTOCOL)).word(len as u16);
    match addresses {
        Addresses::V4(src, dst) => sum
            .long(u64::from(u32::from_be_bytes(src)))
            .long(u64::from(u32::from_be_bytes(dst))),
        Addresses::V6(src, dst) => [src, dst].into_iter().fold(sum, |sum, address| {
            let all = u128::from_be_bytes(address);
            sum.long((all >> 64) as u64).long(all as u64)
        }),
    }
}

/// The sum of the `len` bytes at `at`, at least eight, eight at a time.
#[inline(always)]
fn segment<P: Packet + ?Sized>(p: &P, at: usize, len: usize) -> Option<Sum> {
    if len > LONGEST_SEGMENT {
        return None;
    }
    let mut sum = Sum::new();
    let mut done = 0;
    for _ in 0..LONGEST_SEGMENT / 8 {
        if len - done < 8 {
            break;
        }
        sum = sum.long(u64::from_be_bytes(p.read(at + done)?));
        done += 8;
    }
    let left = len - done;
    // The last eight bytes again, without those that were summed: two shifts, for none may be left.
    let last = u64::from_be_bytes(p.read(at + len - 8)?);
    Some(sum.long(last << (8 * (7 - left)) << 8))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 1071, section 3: the words sum to ddf2.
    #[test]
    fn the_rfc_example() {
        let sum = Sum::new().bytes(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]);
        assert_eq!(sum.finish(), !0xddf2);
    }

    #[test]
    fn an_intact_header_sums_to_zero() {
        let mut header = [
            0x45, 0, 0, 0x3c, 0x1c, 0x46, 0x40, 0, 0x40, 17, 0, 0, 198, 18, 0, 1, 198, 18, 0, 2,
        ];
        let sum = ipv4_header(&header);
        header[10..12].copy_from_slice(&sum.to_be_bytes());
        assert_eq!(ipv4_header(&header), 0);
        header[15] ^= 1;
        assert_ne!(ipv4_header(&header), 0);
    }

    #[test]
    fn a_zero_sum_is_sent_as_all_ones() {
        let mut segment = [0, 0, 0, 0, 0, 10, 0, 0, 0, 0];
        let partial = !udp_v4([0; 4], [0; 4], &segment);
        segment[8..10].copy_from_slice(&(0xffff - partial).to_be_bytes());
        assert_eq!(udp_v4([0; 4], [0; 4], &segment), 0xffff);
    }

    #[test]
    fn a_replaced_word_sums_as_if_computed_anew() {
        for (from, to) in [
            (11211_u16, 11212_u16),
            (0, 0xffff),
            (0xffff, 0),
            (7, 7),
            (0xfffe, 1),
        ] {
            let mut segment = [0x9c, 0x40, 0, 0, 0, 11, 0, 0, 1, 2, 3];
            segment[2..4].copy_from_slice(&from.to_be_bytes());
            let before = udp_v4([10, 0, 0, 1], [10, 0, 0, 2], &segment);
            segment[2..4].copy_from_slice(&to.to_be_bytes());
            let after = udp_v4([10, 0, 0, 1], [10, 0, 0, 2], &segment);
            assert_eq!(replaced(before, from, to), after, "{from} to {to}");
        }
        assert_eq!(replaced(0, 1, 2), 0);
    }

    /// An IPv6 datagram, its checksum as a kernel socket leaves it.
    fn unfinished(payload: &[u8], frame: &mut [u8; 600]) -> usize {
        let udp_at = 54;
        let len = 8 + payload.len();
        frame[12..14].copy_from_slice(&[0x86, 0xdd]);
        frame[14] = 0x60;
        frame[18..20].copy_from_slice(&(len as u16).to_be_bytes());
        frame[20] = udp::PROTOCOL;
        frame[22..54].copy_from_slice(&[0xfd; 32]);
        frame[udp_at..udp_at + 4].copy_from_slice(&[0x9c, 0x40, 0x2b, 0xcb]);
        frame[udp_at + 4..udp_at + 6].copy_from_slice(&(len as u16).to_be_bytes());
        let pseudo = Sum::new().bytes(&[0xfd; 32]).word(17).word(len as u16);
        frame[udp_at + 6..udp_at + 8].copy_from_slice(&(!pseudo.finish()).to_be_bytes());
        frame[udp_at + 8..udp_at + len].copy_from_slice(payload);
        udp_at + len
    }

    #[test]
    fn an_unfinished_checksum_is_finished_and_a_finished_one_is_left() {
        for len in [0, 1, 7, 8, 9, 63, 500] {
            let mut payload = [0; 500];
            for (i, byte) in payload.iter_mut().enumerate() {
                *byte = (i * 37 + len) as u8;
            }
            let mut frame = [0xee; 600];
            let end = unfinished(&payload[..len], &mut frame);
            let datagram = crate::datagram(frame[..end].as_ref()).unwrap();
            let mut segment = [0; 600];
            segment[..end - 54].copy_from_slice(&frame[54..end]);
            segment[6..8].fill(0);
            let whole = udp_v6([0xfd; 16], [0xfd; 16], &segment[..end - 54]);
            // Padding behind the datagram is not summed.
            assert_eq!(
                completion(frame.as_slice(), &datagram),
                Completion::Write(whole),
                "{len} bytes"
            );
            frame[60..62].copy_from_slice(&whole.to_be_bytes());
            assert_eq!(
                completion(frame.as_slice(), &datagram),
                Completion::Finished
            );
        }
    }

    #[test]
    fn odd_lengths_pad_with_zero() {
        assert_eq!(udp_v6([1; 16], [2; 16], &[1, 2, 3, 4, 0, 9, 0, 0, 0xab]), {
            let padded = Sum::new()
                .bytes(&[1; 16])
                .bytes(&[2; 16])
                .word(17)
                .word(9)
                .bytes(&[1, 2, 3, 4, 0, 9, 0, 0, 0xab, 0]);
            padded.finish()
        });
    }
}
