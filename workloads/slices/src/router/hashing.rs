//! A hash for small keys of our own tables, a few nanoseconds cheaper than the standard library's.
//!
//! Neighbours choose their addresses, so the seed is drawn anew in each process; the kernel bounds how many
//! neighbours there are (`gc_thresh3`).

use std::hash::{BuildHasher, Hasher, RandomState};

const ODD: u64 = 0x9e37_79b9_7f4a_7c15;

/// Makes hashers of one seed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seeded(u64);

impl Default for Seeded {
    fn default() -> Self {
        Self(RandomState::new().hash_one(ODD))
    }
}

impl BuildHasher for Seeded {
    type Hasher = Mixed;

    #[inline(always)]
    fn build_hasher(&self) -> Mixed {
        Mixed(self.0)
    }
}

/// Multiplies and folds, a word at a time.
#[derive(Debug)]
pub(super) struct Mixed(u64);

impl Mixed {
    #[inline(always)]
    fn mix(&mut self, word: u64) {
        let product = u128::from(self.0 ^ word) * u128::from(ODD);
        self.0 = (product >> 64) as u64 ^ product as u64;
    }
}

impl Hasher for Mixed {
    #[inline(always)]
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.mix(u64::from_le_bytes(word));
        }
    }

    #[inline(always)]
    fn write_u16(&mut self, number: u16) {
        self.mix(number.into());
    }

    #[inline(always)]
    fn write_u32(&mut self, number: u32) {
        self.mix(number.into());
    }

    #[inline(always)]
    fn write_u128(&mut self, number: u128) {
        self.mix((number >> 64) as u64);
        self.mix(number as u64);
    }
}

/// A number that two addresses have in common whenever they are the same: which of several ways their packets go.
#[inline]
pub(super) fn of_flow(src: u128, dst: u128) -> u64 {
    let mut hash = Mixed(ODD);
    hash.write_u128(src);
    hash.write_u128(dst);
    hash.finish()
}
