//! Where a circular log writes next and what it overwrites: arithmetic only.
//!
//! Offsets count bytes from the log's first use on and never wrap; a position is an offset modulo the
//! capacity. An item lies in one piece, so where it does not fit before the end of the memory, the
//! rest of the lap is left out.

/// No lap has ended early.
const NONE: u64 = u64::MAX;

/// See the [module](self).
#[derive(Debug, Clone)]
pub(super) struct Circular {
    capacity: u64,
    /// Offset of the next item.
    head: u64,
    /// Offset of the oldest item.
    tail: u64,
    /// Offset from which on the latest lap was left out.
    cut: u64,
}

impl Circular {
    /// An empty log of `capacity` bytes, a multiple of 8 and not 0.
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            capacity: capacity as u64,
            head: 0,
            tail: 0,
            cut: NONE,
        }
    }

    /// Bytes that an item can have.
    pub(super) fn capacity(&self) -> usize {
        self.capacity as usize
    }

    fn position(&self, offset: u64) -> usize {
        (offset % self.capacity) as usize
    }

    /// The offset at which an item of `len` bytes would start.
    fn start(&self, len: usize) -> u64 {
        let left = self.capacity - self.head % self.capacity;
        if len as u64 <= left {
            self.head
        } else {
            self.head + left
        }
    }

    fn is_empty(&self) -> bool {
        self.tail == self.head
    }

    /// Whether an item of `len` bytes fits without overwriting one.
    pub(super) fn fits(&self, len: usize) -> bool {
        self.fits_behind(self.tail, len)
    }

    /// Whether it would fit once the oldest item, of `room` bytes, is dropped.
    pub(super) fn fits_without_oldest(&self, room: usize, len: usize) -> bool {
        self.fits_behind(self.tail + room as u64, len)
    }

    fn fits_behind(&self, tail: u64, len: usize) -> bool {
        len as u64 <= self.capacity
            && (tail == self.head || self.start(len) + len as u64 - tail <= self.capacity)
    }

    /// The position of the oldest item.
    pub(super) fn oldest(&mut self) -> Option<usize> {
        if self.tail == self.cut {
            self.tail = self.tail.next_multiple_of(self.capacity);
        }
        (!self.is_empty()).then(|| self.position(self.tail))
    }

    /// Lets the oldest item, which has `room` bytes, be overwritten.
    pub(super) fn drop_oldest(&mut self, room: usize) {
        self.tail += room as u64;
        debug_assert!(self.tail <= self.head);
    }

    /// The position for an item of `len` bytes, which fits.
    pub(super) fn take(&mut self, len: usize) -> usize {
        debug_assert!(self.fits(len));
        let start = self.start(len);
        if self.is_empty() {
            self.tail = start;
        } else if start != self.head {
            self.cut = self.head;
        }
        self.head = start + len as u64;
        self.position(start)
    }

    /// How far behind the head a position is, in bytes: the larger, the older.
    pub(super) fn age(&self, position: usize) -> u64 {
        let head = self.position(self.head) as u64;
        let age = (head + self.capacity - position as u64) % self.capacity;
        // A full log's oldest item lies at the head's own position.
        if age == 0 { self.capacity } else { age }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::VecDeque;

    proptest! {
        #[test]
        fn items_lie_apart_in_one_piece_and_leave_in_order(
            capacity in (8..100usize).prop_map(|words| words * 8),
            lens in prop::collection::vec((1..40usize).prop_map(|words| words * 8), 1..200),
        ) {
            let mut log = Circular::new(capacity);
            let mut held: VecDeque<(usize, usize)> = VecDeque::new();
            for len in lens {
                if len > capacity {
                    prop_assert!(!log.fits(len));
                    continue;
                }
                while !log.fits(len) {
                    let (position, room) = held.pop_front().expect("an empty log has room");
                    prop_assert_eq!(log.oldest(), Some(position));
                    log.drop_oldest(room);
                }
                let at = log.take(len);
                prop_assert!(at.is_multiple_of(8) && at + len <= capacity);
                prop_assert!(held.iter().all(|(other, room)| at + len <= *other || other + room <= at));
                held.push_back((at, len));
                let ages: Vec<_> = held.iter().map(|(position, _)| log.age(*position)).collect();
                prop_assert!(ages.is_sorted_by(|older, newer| older > newer), "{:?}", ages);
            }
            while let Some((position, room)) = held.pop_front() {
                prop_assert_eq!(log.oldest(), Some(position));
                log.drop_oldest(room);
            }
            prop_assert_eq!(log.oldest(), None);
        }
    }
}
