//! How a thread that handed over work wakes the thread that it handed it to.
//!
//! Writing to an eventfd costs a system call, so it is left out while the owner is awake. The
//! owner announces that it is about to sleep in a flag, and then looks at its rings once more;
//! the sender publishes its message and then looks at the flag. Each side writes one place and
//! reads the other's, the pattern of Dekker's algorithm: without a full fence between the store
//! and the load on **both** sides, x86 and Arm may let both loads go first, and the wakeup is
//! lost. [`Handshake`] holds that protocol alone, generic over the atomics, so that a model
//! checker can run every interleaving of the very code that the servers run.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering, fence};

use rustix::event::{EventfdFlags, eventfd};

/// The atomic operations that the handshake needs; the standard library's, or a model checker's.
pub trait Flag {
    /// Stores without ordering.
    fn store_relaxed(&self, value: bool);
    /// Loads without ordering.
    fn load_relaxed(&self) -> bool;
    /// Swaps with acquire and release ordering.
    fn swap(&self, value: bool) -> bool;
    /// Orders every store before every later load, for all threads.
    fn full_fence();
}

impl Flag for AtomicBool {
    fn store_relaxed(&self, value: bool) {
        self.store(value, Ordering::Relaxed);
    }

    fn load_relaxed(&self) -> bool {
        self.load(Ordering::Relaxed)
    }

    fn swap(&self, value: bool) -> bool {
        AtomicBool::swap(self, value, Ordering::AcqRel)
    }

    fn full_fence() {
        fence(Ordering::SeqCst);
    }
}

/// The sleeping flag and who may read and write it when.
#[derive(Debug, Default)]
pub struct Handshake<F> {
    sleeping: F,
}

impl<F: Flag> Handshake<F> {
    /// A handshake over a flag that is false: the owner is awake.
    pub fn new(sleeping: F) -> Self {
        Self { sleeping }
    }

    /// The owner is about to sleep. It must look at its rings **after** this, and may sleep only
    /// when they are empty; otherwise it calls [`awake`](Self::awake).
    pub fn announce_sleep(&self) {
        self.sleeping.store_relaxed(true);
        F::full_fence();
    }

    /// The owner is awake again.
    pub fn awake(&self) {
        self.sleeping.store_relaxed(false);
    }

    /// A sender has published its message. Returns whether this sender has to wake the owner: of
    /// several senders to one sleeper, one does.
    pub fn must_wake(&self) -> bool {
        F::full_fence();
        self.sleeping.load_relaxed() && self.sleeping.swap(false)
    }
}

/// One thread's doorbell: the handshake and the eventfd behind it.
///
/// Aligned to two cache lines, since x86 prefetches them in pairs and the flags of neighbouring
/// threads must not share one.
#[derive(Debug)]
#[repr(align(128))]
pub struct Doorbell {
    handshake: Handshake<AtomicBool>,
    event: OwnedFd,
}

impl Doorbell {
    /// A doorbell with an eventfd of its own.
    ///
    /// # Errors
    /// When the process has no descriptor left.
    pub fn new() -> std::io::Result<Self> {
        let event = eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)?;
        Ok(Self {
            handshake: Handshake::new(AtomicBool::new(false)),
            event,
        })
    }

    /// Wakes the owner if it sleeps; returns whether an eventfd write was made. Call it after the
    /// message is published.
    pub fn ring(&self) -> bool {
        let wake = self.handshake.must_wake();
        if wake {
            self.write();
        }
        wake
    }

    /// See [`Handshake::announce_sleep`].
    pub fn announce_sleep(&self) {
        self.handshake.announce_sleep();
    }

    /// See [`Handshake::awake`].
    pub fn awake(&self) {
        self.handshake.awake();
    }

    /// The descriptor to poll for reading.
    pub fn raw_fd(&self) -> RawFd {
        self.event.as_raw_fd()
    }

    fn write(&self) {
        // An eventfd write fails only when the counter would overflow, and then it is readable.
        let _ = rustix::io::write(&self.event, &1_u64.to_ne_bytes());
    }
}

impl AsFd for Doorbell {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.event.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use loom::sync::Arc;

    impl Flag for loom::sync::atomic::AtomicBool {
        fn store_relaxed(&self, value: bool) {
            self.store(value, Ordering::Relaxed);
        }
        fn load_relaxed(&self) -> bool {
            self.load(Ordering::Relaxed)
        }
        fn swap(&self, value: bool) -> bool {
            loom::sync::atomic::AtomicBool::swap(self, value, Ordering::AcqRel)
        }
        fn full_fence() {
            loom::sync::atomic::fence(Ordering::SeqCst);
        }
    }

    /// The same flag without the fence: what a naive port of the protocol would do.
    struct Unfenced(loom::sync::atomic::AtomicBool);

    impl Flag for Unfenced {
        fn store_relaxed(&self, value: bool) {
            Flag::store_relaxed(&self.0, value);
        }
        fn load_relaxed(&self) -> bool {
            Flag::load_relaxed(&self.0)
        }
        fn swap(&self, value: bool) -> bool {
            Flag::swap(&self.0, value)
        }
        fn full_fence() {}
    }

    /// Senders publish and ring; the owner looks, announces, looks again and sleeps. If it sleeps
    /// without having seen every message, somebody must have rung.
    fn no_wakeup_is_lost<F: Flag + 'static>(make: fn() -> F, senders: usize) {
        use loom::sync::atomic::{AtomicBool, AtomicUsize};
        let mut model = loom::model::Builder::new();
        // Two senders have too many interleavings for a unit test; races of this kind need few switches.
        model.preemption_bound = (senders > 1).then_some(2);
        model.check(move || {
            let handshake = Arc::new(Handshake::new(make()));
            let published = Arc::new(AtomicUsize::new(0));
            let rung = Arc::new(AtomicBool::new(false));
            let threads: Vec<_> = (0..senders)
                .map(|_| {
                    let (handshake, published, rung) =
                        (handshake.clone(), published.clone(), rung.clone());
                    loom::thread::spawn(move || {
                        published.fetch_add(1, Ordering::Release);
                        if handshake.must_wake() {
                            rung.store(true, Ordering::Release);
                        }
                    })
                })
                .collect();
            handshake.announce_sleep();
            let seen = published.load(Ordering::Acquire);
            for thread in threads {
                thread.join().unwrap();
            }
            let asleep_with_work = seen == 0 && published.load(Ordering::Acquire) > 0;
            assert!(
                !asleep_with_work || rung.load(Ordering::Acquire),
                "lost wakeup"
            );
        });
    }

    #[test]
    fn no_interleaving_loses_a_wakeup() {
        no_wakeup_is_lost(|| loom::sync::atomic::AtomicBool::new(false), 1);
        no_wakeup_is_lost(|| loom::sync::atomic::AtomicBool::new(false), 2);
    }

    #[test]
    #[should_panic(expected = "lost wakeup")]
    fn the_model_finds_the_race_when_the_fence_is_missing() {
        no_wakeup_is_lost(|| Unfenced(loom::sync::atomic::AtomicBool::new(false)), 1);
    }

    #[test]
    fn an_awake_owner_costs_no_system_call_and_a_sleeping_one_exactly_one() {
        let bell = Doorbell::new().unwrap();
        assert!(!bell.ring());
        bell.announce_sleep();
        assert!(bell.ring());
        assert!(!bell.ring(), "the second sender finds it rung already");
        assert_eq!(crate::wait::drain_eventfd(bell.raw_fd()), 1);
    }
}
