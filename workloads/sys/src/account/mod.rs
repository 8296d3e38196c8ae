//! Who used how much CPU time: the basis of CPU ns per request.
//!
//! Softirq time is charged to whichever thread it interrupts, and /proc/stat only samples, so the
//! costs of a system are the schedstat deltas of its threads and of its pinned NAPI threads, with
//! ksoftirqd shown apart. schedstat of a thread that is *running* is brought up to date at the tick or
//! when it is switched out, so a snapshot may lag by one tick (4 ms at 250 Hz) per spinning thread.

mod hardware;
mod machine;
mod scan;
mod snapshot;
mod thread;
mod usage;

pub use hardware::{HardwareCounters, HardwareCounts};
pub use machine::{CpuTimes, Pressure, cpu_times, ksoftirqd, pressure_cpu};
pub use scan::{Others, Scan};
pub use snapshot::{CpuSnapshot, CpuUse};
pub use thread::{Faults, SchedStat, Switches, faults, schedstat, switches, threads_of};
pub use usage::Usage;
