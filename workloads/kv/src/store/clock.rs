//! The hand of CLOCK: second chances for items in use.

use super::item::REFERENCED;

/// Where the hand of a size class stands.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Hand {
    page: usize,
    slot: usize,
}

impl Hand {
    /// The slot under the hand as (page, slot), then moves on; `None` without pages.
    #[inline]
    pub(super) fn advance(&mut self, pages: usize, per_page: usize) -> Option<(usize, usize)> {
        if self.slot >= per_page {
            *self = Self {
                page: self.page + 1,
                slot: 0,
            };
        }
        if self.page >= pages {
            self.page = 0;
        }
        let here = (pages > 0).then_some((self.page, self.slot));
        self.slot += 1;
        here
    }

    /// Whether an item with these bits gets a second chance; takes its reference bit away.
    #[inline]
    pub(super) fn spare(bits: &mut u8) -> bool {
        let referenced = *bits & REFERENCED != 0;
        *bits &= !REFERENCED;
        referenced
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hand_goes_round_all_slots() {
        let mut hand = Hand::default();
        let seen: Vec<_> = (0..7).map(|_| hand.advance(2, 3).unwrap()).collect();
        assert_eq!(
            seen,
            [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (0, 0)]
        );
        assert_eq!(hand.advance(0, 3), None);
    }

    #[test]
    fn a_reference_is_worth_one_chance() {
        let mut bits = REFERENCED | 1;
        assert!(Hand::spare(&mut bits));
        assert!(!Hand::spare(&mut bits));
        assert_eq!(bits, 1);
    }
}
