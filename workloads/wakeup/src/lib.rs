//! How long it takes to notify a thread.
//!
//! Figure 4 of Enberg, Rao and Tarkoma (ENCP 2019) is the argument against software steering: one
//! thread writes to an eventfd, another one reads it, and the time from the call of write() to
//! the return of read() has a 99.9th percentile of 4.32 us on one NUMA node and 6.09 us across
//! two, while a 40 Gbit/s link brings a packet every 12 ns. This probe measures the same time on
//! this machine, for four mechanisms, for each class of CPU pair that the machine has, and in two
//! modes:
//!
//! - [`Mode::Idle`]: the reader is asleep. The writer sleeps too, at least [`IDLE_GAP_NS`] from
//!   one notification to the next, and writes only once the kernel shows the reader asleep. The
//!   time includes waking a CPU that may have entered an idle state.
//! - [`Mode::BackToBack`]: the writer writes again as soon as it sees that the reader has taken
//!   the last stamp. The reader acknowledges with a store to memory before it calls read() again,
//!   so that it may or may not have fallen asleep by then: this is what a busy server sees. On
//!   two CPUs the writer polls for the acknowledgement; on one CPU it yields.
//!
//! Both ends read CLOCK_MONOTONIC. The writer's stamp travels through a slot of shared memory;
//! between the two readings there is no lock, no allocation and no histogram. The first
//! notifications of a cell warm up and are not recorded.
//!
//! [`cells`] decides what to measure, [`measure`](measure()) does it.

mod measure;
mod mechanism;
mod plan;
mod slot;
mod threads;

pub use measure::{Ended, MeasureError, ProbeResult, measure};
pub use plan::{Cell, Mechanism, Mode, ProbeSpec, Refusal, cells};

/// Shortest time between notifications in idle mode, in nanoseconds.
pub const IDLE_GAP_NS: u64 = 200_000;
