//! The client as a state machine: what is due, what is awaited, what came. It knows no clock and
//! no socket; [`crate::drive`] gives it both.

mod gathered;
mod replies;

use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::Arc;

use model::Schedule;
use sys::account::Usage;

use crate::Protocol;
use crate::addressing::Destinations;
use crate::assembly::Assembly;
use crate::phases::Phases;
use crate::rules::Rules;
use crate::scatter::Part;
use crate::sealing::Numbered;
use crate::supply::{Due, Supply};
use crate::tally::{Tallied, Tally};
use crate::trace::{Trace, Witness};
use crate::transport::{Destination, Transport};
use crate::window::{Slot, State, Window};
use crate::wire::{self, Reading};
use gathered::{Begun, Scattered};

/// What the engine waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// Nothing: the trial is over.
    Done,
    /// A reply, or this moment.
    At(u64),
}

/// How long to wait before a full transmit path is tried again, ns.
const RETRY_NS: u64 = 50_000;

/// One client thread's share of a trial, seen by `W`.
pub(crate) struct Engine<W> {
    schedule: Arc<Schedule>,
    supply: Supply,
    destinations: Arc<Destinations>,
    rules: Rules,
    phases: Phases,
    windows: Vec<Window>,
    /// Awaited requests in the order of their sends, which is that of their timeouts.
    awaited: VecDeque<Awaited>,
    pending: u64,
    assemblies: HashMap<(u16, u16), Assembly>,
    /// Requests of several datagrams that are not answered so far, by flow and first id.
    scattered: HashMap<(u16, u16), Scattered>,
    /// The one whose datagrams were not all accepted so far.
    begun: Option<Begun>,
    reading: Reading,
    datagram: Vec<u8>,
    /// What was sealed and is opened, and the key of what is to be sealed.
    opened: Vec<u8>,
    /// `datagram` holds the next request, which the transmit path did not accept so far.
    encoded: bool,
    blocked: bool,
    /// When something last happened on the way to the server or back.
    heard_ns: u64,
    gave_up_ns: u64,
    tally: Tally,
    witness: W,
}

#[derive(Debug, Clone, Copy)]
struct Awaited {
    sent_ns: u64,
    flow: u16,
    id: u16,
}

impl<W: Witness> Engine<W> {
    /// An engine for the requests of `schedule` whose flow `mine` accepts.
    pub(crate) fn new(
        schedule: Arc<Schedule>,
        mine: impl Fn(u16) -> bool,
        destinations: Arc<Destinations>,
        rules: Rules,
        phases: Phases,
        witness: W,
    ) -> Self {
        let mut tally = Tally::new(&phases, rules.interval_ns);
        let supply = Supply::new(&schedule, mine, rules.mode, &phases);
        for planned in supply.offered(&schedule) {
            tally.offered(&phases, planned.at_ns, planned.noreply);
        }
        let windows = (0..schedule.spec().flows)
            .map(|_| Window::default())
            .collect();
        Self {
            schedule,
            supply,
            destinations,
            rules,
            phases,
            windows,
            awaited: VecDeque::new(),
            pending: 0,
            assemblies: HashMap::new(),
            scattered: HashMap::new(),
            begun: None,
            reading: Reading::default(),
            datagram: Vec::new(),
            opened: Vec::new(),
            encoded: false,
            blocked: false,
            heard_ns: 0,
            gave_up_ns: 0,
            tally,
            witness,
        }
    }

    /// Sends what is due, at most `budget` datagrams; returns how many the transmit path accepted.
    pub(crate) fn send_due(
        &mut self,
        clock: &mut impl FnMut() -> u64,
        transport: &mut impl Transport,
        budget: usize,
    ) -> io::Result<usize> {
        let mut accepted = 0;
        self.blocked = false;
        while accepted < budget && self.supply.has_more() {
            let now_ns = clock();
            let Some(due) = self
                .supply
                .due(&self.schedule, &self.phases, self.pending, now_ns)
            else {
                break;
            };
            let Due {
                index: request,
                planned,
            } = due;
            if now_ns >= self.supply.deadline(&self.phases) {
                self.give_up_sending();
                break;
            }
            self.forget(planned.flow, now_ns);
            let Some(number) = self.windows[usize::from(planned.flow)].next_number() else {
                self.blocked = true;
                break;
            };
            let id = number as u16;
            let part = self.next_part(&planned);
            if !self.encoded {
                self.encode(&due, number, part);
            }
            let mut addressed = planned;
            addressed.key = part.map_or(planned.key, |part| part.first);
            let to = Destination {
                flow: planned.flow,
                port: self.destinations.port_of(&addressed, request),
            };
            if !transport.send(to, &self.datagram)? {
                self.blocked = true;
                break;
            }
            self.encoded = false;
            accepted += 1;
            match part {
                None => self.enter(&due, id, now_ns),
                Some(part) => self.enter_part(&due, id, part, now_ns),
            }
        }
        if accepted > 0 || self.blocked {
            transport.flush()?;
        }
        Ok(accepted)
    }

    /// Makes the datagram of a request or of a part of it, which is its flow's of this number.
    fn encode(&mut self, due: &Due, number: u64, part: Option<Part>) {
        let Self {
            schedule,
            datagram,
            rules,
            opened,
            ..
        } = self;
        let Due { index, planned } = due;
        let id = number as u16;
        datagram.clear();
        let plain = |out: &mut Vec<u8>| match (part, &rules.scatter) {
            (Some(part), Some(scatter)) => match rules.protocol {
                Protocol::Rpc(_) => wire::encode_copy(schedule, planned, part.first, id, out),
                Protocol::Ascii | Protocol::Meta | Protocol::Binary | Protocol::Plain => {
                    let keys = scatter.asked(schedule, planned, part);
                    wire::encode_get(schedule.keyspace(), keys, id, out);
                }
            },
            (None, _) | (_, None) => {
                wire::encode(rules.protocol, schedule, planned, *index, id, out);
            }
        };
        match &rules.sealing {
            None => plain(datagram),
            Some(sealing) => {
                let flow = planned.flow;
                let first = part.map_or(planned.key, |part| part.first);
                let key = schedule.keyspace().key_bytes(first, opened);
                sealing.seal(Numbered { flow, number }, key, datagram, plain);
            }
        }
        self.encoded = true;
    }

    /// A request of one datagram was accepted.
    fn enter(&mut self, due: &Due, id: u16, sent_ns: u64) {
        let Due { index, planned } = due;
        let state = if planned.noreply {
            State::NoReply
        } else {
            State::Pending
        };
        self.windows[usize::from(planned.flow)].push(Slot {
            sent_ns,
            request: *index,
            state,
            begun: false,
            part: None,
        });
        self.sent(due, id, 1, sent_ns);
    }

    /// All `datagrams` of a request were accepted; the first has the id `id`.
    fn sent(&mut self, due: &Due, id: u16, datagrams: u8, sent_ns: u64) {
        let Due { index, planned } = due;
        self.supply.advance();
        self.tally
            .sent(&self.phases, planned.noreply, datagrams, sent_ns);
        if self.supply.is_scheduled() {
            self.tally.lagged(&self.phases, planned.at_ns, sent_ns);
        } else {
            self.tally
                .offered(&self.phases, planned.at_ns, planned.noreply);
        }
        self.witness.sent(*index, sent_ns);
        if !planned.noreply {
            self.pending += 1;
            self.awaited.push_back(Awaited {
                sent_ns,
                flow: planned.flow,
                id,
            });
        }
    }

    fn give_up_sending(&mut self) {
        // A closed loop's request is offered when there is room for it under way; the one that the
        // transmit path would not take is the only one of those that was not sent.
        let begun = self.forget_begun();
        if (self.encoded || begun) && !self.supply.is_scheduled() {
            let last_ns = self.phases.scheduled_ns() - 1;
            self.tally.offered(&self.phases, last_ns, false);
            self.tally.ledger.unsent += 1;
        }
        self.tally.ledger.unsent += self.supply.stop();
        self.encoded = false;
    }

    /// Notes that requests counted as sent still wait for the kernel: it is not quiet yet.
    pub(crate) fn on_backlog(&mut self, now_ns: u64) {
        self.heard_ns = now_ns;
    }

    /// Gives up on requests whose timeout has passed, and on sending after the deadline.
    pub(crate) fn expire(&mut self, now_ns: u64) {
        if now_ns >= self.supply.deadline(&self.phases) {
            self.give_up_sending();
        }
        while let Some(awaited) = self.awaited.front().copied() {
            if self.is_awaited(awaited.flow, awaited.id) {
                if awaited.sent_ns + self.rules.timeout_ns > now_ns {
                    break;
                }
                self.time_out(now_ns, awaited.flow, awaited.id);
            }
            self.awaited.pop_front();
        }
    }

    /// Forgets old slots of a flow: the resolved after two timeouts, and those without a reply
    /// when none is listened for any more. Pending ones are never that old.
    fn forget(&mut self, flow: u16, now_ns: u64) {
        let resolved_ns = self.rules.timeout_ns * 2;
        let lost_ns = self.rules.timeout_ns + self.rules.linger_ns;
        let may_forget = |slot: &Slot| {
            let age_ns = now_ns.saturating_sub(slot.sent_ns);
            match slot.state {
                State::Pending => false,
                State::Answered | State::Late | State::NoReply => age_ns > resolved_ns,
                State::TimedOut => age_ns > lost_ns,
            }
        };
        while let Some((id, slot)) = self.windows[usize::from(flow)].forget(may_forget) {
            self.dismiss(flow, id, slot);
        }
    }

    fn dismiss(&mut self, flow: u16, id: u16, slot: Slot) {
        if slot.begun && slot.state == State::TimedOut {
            self.tally.ledger.partial += 1;
            self.assemblies.remove(&(flow, id));
        }
    }

    /// Whether there may be more to send.
    pub(crate) fn has_more(&self) -> bool {
        self.supply.has_more()
    }

    /// Requests of which no reply came so far.
    pub(crate) const fn missing(&self) -> u64 {
        self.pending + self.lost()
    }

    /// Gives up on every request that is still awaited.
    pub(crate) fn give_up(&mut self) {
        self.expire(u64::MAX);
    }

    /// Datagrams of requests that timed out, of which no late reply came so far.
    pub(crate) const fn lost(&self) -> u64 {
        let ledger = &self.tally.ledger;
        ledger.timed_out + ledger.further_parts - ledger.late
    }

    /// What to wait for at `now_ns`.
    pub(crate) fn next(&self, now_ns: u64) -> Next {
        let more = self.supply.has_more();
        let lost = self.lost();
        if !more && self.pending == 0 {
            let last_ns = self.heard_ns.max(self.gave_up_ns);
            let until_ns =
                (last_ns + self.rules.quiet_ns).min(self.gave_up_ns + self.rules.linger_ns);
            let over = now_ns >= self.phases.measure_end();
            if over && (lost == 0 || now_ns >= until_ns) {
                return Next::Done;
            }
            let listening = (lost > 0).then_some(until_ns);
            let edge = self.phases.next_edge(now_ns);
            return Next::At(
                [listening, edge]
                    .into_iter()
                    .flatten()
                    .min()
                    .unwrap_or(now_ns),
            );
        }
        let send = if more && self.blocked {
            Some(now_ns + RETRY_NS)
        } else {
            self.supply
                .next_ns(&self.schedule, &self.phases, self.pending)
        };
        let timeout = self
            .awaited
            .front()
            .map(|a| a.sent_ns + self.rules.timeout_ns);
        let edge = self.phases.next_edge(now_ns);
        let soonest = [send, timeout, edge].into_iter().flatten().min();
        Next::At(soonest.unwrap_or(now_ns))
    }

    /// The times of the trial.
    pub(crate) const fn phases(&self) -> &Phases {
        &self.phases
    }

    /// Ends the trial: what is known is final. `used` is this thread's account of the measure phase.
    pub(crate) fn finish(mut self, used: Usage) -> (Tallied, Option<Trace>) {
        for flow in 0..self.windows.len() {
            while let Some((id, slot)) = self.windows[flow].forget(|_| true) {
                self.dismiss(flow as u16, id, slot);
            }
        }
        (self.tally.close(used), self.witness.finish())
    }
}
