//! Buffers of one thread, and the way back for those that went to another.
//!
//! Under software steering a datagram is received by one thread and answered by another. If
//! buffers stayed where they were answered, an uneven load would make one thread allocate and
//! another free for ever; so each goes home, in batches, through a mutex that is only tried.

use std::sync::{Mutex, PoisonError, TryLockError};

/// The bytes of one datagram.
pub(super) type Buffer = Box<[u8]>;

/// Where each owner finds the buffers that others gave back.
#[derive(Debug)]
pub(super) struct Homes {
    returned: Vec<Mutex<Vec<Buffer>>>,
    size: usize,
}

impl Homes {
    pub(super) fn new(owners: u16, size: usize) -> Self {
        let returned = (0..owners).map(|_| Mutex::new(Vec::new())).collect();
        Self { returned, size }
    }

    pub(super) fn owners(&self) -> usize {
        self.returned.len()
    }

    /// A fresh buffer.
    pub(super) fn allocate(&self) -> Buffer {
        vec![0; self.size].into_boxed_slice()
    }

    /// Moves what was given back to `owner` into `free`.
    pub(super) fn collect(&self, owner: usize, free: &mut Vec<Buffer>) {
        free.append(
            &mut self.returned[owner]
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        );
    }

    /// Gives buffers back to `owner`, unless somebody is at its mutex.
    pub(super) fn try_give_back(&self, owner: usize, buffers: &mut Vec<Buffer>) {
        match self.returned[owner].try_lock() {
            Ok(mut home) => home.append(buffers),
            Err(TryLockError::Poisoned(home)) => home.into_inner().append(buffers),
            Err(TryLockError::WouldBlock) => {}
        }
    }
}
