//! The hand-over of a slot under loom: every interleaving and every reordering that acquire and release
//! allow. Words behind the state are loom cells, so that one read and written without a happens-before
//! between is an error: a torn request or reply.

#![expect(unsafe_code, reason = "loom's cells give out raw pointers")]

use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicU64, Ordering};
use loom::thread;

use super::*;

struct ModelSlot {
    state: AtomicU64,
    words: [UnsafeCell<u64>; 2],
    release: Ordering,
}

impl ModelSlot {
    fn new(release: Ordering) -> Self {
        Self {
            state: AtomicU64::new(FREE),
            words: [UnsafeCell::new(0), UnsafeCell::new(0)],
            release,
        }
    }
}

impl Words for ModelSlot {
    fn state(&self) -> u64 {
        self.state.load(Ordering::Acquire)
    }

    fn set_state(&self, state: u64) {
        self.state.store(state, self.release);
    }

    fn word(&self, at: usize) -> u64 {
        // SAFETY: loom checks that nobody writes the cell meanwhile; that is the test.
        self.words[at - 1].with(|word| unsafe { *word })
    }

    fn set_word(&self, at: usize, value: u64) {
        // SAFETY: loom checks that nobody else uses the cell meanwhile; that is the test.
        self.words[at - 1].with_mut(|word| unsafe { *word = value });
    }
}

/// A client asks twice through one slot, and a server answers with the request's own bytes.
fn twice(release: Ordering) {
    loom::model(move || {
        let slot = Arc::new(ModelSlot::new(release));
        let server = {
            let slot = Arc::clone(&slot);
            thread::spawn(move || {
                let mut bytes = Vec::new();
                let mut served = 0;
                while served < 2 {
                    if let Some(tag) = take(&*slot, &mut bytes) {
                        let tag = tag.expect("a length");
                        assert_eq!(bytes, [tag as u8; 3], "torn");
                        answer(&*slot, tag + 10, &bytes);
                        served += 1;
                    } else {
                        thread::yield_now();
                    }
                }
            })
        };
        let mut bytes = Vec::new();
        for tag in [1, 2] {
            assert!(ask(&*slot, tag, &[tag as u8; 3]), "free again");
            loop {
                match look(&*slot, &mut bytes) {
                    Seen::Waiting => thread::yield_now(),
                    seen @ (Seen::Free | Seen::Reply(_) | Seen::Garbage) => {
                        assert_eq!(seen, Seen::Reply(tag + 10));
                        assert_eq!(bytes, [tag as u8; 3], "torn");
                        break;
                    }
                }
            }
        }
        server.join().unwrap();
    });
}

#[test]
fn no_interleaving_tears_a_request_or_a_reply() {
    twice(Ordering::Release);
}

#[test]
#[should_panic(expected = "Causality violation")]
fn the_model_finds_what_is_torn_without_release() {
    twice(Ordering::Relaxed);
}
