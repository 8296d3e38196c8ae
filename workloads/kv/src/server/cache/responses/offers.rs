//! Responses on their way from the threads that computed them to the one that fills the cache.

use std::sync::{Mutex, PoisonError};

use crate::server::cache::contents::KeyBytes;

/// Offers that wait at most; further ones are not made. The controller looks every millisecond, and each has cost at least
/// `min_cost`.
const MOST_WAITING: usize = 1024;

/// A response that cost enough to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Offer {
    /// The call, from behind its id on.
    pub(super) call: KeyBytes,
    /// The response, from behind the call's id on.
    pub(super) response: Box<[u8]>,
    /// The sum of its key's clocks before it was computed; 0 where it depends on no item.
    pub(super) clocks: u64,
    /// CPU time that it cost, ns.
    pub(super) cost_ns: u64,
    /// When it was computed, ns of CLOCK_MONOTONIC.
    pub(super) computed_ns: u64,
}

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Offers {
    /// CPU time that a response must have cost, ns.
    pub(super) min_cost_ns: u64,
    waiting: Mutex<Vec<Offer>>,
}

impl Offers {
    /// None yet, of responses that cost so much at least, in ns.
    pub(crate) fn new(min_cost_ns: u64) -> Self {
        Self {
            min_cost_ns,
            waiting: Mutex::default(),
        }
    }

    /// Makes an offer, which is dropped where too many wait: the response is offered again when it is computed again.
    pub(super) fn make(&self, offer: Offer) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() < MOST_WAITING {
            waiting.push(offer);
        }
    }

    /// The offers since the last call, oldest first.
    pub(super) fn take(&self) -> Vec<Offer> {
        std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_wait_and_no_more() {
        let offers = Offers::new(0);
        let offer = |cost_ns| Offer {
            call: KeyBytes::from(b"call".as_slice()),
            response: Box::from(b"x".as_slice()),
            clocks: 0,
            cost_ns,
            computed_ns: 0,
        };
        (0..2 * MOST_WAITING as u64).for_each(|cost| offers.make(offer(cost)));
        let taken = offers.take();
        assert_eq!((taken.len(), &taken[7]), (MOST_WAITING, &offer(7)));
        assert!(offers.take().is_empty());
    }
}
