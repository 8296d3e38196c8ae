//! The threads of a system: each runs one handler over one I/O on its CPU until it is told to stop, and answers questions about
//! what it counted.
//!
//! Handlers and their counters belong to their threads. So the control thread asks, and each thread answers between two
//! rounds, when every frame that it took has been dealt with: I/O and handler tell of the same frames. A thread that sleeps
//! answers when its longest sleep ends; nobody is woken for it, which would show among the wakeups.

use std::io;
use std::os::fd::RawFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use pktio::packet::dispatch::WorkerIo;
use pktio::worker::{Control, Handler, Live, WaitMode, Woken, run};
use pktio::{FrameIo, IoCounters};
use sys::cpu::{self, CpuId};

use super::isolated::Discards;
use super::processor::{Processor, Tally};
use super::{Error, ThreadInfo};

/// How late a sleeping thread sees a question, or that it is to stop.
const LONGEST_SLEEP: Duration = Duration::from_millis(20);
const WAIT: WaitMode = WaitMode::Sleep {
    timeout: LONGEST_SLEEP,
};
/// How long a thread may take to answer before it counts as broken: its CPU may be shared with a busy NAPI thread.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);
/// How often the control thread looks for an answer.
const LOOK: Duration = Duration::from_millis(1);
/// The answer to every question: the thread has ended.
const ENDED: u64 = u64::MAX;

/// I/O that a thread of a system works on.
pub(super) trait Seat: FrameIo + Sized + 'static {
    /// Runs the handler over it until `control` says stop; returns it.
    fn serve<H: Handler<Self>>(
        &mut self,
        mut handler: H,
        control: &Control,
        live: &Live,
    ) -> (H, io::Result<()>) {
        let ended = run(self, &mut handler, WAIT, control, live).map(drop);
        (handler, ended)
    }
}

impl Seat for pktio::af_xdp::Ports {}
impl Seat for pktio::packet::PlainIo {}
impl Seat for pktio::packet::pcap_mmap::PcapMmapIo {}
impl Seat for pktio::packet::packet_mmap_v3::PacketMmapV3Io {}

impl Seat for WorkerIo {
    fn serve<H: Handler<Self>>(
        &mut self,
        handler: H,
        control: &Control,
        live: &Live,
    ) -> (H, io::Result<()>) {
        let mut handler = self.handler(handler);
        let ended = run(self, &mut handler, WAIT, control, live).map(drop);
        (handler.into_inner(), ended)
    }
}

/// What a thread has counted between two rounds.
#[derive(Debug, Clone, Default)]
pub(super) struct Report {
    pub(super) io: IoCounters,
    pub(super) tally: Tally,
}

/// Where a thread and the control thread meet.
#[derive(Debug, Default)]
struct Desk {
    /// Questions so far.
    asked: AtomicU64,
    /// The last one that was answered by a report.
    told: AtomicU64,
    /// The last one that the thread found when it had nothing to do.
    idle: AtomicU64,
    report: Mutex<Report>,
    failure: Mutex<Option<String>>,
    live: Live,
}

/// A handler that answers questions.
struct Observed<H> {
    handler: H,
    desk: Arc<Desk>,
    told: u64,
    discards: Option<Discards>,
}

impl<H: Processor> Observed<H> {
    fn tell(&mut self, io: IoCounters, question: u64) {
        let tally = self.handler.tally();
        let mut report = self
            .desk
            .report
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *report = Report { io, tally };
        drop(report);
        self.told = question;
        self.desk.told.store(question, Ordering::Release);
    }
}

impl<I: FrameIo, H: Handler<I> + Processor> Handler<I> for Observed<H> {
    fn frame(&mut self, io: &mut I, frame: I::Frame) {
        self.handler.frame(io, frame);
    }

    fn batch_done(&mut self, io: &mut I) {
        self.handler.batch_done(io);
        if let Some(discards) = &self.discards {
            discards.tell(&io.counters());
        }
    }

    fn inbox(&mut self, io: &mut I) -> usize {
        self.handler.inbox(io)
    }

    fn before_sleep(&mut self) -> bool {
        let may_sleep = self.handler.before_sleep();
        if may_sleep {
            let asked = self.desk.asked.load(Ordering::Acquire);
            self.desk.idle.store(asked, Ordering::Release);
        }
        may_sleep
    }

    fn after_sleep(&mut self, why: Woken) {
        self.handler.after_sleep(why);
    }

    fn notification(&self) -> Option<RawFd> {
        self.handler.notification()
    }

    fn tick(&mut self, io: &mut I, now_ns: u64) {
        self.handler.tick(io, now_ns);
        let asked = self.desk.asked.load(Ordering::Acquire);
        if asked != self.told {
            self.tell(io.counters(), asked);
        }
    }
}

/// One thread.
#[derive(Debug)]
struct Member {
    info: ThreadInfo,
    desk: Arc<Desk>,
    thread: Option<JoinHandle<()>>,
}

impl Member {
    fn failed(&self, reason: impl Into<String>) -> Error {
        Error::Thread {
            name: self.info.name.clone(),
            reason: reason.into(),
        }
    }

    fn failure(&self) -> Option<String> {
        let failure = &self.desk.failure;
        failure
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Waits until `answer` has reached a question.
    fn await_answer(&self, answer: &AtomicU64, question: u64) -> Result<(), Error> {
        let patience = Instant::now() + ANSWER_LIMIT;
        loop {
            // Looked at first: what a thread says last, it says before it ends.
            let ended = self.thread.as_ref().is_none_or(JoinHandle::is_finished);
            if let Some(reason) = self.failure() {
                return Err(self.failed(reason));
            }
            if answer.load(Ordering::Acquire) >= question {
                return Ok(());
            }
            if ended {
                return Err(self.failed("it panicked"));
            }
            if Instant::now() >= patience {
                return Err(self.failed(format!("it does not answer within {ANSWER_LIMIT:?}")));
            }
            thread::sleep(LOOK);
        }
    }
}

/// The threads of a system.
#[derive(Debug, Default)]
pub(super) struct Crew {
    control: Arc<Control>,
    members: Vec<Member>,
    discards: Option<Discards>,
}

impl Crew {
    /// What the threads look at to see that they are to stop.
    pub(super) const fn control(&self) -> &Arc<Control> {
        &self.control
    }

    /// Has the thread that is enlisted next, which is the only one, tell there what it throws away.
    pub(super) fn show_discards(&mut self, discards: Discards) {
        self.discards = Some(discards);
    }

    /// Starts a thread that runs `handler` over `io`. It is on its CPU when this returns.
    pub(super) fn enlist<I: Seat, H: Handler<I> + Processor + Send + 'static>(
        &mut self,
        name: String,
        cpu: Option<u32>,
        io: I,
        handler: H,
    ) -> Result<(), Error> {
        let desk = Arc::new(Desk::default());
        let (ready, started) = sync_channel(1);
        let (control, theirs) = (Arc::clone(&self.control), Arc::clone(&desk));
        let discards = self.discards.take();
        let thread = thread::Builder::new()
            .name(name.clone())
            .spawn(move || {
                let placed = cpu.map_or(Ok(()), |cpu| cpu::pin_current(CpuId(cpu)));
                let runs = placed.is_ok();
                let tid = rustix::thread::gettid().as_raw_pid().unsigned_abs();
                // The one who waits for it has not gone away.
                let _heard = ready.send(placed.map(|()| tid));
                if runs {
                    work(io, handler, (&theirs, discards), &control);
                }
            })
            .map_err(Error::io(format!("start the thread {name}")))?;
        let started = started
            .recv()
            .unwrap_or_else(|gone| Err(io::Error::other(gone)));
        let tid = started.map_err(Error::io(format!("place the thread {name}")))?;
        self.members.push(Member {
            info: ThreadInfo { name, tid, cpu },
            desk,
            thread: Some(thread),
        });
        Ok(())
    }

    pub(super) fn threads(&self) -> Vec<ThreadInfo> {
        let infos = self.members.iter().map(|member| member.info.clone());
        infos.collect()
    }

    /// What each thread has counted, by its name.
    pub(super) fn reports(&self) -> Result<Vec<(&str, Report)>, Error> {
        let questions = self.ask();
        let mut reports = Vec::new();
        for (member, question) in self.members.iter().zip(questions) {
            member.await_answer(&member.desk.told, question)?;
            let report = &member.desk.report;
            let report = report.lock().unwrap_or_else(PoisonError::into_inner);
            reports.push((member.info.name.as_str(), report.clone()));
        }
        Ok(reports)
    }

    /// Waits for a round of every thread that ends from now on and in which it had nothing to do and held nothing back.
    pub(super) fn await_idle(&self) -> Result<(), Error> {
        let questions = self.ask();
        let mut answered = self.members.iter().zip(questions);
        answered.try_for_each(|(member, question)| member.await_answer(&member.desk.idle, question))
    }

    /// Frames that the threads took so far: as long as it stays the same, they did nothing.
    pub(super) fn activity(&self) -> u64 {
        let live = self.members.iter().map(|member| member.desk.live.read());
        live.map(|live| live.io.received).sum()
    }

    fn ask(&self) -> Vec<u64> {
        let ask = |member: &Member| member.desk.asked.fetch_add(1, Ordering::AcqRel) + 1;
        self.members.iter().map(ask).collect()
    }

    /// Stops the threads and waits for their end; the first failure of one.
    pub(super) fn dismiss(&mut self) -> Result<(), Error> {
        self.control.stop();
        let mut outcome = Ok(());
        for member in &mut self.members {
            let ended = member.thread.take().map_or(Ok(()), JoinHandle::join);
            let failure = match ended {
                Ok(()) => member.failure(),
                Err(_panic) => Some("it panicked".to_owned()),
            };
            if let (Some(reason), Ok(())) = (failure, &outcome) {
                outcome = Err(member.failed(reason));
            }
        }
        outcome
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        if let Err(error) = self.dismiss() {
            tracing::warn!(%error, "a thread of a packet system had failed");
        }
    }
}

fn work<I: Seat, H: Handler<I> + Processor>(
    mut io: I,
    handler: H,
    (desk, discards): (&Arc<Desk>, Option<Discards>),
    control: &Control,
) {
    let observed = Observed {
        handler,
        desk: Arc::clone(desk),
        told: 0,
        discards,
    };
    let (mut observed, ended) = io.serve(observed, control, &desk.live);
    if let Err(error) = ended {
        let mut failure = desk.failure.lock().unwrap_or_else(PoisonError::into_inner);
        *failure = Some(error.to_string());
    }
    observed.tell(io.counters(), ENDED);
    desk.idle.store(ENDED, Ordering::Release);
}

#[cfg(test)]
#[path = "crew_tests.rs"]
mod tests;
