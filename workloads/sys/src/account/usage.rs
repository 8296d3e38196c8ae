//! Everything that the kernel accounts to a thread, in one value that adds up over threads.

use std::io;
use std::ops::{Add, Sub};

use serde::{Deserialize, Serialize};

use super::thread::{Faults, SchedStat, Switches, faults, schedstat, switches};

/// What a thread, or several together, used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Time on a CPU and waiting for one.
    pub sched: SchedStat,
    /// Context switches.
    pub switches: Switches,
    /// Page faults.
    pub faults: Faults,
}

impl Usage {
    /// The account of a thread since it began, by its thread id (kernel threads too).
    ///
    /// # Errors
    /// `NotFound` when it is gone.
    pub fn of_thread(tid: u32) -> io::Result<Self> {
        Ok(Self {
            sched: schedstat(tid)?,
            switches: switches(tid)?,
            faults: faults(tid)?,
        })
    }

    fn zip(self, other: Self, with: impl Fn(u64, u64) -> u64) -> Self {
        Self {
            sched: SchedStat {
                run_ns: with(self.sched.run_ns, other.sched.run_ns),
                wait_ns: with(self.sched.wait_ns, other.sched.wait_ns),
                timeslices: with(self.sched.timeslices, other.sched.timeslices),
            },
            switches: Switches {
                voluntary: with(self.switches.voluntary, other.switches.voluntary),
                involuntary: with(self.switches.involuntary, other.switches.involuntary),
            },
            faults: Faults {
                minor: with(self.faults.minor, other.faults.minor),
                major: with(self.faults.major, other.faults.major),
            },
        }
    }
}

impl Add for Usage {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        self.zip(other, u64::saturating_add)
    }
}

impl Sub for Usage {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        self.zip(earlier, u64::saturating_sub)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn touching_fresh_memory_shows_as_faults() {
        let tid = crate::process::current_thread();
        let before = Usage::of_thread(tid).unwrap();
        let pages = vec![1u8; 8 << 20];
        std::hint::black_box(&pages);
        let used = Usage::of_thread(tid).unwrap() - before;
        // 4 KiB pages, or as few as four where huge pages are always used.
        assert!(used.faults.minor >= 4, "{used:?}");
        assert_eq!(used + Usage::default(), used);
    }
}
