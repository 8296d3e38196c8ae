//! The server agent: one of our systems in a process of its own.

use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use kv::server::{Server, ServerCounters};
use kv::systems::SystemKind;
use protocol::{Phase, Progress};
use spec::Disturb;
use sys::account::CpuSnapshot;
use sys::clock;
use sys::cpu::{CpuId, Pinned};
use sys::environment::Reading;

use super::Role;
use super::hardware::{Counting, NOT_IN_A_DRAIN};
use super::repartition::SlotMoves;
use super::rig::{self, Rig};
use super::serving::{Answer, Counts, Deployment, DispatcherUsed, Drained, Measured, Request};
use super::timeline::Timeline;
use super::window::Window;

/// How long requests may still be under way in the server after the last timeout.
const QUIET: Duration = Duration::from_secs(10);

/// How often a drain is looked at from outside.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// The role's state.
#[derive(Default)]
pub(crate) struct ServerRole {
    server: Option<Server>,
    progress: Progress,
    /// What makes slots change owners in the measurement, if anything does.
    moves: Option<SlotMoves>,
    /// What loses frames, attached as long as it lives.
    rig: Option<Rig>,
}

impl Role for ServerRole {
    type Request = Request;
    type Answer = Answer;

    fn handle(&mut self, request: Request) -> Result<Answer> {
        match request {
            Request::Load(deployment) => {
                self.progress.enter(Phase::Loaded)?;
                let Deployment::Ours(config) = *deployment else {
                    bail!("this agent runs our own systems only");
                };
                let server = self.server.insert(Server::load(&config)?);
                let obtained = server.obtained();
                let mut told = vec![("server io".to_owned(), obtained.io)];
                told.extend(
                    obtained
                        .program
                        .map(|program| ("server XDP program".to_owned(), program)),
                );
                told.extend(
                    obtained
                        .pages
                        .map(|pages| ("server memory pages".to_owned(), pages.name().to_owned())),
                );
                told.extend(
                    obtained
                        .steering_cost
                        .map(|cost| ("server steering cost".to_owned(), cost)),
                );
                Ok(Answer::Obtained(told))
            }
            Request::Attach(disturb) => {
                self.progress.enter(Phase::Attached)?;
                self.attach(disturb)?;
                Ok(Answer::Done)
            }
            Request::Process => Ok(Answer::Process(std::process::id())),
            Request::NapiCpus(cpus) => {
                self.server()?.set_napi_cpus(Some(&cpus));
                Ok(Answer::Done)
            }
            Request::KernelThreads => Ok(Answer::KernelThreads(self.server()?.kernel_threads()?)),
            Request::Preload => {
                self.progress.enter(Phase::Preloaded)?;
                let server = self.server()?;
                let report = server.preload()?;
                if report.refused + report.evicted > 0 {
                    return Err(anyhow!(
                        "the preload does not fit the store: {} keys refused, {} evicted of {} \
                         (give the system more memory in the spec)",
                        report.refused,
                        report.evicted,
                        report.stored
                    ));
                }
                Ok(Answer::Done)
            }
            Request::Serve => {
                self.server()?.serve()?;
                Ok(Answer::Done)
            }
            // Its threads wait until they may serve.
            Request::Hold => Ok(Answer::Done),
            Request::Drain { from_ns } => {
                self.progress.enter(Phase::Measuring)?;
                Ok(Answer::Drained(Box::new(self.drain(from_ns)?)))
            }
            Request::MoveSlots(moves) => {
                self.moves = Some(moves);
                Ok(Answer::Done)
            }
            Request::Arm => {
                self.progress.enter(Phase::Armed)?;
                Ok(Answer::Counters(Box::new(self.counts()?)))
            }
            Request::Measure(window) => {
                self.progress.enter(Phase::Measuring)?;
                Ok(Answer::Measured(Box::new(self.measure(window)?)))
            }
            Request::Quiesce => {
                self.progress.enter(Phase::Drained)?;
                self.server()?.quiesce(QUIET).with_context(threads)?;
                Ok(Answer::Counters(Box::new(self.counts()?)))
            }
        }
    }
}

impl ServerRole {
    fn server(&mut self) -> Result<&mut Server> {
        self.server
            .as_mut()
            .ok_or_else(|| anyhow!("no server was loaded"))
    }

    fn attach(&mut self, disturb: Option<Disturb>) -> Result<()> {
        let disturb = disturb.unwrap_or_default();
        let server = self.server()?;
        if let Some(slot) = disturb.misdirect_slot {
            rig::misdirect(server, slot)?;
        }
        match disturb.lose_frames {
            None => server.attach()?,
            Some(frames) => self.rig = Some(Rig::attach(server, frames)?),
        }
        Ok(())
    }

    fn counts(&mut self) -> Result<Counts> {
        let server = self.server()?;
        let known = server.obtained().queues_known;
        let system = server.config().system;
        let frames = server.config().io == kv::systems::IoKind::AfXdp;
        Ok(counts(&server.snapshot()?, system, known, frames))
    }

    fn measure(&mut self, window: Window) -> Result<Measured> {
        let infos = self.server()?.threads();
        let threads: Vec<u32> = infos.iter().map(|thread| thread.tid).collect();
        let counting = Counting::of_threads(&threads, window);
        let moves = self.moves.take();
        match moves {
            None => clock::sleep_until_ns(window.measure_from_ns()),
            Some(moves) => moves.before(self.server()?, window)?,
        }
        let dispatcher = self.server()?.dispatcher().map(|thread| thread.tid);
        let of_dispatcher = || CpuSnapshot::of_threads(dispatcher);
        let cpu_before = CpuSnapshot::of_threads(threads.iter().copied())?;
        let dispatcher_before = of_dispatcher()?;
        let (before, polled_before) = (self.counts()?, self.empty_polling()?);
        let timeline = moves
            .map(|_| Timeline::start(self.server()?.watch(), window))
            .transpose()?;
        let repartitioned = moves
            .map(|moves| moves.during(self.server()?, window))
            .transpose()?;
        clock::sleep_until_ns(window.measure_until_ns());
        let cpu_after = CpuSnapshot::of_threads(threads.iter().copied())?;
        let dispatcher_used = of_dispatcher()?.since(&dispatcher_before).total;
        let (after, polled_after) = (self.counts()?, self.empty_polling()?);
        let config = self.server()?.config();
        let (spins, system) = (config.spins(), config.system);
        let steering_steps = timeline
            .map(|timeline| timeline.finish(window, system))
            .transpose()?;
        let empty_polling_ns = spins.then(|| polled_after.saturating_sub(polled_before));
        Ok(Measured {
            counts: after.since(&before),
            used: cpu_after.since(&cpu_before).total,
            dispatcher: dispatcher.map(|_| DispatcherUsed {
                run_ns: dispatcher_used.sched.run_ns,
                empty_ns: empty_polling_ns,
            }),
            hardware: counting.finish(),
            pinned: self.pinned()?,
            empty_polling_ns,
            repartitioned,
            steering_steps,
            delivered_steps: None,
        })
    }

    /// Where the pinned threads may run now.
    fn pinned(&mut self) -> Result<Vec<Pinned>> {
        let threads = self.server()?.threads();
        let pinned = threads.iter().filter_map(|thread| {
            let cpu = CpuId(thread.cpu?);
            Some(Pinned::look(&thread.name, Some(thread.tid), cpu))
        });
        Ok(pinned.collect::<Result<_, _>>()?)
    }

    fn drain(&mut self, from_ns: u64) -> Result<Drained> {
        let threads = self.server()?.threads();
        let cpu = || CpuSnapshot::of_threads(threads.iter().map(|thread| thread.tid));
        let (cpu_before, before, polled_before) = (cpu()?, self.counts()?, self.empty_polling()?);
        self.server()?.serve_from(from_ns)?;
        clock::sleep_until_ns(from_ns);
        self.await_standstill()?;
        let server = self.server()?;
        server.quiesce(QUIET)?;
        let owners = server.snapshot()?.threads;
        let spins = server.config().spins();
        let (cpu_after, after, polled_after) = (cpu()?, self.counts()?, self.empty_polling()?);
        let polled = polled_after.saturating_sub(polled_before);
        let idle = owners.iter().map(|owner| owner.first_idle_ns);
        let busy = owners.iter().map(|owner| owner.last_busy_ns);
        let mut used = cpu_after.since(&cpu_before).total;
        // A spinner goes on when all is done; only what it did is the drain's.
        if spins {
            used.sched.run_ns = used.sched.run_ns.saturating_sub(polled);
        }
        Ok(Drained {
            measured: Measured {
                counts: after.since(&before),
                used,
                dispatcher: None,
                hardware: Reading::absent(NOT_IN_A_DRAIN),
                pinned: self.pinned()?,
                empty_polling_ns: spins.then_some(polled),
                repartitioned: None,
                steering_steps: None,
                delivered_steps: None,
            },
            drain_ns: busy.max().unwrap_or(0).saturating_sub(from_ns),
            first_idle_ns: idle
                .filter(|idle| *idle > 0)
                .min()
                .map(|idle| idle.saturating_sub(from_ns)),
        })
    }

    /// Waits until nothing more is executed, without asking the threads, which would cost them time.
    fn await_standstill(&mut self) -> Result<()> {
        let mut before = 0;
        loop {
            std::thread::sleep(LOOK_EVERY);
            let executed = self.server()?.snapshot()?.total().requests_executed;
            if executed == before {
                return Ok(());
            }
            before = executed;
        }
    }

    fn empty_polling(&mut self) -> Result<u64> {
        Ok(self.server()?.snapshot()?.io_total().empty_ns)
    }
}

/// What this process's threads are doing: which of them keeps a request.
fn threads() -> String {
    sys::tasks::of_process(std::process::id()).map_or_else(
        |error| format!("its threads cannot be seen: {error}"),
        |tasks| format!("its threads: {}", sys::tasks::describe(&tasks)),
    )
}

/// A server's counters in the coordinator's form. Handoffs mean nothing where requests never change threads,
/// misroutes nothing where any core serves any key, frame returns nothing without AF_XDP, hops nothing where queues are unknown.
fn counts(
    counters: &ServerCounters,
    system: SystemKind,
    queues_known: bool,
    frames: bool,
) -> Counts {
    let total = counters.total();
    let io = counters.io_total();
    let named = total
        .named()
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value));
    Counts {
        executed: total.requests_executed + counters.answered_in_path,
        replies: total.replies_sent + counters.answered_in_path,
        handoffs: system.hands_over().then_some(total.handoffs),
        frame_returns: frames.then_some(io.frame_returns),
        wakeups_app: Some(io.wakeups_app),
        wakeups_kernel: Some(io.wakeups_kernel),
        cross_core_hops: queues_known
            .then(|| total.cross_core_hops + counters.hops_before_threads.unwrap_or_default()),
        misroutes: system.has_owners().then_some(total.misroutes),
        drops: counters.drops.clone(),
        related: named.chain(counters.related.iter().cloned()).collect(),
    }
}
