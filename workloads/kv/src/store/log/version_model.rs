//! Versions under loom: every interleaving (up to three preemptions) and every reordering that
//! the orders of access allow.

#![expect(unsafe_code, reason = "loom's cells give out raw pointers")]

use std::sync::atomic::Ordering;

use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicU64, fence};
use loom::thread;

use super::{Words, begin, end, read, try_lock, unlock};

/// A few words, by number.
struct Model<const N: usize>([AtomicU64; N]);

impl<const N: usize> Model<N> {
    fn new() -> Arc<Self> {
        Arc::new(Self(std::array::from_fn(|_| AtomicU64::new(0))))
    }
}

impl<const N: usize> Words for Model<N> {
    fn load(&self, at: usize, order: Ordering) -> u64 {
        self.0[at].load(order)
    }

    fn store(&self, at: usize, word: u64, order: Ordering) {
        self.0[at].store(word, order);
    }

    fn acquire_if(&self, at: usize, old: u64, new: u64) -> bool {
        self.0[at]
            .compare_exchange(old, new, Ordering::Acquire, Ordering::Relaxed)
            .is_ok()
    }

    fn fence(&self, order: Ordering) {
        fence(order);
    }
}

fn check(body: impl Fn() + Sync + Send + 'static) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(body);
}

#[test]
fn a_copy_that_is_kept_was_never_half_written() {
    check(|| {
        let words = Model::<3>::new();
        let writer = {
            let words = Arc::clone(&words);
            thread::spawn(move || {
                for value in 1..=2 {
                    begin(&*words, 0);
                    words.store(1, value, Ordering::Relaxed);
                    words.store(2, value, Ordering::Relaxed);
                    end(&*words, 0);
                }
            })
        };
        let pair = |_| {
            (
                words.load(1, Ordering::Relaxed),
                words.load(2, Ordering::Relaxed),
            )
        };
        if let Some((first, second)) = read(&*words, 0, pair) {
            assert_eq!(first, second);
        }
        writer.join().unwrap();
        assert_eq!(read(&*words, 0, pair), Some((2, 2)));
    });
}

/// Words: the version and entry of one bucket, those of another, an item of two words. The item's place is
/// given from the first bucket to the second and written anew in between, outside of any change.
#[test]
fn memory_that_is_used_again_is_not_taken_for_what_it_was() {
    const ITEM: usize = 4;
    check(|| {
        let words = Model::<6>::new();
        words.store(1, 1, Ordering::Relaxed);
        words.store(ITEM, 1, Ordering::Relaxed);
        words.store(ITEM + 1, 1, Ordering::Relaxed);
        let writer = {
            let words = Arc::clone(&words);
            thread::spawn(move || {
                begin(&*words, 0);
                words.store(1, 0, Ordering::Relaxed);
                end(&*words, 0);
                words.store(ITEM, 2, Ordering::Relaxed);
                words.store(ITEM + 1, 2, Ordering::Relaxed);
                begin(&*words, 2);
                words.store(3, 2, Ordering::Relaxed);
                end(&*words, 2);
            })
        };
        for bucket in [0, 2] {
            let seen = read(&*words, bucket, |_| {
                let entry = words.load(bucket + 1, Ordering::Relaxed);
                (entry != 0).then(|| {
                    let first = words.load(ITEM, Ordering::Relaxed);
                    (entry, first, words.load(ITEM + 1, Ordering::Relaxed))
                })
            });
            if let Some(Some((entry, first, second))) = seen {
                assert_eq!((first, second), (entry, entry));
            }
        }
        writer.join().unwrap();
    });
}

#[test]
fn writers_exclude_one_another() {
    check(|| {
        let words = Model::<1>::new();
        let count = Arc::new(UnsafeCell::new(0));
        let work = |words: Arc<Model<1>>, count: Arc<UnsafeCell<u32>>| {
            while !try_lock(&*words, 0) {
                thread::yield_now();
            }
            // SAFETY: loom checks that nobody uses the cell meanwhile; that is the test.
            count.with_mut(|count| unsafe { *count += 1 });
            unlock(&*words, 0);
        };
        let other = {
            let (words, count) = (Arc::clone(&words), Arc::clone(&count));
            thread::spawn(move || work(words, count))
        };
        work(Arc::clone(&words), Arc::clone(&count));
        other.join().unwrap();
        // SAFETY: the other thread has ended.
        assert_eq!(count.with(|count| unsafe { *count }), 2);
    });
}
