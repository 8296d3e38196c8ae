//! Values that prove whose they are.
//!
//! A value is a function of key id, version and length. Its first four bytes hold the version
//! where it has at least [`VERSIONED`] bytes; the rest is a keyed pseudo-random stream, so that a
//! get can be checked without remembering what was set. Shorter values have no room for a version:
//! all versions of them are alike.

use crate::stream::mix;

/// Values of at least this many bytes carry their version.
const VERSIONED: usize = 8;

/// Writes version `version` of the value of key `id` over all of `out`.
pub fn value_into(id: u32, version: u32, out: &mut [u8]) {
    let (version, at) = if out.len() >= VERSIONED {
        out[..4].copy_from_slice(&version.to_le_bytes());
        (version, 4)
    } else {
        (0, 0)
    };
    let mut stream = Stream::new(id, version, out.len());
    for chunk in out[at..].chunks_mut(8) {
        chunk.copy_from_slice(&stream.next()[..chunk.len()]);
    }
}

/// Replaces the content of `buf` by version `version` of the value of key `id`, `len` bytes long.
pub fn value_bytes(id: u32, version: u32, len: usize, buf: &mut Vec<u8>) -> &[u8] {
    buf.clear();
    buf.resize(len, 0);
    value_into(id, version, buf);
    buf
}

/// The version that a value claims; `None` when it is too short to carry one.
#[must_use]
pub fn value_version(bytes: &[u8]) -> Option<u32> {
    let head = bytes.get(..VERSIONED)?;
    Some(u32::from_le_bytes([head[0], head[1], head[2], head[3]]))
}

/// True when `bytes` are some version of the value of key `id`, whole and unaltered.
#[must_use]
pub fn verify_value(id: u32, bytes: &[u8]) -> bool {
    let (version, body) = match value_version(bytes) {
        Some(version) => (version, &bytes[4..]),
        None => (0, bytes),
    };
    let mut stream = Stream::new(id, version, bytes.len());
    body.chunks(8)
        .all(|chunk| *chunk == stream.next()[..chunk.len()])
}

struct Stream(u64);

impl Stream {
    fn new(id: u32, version: u32, len: usize) -> Self {
        Self(mix(u64::from(id) << 32 | u64::from(version)) ^ mix(len as u64))
    }

    fn next(&mut self) -> [u8; 8] {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0).to_le_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_version_verifies(id: u32, version: u32, len in 0usize..600) {
            let mut buf = Vec::new();
            let bytes = value_bytes(id, version, len, &mut buf);
            prop_assert_eq!(bytes.len(), len);
            prop_assert!(verify_value(id, bytes));
            prop_assert_eq!(value_version(bytes), (len >= 8).then_some(version));
        }

        #[test]
        fn one_changed_bit_is_seen(id: u32, version: u32, len in 8usize..300, at: usize, bit in 0u8..8) {
            let mut buf = Vec::new();
            value_bytes(id, version, len, &mut buf);
            let at = at % len;
            buf[at] ^= 1 << bit;
            prop_assert!(!verify_value(id, &buf));
        }

        #[test]
        fn another_key_or_a_cut_value_is_seen(id: u32, other: u32, len in 8usize..300) {
            prop_assume!(id != other);
            let mut buf = Vec::new();
            let bytes = value_bytes(id, 1, len, &mut buf);
            prop_assert!(!verify_value(other, bytes));
            prop_assert!(!verify_value(id, &bytes[..len - 1]));
        }
    }
}
