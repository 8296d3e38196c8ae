//! Chunks of a slice over rings in plain memory, with the kernel's ends in the test's hand: at every step each chunk is in
//! exactly one place.

use std::collections::VecDeque;
use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::af_xdp::plain::PlainRing;

const CHUNK: u64 = 2048;
const CHUNKS: u64 = 24;
const PORTS: usize = 2;
const TARGET: u32 = 8;

/// A port, and what the kernel holds of it.
struct Port {
    supply: Supply<Arc<PlainRing>, Arc<PlainRing>>,
    fill: Consumer<Arc<PlainRing>>,
    completion: Producer<Arc<PlainRing>>,
    /// Received frames, at an offset in their chunks.
    rx: VecDeque<u64>,
    /// Frames on their way out.
    tx: VecDeque<u64>,
}

struct Slice {
    ports: Vec<Port>,
    stock: Vec<u64>,
    held: Vec<u64>,
}

impl Slice {
    fn new(index: u32) -> Self {
        let port = || {
            let fill = Arc::new(PlainRing::starting_at(32, index));
            let completion = Arc::new(PlainRing::starting_at(32, index));
            let (ours, theirs) = (
                Producer::new(fill.clone()),
                Consumer::new(completion.clone()),
            );
            Port {
                supply: Supply::new(ours, theirs, CHUNK as usize, TARGET),
                fill: Consumer::new(fill),
                completion: Producer::new(completion),
                rx: VecDeque::new(),
                tx: VecDeque::new(),
            }
        };
        Self {
            ports: (0..PORTS).map(|_| port()).collect(),
            stock: (0..CHUNKS).map(|chunk| chunk * CHUNK).collect(),
            held: Vec::new(),
        }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Post(port) => {
                self.ports[port].supply.post(&mut self.stock);
            }
            Step::Arrive(port) => {
                let port = &mut self.ports[port];
                if let Some(chunk) = port.fill.pop() {
                    assert_eq!(chunk % CHUNK, 0, "posted at the start of its chunk");
                    port.rx.push_back(chunk + 256);
                }
                port.fill.release();
            }
            Step::Take(port) => {
                let port = &mut self.ports[port];
                if let Some(frame) = port.rx.pop_front() {
                    port.supply.took(1);
                    self.held.push(frame);
                }
            }
            Step::Send(port) => {
                if let Some(frame) = self.held.pop() {
                    self.ports[port].supply.queued();
                    self.ports[port].tx.push_back(frame - 20);
                }
            }
            Step::Complete(port) => {
                let port = &mut self.ports[port];
                if let Some(frame) = port.tx.pop_front() {
                    assert!(port.completion.push(frame));
                    port.completion.publish();
                }
            }
            Step::Reclaim(port) => self.ports[port].supply.reclaim(&mut self.stock),
            Step::Release => {
                let frame = self.held.pop();
                self.stock.extend(frame.map(|frame| frame & !(CHUNK - 1)));
            }
        }
    }

    /// Where chunks are by the rings' indices, and which of them in the test's own lists.
    fn check(&mut self) {
        let mut in_rings = 0;
        let mut seen: Vec<u64> = self.stock.clone();
        seen.extend(&self.held);
        for port in &mut self.ports {
            let (fill, completion) = port.supply.in_rings();
            in_rings += fill + completion;
            assert_eq!(port.supply.receiving, fill + port.rx.len() as u32);
            assert_eq!(port.supply.sending, completion + port.tx.len() as u32);
            assert!(port.supply.receiving <= TARGET, "no port takes another's");
            seen.extend(port.rx.iter().chain(&port.tx));
        }
        let mut chunks: Vec<u64> = seen.iter().map(|addr| addr / CHUNK).collect();
        chunks.sort_unstable();
        let known = chunks.len();
        chunks.dedup();
        assert_eq!(chunks.len(), known, "a chunk is in two places");
        assert_eq!(
            known as u32 + in_rings,
            CHUNKS as u32,
            "a chunk is in no place"
        );
    }
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Post(usize),
    Arrive(usize),
    Take(usize),
    Send(usize),
    Complete(usize),
    Reclaim(usize),
    Release,
}

fn steps() -> impl Strategy<Value = Step> {
    let port = 0..PORTS;
    (0..7, port).prop_map(|(kind, port)| match kind {
        0 => Step::Post(port),
        1 => Step::Arrive(port),
        2 => Step::Take(port),
        3 => Step::Send(port),
        4 => Step::Complete(port),
        5 => Step::Reclaim(port),
        _ => Step::Release,
    })
}

proptest! {
    /// Also over the point where the indices wrap.
    #[test]
    fn every_chunk_is_in_exactly_one_place(
        index in prop::sample::select(vec![0, u32::MAX - 3]),
        steps in prop::collection::vec(steps(), 0..400),
    ) {
        let mut slice = Slice::new(index);
        for step in steps {
            slice.step(step);
            slice.check();
        }
        // At rest everything is in the stock or posted.
        for port in 0..PORTS {
            while !slice.ports[port].rx.is_empty() {
                slice.step(Step::Take(port));
            }
        }
        while !slice.held.is_empty() {
            slice.step(Step::Send(0));
        }
        for port in 0..PORTS {
            while !slice.ports[port].tx.is_empty() {
                slice.step(Step::Complete(port));
            }
            slice.step(Step::Reclaim(port));
        }
        let posted: u32 = slice.ports.iter_mut().map(|port| port.supply.in_rings().0).sum();
        prop_assert_eq!(posted as usize + slice.stock.len(), CHUNKS as usize);
    }
}

#[test]
fn an_empty_stock_posts_what_there_is_and_says_that_a_port_is_dry() {
    let mut slice = Slice::new(0);
    slice.stock.truncate(3);
    assert!(slice.ports[0].supply.is_dry());
    assert_eq!(slice.ports[0].supply.post(&mut slice.stock), 3);
    assert_eq!(slice.ports[1].supply.post(&mut slice.stock), 0);
    assert!(!slice.ports[0].supply.is_dry() && slice.ports[1].supply.is_dry());
}
