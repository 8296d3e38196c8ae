//! A client's end: it writes each request into the region of its owner, and looks there for replies.

use super::slot::{self, Seen};
use super::{Regions, slot::Words as _};

/// One owner's region as the client uses it.
#[derive(Debug, Clone, Copy, Default)]
struct Lane {
    /// The slot that the next request goes into.
    next: u32,
    /// The oldest slot whose reply was not seen.
    oldest: u32,
    /// Slots from the oldest on to the next.
    in_use: u32,
}

/// The client's end of its regions.
#[derive(Debug)]
pub struct RegionClient {
    regions: Regions,
    lanes: Vec<Lane>,
    buffer: Vec<u8>,
    full: u64,
    garbage: u64,
}

impl RegionClient {
    /// The client of these regions, the only one.
    #[must_use]
    pub fn new(regions: Regions) -> Self {
        Self {
            lanes: vec![Lane::default(); usize::from(regions.owners)],
            regions,
            buffer: Vec::new(),
            full: 0,
            garbage: 0,
        }
    }

    /// Writes a request into the owner's region; false when its next slot is in use.
    #[must_use]
    pub fn send(&mut self, owner: u16, tag: u32, request: &[u8]) -> bool {
        let lane = &mut self.lanes[usize::from(owner)];
        let words = self.regions.slot(owner, lane.next);
        if lane.in_use == self.regions.slots || !slot::ask(words, tag, request) {
            self.full += 1;
            return false;
        }
        lane.next = self.regions.after(lane.next);
        lane.in_use += 1;
        true
    }

    /// Hands about `budget` replies to `take`, each with its request's tag; returns how many.
    pub fn receive(&mut self, budget: usize, mut take: impl FnMut(u32, &[u8])) -> usize {
        let mut received = 0;
        for (owner, lane) in self.lanes.iter_mut().enumerate() {
            let mut at = lane.oldest;
            for _ in 0..lane.in_use {
                if received >= budget {
                    break;
                }
                let words = self.regions.slot(owner as u16, at);
                match slot::look(words, &mut self.buffer) {
                    Seen::Reply(tag) => {
                        take(tag, &self.buffer);
                        received += 1;
                    }
                    Seen::Garbage => self.garbage += 1,
                    Seen::Waiting | Seen::Free => {}
                }
                at = self.regions.after(at);
            }
            // Replies may come out of order; slots are used again in order.
            while lane.in_use > 0
                && self.regions.slot(owner as u16, lane.oldest).state() == slot::FREE
            {
                lane.oldest = self.regions.after(lane.oldest);
                lane.in_use -= 1;
            }
        }
        received
    }

    /// How often a request found its slot in use.
    #[must_use]
    pub const fn full(&self) -> u64 {
        self.full
    }

    /// Replies of an impossible length.
    #[must_use]
    pub const fn garbage(&self) -> u64 {
        self.garbage
    }
}
