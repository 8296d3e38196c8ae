//! A network with faults and a clock of its own, and the truth about what it did.

use std::cell::Cell;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::io;
use std::rc::Rc;

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};
use sys::account::Usage;

use super::server::Server;
use crate::Losses;
use crate::drive::Clock;
use crate::transport::{Destination, Transport};

/// Virtual time that passes with each look at the clock, ns.
const TICK_NS: u64 = 25;

/// A clock that the network moves.
#[derive(Debug, Clone, Default)]
pub(crate) struct FakeClock(Rc<Cell<u64>>);

impl Clock for FakeClock {
    fn now_ns(&self) -> u64 {
        self.0.set(self.0.get() + TICK_NS);
        self.0.get()
    }

    fn usage(&self) -> io::Result<Usage> {
        let mut usage = Usage::default();
        usage.sched.run_ns = self.0.get() / 2;
        Ok(usage)
    }
}

/// Probabilities in percent.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Faults {
    /// An accepted request is lost.
    pub(crate) lose_request: u64,
    /// A datagram of a reply is lost.
    pub(crate) lose_reply: u64,
    /// A datagram of a reply comes twice.
    pub(crate) duplicate: u64,
    /// A datagram of a reply comes after the timeout.
    pub(crate) delay: u64,
    /// The transmit path is full.
    pub(crate) full: u64,
    /// Datagrams of a flow keep their order.
    pub(crate) in_order: bool,
    /// From this time on the transmit path stays full, ns.
    pub(crate) full_from_ns: Option<u64>,
}

/// What became of the requests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Truth {
    pub(crate) accepted: u64,
    pub(crate) noreply: u64,
    pub(crate) in_time: u64,
    pub(crate) late: u64,
    pub(crate) partial: u64,
    pub(crate) silent: u64,
    pub(crate) copies: u64,
    /// The most datagrams of replies that were on the wire at one time.
    pub(crate) most_under_way: usize,
}

type InFlight = Reverse<(u64, u64, u16, Vec<u8>)>;

/// The network with the server behind it.
pub(crate) struct FakeNet {
    clock: FakeClock,
    server: Server,
    faults: Faults,
    timeout_ns: u64,
    rng: Xoshiro256PlusPlus,
    in_flight: BinaryHeap<InFlight>,
    sequence: u64,
    last_by_flow: HashMap<u16, u64>,
    pub(crate) truth: Truth,
}

impl FakeNet {
    pub(crate) fn new(
        clock: FakeClock,
        server: Server,
        faults: Faults,
        timeout_ns: u64,
        seed: u64,
    ) -> Self {
        Self {
            clock,
            server,
            faults,
            timeout_ns,
            rng: Xoshiro256PlusPlus::seed_from_u64(seed),
            in_flight: BinaryHeap::new(),
            sequence: 0,
            last_by_flow: HashMap::new(),
            truth: Truth::default(),
        }
    }

    fn happens(&mut self, percent: u64) -> bool {
        self.rng.next_u64() % 100 < percent
    }

    /// Puts a copy of a datagram on the wire; true when it arrives well before the timeout, the
    /// other choice being well after it.
    fn deliver(&mut self, flow: u16, datagram: &[u8]) -> bool {
        let slow = self.happens(self.faults.delay);
        let jitter_ns = self.rng.next_u64() % (self.timeout_ns / 4);
        let delay_ns = if slow { self.timeout_ns * 3 / 2 } else { 1000 } + jitter_ns;
        self.sequence += 1;
        let mut at_ns = self.clock.0.get() + delay_ns;
        if self.faults.in_order {
            let last = self.last_by_flow.entry(flow).or_default();
            at_ns = at_ns.max(*last);
            *last = at_ns;
        }
        self.in_flight
            .push(Reverse((at_ns, self.sequence, flow, datagram.to_vec())));
        self.truth.most_under_way = self.truth.most_under_way.max(self.in_flight.len());
        !slow
    }
}

impl Transport for FakeNet {
    fn max_payload(&self) -> usize {
        1472
    }

    fn send(&mut self, to: Destination, payload: &[u8]) -> io::Result<bool> {
        let full = self
            .faults
            .full_from_ns
            .is_some_and(|from| self.clock.0.get() >= from);
        if full || self.happens(self.faults.full) {
            return Ok(false);
        }
        self.truth.accepted += 1;
        let datagrams = self.server.answer(payload);
        if datagrams.is_empty() {
            self.truth.noreply += 1;
            return Ok(true);
        }
        if self.happens(self.faults.lose_request) {
            self.truth.silent += 1;
            return Ok(true);
        }
        let (mut came, mut slow) = (0, false);
        for datagram in &datagrams {
            if self.happens(self.faults.lose_reply) {
                continue;
            }
            came += 1;
            let mut in_time = self.deliver(to.flow, datagram);
            if self.happens(self.faults.duplicate) {
                self.truth.copies += 1;
                in_time |= self.deliver(to.flow, datagram);
            }
            slow |= !in_time;
        }
        let fate = match (came == datagrams.len(), came > 0) {
            (true, _) if slow => &mut self.truth.late,
            (true, _) => &mut self.truth.in_time,
            (false, true) => &mut self.truth.partial,
            (false, false) => &mut self.truth.silent,
        };
        *fate += 1;
        Ok(true)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn is_flushed(&self) -> bool {
        true
    }

    fn is_under_way(&mut self) -> bool {
        false
    }

    fn receive(&mut self, budget: usize, take: &mut impl FnMut(u16, &[u8])) -> io::Result<usize> {
        let now_ns = self.clock.0.get();
        let mut received = 0;
        while received < budget
            && self
                .in_flight
                .peek()
                .is_some_and(|Reverse((at_ns, ..))| *at_ns <= now_ns)
            && let Some(Reverse((_, _, flow, datagram))) = self.in_flight.pop()
        {
            take(flow, &datagram);
            received += 1;
        }
        Ok(received)
    }

    fn wait(&mut self, timeout_ns: u64) -> io::Result<()> {
        let now_ns = self.clock.0.get();
        let arrival = self.in_flight.peek().map(|Reverse((at_ns, ..))| *at_ns);
        let until = arrival.unwrap_or(u64::MAX).min(now_ns + timeout_ns);
        self.clock.0.set(until.max(now_ns));
        Ok(())
    }

    fn losses(&self) -> io::Result<Losses> {
        Ok(Losses::default())
    }

    fn describe(&self) -> String {
        "fake".into()
    }
}
