//! What the control thread asks of a worker while it serves, or a worker tells it: rare, so behind a lock
//! that the reader looks at only when a flag says so.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use super::hot::KeyBytes;
use super::rebalance::SlotMove;

/// Something for a worker to do between two rounds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Order {
    /// Give slots of the partition table, with their items, to other owners.
    GiveAway(Vec<SlotMove>),
    /// The key of this hash, which the worker owns, is hot, from now on or still.
    Heat(u64, KeyBytes),
    /// It no longer is.
    Cool(u64),
}

/// What one worker is asked.
#[derive(Debug)]
pub(crate) struct Mailbox<T> {
    waiting: AtomicBool,
    orders: Mutex<Vec<T>>,
}

impl<T> Default for Mailbox<T> {
    fn default() -> Self {
        Self {
            waiting: AtomicBool::new(false),
            orders: Mutex::default(),
        }
    }
}

impl<T> Mailbox<T> {
    /// Leaves an order; the worker sees it in its next round.
    pub(crate) fn put(&self, order: T) {
        self.orders
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(order);
        self.waiting.store(true, Ordering::Release);
    }

    /// The orders since the last call, oldest first. Costs one load when there are none.
    pub(crate) fn take(&self) -> Vec<T> {
        if !self.waiting.load(Ordering::Relaxed) || !self.waiting.swap(false, Ordering::AcqRel) {
            return Vec::new();
        }
        std::mem::take(&mut *self.orders.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_come_once_and_in_order() {
        let mailbox = Mailbox::default();
        assert!(mailbox.take().is_empty());
        let first = Order::GiveAway(vec![(1, 0)]);
        let second = Order::GiveAway(vec![(2, 1)]);
        mailbox.put(first.clone());
        mailbox.put(second.clone());
        assert_eq!(mailbox.take(), [first, second]);
        assert!(mailbox.take().is_empty());
    }
}
