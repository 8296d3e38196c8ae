//! What comes back.

use super::Engine;
use super::gathered::Found;
use crate::assembly::{Assembly, Gathered};
use crate::rules::Rules;
use crate::trace::Witness;
use crate::window::State;
use crate::wire::frame::{self, Frame};
use crate::wire::{self, Reading, Step, Verdict};

impl<W: Witness> Engine<W> {
    /// Takes a datagram that came back to `flow`.
    pub(crate) fn on_datagram(&mut self, now_ns: u64, flow: u16, datagram: &[u8]) {
        self.heard_ns = now_ns;
        let Some(sealing) = &self.rules.sealing else {
            self.on_plain(now_ns, flow, datagram);
            return;
        };
        let mut room = std::mem::take(&mut self.opened);
        let window = self.windows.get(usize::from(flow));
        let is_of = |id, number| window.is_some_and(|window| window.remembers(id, number));
        match sealing.open(datagram, &mut room, is_of) {
            Some(plain) => self.on_plain(now_ns, flow, plain),
            None => self.tally.ledger.unknown += 1,
        }
        self.opened = room;
    }

    /// Takes a datagram in the clear.
    fn on_plain(&mut self, now_ns: u64, flow: u16, datagram: &[u8]) {
        if frame::is_empty(datagram) {
            self.tally.ledger.empty += 1;
            return;
        }
        let Rules { protocol, echo, .. } = self.rules;
        let found = wire::parse(protocol, echo, datagram).and_then(|frame| {
            let slot = self.windows.get_mut(usize::from(flow))?.get_mut(frame.id)?;
            Some((frame, slot))
        });
        let Some((frame, slot)) = found else {
            self.tally.ledger.unknown += 1;
            return;
        };
        match slot.state {
            State::NoReply => self.tally.ledger.unknown += 1,
            State::Answered | State::Late => self.tally.ledger.duplicates += 1,
            State::Pending => {
                // A reply that comes after the timeout is late, also before `expire` has noticed.
                let (slot, first) = (*slot, slot.first_id(frame.id));
                if now_ns >= self.deadline(&slot, flow, first) {
                    self.time_out(now_ns, flow, first);
                }
                self.take_part(now_ns, flow, &frame);
            }
            State::TimedOut => self.take_part(now_ns, flow, &frame),
        }
    }

    /// Takes a datagram of a reply that is not complete so far.
    fn take_part(&mut self, now_ns: u64, flow: u16, frame: &Frame<'_>) {
        let at = (flow, frame.id);
        let Some(slot) = self.windows[usize::from(flow)].get_mut(frame.id) else {
            return;
        };
        let planned = self.schedule.requests[slot.request as usize];
        slot.begun = true;
        let part = slot.part;
        let (protocol, schedule) = (self.rules.protocol, &*self.schedule);
        if self.rules.echo {
            let request = slot.request;
            self.reading
                .compare(protocol, schedule, request, frame.id, frame.body);
            self.complete(now_ns, at, Verdict::Ok);
            return;
        }
        let scatter = self.rules.scatter.as_deref();
        let start = |reading: &mut Reading| {
            reading.start(schedule, &planned);
            if let (Some(part), Some(scatter)) = (part, scatter) {
                scatter.keep_own(schedule, &planned, part, &mut reading.outstanding);
            }
        };
        let step = if frame.total == 1 {
            match self.assemblies.get_mut(&at) {
                Some(assembly) => assembly
                    .reading
                    .read(protocol, schedule, &planned, frame.id, frame.body),
                None => {
                    start(&mut self.reading);
                    let step = self
                        .reading
                        .read(protocol, schedule, &planned, frame.id, frame.body);
                    if step == Step::More {
                        self.assemblies
                            .insert(at, Assembly::new(self.reading.clone()));
                    }
                    step
                }
            }
        } else {
            let assembly = self.assemblies.entry(at).or_insert_with(|| {
                start(&mut self.reading);
                Assembly::new(self.reading.clone())
            });
            match assembly.add(frame) {
                Gathered::Missing => Step::More,
                Gathered::Repeated => Step::Repeated,
                Gathered::Whole(body) => assembly
                    .reading
                    .read(protocol, schedule, &planned, frame.id, &body),
            }
        };
        match step {
            Step::More => {}
            Step::Repeated => self.tally.ledger.duplicates += 1,
            Step::Done(verdict) => {
                if let Some(assembly) = self.assemblies.remove(&at) {
                    self.reading = assembly.reading;
                }
                self.complete(now_ns, at, verdict);
            }
        }
    }

    /// The reply in `self.reading` is complete.
    fn complete(&mut self, now_ns: u64, (flow, id): (u16, u16), verdict: Verdict) {
        let Some(slot) = self.windows[usize::from(flow)].get_mut(id) else {
            return;
        };
        if let Some(part) = slot.part {
            self.complete_part(now_ns, (flow, id), part, verdict);
            return;
        }
        let planned = &self.schedule.requests[slot.request as usize];
        self.witness.replied(slot.request, now_ns);
        if slot.state == State::TimedOut {
            slot.state = State::Late;
            self.tally.late(&self.phases, now_ns);
            return;
        }
        slot.state = State::Answered;
        self.pending -= 1;
        let at_ns = self.supply.intended_ns(planned, &self.phases, slot.sent_ns);
        self.tally.answered(&self.phases, at_ns, now_ns);
        let found = Found::of(&self.reading);
        self.count(verdict, found);
    }

    /// Counts what the complete reply to a request says.
    pub(super) fn count(&mut self, verdict: Verdict, found: Found) {
        let ledger = &mut self.tally.ledger;
        match verdict {
            Verdict::Ok => {
                ledger.hits += found.hits;
                ledger.wrong_values += found.wrong;
                ledger.misses += found.missed;
            }
            Verdict::Error => ledger.errors += 1,
            Verdict::Malformed => ledger.malformed += 1,
        }
    }
}
