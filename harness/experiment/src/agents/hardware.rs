//! The CPU's own counters over a measure phase, or why there are none.

use std::io;
use std::thread::{self, JoinHandle};

use sys::account::{HardwareCounters, HardwareCounts};
use sys::clock;
use sys::environment::Reading;

use super::window::Window;

/// Why a drain has none: when it ends is known only when it has ended.
pub(super) const NOT_IN_A_DRAIN: &str = "the counters are read over a phase of fixed length";

/// Counters that will be read at the edges of a measure phase.
pub(super) enum Counting {
    /// They run.
    Running(JoinHandle<io::Result<HardwareCounts>>),
    /// They could not be opened, or not be waited for.
    Absent(String),
}

impl Counting {
    /// Counts for these threads.
    pub(super) fn of_threads(tids: &[u32], window: Window) -> Self {
        Self::begin(HardwareCounters::of_threads(tids), window)
    }

    /// Counts for every thread that the calling one will start.
    pub(super) fn of_descendants(window: Window) -> Self {
        Self::begin(HardwareCounters::of_descendants(), window)
    }

    fn begin(opened: io::Result<HardwareCounters>, window: Window) -> Self {
        let mut counters = match opened {
            Ok(counters) => counters,
            Err(error) => return Self::Absent(error.to_string()),
        };
        let wait = move || {
            clock::sleep_until_ns(window.measure_from_ns());
            let before = counters.read()?;
            clock::sleep_until_ns(window.measure_until_ns());
            Ok(counters.read()?.since(before))
        };
        let builder = thread::Builder::new().name("counters".to_owned());
        match builder.spawn(wait) {
            Ok(thread) => Self::Running(thread),
            Err(error) => Self::Absent(error.to_string()),
        }
    }

    /// What they showed.
    pub(super) fn finish(self) -> Reading<HardwareCounts> {
        match self {
            Self::Absent(reason) => Reading::absent(reason),
            Self::Running(thread) => match thread.join() {
                Ok(counted) => counted.into(),
                Err(_) => Reading::absent("the thread that reads the counters panicked"),
            },
        }
    }
}
