//! K x K rings between K threads, and when what was put in becomes visible.
//!
//! One single-producer single-consumer ring per ordered pair of threads, so that no two threads
//! ever contend for one. `PerMessage` publishes and rings at once (Enberg ANCS'19); `PerBatch`
//! collects what one receive batch produced for a target, publishes it with one store and rings
//! once (Seastar's `smp_message_queue` does so, in batches of 16).

use std::collections::VecDeque;
use std::sync::Arc;

use rtrb::{Consumer, Producer, RingBuffer};

use super::doorbell::Doorbell;

/// When a message becomes visible to its receiver and how the receiver learns of it.
pub trait Notify: Send + Sync + 'static {
    /// The threads never sleep: nobody has to be woken.
    const SPIN: bool;
    /// Messages are published, and their receiver woken, once per receive batch.
    const PER_BATCH: bool;
}

/// One eventfd write per message whose receiver sleeps.
#[derive(Debug, Clone, Copy)]
pub struct EventfdPerMessage;
impl Notify for EventfdPerMessage {
    const SPIN: bool = false;
    const PER_BATCH: bool = false;
}

/// At most one eventfd write per receive batch and target.
#[derive(Debug, Clone, Copy)]
pub struct EventfdPerBatch;
impl Notify for EventfdPerBatch {
    const SPIN: bool = false;
    const PER_BATCH: bool = true;
}

/// Nobody sleeps; messages are visible at once.
#[derive(Debug, Clone, Copy)]
pub struct SpinPerMessage;
impl Notify for SpinPerMessage {
    const SPIN: bool = true;
    const PER_BATCH: bool = false;
}

/// Nobody sleeps; messages become visible once per receive batch.
#[derive(Debug, Clone, Copy)]
pub struct SpinPerBatch;
impl Notify for SpinPerBatch {
    const SPIN: bool = true;
    const PER_BATCH: bool = true;
}

/// Messages from one thread to one other.
struct Lane<T> {
    ring: Producer<T>,
    waiting: VecDeque<T>,
    sent: u64,
}

/// One thread's end of the mesh.
pub struct Port<T> {
    lanes: Vec<Lane<T>>,
    inbound: Vec<Consumer<T>>,
    doorbells: Arc<[Doorbell]>,
    rings_made: u64,
}

impl<T> std::fmt::Debug for Port<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Port")
            .field("threads", &self.inbound.len())
            .finish_non_exhaustive()
    }
}

/// The ports of a mesh of `doorbells.len()` threads, in thread order; each ring holds `capacity`
/// messages.
pub fn mesh<T>(doorbells: &Arc<[Doorbell]>, capacity: usize) -> Vec<Port<T>> {
    let threads = doorbells.len();
    let mut ports: Vec<Port<T>> = (0..threads)
        .map(|_| Port {
            lanes: Vec::with_capacity(threads),
            inbound: Vec::with_capacity(threads),
            doorbells: Arc::clone(doorbells),
            rings_made: 0,
        })
        .collect();
    for sender in 0..threads {
        for receiver in 0..threads {
            let (producer, consumer) = RingBuffer::new(capacity);
            ports[receiver].inbound.push(consumer);
            ports[sender].lanes.push(Lane {
                ring: producer,
                waiting: VecDeque::new(),
                sent: 0,
            });
        }
    }
    ports
}

impl<T> Port<T> {
    /// Sends to `target`; never blocks and never loses. Under `PerBatch` it becomes visible at the
    /// next [`publish`](Self::publish).
    pub fn send<N: Notify>(&mut self, target: usize, message: T) {
        let lane = &mut self.lanes[target];
        lane.sent += 1;
        if N::PER_BATCH || !lane.waiting.is_empty() {
            lane.waiting.push_back(message);
            return;
        }
        match lane.ring.push(message) {
            Ok(()) => {
                if !N::SPIN && self.doorbells[target].ring() {
                    self.rings_made += 1;
                }
            }
            Err(rtrb::PushError::Full(message)) => lane.waiting.push_back(message),
        }
    }

    /// Publishes what waits, as far as the rings have room, and wakes the receivers.
    pub fn publish<N: Notify>(&mut self) {
        for (target, lane) in self.lanes.iter_mut().enumerate() {
            if lane.waiting.is_empty() {
                continue;
            }
            let room = lane.ring.slots().min(lane.waiting.len());
            if let Ok(chunk) = lane.ring.write_chunk_uninit(room) {
                chunk.fill_from_iter(lane.waiting.drain(..room));
            }
            if !N::SPIN && room > 0 && self.doorbells[target].ring() {
                self.rings_made += 1;
            }
        }
    }

    /// Whether messages wait to be published. After [`publish`](Self::publish): for room, and the
    /// thread must not take in new requests until they are out.
    pub fn congested(&self) -> bool {
        self.lanes.iter().any(|lane| !lane.waiting.is_empty())
    }

    /// Whether more waits for one receiver than a whole ring holds, besides the full ring.
    pub fn overfull(&self) -> bool {
        self.lanes
            .iter()
            .any(|lane| lane.waiting.len() > lane.ring.buffer().capacity())
    }

    /// Messages sent to `target` so far, and those of them that it has not received.
    pub fn outstanding(&self, target: usize) -> (u64, u64) {
        let lane = &self.lanes[target];
        let in_ring = lane.ring.buffer().capacity() - lane.ring.slots();
        (lane.sent, (lane.waiting.len() + in_ring) as u64)
    }

    /// Moves what other threads sent into `out`, at most `limit` from each; returns how many.
    pub fn receive(&mut self, limit: usize, out: &mut Vec<T>) -> usize {
        let before = out.len();
        for ring in &mut self.inbound {
            let ready = ring.slots().min(limit);
            if let Ok(chunk) = ring.read_chunk(ready) {
                out.extend(chunk);
            }
        }
        out.len() - before
    }

    /// Whether anything has arrived.
    pub fn has_inbound(&self) -> bool {
        self.inbound.iter().any(|ring| !ring.is_empty())
    }

    /// Eventfd writes made by this thread since the last call.
    pub fn take_rings_made(&mut self) -> u64 {
        std::mem::take(&mut self.rings_made)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ports(threads: usize, capacity: usize) -> (Arc<[Doorbell]>, Vec<Port<u32>>) {
        let bells: Arc<[Doorbell]> = (0..threads).map(|_| Doorbell::new().unwrap()).collect();
        let ports = mesh(&bells, capacity);
        (bells, ports)
    }

    #[test]
    fn a_full_ring_holds_back_in_order_and_loses_nothing() {
        let (_bells, mut ports) = ports(2, 4);
        for n in 0..10 {
            ports[0].send::<SpinPerMessage>(1, n);
        }
        assert!(ports[0].congested());
        let mut got = Vec::new();
        while ports[0].congested() || ports[1].has_inbound() {
            ports[1].receive(3, &mut got);
            ports[0].publish::<SpinPerMessage>();
        }
        assert_eq!(got, (0..10).collect::<Vec<_>>());
    }

    #[test]
    fn a_batch_becomes_visible_at_once_with_one_wakeup() {
        let (bells, mut ports) = ports(2, 64);
        bells[1].announce_sleep();
        for n in 0..20 {
            ports[0].send::<EventfdPerBatch>(1, n);
        }
        assert!(!ports[1].has_inbound());
        ports[0].publish::<EventfdPerBatch>();
        assert_eq!(ports[0].take_rings_made(), 1);
        let mut got = Vec::new();
        assert_eq!(ports[1].receive(64, &mut got), 20);
    }

    #[test]
    fn messages_one_by_one_ring_only_when_the_receiver_sleeps() {
        let (bells, mut ports) = ports(2, 64);
        ports[0].send::<EventfdPerMessage>(1, 1);
        assert_eq!(ports[0].take_rings_made(), 0);
        bells[1].announce_sleep();
        ports[0].send::<EventfdPerMessage>(1, 2);
        ports[0].send::<EventfdPerMessage>(1, 3);
        assert_eq!(ports[0].take_rings_made(), 1);
    }

    #[test]
    fn what_was_not_received_is_told_wherever_it_waits() {
        let (_bells, mut ports) = ports(2, 4);
        for n in 0..6 {
            ports[0].send::<SpinPerBatch>(1, n);
        }
        assert_eq!(ports[0].outstanding(1), (6, 6));
        ports[0].publish::<SpinPerBatch>();
        assert_eq!(ports[0].outstanding(1), (6, 6));
        ports[1].receive(3, &mut Vec::new());
        assert_eq!(ports[0].outstanding(1), (6, 3));
        assert_eq!(ports[0].outstanding(0), (0, 0));
    }

    #[test]
    fn each_pair_of_threads_has_its_own_ring() {
        let (_bells, mut ports) = ports(3, 4);
        ports[0].send::<SpinPerMessage>(2, 10);
        ports[1].send::<SpinPerMessage>(2, 11);
        ports[2].send::<SpinPerMessage>(2, 12);
        let mut got = Vec::new();
        ports[2].receive(8, &mut got);
        got.sort_unstable();
        assert_eq!(got, [10, 11, 12]);
        assert!(!ports[0].has_inbound() && !ports[1].has_inbound());
    }
}
