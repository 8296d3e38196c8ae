//! Interrupt coalescing: how long and for how many frames a device waits before it interrupts.

use std::io;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ioctl::{Words, command, exchange};

/// Words of struct ethtool_coalesce.
const WORDS: usize = 23;

/// Interrupt coalescing of one direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Coalescing {
    /// Longest wait, microseconds.
    pub wait_us: u32,
    /// Most frames waited for.
    pub frames: u32,
    /// Whether the driver adapts both to the load.
    pub adaptive: bool,
}

/// Interrupt coalescing of a device: receiving, then sending.
///
/// # Errors
/// `NotFound` when there is no such device; `Unsupported` when it does not coalesce (veth).
pub fn coalescing(device: &str) -> io::Result<[Coalescing; 2]> {
    let mut words = Words::new(command::GCOALESCE, WORDS);
    exchange(device, "ask the interrupt coalescing of", &mut words)?;
    Ok(decode(|at| words.get(at)))
}

/// The fields by their place in the struct.
fn decode(word: impl Fn(usize) -> u32) -> [Coalescing; 2] {
    let direction = |first: usize, adaptive: usize| Coalescing {
        wait_us: word(first),
        frames: word(first + 1),
        adaptive: word(adaptive) != 0,
    };
    [direction(1, 10), direction(5, 11)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_directions_are_read_from_their_places() {
        let mut words = [0; WORDS];
        (words[1], words[2], words[5], words[6], words[10]) = (50, 64, 100, 32, 1);
        let [rx, tx] = decode(|at| words[at]);
        assert_eq!((rx.wait_us, rx.frames, rx.adaptive), (50, 64, true));
        assert_eq!((tx.wait_us, tx.frames, tx.adaptive), (100, 32, false));
    }
}
