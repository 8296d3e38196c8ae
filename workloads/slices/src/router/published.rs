//! How tables reach the forwarding threads: each looks once a batch whether there are newer ones, which is one
//! load; only then does it take a lock, for as long as a reference is copied. No packet waits for a change, and
//! none sees half of one.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::fib::Fib;

/// The latest tables.
#[derive(Debug)]
pub struct Published {
    version: AtomicU64,
    fib: Mutex<Arc<Fib>>,
}

impl Published {
    /// Publishes the first tables.
    #[must_use]
    pub fn new(fib: Fib) -> Arc<Self> {
        Arc::new(Self {
            version: AtomicU64::new(0),
            fib: Mutex::new(Arc::new(fib)),
        })
    }

    /// Publishes tables in place of earlier ones.
    pub fn publish(&self, fib: Fib) {
        let fib = Arc::new(fib);
        let earlier = {
            let mut latest = self.fib.lock().unwrap_or_else(PoisonError::into_inner);
            self.version.fetch_add(1, Ordering::Release);
            std::mem::replace(&mut *latest, fib)
        };
        // Outside the lock: the last reference frees megabytes.
        drop(earlier);
    }

    /// How often tables were published after the first.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// A thread's own view, which begins with the latest tables.
    #[must_use]
    pub fn reader(self: &Arc<Self>) -> Reader {
        let (version, fib) = self.latest();
        Reader {
            published: Arc::clone(self),
            version,
            fib,
        }
    }

    fn latest(&self) -> (u64, Arc<Fib>) {
        let latest = self.fib.lock().unwrap_or_else(PoisonError::into_inner);
        (self.version(), Arc::clone(&latest))
    }
}

/// The tables that one thread forwards by.
#[derive(Debug, Clone)]
pub struct Reader {
    published: Arc<Published>,
    version: u64,
    fib: Arc<Fib>,
}

impl Reader {
    /// Takes the latest tables; true when they are others than before.
    pub fn refresh(&mut self) -> bool {
        if self.published.version() == self.version {
            return false;
        }
        (self.version, self.fib) = self.published.latest();
        true
    }

    /// The tables.
    #[inline(always)]
    #[must_use]
    pub fn fib(&self) -> &Fib {
        &self.fib
    }
}
