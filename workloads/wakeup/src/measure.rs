//! One cell, measured.

use std::sync::atomic::AtomicU32;
use std::{io, thread};

use hdrhistogram::Histogram;
use thiserror::Error;

use crate::mechanism::{Eventfd, Futex, Notifier, Pipe, Spin};
use crate::plan::{Cell, Mechanism, Refusal};
use crate::slot::Slot;
use crate::threads::{Read, Shared, Written, end, reader, writer};

/// Longest time that is told apart, in nanoseconds; longer ones count as this.
const LONGEST_NS: u64 = 10_000_000_000;

/// The times of one cell.
#[derive(Debug, Clone)]
pub struct ProbeResult {
    /// Time from the writer's call to the reader's return, in nanoseconds.
    pub histogram: Histogram<u64>,
    /// Samples obtained: the histogram's count.
    pub samples: u64,
    /// Time that they took, in nanoseconds, without the warm-up.
    pub elapsed_ns: u64,
    /// What ended the measurement.
    pub ended: Ended,
    /// All notifications sent: samples, warm-up and the one that ends the reader.
    pub notified: u64,
    /// All notifications that the reader received; always equal to those sent.
    pub delivered: u64,
}

/// What ended a measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// There were as many samples as asked for.
    Samples,
    /// The time was up.
    TimeLimit,
}

/// Why there is no result.
#[derive(Debug, Error)]
pub enum MeasureError {
    /// The cell was refused when it was planned.
    #[error("{0}")]
    Refused(Refusal),
    /// The kernel refused something: pinning, a descriptor.
    #[error("cannot measure {cell}: {source}")]
    Io {
        /// The cell's name.
        cell: String,
        /// The reason.
        source: io::Error,
    },
    /// Notifications were lost or multiplied.
    #[error("{cell}: {notified} notifications were sent and {delivered} delivered")]
    Miscounted {
        /// The cell's name.
        cell: String,
        /// Sent.
        notified: u64,
        /// Delivered.
        delivered: u64,
    },
}

/// Measures one cell on two threads of its own; the calling thread only waits. Takes no longer
/// than the cell's time limit and a little.
///
/// # Errors
/// When the cell was refused, its CPUs cannot be had, or a notification went missing.
pub fn measure(cell: &Cell) -> Result<ProbeResult, MeasureError> {
    if let Some(refusal) = cell.refusal {
        return Err(MeasureError::Refused(refusal));
    }
    let outcome = match cell.mechanism {
        Mechanism::Eventfd => run::<Eventfd>(cell),
        Mechanism::Futex => run::<Futex>(cell),
        Mechanism::Pipe => run::<Pipe>(cell),
        Mechanism::Spin => run::<Spin>(cell),
    };
    let (written, read) = outcome.map_err(|source| MeasureError::Io {
        cell: cell.id(),
        source,
    })?;
    let (notified, delivered) = (written.notified, read.delivered);
    if notified != delivered || written.samples != read.times.len() {
        return Err(MeasureError::Miscounted {
            cell: cell.id(),
            notified,
            delivered,
        });
    }
    Ok(ProbeResult {
        samples: written.samples,
        elapsed_ns: written.elapsed_ns,
        ended: if written.samples < cell.samples {
            Ended::TimeLimit
        } else {
            Ended::Samples
        },
        notified,
        delivered,
        histogram: read.times,
    })
}

/// Runs writer and reader. A reader that fails says so through the slot; a writer that fails, or
/// does not even start, sends the notification that ends the reader.
fn run<N: Notifier>(cell: &Cell) -> io::Result<(Written, Read)> {
    let shared = Shared {
        notifier: N::new()?,
        slot: Slot::default(),
        reader: AtomicU32::new(0),
    };
    let times = Histogram::new_with_bounds(1, LONGEST_NS, 3)
        .map_err(|error| io::Error::other(error.to_string()))?;
    let thread = |role: &str| thread::Builder::new().name(format!("wakeup-{role}"));
    thread::scope(|scope| {
        let reading = thread("reader").spawn_scoped(scope, || {
            reader(cell, &shared, times).inspect_err(|_| shared.slot.give_up())
        })?;
        let writing = thread("writer").spawn_scoped(scope, || writer(cell, &shared));
        let written = match writing {
            Ok(writing) => join(writing),
            Err(error) => end(&shared).and(Err(error)),
        };
        let read = join(reading);
        match (written, read) {
            (Ok(written), Ok(read)) => Ok((written, read)),
            // The reader's failure is the writer's too, and says more.
            (_, Err(error)) | (Err(error), Ok(_)) => Err(error),
        }
    })
}

/// A thread's outcome; its panic goes on in the caller.
fn join<T>(thread: thread::ScopedJoinHandle<'_, io::Result<T>>) -> io::Result<T> {
    thread
        .join()
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}
