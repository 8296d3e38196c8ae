//! The two threads of a measurement.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicU32, Ordering};

use hdrhistogram::Histogram;
use sys::clock::{now_ns, set_timerslack, sleep_until_ns};
use sys::cpu::pin_current;

use crate::IDLE_GAP_NS;
use crate::mechanism::Notifier;
use crate::plan::{Cell, Mode};
use crate::slot::{Slot, Stamp};

/// Notifications that warm up, at most.
const WARM_UP: u32 = 1000;
/// Samples at most: notifications are numbered in 32 bits.
const MOST_SAMPLES: u64 = (u32::MAX - WARM_UP - 1) as u64;
/// Share of the time limit that the warm-up may take: one tenth.
const WARM_UP_SHARE: u64 = 10;

/// What both threads hold.
pub(crate) struct Shared<N> {
    pub(crate) notifier: N,
    pub(crate) slot: Slot,
    /// The reader's thread id, once it runs; 0 before.
    pub(crate) reader: AtomicU32,
}

/// What the writer has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Written {
    /// Notifications to be recorded.
    pub(crate) samples: u64,
    /// All notifications.
    pub(crate) notified: u64,
    /// Time from the first recorded notification to the end, in nanoseconds.
    pub(crate) elapsed_ns: u64,
}

/// What the reader has seen.
#[derive(Debug)]
pub(crate) struct Read {
    /// Times in nanoseconds.
    pub(crate) times: Histogram<u64>,
    /// All notifications.
    pub(crate) delivered: u64,
}

/// Waits for notifications and records their times until the one that says end.
pub(crate) fn reader<N: Notifier>(
    cell: &Cell,
    shared: &Shared<N>,
    mut times: Histogram<u64>,
) -> io::Result<Read> {
    pin_current(cell.reader)?;
    let tid = rustix::thread::gettid().as_raw_nonzero().get();
    shared.reader.store(tid.unsigned_abs(), Ordering::Release);
    let mut number = 0u32;
    let mut delivered = 0;
    loop {
        number += 1;
        shared.notifier.wait(number)?;
        let arrived_ns = now_ns();
        delivered += 1;
        match shared.slot.take() {
            Stamp::WarmUp => {}
            Stamp::At(sent_ns) => times.saturating_record(arrived_ns.saturating_sub(sent_ns)),
            Stamp::End => return Ok(Read { times, delivered }),
        }
        shared.slot.acknowledge(number);
    }
}

/// Notifies until there are enough samples or the time is up, then says end; also when it fails,
/// since the reader may be asleep.
pub(crate) fn writer<N: Notifier>(cell: &Cell, shared: &Shared<N>) -> io::Result<Written> {
    let mut sender = Sender {
        shared,
        number: 0,
        pace: Pace::Poll,
    };
    let outcome = sender.run(cell);
    let ended = sender.end();
    let (mut written, ()) = (outcome?, ended?);
    written.notified = u64::from(sender.number);
    Ok(written)
}

/// Ends a reader that no writer will ever notify.
pub(crate) fn end<N: Notifier>(shared: &Shared<N>) -> io::Result<()> {
    Sender {
        shared,
        number: 0,
        pace: Pace::Poll,
    }
    .end()
}

/// The writer's side.
struct Sender<'a, N> {
    shared: &'a Shared<N>,
    /// The last notification.
    number: u32,
    pace: Pace,
}

impl<N: Notifier> Sender<'_, N> {
    fn run(&mut self, cell: &Cell) -> io::Result<Written> {
        pin_current(cell.writer)?;
        // The default slack of 50 us would stretch each gap by a quarter.
        set_timerslack(1)?;
        let reader = self.reader()?;
        self.pace = Pace::new::<N>(cell, reader)?;
        let began_ns = now_ns();
        let warm_until_ns = began_ns.saturating_add(cell.time_limit_ns / WARM_UP_SHARE);
        let end_ns = began_ns.saturating_add(cell.time_limit_ns);
        while self.number < WARM_UP && now_ns() < warm_until_ns {
            self.send(|| Stamp::WarmUp)?;
        }
        let first_ns = now_ns();
        let mut samples = 0u64;
        while samples < cell.samples.min(MOST_SAMPLES) && now_ns() < end_ns {
            self.send(|| Stamp::At(now_ns()))?;
            samples += 1;
        }
        self.pace.before(&self.shared.slot, self.number)?;
        Ok(Written {
            samples,
            notified: 0,
            elapsed_ns: now_ns() - first_ns,
        })
    }

    /// Waits until the reader runs; its thread id.
    fn reader(&self) -> io::Result<u32> {
        loop {
            match self.shared.reader.load(Ordering::Acquire) {
                0 => rustix::thread::sched_yield(),
                reader => return Ok(reader),
            }
            intact(&self.shared.slot)?;
        }
    }

    /// One notification, when it is due.
    fn send(&mut self, stamp: impl FnOnce() -> Stamp) -> io::Result<()> {
        self.pace.before(&self.shared.slot, self.number)?;
        self.number += 1;
        self.shared.slot.put(stamp());
        self.shared.notifier.notify(self.number)
    }

    fn end(&mut self) -> io::Result<()> {
        self.number += 1;
        self.shared.slot.put(Stamp::End);
        self.shared.notifier.notify(self.number)
    }
}

/// When the next notification is due.
enum Pace {
    /// After the gap, once the last one is acknowledged and the reader sleeps.
    Idle {
        asleep: Option<Asleep>,
        last_ns: u64,
    },
    /// Once the last one is acknowledged, polling for that.
    Poll,
    /// Once the last one is acknowledged, leaving the CPU to the reader.
    Yield,
}

impl Pace {
    fn new<N: Notifier>(cell: &Cell, reader: u32) -> io::Result<Self> {
        Ok(match cell.mode {
            Mode::Idle => {
                let asleep = if N::SLEEPS {
                    Some(Asleep::open(reader)?)
                } else {
                    None
                };
                Self::Idle {
                    asleep,
                    last_ns: now_ns(),
                }
            }
            Mode::BackToBack if cell.writer == cell.reader => Self::Yield,
            Mode::BackToBack => Self::Poll,
        })
    }

    /// Holds the writer until the next notification is due; `last` is the one before it.
    fn before(&mut self, slot: &Slot, last: u32) -> io::Result<()> {
        match self {
            Self::Idle { asleep, last_ns } => {
                sleep_until_ns(*last_ns + IDLE_GAP_NS);
                while slot.acknowledged() != last || !is_asleep(asleep.as_ref())? {
                    intact(slot)?;
                    sleep_until_ns(now_ns() + IDLE_GAP_NS / 4);
                }
                *last_ns = now_ns();
            }
            Self::Poll => {
                while slot.acknowledged() != last {
                    intact(slot)?;
                    std::hint::spin_loop();
                }
            }
            Self::Yield => {
                while slot.acknowledged() != last {
                    intact(slot)?;
                    rustix::thread::sched_yield();
                }
            }
        }
        Ok(())
    }
}

/// A reader that never sleeps is as ready as it will be.
fn is_asleep(reader: Option<&Asleep>) -> io::Result<bool> {
    reader.map_or(Ok(true), Asleep::check)
}

fn intact(slot: &Slot) -> io::Result<()> {
    if slot.broken() {
        Err(io::Error::other("the reader has failed"))
    } else {
        Ok(())
    }
}

/// Asks the kernel whether a thread of this process sleeps.
struct Asleep(File);

impl Asleep {
    fn open(tid: u32) -> io::Result<Self> {
        File::open(format!("/proc/self/task/{tid}/stat")).map(Self)
    }

    /// Whether its state is S, interruptible sleep; the state follows the name in parentheses.
    fn check(&self) -> io::Result<bool> {
        let mut text = [0; 64];
        let length = self.0.read_at(&mut text, 0)?;
        let text = &text[..length];
        let name_end = text.iter().rposition(|&byte| byte == b')');
        Ok(name_end.and_then(|at| text.get(at + 2)) == Some(&b'S'))
    }
}
