//! The one worker loop that stores and packet processors plug into.
//!
//! Run to completion: receive a batch, hand every frame to the [`Handler`], take work from other
//! threads, flush once. When there was nothing, a sleeping worker gives back what it holds,
//! announces that it sleeps, and blocks in one `ppoll` over its sockets and its notification
//! descriptor. Generic over the I/O and the handler: nothing is dispatched dynamically.

use std::io;
use std::os::fd::RawFd;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use sys::clock::now_ns;

use crate::wait::{PollSet, SleepMeter, drain_eventfd};
use crate::{BatchIo, IoCounters};

/// What a worker does when there is no work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitMode {
    /// Blocks until a datagram or a notification arrives, at most for `timeout`. The timeout bounds
    /// how late [`Handler::tick`] and the stop flag are seen.
    Sleep {
        /// Longest sleep.
        timeout: Duration,
    },
    /// Blocks until a notification, at most for `timeout`: arriving datagrams do not end it.
    Park {
        /// Longest sleep.
        timeout: Duration,
    },
    /// Looks again at once. Never on the CPU of its own NAPI thread: it would starve it.
    Spin,
}

/// Why a wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Woken {
    /// Datagrams arrived.
    Packets,
    /// Another thread notified this one (whether or not datagrams arrived as well).
    Notified,
    /// The timeout passed, or a signal came.
    Timeout,
}

/// The work of one thread.
pub trait Handler<I: BatchIo> {
    /// Serves one received frame: it must send it on or reply to it, release it, keep it for
    /// [`batch_done`](Self::batch_done), or pass it to another thread.
    fn frame(&mut self, io: &mut I, frame: I::Frame);

    /// Called when all frames of a batch were handed over: what is cheaper for many of them at once is done here.
    fn batch_done(&mut self, _io: &mut I) {}

    /// Takes work from other threads, a bounded amount; returns how many items it took.
    fn inbox(&mut self, io: &mut I) -> usize;

    /// Called when there is no work. Publishes that this thread sleeps and then looks at the inbox
    /// again (in that order, sequentially consistent, or a notification can be missed); false
    /// when work has arrived meanwhile.
    fn before_sleep(&mut self) -> bool;

    /// Called after each wait that [`before_sleep`](Self::before_sleep) allowed: publishes that
    /// this thread is awake.
    fn after_sleep(&mut self, why: Woken);

    /// Whether the thread is not to work now, whatever has arrived; looked at before each round. It
    /// sleeps as if there were nothing to do, and is asked again after each sleep.
    fn parked(&mut self) -> bool {
        false
    }

    /// The non-blocking eventfd through which other threads notify this one.
    fn notification(&self) -> Option<RawFd>;

    /// Called once per round with the present time (CLOCK_MONOTONIC, ns), before anything is
    /// received: timers, expiry, batched notifications.
    fn tick(&mut self, io: &mut I, now_ns: u64);
}

/// What the coordinator tells a worker.
#[derive(Debug, Default)]
pub struct Control {
    stop: AtomicBool,
}

impl Control {
    /// A worker under a new control runs until [`stop`](Self::stop).
    #[must_use]
    pub const fn new() -> Self {
        Self {
            stop: AtomicBool::new(false),
        }
    }

    /// Asks the workers to return; a sleeping one sees it at its timeout.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Release);
    }

    /// Whether the workers were asked to return.
    #[must_use]
    pub fn stopped(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }
}

/// What one worker has done so far.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct WorkerCounters {
    /// The I/O's counters.
    pub io: IoCounters,
    /// Items taken from other threads.
    pub inbox: u64,
    /// Times that the thread slept and a notification woke it.
    pub wakeups_app: u64,
    /// Times that the thread slept until the timeout or a signal.
    pub wakeups_timeout: u64,
    /// Rounds that found work.
    pub busy_rounds: u64,
    /// Rounds that found none.
    pub empty_rounds: u64,
    /// A spinning worker's time in empty rounds, in ns; 0 for a sleeping one.
    pub empty_ns: u64,
    /// Since when there was nothing to do in the first round that found nothing: the end of the round
    /// before, or its own begin where it is the first (CLOCK_MONOTONIC, ns); 0 before.
    pub first_idle_ns: u64,
    /// End of the last round that did something, be it to push out what an earlier one had queued
    /// (CLOCK_MONOTONIC, ns); 0 before.
    pub last_busy_ns: u64,
}

const CELLS: usize = 22;

/// How long a worker waits that has nothing to do but frames that the kernel does not take. They
/// move when the far end's NAPI thread runs, which may be on this CPU. Yielding is not enough: on
/// Linux 6.18 a thread that yields in a loop keeps runnable NAPI threads off its CPU for minutes.
const STANDSTILL: Duration = Duration::from_micros(20);

/// A spinning worker publishes its counters every so many empty rounds.
const PUBLISH_EMPTY: u64 = 1024;

impl WorkerCounters {
    fn to_cells(&self) -> [u64; CELLS] {
        let io = &self.io;
        [
            io.received,
            io.transmitted,
            io.transmit_refused,
            io.device_refused,
            io.transmit_retried,
            io.wakeups_kernel,
            io.frame_returns,
            io.no_frame,
            io.foreign,
            io.of_others,
            io.truncated,
            io.chunks,
            io.frame_bytes,
            io.copies,
            self.inbox,
            self.wakeups_app,
            self.wakeups_timeout,
            self.busy_rounds,
            self.empty_rounds,
            self.empty_ns,
            self.first_idle_ns,
            self.last_busy_ns,
        ]
    }

    fn from_cells(cells: [u64; CELLS]) -> Self {
        let [
            received,
            transmitted,
            transmit_refused,
            device_refused,
            transmit_retried,
            wakeups_kernel,
            frame_returns,
            no_frame,
            foreign,
            of_others,
            truncated,
            chunks,
            frame_bytes,
            copies,
            inbox,
            wakeups_app,
            wakeups_timeout,
            busy_rounds,
            empty_rounds,
            empty_ns,
            first_idle_ns,
            last_busy_ns,
        ] = cells;
        let io = IoCounters {
            received,
            transmitted,
            transmit_refused,
            device_refused,
            transmit_retried,
            wakeups_kernel,
            frame_returns,
            no_frame,
            foreign,
            of_others,
            truncated,
            chunks,
            frame_bytes,
            copies,
        };
        Self {
            io,
            inbox,
            wakeups_app,
            wakeups_timeout,
            busy_rounds,
            empty_rounds,
            empty_ns,
            first_idle_ns,
            last_busy_ns,
        }
    }
}

/// A worker's counters as another thread may read them while it runs.
///
/// Written by the worker alone, on cache lines of its own, after each busy round and before each
/// sleep (and now and then while it spins): exact once the worker has been idle for a moment,
/// at most one round old otherwise.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct Live {
    cells: [AtomicU64; CELLS],
}

impl Live {
    /// The counters as last published.
    #[must_use]
    pub fn read(&self) -> WorkerCounters {
        WorkerCounters::from_cells(std::array::from_fn(|i| {
            self.cells[i].load(Ordering::Relaxed)
        }))
    }

    fn publish(&self, counters: &WorkerCounters) {
        for (cell, value) in self.cells.iter().zip(counters.to_cells()) {
            cell.store(value, Ordering::Relaxed);
        }
    }
}

/// Runs `handler` over `io` on the calling thread until `control` says stop, then settles the I/O.
/// Returns the final counters, which `live` shows as well.
///
/// # Errors
/// When the I/O or the wait fails; never for one datagram.
pub fn run<I: BatchIo, H: Handler<I>>(
    io: &mut I,
    handler: &mut H,
    mode: WaitMode,
    control: &Control,
    live: &Live,
) -> io::Result<WorkerCounters> {
    let sockets = match mode {
        WaitMode::Sleep { .. } => io.readable(),
        WaitMode::Park { .. } | WaitMode::Spin => Vec::new(),
    };
    let mut worker = Worker {
        poll: PollSet::new(&sockets, handler.notification()),
        meter: SleepMeter::new(),
        batch: Vec::with_capacity(256),
        counters: WorkerCounters::default(),
        live,
    };
    let mut before = now_ns();
    while !control.stopped() {
        if let WaitMode::Park { timeout } = mode
            && handler.parked()
        {
            worker.sleep(io, handler, timeout)?;
            before = now_ns();
            continue;
        }
        handler.tick(io, before);
        let backlog = io.has_backlog();
        let done = worker.round(io, handler)?;
        match (done, mode) {
            (true, WaitMode::Spin | WaitMode::Sleep { .. } | WaitMode::Park { .. }) => {
                before = now_ns();
                worker.counters.last_busy_ns = before;
            }
            (false, WaitMode::Spin) => {
                std::hint::spin_loop();
                let now = now_ns();
                worker.counters.empty_ns += now - before;
                worker.found_nothing(backlog, before, now);
                before = now;
            }
            (false, WaitMode::Sleep { timeout } | WaitMode::Park { timeout }) => {
                worker.found_nothing(backlog, before, now_ns());
                worker.sleep(io, handler, timeout)?;
                before = now_ns();
            }
        }
    }
    io.settle()?;
    worker.publish(io);
    Ok(worker.counters)
}

struct Worker<'a, I: BatchIo> {
    poll: PollSet,
    meter: SleepMeter,
    batch: Vec<I::Frame>,
    counters: WorkerCounters,
    live: &'a Live,
}

impl<I: BatchIo> Worker<'_, I> {
    /// One pass; whether it found work.
    fn round<H: Handler<I>>(&mut self, io: &mut I, handler: &mut H) -> io::Result<bool> {
        let received = io.receive(&mut self.batch)?;
        for frame in self.batch.drain(..) {
            handler.frame(io, frame);
        }
        if received > 0 {
            handler.batch_done(io);
        }
        let taken = handler.inbox(io);
        io.flush()?;
        self.counters.inbox += taken as u64;
        let busy = received + taken > 0;
        if busy {
            self.counters.busy_rounds += 1;
            self.publish(io);
        } else {
            self.counters.empty_rounds += 1;
            if self.counters.empty_rounds.is_multiple_of(PUBLISH_EMPTY) {
                self.publish(io);
            }
        }
        Ok(busy)
    }

    /// A round ended that found nothing to do but, maybe, an earlier one's `backlog`.
    fn found_nothing(&mut self, backlog: bool, began_ns: u64, ended_ns: u64) {
        let counters = &mut self.counters;
        if backlog {
            counters.last_busy_ns = ended_ns;
        } else if counters.first_idle_ns == 0 {
            // Without work since its last busy round: on a shared CPU this round may begin much later.
            counters.first_idle_ns = match counters.last_busy_ns {
                0 => began_ns,
                done_ns => done_ns,
            };
        }
    }

    fn sleep<H: Handler<I>>(
        &mut self,
        io: &mut I,
        handler: &mut H,
        timeout: Duration,
    ) -> io::Result<()> {
        if !io.settle()? {
            std::thread::sleep(STANDSTILL);
            return Ok(());
        }
        if !handler.before_sleep() {
            return Ok(());
        }
        self.publish(io);
        let ready = self.poll.wait(timeout)?;
        let slept = self.meter.slept();
        let why = if ready.notified {
            if let Some(fd) = handler.notification() {
                let _ = drain_eventfd(fd);
            }
            Woken::Notified
        } else if ready.packets {
            Woken::Packets
        } else {
            Woken::Timeout
        };
        if slept {
            match why {
                Woken::Packets => io.woken_by_packet(),
                Woken::Notified => self.counters.wakeups_app += 1,
                Woken::Timeout => self.counters.wakeups_timeout += 1,
            }
        }
        handler.after_sleep(why);
        Ok(())
    }

    fn publish(&mut self, io: &I) {
        self.counters.io = io.counters();
        self.live.publish(&self.counters);
    }
}

#[cfg(test)]
#[path = "worker_tests.rs"]
mod tests;
