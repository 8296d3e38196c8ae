//! What the CPU itself counted for some threads: cycles, instructions, cache misses (perf_event_open(2)).
//!
//! Many virtual machines have no such counters; opening them then fails, and the reason is the result.

use std::io;

use perf_event::events::Hardware as Event;
use perf_event::{Builder, Counter};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::Doing;

/// What the counters showed, user and kernel code together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HardwareCounts {
    /// CPU cycles.
    pub cycles: u64,
    /// Instructions retired.
    pub instructions: u64,
    /// Misses of the last-level cache.
    pub cache_misses: u64,
}

/// Running counters, three for each observed thread.
#[derive(Debug)]
pub struct HardwareCounters(Vec<[Counter; 3]>);

impl HardwareCounters {
    /// Counts for these threads.
    ///
    /// # Errors
    /// When the machine has no such counters, or they may not be used
    /// (`kernel.perf_event_paranoid`).
    pub fn of_threads(tids: &[u32]) -> io::Result<Self> {
        let three = |tid: &u32| {
            let pid = crate::process::pid(*tid)?.as_raw_nonzero().get();
            open_three(|builder| {
                builder.observe_pid(pid);
            })
        };
        tids.iter().map(three).collect::<io::Result<_>>().map(Self)
    }

    /// Counts for the calling thread and every thread that it or its children will start.
    ///
    /// # Errors
    /// As [`of_threads`](Self::of_threads).
    pub fn of_descendants() -> io::Result<Self> {
        let three = open_three(|builder| {
            builder.observe_self().inherit(true);
        })?;
        Ok(Self(vec![three]))
    }

    /// The counts so far.
    ///
    /// # Errors
    /// When a counter cannot be read.
    pub fn read(&mut self) -> io::Result<HardwareCounts> {
        let mut sum = HardwareCounts::default();
        for [cycles, instructions, cache_misses] in &mut self.0 {
            sum.cycles += cycles.read()?;
            sum.instructions += instructions.read()?;
            sum.cache_misses += cache_misses.read()?;
        }
        Ok(sum)
    }
}

impl HardwareCounts {
    /// What was counted since `earlier`.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Self {
        Self {
            cycles: self.cycles.saturating_sub(earlier.cycles),
            instructions: self.instructions.saturating_sub(earlier.instructions),
            cache_misses: self.cache_misses.saturating_sub(earlier.cache_misses),
        }
    }
}

fn open_three(observe: impl Fn(&mut Builder<'_>)) -> io::Result<[Counter; 3]> {
    let open = |event: Event| {
        let mut builder = Builder::new(event);
        observe(&mut builder);
        let opened = builder.include_kernel().enabled(true).build();
        opened.doing(|| format!("open the hardware counter {event:?}"))
    };
    Ok([
        open(Event::CPU_CYCLES)?,
        open(Event::INSTRUCTIONS)?,
        open(Event::CACHE_MISSES)?,
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_counted_or_the_reason_is_told() {
        match HardwareCounters::of_threads(&[crate::process::current_thread()]) {
            Ok(mut counters) => {
                let before = counters.read().unwrap();
                let sum: u64 = (0..100_000u64).map(std::hint::black_box).sum();
                std::hint::black_box(sum);
                let used = counters.read().unwrap().since(before);
                assert!(used.instructions >= 100_000, "{used:?}");
            }
            Err(error) => {
                let reason = error.to_string();
                assert!(reason.contains("hardware counter"), "{reason}");
            }
        }
    }
}
