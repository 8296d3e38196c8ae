//! The Internet checksum (RFC 1071) over slices, always computed in full.
//!
//! Never by an incremental update from a request's checksum: over veth a request of a kernel
//! socket carries an unfinished one, and IPv6 makes the UDP checksum mandatory (RFC 8200, 8.1).

use crate::udp;

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
    #[must_use]
    pub const fn word(self, word: u16) -> Self {
        Self(self.0 + word as u64)
    }

    /// The complement of the folded sum: what goes into the header.
    #[must_use]
    pub const fn finish(self) -> u16 {
        let mut sum = self.0;
        while sum >> 16 != 0 {
            sum = (sum & 0xffff) + (sum >> 16);
        }
        !(sum as u16)
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
    if sum == 0 { 0xffff } else { sum }
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
