//! The server's half of the clocks of [`steering::in_kernel::coherence`]: how many writes it has executed.

use std::sync::atomic::{AtomicU64, Ordering};

use steering::in_kernel::coherence::{ALL_CLOCKS, EVERY_KEY, clock_of};
use steering::in_kernel::effect::effect;

/// One counter for each clock, advanced by the threads that execute.
#[derive(Debug)]
pub(crate) struct Clocks(Box<[AtomicU64]>);

impl Clocks {
    /// Clocks that stand where those of a program do that was just loaded.
    pub(crate) fn new() -> Self {
        Self((0..ALL_CLOCKS).map(|_| AtomicU64::new(0)).collect())
    }

    /// The clock that a datagram has advanced in the path, if it has any. The path's program reads it
    /// by the same function, and lets through only what that can read.
    pub(crate) fn of_datagram(payload: &[u8]) -> Option<u32> {
        effect(payload, 0, payload.len()).ok()?.clock()
    }

    /// A datagram was dealt with: what it changed can be seen by whoever reads the store from now on.
    pub(crate) fn advance(&self, clock: u32) {
        self.0[clock as usize].fetch_add(1, Ordering::Release);
    }

    /// The key's clock and the clock of all keys.
    pub(crate) fn read(&self, hash: u64) -> (u64, u64) {
        let clock = |index: u32| self.0[index as usize].load(Ordering::Acquire);
        (clock(clock_of(hash)), clock(EVERY_KEY))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use steering::hash::hash_bytes;

    fn datagram(text: &str) -> Vec<u8> {
        [&[0, 1, 0, 0, 0, 1, 0, 0], text.as_bytes()].concat()
    }

    #[test]
    fn a_datagram_advances_the_clock_of_what_it_can_change() {
        let clocks = Clocks::new();
        let (key, other) = (hash_bytes(b"key"), hash_bytes(b"other"));
        for text in ["set key 0 0 1\r\nx\r\n", "md key q\r\n", "flush_all\r\n"] {
            let clock = Clocks::of_datagram(&datagram(text)).expect("a write");
            clocks.advance(clock);
        }
        assert_eq!(Clocks::of_datagram(&datagram("get key\r\n")), None);
        assert_eq!(Clocks::of_datagram(b"short"), None);
        assert_eq!((clocks.read(key), clocks.read(other)), ((2, 1), (0, 1)));
    }
}
