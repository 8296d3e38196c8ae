//! Who has a core, as the dispatcher and the owners tell one another.

use std::sync::atomic::{AtomicU8, Ordering};

use crate::server::counters::Count;

/// The owner has no core: it sleeps, or is about to.
const PARKED: u8 = 0;
/// It has one.
const GRANTED: u8 = 1;
/// It has one and is to give it back.
const REVOKED: u8 = 2;

/// One owner's state. Only the dispatcher grants and revokes, only the owner parks, so that each
/// change has one author: parked to granted to (revoked to) parked.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Hold(AtomicU8);

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Cores(Vec<Hold>);

impl Cores {
    /// So many owners, all without a core.
    pub(super) fn new(owners: usize) -> Self {
        Self((0..owners).map(|_| Hold::default()).collect())
    }

    /// The dispatcher gives a parked owner its core; the owner is to be woken then.
    pub(super) fn grant(&self, owner: usize) {
        self.0[owner].0.store(GRANTED, Ordering::Release);
    }

    /// The dispatcher wants an owner's core back; no use when that has parked meanwhile.
    pub(super) fn revoke(&self, owner: usize) {
        let hold = &self.0[owner].0;
        let _ = hold.compare_exchange(GRANTED, REVOKED, Ordering::AcqRel, Ordering::Relaxed);
    }

    /// The owner gives its core back. It has announced its sleep before, so that the grant that
    /// follows wakes it.
    pub(super) fn park(&self, owner: usize) {
        self.0[owner].0.store(PARKED, Ordering::Release);
    }

    /// Whether the owner has a core, and may keep it.
    pub(super) fn may_run(&self, owner: usize) -> bool {
        self.0[owner].0.load(Ordering::Acquire) == GRANTED
    }

    /// Whether the owner is without a core.
    pub(super) fn is_parked(&self, owner: usize) -> bool {
        self.0[owner].0.load(Ordering::Acquire) == PARKED
    }
}

/// What allocating cores came to so far. The dispatcher alone writes it.
#[derive(Debug, Default)]
pub(crate) struct Allocation {
    pub(super) looks: Count,
    pub(super) granted: Count,
    pub(super) revoked: Count,
    pub(super) parked: Count,
    pub(super) most_running: Count,
    pub(super) largest_delay_ns: Count,
}

impl Allocation {
    /// Raises a count to a value that it has not reached.
    pub(super) fn raise(count: &Count, to: u64) {
        count.add(to.saturating_sub(count.get()));
    }

    /// The counters by name. The last two only grow: their change is the largest value where they
    /// began at 0, as they do when no request has come yet.
    pub(crate) fn named(&self) -> [(String, u64); 6] {
        [
            ("allocation_looks", &self.looks),
            ("cores_granted", &self.granted),
            ("cores_revoked", &self.revoked),
            ("cores_parked", &self.parked),
            ("cores_at_most", &self.most_running),
            ("queueing_delay_max_ns", &self.largest_delay_ns),
        ]
        .map(|(name, count)| (name.to_owned(), count.get()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revoked_owner_keeps_its_core_until_it_parks_and_a_parked_one_has_none_to_revoke() {
        let cores = Cores::new(2);
        assert!(cores.is_parked(0) && !cores.may_run(0));
        cores.revoke(0);
        assert!(cores.is_parked(0));
        cores.grant(0);
        assert!(cores.may_run(0) && cores.is_parked(1));
        cores.revoke(0);
        assert!(!cores.may_run(0) && !cores.is_parked(0));
        cores.park(0);
        assert!(cores.is_parked(0));
    }
}
