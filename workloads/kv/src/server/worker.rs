//! One owner thread at work: what it does with a received datagram and with messages.
//!
//! The fast path is a datagram with one command whose keys this thread serves: parsed once,
//! executed, and the reply built in the frame it came in. The request bytes and the reply share
//! that frame, so the shorter of the two is copied aside: a get's request is short and its reply
//! is written in place; a set's request is long, and its reply is written aside and copied.

use std::marker::PhantomData;
use std::os::fd::RawFd;
use std::sync::Arc;
use std::time::Duration;

use pktio::DatagramIo;
use pktio::worker::{Handler, Woken};

use super::cache::{Asked, Found};
use super::desk::{Desk, Job};
use super::dispatch::Dispatch as _;
use super::engine::{Access as _, Engine, Use};
use super::message::{Arrival, Handed, Message};
use super::migrate::Migrate;
use super::sealing::Sealing;
use super::shared::Shared;
use super::time::UnixClock;
use super::wire::{self, Unread};
use crate::handoff::doorbell::Doorbell;
use crate::handoff::mesh::Notify;
use crate::protocol::frame::HEADER_LEN;
use crate::protocol::{Immediate, Multi, Parsed, Single};
use crate::reply::{Envelope, FrameWriter, Spill, deliver, deliver_bytes};
use crate::server::counters::LiveCounts;
use crate::store::Key;
use crate::systems::{Addressing, Design};

/// Requests up to this many bytes are copied aside so that the reply can be built in place: longer
/// than a get of the longest key, shorter than a reply is likely to be.
const SHORT: usize = 320;

/// Messages taken from each ring in one round.
const INBOX_BATCH: usize = 256;

/// How long a thread that can only wait for another one leaves the CPU to it. A yield would not do:
/// on Linux 6.18 a thread that yields in a loop keeps others on its CPU from running.
const OTHERS_TURN: Duration = Duration::from_micros(20);

/// Where a job of this thread has to answer.
#[derive(Debug)]
pub(crate) struct Waiting<F> {
    frame: F,
    from: Arrival,
}

/// See the [module](self).
pub(crate) struct Owner<D: Design, N, I: DatagramIo, E> {
    desk: Desk<I::Frame, Waiting<I::Frame>, E>,
    cpu: u32,
    own_queue: Option<u16>,
    clock: UnixClock,
    inbound: Vec<Message<I::Frame>>,
    request: Vec<u8>,
    reply: Vec<u8>,
    spill: Spill,
    sealing: Option<Sealing>,
    work: u64,
    dispatch: D::Dispatch,
    system: PhantomData<fn() -> N>,
}

impl<D: Design, N: Notify, I: DatagramIo, E: Engine + Migrate> Owner<D, N, I, E> {
    /// An owner on `cpu` with its desk.
    /// `own_queue` is the receive queue whose datagrams it gets, where the I/O itself cannot tell.
    pub(crate) fn new(
        desk: Desk<I::Frame, Waiting<I::Frame>, E>,
        cpu: u32,
        own_queue: Option<u16>,
        dispatch: D::Dispatch,
    ) -> Self {
        let seal = desk.shared.seal.clone();
        Self {
            sealing: seal.map(|seal| Sealing::new(seal, desk.me)),
            desk,
            cpu,
            own_queue,
            clock: UnixClock::new(),
            inbound: Vec::new(),
            request: Vec::with_capacity(SHORT),
            reply: Vec::new(),
            spill: Spill::default(),
            work: 0,
            dispatch,
            system: PhantomData,
        }
    }

    fn counts(&self) -> &LiveCounts {
        &self.desk.shared.states[self.desk.me].counts
    }

    fn doorbell(&self) -> &Doorbell {
        &self.desk.shared.doorbells[self.desk.me]
    }

    /// A request for one key: executed here, or handed to its owner with its frame.
    fn single(&mut self, io: &mut I, mut frame: I::Frame, from: Arrival, single: Single) {
        let desk = &mut self.desk;
        let now = desk.now;
        let body = &io.payload(&frame)[HEADER_LEN..];
        // A sealed request's token was compared with its key's where it arrived.
        let hash = from.sealed.map_or_else(
            || desk.shared.route_of(body, &single),
            |sealed| sealed.token,
        );
        let access = desk.engine.shard_for(hash, body, &single, now);
        let mut shard = match access.and_then(|mut shard| {
            let elsewhere = self.dispatch.elsewhere(&mut shard, body, &single, now);
            elsewhere.map_or(Ok(shard), Err)
        }) {
            Ok(shard) => shard,
            Err(owner) => {
                desk.shared.states[desk.me].counts.handoffs.one();
                let handed = Handed {
                    frame,
                    from,
                    single,
                };
                desk.port.send::<N>(owner, Message::Request(handed));
                return;
            }
        };
        let in_place = body.len() <= SHORT;
        let mut in_frame = 0;
        let envelope = Envelope::new(from, self.sealing.as_mut());
        if in_place {
            self.request.clear();
            self.request.extend_from_slice(body);
            let mut writer = FrameWriter::new(io.room(&mut frame), &envelope, &mut self.spill.rest);
            shard.execute(&self.request, &single, now, &mut writer);
            in_frame = writer.in_frame();
        } else {
            self.reply.clear();
            shard.execute(body, &single, now, &mut self.reply);
        }
        drop(shard);
        let desk = &self.desk;
        desk.work_on(hash, &single);
        let counts = &desk.shared.states[desk.me].counts;
        counts.executed(&single);
        finished(&desk.shared, counts, from, self.cpu);
        if in_place {
            deliver(io, frame, envelope, in_frame, &mut self.spill, counts);
        } else {
            deliver_bytes(io, frame, envelope, &self.reply, &mut self.spill, counts);
        }
    }

    /// A multi-get whose keys are all served here. Gives the frame back when one is not.
    fn local_multi(
        &mut self,
        io: &mut I,
        frame: I::Frame,
        from: Arrival,
        multi: &Multi,
    ) -> Option<I::Frame> {
        let body = &io.payload(&frame)[HEADER_LEN..];
        let desk = &mut self.desk;
        if !multi.parts(body).all(|single| {
            let hash = desk.shared.route_of(body, &single);
            desk.engine.serves(hash, single.is_read())
        }) {
            return Some(frame);
        }
        let mut keys = 0;
        self.reply.clear();
        for single in multi.parts(body) {
            if desk.execute(body, &single, &mut self.reply).is_ok() {
                keys += 1;
            }
        }
        multi.finish(&mut self.reply);
        let counts = &desk.shared.states[desk.me].counts;
        counts.executed_multi.one();
        counts.executed_multi_key.add(keys);
        finished(&desk.shared, counts, from, self.cpu);
        let envelope = Envelope::new(from, self.sealing.as_mut());
        deliver_bytes(io, frame, envelope, &self.reply, &mut self.spill, counts);
        None
    }

    fn immediate(&mut self, io: &mut I, frame: I::Frame, from: Arrival, immediate: &Immediate) {
        self.reply.clear();
        immediate.answer(&mut self.reply);
        let desk = &self.desk;
        let counts = &desk.shared.states[desk.me].counts;
        counts.executed_immediate.one();
        finished(&desk.shared, counts, from, self.cpu);
        let envelope = Envelope::new(from, self.sealing.as_mut());
        deliver_bytes(io, frame, envelope, &self.reply, &mut self.spill, counts);
    }

    /// Everything that may need other threads.
    fn job(&mut self, io: &mut I, frame: I::Frame, from: Arrival) {
        let request: Arc<[u8]> = Arc::from(&io.payload(&frame)[HEADER_LEN..]);
        if let Some(job) = self.desk.begin::<N>(Waiting { frame, from }, request) {
            self.finish_job(io, job);
        }
    }

    fn finish_job(&mut self, io: &mut I, job: Job<Waiting<I::Frame>>) {
        let Waiting { frame, from } = job.origin;
        let counts = &self.desk.shared.states[self.desk.me].counts;
        if job.incomplete && job.output.is_empty() {
            counts.drop_incomplete.one();
            self.desk.shared.dealt_with(from.clock);
            io.release(frame);
            return;
        }
        finished(&self.desk.shared, counts, from, self.cpu);
        let envelope = Envelope::new(from, self.sealing.as_mut());
        deliver_bytes(io, frame, envelope, &job.output, &mut self.spill, counts);
    }

    fn message(&mut self, io: &mut I, message: Message<I::Frame>) {
        match message {
            Message::Request(Handed {
                frame,
                from,
                single,
            }) => {
                self.single(io, frame, from, single);
            }
            Message::Ask(ask) => self.desk.serve::<N>(ask),
            Message::Answer(answer) => {
                if let Some(job) = self.desk.answered::<N>(answer) {
                    self.finish_job(io, job);
                }
            }
            Message::Items(moved) => {
                let now = self.desk.now;
                self.desk.engine.adopt(&moved, now);
                self.desk.shared.table.move_slot(moved.slot, moved.to);
            }
        }
    }

    fn take_messages(&mut self, io: &mut I) -> usize {
        let mut inbound = std::mem::take(&mut self.inbound);
        let taken = self.desk.port.receive(INBOX_BATCH, &mut inbound);
        for message in inbound.drain(..) {
            self.message(io, message);
        }
        self.inbound = inbound;
        self.work += taken as u64;
        taken
    }

    /// While rings to other threads are full to the brim, this thread takes in no new request. It
    /// goes on serving what others sent it, or two such threads would wait for one another.
    fn relieve(&mut self, io: &mut I) {
        if !self.desk.port.overfull() {
            return;
        }
        self.counts().handoff_stalls.one();
        while self.desk.port.overfull() && !self.desk.shared.control.stopped() {
            self.desk.port.publish::<N>();
            if self.take_messages(io) == 0 {
                std::thread::sleep(OTHERS_TURN);
            }
            // An error shows again in the round's own flush, which reports it.
            let _ = io.flush();
        }
    }

    fn follow_orders(&mut self) {
        for order in self.desk.shared.states[self.desk.me].mailbox.take() {
            let super::orders::Order::GiveAway(moves) = order;
            let now = self.desk.now;
            for moved in self.desk.engine.give_away(&moves, now) {
                let to = usize::from(moved.to);
                self.desk
                    .port
                    .send::<N>(to, Message::Items(Box::new(moved)));
                self.work += 1;
            }
        }
        for asked in self.desk.shared.states[self.desk.me].questions.take() {
            self.tell(&asked);
        }
    }

    /// Tells a cache what the store holds; every question is answered.
    fn tell(&mut self, asked: &Asked) {
        for key in &asked.keys {
            let found = Found {
                key: Arc::clone(key),
                value: self.look_up(key),
            };
            // A cache that has gone wants no answers.
            let _ = asked.answers.send(found);
        }
    }

    fn look_up(&mut self, key: &[u8]) -> Option<(u32, Vec<u8>)> {
        let key = Key::new(key)?;
        let (now, hash) = (
            self.desk.now,
            self.desk.shared.route(key.bytes(), key.hash()),
        );
        let mut shard = self.desk.engine.shard(hash, Use::Write).ok()?;
        shard.lasting(key, now)
    }
}

/// Counts a request datagram whose execution is complete.
pub(super) fn finished(shared: &Shared, counts: &LiveCounts, from: Arrival, cpu: u32) {
    counts.requests_executed.one();
    shared.dealt_with(from.clock);
    if shared.napi.hopped(from.queue, cpu) {
        counts.cross_core_hops.one();
    }
}

impl<D: Design, N: Notify, I: DatagramIo, E: Engine + Migrate> Handler<I> for Owner<D, N, I, E> {
    fn frame(&mut self, io: &mut I, mut frame: I::Frame) {
        self.relieve(io);
        self.work += 1;
        let shared = &self.desk.shared;
        let counts = &shared.states[self.desk.me].counts;
        counts.requests_received.one();
        let mut opened = None;
        if let Some(sealing) = &self.sealing {
            opened = sealing.open(io, &mut frame);
            if opened.is_none() {
                counts.drop_bad_seal.one();
                io.release(frame);
                return;
            }
        }
        let clock = shared.clock_of(io.payload(&frame));
        let (head, command) = match wire::read(shared.rpc, io.payload(&frame)) {
            Ok(read) => read,
            Err(unread) => {
                match unread {
                    Unread::BadFrame => counts.drop_bad_frame.one(),
                    Unread::Incomplete => counts.drop_incomplete.one(),
                }
                shared.dealt_with(clock);
                io.release(frame);
                return;
            }
        };
        let body = &io.payload(&frame)[HEADER_LEN..];
        let from = Arrival {
            head,
            queue: io.origin(&frame).queue.or(self.own_queue),
            clock,
            sealed: opened,
        };
        if let (Some(sealing), Some(sealed)) = (&self.sealing, opened)
            && let Some(refusal) = sealing.refusal(body, &command.parsed, sealed.token)
        {
            counts.wrong_tokens.one();
            self.immediate(io, frame, from, &refusal);
            return;
        }
        if command.consumed + command.swallow < body.len() {
            self.job(io, frame, from);
            return;
        }
        match command.parsed {
            Parsed::Single(single) => {
                let hash =
                    opened.map_or_else(|| shared.steered_by(body, &single), |sealed| sealed.token);
                let reads = E::READS_APART && single.key_to_read(body).is_some();
                if D::ADDRESSING == Addressing::Key && !self.desk.engine.serves(hash, reads) {
                    self.counts().misroutes.one();
                }
                self.single(io, frame, from, single);
            }
            Parsed::Multi(multi) => {
                if let Some(frame) = self.local_multi(io, frame, from, &multi) {
                    self.job(io, frame, from);
                }
            }
            Parsed::Immediate(immediate) => self.immediate(io, frame, from, &immediate),
            Parsed::Global(_) => self.job(io, frame, from),
        }
    }

    fn inbox(&mut self, io: &mut I) -> usize {
        self.desk.port.publish::<N>();
        self.follow_orders();
        let taken = self.take_messages(io);
        self.desk.port.publish::<N>();
        let rings = self.desk.port.take_rings_made();
        let state = &self.desk.shared.states[self.desk.me];
        state.counts.wakeups_sent.add(rings);
        let congested = self.desk.port.congested();
        state.quiet.round(
            self.work,
            !congested && !self.desk.waits() && !io.has_backlog(),
        );
        self.work = 0;
        taken
    }

    fn before_sleep(&mut self) -> bool {
        self.doorbell().announce_sleep();
        if self.desk.port.has_inbound() || self.desk.port.congested() {
            self.doorbell().awake();
            if self.desk.port.congested() {
                std::thread::sleep(OTHERS_TURN);
            }
            return false;
        }
        true
    }

    fn after_sleep(&mut self, _why: Woken) {
        self.doorbell().awake();
    }

    fn notification(&self) -> Option<RawFd> {
        Some(self.doorbell().raw_fd())
    }

    fn tick(&mut self, _io: &mut I, now_ns: u64) {
        self.desk.now = self.clock.unix(now_ns);
        self.dispatch.tick(now_ns);
    }
}
