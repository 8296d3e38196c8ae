//! How hot keys are found among those that are not cached (NetCache, SOSP 2017, section 4.4.3).
//!
//! A sample of the gets that miss is counted in a Count-Min sketch: [`ROWS`] rows of counters, a key
//! counting in one of each, and its estimate the smallest of them (never too low, among sampled gets).
//! A key whose estimate reaches a threshold is reported once: a Bloom filter of [`FILTERS`] bits a key
//! remembers who was. The controller clears both at a fixed interval. The paper's switch has four rows
//! of 64 K counters and three arrays of 256 K bits; both are a quarter of that here, beside a cache
//! that is smaller too.

use packet::Packet;

use super::command::Key;
use super::item::{KEY_WORDS, part};

/// Rows of the sketch.
pub const ROWS: usize = 4;
/// Counters of a row.
pub const ROW_LEN: usize = 1 << 14;
/// Counters in all, row by row.
pub const CELLS: usize = ROWS * ROW_LEN;
/// Bits of the Bloom filter that a key sets.
pub const FILTERS: usize = 3;
/// Words of the Bloom filter.
pub const FILTER_WORDS: usize = 1 << 10;

const FILTER_BITS: u64 = FILTER_WORDS as u64 * 64;
const ODD: u64 = 0x9e37_79b9_7f4a_7c15;

/// The `i`-th of the hashes that are derived from a key's: two of them combined (Kirsch and
/// Mitzenmacher, ESA 2006), the second one odd so that they differ.
#[inline(always)]
const fn derived(hash: u64, i: usize) -> u64 {
    let second = hash.wrapping_mul(ODD) | 1;
    hash.wrapping_add(second.wrapping_mul(i as u64)) >> 32
}

/// The counter of a key in a row below [`ROWS`].
#[inline(always)]
#[must_use]
pub const fn cell(hash: u64, row: usize) -> usize {
    row * ROW_LEN + (derived(hash, row) as usize & (ROW_LEN - 1))
}

/// Word and bit of the `i`-th mark of a key in the Bloom filter.
#[inline(always)]
#[must_use]
pub const fn mark(hash: u64, i: usize) -> (usize, u64) {
    let bit = derived(hash, ROWS + i) % FILTER_BITS;
    ((bit / 64) as usize, 1 << (bit % 64))
}

/// Whether a get is in the sample, `random` being any random number: one of 2^`shift` is.
#[inline(always)]
#[must_use]
pub const fn is_sampled(random: u32, shift: u32) -> bool {
    random & ((1 << (shift & 31)) - 1) == 0
}

/// Words of a report.
pub const REPORT_WORDS: usize = 3 + KEY_WORDS;

/// A hot key as the program reports it: its hash, its length, its estimate, and its bytes, filled up
/// with zeros.
pub type Report = [u64; REPORT_WORDS];

/// The report of a key that is no longer than [`super::item::LONGEST_KEY`].
#[inline(always)]
pub fn report<P: Packet + ?Sized>(p: &P, key: &Key, estimate: u64) -> Report {
    let mut report = [0; REPORT_WORDS];
    report[0] = key.hash;
    report[1] = key.len as u64;
    report[2] = estimate;
    for i in 0..KEY_WORDS {
        report[3 + i] = part(p, key.at, key.len, i);
    }
    report
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash_bytes;

    struct Sketch {
        cells: [u64; CELLS],
        filter: [u64; FILTER_WORDS],
    }

    impl Sketch {
        fn count(&mut self, hash: u64) -> u64 {
            (0..ROWS)
                .map(|row| {
                    let cell = &mut self.cells[cell(hash, row)];
                    *cell += 1;
                    *cell
                })
                .min()
                .unwrap()
        }

        fn is_new(&mut self, hash: u64) -> bool {
            let mut new = false;
            for i in 0..FILTERS {
                let (word, bit) = mark(hash, i);
                new |= self.filter[word] & bit == 0;
                self.filter[word] |= bit;
            }
            new
        }
    }

    fn hash(key: u32) -> u64 {
        hash_bytes(&key.to_le_bytes())
    }

    #[test]
    fn an_estimate_is_never_too_low_and_seldom_too_high() {
        let mut sketch = Sketch {
            cells: [0; CELLS],
            filter: [0; FILTER_WORDS],
        };
        let times = |key: u32| u64::from(10_000 / (key + 1)) + 1;
        for key in 0..20_000 {
            for _ in 0..times(key) {
                sketch.count(hash(key));
            }
        }
        let mut exact = 0;
        for key in 0..20_000 {
            let estimate = (0..ROWS)
                .map(|row| sketch.cells[cell(hash(key), row)])
                .min();
            let estimate = estimate.unwrap();
            assert!(estimate >= times(key), "{key}");
            // The sketch's bound: beyond e/width of all counts with a probability of e^-rows.
            exact += u32::from(estimate - times(key) <= 20);
        }
        assert!(exact > 19_000, "{exact} of 20000 keys");
    }

    #[test]
    fn a_key_is_new_once() {
        let mut sketch = Sketch {
            cells: [0; CELLS],
            filter: [0; FILTER_WORDS],
        };
        let first = (0..2_000).filter(|key| sketch.is_new(hash(*key))).count();
        let again = (0..2_000).filter(|key| sketch.is_new(hash(*key))).count();
        assert_eq!(again, 0);
        assert!(first > 1_990, "{first} of 2000 told apart");
    }

    #[test]
    fn one_of_so_many_is_sampled() {
        let sampled = |shift| (0..1 << 12).filter(|n| is_sampled(*n, shift)).count();
        assert_eq!([0, 1, 3, 12].map(sampled), [4096, 2048, 512, 1]);
    }

    #[test]
    fn every_place_is_inside() {
        for hash in [0, 1, u64::MAX, 1 << 63, ODD] {
            assert!((0..ROWS).all(|row| cell(hash, row) / ROW_LEN == row));
            assert!((0..FILTERS).all(|i| mark(hash, i).0 < FILTER_WORDS));
        }
    }
}
