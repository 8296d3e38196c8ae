//! Requests of several datagrams, which are answered when each of those is.
//!
//! The datagrams of one request have neighbouring ids of its flow. The ledger counts the request once;
//! what is lost of it is counted by datagrams, by whoever sees them lost, so that it notes for each
//! request that timed out how many more datagrams than one had no answer.

use model::Planned;

use super::Engine;
use crate::scatter::Part;
use crate::supply::Due;
use crate::trace::Witness;
use crate::window::{Slot, State};
use crate::wire::{Reading, Verdict};

/// A request of several datagrams that waits for answers.
#[derive(Debug)]
pub(super) struct Scattered {
    /// Its datagrams.
    parts: u8,
    answered: u8,
    /// When the first was accepted, ns.
    begun_ns: u64,
    /// When the last was accepted, ns; its timeout counts from here.
    sent_ns: Option<u64>,
    verdict: Verdict,
    found: Found,
}

/// A request some of whose datagrams were accepted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Begun {
    flow: u16,
    first_id: u16,
    accepted: u8,
}

/// What replies held.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Found {
    pub(super) hits: u64,
    pub(super) wrong: u64,
    pub(super) missed: u64,
}

impl Found {
    /// What one reply held.
    pub(super) fn of(reading: &Reading) -> Self {
        Self {
            hits: reading.hits,
            wrong: reading.wrong,
            missed: reading.outstanding.len() as u64,
        }
    }

    fn plus(self, other: Self) -> Self {
        Self {
            hits: self.hits + other.hits,
            wrong: self.wrong + other.wrong,
            missed: self.missed + other.missed,
        }
    }
}

impl Slot {
    /// The id of its request's first datagram, its own being `id`.
    pub(super) fn first_id(&self, id: u16) -> u16 {
        id.wrapping_sub(u16::from(self.part.unwrap_or(0)))
    }
}

impl<W: Witness> Engine<W> {
    /// The datagram of the next request that is to be sent next; none where it is the only one.
    pub(super) fn next_part(&self, planned: &Planned) -> Option<Part> {
        let scatter = self.rules.scatter.as_ref()?;
        let next = self.begun.map_or(0, |begun| begun.accepted);
        let mut parts = scatter.parts(&self.schedule, planned);
        parts.nth(usize::from(next))
    }

    /// One datagram of a request was accepted.
    pub(super) fn enter_part(&mut self, due: &Due, id: u16, part: Part, now_ns: u64) {
        let flow = due.planned.flow;
        let first_id = id.wrapping_sub(u16::from(part.number));
        self.windows[usize::from(flow)].push(Slot {
            sent_ns: now_ns,
            request: due.index,
            state: State::Pending,
            begun: false,
            part: Some(part.number),
        });
        let scatter = self.rules.scatter.as_ref();
        let count = || scatter.map(|all| all.parts(&self.schedule, &due.planned).count());
        let whole = self
            .scattered
            .entry((flow, first_id))
            .or_insert_with(|| Scattered {
                parts: count().unwrap_or(1) as u8,
                answered: 0,
                begun_ns: now_ns,
                sent_ns: None,
                verdict: Verdict::default(),
                found: Found::default(),
            });
        let (accepted, parts) = (part.number + 1, whole.parts);
        if accepted < parts {
            self.begun = Some(Begun {
                flow,
                first_id,
                accepted,
            });
        } else {
            whole.sent_ns = Some(now_ns);
            self.begun = None;
            self.sent(due, first_id, parts, now_ns);
        }
    }

    /// Forgets a request that was sent in part: it is unsent, and nobody waits for what was sent of it.
    /// Whether there was one.
    pub(super) fn forget_begun(&mut self) -> bool {
        let Some(begun) = self.begun.take() else {
            return false;
        };
        self.scattered.remove(&(begun.flow, begun.first_id));
        for part in 0..begun.accepted {
            let id = begun.first_id.wrapping_add(u16::from(part));
            if let Some(slot) = self.windows[usize::from(begun.flow)].get_mut(id) {
                slot.state = State::NoReply;
            }
        }
        true
    }

    /// Whether the request whose first datagram has this id waits for its answer.
    pub(super) fn is_awaited(&mut self, flow: u16, first_id: u16) -> bool {
        if self.scattered.contains_key(&(flow, first_id)) {
            return true;
        }
        let slot = self.windows[usize::from(flow)].get_mut(first_id);
        slot.is_some_and(|slot| slot.state == State::Pending && slot.part.is_none())
    }

    /// When the request of `slot`, whose first datagram has this id, times out.
    pub(super) fn deadline(&self, slot: &Slot, flow: u16, first_id: u16) -> u64 {
        let sent_ns = match slot.part {
            None => Some(slot.sent_ns),
            Some(_) => {
                let whole = self.scattered.get(&(flow, first_id));
                whole.and_then(|whole| whole.sent_ns)
            }
        };
        sent_ns.map_or(u64::MAX, |sent_ns| sent_ns + self.rules.timeout_ns)
    }

    /// The request whose first datagram has this id has timed out.
    pub(super) fn time_out(&mut self, now_ns: u64, flow: u16, first_id: u16) {
        let whole = self.scattered.remove(&(flow, first_id));
        let mut unanswered = 0;
        for part in 0..whole.map_or(1, |whole| whole.parts) {
            let id = first_id.wrapping_add(u16::from(part));
            let slot = self.windows[usize::from(flow)].get_mut(id);
            if let Some(slot) = slot.filter(|slot| slot.state == State::Pending) {
                slot.state = State::TimedOut;
                unanswered += 1;
            }
        }
        self.pending -= 1;
        self.tally.ledger.timed_out += 1;
        self.tally.ledger.further_parts += unanswered - 1;
        self.gave_up_ns = now_ns;
    }

    /// The reply to one datagram of a request is complete, and in `self.reading`.
    pub(super) fn complete_part(
        &mut self,
        now_ns: u64,
        (flow, id): (u16, u16),
        part: u8,
        verdict: Verdict,
    ) {
        let Some(slot) = self.windows[usize::from(flow)].get_mut(id) else {
            return;
        };
        if slot.state == State::TimedOut {
            slot.state = State::Late;
            self.tally.late(&self.phases, now_ns);
            return;
        }
        slot.state = State::Answered;
        let request = slot.request;
        let at = (flow, id.wrapping_sub(u16::from(part)));
        let Some(whole) = self.scattered.get_mut(&at) else {
            return;
        };
        whole.answered += 1;
        whole.verdict = whole.verdict.max(verdict);
        whole.found = whole.found.plus(Found::of(&self.reading));
        if whole.answered < whole.parts {
            return;
        }
        let (verdict, found, begun_ns) = (whole.verdict, whole.found, whole.begun_ns);
        self.scattered.remove(&at);
        self.pending -= 1;
        self.witness.replied(request, now_ns);
        let planned = &self.schedule.requests[request as usize];
        let at_ns = self.supply.intended_ns(planned, &self.phases, begun_ns);
        self.tally.answered(&self.phases, at_ns, now_ns);
        self.count(verdict, found);
    }
}
