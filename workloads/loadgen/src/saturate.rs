//! The saturating generator: requests made by XDP in the client's device, as fast as one CPU a queue
//! can, and replies that are counted and discarded there.
//!
//! It cannot pace and matches no reply to its request, so there are counts and rates and no
//! latencies. The requests are a schedule's, each sent by the CPU whose frames reach the queue that
//! the emulated NIC chose for it: on veth the receive queue of such a frame is the sender's CPU modulo
//! the number of queues.

use std::thread;
use std::time::Duration;

use loader::{Attached, Replies, ReplyCounters};
use model::Schedule;
use pktio::client::{Flow, request_frame};
use sys::account::CpuSnapshot;
use sys::clock;
use sys::cpu::Pinned;

use crate::addressing::Destinations;
use crate::af_xdp::{AfXdpPlan, queues_of_flows, stations};
use crate::hold::Arrival;
use crate::live::LiveFrames;
use crate::phases::Phases;
use crate::{
    ClientConfig, ClientError, ClientReport, Latency, Ledger, Losses, Measured, NamedCount, lanes,
    wire,
};

/// How often the counters are looked at while replies may still come.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// How long no reply may come before the last has come, once the server is at rest.
const SILENCE_NS: u64 = 200_000_000;

/// A generator, its programs attached and its requests listed.
pub(crate) struct Saturator {
    /// Before the program that it holds attached.
    _attached: Attached,
    replies: Replies,
    /// One a queue, index = queue.
    generators: Vec<LiveFrames>,
    cpus: Vec<u32>,
}

impl Saturator {
    /// Lists the schedule's requests by queue and attaches the program that counts replies, in the
    /// calling thread's namespace.
    pub(crate) fn open(
        config: &ClientConfig,
        plan: &AfXdpPlan<'_>,
        schedule: &Schedule,
        destinations: &Destinations,
    ) -> Result<Self, ClientError> {
        let queues = usize::from(plan.queues);
        let on_its_queue = |(queue, cpu): (usize, &u32)| *cpu as usize % queues == queue;
        if config.cpus.len() != queues || !config.cpus.iter().enumerate().all(on_its_queue) {
            return Err(ClientError::Config(format!(
                "cpus: saturation needs one CPU for each of the {queues} queues, the CPU's number \
                 modulo {queues} being the queue; not {:?}",
                config.cpus
            )));
        }
        let ifindex = sys::link::ifindex(plan.interface).map_err(ClientError::io(format!(
            "looking up the interface {}",
            plan.interface
        )))?;
        let lists = requests(config, plan, schedule, destinations);
        let generators = lists
            .iter()
            .enumerate()
            .map(|(queue, list)| {
                if list.is_empty() {
                    return Err(ClientError::Config(format!(
                        "no request of the schedule is for queue {queue}: use more flows"
                    )));
                }
                LiveFrames::open(list, ifindex)
            })
            .collect::<Result<_, _>>()?;
        let mut replies = Replies::load(plan.server_ports.clone().into())?;
        Ok(Self {
            _attached: replies.attach(ifindex)?,
            replies,
            generators,
            cpus: config.cpus.clone(),
        })
    }

    /// Generates through both phases, waits where `arrival` is promised until others are at rest, and reports.
    pub(crate) fn run(
        &self,
        phases: Phases,
        quiet_ns: u64,
        fingerprint: u64,
        arrival: Arrival<'_>,
    ) -> Result<ClientReport, ClientError> {
        let before = self.counts()?;
        let (measured, pinned) = self.generate(phases)?;
        self.await_silence(quiet_ns)?;
        arrival.pass();
        self.await_silence(SILENCE_NS)?;
        let after = self.counts()?;
        let made = after.made - before.made;
        let answered = after.replies.replies() - before.replies.replies();
        let ledger = Ledger {
            offered: made,
            sent: made,
            datagrams: made,
            answered,
            timed_out: made.saturating_sub(answered),
            errors: after.replies.failed - before.replies.failed,
            hits: after.replies.hits - before.replies.hits,
            misses: after.replies.misses - before.replies.misses,
            unknown: after.replies.unread - before.replies.unread,
            ..Ledger::default()
        };
        ledger.check()?;
        Ok(ClientReport {
            ledger,
            measured,
            latency: Latency::new(),
            intervals: Vec::new(),
            send_lag: Latency::new(),
            gaps: Vec::new(),
            pinned,
            losses: Losses {
                drops: Vec::new(),
                evidence: vec![NamedCount::new(
                    "stored",
                    "counter of the client's replies program",
                    after.replies.stored - before.replies.stored,
                )],
            },
            schedule: format!("{fingerprint:016x}"),
            transport: "xdp live frames".to_owned(),
            trace: None,
        })
    }

    /// Lets each queue's CPU generate until the end of the measure phase; what was seen of it.
    fn generate(&self, phases: Phases) -> Result<(Measured, Vec<Pinned>), ClientError> {
        let work = |lane: usize| {
            clock::sleep_until_ns(phases.start_ns);
            self.generators[lane].make_until(phases.measure_end())
        };
        let ran = lanes::run(&self.cpus, work, |threads| self.watch(phases, threads))?;
        Ok((ran.watched, ran.pinned))
    }

    /// Reads the counters at both ends of the measure phase.
    fn watch(&self, phases: Phases, threads: &[u32]) -> Result<Measured, ClientError> {
        let used = || {
            CpuSnapshot::of_threads(threads.iter().copied())
                .map_err(ClientError::io("reading the generators' CPU time"))
        };
        clock::sleep_until_ns(phases.measure_start());
        let (cpu_before, before) = (used()?, self.counts()?);
        clock::sleep_until_ns(phases.measure_end());
        let (cpu_after, after) = (used()?, self.counts()?);
        let requests = after.made - before.made;
        let replies = after.replies.replies() - before.replies.replies();
        Ok(Measured {
            length_ns: phases.measure_ns,
            requests,
            answered: replies,
            unanswered: requests.saturating_sub(replies),
            replies,
            sends: requests,
            used: cpu_after.since(&cpu_before).total,
        })
    }

    /// Waits until no reply came for so long.
    fn await_silence(&self, silence_ns: u64) -> Result<(), ClientError> {
        let mut heard = (clock::now_ns(), self.replies.counters()?);
        loop {
            thread::sleep(LOOK_EVERY);
            let (now_ns, counters) = (clock::now_ns(), self.replies.counters()?);
            if counters != heard.1 {
                heard = (now_ns, counters);
            } else if now_ns >= heard.0 + silence_ns {
                return Ok(());
            }
        }
    }

    fn counts(&self) -> Result<Counts, ClientError> {
        let mut made = 0;
        for generator in &self.generators {
            made += generator.made()?;
        }
        Ok(Counts {
            made,
            replies: self.replies.counters()?,
        })
    }
}

struct Counts {
    made: u64,
    replies: ReplyCounters,
}

/// The frames of the schedule's requests in their order, by queue.
fn requests(
    config: &ClientConfig,
    plan: &AfXdpPlan<'_>,
    schedule: &Schedule,
    destinations: &Destinations,
) -> Vec<Vec<Vec<u8>>> {
    let (client, server) = stations(config, plan);
    let (protocol, queue_of) = (
        pktio::client::Protocol::of(config.server),
        queues_of_flows(config, plan),
    );
    let first_port = *plan.server_ports.start();
    let mut lists = vec![Vec::new(); usize::from(plan.queues)];
    let mut payload = Vec::new();
    for (index, planned) in (0u32..).zip(&schedule.requests) {
        let port = destinations.port_of(planned, index);
        let queue = queue_of[usize::from(port - first_port)][usize::from(planned.flow)];
        payload.clear();
        let id = index as u16;
        wire::encode(config.protocol, schedule, planned, index, id, &mut payload);
        let flow = Flow {
            protocol,
            source_port: config.source_port + planned.flow,
            server_port: port,
        };
        lists[usize::from(queue)].push(request_frame(client, server, flow, &payload));
    }
    lists
}
