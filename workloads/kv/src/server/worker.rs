//! One owner thread at work: what it does with a received datagram and with messages.
//!
//! The fast path is a datagram with one command whose keys this thread serves: parsed once,
//! executed, and the reply built in the frame it came in. The request bytes and the reply share
//! that frame, so the shorter of the two is copied aside: a get's request is short and its reply
//! is written in place; a set's request is long, and its reply is written aside and copied.

mod datagram;
mod hot;
mod scan;

pub(super) use datagram::{answer_job, finished, open};

use std::marker::PhantomData;
use std::os::fd::RawFd;
use std::sync::Arc;
use std::time::Duration;

use pktio::DatagramIo;
use pktio::worker::{Handler, Woken};

use super::cache::{Asked, Found, Weigher, Weighing};
use super::desk::{Desk, Job};
use super::dispatch::Dispatch as _;
use super::engine::{Access as _, Engine};
use super::message::{Arrival, Handed, Message};
use super::migrate::Migrate;
use super::orders::Order;
use super::rebalance::SlotMove;
use super::reuse::Reuse;
use super::sealing::Sealing;
use super::time::UnixClock;
use crate::handoff::doorbell::Doorbell;
use crate::handoff::mesh::Notify;
use crate::protocol::frame::HEADER_LEN;
use crate::protocol::scan::Scanned;
use crate::protocol::{Immediate, Multi, Parsed, Single};
use crate::reply::{Envelope, FrameWriter, Spill, deliver, deliver_bytes};
use crate::server::counters::LiveCounts;
use crate::systems::{Addressing, Design, MultiKey};

/// Requests up to this many bytes are copied aside so that the reply can be built in place: longer
/// than a get of the longest key, shorter than a reply is likely to be.
const SHORT: usize = 320;

const _: () = assert!(steering::in_kernel::response::LONGEST_CALL <= SHORT);

/// Messages taken from each ring in one round.
const INBOX_BATCH: usize = 256;

/// How long a thread that can only wait for another one leaves the CPU to it. A yield would not do:
/// on Linux 6.18 a thread that yields in a loop keeps others on its CPU from running.
const OTHERS_TURN: Duration = Duration::from_micros(20);

/// Where a job of this thread has to answer.
#[derive(Debug)]
pub(crate) struct Waiting<F> {
    pub(super) frame: F,
    pub(super) from: Arrival,
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
    scanned: Scanned,
    spill: Spill,
    sealing: Option<Sealing>,
    work: u64,
    dispatch: D::Dispatch,
    reuse: Option<Reuse>,
    weigher: Option<Weigher>,
    system: PhantomData<fn() -> N>,
}

impl<D: Design, N: Notify, I: DatagramIo, E: Engine + Migrate> Owner<D, N, I, E> {
    /// An owner on `cpu` with its desk.
    /// `own_queue` is the receive queue whose datagrams it gets, where the I/O itself cannot tell; `reuse`
    /// how it reads requests whose hash comes with the packet, if they come so.
    pub(crate) fn new(
        desk: Desk<I::Frame, Waiting<I::Frame>, E>,
        cpu: u32,
        own_queue: Option<u16>,
        dispatch: D::Dispatch,
        reuse: Option<Reuse>,
    ) -> Self {
        let seal = desk.shared.seal.clone();
        Self {
            sealing: seal.map(|seal| Sealing::new(seal, desk.me)),
            weigher: desk.shared.offers.as_ref().map(|_| Weigher::new()),
            desk,
            cpu,
            own_queue,
            clock: UnixClock::new(),
            inbound: Vec::new(),
            request: Vec::with_capacity(SHORT),
            reply: Vec::new(),
            scanned: Scanned::default(),
            spill: Spill::default(),
            work: 0,
            dispatch,
            reuse,
            system: PhantomData,
        }
    }

    fn counts(&self) -> &LiveCounts {
        &self.desk.shared.states[self.desk.me].counts
    }

    fn doorbell(&self) -> &Doorbell {
        &self.desk.shared.doorbells[self.desk.me]
    }

    /// Executes a request for one key, if this thread is to. Returns the bytes of the reply that are in
    /// the frame, where it was built in place.
    ///
    /// # Errors
    /// The thread that is to execute it: another one, or this one later.
    fn try_here(
        &mut self,
        io: &mut I,
        frame: &mut I::Frame,
        from: Arrival,
        hash: u64,
        single: &Single,
    ) -> Result<Option<usize>, usize> {
        let desk = &mut self.desk;
        let now = desk.now;
        let body = &io.payload(frame)[HEADER_LEN..];
        if desk.waits_for_copies(hash, body, single) {
            return Err(desk.me);
        }
        let mut shard = desk.engine.shard_for(hash, body, single, now)?;
        if let Some(owner) = self.dispatch.elsewhere(&mut shard, body, single, now) {
            return Err(owner);
        }
        if body.len() > SHORT {
            self.reply.clear();
            shard.execute(body, single, now, &mut self.reply);
            drop(shard);
            desk.executed(hash, body, single);
            return Ok(None);
        }
        self.request.clear();
        self.request.extend_from_slice(body);
        let envelope = Envelope::new(from, self.sealing.as_mut());
        let mut writer = FrameWriter::new(io.room(frame), &envelope, &mut self.spill.rest);
        shard.execute(&self.request, single, now, &mut writer);
        drop(shard);
        desk.executed(hash, &self.request, single);
        Ok(Some(writer.in_frame()))
    }

    /// A request for one key: executed here, or handed to its owner with its frame.
    fn single(&mut self, io: &mut I, mut frame: I::Frame, from: Arrival, single: Single) {
        let body = &io.payload(&frame)[HEADER_LEN..];
        // A sealed request's token was compared with its key's where it arrived.
        let hash = from.sealed.map_or_else(
            || self.desk.shared.route_of(body, &single),
            |sealed| sealed.token,
        );
        let weighing = self.begin_weighing(io.payload(&frame));
        let in_frame = match self.try_here(io, &mut frame, from, hash, &single) {
            Ok(in_frame) => in_frame,
            Err(owner) => {
                let handed = Handed {
                    frame,
                    from,
                    single,
                };
                self.desk
                    .pass_on::<N>(owner, hash, Message::Request(handed));
                return;
            }
        };
        if let (Some(weighing), Some(len)) = (weighing, in_frame) {
            self.end_weighing(weighing, &io.room(&mut frame)[HEADER_LEN..HEADER_LEN + len]);
        }
        let desk = &self.desk;
        let counts = &desk.shared.states[desk.me].counts;
        counts.executed(&single);
        finished(&desk.shared, counts, from, self.cpu);
        let envelope = Envelope::new(from, self.sealing.as_mut());
        match in_frame {
            Some(in_frame) => {
                deliver(io, frame, envelope, in_frame, &mut self.spill, counts);
            }
            None => deliver_bytes(io, frame, envelope, &self.reply, &mut self.spill, counts),
        }
    }

    /// A call is about to be executed, whose response may be worth keeping.
    #[inline]
    fn begin_weighing(&self, datagram: &[u8]) -> Option<Weighing> {
        let (weigher, clocks) = (self.weigher.as_ref()?, self.desk.shared.clocks.as_ref()?);
        weigher.begin(datagram, clocks)
    }

    /// It was executed: a call that is weighed is short, and was copied aside.
    fn end_weighing(&mut self, weighing: Weighing, response: &[u8]) {
        if let (Some(weigher), Some(offers)) = (&mut self.weigher, &self.desk.shared.offers) {
            weigher.end(weighing, &self.request, response, offers);
        }
    }

    /// A multi-get whose keys are all served here, or are to be answered as far as they are
    /// ([`MultiKey::Duplicate`]). Gives the frame back when others have to be asked.
    fn local_multi(
        &mut self,
        io: &mut I,
        frame: I::Frame,
        from: Arrival,
        multi: &Multi,
    ) -> Option<I::Frame> {
        let body = &io.payload(&frame)[HEADER_LEN..];
        let desk = &mut self.desk;
        let here = |single: Single| {
            let hash = desk.shared.route_of(body, &single);
            desk.engine.serves(hash, single.is_read())
                && !desk.waits_for_copies(hash, body, &single)
        };
        match desk.shared.multi_key {
            MultiKey::Handoff | MultiKey::Split | MultiKey::Balanced => {
                if !multi.parts(body).all(here) {
                    return Some(frame);
                }
            }
            MultiKey::Duplicate => {}
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

    /// Whether messages to other threads wait for room.
    pub(super) fn congested(&self) -> bool {
        self.desk.port.congested()
    }

    /// Everything that may need other threads.
    fn job(&mut self, io: &mut I, frame: I::Frame, from: Arrival) {
        if let Some(gatherer) = self.dispatch.gatherer() {
            self.counts().handoffs.one();
            let whole = Message::Whole { frame, from };
            self.desk.port.send::<N>(gatherer, whole);
            return;
        }
        let request: Arc<[u8]> = Arc::from(&io.payload(&frame)[HEADER_LEN..]);
        if let Some(job) = self.desk.begin::<N>(Waiting { frame, from }, request) {
            self.finish_job(io, job);
        }
    }

    fn finish_job(&mut self, io: &mut I, job: Job<Waiting<I::Frame>>) {
        let desk = &self.desk;
        answer_job(
            io,
            job,
            &desk.shared,
            (desk.me, self.cpu),
            &mut self.spill,
            self.sealing.as_mut(),
        );
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
            Message::Whole { frame, from } => self.job(io, frame, from),
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
            Message::Copy(news) => {
                for released in self.desk.copy_news::<N>(news) {
                    self.message(io, released);
                }
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
            match order {
                Order::GiveAway(moves) => self.give_away(&moves),
                Order::Heat(hash, key) => self.desk.heat(hash, &key),
                Order::Cool(hash) => self.desk.cool::<N>(hash),
            }
        }
        for asked in self.desk.shared.states[self.desk.me].questions.take() {
            self.tell(&asked);
        }
    }

    fn give_away(&mut self, moves: &[SlotMove]) {
        let now = self.desk.now;
        for moved in self.desk.engine.give_away(moves, now) {
            let to = usize::from(moved.to);
            self.desk
                .port
                .send::<N>(to, Message::Items(Box::new(moved)));
            self.work += 1;
        }
    }

    /// Tells a cache what the store holds; every question is answered.
    fn tell(&mut self, asked: &Asked) {
        for key in &asked.keys {
            let found = Found {
                key: Arc::clone(key),
                value: self.desk.look_up(key),
            };
            // A cache that has gone wants no answers.
            let _ = asked.answers.send(found);
        }
    }
}

impl<D: Design, N: Notify, I: DatagramIo, E: Engine + Migrate> Handler<I> for Owner<D, N, I, E> {
    fn frame(&mut self, io: &mut I, frame: I::Frame) {
        self.relieve(io);
        self.work += 1;
        let shared = &self.desk.shared;
        let counts = &shared.states[self.desk.me].counts;
        let opened = open(
            io,
            frame,
            shared,
            counts,
            self.own_queue,
            &mut self.reuse,
            self.sealing.as_ref(),
        );
        let Some((frame, from, parsed, all)) = opened else {
            return;
        };
        if !all {
            self.job(io, frame, from);
            return;
        }
        match parsed {
            Parsed::Single(single) => {
                let body = &io.payload(&frame)[HEADER_LEN..];
                let hash = from
                    .sealed
                    .map_or_else(|| shared.steered_by(body, &single), |sealed| sealed.token);
                let reads = E::READS_APART && single.key_to_read(body).is_some();
                let elsewhere =
                    D::ADDRESSING == Addressing::Key && !self.desk.engine.serves(hash, reads);
                let frame = match elsewhere {
                    true => self.arrived_elsewhere(io, frame, from, hash, &single),
                    false => Some(frame),
                };
                if let Some(frame) = frame {
                    self.single(io, frame, from, single);
                }
            }
            Parsed::Multi(multi) => {
                if let Some(frame) = self.local_multi(io, frame, from, &multi) {
                    self.job(io, frame, from);
                }
            }
            Parsed::Scan(scan) => self.scan(io, frame, from, &scan),
            Parsed::Immediate(immediate) => self.immediate(io, frame, from, &immediate),
            Parsed::Global(_) => self.job(io, frame, from),
        }
    }

    fn inbox(&mut self, io: &mut I) -> usize {
        self.desk.port.publish::<N>();
        self.follow_orders();
        let taken = self.take_messages(io);
        self.desk.renew_copies::<N>();
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
        self.desk.report_gets(now_ns);
    }
}
