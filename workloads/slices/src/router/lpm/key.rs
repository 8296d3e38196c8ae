//! Addresses as numbers, and prefixes of them.

use std::fmt::Debug;
use std::hash::Hash;

/// An address as a number, most significant bit first: `u32` for IPv4, `u128` for IPv6.
pub trait Key: Copy + Eq + Ord + Hash + Debug + Send + Sync + 'static {
    /// Bits of an address.
    const BITS: u32;
    /// Bits that one node below the root looks at. IPv4 wants few nodes, IPv6 small ones: its prefixes lie far
    /// apart, and a node of 4 bits is one cache line.
    const STRIDE: u32;

    /// The `count` bits from bit `at` on, bit 0 being the most significant.
    fn chunk(self, at: u32, count: u32) -> usize;

    /// Its first `len` bits, the others 0.
    #[must_use]
    fn first(self, len: u32) -> Self;
}

macro_rules! key {
    ($number:ty, $stride:literal) => {
        impl Key for $number {
            const BITS: u32 = <$number>::BITS;
            const STRIDE: u32 = $stride;

            #[inline(always)]
            fn chunk(self, at: u32, count: u32) -> usize {
                ((self << at) >> (Self::BITS - count)) as usize
            }

            fn first(self, len: u32) -> Self {
                match len {
                    0 => 0,
                    len => self & (<$number>::MAX << (Self::BITS - len)),
                }
            }
        }
    };
}

key!(u32, 8);
key!(u128, 4);

/// The first bits of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Prefix<K> {
    bits: K,
    len: u8,
}

impl<K: Key> Prefix<K> {
    /// The first `len` bits of `address`; all of it where that is longer than an address.
    #[must_use]
    pub fn new(address: K, len: u8) -> Self {
        let len = u32::from(len).min(K::BITS);
        Self {
            bits: address.first(len),
            len: len as u8,
        }
    }

    /// Its bits, followed by zeros.
    #[must_use]
    pub const fn bits(self) -> K {
        self.bits
    }

    /// How many bits it has.
    #[must_use]
    pub const fn len(self) -> u8 {
        self.len
    }

    /// Whether it has no bits, and so holds every address.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.len == 0
    }

    /// Whether the address begins with it.
    #[must_use]
    pub fn holds(self, address: K) -> bool {
        address.first(u32::from(self.len)) == self.bits
    }

    /// The prefixes of it that are shorter, the longest first.
    pub(super) fn shorter(self) -> impl Iterator<Item = Self> {
        (0..self.len)
            .rev()
            .map(move |len| Self::new(self.bits, len))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_counted_from_the_front() {
        assert_eq!(0x1234_5678_u32.chunk(0, 16), 0x1234);
        assert_eq!(0x1234_5678_u32.chunk(24, 8), 0x78);
        assert_eq!((0xabcd_u128 << 112).chunk(4, 4), 0xb);
        assert_eq!(0xf_u128.chunk(124, 4), 0xf);
    }

    #[test]
    fn a_prefix_is_what_it_says_whatever_the_rest_was() {
        let prefix = Prefix::new(0x0a01_02ff_u32, 24);
        assert_eq!(prefix, Prefix::new(0x0a01_0200, 24));
        assert!(prefix.holds(0x0a01_0207) && !prefix.holds(0x0a01_0307));
        let all = Prefix::new(7_u32, 0);
        assert!(all.is_empty() && all.holds(u32::MAX));
        assert_eq!(Prefix::new(1_u32, 200).len(), 32);
        assert_eq!(Prefix::new(0xf000_0000_u32, 2).shorter().count(), 2);
    }
}
