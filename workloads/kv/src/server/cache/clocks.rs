//! The server's half of the clocks of [`steering::in_kernel::coherence`]: how many writes it has executed.

use std::sync::atomic::{AtomicU64, Ordering};

use steering::in_kernel::call::call_effect;
use steering::in_kernel::coherence::{ALL_CLOCKS, EVERY_KEY, clock_of};
use steering::in_kernel::effect::effect;

/// One counter for each clock, advanced by the threads that execute.
#[derive(Debug)]
pub(crate) struct Clocks {
    executed: Box<[AtomicU64]>,
    of_calls: bool,
}

impl Clocks {
    /// Clocks that stand where those of a program do that was just loaded; datagrams are calls, or memcached's
    /// requests.
    pub(crate) fn new(of_calls: bool) -> Self {
        Self {
            executed: (0..ALL_CLOCKS).map(|_| AtomicU64::new(0)).collect(),
            of_calls,
        }
    }

    /// The clock that a datagram has advanced in the path, if it has any. The path's program reads it
    /// by the same function, and lets through only what that can read.
    pub(crate) fn of_datagram(&self, payload: &[u8]) -> Option<u32> {
        match self.of_calls {
            true => call_effect(payload, 0, payload.len()).ok()?.clock(),
            false => effect(payload, 0, payload.len()).ok()?.clock(),
        }
    }

    /// A datagram was dealt with: what it changed can be seen by whoever reads the store from now on.
    pub(crate) fn advance(&self, clock: u32) {
        self.executed[clock as usize].fetch_add(1, Ordering::Release);
    }

    /// The key's clock and the clock of all keys.
    pub(crate) fn read(&self, hash: u64) -> (u64, u64) {
        let clock = |index: u32| self.executed[index as usize].load(Ordering::Acquire);
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
        let clocks = Clocks::new(false);
        let (key, other) = (hash_bytes(b"key"), hash_bytes(b"other"));
        for text in ["set key 0 0 1\r\nx\r\n", "md key q\r\n", "flush_all\r\n"] {
            let clock = clocks.of_datagram(&datagram(text)).expect("a write");
            clocks.advance(clock);
        }
        assert_eq!(clocks.of_datagram(&datagram("get key\r\n")), None);
        assert_eq!(clocks.of_datagram(b"short"), None);
        assert_eq!((clocks.read(key), clocks.read(other)), ((2, 1), (0, 1)));
    }

    #[test]
    fn a_call_advances_the_clock_of_its_key() {
        use steering::rpc::{Kind, head, lengths};
        let call = |name: &[u8; 3]| {
            let (head, lengths) = (head(Kind::Call, 1), lengths(3, &[1, 3, 8]));
            [&head[..], &lengths, name, b"tkey12345678"].concat()
        };
        let clocks = Clocks::new(true);
        let clock = clocks.of_datagram(&call(b"add")).expect("a write");
        clocks.advance(clock);
        assert_eq!(clocks.of_datagram(&call(b"get")), None);
        assert_eq!(
            clocks.of_datagram(&datagram("set key 0 0 1\r\nx\r\n")),
            None
        );
        assert_eq!(clocks.read(hash_bytes(b"key")), (1, 0));
    }
}
