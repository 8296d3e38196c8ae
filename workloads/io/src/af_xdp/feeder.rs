//! FILL and COMPLETION of one (device, queue), shared by all owners behind a lock.
//!
//! The kernel has one FILL and one COMPLETION ring per (device, queue), single-producer and
//! single-consumer, while K owners use the queue. A fixed feeder (say the queue's home owner)
//! fails when it sleeps: the others' completions lie in a ring that nobody drains, the FILL
//! ring runs dry and the queue stalls. So whoever has worked on the queue tries the lock and, when
//! it gets it, does the work for everybody. A failed try costs nothing: the holder is doing the
//! same work, and the loser tries again on its next flush; only before sleeping it waits.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::ring::{Consumer, Producer, RingMemory};
use super::umem::Umem;

/// How many frames one queue needs, and how large its rings are.
///
/// At any time a frame is posted in FILL, received in an RX ring, held by an owner (in its
/// batch, or handed over and waiting in another owner's inbox), in a TX ring or on its way to
/// the completion ring, or in the reserve for further datagrams. One stalled owner can fill its
/// RX ring, hold all it may and have a full TX ring; with the sum over all owners plus one
/// ring's worth more, frames are still posted then and no sibling starves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueSize {
    /// Frames that belong to the queue.
    pub frames: u32,
    /// Slots of FILL and of COMPLETION: at least `frames`, so that neither can be full.
    pub ring: u32,
    /// Frames kept out of FILL for replies of several datagrams.
    pub reserve: u32,
}

impl QueueSize {
    /// Sizes a queue for `owners`, each with an RX ring of `rx`, a TX ring of `tx`, and at most
    /// `held` frames received and not yet answered; `backlog` more may wait to be received, all
    /// owners together.
    #[must_use]
    pub fn new(owners: u32, rx: u32, tx: u32, held: u32, backlog: u32) -> Self {
        let reserve = 64 * owners;
        let frames = owners * (rx + tx + held) + rx + reserve + backlog;
        Self {
            frames,
            ring: frames.next_power_of_two(),
            reserve,
        }
    }
}

/// The rings and the reserve, held by whoever has the lock.
#[derive(Debug)]
pub struct Feed<F, C> {
    fill: Producer<F>,
    completion: Consumer<C>,
    reserve: VecDeque<u64>,
    reserve_size: usize,
    chunk_mask: u64,
}

impl<F: RingMemory<Slot = u64>, C: RingMemory<Slot = u64>> Feed<F, C> {
    /// Drains the completions and posts them together with `released` (emptied). Returns how
    /// many frames were posted.
    pub fn recycle(&mut self, released: &mut Vec<u64>) -> u64 {
        let mut posted = 0;
        while let Some(addr) = self.completion.pop() {
            posted += self.put(addr);
        }
        self.completion.release();
        for addr in released.drain(..) {
            posted += self.put(addr);
        }
        if posted > 0 {
            self.fill.publish();
        }
        posted
    }

    /// Takes up to `count` free frames for replies of several datagrams.
    pub fn take(&mut self, count: usize, out: &mut Vec<u64>) {
        if self.reserve.len() < count {
            self.recycle(&mut Vec::new());
        }
        let count = count.min(self.reserve.len());
        out.extend(self.reserve.drain(..count));
    }

    /// Whether the kernel wants to hear of posted frames.
    pub fn needs_wakeup(&self) -> bool {
        self.fill.needs_wakeup()
    }

    /// Frames posted and not yet taken by the kernel.
    pub fn posted(&mut self) -> u32 {
        self.fill.outstanding()
    }

    /// Frames in the reserve.
    pub fn reserved(&self) -> usize {
        self.reserve.len()
    }

    /// How many frames went to the FILL ring: 1, or 0 when the reserve took it.
    fn put(&mut self, addr: u64) -> u64 {
        let chunk = addr & self.chunk_mask;
        if self.reserve.len() < self.reserve_size {
            self.reserve.push_back(chunk);
            return 0;
        }
        assert!(
            self.fill.push(chunk),
            "the FILL ring holds every frame of its queue"
        );
        1
    }
}

/// One queue's feed behind its lock.
#[derive(Debug)]
pub struct Feeder<F, C> {
    feed: Mutex<Feed<F, C>>,
}

impl<F: RingMemory<Slot = u64>, C: RingMemory<Slot = u64>> Feeder<F, C> {
    /// Posts the frames of queue number `queue` of the UMEM.
    pub fn new(
        fill: Producer<F>,
        completion: Consumer<C>,
        umem: &Umem,
        queue: u32,
        size: QueueSize,
    ) -> Self {
        let chunk = umem.chunk() as u64;
        let first = u64::from(queue) * u64::from(size.frames);
        let mut frames: Vec<u64> = (first..first + u64::from(size.frames))
            .map(|frame| frame * chunk)
            .collect();
        let mut feed = Feed {
            fill,
            completion,
            reserve: VecDeque::with_capacity(size.reserve as usize),
            reserve_size: size.reserve as usize,
            chunk_mask: !(chunk - 1),
        };
        feed.recycle(&mut frames);
        Self {
            feed: Mutex::new(feed),
        }
    }

    /// The feed, unless another owner is at it.
    pub fn try_lock(&self) -> Option<MutexGuard<'_, Feed<F, C>>> {
        match self.feed.try_lock() {
            Ok(feed) => Some(feed),
            Err(std::sync::TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(std::sync::TryLockError::WouldBlock) => None,
        }
    }

    /// The feed, after waiting for the other owner.
    pub fn lock(&self) -> MutexGuard<'_, Feed<F, C>> {
        self.feed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
#[path = "feeder_tests.rs"]
mod tests;
