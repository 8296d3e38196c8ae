//! Requests that one thread cannot finish alone: gets of several owners' keys, commands about all
//! keys, several commands in one datagram, and everything that comes over TCP.
//!
//! Such a request becomes a [`Job`]. Its commands are executed one after the other, so that a
//! later one sees what an earlier one did; the keys of one multi-get are asked for in parallel, one
//! by one or by owner (see [`several`]), and their answers are put in key order. Every question is answered, since nothing is lost
//! between threads, so a job needs no timeout.

mod hot;
mod scan;
mod several;

use std::sync::Arc;

use steering::slot_of;

pub(crate) use hot::HotGet;

use super::burn::{self, Burn};
use super::engine::{Access as _, Engine};
use super::hot::Part;
use super::message::{Answer, Answered, Ask, Content, Message, Question, Ticket};
use super::shared::Shared;
use crate::handoff::mesh::{Notify, Port};
use crate::protocol::{self, Gathered, Global, Multi, Parsed, ServerFacts, Single, Sink};

/// A request in several parts. `O` says where the reply goes.
#[derive(Debug)]
pub(crate) struct Job<O> {
    /// Where the reply goes.
    pub(crate) origin: O,
    /// The reply so far.
    pub(crate) output: Vec<u8>,
    /// The connection is to be closed after the reply.
    pub(crate) close: bool,
    /// The bytes ended within a command.
    pub(crate) incomplete: bool,
    request: Arc<[u8]>,
    at: usize,
    gather: Option<Gather>,
}

/// Answers that one command waits for.
#[derive(Debug)]
struct Gather {
    answers: Vec<Option<Content>>,
    missing: usize,
    closing: Closing,
}

/// What follows the gathered answers.
#[derive(Debug, Clone, Copy)]
enum Closing {
    Nothing,
    Trailer(Multi),
    Scan,
    Sum(Global),
}

/// Jobs by number; numbers are used again.
#[derive(Debug)]
struct Slots<T> {
    slots: Vec<Option<T>>,
    free: Vec<usize>,
}

/// What one thread needs for its part in other threads' requests and for its own jobs.
pub(crate) struct Desk<F, O, E> {
    /// This thread's number, owners first.
    pub(crate) me: usize,
    /// What all threads share.
    pub(crate) shared: Arc<Shared>,
    /// This thread's end of the rings.
    pub(crate) port: Port<Message<F>>,
    /// The store as this thread reaches it.
    pub(crate) engine: E,
    /// Unix time in seconds.
    pub(crate) now: u32,
    /// Injected service time, where there is one.
    pub(crate) burn: Option<Burn>,
    /// Its part in hot keys, where such are spread.
    pub(crate) hot: Option<Box<Part<Message<F>>>>,
    jobs: Slots<Job<O>>,
}

impl<F, O, E: Engine> Desk<F, O, E> {
    /// A desk without jobs.
    pub(crate) fn new(
        me: usize,
        shared: Arc<Shared>,
        port: Port<Message<F>>,
        engine: E,
        burn: Option<Burn>,
    ) -> Self {
        let jobs = Slots {
            slots: Vec::new(),
            free: Vec::new(),
        };
        Self {
            me,
            shared,
            port,
            engine,
            now: 0,
            burn,
            hot: None,
            jobs,
        }
    }

    /// Accounts for a key that was executed: its slot's load, and the injected service time, which
    /// is burnt. Call it without any lock held, so that only the key's own thread is kept busy.
    #[inline]
    pub(crate) fn work_on(&self, hash: u64, single: &Single) {
        let state = &self.shared.states[self.me];
        if let Some(by_slot) = &state.by_slot {
            by_slot[usize::from(slot_of(hash))].one();
        }
        self.burn_for(hash);
        if let Some(op) = single.rpc() {
            burn::spin_for(op.spin_ns(), &state.counts);
        }
    }

    /// Burns a key's injected service time.
    #[inline]
    pub(crate) fn burn_for(&self, hash: u64) {
        if let Some(burn) = &self.burn {
            burn.key(hash, &self.shared.states[self.me].counts);
        }
    }

    /// Whether jobs wait for answers, or requests for copies to go.
    pub(crate) fn waits(&self) -> bool {
        let held = self.hot.as_ref().is_some_and(|hot| hot.homes.waits());
        held || self.jobs.free.len() != self.jobs.slots.len()
    }

    /// Executes a request for one key where this thread serves it, its service time included.
    ///
    /// # Errors
    /// The owner to ask, where it is another thread, or this one but not before others' copies are gone.
    pub(crate) fn execute(
        &mut self,
        request: &[u8],
        single: &Single,
        sink: &mut impl Sink,
    ) -> Result<(), usize> {
        let hash = self.shared.route_of(request, single);
        if self.waits_for_copies(hash, request, single) {
            return Err(self.me);
        }
        let mut shard = self.engine.shard_for(hash, request, single, self.now)?;
        shard.execute(request, single, self.now, sink);
        drop(shard);
        self.executed(hash, request, single);
        Ok(())
    }

    /// Starts on a request; returns the finished job, or nothing while answers are outstanding.
    pub(crate) fn begin<N: Notify>(&mut self, origin: O, request: Arc<[u8]>) -> Option<Job<O>> {
        let job = Job {
            origin,
            output: Vec::new(),
            close: false,
            incomplete: false,
            request,
            at: 0,
            gather: None,
        };
        let number = self.jobs.put(job);
        self.advance::<N>(number)
    }

    /// Takes an answer in; returns the job that it finished, if it did.
    pub(crate) fn answered<N: Notify>(&mut self, answer: Answer) -> Option<Job<O>> {
        let Ticket {
            job: number, part, ..
        } = answer.ticket;
        let gather = self.jobs.slots[number].as_mut()?.gather.as_mut()?;
        gather.take(part, answer.content);
        if gather.missing > 0 {
            return None;
        }
        self.close_gather(number);
        self.advance::<N>(number)
    }

    /// Answers another thread's question, or passes it on to who owns the key by now.
    pub(crate) fn serve<N: Notify>(&mut self, ask: Ask) {
        let content = match &ask.what {
            Question::One(single) => {
                let mut bytes = Vec::new();
                let request = &ask.request[ask.at..];
                let hash = single.store_hash(request);
                match self.execute(request, single, &mut bytes) {
                    Ok(()) => {
                        self.shared.states[self.me].counts.executed_asked(single);
                        Answered::Part(Content::Bytes(bytes))
                    }
                    Err(owner) => {
                        self.pass_on::<N>(owner, hash, Message::Ask(ask));
                        return;
                    }
                }
            }
            Question::Several(parts) => match self.serve_several::<N>(&ask, parts) {
                Some(pieces) => Answered::Several(pieces),
                None => return,
            },
            Question::All(global) if self.waits_for_all_copies(global) => {
                self.hold_for_all::<N>(Message::Ask(ask));
                return;
            }
            Question::All(global) => Answered::Part(Content::Share(self.share(global))),
        };
        let answer = Answer {
            ticket: ask.ticket,
            content,
        };
        self.port
            .send::<N>(ask.ticket.thread, Message::Answer(answer));
    }

    /// Works on a job until it is finished (and returned) or waits.
    fn advance<N: Notify>(&mut self, number: usize) -> Option<Job<O>> {
        loop {
            let job = self.jobs.slots[number].as_mut()?;
            let at = job.at;
            if at >= job.request.len() {
                return self.jobs.take(number);
            }
            let Ok(command) = protocol::parse(&job.request[at..]) else {
                job.incomplete = true;
                return self.jobs.take(number);
            };
            job.at = if command.close {
                usize::MAX
            } else {
                at + command.consumed + command.swallow
            };
            job.close |= command.close;
            let request = Arc::clone(&job.request);
            let done = match command.parsed {
                Parsed::Single(single) => self.one::<N>(number, &request, at, single),
                Parsed::Multi(multi) => self.several::<N>(number, &request, at, multi),
                Parsed::Global(global) => self.all::<N>(number, &request, global),
                Parsed::Immediate(immediate) => {
                    self.shared.states[self.me].counts.executed_immediate.one();
                    immediate.answer(&mut job.output);
                    true
                }
                // None is among memcached's requests: a scan is a job of its own (`begin_scan`).
                Parsed::Scan(_) => true,
            };
            if !done {
                return None;
            }
        }
    }

    fn one<N: Notify>(
        &mut self,
        number: usize,
        request: &Arc<[u8]>,
        at: usize,
        single: Single,
    ) -> bool {
        let mut output = match &mut self.jobs.slots[number] {
            Some(job) => std::mem::take(&mut job.output),
            None => Vec::new(),
        };
        let executed = self.execute(&request[at..], &single, &mut output);
        if let Some(job) = &mut self.jobs.slots[number] {
            job.output = output;
        }
        let owner = match executed {
            Ok(()) => {
                self.shared.states[self.me].counts.executed(&single);
                return true;
            }
            Err(owner) => owner,
        };
        self.expect(number, Gather::of(1, Closing::Nothing));
        self.ask::<N>(owner, number, 0, request, at, Question::One(single));
        false
    }

    fn all<N: Notify>(&mut self, number: usize, request: &Arc<[u8]>, global: Global) -> bool {
        self.shared.states[self.me].counts.executed_global.one();
        let others = if E::OTHERS_TAKE_PART {
            self.shared.owners
        } else {
            0
        };
        let mut gather = Gather::of(others, Closing::Sum(global));
        let me = self.me;
        let waits = self.waits_for_all_copies(&global);
        if !waits {
            // The last place is this thread's own, whether or not it has a shard.
            let share = self.share(&global);
            gather.answers.push(Some(Content::Share(share)));
            if me < others {
                gather.answers[me] = Some(Content::Bytes(Vec::new()));
                gather.missing -= 1;
            }
        }
        self.expect(number, gather);
        for owner in (0..others).filter(|owner| waits || *owner != me) {
            self.ask::<N>(owner, number, owner, request, 0, Question::All(global));
        }
        self.closed_already(number)
    }

    /// This thread's share of a command about all keys.
    fn share(&mut self, global: &Global) -> Box<Gathered> {
        let now = self.now;
        let mut share = Box::<Gathered>::default();
        self.engine
            .own_shards(|shard| global.apply(shard, now, &mut share));
        share
    }

    fn expect(&mut self, number: usize, gather: Gather) {
        if let Some(job) = &mut self.jobs.slots[number] {
            job.gather = Some(gather);
        }
    }

    fn ask<N: Notify>(
        &mut self,
        owner: usize,
        job: usize,
        part: usize,
        request: &Arc<[u8]>,
        at: usize,
        what: Question,
    ) {
        let ticket = Ticket {
            thread: self.me,
            job,
            part,
        };
        let ask = Ask {
            ticket,
            request: Arc::clone(request),
            at,
            what,
        };
        match &ask.what {
            Question::One(single) => {
                let hash = single.store_hash(&request[at..]);
                self.pass_on::<N>(owner, hash, Message::Ask(ask));
            }
            Question::All(_) if owner == self.me => self.hold_for_all::<N>(Message::Ask(ask)),
            Question::Several(_) | Question::All(_) => {
                self.shared.states[self.me].counts.handoffs.one();
                self.port.send::<N>(owner, Message::Ask(ask));
            }
        }
    }

    /// Closes a gather that misses nothing; whether it did.
    fn closed_already(&mut self, number: usize) -> bool {
        let gather = self.jobs.slots[number]
            .as_ref()
            .and_then(|job| job.gather.as_ref());
        let complete = gather.is_some_and(|gather| gather.missing == 0);
        if complete {
            self.close_gather(number);
        }
        complete
    }

    /// Puts complete answers behind the job's output.
    fn close_gather(&mut self, number: usize) {
        let extra = self.shared.statistics();
        let facts = ServerFacts {
            now: self.now,
            extra: &extra,
            ..self.shared.facts()
        };
        let Some(job) = &mut self.jobs.slots[number] else {
            return;
        };
        let Some(gather) = job.gather.take() else {
            return;
        };
        let mut sum = Gathered::default();
        for content in gather.answers.into_iter().flatten() {
            match content {
                Content::Bytes(bytes) => job.output.extend_from_slice(&bytes),
                Content::Share(share) => sum.merge(&share),
            }
        }
        match gather.closing {
            Closing::Nothing => {}
            Closing::Trailer(multi) => multi.finish(&mut job.output),
            Closing::Scan => protocol::scan::finish(&mut job.output),
            Closing::Sum(global) => global.answer(&sum, &facts, &mut job.output),
        }
    }
}

impl Gather {
    fn of(missing: usize, closing: Closing) -> Self {
        let answers = std::iter::repeat_with(|| None).take(missing).collect();
        Self {
            answers,
            missing,
            closing,
        }
    }

    /// Takes in the answer to a part, or to several.
    fn take(&mut self, part: usize, content: Answered) {
        match content {
            Answered::Several(pieces) => {
                for (part, bytes) in pieces.iter() {
                    self.place(part, Content::Bytes(bytes.to_vec()));
                }
            }
            Answered::Part(content) => self.place(part, content),
        }
    }

    fn place(&mut self, part: usize, content: Content) {
        if self.answers[part].replace(content).is_none() {
            self.missing -= 1;
        }
    }
}

impl<T> Slots<T> {
    fn put(&mut self, value: T) -> usize {
        match self.free.pop() {
            Some(number) => {
                self.slots[number] = Some(value);
                number
            }
            None => {
                self.slots.push(Some(value));
                self.slots.len() - 1
            }
        }
    }

    fn take(&mut self, number: usize) -> Option<T> {
        let value = self.slots[number].take();
        if value.is_some() {
            self.free.push(number);
        }
        value
    }
}
