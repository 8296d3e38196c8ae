//! What the proxies put between a frame's link addresses and the rest of it. All numbers are big-endian.
//!
//! | bytes | both kinds | |
//! |---|---|---|
//! | 0..2 | EtherType 0x88b5 | IEEE 802's first for local experiments |
//! | 2 | version (high four bits), kind | 1 = data, 2 = repair |
//! | 3 | layer of a repair, 0 of data | |
//! | 4..6 | Internet checksum of all from byte 2 to the text's end | a damaged packet is a lost one |
//! | 6..10 | sequence number; of a repair, its first packet's | counts modulo 2^32 |
//! | 10..12 | length of the text behind the header | the link may pad |
//!
//! A repair goes on: XOR of its packets' lengths (12..14), distance of their numbers (14..16), their count (16), 0 (17). Its
//! text is the XOR of theirs, each continued by zeros to the longest.

use packet::Packet as _;
use packet::checksum::Sum;

use super::ADDRESSES_LEN;
use super::decoder::NotDecoded;

/// EtherType of frames between the proxies.
pub const ETHERTYPE: u16 = 0x88b5;
/// Bytes of a data packet's header.
pub const DATA_LEN: usize = 12;
/// Bytes of a repair's header.
pub const REPAIR_LEN: usize = 18;
/// Most packets of a group.
pub const MAX_GROUP: u8 = 64;
/// Most layers.
pub const MAX_LAYERS: usize = 8;

const VERSION: u8 = 1;
const DATA: u8 = VERSION << 4 | 1;
const REPAIR: u8 = VERSION << 4 | 2;
const CHECKSUM: std::ops::Range<usize> = 4..6;

/// The packets of a repair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Group {
    /// The layer that made it; groups of one layer have no packet in common.
    pub layer: u8,
    /// Number of its first packet.
    pub first: u32,
    /// Distance from one number to the next, at least 1.
    pub interleave: u16,
    /// How many packets, 1 to [`MAX_GROUP`]. A group that was closed early has fewer than others.
    pub count: u8,
}

impl Group {
    /// The numbers of its packets.
    pub fn members(self) -> impl Iterator<Item = u32> {
        let distance = u32::from(self.interleave);
        (0..u32::from(self.count)).map(move |at| self.first.wrapping_add(at * distance))
    }

    /// How much the last number is beyond the first.
    #[must_use]
    pub const fn reach(self) -> u32 {
        (self.count as u32 - 1) * self.interleave as u32
    }
}

/// A header that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Header {
    Data { sequence: u32 },
    Repair { group: Group, lengths: u16 },
}

impl Header {
    const fn len(self) -> usize {
        match self {
            Self::Data { .. } => DATA_LEN,
            Self::Repair { .. } => REPAIR_LEN,
        }
    }

    /// Reads the header of a frame between the proxies, and where its text stands in the frame.
    pub(crate) fn read(frame: &[u8]) -> Result<(Self, std::ops::Range<usize>), NotDecoded> {
        if frame.be16(ADDRESSES_LEN) != Some(ETHERTYPE) {
            return Err(NotDecoded::NotOurs);
        }
        let bytes = &frame[ADDRESSES_LEN..];
        let [_, _, kind, layer, _, _, s3, s2, s1, s0, l1, l0] =
            bytes.read::<DATA_LEN>(0).ok_or(NotDecoded::Truncated)?;
        let first = u32::from_be_bytes([s3, s2, s1, s0]);
        let header = match kind {
            DATA => Self::Data { sequence: first },
            REPAIR => {
                let [x1, x0, i1, i0, count, _] =
                    bytes.read::<6>(DATA_LEN).ok_or(NotDecoded::Truncated)?;
                Self::Repair {
                    group: Group {
                        layer,
                        first,
                        interleave: u16::from_be_bytes([i1, i0]),
                        count,
                    },
                    lengths: u16::from_be_bytes([x1, x0]),
                }
            }
            _ => return Err(NotDecoded::BadVersion),
        };
        let end = header.len() + usize::from(u16::from_be_bytes([l1, l0]));
        if end > bytes.len() {
            return Err(NotDecoded::Truncated);
        }
        // With its own complement among them the words sum to zero.
        if Sum::new().bytes(&bytes[2..end]).finish() != 0 {
            return Err(NotDecoded::BadChecksum);
        }
        let text = ADDRESSES_LEN + header.len()..ADDRESSES_LEN + end;
        Ok((header, text))
    }

    /// Writes the header, checksum included, at the start of `bytes`; the text stands behind it.
    pub(crate) fn write(self, bytes: &mut [u8]) {
        let text = (bytes.len() - self.len()) as u16;
        let (kind, layer, sequence) = match self {
            Self::Data { sequence } => (DATA, 0, sequence),
            Self::Repair { group, .. } => (REPAIR, group.layer, group.first),
        };
        bytes[..2].copy_from_slice(&ETHERTYPE.to_be_bytes());
        (bytes[2], bytes[3]) = (kind, layer);
        bytes[CHECKSUM].fill(0);
        bytes[6..10].copy_from_slice(&sequence.to_be_bytes());
        bytes[10..DATA_LEN].copy_from_slice(&text.to_be_bytes());
        if let Self::Repair { group, lengths } = self {
            bytes[12..14].copy_from_slice(&lengths.to_be_bytes());
            bytes[14..16].copy_from_slice(&group.interleave.to_be_bytes());
            bytes[16..REPAIR_LEN].copy_from_slice(&[group.count, 0]);
        }
        let sum = Sum::new().bytes(&bytes[2..]).finish();
        bytes[CHECKSUM].copy_from_slice(&sum.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(header: Header, text: &[u8]) -> Vec<u8> {
        let mut frame = vec![0; ADDRESSES_LEN + header.len()];
        frame.extend_from_slice(text);
        header.write(&mut frame[ADDRESSES_LEN..]);
        frame
    }

    #[test]
    fn what_is_written_is_read_and_one_changed_bit_is_seen() {
        let group = Group {
            layer: 2,
            first: u32::MAX,
            interleave: 100,
            count: 8,
        };
        let repair = Header::Repair {
            group,
            lengths: 0x1234,
        };
        for header in [Header::Data { sequence: 7 }, repair] {
            let mut frame = written(header, b"a text");
            // What the link pads.
            frame.extend_from_slice(&[0xff; 9]);
            let (read, text) = Header::read(&frame).unwrap();
            assert_eq!((read, &frame[text.clone()]), (header, &b"a text"[..]));
            for at in ADDRESSES_LEN..text.end {
                let mut changed = frame.clone();
                changed[at] ^= 0x10;
                assert!(Header::read(&changed).is_err(), "byte {at}");
            }
            for len in 0..text.end {
                assert!(Header::read(&frame[..len]).is_err(), "{len} bytes");
            }
        }
        assert_eq!(
            group.members().take(2).collect::<Vec<_>>(),
            [u32::MAX, 99],
            "numbers wrap"
        );
    }
}
