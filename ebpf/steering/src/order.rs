//! The order of keys that are numbered, for owners that have a range of them each.
//!
//! "A multi-key request and range query possibly need to access data on multiple CPU cores" (ENCP'19,
//! section 4): neighbours in the order of keys are anywhere in the order of their hashes. What stands
//! here takes the place of the hash. A key's *place* is its number over how many keys there are, as a
//! fraction of 2^64, so that the topmost bits name a slot of the table, as a hash's do, and neighbours
//! share one. The number is what the key begins with: digits of base 62 (`0-9a-zA-Z`, the most
//! significant one first), as many as the largest number has.
//!
//! A store of arbitrary keys would compare them with the bounds of the ranges instead. That steering
//! reads the key and does not hash it is the same; numbers need no map of bounds to search.

use packet::Packet;

/// The base of the numbers.
const BASE: u64 = 62;
/// Digits of the largest number, 2^32 - 1.
const MOST_DIGITS: usize = 6;

/// An order of keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Order {
    /// How many keys there are, at least 1; their numbers begin at 0.
    pub keys: u32,
    /// Digits of each number, 1 to 6.
    pub digits: u32,
}

impl Order {
    /// The order of so many keys.
    #[must_use]
    pub const fn of(keys: u32) -> Self {
        let mut digits = 1;
        let mut numbers = BASE;
        while numbers < keys as u64 {
            numbers *= BASE;
            digits += 1;
        }
        Self { keys, digits }
    }

    /// The place of the key of this number; one beyond the last key has the last key's.
    #[inline(always)]
    #[must_use]
    pub const fn place(self, number: u64) -> u64 {
        let keys = self.keys as u64;
        let last = keys.saturating_sub(1);
        let number = if number < last { number } else { last };
        // Checked, for BPF has no panic to divide by zero with.
        match (number << 32).checked_div(keys) {
            Some(part) => part << 32,
            None => 0,
        }
    }

    /// The place of the key that is the `len` bytes at `at`; what has no number is before all that have
    /// one. `None` if the bytes are not inside.
    #[inline(always)]
    #[must_use]
    pub fn place_of<P: Packet + ?Sized>(self, p: &P, at: usize, len: usize) -> Option<u64> {
        if len < self.digits as usize {
            return Some(0);
        }
        let mut number = 0;
        for digit in 0..MOST_DIGITS {
            if digit >= self.digits as usize {
                break;
            }
            let [letter] = p.read::<1>(at + digit)?;
            match value_of(letter) {
                Some(value) => number = number * BASE + value,
                None => return Some(0),
            }
        }
        Some(self.place(number))
    }
}

/// What a digit stands for.
#[inline(always)]
const fn value_of(letter: u8) -> Option<u64> {
    let value = match letter {
        b'0'..=b'9' => letter - b'0',
        b'a'..=b'z' => letter - b'a' + 10,
        b'A'..=b'Z' => letter - b'A' + 36,
        _ => return None,
    };
    Some(value as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slot_of;

    #[test]
    fn as_many_digits_as_the_largest_number_has() {
        for (keys, digits) in [
            (1, 1),
            (62, 1),
            (63, 2),
            (3844, 2),
            (3845, 3),
            (20_000, 3),
            (u32::MAX, MOST_DIGITS as u32),
        ] {
            assert_eq!(Order::of(keys), Order { keys, digits });
        }
    }

    #[test]
    fn places_rise_with_the_number_over_all_slots() {
        for keys in [1, 2, 1000, 1024, 20_000] {
            let order = Order::of(keys);
            let slots = (0..u64::from(keys)).map(|number| slot_of(order.place(number)));
            let exact = (0..u64::from(keys)).map(|number| (number * 1024 / u64::from(keys)) as u16);
            assert!(slots.eq(exact), "{keys}");
            assert_eq!(order.place(0), 0);
            assert_eq!(order.place(u64::MAX), order.place(u64::from(keys) - 1));
        }
        assert_eq!(Order { keys: 0, digits: 1 }.place(5), 0);
    }

    #[test]
    fn a_key_is_placed_by_the_digits_that_it_begins_with() {
        let order = Order::of(20_000);
        let place = |key: &[u8]| order.place_of(key, 0, key.len());
        assert_eq!(place(b"000 and more"), Some(order.place(0)));
        assert_eq!(place(b"00Z"), Some(order.place(61)));
        assert_eq!(place(b"0a1"), Some(order.place(10 * 62 + 1)));
        assert_eq!(place(b"5cA"), Some(order.place((5 * 62 + 12) * 62 + 36)));
        assert_eq!(place(b"ZZZ"), Some(order.place(19_999)), "beyond the last");
        for none in [b"0-0".as_slice(), b"00\xff", b"00", b""] {
            assert_eq!(place(none), Some(0), "{none:?}");
        }
        assert_eq!(order.place_of(b"00".as_slice(), 0, 3), None);
    }
}
